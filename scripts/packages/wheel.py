"""The wheel, made from a binary that is there; the metadata is that of pyproject.toml.

A wheel is a zip file with three small texts. maturin can make it too, but only by another build of the program, and CI
has time for one. `--test` checks it by twine, check-wheel-contents and auditwheel.
"""
import base64
import hashlib
import time
import tomllib
import zipfile

from .compiler import ROOT
from .contents import LICENCES, VERSION, epoch

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def metadata():
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {PROJECT['name']}",
        f"Version: {VERSION}",
        *[f"Classifier: {name}" for name in PROJECT["classifiers"]],
        *[f"License-File: {name}" for name in LICENCES],
        f"Summary: {PROJECT['description']}",
        f"Keywords: {','.join(PROJECT['keywords'])}",
        f"License-Expression: {PROJECT['license']}",
        f"Requires-Python: {PROJECT['requires-python']}",
        "Description-Content-Type: text/markdown; charset=UTF-8; variant=GFM",
    ]
    return "\n".join(lines) + "\n\n" + (ROOT / PROJECT["readme"]).read_text()


def make(staged, out):
    name = f"{PROJECT['name'].replace('-', '_')}-{VERSION}"
    major, minor = glibc(staged)
    tag = f"py3-none-manylinux_{major}_{minor}_x86_64"
    shell = {
        "bash": "share/bash-completion/completions/highwater",
        "zsh": "share/zsh/site-functions/_highwater",
        "fish": "share/fish/vendor_completions.d/highwater.fish",
    }
    files = {f"{name}.data/data/{shell[s]}": path.read_bytes() for s, path in staged.completions.items()}
    files |= {f"{name}.data/data/share/man/man1/{path.name}": path.read_bytes() for path in staged.man}
    files[f"{name}.data/scripts/highwater"] = staged.binary.read_bytes()
    files = dict(sorted(files.items()))
    # What describes the wheel comes last, so that a client finds it without reading all of the file.
    info = f"{name}.dist-info"
    files |= {f"{info}/licenses/{text}": staged.texts[text].read_bytes() for text in LICENCES}
    files[f"{info}/METADATA"] = metadata().encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: highwater scripts/package.py\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    record = "".join(f"{place},sha256={digest(data)},{len(data)}\n" for place, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()

    path = out / f"{name}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=staged.level) as wheel:
        for place, data in files.items():
            member = zipfile.ZipInfo(place, time.gmtime(max(epoch(), 315532800))[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            # The kind of system is Unix: pip sets the executable bit by these modes.
            member.create_system = 3
            member.external_attr = (0o100755 if place.endswith("scripts/highwater") else 0o100644) << 16
            wheel.writestr(member, data)
    return [path]


def glibc(staged):
    """The glibc that the tag names: what the binary needs, or 2.17, the oldest one that tags of this form have."""
    return max((2, 17), tuple(map(int, staged.glibc.split(".")))[:2])


def digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
