"""Searches in less memory than the index has: the server runs in a memory cgroup.

The limit is a share of the size of pgvector's index of the same kind (of the index itself where pgvector
is not in the run), the same for all configurations of a kind; shared buffers are a quarter of it.  The
page cache is charged to the group that reads a page first, so the files are dropped from it before.
"""
from configurations import setting
from datasets import K
from server import MemoryGroup, client, restart_cold, start, stop

SHARES = [int(percent) for percent in setting("MEMORY_LIMITS", "25 10").split()]
LEAST_LIMIT_BYTES = 48 << 20    # the server itself must fit
PASS_LIMIT_S = int(setting("MEMORY_SECONDS", 8))    # of the warm-up, and of what is timed


def measure_memory(data, builds, configs, efforts, target=0.95):
    """A list with a row for each configuration and share; or why there is none."""
    problem = MemoryGroup.why_not()
    if problem:
        print(f"{data.name}: no searches in limited memory: {problem}", flush=True)
        return {"left_out": problem}
    rows = []
    for share in SHARES:
        for config in configs:
            peer = builds.figures.get(config.kind.peer, {})
            size = peer.get("index_bytes") or builds.figures[config.build_name]["index_bytes"]
            limit = size * share // 100
            if limit < LEAST_LIMIT_BYTES:
                print(f"{data.name}: {share} % of {size / 1e6:.0f} MB is less than the server needs",
                      flush=True)
                continue
            rows.append({"config": config.name, "share_percent": share, "limit_bytes": limit,
                         **measure_within(data, builds, config, efforts.at(config, target), limit)})
    return {"pass_limit_s": PASS_LIMIT_S, "rows": rows}


def measure_within(data, builds, config, effort, limit):
    database = builds.database(config)
    shared_buffers = f"{limit // 4 // 1024}kB"
    config.prepare(database)
    with MemoryGroup(limit) as group:
        restart_cold(database, {"shared_buffers": shared_buffers}, group)
        try:
            found = client("search", f"dbname={database}", config.session(effort), data.search_sql(),
                           data.query, data.truth, K, 1, 1, PASS_LIMIT_S)
        finally:
            stop()
    start()
    return {"effort": effort, "shared_buffers": shared_buffers, **found}
