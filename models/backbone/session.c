/* SPDX-License-Identifier: Apache-2.0
 * Sessions: where each token's keys and values go, and the passes that put them there.
 */
#include "models/backbone/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "models/backbone/decoder_parts.h"

struct session {
	struct decoder *d;
	struct cache cache;
	int trunk; /* keys of the trunk: [0, trunk) */
	int *turn; /* (capacity) their turns */
	int room;  /* of each branch, 0: branches are not kept */
	struct {
		int used, turn;
	} * branch; /* (cap_branch) by number - 1 */
	int n_branch;
	size_t cap_branch;
	/* of the read under way: for each token its key and the first key of its branch, then
	 * for each chunk its answers and where they go */
	int *slot, *start, *at, *row;
	size_t cap[4];
};

struct session *session_new(struct decoder *d, int capacity, struct err *err)
{
	const struct decoder_config *c = decoder_config_of(d);
	const size_t width = (size_t)(c->kv_heads * c->head_dim);
	struct session *s = calloc(1, sizeof(*s));
	size_t rows;

	if (!s) {
		err_set(err, ERR_NOMEM, "session");
		return NULL;
	}
	s->d = d;
	s->cache.capacity = capacity;
	if (capacity < 1 || !size_mul((size_t)capacity, (size_t)c->layers, &rows)) {
		err_set(err, ERR_ARG, "session: a capacity of %d tokens", capacity);
		goto fail;
	}
	/* zeros: what lies between the rooms of branches is read with weight 0 */
	if (size_mul(rows, width, &rows) && NEW_ARRAY(s->cache.k, rows) &&
	    NEW_ARRAY(s->cache.v, rows) && NEW_ARRAY(s->turn, (size_t)capacity))
		return s;
	err_set(err, ERR_NOMEM, "session: keys and values of %d tokens", capacity);
fail:
	session_free(s);
	return NULL;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	free(s->cache.k);
	free(s->cache.v);
	free(s->turn);
	free(s->branch);
	free(s->slot);
	free(s->start);
	free(s->at);
	free(s->row);
	free(s);
}

int session_length(const struct session *s)
{
	return s->trunk;
}

int session_rewind(struct session *s, int length, struct err *err)
{
	if (length < 0 || length > s->trunk)
		return err_set(err, ERR_ARG, "session: cannot rewind %d tokens to %d", s->trunk,
			       length);
	s->trunk = length;
	s->room = s->n_branch = 0;
	return 0;
}

int session_open_branches(struct session *s, int room, struct err *err)
{
	if (room < 1 || room > s->cache.capacity)
		return err_set(err, ERR_ARG, "session: branches of %d tokens, capacity %d", room,
			       s->cache.capacity);
	if (s->room)
		return err_set(err, ERR_ARG, "session: branches are open already");
	s->room = room;
	return 0;
}

static int reserve(struct session *s, const struct packed *p, struct err *err)
{
	int most = 0;

	for (int i = 0; i < p->n; i++)
		most = p->branch[i] > most ? p->branch[i] : most;
	if (!GROW_ARRAY(s->slot, s->cap[0], (size_t)p->n) ||
	    !GROW_ARRAY(s->start, s->cap[1], (size_t)p->n) ||
	    !GROW_ARRAY(s->at, s->cap[2], (size_t)p->n_at) ||
	    !GROW_ARRAY(s->row, s->cap[3], (size_t)p->n_at))
		return err_set(err, ERR_NOMEM, "session: %d tokens", p->n);
	if (!s->room)
		return 0;
	if (most > s->cache.capacity / s->room)
		return err_set(err, ERR_LIMIT,
			       "session: branch %d, capacity %d tokens in rooms of %d", most,
			       s->cache.capacity, s->room);
	if (!GROW_ARRAY(s->branch, s->cap_branch, (size_t)most))
		return err_set(err, ERR_NOMEM, "session: %d branches", most);
	for (; s->n_branch < most; s->n_branch++)
		memset(&s->branch[s->n_branch], 0, sizeof(*s->branch));
	return 0;
}

