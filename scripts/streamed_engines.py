#!/usr/bin/env python3
"""Does `mode = "streamed"` publish what real engines publish? Random jobs over small random logs, run by

  flink      the DataStream API of Flink: windows, firings, late events and their order (`flink/StreamedJobs.java`)
  flink-sql  window table-valued functions of Flink SQL, in streaming mode: windows (`flink/RunStatements.java`)
  spark      Spark Structured Streaming in append mode, a file for each micro-batch: windows

and by Highwater with `watermark = { like = … }`. Windows are compared by the numbers of their events.

    cargo build --release && python3 scripts/streamed_engines.py          # 116 jobs, about ten minutes
    python3 scripts/streamed_engines.py --seed 7 --engine spark           # other jobs of one engine
    python3 scripts/streamed_engines.py --write                           # records what the engines said in tests/streamed/

Flink is the wheel apache-flink-libraries (329 MB), which pip downloads once into `--flink`; Spark is the package pyspark of the Python
that runs this. Both need Java 17, and Flink javac. CI compares with what is recorded; this runs the engines themselves. Kafka Streams is
on no registry that pip knows: its rule is that of its source, and the tests hold it to an oracle.

Ends with 1 where anything differs.
"""
import argparse, csv, datetime, json, os, pathlib, random, re, shutil, subprocess, sys, tempfile

from flink import Flink, ROOT, call

BASE = 1_717_200_000_000  # 1 June 2024, milliseconds
SECOND, MINUTE = 1000, 60_000
RECORDED = ROOT / "tests/streamed"
ROWS = 60


