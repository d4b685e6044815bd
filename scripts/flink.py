#!/usr/bin/env python3
"""The statements of `highwater sql --dialect flink`, run by a real Flink.

Three parts:
  expressions  each expression of tests/expressions that is printed, over its tame rows, in two time zones
  jobs         each output of tests/sql and data/jobs whose statement is printed: Flink runs it in batch mode over the same files,
               and `highwater verify --against -` compares its rows. Once more over files without empty texts between quotes, for
               which Flink's CSV has no words: the jobs that read texts are refused by name over the files as they are.
  live         `sql --live` over made page views, in streaming mode: what Flink publishes in its sink is what
               `run --mode streamed` publishes, and its late events are the late events of the run.

Flink is the wheel apache-flink-libraries (329 MB of jars, no Python of Flink's own): pip downloads it once. It needs Java 17
with javac. CI does not run this.

    cargo build --release && python3 scripts/flink.py                # some minutes
    python3 scripts/flink.py --part live --seed 7 --keep /tmp/flink  # and keep the statements and results

Ends with a table of counts, and with 1 where a row differs or a statement fails.
"""
import argparse, csv, datetime, json, pathlib, random, re, shutil, subprocess, sys, tempfile, tomllib, zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = "apache-flink-libraries"
FINE = ("same", "refused", "valueless")


def call(*args, cwd=ROOT, **kw):
    return subprocess.run([str(a) for a in args], cwd=cwd, capture_output=True, text=True, **kw)


class Flink:
    """Jars, and the compiled program that runs statements."""

    def __init__(self, folder):
        folder = pathlib.Path(folder).resolve()
        if not (folder / "pyflink/lib").exists():
            folder.mkdir(parents=True, exist_ok=True)
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE], check=True)
            for wheel in folder.glob("*.whl"):
                zipfile.ZipFile(wheel).extractall(folder)
                wheel.unlink()
        jars = sorted((folder / "pyflink/lib").glob("*.jar"))
        self.version = next((m[1] for jar in jars if (m := re.match(r"flink-dist-(.*)\.jar", jar.name))), "?")
        self.path = ":".join(map(str, jars + [folder / "classes"]))
        (folder / "classes").mkdir(exist_ok=True)
        sources = sorted((ROOT / "scripts/flink").glob("*.java"))
        subprocess.run(["javac", "-cp", self.path, "-d", folder / "classes", *sources], check=True)

    def run(self, scripts, cwd):
        """Runs files of statements in one JVM. The rows of each last SELECT are in a file beside it, or `ERROR`."""
        self.start("RunStatements", *(f"{script}={script.with_suffix('.csv')}" for script in scripts), cwd=cwd)

    def start(self, program, *args, cwd):
        """Runs one of the programs of `scripts/flink`."""
        opens = [f"--add-opens=java.base/java.{room}=ALL-UNNAMED" for room in ("util", "lang", "time")]
        ran = call("java", "-Dlog4j2.level=OFF", "-Xmx1g", *opens, "-cp", self.path, program, *args, cwd=cwd)
        if ran.returncode:
            sys.exit(f"Flink ended with {ran.returncode}:\n{ran.stderr[-3000:]}")


def outputs(job):
    with open(job, "rb") as file:
        return [output["path"] for output in tomllib.load(file)["output"]]


def without_empty_texts(folder):
    """Writes a letter in place of each empty text between quotes."""
    for file in folder.glob("*.csv"):
        rows = file.read_text()
        file.write_text(re.sub(r'(?<=[,|\t\n])""(?=[,|\t\r\n])', '"e"', rows))


def run_jobs(options, flink, work, emptied):
    """Runs all outputs, and gives what became of each."""
    place = work / ("emptied" if emptied else "as-they-are")
    shutil.copytree(ROOT / "tests/sql", place / "tests/sql")
    shutil.copytree(ROOT / "data", place / "data")
    if emptied:
        without_empty_texts(place / "tests/sql/data")
    jobs = sorted((place / "tests/sql").glob("*.toml"))
    jobs += [] if emptied else sorted((place / "data/jobs").glob("*.toml"))
    wanted = [job for job in jobs if not options.only or job.stem in options.only or job.name[:2] in options.only]
    told, scripts = {}, {}
    for job in wanted:
        name = job.relative_to(place)
        for number, output in enumerate(outputs(job)):
            printed = call(options.highwater, "sql", name, "--dialect", "flink", "--output", output, cwd=place)
            if printed.returncode:
                told[job.stem, output] = "refused: " + printed.stderr.splitlines()[0].removeprefix("error: ")
                continue
            script = place / f"{job.stem}.{number}.sql"
            script.write_text(printed.stdout)
            scripts[script] = (name, job.stem, output)
    if scripts:
        flink.run(list(scripts), place)
    ran = set()
    for script, (name, stem, output) in scripts.items():
        if name not in ran:
            call(options.highwater, "run", name, cwd=place)
            ran.add(name)
        rows = script.with_suffix(".csv").read_text()
        if rows.startswith("ERROR"):
            told[stem, output] = "failed: " + rows[6:].strip().splitlines()[0]
            continue
        same = call(options.highwater, "verify", name, "--output", output, "--against", "-", cwd=place, input=rows)
        lines = (same.stdout + same.stderr).strip().splitlines() or ["?"]
        told[stem, output] = "same" if same.returncode == 0 else "other: " + " | ".join(lines[:4])
    return told


