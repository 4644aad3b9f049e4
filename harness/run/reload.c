/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/reload.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/run/experiment.h"
#include "harness/run/see.h"

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

int reload_open(struct reloaded *r, const char *run_dir, const struct label_set *labels,
		struct err *err)
{
	char *path = path_join(run_dir, "manifest.json");
	const char *trained;

	*r = (struct reloaded){ .checkpoint = path_join(run_dir, "model.ckpt") };
	if (!path || !r->checkpoint)
		err_set(err, ERR_NOMEM, "%s: no memory", run_dir);
	else if ((r->manifest = json_read_file(path, MANIFEST_MAX, err)))
		recipe_from_manifest(&r->recipe, r->manifest, path, err);
	free(path);
	if (err->code)
		return err->code;
	trained = json_str(json_get(json_get(r->manifest, "corpus"), "labels_name"), "");
	if (strcmp(trained, labels->name) != 0)
		err_set(err, ERR_ARG, "%s: trained on labels %s, the data has %s", run_dir, trained,
			labels->name);
	return err->code;
}

void reload_close(struct reloaded *r)
{
	recipe_free(&r->recipe);
	json_free(r->manifest);
	free(r->checkpoint);
	*r = (struct reloaded){ 0 };
}

int reload_views(const struct reloaded *r, const struct bank *bank, bool only_media, int limit,
		 struct views *views, struct err *err)
{
	struct views_request rq = {
		.split = SPLIT_TEST,
		.see = r->recipe.see,
		.window = r->recipe.window,
		.limit = limit,
		.only_media = only_media,
		.all_targets = true,
	};

	if (views_make(views, bank, &rq, err))
		return err->code;
	if (!views->n_target) {
		views_free(views);
		err_set(err, ERR_DATA, "%s: nothing to answer (no clips?)", bank->corpus->root);
	}
	return err->code;
}

void *reload_state(const struct reloaded *r, struct model_env *env, struct err *err)
{
	const struct model_ops *m = r->recipe.model;
	void *state = mem_calloc(1, m->state_size);

	env->opts = &r->recipe.opts;
	env->see = r->recipe.see;
	env->seed = (uint64_t)json_num(json_get(r->manifest, "seed"), 0);
	if (!state)
		err_set(err, ERR_NOMEM, "%s: no memory", m->name);
	else if (m->init(state, env, err) || m->load(state, r->checkpoint, err)) {
		reload_free_state(r, state);
		state = NULL;
	}
	return state;
}

void reload_free_state(const struct reloaded *r, void *state)
{
	if (state)
		r->recipe.model->destroy(state);
	free(state);
}

int experiment_predict(const char *run_dir, const struct bank *bank, bool only_media, int limit,
		       const struct run_options *o, struct predictions *p, struct err *err)
{
	struct model_env env = { .labels = bank->corpus->labels,
				 .threads = o->threads,
				 .log = o->log };
	struct views views = { 0 };
	struct reloaded r;
	void *state = NULL;

	*p = (struct predictions){ 0 };
	if (!reload_open(&r, run_dir, env.labels, err) &&
	    !reload_views(&r, bank, only_media, limit, &views, err) &&
	    (state = reload_state(&r, &env, err)))
		predict_views(p, r.recipe.model, state, &views, env.labels->n, o->stop, err);
	reload_free_state(&r, state);
	views_free(&views);
	reload_close(&r);
	return err->code;
}
