//! What archives, kept states and lists of files become in the plan, and what is wrong with them.

use super::{CSV, plan, planned};
use crate::batch::DataType::{Float64, Int64, String as Text, Timestamp};
use crate::batch::{ColumnId, DataType, Schema};
use crate::job::{JobSpec, Overrides, SourceFiles, plan_job, source_files, table_files};
use crate::plan::{OutputKind, Plan, Step};
use crate::rows::PartitionPart;
use std::path::{Path, PathBuf};

const TIME: &str = "time = \"at\"\n";
const LOG: &str = "at,user,unused,amount\n2024-01-01T00:00:00Z,u1,x,1.5\n";

fn refused(csv: &str, job: &str) -> String {
    plan(csv, job, Overrides::default()).err().unwrap_or_else(|| panic!("{job}")).to_string()
}

fn columns(schema: &Schema) -> Vec<(&str, DataType)> {
    schema.fields.iter().map(|field| (field.name.as_str(), field.ty)).collect()
}

#[test]
fn an_archive_has_all_columns_of_the_source_and_none_of_a_step() {
    let job = TIME.to_string()
        + r#"
[[step]]
derive = { double = "amount * 2" }
[[step]]
filter = "double > 1"
[[output]]
path = "@/raw"
archive = true
partition_by = ["date", "hour"]
[[output]]
path = "@/raw.jsonl"
archive = true
[[output]]
path = "@/n.csv"
by = "user"
select = { n = "sum(double)" }
"#;
    let plan = planned(LOG, &job);
    let all = [("at", Timestamp), ("user", Text), ("unused", Text), ("amount", Float64)];
    let own = [("_file", Text), ("_place", Int64)];
    for output in &plan.deliveries.outputs[..2] {
        assert!(
            matches!(&output.kind, OutputKind::Archive(columns) if columns[..] == [0, 1, 2, 3].map(ColumnId::new))
        );
        assert_eq!(columns(&output.columns), [&all[..], &own].concat());
        assert_eq!(output.written().len(), 6, "what names its partitions is no column");
    }
    assert_eq!(plan.deliveries.outputs[0].partition_by, [PartitionPart::Date, PartitionPart::Hour]);
    assert!(plan.pipeline.read.positions && plan.pipeline.read.columns.len() == 4);
    assert!(matches!(&plan.pipeline.steps[..], [Step::Derive(..), Step::Filter(_), ..]));

    // Without an archive only what is needed is read; and it decides the result.
    let without = job.replace("archive = true", "archive = false");
    let other = planned(LOG, &without);
    assert!(matches!(other.deliveries.outputs[1].kind, OutputKind::Rows(_)));
    assert_ne!(other.hash, plan.hash);
}

#[test]
fn an_archive_beside_the_late_output_keeps_its_numbers() {
    // The late output reads the time a second time; archives have the instant.
    let job = "time = \"at\"\ntime_format = \"%d-%m-%Y %H:%M\"\n[[output]]\npath = \"@/a\"\narchive = true\n\
        [[output]]\npath = \"@/b.csv\"\nmode = \"streamed\"\nwindow = { tumbling = \"1m\" }\n\
        select = { n = \"count(*)\" }\n[late]\npath = \"@/late.jsonl\"\n";
    let csv = CSV.replace("_file", "file");
    let plan = planned(&csv, job);
    let OutputKind::Archive(archived) = &plan.deliveries.outputs[0].kind else { panic!() };
    assert_eq!(archived[..], [0, 1, 2, 3, 4, 5, 6].map(ColumnId::new));
    assert_eq!(columns(&plan.deliveries.outputs[0].columns)[2], ("at", Timestamp));
    assert_eq!(plan.deliveries.late.unwrap().columns[2].0.place(), 7);
}

#[test]
fn all_that_does_not_go_with_an_archive_is_told_in_one_go() {
    let job = TIME.to_string()
        + r#"
[[output]]
path = "@/raw"
archive = true
window = "global"
by = "user"
select = { n = "count(*)" }
having = "n > 1"
top = { n = 1, by = "n" }
mode = "complete"
firings = true
state = true
"#;
    let error = refused(LOG, &job);
    for (key, line) in ["window", "by", "select", "having", "top", "mode", "firings", "state"].iter().zip(8..)
    {
        assert!(error.contains(&format!("an archive has no `{key}`")), "{key} in {error}");
        assert!(error.contains(&format!("job.toml:{line}:1")), "{key} in {error}");
    }
    assert!(error.contains("write a second [[output]]"));
    // What is not asked for is in nobody's way.
    planned(
        LOG,
        &(TIME.to_string() + "[[output]]\npath = \"@/r\"\narchive = true\nstate = false\nfirings = false\n"),
    );
}

