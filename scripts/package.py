#!/usr/bin/env python3
"""Builds the packages of Highwater, and tests each one as a user installs it. x86_64 Linux, glibc 2.28 or newer.

    scripts/package.py --all --out dist              # builds the program, then every package; the build takes minutes
    scripts/package.py --binary target/release/highwater --only wheel,deb --out dist
    scripts/package.py --test --out dist             # also installs each package in an empty place and uses it
    scripts/package.py --chroot --out dist           # installs what is in dist in a bare Debian; needs root and Debian's mirror
    scripts/package.py --third-party                 # checks THIRD-PARTY; with --write makes it again
    eval "$(scripts/package.py --toolchain)"         # the compiler of the packages, for a build of your own

The binary of all packages is one: it is copied, stripped and checked once. A binary of another version or of another
commit is refused, and so is one that needs a newer glibc. Nothing is published.
"""
import argparse
import contextlib
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from packages import chroot, compiler, contents, crate, deb, npm, tarball, third_party, trial, wheel  # noqa: E402

MAKERS = {"tarball": tarball.make, "wheel": wheel.make, "deb": deb.make, "npm": npm.make, "crate": crate.make}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every package; the same as no --only")
    parser.add_argument("--only", metavar="KINDS", help=f"some of {','.join(MAKERS)}")
    parser.add_argument("--binary", type=pathlib.Path, help="package this binary [default: build one]")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("dist"), help="the folder of the packages [default: dist]")
    parser.add_argument("--glibc", default=compiler.GLIBC, metavar="VERSION",
                        help=f"the newest glibc that the binary may need [default: {compiler.GLIBC}]")
    parser.add_argument("--test", action="store_true", help="install each package in an empty place and use it")
    parser.add_argument("--quick", action="store_true", help="compress little: for tests, not for users")
    parser.add_argument("--chroot", action="store_true", help="install the packages of --out in a bare Debian, and use them")
    parser.add_argument("--suite", default="bookworm", help="the Debian of --chroot [default: bookworm]")
    parser.add_argument("--third-party", action="store_true", help="check that THIRD-PARTY has the licences of all crates")
    parser.add_argument("--write", action="store_true", help="with --third-party: make the file again")
    parser.add_argument("--toolchain", action="store_true", help="print the variables that build for an old glibc")
    options = parser.parse_args()

    if options.toolchain:
        print(compiler.exports())
        return 0
    if options.third_party:
        return third_party.write() if options.write else third_party.check()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    if options.chroot:
        return chroot.test(out, options.suite)

    kinds = options.only.split(",") if options.only and not options.all else list(MAKERS)
    unknown = [kind for kind in kinds if kind not in MAKERS]
    if unknown:
        parser.error(f"unknown package {unknown[0]}; the packages are {', '.join(MAKERS)}")
    # The crate is source alone.
    staging = contextlib.nullcontext() if kinds == ["crate"] else contents.Staged(options.binary or compiler.build(), options.glibc, options.quick)
    with staging as staged:
        made = {}
        for kind in kinds:
            begin = time.monotonic()
            made[kind] = MAKERS[kind](staged, out)
            for path in made[kind]:
                size = path.stat().st_size
                print(f"{kind:8} {time.monotonic() - begin:5.1f} s  {size / 1e6:7.2f} MB  {path.name}", flush=True)
        if options.test:
            return trial.all_of(staged, made)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FileNotFoundError as missing:
        sys.exit(f"{missing.filename} is not there; packages need git, binutils, dpkg, npm and cargo")
    except subprocess.CalledProcessError as failed:
        sys.exit(f"{' '.join(map(str, failed.cmd))}: exit {failed.returncode}\n{failed.stdout or ''}{failed.stderr or ''}")
