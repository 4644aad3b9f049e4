#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speeds of merc beside those of other programs, in alternating runs: tables in markdown.

    bench.py [PART...] [--full] [--clock cpu] [--quiet SECONDS] [--threads 1,2]

`make bench [PARTS="train gemm"] [FULL=1]` builds the programs and calls it.  Every run is kept as
one JSON line under results/bench/PART.jsonl; the last tables are results/bench/PART.md.  A peer
that is not installed is left out with a line that says so.  Nothing here is a test.
"""
import argparse
import datetime
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True

import machine  # noqa: E402  (after the line above)
import part_cues
import part_environment
import part_gemm
import part_llama
import part_media
import part_plain
import part_scores
import part_train

PARTS = {
    "environment": part_environment.run,
    "gemm": part_gemm.run,
    "train": part_train.run,
    "llama": part_llama.run,
    "packing": part_plain.packing,
    "load": part_plain.load,
    "tokenizer": part_plain.tokenizer,
    "decoder": part_plain.decoder,
    "media": part_media.run,
    "remote": part_plain.remote,
    "asks": part_plain.asks,
    "cues": part_cues.run,
    "scores": part_scores.run,
}
SHORT = ("environment", "gemm", "train", "llama", "packing", "load", "tokenizer", "media")


def say(text):
    """Progress, away from the tables."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def missing_peer(o):
    """Why PyTorch cannot be measured, or None."""
    if not os.path.isfile(os.path.join(o.peers, "torch_decoder.py")):
        return f"no torch_decoder.py in {o.peers} (say PEERS=DIR)"
    try:
        subprocess.run([o.python, "-c", "import torch"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return f"{o.python} has no torch (Debian: python3-torch, libopenblas0-openmp)"
    return None


def options():
    a = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    a.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    a.add_argument("--full", action="store_true", help="every part, more rounds and steps")
    a.add_argument("--threads", default="", help="numbers of threads, default 1 and 2")
    a.add_argument("--rounds", type=int, default=0, help="alternating rounds (default 1; full: 3)")
    a.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                   help="cpu: rows of one thread count processor time, for a machine with other work")
    a.add_argument("--quiet", type=float, default=0, metavar="SECONDS",
                   help="wait up to so long before each run until the machine is idle")
    a.add_argument("--peer-limit", type=float, default=0, metavar="SECONDS",
                   help="time limit of a peer that is known to be slow (default 45; full: 240)")
    a.add_argument("--peers", default=os.environ.get("PEERS", "scripts/peers"))
    a.add_argument("--python", default=os.environ.get("PEER_PYTHON", "/usr/bin/python3"),
                   help="the Python that has torch")
    a.add_argument("--bench", default=os.environ.get("BENCH", ""), help="folder of the programs")
    a.add_argument("--merc", default=os.environ.get("MERC", "build/merc"))
    a.add_argument("--out", default="results/bench")
    o = a.parse_args()
    for part in o.parts:
        if part not in PARTS:
            a.error(f"there is no part '{part}'; parts: {' '.join(PARTS)}")
    if not os.path.isdir(o.bench):
        a.error("no folder of benchmark programs: use `make bench`")
    o.short = not o.full
    o.rounds = o.rounds or (3 if o.full else 1)
    o.steps, o.warmup = (10, 3) if o.full else (3, 1)
    o.peer_limit = o.peer_limit or (240 if o.full else 45)
    o.limit = 1800
    o.say = say
    return o


def complete(o, m):
    """What follows from the machine."""
    o.machine = m
    o.has_bf16 = "avx512_bf16" in m["features"]
    o.threads = [int(t) for t in o.threads.split(",") if t] or [t for t in (1, 2) if t <= m["cores"]]
    o.peer_missing = missing_peer(o)
    o.peer_there = o.peer_missing is None
    o.time_key = lambda side: "ms_median"
    if o.clock == "cpu":
        o.time_key = lambda side: "cpu_ms_median" if side.name == "merc" else "ms_median"


def keep(o, part, text, lines):
    os.makedirs(o.out, exist_ok=True)
    with open(os.path.join(o.out, part + ".md"), "w", encoding="utf-8") as f:
        f.write(text)
    when = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    with open(os.path.join(o.out, part + ".jsonl"), "a", encoding="utf-8") as f:
        for line in lines:
            f.write(json.dumps({"schema_version": 1, "part": part, "when": when,
                                "machine": o.machine, **line}) + "\n")


def main():
    o = options()
    complete(o, machine.describe())
    bad = 0
    print(f"# Speed\n\n{machine.sentence(o.machine)}\n", flush=True)
    for part in o.parts or (PARTS if o.full else SHORT):
        title, blocks, lines = PARTS[part](o)
        text = f"## {title}\n\n" + "\n\n".join(blocks) + "\n"
        print(text, flush=True)
        keep(o, part, f"{machine.sentence(o.machine)}\n\n{text}", lines)
        bad |= any(line.get("failed") and line.get("side", "merc") == "merc" for line in lines)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