TYPES = {
    "i": "int64", "j": "int64", "k": "int64", "f": "float64", "g": "float64", "d": "decimal(18,4)", "e": "decimal(30,10)", "s": "string",
    "u": "string", "b": "bool", "c": "bool", "t": "timestamp", "v": "timestamp", "a": "date", "z": "date", "n": "string", "w": "string", "x": "string",
}


def tame_rows():
    """The rows of tests/expressions of which most expressions have a value: no overflow, no division by zero. As objects."""
    text = (ROOT / "tests/expressions/rows.csv").read_text()
    names, *lines = re.split(r"\n(?=\d+,)", text.rstrip("\n"))
    rows = []
    for line in lines:
        found = re.findall(r'(?:^|,)(?:("(?:[^"]|"")*")|([^,]*))', line)
        values = [quoted[1:-1].replace('""', '"') if quoted else plain or None for quoted, plain in found]
        row = dict(zip(names.split(","), values))
        numbers = [row[name] for name in "ijkfgde" if row[name] is not None]
        tame = all(re.fullmatch(r"[-+]?[0-9.]+", n) and abs(float(n)) < 1e9 for n in numbers)
        tame = tame and not any(row[name] is not None and float(row[name]) == 0 for name in "jk")
        times = [row[name] for name in "tvaz" if row[name] is not None]
        if tame and all("1901" <= time[:4] < "2099" for time in times):
            rows.append(row)
    return rows


def expressions_of_table():
    lines = (ROOT / "tests/expressions/table.txt").read_text().splitlines()
    lines += (ROOT / "tests/expressions/random.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("#", " "))]


def run_expressions(options, flink, work, zone):
    """Each expression of tests/expressions that is printed, over rows of JSON Lines."""
    folder = work / ("expressions-" + zone.replace("/", "-"))
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in tame_rows()))
    types = "".join(f'{name} = "{ty}"\n' for name, ty in TYPES.items())

    def write(name, asked):
        steps = "".join(f"x{number} = {json.dumps(sql, ensure_ascii=False)}\n" for number, sql in enumerate(asked))
        columns = ", ".join(f'"x{number}"' for number in range(len(asked)))
        (folder / f"{name}.toml").write_text(
            f'timezone = "{zone}"\n[source]\npath = "rows.jsonl"\ntime = "at"\n[source.types]\nid = "int64"\n{types}'
            f'[[step]]\n[step.derive]\n{steps}[[output]]\npath = "{name}.csv"\nselect = ["id", {columns}]\n'
        )

    told, able = {}, []
    for sql in expressions_of_table():
        if zone != "UTC" and not re.search(r"\b[tvaz]\b", sql) or options.only and sql not in options.only:
            continue
        write("one", [sql])
        if call(options.highwater, "run", "one.toml", cwd=folder).returncode:
            told[sql, zone] = "valueless: it fails in a run"
            continue
        printed = call(options.highwater, "sql", "one.toml", "--dialect", "flink", cwd=folder)
        if printed.returncode:
            told[sql, zone] = "refused: " + printed.stderr.splitlines()[0].removeprefix("error: ")
        else:
            able.append(sql)
    chunks = {f"chunk-{at}": able[at : at + options.chunk] for at in range(0, len(able), options.chunk)}
    scripts = {}
    for name, asked in chunks.items():
        write(name, asked)
        call(options.highwater, "run", f"{name}.toml", cwd=folder)
        script = folder / f"{name}.sql"
        script.write_text(call(options.highwater, "sql", f"{name}.toml", "--dialect", "flink", cwd=folder).stdout)
        scripts[script] = (name, asked)
    if scripts:
        # The result is beside the statements, and not over the output.
        moved = {script.rename(folder / f"flink-{script.name}"): what for script, what in scripts.items()}
        flink.run(list(moved), folder)
        scripts = moved
    for script, (name, asked) in scripts.items():
        rows = script.with_suffix(".csv").read_text()
        if rows.startswith("ERROR"):
            why = rows[6:].strip().splitlines()[0]
            told.update({(sql, zone): f"failed, or one of its chunk: {why}" for sql in asked})
            continue
        same = call(options.highwater, "verify", f"{name}.toml", "--against", "-", "--json", "--show", "1000", cwd=folder, input=rows)
        sides = {"here": {}, "there": {}}
        try:
            compared = json.loads(same.stdout)["outputs"][0]
        except ValueError:
            sys.exit(f"verify of {folder / name}: {same.stderr}")
        for row in compared["differences"]:
            sides[row["only"]][row["key"]["id"]] = row["key"]
        for number, sql in enumerate(asked):
            pairs = [
                (sides["here"][row].get(f"x{number}"), sides["there"].get(row, {}).get(f"x{number}"))
                for row in sides["here"]
            ]
            wrong = [f"{a} here, {b} there" for a, b in pairs if a != b]
            schema = [str(change) for change in compared["schema"] if f"'x{number}'" in str(change)]
            bad = schema or wrong[:3]
            told[sql, zone] = "same" if not bad else "other: " + " | ".join(bad)
    return told


