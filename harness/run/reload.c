/* SPDX-License-Identifier: Apache-2.0
 * A trained model taken from its result folder and put to work on other data.
 */
#include "harness/run/experiment.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/run/see.h"

#define MAX_MANIFEST ((size_t)16 << 20)

/* The recipe as the manifest of a finished run records it. */
static int recipe_from_manifest(struct recipe *r, const struct json *m, const char *path,
				struct err *err)
{
	int64_t window;

	*r = (struct recipe){ .model = model_find(json_str(json_get(m, "model"), "")) };
	if (!r->model)
		return err_set(err, ERR_FORMAT, "%s: unknown model '%s'", path,
			       json_str(json_get(m, "model"), ""));
	if (!r->model->load)
		return err_set(err, ERR_ARG, "%s: model %s is not one that can be loaded", path,
			       r->model->name);
	if (!str_copy(r->name, sizeof(r->name), json_str(json_get(m, "system"), "")) ||
	    json_int(json_get(m, "window"), 0, WINDOW_MAX, "window", &window, err) ||
	    see_parse_list(json_get(m, "see"), false, &r->see, err) ||
	    opt_init(&r->opts, r->model->opts, err) ||
	    opt_set_json(&r->opts, json_get(m, "options"), err)) {
		opt_free(&r->opts);
		err_set(err, ERR_FORMAT, "not a manifest of this program");
		return err_wrap(err, "%s", path);
	}
	r->window = (int)window;
	return 0;
}

static int load_and_predict(const struct recipe *r, const struct json *manifest,
			    const char *checkpoint, const struct bank *bank,
			    const struct views *views, const struct run_options *o,
			    struct predictions *p, struct err *err)
{
	struct model_env env = {
		.labels = bank->corpus->labels,
		.opts = &r->opts,
		.see = r->see,
		.seed = (uint64_t)json_num(json_get(manifest, "seed"), 0),
		.threads = o->threads,
		.log = o->log,
	};
	void *state = mem_calloc(1, r->model->state_size);

	if (!state)
		return err_set(err, ERR_NOMEM, "%s: no memory", r->model->name);
	if (!r->model->init(state, &env, err) && !r->model->load(state, checkpoint, err))
		predict_views(p, r->model, state, views, env.labels->n, o->stop, err);
	r->model->destroy(state);
	free(state);
	return err->code;
}

int experiment_predict(const char *run_dir, const struct bank *bank, bool only_media, int limit,
		       const struct run_options *o, struct predictions *p, struct err *err)
{
	char *path = path_join(run_dir, "manifest.json"), *ckpt = path_join(run_dir, "model.ckpt");
	struct views_request rq = {
		.split = SPLIT_TEST, .limit = limit, .only_media = only_media, .all_targets = true
	};
	struct views views = { 0 };
	struct recipe recipe = { 0 };
	struct json *manifest = NULL;
	const char *labels;

	*p = (struct predictions){ 0 };
	if (!path || !ckpt) {
		err_set(err, ERR_NOMEM, "%s: no memory", run_dir);
		goto out;
	}
	manifest = json_read_file(path, MAX_MANIFEST, err);
	if (!manifest || recipe_from_manifest(&recipe, manifest, path, err))
		goto out;
	labels = json_str(json_get(json_get(manifest, "corpus"), "labels_name"), "");
	if (strcmp(labels, bank->corpus->labels->name) != 0) {
		err_set(err, ERR_ARG, "%s: trained on labels %s, the data has %s", run_dir, labels,
			bank->corpus->labels->name);
		goto out;
	}
	rq.see = recipe.see;
	rq.window = recipe.window;
	if (views_make(&views, bank, &rq, err))
		goto out;
	if (!views.n_target)
		err_set(err, ERR_DATA, "%s: nothing to answer (no clips?)", bank->corpus->root);
	else
		load_and_predict(&recipe, manifest, ckpt, bank, &views, o, p, err);
out:
	views_free(&views);
	recipe_free(&recipe);
	json_free(manifest);
	free(path);
	free(ckpt);
	return err->code;
}
