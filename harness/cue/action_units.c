/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cue/action_units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/csv.h"
#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/cue/behaviour_words.h"

enum { FILE_LIMIT = 64 << 20, FACES = 64 };

const struct action_unit_spec action_unit_spec[ACTION_UNITS] = {
	{ 1, "Inner Brow Raiser", "inner ends of the brows go up" },
	{ 2, "Outer Brow Raiser", "outer ends of the brows go up" },
	{ 4, "Brow Lowerer", "brows go down and together" },
	{ 5, "Upper Lid Raiser", "upper lids go up, more of the eye shows" },
	{ 6, "Cheek Raiser", "cheeks go up and narrow the eyes" },
	{ 7, "Lid Tightener", "lids tighten" },
	{ 9, "Nose Wrinkler", "skin wrinkles beside the nose" },
	{ 10, "Upper Lip Raiser", "upper lip goes up" },
	{ 12, "Lip Corner Puller", "corners of the mouth go up and back" },
	{ 14, "Dimpler", "corners of the mouth draw in" },
	{ 15, "Lip Corner Depressor", "corners of the mouth go down" },
	{ 17, "Chin Raiser", "chin pushes the lower lip up" },
	{ 20, "Lip stretcher", "lips stretch sideways" },
	{ 23, "Lip Tightener", "lips tighten" },
	{ 25, "Lips Part", "lips come apart" },
	{ 26, "Jaw Drop", "jaw goes down" },
	{ 28, "Lip Suck", "lips go in between the teeth" },
	{ 45, "Blink", "eyes close and open" },
};

/* ---- tables of OpenFace ---- */

/* Columns of what is read; -1: not in the table. */
struct columns {
	int intensity[ACTION_UNITS], presence[ACTION_UNITS];
	int time, confidence, success, face;
};

/* One row of the table. */
struct shot {
	struct action_units u;
	bool trusted;
	int face;
};

/* Some versions write blanks behind the commas, in the header too. */
static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " ");
}

static int find_column(const struct csv_table *t, const char *name)
{
	for (int i = 0; i < t->n_cols; i++)
		if (!strcmp(skip_blanks(t->header[i]), name))
			return i;
	return -1;
}

static int find_columns(const struct csv_table *t, struct columns *k, struct err *err)
{
	int found = 0;

	for (int i = 0; i < ACTION_UNITS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "AU%02d_r", action_unit_spec[i].number);
		k->intensity[i] = find_column(t, name);
		snprintf(name, sizeof(name), "AU%02d_c", action_unit_spec[i].number);
		k->presence[i] = find_column(t, name);
		found += k->intensity[i] >= 0 || k->presence[i] >= 0;
	}
	k->time = find_column(t, "timestamp");
	k->confidence = find_column(t, "confidence");
	k->success = find_column(t, "success");
	k->face = find_column(t, "face_id");
	if (!found)
		err_set(err, ERR_FORMAT, "%s:1: no column of action units (AU01_r, AU01_c, ...)",
			t->path);
	return err->code;
}

/* The number of a field within bounds; fallback where there is no such column. */
static double number(const struct csv_table *t, const struct csv_row *row, int column, double min,
		     double max, double fallback, struct err *err)
{
	struct err why = { 0 };
	double v = fallback;

	if (column >= 0 && parse_f64(skip_blanks(row->field[column]), min, max,
				     skip_blanks(t->header[column]), &v, &why))
		err_set(err, ERR_FORMAT, "%s:%ld: %s", t->path, row->line, why.msg);
	return v;
}

