/* SPDX-License-Identifier: Apache-2.0
 * Cue files that are tables: measurements by clip name, by dialogue and turn, or by id;
 * action units of one clip.
 */
#include "harness/run/cue_reader.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/csv.h"
#include "harness/base/str.h"
#include "harness/cue/action_units.h"

enum { CSV_LIMIT = 256 << 20 };

/* What the columns of one table mean. */
struct columns {
	int id;				  /* id, or filename */
	int split;			  /* -1: none */
	int video, segment, gender, text; /* of the turn form */
	int *cue;			  /* (n_cols) cue of each column in its table, -1: none */
	enum cue_table *table;		  /* (n_cols) */
	int *part;			  /* (n_cols) sentence of each column, -1: none */
};

enum form { FORM_NONE, FORM_OWN, FORM_CLIP, FORM_TURN };

static enum form form_of(const struct csv_table *t, struct columns *k)
{
	k->split = csv_column(t, "split");
	k->id = csv_column(t, "id");
	if (k->id >= 0)
		return FORM_OWN;
	/* the other two are tables of measurements or of no use here */
	if (csv_column(t, speech_cue_spec[CUE_PITCH].name) < 0 ||
	    csv_column(t, speech_cue_spec[CUE_INTENSITY].name) < 0)
		return FORM_NONE;
	k->id = csv_column(t, "filename");
	if (k->id >= 0)
		return FORM_CLIP;
	k->video = csv_column(t, "video_id");
	k->segment = csv_column(t, "segment_id");
	k->gender = csv_column(t, "gender");
	k->text = csv_column(t, "text");
	return k->video >= 0 && k->segment >= 0 && k->gender >= 0 && k->text >= 0 ? FORM_TURN
										  : FORM_NONE;
}

static void find_cues(struct cue_reader *r, const struct csv_table *t, enum form form,
		      struct columns *k)
{
	for (int i = 0; i < t->n_cols; i++) {
		if (!cue_index(t->header[i], &k->table[i], &k->cue[i]))
			k->cue[i] = -1;
		k->part[i] = form == FORM_OWN ? cue_part_index(t->header[i]) : -1;
		/* "speech" is the sentence made from the numbers: it is made anew */
		if (form == FORM_OWN && k->cue[i] < 0 && k->part[i] < 0 && i != k->id &&
		    i != k->split && strcmp(t->header[i], "speech") &&
		    strcmp(t->header[i], "status") && !r->ignored)
			r->ignored = arena_strdup(&r->out->mem, t->header[i]);
	}
}

static bool is_empty(const char *s)
{
	return !*s || !strcmp(s, "nan") || !strcmp(s, "NaN") || !strcmp(s, "None");
}

static int read_values(struct cue_reader *r, const struct csv_table *t, const struct csv_row *row,
		       const struct columns *k, int utt)
{
	struct cue_values v = { 0 };

	for (int i = 0; i < t->n_cols; i++) {
		int cue = k->cue[i];
		struct cue_set *set = &v.set[k->table[i]];
		struct err own = { 0 };

		if (k->part[i] >= 0 && *row->field[i] &&
		    cue_keep_sentence(r, utt, k->part[i], row->field[i], row->line))
			return r->err->code;
		if (cue < 0 || is_empty(row->field[i]))
			continue;
		if (parse_f64(row->field[i], -1e12, 1e12, t->header[i], &set->v[cue], &own))
			return err_set(r->err, ERR_FORMAT, "%s:%ld: %s", t->path, row->line,
				       own.msg);
		set->ok[cue] = v.any[k->table[i]] = true;
	}
	return cue_keep_values(r, utt, &v, row->line);
}

static int find_own(struct cue_reader *r, const struct csv_row *row, const struct columns *k,
		    int *utt)
{
	int split = -1;

	if (k->split >= 0 && *row->field[k->split]) {
		split = cue_split(row->field[k->split]);
		if (split < 0)
			return err_set(r->err, ERR_FORMAT,
				       "%s:%ld: split '%s' is none of train, dev, test", r->path,
				       row->line, row->field[k->split]);
	}
	return cue_find(r, split, row->field[k->id], row->line, utt);
}

/* "dia36_utt11.wav": the id is the name without its extension. */
static int find_clip(struct cue_reader *r, const struct csv_row *row, const struct columns *k,
		     int *utt)
{
	const char *name = path_base(row->field[k->id]), *dot = strrchr(name, '.');
	char id[256];
	size_t n = dot ? (size_t)(dot - name) : strlen(name);

	if (n >= sizeof(id))
		return err_set(r->err, ERR_FORMAT, "%s:%ld: filename of more than %zu bytes",
			       r->path, row->line, sizeof(id));
	memcpy(id, name, n);
	id[n] = '\0';
	return cue_find(r, r->split, id, row->line, utt);
}

