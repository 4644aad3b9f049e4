/* SPDX-License-Identifier: Apache-2.0
 * MELD on disk: where the CSV and the clips of a split may lie, and the rows of
 * a CSV with every field checked.
 */
#include "datasets/meld.h"

#include <stdlib.h>
#include <string.h>

enum { CSV_LIMIT = 256 << 20, ID_LIMIT = 1000000 };

static const char *const clip_folder[SPLIT_COUNT] = {
	"train_splits",
	"dev_splits_complete",
	"output_repeated_splits_test",
};

/* Places below the root, tried in this order; the archives of the release
 * unpack to MELD.Raw and, for train, to a folder of the split's own. */
static const char *const place[] = { "", "%s", "MELD.Raw", "MELD.Raw/%s", "data/MELD", "clips" };

/* malloc'ed path of name in the first place that has it, or NULL. */
static char *locate(const char *root, enum split split, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(place); i++) {
		struct strbuf b = { 0 };

		strbuf_addf(&b, "%s/", root);
		for (const char *p = place[i]; *p; p++) {
			if (*p == '%')
				strbuf_add(&b, split_name[split]);
			else if (p == place[i] || p[-1] != '%')
				strbuf_addc(&b, *p);
		}
		strbuf_addf(&b, "%s%s", *place[i] ? "/" : "", name);
		if (!b.oom && (io_is_file(b.s) || io_is_dir(b.s)))
			return b.s;
		strbuf_free(&b);
	}
	return NULL;
}

/* "0:16:16,059" or "00:16:16,059" in milliseconds.  false: another form.  The last
 * part is a whole number of milliseconds; *odd is set where it has fewer than three digits. */
static bool parse_time(const char *s, int64_t *ms, bool *odd)
{
	static const struct {
		int min, max, limit;
		char end;
		int scale;
	} part[] = {
		{ 1, 2, 99, ':', 3600000 },
		{ 2, 2, 59, ':', 60000 },
		{ 2, 2, 59, ',', 1000 },
		{ 1, 3, 999, '\0', 1 },
	};
	int64_t total = 0;

	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		int n = 0, v = 0;

		for (; n < part[i].max && *s >= '0' && *s <= '9'; n++)
			v = v * 10 + (*s++ - '0');
		if (n < part[i].min || v > part[i].limit || *s != part[i].end)
			return false;
		total += (int64_t)v * part[i].scale;
		if (*s)
			s++;
		else if (n < 3)
			*odd = true;
	}
	*ms = total;
	return true;
}

static int bad_field(const struct csv_table *t, long line, const char *column, const char *value,
		     const char *want, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s:%ld: %s is '%s', expected %s", t->path, line, column,
		       value, want);
}

static int parse_id(const struct csv_table *t, long line, const char *column, const char *value,
		    int64_t *out, struct err *err)
{
	struct err own = { 0 };

	if (parse_i64(value, 0, ID_LIMIT, column, out, &own))
		return bad_field(t, line, column, value, "a whole number from 0 to 1000000", err);
	return 0;
}

enum column {
	COL_NUMBER,
	COL_TEXT,
	COL_SPEAKER,
	COL_LABEL,
	COL_DIA,
	COL_UTT,
	COL_START,
	COL_END,
	COL_COUNT
};

static int need_columns(const struct csv_table *t, const struct label_set *labels,
			int col[COL_COUNT], struct err *err)
{
	const char *const name[COL_COUNT] = {
		[COL_NUMBER] = "Sr No.",
		[COL_TEXT] = "Utterance",
		[COL_SPEAKER] = "Speaker",
		[COL_LABEL] = labels == &labels_meld3 ? "Sentiment" : "Emotion",
		[COL_DIA] = "Dialogue_ID",
		[COL_UTT] = "Utterance_ID",
		[COL_START] = "StartTime",
		[COL_END] = "EndTime",
	};

	for (int i = 0; i < COL_COUNT; i++)
		if (csv_need_column(t, name[i], &col[i], err))
			return err->code;
	return 0;
}

static int read_label(const struct csv_table *t, long line, const char *word,
		      const struct label_set *labels, int *label, struct err *err)
{
	struct strbuf known = { 0 };

	*label = label_find(labels, word);
	if (*label >= 0)
		return 0;
	for (int i = 0; i < labels->n; i++)
		strbuf_addf(&known, "%s%s", i ? ", " : "", labels->word[i]);
	err_set(err, ERR_FORMAT,
		"%s:%ld: label '%s' is outside the set %s (%s); correct the row or remove it",
		t->path, line, word, labels->name, strbuf_str(&known));
	strbuf_free(&known);
	return err->code;
}

