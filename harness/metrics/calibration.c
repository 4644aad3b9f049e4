/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/metrics/calibration.h"

#include <assert.h>
#include <math.h>

bool probabilities(const float *score, int k, double *prob)
{
	double top = -INFINITY, sum = 0;

	for (int i = 0; i < k; i++) {
		if (!isfinite(score[i]))
			return false;
		if ((double)score[i] > top)
			top = (double)score[i];
	}
	for (int i = 0; i < k; i++)
		sum += prob[i] = exp((double)score[i] - top);
	for (int i = 0; i < k; i++)
		prob[i] /= sum;
	return true;
}

static int bin_of(double confidence)
{
	int m = 0;

	while (m < CALIBRATION_BINS - 1 && confidence > (m + 1) / (double)CALIBRATION_BINS)
		m++;
	return m;
}

int calibration_add(struct calibration *c, const double *prob, int gold, struct err *err)
{
	double sum = 0, brier = 0, p;
	int best = 0, ties = 0, m;

	assert(c->k > 0 && gold >= 0 && gold < c->k);
	for (int i = 0; i < c->k; i++) {
		p = prob[i];
		if (!(p >= 0 && p <= 1 + 1e-6))
			return err_set(err, ERR_DATA, "probability %g of label %d", p, i);
		sum += p;
		brier += (p - (i == gold)) * (p - (i == gold));
		if (p > prob[best])
			best = i;
	}
	if (!(fabs(sum - 1) <= 1e-6))
		return err_set(err, ERR_DATA, "probabilities sum to %g instead of 1", sum);
	for (int i = 0; i < c->k; i++)
		ties += prob[i] >= prob[best];
	m = bin_of(prob[best]);
	c->n++;
	c->ties += ties > 1;
	c->brier_sum += brier;
	c->nll_sum -= log(fmax(prob[gold], 1e-15));
	c->bin[m].n++;
	c->bin[m].right += best == gold;
	c->bin[m].confidence += prob[best];
	return 0;
}

void calibration_sum(struct calibration *c, const struct calibration *other)
{
	assert(c->k == other->k);
	c->n += other->n;
	c->ties += other->ties;
	c->brier_sum += other->brier_sum;
	c->nll_sum += other->nll_sum;
	for (int m = 0; m < CALIBRATION_BINS; m++) {
		c->bin[m].n += other->bin[m].n;
		c->bin[m].right += other->bin[m].right;
		c->bin[m].confidence += other->bin[m].confidence;
	}
}

double calibration_ece(const struct calibration *c)
{
	double sum = 0;

	for (int m = 0; m < CALIBRATION_BINS; m++)
		sum += fabs((double)c->bin[m].right - c->bin[m].confidence);
	return c->n ? sum / (double)c->n : NAN;
}

double calibration_brier(const struct calibration *c)
{
	return c->n ? c->brier_sum / (double)c->n : NAN;
}

double calibration_nll(const struct calibration *c)
{
	return c->n ? c->nll_sum / (double)c->n : NAN;
}
