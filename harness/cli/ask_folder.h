/* SPDX-License-Identifier: Apache-2.0
 * The folder of a verb that asks a served model: status.json says whose it is and how far it came
 * (started, interrupted, error, complete), summary.json what became of the asks.
 */
#ifndef HARNESS_CLI_ASK_FOLDER_H
#define HARNESS_CLI_ASK_FOLDER_H

#include "harness/base/json.h"
#include "harness/base/opt.h"
#include "harness/base/sha256.h"
#include "harness/core/ask.h"

struct ask_folder {
	const char *verb; /* for messages */
	const char *dir;
	const char *journal;		/* its path in dir, for messages */
	char configuration[SHA256_HEX]; /* of all that replies depend on */
};

/* The path of a file in it, malloc'ed; NULL with err set. */
char *ask_folder_file(const struct ask_folder *f, const char *name, struct err *err);
/* Replaces a file by what the buffer holds and a line end, and frees the buffer. */
int ask_folder_write(const struct ask_folder *f, const char *name, struct strbuf *b,
		     struct err *err);
/* Replaces status.json. */
int ask_folder_status(const struct ask_folder *f, const char *status, struct err *err);

/* Notes in status.json how a command ended that was not to its end; of one that was interrupted,
 * err says how it goes on. */
void ask_folder_broken(const struct ask_folder *f, bool budget_hit, struct err *err);

/* Counts as members of the open object. */
void ask_summary_put(struct json_writer *w, const struct ask_counts *n);

/* With the verb's options --format, --max-failures and --retry-failed: prints summary.json (more,
 * may be NULL, prints what the verb adds to it as text) and ends with ERR_INCOMPLETE when more
 * asks than are borne ended without a reply. */
int ask_folder_end(const struct ask_folder *f, const struct opt_values *opts,
		   void (*more)(const struct json *summary), struct err *err);
/* *done: all is there already, ask_folder_end() has spoken.  ERR_ARG: the folder is another
 * command's. */
int ask_folder_look(const struct ask_folder *f, const struct opt_values *opts,
		    void (*more)(const struct json *summary), bool *done, struct err *err);

#endif
