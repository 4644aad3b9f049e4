/* SPDX-License-Identifier: Apache-2.0
 * Recipes: a system as data.  A recipe names a model, its options, what it may
 * see and how its checkpoint is chosen; it may stand on another recipe ("base") and
 * take away from it ("without").  A suite is a list of recipes with seeds.
 *
 *   {"schema_version": 1, "name": "bemerc", "title": "…", "model": "bemerc",
 *    "see": ["text", "speech", …], "window": 12, "selection": "dev-f1",
 *    "options": {"epochs": 8}, "for": {"iemocap": {"epochs": 12}}}
 *   {"schema_version": 1, "base": "bemerc.json", "without": ["posture"]}
 *   {"schema_version": 1, "name": "reproduce", "seeds": [1, 2, 3],
 *    "options": {"bemerc": {"dim": 64}},
 *    "runs": [{"recipe": "bemerc.json"}, {"recipe": "bow.json", "seeds": [1]}]}
 *
 * Options: those of the recipe, over them the suite's for that model, over them --set.
 */
#ifndef HARNESS_RUN_RECIPE_H
#define HARNESS_RUN_RECIPE_H

#include "harness/base/err.h"
#include "harness/base/opt.h"
#include "harness/core/model.h"

enum selection { SELECT_DEV_F1, SELECT_LAST, SELECT_NONE, SELECT_COUNT };
extern const char *const selection_name[SELECT_COUNT]; /* dev-f1 last-epoch none */

#define WITHOUT_MAX 8
#define WINDOW_MAX  10000

struct recipe {
	char name[64]; /* the system: "bemerc" */
	char title[160];
	const struct model_ops *model;
	unsigned see;		       /* after `without`; enum see */
	char without[WITHOUT_MAX][24]; /* names as written, sorted */
	int n_without;
	int window;
	enum selection selection;
	struct opt_values opts; /* of the model, everything applied */
};

/* Reads a recipe for a data set (its "for" entry is applied).  without (comma
 * list, may be NULL) is taken away too; set ("a=1,b=2", may be NULL) overrides
 * options.  Unknown keys, models, options and values are errors that name the
 * file.  Free with recipe_free(), which accepts the zeroed struct. */
int recipe_read(struct recipe *r, const char *path, const char *dataset, const char *without,
		const char *set, struct err *err);
void recipe_free(struct recipe *r);

/* A path named in a file is relative to that file.  malloc'ed, NULL: no memory. */
char *recipe_beside(const char *path, const char *name);

/* One run of a suite: a recipe file and a seed. */
struct planned {
	char *path;    /* of the recipe */
	char *without; /* further names, comma list, or NULL */
	char *layer;   /* JSON of a recipe on top of it and of the suite's options, or NULL */
	char *label;   /* what the run is called in messages: "#3 : window=4 seed=1"; or NULL */
	uint64_t seed;
};
struct plan {
	struct json *root;	    /* owned; NULL for a single recipe */
	const struct json *options; /* by model name, inside root; or NULL */
	struct planned *run;
	int n;
	size_t cap;
};
/* Reads a suite, or a single recipe as a suite of one.  seeds (comma list, may be
 * NULL) replaces the file's. */
int plan_read(struct plan *p, const char *path, const char *seeds, struct err *err);
void plan_free(struct plan *p);
/* Appends a copy of a run. */
int plan_add(struct plan *p, const struct planned *run, struct err *err);
/* The recipe of run i, with `without` (may be NULL) taken away as well. */
int recipe_planned(struct recipe *r, const struct plan *p, int i, const char *dataset,
		   const char *without, const char *set, struct err *err);

#endif
