/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/metrics/scores.h"

#include <assert.h>
#include <math.h>

const char *const metric_name[METRIC_COUNT] = {
	[METRIC_ACCURACY] = "accuracy",	      [METRIC_UAR] = "uar",
	[METRIC_MACRO_F1] = "macro_f1",	      [METRIC_MICRO_F1] = "micro_f1",
	[METRIC_WEIGHTED_F1] = "weighted_f1",
};

void confusion_add(struct confusion *c, int gold, int answer)
{
	assert(c->k > 0 && c->k <= LABEL_MAX);
	assert(gold >= 0 && gold < c->k && answer < c->k);
	c->count[gold][answer < 0 ? c->k : answer]++;
}

void confusion_sum(struct confusion *into, const struct confusion *from)
{
	assert(into->k == from->k);
	for (int i = 0; i < from->k; i++)
		for (int j = 0; j <= from->k; j++)
			into->count[i][j] += from->count[i][j];
}

void confusion_counts(const struct confusion *c, int64_t *right, int64_t *answered,
		      int64_t *support)
{
	for (int i = 0; i < c->k; i++) {
		right[i] = c->count[i][i];
		support[i] = c->count[i][c->k];
		answered[i] = 0;
		for (int j = 0; j < c->k; j++) {
			support[i] += c->count[i][j];
			answered[i] += c->count[j][i];
		}
	}
}

/* F1 = 2 right / (answered + support), since answered + support = 2tp + fp + fn. */
static double f1(int64_t right, int64_t answered, int64_t support)
{
	return right ? 2.0 * (double)right / (double)(answered + support) : 0.0;
}

double metric_value(enum metric m, int k, const int64_t *right, const int64_t *answered,
		    const int64_t *support)
{
	int64_t n = 0, hits = 0, given = 0;
	double sum = 0;
	int present = 0;

	for (int i = 0; i < k; i++) {
		n += support[i];
		hits += right[i];
		given += answered[i];
		present += support[i] > 0;
	}
	if (!n)
		return NAN;
	switch (m) {
	case METRIC_ACCURACY:
		return (double)hits / (double)n;
	case METRIC_MICRO_F1:
		return f1(hits, given, n);
	case METRIC_UAR:
		for (int i = 0; i < k; i++)
			sum += support[i] ? (double)right[i] / (double)support[i] : 0.0;
		return sum / present;
	case METRIC_MACRO_F1:
		for (int i = 0; i < k; i++)
			sum += f1(right[i], answered[i], support[i]);
		return sum / k;
	case METRIC_WEIGHTED_F1:
		for (int i = 0; i < k; i++)
			sum += (double)support[i] * f1(right[i], answered[i], support[i]);
		return sum / (double)n;
	case METRIC_COUNT:
		break;
	}
	return NAN;
}

static void score_classes(struct scores *out, const int64_t *right, const int64_t *answered,
			  const int64_t *support)
{
	for (int i = 0; i < out->k; i++) {
		struct class_scores *s = &out->cls[i];

		s->support = support[i];
		s->precision = answered[i] ? (double)right[i] / (double)answered[i] : 0.0;
		s->recall = support[i] ? (double)right[i] / (double)support[i] : 0.0;
		s->f1 = f1(right[i], answered[i], support[i]);
		s->undefined = !answered[i] || !support[i];
	}
}

/* Cohen 1960 and Matthews' coefficient for many classes (Gorodkin 2004), both
 * from the margins; label k, "no answer", is never true. */
static void score_agreement(struct scores *out, const int64_t *right, const int64_t *answered,
			    const int64_t *support)
{
	double n = (double)out->n, none = n - (double)out->answered;
	double hits = 0, chance = 0, tt = 0, pp = none * none, denominator;

	for (int i = 0; i < out->k; i++) {
		hits += (double)right[i];
		chance += (double)support[i] * (double)answered[i];
		tt += (double)support[i] * (double)support[i];
		pp += (double)answered[i] * (double)answered[i];
	}
	denominator = n * n - chance;
	out->kappa = denominator > 0 ? 1.0 - (n - hits) * n / denominator : NAN;
	denominator = (n * n - tt) * (n * n - pp);
	out->mcc =
		denominator > 0 ? (hits * n - chance) / (sqrt(n * n - tt) * sqrt(n * n - pp)) : 0.0;
	if (!out->n)
		out->mcc = NAN;
}

void scores_compute(const struct confusion *c, struct scores *out)
{
	int64_t right[LABEL_MAX] = { 0 }, answered[LABEL_MAX] = { 0 }, support[LABEL_MAX] = { 0 };

	*out = (struct scores){ .k = c->k };
	confusion_counts(c, right, answered, support);
	for (int i = 0; i < c->k; i++) {
		out->n += support[i];
		out->answered += answered[i];
	}
	score_classes(out, right, answered, support);
	out->accuracy = metric_value(METRIC_ACCURACY, c->k, right, answered, support);
	out->uar = metric_value(METRIC_UAR, c->k, right, answered, support);
	out->macro_f1 = metric_value(METRIC_MACRO_F1, c->k, right, answered, support);
	out->micro_f1 = metric_value(METRIC_MICRO_F1, c->k, right, answered, support);
	out->weighted_f1 = metric_value(METRIC_WEIGHTED_F1, c->k, right, answered, support);
	score_agreement(out, right, answered, support);
}

double scores_weighted_f1(const struct confusion *c)
{
	int64_t right[LABEL_MAX] = { 0 }, answered[LABEL_MAX] = { 0 }, support[LABEL_MAX] = { 0 };

	confusion_counts(c, right, answered, support);
	return metric_value(METRIC_WEIGHTED_F1, c->k, right, answered, support);
}
