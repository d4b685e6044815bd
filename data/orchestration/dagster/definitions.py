"""A job of Highwater as an asset of Dagster, with its verification as an asset check.

    dagster dev -f data/orchestration/dagster/definitions.py

HIGHWATER_HOME is the folder in which the paths of the job are.
"""

import json
import os
import subprocess

import dagster as dg

HOME = os.environ.get("HIGHWATER_HOME", ".")
JOB = os.environ.get("HIGHWATER_JOB", "data/jobs/big-spenders.toml")
OUTPUT = "out/big-spenders"


def highwater(context, *arguments, codes=(0,)):
    """Runs the program and gives its JSON. Its log goes to that of Dagster."""
    done = subprocess.run(["highwater", *arguments, "--json"], cwd=HOME, capture_output=True, text=True)
    for line in done.stderr.splitlines():
        context.log.info(line)
    if done.returncode not in codes:
        # 2 is a wrong job file and 3 is bad data: another try would fail in the same way.
        raise dg.Failure(
            description=done.stderr.strip() or f"highwater ended with {done.returncode}",
            metadata={"exit_code": done.returncode},
            allow_retries=done.returncode == 4,
        )
    return json.loads(done.stdout)


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=2, delay=300))
def big_spenders(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Accounts that received more than a billion in a calendar month."""
    report = highwater(context, "run", JOB)
    output = next(output for output in report["outputs"] if output["path"] == OUTPUT)
    account = report["account"]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": output["rows"],
            "files_written": output["written"],
            "records_read": account["read"],
            "records_late": account["late"],
            "records_rejected": account["rejected"],
        },
        # The same job over the same data gives the same bytes, so a second run is not a new version.
        data_version=dg.DataVersion(report["job"]["hash"] + "-" + "-".join(sorted(i["hash"] for i in report["inputs"]))[:200]),
    )


@dg.asset_check(asset=big_spenders, blocking=True)
def same_as_sql(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """A fresh run gives the rows that the job's SQL gives."""
    report = highwater(context, "verify", JOB, "--counts-only", codes=(0, 1))
    # An output that could not be compared is not a proof of anything.
    return dg.AssetCheckResult(
        passed=report["same"] and not report["skipped"],
        metadata={output["output"]: dg.MetadataValue.json(output["rows"]) for output in report["outputs"]},
    )


daily = dg.ScheduleDefinition(name="daily", target=dg.AssetSelection.assets(big_spenders), cron_schedule="15 2 * * *")

defs = dg.Definitions(assets=[big_spenders], asset_checks=[same_as_sql], schedules=[daily])
