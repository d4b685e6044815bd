"""Installs each package in a bare Debian without Rust, made by debootstrap, and uses it: what a user gets on a new machine.

Needs root, debootstrap and a mirror of Debian. The base is kept in target/packages; each package has a copy of its own.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import time

from .compiler import TOOLS
from .contents import VERSION
from .trial import EVENTS, JOB, SUMS, Failed, same

# What a user of each package has before: its installer.
BEFORE = {
    "tarball": [],
    "deb": [],
    "wheel": ["python3", "python3-venv"],
    "npm": ["nodejs", "npm"],
}
INSTALL = {
    "tarball": "tar -xzf /packages/*.tar.gz -C /opt && ln -s /opt/highwater-*/highwater /usr/local/bin/highwater "
               "&& mkdir -p /usr/local/share/man/man1 && cp /opt/highwater-*/man/man1/* /usr/local/share/man/man1/ "
               "&& install -D /opt/highwater-*/completions/highwater.bash /usr/share/bash-completion/completions/highwater",
    "deb": "dpkg -i /packages/*.deb",
    "wheel": "python3 -m venv /opt/venv && /opt/venv/bin/pip install --quiet --no-index /packages/*.whl "
             "&& ln -s /opt/venv/bin/highwater /usr/local/bin/highwater && mkdir -p /usr/local/share/man/man1 && ln -s /opt/venv/share/man/man1/* /usr/local/share/man/man1/ "
             "&& install -D /opt/venv/share/bash-completion/completions/highwater /usr/share/bash-completion/completions/highwater",
    "npm": "npm install --global --offline --no-audit --no-fund --silent /packages/*.tgz "
           "&& install -D $(npm root -g)/highwater/completions/highwater.bash /usr/share/bash-completion/completions/highwater",
}
FILES = {"tarball": "*.tar.gz", "deb": "*.deb", "wheel": "*.whl", "npm": "*.tgz"}


def inside(root, script):
    """Runs a script in the chroot, as a login does."""
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
                   "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["chroot", root, "bash", "-euc", script], capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Failed(f"{script}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def base(suite):
    folder = TOOLS / f"debian-{suite}"
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        # man-db shows man pages; a minimal Debian leaves them out, and so does `path-exclude` of container images.
        subprocess.run(["debootstrap", "--variant=minbase", "--include=man-db,bash-completion,ca-certificates", suite, folder],
                       check=True, stdout=subprocess.DEVNULL)
        # The proxy of a site is a setting of apt, and the copy has to find the mirror by the same one.
        for name in pathlib.Path("/etc/apt/apt.conf.d").glob("*proxy*"):
            shutil.copy(name, folder / "etc/apt/apt.conf.d")
        shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
        (folder / "made").touch()
    return folder


def size(folder):
    return int(subprocess.run(["du", "-sxk", folder], check=True, capture_output=True, text=True).stdout.split()[0])


def test(out, suite):
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit("--chroot needs root and debootstrap")
    bare = base(suite)
    glibc = inside(bare, "ldd --version | head -1").strip().rsplit(" ", 1)[-1]
    print(f"Debian {suite}, glibc {glibc}, {size(bare) / 1000:.0f} MB, no Rust, no compiler", flush=True)
    failed = 0
    for kind, pattern in FILES.items():
        packages = sorted(out.glob(pattern))
        if not packages:
            print(f"skipped  {kind}: not in {out}")
            continue
        root = TOOLS / f"debian-{suite}-{kind}"
        try:
            one(kind, packages, bare, root)
        except Failed as error:
            failed += 1
            print(f"FAILED   {kind}: {error}", flush=True)
        finally:
            shutil.rmtree(root, ignore_errors=True)
    return 1 if failed else 0


def one(kind, packages, bare, root):
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["cp", "-a", bare, root], check=True)
    if BEFORE[kind]:
        inside(root, f"apt-get update -qq && apt-get install -y -qq --no-install-recommends {' '.join(BEFORE[kind])} >/dev/null 2>&1")
    (root / "packages").mkdir()
    for package in packages:
        shutil.copy(package, root / "packages")
    before = size(root)
    begin = time.monotonic()
    inside(root, INSTALL[kind])
    seconds = time.monotonic() - begin
    grown = size(root) - before
    version = inside(root, "highwater --version").strip()
    if not version.startswith(f"highwater {VERSION} ("):
        raise Failed(f"--version says {version}")
    work = root / "root" / "first"
    work.mkdir()
    (work / "events.csv").write_text(EVENTS)
    (work / "job.toml").write_text(JOB)
    inside(root, "cd /root/first && highwater run job.toml -q && highwater init events.csv -o first.toml && highwater run first.toml -q "
                 "&& highwater report first.toml -o report.html && highwater verify job.toml")
    same("the result of the job", (work / "sums.csv").read_text(), SUMS)
    if "--memory" not in inside(root, "MANWIDTH=100 man highwater-run | cat"):
        raise Failed("`man highwater-run` does not show the page")
    # As a shell does it: bash-completion loads the script when the first word is completed.
    asked = "source /usr/share/bash-completion/bash_completion; _completion_loader highwater || true; " \
            "COMP_WORDS=(highwater expl); COMP_CWORD=1; _highwater_and_files highwater expl highwater; echo ${COMPREPLY[@]}"
    same("bash completes `expl`", inside(root, f"set +eu; {asked}").split(), ["explain"])
    sizes = " + ".join(f"{package.stat().st_size / 1e6:.1f}" for package in packages)
    print(f"ok       {kind:8} {sizes} MB packed, {grown / 1000:.0f} MB installed in {seconds:.1f} s; {version}", flush=True)
