/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/metrics/scores.h"

#include <assert.h>
#include <math.h>
#include <string.h>

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

#define BLOCK 2048 /* samples whose codes stay in the first-level cache */
#define WAYS  4	   /* tables side by side: the same cell twice in a row need not wait for itself */
#define CELLS 512  /* 16 labels x 32 answers */

/* code[i] = gold * 32 + answer, "none" being answer k; nonzero when a label is out of range. */
static int encode_block(const int32_t *gold, const int32_t *answer, int n, int k, uint16_t *code)
{
	int bad = 0;

	for (int i = 0; i < n; i++) {
		int column = answer[i] < 0 ? k : answer[i];

		bad |= (gold[i] < 0) | (gold[i] >= k) | (answer[i] >= k);
		code[i] = (uint16_t)((uint32_t)gold[i] << 5 | (uint32_t)column);
	}
	return bad;
}

static void count_block(const uint16_t *code, int n, uint32_t table[WAYS][CELLS])
{
	int i = 0;

	for (; i + WAYS <= n; i += WAYS) {
		uint64_t four;

		memcpy(&four, code + i, sizeof(four));
		table[0][four & (CELLS - 1)]++;
		table[1][four >> 16 & (CELLS - 1)]++;
		table[2][four >> 32 & (CELLS - 1)]++;
		table[3][four >> 48 & (CELLS - 1)]++;
	}
	for (; i < n; i++)
		table[0][code[i] & (CELLS - 1)]++;
}

static int name_bad_label(int k, const int32_t *gold, const int32_t *answer, size_t first,
			  struct err *err)
{
	while (gold[first] >= 0 && gold[first] < k && answer[first] < k)
		first++;
	return err_set(err, ERR_DATA, "sample %zu: true label %d, answer %d; there are %d labels",
		       first, gold[first], answer[first], k);
}

int confusion_add_all(struct confusion *c, const int32_t *gold, const int32_t *answer, size_t n,
		      struct err *err)
{
	const size_t chunk = (size_t)1 << 30; /* no cell of a table can overflow in it */
	struct confusion sum = *c;

	assert(c->k > 0 && c->k <= LABEL_MAX);
	for (size_t from = 0; from < n; from += chunk) {
		uint32_t table[WAYS][CELLS] = { { 0 } };
		const size_t end = n - from < chunk ? n : from + chunk;
		uint16_t code[BLOCK];

		for (size_t at = from; at < end; at += BLOCK) {
			int m = end - at < BLOCK ? (int)(end - at) : BLOCK;

			if (encode_block(gold + at, answer + at, m, c->k, code))
				return name_bad_label(c->k, gold, answer, at, err);
			count_block(code, m, table);
		}
		for (int i = 0; i < c->k; i++)
			for (int j = 0; j <= c->k; j++)
				for (int w = 0; w < WAYS; w++)
					sum.count[i][j] += table[w][i << 5 | j];
	}
	*c = sum;
	return 0;
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
double metric_f1(int64_t right, int64_t answered, int64_t support)
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
		return metric_f1(hits, given, n);
	case METRIC_UAR:
		for (int i = 0; i < k; i++)
			sum += support[i] ? (double)right[i] / (double)support[i] : 0.0;
		return sum / present;
	case METRIC_MACRO_F1:
		for (int i = 0; i < k; i++)
			sum += metric_f1(right[i], answered[i], support[i]);
		return sum / k;
	case METRIC_WEIGHTED_F1:
		for (int i = 0; i < k; i++)
			sum += (double)support[i] * metric_f1(right[i], answered[i], support[i]);
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
		s->f1 = metric_f1(right[i], answered[i], support[i]);
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
