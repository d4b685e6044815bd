"""What every package contains: the stripped binary, completions, man pages, the schema, and texts."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib

from .compiler import ROOT, git

MANIFEST = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
VERSION = MANIFEST["version"]
TARGET = "x86_64-unknown-linux-gnu"
LICENCES = ["LICENSE", "THIRD-PARTY"]


def epoch():
    """The time of every file in a package, so that the same commit gives the same bytes."""
    stated = os.environ.get("SOURCE_DATE_EPOCH") or git("show", "-s", "--format=%ct", "HEAD")
    # Outside of a clone: the first time that a zip file can say.
    return int(stated) if stated else 315532800


def glibc_of(binary):
    """The newest glibc whose symbols a binary needs, and the libraries that it loads."""
    shown = subprocess.run(["readelf", "--version-info", "--dynamic", "--wide", binary], check=True, capture_output=True, text=True).stdout
    versions = [tuple(map(int, v.split("."))) for v in re.findall(r"Name: GLIBC_([0-9.]+)", shown)]
    libraries = re.findall(r"\(NEEDED\).*\[(.*)\]", shown)
    if not versions:
        sys.exit(f"{binary} has no versions of glibc: a static binary, or another C library")
    return ".".join(map(str, max(versions))), libraries


class Staged:
    """A folder with what packages contain. Paths: `binary`, `completions`, `man` (a list), `schema`, `texts`."""

    def __init__(self, binary, most, quick):
        self.source = pathlib.Path(binary).resolve()
        self.most = most
        # How much packages are compressed, as gzip counts it.
        self.level = 1 if quick else 9

    def __enter__(self):
        if not self.source.is_file():
            sys.exit(f"{self.source} is not there")
        # Removed also where a check ends the script.
        self.temporary = tempfile.TemporaryDirectory(prefix="highwater-packages-")
        self.folder = pathlib.Path(self.temporary.name)
        self.binary = self.folder / "highwater"
        shutil.copyfile(self.source, self.binary)
        self.binary.chmod(0o755)
        subprocess.run(["strip", "--strip-all", self.binary], check=True)
        self.version_line = self.say("--version").strip()
        self.glibc, self.libraries = glibc_of(self.binary)
        self.check()
        self.completions = {}
        for shell, name in [("bash", "highwater.bash"), ("zsh", "_highwater"), ("fish", "highwater.fish")]:
            self.completions[shell] = self.folder / "completions" / name
            self.completions[shell].parent.mkdir(exist_ok=True)
            self.completions[shell].write_text(self.say("completions", shell))
        self.say("man", "--out", str(self.folder / "man"))
        self.man = sorted((self.folder / "man").glob("*.1"))
        self.schema = self.folder / "job.schema.json"
        self.schema.write_text(self.say("schema"))
        self.texts = {name: ROOT / name for name in [*LICENCES, "README.md", "CHANGELOG.md"]}
        return self

    def __exit__(self, *_):
        self.temporary.cleanup()

    def say(self, *arguments):
        return subprocess.run([self.binary, *arguments], check=True, capture_output=True, text=True).stdout

    def check(self):
        print(f"binary   {self.version_line}; {self.binary.stat().st_size / 1e6:.1f} MB stripped; "
              f"glibc {self.glibc}; loads {' '.join(self.libraries)}", flush=True)
        found = re.fullmatch(rf"highwater {re.escape(VERSION)} \((\w+)(-modified)?(?:, [0-9-]+)?; features: .*\)", self.version_line)
        if not found:
            sys.exit(f"the binary says `{self.version_line}`, and Cargo.toml has version {VERSION}: another version, or an unknown commit")
        head = git("rev-parse", "--short=10", "HEAD")
        if head and found[1] != head:
            sys.exit(f"the binary is of commit {found[1]}, and the clone is at {head}: build it again")
        if tuple(map(int, self.glibc.split("."))) > tuple(map(int, self.most.split("."))):
            sys.exit(f"the binary needs glibc {self.glibc}, and packages may need {self.most} at most: build it with "
                     f"`eval \"$(scripts/package.py --toolchain)\"`")
        # A library of another package would have to be a dependency of the .deb, and the wheel would not have it.
        others = [name for name in self.libraries if not re.match(r"(libc|libm|libdl|libpthread|librt|ld-linux-x86-64)\.so", name)]
        if others:
            sys.exit(f"the binary loads {' '.join(others)}, which is not a part of glibc")

    def put(self, files, root):
        """Copies files into a tree: {place: source}. Folders have the mode 755, files 644, the binary 755."""
        for place, source in files.items():
            path = root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)
            path.chmod(0o755 if source == self.binary else 0o644)
        time = epoch()
        for path in [root, *root.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)
            os.utime(path, (time, time))
