#!/usr/bin/env python3
"""A Spark Connect server for tests: on loopback, with a folder and a port of its own, gone with `stop`.

    eval "$(scripts/spark_connect.py start)"    starts it, or finds it running, and sets HIGHWATER_SPARK_CONNECT, which tests read
    scripts/spark_connect.py stop               ends it, and removes its folder
    scripts/spark_connect.py start --master 'local-cluster[2,1,1024]'     tasks in two processes beside the server

The server is that of the Python package `pyspark`, and needs Java 17. Its folder is HIGHWATER_SPARK_HOME, else one in the
temporary folder. Its zone is not UTC, and it splits files at every 16 kB: what statements need they set themselves.
`--engine sail` starts the server of the package `pysail` instead, which answers in the same protocol.
"""
import argparse, importlib.util, os, pathlib, shutil, signal, socket, subprocess, sys, tempfile, time

HOME = pathlib.Path(os.environ.get("HIGHWATER_SPARK_HOME") or pathlib.Path(tempfile.gettempdir()) / f"highwater-spark-{os.getuid()}")
SETTINGS = {
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.log.level": "WARN",
    "spark.driver.memory": "2g",
    "spark.driver.extraJavaOptions": "-Duser.timezone=Asia/Tokyo",
    "spark.executor.extraJavaOptions": "-Duser.timezone=Asia/Tokyo",
    "spark.sql.session.timeZone": "America/New_York",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.files.maxPartitionBytes": "16k",
    "spark.sql.files.openCostInBytes": "1k",
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def package(name):
    found = importlib.util.find_spec(name)
    if not found and not os.environ.get("CI"):
        sys.exit(f"{name} is not installed: {sys.executable} -m pip install {name}")
    if not found:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--break-system-packages", name], check=True, stdout=sys.stderr)
        found = importlib.util.find_spec(name)
    return pathlib.Path(found.origin).parent


def spark(port, options):
    at = package("pyspark")
    settings = {**SETTINGS, "spark.connect.grpc.binding.port": port, "spark.sql.warehouse.dir": HOME / "warehouse"}
    settings |= dict(setting.split("=", 1) for setting in options.conf)
    command = [at / "bin/spark-submit", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "--master", options.master]
    for name, value in settings.items():
        command += ["--conf", f"{name}={value}"]
    return [*command, "spark-internal"], {**os.environ, "SPARK_HOME": str(at), "PYSPARK_PYTHON": sys.executable}


def sail(port, _):
    package("pysail")
    program = f"from pysail.spark import SparkConnectServer as S; s = S('127.0.0.1', {port}); s.start(background=False)"
    return [sys.executable, "-c", program], dict(os.environ)


def start(options):
    port = HOME / "port"
    if not (port.exists() and answers(int(port.read_text()))):
        HOME.mkdir(parents=True, exist_ok=True)
        number = free_port()
        command, environment = {"spark": spark, "sail": sail}[options.engine](number, options)
        log = open(HOME / "log", "w")
        server = subprocess.Popen([str(word) for word in command], env=environment, cwd=HOME, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        (HOME / "pid").write_text(str(server.pid))
        until = time.time() + 120
        while not answers(number):
            if server.poll() is not None or time.time() > until:
                sys.exit("the server does not start:\n" + (HOME / "log").read_text()[-3000:])
            time.sleep(0.2)
        port.write_text(str(number))
    print(f"export HIGHWATER_SPARK_CONNECT=sc://127.0.0.1:{port.read_text()}")


def stop():
    try:
        os.killpg(int((HOME / "pid").read_text()), signal.SIGTERM)
    except (OSError, ValueError):
        pass
    shutil.rmtree(HOME, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["start", "stop"])
    parser.add_argument("--engine", default="spark", choices=["spark", "sail"], help="whose server [spark]")
    parser.add_argument("--master", default="local[2]", help="where tasks run [local[2]]")
    parser.add_argument("--conf", action="append", default=[], help="a setting of the server, NAME=VALUE; may be repeated")
    options = parser.parse_args()
    start(options) if options.what == "start" else stop()


if __name__ == "__main__":
    main()
