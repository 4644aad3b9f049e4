# SPDX-License-Identifier: Apache-2.0
# Second opinion for tests/test_metrics.c: reads cases "k n gold... answer..." (one a
# line), writes scikit-learn's scores for each, 17 significant digits.  Answers -1
# (none) are a class outside labels=.
import sys
import warnings
import numpy as np
from sklearn import metrics as m

warnings.simplefilter("ignore")
for line in sys.stdin:
    k, n, *rest = map(int, line.split())
    gold, answer = rest[:n], rest[n:]
    labels = list(range(k))
    p, r, f, s = m.precision_recall_fscore_support(gold, answer, labels=labels, zero_division=0)
    avg = [m.f1_score(gold, answer, labels=labels, average=a, zero_division=0)
           for a in ("macro", "micro", "weighted")]
    out = [m.accuracy_score(gold, answer), m.balanced_accuracy_score(gold, answer), *avg,
           m.cohen_kappa_score(gold, answer), m.matthews_corrcoef(gold, answer)]
    print(*("%.17g" % x for x in [*out, *np.ravel([p, r, f]), *s]))
