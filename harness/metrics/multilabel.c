/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/metrics/multilabel.h"

#include <assert.h>
#include <math.h>

#include "harness/metrics/scores.h"

void multilabel_add(struct multilabel *m, uint32_t gold, uint32_t answer)
{
	int both = 0, either = 0;

	assert(m->k > 0 && m->k <= LABEL_MAX && !((gold | answer) >> m->k));
	for (int i = 0; i < m->k; i++) {
		int g = gold >> i & 1, a = answer >> i & 1;

		m->right[i] += g & a;
		m->answered[i] += a;
		m->support[i] += g;
		both += g & a;
		either += g | a;
	}
	m->n++;
	m->exact += gold == answer;
	m->jaccard_sum += either ? (double)both / either : 1;
}

void multilabel_compute(const struct multilabel *m, struct multilabel_scores *out)
{
	int64_t right = 0, answered = 0, support = 0;
	double sum = 0, weighted = 0;

	*out = (struct multilabel_scores){ .n = m->n,
					   .micro_f1 = NAN,
					   .macro_f1 = NAN,
					   .weighted_f1 = NAN,
					   .jaccard = NAN,
					   .exact_match = NAN };
	if (!m->n)
		return;
	for (int i = 0; i < m->k; i++) {
		out->f1[i] = metric_f1(m->right[i], m->answered[i], m->support[i]);
		sum += out->f1[i];
		weighted += (double)m->support[i] * out->f1[i];
		right += m->right[i];
		answered += m->answered[i];
		support += m->support[i];
	}
	out->micro_f1 = metric_f1(right, answered, support);
	out->macro_f1 = sum / m->k;
	out->weighted_f1 = support ? weighted / (double)support : 0;
	out->jaccard = m->jaccard_sum / (double)m->n;
	out->exact_match = (double)m->exact / (double)m->n;
}
