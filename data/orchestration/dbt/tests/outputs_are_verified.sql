-- A test fails if it gives rows: outputs that are not the same as the job's SQL, or that no report has.
SELECT wanted.output
FROM (SELECT 'out/big-spenders' AS output) AS wanted
LEFT JOIN {{ ref('sources_verified') }} AS verified USING (output)
WHERE verified.same IS DISTINCT FROM true
