#!/usr/bin/env python3
"""Puts the figures of a run into the repository.  usage: publish.py DIR

DIR is OUT of the run.  bench.json, bench.md and the plots become test/bench/results, and the short tables
stand between the README's markers of the benchmark table.  A run for a TABLE becomes TABLE.json and
TABLE.md there, and its short form stands between the markers of that table in README.md or src/README.md.
"""
import json
import os
import shutil
import sys

import plots
import report
import tables

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
RESULTS = os.path.join(ROOT, "test", "bench", "results")
DOCUMENT_OF_TABLE = {"quantizers": "README.md", "codes": "src/README.md"}


def replace_between_markers(path, name, text):
    begin, end = f"<!-- {name} table: begin -->\n", f"<!-- {name} table: end -->"
    with open(path, encoding="utf-8") as file:
        content = file.read()
    if content.count(begin) != 1 or content.count(end) != 1:
        sys.exit(f"publish: {path} has not one pair of markers of the {name} table")
    before, rest = content.split(begin)
    _, after = rest.split(end)
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + begin + text + end + after)


def publish_table(results, name, directory):
    shutil.copyfile(os.path.join(directory, "bench.json"), os.path.join(RESULTS, f"{name}.json"))
    with open(os.path.join(RESULTS, f"{name}.md"), "w", encoding="utf-8") as file:
        file.write(tables.markdown(results, full=True))
    replace_between_markers(os.path.join(ROOT, DOCUMENT_OF_TABLE[name]), name,
                            tables.markdown(results, full=False))


def main():
    with open(os.path.join(sys.argv[1], "bench.json"), encoding="utf-8") as file:
        results = json.load(file)
    os.makedirs(RESULTS, exist_ok=True)
    if results.get("table"):
        publish_table(results, results["table"], sys.argv[1])
        return
    for name in os.listdir(RESULTS):
        if name.endswith(".svg"):
            os.remove(os.path.join(RESULTS, name))
    shutil.copyfile(os.path.join(sys.argv[1], "bench.json"), os.path.join(RESULTS, "bench.json"))
    report.write(results, os.path.join(RESULTS, "bench.md"))
    plots.write(results, RESULTS)
    replace_between_markers(os.path.join(ROOT, "README.md"), "benchmark", report.markdown(results, full=False))


if __name__ == "__main__":
    main()
