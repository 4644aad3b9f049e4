/* SPDX-License-Identifier: Apache-2.0
 * A trained model taken from its result folder, to be put to work on other data.
 */
#ifndef HARNESS_RUN_RELOAD_H
#define HARNESS_RUN_RELOAD_H

#include "harness/base/json.h"
#include "harness/run/bank.h"
#include "harness/run/recipe.h"

/* What a result folder says of its model.  The zeroed struct is empty. */
struct reloaded {
	struct recipe recipe; /* model, options, see and window of the run */
	struct json *manifest;
	char *checkpoint; /* path */
};

/* Reads manifest.json.  ERR_ARG: trained on other labels, or a model that cannot be
 * loaded.  Destroy with reload_close(), also after a failure. */
int reload_open(struct reloaded *r, const char *run_dir, const struct label_set *labels,
		struct err *err);
void reload_close(struct reloaded *r);

/* The views of the test split as the model saw them; every utterance is a target. */
int reload_views(const struct reloaded *r, const struct bank *bank, bool only_media, int limit,
		 struct views *views, struct err *err);

/* Loads the model.  Of *env labels, threads and log are the caller's, the rest is
 * filled in; env and r must outlive the state.  NULL with err set; free with
 * reload_free_state(). */
void *reload_state(const struct reloaded *r, struct model_env *env, struct err *err);
void reload_free_state(const struct reloaded *r, void *state); /* accepts NULL */

#endif
