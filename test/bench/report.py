#!/usr/bin/env python3
"""Tells bench.json as tables.  usage: report.py bench.json > bench.md

The full report has every point that was measured; the short one, for the README, what the curves say at
given recalls.  Factors in brackets are against pgvector's index of the same kind.
"""
import json
import sys

from recall_curve import value_at

TARGETS = (0.90, 0.95, 0.98, 0.99)
PEER_OF_KIND = {"graphs": "pgvector", "lists": "pgvector-ivfflat"}
EFFORT_OF_KIND = {"graphs": "ef_search", "lists": "probes"}
TITLES = {"graphs": "graphs", "lists": "lists"}
PEER_KINDS = {"hnswlib": "graphs"}  # others are lists


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def number(value):
    """Three digits or more: 0.123, 4.56, 78.9, 1,234."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def megabytes(size):
    return "" if size is None else f"{size / 1e6:,.0f}"


def factor(value, base):
    return f" ({value / base:.1f}x)" if base and value else ""


def curves(found, kind):
    """The points of each configuration of a kind, and of the libraries; these have one clock only."""
    search = found.get("search", {"points": {}, "peers": {}})
    for config in found["configs"]:
        if config["kind"] == kind and config["name"] in search["points"]:
            yield config["name"], search["points"][config["name"]]
    for name, peer in search["peers"].items():
        if PEER_KINDS.get(name, "lists") == kind:
            yield name, [{**point, "pipelined_qps": point["qps"], "in_process": True}
                         for point in front(peer["points"])]


def front(points):
    """Those that no other one beats in both recall and speed: a library may have two parameters."""
    best = []
    for point in sorted(points, key=lambda point: -point["qps"]):
        if not best or point["recall"] > best[-1]["recall"]:
            best.append(point)
    return best


def build_table(found, kind):
    builds = {config["build"]: found["builds"][config["build"]]
              for config in found["configs"]
              if config["kind"] == kind and config["build"] in found["builds"]}
    peer = builds.get(PEER_OF_KIND[kind])
    head = ["index", "build s", "index MB", "WAL MB", "memory of the build MB"]
    grown = any("insert_s" in build for build in builds.values())
    rows = []
    for name, build in builds.items():
        faster = factor(peer["build_s"], build["build_s"]) if peer and build is not peer else ""
        rows.append([name, number(build["build_s"]) + faster, megabytes(build["index_bytes"]),
                     megabytes(build["wal_bytes"]), megabytes(build["memory_bytes"])]
                    + ([number(build["insert_s"])] if grown else []))
    for name, points in found.get("search", {}).get("peers", {}).items():
        if PEER_KINDS.get(name, "lists") == kind:
            rows.append([f"{name} (in process, one thread)", number(points["build_s"]),
                         megabytes(points["index_bytes"]), "", megabytes(points["memory_bytes"])]
                        + ([""] if grown else []))
    return table(head + (["inserts s"] if grown else []), rows)


def recall_table(found, kind, key, title, smaller_is_better=False):
    lines = list(curves(found, kind))
    peer = dict(lines).get(PEER_OF_KIND[kind])
    rows = []
    for name, points in lines:
        row = [name + (" (in process)" if "in_process" in points[0] else "")]
        for target in TARGETS:
            here = value_at(points, target, key)
            if here is None:
                row.append("not reached")
                continue
            value, beyond = here
            base = value_at(peer, target, key) if peer and points is not peer else None
            ratio = "" if not base else (factor(base[0], value) if smaller_is_better
                                         else factor(value, base[0]))
            row.append((("≤ " if smaller_is_better else "≥ ") if beyond else "") + number(value) + ratio)
        rows.append(row)
    return table([title, *(f"{target:.2f}" for target in TARGETS)], rows) if rows else []


def points_table(found, kind):
    rows = []
    for name, points in curves(found, kind):
        for point in points:
            rows.append([name, str(point["effort"]), f"{point['recall']:.4f}",
                         "" if "in_process" in point else number(point["pipelined_qps"]),
                         number(point["qps"]), number(point["avg_us"]), number(point["p50_us"]),
                         number(point["p99_us"])])
    return table(["index", EFFORT_OF_KIND[kind], "recall@10", "pipelined QPS",
                  "QPS", "avg µs", "p50 µs", "p99 µs"], rows)


def trivial_text(found):
    texts = [f"{name}: {number(figures['avg_us'])} µs one after another, "
             f"{number(figures['pipelined_qps'])} a second pipelined"
             for name, figures in found["search"]["trivial"].items()]
    return ["A trivial prepared query with the same parameter and 10 rows of a sequential scan costs ("
            + "; ".join(texts) + ").", ""]


def backends_table(found):
    rows = []
    counts = []
    for name, line in found["backends"].items():
        counts = list(line["qps"])
        first = line["qps"][counts[0]]
        rows.append([name, str(line["effort"]),
                     *(number(line["qps"][count])
                       + (factor(line["qps"][count], first) if count != counts[0] else "")
                       for count in counts)])
    return table(["backends at once, recall about 0.95, QPS", "effort",
                  *(f"{count}" for count in counts)], rows)


def peer_row(rows, row, kinds):
    """The row of pgvector's index of the same kind in the same limit."""
    peer = PEER_OF_KIND[kinds[row["config"]]]
    return next((other for other in rows if other["config"] == peer and other is not row
                 and other["share_percent"] == row["share_percent"]), None)


