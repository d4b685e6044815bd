#!/usr/bin/env python3
"""The engines that tests of `--on` load: DuckDB's library, from npm, and the ADBC drivers of PostgreSQL and Spark, from PyPI.

    eval "$(scripts/engines.py)"

Prints the variables that the tests read. All are kept in the folder HIGHWATER_ENGINE_CACHE (~/.cache/highwater-engines).
"""
import os, pathlib, shlex, subprocess, sys, tarfile, zipfile

# The version of DuckDB that the tests were run with, and the driver of PostgreSQL. That of Spark is young: another version
# may be another program.
DUCKDB, POSTGRES, SPARK = "1.5.6-r.1", "adbc-driver-postgresql", "adbc-driver-spark==0.3.0"
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


def driver(name, wanted):
    """The library in the wheel of a driver."""
    folder, module = CACHE / f"{name}-driver", f"adbc_driver_{name}"
    # The driver of PostgreSQL has a library of its own name, and others beside it.
    found = lambda: sorted(path for path in folder.glob(f"{module}/lib{module}.*") if path.suffix in (".so", ".dylib"))
    if not found():
        call(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", "wheels", wanted)
        for wheel in CACHE.glob(f"wheels/{module}-*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folder)
            wheel.unlink()
    return found()[0]


def main():
    CACHE.mkdir(parents=True, exist_ok=True)
    libraries = {
        "HIGHWATER_DUCKDB_LIBRARY": duckdb(),
        "HIGHWATER_POSTGRES_DRIVER": driver("postgresql", POSTGRES),
        "HIGHWATER_SPARK_DRIVER": driver("spark", SPARK),
    }
    for name, path in libraries.items():
        print(f"export {name}={shlex.quote(str(path))}")


if __name__ == "__main__":
    main()
