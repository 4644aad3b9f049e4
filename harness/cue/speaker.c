/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cue/speaker.h"

#include <math.h>
#include <stdlib.h>

#include "harness/base/mem.h"

static const double voice_step_s = 0.02;

int voice_measure(struct voice *v, const float *pcm, int n, int rate, struct err *err)
{
	const int step = (int)(voice_step_s * rate);

	voice_free(v);
	if (step < 1 || n < step)
		return 0;
	if (!NEW_ARRAY(v->level, (size_t)(n / step)))
		return err_set(err, ERR_NOMEM, "level of the voice");
	v->n = n / step;
	v->step_s = (double)step / rate;
	for (int i = 0; i < v->n; i++) {
		double sum = 0;

		for (int k = 0; k < step; k++)
			sum += (double)pcm[i * step + k] * pcm[i * step + k];
		v->level[i] = (float)sqrt(sum / step);
	}
	return 0;
}

void voice_free(struct voice *v)
{
	free(v->level);
	*v = (struct voice){ 0 };
}

/* Mean level of the tenth of a second around t. */
static double level_at(const struct voice *v, double t)
{
	const int mid = (int)(t / v->step_s);
	double sum = 0;
	int n = 0;

	for (int i = mid - 2; i <= mid + 2; i++)
		if (i >= 0 && i < v->n) {
			sum += v->level[i];
			n++;
		}
	return n ? sum / n : 0;
}

static double mean_level(const struct voice *v)
{
	double sum = 0;

	for (int i = 0; i < v->n; i++)
		sum += v->level[i];
	return v->n ? sum / v->n : 0;
}

struct candidate {
	int id, pictures;
	double height, edge;  /* sums: of face heights, of distances from the middle (0..1) */
	double moves, weight; /* of the mouth, weighed by the voice */
};

enum { CANDIDATES = 32 };

static struct candidate *candidate_of(struct candidate *list, int *n, int id)
{
	for (int i = 0; i < *n; i++)
		if (list[i].id == id)
			return &list[i];
	if (*n == CANDIDATES)
		return NULL;
	list[*n] = (struct candidate){ .id = id };
	return &list[(*n)++];
}

int speaker_of(const struct company *c, int n, const struct voice *v, int width)
{
	const double mean = mean_level(v);
	struct candidate list[CANDIDATES];
	double most = 0, best = 0;
	int found = 0, id = 0;

	for (int i = 0; i < n; i++) {
		const double heard = mean > 0 ? fmin(1, level_at(v, c[i].t) / mean) : 1;

		for (int k = 0; k < c[i].n; k++) {
			const struct onlooker *o = &c[i].face[k];
			struct candidate *a = candidate_of(list, &found, o->id);

			if (!a)
				continue;
			a->pictures++;
			a->height += o->face.height;
			a->edge += fabs(2 * o->face.x / width - 1);
			a->moves += heard * o->mouth_moves;
			a->weight += heard;
		}
	}
	for (int i = 0; i < found; i++) {
		list[i].moves = list[i].weight > 0 ? list[i].moves / list[i].weight : 0;
		most = fmax(most, list[i].moves);
	}
	for (int i = 0; i < found; i++) {
		const struct candidate *a = &list[i];
		const double worth = a->height * (1 - 0.5 * a->edge / a->pictures) *
				     (0.3 + (most > 0 ? a->moves / most : 0));

		if (worth > best) {
			best = worth;
			id = a->id;
		}
	}
	return id;
}
