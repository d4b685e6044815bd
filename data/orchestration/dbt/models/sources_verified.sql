-- One row for each output that `highwater verify JOB --json > verify.json` compared.
SELECT
    output.output AS output,
    output.same AS same,
    output.rows.matched AS matched,
    output.rows.differing + output.rows.only_here + output.rows.only_there AS different
FROM (
    SELECT unnest(outputs) AS output
    FROM read_json('{{ var("highwater_home", ".") }}/verify.json', maximum_object_size = 100000000)
)