def memory_table(found):
    if "left_out" in found["memory"]:
        return [f"Searches in limited memory were left out: {found['memory']['left_out']}.", ""]
    if not found["memory"]["rows"]:
        return []
    kinds = {config["name"]: config["kind"] for config in found["configs"]}
    warm = {name: points for kind in PEER_OF_KIND for name, points in curves(found, kind)}
    rows = []
    for row in found["memory"]["rows"]:
        peer = peer_row(found["memory"]["rows"], row, kinds)
        here = value_at(warm[row["config"]], row["recall"], "qps") if row["config"] in warm else None
        rows.append([f"{row['share_percent']} %, {megabytes(row['limit_bytes'])} MB", row["config"],
                     str(row["effort"]), f"{row['recall']:.4f}",
                     number(row["qps"]) + (factor(row["qps"], peer["qps"]) if peer else ""),
                     f"{100 * row['qps'] / here[0]:.0f} %" if here else "",
                     number(row["p50_us"]), number(row["p99_us"]), str(int(row["queries"]))])
    return table(["memory limit", "index", "effort", "recall@10", "QPS", "of warm", "p50 µs", "p99 µs",
                  "queries"], rows)


def resident_table(found):
    rows = []
    for row in found["resident"]["rows"]:
        speeds = ", ".join(f"{limit['share_percent']} %: {100 * limit['qps'] / row['warm_qps']:.0f} %"
                           for limit in row["limits"])
        rows.append([row["config"], str(row["effort"]), f"{row['recall']:.4f}", megabytes(row["raw_bytes"]),
                     f"{megabytes(row['touched_bytes'])} ({row['touched_bytes'] / row['raw_bytes']:.0%})",
                     speeds])
    return table(["index", "effort", "recall@10", "raw vectors MB",
                  f"of the index touched by {row['queries']:,} queries MB" if rows else "touched",
                  "limit, of the raw vectors' size and "
                  f"{megabytes(found['resident']['server_bytes'])} MB for the server: of warm QPS"], rows)


def cold_table(found):
    rows = [[row["config"], row["warmup"] or "", number(row["first_us"] / 1000),
             number(row["p50_us"] / 1000), number(row["max_us"] / 1000),
             number(row["total_us"] / 1000)] for row in found["cold"]["rows"]]
    return table([f"cold start, {found['cold']['queries']} queries", "warmup", "first ms", "p50 ms",
                  "max ms", "all ms"], rows)


