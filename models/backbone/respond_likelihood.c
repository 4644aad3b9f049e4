/* SPDX-License-Identifier: Apache-2.0
 * Log-probabilities of options behind one text: what they have in common is read once, the rest
 * of each as a branch behind it.
 */
#include "models/backbone/respond_parts.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

#define BRANCHES 64 /* tokens of all branches in one pass, unless a single option has more */

/* A session would cut a longer pass, and where depended on what was kept. */
_Static_assert(RESPOND_PIECE + RESPOND_TAIL + 2 * RESPOND_OPTION <= SESSION_PASS,
	       "the first pass over options is one");

/* Where the options part. */
struct fork {
	int n;	    /* options */
	int trunk;  /* tokens they have in common, less the last of the shortest */
	int border; /* the first that belongs to an option, of all options */
	int kept;   /* read before the first pass */
};

void option_pass_free(struct option_pass *p)
{
	free(p->token);
	free(p->turn);
	free(p->branch);
	free(p->pos);
	free(p->at);
	free(p->row);
	*p = (struct option_pass){ .row = NULL };
}

/* --- tokens --- */

static int encode(const struct responder *r, const char *s, struct bpe_ids *out, struct err *err)
{
	out->n = 0;
	tokenizer_encode(r->cfg.tokenizer, s, strlen(s), TOKENIZER_BOS | TOKENIZER_SPECIAL, out,
			 err);
	if (err->code == ERR_DATA)
		err->code = ERR_ARG; /* a character that the tokenizer lacks: of this ask */
	return err->code ? err->code : respond_check_ids(r, out, err);
}

/* Bytes that the first n tokens say. */
static size_t said(const struct responder *r, const struct bpe_ids *ids, size_t n,
		   struct strbuf *scratch, struct err *err)
{
	strbuf_reset(scratch);
	tokenizer_decode(r->cfg.tokenizer, ids->id, n, TOKENIZER_SPECIAL, scratch, err);
	return scratch->len;
}

/* The first token of the option: the one that begins where the text ends.  -1: there is none, or
 * err is set. */
static int find_border(const struct responder *r, const struct bpe_ids *text,
		       const struct bpe_ids *all, struct err *err)
{
	struct strbuf scratch = { 0 };
	size_t low = 0, high = all->n, end;

	if (text->n < all->n && !memcmp(text->id, all->id, text->n * sizeof(*text->id)))
		return (int)text->n;
	end = said(r, text, text->n, &scratch, err);
	while (low < high && !err->code) {
		const size_t middle = (low + high) / 2;

		if (said(r, all, middle, &scratch, err) < end)
			low = middle + 1;
		else
			high = middle;
	}
	if (!err->code && said(r, all, low, &scratch, err) != end)
		low = all->n;
	strbuf_free(&scratch);
	return err->code || low == all->n ? -1 : (int)low;
}

static int encode_option(struct responder *r, const char *text, const char *option,
			 struct option_line *line, struct reply *out, struct err *err)
{
	struct strbuf all = { 0 };

	strbuf_addf(&all, "%s %s", text, option);
	if (all.oom)
		err_set(err, ERR_NOMEM, "an option: no memory");
	else
		encode(r, all.s, &line->ids, err);
	strbuf_free(&all);
	if (err->code)
		return err->code;
	line->border = find_border(r, &r->prompt, &line->ids, err);
	if (line->border < 0 && !err->code) {
		out->cause = CAUSE_BORDER;
		return err_set(err, ERR_ARG, "a token straddles the border of text and '%.100s'",
			       option);
	}
	if (line->border == 0 && !err->code)
		return err_set(err, ERR_ARG, "no token stands in front of the options");
	if ((int)line->ids.n > r->context && !err->code)
		return err_set(err, ERR_LIMIT,
			       "a text and option of %zu tokens, the weights read %d", line->ids.n,
			       r->context);
	return err->code;
}

static struct fork fork_of(const struct responder *r, int n)
{
	const struct bpe_ids *first = &r->line[0].ids;
	struct fork f = { .n = n, .trunk = (int)first->n - 1, .border = r->line[0].border };

	for (int j = 1; j < n; j++) {
		const struct bpe_ids *x = &r->line[j].ids;
		int same = 0;

		while (same < f.trunk && same < (int)x->n - 1 && x->id[same] == first->id[same])
			same++;
		f.trunk = same;
		f.border = r->line[j].border < f.border ? r->line[j].border : f.border;
	}
	return f;
}

/* --- passes --- */

static bool put(struct option_pass *k, int token, int branch, int pos, bool asked)
{
	const size_t n = (size_t)k->p.n + 1;

	if (!GROW_ARRAY(k->token, k->cap[0], n) || !GROW_ARRAY(k->turn, k->cap[1], n) ||
	    !GROW_ARRAY(k->branch, k->cap[2], n) || !GROW_ARRAY(k->pos, k->cap[3], n) ||
	    !GROW_ARRAY(k->at, k->cap[4], n))
		return false;
	k->token[n - 1] = token;
	k->turn[n - 1] = 0;
	k->branch[n - 1] = branch;
	k->pos[n - 1] = pos;
	if (asked)
		k->at[k->p.n_at++] = (int)n - 1;
	k->p.n = (int)n;
	k->p.trunk += branch == 0;
	return true;
}

