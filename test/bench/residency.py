"""How much of an index must be in memory for full speed: of mapped ones.

*Touched*: after a start with nothing in memory, what the page cache has of the index once all queries have
been run, beside the size of the raw vectors; re-ranking reads some of these, and they count.

*Limits*: queries in memory groups of decreasing size, each a share of the size of the raw vectors and the
server's own memory beside it, down to the first in which they are slower than FULL_SPEED of the warm speed.
"""
from configurations import setting
from datasets import K
from memory import PASS_LIMIT_S
from server import MemoryGroup, client, psql, restart, restart_cold, start, stop

SHARES = [int(percent) for percent in setting("RESIDENT_LIMITS", "60 40 30 20 15 10").split()]
FULL_SPEED = 0.9
SHARED_BUFFERS_BYTES = 16 << 20
SERVER_BYTES = 48 << 20     # with its shared buffers


def measure_resident(data, builds, configs, efforts, target=0.95):
    """A list with a row for each mapped configuration; limits are left out where there can be none."""
    problem = MemoryGroup.why_not()
    if problem:
        print(f"{data.name}: no searches in limited memory: {problem}", flush=True)
    raw_bytes = 4 * data.dimensions * data.rows
    rows = []
    for config in configs:
        if getattr(config, "storage", "") != "mmap":
            continue
        effort = efforts.at(config, target)
        row = {"config": config.name, "effort": effort, "raw_bytes": raw_bytes,
               **touched(data, builds, config, effort), "limits": []}
        for share in SHARES if not problem else ():
            qps = within(data, builds, config, effort, raw_bytes * share // 100 + SERVER_BYTES)
            row["limits"].append({"share_percent": share, "qps": qps})
            if qps < FULL_SPEED * row["warm_qps"]:
                break
        rows.append(row)
        print(f"{data.name}: {config.name} touched {row['touched_bytes'] / raw_bytes:.1%} of the raw vectors' "
              f"size", flush=True)
    restart()
    return {"full_speed": FULL_SPEED, "server_bytes": SERVER_BYTES, "rows": rows}


def search(data, database, config, effort, limit_s):
    return client("search", f"dbname={database}", config.session(effort), data.search_sql(), data.query,
                  data.truth, K, 1, 1, limit_s)


def touched(data, builds, config, effort):
    """What the queries brought into memory, and how fast they are then."""
    database = builds.database(config)
    psql(database, f"ALTER INDEX items_index SET (storage = {config.storage})")
    restart_cold(database)
    found = search(data, database, config, effort, 10 * PASS_LIMIT_S)
    resident = int(psql(database, "SELECT resident_bytes FROM vectorstore_index_info('items_index')"))
    return {"touched_bytes": resident, "queries": found["queries"], "recall": found["recall"],
            "warm_qps": found["qps"]}


def within(data, builds, config, effort, limit):
    database = builds.database(config)
    with MemoryGroup(limit) as group:
        restart_cold(database, {"shared_buffers": f"{SHARED_BUFFERS_BYTES // 1024}kB"}, group)
        try:
            return search(data, database, config, effort, PASS_LIMIT_S)["qps"]
        finally:
            stop()
            start()
