/* SPDX-License-Identifier: Apache-2.0
 * Recorded predictions as JSON: an object an answer, on lines of their own, in an array, or in
 * an array behind a project's report.  A broken object is a note; the others are read.
 */
#include "harness/score/recorded_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/str.h"

#define MEMBERS_MAX 64

/* A text, number or truth value as text; anything else has none. */
static const char *as_text(struct reading *in, const struct json *v)
{
	const char *s = json_str(v, NULL);
	char number[40];

	if (!s && json_type(v) == JSON_NUMBER &&
	    str_format(number, sizeof(number), "%.17g", json_num(v, NAN)))
		s = number;
	if (!s && json_type(v) == JSON_BOOL)
		s = json_bool(v, false) ? "true" : "false";
	if (!s)
		return NULL;
	s = arena_strdup(&in->r->mem, s);
	if (!s)
		err_set(in->err, ERR_NOMEM, "%s: no memory", in->r->path);
	return s;
}

/* Earlier utterances as a list of texts, or of objects with a text. */
static int take_history(struct reading *in, struct recorded_row *row, const struct json *list)
{
	const char **out = arena_array(&in->r->mem, (size_t)json_size(list), sizeof(*out));
	int n = 0;

	if (!out)
		return err_set(in->err, ERR_NOMEM, "%s: no memory", in->r->path);
	for (const struct json *v = json_at(list, 0); v; v = json_next(v)) {
		const char *s = json_str(v, json_str(json_get(v, "text"), NULL));

		if (s && !(out[n++] = arena_strdup(&in->r->mem, s)))
			return err_set(in->err, ERR_NOMEM, "%s: no memory", in->r->path);
	}
	if (n != json_size(list))
		return 0; /* not a list of utterances: the row has no history */
	row->history = out;
	row->n_history = n;
	row->has_history = true;
	return 0;
}

static int take_member(struct reading *in, struct recorded_row *row, enum recorded_field f,
		       const struct json *v)
{
	if (f == FIELD_SCORES)
		row->by_scores = json_type(v) == JSON_ARRAY && json_size(v) > 0;
	else if (f == FIELD_HISTORY && json_type(v) == JSON_ARRAY)
		take_history(in, row, v);
	else if (f < FIELD_COUNT)
		row->field[f] = as_text(in, v);
	return in->err->code;
}

/* One object.  What is wrong with it goes to *why. */
static int take_object(struct reading *in, const struct json *v, long line, struct err *why)
{
	const char *name[MEMBERS_MAX];
	enum recorded_field field[MEMBERS_MAX];
	struct recorded_row row = { .line = line };
	int n = 0;

	if (json_type(v) != JSON_OBJECT)
		return err_set(why, ERR_FORMAT, "an object is needed");
	if (json_size(v) > MEMBERS_MAX)
		return err_set(why, ERR_FORMAT, "more than %d members", MEMBERS_MAX);
	for (const struct json *m = json_at(v, 0); m; m = json_next(m))
		name[n++] = json_key(m);
	if (fields_resolve(in, name, n, field, why))
		return why->code;
	n = 0;
	for (const struct json *m = json_at(v, 0); m; m = json_next(m))
		if (take_member(in, &row, field[n++], m))
			return in->err->code;
	return recorded_add(in, &row);
}

/* Parses and takes one object; a broken one becomes a note. */
static int take_text(struct reading *in, const char *s, size_t n, long line)
{
	struct err why = { 0 };
	struct json *v = json_parse(s, n, "JSON", &why);

	if (v)
		take_object(in, v, line, &why);
	json_free(v);
	if (why.code == ERR_NOMEM)
		return err_set(in->err, ERR_NOMEM, "%s:%ld: no memory", in->r->path, line);
	if (why.code)
		note_add(in->notes, in->err, NOTE_UNREADABLE, line, "%s", why.msg);
	return in->err->code;
}

int read_lines(struct reading *in, const char *text, size_t len)
{
	long line = 1;

	for (size_t at = 0, n; at < len && !in->err->code; at += n + 1, line++) {
		const char *nl = memchr(text + at, '\n', len - at);

		n = nl ? (size_t)(nl - (text + at)) : len - at;
		if (strspn(text + at, " \t\r\n") < n)
			take_text(in, text + at, n, line);
	}
	return in->err->code;
}

