/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/profile_samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

static bool is_span(const struct media_ref *ref)
{
	return ref->path && ref->end_ms > ref->start_ms;
}

/* What tells most of an utterance's time: a span of a recording, else its clip. */
static const struct media_ref *clip(const struct utterance *u)
{
	if (is_span(&u->audio) || (u->audio.path && !is_span(&u->video)))
		return &u->audio;
	return &u->video;
}

/* How long an utterance is spoken; 0: not known. */
static double spoken(const struct bank *b, int i)
{
	const struct media_ref *ref = clip(&b->corpus->utt[i]);
	const struct cue_set *s = &b->m[i].speech;

	if (is_span(ref))
		return 1e-3 * (double)(ref->end_ms - ref->start_ms);
	return s->ok[CUE_DURATION] && s->v[CUE_DURATION] > 0 ? s->v[CUE_DURATION] : 0;
}

/* Are all utterances of a view spans of one file? */
static bool one_recording(const struct bank *b, const int *index, int n)
{
	const struct media_ref *first = clip(&b->corpus->utt[index[0]]);

	for (int t = 0; t < n; t++) {
		const struct media_ref *ref = clip(&b->corpus->utt[index[t]]);

		if (!is_span(ref) || !is_span(first) || strcmp(ref->path, first->path) != 0)
			return false;
	}
	return true;
}

/* When each turn of a view ends, from the beginning of its first; returns the end of the last. */
static double time_view(const struct views *v, const struct bank *b, int k, double *end_s)
{
	const int n = v->view[k].n, *index = v->index[k];
	const bool one = one_recording(b, index, n);
	const int64_t start = clip(&b->corpus->utt[index[0]])->start_ms;
	double at = 0, last = 0;

	for (int t = 0; t < n; t++) {
		const struct media_ref *ref = clip(&b->corpus->utt[index[t]]);

		at += spoken(b, index[t]);
		end_s[t] = one ? fmax(0, 1e-3 * (double)(ref->end_ms - start)) : at;
		last = fmax(last, end_s[t]);
	}
	return last;
}

/* Writes the chosen ones of all targets (rising), with the times of their turns. */
static int fill(struct profile_samples *s, const struct views *v, const struct bank *b,
		const int *chosen, struct err *err)
{
	double *end_s = NULL, sum = 0;
	size_t most = 0;
	int at = 0, n = 0;

	for (int k = 0; k < v->n; k++)
		most = (size_t)v->view[k].n > most ? (size_t)v->view[k].n : most;
	if (!NEW_ARRAY(end_s, most))
		return err_set(err, ERR_NOMEM, "sample set: no memory");
	for (int k = 0; k < v->n; k++) {
		s->group_s[k] = time_view(v, b, k, end_s);
		for (int t = 0; t < v->view[k].n; t++) {
			if (!v->view[k].target[t] || n == s->set.n || chosen[n] != at++)
				continue;
			s->view[n] = s->group[n] = k;
			s->turn[n] = t;
			s->seconds[n] = spoken(b, v->index[k][t]);
			s->end_s[n] = end_s[t];
			sum += s->seconds[n++];
		}
	}
	free(end_s);
	s->set.group = s->group;
	s->set.seconds = sum > 0 ? s->seconds : NULL;
	s->set.end_s = s->end_s;
	s->set.group_s = s->group_s;
	return 0;
}

int profile_samples_make(struct profile_samples *s, const struct views *v, const struct bank *b,
			 int n, uint64_t seed, struct err *err)
{
	int *chosen = NULL;
	size_t size;

	*s = (struct profile_samples){ 0 };
	if (profile_draw(v->n_target, n, seed, &chosen, &s->set.n, err))
		return err->code;
	size = (size_t)s->set.n;
	if (!NEW_ARRAY(s->view, size) || !NEW_ARRAY(s->turn, size) || !NEW_ARRAY(s->group, size) ||
	    !NEW_ARRAY(s->seconds, size) || !NEW_ARRAY(s->end_s, size) ||
	    !NEW_ARRAY(s->group_s, (size_t)v->n))
		err_set(err, ERR_NOMEM, "sample set: no memory");
	else
		fill(s, v, b, chosen, err);
	free(chosen);
	if (err->code)
		profile_samples_free(s);
	return err->code;
}

void profile_samples_drop(struct profile_samples *s, const bool *gone)
{
	int n = 0;

	for (int i = 0; i < s->set.n; i++) {
		if (gone[i])
			continue;
		s->view[n] = s->view[i];
		s->turn[n] = s->turn[i];
		s->group[n] = s->group[i];
		s->seconds[n] = s->seconds[i];
		s->end_s[n++] = s->end_s[i];
	}
	s->set.n = n;
}

void profile_samples_free(struct profile_samples *s)
{
	free(s->view);
	free(s->turn);
	free(s->group);
	free(s->seconds);
	free(s->end_s);
	free(s->group_s);
	*s = (struct profile_samples){ 0 };
}
