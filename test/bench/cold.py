"""Cold starts: the server is restarted with nothing of the database in memory, and queried at once.

The first queries are timed one after another: the first of all, and all together.
"""
import statistics

from configurations import setting
from datasets import K
from server import client, psql, restart, restart_cold

QUERIES = 100
ROUNDS = int(setting("COLD_ROUNDS", 2))
WARMUPS = setting("COLD_WARMUPS", "none prefetch").split()


def measure_cold(data, builds, configs, efforts, target=0.95):
    queries = data.first_queries(QUERIES)
    cases = [(config, warmup) for config in configs
             for warmup in (WARMUPS if config.extension == "vectorstore" else (None,))]
    samples = {case: [] for case in cases}
    for config in configs:
        efforts.at(config, target)
    for _ in range(ROUNDS):
        for config, warmup in cases:
            samples[config, warmup].append(
                measure_one(data, builds, config, warmup, efforts.at(config, target), queries))
    restart()
    return {"queries": QUERIES,
            "rows": [{"config": config.name, "warmup": warmup, "effort": efforts.at(config, target),
                      **{key: statistics.median(sample[key] for sample in some) for key in some[0]}}
                     for (config, warmup), some in samples.items()]}


def measure_one(data, builds, config, warmup, effort, queries):
    database = builds.database(config)
    config.prepare(database)
    if warmup:
        psql(database, f"ALTER INDEX items_index SET (warmup = {warmup})")
    restart_cold(database)
    found = client("search", f"dbname={database}", config.session(effort), data.search_sql(),
                   queries, data.truth, K, 0, 1)
    if warmup:
        psql(database, "ALTER INDEX items_index SET (warmup = none)")
    return {"first_us": found["first_us"], "total_us": found["avg_us"] * found["queries"],
            "p50_us": found["p50_us"], "max_us": found["max_us"], "recall": found["recall"]}
