"""Building: every index in a database of its own, with its time, size, WAL and memory.

The database is a copy of one that was loaded once per extension.  The figures of the build are kept in
the database, so that a directory that is kept (WORK) serves several runs: an index is built again only
when its options, its rows, or the library that built it are others.
"""
import hashlib
import json
import os
import subprocess
import threading
import time

from configurations import identifier, prewarm, setting
from server import client, database_exists, fail, psql

SAMPLING_S = 0.05
LIMIT_EXCEEDED = "ERROR:  54000: "  # an index can't have vectors of so many dimensions


def library_digest(extension):
    """Of the file that the server loads: a build of another one tells nothing about it."""
    path = os.path.join(os.environ["PKGLIBDIR"], f"{extension}.so")
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class BuildMemory(threading.Thread):
    """Watches the memory of a backend and of its parallel workers, and keeps the peak.

    Counted are private memory (RssAnon) and dynamic shared memory (once), not shared buffers and not
    what is mapped from files, which the kernel can take back.
    """

    def __init__(self, leader):
        super().__init__(daemon=True)
        self.leader = leader
        self.peak_bytes = 0
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(SAMPLING_S):
            self.peak_bytes = max(self.peak_bytes, self.now_bytes())

    def stop(self):
        self.over.set()
        self.join()
        return self.peak_bytes

    def processes(self):
        """The leader and its workers, which are children of the postmaster and named after it."""
        parent = field_of(f"/proc/{self.leader}/status", "PPid:")
        if parent is None:
            return []
        with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
            children = file.read().split()
        mark = f"parallel worker for PID {self.leader}"
        return [str(self.leader), *(pid for pid in children if mark in content(f"/proc/{pid}/cmdline"))]

    def now_bytes(self):
        total, segments = 0, set()
        for pid in self.processes():
            total += 1024 * (field_of(f"/proc/{pid}/status", "RssAnon:") or 0)
            for line in content(f"/proc/{pid}/maps").splitlines():
                if "/dev/shm/PostgreSQL." in line and not line.endswith("(deleted)"):
                    segments.add(line.split()[-1])
        for path in segments:
            try:
                total += os.stat(path).st_blocks * 512
            except FileNotFoundError:
                pass
        return total


def content(path):
    """Of a file of a process, which may have ended."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def field_of(path, name):
    for line in content(path).splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return None


def create_index(database, sql):
    """Runs it in a session that is watched; returns its time and memory, or why there can be none."""
    session = subprocess.Popen(
        [os.environ["PSQL"], "-XqAt", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-d", database],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    session.stdin.write("SELECT pg_backend_pid();\n")
    session.stdin.flush()
    memory = BuildMemory(int(session.stdout.readline()))
    memory.start()
    start = time.monotonic()
    _, errors = session.communicate(sql + ";\n")
    seconds = time.monotonic() - start
    peak = memory.stop()
    for line in errors.splitlines() if session.returncode != 0 else ():
        if line.startswith(LIMIT_EXCEEDED):
            return {"left_out": line.removeprefix(LIMIT_EXCEEDED)}
    if session.returncode != 0:
        fail(f"{database}: {sql}\n{errors}")
    return {"build_s": seconds, "memory_bytes": peak}


class Builds:
    """The databases of one data set."""

    def __init__(self, data):
        self.data = data
        self.grow = int(setting("GROW", 0))
        self.first_rows = data.rows * self.grow // 100 if self.grow else data.rows
        self.figures = {}

    def database(self, config):
        return identifier(f"bench_{self.data.name}_{config.build_name}")

    def template(self, extension):
        return identifier(f"load_{self.data.name}_{extension}")

    def load(self, extension):
        """A database with the first rows in it, loaded once and copied for each index."""
        template = self.template(extension)
        mark = f"{self.data.base} {self.first_rows}"
        if database_exists(template):
            if psql(template, "SELECT shobj_description(oid, 'pg_database') FROM pg_database "
                              "WHERE datname = current_database()") == mark:
                return
            psql("postgres", f"DROP DATABASE {template}")
        psql("postgres", f"CREATE DATABASE {template}")
        psql(template, f"CREATE EXTENSION {extension}")
        psql(template, f"CREATE TABLE items (id int, embedding vector({self.data.dimensions})) "
                       f"WITH (parallel_workers = {os.environ['WORKERS']})")
        client("load", f"dbname={template}", self.data.base, "items", 0, self.first_rows)
        psql(template, "VACUUM (ANALYZE, FREEZE) items")
        psql("postgres", f"COMMENT ON DATABASE {template} IS '{mark}'")

    def identity(self, config):
        """What makes a build the same as another one."""
        options = config.options().replace("storage = mmap", "").replace("storage = buffer_pool", "")
        return [self.data.base, self.data.rows, self.grow, options, os.environ["WORKERS"],
                os.environ["MAINTENANCE_WORK_MEM"], library_digest(config.extension)]

    def kept_figures(self, config):
        database = self.database(config)
        if not database_exists(database):
            return None
        if psql(database, "SELECT to_regclass('bench_build')"):
            kept = json.loads(psql(database, "SELECT figures FROM bench_build"))
            if kept.pop("identity") == self.identity(config):
                return kept
        psql("postgres", f"DROP DATABASE {database}")
        return None

    def provide(self, config):
        """Builds the index unless it is there."""
        if config.build_name in self.figures:
            return
        figures = self.kept_figures(config)
        if figures is None:
            figures = self.build(config)
            text = json.dumps({**figures, "identity": self.identity(config)}).replace("'", "''")
            psql(self.database(config), f"CREATE TABLE bench_build AS SELECT '{text}'::text AS figures")
        self.figures[config.build_name] = figures

    def build(self, config):
        database = self.database(config)
        self.load(config.extension)
        psql("postgres", f"CREATE DATABASE {database} TEMPLATE {self.template(config.extension)} "
                         "STRATEGY file_copy")
        prewarm(database, "items")
        psql("postgres", "CHECKPOINT")
        before = psql("postgres", "SELECT pg_current_wal_insert_lsn()")
        figures = create_index(database, config.create_index(self.data.opclass))
        if "left_out" in figures:
            print(f"{self.data.name}: {config.build_name} is left out: {figures['left_out']}", flush=True)
            return figures
        figures["wal_bytes"] = int(psql(
            "postgres", f"SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '{before}')"))
        if self.grow:
            start = time.monotonic()
            client("load", f"dbname={database}", self.data.base, "items", self.first_rows,
                   self.data.rows - self.first_rows)
            figures["insert_s"] = time.monotonic() - start
            psql(database, "VACUUM (ANALYZE, FREEZE) items")
        psql("postgres", "CHECKPOINT")
        figures["index_bytes"] = int(psql(database, "SELECT pg_relation_size('items_index')"))
        figures["options"] = config.options()
        print(f"{self.data.name}: built {config.build_name}: {figures['build_s']:.1f} s, "
              f"{figures['index_bytes'] / 1e6:.0f} MB", flush=True)
        return figures

    def are_there(self, configs):
        """Those of the configurations that there can be."""
        return [config for config in configs
                if "left_out" not in self.figures.get(config.build_name, {})]

    def drop(self):
        """All databases of the set."""
        for name in psql("postgres", "SELECT datname FROM pg_database").split():
            if name.startswith((identifier(f"bench_{self.data.name}_"),
                                identifier(f"load_{self.data.name}_"))):
                psql("postgres", f"DROP DATABASE {name}")
