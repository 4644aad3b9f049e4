/* SPDX-License-Identifier: Apache-2.0
 * What is odd about a MELD split: each oddity becomes an issue with the line of
 * the CSV.  Nothing is repaired or dropped here.
 */
#include "datasets/meld.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/map.h"

enum { LONG_MS = 60000, LONG_TEXT_WORDS = 5 };

static int by_line(const void *a, const void *b)
{
	const struct meld_row *x = *(const struct meld_row *const *)a;
	const struct meld_row *y = *(const struct meld_row *const *)b;

	return x->line < y->line ? -1 : x->line > y->line;
}

static int check_numbers(struct corpus *c, const struct meld_split *s,
			 const struct meld_row **in_file, struct err *err)
{
	struct str_map seen = { 0 };

	for (size_t i = 0; i < s->n && !err->code; i++) {
		const struct meld_row *r = in_file[i];
		int *first = map_slot(&seen, r->number);

		if (!first)
			err_set(err, ERR_NOMEM, "%s: no memory", s->file);
		else if (*first < 0)
			*first = (int)r->line;
		else
			corpus_issue(c, ISSUE_NOTE, "repeated-number", s->file, r->line, err,
				     "Sr No. %s is already in line %d", r->number, *first);
	}
	map_free(&seen);
	return err->code;
}

/* Rows that do not stand in the order of dialogue and utterance numbers. */
static int check_row_order(struct corpus *c, const struct meld_split *s,
			   const struct meld_row **in_file, struct err *err)
{
	for (size_t i = 1; i < s->n; i++) {
		const struct meld_row *a = in_file[i - 1], *b = in_file[i];

		if ((b->dia < a->dia || (b->dia == a->dia && b->utt < a->utt)) &&
		    corpus_issue(c, ISSUE_WARN, "row-order", s->file, b->line, err,
				 "dia%d_utt%d stands below dia%d_utt%d; read in order of numbers",
				 (int)b->dia, (int)b->utt, (int)a->dia, (int)a->utt))
			return err->code;
	}
	return 0;
}

static int check_in_file_order(struct corpus *c, const struct meld_split *s, struct err *err)
{
	const struct meld_row **in_file;

	if (!NEW_ARRAY(in_file, s->n))
		return err_set(err, ERR_NOMEM, "%s: no memory", s->file);
	for (size_t i = 0; i < s->n; i++)
		in_file[i] = &s->row[i];
	qsort(in_file, s->n, sizeof(*in_file), by_line);
	if (!check_numbers(c, s, in_file, err))
		check_row_order(c, s, in_file, err);
	free(in_file);
	return err->code;
}

/* Numbers of dialogues that no row carries, up to the highest one. */
static int check_missing_dialogues(struct corpus *c, const struct meld_split *s, struct err *err)
{
	int64_t next = 0;

	for (size_t i = 0; i < s->n && !err->code; i++) {
		const struct meld_row *r = &s->row[i];

		if (r->dia == next + 1)
			corpus_issue(c, ISSUE_NOTE, "dialogue-missing", s->file, r->line, err,
				     "no row of dialogue %d", (int)next);
		else if (r->dia > next)
			corpus_issue(c, ISSUE_NOTE, "dialogue-missing", s->file, r->line, err,
				     "no row of dialogues %d to %d", (int)next, (int)r->dia - 1);
		next = r->dia + 1;
		while (i + 1 < s->n && s->row[i + 1].dia == r->dia)
			i++;
	}
	return err->code;
}

/* Gaps in Utterance_ID and times that go back, within the dialogue [first, end). */
static int check_dialogue(struct corpus *c, const struct meld_split *s, size_t first, size_t end,
			  struct err *err)
{
	bool gap = false;

	for (size_t i = first; i < end && !err->code; i++) {
		const struct meld_row *r = &s->row[i];
		int want = i == first ? 0 : (int)r[-1].utt + 1;

		if (r->utt != want && !gap) {
			gap = true;
			corpus_issue(c, ISSUE_NOTE, "id-gap", s->file, r->line, err,
				     "dialogue %d: Utterance_ID %d where %d is next", (int)r->dia,
				     (int)r->utt, want);
		}
		if (i > first && r->start_ms < r[-1].start_ms && !err->code)
			corpus_issue(c, ISSUE_NOTE, "time-backward", s->file, r->line, err,
				     "dia%d_utt%d starts %.3f s before the utterance above it",
				     (int)r->dia, (int)r->utt,
				     (double)(r[-1].start_ms - r->start_ms) / 1000);
	}
	return err->code;
}

