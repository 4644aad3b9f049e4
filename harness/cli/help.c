/* SPDX-License-Identifier: Apache-2.0
 * Help, man page and completion, all from the tables of verbs and options.
 */
#include "harness/cli/cli.h"

#include <string.h>

#include "harness/base/version.h"

static void option_left(char *out, size_t size, const struct opt_spec *s)
{
	char letter[8] = "    ";

	if (s->letter)
		snprintf(letter, sizeof(letter), "-%c, ", s->letter);
	snprintf(out, size, "%s--%s%s%s", letter, s->name, s->type == OPT_BOOL ? "" : " ",
		 s->type == OPT_BOOL ? ""
		 : s->arg	     ? s->arg
				     : "VALUE");
}

/* hidden_by (may be NULL): a verb whose own options hide these. */
static void print_options(FILE *out, const struct opt_spec *s, const struct verb *hidden_by)
{
	for (; s && s->name; s++) {
		char left[96];

		if (hidden_by && verb_has(hidden_by, s->name))
			continue;
		option_left(left, sizeof(left), s);
		fprintf(out, "  %-28s %s", left, s->help);
		if (s->type != OPT_BOOL && s->fallback[0])
			fprintf(out, " [%s]", s->fallback);
		fputc('\n', out);
	}
}

void cli_help(FILE *out, const struct verb *v)
{
	if (v) {
		fprintf(out, "merc %s%s%s\n%s.\n\n%s%s", v->name, *v->operands ? " " : "",
			v->operands, v->summary, v->doc, *v->doc ? "\n\n" : "");
		if (v->opts && v->opts[0].name) {
			fputs("Options:\n", out);
			print_options(out, v->opts, NULL);
		}
		fputs("Everywhere:\n", out);
		print_options(out, global_opts, v);
		return;
	}
	fputs("merc: a benchmark and evaluation harness for multimodal emotion recognition in "
	      "conversation\n\nusage: merc VERB [options] [operands]\n\n",
	      out);
	for (int i = 0; verbs[i]; i++)
		fprintf(out, "  %-14s %s\n", verbs[i]->name, verbs[i]->summary);
	fputs("\nmerc help VERB tells more; merc --version tells what it was built with.\n", out);
}

/* roff: a backslash and a leading dot or quote would be commands. */
static void roff(FILE *out, const char *text)
{
	bool start = true;

	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else if (start && *text == '\n')
			fputs(".PP\n", out);
		else
			fputc(*text, out);
		start = *text == '\n';
	}
}

static void roff_options(FILE *out, const struct opt_spec *s)
{
	for (; s && s->name; s++) {
		char left[96];

		option_left(left, sizeof(left), s);
		fputs(".TP\n.B ", out);
		roff(out, left + strspn(left, " "));
		fputc('\n', out);
		roff(out, s->help);
		if (s->type != OPT_BOOL && s->fallback[0]) {
			fputs(" (default ", out);
			roff(out, s->fallback);
			fputc(')', out);
		}
		fputc('\n', out);
	}
}

void cli_man(FILE *out)
{
	fprintf(out,
		".TH MERC 1 \"\" \"merc %s\" \"User Commands\"\n"
		".SH NAME\nmerc \\- benchmark and evaluation harness for multimodal emotion "
		"recognition in conversation\n"
		".SH SYNOPSIS\n.B merc\n.I VERB\n[options] [operands]\n.SH COMMANDS\n",
		version_get()->number);
	for (int i = 0; verbs[i]; i++) {
		fprintf(out, ".SS \"merc %s %s\"\n", verbs[i]->name, verbs[i]->operands);
		roff(out, verbs[i]->summary);
		fputs(".\n", out);
		if (*verbs[i]->doc) {
			fputs(".PP\n", out);
			roff(out, verbs[i]->doc);
			fputc('\n', out);
		}
		roff_options(out, verbs[i]->opts);
	}
	fputs(".SH OPTIONS OF EVERY COMMAND\n", out);
	roff_options(out, global_opts);
	fputs(".SH ENVIRONMENT\nEvery option has a default in the variable MERC_NAME (upper case, "
	      "dashes as underscores), below it in $XDG_CONFIG_HOME/merc/config.json.\n"
	      ".SH EXIT STATUS\n0 done; 1 gate or check failed; 2 usage; 3 incomplete or "
	      "interrupted; 4 data missing or unusable; 5 back\\-end failed; 6 output could not "
	      "be written, or internal error.\n",
	      out);
}

void cli_completion(FILE *out)
{
	fputs("# bash completion for merc\n_merc()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}\n"
	      "\t[[ $verb == data ]] && verb=\"data ${COMP_WORDS[2]}\"\n"
	      "\tif ((COMP_CWORD == 1)); then\n\t\tCOMPREPLY=($(compgen -W \"",
	      out);
	for (int i = 0; verbs[i]; i++)
		fprintf(out, "%s%.*s", i ? " " : "", (int)strcspn(verbs[i]->name, " "),
			verbs[i]->name);
	fputs("\" -- \"$cur\"))\n\t\treturn\n\tfi\n\tif [[ $cur != -* ]]; then\n"
	      "\t\tif [[ ${COMP_WORDS[1]} == data && $COMP_CWORD == 2 ]]; then\n"
	      "\t\t\tCOMPREPLY=($(compgen -W \"",
	      out);
	for (int i = 0; verbs[i]; i++)
		if (!strncmp(verbs[i]->name, "data ", 5))
			fprintf(out, "%s ", verbs[i]->name + 5);
	fputs("\" -- \"$cur\"))\n\t\telse\n\t\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\t\tfi\n"
	      "\t\treturn\n\tfi\n\tcase $verb in\n",
	      out);
	for (int i = 0; verbs[i]; i++) {
		fprintf(out, "\t\"%s\") COMPREPLY=($(compgen -W \"", verbs[i]->name);
		for (const struct opt_spec *s = verbs[i]->opts; s && s->name; s++)
			fprintf(out, "--%s ", s->name);
		for (const struct opt_spec *s = global_opts; s->name; s++)
			if (!verb_has(verbs[i], s->name))
				fprintf(out, "--%s ", s->name);
		fputs("\" -- \"$cur\")) ;;\n", out);
	}
	fputs("\tesac\n}\ncomplete -F _merc merc\n", out);
}
