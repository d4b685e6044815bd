"""The crate for crates.io: what `cargo publish` would send. `--test` checks what is in it; CI does not build it again."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from .compiler import ROOT
from .contents import VERSION


def make(_, out):
    with tempfile.TemporaryDirectory(prefix="highwater-crate-") as target:
        # A changed tree can be packaged: the crate then says so, and its `--version` names no commit.
        subprocess.run(["cargo", "package", "--no-verify", "--allow-dirty", "--quiet"], cwd=ROOT, check=True,
                       env=os.environ | {"CARGO_TARGET_DIR": target})
        path = out / f"highwater-{VERSION}.crate"
        shutil.move(pathlib.Path(target) / "package" / path.name, path)
    return [path]
