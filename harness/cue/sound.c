/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cue/sound.h"

#include <math.h>
#include <stdlib.h>

#include "harness/base/mem.h"
#include "harness/cue/wide.h"

/* Finite samples cannot add up to what is not finite: only then one is looked for. */
static int check_samples(const struct sound *s, struct err *err)
{
	if (isfinite(s->sum[s->n]))
		return 0;
	for (int i = 0; i < s->n; i++)
		if (!isfinite(s->pcm[i]))
			err_set(err, ERR_ARG, "speech cues: sample %d is not a number", i);
	return err->code;
}

int sound_check(int n, int rate, struct err *err)
{
	if (n < 1 || rate < 4000 || rate > 192000)
		return err_set(err, ERR_ARG, "speech cues: %d samples at %d Hz", n, rate);
	return 0;
}

int sound_load(struct sound *s, const float *pcm, int n, int rate, struct err *err)
{
	double sum = 0;

	s->n = 0;
	if (sound_check(n, rate, err))
		return err->code;
	if (!GROW_ARRAY(s->sum, s->cap_sum, (size_t)n + 1))
		return err_set(err, ERR_NOMEM, "speech cues: %d samples", n);
	for (int i = 0; i < n; i++) {
		s->sum[i] = sum;
		sum += pcm[i];
	}
	s->sum[n] = sum;
	s->pcm = pcm;
	s->n = n;
	s->rate = rate;
	if (check_samples(s, err))
		return err->code;
	s->peak = sound_peak(s, 0, n, (float)sound_mean(s, 0, n));
	return 0;
}

void sound_free(struct sound *s)
{
	free(s->sum);
	*s = (struct sound){ 0 };
}

double sound_mean(const struct sound *s, int from, int to)
{
	from = from < 0 ? 0 : from;
	to = to > s->n ? s->n : to;
	return to > from ? (s->sum[to] - s->sum[from]) / (to - from) : 0;
}

static inline ALWAYS_INLINE float peak_of(const float *x, int n, float mean)
{
	enum { LANES = 16 };
	float top[LANES] = { 0 }, peak = 0;
	int i = 0;

	for (; i + LANES <= n; i += LANES)
		for (int k = 0; k < LANES; k++) {
			const float v = fabsf(x[i + k] - mean);

			top[k] = v > top[k] ? v : top[k];
		}
	for (; i < n; i++)
		top[0] = fmaxf(top[0], fabsf(x[i] - mean));
	for (int k = 0; k < LANES; k++)
		peak = top[k] > peak ? top[k] : peak;
	return peak;
}

WIDE static float peak_of_wide(const float *x, int n, float mean)
{
	return peak_of(x, n, mean);
}

float sound_peak(const struct sound *s, int from, int to, float mean)
{
	from = from < 0 ? 0 : from;
	to = to > s->n ? s->n : to;
	return wide_here() ? peak_of_wide(s->pcm + from, to - from, mean)
			   : peak_of(s->pcm + from, to - from, mean);
}
