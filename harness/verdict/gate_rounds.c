/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/verdict/gate_rounds.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/log.h"
#include "harness/base/mem.h"
#include "harness/base/str.h"
#include "harness/metrics/compare.h"

extern char **environ;

/* Seconds of processor time of all children that have ended. */
static double children_s(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_CHILDREN, &u))
		return 0;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int start(const char *command, pid_t *child, struct err *err)
{
	char shell[] = "sh", flag[] = "-c", *text = str_dup(command);
	char *argv[] = { shell, flag, text, NULL };
	posix_spawn_file_actions_t io;
	int rc;

	if (!text)
		return err_set(err, ERR_NOMEM, "gate: no memory");
	if (posix_spawn_file_actions_init(&io)) {
		free(text);
		return err_set(err, ERR_NOMEM, "gate: no memory");
	}
	rc = posix_spawn_file_actions_addopen(&io, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_addopen(&io, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (!rc)
		rc = posix_spawn(child, "/bin/sh", &io, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&io);
	free(text);
	return rc ? err_set(err, ERR_INTERNAL, "/bin/sh: cannot be started: %s", strerror(rc)) : 0;
}

/* One command to its end.  *status as a shell would tell it. */
static int time_one(const struct rounds_options *o, const char *command, double *seconds,
		    int *status, struct err *err)
{
	const double from = o->cpu ? children_s() : clock_s();
	pid_t child;
	int how;

	if (start(command, &child, err))
		return err->code;
	while (waitpid(child, &how, 0) < 0) {
		if (errno != EINTR)
			return err_set(err, ERR_INTERNAL, "gate: wait: %s", strerror(errno));
		if (o->stop && *o->stop)
			kill(child, SIGTERM);
	}
	*seconds = (o->cpu ? children_s() : clock_s()) - from;
	*status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
	if (o->stop && *o->stop)
		return err_set(err, ERR_INTERRUPTED, "gate: interrupted");
	return 0;
}

int rounds_run(const struct rounds_options *o, struct rounds *out, struct err *err)
{
	out->n = out->bad = 0;
	for (int round = -o->warmup; round < o->rounds; round++) {
		double seconds[2];

		for (int turn = 0; turn < 2; turn++) {
			const int which = turn ^ (round & 1);

			if (time_one(o, which ? o->fresh : o->base, &seconds[which], &out->bad,
				     err))
				return err->code;
			out->bad_is_fresh = which;
			if (out->bad)
				return 0;
		}
		if (round < 0)
			continue;
		out->base[round] = seconds[0];
		out->fresh[round] = seconds[1];
		out->n = round + 1;
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int median(const double *x, int n, double *out, struct err *err)
{
	double *sorted;

	if (!NEW_ARRAY(sorted, (size_t)n))
		return err_set(err, ERR_NOMEM, "gate: no memory");
	memcpy(sorted, x, (size_t)n * sizeof(*x));
	qsort(sorted, (size_t)n, sizeof(*sorted), by_value);
	*out = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
	free(sorted);
	return 0;
}

/* Smallest p that n values a side can give: 2 of all orders, C(2n, n), are fully apart. */
static double smallest_p(int n)
{
	double orders = 1;

	for (int i = 1; i <= n; i++)
		orders *= (double)(n + i) / i;
	return 2 / orders;
}

int rounds_check(int n, double p, struct err *err)
{
	if (n >= 1 && smallest_p(n) < p)
		return 0;
	return err_set(err, ERR_ARG, "gate: %d rounds can never show p < %g; take more rounds", n,
		       p);
}

int rounds_judge(const double *base, const double *fresh, int n, double ratio, double p,
		 struct rounds_verdict *out, struct err *err)
{
	double u;

	*out = (struct rounds_verdict){ 0 };
	if (rounds_check(n, p, err) || median(base, n, &out->base, err) ||
	    median(fresh, n, &out->fresh, err) || mann_whitney(fresh, n, base, n, &u, &out->p, err))
		return err->code;
	/* a clock too coarse for the base leaves no ratio: any time at all is then infinitely more
	 */
	out->ratio = out->base > 0 || out->fresh > 0 ? out->fresh / out->base : 1;
	out->slower = out->ratio > ratio && out->p < p;
	return 0;
}
