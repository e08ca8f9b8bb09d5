#!/usr/bin/env python3
"""Puts the figures of a run into the repository.  usage: publish.py DIR

DIR is OUT of the run.  bench.json, bench.md and the plots become test/bench/results, and the short tables
stand between the README's markers of the benchmark table.
"""
import json
import os
import shutil
import sys

import plots
import report

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
RESULTS = os.path.join(ROOT, "test", "bench", "results")
BEGIN, END = "<!-- benchmark table: begin -->\n", "<!-- benchmark table: end -->"


def replace_between_markers(path, text):
    with open(path, encoding="utf-8") as file:
        content = file.read()
    if content.count(BEGIN) != 1 or content.count(END) != 1:
        sys.exit(f"publish: {path} has not one pair of markers")
    before, rest = content.split(BEGIN)
    _, after = rest.split(END)
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + text + END + after)


def main():
    with open(os.path.join(sys.argv[1], "bench.json"), encoding="utf-8") as file:
        results = json.load(file)
    os.makedirs(RESULTS, exist_ok=True)
    for name in os.listdir(RESULTS):
        if name.endswith(".svg"):
            os.remove(os.path.join(RESULTS, name))
    shutil.copyfile(os.path.join(sys.argv[1], "bench.json"), os.path.join(RESULTS, "bench.json"))
    report.write(results, os.path.join(RESULTS, "bench.md"))
    plots.write(results, RESULTS)
    replace_between_markers(os.path.join(ROOT, "README.md"), report.markdown(results, full=False))


if __name__ == "__main__":
    main()
