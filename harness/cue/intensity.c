/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cue/intensity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/cue/wide.h"

typedef float vec8 __attribute__((vector_size(32)));

static const double pi = 3.14159265358979323846;

/* Kaiser window with side lobes below -190 dB around weight[half], the edge `span` samples away:
 * the modified Bessel function of order 0 by its power series, in nested form so that
 * neighbours are summed together. */
static void kaiser(float *weight, int half, double span)
{
	enum { TERMS = 64, BLOCK = 8 };
	const double flat = 2 * pi * pi + 0.5;

	for (int i = 0; i <= half; i += BLOCK) {
		double y[BLOCK], sum[BLOCK];

		for (int k = 0; k < BLOCK; k++) {
			const double x = (i + k) / span;

			y[k] = x < 1 ? flat * flat * (1 - x * x) / 4 : 0;
			sum[k] = 1;
		}
		for (int term = TERMS; term > 0; term--) {
			const double scale = 1.0 / (term * term);

			for (int k = 0; k < BLOCK; k++)
				sum[k] = 1 + y[k] * scale * sum[k];
		}
		for (int k = 0; k < BLOCK && i + k <= half; k++)
			weight[half - i - k] = weight[half + i + k] = (float)sum[k];
	}
}

int intensity_meter_init(struct intensity_meter *m, double floor_hz, int rate, struct err *err)
{
	*m = (struct intensity_meter){ .floor = floor_hz, .rate = rate };
	m->half = (int)floor(3.2 / floor_hz * rate);
	if (!NEW_ARRAY(m->weight, 2 * (size_t)m->half + 1))
		return err_set(err, ERR_NOMEM, "intensity: window of %d", 2 * m->half + 1);
	kaiser(m->weight, m->half, 3.2 / floor_hz * rate);
	for (int i = 0; i <= 2 * m->half; i++)
		m->total += m->weight[i];
	return 0;
}

void intensity_meter_free(struct intensity_meter *m)
{
	free(m->weight);
	*m = (struct intensity_meter){ 0 };
}

/* Sum of the squares of x[0..n) - mean under the weights. */
static inline ALWAYS_INLINE double weighted_squares(const float *x, const float *weight, int n,
						    float mean)
{
	vec8 part[2] = { { 0 } };
	double sum = 0;
	int i = 0;

	for (; i + 16 <= n; i += 16)
		for (int k = 0; k < 2; k++) {
			vec8 d, w;

			memcpy(&d, x + i + 8 * k, sizeof(d));
			memcpy(&w, weight + i + 8 * k, sizeof(w));
			d -= mean;
			part[k] += w * d * d;
		}
	for (; i < n; i++)
		sum += weight[i] * (x[i] - mean) * (x[i] - mean);
	for (int k = 0; k < 8; k++)
		sum += (double)part[0][k] + part[1][k];
	return sum;
}

WIDE static double weighted_squares_wide(const float *x, const float *weight, int n, float mean)
{
	return weighted_squares(x, weight, n, mean);
}

/* Mean energy of the window around sample mid. */
static double window_energy(const struct intensity_meter *m, const struct sound *s, int mid)
{
	const int lo = mid - m->half < 0 ? 0 : mid - m->half;
	const int hi = mid + m->half >= s->n ? s->n : mid + m->half + 1;
	const float *weight = m->weight + (lo - mid + m->half);
	const float mean = (float)sound_mean(s, lo, hi);
	double total = m->total;

	if (hi - lo < 2 * m->half + 1) {
		total = 0;
		for (int i = 0; i < hi - lo; i++)
			total += weight[i];
	}
	if (wide_here())
		return weighted_squares_wide(s->pcm + lo, weight, hi - lo, mean) / total;
	return weighted_squares(s->pcm + lo, weight, hi - lo, mean) / total;
}

int intensity_track(const struct intensity_meter *m, const struct sound *s,
		    struct intensity_track *out, struct err *err)
{
	const struct frame_grid g =
		frame_grid_fit((double)s->n / s->rate, 6.4 / m->floor, 0.8 / m->floor);

	out->grid.n = 0;
	if (!GROW_ARRAY(out->db, out->cap_db, (size_t)g.n))
		return err_set(err, ERR_NOMEM, "intensity: %d frames", g.n);
	out->grid = g;
	for (int f = 0; f < g.n; f++) {
		const int mid = (int)floor((g.first + f * g.step) * s->rate);
		const double e = window_energy(m, s, mid) / 4e-10;

		out->db[f] = e < 1e-30 ? -300 : 10 * log10(e);
	}
	return 0;
}

void intensity_free(struct intensity_track *track)
{
	free(track->db);
	*track = (struct intensity_track){ 0 };
}
