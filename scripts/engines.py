#!/usr/bin/env python3
"""The engines that tests of `--on` load: DuckDB's library, from npm, and the ADBC driver of PostgreSQL, from PyPI.

    eval "$(scripts/engines.py)"

Prints the variables that the tests read. Both are kept in the folder HIGHWATER_ENGINE_CACHE (~/.cache/highwater-engines).
"""
import os, pathlib, shlex, subprocess, sys, tarfile, zipfile

# The version of DuckDB that the tests were run with; the driver of PostgreSQL likewise.
DUCKDB, POSTGRES = "1.5.6-r.1", "adbc-driver-postgresql"
CACHE = pathlib.Path(os.environ.get("HIGHWATER_ENGINE_CACHE") or pathlib.Path.home() / ".cache/highwater-engines")


def call(*args):
    done = subprocess.run(args, cwd=CACHE, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def platform():
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(os.uname().machine)
    system = {"Linux": "linux", "Darwin": "darwin"}.get(os.uname().sysname)
    if not machine or not system:
        sys.exit(f"no library of DuckDB is known for {os.uname().sysname} on {os.uname().machine}")
    return f"{system}-{machine}"


def duckdb():
    library = CACHE / f"duckdb-{DUCKDB}" / ("libduckdb.dylib" if sys.platform == "darwin" else "libduckdb.so")
    if not library.exists():
        packed = call("npm", "pack", "--silent", f"@duckdb/node-bindings-{platform()}@{DUCKDB}").split()[-1]
        with tarfile.open(CACHE / packed) as archive:
            content = archive.extractfile(f"package/{library.name}").read()
        library.parent.mkdir(exist_ok=True)
        staged = library.with_suffix(".tmp")
        staged.write_bytes(content)
        staged.rename(library)
        (CACHE / packed).unlink()
    return library


def postgres():
    folder = CACHE / "postgres-driver"
    found = lambda: sorted(folder.glob("adbc_driver_postgresql/libadbc_driver_postgresql.*"))
    if not found():
        call(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", "wheels", POSTGRES)
        for wheel in CACHE.glob("wheels/adbc_driver_postgresql-*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folder)
            wheel.unlink()
    return found()[0]


def main():
    CACHE.mkdir(parents=True, exist_ok=True)
    for name, path in [("HIGHWATER_DUCKDB_LIBRARY", duckdb()), ("HIGHWATER_POSTGRES_DRIVER", postgres())]:
        print(f"export {name}={shlex.quote(str(path))}")


if __name__ == "__main__":
    main()
