/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/metrics/continuous.h"

#include <math.h>

void continuous_add(struct continuous *c, double truth, double answer)
{
	double off_true = truth - c->mean_true, off_answer = answer - c->mean_answer;

	if (!isfinite(truth) || !isfinite(answer)) {
		c->missing++;
		return;
	}
	c->n++;
	c->mean_true += off_true / (double)c->n;
	c->mean_answer += off_answer / (double)c->n;
	c->sq_true += off_true * (truth - c->mean_true);
	c->sq_answer += off_answer * (answer - c->mean_answer);
	c->product += off_true * (answer - c->mean_answer);
	c->absolute_sum += fabs(answer - truth);
	c->square_sum += (answer - truth) * (answer - truth);
}

double continuous_ccc(const struct continuous *c)
{
	double gap = c->mean_true - c->mean_answer;
	double below = c->sq_true + c->sq_answer + (double)c->n * gap * gap;

	return below > 0 ? 2 * c->product / below : NAN;
}

double continuous_pearson(const struct continuous *c)
{
	if (!(c->sq_true > 0 && c->sq_answer > 0))
		return NAN;
	return c->product / (sqrt(c->sq_true) * sqrt(c->sq_answer));
}

double continuous_mae(const struct continuous *c)
{
	return c->n ? c->absolute_sum / (double)c->n : NAN;
}

double continuous_rmse(const struct continuous *c)
{
	return c->n ? sqrt(c->square_sum / (double)c->n) : NAN;
}
