"""A folder in which cases run, one after the other, and what lies in it before and after."""
import json
import os
import pathlib
import random
import shutil

from . import process

ACCOUNT = ["rejected", "filtered", "duplicate", "late", "counted"]


class Lab:
    """The folder of one worker: `case` is where the program runs; what lies beside and in `victim` nobody may touch."""

    def __init__(self, binary, folder):
        self.binary, self.folder = str(binary), pathlib.Path(folder)
        self.case = self.folder / "case"
        self.runs = 0
        self._priors = {}
        (self.folder / "tmp").mkdir(parents=True)
        self.clear()
        os.chdir(self.case)

    def clear(self):
        """An empty folder with victims in it and beside it."""
        if self.case.exists():
            for entry in os.scandir(self.case):
                remove(entry.path)
        self.case.mkdir(exist_ok=True)
        for victim in (self.folder / "victim", self.case / "victim"):
            if victim.exists():
                shutil.rmtree(victim)
            victim.mkdir()
            (victim / "a").write_bytes(b"mine\n")
            (victim / "sub").mkdir()
            (victim / "sub" / "b.csv").write_bytes(b"at,n\n1,2\n")

    def tree_of(self, job, files):
        """What lies in `out` after a run of `job` over good files, for cases that begin with it."""
        key = (job, tuple(files.items()))
        if key not in self._priors:
            self.clear()
            put(files)
            put({"job.toml": job.encode()})
            result = process.run(self.binary, ["run", "job.toml", "--threads", "1", "--quiet"])
            if result.code != 0:
                raise RuntimeError(f"a seed does not run:\n{job}\n{result.err.decode(errors='replace')}")
            self._priors[key] = {name: data for name, data in tree().items() if name.startswith("out/")}
            self.clear()
        return self._priors[key]


class Case:
    """One case: a random generator of its own, runs of the program, and findings."""

    def __init__(self, lab, kind, seed, number):
        self.lab, self.kind, self.number = lab, kind, number
        self.rng = random.Random(f"{seed}/{kind}/{number}")
        self.findings = []
        self.said = []
        lab.clear()

    def maybe(self, share):
        return self.rng.random() < share

    def find(self, what):
        self.findings.append(what)

    def run(self, *args, env=None):
        """Runs the program; a broken bound is a finding."""
        self.lab.runs += 1
        result = process.run(self.lab.binary, list(args), env)
        self.said.append(result)
        for fault in result.faults:
            self.find(f"{args[0]}: {fault}")
        return result

    def machine(self):
        """One way to use the machine: never shows in a result."""
        args = ["--threads", self.rng.choice(["2", "2", "3"]), "--chunk-size", self.rng.choice(["1", "7", "64", "200", "1000", "65536"])]
        return args + (["--memory", "1"] if self.maybe(0.15) else [])

    def balance(self, result):
        """The account that a run printed has to balance."""
        try:
            account = json.loads(result.out)["account"]
        except (ValueError, KeyError, TypeError):
            return self.find("run: stdout is not the JSON of --json")
        if account["read"] != sum(account[name] for name in ACCOUNT):
            self.find(f"the account does not balance: {account}")

    def untouched(self, before, after, what):
        """Compares all that does not lie in `out`, and the victims beside the case."""
        for name in sorted(before.keys() | after.keys()):
            if not name.startswith("out/") and name != "out" and before.get(name) != after.get(name):
                self.find(f"{what}: {name} was {change(before.get(name), after.get(name))}")

    def same(self, before, after, what):
        """Compares whole trees."""
        names = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
        if names:
            shown = ", ".join(f"{name} {change(before.get(name), after.get(name))}" for name in names[:4])
            self.find(f"{what}: {shown}")


def change(before, after):
    if before is None:
        return "made"
    return "removed" if after is None else "changed"


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def put(files):
    """Writes files, by paths from the case's folder; `Link` and `Folder` make what they say."""
    for name, data in files.items():
        folder = os.path.dirname(name)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if isinstance(data, Link):
            if os.path.lexists(name):
                remove(name)
            os.symlink(data.to, name)
        else:
            with open(name, "wb") as out:
                out.write(data)


class Link:
    """A symbolic link."""

    def __init__(self, to):
        self.to = to

    def __eq__(self, other):
        return isinstance(other, Link) and self.to == other.to

    def __hash__(self):
        return hash(self.to)


def tree(folder="."):
    """Every file and link below the case's folder, and the victims beside it. Folders count only among victims; stamps of
    inputs are no result, and are written only where these are two seconds old."""
    found = {}
    roots = [folder] if folder != "." else [".", "../victim"]
    for root in roots:
        for path, folders, names in os.walk(os.fsencode(root)):
            for name in names + [f for f in folders if os.path.islink(os.path.join(path, f))]:
                full = os.path.join(path, name)
                shown = os.fsdecode(full).removeprefix("./")
                if name in (b"stamps", b"stamps.tmp") and b"_highwater" in full.split(b"/"):
                    continue
                if os.path.islink(full):
                    found[shown] = Link(os.readlink(full))
                elif os.path.isfile(full):
                    with open(full, "rb") as file:
                        found[shown] = file.read()
    return found


def clear_outputs():
    if os.path.lexists("out"):
        remove("out")
    for name in os.listdir(os.fsencode("../tmp")):
        remove(os.path.join(b"../tmp", name))


