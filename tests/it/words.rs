//! What users see when nothing is wrong.

use crate::golden::with_data;
use crate::support::{Lab, account, without_time};

#[test]
fn a_run_in_a_pipe_shows_its_tables_its_account_and_no_bars() {
    let lab = with_data();
    let answer = lab.highwater(&["run", "data/jobs/pageviews-per-postcode.toml"]);
    assert_eq!(answer.code, 0);
    assert!(!answer.err.contains(['\r', '\u{1b}']) && !answer.out.contains(['\r', '\u{1b}']));
    insta::assert_snapshot!(answer.out, @r"
    window_start          window_end            postcode  views
    ────────────────────  ────────────────────  ────────  ─────
    2024-06-01T00:00:00Z  2024-06-02T00:00:00Z  HX8          13
    2024-06-01T00:00:00Z  2024-06-02T00:00:00Z  KY5          13
    2024-06-01T00:00:00Z  2024-06-02T00:00:00Z  EX19         12
    2024-06-02T00:00:00Z  2024-06-03T00:00:00Z  CF9          11
    2024-06-02T00:00:00Z  2024-06-03T00:00:00Z  KY5          10
    2024-06-02T00:00:00Z  2024-06-03T00:00:00Z  HX8           9
    2024-06-03T00:00:00Z  2024-06-04T00:00:00Z  DD15          8
    2024-06-03T00:00:00Z  2024-06-04T00:00:00Z  PE14          8
    2024-06-03T00:00:00Z  2024-06-04T00:00:00Z  TF5           8
    ");
    insta::assert_snapshot!(without_time(&answer.err), @r"
    read 6,000 = 0 rejected + 0 filtered + 0 duplicate + 179 late + 5,821 counted
    out/pageviews-per-postcode: 5,820 rows in 72 files
    out/pageviews-per-postcode-complete: 5,997 rows in 72 files
    out/pageviews-late.jsonl: 179 rows
    340.5 kB in 2 files, [time]
    ");
    let again = lab.highwater(&["run", "data/jobs/pageviews-per-postcode.toml"]);
    insta::assert_snapshot!(without_time(&again.err), @r"
    read 6,000 = 0 rejected + 0 filtered + 0 duplicate + 179 late + 5,821 counted
    out/pageviews-per-postcode: 5,820 rows in 72 files, 72 unchanged
    out/pageviews-per-postcode-complete: 5,997 rows in 72 files, 72 unchanged
    out/pageviews-late.jsonl: 179 rows, unchanged
    340.5 kB in 2 files, [time]
    ");
    let quiet = lab.highwater(&["run", "data/jobs/pageviews-per-postcode.toml", "-q"]);
    assert_eq!((quiet.out, quiet.err.as_str()), (answer.out, ""));
}

#[test]
fn explain_shows_the_schema_the_plan_and_the_memory() {
    let lab = with_data();
    let explain = |job: &str| {
        let answer = lab.highwater(&["explain", job, "--threads", "2", "--memory", "1GB"]);
        assert_eq!((answer.code, answer.err.as_str()), (0, ""));
        answer.out
    };
    insta::assert_snapshot!(explain("data/jobs/big-spenders.toml"), @r"
    job big-spenders, time zone Asia/Jakarta

    files: 3, 573.5 kB
      data/transactions/transactions-1.csv  191.0 kB
      data/transactions/transactions-2.csv  191.2 kB
      data/transactions/transactions-3.csv  191.2 kB

    columns, from a sample of 600 records in 3 files:
      read  account_no  string          declared
      time  date        timestamp       timestamp: 600 values in 3 files, e.g. 2021-01-01 00:00:00
            details     string          string: 600 values in 3 files, e.g. CARD PAYMENT J Smith 0921
            value_date  date            date: 600 values in 3 files, e.g. 2021-01-04
      read  amount      decimal(18,2)   declared
            balance     float64         float64: 600 values in 3 files, e.g. 8639999.71
    event time: date, ISO-8601

    steps:
      filter amount > 0

    outputs:
      out/big-spenders (parquet): grouping 1: window tumbling 1 month, by account_no
        columns window_start timestamp, window_end timestamp, account_no string, total decimal(38,2), txns int64
        complete: counts every event, however late
        partitioned by year, month
      out/big-spenders.csv (csv): grouping 1: window tumbling 1 month, by account_no
        columns window_start timestamp, window_end timestamp, account_no string, total decimal(38,2), txns int64
        complete: counts every event, however late
      the terminal: grouping 1: window tumbling 1 month, by account_no
        columns window_start timestamp, window_end timestamp, account_no string, total decimal(38,2), txns int64
        complete: counts every event, however late

    memory: a budget of 1.00 GB for 2 threads; past it, partial results go to disk
      about 6,036 records
      chunks: about 2.1 MB
      grouping 1: about 36 bytes per group and thread that meets it; 217.3 kB if every record were a group
    ");
    insta::assert_snapshot!(explain("data/jobs/pageviews.toml"), @r"
    job pageviews, time zone UTC

    files: 2, 340.5 kB
      data/pageviews/pageviews-1.csv  170.4 kB
      data/pageviews/pageviews-2.csv  170.0 kB

    columns, from a sample of 400 records in 2 files:
      read  user_id    int64           int64: 400 values in 2 files, e.g. 9952
      read  postcode   string          string: 400 values in 2 files, e.g. AB7
      read  webpage    string          string: 400 values in 2 files, e.g. http://example.com/search/archive.html
      time  timestamp  int64           int64: 400 values in 2 files, e.g. 1717200000
    event time: timestamp, numbers in s since 1970

    outputs:
      out/view-events (parquet): events in replay order
        columns user_id int64, postcode string, webpage string, timestamp int64
        partitioned by date, hour
      out/view-events-jsonl (jsonl): events in replay order
        columns user_id int64, postcode string, webpage string, timestamp int64
        partitioned by date, hour
      out/views-per-minute (parquet): grouping 1: window tumbling 1m
        columns window_start timestamp, window_end timestamp, views int64, users int64
        complete: counts every event, however late
        partitioned by date, hour
      out/views-per-minute-jsonl (jsonl): grouping 1: window tumbling 1m
        columns window_start timestamp, window_end timestamp, views int64, users int64
        complete: counts every event, however late
        partitioned by date, hour

    memory: a budget of 1.00 GB for 2 threads; past it, partial results go to disk
      about 6,079 records
      chunks: about 2.1 MB
      grouping 1: about 80 bytes per group and thread that meets it; 486.3 kB if every record were a group
      events: about 24 bytes per row, 145.9 kB
      events: about 24 bytes per row, 145.9 kB
    ");
    assert!(!lab.path("out").exists());
}

#[test]
fn json_is_for_programs() {
    let lab = Lab::new();
    lab.write("log.csv", "at,n\n1,2\n3,x\n4,5\n");
    let job = "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\ntypes = { n = \"int64\" }\n\
        on_bad_record = \"reject\"\n[[output]]\npath = \"out.csv\"\nselect = { s = \"sum(n)\" }\n\
        [[output]]\npath = \"-\"\nselect = { s = \"sum(n)\" }\n";
    let answer = lab.done(job, &["--json"]);
    assert_eq!(answer.err, "");
    let mut value: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(account(&value), [3, 1, 0, 0, 0, 2]);
    assert!(value["job"]["hash"].as_str().is_some_and(|hash| hash.starts_with("xxh3:")));
    value["job"]["hash"] = "[hash]".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap(), @r#"
    {
      "job": {
        "name": "job",
        "hash": "[hash]"
      },
      "account": {
        "read": 3,
        "rejected": 1,
        "filtered": 0,
        "duplicate": 0,
        "late": 0,
        "counted": 2
      },
      "watermarks": {
        "min_event_time": "1970-01-01T00:00:01Z",
        "max_event_time": "1970-01-01T00:00:04Z"
      },
      "inputs": [
        {
          "path": "log.csv",
          "bytes": 17,
          "hash": "xxh3:fbc5fb16aa874fbe3c3f1abf30cc13ca",
          "records": 3
        }
      ],
      "outputs": [
        {
          "path": "out.csv",
          "rows": 1,
          "written": 1,
          "unchanged": 0,
          "removed": 0
        },
        {
          "path": "-",
          "rows": 1,
          "written": 0,
          "unchanged": 0,
          "removed": 0
        }
      ]
    }
    "#);
}

#[test]
fn a_table_says_how_many_rows_it_leaves_out() {
    let lab = Lab::new();
    let rows: String = (0..30).map(|i| format!("{i},{}\n", i % 7)).collect();
    lab.write("log.csv", format!("at,n\n{rows}"));
    let job = "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n[[output]]\npath = \"-\"\n";
    insta::assert_snapshot!(lab.done(job, &["--rows", "2"]).out, @r"
    at  n
    ──  ─
     0  0
     1  1
    … 28 more rows
    ");
}

/// The examples are tried in `help`.
#[test]
fn help_names_the_commands_and_the_options() {
    let lab = with_data();
    insta::assert_snapshot!(lab.highwater(&["--help"]).out, @r#"
    Replays recorded events through event-time windows, over plain files

    Usage: highwater [OPTIONS] <COMMAND>

    Commands:
      init         Write a first job for some files; its comments explain each guess
      run          Run a job: read its source and commit its outputs
      check        Check job files without reading their data
      explain      Show the plan, schema and memory of a job, from samples; or the events behind one row
      audit        Measure how late events come, and what other watermark delays would have dropped
      backfill     Add late or corrected files to existing outputs, and show what changes
      adopt        Take results that another program published as the outputs of a job
      verify       Compare results with SQL, a file or another program, and explain differences
      report       Write an HTML page of a job's results: charts, tables, record counts, late data
      serve        Show the jobs and outputs of a folder in a browser, and refresh when a run commits
      sql          Print the SQL that computes the outputs of a job
      inspect      Show the state of a live job at a time: open windows, keys, table rows
      tables       Show the outputs of a job that are in place: columns, rows, files, snapshots
      expire       Drop old snapshots of the tables of a job, and files that no snapshot needs
      sample       Write small sample logs and jobs to try the program on
      generate     Generate sample data from a seed: sales, transactions, pageviews or money
      schema       Print the JSON Schema of the job file, for editors; or its documentation
      completions  Print shell completions
      man          Print a man page, or write all of them
      help         Print this message or the help of the given subcommand(s)

    Options:
          --log <FORMAT>  Log format of stderr: text, one JSON object per line, or text with annotations
                          for GitHub Actions [default: text] [possible values: text, json, github]
      -h, --help          Print help
      -V, --version       Print version

    Exit codes: 0 done; 1 compared and different; 2 usage or job-file error; 3 bad input data; 4 machine
    error (disk, network, memory); 141 the program that reads stdout ended first.

    Examples:
      highwater sample out/sample
      highwater check data/jobs/pageviews.toml
      highwater explain data/jobs/pageviews.toml
      highwater run data/jobs/big-spenders.toml
      highwater verify data/jobs/big-spenders.toml

    `highwater sample DIR` writes the files of the examples to DIR/data: run them in DIR.
    "#);
    insta::assert_snapshot!(lab.highwater(&["run", "-h"]).out, @r#"
    Run a job: read its source and commit its outputs

    Usage: highwater run [OPTIONS] <JOB>

    Arguments:
      <JOB>  The job file

    Options:
          --from <TIME>          Skip events before this time (in the job's time zone, or with an
                                 offset)
          --to <TIME>            Skip events at or after this time
          --threads <N>          Number of worker threads [default: the job's, or one per core]
          --memory <SIZE>        Memory limit for partial results, such as 512MB; above it they spill to
                                 disk [default: the job's, or half of the memory of the machine or its
                                 control group]
          --mode <MODE>          Which events the windows count: all events, or those that a live job
                                 would have counted; overrides the job file [possible values: complete,
                                 streamed]
          --json                 Print the report as JSON on stdout
          --markdown             Print the report as Markdown on stdout, for example for a pull request
      -q, --quiet                Print only tables and errors
          --rows <N>             Number of rows to show of each table on the terminal [default: 20]
          --refresh-lookups      Query services again instead of using their recorded answers
          --changed <HOW>        What to do if a file has changed since the archive counted it [default:
                                 fail] [possible values: fail, reload]
          --on <ENGINE>          Let another engine compute the outputs: a name from engines.toml, or
                                 duckdb, duckdb:FILE, postgresql://HOST/DB, sc://HOST:PORT
          --check <HOW>          With --on: how much of the engine's result is also computed here, and
                                 compared before the commit [default: sample] [possible values: sample,
                                 all]
          --output <->           Write the rows of one output to stdout and not to files; the value is
                                 `-`. Existing outputs are neither read nor changed
          --format <FORMAT>      With --output: the format of the rows. arrow is the stream format of
                                 Arrow IPC [possible values: arrow, csv, jsonl]
          --only <PATH>          With --output: which output of the job, by its path [default: the only
                                 one]
      -v, --verbose              Print the time of each stage and the peak memory at the end
          --metrics <FILE.prom>  Write metrics of the command as a .prom file for the textfile collector
                                 of node_exporter, also when the command fails
          --lineage <FILE|URL>   Send OpenLineage events: add them to this file, a JSON object per line,
                                 or post them to this server. The token of a server comes from
                                 OPENLINEAGE_API_KEY. A server that fails gives a warning and delays the
                                 end by at most 5 s
          --log <FORMAT>         Log format of stderr: text, one JSON object per line, or text with
                                 annotations for GitHub Actions [default: text] [possible values: text,
                                 json, github]
      -h, --help                 Print help (see more with '--help')

    Examples:
      highwater run data/jobs/big-spenders.toml
      highwater run data/jobs/pageviews.toml --from 2024-06-01 --to 2024-06-02 --threads 2
      highwater run data/jobs/big-spenders.toml --output - --only out/big-spenders --format csv
      highwater run data/jobs/pageviews.toml --quiet --lineage out/lineage.jsonl
      highwater run data/jobs/big-spenders.toml --on duckdb

    `highwater sample DIR` writes the files of the examples to DIR/data: run them in DIR.
    "#);
}

/// A streamed run says where its late events lie, or how to keep them.
#[test]
fn late_events_are_not_passed_over() {
    let lab = Lab::new();
    lab.write("log.csv", "at\n1\n11\n2\n");
    let job = "mode = \"streamed\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n\
        [[output]]\npath = \"out.csv\"\nwindow = { tumbling = \"10s\" }\nselect = { n = \"count(*)\" }\n";
    insta::assert_snapshot!(without_time(&lab.done(job, &[]).err), @r#"
    read 3 = 0 rejected + 0 filtered + 0 duplicate + 1 late + 2 counted
    out.csv: 2 rows
    the late events are not kept; add [late] path = "late.jsonl" to the job to keep them
    10 B in 1 file, [time]
    "#);
    let kept = format!("{job}[late]\npath = \"late.jsonl\"\n");
    insta::assert_snapshot!(without_time(&lab.done(&kept, &[]).err), @r"
    read 3 = 0 rejected + 0 filtered + 0 duplicate + 1 late + 2 counted
    out.csv: 2 rows, unchanged
    late.jsonl: 1 row
    10 B in 1 file, [time]
    ");
    // Where nothing is late, there is nothing to keep.
    assert!(!lab.done(job, &["--mode", "complete"]).err.contains("[late]"));
}

#[test]
fn explain_shows_how_the_watermark_goes() {
    let lab = Lab::new();
    lab.write("log.csv", "at,seen,shard,amount\n1709200801,1709200802000,a,1\n");
    let job = r#"
mode = "streamed"

[source]
path = "log.csv"
time = "at"
time_unit = "s"
arrival = "seen"
partition = "shard"
idle = "90s"
max_ahead = "1h"
out_of_orderness = "20s"

[[output]]
path = "firings.csv"
by = "shard"
select = { n = "count(*)" }
window = { hopping = "10m", slide = "1m", allowed_lateness = "1 day" }
firings = true

[[output]]
path = "sessions.csv"
select = { n = "count(*)" }
window = { session = "30m" }

[[output]]
path = "days.csv"
select = { n = "count(*)" }
window = { cumulative = "1 day", step = "1h" }
mode = "complete"

[late]
path = "late.jsonl"
"#;
    lab.write("job.toml", job);
    let answer = lab.highwater(&["explain", "job.toml", "--threads", "1", "--memory", "1GB"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let until_needs = answer.out.split("\nmemory:").next().unwrap_or_default();
    insta::assert_snapshot!(until_needs, @r"
    job job, time zone UTC

    files: 1, 50 B
      log.csv  50 B

    columns, from a sample of 1 records in 1 files:
      time  at      int64           int64: 1 value in 1 file, e.g. 1709200801
      read  seen    int64           int64: 1 value in 1 file, e.g. 1709200802000
      read  shard   string          string: 1 value in 1 file, e.g. a
      read  amount  int64           int64: 1 value in 1 file, e.g. 1
    event time: at, numbers in s since 1970
    arrival: seen, numbers in ms since 1970
    rejected: events more than 1h ahead of their arrival

    watermark: 20s behind the greatest event time so far, in order of arrival
      the least of those of the partitions by shard, each from its first event, but for those idle for more than 90s
      late events: late.jsonl (jsonl)

    outputs:
      firings.csv (csv): grouping 1: window hopping 10m by 1m, by shard
        columns window_start timestamp, window_end timestamp, shard string, firing int64, n int64
        streamed: allowed lateness 24h; a row for each firing
      sessions.csv (csv): grouping 2: window session 30m
        columns window_start timestamp, window_end timestamp, n int64
        streamed: allowed lateness 0s
      days.csv (csv): grouping 3: window cumulative 1 day by 1h
        columns window_start timestamp, window_end timestamp, n int64
        complete: counts every event, however late
    ");
}

#[test]
fn explain_shows_steps_tables_and_lookups() {
    let lab = Lab::new();
    lab.write("wallet/1.jsonl", "{\"at\":1709200801000,\"user\":\"u1\",\"session\":\"s1\",\"amount\":1.5}\n");
    lab.write("sessions/1.csv", "at,id,country,kind\n2024-02-29T10:00:00Z,s1,ES,created\n");
    lab.write("sessions/2.csv", "at,id,country,kind\n2024-02-29T10:00:00Z,s2,ES,created\n");
    lab.write("countries.csv", "code;name;people\nES;Spain;48.1\n");
    let job = r#"
[source]
path = "wallet"
time = "at"
time_unit = "ms"

[table.sessions]
path = "sessions"
time = "at"
derive = { kind_of = "lower(kind)" }
filter = "kind_of = 'created'"

[[step]]
filter = "amount > 0"

[[step]]
dedup = ["user", "session"]
within = "1m"

[[step]]
dedup = "at"

[[step]]
enrich = "sessions"
on = { session = "id" }
within = "1d"
take = { country = "country", since = "at" }
fill = "last_value"
otherwise = [
  { match = "forward", within = "5m" },
  { match = "nearest", inclusive = false },
  { lookup = "http://sessions.internal/{session}?of={user}", take = { country = "/country", since = "/since" } },
  { constant = { country = "X, Y", since = 2024-02-29T13:00:00Z } },
]

[[step]]
lookup = "countries.csv"
delimiter = ";"
on = { country = "code" }
take = { name = "name", people = "people" }
types = { people = "decimal(6,2)" }
otherwise = [{ constant = { people = 0.5 } }]

[[step]]
lookup = "https://users.internal/{user}/{at}"
take = { age = "/0/age" }
types = { age = "int64" }
in_flight = 7
timeout = "1500ms"
retries = 0
on_failure = "null"

[[step]]
first = ["user", "name"]
as = "isFirst"

[[output]]
path = "out/enriched"
partition_by = ["name"]
"#;
    lab.write("job.toml", job);
    let answer = lab.highwater(&["explain", "job.toml", "--threads", "1", "--memory", "1GB"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let until_needs = answer.out.split("\nmemory:").next().unwrap_or_default();
    insta::assert_snapshot!(until_needs, @r#"
    job job, time zone UTC

    files: 1, 61 B
      wallet/1.jsonl  61 B

    columns, from a sample of 1 records in 1 files:
      time  at       int64           int64: 1 value in 1 file, e.g. 1709200801000
      read  user     string          string: 1 value in 1 file, e.g. u1
      read  session  string          string: 1 value in 1 file, e.g. s1
      read  amount   float64         float64: 1 value in 1 file, e.g. 1.5
    event time: at, numbers in ms since 1970

    table sessions, by id:
      files: 2, 108 B
        sessions/1.csv  54 B
        sessions/2.csv  54 B
      columns, from a sample of 2 records in 2 files:
        time  at       timestamp       timestamp: 2 values in 2 files, e.g. 2024-02-29T10:00:00Z
        read  id       string          string: 2 values in 2 files, e.g. s1
        read  country  string          string: 2 values in 2 files, e.g. ES
        read  kind     string          string: 2 values in 2 files, e.g. created
      event time: at, ISO-8601
      derive kind_of string = lower(kind)
      filter kind_of = 'created'
      taken: country string, at timestamp; each where it is not NULL

    table countries.csv, by code:
      files: 1, 31 B
        countries.csv  31 B
      columns, from a sample of 1 records in 1 files:
        read  code    string          string: 1 value in 1 file, e.g. ES
        read  name    string          string: 1 value in 1 file, e.g. Spain
        read  people  decimal(6,2)    declared
      event time: none; its rows hold at any time
      taken: name string, people decimal(6,2)

    lookups: answers are kept in out/enriched.lookups.jsonl
      http://sessions.internal/{session}?of={user}: 100 requests in flight, 10s each, 3 retries from 100ms on; a failure ends the run
      https://users.internal/{user}/{at}: 7 requests in flight, 1500ms each, no retries; a failure is not a match

    steps:
      filter amount > 0
      dedup by user, session within 1m
      dedup by at
      enrich country string, since timestamp
        country, at of sessions: the latest row at or before the event, at most 24h away, where session = id
        otherwise country, at of sessions: the earliest row at or after the event, at most 5m away, where session = id
        otherwise country, at of sessions: the nearest row before or after the event, at most 24h away, where session = id
        otherwise /country, /since of http://sessions.internal/{session}?of={user}
        otherwise "X, Y", 2024-02-29T13:00:00Z
      enrich name string, people decimal(6,2)
        name, people of countries.csv: the last row where country = code
        otherwise NULL, 0.50
      enrich age int64
        /0/age of https://users.internal/{user}/{at}
      first by user, name as isFirst

    outputs:
      out/enriched (parquet): events in replay order
        columns at int64, user string, session string, amount float64, country string, since timestamp, name string, people decimal(6,2), age int64, isFirst bool
        partitioned by name
    "#);
}
