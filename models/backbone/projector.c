/* SPDX-License-Identifier: Apache-2.0 */
#include "models/backbone/projector.h"

#include <math.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/str.h"

#define NORM_EPS    1e-5f
#define QUERIES_MAX 256
#define QUERY_STD   0.3 /* of queries and marks of time: large enough to tell them apart */

enum side { SIDE_ONE, SIDE_WIDTH, SIDE_FF };

/* A block's parameters: one row each. */
static const struct part_row {
	const char *name;
	enum side rows, cols;
	enum param_init init;
	bool to_residual; /* starts smaller, so that the sum of the parts stays level */
} part_row[QF_PARTS] = {
	[QF_SELF_NORM] = { "self_norm", SIDE_ONE, SIDE_WIDTH, PARAM_ONE, false },
	[QF_SELF_Q] = { "self_q", SIDE_WIDTH, SIDE_WIDTH, PARAM_NORMAL, false },
	[QF_SELF_K] = { "self_k", SIDE_WIDTH, SIDE_WIDTH, PARAM_NORMAL, false },
	[QF_SELF_V] = { "self_v", SIDE_WIDTH, SIDE_WIDTH, PARAM_NORMAL, false },
	[QF_SELF_O] = { "self_o", SIDE_WIDTH, SIDE_WIDTH, PARAM_NORMAL, true },
	[QF_CROSS_NORM] = { "cross_norm", SIDE_ONE, SIDE_WIDTH, PARAM_ONE, false },
	[QF_CROSS_Q] = { "cross_q", SIDE_WIDTH, SIDE_WIDTH, PARAM_NORMAL, false },
	[QF_CROSS_K] = { "cross_k", SIDE_WIDTH, SIDE_WIDTH, PARAM_NORMAL, false },
	[QF_CROSS_V] = { "cross_v", SIDE_WIDTH, SIDE_WIDTH, PARAM_NORMAL, false },
	[QF_CROSS_O] = { "cross_o", SIDE_WIDTH, SIDE_WIDTH, PARAM_NORMAL, true },
	[QF_FF_NORM] = { "ff_norm", SIDE_ONE, SIDE_WIDTH, PARAM_ONE, false },
	[QF_UP] = { "up", SIDE_FF, SIDE_WIDTH, PARAM_NORMAL, false },
	[QF_UP_BIAS] = { "up_bias", SIDE_ONE, SIDE_FF, PARAM_ZERO, false },
	[QF_DOWN] = { "down", SIDE_WIDTH, SIDE_FF, PARAM_NORMAL, true },
	[QF_DOWN_BIAS] = { "down_bias", SIDE_ONE, SIDE_WIDTH, PARAM_ZERO, false },
};

static int width_of(const struct soft_spec *s, int dim)
{
	return s->hidden ? s->hidden : dim;
}

int projector_check(const struct soft_spec *s, int dim, struct err *err)
{
	if (!s->name || s->cols < 1 || s->cols > 65536 || s->hidden < 0 || s->hidden > 65536)
		return err_set(err, ERR_ARG, "soft tokens %s: %d columns, width %d",
			       s->name ? s->name : "without a name", s->cols, s->hidden);
	if (s->queries < 0 || s->queries > QUERIES_MAX)
		return err_set(err, ERR_ARG, "soft tokens %s: %d queries, allowed: 0 to %d",
			       s->name, s->queries, QUERIES_MAX);
	if (!s->queries)
		return 0;
	if (s->blocks < 1 || s->blocks > QFORMER_BLOCKS)
		return err_set(err, ERR_ARG, "soft tokens %s: %d blocks, allowed: 1 to %d", s->name,
			       s->blocks, QFORMER_BLOCKS);
	if (s->heads < 1 || width_of(s, dim) % s->heads)
		return err_set(err, ERR_ARG,
			       "soft tokens %s: width %d is not a multiple of %d heads", s->name,
			       width_of(s, dim), s->heads);
	return 0;
}

void projector_config(const struct soft_spec *s, struct json_writer *w)
{
	json_put_str(w, "name", s->name);
	json_put_int(w, "cols", s->cols);
	json_put_int(w, "hidden", s->hidden);
	if (!s->queries)
		return;
	json_put_int(w, "queries", s->queries);
	json_put_int(w, "blocks", s->blocks);
	json_put_int(w, "heads", s->heads);
}