#[test]
fn where_an_archive_cannot_be() {
    let archive = |rest: &str| format!("{TIME}[[output]]\narchive = true\n{rest}");
    let error = refused(LOG, &archive("path = \"@/raw\"\npartition_by = [\"date\", \"user\"]\n"));
    assert!(error.contains("an archive cannot be partitioned by `user`"), "{error}");
    assert!(error.contains("year, month, date or hour") && error.contains("job.toml:7:25"), "{error}");
    let csv = LOG.replace("unused", "date");
    let error = refused(&csv, &archive("path = \"@/raw\"\npartition_by = \"date\"\n"));
    assert!(error.contains("column `date`") && error.contains("choose other units of year"), "{error}");
    let error = refused(LOG, &archive("path = \"-\"\n"));
    assert!(error.contains("an archive cannot be on the terminal"), "{error}");
    let csv = LOG.replace("user", "_place").replace("unused", "_file");
    let error = refused(&csv, &archive("path = \"@/raw\"\n"));
    for part in ["a column `_file`", "a column `_place`", "another name", "job.toml:5:11"] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

/// A windowed output with `state`, less and more of it.
fn state(rest: &str, window: &str, select: &str) -> String {
    format!(
        "{TIME}[[output]]\npath = \"@/o\"\nstate = true\n{rest}\nwindow = {window}\nby = \"user\"\n\
         select = {{ x = \"{select}\" }}\n"
    )
}

const MINUTES: &str = "{ tumbling = \"1m\" }";

#[test]
fn a_state_is_kept_of_what_can_be_merged() {
    let all =
        "count(*) + count(amount) + sum(amount) + avg(amount) + var_samp(amount) + min(amount) + max(amount)";
    for (rest, window) in [
        ("having = \"x > 1\"\ntop = { n = 1, by = \"x\" }\npartition_by = [\"date\", \"user\"]", MINUTES),
        ("", "{ hopping = \"2m\", slide = \"1m\" }"),
        ("partition_by = \"window_start\"", "{ cumulative = \"2m\", step = \"1m\" }"),
        ("mode = \"streamed\"", MINUTES),
        ("partition_by = \"user\"", "\"global\""),
    ] {
        let plan = planned(LOG, &state(rest, window, all));
        assert!(plan.deliveries.outputs[0].state, "{rest} {window}");
        let without = planned(LOG, &state(rest, window, all).replace("state = true", "state = false"));
        assert!(!without.deliveries.outputs[0].state);
        assert_ne!(without.hash, plan.hash);
    }
}

#[test]
fn a_state_is_not_kept_of_what_grows_or_hangs_on_order() {
    for (call, name) in [
        ("count(distinct unused)", "count(distinct)"),
        ("approx_count_distinct(unused)", "approx_count_distinct"),
        ("median(amount)", "median"),
        ("quantile(amount, 0.9)", "quantile"),
        ("first(amount)", "first"),
        ("last(amount)", "last"),
        ("arg_min(amount, amount)", "arg_min"),
        ("arg_max(amount, amount)", "arg_max"),
    ] {
        let error = refused(LOG, &state("", MINUTES, call));
        assert!(error.contains(&format!("`state` cannot be kept for `{name}`")), "{error}");
        assert!(error.contains("without `state`") && error.contains("job.toml:6:9"), "{error}");
    }
    // A call in `having` is kept too.
    let error = refused(LOG, &state("having = \"median(amount) > 1\"", MINUTES, "count(*)"));
    assert!(error.contains("`median`"), "{error}");
}

#[test]
fn where_a_state_cannot_be() {
    let session = refused(LOG, &state("", "{ session = \"1m\" }", "count(*)"));
    assert!(session.contains("`state` is not for sessions"), "{session}");
    let firings = refused(LOG, &state("mode = \"streamed\"\nfirings = true", MINUTES, "count(*)"));
    assert!(firings.contains("`state` does not go with `firings`"), "{firings}");
    let value = refused(LOG, &state("partition_by = [\"date\", \"x\"]", MINUTES, "max(unused)"));
    assert!(value.contains("cannot be partitioned by `x`") && value.contains("job.toml:7:25"), "{value}");
    let terminal = refused(LOG, &state("", MINUTES, "count(*)").replace("@/o", "-"));
    assert!(terminal.contains("an output with `state` cannot be on the terminal"), "{terminal}");
    let events = refused(LOG, &format!("{TIME}[[output]]\npath = \"@/o\"\nstate = true\n"));
    assert!(events.contains("`state` is for groups") && events.contains("archive = true"), "{events}");
}

/// Files of a source and of tables, and a job over them; `@` stands for their folder.
fn folder(job: &str) -> (tempfile::TempDir, JobSpec) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("log/2.csv", "at,n,code\n2024-01-01T00:00:00Z,2,007\n"),
        ("log/10.csv", "at,n,extra\n2024-01-02T00:00:00Z,3.5,1\n"),
        ("late.csv", "at,n,code\n2024-01-01T00:00:01Z,1,7\n"),
        ("users.csv", "id,name\n1,Ann\n"),
        ("names.csv", "n,word\n2,two\n"),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let job = job.replace('@', &folder.path().display().to_string());
    (folder, JobSpec::parse("job.toml", &job).unwrap())
}