/* The key of token i of a kept branch. */
static int place_kept(struct session *s, const struct packed *p, int i, struct err *err)
{
	const int b = p->branch[i] - 1;
	const bool first = i == p->trunk || p->branch[i - 1] != p->branch[i];

	s->start[i] = s->trunk + b * s->room;
	s->slot[i] = first ? s->start[i] + s->branch[b].used : s->slot[i - 1] + 1;
	if (s->branch[b].used && s->branch[b].turn != p->turn[i])
		return err_set(err, ERR_ARG, "session: branch %d belongs to turn %d, not %d", b + 1,
			       s->branch[b].turn, p->turn[i]);
	if (s->slot[i] - s->start[i] >= s->room)
		return err_set(err, ERR_LIMIT, "session: branch %d has room for %d tokens", b + 1,
			       s->room);
	return 0;
}

/* Where everything goes; nothing that is kept changes. */
static int place(struct session *s, const struct packed *p, struct err *err)
{
	const int capacity = s->cache.capacity;

	if (p->trunk && s->room)
		return err_set(err, ERR_ARG, "session: the trunk cannot grow behind open branches");
	if (p->trunk && s->trunk && p->turn[0] < s->turn[s->trunk - 1])
		return err_set(err, ERR_ARG, "session: turn %d behind turn %d", p->turn[0],
			       s->turn[s->trunk - 1]);
	for (int i = 0; i < p->n; i++) {
		s->slot[i] = s->trunk + i;
		s->start[i] = i && p->branch[i] == p->branch[i - 1] ? s->start[i - 1] : s->slot[i];
		if (s->room && place_kept(s, p, i, err))
			return err->code;
		if (s->slot[i] >= capacity)
			return err_set(err, ERR_LIMIT,
				       "session: %d tokens behind %d do not fit its capacity of %d",
				       p->n, s->trunk, capacity);
		if (i < p->trunk)
			s->turn[s->slot[i]] = p->turn[i];
	}
	return 0;
}

/* Tokens [from, to) of p as a packed dialogue of its own; row: where its answers go. */
static struct packed cut(struct session *s, const struct packed *p, int from, int to)
{
	struct packed c = *p;

	c.n = to - from;
	c.trunk = p->trunk <= from ? 0 : p->trunk >= to ? c.n : p->trunk - from;
	c.token += from;
	c.turn += from;
	c.branch += from;
	c.pos += from;
	c.soft_kind = p->soft_kind ? p->soft_kind + from : NULL;
	c.soft = p->soft ? p->soft + from : NULL;
	c.soft_rows = p->soft_rows ? p->soft_rows + from : NULL;
	c.at = s->at;
	c.n_at = 0;
	for (int k = 0; k < p->n_at; k++)
		if (p->at[k] >= from && p->at[k] < to) {
			s->row[c.n_at] = k;
			s->at[c.n_at++] = p->at[k] - from;
		}
	return c;
}

/* One pass over tokens [from, to). */
static int pass(struct session *s, const struct packed *p, int from, int to, float *out,
		struct err *err)
{
	const struct packed c = cut(s, p, from, to);
	const int trunk = s->trunk + (p->trunk < to ? p->trunk : to);
	struct sight sight = { .n = c.n,
			       .slot = s->slot + from,
			       .start = s->start + from,
			       .turn = s->turn,
			       .trunk = trunk,
			       .n_key = trunk };
	struct tensor *x;

	for (int i = 0; i < c.n; i++)
		sight.n_key = sight.slot[i] >= sight.n_key ? sight.slot[i] + 1 : sight.n_key;
	tape_begin(&s->d->tape, false);
	x = decoder_run(s->d, &(struct reading){ .p = &c, .sight = &sight, .cache = &s->cache },
			err);
	x = x ? decoder_logits(s->d, &c, x, err) : NULL;
	for (int k = 0; x && k < c.n_at && !err->code; k++)
		decoder_log_softmax(s->d, x->data + (size_t)k * (size_t)x->cols, x->cols,
				    out + (size_t)s->row[k] * (size_t)x->cols, err);
	return err->code;
}

/* Where a pass from `from` on ends: groups of soft tokens stay together. */
static int chunk_end(const struct packed *p, int from)
{
	int to = p->n - from < SESSION_PASS ? p->n : from + SESSION_PASS, whole = to;

	while (whole > from && whole < p->n && p->soft_rows && p->token[whole] < 0 &&
	       p->soft_rows[whole] == 0)
		whole--;
	return whole > from ? whole : to;
}