def made_log(rng, shape):
    """Events in order of arrival: number, key, time, partition, arrival."""
    unit = {"seconds": SECOND, "dense": 1, "ms": 1}[shape]
    step = {"seconds": 7 * SECOND, "dense": 2, "ms": 7 * SECOND}[shape]
    clock, arrival, rows = BASE, BASE + 3 * step, []
    for number in range(1, ROWS + 1):
        clock += rng.choice([0, 0, 1, 1, 1, 2, 5]) * step
        arrival += rng.choice([0, 1, 1, 2]) * step if rng.random() < 0.93 else rng.choice([9, 20, 40]) * step
        behind = rng.choice([0, 0, 0, 0, 1, 1, 2, 4, 9, 30]) * step + rng.randrange(step)
        partition = rng.choice("aab" if number < ROWS // 3 else "aabc")
        time = clock - behind - (4 * step if partition == "b" else 0)
        # Many times lie just on a bound, or one millisecond beside it.
        if rng.random() < 0.3:
            time = time // (5 * step) * (5 * step) + rng.choice([-1, 0, 0, 1])
        rows.append((number, rng.choice("xxyz"), time // unit * unit, partition, arrival))
    return rows


def span(millis):
    return f"{millis}ms"


def made_case(rng, engine, number, logs):
    """A job: the log that it reads, and its lengths in milliseconds."""
    log = rng.choice(sorted(logs))
    step = 2 if log.startswith("dense") else 7 * SECOND
    of = lambda *counts: rng.choice(counts) * step
    case = dict(engine=engine, name=f"{engine}-{number}", log=log, every=0, partitions="none", idle=0, batch="", offset=0, slide=0, lateness=0)
    kinds = {
        "flink": ["tumbling", "tumbling", "hopping", "gaps", "session", "session"],
        "flink-sql": ["tumbling", "tumbling", "hopping", "cumulative", "session"],
        "spark": ["tumbling", "hopping", "session"],
    }[engine]
    case["kind"] = kind = kinds[number % len(kinds)]
    case["size"] = of(3, 5, 8, 10)
    # Spark and Flink SQL take whole slides; a slide of Flink SQL divides the size.
    if kind in ("hopping", "cumulative"):
        case["slide"] = of(1, 2, 3)
        case["size"] = case["slide"] * rng.choice([1, 2, 3, 4])
        if engine == "flink":
            case["size"] += rng.choice([0, 0, step // 2])
    elif kind == "gaps":
        case["slide"] = case["size"] + of(2, 5, 9)
    elif kind == "session":
        case["size"] = of(1, 2, 3, 5)
    if kind in ("tumbling", "hopping") and engine != "spark" and rng.random() < 0.4:
        # Flink takes an offset below the slide.
        case["offset"] = rng.choice([1, step // 2, step]) % (case["slide"] or case["size"])
    case["delay"] = of(0, 0, 1, 2, 5, 10) + rng.choice([0, 0, 1])
    if engine == "flink":
        case["lateness"] = of(0, 0, 1, 3, 10) + rng.choice([0, 0, 1])
        case["partitions"] = rng.choice(["none", "none", "known", "seen"])
        if rng.random() < 0.4:
            case["every"] = of(1, 3, 10)
            # Flink's clock of idle partitions goes by the timer.
            if case["partitions"] != "none" and rng.random() < 0.6:
                case["idle"] = of(2, 5, 12)
    if engine == "spark":
        case["batch"] = rng.choice([f"{rng.choice([7, 11, 16])} records", f"{span(of(12, 20, 30))} of arrival"])
    return case


def job_text(case):
    """The job file; `@` stands for its folder."""
    rule = {} if case["engine"] == "flink" else {"like": case["engine"]}
    if case["every"]:
        rule["every"] = span(case["every"])
    if case["batch"]:
        rule["batch"] = case["batch"]
    source = [f'path = "@/in.csv"', 'time = "t"', 'time_unit = "ms"', 'types = { k = "string" }']
    if case["delay"]:
        source.append(f'out_of_orderness = "{span(case["delay"])}"')
    if case["every"] or "arrival" in case["batch"]:
        source.append('arrival = "a"')
    if case["partitions"] != "none":
        source += ['partition = "p"', f'partitions = "{case["partitions"]}"']
    if case["idle"]:
        source.append(f'idle = "{span(case["idle"])}"')
    if rule:
        source.append("watermark = { " + ", ".join(f'{key} = "{value}"' for key, value in rule.items()) + " }")
    name = {"gaps": "hopping"}.get(case["kind"], case["kind"])
    window = f'{name} = "{span(case["size"])}"'
    if case["slide"]:
        window += f', {"step" if name == "cumulative" else "slide"} = "{span(case["slide"])}"'
    if case["offset"]:
        window += f', offset = "{span(case["offset"])}"'
    if case["lateness"]:
        window += f', allowed_lateness = "{span(case["lateness"])}"'
    output = f'window = {{ {window} }}\nby = ["k"]\nselect = {{ n = "string_agg(cast(n as varchar), \' \' order by n)" }}\n'
    text = 'mode = "streamed"\n[source]\n' + "\n".join(source) + '\n[late]\npath = "@/late.jsonl"\n'
    text += f'[[output]]\npath = "@/windows.csv"\n{output}'
    if has_firings(case):
        text += f'[[output]]\npath = "@/firings.csv"\n{output}firings = true\n'
    return text


def has_firings(case):
    return case["engine"] == "flink" and case["kind"] != "session"


def instant(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000) - BASE


def by_highwater(options, case, log, folder):
    """The windows, firings and late events of a run."""
    shutil.copy(log, folder / "in.csv")
    (folder / "job.toml").write_text(job_text(case).replace("@", str(folder)))
    ran = call(options.highwater, "run", "job.toml", cwd=folder)
    if ran.returncode:
        return {"error": ran.stderr.strip()}
    answers = {}
    for name in ["windows"] + ["firings"] * has_firings(case):
        with open(folder / f"{name}.csv", newline="") as file:
            rows = [[instant(r["window_start"]), instant(r["window_end"]), r["k"], r["n"], r.get("firing")] for r in csv.DictReader(file)]
        answers[name] = sorted([*row, int(firing)] if firing else row for *row, firing in rows)
    answers["late"] = [json.loads(line)["n"] for line in (folder / "late.jsonl").read_text().splitlines()]
    return answers


def numbers(text):
    return " ".join(map(str, sorted(map(int, text.split()))))


def by_datastream(flink, cases, logs, work):
    """What the DataStream API of Flink publishes, by the name of the case."""
    lines = []
    for case in cases:
        kind = {"gaps": "hopping"}.get(case["kind"], case["kind"])
        words = [logs[case["log"]], work / f"{case['name']}.flink", kind, case["size"], case["slide"] or case["size"], case["offset"]]
        words += [case["delay"], case["lateness"], case["every"], case["partitions"], case["idle"]]
        lines.append(" ".join(map(str, words)))
    (work / "jobs").write_text("\n".join(lines) + "\n")
    flink.start("StreamedJobs", work / "jobs", cwd=work)
    told = {}
    for case in cases:
        fired, late = [], []
        for line in (work / f"{case['name']}.flink").read_text().splitlines():
            fields = line.split(",")
            if fields[0] == "L":
                late.append(int(fields[1]))
            else:
                fired.append([int(fields[1]) - BASE, int(fields[2]) - BASE, fields[3], numbers(fields[4])])
        answers = {"late": late}
        if case["kind"] == "session":
            # A session that a later one has taken in is not a result: each event is in the session that fired last with it.
            last = {(row[2], n): i for i, row in enumerate(fired) for n in row[3].split()}
            final = sorted(set(last.values()))
            answers["windows"] = sorted(fired[i] for i in final)
        else:
            seen, firings = {}, []
            for row in fired:
                window = tuple(row[:3])
                seen[window] = seen.get(window, 0) + 1
                firings.append(row + [seen[window]])
            answers["firings"] = sorted(firings)
            answers["windows"] = sorted([list(window) + [row[3]] for window, row in {tuple(row[:3]): row for row in fired}.items()])
        told[case["name"]] = answers
    return told


def interval(millis):
    days, rest = divmod(millis, 86_400_000)
    return f"INTERVAL '{days} {rest // 3_600_000:02}:{rest // MINUTE % 60:02}:{rest // SECOND % 60:02}.{rest % 1000:03}' DAY TO SECOND(3)"


def by_flink_sql(flink, cases, logs, work):
    """What the window table-valued functions of Flink SQL publish, by the name of the case."""
    scripts = []
    for case in cases:
        folder = work / f"{case['name']}.sql-in"
        folder.mkdir()
        # A header would be a record.
        lines = pathlib.Path(logs[case["log"]]).read_text().splitlines(keepends=True)[1:]
        (folder / "in.csv").write_text("".join(lines))
        offset = f", {interval(case['offset'])}" if case["offset"] else ""
        size, slide = interval(case["size"]), interval(case["slide"])
        table = {
            "tumbling": f"TUMBLE(TABLE log, DESCRIPTOR(ts), {size}{offset})",
            "hopping": f"HOP(TABLE log, DESCRIPTOR(ts), {slide}, {size}{offset})",
            "cumulative": f"CUMULATE(TABLE log, DESCRIPTOR(ts), {slide}, {size}{offset})",
            "session": f"SESSION(TABLE log PARTITION BY k, DESCRIPTOR(ts), {size})",
        }[case["kind"]]
        script = work / f"{case['name']}.sql"
        script.write_text(
            "SET 'execution.runtime-mode' = 'streaming';\nSET 'parallelism.default' = '1';\n"
            "SET 'table.local-time-zone' = 'UTC';\nSET 'pipeline.auto-watermark-interval' = '0 ms';\n"
            "CREATE TEMPORARY TABLE log (n BIGINT, k STRING, t BIGINT, p STRING, a BIGINT, ts AS CAST(TO_TIMESTAMP_LTZ(t, 3) AS TIMESTAMP(3)),\n"
            f"  WATERMARK FOR ts AS ts - {interval(case['delay'])}\n"
            f") WITH ('connector' = 'filesystem', 'path' = '{folder}/in.csv', 'format' = 'csv');\n"
            f"SELECT window_start, window_end, k, LISTAGG(CAST(n AS STRING), ' ') AS n FROM TABLE({table})\nGROUP BY window_start, window_end, k;\n"
        )
        scripts.append(script)
    flink.run(scripts, work)
    told = {}
    for case, script in zip(cases, scripts):
        text = script.with_suffix(".csv").read_text()
        if text.startswith("ERROR"):
            told[case["name"]] = {"error": text.strip()}
            continue
        rows = csv.DictReader(text.splitlines())
        told[case["name"]] = {"windows": sorted([instant(r["window_start"]), instant(r["window_end"]), r["k"], numbers(r["n"])] for r in rows)}
    return told


def batches_of(case, rows):
    """The records of each micro-batch; a trigger without records is an empty one."""
    count, word = case["batch"].split(" ", 1)
    if word == "records":
        return [rows[i : i + int(count)] for i in range(0, len(rows), int(count))]
    length = int(count.removesuffix("ms"))
    by = {}
    for row in rows:
        by.setdefault(row[4] // length, []).append(row)
    # Further triggers without records would change nothing.
    wanted = sorted({number + more for number in by for more in (0, 1) if number + more <= max(by)})
    return [by.get(number, []) for number in wanted]


def by_spark(cases, logs, work):
    """What Structured Streaming publishes, by the name of the case."""
    os.environ["TZ"] = "UTC"
    from pyspark.sql import SparkSession, functions as F

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "1")
    builder = builder.config("spark.sql.session.timeZone", "UTC").config("spark.driver.memory", "1g")
    # A batch has a few records: to compile code for it takes longer than to run it.
    builder = builder.config("spark.sql.codegen.factoryMode", "NO_CODEGEN").config("spark.sql.codegen.wholeStage", "false")
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    told = {}
    for case in cases:
        with open(logs[case["log"]], newline="") as file:
            rows = [(int(r["n"]), r["k"], int(r["t"]), r["p"], int(r["a"])) for r in csv.DictReader(file)]
        if "arrival" in case["batch"]:
            rows.sort(key=lambda row: row[4])
        folder = work / f"{case['name']}.spark"
        source = folder / "in"
        source.mkdir(parents=True)
        # Two events of a key of their own, far in the future, end all other windows.
        far = [[(0, "end", BASE + 10**10 * n, "", 0)] for n in (1, 2)]
        for number, batch in enumerate(batches_of(case, rows) + far):
            file = source / f"{number:06}.csv"
            file.write_text("".join(f"{n},{k},{t}\n" for n, k, t, *_ in batch))
            os.utime(file, (1_700_000_000 + number, 1_700_000_000 + number))
        stream = spark.readStream.schema("n BIGINT, k STRING, t BIGINT").option("maxFilesPerTrigger", 1).csv(str(source))
        stream = stream.withColumn("ts", F.timestamp_millis("t")).withWatermark("ts", f"{case['delay']} milliseconds")
        size = f"{case['size']} milliseconds"
        window = {
            "tumbling": lambda: F.window("ts", size),
            "hopping": lambda: F.window("ts", size, f"{case['slide']} milliseconds"),
            "session": lambda: F.session_window("ts", size),
        }[case["kind"]]()
        counted = stream.groupBy(window.alias("w"), "k").agg(F.collect_list("n").alias("n"))
        counted = counted.select(F.unix_millis("w.start").alias("s"), F.unix_millis("w.end").alias("e"), "k", "n")
        query = counted.writeStream.outputMode("append").format("parquet").option("path", str(folder / "out"))
        query.option("checkpointLocation", str(folder / "checkpoint")).trigger(availableNow=True).start().awaitTermination()
        out = spark.read.schema("s BIGINT, e BIGINT, k STRING, n ARRAY<BIGINT>").parquet(str(folder / "out")).collect()
        found = [[r.s - BASE, r.e - BASE, r.k, " ".join(map(str, sorted(r.n)))] for r in out if r.k != "end"]
        told[case["name"]] = {"windows": sorted(found)}
    spark.stop()
    return told


def differences(theirs, ours):
    """What of the answers differs, in words."""
    if "error" in theirs or "error" in ours:
        return [f"{who}: {of['error']}" for who, of in (("the engine", theirs), ("Highwater", ours)) if "error" in of]
    said = []
    for what, answer in theirs.items():
        if answer == ours[what]:
            continue
        if what == "late":
            said.append(f"late events: {answer} of the engine, {ours[what]} here")
            continue
        a, b = [row for row in answer if row not in ours[what]], [row for row in ours[what] if row not in answer]
        said.append(f"{what}: {len(a)} of the engine alone {a[:3]}, {len(b)} here alone {b[:3]}")
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--highwater", default=ROOT / "target/release/highwater", help="the program [target/release/highwater]")
    parser.add_argument("--flink", default=ROOT / "target/flink", help="the folder of Flink's jars [target/flink]")
    parser.add_argument("--engine", choices=["flink", "flink-sql", "spark"], help="one engine alone")
    parser.add_argument("--cases", type=int, default=0, help="jobs of each engine [70, 30 and 16]")
    parser.add_argument("--seed", type=int, default=1, help="the seed of jobs and events [1]")
    parser.add_argument("--write", action="store_true", help="record the answers in tests/streamed/")
    options = parser.parse_args()
    options.highwater = pathlib.Path(options.highwater).resolve()
    rng = random.Random(options.seed)
    wanted = {"flink": 70, "flink-sql": 30, "spark": 16}
    shapes = ["seconds"] * 4 + ["ms"] * 4 + ["dense"] * 4
    made = {f"{shape}-{number}": made_log(rng, shape) for number, shape in enumerate(shapes)}
    # All cases are made, so that those of one engine are the same with the others and without.
    cases = [made_case(rng, engine, number, made) for engine, count in wanted.items() for number in range(options.cases or count)]
    cases = [case for case in cases if options.engine in (None, case["engine"])]
    of = lambda engine: [case for case in cases if case["engine"] == engine]
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary).resolve()
        logs = {}
        for name, rows in made.items():
            logs[name] = work / f"{name}.csv"
            logs[name].write_text("n,k,t,p,a\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
        theirs = {}
        if of("flink") or of("flink-sql"):
            flink = Flink(options.flink)
            print("Flink", flink.version, flush=True)
            theirs |= by_datastream(flink, of("flink"), logs, work) | by_flink_sql(flink, of("flink-sql"), logs, work)
        if of("spark"):
            import pyspark

            print("Spark", pyspark.__version__, flush=True)
            theirs |= by_spark(of("spark"), logs, work)
        failed, counts, lines = 0, {}, []
        for case in cases:
            folder = work / case["name"]
            folder.mkdir()
            ours = by_highwater(options, case, logs[case["log"]], folder)
            answers = theirs[case["name"]]
            said = differences(answers, ours)
            failed += bool(said)
            count = counts.setdefault(case["engine"], dict(jobs=0, same=0, windows=0, late=0, firings=0))
            count["jobs"] += 1
            count["same"] += not said
            for what in ("windows", "firings"):
                count[what] += len(answers.get(what, []))
            count["late"] += len(ours.get("late", []))
            if said:
                print(f"{case['name']} ({case['log']}): " + "; ".join(said) + "\n" + job_text(case), flush=True)
            lines.append(json.dumps({"name": case["name"], "log": case["log"], "job": job_text(case), **answers}, separators=(",", ":")))
        for engine, count in counts.items():
            print(f"{engine}: " + ", ".join(f"{n} {what}" for what, n in count.items()))
        if options.write and not failed:
            shutil.rmtree(RECORDED, ignore_errors=True)
            RECORDED.mkdir(parents=True)
            for name, path in logs.items():
                shutil.copy(path, RECORDED)
            (RECORDED / "answers.jsonl").write_text("\n".join(lines) + "\n")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
