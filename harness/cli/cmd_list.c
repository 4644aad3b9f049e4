/* SPDX-License-Identifier: Apache-2.0
 * merc list: what is registered, with every option.
 */
#include "harness/cli/verbs.h"

#include <string.h>

#include "harness/core/dataset.h"
#include "harness/core/model.h"

static const struct opt_spec list_opts[] = {
	{ .name = "options",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .letter = 'o',
	  .help = "with the options of each entry" },
	OPT_END,
};

static void print_options(const char *head, const struct opt_spec *s)
{
	if (s && s->name)
		printf("      %s\n", head);
	for (; s && s->name; s++)
		printf("        %-16s %s [%s]\n", s->name, s->help, s->fallback);
}

static bool wanted(const struct cli *c, const char *what)
{
	return !c->n_operand || !strcmp(c->operand[0], what);
}

static int run_list(struct cli *c, struct err *err)
{
	bool more = opt_bool(&c->opts, "options");

	if (c->n_operand && strcmp(c->operand[0], "models") && strcmp(c->operand[0], "datasets") &&
	    strcmp(c->operand[0], "labels"))
		return err_set(err, ERR_ARG, "list: '%s' is not datasets, models or labels",
			       c->operand[0]);
	if (wanted(c, "datasets"))
		puts("data sets");
	for (int i = 0; wanted(c, "datasets") && dataset_registry[i]; i++) {
		const struct dataset_ops *d = dataset_registry[i];

		printf("  %-12s %s; %s; licence: %s\n", d->name, d->title, d->source, d->licence);
		if (more) {
			print_options("loading (--data-set)", d->opts);
			print_options("generator (merc data synth --set)", d->synth_opts);
		}
	}
	if (wanted(c, "models"))
		puts("models");
	for (int i = 0; wanted(c, "models") && model_registry[i]; i++) {
		printf("  %-12s %s\n", model_registry[i]->name, model_registry[i]->title);
		if (more)
			print_options("options (--set)", model_registry[i]->opts);
	}
	if (wanted(c, "labels"))
		puts("label sets");
	for (int i = 0; wanted(c, "labels") && label_sets[i]; i++) {
		printf("  %-12s", label_sets[i]->name);
		for (int k = 0; k < label_sets[i]->n; k++)
			printf(" %s", label_sets[i]->word[k]);
		putchar('\n');
	}
	return 0;
}

const struct verb verb_list = {
	.name = "list",
	.operands = "[datasets|models|labels]",
	.max_operands = 1,
	.summary = "List data sets, models and label sets",
	.doc = "",
	.opts = list_opts,
	.run = run_list,
};
