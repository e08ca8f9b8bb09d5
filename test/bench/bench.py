#!/usr/bin/env python3
"""Compares nearest-neighbor indexes with each other on one throwaway server; started by run.sh.

For each data set its indexes are built (builds.py), and each of the PARTS measures them:

    search    one warm backend: recall, latency, throughput (searches.py)
    peers     libraries in process, in the same rounds (peers.py)
    backends  several backends at once (searches.py)
    memory    searches in a part of the memory that the index takes (memory.py)
    resident  how much of an index must be in memory for full speed; not by default (residency.py)
    cold      the first queries after a start with nothing in memory (cold.py)
    writes    inserts and vacuum, on the first data set only, except for a TABLE; not by default (writes.py)

What was measured is written to bench.json after each part and told by report.py as bench.md, and by
plots.py as pictures.  With RESUME=1 parts that bench.json has already are left alone.
"""
import datetime
import json
import os
import sys

import plots
import report
import server
import tables
from builds import Builds
from cold import measure_cold
from configurations import configurations, missing_extensions, setting
from datasets import data_sets
from memory import measure_memory
from peers import Peers
from residency import measure_resident
from searches import Efforts, Searches, measure_backends
from writes import measure_writes

OUT = os.environ["OUT"]
PARTS = "search peers backends memory cold"


class Results:
    """bench.json."""

    def __init__(self):
        self.path = os.path.join(OUT, "bench.json")
        self.content = {"sets": {}}
        if setting("RESUME", "") and os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                self.content = json.load(file)
        self.content.update(machine())
        self.content["table"] = setting("TABLE", None)
        self.content["note"] = setting("NOTE", None)
        commands = self.content.setdefault("commands", [])
        if os.environ["COMMAND"] not in commands:
            commands.append(os.environ["COMMAND"])

    def of_set(self, data):
        return self.content["sets"].setdefault(data.name, {
            "data": os.path.basename(data.base), "rows": data.rows, "dimensions": data.dimensions,
            "metric": data.metric})

    def save(self):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.content, file, indent=1)
            file.write("\n")
        os.rename(self.path + ".new", self.path)


def machine():
    return {
        "date": datetime.date.today().isoformat(),
        "server": server.psql("postgres", "SHOW server_version"),
        "extensions": {name: server.psql("postgres", "SELECT default_version FROM "
                                         f"pg_available_extensions WHERE name = '{name}'")
                       for name in ("vectorstore", "vector") if server.extension_available(name)},
        "libraries": os.environ["PEERS_ABOUT"] if os.environ["PEERS"] else None,
        "processor": processor(), "processors": os.cpu_count(), "memory_bytes": memory_bytes(),
        "workers": int(os.environ["WORKERS"]), **server.BASE_SETTINGS,
    }


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def memory_bytes():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def measure_set(data, results, parts):
    """All parts of one data set that are not there yet."""
    found = results.of_set(data)
    wanted = [part for part in parts if part not in found and part != "peers"]
    if not wanted:
        return
    builds = Builds(data)
    for config in configurations() if wanted != ["writes"] else ():  # these build their own
        builds.provide(config)
    chosen = builds.are_there(configurations())
    for name, figures in builds.figures.items():
        found.setdefault("left_out" if "left_out" in figures else "builds", {})[name] = figures
    found.setdefault("builds", {})
    known = {config["name"] for config in found.setdefault("configs", [])}
    found["configs"] += [{"name": config.name, "build": config.build_name, "kind": config.kind.name}
                         for config in chosen if config.name not in known]
    results.save()

    if "search" in wanted:
        peers = Peers(data) if "peers" in parts and os.environ["PEERS"] else None
        searches = Searches(data, builds, chosen)
        searches.run(peers)
        found["search"] = searches.report()
        results.save()
    efforts = Efforts(data, builds, dict(found.get("search", {}).get("points", {})))
    for part, measure in (("backends", measure_backends), ("memory", measure_memory),
                          ("resident", measure_resident), ("cold", measure_cold)):
        if part in wanted:
            found[part] = measure(data, builds, builds.are_there(configurations(part)), efforts)
            results.save()
            print(f"{data.name}: {part} done", flush=True)
    if setting("DROP", "") or not setting("KEPT", ""):
        builds.drop()
    if "writes" in wanted:
        found["writes"] = measure_writes(data, builds.are_there(configurations("writes")))
        results.save()


def main():
    parts = setting("PARTS", PARTS).split() + (["writes"] if setting("WRITES", "") else [])
    server.start()
    for extension in missing_extensions():
        print(f"bench: extension {extension} is not installed on this server: left out")
    if not configurations():
        server.fail("nothing to measure")
    results = Results()
    for number, data in enumerate(data_sets()):
        measure_set(data, results,
                    [part for part in parts if part != "writes" or number == 0 or setting("TABLE", "")])
    report.write(results.content, os.path.join(OUT, "bench.md"))
    if results.content["table"]:
        with open(os.path.join(OUT, "bench.md"), "a", encoding="utf-8") as file:
            file.write("\n## The table\n\n" + tables.markdown(results.content, full=True))
    plots.write(results.content, OUT)
    with open(os.path.join(OUT, "bench.md"), encoding="utf-8") as file:
        print("\n" + file.read())
    print(f"written to {OUT}: bench.json, bench.md, *.svg")


if __name__ == "__main__":
    sys.exit(main())