/* Length of the JSON value at s, up to a comma or bracket that does not belong to it.  An
 * unfinished value ends with the text. */
static size_t value_length(const char *s, size_t n)
{
	size_t depth = 0, i;

	for (i = 0; i < n; i++) {
		if (s[i] == '"')
			for (i++; i < n && s[i] != '"'; i++)
				i += s[i] == '\\';
		else if (s[i] == '{' || s[i] == '[')
			depth++;
		else if (!depth && (s[i] == ',' || s[i] == ']'))
			break;
		else if ((s[i] == '}' || s[i] == ']') && depth)
			depth--;
	}
	return i < n ? i : n;
}

int read_array(struct reading *in, const char *text, size_t len, long line)
{
	static const char blanks[] = " \t\r\n";
	size_t at = strspn(text, blanks) + 1; /* behind the bracket */
	long at_line = line + text_lines(text, at < len ? at : len);

	while (at < len && !in->err->code) {
		const size_t skip = strspn(text + at, blanks);
		size_t n;

		at_line += text_lines(text + at, skip);
		at += skip;
		if (at >= len || text[at] == ']')
			break;
		n = value_length(text + at, len - at);
		if (take_text(in, text + at, n, at_line))
			return in->err->code;
		at_line += text_lines(text + at, n);
		at += n;
		if (at < len && text[at] == ',')
			at++;
	}
	if (at >= len || text[at] != ']')
		return note_add(in->notes, in->err, NOTE_UNREADABLE, at_line,
				"the list is cut short");
	at++;
	at += strspn(text + at, blanks);
	if (at < len)
		note_add(in->notes, in->err, NOTE_UNREADABLE, at_line + text_lines(text, at),
			 "text behind the end of the list");
	return in->err->code;
}

/* A line of scikit-learn's report: name precision recall f1 support. */
static int take_report_line(struct reading *in, const char *s, size_t n)
{
	struct recorded_score *score = &in->r->score;
	char line[200], *save = NULL, *word[6];
	struct err ignored = { 0 };
	double value[4];
	int words = 0;

	if (n >= sizeof(line) || score->n_cls == LABEL_MAX)
		return 0;
	memcpy(line, s, n);
	line[n] = '\0';
	for (char *w = strtok_r(line, " \t\r", &save); w && words < 6;
	     w = strtok_r(NULL, " \t\r", &save))
		word[words++] = w;
	if (words != 5)
		return 0;
	for (int i = 0; i < 4; i++)
		if (parse_f64(word[i + 1], 0, i < 3 ? 1 : 1e9, "report", &value[i], &ignored))
			return 0;
	score->cls[score->n_cls].name = arena_strdup(&in->r->mem, word[0]);
	score->cls[score->n_cls].precision = value[0];
	score->cls[score->n_cls].recall = value[1];
	score->cls[score->n_cls].f1 = value[2];
	if (!score->cls[score->n_cls++].name)
		return err_set(in->err, ERR_NOMEM, "%s: no memory", in->r->path);
	return 0;
}

static void take_headline(struct reading *in, const char *s, size_t n)
{
	struct err ignored = { 0 };
	struct json *v = json_parse(s, n, "score", &ignored);

	in->r->score.accuracy = json_num(json_get(v, "Acc_SA"), NAN) / 100;
	in->r->score.weighted_f1 = json_num(json_get(v, "F1_SA"), NAN) / 100;
	json_free(v);
}

int read_results(struct reading *in, const char *text, size_t len)
{
	long line = 1;

	for (size_t at = 0, n; at < len; at += n + 1, line++) {
		const char *nl = memchr(text + at, '\n', len - at);
		const size_t indent = strspn(text + at, " \t");

		n = nl ? (size_t)(nl - (text + at)) : len - at;
		if (indent < n && text[at + indent] == '[')
			return read_array(in, text + at, len - at, line);
		if (line == 1)
			take_headline(in, text + at, n);
		else if (take_report_line(in, text + at, n))
			return in->err->code;
	}
	return err_set(in->err, ERR_FORMAT, "%s: no list of answers behind the report (%ld lines)",
		       in->r->path, line - 1);
}
