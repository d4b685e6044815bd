#!/usr/bin/env python3
"""Damaged inputs of every kind, seeded, and what must not come of them.

    python3 scripts/mutate.py                          # 3,000 cases of seed 1; CI runs these
    python3 scripts/mutate.py --seed 7 --cases 100000  # some hours; what is done before a release
    python3 scripts/mutate.py --only parquet,avro --cases 5000 --keep /tmp/found
    python3 scripts/mutate.py --seed 7 --case csv/1234 # one case again, with all that it printed

A case is a good input (files, a job file, expressions, outputs in place) with one to four mutations, a job, and some
runs of the program in a folder of their own. A finding is
- a panic, a signal, an exit code other than 0 to 4, more than 1 GB of memory, more than 10 s of CPU, or a process
  that sleeps for 10 s (both are told from the process itself: a busy machine makes no finding);
- an account that does not balance;
- other outputs, exit codes or words with one thread and with several, whatever the size of the chunks;
- outputs that a failed run left in another state than it found them in;
- a file made, changed or removed outside of the job's outputs;
- `run` and `backfill` that leave other data than one run over both files, or `verify` that finds differences.

What the cases are is a function of seed, kind and number alone; they run as `nobody` where they can. Exit code: 0 no
finding, 1 findings, 2 wrong use. Needs Python 3.11 and nothing else.
"""
import argparse
import collections
import multiprocessing
import os
import pathlib
import queue
import random
import shutil
import sys
import tempfile
import time
import traceback

from mutate import cases, lab, states

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Each kind, how it is made, and its share of the cases.
KINDS = {
    "csv": (cases.data, 10), "tsv": (cases.data, 3), "jsonl": (cases.data, 10), "parquet": (cases.data, 8), "avro": (cases.data, 8),
    "capture": (cases.data, 10), "gzip": (cases.data, 3), "zstd": (cases.data, 3), "job": (cases.job_file, 12), "expression": (cases.expressions, 14),
    "time": (cases.times, 6), "length": (cases.lengths, 4), "folder": (cases.folders, 5), "split": (cases.split, 6), "manifest": (states.manifest, 8),
    "journal": (states.journal, 8), "answers": (states.answers, 4)}
NOBODY = 65534


def plan(count, only):
    """The cases: kinds by their shares, in turns, each with its number."""
    deck = [kind for kind, (_, share) in KINDS.items() for _ in range(share) if not only or kind in only]
    random.Random(0).shuffle(deck)
    turns = collections.Counter()
    made = []
    for n in range(count):
        kind = deck[n % len(deck)]
        made.append((kind, turns[kind]))
        turns[kind] += 1
    return made


def work(binary, folder, seed, todo, done, keep, keep_all):
    """A worker: takes cases from `todo` until there is none, and says what it found."""
    try:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        room = lab.Lab(binary, folder)
        stock = cases.Stock(room)
        while (item := todo.get()) is not None:
            case, crashed = one(room, stock, seed, *item)
            kept = save(case, seed, keep) if keep and (case.findings or keep_all) else None
            done.put((item, case.findings, [result.code for result in case.said], kept, crashed))
    except BaseException:
        done.put((None, [], [], None, traceback.format_exc()))


def one(room, stock, seed, kind, number):
    """Makes and runs one case."""
    case = lab.Case(room, kind, seed, number)
    try:
        KINDS[kind][0](case, stock)
    except Exception:
        return case, traceback.format_exc()
    return case, None


def save(case, seed, keep):
    """Keeps the folder as the case left it, with what the program said."""
    folder = pathlib.Path(keep) / f"{case.kind}-{case.number}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(case.lab.case, folder, symlinks=True)
    shutil.rmtree(folder / "victim", ignore_errors=True)
    with open(folder / "SAID", "wb") as said:
        said.write("".join(f"{finding}\n" for finding in case.findings).encode(errors="replace"))
        for result in case.said:
            said.write(f"\n$ highwater {' '.join(result.args)}    # exit {result.code}\n".encode())
            said.write(result.out[:4000] + result.err[:8000])
    return str(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "target" / "release" / "highwater", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=3000, metavar="N")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="workers [default: one per core]")
    parser.add_argument("--only", metavar="KINDS", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--case", metavar="KIND/N", help="this case alone")
    parser.add_argument("--keep", metavar="DIR", type=pathlib.Path, help="leave the folders of findings here")
    args = parser.parse_args()
    only = args.only.split(",") if args.only else []
    if not args.binary.is_file():
        parser.error(f"{args.binary} is not there: cargo build --release")
    if unknown := [kind for kind in only if kind not in KINDS]:
        parser.error(f"{unknown[0]} is not a kind; they are {', '.join(KINDS)}")
    if args.case:
        kind, _, number = args.case.partition("/")
        if kind not in KINDS or not number.isdigit():
            parser.error("--case takes KIND/NUMBER, such as csv/12")
        wanted = [(kind, int(number))]
    else:
        wanted = plan(args.cases, only)
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
        args.keep.chmod(0o777)
    memory = pathlib.Path("/dev/shm")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mutate-", dir=memory if memory.is_dir() else None))
    try:
        folder.chmod(0o755)
        binary = folder / "highwater"
        shutil.copy(args.binary, binary)
        binary.chmod(0o755)
        sys.exit(1 if drive(args, wanted, binary, folder) else 0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def drive(args, wanted, binary, folder):
    """Hands out the cases, prints findings as they come, and gives their number."""
    context = multiprocessing.get_context("fork")
    todo, done = context.Queue(), context.Queue()
    workers = []
    for n in range(min(args.jobs, len(wanted))):
        room = folder / f"w{n}"
        room.mkdir()
        keep = args.keep or (folder / "kept" if args.case else None)
        if keep == folder / "kept":
            keep.mkdir(exist_ok=True)
            keep.chmod(0o777)
        workers.append(context.Process(target=work, args=(str(binary), str(room), args.seed, todo, done, keep and str(keep), bool(args.case)), daemon=True))
    for item in wanted + [None] * len(workers):
        todo.put(item)
    for worker in workers:
        worker.start()
    began, found, runs = time.monotonic(), 0, 0
    codes = collections.defaultdict(collections.Counter)
    for _ in wanted:
        item, findings, ended, kept, crashed = answer(done, workers)
        if crashed:
            sys.exit(f"the harness itself failed at {item}:\n{crashed}")
        kind, number = item
        runs += len(ended)
        codes[kind].update(ended)
        if findings:
            found += 1
            print(f"{kind}/{number}: " + "\n    ".join(findings))
            print(f"    again: python3 scripts/mutate.py --seed {args.seed} --case {kind}/{number} --binary {args.binary}", flush=True)
        if args.case:
            print(pathlib.Path(kept, "SAID").read_text(errors="replace"))
    took = time.monotonic() - began
    table(codes)
    print(f"{len(wanted)} cases, {runs} runs, {took:.0f} s, {len(wanted) / took:.0f} cases/s, seed {args.seed}: {found} findings")
    return found


def answer(done, workers):
    """The next that a worker says."""
    while True:
        try:
            return done.get(timeout=10)
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers):
                return None, [], [], None, "no worker is left"


def table(codes):
    """How the runs of each kind ended: a kind that never ends well, or always, tests little."""
    columns = sorted({code for counter in codes.values() for code in counter})
    print("runs by exit code".ljust(18) + "".join(f"{code:>8}" for code in columns))
    for kind in KINDS:
        if kind in codes:
            print(kind.ljust(18) + "".join(f"{codes[kind][code]:>8}" for code in columns))


if __name__ == "__main__":
    main()
