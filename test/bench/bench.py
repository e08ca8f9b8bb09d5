#!/usr/bin/env python3
"""Measures nearest-neighbor indexes against each other on one running server; started by run.sh.

A configuration is named METHOD/QUANTIZER/STORAGE for ours ("hnsw/sq8/mmap", "ivf/sq8/buffer_pool"),
"pgvector" and "pgvector-ivfflat" are pgvector's hnsw and ivfflat.  Configurations that differ in the
storage alone share one index, which is switched by ALTER INDEX.  Every index lives in a database of
its own, copied from one that was loaded once per extension.

Graphs (hnsw) are measured at every ef_search and lists (ivf, ivfflat) at every number of probes, each
against pgvector's of the same kind.  The machine is taken to be noisy: a round measures every
configuration, with those of one ef_search or number of probes following each other closely, each
after a warm-up in its own session; several rounds are made, and the median of each figure is reported.
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


class Kind:
    """Indexes of one kind: they are built with the same parameters and compared with each other."""

    def __init__(self, title, effort, efforts, parameters, peer):
        self.title = title
        self.effort = effort  # what says how far a search looks
        self.efforts = [int(value) for value in efforts.split()]
        self.parameters = parameters
        self.peer = peer  # pgvector's configuration


KINDS = {
    "graph": Kind("graphs", "ef_search", setting("EF", "10 20 40 80 160 320"),
                  f"m = {setting('M', 16)}, ef_construction = {setting('EF_CONSTRUCTION', 64)}",
                  "pgvector"),
    "lists": Kind("lists", "probes", setting("PROBES", "5 10 20 30 40 80"),
                  f"lists = {setting('LISTS', 1000)}", "pgvector-ivfflat"),
}
KIND_OF_METHOD = {"hnsw": KINDS["graph"], "ivf": KINDS["lists"], "ivfflat": KINDS["lists"]}


class Configuration:
    """An index method, and how its index is built and searched."""

    def __init__(self, name, method):
        if method not in KIND_OF_METHOD:
            sys.exit(f"bench: there is no configuration \"{name}\"")
        self.name = name
        self.method = method
        self.kind = KIND_OF_METHOD[method]

    def create_index(self, opclass):
        return (f"CREATE INDEX items_index ON items USING {self.method} (embedding {opclass}) "
                f"WITH ({self.options()})")

    def session(self, effort):
        return f"SET {self.method}.{self.kind.effort} = {effort}"


class Ours(Configuration):
    """METHOD/QUANTIZER/STORAGE of vectorstore."""

    extension = "vectorstore"

    def __init__(self, name):
        method, self.quantizer, self.storage = name.split("/")
        super().__init__(name, method)
        self.build_name = f"{method}/{self.quantizer}"

    def options(self):
        return f"{self.kind.parameters}, quantizer = {self.quantizer}, storage = {self.storage}"

    def prepare(self, database):
        """Before each measurement: the storage, and what belongs into memory for it."""
        psql(database, f"ALTER INDEX items_index SET (storage = {self.storage})")
        psql(database, "SELECT vectorstore_warmup('items_index')")


class Pgvector(Configuration):
    """pgvector's hnsw or ivfflat."""

    extension = "vector"

    def __init__(self, name):
        super().__init__(name, "ivfflat" if name == "pgvector-ivfflat" else "hnsw")
        self.build_name = name

    def options(self):
        return self.kind.parameters

    def prepare(self, database):
        if extension_available("pg_prewarm"):
            psql(database, "CREATE EXTENSION IF NOT EXISTS pg_prewarm")
            psql(database, "SELECT pg_prewarm('items_index')")


def configuration(name):
    return Pgvector(name) if name in ("pgvector", "pgvector-ivfflat") else Ours(name)


