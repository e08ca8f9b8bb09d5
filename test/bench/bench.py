#!/usr/bin/env python3
"""Measures nearest-neighbor indexes against each other on one running server; started by run.sh.

A configuration is named PEER/..., see PEERS: "hnsw/sq8/mmap" is our method, quantizer and storage,
"pgvector" is pgvector's hnsw.  Configurations that differ in the storage alone share one index, which
is switched by ALTER INDEX.  Every index lives in a database of its own, copied from one that was
loaded once per extension.

The machine is taken to be noisy: a round measures every configuration at every ef_search, with the
configurations of one ef_search following each other closely, each after a warm-up in its own session;
several rounds are made, and the median of each figure is reported.
"""
import json
import math
import os
import statistics
import struct
import subprocess
import sys
import time

METRICS = {
    "l2": ("vector_l2_ops", "<->"),
    "ip": ("vector_ip_ops", "<#>"),
    "cos": ("vector_cosine_ops", "<=>"),
}
K = 10
RECALL_TARGETS = (0.90, 0.95, 0.98, 0.99)


def setting(name, default):
    return os.environ.get(name) or default


def psql(database, sql):
    done = subprocess.run(
        [os.environ["PSQL"], "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql],
        capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {database}: {sql}\n{done.stderr}")
    return done.stdout.strip()


def client(*arguments):
    done = subprocess.run([os.environ["BENCH_CLIENT"], *map(str, arguments)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {done.stderr}")
    return done.stdout


def extension_available(name):
    return psql("postgres", f"SELECT 1 FROM pg_available_extensions WHERE name = '{name}'") == "1"


class Ours:
    """METHOD/QUANTIZER/STORAGE of vectorstore."""

    extension = "vectorstore"

    def __init__(self, name):
        self.name = name
        self.method, self.quantizer, self.storage = name.split("/")
        self.build_name = f"{self.method}/{self.quantizer}"

    def create_index(self, run):
        return (f"CREATE INDEX items_index ON items USING {self.method} (embedding {run.opclass}) WITH "
                f"(m = {run.m}, ef_construction = {run.ef_construction}, "
                f"quantizer = {self.quantizer}, storage = {self.storage})")

    def prepare(self, database):
        """Before each measurement: the storage, and what belongs into memory for it."""
        psql(database, f"ALTER INDEX items_index SET (storage = {self.storage})")
        psql(database, "SELECT vectorstore_warmup('items_index')")

    def session(self, ef):
        return f"SET {self.method}.ef_search = {ef}"


class Pgvector:
    """pgvector's hnsw."""

    extension = "vector"

    def __init__(self, name):
        self.name = name
        self.build_name = name

    def create_index(self, run):
        return (f"CREATE INDEX items_index ON items USING hnsw (embedding {run.opclass}) WITH "
                f"(m = {run.m}, ef_construction = {run.ef_construction})")

    def prepare(self, database):
        if extension_available("pg_prewarm"):
            psql(database, "CREATE EXTENSION IF NOT EXISTS pg_prewarm")
            psql(database, "SELECT pg_prewarm('items_index')")

    def session(self, ef):
        return f"SET hnsw.ef_search = {ef}"


PEERS = {"hnsw": Ours, "pgvector": Pgvector}


class Run:
    """The parameters, and what was measured with them."""

    def __init__(self):
        self.base = os.environ["BASE"]
        self.query = os.environ["QUERY"]
        self.truth = os.environ["GT"]
        self.metric = os.environ["METRIC"]
        self.opclass, self.operator = METRICS[self.metric]
        self.m = int(setting("M", 16))
        self.ef_construction = int(setting("EF_CONSTRUCTION", 64))
        self.efs = [int(ef) for ef in setting("EF", "10 20 40 80 160 320").split()]
        self.rounds = int(setting("ROUNDS", 3))
        self.workers = int(os.environ["WORKERS"])
        self.grow = int(setting("GROW", 0))
        with open(self.base, "rb") as file:
            self.dimensions = struct.unpack("<i", file.read(4))[0]
        row_size = 4 + self.dimensions * (1 if self.base.endswith(".bvecs") else 4)
        self.rows = os.path.getsize(self.base) // row_size
        if int(os.environ["ROWS"]) > 0:
            self.rows = min(self.rows, int(os.environ["ROWS"]))
        names = setting("CONFIGS", "hnsw/sq8/mmap hnsw/sq8/buffer_pool hnsw/none/mmap "
                                   "hnsw/none/buffer_pool pgvector").split()
        self.configs = [PEERS[name.split("/")[0]](name) for name in names]
        self.builds = {}
        self.samples = {}

    def database(self, config):
        return "bench_" + config.build_name.replace("/", "_")

    # ---- building ----

    def load(self, extension, rows):
        """A database with the first rows in it, loaded once and copied for each index."""
        database = f"load_{extension}"
        psql("postgres", f"CREATE DATABASE {database}")
        psql(database, f"CREATE EXTENSION {extension}")
        psql(database, f"CREATE TABLE items (id int, embedding vector({self.dimensions})) "
                       f"WITH (parallel_workers = {self.workers})")
        client("load", f"dbname={database}", self.base, "items", 0, rows)
        psql(database, "VACUUM (ANALYZE, FREEZE) items")

    def build(self, config):
        first = self.rows * self.grow // 100 if self.grow else self.rows
        database = self.database(config)
        if psql("postgres", f"SELECT 1 FROM pg_database WHERE datname = 'load_{config.extension}'") == "":
            self.load(config.extension, first)
        psql("postgres", f"CREATE DATABASE {database} TEMPLATE load_{config.extension}")
        psql("postgres", "CHECKPOINT")
        before = psql("postgres", "SELECT pg_current_wal_insert_lsn()")
        start = time.monotonic()
        psql(database, config.create_index(self))
        figures = {"build_s": time.monotonic() - start}
        figures["wal_bytes"] = int(psql(
            "postgres", f"SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '{before}')"))
        if first < self.rows:
            start = time.monotonic()
            client("load", f"dbname={database}", self.base, "items", first, self.rows - first)
            figures["insert_s"] = time.monotonic() - start
            psql(database, "VACUUM (ANALYZE, FREEZE) items")
        psql("postgres", "CHECKPOINT")
        figures["index_bytes"] = int(psql(database, "SELECT pg_relation_size('items_index')"))
        if extension_available("pg_prewarm"):
            psql(database, "CREATE EXTENSION IF NOT EXISTS pg_prewarm")
            psql(database, "SELECT pg_prewarm('items')")
        self.builds[config.build_name] = figures
        print(f"built {config.build_name}: {figures['build_s']:.1f} s, "
              f"{figures['index_bytes'] / 1e6:.0f} MB", flush=True)

    # ---- searching ----

    def query_sql(self):
        return f"SELECT id FROM items ORDER BY embedding {self.operator} $1::vector LIMIT {K}"

    def check_plan(self, config):
        """A sequential scan has perfect recall and would go unnoticed in the table."""
        zero = "[" + ",".join("1" * self.dimensions) + "]"
        plan = psql(self.database(config), config.session(self.efs[0]) + "; SET enable_seqscan = off; "
                    "EXPLAIN (COSTS OFF) " + self.query_sql().replace("$1", f"'{zero}'"))
        if "Index Scan using items_index" not in plan:
            sys.exit(f"bench: {config.name} does not use its index:\n{plan}")

    def measure(self, config, ef):
        setup = config.session(ef) + "; SET enable_seqscan = off"
        config.prepare(self.database(config))
        line = client("search", f"dbname={self.database(config)}", setup, self.query_sql(),
                      self.query, self.truth, K, 1, 1)
        self.samples.setdefault((config.name, ef), []).append(json.loads(line))

    def everything(self):
        missing = {c.extension for c in self.configs if not extension_available(c.extension)}
        for extension in sorted(missing):
            print(f"bench: extension {extension} is not installed on this server: left out")
        self.configs = [c for c in self.configs if c.extension not in missing]
        if not self.configs:
            sys.exit("bench: nothing to measure")
        for config in self.configs:
            if config.build_name not in self.builds:
                self.build(config)
        for config in self.configs:
            self.check_plan(config)
        for number in range(self.rounds):
            for ef in self.efs:
                for config in self.configs:
                    self.measure(config, ef)
            print(f"round {number + 1} of {self.rounds} done", flush=True)

    # ---- reporting ----

    def points(self, config):
        """One row per ef_search: the median of each figure over the rounds."""
        for ef in self.efs:
            samples = self.samples[(config.name, ef)]
            yield {"ef_search": ef,
                   **{key: statistics.median(s[key] for s in samples) for key in samples[0]},
                   "qps_min": min(s["qps"] for s in samples),
                   "qps_max": max(s["qps"] for s in samples)}

    def report(self):
        at_recall = {}
        for config in self.configs:
            points = list(self.points(config))
            at_recall[config.name] = {t: qps_at_recall(points, t) for t in RECALL_TARGETS}
        return {
            "data": os.path.basename(self.base), "rows": self.rows, "dimensions": self.dimensions,
            "metric": self.metric, "k": K, "m": self.m, "ef_construction": self.ef_construction,
            "workers": self.workers, "rounds": self.rounds, "grow_percent": self.grow,
            "shared_buffers": psql("postgres", "SHOW shared_buffers"),
            "maintenance_work_mem": psql("postgres", "SHOW maintenance_work_mem"),
            "server": psql("postgres", "SHOW server_version"),
            "extensions": {c.extension: psql(self.database(c), "SELECT extversion FROM pg_extension "
                                             f"WHERE extname = '{c.extension}'") for c in self.configs},
            "processor": processor(), "processors": os.cpu_count(),
            "builds": self.builds,
            "searches": {c.name: list(self.points(c)) for c in self.configs},
            "qps_at_recall": at_recall,
        }


def qps_at_recall(points, target):
    """QPS where the curve crosses the target: log(QPS) is taken as linear in the recall between two
    neighboring points.  None where the curve ends below; its first point where it begins above."""
    below = None
    for point in sorted(points, key=lambda p: p["ef_search"]):
        if point["recall"] >= target:
            if below is None:
                return {"qps": point["qps"], "lower_bound": True}
            share = (target - below["recall"]) / (point["recall"] - below["recall"])
            log_qps = (1 - share) * math.log(below["qps"]) + share * math.log(point["qps"])
            return {"qps": math.exp(log_qps), "lower_bound": False}
        below = point
    return None


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def markdown(report):
    grown = "" if not report["grow_percent"] else (
        f", built over {report['grow_percent']} % of the rows, the rest inserted one by one")
    text = [
        f"{report['data']}: {report['rows']:,} x {report['dimensions']}, {report['metric']}, "
        f"m = {report['m']}, ef_construction = {report['ef_construction']}{grown}. "
        f"PostgreSQL {report['server']}, "
        + ", ".join(f"{name} {version}" for name, version in report["extensions"].items())
        + f", {report['processor']}, {report['processors']} processors, {report['workers']} parallel "
        f"build workers, shared_buffers {report['shared_buffers']}, maintenance_work_mem "
        f"{report['maintenance_work_mem']}. One connection, prepared statements, all in memory, median "
        f"of {report['rounds']} rounds.", ""]

    head = ["index", "build s", "index MB", "WAL MB"]
    rows = [[name, f"{b['build_s']:.1f}", f"{b['index_bytes'] / 1e6:.0f}", f"{b['wal_bytes'] / 1e6:.0f}"]
            for name, b in report["builds"].items()]
    if report["grow_percent"]:
        head.append("inserts s")
        for row, b in zip(rows, report["builds"].values()):
            row.append(f"{b['insert_s']:.1f}")
    text += [table(head, rows), ""]

    rows = []
    for name, points in report["searches"].items():
        for p in points:
            rows.append([name, str(p["ef_search"]), f"{p['recall']:.4f}", f"{p['qps']:.0f}",
                         f"{p['avg_us']:.0f}", f"{p['p50_us']:.0f}", f"{p['p99_us']:.0f}"])
    text += [table(["index", "ef_search", "recall@10", "QPS", "avg µs", "p50 µs", "p99 µs"], rows), ""]

    peer = report["qps_at_recall"].get("pgvector")
    rows = []
    for name, targets in report["qps_at_recall"].items():
        row = [name]
        for target in RECALL_TARGETS:
            found = targets[target]
            if found is None:
                row.append("not reached")
                continue
            cell = ("≥ " if found["lower_bound"] else "") + f"{found['qps']:.0f}"
            if peer and peer[target] and name != "pgvector":
                cell += f" ({found['qps'] / peer[target]['qps']:.2f}x)"
            row.append(cell)
        rows.append(row)
    title = "QPS at recall@10 of" + (" (against pgvector)" if peer else "")
    text += [table([title] + [f"{t:.2f}" for t in RECALL_TARGETS], rows), ""]
    return "\n".join(text)


def main():
    run = Run()
    run.everything()
    report = run.report()
    out = os.environ["OUT"]
    with open(os.path.join(out, "bench.json"), "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
    with open(os.path.join(out, "bench.md"), "w", encoding="utf-8") as file:
        file.write(markdown(report))
    print("\n" + markdown(report))
    print(f"written to {out}/bench.md and {out}/bench.json")


if __name__ == "__main__":
    main()
