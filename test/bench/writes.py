"""Inserts and vacuum: rows a second, WAL a row, the time of a vacuum, and the recall after it.

Every index is built over the same first rows, in a database of its own.  *Inserts* add further rows, one
a transaction, from 1, 2, 4 and 8 connections at once (pgbench, prepared statements; the rows are in a
table of the same database, so that no client formats vectors), with synchronous_commit on and off.  Each
round begins with a checkpoint and with inserts that are not counted; what a checkpoint makes of the first
changes of pages after it (images in WAL) is in the figures as it comes, in the same order for every
index.  *WAL a row* is that of the runs of one connection.

*Vacuum* is timed after every tenth row was deleted.  The recall is measured on the rows that are left,
against a sequential scan: before, where the index still has the deleted rows, and after it.
"""
import os
import re
import statistics
import subprocess
import time

from configurations import identifier, prewarm, setting
from server import client, database_exists, fail, psql

ROWS = int(setting("WRITES_ROWS", 200000))
CONNECTIONS = [int(number) for number in setting("WRITES_CONNECTIONS", "1 2 4 8").split()]
SECONDS = float(setting("WRITES_SECONDS", 4))
WARM_UP_S = 3
ROUNDS = int(setting("ROUNDS", 3))
MOST_MORE_ROWS = 400000
QUERIES = 300
EFFORTS = {"graphs": (40, 100), "lists": (10, 40)}
K = 10
DELETED = "id % 10 = 3"
INSERT = ("INSERT INTO items SELECT id, embedding FROM more "
          "WHERE id = (SELECT nextval('more_id'))")


