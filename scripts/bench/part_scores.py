# SPDX-License-Identifier: Apache-2.0
"""Scores and their uncertainty: ten million labels beside scikit-learn and beside reading them,
resampling a test set of MELD's size, and how often intervals and tests keep their word."""
import os

from runs import Run, median, table

MILLIONS = "10"
PEER = os.path.join(os.path.dirname(__file__), "..", "peers", "sk_scores.py")


def ours(o, *arguments):
    done = Run([os.path.join(o.bench, "bench_scores"), *arguments], limit=o.limit, quiet=o.quiet)
    if done.failed:
        raise RuntimeError(f"bench_scores: {done.why()}")
    return done


def speed(o):
    """Our rows and scikit-learn's of alternating runs."""
    mine, theirs, peer, others = [], [], None, []
    for _ in range(max(3, o.rounds)):
        done = ours(o, "speed", MILLIONS)
        mine.append(done.rows)
        peer = Run([o.python, PEER, MILLIONS, "1" if o.short else "3"],
                   {"OPENBLAS_NUM_THREADS": "1"}, limit=o.limit)
        others += [done.others, peer.others]
        if peer.failed:
            break
        theirs.append(peer.rows)
    return mine, theirs, peer, max(others)


def scoring(mine, theirs, peer):
    ms, read = (median([rows[0][key] for rows in mine]) for key in ("ms", "read_ms"))
    ratio = median([rows[0]["times_reading"] for rows in mine])
    rows = [["merc, 32 bits", f"{ms:.2f}", f"{ratio:.2f}", None],
            ["reading them", f"{read:.2f}", "1", None]]
    lines = [{"side": "merc", "failed": None, "ms": ms, "read_ms": read, "times_reading": ratio}]
    for i, one in enumerate(theirs[0] if theirs else []):
        for key, name in (("sklearn_ms", "confusion_matrix and f1_score"),
                          ("bincount_ms", "numpy's bincount alone")):
            their = median([r[i][key] for r in theirs])
            rows.append([f"{name}, {one['dtype']}", f"{their:.1f}", f"{their / read:.0f}",
                         f"{their / ms:.0f}"])
            lines.append({"side": "sklearn", "failed": None, "what": name, "dtype": one["dtype"],
                          "ms": their, "times_merc": their / ms})
    notes = [table(["10 million labels", "ms", "times reading", "times merc's time"], rows)]
    if peer.failed:
        notes.append(f"scikit-learn is left out: {peer.why()}")
    return notes, lines


def resampling(mine):
    keys = ("bootstrap_ms", "paired_ms", "randomization_ms")
    ms = [median([rows[1][key] for rows in mine]) for key in keys]
    same = all(rows[1]["same_on_all_threads"] for rows in mine)
    text = table(["10,000 replicates of 280 dialogues, 2,610 utterances, 7 labels", "ms"],
                 list(zip(("interval of one system", "interval of a difference",
                           "approximate randomization"), (f"{v:.1f}" for v in ms))))
    return [text, f"The same on one thread and on all: {'yes' if same else 'NO'}."], [
        {"side": "merc", "failed": None if same else "threads change the result",
         **dict(zip(keys, ms))}]


def coverage(o):
    done = ours(o, "coverage", "500" if o.short else "4000")
    percent = lambda x: None if x is None else f"{100 * x:.1f} %"
    rows = [[r["dialogues"], r["metric"], r["trials"], percent(r["interval"]),
             percent(r["of_difference"]), percent(r["as_if_independent"]),
             percent(r["randomization_5pct"])] for r in done.rows]
    return [table(["dialogues", "metric", "trials", "interval holds the truth",
                   "interval of a difference", "as if utterances were independent",
                   "randomization rejects a true null"], rows)], [
        {"side": "merc", "failed": None, **r} for r in done.rows]


def run(o):
    o.say("scores beside scikit-learn")
    mine, theirs, peer, others = speed(o)
    blocks, lines = [], []
    for more in (scoring(mine, theirs, peer), resampling(mine), coverage(o)):
        blocks += more[0]
        lines += more[1]
    blocks.append(f"Processor time of one thread. Other work had up to {others:.2f} cores.")
    return "Scores and their uncertainty", blocks, lines
