/* SPDX-License-Identifier: Apache-2.0
 * Private to the pickle reader: the state of its stack machine, and the few
 * calls by which numpy rebuilds arrays.
 */
#ifndef DATASETS_PICKLE_MACHINE_H
#define DATASETS_PICKLE_MACHINE_H

#include "datasets/pickle.h"

struct machine {
	const unsigned char *data;
	size_t len, pos, op_at; /* op_at: offset of the current instruction */
	const char *what;
	struct arena *mem;
	struct err *err;
	struct pickle_value **stack, **memo;
	size_t n_stack, cap_stack, n_memo, cap_memo;
	size_t *mark; /* heights of the stack */
	size_t n_mark, cap_mark;
	size_t n_values;
};

/* Pushes v; NULL (a failure already recorded) is passed on. */
int pickle_push(struct machine *m, struct pickle_value *v);
/* n bytes of the input, or NULL with the failure recorded. */
const unsigned char *pickle_take(struct machine *m, uint64_t n);
/* Little-endian unsigned number of n bytes. */
int pickle_take_number(struct machine *m, int n, uint64_t *out);
/* A line without its newline, copied, NUL-terminated, valid UTF-8 or not; NULL on failure. */
char *pickle_take_line(struct machine *m);
int pickle_no_memory(struct machine *m);
/* Runs an instruction that pushes one number, string or bytes; refuses any other. */
int pickle_run_scalar(struct machine *m, unsigned char op);

/* ERR_FORMAT with the file and the offset of the instruction. */
int pickle_fail(struct machine *m, const char *why);
/* A new value of the machine's arena; NULL with the failure recorded. */
struct pickle_value *pickle_new(struct machine *m, enum pickle_kind kind);
struct pickle_value *pickle_new_data(struct machine *m, enum pickle_kind kind, const void *s,
				     size_t n);

/* A global name as a value, if it is one of numpy's that are known; else refused by name. */
struct pickle_value *pickle_global(struct machine *m, const char *module, const char *name);
/* REDUCE: f(args). */
struct pickle_value *pickle_call(struct machine *m, const struct pickle_value *f,
				 const struct pickle_value *args);
/* BUILD: sets the state of v, an array or an element type. */
int pickle_build(struct machine *m, struct pickle_value *v, const struct pickle_value *state);

#endif
