/* SPDX-License-Identifier: Apache-2.0
 * Feature frames as soft tokens: standardised by the train split, then means of equal
 * parts, or all frames where a Q-Former reads them.
 */
#include "models/nano.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 512 /* frames of a turn a Q-Former reads; longer ones become means */

const char *const nano_soft_name[NANO_SOFTS] = { "audio", "face", "body", "posture" };

static const struct feat *channel(const struct nano *n, const struct turn *u, int c)
{
	const struct feat *f = c == NANO_AUDIO ? &u->audio : &u->video[c - NANO_VIDEO];

	if (!f->data || f->rows < 1 || !(c == NANO_AUDIO ? n->recipe->audio : n->recipe->video))
		return NULL;
	return f;
}

/* Adds one turn's rows to the sums; the first turn that has the channel sets its width. */
static int measure_turn(struct nano *n, int c, const struct turn *u, double **sum, double *rows,
			struct err *err)
{
	const struct feat *f = channel(n, u, c);
	struct nano_norm *m = &n->norm[c];

	if (!f)
		return 0;
	if (!m->cols && f->cols > 0) {
		m->cols = f->cols;
		if (!NEW_ARRAY(*sum, 2 * (size_t)f->cols) || !NEW_ARRAY(m->mean, (size_t)f->cols) ||
		    !NEW_ARRAY(m->scale, (size_t)f->cols))
			return err_set(err, ERR_NOMEM, "%s: no memory", n->recipe->name);
	}
	if (f->cols != m->cols)
		return err_set(err, ERR_DATA, "%s: %d %s features where others have %d", u->id,
			       f->cols, nano_soft_name[c], m->cols);
	for (int r = 0; r < f->rows; r++)
		for (int k = 0; k < f->cols; k++) {
			double x = f->data[(size_t)r * (size_t)f->cols + (size_t)k];

			(*sum)[k] += x;
			(*sum)[f->cols + k] += x * x;
		}
	*rows += f->rows;
	return 0;
}

static int measure_channel(struct nano *n, const struct samples *train, int c, struct err *err)
{
	struct nano_norm *m = &n->norm[c];
	double *sum = NULL, rows = 0;

	for (int i = 0; i < train->n && !err->code; i++)
		for (int t = 0; t < train->view[i].n && !err->code; t++)
			measure_turn(n, c, &train->view[i].turn[t], &sum, &rows, err);
	for (int k = 0; k < m->cols && !err->code; k++) {
		double mean = sum[k] / rows, var = sum[m->cols + k] / rows - mean * mean;

		if (!isfinite(var))
			err_set(err, ERR_DATA, "column %d of the %s features is not finite", k,
				nano_soft_name[c]);
		m->mean[k] = (float)mean;
		m->scale[k] = var > 1e-12 ? (float)(1 / sqrt(var)) : 0;
	}
	free(sum);
	return err->code;
}

int nano_soft_measure(struct nano *n, const struct samples *train, struct err *err)
{
	for (int c = 0; c < NANO_SOFTS && !err->code; c++)
		measure_channel(n, train, c, err);
	return err->code;
}

void nano_soft_kinds(struct nano *n, struct decoder_config *cfg)
{
	const struct opt_values *o = n->env->opts;
	const char *kind = opt_str(o, "projector_kind");
	const int width = (int)opt_int(o, "projector");

	for (int c = 0; c < NANO_SOFTS; c++) {
		struct soft_spec *s = &cfg->soft[cfg->n_soft];

		if (!n->norm[c].cols)
			continue;
		n->norm[c].kind = cfg->n_soft++;
		*s = (struct soft_spec){ .name = nano_soft_name[c], .cols = n->norm[c].cols };
		if (strcmp(kind, "linear") != 0)
			s->hidden = width;
		if (!strcmp(kind, "mlp") && !width)
			s->hidden = n->base ? n->base->cfg.dim : cfg->dim;
		if (strcmp(kind, "qformer") != 0)
			continue;
		s->queries = (int)opt_int(o, "queries");
		s->blocks = (int)opt_int(o, "qformer_blocks");
		s->heads = (int)opt_int(o, "qformer_heads");
	}
}

/* --- a turn's soft tokens --- */

