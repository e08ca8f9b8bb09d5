"""The sets of vectors: their files, and the exact neighbors of their queries."""
import os
import struct

from configurations import setting
from server import client, fail

METRICS = {
    "l2": ("vector_l2_ops", "<->"),
    "ip": ("vector_ip_ops", "<#>"),
    "cos": ("vector_cosine_ops", "<=>"),
}
METRIC_OF_SET = {"sift": "l2", "sift10k": "l2", "text384": "cos", "text768": "cos", "text1536": "cos",
                 "text3072": "cos"}
TRUTH_LENGTH = 100
K = 10


class DataSet:
    def __init__(self, name, base, query, truth, metric, rows=0):
        if metric not in METRICS:
            fail(f"there is no metric \"{metric}\"")
        self.name = name
        self.base = base
        self.metric = metric
        self.opclass, self.operator = METRICS[metric]
        with open(base, "rb") as file:
            self.dimensions = struct.unpack("<i", file.read(4))[0]
        self.file_rows = os.path.getsize(base) // self.row_size(base)
        self.query = query
        if setting("QUERIES", ""):
            self.query = self.first_queries(int(setting("QUERIES", 0)))
        limit = rows or int(setting("ROWS", 0))
        self.rows = min(self.file_rows, limit) if limit else self.file_rows
        self.truth = truth if truth and self.rows == self.file_rows else self.computed_truth()

    def row_size(self, path):
        return 4 + self.dimensions * (1 if path.endswith(".bvecs") else 4)

    def first_queries(self, count):
        """A file with the first queries alone."""
        path = os.path.join(os.environ["WORK"],
                            f"{self.name}.first{count}{os.path.splitext(self.query)[1]}")
        with open(self.query, "rb") as queries, open(path, "wb") as first:
            first.write(queries.read(count * self.row_size(self.query)))
        return path

    def computed_truth(self):
        queries = os.path.getsize(self.query) // self.row_size(self.query)
        path = os.path.join(os.environ["WORK"],
                            f"{self.name}.{self.rows}.{queries}.{self.metric}.gt.ivecs")
        if not os.path.exists(path):
            print(f"{self.name}: computing the exact neighbors", flush=True)
            client("truth", self.base, self.rows, self.query, self.metric, TRUTH_LENGTH, path + ".new")
            os.rename(path + ".new", path)
        return path

    def search_sql(self):
        return f"SELECT id FROM items ORDER BY embedding {self.operator} $1::vector LIMIT {K}"

    def trivial_sql(self):
        """As many rows for the same parameter without a search: what any query costs."""
        return f"SELECT id FROM items WHERE $1::vector IS NOT NULL LIMIT {K}"


def data_sets():
    """The set of BASE and QUERY, or else those that SETS names (NAME or NAME:ROWS), in the directory DATA."""
    if setting("BASE", ""):
        name = os.path.basename(os.environ["BASE"]).split(".")[0]
        return [DataSet(name, os.environ["BASE"], os.environ["QUERY"], setting("GT", None),
                        setting("METRIC", "l2"))]
    sets = []
    for word in os.environ["SETS"].split():
        name, _, rows = word.partition(":")
        metric = METRIC_OF_SET.get(name) or fail(f"there is no set \"{name}\"")
        path = os.path.join(os.environ["DATA"], name)
        truth = f"{path}.{metric}.gt.ivecs"
        sets.append(DataSet(name, f"{path}.base.fvecs", f"{path}.query.fvecs",
                            truth if os.path.exists(truth) else None, metric, int(rows or 0)))
    return sets