# Windows, the delay of the watermark, and how times are written.
CASES = {
    "minute": ('{ tumbling = "1m" }', "20s", "s"),
    "minute-no-delay": ('{ tumbling = "1m" }', "0s", "s"),
    "minute-hour": ('{ tumbling = "1m" }', "1h", "s"),
    "minute-ms": ('{ tumbling = "1m" }', "20s", "ms"),
    "offset": ('{ tumbling = "7m", offset = "90s" }', "20s", "ms"),
    "half-hour-iso": ('{ tumbling = "30m" }', "20s", "iso"),
    "hop": ('{ hopping = "5m", slide = "1m" }', "20s", "s"),
    "hop-offset-ms": ('{ hopping = "4m", slide = "2m", offset = "-30s" }', "5s", "ms"),
    "cumulate": ('{ cumulative = "10m", step = "2m" }', "20s", "ms"),
    "day": ('{ cumulative = "1 day", step = "1h" }', "1m", "iso"),
    "session": ('{ session = "30s" }', "20s", "s"),
    "session-ms": ('{ session = "10s" }', "0s", "ms"),
    "local": ('{ tumbling = "15m" }', "20s", "local"),
}


def made_events(case, seed, written):
    """Page views in their order of arrival: number, key, time. Some are late, and some are exactly on a bound."""
    rng = random.Random(f"{case} {seed}")
    # Around the night on which clocks are put back in London.
    now, events = 1_729_980_000_000, []
    for number in range(4000):
        now += rng.choice([0, 1, 500, 1000, 1000, 1500, 4000])
        late = rng.choice([0] * 12 + [rng.randrange(1, 30_000)] * 4 + [rng.randrange(1, 400_000)] * 2)
        time = now - late
        if rng.random() < 0.05:
            time -= time % 60_000
        if written in ("s", "local"):
            time -= time % 1000
        events.append((number, rng.choice("abcde"), time))
    return events


