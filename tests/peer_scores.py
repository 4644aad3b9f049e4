# SPDX-License-Identifier: Apache-2.0
# Second opinion for tests/test_scores_peers.c: reads one case a line (its kind first), writes what
# scikit-learn, scipy, numpy or exact fractions make of it, 17 significant digits, in the same
# order:
#   labels  k n gold... answer...    answer -1 (none) is a class outside labels=
#   probs   k n gold... p...         n rows of k
#   numbers n true... answer...
#   sets    k n gold... answer...    sets of labels as bits
#   ranks   n m a... b...
#   signs   b c                      exact binomial, in fractions
#   holm    m p...
import math
import multiprocessing
import os
import sys
import warnings
from fractions import Fraction

import numpy as np
import sklearn
from scipy import stats
from sklearn import metrics as m

NAN = float("nan")


def labels(x):
    k, n = int(x[0]), int(x[1])
    gold, answer = np.array(x[2:2 + n], int), np.array(x[2 + n:2 + 2 * n], int)
    names = list(range(k))
    p, r, f, s = m.precision_recall_fscore_support(gold, answer, labels=names, zero_division=0)
    average = [m.f1_score(gold, answer, labels=names, average=a, zero_division=0)
               for a in ("macro", "micro", "weighted")]
    return [m.accuracy_score(gold, answer), m.balanced_accuracy_score(gold, answer), *average,
            m.cohen_kappa_score(gold, answer), m.matthews_corrcoef(gold, answer),
            *p, *r, *f, *s, *m.confusion_matrix(gold, answer, labels=names).ravel()]


def probs(x):
    k, n = int(x[0]), int(x[1])
    gold = np.array(x[2:2 + n], int)
    p = np.array(x[2 + n:], float).reshape(n, k)
    best, top = p.argmax(1), p.max(1)
    edges = [(i + 1) / 10 for i in range(9)]
    place = np.searchsorted(edges, top, side="left")
    ece = sum(abs((best[place == b] == gold[place == b]).sum() - top[place == b].sum())
              for b in range(10)) / n
    brier = ((p - np.eye(k)[gold]) ** 2).sum(1).mean()
    return [ece, brier, m.log_loss(gold, p, labels=list(range(k)))]


def numbers(x):
    n = int(x[0])
    a, b = np.array(x[1:1 + n], float), np.array(x[1 + n:], float)
    va, vb = ((v.var() if (v != v[0]).any() else 0.0) for v in (a, b))
    cov = ((a - a.mean()) * (b - b.mean())).mean() if va and vb else 0.0
    below = va + vb + (a.mean() - b.mean()) ** 2
    r = stats.pearsonr(a, b)[0] if va and vb else NAN
    return [2 * cov / below if below else NAN, r, m.mean_absolute_error(a, b),
            m.mean_squared_error(a, b, squared=False)]


def sets(x):
    k, n = int(x[0]), int(x[1])
    both = np.array(x[2:], int).reshape(2, n)
    gold, answer = ((side[:, None] >> np.arange(k)) & 1 for side in both)
    f = m.precision_recall_fscore_support(gold, answer, average=None, zero_division=0)[2]
    average = [m.f1_score(gold, answer, average=a, zero_division=0)
               for a in ("micro", "macro", "weighted")]
    return [*average, m.jaccard_score(gold, answer, average="samples", zero_division=1),
            m.accuracy_score(gold, answer), *f]


def ranks(x):
    n, k = int(x[0]), int(x[1])
    a, b = np.array(x[2:2 + n], float), np.array(x[2 + n:], float)
    ties = len(set(a) | set(b)) < n + k
    if len(set(a) | set(b)) == 1:
        return [n * k / 2, 1]
    exact = not ties and max(n, k) <= 20
    return list(stats.mannwhitneyu(a, b, alternative="two-sided",
                                   method="exact" if exact else "asymptotic"))


def signs(x):
    b, c = int(x[0]), int(x[1])
    n, term, total = b + c, 1, 0
    for i in range(min(b, c) + 1):
        total += term
        term = term * (n - i) // (i + 1)
    exact = float(min(Fraction(1), Fraction(2 * total, 2 ** n))) if n else 1.0
    return [exact, stats.binomtest(b, n, .5).pvalue if n else 1.0]


def holm(x):
    p = [float(v) for v in x[1:]]
    order, most, out = sorted(range(len(p)), key=lambda i: (p[i], i)), 0.0, [0.0] * len(p)
    for rank, i in enumerate(order):
        most = max(most, min(1.0, (len(p) - rank) * p[i]))
        out[i] = most
    return out


KINDS = {f.__name__: f for f in (labels, probs, numbers, sets, ranks, signs, holm)}


def answer(line):
    kind, *x = line.split()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return " ".join("nan" if math.isnan(v) else "%.17g" % v for v in KINDS[kind](x))


def main():
    sklearn.set_config(assume_finite=True)
    with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
        for text in pool.imap(answer, sys.stdin, chunksize=100):
            print(text)


if __name__ == "__main__":
    main()