/* --- parameters --- */

/* "soft.NAME.PART" or "soft.NAME.blockB.PART"; b < 0: the former. */
static bool name_of(char name[PARAM_NAME], const struct soft_spec *s, int b, const char *part)
{
	return b < 0 ? str_format(name, PARAM_NAME, "soft.%s.%s", s->name, part)
		     : str_format(name, PARAM_NAME, "soft.%s.block%d.%s", s->name, b, part);
}

/* Sticks to the first failure. */
static void add(struct params *ps, const struct soft_spec *s, int b, const char *part,
		struct param row, struct err *err)
{
	row.train = true;
	if (err->code)
		return;
	if (!name_of(row.name, s, b, part)) {
		err_set(err, ERR_LIMIT, "decoder: the name soft.%s.%s is too long", s->name, part);
		return;
	}
	params_add(ps, &row, err);
}

static struct param matrix(int rows, int cols, double std)
{
	return (struct param){
		.rows = rows, .cols = cols, .init = PARAM_NORMAL, .std = std, .decay = true
	};
}

static struct param vector(int cols, enum param_init init)
{
	return (struct param){ .rows = 1, .cols = cols, .init = init };
}

static void add_blocks(struct params *ps, const struct soft_spec *s, int w, struct err *err)
{
	const int side[] = { [SIDE_ONE] = 1, [SIDE_WIDTH] = w, [SIDE_FF] = 4 * w };

	for (int b = 0; b < s->blocks; b++)
		for (int i = 0; i < QF_PARTS; i++) {
			const struct part_row *r = &part_row[i];
			const double std = 1 / sqrt(side[r->cols]);

			if (r->init == PARAM_NORMAL)
				add(ps, s, b, r->name,
				    matrix(side[r->rows], side[r->cols],
					   r->to_residual ? std / sqrt(3.0 * s->blocks) : std),
				    err);
			else
				add(ps, s, b, r->name, vector(side[r->cols], r->init), err);
		}
}

int projector_add(const struct soft_spec *s, int dim, double std, struct params *ps,
		  struct err *err)
{
	const int w = width_of(s, dim);
	/* linear maps straight to the token; the other kinds have a layer between */
	const bool two = s->hidden || s->queries;

	add(ps, s, -1, "w1", matrix(two ? w : dim, s->cols, (two ? 1 : std) / sqrt(s->cols)), err);
	add(ps, s, -1, "b1", vector(two ? w : dim, PARAM_ZERO), err);
	if (two) {
		add(ps, s, -1, "w2", matrix(dim, w, std / sqrt(w)), err);
		add(ps, s, -1, "b2", vector(dim, PARAM_ZERO), err);
	}
	if (!s->queries)
		return err->code;
	add(ps, s, -1, "query", matrix(s->queries, w, QUERY_STD), err);
	add(ps, s, -1, "time", matrix(QFORMER_TIMES, w, QUERY_STD), err);
	add(ps, s, -1, "in_norm", vector(w, PARAM_ONE), err);
	add(ps, s, -1, "out_norm", vector(w, PARAM_ONE), err);
	add_blocks(ps, s, w, err);
	return err->code;
}

static struct tensor *find(const struct params *ps, const struct soft_spec *s, int b,
			   const char *part)
{
	char name[PARAM_NAME];
	struct param *p = name_of(name, s, b, part) ? params_find(ps, name) : NULL;

	return p ? &p->t : NULL;
}

void projector_link(struct projector *p, const struct soft_spec *s, const struct params *ps)
{
	*p = (struct projector){ .w1 = find(ps, s, -1, "w1"),
				 .b1 = find(ps, s, -1, "b1"),
				 .w2 = find(ps, s, -1, "w2"),
				 .b2 = find(ps, s, -1, "b2") };
	if (!s->queries)
		return;
	p->query = find(ps, s, -1, "query");
	p->time = find(ps, s, -1, "time");
	p->in_norm = find(ps, s, -1, "in_norm");
	p->out_norm = find(ps, s, -1, "out_norm");
	for (int b = 0; b < s->blocks; b++)
		for (int i = 0; i < QF_PARTS; i++)
			p->block[b][i] = find(ps, s, b, part_row[i].name);
}

/* --- packed soft tokens --- */

