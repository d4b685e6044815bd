"""Builds the program for an old glibc, with zig as the C compiler and the linker.

A program that is linked here needs the glibc of this machine. zig has the symbols of every glibc, so the program that
it links runs on older systems too. `cargo-zigbuild` translates what rustc says to a linker for zig; both come from PyPI.
The tests of CI run with the same compiler, so the packages contain the binary that was tested.
"""
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / "target" / "packages"
# The glibc of Debian 10, RHEL 8 and manylinux_2_28.
GLIBC = "2.28"
# Another version of zig may link in another way, so versions are fixed.
TOOLCHAIN = ["cargo-zigbuild==0.24.1", "ziglang==0.17.1"]


def python(name, packages):
    """The Python of a virtual environment that has these packages."""
    folder = TOOLS / name
    program = folder / "bin" / "python"
    marker = folder / "packages.txt"
    wanted = "\n".join(packages)
    if not marker.exists() or marker.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, stdout=sys.stderr)
        subprocess.run([program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True, stdout=sys.stderr)
        marker.write_text(wanted)
    return program


def wrappers():
    """A C compiler and a C++ compiler that are also linkers; gives their folder."""
    program = python("zig", TOOLCHAIN)
    folder = TOOLS / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name, language in [("zig-cc", "cc"), ("zig-cxx", "c++")]:
        script = folder / name
        # zig traps on undefined behaviour in C by default; the C of crates is built as other compilers build it.
        text = (f"#!/bin/sh\nexport CARGO_ZIGBUILD_ZIG_COMMAND={shlex.quote(str(program))} CARGO_ZIGBUILD_ZIG_COMMAND_ARGS='-m ziglang'\n"
                f"exec {shlex.quote(str(program.parent / 'cargo-zigbuild'))} zig {language} -- "
                f"-fno-sanitize=all -target x86_64-linux-gnu.{GLIBC} \"$@\"\n")
        # A file that stays the same keeps its time, so that cargo does not build again.
        if not script.exists() or script.read_text() != text:
            script.write_text(text)
            script.chmod(0o755)
    return folder


def variables():
    folder = wrappers()
    return {
        "CC": str(folder / "zig-cc"),
        "CXX": str(folder / "zig-cxx"),
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER": str(folder / "zig-cc"),
        "HIGHWATER_BUILD": build_name(),
    }


def exports():
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables().items())


def git(*arguments):
    done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def build_name():
    """What `--version` says of the build: the commit and its date. Empty outside of a clone."""
    commit = git("rev-parse", "--short=10", "HEAD")
    if not commit:
        return ""
    changed = "-modified" if git("status", "--porcelain", "--untracked-files=no") else ""
    # The date in UTC, whatever the zone of the author.
    date = git("show", "-s", "--date=format-local:%Y-%m-%d", "--format=%cd", "HEAD")
    return f"{commit}{changed}, {date}"


def build():
    """Builds the program; gives the path of the binary."""
    # A folder of its own: another linker would build everything again in `target/release`.
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", TOOLS / "build"))
    environment = os.environ | variables() | {"CARGO_TARGET_DIR": str(target)}
    subprocess.run(["cargo", "build", "--profile", "dist", "--locked", "--bin", "highwater"], cwd=ROOT, env=environment, check=True)
    return target / "dist" / "highwater"
