#!/usr/bin/env python3
"""Draws recall against queries a second, one SVG for each data set and kind.  usage: plots.py bench.json DIR

Recall is drawn by the logarithm of what is missed, so that 0.9, 0.99 and 0.999 are equally far apart;
queries a second of one backend (pipelined), or of one thread in process, on a logarithmic axis.
"""
import json
import math
import os
import sys
from xml.sax.saxutils import escape

from report import PEER_OF_KIND, curves

WIDTH, HEIGHT = 980, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 330, 40, 55
RECALLS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#e377c2", "#8c564b",
          "#bcbd22", "#393b79", "#637939", "#843c39")
PEER_COLOR, PGVECTOR_COLOR = "#888888", "#000000"
FARTHEST_RECALL = 0.9995  # a perfect recall is drawn here


def recall_position(recall):
    return -math.log10(1 - min(recall, FARTHEST_RECALL))


class Axes:
    def __init__(self, lines):
        recalls = [recall_position(point["recall"]) for _, points in lines for point in points]
        rates = [math.log10(point["pipelined_qps"]) for _, points in lines for point in points]
        self.least_recall, self.most_recall = min(recalls) - 0.05, max(recalls) + 0.05
        self.least_rate, self.most_rate = min(rates) - 0.05, max(rates) + 0.05

    def x(self, recall):
        share = (recall_position(recall) - self.least_recall) / (self.most_recall - self.least_recall)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, rate):
        share = (math.log10(rate) - self.least_rate) / (self.most_rate - self.least_rate)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def recalls(self):
        return [recall for recall in RECALLS
                if self.least_recall <= recall_position(recall) <= self.most_recall]

    def rates(self):
        return [step * 10 ** power for power in range(-1, 7) for step in (1, 2, 5)
                if self.least_rate <= math.log10(step * 10 ** power) <= self.most_rate]


def text(x, y, content, anchor="start", size=13, more=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{more}>'
            f"{escape(content)}</text>")


def line(x1, y1, x2, y2, color):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'


def grid(axes):
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for recall in axes.recalls():
        x = axes.x(recall)
        yield line(x, TOP, x, bottom, "#e4e4e4")
        yield text(x, bottom + 18, f"{recall:g}", "middle")
    for rate in axes.rates():
        y = axes.y(rate)
        yield line(LEFT, y, right, y, "#e4e4e4")
        yield text(LEFT - 8, y + 4, f"{rate:,g}", "end")
    yield f'<rect x="{LEFT}" y="{TOP}" width="{right - LEFT}" height="{bottom - TOP}" fill="none" stroke="#444"/>'
    yield text((LEFT + right) / 2, HEIGHT - 14, "recall@10", "middle")
    middle = (TOP + bottom) / 2
    yield text(16, middle, "queries a second", "middle", more=f' transform="rotate(-90 16 {middle:.1f})"')


def style_of(name, points, number):
    """Color and dashes: storages of one index share the color, what is read through buffers is dashed."""
    if "in_process" in points[0]:
        return PEER_COLOR, ("", "6 3", "2 3", "8 3 2 3")[number % 4]
    if name.startswith("pgvector"):
        return PGVECTOR_COLOR, ""
    return COLORS[number % len(COLORS)], "5 4" if name.endswith("/buffer_pool") else ""


def draw(title, lines):
    axes = Axes(lines)
    indexes, peers = [], []
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
             f'height="{HEIGHT}" font-family="sans-serif" fill="#222">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             text(LEFT, TOP - 14, title, size=15), *grid(axes)]
    for place, (name, points) in enumerate(lines):
        group, key = (peers, name) if "in_process" in points[0] else (indexes, name.rsplit("/", 1)[0])
        if key not in group:
            group.append(key)
        color, dashes = style_of(name, points, group.index(key))
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        path = " ".join(f"{axes.x(p['recall']):.1f},{axes.y(p['pipelined_qps']):.1f}" for p in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"{dashed}/>')
        parts += [f'<circle cx="{axes.x(p["recall"]):.1f}" cy="{axes.y(p["pipelined_qps"]):.1f}" r="3" '
                  f'fill="{color}"/>' for p in points]
        x, y = WIDTH - RIGHT + 14, TOP + 12 + place * 20
        parts.append(f'<line x1="{x}" y1="{y}" x2="{x + 28}" y2="{y}" stroke="{color}" '
                     f'stroke-width="2"{dashed}/>')
        parts.append(text(x + 34, y + 4, name + (" (in process)" if group is peers else ""), size=12))
    return "\n".join([*parts, "</svg>"]) + "\n"


def write(results, directory):
    """Writes the pictures; returns their names."""
    names = []
    for name, found in results["sets"].items():
        for kind in PEER_OF_KIND:
            lines = list(curves(found, kind))
            if not lines:
                continue
            names.append(f"{name}-{kind}.svg")
            with open(os.path.join(directory, names[-1]), "w", encoding="utf-8") as file:
                file.write(draw(f"{name}, {found['rows']:,} x {found['dimensions']}, {kind}", lines))
    return names


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as bench_json:
        write(json.load(bench_json), sys.argv[2])