/* video_id Ses01F_impro01, gender F, segment_id 3: Ses01F_impro01_F003, if the text agrees. */
static int find_turn(struct cue_reader *r, const struct csv_row *row, const struct columns *k,
		     int *utt)
{
	char id[256], what[] = "segment_id";
	struct err own = { 0 };
	int64_t segment;

	if (parse_i64(row->field[k->segment], 0, 999, what, &segment, &own))
		return err_set(r->err, ERR_FORMAT, "%s:%ld: %s", r->path, row->line, own.msg);
	if (!str_format(id, sizeof(id), "%s_%s%03d", row->field[k->video], row->field[k->gender],
			(int)segment))
		return err_set(r->err, ERR_FORMAT, "%s:%ld: video_id too long", r->path, row->line);
	if (cue_find(r, -1, id, row->line, utt) || *utt < 0)
		return r->err->code;
	if (str_same_words(row->field[k->text], r->c->utt[*utt].text))
		return 0;
	*utt = -1;
	r->n_text++;
	return corpus_issue(r->c, ISSUE_WARN, "cue-text-differs", r->path, row->line, r->err,
			    "%s: the text is not the utterance's; the row is not used", id);
}

static int read_rows(struct cue_reader *r, const struct csv_table *t, enum form form,
		     const struct columns *k)
{
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct csv_row *row = &t->row[i];
		int utt = -1;

		r->n_rows++;
		if (form == FORM_OWN)
			find_own(r, row, k, &utt);
		else if (form == FORM_CLIP)
			find_clip(r, row, k, &utt);
		else
			find_turn(r, row, k, &utt);
		if (r->err->code || (utt >= 0 && read_values(r, t, row, k, utt)))
			return r->err->code;
	}
	return 0;
}

/* dia3_utt4.csv, or test_dia3_utt4.csv where several splits have such a clip. */
static int find_file(struct cue_reader *r, int *utt)
{
	const char *name = path_base(r->path);
	char id[256];

	if (r->split >= 0) {
		const size_t n = strlen(split_name[r->split]);

		if (str_starts(name, split_name[r->split]) && name[n] == '_')
			name += n + 1;
	}
	if (!str_format(id, sizeof(id), "%.*s", (int)(strlen(name) - strlen(".csv")), name))
		return err_set(r->err, ERR_FORMAT, "%s: name of more than %zu bytes", r->path,
			       sizeof(id));
	r->n_rows++;
	return cue_find(r, r->split, id, 0, utt);
}

/* A table of action units belongs to one clip and says what its face does. */
static int read_units(struct cue_reader *r, const struct csv_table *t)
{
	struct strbuf said = { 0 };
	struct action_units units;
	int utt = -1;

	if (!find_file(r, &utt) && utt >= 0 && !action_units_of_table(&units, t, r->err) &&
	    action_units_describe(&units, &said) > 0)
		cue_keep_sentence(r, utt, PART_FACE, strbuf_str(&said), units.line);
	if (said.oom)
		err_set(r->err, ERR_NOMEM, "%s: no memory", r->path);
	strbuf_free(&said);
	return r->err->code;
}

int cue_read_csv(struct cue_reader *r)
{
	struct columns k = { 0 };
	struct csv_table t;
	enum form form;

	if (csv_table_read(&t, r->path, ',', CSV_LIMIT, r->err))
		return r->err->code;
	form = form_of(&t, &k);
	if (form == FORM_NONE && action_units_are_in(&t)) {
		read_units(r, &t);
	} else if (form == FORM_NONE) {
		corpus_issue(r->c, ISSUE_NOTE, "cue-file-unused", r->path, 1, r->err,
			     "no table of measurements (columns id, filename, or video_id with "
			     "segment_id, gender and text)");
	} else if (!NEW_ARRAY(k.cue, (size_t)t.n_cols) || !NEW_ARRAY(k.table, (size_t)t.n_cols) ||
		   !NEW_ARRAY(k.part, (size_t)t.n_cols)) {
		err_set(r->err, ERR_NOMEM, "%s: no memory", r->path);
	} else {
		find_cues(r, &t, form, &k);
		read_rows(r, &t, form, &k);
	}
	free(k.cue);
	free(k.table);
	free(k.part);
	csv_table_free(&t);
	return r->err->code;
}