def writes_table(found):
    """Inserts a second by connections, with synchronous_commit on and off, and the vacuum."""
    writes = found["writes"]
    kinds = {config["name"]: config["kind"] for config in found["configs"]}
    columns = [(f"rows_per_s_{connections}_{commit}", f"{connections}{mark}")
               for commit, mark in (("on", ""), ("off", ", commit off"))
               for connections in writes["connections"]]
    text = []
    for kind, peer in PEER_OF_KIND.items():
        some = {name: figures for name, figures in writes["configs"].items() if kinds[name] == kind}
        if not some:
            continue
        rows, recalls = [], []
        vacuumed = any("vacuum_s" in figures for figures in some.values())
        for name, figures in some.items():
            base = some.get(peer) if name != peer else None
            rows.append([name, *(number(figures[key]) + (factor(figures[key], base[key]) if base else "")
                                 for key, _ in columns),
                         number(figures["wal_bytes_per_row"])])
            if not vacuumed:
                continue
            rows[-1] += [number(figures["vacuum_s"])
                         + (factor(base["vacuum_s"], figures["vacuum_s"]) if base else ""),
                         megabytes(figures["vacuum_wal_bytes"])]
            recalls.append([name, *(f"{figures[f'recall_{when}_{effort}']:.4f}"
                                    for effort in writes["efforts"][kind]
                                    for when in ("before", "after"))])
        text += table([f"inserts a second into {writes['rows']:,} rows", *(title for _, title in columns),
                       "WAL bytes a row", *(["vacuum of 10 % s", "its WAL MB"] if vacuumed else [])],
                      rows)
        text += [] if not vacuumed else table(["recall@10 around the vacuum",
                       *(f"{when}, {EFFORT_OF_KIND[kind]} {effort}" for effort in writes["efforts"][kind]
                         for when in ("before", "after"))], recalls)
    return text


def set_text(name, found, full):
    text = [f"### {name}: {found['rows']:,} x {found['dimensions']}, {found['metric']}", ""]
    for kind in PEER_OF_KIND:
        if not any(config["kind"] == kind and config["build"] in found["builds"]
                   for config in found["configs"]):
            continue
        if not full:
            text += [f"![{name}: recall and queries a second of {TITLES[kind]}]"
                     f"(test/bench/results/{name}-{kind}.svg)", ""]
        else:
            text += [f"![{name}, {TITLES[kind]}]({name}-{kind}.svg)", ""]
        text += build_table(found, kind)
        text += recall_table(found, kind, "pipelined_qps", "QPS of one backend, pipelined, at recall@10 of")
        text += recall_table(found, kind, "avg_us", "µs a query, one after another, at recall@10 of", True)
        if full:
            text += points_table(found, kind)
    if "search" in found:
        text += trivial_text(found)
    for part, tell in (("backends", backends_table), ("memory", memory_table),
                       ("resident", resident_table), ("cold", cold_table),
                       ("writes", writes_table)):
        if part in found:
            text += tell(found)
    return text


def head_text(results):
    extensions = ", ".join(f"{name} {version}" for name, version in results["extensions"].items())
    libraries = f"; {results['libraries']}" if results.get("libraries") else ""
    return [f"Measured on {results['date']} with", "", *(f"    {command}" for command in results["commands"]), "",
            f"PostgreSQL {results['server']}, {extensions}{libraries}; {results['processor']}, "
            f"{results['processors']} processors, {results['memory_bytes'] / 1e9:.0f} GB of memory; "
            f"{results['workers']} parallel build workers, shared_buffers {results['shared_buffers']}, "
            f"maintenance_work_mem {results['maintenance_work_mem']}. "
            "Medians of rounds that measure every index.", ""]


def markdown(results, full):
    text = head_text(results)
    for name, found in results["sets"].items():
        text += set_text(name, found, full)
    return "\n".join(text).rstrip() + "\n"


def write(results, path):
    with open(path, "w", encoding="utf-8") as file:
        file.write("# Benchmark\n\n" + markdown(results, full=True))


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as bench_json:
        print(markdown(json.load(bench_json), full=True), end="")