/* rows -> `keep` rows: means of equal parts, standardised. */
static float *pool(const struct nano_norm *m, const struct feat *f, int keep, struct arena *mem)
{
	float *out = arena_array(mem, (size_t)keep * (size_t)m->cols, sizeof(*out));

	for (int i = 0; i < keep && out; i++) {
		const int a = (int)((int64_t)f->rows * i / keep);
		const int b = (int)((int64_t)f->rows * (i + 1) / keep);
		float *row = out + (size_t)i * (size_t)m->cols;

		for (int k = 0; k < m->cols; k++) {
			double sum = 0;

			for (int r = a; r < b; r++)
				sum += f->data[(size_t)r * (size_t)m->cols + (size_t)k];
			row[k] = ((float)(sum / (b - a)) - m->mean[k]) * m->scale[k];
		}
	}
	return out;
}

/* How many frames of a turn are read, and how many tokens they become. */
struct soft_plan {
	bool grouped; /* a Q-Former reads all frames at once */
	int frames, tokens;
};

static struct soft_plan soft_plan(const struct nano *n)
{
	const struct opt_values *o = n->env->opts;

	if (!strcmp(opt_str(o, "projector_kind"), "qformer"))
		return (struct soft_plan){ true, FRAMES_MAX, (int)opt_int(o, "queries") };
	return (struct soft_plan){ false, (int)opt_int(o, "soft"), (int)opt_int(o, "soft") };
}

int nano_soft_turn(const struct nano *n, const struct turn *u, struct arena *mem,
		   struct nano_turn *out, struct err *err)
{
	const struct soft_plan plan = soft_plan(n);
	const size_t most = (size_t)plan.tokens * NANO_SOFTS;
	int *kind = arena_array(mem, most, sizeof(*kind));
	int *rows = arena_array(mem, most, sizeof(*rows));
	const float **soft = arena_array(mem, most, sizeof(*soft));

	if (!kind || !rows || !soft)
		return err_set(err, ERR_NOMEM, "%s: no memory", u->id);
	for (int c = 0; c < NANO_SOFTS; c++) {
		const struct nano_norm *m = &n->norm[c];
		const struct feat *f = channel(n, u, c);
		const int keep = f && f->rows < plan.frames ? f->rows : plan.frames;
		float *x;

		if (!f || !m->cols)
			continue;
		if (f->cols != m->cols)
			return err_set(err, ERR_DATA, "%s: %d %s features where training had %d",
				       u->id, f->cols, nano_soft_name[c], m->cols);
		x = pool(m, f, keep, mem);
		if (!x)
			return err_set(err, ERR_NOMEM, "%s: no memory", u->id);
		for (int i = 0; i < (plan.grouped ? plan.tokens : keep); i++) {
			kind[out->n_soft] = m->kind;
			rows[out->n_soft] = !plan.grouped ? 1 : i ? 0 : keep;
			soft[out->n_soft++] = x + (plan.grouped ? 0 : (size_t)i * (size_t)m->cols);
		}
	}
	out->soft_kind = kind;
	out->soft_rows = rows;
	out->soft = soft;
	return 0;
}

/* --- files --- */

void nano_soft_write(const struct nano *n, struct store *s)
{
	for (int c = 0; c < NANO_SOFTS; c++) {
		const struct nano_norm *m = &n->norm[c];

		store_put_int(s, m->cols);
		store_put(s, m->mean, (size_t)m->cols, sizeof(*m->mean));
		store_put(s, m->scale, (size_t)m->cols, sizeof(*m->scale));
	}
}

int nano_soft_read(struct nano *n, struct store *s)
{
	for (int c = 0; c < NANO_SOFTS; c++) {
		struct nano_norm *m = &n->norm[c];
		int64_t cols = 0;

		if (store_get_int(s, 0, 1 << 20, "feature width", &cols))
			return s->err->code;
		m->cols = (int)cols;
		if (!cols)
			continue;
		if (!NEW_ARRAY(m->mean, (size_t)cols) || !NEW_ARRAY(m->scale, (size_t)cols))
			return err_set(s->err, ERR_NOMEM, "%s: no memory", s->path);
		store_get(s, m->mean, (size_t)cols, sizeof(*m->mean));
		if (store_get(s, m->scale, (size_t)cols, sizeof(*m->scale)))
			return s->err->code;
		for (int k = 0; k < m->cols; k++)
			if (!isfinite(m->mean[k]) || !isfinite(m->scale[k]))
				return err_set(s->err, ERR_FORMAT,
					       "%s: standardisation of %s is not finite", s->path,
					       nano_soft_name[c]);
	}
	return 0;
}

void nano_soft_free(struct nano *n)
{
	for (int c = 0; c < NANO_SOFTS; c++) {
		free(n->norm[c].mean);
		free(n->norm[c].scale);
		n->norm[c] = (struct nano_norm){ 0 };
	}
}
