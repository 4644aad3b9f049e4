# SPDX-License-Identifier: Apache-2.0
"""Reading clips: the benchmark's own rows, and beside the bare decoding that of the ffmpeg program."""
import os
import re
import shutil
import subprocess

import part_plain
from runs import Run, median, table

CLIPS = "meld/clips/output_repeated_splits_test"
ROW = re.compile(r"^(?P<what>.*?)\s+\d+ pictures/s,\s+(?P<times>[\d.]+) times real time")


def seconds_of(clip):
    done = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of",
                           "csv=p=0", clip], capture_output=True, text=True, check=False)
    try:
        return float(done.stdout)
    except ValueError:
        return 0.0


def ffmpeg_rate(o, clips):
    """Times real time of `ffmpeg -f null`, processor time of one thread, a process a clip."""
    length = sum(seconds_of(c) for c in clips)
    rates = []
    for _ in range(o.rounds):
        spent = 0.0
        for clip in clips:
            before = os.times()
            Run(["ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-i", clip, "-an", "-f",
                 "null", "-"], limit=120)
            after = os.times()
            spent += (after.children_user - before.children_user) + (
                after.children_system - before.children_system)
        rates.append(length / spent)
    return median(rates)


def run(o):
    title, blocks, lines = part_plain.shown(o, "Reading clips", "bench_media")
    folder = os.path.join(os.environ.get("MERC_DATA") or "../shared/data", CLIPS)
    if not lines or not os.path.isdir(folder):
        return title, blocks + [f"No clips in {folder}: ffmpeg is left out."], lines
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        return title, blocks + ["ffmpeg is left out: it is not installed."], lines
    clips = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    rows = [m for m in map(ROW.match, lines[0]["text"]) if m]
    if rows:
        theirs = ffmpeg_rate(o, clips)
        mine = float(rows[0]["times"])
        lines.append({"side": "ffmpeg", "failed": None, "times_real_time": theirs})
        blocks.append(table(
            ["every picture decoded, one thread's processor time", "times real time", "ratio"],
            [["merc", f"{mine:.1f}", None],
             ["ffmpeg -f null, a process a clip", f"{theirs:.1f}", f"{mine / theirs:.2f}"]]))
    return title, blocks, lines