/* Rows behind soft token i: 0 inside a group. */
static int rows_at(const struct packed *p, int i)
{
	return p->soft_rows ? p->soft_rows[i] : 1;
}

static int bad_token(struct err *err, int i, const char *what)
{
	return err_set(err, ERR_ARG, "packed dialogue: soft token %s: token %d", what, i);
}

/* The group that begins at token i must be whole. */
static int check_group(const struct soft_spec *s, const struct packed *p, int i, struct err *err)
{
	const int kind = p->soft_kind[i];

	if (!p->soft_rows)
		return bad_token(err, i, "of a Q-Former without a number of rows");
	for (int j = i + 1; j < i + s->queries; j++)
		if (j >= p->n || p->token[j] >= 0 || p->soft_kind[j] != kind ||
		    rows_at(p, j) != 0 || p->branch[j] != p->branch[i] || p->turn[j] != p->turn[i])
			return bad_token(err, i, "whose group is not whole");
	return 0;
}

int projector_check_tokens(const struct soft_spec *s, int n_soft, const struct packed *p,
			   struct err *err)
{
	for (int i = 0, len; i < p->n; i += len) {
		len = 1;
		if (p->token[i] >= 0)
			continue;
		if (!p->soft_kind || !p->soft || p->soft_kind[i] < 0 || p->soft_kind[i] >= n_soft ||
		    !p->soft[i])
			return bad_token(err, i, "without kind or features");
		if (!s[p->soft_kind[i]].queries) {
			if (rows_at(p, i) != 1)
				return bad_token(err, i, "of several rows without a Q-Former");
			continue;
		}
		if (rows_at(p, i) < 1 || rows_at(p, i) > 1 << 20)
			return bad_token(err, i, "without rows");
		if (check_group(&s[p->soft_kind[i]], p, i, err))
			return err->code;
		len = s[p->soft_kind[i]].queries;
	}
	return 0;
}

/* --- the nets --- */

static struct tensor *linear(struct tape *t, struct tensor *x, struct tensor *w, struct tensor *b)
{
	return tape_run(t, (struct op){ .kind = OP_LINEAR, .in = { x, w, b } });
}

static struct tensor *gelu(struct tape *t, struct tensor *x)
{
	return tape_run(t, (struct op){ .kind = OP_GELU, .in = { x } });
}

static struct tensor *norm(struct tape *t, struct tensor *x, struct tensor *gain)
{
	return tape_run(t, (struct op){ .kind = OP_RMSNORM, .in = { x, gain }, .eps = NORM_EPS });
}

static struct tensor *sum(struct tape *t, struct tensor *x, struct tensor *y)
{
	return tape_run(t, (struct op){ .kind = OP_RESIDUAL, .in = { x, y }, .scale = 1 });
}

static struct tensor *rows_of(struct tape *t, struct tensor *table, const int *index, int n)
{
	return tape_run(
		t, (struct op){ .kind = OP_EMBED, .in = { table }, .index = index, .n_index = n });
}

static void *room(struct tape *t, size_t n, size_t size)
{
	void *p = t->err.code ? NULL : workspace_get(&t->ws, n, size);

	if (!p)
		err_set(&t->err, ERR_NOMEM, "soft tokens: %zu entries", n);
	return p;
}

/* Groups of frames on their way through a Q-Former; lives in the tape's memory. */
struct groups {
	int n, rows; /* groups; frames in all */
	int *time;   /* (rows) mark of time of each frame */
	int *query;  /* (n queries) number of each query */
	struct attn_plan self, cross;
};

static struct groups *groups_of(struct tape *t, const struct soft_spec *spec,
				const struct packed *p, int kind, int n, int rows)
{
	const int q = spec->queries;
	struct groups *g = room(t, 1, sizeof(*g));
	struct key_spans *self = room(t, (size_t)n * (size_t)q, sizeof(*self));
	struct key_spans *cross = room(t, (size_t)n * (size_t)q, sizeof(*cross));
	int k = 0, from = 0;

	if (!g || !self || !cross)
		return NULL;
	*g = (struct groups){ .n = n,
			      .rows = rows,
			      .time = room(t, (size_t)rows, sizeof(int)),
			      .query = room(t, (size_t)n * (size_t)q, sizeof(int)) };
	for (int i = 0; i < p->n && !t->err.code; i++) {
		if (p->token[i] >= 0 || p->soft_kind[i] != kind || !rows_at(p, i))
			continue;
		for (int r = 0; r < p->soft_rows[i]; r++)
			g->time[from + r] = (int)((int64_t)r * QFORMER_TIMES / p->soft_rows[i]);
		for (int j = 0; j < q; j++) {
			self[k + j] = (struct key_spans){ .lo = { k, 0 }, .hi = { k + q, 0 } };
			cross[k + j] = (struct key_spans){ .lo = { from, 0 },
							   .hi = { from + p->soft_rows[i], 0 } };
			g->query[k + j] = j;
		}
		k += q;
		from += p->soft_rows[i];
	}
	if (t->err.code || attn_plan_build(&g->self, self, k, k, &t->ws, &t->err) ||
	    attn_plan_build(&g->cross, cross, k, rows, &t->ws, &t->err))
		return NULL;
	return g;
}