int session_read(struct session *s, const struct packed *p, float *out, struct err *err)
{
	if (packed_check(&s->d->cfg, p, err) || reserve(s, p, err) || place(s, p, err))
		return err->code;
	for (int from = 0, to = 0; from < p->n; from = to) {
		to = chunk_end(p, from);
		if (pass(s, p, from, to, out, err))
			return err->code;
	}
	s->trunk += p->trunk;
	for (int i = p->trunk; i < p->n && s->room; i++) {
		s->branch[p->branch[i] - 1].turn = p->turn[i];
		s->branch[p->branch[i] - 1].used++;
	}
	return 0;
}

int session_feed(struct session *s, const int *token, int n, float *out, struct err *err)
{
	const int turn = s->trunk ? s->turn[s->trunk - 1] : 0, last = n - 1;
	struct packed p = { .n = n, .trunk = n, .token = token, .window = turn, .at = &last };
	int *room;

	if (n < 1)
		return n ? err_set(err, ERR_ARG, "session: %d tokens", n) : 0;
	if (!NEW_ARRAY(room, (size_t)n * 3))
		return err_set(err, ERR_NOMEM, "session: %d tokens", n);
	for (int i = 0; i < n; i++) {
		room[i] = turn;
		room[n + i] = s->trunk + i;
	}
	p.turn = room;
	p.pos = room + n;
	p.branch = room + 2 * n;
	p.n_at = out != NULL;
	session_read(s, &p, out, err);
	free(room);
	return err->code;
}

/* --- choosing the next token --- */

struct sampler_choice {
	double p;
	int id;
};

static int by_probability(const void *a, const void *b)
{
	const struct sampler_choice *x = a, *y = b;

	if (x->p != y->p)
		return x->p < y->p ? 1 : -1;
	return (x->id > y->id) - (x->id < y->id);
}

/* The choices that may be drawn, most probable first where that matters; *sum: theirs. */
static int choices(struct sampler *s, const float *logp, int n, double *sum)
{
	/* but for the most probable token, what is less probable than this can never be among
	 * the first to reach top_p */
	const double least = s->top_p < 1 && n > 1 ? (1 - s->top_p) / (n - 1) : 0;
	double top = (double)logp[0], all = 0;
	int kept = 0, used = 0;

	for (int j = 1; j < n; j++)
		top = fmax(top, (double)logp[j]);
	for (int j = 0; j < n; j++)
		all += exp(((double)logp[j] - top) / s->temperature);
	for (int j = 0; j < n; j++) {
		const double p = exp(((double)logp[j] - top) / s->temperature) / all;

		if (p >= least || (double)logp[j] >= top)
			s->choice[kept++] = (struct sampler_choice){ .p = p, .id = j };
	}
	*sum = 0;
	if (s->top_p < 1)
		qsort(s->choice, (size_t)kept, sizeof(*s->choice), by_probability);
	while (used < kept && (used == 0 || s->top_p >= 1 || *sum < s->top_p))
		*sum += s->choice[used++].p;
	return used;
}

int sampler_pick(struct sampler *s, const float *logp, int n, struct err *err)
{
	double draw, sum;
	int best = 0, used;

	if (!(s->temperature > 0)) {
		for (int j = 1; j < n; j++)
			best = logp[j] > logp[best] ? j : best;
		return best;
	}
	if (!GROW_ARRAY(s->choice, s->cap, (size_t)n)) {
		err_set(err, ERR_NOMEM, "sampler: %d tokens", n);
		return -1;
	}
	used = choices(s, logp, n, &sum);
	if (!used) {
		err_set(err, ERR_DATA, "sampler: the probabilities are no numbers");
		return -1;
	}
	draw = rng_uniform(&s->rng) * sum;
	for (int i = 0; i < used; i++) {
		draw -= s->choice[i].p;
		if (draw < 0)
			return s->choice[i].id;
	}
	return s->choice[used - 1].id;
}

void sampler_free(struct sampler *s)
{
	free(s->choice);
	*s = (struct sampler){ 0 };
}