const JOB: &str = r#"
[source]
path = "@/log/*.csv"
time = "at"
[table.users]
path = "@/users.csv"
[[step]]
enrich = "users"
on = { n = "id" }
take = ["name"]
otherwise = [{ lookup = "@/names.csv", on = ["n"], take = { name = "word" } }]
[[output]]
path = "@/out.jsonl"
"#;

#[test]
fn the_files_of_a_job_are_found_without_a_plan() {
    let (folder, spec) = folder(JOB);
    let at = |name: &str| folder.path().join(name);
    let files = source_files(&spec).unwrap().files;
    let paths: Vec<PathBuf> = files.into_iter().map(|file| file.path).collect();
    assert_eq!(paths, [at("log/2.csv"), at("log/10.csv")]);
    let names = at("names.csv");
    assert_eq!(
        table_files(&spec).unwrap(),
        [("users".to_string(), at("users.csv")), (names.display().to_string(), names)]
    );
    let (_folder, spec) = self::folder(&JOB.replace("log/*", "log/3*").replace("users.csv", "user.csv"));
    assert!(source_files(&spec).unwrap_err().to_string().contains("no file matches"));
    assert!(table_files(&spec).unwrap_err().to_string().contains("users.csv"));
}

fn over(spec: &JobSpec, files: &[PathBuf], types: &[(&str, DataType)]) -> crate::error::Result<Plan> {
    let types = types.iter().map(|(name, ty)| (name.to_string(), *ty)).collect();
    let source = Some(SourceFiles { files: files.to_vec(), types, order: vec![] });
    plan_job(spec, &Overrides { source, ..Overrides::default() })
}

#[test]
fn a_source_can_be_said_file_by_file() {
    let job = "[source]\npath = \"@/log/*.csv\"\ntime = \"at\"\ntypes = { extra = \"string\" }\n\
        [[output]]\npath = \"@/out.jsonl\"\n";
    let (folder, spec) = folder(job);
    let at = |name: &str| folder.path().join(name);
    let twice = at("log").join("../log/2.csv");
    let files = [at("log/10.csv"), at("late.csv"), twice.clone(), at("log/2.csv")];
    let plan = over(&spec, &files, &[]).unwrap();
    let paths: Vec<&Path> = plan.pipeline.read.files.iter().map(|f| f.path.as_path()).collect();
    assert_eq!(
        paths,
        [at("late.csv"), twice, at("log/10.csv")],
        "natural order, each once, as it is spelled"
    );
    assert_eq!(plan.inferred.column("code").unwrap().ty, Text);

    // What the files before had: types that these would not have, and columns that they lack.
    let known = [("at", Timestamp), ("n", Float64), ("code", Text), ("extra", Int64)];
    let plan = over(&spec, &[at("late.csv")], &known).unwrap();
    let types: Vec<_> =
        plan.pipeline.read.columns.iter().map(|c| (c.name.as_str(), c.ty, c.inferred)).collect();
    let wanted =
        [("at", Timestamp, true), ("n", Float64, true), ("code", Text, true), ("extra", Text, false)];
    assert_eq!(types, wanted, "and the job's own word wins");

    let error = over(&spec, &[at("log/2.csv"), at("lat.csv")], &[]).unwrap_err().to_string();
    assert!(error.contains("lat.csv") && error.contains("late.csv`?"), "{error}");
    let error = over(&spec, &[at("log")], &[]).unwrap_err().to_string();
    assert!(error.contains("is a folder"), "{error}");
}
