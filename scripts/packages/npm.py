"""Two packages for npm: `highwater` starts the binary of `highwater-linux-x64`, which npm installs on such a machine alone.

A package for another system is one more optional dependency of `highwater`.
"""
import json
import pathlib
import subprocess
import tempfile

from .compiler import ROOT
from .contents import MANIFEST, VERSION

PLATFORM = "highwater-linux-x64"
LAUNCHER = ROOT / "scripts" / "packages" / "npm.js"


def make(staged, out):
    common = {"version": VERSION, "license": MANIFEST["license"], "preferUnplugged": True}
    platform = common | {
        "name": PLATFORM,
        "description": "The binary of highwater for x86_64 Linux with glibc. Install the package highwater.",
        "os": ["linux"], "cpu": ["x64"], "libc": ["glibc"],
        "files": ["bin", "THIRD-PARTY"],
    }
    main = common | {
        "name": "highwater",
        "description": MANIFEST["description"],
        "keywords": MANIFEST["keywords"],
        "bin": {"highwater": "bin/highwater.js"},
        "man": [f"./man/{page.name}" for page in staged.man],
        "files": ["bin", "man", "completions", "job.schema.json", "CHANGELOG.md"],
        "engines": {"node": ">=16"},
        # The binary is one of the same version: an older one would give other numbers.
        "optionalDependencies": {PLATFORM: VERSION},
    }
    about = ROOT / "scripts" / "packages" / "ABOUT.md"
    paths = []
    with tempfile.TemporaryDirectory(prefix="highwater-npm-") as folder:
        folder = pathlib.Path(folder)
        for package, files in [
            (platform, {"bin/highwater": staged.binary, "THIRD-PARTY": staged.texts["THIRD-PARTY"]}),
            (main, {"bin/highwater.js": LAUNCHER, "job.schema.json": staged.schema, "CHANGELOG.md": staged.texts["CHANGELOG.md"]}
                | {f"man/{page.name}": page for page in staged.man}
                | {f"completions/{path.name}": path for path in staged.completions.values()}),
        ]:
            root = folder / package["name"]
            staged.put(files | {"README.md": about, "LICENSE": staged.texts["LICENSE"]}, root)
            (root / "package.json").write_text(json.dumps(package, indent=2) + "\n")
            done = subprocess.run(["npm", "pack", "--json", "--offline", "--pack-destination", out], cwd=root, check=True, capture_output=True, text=True)
            paths.append(out / json.loads(done.stdout)[0]["filename"])
    return paths
