/* SPDX-License-Identifier: Apache-2.0
 * Quantiles and the wording of the speech sentences.
 */
#include "harness/cue/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

/* How strongly a class speaks: direction and whether it is hedged. */
enum lean { LOW_PLAIN, LOW_LIKELY, MIDDLE, HIGH_LIKELY, HIGH_PLAIN };

struct scale {
	double at[QUANT_MAX_CLASSES - 1];
	const char *word[QUANT_MAX_CLASSES];
	enum lean lean[QUANT_MAX_CLASSES];
};

static const struct scale scales[] = {
	{ .at = { .25, .75 },
	  .word = { "low", "moderate", "high" },
	  .lean = { LOW_LIKELY, MIDDLE, HIGH_LIKELY } },
	{ .at = { .25, .5, .75 },
	  .word = { "low", "moderately low", "moderately high", "high" },
	  .lean = { LOW_PLAIN, LOW_LIKELY, HIGH_LIKELY, HIGH_PLAIN } },
	{ .at = { .1, .25, .75, .9 },
	  .word = { "very low", "low", "moderate", "high", "very high" },
	  .lean = { LOW_PLAIN, LOW_LIKELY, MIDDLE, HIGH_LIKELY, HIGH_PLAIN } },
	{ .at = { .1, .25, .5, .75, .9 },
	  .word = { "extremely low", "very low", "low", "moderate", "high", "extremely high" },
	  .lean = { LOW_PLAIN, LOW_PLAIN, LOW_LIKELY, MIDDLE, HIGH_LIKELY, HIGH_PLAIN } },
};

static const struct scale *scale_of(int classes)
{
	return &scales[classes - QUANT_MIN_CLASSES];
}

static bool usable(const struct cue_set *set, int cue, bool zero_missing)
{
	const double v = set->v[cue];

	return set->ok[cue] && isfinite(v) && !(zero_missing && v == 0);
}

static double *cuts_of(const struct quantizer *q, int group, int cue)
{
	const int g = group >= 0 && group < q->groups ? group : q->groups;

	return q->cut + ((size_t)g * (size_t)q->cues + (size_t)cue) * (size_t)(q->classes - 1);
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Middle of the widest gap within `reach` ranks of pos, if it stands out; else `plain`. */
static double snap_cut(const double *v, int n, double pos, double reach, double plain)
{
	const int lo = (int)fmax(0, ceil(pos - reach)), hi = (int)fmin(n - 1, floor(pos + reach));
	int at = lo;

	for (int i = lo; i < hi; i++)
		if (v[i + 1] - v[i] > v[at + 1] - v[at])
			at = i;
	if (hi <= lo || !(v[at + 1] - v[at] > 0.15 * (v[hi] - v[lo])))
		return plain;
	return 0.5 * (v[at] + v[at + 1]);
}

/* Fills the thresholds of one group and cue from the n values in v (sorted here). */
static void cut_values(const struct quantizer *q, double snap, double *v, int n, double *cut)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	for (int i = 0; i < q->classes - 1; i++) {
		const double pos = (n - 1) * scale_of(q->classes)->at[i];
		const int lo = (int)pos;
		const double t = pos - lo;

		cut[i] = n == 0 ? NAN : lo + 1 < n ? v[lo] + (v[lo + 1] - v[lo]) * t : v[lo];
		if (snap > 0 && n > 1)
			cut[i] = snap_cut(v, n, pos, snap * n, cut[i]);
		if (i && cut[i] < cut[i - 1]) /* neighbours may move to the same gap */
			cut[i] = cut[i - 1];
	}
}

int quantizer_fit(struct quantizer *q, const struct quantizer_data *data, int classes,
		  struct err *err)
{
	double *v = NULL;

