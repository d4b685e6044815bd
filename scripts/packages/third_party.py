"""THIRD-PARTY: the licences of all code that the binary contains, made from the sources that cargo has downloaded.

The file is kept, so that a clone and a crate have it. CI makes it again and compares; this takes seconds.
"""
import json
import pathlib
import re
import subprocess
import sys

from .compiler import ROOT
from .contents import TARGET

FILE = ROOT / "THIRD-PARTY"
HEAD = ROOT / "scripts" / "packages" / "third-party.txt"
MAKE = "scripts/package.py --third-party --write"
# The licences that we accept. A crate that has none of them is an error.
ACCEPTED = {"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "ISC", "Unicode-3.0", "Zlib", "0BSD", "bzip2-1.0.6", "CDLA-Permissive-2.0"}
# What files of licences and of notices are called.
TEXT = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)
# Of the texts of a crate that offers a choice, only the file of the other licence is left out.
NOT_TAKEN = re.compile(r"unlicense|cc0|mit-?0|boost|bsl", re.IGNORECASE)


class Faulty(Exception):
    """A licence is missing, or is one that we do not accept."""


def crates():
    """The packages that the binary contains: none of tests or of build scripts."""
    # Cargo.lock decides the versions. The features are all of ours, so that each kind of build is covered.
    shown = subprocess.run(["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET, "--all-features"],
                           cwd=ROOT, check=True, capture_output=True, text=True).stdout
    metadata = json.loads(shown)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, waiting = set(), [metadata["resolve"]["root"]]
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            used = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            # A procedural macro runs in the compiler, and so do its own dependencies.
            macro = any("proc-macro" in target["kind"] for target in packages[dependency["pkg"]]["targets"])
            if used and not macro and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    return sorted((packages[name] for name in found), key=lambda package: (package["name"], package["version"]))


def accepted(expression):
    """Whether an SPDX expression can be met by accepted licences. `A/B` is the old way to write `A OR B`."""
    words = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def either():
        met = both()
        while words and words[0] == "OR":
            words.pop(0)
            # Both sides are read, also where the first one is accepted.
            met = both() or met
        return met

    def both():
        met = one()
        while words and words[0] == "AND":
            words.pop(0)
            met = one() and met
        return met

    def one():
        word = words.pop(0)
        if word == "(":
            met = either()
            words.pop(0)
            return met
        if words and words[0] == "WITH":
            # An exception only permits more.
            del words[:2]
        return word in ACCEPTED

    return either() and not words


def texts(package):
    """The texts of licences and notices in a crate: {name of the file: text}."""
    folder = pathlib.Path(package["manifest_path"]).parent
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        # Folders of licences, and code that a crate brings with texts of its own.
        if path.is_file() and TEXT.search(path.name) and path.suffix.lower() in ("", ".txt", ".md", ".rst", ".apache", ".mit", ".html") and "target" not in inside.parts:
            text = tidy(path.read_text(encoding="utf-8", errors="replace"))
            # zstd offers BSD as well, and only the programs of lz4 are under the GPL: their libraries are what we contain.
            if "GNU GENERAL PUBLIC LICENSE" not in text.upper():
                found[str(inside)] = text
    return found


def tidy(text):
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def borrowed(package, packages):
    """The texts of a crate that brings none: those of a crate of the same repository, or the standard one of Apache-2.0."""
    for other in packages:
        found = texts(other)
        if package["repository"] and other["repository"] == package["repository"] and other["license"] == package["license"] and found:
            return list(found.values())
    if "Apache-2.0" in package["license"]:
        return [tidy((ROOT / "LICENSE").read_text())]
    raise Faulty(f"{package['name']} {package['version']} ({package['license']}) brings no text, and there is no standard one here")


def made():
    """The file: a list of crates, and each text once with the crates that have it."""
    listed, users = [], {}
    packages = crates()
    for package in packages:
        name = f"{package['name']} {package['version']}"
        expression = package["license"] or ""
        if not expression or not accepted(expression):
            raise Faulty(f"{name} has the licence {expression!r}, of which none is accepted")
        listed.append(f"  {name}  {expression}\n")
        choice = " OR " in expression or "/" in expression
        found = {file: text for file, text in texts(package).items() if not (choice and NOT_TAKEN.search(file))}
        for text in found.values() or borrowed(package, packages):
            users.setdefault(text, []).append(name)
    parts = [HEAD.read_text(), "\nCRATES\n\n", *listed, "\nTEXTS\n"]
    # The words are the same where only the line ends, the case or the blanks differ: the first one stands for all.
    merged = {}
    for text, names in users.items():
        merged.setdefault(" ".join(text.lower().split()), (text, []))[1].extend(names)
    for text, names in sorted(merged.values(), key=lambda pair: (pair[1], pair[0])):
        parts.append(f"\n{'=' * 100}\n{', '.join(dict.fromkeys(names))}\n{'-' * 100}\n{text}\n")
    return "".join(parts)


def differences():
    """What is not current, in lines; nothing where the file is."""
    try:
        wanted = made()
    except Faulty as error:
        return [str(error)]
    kept = FILE.read_text()
    if kept == wanted:
        return []
    lists = [set(text.split("\nTEXTS\n")[0].splitlines()) for text in (kept, wanted)]
    lines = [f"not in the binary: {line.strip()}" for line in sorted(lists[0] - lists[1])]
    lines += [f"missing: {line.strip()}" for line in sorted(lists[1] - lists[0])]
    return lines or ["the texts of licences differ"]


def check():
    lines = differences()
    print("\n".join(lines + [f"make it again: {MAKE}"]) if lines else "THIRD-PARTY is current")
    return 1 if lines else 0


def write():
    try:
        FILE.write_text(made())
    except Faulty as error:
        sys.exit(str(error))
    return check()