/* q + o(attention(q_w h, k_w f, v_w f)) with the four matrices from `first` on */
static struct tensor *attend(struct tape *t, struct tensor *q, struct tensor *h, struct tensor *f,
			     struct tensor *const *first, const struct attn_plan *plan, int heads)
{
	struct tensor *y = tape_run(
		t, (struct op){ .kind = OP_ATTENTION,
				.in = { linear(t, h, first[0], NULL), linear(t, f, first[1], NULL),
					linear(t, f, first[2], NULL) },
				.heads = heads,
				.plan = plan });

	return sum(t, q, linear(t, y, first[3], NULL));
}

/* frames (rows, cols) -> (groups queries, dim) */
static struct tensor *qformer(struct tape *t, const struct projector *s,
			      const struct soft_spec *spec, const struct groups *g,
			      struct tensor *frames)
{
	struct tensor *f, *q, *h;

	f = sum(t, linear(t, frames, s->w1, s->b1), rows_of(t, s->time, g->time, g->rows));
	f = norm(t, f, s->in_norm);
	q = rows_of(t, s->query, g->query, g->n * spec->queries);
	for (int b = 0; b < spec->blocks; b++) {
		struct tensor *const *w = s->block[b];

		h = norm(t, q, w[QF_SELF_NORM]);
		q = attend(t, q, h, h, &w[QF_SELF_Q], &g->self, spec->heads);
		h = norm(t, q, w[QF_CROSS_NORM]);
		q = attend(t, q, h, f, &w[QF_CROSS_Q], &g->cross, spec->heads);
		h = gelu(t, linear(t, norm(t, q, w[QF_FF_NORM]), w[QF_UP], w[QF_UP_BIAS]));
		q = sum(t, q, linear(t, h, w[QF_DOWN], w[QF_DOWN_BIAS]));
	}
	return linear(t, norm(t, q, s->out_norm), s->w2, s->b2);
}

struct tensor *projector_put(struct tape *t, const struct projector *s,
			     const struct soft_spec *spec, const struct packed *p, int kind,
			     struct tensor *x)
{
	int n = 0, groups = 0, rows = 0, *index;
	struct tensor *y;
	const struct groups *g;

	for (int i = 0; i < p->n; i++)
		if (p->token[i] < 0 && p->soft_kind[i] == kind) {
			n++;
			groups += rows_at(p, i) > 0;
			rows += rows_at(p, i);
		}
	if (!n)
		return x;
	index = room(t, (size_t)n, sizeof(*index));
	y = tape_tensor(t, rows, spec->cols, false);
	if (!index || !y)
		return NULL;
	n = rows = 0;
	for (int i = 0; i < p->n; i++)
		if (p->token[i] < 0 && p->soft_kind[i] == kind) {
			const size_t cols = (size_t)spec->cols;

			if (rows_at(p, i))
				memcpy(y->data + (size_t)rows * cols, p->soft[i],
				       (size_t)rows_at(p, i) * cols * sizeof(float));
			rows += rows_at(p, i);
			index[n++] = i;
		}
	if (spec->queries) {
		g = groups_of(t, spec, p, kind, groups, rows);
		y = g ? qformer(t, s, spec, g, y) : NULL;
	} else {
		y = linear(t, y, s->w1, s->b1);
		if (s->w2)
			y = linear(t, gelu(t, y), s->w2, s->b2);
	}
	return tape_run(
		t,
		(struct op){ .kind = OP_PUT_ROWS, .in = { x, y }, .index = index, .n_index = n });
}
