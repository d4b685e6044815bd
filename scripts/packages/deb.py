"""The .deb, by dpkg-deb: a binary package that depends on libc6 alone."""
import gzip
import os
import pathlib
import subprocess
import tempfile
import time

from .contents import MANIFEST, VERSION, epoch

# The owner of the repository puts a name and an address of their own here before a first release.
MAINTAINER = os.environ.get("DEBFULLNAME", "Highwater maintainers"), os.environ.get("DEBEMAIL", "maintainers@highwater.invalid")
REVISION = "1"


def make(staged, out):
    version = f"{VERSION}-{REVISION}"
    path = out / f"highwater_{version}_amd64.deb"
    with tempfile.TemporaryDirectory(prefix="highwater-deb-") as folder:
        folder = pathlib.Path(folder)
        root = folder / "root"
        made = folder / "made"
        made.mkdir()

        def text(name, content):
            (made / name).write_text(content)
            return made / name

        def packed(name, content):
            # Policy asks for level 9, and for a head without a name or a time.
            (made / name).write_bytes(gzip.compress(content, 9, mtime=0))
            return made / name

        doc = "usr/share/doc/highwater"
        files = {
            "usr/bin/highwater": staged.binary,
            "usr/share/bash-completion/completions/highwater": staged.completions["bash"],
            "usr/share/zsh/vendor-completions/_highwater": staged.completions["zsh"],
            "usr/share/fish/vendor_completions.d/highwater.fish": staged.completions["fish"],
            "usr/share/highwater/job.schema.json": staged.schema,
            "usr/share/lintian/overrides/highwater": text("overrides", OVERRIDES),
            f"{doc}/copyright": text("copyright", copyright_file()),
            f"{doc}/README.md": staged.texts["README.md"],
            f"{doc}/changelog.gz": packed("changelog.gz", staged.texts["CHANGELOG.md"].read_bytes()),
            f"{doc}/changelog.Debian.gz": packed("changelog.Debian.gz", changelog(version).encode()),
            f"{doc}/THIRD-PARTY.gz": packed("THIRD-PARTY.gz", staged.texts["THIRD-PARTY"].read_bytes()),
        }
        files |= {f"usr/share/man/man1/{page.name}.gz": packed(f"{page.name}.gz", page.read_bytes()) for page in staged.man}
        sizes = sum(-(-source.stat().st_size // 1024) for source in files.values())
        files["DEBIAN/control"] = text("control", control(version, staged.glibc, sizes))
        hashes = subprocess.run(["md5sum", *[source for place, source in files.items() if place.startswith("usr/")]],
                                check=True, capture_output=True, text=True).stdout
        sums = [line.split()[0] for line in hashes.splitlines()]
        places = [place for place in files if place.startswith("usr/")]
        files["DEBIAN/md5sums"] = text("md5sums", "".join(f"{s}  {p}\n" for s, p in sorted(zip(sums, places), key=lambda pair: pair[1])))
        staged.put(files, root)
        # xz gives the same bytes everywhere only where the number of its threads is the same.
        packing = ["-Zxz", "--threads-max=1"] if staged.level == 9 else ["-Zgzip", "-z1"]
        subprocess.run(["dpkg-deb", "--root-owner-group", *packing, "--build", root, path], check=True,
                       stdout=subprocess.DEVNULL, env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch())})
    return [path]


def control(version, glibc, kilobytes):
    return f"""\
Package: highwater
Version: {version}
Architecture: amd64
Maintainer: {MAINTAINER[0]} <{MAINTAINER[1]}>
Installed-Size: {kilobytes}
Depends: libc6 (>= {glibc})
Recommends: ca-certificates
Section: database
Priority: optional
Description: replays recorded events through event-time windows
 Highwater reads recorded events from plain files: CSV, JSON Lines, Parquet,
 Avro, and dumps of Kafka topics. A job file says what to read, what to do with
 each event, and what to write. A run gives totals per key and window that are
 exact to the last digit. It can count every event, or only the events that a
 live job would have counted.
 .
 Late files are added to existing results, and results are compared with those
 of SQL, of a file or of a PostgreSQL server.
"""


def copyright_file():
    return f"""\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: highwater
Comment: The program contains compiled code of other projects. Their names,
 licences and notices are in /usr/share/doc/highwater/THIRD-PARTY.gz.

Files: *
Copyright: 2026 The authors of Highwater
License: {MANIFEST['license']}
 On Debian systems, the full text of the Apache licence, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
"""


def changelog(version):
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(epoch()))
    return f"highwater ({version}) unstable; urgency=medium\n\n  * Version {VERSION}; see changelog.gz.\n\n -- {MAINTAINER[0]} <{MAINTAINER[1]}>  {date}\n"


# Each override has its reason.
OVERRIDES = """\
# The package is not in Debian, so it closes no bug there.
highwater: initial-upload-closes-no-bugs *
"""
