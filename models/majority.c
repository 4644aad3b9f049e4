/* SPDX-License-Identifier: Apache-2.0
 * The floor: answers the label that is most frequent in training, whatever was
 * said.  Scores are the logarithms of the (add-one smoothed) training frequencies.
 */
#include "models/models.h"

#include <math.h>

#include "models/store.h"

struct majority {
	const struct model_env *env;
	double log_prior[LABEL_MAX];
};

static int majority_init(void *state, const struct model_env *env, struct err *err)
{
	struct majority *m = state;

	(void)err;
	m->env = env;
	for (int k = 0; k < env->labels->n; k++)
		m->log_prior[k] = -log(env->labels->n);
	return 0;
}

static int majority_fit(void *state, const struct samples *train, struct err *err)
{
	struct majority *m = state;
	const int k = m->env->labels->n;
	double count[LABEL_MAX] = { 0 }, n = 0, loss = 0;
	struct epoch e = { .stage = "fit", .number = 1, .total = 1, .score_dev = true };

	for (int i = 0; i < train->n; i++)
		for (int t = 0; t < train->view[i].n; t++)
			if (train->view[i].target[t] && train->label[i][t] >= 0) {
				count[train->label[i][t]]++;
				n++;
			}
	for (int j = 0; j < k; j++) {
		m->log_prior[j] = log((count[j] + 1) / (n + k));
		loss -= count[j] * m->log_prior[j];
	}
	e.loss = n > 0 ? loss / n : 0;
	if (m->env->epoch_end && m->env->epoch_end(m->env->epoch_ctx, &e) == EPOCH_STOP)
		return err_set(err, ERR_INTERRUPTED, "majority: interrupted");
	return 0;
}

static int majority_predict(void *state, const struct view *view, struct answer *out,
			    struct err *err)
{
	struct majority *m = state;
	const int k = m->env->labels->n;
	int best = 0;

	(void)err;
	for (int j = 1; j < k; j++)
		if (m->log_prior[j] > m->log_prior[best])
			best = j;
	for (int t = 0; t < view->n; t++) {
		if (!view->target[t])
			continue;
		*out = (struct answer){ .label = best, .status = ANSWER_OK };
		for (int j = 0; j < k; j++)
			out->score[j] = (float)m->log_prior[j];
		out++;
	}
	return 0;
}

static int majority_save(const void *state, const char *path, struct err *err)
{
	const struct majority *m = state;
	struct store s;

	if (store_create(&s, path, "majority", m->env->labels, err))
		return err->code;
	store_put(&s, m->log_prior, (size_t)m->env->labels->n, sizeof(*m->log_prior));
	return store_close(&s);
}

static int majority_load(void *state, const char *path, struct err *err)
{
	struct majority *m = state;
	struct store s;

	if (store_open(&s, path, "majority", m->env->labels, err))
		return err->code;
	store_get(&s, m->log_prior, (size_t)m->env->labels->n, sizeof(*m->log_prior));
	for (int j = 0; j < m->env->labels->n; j++)
		if (!isfinite(m->log_prior[j]))
			err_set(err, ERR_FORMAT, "%s: score of label %d is not finite", path, j);
	return store_close(&s);
}

static int64_t majority_parameters(const void *state)
{
	const struct majority *m = state;

	return m->env ? m->env->labels->n : 0;
}

static void majority_destroy(void *state)
{
	*(struct majority *)state = (struct majority){ 0 };
}

const struct model_ops model_majority = {
	.name = "majority",
	.title = "Always the most frequent label of the train split",
	.flags = MODEL_TRAINS | MODEL_PROBS,
	.state_size = sizeof(struct majority),
	.init = majority_init,
	.fit = majority_fit,
	.predict = majority_predict,
	.save = majority_save,
	.load = majority_load,
	.parameters = majority_parameters,
	.destroy = majority_destroy,
};