	*q = (struct quantizer){ 0 };
	if (classes < QUANT_MIN_CLASSES || classes > QUANT_MAX_CLASSES)
		return err_set(err, ERR_ARG, "cue words: %d classes; choose 3, 4, 5 or 6", classes);
	if (data->cues < 1 || data->cues > CUE_MAX || data->n < 0 || data->groups < 0)
		return err_set(err, ERR_INTERNAL, "cue words: %d cues, %d values, %d groups",
			       data->cues, data->n, data->groups);
	q->classes = classes;
	q->cues = data->cues;
	q->groups = data->groups;
	q->zero_missing = data->zero_missing;
	if (!NEW_ARRAY(q->cut, (size_t)(q->groups + 1) * (size_t)q->cues * (size_t)(classes - 1)) ||
	    !NEW_ARRAY(v, (size_t)data->n)) {
		quantizer_free(q);
		return err_set(err, ERR_NOMEM, "cue words: %d values", data->n);
	}
	for (int c = 0; c < q->cues; c++) {
		for (int g = q->groups; g >= 0; g--) { /* the pool first: small groups copy it */
			double *cut = cuts_of(q, g, c);
			int n = 0;

			for (int i = 0; i < data->n; i++)
				if ((g == q->groups || (data->group && data->group[i] == g)) &&
				    usable(&data->set[i], c, q->zero_missing))
					v[n++] = data->set[i].v[c];
			if (g < q->groups && n < QUANT_MIN_VALUES)
				memcpy(cut, cuts_of(q, -1, c),
				       (size_t)(classes - 1) * sizeof(*cut));
			else
				cut_values(q, data->snap, v, n, cut);
		}
	}
	free(v);
	return 0;
}

void quantizer_free(struct quantizer *q)
{
	free(q->cut);
	*q = (struct quantizer){ 0 };
}

int quantizer_class(const struct quantizer *q, const struct cue_set *set, int cue, int group)
{
	const double *cut = cuts_of(q, group, cue);
	int k = 0;

	if (!usable(set, cue, q->zero_missing) || isnan(cut[0]))
		return -1;
	while (k < q->classes - 1 && set->v[cue] > cut[k])
		k++;
	return k;
}

const char *quantizer_word(const struct quantizer *q, int class_index)
{
	return class_index < 0 ? NULL : scale_of(q->classes)->word[class_index];
}

void quantizer_save(const struct quantizer *q, const struct cue_spec *spec, struct json_writer *w,
		    const char *key)
{
	json_open_object(w, key);
	json_put_int(w, "classes", q->classes);
	json_put_bool(w, "zero_missing", q->zero_missing);
	json_put_int(w, "groups", q->groups);
	json_open_object(w, "cuts");
	for (int c = 0; c < q->cues; c++) {
		json_open_array(w, spec[c].name);
		for (int g = 0; g <= q->groups; g++) {
			const double *cut = cuts_of(q, g, c);

			json_open_array(w, NULL);
			for (int i = 0; i < q->classes - 1; i++)
				json_put_num(w, NULL, cut[i]);
			json_close_array(w);
		}
		json_close_array(w);
	}
	json_close_object(w);
	json_close_object(w);
}

static int load_cuts(struct quantizer *q, int cue, const char *name, const struct json *rows,
		     const char *what, struct err *err)
{
	if (json_size(rows) != q->groups + 1)
		return err_set(err, ERR_FORMAT, "%s: cuts of %s: wanted %d rows", what, name,
			       q->groups + 1);
	for (int g = 0; g <= q->groups; g++) {
		const struct json *row = json_at(rows, g);
		double *cut = cuts_of(q, g, cue);

		if (json_size(row) != q->classes - 1)
			return err_set(err, ERR_FORMAT, "%s: cuts of %s, row %d: wanted %d numbers",
				       what, name, g, q->classes - 1);
		for (int i = 0; i < q->classes - 1; i++) {
			cut[i] = json_num(json_at(row, i), NAN);
			if (isnan(cut[i]) != isnan(cut[0]) || (i && cut[i] < cut[i - 1]))
				return err_set(err, ERR_FORMAT,
					       "%s: cuts of %s, row %d: not ascending", what, name,
					       g);
		}
	}
	return 0;
}

int quantizer_load(struct quantizer *q, const struct cue_spec *spec, int cues, const struct json *v,
		   const char *what, struct err *err)
{
	const struct json *cuts = json_get(v, "cuts");
	int64_t classes, groups;

	*q = (struct quantizer){ 0 };
	if (json_int(json_get(v, "classes"), QUANT_MIN_CLASSES, QUANT_MAX_CLASSES, "classes",
		     &classes, err) ||
	    json_int(json_get(v, "groups"), 0, 10000, "groups", &groups, err))
		return err_wrap(err, "%s", what);
	if (json_size(cuts) != cues)
		return err_set(err, ERR_FORMAT, "%s: cuts of %d cues, wanted %d", what,
			       json_size(cuts), cues);
	q->classes = (int)classes;
	q->groups = (int)groups;
	q->cues = cues;
	q->zero_missing = json_bool(json_get(v, "zero_missing"), false);
	if (!NEW_ARRAY(q->cut, (size_t)(groups + 1) * (size_t)cues * (size_t)(classes - 1)))
		return err_set(err, ERR_NOMEM, "%s: cuts", what);
	for (int c = 0; c < cues; c++)
		if (load_cuts(q, c, spec[c].name, json_get(cuts, spec[c].name), what, err)) {
			quantizer_free(q);
			return err->code;
		}
	return 0;
}