static int read_row(struct meld_split *s, const struct csv_row *r, const int col[COL_COUNT],
		    const struct label_set *labels, struct meld_row *out, struct err *err)
{
	const struct csv_table *t = &s->table;
	char *const *f = r->field;

	*out = (struct meld_row){ .number = f[col[COL_NUMBER]], .line = r->line };
	if (parse_id(t, r->line, "Dialogue_ID", f[col[COL_DIA]], &out->dia, err) ||
	    parse_id(t, r->line, "Utterance_ID", f[col[COL_UTT]], &out->utt, err))
		return err->code;
	if (!parse_time(f[col[COL_START]], &out->start_ms, &out->odd_time))
		return bad_field(t, r->line, "StartTime", f[col[COL_START]],
				 "a time like 00:16:16,059", err);
	if (!parse_time(f[col[COL_END]], &out->end_ms, &out->odd_time))
		return bad_field(t, r->line, "EndTime", f[col[COL_END]], "a time like 00:16:16,059",
				 err);
	if (!*f[col[COL_SPEAKER]])
		return bad_field(t, r->line, "Speaker", "", "a name", err);
	if (read_label(t, r->line, f[col[COL_LABEL]], labels, &out->label, err))
		return err->code;
	out->text = text_fix_c1(f[col[COL_TEXT]], r->line, &s->mem, &s->c1);
	out->speaker = text_fix_c1(f[col[COL_SPEAKER]], r->line, &s->mem, &s->c1);
	if (!out->text || !out->speaker)
		return err_set(err, ERR_NOMEM, "%s:%ld: no memory", t->path, r->line);
	return 0;
}

static int by_speech(const void *a, const void *b)
{
	const struct meld_row *x = a, *y = b;

	if (x->dia != y->dia)
		return x->dia < y->dia ? -1 : 1;
	if (x->utt != y->utt)
		return x->utt < y->utt ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static int read_rows(struct meld_split *s, const struct label_set *labels, struct err *err)
{
	int col[COL_COUNT];

	if (need_columns(&s->table, labels, col, err))
		return err->code;
	if (!s->table.n_rows)
		return err_set(err, ERR_DATA, "%s: no row below the header", s->file);
	if (!NEW_ARRAY(s->row, s->table.n_rows))
		return err_set(err, ERR_NOMEM, "%s: no memory", s->file);
	for (; s->n < s->table.n_rows; s->n++)
		if (read_row(s, &s->table.row[s->n], col, labels, &s->row[s->n], err))
			return err->code;
	qsort(s->row, s->n, sizeof(*s->row), by_speech);
	for (size_t i = 1; i < s->n; i++) {
		const struct meld_row *a = &s->row[i - 1], *b = &s->row[i];

		if (a->dia == b->dia && a->utt == b->utt)
			return err_set(err, ERR_FORMAT,
				       "%s:%ld: dialogue %d already has utterance %d in line %ld; "
				       "remove one of the rows",
				       s->file, b->line, (int)b->dia, (int)b->utt, a->line);
	}
	return 0;
}

int meld_split_read(struct meld_split *s, enum split split, const char *root,
		    const struct label_set *labels, struct err *err)
{
	char name[64];

	*s = (struct meld_split){ .split = split };
	if (!str_format(name, sizeof(name), "%s_sent_emo.csv", split_name[split]))
		return err_set(err, ERR_INTERNAL, "file name too long");
	s->file = locate(root, split, name);
	if (!s->file)
		return err_set(err, ERR_MISSING,
			       "%s/%s: not found (looked here and in %s, MELD.Raw, MELD.Raw/%s, "
			       "data/MELD); to load the other splits alone set the option splits",
			       root, name, split_name[split], split_name[split]);
	if (csv_table_read(&s->table, s->file, ',', CSV_LIMIT, err) || read_rows(s, labels, err))
		return err->code;
	s->clip_dir = locate(root, split, clip_folder[split]);
	if (s->clip_dir && io_list_dir(s->clip_dir, &s->clips, err))
		return err->code;
	return 0;
}

void meld_split_free(struct meld_split *s)
{
	csv_table_free(&s->table);
	io_list_free(&s->clips);
	arena_free(&s->mem);
	free(s->row);
	free(s->clip_dir);
	free(s->file);
	*s = (struct meld_split){ 0 };
}

static int by_name(const void *key, const void *entry)
{
	return strcmp(key, *(char *const *)entry);
}

bool meld_has_clip(const struct meld_split *s, const char *name)
{
	return s->clips.n &&
	       bsearch(name, s->clips.name, s->clips.n, sizeof(*s->clips.name), by_name);
}
