#!/usr/bin/env python3
"""The JSON Schema of the job file against jobs: those that run are valid, and broken ones are not.

    python3 scripts/schema.py                # a second

Every job of data/jobs and tests/sql has to be valid by data/job.schema.json; every one of the broken jobs below must
not be, at the place that is named; `highwater check` has to refuse it too, where the program is built. Every example
in the schema has to be valid by the schema of its own key. jsonschema is installed by pip where it is missing.
"""
import json, pathlib, subprocess, sys, tempfile, tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/release/highwater"

RIGHT = """
[source]
path = "x.csv"
time = "t"
[[output]]
path = "o.csv"
by = ["k"]
select = { n = "count(*)" }
"""

# What is replaced by what, and the key at which the schema has to object: "" is the job itself.
BROKEN = [
    ('[source]', '[sorce]', ""),
    ('path = "x.csv"', 'path = 1', "source.path"),
    ('path = "x.csv"', 'path = ["a", 2]', "source.path"),
    ('path = "x.csv"', '', "source"),
    ('time = "t"', '', "source"),
    ('time = "t"', 'time = "t"\ntime_unit = "sec"', "source.time_unit"),
    ('time = "t"', 'time = "t"\nformat = "xml"', "source.format"),
    ('time = "t"', 'time = "t"\ntypes = { a = 1 }', "source.types.a"),
    ('time = "t"', 'time = "t"\ndelimiter = ";;"', "source.delimiter"),
    ('time = "t"', 'time = "t"\non_bad_record = "skip"', "source.on_bad_record"),
    ('time = "t"', 'time = "t"\nidle = 60', "source.idle"),
    ('time = "t"', 'time = "t"\nwritten = { a = { thousands = ";" } }', "source.written.a.thousands"),
    ('time = "t"', 'time = "t"\nlog = "kafka"', "source.log"),
    ('time = "t"', 'time = "t"\nenvelope = true', "source.envelope"),
    ('[source]', 'threads = 0\n[source]', "threads"),
    ('[source]', 'threads = "2"\n[source]', "threads"),
    ('[source]', 'mode = "live"\n[source]', "mode"),
    ('[[output]]', '[[step]]\n[[output]]', "step.0"),
    ('[[output]]', '[[step]]\nfilter = "a"\ndedup = ["k"]\n[[output]]', "step.0"),
    ('[[output]]', '[[step]]\nfirst = ["k"]\n[[output]]', "step.0"),
    ('[[output]]', '[[step]]\nfitler = "a"\n[[output]]', "step.0"),
    ('[[output]]', '[[step]]\nenrich = "t"\non = ["k"]\n[[output]]', "step.0"),
    ('[[output]]', '[[step]]\nlookup = "http://h/{k}"\ntake = { a = "/a" }\nin_flight = 0\n[[output]]', "step.0.in_flight"),
    ('[[output]]', '[[step]]\nlookup = "http://h/{k}"\ntake = { a = "/a" }\notherwise = [{ constnat = { a = 1 } }]\n[[output]]', "step.0.otherwise.0"),
    ('path = "o.csv"', '', "output.0"),
    ('path = "o.csv"', 'path = "o.csv"\nformat = "xls"', "output.0.format"),
    ('by = ["k"]', 'by = ["k"]\nwindow = { tumbling = "1m", session = "1m" }', "output.0.window"),
    ('by = ["k"]', 'by = ["k"]\nwindow = { hopping = "1m" }', "output.0.window"),
    ('by = ["k"]', 'by = ["k"]\nwindow = "all"', "output.0.window"),
    ('by = ["k"]', 'by = ["k"]\ntop = { n = 0, by = "n" }', "output.0.top.n"),
    ('by = ["k"]', 'by = ["k"]\nfirings = "yes"', "output.0.firings"),
    ('by = ["k"]', 'by = ["k"]\narchive = true', "output.0"),
    ('[[output]]', '[late]\n[[output]]', "late"),
]


def jsonschema():
    try:
        import jsonschema as package
    except ImportError:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--break-system-packages", "jsonschema"], check=True)
        import jsonschema as package
    return package


def main():
    package = jsonschema()
    schema = json.loads((ROOT / "data/job.schema.json").read_text())
    package.Draft202012Validator.check_schema(schema)
    validator = package.Draft202012Validator(schema)
    wrong = []

    jobs = sorted((ROOT / "data/jobs").glob("*.toml")) + sorted((ROOT / "tests/sql").glob("*.toml"))
    assert len(jobs) > 60, jobs
    for job in jobs:
        for error in validator.iter_errors(tomllib.loads(job.read_text())):
            wrong.append(f"{job.relative_to(ROOT)}: {error.json_path}: {error.message}")

    assert validator.is_valid(tomllib.loads(RIGHT))
    for old, new, place in BROKEN:
        assert old in RIGHT, old
        text = RIGHT.replace(old, new, 1)
        places = {".".join(map(str, error.absolute_path)) for error in validator.iter_errors(tomllib.loads(text))}
        # An object as a whole (`archive`) is refused by what it has.
        if not any(found == place or found.startswith(f"{place}.") for found in places if place or not found):
            wrong.append(f"{new!r} is not refused at `{place}`, but at {sorted(places)}")
        if PROGRAM.exists():
            with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
                file.write(text)
                file.flush()
                code = subprocess.run([PROGRAM, "check", file.name], capture_output=True).returncode
            if code != 2:
                wrong.append(f"{new!r} is refused by the schema, and `highwater check` ends with {code}")

    examples = 0

    def walk(node, path):
        nonlocal examples
        if isinstance(node, dict):
            for example in node.get("examples", []) if isinstance(node.get("examples"), list) else []:
                examples += 1
                own = {"$schema": schema["$schema"], "$defs": schema["$defs"], **node}
                for error in package.Draft202012Validator(own).iter_errors(example):
                    wrong.append(f"the example {example!r} at {path}: {error.message}")
            if "default" in node and not isinstance(node["default"], dict):
                own = {"$schema": schema["$schema"], "$defs": schema["$defs"], **node}
                for error in package.Draft202012Validator(own).iter_errors(node["default"]):
                    wrong.append(f"the default {node['default']!r} at {path}: {error.message}")
            for key, value in node.items():
                walk(value, f"{path}/{key}")
        elif isinstance(node, list):
            for i, value in enumerate(node):
                walk(value, f"{path}/{i}")

    walk(schema, "")
    for line in wrong:
        print(line)
    print(f"{len(jobs)} jobs, {len(BROKEN)} broken ones, {examples} examples: {'all as they should be' if not wrong else f'{len(wrong)} wrong'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
