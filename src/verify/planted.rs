//! `verify` finds what is wrong in the engine alone: each fault is planted there, and the referee sees it.

use super::{VerifyRequest, VerifyVerdict, verify};
use crate::engine::{Progress, RunOptions};
use crate::error::Result;
use crate::job::{JobSpec, Overrides, plan_job};
use crate::planted::{self, InjectedFault};
use std::path::Path;

struct Silent;

impl Progress for Silent {
    fn reading(&self, _: u64, _: u64) {}
    fn writing(&self) {}
}

/// The verdict of the referee on a job whose engine has the fault.
fn verified(folder: &Path, job: &str, fault: Option<InjectedFault>) -> Result<VerifyVerdict> {
    let text = job.replace('@', &folder.display().to_string());
    planted::with(fault, || {
        let (spec, overrides) = (JobSpec::parse("job.toml", &text)?, Overrides::default());
        let options = RunOptions {
            threads: 2,
            memory: 1 << 30,
            spill_folder: std::env::temp_dir(),
            table_rows: 20,
            refresh_lookups: false,
        };
        let request = VerifyRequest { show: 3, ..VerifyRequest::printed(&options, &Silent) };
        let plan = plan_job(&spec, &overrides)?;
        verify(&spec, &overrides, plan, &request)
    })
}

const LOG: &str = "at,k,n,m,ok\n\
    2024-03-09T18:30:00Z,a,7,0.125,true\n\
    2024-03-09T23:30:00.25Z,a,-7,2.345,\n\
    2024-03-10T01:00:00Z,b,3,-0.375,false\n\
    2024-03-10T16:59:59Z,b,-4,1.000,\n\
    2024-03-10T17:00:00Z,b,12,0.005,true\n";

/// A job over the log, which derives `x` and sums `what` by day.
fn job(derived: &str, what: &str) -> String {
    format!(
        "timezone = \"Asia/Jakarta\"\n[source]\npath = \"@/log.csv\"\ntime = \"at\"\n\
        types = {{ k = \"string\", n = \"int64\", m = \"decimal(9,3)\", ok = \"bool\" }}\n[[step]]\nderive = {{ x = \"{derived}\" }}\n\
        [[output]]\npath = \"@/out.csv\"\nwindow = {{ tumbling = \"1 day\" }}\nby = [\"k\"]\nselect = {{ y = \"{what}\" }}\n"
    )
}

/// The same log with times of a format.
fn formatted(format: &str, times: [&str; 3]) -> (String, String) {
    let job = format!(
        "timezone = \"Asia/Jakarta\"\n[source]\npath = \"@/log.csv\"\ntime = \"at\"\ntime_format = \"{format}\"\n\
        types = {{ n = \"int64\" }}\n[[output]]\npath = \"@/out.csv\"\nwindow = {{ tumbling = \"1h\" }}\n\
        select = {{ y = \"sum(n)\", first = \"first(n)\" }}\n[[output]]\npath = \"@/rows.csv\"\n"
    );
    let rows: String = times.iter().enumerate().map(|(n, time)| format!("{time},{n}\n")).collect();
    (job, format!("at,n\n{rows}"))
}

#[test]
fn each_fault_of_the_engine_is_found() {
    let of_log = |derived, what| (job(derived, what), LOG.to_string());
    let cases = [
        (InjectedFault::RoundToEven, of_log("ROUND(m, 2)", "sum(x)")),
        (InjectedFault::SignOfDivisor, of_log("n % 4", "sum(x)")),
        (InjectedFault::DayInUtc, of_log("CAST(at AS DATE)", "min(x)")),
        (
            InjectedFault::LiteralInUtc,
            of_log("CASE WHEN at < '2024-03-10 07:00' THEN 1 ELSE 0 END", "sum(x)"),
        ),
        (InjectedFault::LiteralInUtc, of_log("CASE WHEN at < DATE '2024-03-10' THEN 1 ELSE 0 END", "sum(x)")),
        (InjectedFault::TruthOfNull, of_log("CASE WHEN ok IS NOT TRUE THEN 1 ELSE 0 END", "sum(x)")),
        (InjectedFault::HourInUtc, of_log("EXTRACT(HOUR FROM at)", "sum(x)")),
        (InjectedFault::ConstantOnce, of_log("n", "sum(1)")),
        (
            InjectedFault::Midnight,
            formatted("%d.%m.%Y %H:%M", ["29.02.2024 12:30", "29.02.2024 00:30", "01.03.2024 23:59"]),
        ),
        (
            InjectedFault::FractionOfNanos,
            formatted(
                "%Y-%m-%d %H:%M:%S.%f",
                ["2024-02-29 12:00:00.5", "2024-02-29 12:00:00.25", "2024-03-01 23:59:59.1"],
            ),
        ),
        (
            InjectedFault::UtcIgnored,
            formatted(
                "%Y-%m-%d %H:%M UTC",
                ["2024-02-29 12:30 UTC", "2024-02-29 22:30 UTC", "2024-03-01 23:59 UTC"],
            ),
        ),
        (
            InjectedFault::ZoneSkipped,
            formatted(
                "%Y-%m-%d %H:%M %Z",
                ["2024-02-29 12:30 Asia/Tokyo", "2024-02-29 22:30 UTC", "2024-03-01 23:59 Europe/Paris"],
            ),
        ),
    ];
    for (fault, (job, log)) in cases {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("log.csv"), log).unwrap();
        let right = verified(folder.path(), &job, None).unwrap_or_else(|e| panic!("{e}\n{job}"));
        assert!(right.same() && right.skipped.is_empty(), "without {fault:?}: {right:?}\n{job}");
        let wrong = verified(folder.path(), &job, Some(fault)).unwrap_or_else(|e| panic!("{e}\n{job}"));
        assert!(!wrong.same(), "{fault:?} is not found:\n{job}");
    }
}

/// What does not fit is an error of the engine; where it wrapped, the referee has no such number.
#[test]
fn an_int64_that_wraps_is_found() {
    for derived in ["n * 4611686018427387904", "n + 9223372036854775807"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("log.csv"), LOG).unwrap();
        let job = job(derived, "max(x)");
        let error = verified(folder.path(), &job, None).unwrap_err();
        assert!(error.to_string().contains("too large for an int64"), "{error}");
        match verified(folder.path(), &job, Some(InjectedFault::Wraps)) {
            Ok(verdict) => assert!(!verdict.same(), "{derived}"),
            Err(error) => assert_eq!(error.kind(), crate::error::Kind::Data, "{error}"),
        }
    }
}