class Run:
    """The parameters, and what was measured with them."""

    def __init__(self):
        self.base = os.environ["BASE"]
        self.query = os.environ["QUERY"]
        self.truth = os.environ["GT"]
        self.metric = os.environ["METRIC"]
        self.opclass, self.operator = METRICS[self.metric]
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
                                   "hnsw/none/buffer_pool pgvector ivf/sq8/mmap ivf/sq8/buffer_pool "
                                   "ivfflat/none/mmap ivfflat/none/buffer_pool pgvector-ivfflat")
        self.configs = [configuration(name) for name in names.split()]
        self.builds = {}
        self.samples = {}

    def database(self, config):
        return "bench_" + config.build_name.replace("/", "_").replace("-", "_")

    def configs_of(self, kind):
        return [config for config in self.configs if config.kind is kind]

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
        psql(database, config.create_index(self.opclass))
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
        plan = psql(self.database(config), config.session(config.kind.efforts[0]) + "; SET enable_seqscan = off; "
                    "EXPLAIN (COSTS OFF) " + self.query_sql().replace("$1", f"'{zero}'"))
        if "Index Scan using items_index" not in plan:
            sys.exit(f"bench: {config.name} does not use its index:\n{plan}")

    def measure(self, config, effort):
        setup = config.session(effort) + "; SET enable_seqscan = off"
        config.prepare(self.database(config))
        line = client("search", f"dbname={self.database(config)}", setup, self.query_sql(),
                      self.query, self.truth, K, 1, 1)
        self.samples.setdefault((config.name, effort), []).append(json.loads(line))

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
            for kind in KINDS.values():
                for effort in kind.efforts:
                    for config in self.configs_of(kind):
                        self.measure(config, effort)
            print(f"round {number + 1} of {self.rounds} done", flush=True)

    # ---- reporting ----

    def points(self, config):
        """One row per effort: the median of each figure over the rounds."""
        for effort in config.kind.efforts:
            samples = self.samples[(config.name, effort)]
            yield {config.kind.effort: effort,
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
            "metric": self.metric, "k": K,
            "parameters": {c.build_name: c.options() for c in self.configs},
            "workers": self.workers, "rounds": self.rounds, "grow_percent": self.grow,
            "shared_buffers": psql("postgres", "SHOW shared_buffers"),
            "maintenance_work_mem": psql("postgres", "SHOW maintenance_work_mem"),
            "server": psql("postgres", "SHOW server_version"),
            "extensions": {c.extension: psql(self.database(c), "SELECT extversion FROM pg_extension "
                                             f"WHERE extname = '{c.extension}'") for c in self.configs},
            "processor": processor(), "processors": os.cpu_count(),
            "builds": self.builds,
            "kinds": [{"title": kind.title, "effort": kind.effort, "parameters": kind.parameters,
                       "peer": kind.peer, "configs": [c.name for c in self.configs_of(kind)],
                       "builds": list(dict.fromkeys(c.build_name for c in self.configs_of(kind)))}
                      for kind in KINDS.values() if self.configs_of(kind)],
            "searches": {c.name: list(self.points(c)) for c in self.configs},
            "qps_at_recall": at_recall,
        }


def qps_at_recall(points, target):
    """QPS where the curve crosses the target: log(QPS) is taken as linear in the recall between two
    neighboring points, which come in order of effort.  None where the curve ends below; its first
    point where it begins above."""
    below = None
    for point in points:
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


def ratio(figure, peers):
    return "" if not peers else f" ({figure / peers:.2f}x)"


def kind_markdown(report, kind):
    """The tables of one kind: builds, searches, and searches at equal recall."""
    peer = report["builds"].get(kind["peer"])
    head = ["index", "build s", "index MB", "WAL MB"] + (["inserts s"] if report["grow_percent"] else [])
    rows = []
    for name in kind["builds"]:
        build = report["builds"][name]
        faster = "" if not peer or name == kind["peer"] else ratio(peer["build_s"], build["build_s"])
        rows.append([name, f"{build['build_s']:.1f}{faster}", f"{build['index_bytes'] / 1e6:.0f}",
                     f"{build['wal_bytes'] / 1e6:.0f}"])
        if report["grow_percent"]:
            rows[-1].append(f"{build['insert_s']:.1f}")
    text = [f"{kind['title'].capitalize()}, {kind['parameters']}:", "", table(head, rows), ""]

    rows = [[name, str(p[kind["effort"]]), f"{p['recall']:.4f}", f"{p['qps']:.0f}", f"{p['avg_us']:.0f}",
             f"{p['p50_us']:.0f}", f"{p['p99_us']:.0f}"]
            for name in kind["configs"] for p in report["searches"][name]]
    text += [table(["index", kind["effort"], "recall@10", "QPS", "avg µs", "p50 µs", "p99 µs"], rows), ""]

    peer = report["qps_at_recall"].get(kind["peer"])
    rows = []
    for name in kind["configs"]:
        row = [name]
        for target in RECALL_TARGETS:
            found = report["qps_at_recall"][name][target]
            if found is None:
                row.append("not reached")
                continue
            cell = ("≥ " if found["lower_bound"] else "") + f"{found['qps']:.0f}"
            if peer and peer[target] and name != kind["peer"]:
                cell += ratio(found["qps"], peer[target]["qps"])
            row.append(cell)
        rows.append(row)
    title = "QPS at recall@10 of" + (f" (against {kind['peer']})" if peer else "")
    return text + [table([title] + [f"{t:.2f}" for t in RECALL_TARGETS], rows), ""]


def markdown(report):
    grown = "" if not report["grow_percent"] else (
        f", built over {report['grow_percent']} % of the rows, the rest inserted one by one")
    text = [
        f"{report['data']}: {report['rows']:,} x {report['dimensions']}, {report['metric']}{grown}. "
        f"PostgreSQL {report['server']}, "
        + ", ".join(f"{name} {version}" for name, version in report["extensions"].items())
        + f", {report['processor']}, {report['processors']} processors, {report['workers']} parallel "
        f"build workers, shared_buffers {report['shared_buffers']}, maintenance_work_mem "
        f"{report['maintenance_work_mem']}. One connection, prepared statements, all in memory, median "
        f"of {report['rounds']} rounds.", ""]
    for kind in report["kinds"]:
        text += kind_markdown(report, kind)
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
