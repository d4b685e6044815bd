"""highwater-VERSION-TARGET.tar.gz: one folder, as `cargo binstall` finds it by `package.metadata.binstall` of Cargo.toml."""
import gzip
import hashlib
import tarfile

from .contents import TARGET, VERSION, epoch

STEM = f"highwater-{VERSION}-{TARGET}"


def make(staged, out):
    files = {"highwater": staged.binary, "job.schema.json": staged.schema, **staged.texts}
    files |= {f"completions/{path.name}": path for path in staged.completions.values()}
    files |= {f"man/man1/{path.name}": path for path in staged.man}
    path = out / f"{STEM}.tar.gz"
    # The same commit gives the same bytes: times, order, owners and the head of the gzip file are fixed.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", staged.level, raw, mtime=epoch()) as packed, tarfile.open(mode="w", fileobj=packed) as tar:
        folders = {f"{STEM}/{place.rsplit('/', 1)[0]}" for place in files if "/" in place} | {STEM, f"{STEM}/man"}
        for name in sorted(folders | {f"{STEM}/{place}" for place in files}):
            info = tarfile.TarInfo(name)
            info.mtime = epoch()
            if name in folders:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
                continue
            source = files[name.removeprefix(f"{STEM}/")]
            info.size = source.stat().st_size
            info.mode = 0o755 if source == staged.binary else 0o644
            with source.open("rb") as file:
                tar.addfile(info, file)
    checksum = out / f"{path.name}.sha256"
    checksum.write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    return [path, checksum]
