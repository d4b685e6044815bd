"""A daily DAG: check the job, run it, verify the results, and keep the page.

Copy it to the folder of DAGs. HIGHWATER_HOME is the folder in which the paths of the job are; the program has to be in
PATH of the worker (pip install highwater-cli). OpenLineage events name the task as the parent of the run.
"""

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator

HOME = os.environ.get("HIGHWATER_HOME", ".")
JOB = os.environ.get("HIGHWATER_JOB", "data/jobs/big-spenders.toml")

# The macros come from the provider of OpenLineage. Without it the variables stay empty, and no event has a parent.
LINEAGE = {
    "OPENLINEAGE_PARENT_ID": "{{ macros.OpenLineageProviderPlugin.lineage_parent_id(task_instance) if macros.OpenLineageProviderPlugin is defined else '' }}",
}

with DAG(
    dag_id="highwater",
    schedule="15 2 * * *",
    start_date=datetime(2024, 1, 1),
    catchup=False,
    # Two runs of one job cannot overlap.
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "execution_timeout": timedelta(hours=2)},
    tags=["highwater"],
) as dag:

    def task(task_id, command, **options):
        return BashOperator(
            task_id=task_id,
            bash_command=command,
            cwd=HOME,
            env=LINEAGE | {"JOB": JOB},
            append_env=True,
            **options,
        )

    # A wrong job file (exit code 2) fails at once: another try would not help.
    check = task("check", 'highwater check "$JOB" --quiet', retries=0)
    run = task("run", 'highwater run "$JOB" --quiet --log json --lineage out/lineage.jsonl')
    # Exit code 1 is a difference.
    verify = task("verify", 'highwater verify "$JOB" --counts-only --lineage out/lineage.jsonl', retries=0)
    check >> run >> verify
