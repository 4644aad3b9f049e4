# SPDX-License-Identifier: Apache-2.0
"""Prompt processing and generation, PyTorch beside it; and as shares of what the machine can do,
beside such shares of llama.cpp and ik_llama.cpp.

Those two programs are not run here.  Their figures were measured once on another machine, whose
limits are given with them; only shares of a machine's own limits are compared.
"""
import json
import os
import re

import part_plain
from part_train import BEST
from runs import Run, table

ROW = re.compile(r"^\s*(?P<million>\d+) M\s+(?P<types>.+?)\s+(?P<threads>\d+)\s+prompt\s+"
                 r"(?P<prompt>[\d.]+) tok/s\s+[\d.]+ GFLOP/s\s+(?P<peak>[\d.]+) %\s+one token\s+"
                 r"(?P<token>[\d.]+) tok/s\s+[\d.]+ GB/s\s+(?P<read>[\d.]+) %")
# the shapes of bench_llama that PyTorch is asked for, by their million parameters
SHAPES = {"27": {}, "158": {"d": 1024, "layers": 12, "heads": 16, "ff": 2816}}


def published_shares(published):
    """Rows: prompt arithmetic and generation traffic as shares of that machine's limits."""
    limit = published["machine"]["two_threads"]
    rows = []
    for f in published["figures"]:
        parameters = 1e6 * f["million"]
        prompt = 2e-9 * parameters * f["prompt_tok_s"]
        peak = limit[published["peak_of"][f["type"]]]
        traffic = 1e-9 * parameters * published["bytes_of"][f["type"]] * f["generate_tok_s"]
        rows.append([f["program"], f"{f['million']} M", f["type"],
                     f"{100 * prompt / limit['f32_gflops']:.0f} %", f"{100 * prompt / peak:.0f} %",
                     f"{100 * traffic / limit['read_gb_s']:.0f} %"])
    return rows


def torch(o, million, threads, amp):
    """PyTorch's prompt and one-token rates of a shape, None where it fails."""
    rates = []
    for mode in ("prefill", "gen"):
        shape = [f"--{k}={v}" for k, v in SHAPES[million].items()]
        run = Run([o.python, os.path.join(o.peers, "torch_decoder.py"), "--mode", mode, "--prompt",
                   "512", "--gen", "32", "--threads", str(threads), "--steps", "3", "--warmup", "1",
                   *(["--amp"] if amp else []), *shape], BEST, o.limit, o.quiet)
        rates.append(None if run.failed or not run.rows else run.rows[-1]["tok_s"])
    return rates


def run(o):
    title, rows, lines, blocks, text = "Prompt processing and generation", [], [], [], []
    for threads in o.threads:
        _, more, kept = part_plain.shown(o, title, "bench_llama", f"threads={threads}")
        if not kept:
            blocks += more
            break
        lines += kept
        text += kept[0]["text"]
        mine = [m for m in map(ROW.match, kept[0]["text"]) if m]
        for m in mine:
            rows.append(["merc", m["million"] + " M", m["types"], threads, m["prompt"],
                         m["peak"] + " %", m["token"], m["read"] + " %"])
        for million in SHAPES if mine and o.peer_there else ():
            for amp in (False, True) if o.has_bf16 else (False,):
                prompt, token = torch(o, million, threads, amp)
                kind = "bf16" if amp else "f32"
                rows.append(["PyTorch, at its best", million + " M", kind, threads, prompt, None,
                             token, None])
                lines.append({"side": "PyTorch", "failed": None, "million": million, "type": kind,
                              "threads": threads, "prompt_tok_s": prompt, "token_tok_s": token})
    if rows:
        blocks.append(table(["program", "parameters", "weights", "threads", "prompt, tokens/s",
                             "of the fp32 peak", "one token, tokens/s", "of memory read"], rows))
    elif text:
        blocks.append("```\n" + "\n".join(text) + "\n```")
    with open(os.path.join(os.path.dirname(__file__), "published.json"), encoding="utf-8") as f:
        published = json.load(f)
    blocks.append("Other programs, measured elsewhere (" + published["machine"]["name"] +
                  "; 512 tokens of prompt, two threads), as shares of that machine's limits. "
                  "What lies in the caches can pass 100 % of the memory's rate.")
    blocks.append(table(["program", "parameters", "weights", "prompt: of the fp32 peak",
                         "of the type's own peak", "one token: of memory read"],
                        published_shares(published)))
    return title, blocks, lines
