/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cli/verbs.h"

#include <string.h>

#include "harness/base/version.h"
#include "harness/media/media.h"
#include "harness/num/gemm.h"

static const struct opt_spec help_opts[] = {
	{ .name = "man",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "the manual page, as roff" },
	{ .name = "completion",
	  .type = OPT_CHOICE,
	  .fallback = "none",
	  .choices = "none|bash",
	  .arg = "SHELL",
	  .help = "completion for a shell" },
	OPT_END,
};

static int run_help(struct cli *c, struct err *err)
{
	char name[64] = "";

	if (c->n_operand &&
	    !str_format(name, sizeof(name), "%s%s%s", c->operand[0], c->n_operand > 1 ? " " : "",
			c->n_operand > 1 ? c->operand[1] : ""))
		return err_set(err, ERR_ARG, "there is no command '%s'", c->operand[0]);
	if (opt_bool(&c->opts, "man")) {
		cli_man(stdout);
	} else if (!strcmp(opt_str(&c->opts, "completion"), "bash")) {
		cli_completion(stdout);
	} else if (!*name) {
		cli_help(stdout, NULL);
	} else {
		bool found = false;

		/* "data" alone: all of its verbs */
		for (int i = 0; verbs[i]; i++)
			if (!strcmp(verbs[i]->name, name) ||
			    (str_starts(verbs[i]->name, name) &&
			     verbs[i]->name[strlen(name)] == ' ')) {
				fputs(found ? "\n" : "", stdout);
				cli_help(stdout, verbs[i]);
				found = true;
			}
		if (!found)
			err_set(err, ERR_ARG, "there is no command '%s'", name);
	}
	return 0;
}

const struct verb verb_help = {
	.name = "help",
	.operands = "[VERB]",
	.max_operands = 2,
	.summary = "Tell what a command does and which options it has",
	.doc = "",
	.opts = help_opts,
	.run = run_help,
};

static int run_version(struct cli *c, struct err *err)
{
	char blas[256];

	(void)c;
	(void)err;
	printf("merc %s (%s)\ncompiler   %s\nflags      %s\nlibraries  %s\nblas       %s\n",
	       version_get()->number, version_get()->commit, version_get()->compiler,
	       version_get()->flags, media_versions(),
	       num_blas_describe(kernels_best(), blas, sizeof(blas)));
	if (num_blas_warning())
		printf("warning    %s\n", num_blas_warning());
	return 0;
}

const struct verb verb_version = {
	.name = "version",
	.operands = "",
	.summary = "Tell what this program was built from and with",
	.doc = "",
	.run = run_version,
};
