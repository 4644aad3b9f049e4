/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cli/cli.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/mem.h"
#include "harness/base/thread.h"

const struct opt_spec global_opts[] = {
	{ .name = "threads",
	  .type = OPT_INT,
	  .fallback = "0",
	  .min = 0,
	  .max = 256,
	  .arg = "N",
	  .help = "threads for decoding and measuring (0: all cores)" },
	{ .name = "quiet",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .letter = 'q',
	  .help = "errors only" },
	{ .name = "verbose",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .letter = 'v',
	  .help = "say more" },
	{ .name = "help",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .letter = 'h',
	  .help = "this text" },
	OPT_END,
};

static int count(const struct opt_spec *s)
{
	int n = 0;

	while (s && s[n].name)
		n++;
	return n;
}

bool verb_has(const struct verb *v, const char *name)
{
	for (const struct opt_spec *s = v->opts; s && s->name; s++)
		if (!strcmp(s->name, name))
			return true;
	return false;
}

/* Environment and configuration file, under the command line.  hidden_by (may be NULL): a verb
 * whose own options hide those of v. */
static int set_from_environment(struct opt_values *v, const struct verb *hidden_by, struct err *err)
{
	for (int i = 0; i < v->n; i++) {
		char name[80];
		const char *value;

		if (hidden_by && verb_has(hidden_by, v->spec[i].name))
			continue;
		if (!str_format(name, sizeof(name), "MERC_%s", v->spec[i].name))
			continue;
		for (char *s = name; *s; s++)
			*s = *s == '-' ? '_' : (char)toupper((unsigned char)*s);
		value = getenv(name);
		if (value && *value && opt_set(v, v->spec[i].name, value, err))
			return err_wrap(err, "environment variable %s", name);
	}
	return 0;
}

static int set_from_config(struct opt_values *v, struct err *err)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	struct strbuf path = { 0 };
	struct json *file = NULL;

	if (xdg && xdg[0] == '/')
		strbuf_addf(&path, "%s/merc/config.json", xdg);
	else if (home)
		strbuf_addf(&path, "%s/.config/merc/config.json", home);
	if (path.len && io_is_file(path.s))
		file = json_read_file(path.s, (size_t)1 << 20, err);
	for (int i = 0; file && i < v->n && !err->code; i++) {
		const char *value = json_str(json_get(file, v->spec[i].name), NULL);

		if (value && opt_set(v, v->spec[i].name, value, err))
			err_wrap(err, "%s", path.s);
	}
	json_free(file);
	strbuf_free(&path);
	return err->code;
}

/* getopt's tables, made from ours: the verb's rows first, which hide global ones. */
struct getopt_table {
	struct option *row;
	char *letters;
	bool *given; /* on this command line */
	int n_own, n;
};

static const struct opt_spec *row_spec(const struct getopt_table *t, const struct verb *v, int i)
{
	return i < t->n_own ? &v->opts[i] : &global_opts[i - t->n_own];
}

static int make_table(struct getopt_table *t, const struct verb *v, struct err *err)
{
	size_t k = 0;

	t->n_own = count(v->opts);
	t->n = t->n_own + count(global_opts);
	if (!NEW_ARRAY(t->row, (size_t)t->n + 1) || !NEW_ARRAY(t->letters, 2 * (size_t)t->n + 2) ||
	    !NEW_ARRAY(t->given, (size_t)t->n))
		return err_set(err, ERR_NOMEM, "options: no memory");
	t->letters[k++] = ':';
	for (int i = 0; i < t->n; i++) {
		const struct opt_spec *s = row_spec(t, v, i);

		t->row[i] = (struct option){
			.name = s->name,
			.has_arg = s->type == OPT_BOOL ? optional_argument : required_argument,
			.val = s->letter ? s->letter : 1000 + i,
		};
		if (s->letter) {
			t->letters[k++] = s->letter;
			if (s->type != OPT_BOOL)
				t->letters[k++] = ':';
		}
	}
	return 0;
}

/* What was given before, for rows that keep all of it, and then this one. */
static int take_one(struct opt_values *v, const struct opt_spec *s, bool before, const char *value,
		    struct err *err)
{
	struct strbuf all = { 0 };

	if (s->many && before)
		strbuf_addf(&all, "%s\n", opt_str(v, s->name));
	strbuf_add(&all, value);
	if (all.oom)
		err_set(err, ERR_NOMEM, "options: no memory");
	else
		opt_set(v, s->name, strbuf_str(&all), err);
	strbuf_free(&all);
	return err->code;
}

static int take_options(struct cli *c, struct opt_values *global, const struct verb *v,
			const struct getopt_table *t, int argc, char **argv, struct err *err)
{
	int got;

	optind = 0;
	opterr = 0;
	while ((got = getopt_long(argc, argv, t->letters, t->row, NULL)) != -1 && !err->code) {
		int i = 0;

		if (got == '?' || got == ':')
			return err_set(err, ERR_ARG, "%s: %s '%s'", v->name,
				       got == ':' ? "a value is needed after" : "unknown option",
				       argv[optind - 1]);
		while (t->row[i].val != got)
			i++;
		take_one(i < t->n_own ? &c->opts : global, row_spec(t, v, i), t->given[i],
			 optarg ? optarg : "true", err);
		t->given[i] = true;
	}
	return err->code;
}

int cli_parse(struct cli *c, const struct verb *v, int argc, char **argv, int first,
	      struct err *err)
{
	struct opt_values global = { 0 };
	struct getopt_table t = { 0 };
	int level = 1;

	/* getopt takes argv[0] for the program's name */
	argc -= first - 1;
	argv += first - 1;
	if (opt_init(&c->opts, v->opts, err) || opt_init(&global, global_opts, err) ||
	    set_from_config(&c->opts, err) || set_from_environment(&c->opts, NULL, err) ||
	    set_from_environment(&global, v, err) || make_table(&t, v, err) ||
	    take_options(c, &global, v, &t, argc, argv, err))
		goto out;
	c->operand = argv + optind;
	c->n_operand = argc - optind;
	if (opt_bool(&global, "help")) {
		c->n_operand = -1;
		goto out;
	}
	if (c->n_operand < v->min_operands || c->n_operand > v->max_operands)
		err_set(err, ERR_ARG, "%s: usage: merc %s %s", v->name, v->name, v->operands);
	if (opt_bool(&global, "quiet"))
		level = 0;
	else if (opt_bool(&global, "verbose"))
		level = 2;
	c->log = log_stderr(level);
	c->threads = (int)opt_int(&global, "threads");
	if (!c->threads)
		c->threads = cpu_count();
out:
	free(t.row);
	free(t.letters);
	free(t.given);
	opt_free(&global);
	return err->code;
}

void cli_free(struct cli *c)
{
	opt_free(&c->opts);
	*c = (struct cli){ 0 };
}

int cli_flush(struct err *err)
{
	if (fflush(stdout) || ferror(stdout))
		return err_set(err, ERR_IO, "standard output: write failed");
	return 0;
}
