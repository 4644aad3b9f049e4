# SPDX-License-Identifier: Apache-2.0
"""Prompt processing and generation as shares of what the machine can do, beside such shares of
llama.cpp and ik_llama.cpp.

Those programs are not run here.  Their figures were measured once on another machine, whose
limits are given with them; only shares of a machine's own limits are compared.
"""
import json
import os

import part_plain
from runs import table


def shares(published):
    """Rows: prompt arithmetic and generation traffic as shares of that machine's limits."""
    limit = published["machine"]["two_threads"]
    rows = []
    for f in published["figures"]:
        parameters = 1e6 * f["million"]
        peak = limit[published["peak_of"][f["type"]]]
        prompt = 2e-9 * parameters * f["prompt_tok_s"] / peak
        traffic = 1e-9 * parameters * published["bytes_of"][f["type"]] * f["generate_tok_s"]
        rows.append([f["program"], f"{f['million']} M", f["type"], f"{100 * prompt:.0f} %",
                     f"{100 * traffic / limit['read_gb_s']:.0f} %"])
    return rows


def run(o):
    title, blocks, lines = part_plain.shown(
        o, "Prompt processing and generation", "bench_llama")
    path = os.path.join(os.path.dirname(__file__), "published.json")
    with open(path, encoding="utf-8") as f:
        published = json.load(f)
    blocks.append("Other programs, measured elsewhere (" + published["machine"]["name"] +
                  "; 512 tokens of prompt, two threads), as shares of that machine's limits. "
                  "Generation from a model that fits the caches can pass 100 %.")
    blocks.append(table(["program", "parameters", "weights", "prompt: share of peak",
                         "generation: share of memory read"], shares(published)))
    return title, blocks, lines
