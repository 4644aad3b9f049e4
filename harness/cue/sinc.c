/* SPDX-License-Identifier: Apache-2.0
 * Values and maxima between samples, by the definition and from a table.
 */
#include "harness/cue/sinc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/cue/wide.h"

enum { STEPS = 64, TAPS = 2 * SINC_TABLE_DEPTH };

typedef float vec8 __attribute__((vector_size(32)));

static const double pi = 3.14159265358979323846;
static const double near = 0.1; /* samples between the values that a maximum is found from */

double sinc_even(const float *r, int n, double x, int depth)
{
	const int left = (int)floor(x);
	const double phi = x - left;
	double sum = 0;

	if (phi < 1e-9 || left + 1 >= n)
		return r[left < n ? left : n - 1];
	if (depth > n - 1 - left)
		depth = n - 1 - left;
	/* each side: sin(pi d)/(pi d) (1 + cos(pi d / width)) / 2 with d = offset + k */
	for (int side = 0; side < 2; side++) {
		const double d0 = side ? 1 - phi : phi, width = d0 + depth;
		const double turn_c = cos(pi / width), turn_s = sin(pi / width);
		double c = cos(pi * d0 / width), s = sin(pi * d0 / width);
		double sine = sin(pi * d0) / pi;

		for (int k = 0; k < depth; k++) {
			const int at = side ? left + 1 + k : abs(left - k);
			const double cn = c * turn_c - s * turn_s;

			if (at >= n)
				break;
			sum += r[at] * sine / (d0 + k) * (0.5 + 0.5 * c);
			s = s * turn_c + c * turn_s;
			c = cn;
			sine = -sine;
		}
	}
	return sum;
}

int sinc_table_init(struct sinc_table *t, struct err *err)
{
	if (!NEW_ARRAY(t->weight, (size_t)(STEPS + 1) * TAPS))
		return err_set(err, ERR_NOMEM, "sinc table");
	for (int step = 0; step <= STEPS; step++) {
		const double phi = (double)step / STEPS;
		float *row = t->weight + step * TAPS;

		for (int side = 0; side < 2; side++) {
			const double d0 = side ? 1 - phi : phi, width = d0 + SINC_TABLE_DEPTH;
			const double turn_c = cos(pi / width), turn_s = sin(pi / width);
			double c = cos(pi * d0 / width), s = sin(pi * d0 / width);
			double sine = sin(pi * d0) / pi;

			for (int k = 0; k < SINC_TABLE_DEPTH; k++) {
				const int at =
					side ? SINC_TABLE_DEPTH + k : SINC_TABLE_DEPTH - 1 - k;
				const double cn = c * turn_c - s * turn_s, d = d0 + k;

				row[at] = (float)(d < 1e-9 ? 1 : sine / d * (0.5 + 0.5 * c));
				s = s * turn_c + c * turn_s;
				c = cn;
				sine = -sine;
			}
		}
	}
	return 0;
}

void sinc_table_free(struct sinc_table *t)
{
	free(t->weight);
	t->weight = NULL;
}

/* Sums of TAPS products of r with a row of the table and with the next one. */
static inline ALWAYS_INLINE void dot_rows(const float *r, const float *row, float out[2])
{
	vec8 sum[2] = { { 0 } };

	for (int i = 0; i < TAPS; i += 8) {
		vec8 v, a, b;

		memcpy(&v, r + i, sizeof(v));
		memcpy(&a, row + i, sizeof(a));
		memcpy(&b, row + TAPS + i, sizeof(b));
		sum[0] += v * a;
		sum[1] += v * b;
	}
	for (int k = 0; k < 2; k++)
		out[k] = ((sum[k][0] + sum[k][4]) + (sum[k][1] + sum[k][5])) +
			 ((sum[k][2] + sum[k][6]) + (sum[k][3] + sum[k][7]));
}

static inline ALWAYS_INLINE void table_values(const struct sinc_table *t, const float *r, int n,
					      const double *x, int count, double *value)
{
	for (int k = 0; k < count; k++) {
		const int left = (int)x[k], step = (int)((x[k] - left) * STEPS);
		const double part = (x[k] - left) * STEPS - step;
		float v[2];

		if (left + SINC_TABLE_DEPTH >= n) {
			value[k] = sinc_even(r, n, x[k], SINC_TABLE_DEPTH);
			continue;
		}
		dot_rows(r + left - SINC_TABLE_DEPTH + 1, t->weight + step * TAPS, v);
		value[k] = v[0] + part * (v[1] - v[0]);
	}
}

WIDE static void table_values_wide(const struct sinc_table *t, const float *r, int n,
				   const double *x, int count, double *value)
{
	table_values(t, r, n, x, count, value);
}

void sinc_table_values(const struct sinc_table *t, const float *r, int n, const double *x,
		       int count, double *value)
{
	if (wide_here())
		table_values_wide(t, r, n, x, count, value);
	else
		table_values(t, r, n, x, count, value);
}

/* Place of the maximum of the parabola through r[i - 1], r[i], r[i + 1]; i where there is none. */
static double parabola(const float *r, int i)
{
	const double bend = 2.0 * r[i] - r[i - 1] - r[i + 1];

	return bend > 0 ? i + 0.5 * (r[i + 1] - r[i - 1]) / bend : i;
}

int sinc_maxima(const float *r, int from, int to, float least, int *lag, double *place)
{
	int n = 0;

	/* without branches: where they are cannot be foretold */
	for (int i = from; i < to; i++) {
		lag[n] = i;
		n += (r[i] > least) & (r[i] > r[i - 1]) & (r[i] >= r[i + 1]);
	}
	for (int k = 0; k < n; k++)
		place[k] = parabola(r, lag[k]);
	return n;
}

/* Maximum of the parabola through three values `near` apart around `at`. */
static double refine(int i, double at, const double v[3], double *x)
{
	const double curve = 2 * v[1] - v[0] - v[2];
	const double move = curve > 0 ? 0.5 * near * (v[2] - v[0]) / curve : 0;

	*x = at;
	if (move == 0 || fabs(at + move - i) > 1)
		return v[1];
	*x = at + move;
	return v[1] + 0.5 * move / near * (v[2] - v[0]) - 0.5 * curve * move * move / (near * near);
}

double sinc_peak(const float *r, int n, int i, int depth, double *x)
{
	const double at = parabola(r, i);
	double v[3];

	for (int k = 0; k < 3; k++)
		v[k] = sinc_even(r, n, at + (k - 1) * near, depth);
	return refine(i, at, v, x);
}

double sinc_table_peak(const struct sinc_table *t, const float *r, int n, int i, double *x)
{
	const double at = parabola(r, i), place[3] = { at - near, at, at + near };
	double v[3];

	sinc_table_values(t, r, n, place, 3, v);
	return refine(i, at, v, x);
}