static int read_shot(const struct csv_table *t, const struct columns *k, const struct csv_row *row,
		     struct shot *s, struct err *err)
{
	*s = (struct shot){ .u.line = row->line };
	s->u.peak_s = number(t, row, k->time, 0, 1e7, NAN, err);
	s->face = (int)number(t, row, k->face, 0, FACES - 1, 0, err);
	s->trusted = number(t, row, k->confidence, 0, 1, 1, err) >= ACTION_UNIT_CONFIDENCE &&
		     number(t, row, k->success, 0, 1, 1, err) > 0;
	for (int i = 0; i < ACTION_UNITS; i++) {
		s->u.ok[i] = k->intensity[i] >= 0;
		s->u.v[i] = number(t, row, k->intensity[i], 0, ACTION_UNIT_MAX_INTENSITY, 0, err);
		s->u.there[i] = number(t, row, k->presence[i], 0, 1, s->u.v[i] > ACTION_UNIT_LEAST,
				       err) > 0;
	}
	return err->code;
}

/* Marks the units that are there in most of the trusted pictures of a face. */
static void find_frequent(const struct shot *s, size_t n, int face, bool frequent[ACTION_UNITS])
{
	int count[ACTION_UNITS] = { 0 };

	memset(frequent, 0, ACTION_UNITS * sizeof(*frequent));
	for (size_t r = 0; r < n; r++)
		for (int i = 0; i < ACTION_UNITS; i++)
			count[i] += s[r].trusted && s[r].face == face && s[r].u.there[i];
	for (int k = 0; k < ACTION_UNITS_FREQUENT; k++) {
		int best = -1;

		for (int i = 0; i < ACTION_UNITS; i++)
			if (!frequent[i] && count[i] && (best < 0 || count[i] > count[best]))
				best = i;
		if (best >= 0)
			frequent[best] = true;
	}
}

static int most_seen(const struct shot *s, size_t n)
{
	int count[FACES] = { 0 }, best = 0;

	for (size_t r = 0; r < n; r++)
		count[s[r].face] += s[r].trusted;
	for (int i = 1; i < FACES; i++)
		if (count[i] > count[best])
			best = i;
	return best;
}

static void find_peak(struct action_units *out, const struct shot *s, size_t n)
{
	const int face = most_seen(s, n);
	bool frequent[ACTION_UNITS];
	double best = -1;
	int used = 0;

	find_frequent(s, n, face, frequent);
	for (size_t r = 0; r < n; r++) {
		double sum = 0;

		if (!s[r].trusted || s[r].face != face)
			continue;
		used++;
		for (int i = 0; i < ACTION_UNITS; i++)
			if (frequent[i])
				sum += s[r].u.ok[i] ? s[r].u.v[i] : s[r].u.there[i];
		if (sum > best) {
			best = sum;
			*out = s[r].u;
		}
	}
	out->pictures = (int)n;
	out->used = used;
}

bool action_units_are_in(const struct csv_table *t)
{
	struct err none = { 0 };
	struct columns k;

	return !find_columns(t, &k, &none);
}

int action_units_of_table(struct action_units *out, const struct csv_table *t, struct err *err)
{
	struct shot *shot;
	struct columns k;

	*out = (struct action_units){ .peak_s = NAN };
	if (find_columns(t, &k, err))
		return err->code;
	if (!NEW_ARRAY(shot, t->n_rows))
		return err_set(err, ERR_NOMEM, "%s: no memory", t->path);
	for (size_t r = 0; r < t->n_rows && !err->code; r++)
		read_shot(t, &k, &t->row[r], &shot[r], err);
	if (!err->code)
		find_peak(out, shot, t->n_rows);
	free(shot);
	return err->code;
}

static int read_csv(struct action_units *out, const char *path, struct err *err)
{
	struct csv_table t = { 0 };

	if (!csv_table_read(&t, path, ',', FILE_LIMIT, err))
		action_units_of_table(out, &t, err);
	csv_table_free(&t);
	return err->code;
}

/* ---- arrays of described clips ---- */

/* Equal but for a suffix like .mp4 of the first. */
static bool same_clip(const char *video, const char *id)
{
	const size_t n = strlen(id);

	return !strncmp(video, id, n) &&
	       (!video[n] || (video[n] == '.' && !strchr(video + n, '/')));
}

