/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/score/match.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/str.h"
#include "harness/score/match_parts.h"

const char *const match_way_name[MATCH_WAYS] = { "auto", "id", "text", "order" };

struct joint {
	struct match *m;
	const struct recorded *r;
	const struct match_request *rq;
	struct text_index x;
	struct str_map ids;
	struct arena mem;
	struct notes *notes;
	struct err *err;
};

static int no_memory(const struct joint *j)
{
	return err_set(j->err, ERR_NOMEM, "%s: no memory", j->r->path);
}

bool match_in_split(const struct recorded_row *row, enum split split)
{
	const char *s = row->field[FIELD_SPLIT];

	if (!s)
		return true;
	if (split == SPLIT_DEV && (str_starts(s, "val") || !strcmp(s, "development")))
		return true;
	return !strcmp(s, split_name[split]);
}

/* The first row of an utterance is its row; further ones are repetitions. */
void match_take(struct match *m, size_t i, int utt)
{
	m->utt[i] = utt;
	if (m->row[utt] < 0)
		m->row[utt] = (int)i;
}

static int index_ids(struct joint *j)
{
	const struct corpus *c = j->rq->corpus;

	for (int u = 0; u < c->n_utt; u++) {
		int *slot;

		if (c->dia[c->utt[u].dialogue].split != j->rq->split)
			continue;
		slot = map_slot(&j->ids, c->utt[u].id);
		if (!slot)
			return no_memory(j);
		*slot = u;
	}
	return 0;
}

/* An id may be a file's path: its name without the ending counts. */
static int find_id(struct joint *j, const char *id)
{
	const char *base = path_base(id), *dot = strrchr(base, '.');
	int u = map_get(&j->ids, id);
	char *stem;

	if (u >= 0 || (base == id && !dot))
		return u;
	stem = arena_strndup(&j->mem, base, dot ? (size_t)(dot - base) : strlen(base));
	if (!stem)
		return no_memory(j);
	return map_get(&j->ids, stem);
}

/* MELD counts dialogues and utterances. */
static int find_numbers(struct joint *j, const char *dialogue, const char *turn)
{
	struct err ignored = { 0 };
	int64_t d, t;
	char id[64];

	if (parse_i64(dialogue, 0, INT32_MAX, "dialogue", &d, &ignored) ||
	    parse_i64(turn, 0, INT32_MAX, "turn", &t, &ignored) ||
	    !str_format(id, sizeof(id), "dia%lld_utt%lld", (long long)d, (long long)t))
		return -1;
	return map_get(&j->ids, id);
}

static bool has_id(const struct recorded_row *row)
{
	return row->field[FIELD_ID] || (row->field[FIELD_DIALOGUE] && row->field[FIELD_TURN]);
}

static int match_by_id(struct joint *j)
{
	for (size_t i = 0; i < j->r->n; i++) {
		const struct recorded_row *row = &j->r->row[i];
		int u;

		if (!match_in_split(row, j->rq->split))
			continue;
		u = row->field[FIELD_ID] ? find_id(j, row->field[FIELD_ID]) : -1;
		/* a column Utterance_ID may hold whole ids */
		if (u < 0 && !row->field[FIELD_ID] && row->field[FIELD_TURN])
			u = find_id(j, row->field[FIELD_TURN]);
		if (u < 0 && row->field[FIELD_DIALOGUE] && row->field[FIELD_TURN])
			u = find_numbers(j, row->field[FIELD_DIALOGUE], row->field[FIELD_TURN]);
		if (j->err->code)
			return j->err->code;
		if (u < 0)
			continue;
		match_take(j->m, i, u);
		j->m->by_id++;
	}
	return 0;
}

/* Row i is the i-th labelled utterance: as many rows as those, or the count says nothing. */
static int match_by_order(struct joint *j)
{
	const struct corpus *c = j->rq->corpus;
	size_t n = 0;

	for (int u = 0; u < c->n_utt; u++) {
		if (c->dia[c->utt[u].dialogue].split != j->rq->split || j->rq->gold->label[u] < 0)
			continue;
		if (n < j->r->n)
			match_take(j->m, n, u);
		n++;
	}
	j->m->by_order = (int)j->r->n;
	if (n != j->r->n || j->notes->count[NOTE_UNREADABLE])
		return err_set(
			j->err, ERR_DATA,
			"%s: %zu rows that can be read, %d that cannot, for %zu utterances of "
			"%s: the order does not say which is which",
			j->r->path, j->r->n, j->notes->count[NOTE_UNREADABLE], n,
			split_name[j->rq->split]);
	return 0;
}

/* Does the row say the same as the corpus about its utterance? */
static int compare_row(struct joint *j, size_t i, int *texts_differ)
{
	const struct corpus *c = j->rq->corpus;
	const struct recorded_row *row = &j->r->row[i];
	const int u = j->m->utt[i], gold = j->rq->gold->label[u];
	const char *name = row->field[FIELD_GOLD];
	const char *key = row->text ? text_key(KEY_LOOSE, row->text, &j->mem) : NULL;

	if (row->text && !key)
		return no_memory(j);
	if (key && strcmp(key, j->x.key[KEY_LOOSE][u]) != 0) {
		++*texts_differ;
		if (note_add(j->notes, j->err, NOTE_TEXT, row->line,
			     "%s says '%.80s', the corpus has '%.80s'", c->utt[u].id, row->text,
			     c->utt[u].text))
			return j->err->code;
	}
	if (name && gold >= 0 && label_find_any(c->labels, name) != gold)
		note_add(j->notes, j->err, NOTE_GOLD, row->line,
			 "%s is '%.40s' here, %s in the corpus, which counts", c->utt[u].id, name,
			 c->labels->word[gold]);
	return j->err->code;
}