class Writes:
    """The databases of one data set, of which the first rows are indexed and the others inserted."""

    def __init__(self, data):
        self.data = data
        self.rows = min(ROWS, data.rows * 3 // 4)
        self.more = min(data.file_rows - self.rows, MOST_MORE_ROWS)

    def database(self, config, purpose):
        return identifier(f"{purpose}_{self.data.name}_{config.name}")

    def template(self, extension):
        """The rows, without an index."""
        template = identifier(f"rows_{self.data.name}_{extension}")
        if database_exists(template):
            return template
        psql("postgres", f"CREATE DATABASE {template}")
        psql(template, f"CREATE EXTENSION {extension}")
        for table in ("items", "more", "queries"):
            psql(template, f"CREATE TABLE {table} (id int, embedding vector({self.data.dimensions}))")
        connection = f"dbname={template}"
        client("load", connection, self.data.base, "items", 0, self.rows)
        client("load", connection, self.data.base, "more", self.rows, self.more)
        client("load", connection, self.data.query, "queries", 0, QUERIES)
        psql(template, "CREATE UNIQUE INDEX ON more (id)")
        psql(template, f"CREATE SEQUENCE more_id MINVALUE {self.rows} MAXVALUE "
                       f"{self.rows + self.more - 1} START {self.rows}")
        psql(template, "VACUUM (ANALYZE, FREEZE)")
        return template

    def build(self, config, purpose):
        """A fresh index; it is built here and not copied, since a copied file is not settled."""
        database = self.database(config, purpose)
        drop(database)
        psql("postgres", f"CREATE DATABASE {database} TEMPLATE {self.template(config.extension)} "
                         "STRATEGY file_copy")
        psql(database, config.create_index(self.data.opclass))
        prewarm(database, "more")
        psql("postgres", "CHECKPOINT")
        return database

    # ---- inserts ----

    def inserted_rows(self, database):
        return int(psql(database, f"SELECT last_value - {self.rows} + is_called::int FROM more_id"))

    def insert(self, database, connections, seconds, commit):
        """Rows a second, and bytes of WAL a row."""
        begin = int(psql(database, "SELECT pg_current_wal_insert_lsn() - '0/0'"))
        before = self.inserted_rows(database)
        done = subprocess.run(
            [os.path.join(os.environ["BINDIR"], "pgbench"), "-n", "-M", "prepared", "-f", "-",
             "-c", str(connections), "-j", str(min(connections, os.cpu_count())),
             "-T", str(max(1, round(seconds))), database],
            input=INSERT + ";\n", capture_output=True, text=True,
            env={**os.environ, "PGOPTIONS": f"-c synchronous_commit={commit}"})
        found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
        if done.returncode != 0 or not found or "failed transactions: 0 " not in done.stdout:
            fail(f"pgbench in {database}:\n{done.stdout}{done.stderr}")
        wal = int(psql(database, "SELECT pg_current_wal_insert_lsn() - '0/0'")) - begin
        return float(found.group(1)), wal / max(1, self.inserted_rows(database) - before)

    def insert_round(self, number, config, database, samples):
        """Left out where the rows that are left may be too few for it."""
        used = self.inserted_rows(database)
        if number > 0 and self.more - used < 1.3 * used / len(next(iter(samples.values()))):
            return
        config.prepare(database)
        psql(database, "CHECKPOINT")
        self.insert(database, max(CONNECTIONS), WARM_UP_S, "off")
        for commit in ("on", "off"):
            for connections in CONNECTIONS:
                rows_per_s, wal = self.insert(database, connections, SECONDS, commit)
                samples.setdefault(f"rows_per_s_{connections}_{commit}", []).append(rows_per_s)
                if connections == 1:
                    samples.setdefault("wal_bytes_per_row", []).append(wal)

    # ---- vacuum ----

    def recall(self, database, config, effort):
        """Of the rows that are left."""
        nearest = (f"SELECT q.id AS query, found.id FROM queries q, LATERAL (SELECT i.id FROM items i "
                   f"ORDER BY i.embedding {self.data.operator} q.embedding LIMIT {K}) found")
        psql(database, "SET enable_indexscan = off; "
                       f"CREATE TABLE IF NOT EXISTS truth AS {nearest}")
        return float(psql(database, config.session(effort) + "; "
                          f"WITH answers AS MATERIALIZED ({nearest}) "
                          "SELECT count(*)::float8 / (SELECT count(*) FROM truth) "
                          "FROM answers JOIN truth USING (query, id)"))

    def vacuum(self, config):
        """In a database of its own, where nothing was inserted."""
        database = self.build(config, "vacuum")
        psql(database, f"DELETE FROM items WHERE {DELETED}")
        config.prepare(database)
        before = {effort: self.recall(database, config, effort) for effort in EFFORTS[config.kind.name]}
        psql(database, "CHECKPOINT")
        wal = int(psql(database, "SELECT pg_current_wal_insert_lsn() - '0/0'"))
        start = time.monotonic()
        psql(database, "VACUUM (INDEX_CLEANUP ON, PARALLEL 0) items")
        figures = {"vacuum_s": time.monotonic() - start}
        figures["vacuum_wal_bytes"] = int(
            psql(database, "SELECT pg_current_wal_insert_lsn() - '0/0'")) - wal
        for effort in before:
            figures[f"recall_before_{effort}"] = before[effort]
            figures[f"recall_after_{effort}"] = self.recall(database, config, effort)
        drop(database)
        return figures


def drop(database):
    psql("postgres", f"DROP DATABASE IF EXISTS {database}")


def measure_writes(data, configs):
    """By configuration: rows_per_s_CONNECTIONS_COMMIT, wal_bytes_per_row, vacuum_s, vacuum_wal_bytes,
    recall_before_EFFORT and recall_after_EFFORT."""
    writes = Writes(data)
    databases = {}
    samples = {config.name: {} for config in configs}
    for config in configs:
        databases[config.name] = writes.build(config, "inserts")
    for number in range(ROUNDS):
        for config in configs:
            writes.insert_round(number, config, databases[config.name], samples[config.name])
        print(f"{data.name}: inserts, round {number + 1} of {ROUNDS} done", flush=True)
    for database in databases.values():
        drop(database)

    figures = {}
    for config in configs:
        figures[config.name] = {key: statistics.median(values)
                                for key, values in samples[config.name].items()}
        if setting("WRITES", "") == "inserts":
            continue
        figures[config.name].update(writes.vacuum(config))
        print(f"{data.name}: vacuum of {config.name}: {figures[config.name]['vacuum_s']:.1f} s",
              flush=True)
    for extension in {config.extension for config in configs}:
        drop(writes.template(extension))
    return {"rows": writes.rows, "connections": CONNECTIONS, "efforts": EFFORTS,
            "configs": figures}
