//! The form is pinned: another one makes the outputs of every user foreign.

use super::*;
use crate::job::{Overrides, plan_job};
use crate::plan::OutputId;

/// The plan of a job over one file; `@` stands for its folder.
fn planned(log: &str, job: &str) -> (tempfile::TempDir, Plan) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log.csv"), log).unwrap();
    let text = job.replace('@', &folder.path().display().to_string());
    let spec = JobSpec::parse("job.toml", &text).unwrap();
    let plan = plan_job(&spec, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
    (folder, plan)
}

const LOG: &str = "at,user,n,note\n2024-02-29T10:00:00Z,a,1,x\n";
const JOB: &str = r#"
timezone = "Asia/Jakarta"
mode = "streamed"
[source]
path = "@/log.csv"
time = "at"
out_of_orderness = "20s"
[[step]]
filter = "n > 0"
[[step]]
derive = { double = "n * 2" }
[[step]]
dedup = ["user", "n"]
within = "1m"
[[output]]
path = "@/out/sums"
window = { hopping = "10m", slide = "5m", allowed_lateness = "1h" }
by = ["user"]
select = { total = "sum(double)", n = "count(*)" }
having = "n > 1"
top = { n = 3, by = "total desc" }
partition_by = ["date", "user"]
[[output]]
path = "@/out/raw"
archive = true
[late]
path = "@/out/late.jsonl"
"#;

#[test]
fn the_form_of_every_kind_of_output_is_fixed() {
    let (_folder, plan) = planned(LOG, JOB);
    let all = plan.deliveries.identities.outputs.iter().chain(&plan.deliveries.identities.late);
    let forms: Vec<String> = all.map(|one| format!("{} {}", one.version, one.form)).collect();
    insta::assert_snapshot!(forms.join("\n"), @r#"
    1 {"timezone":"Asia/Jakarta","read":{"time":{"column":"at","as":"iso"},"columns":{"n":"int64, inferred","user":"string, inferred"}},"steps":[{"filter":"n > 0"},{"derive":{"double":"n * 2"}},{"dedup":["user","n"],"within":60000000}],"watermark":{"out_of_orderness":20000000},"steps_see":"arrivals","output":{"window":"hopping 10m by 5m","by":["user"],"select":{"total":"sum(double)","n":"count(*)"},"having":"n > 1","top":{"n":3,"by":"total desc"},"streamed":{"allowed_lateness":3600000000},"columns":[{"name":"window_start","type":"timestamp"},{"name":"window_end","type":"timestamp"},{"name":"user","type":"string"},{"name":"total","type":"int64"},{"name":"n","type":"int64"}],"format":"parquet","partition_by":["date","user"]}}
    1 {"timezone":"Asia/Jakarta","read":{"time":{"column":"at","as":"iso"},"columns":{"at":"timestamp, inferred","n":"int64, inferred","note":"string, inferred","user":"string, inferred"}},"output":{"archive":true,"columns":[{"name":"at","type":"timestamp"},{"name":"user","type":"string"},{"name":"n","type":"int64"},{"name":"note","type":"string"},{"name":"_file","type":"string"},{"name":"_place","type":"int64"}],"format":"parquet"}}
    1 {"timezone":"Asia/Jakarta","read":{"time":{"column":"at","as":"iso"},"columns":{"at":"timestamp, inferred","n":"int64, inferred","note":"string, inferred","user":"string, inferred"}},"steps":[{"filter":"n > 0"},{"derive":{"double":"n * 2"}},{"dedup":["user","n"],"within":60000000}],"watermark":{"out_of_orderness":20000000},"steps_see":"arrivals","output":{"late":[{"window":"hopping 10m by 5m","by":["user"],"allowed_lateness":3600000000}],"columns":[{"name":"at","type":"timestamp"},{"name":"user","type":"string"},{"name":"n","type":"int64"},{"name":"note","type":"string"}],"format":"jsonl"}}
    "#);
}

#[test]
fn what_does_not_decide_rows_is_not_in_it() {
    let (_a, plan) = planned(LOG, JOB);
    let (_b, other) = planned(
        LOG,
        &format!(
            "name = \"another\"\nthreads = 1\nmemory = \"1GB\"\n{}",
            JOB.replace("out/", "results/").replace("\"10m\"", "\"600s\"")
        ),
    );
    assert_eq!(plan.deliveries.identities, other.deliveries.identities);
}

#[test]
fn an_edit_of_one_output_leaves_the_others_theirs() {
    let (_a, plan) = planned(LOG, JOB);
    let (_b, other) = planned(LOG, &JOB.replace("sum(double)", "sum(double + n)"));
    let same: Vec<bool> = plan
        .deliveries
        .identities
        .outputs
        .iter()
        .zip(&other.deliveries.identities.outputs)
        .map(|(a, b)| a == b)
        .collect();
    assert_eq!(same, [false, true]);
    assert_eq!(plan.deliveries.identities.late, other.deliveries.identities.late);
}

#[test]
fn differences_are_told_as_the_job_file_has_them() {
    let (_a, plan) = planned(LOG, JOB);
    let said = |from: &str, to: &str| {
        assert!(JOB.contains(from), "{from}");
        let (_b, other) = planned(LOG, &JOB.replace(from, to));
        differences(
            &plan.deliveries.identities.outputs[OutputId::new(0)].form,
            &other.deliveries.identities.outputs[OutputId::new(0)].form,
            2,
        )
        .join("; ")
    };
    assert_eq!(said("n > 0", "n >= 0"), "step 1 filter is `n >= 0`, but was `n > 0`");
    assert_eq!(said("\"1m\"", "\"2m\""), "step 3 within is `120000000`, but was `60000000`");
    assert_eq!(said("having = \"n > 1\"\n", ""), "the output's having is gone: `n > 1`");
    assert_eq!(
        said("\"@/log.csv\"", "\"@/log.csv\"\ntypes = { n = \"int64\" }"),
        "the source's columns n is `int64`, but was `int64, inferred`"
    );
    assert_eq!(
        said("\"date\", \"user\"", "\"user\", \"date\""),
        "the output's partition_by 1 is `user`, but was `date`; the output's partition_by 2 is `date`, but was `user`"
    );
}

/// Hashes in manifests of the version before there were identities, for the jobs of this repository as they were then.
#[test]
fn manifests_without_an_identity_are_known_by_their_hash() {
    for (job, hash) in [
        ("big-spenders", "a2cd0bbae7e36ee682c6e4436eed6699"),
        ("money-enrichment", "c6ecc6076eef736baadee665a4e641b1"),
        ("pageviews-archive", "4d0ac487868b41e453c87a2250844226"),
        ("pageviews-per-postcode", "db1469f5cb47b6a3903538586f424c5a"),
        ("pageviews-so-far", "409bb418b4da7ced2867c11f166c7a2a"),
        ("pageviews", "7b9bd2e0edf387d6cc0915e40d050c59"),
        ("sales-per-seller", "a91ca5c1af2c9ad7d73f8c47c3109075"),
        ("user-sessions", "49b0bbd126e6615c96df3dcb3c74244b"),
        ("views-of-a-log", "62d66203a349f511b11803ac1916f8aa"),
    ] {
        let path = format!("data/jobs/{job}.toml");
        let spec = crate::job::read(std::path::Path::new(&path)).unwrap();
        let plan = plan_job(&spec, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(hash_before(&plan), format!("xxh3:{hash}"), "{job}");
    }
}
