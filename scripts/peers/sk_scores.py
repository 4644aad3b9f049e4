#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""scikit-learn's side of `make bench-scores`: sk_scores.py MILLIONS [ROUNDS].

Seven labels, two answers in three right, as tests/bench_scores.c draws them; processor time of one
thread, one JSON line: confusion_matrix and f1_score one after the other, and numpy's bare
bincount, from labels of 32 and of 64 bits."""
import json
import statistics
import sys
import time

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score


def median_ms(rounds, work):
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1e3 * statistics.median(times)


def both(gold, answer):
    confusion_matrix(gold, answer)
    f1_score(gold, answer, average="weighted")


def main():
    n = int(float(sys.argv[1]) * 10**6)
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    rng = np.random.default_rng(1)
    for bits in ("int32", "int64"):
        gold = rng.integers(0, 7, n).astype(bits)
        other = rng.integers(0, 7, n).astype(bits)
        answer = np.where(rng.random(n) < .65, gold, other)
        print(json.dumps({
            "labels": n, "dtype": bits,
            "sklearn_ms": median_ms(rounds, lambda: both(gold, answer)),
            "bincount_ms": median_ms(rounds, lambda: np.bincount(gold * 7 + answer, minlength=49)),
        }), flush=True)


if __name__ == "__main__":
    main()