static int read_entry(struct action_units *out, const struct json *entry, const char *path,
		      int place, struct err *err)
{
	const struct json *values = json_get(entry, "raw_AU_values_at_peak");
	const struct json *time = json_get(entry, "peak_time");

	if (!values || json_type(values) != JSON_OBJECT)
		return err_set(err, ERR_FORMAT,
			       "%s: entry %d: 'raw_AU_values_at_peak' is no object", path, place);
	out->peak_s = json_num(time, NAN);
	out->pictures = out->used = 1;
	for (int i = 0; i < ACTION_UNITS; i++) {
		const struct json *v;
		char name[8];

		snprintf(name, sizeof(name), "AU%02d", action_unit_spec[i].number);
		v = json_get(values, name);
		if (!v)
			continue;
		out->ok[i] = true;
		out->v[i] = json_num(v, -1);
		if (!(out->v[i] >= 0 && out->v[i] <= ACTION_UNIT_MAX_INTENSITY))
			return err_set(err, ERR_FORMAT,
				       "%s: entry %d: %s is no intensity from 0 to %d", path, place,
				       name, ACTION_UNIT_MAX_INTENSITY);
		out->there[i] = out->v[i] > ACTION_UNIT_LEAST;
	}
	return 0;
}

static int read_json(struct action_units *out, const char *path, const char *id, struct err *err)
{
	struct json *root = json_read_file(path, FILE_LIMIT, err);
	bool found = false;
	int place = 0;

	if (root && json_type(root) != JSON_ARRAY)
		err_set(err, ERR_FORMAT, "%s: not an array of clips", path);
	for (const struct json *v = json_at(root, 0); v && !found && !err->code; v = json_next(v)) {
		const char *video = json_str(json_get(v, "video_id"), NULL);

		place++;
		if (!video)
			err_set(err, ERR_FORMAT, "%s: entry %d: no 'video_id'", path, place);
		else if ((found = same_clip(video, id)))
			read_entry(out, v, path, place, err);
	}
	if (!err->code && !found)
		err_set(err, ERR_MISSING, "%s: no entry whose 'video_id' is %s", path, id);
	json_free(root);
	return err->code;
}

int action_units_read(struct action_units *out, const char *path, const char *id, struct err *err)
{
	*out = (struct action_units){ .peak_s = NAN };
	if (str_ends(path, ".csv"))
		read_csv(out, path, err);
	else if (str_ends(path, ".json"))
		read_json(out, path, id, err);
	else
		err_set(err, ERR_ARG, "%s: action units come from a .csv (OpenFace) or .json",
			path);
	if (err->code)
		*out = (struct action_units){ .peak_s = NAN };
	return err->code;
}

/* ---- words ---- */

static const char *adverb(double v)
{
	return v >= 5	  ? "very strongly "
	       : v >= 2.5 ? "strongly "
	       : v >= 1	  ? "moderately "
	       : v >= 0.2 ? "slightly "
			  : "barely ";
}

int action_units_phrases(const struct action_units *a,
			 char phrase[ACTION_UNITS][ACTION_PHRASE_SIZE])
{
	int n = 0;

	for (int i = 0; i < ACTION_UNITS; i++)
		if (a->ok[i] ? a->v[i] > ACTION_UNIT_LEAST : a->there[i])
			snprintf(phrase[n++], ACTION_PHRASE_SIZE, "%s%s",
				 a->ok[i] ? adverb(a->v[i]) : "", action_unit_spec[i].name);
	return n;
}

int action_units_describe(const struct action_units *a, struct strbuf *out)
{
	char phrase[ACTION_UNITS][ACTION_PHRASE_SIZE];
	const char *list[ACTION_UNITS];
	const int n = action_units_phrases(a, phrase);

	for (int i = 0; i < n; i++)
		list[i] = phrase[i];
	return behaviour_describe_units(list, n, out);
}
