#!/usr/bin/env python3
"""The outputs of the job @NAME@ by Apache Spark: spark-submit THIS_FILE

Made by `highwater sql --dialect spark --script`. Each output is staged in its own folder (.staging-…), then all are put in
place by renames. A reader of a folder sees each partition as it was or as it is; during the renames it may see some of
each. A program that was killed before the renames leaves the outputs as they were, and the next one removes what it
staged. One that was killed during the renames is completed by the next one. Where a rename is a copy (object stores), use
a table format instead.
"""
import json, sys, uuid

JOB = json.loads(@JOB@)
MARK = "_highwater_spark.json"
JOURNAL = ".highwater-journal.json"


class Files:
    """The file system that Spark writes to, by the paths of the job."""

    def __init__(self, spark):
        self.jvm, self.conf = spark._jvm, spark._jsc.hadoopConfiguration()

    def path(self, *names):
        return self.jvm.org.apache.hadoop.fs.Path("/".join(names))

    def of(self, path):
        return path.getFileSystem(self.conf)

    def exists(self, *names):
        path = self.path(*names)
        return self.of(path).exists(path)

    def names(self, folder):
        path = self.path(folder)
        return sorted(f.getPath().getName() for f in self.of(path).listStatus(path)) if self.exists(folder) else []

    def make(self, folder):
        path = self.path(folder)
        self.of(path).mkdirs(path)

    def rename(self, old, new):
        old, new = self.path(old), self.path(new)
        if not self.of(old).rename(old, new):
            sys.exit(f"error: {old} cannot be renamed to {new}")

    def remove(self, *names):
        path = self.path(*names)
        self.of(path).delete(path, True)

    def write(self, text, *names):
        """Writes a small file, whole or not at all."""
        path, staged = self.path(*names), self.path(*names[:-1], names[-1] + ".tmp")
        out = self.of(staged).create(staged, True)
        out.write(bytearray(text.encode()))
        out.close()
        self.remove(*names)
        self.rename("/".join(names[:-1] + (names[-1] + ".tmp",)), "/".join(names))

    def read(self, *names):
        path = self.path(*names)
        stream = self.of(path).open(path)
        text = self.jvm.scala.io.Source.fromInputStream(stream, "UTF-8").mkString()
        stream.close()
        return text


def is_data(name):
    return not name.startswith((".", "_"))


def refuse_foreign(files):
    """What another program wrote is not replaced."""
    for output in JOB["outputs"]:
        path = output["path"]
        if files.exists(path, "_highwater"):
            sys.exit(f"error: {path} is an output of `highwater run`\n  hint: give the job another path for Spark")
        if any(map(is_data, files.names(path))) and not files.exists(path, MARK):
            sys.exit(f"error: {path} has files that this program did not write\n  hint: move them away, or give the job another path")


def swap(files, journal):
    """Puts in place what a journal names, from wherever an earlier swap stopped."""
    run = journal["run"]
    for output in journal["outputs"]:
        path = output["path"]
        staging, old = f"{path}/.staging-{run}", f"{path}/.old-{run}"
        files.make(old)
        for name in output["old"]:
            # Where the new one has left the staging folder, what is in place is new.
            if files.exists(path, name) and (name not in output["new"] or files.exists(staging, name)):
                files.rename(f"{path}/{name}", f"{old}/{name}")
        for name in output["new"]:
            if files.exists(staging, name):
                files.rename(f"{staging}/{name}", f"{path}/{name}")
        files.write(json.dumps(output["mark"], indent=2), path, MARK)
    # The last rename of a swap is done, so what was old is not needed for another attempt.
    files.remove(journal["outputs"][0]["path"], JOURNAL)
    for output in journal["outputs"]:
        clean(files, output["path"])


def clean(files, path):
    """Removes what programs that were killed left."""
    for name in files.names(path):
        if name.startswith((".staging-", ".old-")):
            files.remove(path, name)


def recover(files):
    first = JOB["outputs"][0]["path"]
    if files.exists(first, JOURNAL):
        journal = json.loads(files.read(first, JOURNAL))
        print(f"completing the renames of an earlier run ({journal['run']})", file=sys.stderr)
        swap(files, journal)
    for output in JOB["outputs"]:
        clean(files, output["path"])


def stage(spark, output, folder):
    """Writes the rows of an output to its staging folder; gives their number."""
    from pyspark.sql import Observation, functions as F

    rows = spark.sql(output["query"])
    for name in output["texts"]:
        # Spark has one folder for NULL and for the empty text.
        if rows.filter(F.col(f"`{name}`") == "").limit(1).count():
            sys.exit(f"error: `{name}` names a partition, and Spark cannot name one by an empty text")
    for name, pattern in output["times"]:
        local = F.from_utc_timestamp(F.col(output["time"]), JOB["timezone"])
        rows = rows.withColumn(name, F.date_format(local, pattern))
    seen = Observation()
    rows = rows.drop(*output["hidden"]).observe(seen, F.count(F.lit(1)).alias("rows"))
    writer = rows.write.option("compression", "zstd").mode("error")
    (writer.partitionBy(*output["partition_by"]) if output["partition_by"] else writer).parquet(folder)
    return seen.get["rows"]


def main(spark):
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    files, run = Files(spark), uuid.uuid4().hex[:12]
    recover(files)
    refuse_foreign(files)
    for statement in JOB["setup"]:
        spark.sql(statement)
    counts = list(spark.sql(JOB["account"]["query"]).collect()[0])
    account = {"read": counts[0], "filtered": 0, "duplicate": 0, "counted": counts[len(JOB["account"]["left_out"])]}
    for i, left_out in enumerate(JOB["account"]["left_out"]):
        account[left_out] += counts[i] - counts[i + 1]
    journal = {"run": run, "outputs": []}
    for output in JOB["outputs"]:
        path = output["path"]
        files.make(path)
        staging = f"{path}/.staging-{run}"
        rows = stage(spark, output, staging)
        mark = {"job": JOB["name"], "hash": JOB["hash"], "account": account, "rows": rows}
        old, new = [list(filter(is_data, files.names(folder))) for folder in (path, staging)]
        journal["outputs"].append({"path": path, "old": old, "new": new, "mark": mark})
    files.write(json.dumps(journal), journal["outputs"][0]["path"], JOURNAL)
    swap(files, journal)
    parts = " + ".join(f"{account[name]:,} {name}" for name in ("filtered", "duplicate", "counted"))
    print(f"read {account['read']:,} = {parts}")
    for output in journal["outputs"]:
        print(f"{output['path']}: {output['mark']['rows']:,} rows")


if __name__ == "__main__":
    from pyspark.sql import SparkSession

    session = SparkSession.builder.appName(JOB["name"]).getOrCreate()
    main(session)
    session.stop()