/* Tokens of the branch of option j: all behind the trunk but its last. */
static int branch(const struct responder *r, const struct fork *f, int j)
{
	return (int)r->line[j].ids.n - 1 - f->trunk;
}

/* Puts options from `first` on into a pass, as many as fit; the first pass has the rest of the
 * trunk in front.  Which comes next, -1: no memory. */
static int fill(struct responder *r, const struct fork *f, int first)
{
	struct option_pass *k = &r->pass;
	size_t rows;
	bool ok = true;
	int j = first, front;

	k->p = (struct packed){ .n = 0 };
	for (int i = f->kept; !first && i < f->trunk && ok; i++)
		ok = put(k, r->line[0].ids.id[i], 0, i, i >= f->border - 1);
	front = k->p.n;
	do {
		const struct option_line *x = &r->line[j++];

		/* a branch may begin in front of its own border: those rows are not asked */
		for (int i = f->trunk; i < (int)x->ids.n - 1 && ok; i++)
			ok = put(k, x->ids.id[i], j - first, i, i >= x->border - 1);
	} while (j < f->n && ok && k->p.n - front + branch(r, f, j) <= BRANCHES);
	k->p.token = k->token;
	k->p.turn = k->turn;
	k->p.branch = k->branch;
	k->p.pos = k->pos;
	k->p.at = k->at;
	ok = ok && size_mul((size_t)k->p.n_at, (size_t)r->vocab, &rows) &&
	     GROW_ARRAY(k->row, k->cap_row, rows);
	return ok ? j : -1;
}

/* Adds up what the pass over options [first, next) says about them, and, in the first pass, what
 * the trunk says about all. */
static void take(const struct responder *r, const struct fork *f, int first, int next,
		 struct option_score *score)
{
	const size_t vocab = (size_t)r->vocab;
	const float *row = r->pass.row;

	for (int i = f->border - 1; !first && i < f->trunk; i++, row += vocab)
		for (int j = 0; j < f->n; j++)
			if (i >= r->line[j].border - 1)
				score[j].logprob += (double)row[r->line[j].ids.id[i + 1]];
	for (int j = first; j < next; j++) {
		const struct option_line *x = &r->line[j];

		for (int i = f->trunk; i < (int)x->ids.n - 1; i++)
			if (i >= x->border - 1) {
				score[j].logprob += (double)row[x->ids.id[i + 1]];
				row += vocab;
			}
	}
}

/* Tokens of all branches. */
static int branches(const struct responder *r, const struct fork *f)
{
	int sum = 0;

	for (int j = 0; j < f->n; j++)
		sum += branch(r, f, j);
	return sum;
}

static int read_options(struct responder *r, struct fork *f, struct option_score *score,
			struct err *err)
{
	/* what the first pass is asked about lies in it */
	const int to = f->trunk < f->border - 1 ? f->trunk : f->border - 1;

	f->kept = respond_begin(r, &r->line[0].ids, to, f->trunk + branches(r, f), err);
	if (f->kept < 0)
		return err->code;
	for (int first = 0, next; first < f->n; first = next) {
		next = fill(r, f, first);
		if (next < 0)
			return err_set(err, ERR_NOMEM, "options: no memory");
		if (respond_stopped(r, err))
			return err->code;
		if (r->pass.p.n && session_read(r->session, &r->pass.p, r->pass.row, err))
			return err->code;
		take(r, f, first, next, score);
	}
	return respond_held(r, &r->line[0].ids, f->trunk, err);
}

int respond_likelihood(struct responder *r, const struct ask *ask, struct arena *mem,
		       struct reply *out, struct err *err)
{
	const char *text = ask->message[0].part[0].data;
	struct option_score *score = arena_array(mem, (size_t)ask->n_options, sizeof(*score));
	struct fork f;

	if (!score)
		return err_set(err, ERR_NOMEM, "options: no memory");
	if (ask->n_messages != 1 || ask->message[0].n_parts != 1)
		return err_set(err, ERR_ARG, "mode likelihood is about one text");
	if (encode(r, text, &r->prompt, err))
		return err->code;
	for (int j = 0; j < ask->n_options; j++)
		if (encode_option(r, text, ask->option[j], &r->line[j], out, err))
			return err->code;
	f = fork_of(r, ask->n_options);
	for (int j = 0; j < f.n; j++) {
		const int tokens = (int)r->line[j].ids.n - r->line[j].border;

		if (tokens > RESPOND_OPTION || branch(r, &f, j) > RESPOND_OPTION)
			return err_set(err, ERR_LIMIT,
				       "an option of %d tokens, at most %d are scored", tokens,
				       RESPOND_OPTION);
		score[j] = (struct option_score){ .known = true,
						  .tokens = tokens,
						  .bytes = (int)strlen(ask->option[j]) };
	}
	if (read_options(r, &f, score, err))
		return err->code;
	out->option = score;
	out->n_options = f.n;
	out->prompt_tokens = f.trunk + branches(r, &f) + f.n;
	out->completion_tokens = 0;
	return 0;
}
