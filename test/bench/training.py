#!/usr/bin/env python3
"""Compares training_storage = mmap with memory on one running server; started by training.sh.

A pair is one CREATE INDEX with each, the first of the two changing from pair to pair.  The overhead is
the median over the pairs of (time with mmap) / (time with memory).  The indexes of both must be equal.
"""
import os
import re
import statistics
import struct
import subprocess
import sys
import threading
import time


def setting(name, default):
    return os.environ.get(name) or default


LISTS = int(setting("LISTS", "512"))
PAIRS = int(setting("PAIRS", "10"))
ROWS = int(setting("ROWS", "0"))
WORKERS = int(setting("WORKERS", "0"))
MESSAGE = re.compile(r"sample of (\d+) vectors \((\d+) bytes\) taken in ([\d.]+) ms, "
                     r"(\d+) centroids trained in (\d+) rounds in ([\d.]+) ms "
                     r"\(processor ([\d.]+) ms\)")
CONTENTS = """
    SELECT md5(string_agg(md5(substr(get_raw_page('items_index', block::int), 25)), '' ORDER BY block))
    FROM generate_series(2, pg_relation_size('items_index') / 8192 - 1) block"""


def psql(*commands):
    arguments = [os.environ["PSQL"], "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]
    for command in commands:
        arguments += ["-c", command]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "PGAPPNAME": "training"})


def run(*commands):
    process = psql(*commands)
    out, errors = process.communicate()
    if process.returncode != 0:
        sys.exit(f"training: {errors}")
    return out.strip(), errors


def private_memory(pid):
    """RssAnon of a process, in bytes; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return 1024 * int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


class Watch(threading.Thread):
    """The highest private memory of a backend, looked at every millisecond."""

    def __init__(self, pid):
        super().__init__()
        self.pid = pid
        self.base = self.most = private_memory(pid)
        self.over = False

    def run(self):
        while not self.over:
            self.most = max(self.most, private_memory(self.pid))
            time.sleep(0.001)


def build(storage):
    """Time (ms) of the training, private memory that the build added, and size of the sample."""
    process = subprocess.Popen(
        [os.environ["PSQL"], "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "postgres"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
    process.stdin.write("DROP INDEX IF EXISTS items_index; SET client_min_messages = debug1;\n"
                        "SELECT pg_backend_pid();\n")
    pid = int(process.stdout.readline())
    watch = Watch(pid)
    watch.start()
    process.stdin.write(f"CREATE INDEX items_index ON items USING ivf (embedding vector_l2_ops) "
                        f"WITH (lists = {LISTS}, training_storage = {storage});\n")
    _, errors = process.communicate()
    watch.over = True
    watch.join()
    found = MESSAGE.search(errors)
    if process.returncode != 0 or not found:
        sys.exit(f"training: {errors}")
    sample, size, sampling, centroids, rounds, training, processor = found.groups()
    return {"time": float(sampling) + float(training), "processor": float(processor), "memory": watch.most - watch.base,
            "size": int(size), "sample": int(sample), "rounds": int(rounds),
            "centroids": int(centroids)}


def load():
    with open(os.environ["BASE"], "rb") as file:
        dimensions = struct.unpack("<i", file.read(4))[0]
    run("CREATE EXTENSION vectorstore", "CREATE EXTENSION pageinspect",
        f"CREATE TABLE items (id int, embedding vector({dimensions})) "
        f"WITH (parallel_workers = {WORKERS})")
    done = subprocess.run([os.environ["BENCH_CLIENT"], "load", "dbname=postgres", os.environ["BASE"],
                           "items", "0", str(ROWS)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"training: {done.stderr}")
    run("VACUUM (ANALYZE, FREEZE) items", "CHECKPOINT")
    return dimensions


def main():
    dimensions = load()
    ratios = []
    processor = []
    savings = []
    contents = set()
    for storage in ("memory", "mmap"):
        build(storage)  # what is first done once
    for pair in range(PAIRS):
        order = ("memory", "mmap") if pair % 2 == 0 else ("mmap", "memory")
        results = {}
        for storage in order:
            results[storage] = build(storage)
            contents.add(run(CONTENTS)[0])
        memory, mmap = results["memory"], results["mmap"]
        ratios.append(mmap["time"] / memory["time"])
        processor.append(mmap["processor"] / memory["processor"])
        savings.append((memory["memory"] - mmap["memory"]) / memory["size"])
        print(f"pair {pair + 1}: training {memory['time']:.1f} ms in memory, {mmap['time']:.1f} ms "
              f"from a file; private memory {memory['memory'] / 1e6:.1f} MB and "
              f"{mmap['memory'] / 1e6:.1f} MB", flush=True)
    print(f"{memory['sample']} vectors of {dimensions} dimensions ({memory['size'] / 1e6:.1f} MB), "
          f"{memory['centroids']} centroids, {memory['rounds']} rounds, {WORKERS} workers")
    print(f"indexes are {'equal' if len(contents) == 1 else 'NOT EQUAL'}")
    print(f"time: {100 * (statistics.median(ratios) - 1):+.2f} % (median of {PAIRS} pairs)")
    print(f"processor time of the leader: {100 * (statistics.median(processor) - 1):+.2f} %")
    print(f"private memory: lower by {100 * statistics.median(savings):.0f} % of the sample (median)")


main()