static int check_row(struct corpus *c, const struct meld_split *s, const struct meld_row *r,
		     struct err *err)
{
	int64_t ms = r->end_ms - r->start_ms;
	int d = (int)r->dia, u = (int)r->utt;

	if (ms == 0)
		corpus_issue(c, ISSUE_WARN, "zero-length", s->file, r->line, err,
			     "dia%d_utt%d ends when it starts", d, u);
	else if (ms < 0)
		corpus_issue(c, ISSUE_WARN, "negative-length", s->file, r->line, err,
			     "dia%d_utt%d ends %.3f s before it starts", d, u, (double)-ms / 1000);
	else if (ms > LONG_MS)
		corpus_issue(c, ISSUE_WARN, "long", s->file, r->line, err,
			     "dia%d_utt%d lasts %.0f s", d, u, (double)ms / 1000);
	if (r->odd_time && !err->code)
		corpus_issue(
			c, ISSUE_NOTE, "time-form", s->file, r->line, err,
			"dia%d_utt%d: a time has fewer than three digits of milliseconds; read as "
			"a whole number of them",
			d, u);
	if (!text_words(r->text) && !err->code)
		corpus_issue(c, ISSUE_WARN, "empty-text", s->file, r->line, err,
			     "dia%d_utt%d has no words", d, u);
	return err->code;
}

static int check_c1(struct corpus *c, const struct meld_split *s, struct err *err)
{
	struct strbuf b = { 0 };

	if (!s->c1.lines)
		return 0;
	text_describe_c1(&s->c1, &b);
	corpus_issue(c, ISSUE_NOTE, "c1-characters", s->file, s->c1.first_line, err,
		     "cp1252 codes as control characters, read as the signs they stand for: %s",
		     strbuf_str(&b));
	strbuf_free(&b);
	return err->code;
}

int meld_check_split(struct corpus *c, const struct meld_split *s, struct err *err)
{
	if (check_in_file_order(c, s, err) || check_missing_dialogues(c, s, err) ||
	    check_c1(c, s, err))
		return err->code;
	for (size_t first = 0, end; first < s->n; first = end) {
		for (end = first + 1; end < s->n && s->row[end].dia == s->row[first].dia;)
			end++;
		if (check_dialogue(c, s, first, end, err))
			return err->code;
		for (size_t i = first; i < end; i++)
			if (check_row(c, s, &s->row[i], err))
				return err->code;
	}
	if (!s->clip_dir)
		return corpus_issue(c, ISSUE_NOTE, "no-media", s->file, 0, err,
				    "no folder of clips for %s", split_name[s->split]);
	return 0;
}

int meld_check_overlap(struct corpus *c, const struct meld_split *train,
		       const struct meld_split *test, struct err *err)
{
	struct str_map in_train = { 0 };
	struct strbuf longer = { 0 };
	int n = 0, n_long = 0;

	for (size_t i = 0; i < train->n; i++) {
		int *line = map_slot(&in_train, train->row[i].text);

		if (!line) {
			err_set(err, ERR_NOMEM, "%s: no memory", train->file);
			goto out;
		}
		if (*line < 0)
			*line = (int)train->row[i].line;
	}
	for (size_t i = 0; i < test->n; i++) {
		const struct meld_row *r = &test->row[i];
		int line = map_get(&in_train, r->text);

		n += line >= 0;
		if (line < 0 || text_words(r->text) < LONG_TEXT_WORDS)
			continue;
		if (n_long++ < 8)
			strbuf_addf(&longer, "%sline %ld = train line %d", n_long > 1 ? "; " : "",
				    r->line, line);
	}
	if (n)
		corpus_issue(
			c, ISSUE_NOTE, "text-in-train", test->file, 0, err,
			"%d test texts also occur in train, %d of them with %d or more words%s%s",
			n, n_long, LONG_TEXT_WORDS, n_long ? ": " : "", strbuf_str(&longer));
out:
	strbuf_free(&longer);
	map_free(&in_train);
	return err->code;
}
