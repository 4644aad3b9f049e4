/* SPDX-License-Identifier: Apache-2.0
 * The command line as tables: one row a verb, one row an option.  Parsing, help,
 * the man page and the completion are all made from them, so they cannot disagree.
 * How to add a verb: cmd_NAME.c with one const struct verb, listed in verbs.c.
 */
#ifndef HARNESS_CLI_CLI_H
#define HARNESS_CLI_CLI_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "harness/base/err.h"
#include "harness/base/log.h"
#include "harness/base/opt.h"

/* What a verb gets. */
struct cli {
	struct opt_values opts; /* the verb's options */
	char **operand;
	int n_operand;
	struct log log; /* stderr */
	int threads;
	const volatile sig_atomic_t *stop; /* set by SIGINT, SIGTERM, SIGUSR1 */
};

struct verb {
	const char *name;     /* "run", "data verify" */
	const char *operands; /* "SPEC", "" */
	int min_operands, max_operands;
	const char *summary;	     /* one line */
	const char *doc;	     /* paragraphs for help and the man page */
	const struct opt_spec *opts; /* ends with OPT_END; hides a global option of the same name */
	/* Returns an exit status; err set: its message is printed and its status wins. */
	int (*run)(struct cli *c, struct err *err);
};

extern const struct verb *const verbs[]; /* NULL at the end */
extern const struct opt_spec global_opts[];

/* Has the verb an option of its own of this name? */
bool verb_has(const struct verb *v, const char *name);

/* Parses argv[first..] for a verb: command line over environment (MERC_NAME) over
 * $XDG_CONFIG_HOME/merc/config.json over defaults. */
int cli_parse(struct cli *c, const struct verb *v, int argc, char **argv, int first,
	      struct err *err);
void cli_free(struct cli *c);

/* Texts made from the tables. */
void cli_help(FILE *out, const struct verb *v); /* v NULL: the list of verbs */
void cli_man(FILE *out);
void cli_completion(FILE *out);

/* Flushes stdout; a failed write (full disk) is ERR_IO. */
int cli_flush(struct err *err);

/* Rows that several verbs share. */
#define OPT_CORPUS                                                                                 \
	{                                                                                          \
		.name = "corpus", .type = OPT_STR, .fallback = "", .letter = 'c', .arg = "NAME",   \
		.help = "data set: meld or iemocap (see: merc list)"                               \
	}
#define OPT_ROOT                                                                                   \
	{                                                                                          \
		.name = "root", .type = OPT_STR, .fallback = "", .letter = 'r', .arg = "DIR",      \
		.help = "folder that holds the data set"                                           \
	}
#define OPT_DATA_SET                                                                               \
	{                                                                                          \
		.name = "data-set", .type = OPT_STR, .fallback = "", .arg = "A=B,...",             \
		.help = "options of the loader (labels=..., list=...; see: merc list)"             \
	}
#define OPT_CUES                                                                                   \
	{                                                                                          \
		.name = "cues", .type = OPT_STR, .fallback = "", .arg = "PATH",                    \
		.help = "recorded measurements and sentences: a folder or file (CSV, JSON Lines)"  \
	}
#define OPT_CACHE                                                                                  \
	{                                                                                          \
		.name = "cache", .type = OPT_STR, .fallback = "", .arg = "DIR",                    \
		.help = "where what clips gave is kept ($XDG_CACHE_HOME/merc)"                     \
	}
#define OPT_RESULTS                                                                                \
	{                                                                                          \
		.name = "results", .type = OPT_STR, .fallback = "results", .arg = "DIR",           \
		.help = "folder of the result folders"                                             \
	}
#define OPT_FORMAT                                                                                 \
	{                                                                                          \
		.name = "format", .type = OPT_CHOICE, .fallback = "text", .choices = "text|json",  \
		.arg = "FORMAT", .help = "text or json"                                            \
	}

/* Of commands that tokenize what is given to them. */
#define OPT_CHAT                                                                                   \
	{                                                                                          \
		.name = "chat", .type = OPT_STR, .fallback = "", .arg = "FORMAT",                  \
		.help = "the text is a user's in this chat format (vicuna, llama2, llama3, "       \
			"qwen2, plain)"                                                            \
	}
#define OPT_SYSTEM                                                                                 \
	{                                                                                          \
		.name = "system", .type = OPT_STR, .fallback = "", .arg = "TEXT",                  \
		.help = "system message of the chat"                                               \
	}
#define OPT_SPECIAL                                                                                \
	{                                                                                          \
		.name = "special", .type = OPT_BOOL, .fallback = "false",                          \
		.help = "special tokens in the text count"                                         \
	}

#endif
