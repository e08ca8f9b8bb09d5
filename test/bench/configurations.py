"""What is compared: index configurations by name, and the kinds that they are compared within.

A configuration of ours is named METHOD/QUANTIZER[+OPTION=VALUE...]/STORAGE: "hnsw/sq8/mmap",
"hnsw/rabitq+codes=edges/mmap", "ivf/rabitq+bits=4/buffer_pool".  "pgvector" and "pgvector-ivfflat" are
pgvector's hnsw and ivfflat.  Configurations that differ in the storage alone share one index, which is
switched by ALTER INDEX.  Graphs are measured at every ef_search and lists at every number of probes,
each against pgvector's index of the same kind.
"""
import os
import re

from server import extension_available, fail, psql


def setting(name, default):
    return os.environ.get(name) or default


class Kind:
    """Indexes of one kind: they are built with the same parameters and compared with each other."""

    def __init__(self, name, title, effort, efforts, parameters, peer):
        self.name = name
        self.title = title
        self.effort = effort  # what says how far a search looks
        self.efforts = [int(value) for value in efforts.split()]
        self.parameters = parameters
        self.peer = peer  # pgvector's configuration


KINDS = {
    "graphs": Kind("graphs", "Graphs", "ef_search", setting("EF", "10 20 40 80 160 320 640 1000"),
                   f"m = {setting('M', 16)}, ef_construction = {setting('EF_CONSTRUCTION', 64)}",
                   "pgvector"),
    "lists": Kind("lists", "Lists", "probes", setting("PROBES", "5 10 20 40 80 160 320"),
                  f"lists = {setting('LISTS', 1000)}", "pgvector-ivfflat"),
}
KIND_OF_METHOD = {"hnsw": KINDS["graphs"], "ivf": KINDS["lists"], "ivfflat": KINDS["lists"]}


class Configuration:
    """An index method, and how its index is built and searched."""

    def __init__(self, name, method):
        if method not in KIND_OF_METHOD:
            fail(f"there is no configuration \"{name}\"")
        self.name = name
        self.method = method
        self.kind = KIND_OF_METHOD[method]

    def create_index(self, opclass):
        return (f"CREATE INDEX items_index ON items USING {self.method} (embedding {opclass}) "
                f"WITH ({self.options()})")

    def session(self, effort):
        return f"SET {self.method}.{self.kind.effort} = {effort}; SET enable_seqscan = off"


class Ours(Configuration):
    """METHOD/QUANTIZER[+OPTION=VALUE...]/STORAGE of vectorstore."""

    extension = "vectorstore"

    def __init__(self, name):
        if name.count("/") != 2:
            fail(f"there is no configuration \"{name}\"")
        method, codes, self.storage = name.split("/")
        super().__init__(name, method)
        self.build_name = f"{method}/{codes}"
        quantizer, *options = codes.split("+")
        self.code_options = [f"quantizer = {quantizer}", *(o.replace("=", " = ") for o in options)]

    def options(self):
        return ", ".join([self.kind.parameters, *self.code_options, f"storage = {self.storage}"])

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
        prewarm(database, "items_index")


def prewarm(database, relation):
    """Reads a table or index into shared buffers, where the server has pg_prewarm."""
    if extension_available("pg_prewarm"):
        psql(database, "CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        psql(database, f"SELECT pg_prewarm('{relation}')")


def configuration(name):
    return Pgvector(name) if name in ("pgvector", "pgvector-ivfflat") else Ours(name)


def identifier(name):
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


ALL = ("hnsw/sq8/mmap hnsw/sq8/buffer_pool hnsw/rabitq/mmap hnsw/rabitq/buffer_pool "
       "hnsw/rabitq+codes=edges/mmap hnsw/rabitq+codes=edges/buffer_pool hnsw/none/mmap pgvector "
       "ivf/sq8/mmap ivf/rabitq/mmap ivf/rabitq/buffer_pool ivfflat/none/mmap pgvector-ivfflat")
OF_PART = {
    "backends": "hnsw/sq8/mmap hnsw/rabitq/mmap hnsw/rabitq+codes=edges/mmap hnsw/sq8/buffer_pool "
                "pgvector ivf/rabitq/mmap pgvector-ivfflat",
    "memory": "hnsw/sq8/mmap hnsw/rabitq/mmap hnsw/rabitq+codes=edges/mmap hnsw/none/mmap "
              "hnsw/sq8/buffer_pool hnsw/rabitq/buffer_pool pgvector",
    "resident": "hnsw/rabitq/mmap",
    "cold": "hnsw/sq8/mmap hnsw/rabitq/mmap hnsw/rabitq+codes=edges/mmap hnsw/sq8/buffer_pool pgvector",
    "writes": "hnsw/sq8/mmap hnsw/rabitq/mmap pgvector",
}


# What the tables of the documentation compare (TABLE=...).
OF_TABLE = {
    "quantizers": "hnsw/none/mmap hnsw/sq8/mmap hnsw/rabitq+bits=4/mmap hnsw/rabitq+bits=2/mmap "
                  "hnsw/rabitq+bits=1/mmap hnsw/rabitq+codes=edges/mmap pgvector",
    "codes": "hnsw/rabitq/mmap hnsw/rabitq/buffer_pool hnsw/rabitq+codes=edges/mmap "
             "hnsw/rabitq+codes=edges/buffer_pool pgvector",
}


def configurations(part=None):
    """Those of the run, or those of one of its parts: what CONFIGS_PART or OF_PART has of them.  Where
    CONFIGS has none of those of OF_PART, all of CONFIGS."""
    names = all_names()
    if part:
        of_part = setting("TABLE", "") and " ".join(names)
        chosen = setting(f"CONFIGS_{part.upper()}", of_part or OF_PART[part]).split()
        names = [name for name in names if name in chosen] or names
    return [config for config in map(configuration, names) if extension_available(config.extension)]


def all_names():
    return setting("CONFIGS", OF_TABLE.get(setting("TABLE", ""), ALL)).split()


def missing_extensions():
    return sorted({config.extension for config in map(configuration, all_names())
                   if not extension_available(config.extension)})