/* Appends "{word} {noun}" after the right separator; false when the cue is missing. */
static bool say(const struct quantizer *q, const struct cue_set *set, int group, int cue,
		const char *before, const char *noun, struct strbuf *out)
{
	const char *word = quantizer_word(q, quantizer_class(q, set, cue, group));

	if (word)
		strbuf_addf(out, "%s%s %s", before, word, noun);
	return word != NULL;
}

void speech_describe(const struct quantizer *q, const struct cue_set *set, int group,
		     struct strbuf *out)
{
	const char *sep = "Target speech characteristics: ";
	bool any = false;

	if (say(q, set, group, CUE_INTENSITY, sep, "volume", out)) {
		say(q, set, group, CUE_INTENSITY_STD, " with ", "variation", out);
		any = true;
	}
	if (say(q, set, group, CUE_PITCH, any ? ", " : sep, "pitch", out)) {
		say(q, set, group, CUE_PITCH_STD, " with ", "variation", out);
		any = true;
	}
	if (say(q, set, group, CUE_RATE, any ? ", " : sep, "speaking rate", out))
		any = true;
	strbuf_add(out, any ? "." : "Insufficient data to describe speech characteristics.");
}

void speech_pitch_note(const struct quantizer *q, const struct cue_set *set, int group,
		       struct strbuf *out)
{
	if (say(q, set, group, CUE_PITCH, "", "pitch", out))
		say(q, set, group, CUE_PITCH_STD, " with ", "variation", out);
}

/* One clause for each side of the scale; low and high are preceded by the hedge. */
struct clause {
	enum speech_cue cue;
	const char *before, *low, *middle, *high;
};

static const struct clause impression[] = {
	{ CUE_PITCH, " ", "uses a lower pitch", "has a moderate pitch", "uses a higher pitch" },
	{ CUE_INTENSITY, ", while ",
	  "speaking softly, possibly suggesting calmness, shyness, or caution",
	  "using a moderate volume",
	  "speaking loudly, which might indicate excitement, confidence, or urgency" },
	{ CUE_INTENSITY_STD, ", with ", "little volume variation", "normal volume variation",
	  "significant volume changes" },
	{ CUE_RATE, ", and is ",
	  "talking slowly, possibly suggesting thoughtfulness, hesitation, or calmness",
	  "speaking at a moderate pace",
	  "talking quickly, which could indicate excitement, urgency, or nervousness" },
};

static enum lean lean_of(const struct quantizer *q, const struct cue_set *set, int cue, int group)
{
	const int k = quantizer_class(q, set, cue, group);

	return k < 0 ? HIGH_PLAIN : scale_of(q->classes)->lean[k];
}

static void add_pitch_variation(enum lean lean, struct strbuf *out)
{
	const char *hedge = lean == LOW_LIKELY || lean == HIGH_LIKELY ? "likely " : "";

	if (lean == MIDDLE)
		strbuf_add(out, " with typical variation");
	else if (lean < MIDDLE)
		strbuf_addf(out,
			    " that %sremains steady, potentially indicating calmness or "
			    "seriousness",
			    hedge);
	else
		strbuf_addf(out, " with %snoticeable variation, suggesting expressiveness", hedge);
}

void speech_impression(const struct quantizer *q, const struct cue_set *set, int group,
		       struct strbuf *out)
{
	strbuf_add(out, "The target speaker");
	for (size_t i = 0; i < ARRAY_LEN(impression); i++) {
		const struct clause *c = &impression[i];
		const enum lean lean = lean_of(q, set, c->cue, group);

		strbuf_add(out, c->before);
		if (lean == LOW_LIKELY || lean == HIGH_LIKELY)
			strbuf_add(out, "likely ");
		strbuf_add(out, lean == MIDDLE ? c->middle : lean < MIDDLE ? c->low : c->high);
		if (c->cue == CUE_PITCH)
			add_pitch_variation(lean_of(q, set, CUE_PITCH_STD, group), out);
	}
	strbuf_addc(out, '.');
}
