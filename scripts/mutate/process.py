"""One run of the program, and what must not come of any run."""
import os
import re
import resource
import select
import time

# Bounds. CPU time and not wall-clock time: the machine may be busy. A process that uses no CPU at all hangs.
CPU_SECONDS = 10
IDLE_SECONDS = 10
MEMORY_BYTES = 1 << 30
FILE_BYTES = 4 << 30

FAULT = re.compile(rb"[^\n]*(?:panicked at|fault of highwater|overflowed its stack)[^\n]*(?:\n[^\n]*)?", re.IGNORECASE)


class Result:
    """How a run ended: exit code (negative: the signal), what it printed, and the bounds that it broke."""

    def __init__(self, args, code, out, err, faults):
        self.args, self.code, self.out, self.err, self.faults = args, code, out, err, faults

    def words(self):
        """stderr without the time that a run took, which stands after its size."""
        return re.sub(rb"(?m)^(\d[^\n]* in [^\n]*?files?)(, [^\n]*)$", rb"\1", self.err)


def run(binary, args, env=None):
    """Runs `binary` with `args` in the current folder, which has to be the caller's own."""
    out_path, err_path = "../stdout", "../stderr"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, out_path, flags, 0o644),
               (os.POSIX_SPAWN_OPEN, 2, err_path, flags, 0o644)]
    environment = {"PATH": os.environ.get("PATH", ""), "TMPDIR": os.path.abspath("../tmp"), "LC_ALL": "C.UTF-8", **(env or {})}
    pid = os.posix_spawn(binary, [b"highwater", *args], environment, file_actions=actions)
    resource.prlimit(pid, resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    status, usage, idle = wait(pid)
    code = os.waitstatus_to_exitcode(status)
    with open(out_path, "rb") as out, open(err_path, "rb") as err:
        result = Result(args, code, out.read(), err.read(), [])
    used = usage.ru_utime + usage.ru_stime
    if idle:
        result.faults.append(f"hangs: no CPU used for {IDLE_SECONDS} s")
    elif used >= CPU_SECONDS:
        result.faults.append(f"took {used:.1f} s of CPU")
    elif code < 0:
        result.faults.append(f"killed by signal {-code}")
    elif code > 4:
        result.faults.append(f"exit code {code}")
    if panic := FAULT.search(result.err) or FAULT.search(result.out):
        result.faults.append("a panic: " + " ".join(panic.group().decode(errors="replace").split()))
    if usage.ru_maxrss * 1024 > MEMORY_BYTES:
        result.faults.append(f"took {usage.ru_maxrss >> 10} MB of memory")
    return result


def wait(pid):
    """Waits for the end; kills a process of which no thread has run for IDLE_SECONDS."""
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        seen, since = None, time.monotonic()
        while not poll.poll(1000):
            now = activity(pid)
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > IDLE_SECONDS:
                os.kill(pid, 9)
                _, status, usage = os.wait4(pid, 0)
                return status, usage, True
    finally:
        os.close(handle)
    _, status, usage = os.wait4(pid, 0)
    return status, usage, False


def activity(pid):
    """A value that stays the same only while every thread of the process sleeps and none has run in between."""
    seen = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/stat", "rb") as stat:
                fields = stat.read().rpartition(b")")[2].split()
            if fields[0] != b"S":
                return time.monotonic()
            seen.append((task, fields[11], fields[12]))
    except OSError:
        return time.monotonic()
    return seen
