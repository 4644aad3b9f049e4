/* SPDX-License-Identifier: Apache-2.0
 * Options as data: one table of rows gives parsing, bounds, defaults, help
 * texts and what a manifest records.  Used by verbs, models, data sets.
 */
#ifndef HARNESS_BASE_OPT_H
#define HARNESS_BASE_OPT_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/str.h"

enum opt_type { OPT_BOOL, OPT_INT, OPT_NUM, OPT_STR, OPT_CHOICE };

struct opt_spec {
	const char *name; /* "epochs"; on the command line --epochs */
	enum opt_type type;
	const char *fallback; /* default, as text; never NULL ("" for no string) */
	double min, max;      /* bounds of OPT_INT and OPT_NUM */
	const char *choices;  /* "a|b|c" for OPT_CHOICE */
	const char *help;     /* one line */
	char letter;	      /* short option of a verb, 0: none */
	const char *arg;      /* name of the value in help texts: "DIR" */
	bool many;	      /* OPT_STR of a verb: given again, values are kept, one a line */
};
#define OPT_END                                                                                    \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* Values of one table; index i belongs to spec[i]. */
struct opt_values {
	const struct opt_spec *spec;
	char **text; /* current value of each row as text, owned */
	bool *given; /* set by the user, not the default */
	int n;
};

/* Fills in the defaults.  Free with opt_free(), which accepts the zeroed struct. */
int opt_init(struct opt_values *v, const struct opt_spec *spec, struct err *err);
void opt_free(struct opt_values *v);
/* Sets one value after checking type, bounds and choices; ERR_ARG names the
 * option, the value and what is allowed; an unknown name lists the known ones. */
int opt_set(struct opt_values *v, const char *name, const char *value, struct err *err);
/* Sets all members of a JSON object ({"epochs": 3, "lr": 1e-3}); NULL: nothing to do. */
int opt_set_json(struct opt_values *v, const struct json *object, struct err *err);
/* Writes every value, defaults included, as members of the open object. */
void opt_write_json(const struct opt_values *v, struct json_writer *w);

/* Getters for names of the table (a name that is not in it is a bug: assert). */
bool opt_bool(const struct opt_values *v, const char *name);
int64_t opt_int(const struct opt_values *v, const char *name);
double opt_num(const struct opt_values *v, const char *name);
const char *opt_str(const struct opt_values *v, const char *name);
bool opt_given(const struct opt_values *v, const char *name);

#endif