static bool same_field(const struct recorded_row *a, const struct recorded_row *b,
		       enum recorded_field f)
{
	const char *x = a->field[f], *y = b->field[f];

	return x && y ? !strcmp(x, y) : x == y;
}

static int repeated(struct joint *j, size_t i)
{
	const struct recorded_row *row = &j->r->row[i];
	const char *id = j->rq->corpus->utt[j->m->utt[i]].id;
	const struct recorded_row *first = &j->r->row[j->m->row[j->m->utt[i]]];

	if (!same_field(row, first, FIELD_REPLY) || !same_field(row, first, FIELD_LABEL) ||
	    !same_field(row, first, FIELD_STATUS))
		return err_set(j->err, ERR_DATA,
			       "%s:%ld: a second, different answer for %s; the first is on line "
			       "%ld; keep one of them",
			       j->r->path, row->line, id, first->line);
	return note_add(j->notes, j->err, NOTE_REPEATED, row->line, "%s again; line %ld counts", id,
			first->line);
}

/* Notes on every row; an utterance outside the label set loses its row. */
static int look_over(struct joint *j)
{
	int differ = 0, compared = 0;

	for (size_t i = 0; i < j->r->n && !j->err->code; i++) {
		const struct recorded_row *row = &j->r->row[i];
		const int u = j->m->utt[i];

		if (u < 0 && !match_in_split(row, j->rq->split)) {
			note_add(j->notes, j->err, NOTE_OUTSIDE, row->line, "of split '%.40s'",
				 row->field[FIELD_SPLIT]);
			continue;
		}
		if (u < 0) {
			note_add(j->notes, j->err, NOTE_UNMATCHED, row->line,
				 "no utterance of %s for %s%s '%.80s'", split_name[j->rq->split],
				 row->field[FIELD_ID] ? row->field[FIELD_ID] : "this row",
				 row->text ? ":" : "", row->text ? row->text : "");
			continue;
		}
		compared += row->text != NULL;
		if (j->m->row[u] != (int)i)
			repeated(j, i);
		else if (compare_row(j, i, &differ))
			return j->err->code;
		if (j->rq->gold->label[u] < 0)
			note_add(j->notes, j->err, NOTE_OUTSIDE, row->line,
				 "%s is outside the label set", j->rq->corpus->utt[u].id);
	}
	if (!j->err->code && 2 * differ > compared)
		err_set(j->err, ERR_DATA,
			"%s: %d of %d rows have another text than the utterance of their id: "
			"another split or corpus? (--split, --match text)",
			j->r->path, differ, compared);
	return j->err->code;
}

static int match_all(struct joint *j)
{
	const enum match_way way = j->rq->way;
	bool ids = false, texts = false;

	for (size_t i = 0; i < j->r->n; i++) {
		ids |= has_id(&j->r->row[i]) || j->r->row[i].field[FIELD_TURN];
		texts |= j->r->row[i].text != NULL;
	}
	if ((way == MATCH_ID && !ids) || (way == MATCH_TEXT && !texts) ||
	    (way == MATCH_AUTO && !ids && !texts))
		return err_set(j->err, ERR_DATA,
			       "%s: rows have no %s; name the column with --columns id=NAME or "
			       "text=NAME, or take the order of the rows with --match order",
			       j->r->path,
			       way == MATCH_AUTO ? "ids or texts"
			       : way == MATCH_ID ? "ids"
						 : "texts");
	if (way == MATCH_ORDER)
		return match_by_order(j);
	if ((way == MATCH_AUTO || way == MATCH_ID) && ids && match_by_id(j))
		return j->err->code;
	if (way == MATCH_TEXT || (way == MATCH_AUTO && !j->m->by_id))
		return match_by_text(j->m, j->r, &j->x, j->rq->split, j->notes, j->err);
	return 0;
}

int match_rows(struct match *m, const struct recorded *r, const struct match_request *rq,
	       struct notes *notes, struct err *err)
{
	struct joint j = { .m = m, .r = r, .rq = rq, .notes = notes, .err = err };

	*m = (struct match){ 0 };
	if (!NEW_ARRAY(m->utt, r->n) || !NEW_ARRAY(m->row, (size_t)rq->corpus->n_utt)) {
		no_memory(&j);
	} else {
		memset(m->utt, 0xff, r->n * sizeof(*m->utt));
		memset(m->row, 0xff, (size_t)rq->corpus->n_utt * sizeof(*m->row));
		if (!text_index_init(&j.x, rq, err) && !index_ids(&j) && !match_all(&j))
			look_over(&j);
	}
	text_index_free(&j.x);
	map_free(&j.ids);
	arena_free(&j.mem);
	return err->code;
}

void match_free(struct match *m)
{
	free(m->utt);
	free(m->row);
	*m = (struct match){ 0 };
}
