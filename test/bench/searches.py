"""Searches of warm indexes: recall, latency and throughput of one backend, and of several at once.

Two clocks, both reported.  *Latency* is one query after another over a socket, each timed around its
round trip: what an application waits.  *Throughput* keeps several queries under way in the connection,
so that the backend never waits for its client: what one backend does.  Both have a trivial query with
the same parameter and as many rows beside them, which no search can be faster than.

The machine is taken to be noisy: a round measures every configuration, with those of one ef_search or
number of probes following each other closely, and the median over the rounds is reported.
"""
import math
import statistics

from configurations import KINDS, setting
from datasets import K
from peers import PEERS
from recall_curve import value_at
from server import client, fail, psql

DEPTH = 8               # queries under way in a connection
SECONDS = 0.5           # of a throughput measurement
RECALL_ENOUGH = 0.993   # greater efforts than the first that reaches it are not measured
LATENCY_LIMIT_S = 2     # of a pass over the queries
FIRST_LIMIT_S = 20      # of the passes of the first round, which tell the recall
ROUNDS = int(setting("ROUNDS", 3))
BACKENDS = [int(number) for number in setting("BACKENDS", "1 2 4").split()]


def check_plan(data, database, config):
    """A sequential scan has perfect recall and would go unnoticed in the table."""
    ones = "[" + ",".join("1" * data.dimensions) + "]"
    plan = psql(database, config.session(config.kind.efforts[0]) + "; EXPLAIN (COSTS OFF) "
                + data.search_sql().replace("$1", f"'{ones}'"))
    if "Index Scan using items_index" not in plan:
        fail(f"{config.name} does not use its index:\n{plan}")


def throughput(data, database, setup, sql, connections=1, seconds=SECONDS):
    """Queries a second, and what a backend's processor takes for one."""
    found = client("throughput", f"dbname={database}", setup, sql, data.query, connections, DEPTH,
                   seconds)
    return {"pipelined_qps": found["qps"], "processor_us": found["processor_us"]}


def latency(data, database, setup, sql, limit_s=LATENCY_LIMIT_S):
    return client("search", f"dbname={database}", setup, sql, data.query, data.truth, K, 1, 1, limit_s)


class Searches:
    """The measurements of one data set; the databases are there."""

    def __init__(self, data, builds, configs):
        self.data = data
        self.builds = builds
        self.configs = configs
        self.samples = {}  # by configuration and effort
        self.trivial = {}  # by extension
        self.peer_samples = {}

    def of_kind(self, kind):
        return [config for config in self.configs if config.kind is kind]

    # ---- one backend ----

    def measure(self, config, effort):
        if self.is_beyond(config, effort):
            return
        database = self.builds.database(config)
        samples = self.samples.setdefault((config.name, effort), [])
        config.prepare(database)
        sample = latency(self.data, database, config.session(effort), self.data.search_sql(),
                         LATENCY_LIMIT_S if samples else FIRST_LIMIT_S)
        sample.update(throughput(self.data, database, config.session(effort), self.data.search_sql()))
        samples.append(sample)

    def is_beyond(self, config, effort):
        """Whether a smaller effort is known to be enough."""
        return any(self.samples[(config.name, smaller)][0]["recall"] >= RECALL_ENOUGH
                   for smaller in config.kind.efforts
                   if smaller < effort and (config.name, smaller) in self.samples)

    def measure_trivial(self):
        for extension, config in {c.extension: c for c in self.configs}.items():
            database = self.builds.database(config)
            sample = latency(self.data, database, "", self.data.trivial_sql())
            sample.update(throughput(self.data, database, "", self.data.trivial_sql()))
            self.trivial.setdefault(extension, []).append(sample)

    def run(self, peers):
        """All rounds; the libraries in process are measured in each of them as well."""
        for config in self.configs:
            check_plan(self.data, self.builds.database(config), config)
        for number in range(ROUNDS):
            self.measure_trivial()
            for kind in KINDS.values():
                for effort in kind.efforts if self.of_kind(kind) else ():
                    for config in self.of_kind(kind):
                        self.measure(config, effort)
            for peer in self.libraries() if peers else ():
                self.peer_samples.setdefault(peer.name, []).append(peers.measure(peer))
            print(f"{self.data.name}: round {number + 1} of {ROUNDS} done", flush=True)

    def libraries(self):
        """Those that are beside a configuration of the same kind."""
        return [peer for peer in PEERS if self.of_kind(KINDS[peer.kind])]

    def points(self, config):
        """One row per effort: the median of each figure over the rounds, and the recall of the round
        that had the most queries."""
        for effort in config.kind.efforts:
            samples = self.samples.get((config.name, effort))
            if not samples:
                break
            yield {**medians(samples), "effort": effort, "qps_min": min(s["qps"] for s in samples),
                   "qps_max": max(s["qps"] for s in samples)}

    def report(self):
        return {
            "rounds": ROUNDS, "depth": DEPTH,
            "trivial": {name: medians(samples) for name, samples in self.trivial.items()},
            "points": {config.name: list(self.points(config)) for config in self.configs},
            "peers": {name: peer_medians(rounds) for name, rounds in self.peer_samples.items()},
        }


class Efforts:
    """How far each configuration must search for a recall: from the points of `search` where these
    are there, or else measured."""

    def __init__(self, data, builds, points):
        self.data = data
        self.builds = builds
        self.points = points

    def at(self, config, target):
        if config.name not in self.points:
            self.points[config.name] = self.measured(config, target)
        points = self.points[config.name]
        found = value_at(points, target, "effort")
        return math.ceil(found[0]) if found else points[-1]["effort"]

    def measured(self, config, target):
        points = []
        for effort in config.kind.efforts:
            found = latency(self.data, self.builds.database(config), config.session(effort),
                            self.data.search_sql(), FIRST_LIMIT_S)
            points.append({"effort": effort, "recall": found["recall"]})
            if found["recall"] >= target:
                break
        return points


def measure_backends(data, builds, configs, efforts, target=0.95):
    """Queries a second of 1, 2, 4 backends at once, at a recall of about 0.95."""
    samples = {config.name: {number: [] for number in BACKENDS} for config in configs}
    for _ in range(ROUNDS):
        for number in BACKENDS:
            for config in configs:
                database = builds.database(config)
                config.prepare(database)
                samples[config.name][number].append(
                    throughput(data, database, config.session(efforts.at(config, target)),
                               data.search_sql(), number)["pipelined_qps"])
    return {name: {"effort": efforts.at(config, target),
                   "qps": {number: statistics.median(values) for number, values in by_number.items()}}
            for (name, by_number), config in zip(samples.items(), configs)}


def medians(samples):
    longest = max(samples, key=lambda sample: sample.get("recall_queries", 0))
    figures = {key: statistics.median(sample[key] for sample in samples)
               for key, value in longest.items() if isinstance(value, (int, float))}
    return {**figures, **{key: longest[key] for key in ("recall", "recall_queries") if key in longest}}


def peer_medians(rounds):
    """Of a library: its build, and one row per effort."""
    efforts = zip(*(one["searches"] for one in rounds))
    return {**{key: value for key, value in rounds[0].items() if key != "searches"},
            "points": [{**medians(samples), "effort": samples[0]["effort"]} for samples in efforts]}