def as_text(millis, written):
    at = datetime.datetime.fromtimestamp(millis / 1000, datetime.timezone.utc)
    if written == "s":
        return str(millis // 1000)
    if written == "ms":
        return str(millis)
    text = at.strftime("%Y-%m-%dT%H:%M:%S")
    if written == "local":
        import zoneinfo

        # With an offset where the clock shows a time twice.
        local = at.astimezone(zoneinfo.ZoneInfo("Europe/London"))
        twice = local.fold or local.replace(fold=1).utcoffset() != local.utcoffset()
        return local.strftime("%Y-%m-%d %H:%M:%S") + (local.strftime("%z") if twice else "")
    return text + f".{millis % 1000:03}Z" if millis % 1000 else text + "Z"


def live_job(folder, case, seed):
    """Writes a job and its events."""
    window, delay, written = CASES[case]
    folder.mkdir(parents=True)
    lines = [f"{number},{key},{as_text(time, written)}" for number, key, time in made_events(case, seed, written)]
    (folder / "in.csv").write_text("n,k,t\n" + "\n".join(lines) + "\n")
    unit = f'time_unit = "{written}"\n' if written in ("s", "ms") else ""
    zone = 'timezone = "Europe/London"\n' if written == "local" else ""
    (folder / "job.toml").write_text(
        f'{zone}[source]\npath = "in.csv"\ntime = "t"\n{unit}out_of_orderness = "{delay}"\n'
        f'[late]\npath = "late.jsonl"\n'
        f'[[output]]\npath = "counts.csv"\nmode = "streamed"\nwindow = {window}\nby = ["k"]\n'
        f'select = {{ c = "count(*)", s = "sum(n)", q = "sum(n * n)" }}\n'
    )


def instant(text):
    """Milliseconds since 1970. Without an offset it is UTC."""
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    at = at if at.tzinfo else at.replace(tzinfo=datetime.timezone.utc)
    return round(at.timestamp() * 1000)


def windows_of(rows):
    return sorted((instant(r["window_start"]), instant(r["window_end"]), r["k"], int(r["c"]), int(r["s"]), int(r["q"])) for r in rows)


def lines_of_sink(folder):
    """The records of a table of files: those that a checkpoint has finished."""
    return [json.loads(line) for file in sorted(folder.glob("part-*")) for line in file.read_text().splitlines()]


def run_live(options, flink, work):
    told, scripts = {}, {}
    for case in CASES:
        if options.only and case not in options.only:
            continue
        folder = work / "live" / case
        live_job(folder, case, options.seed)
        printed = call(options.highwater, "sql", "job.toml", "--dialect", "flink", "--live", cwd=folder)
        if printed.returncode:
            told[case, "live"] = "refused: " + printed.stderr.splitlines()[0]
            continue
        # One JVM runs all cases, so that paths cannot be those of its folder.
        text = re.sub(r"'path' = '(?!/)", f"'path' = '{folder}/", printed.stdout)
        (folder / "live.sql").write_text(text)
        scripts[folder / "live.sql"] = (case, folder)
    if scripts:
        flink.run(list(scripts), work)
    for script, (case, folder) in scripts.items():
        said = script.with_suffix(".csv").read_text()
        if said.startswith("ERROR"):
            told[case, "live"] = "failed: " + said[6:].strip().splitlines()[0]
            continue
        ran = call(options.highwater, "run", "job.toml", "--json", cwd=folder)
        if ran.returncode:
            told[case, "live"] = "failed: " + ran.stderr
            continue
        with open(folder / "counts.csv", newline="") as file:
            ours = windows_of(csv.DictReader(file))
        theirs = windows_of(lines_of_sink(folder / "counts-live"))
        late = sorted(json.loads(line)["n"] for line in open(folder / "late.jsonl"))
        has_late = (folder / "late-live").exists()
        their_late = sorted(line["n"] for line in lines_of_sink(folder / "late-live")) if has_late else late
        counted = f"{len(ours)} windows, {sum(row[3] for row in ours)} events, {len(late)} late"
        if not has_late and "_late" in script.read_text():
            told[case, "live"] = "other: Flink has no late events" if late else f"same ({counted})"
        elif ours == theirs and late == their_late:
            told[case, "live"] = f"same ({counted}{'' if has_late else ', whose table SQL cannot make'})"
        else:
            a, b = set(theirs) - set(ours), set(ours) - set(theirs)
            told[case, "live"] = (
                f"other: {counted}; Flink alone {len(a)} {sorted(a)[:3]}, the run alone {len(b)} {sorted(b)[:3]}; "
                f"late of Flink {len(their_late)}"
            )
    return told


def count(told):
    counts = {}
    for what in told.values():
        word = re.match(r"\w+", what)[0]
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))


def report(title, told, options):
    print(f"\n{title}: {len(told)} tried, {count(told)}")
    for (job, output), what in told.items():
        if options.all or not what.startswith(FINE):
            print(f"  {job} {output}: {what}")
    return sum(not what.startswith(FINE) for what in told.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--highwater", default=ROOT / "target/release/highwater", help="the program [target/release/highwater]")
    parser.add_argument("--flink", default=ROOT / "target/flink", help="the folder of Flink's jars [target/flink]")
    parser.add_argument("--part", choices=["jobs", "expressions", "live"], help="one part alone")
    parser.add_argument("--only", type=lambda text: set(text.split(",")), help="jobs or cases, with commas between")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the made events [1]")
    parser.add_argument("--keep", type=pathlib.Path, help="keep statements and results in this folder")
    parser.add_argument("--chunk", type=int, default=25, help="expressions in a statement [25]")
    parser.add_argument("--all", action="store_true", help="show what is the same or refused too")
    options = parser.parse_args()
    options.highwater = pathlib.Path(options.highwater).resolve()
    flink = Flink(options.flink)
    print("Flink", flink.version)
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        work = (options.keep or pathlib.Path(temporary)).resolve()
        if options.part in (None, "expressions"):
            for zone in ("UTC", "America/New_York"):
                failed += report(f"expressions, {zone}", run_expressions(options, flink, work, zone), options)
        if options.part in (None, "jobs"):
            failed += report("jobs, files as they are", run_jobs(options, flink, work, False), options)
            failed += report("jobs, files without empty texts between quotes", run_jobs(options, flink, work, True), options)
        if options.part in (None, "live"):
            failed += report("live", run_live(options, flink, work), options)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
