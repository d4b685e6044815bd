"""What tables.py and catalogs.py share: the program, and how a script of them ends where something is wrong."""
import os
import subprocess
import sys
from pathlib import Path

BINARY = Path(os.environ.get("HIGHWATER", Path(__file__).resolve().parent.parent / "target/release/highwater"))


def fail(text):
    sys.exit(f"{Path(sys.argv[0]).stem}: {text}")


def highwater(*args, code=0):
    done = subprocess.run([str(BINARY), *args], capture_output=True, text=True)
    if done.returncode != code:
        fail(f"{' '.join(args)} ended with {done.returncode}, and not with {code}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


highwater.binary = str(BINARY)
