/* SPDX-License-Identifier: Apache-2.0
 * Dispatch: finds the verb, parses, runs, turns failures into messages and exit statuses.
 */
#include "harness/cli/cli.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/version.h"

/* The one piece of file-scope state: signal handlers cannot be told where to write. */
static volatile sig_atomic_t stop_signal;

static void on_signal(int sig)
{
	static const char text[] =
		"\nmerc: ended at once; the same command goes on from what is kept\n";

	if (stop_signal) {
		/* asked twice: at once, whether the words get out or not */
		ssize_t told = write(STDERR_FILENO, text, sizeof(text) - 1);

		(void)told;
		_exit(128 + sig);
	}
	stop_signal = sig;
}

static void catch_signals(void)
{
	struct sigaction a = { .sa_handler = on_signal };

	sigemptyset(&a.sa_mask);
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGUSR1, &a, NULL);
}

/* "data verify" takes two words. *used: how many. */
static const struct verb *find_verb(int argc, char **argv, int *used)
{
	const char *first = argv[1];

	if (!strcmp(first, "--version"))
		first = "version";
	if (!strcmp(first, "--help") || !strcmp(first, "-h"))
		first = "help";
	for (int i = 0; verbs[i]; i++) {
		const char *name = verbs[i]->name, *blank = strchr(name, ' ');
		size_t n = blank ? (size_t)(blank - name) : strlen(name);

		if (strlen(first) != n || memcmp(first, name, n) != 0)
			continue;
		if (blank && (argc < 3 || strcmp(argv[2], blank + 1) != 0))
			continue;
		*used = blank ? 3 : 2;
		return verbs[i];
	}
	return NULL;
}

static int run_verb(const struct verb *v, int argc, char **argv, int first)
{
	struct cli c = { .stop = &stop_signal };
	struct err err = { 0 };
	int status = 0;

	if (!cli_parse(&c, v, argc, argv, first, &err)) {
		if (c.n_operand < 0)
			cli_help(stdout, v);
		else
			status = v->run(&c, &err);
		cli_flush(&err);
	}
	if (err.code) {
		fprintf(stderr, "merc: %s\n", err.msg);
		if (err.code == ERR_ARG && !strcmp(v->name, "help"))
			fprintf(stderr, "try: merc help\n");
		else if (err.code == ERR_ARG)
			fprintf(stderr, "try: merc help %s\n", v->name);
		status = err_exit_status(err.code);
	}
	cli_free(&c);
	return status;
}

int main(int argc, char **argv)
{
	const struct verb *v;
	int used = 0;

	setlocale(LC_CTYPE, "");
	catch_signals();
	if (argc < 2) {
		cli_help(stderr, NULL);
		return 2;
	}
	v = find_verb(argc, argv, &used);
	if (!v) {
		fprintf(stderr, "merc: there is no command '%s%s%s'\ntry: merc help\n", argv[1],
			!strcmp(argv[1], "data") && argc > 2 ? " " : "",
			!strcmp(argv[1], "data") && argc > 2 ? argv[2] : "");
		return 2;
	}
	used = run_verb(v, argc, argv, used);
	if (stop_signal) {
		/* the calling shell must see a death by signal */
		signal(stop_signal, SIG_DFL);
		raise(stop_signal);
	}
	return used;
}
