"""The tables of the documentation that compare quantizers, and codes beside the edges with dense ones.

Each is made by a run of its own (TABLE=quantizers, TABLE=codes), over sets of few rows, so that all sets take
minutes; its figures compare with one another, not with those of whole sets.  The quantizers' has a
column for each set and a row for each quantizer; the codes' has a row for each index and storage.
"""
from recall_curve import value_at
from report import factor, megabytes, number, table

EFFORTS = (20, 40, 80, 160, 320)    # of which the recall is told
TARGETS = (0.90, 0.95, 0.99)
COLD_WARMUP = ("none", None)        # ours without warmup; pgvector has none


def titles(results):
    return [f"{name}: {found['rows']:,} x {found['dimensions']}"
            for name, found in results["sets"].items()]


def names_of(results, key):
    """All configurations or builds, in the order of the first set that has them."""
    return list(dict.fromkeys(config[key] for found in results["sets"].values()
                              for config in found["configs"]))


def points_of(found, name):
    return found["search"]["points"].get(name, [])


def at_effort(points, effort):
    """None where so much effort was not needed."""
    return next((point["recall"] for point in points if point["effort"] == effort), None)


def recall_rows(results, effort):
    for name in names_of(results, "name"):
        cells = []
        for found in results["sets"].values():
            recall = at_effort(points_of(found, name), effort)
            cells.append("" if recall is None else f"{recall:.3f}")
        if any(cells):
            yield [name, *cells]


def curve_cell(found, name, target, key, smaller_is_better=False):
    points = points_of(found, name)
    if not points:
        return ""
    here = value_at(points, target, key)
    if here is None:
        return f"at most {max(point['recall'] for point in points):.3f}"
    value, beyond = here
    base = value_at(points_of(found, "pgvector"), target, key) if name != "pgvector" else None
    bound = ("≤ " if smaller_is_better else "≥ ") if beyond else ""
    if base is None:
        return bound + number(value)
    return bound + number(value) + (factor(base[0], value) if smaller_is_better else factor(value, base[0]))


def speed_cell(found, name, target):
    return curve_cell(found, name, target, "pipelined_qps")


def time_cell(found, name, target):
    return curve_cell(found, name, target, "processor_us", True)


def build_cell(found, name):
    figures = found["builds"].get(name)
    if figures is None:
        return ""
    return f"{number(figures['build_s'])} s, {megabytes(figures['index_bytes'])} MB"


def quantizers(results, full):
    """What a user chooses by; the full table has every recall and every effort.  The time is that of the
    backend's processor, which other work on the machine disturbs less than the clock."""
    sets = results["sets"].values()
    text = []
    for target in TARGETS if full else (0.95,):
        text += table([f"processor time of a query at recall@10 of {target:.2f}, µs", *titles(results)],
                      [[name, *(time_cell(found, name, target) for found in sets)]
                       for name in names_of(results, "name")])
    for target in TARGETS if full else ():
        text += table([f"QPS of one backend, pipelined, at recall@10 of {target:.2f}", *titles(results)],
                      [[name, *(speed_cell(found, name, target) for found in sets)]
                       for name in names_of(results, "name")])
    for effort in EFFORTS if full else (40,):
        text += table([f"recall@10 at hnsw.ef_search = {effort}", *titles(results)],
                      list(recall_rows(results, effort)))
    text += table(["build, size", *titles(results)],
                  [[name, *(build_cell(found, name) for found in sets)]
                   for name in names_of(results, "build")])
    return text


def row_of(found, part, name, **conditions):
    return next((row for row in found.get(part, {}).get("rows", ()) if row["config"] == name
                 and all(row[key] in values for key, values in conditions.items())), None)


def code_columns(found):
    """Of one set: what there is to tell of an index, and how its cell is made."""
    shares = {row["share_percent"] for row in found.get("memory", {}).get("rows", ())}
    writes = found.get("writes", {}).get("configs", {})

    def written(key):
        return lambda config: number(writes.get(config["name"], {}).get(key))

    def build(config):
        return found["builds"][config["build"]]

    def memory(config):
        row = row_of(found, "memory", config["name"])
        return number(row["qps"]) if row else ""

    def cold(config):
        row = row_of(found, "cold", config["name"], warmup=COLD_WARMUP)
        return number(row["total_us"] / 1000) if row else ""

    return {
        "µs of processor at recall 0.95": lambda config: time_cell(found, config["name"], 0.95),
        "at 0.99": lambda config: time_cell(found, config["name"], 0.99),
        **({f"QPS in {max(shares)} % of pgvector's memory": memory} if shares else {}),
        **({"100 cold queries, ms": cold} if "cold" in found else {}),
        **({"inserts a second": written("rows_per_s_1_on"), "with commit off": written("rows_per_s_1_off"),
            "WAL bytes a row": written("wal_bytes_per_row")} if writes else {}),
        "build s": lambda config: number(build(config)["build_s"]),
        "MB": lambda config: megabytes(build(config)["index_bytes"]),
    }


def codes(results, full):
    text = []
    for found, title in zip(results["sets"].values(), titles(results)):
        columns = code_columns(found)
        text += table([title, *columns],
                      [[config["name"], *(cell(config) for cell in columns.values())]
                       for config in found["configs"]])
    return text


TABLES = {"quantizers": quantizers, "codes": codes}


def markdown(results, full):
    name = results["table"]
    note = [results["note"], ""] if results.get("note") else []
    return "\n".join([
        f"Measured on {results['date']} on {results['processors']} processors ({results['processor']}) with",
        "", *(f"    {command}" for command in results["commands"]), "", *note,
        *TABLES[name](results, full)])
