/* SPDX-License-Identifier: Apache-2.0
 * A plan carried out by processes, one a run: a crash or an exhausted limit takes
 * one run with it and no more, and each run's numbers come from one thread of
 * arithmetic whatever runs beside it.
 */
#include "harness/run/experiment.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/base/mem.h"

/* What a child writes into its pipe, whole, before it ends. */
struct report {
	int code;
	struct run_outcome outcome;
	char msg[1024];
};

struct child {
	pid_t pid;
	int fd, run;
};

static void child_main(int fd, pid_t parent, const struct bank *bank, const struct plan *plan,
		       int run, const char *without, const char *set, const struct run_options *o)
{
	struct report rep = { 0 };
	struct recipe recipe = { 0 };
	struct err err = { 0 };

	/* a run must not outlive the suite that is killed: it would race with the next one */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(6);
	if (!recipe_planned(&recipe, plan, run, bank->corpus->name, without, set, &err))
		experiment_run(bank, &recipe, plan->run[run].seed, o, &rep.outcome, &err);
	rep.code = err.code;
	memcpy(rep.msg, err.msg, sizeof(rep.msg));
	recipe_free(&recipe);
	if (write(fd, &rep, sizeof(rep)) != (ssize_t)sizeof(rep))
		_exit(6);
	_exit(0);
}

static int start_child(struct child *c, int run, const struct bank *bank, const struct plan *plan,
		       const char *without, const char *set, const struct run_options *o,
		       struct err *err)
{
	pid_t parent = getpid();
	int fd[2];

	if (pipe(fd))
		return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
	fflush(NULL);
	c->pid = fork();
	if (c->pid < 0) {
		close(fd[0]);
		close(fd[1]);
		return err_set(err, ERR_IO, "fork: %s", strerror(errno));
	}
	if (c->pid == 0) {
		close(fd[0]);
		child_main(fd[1], parent, bank, plan, run, without, set, o);
	}
	close(fd[1]);
	c->fd = fd[0];
	c->run = run;
	return 0;
}

/* Takes what the ended child said; a child that died without a word says so. */
static void finish_child(struct child *c, int status, const struct plan *plan, struct report *rep)
{
	ssize_t n;

	do
		n = read(c->fd, rep, sizeof(*rep));
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*rep)) {
		*rep = (struct report){ .code = ERR_INTERNAL };
		if (WIFSIGNALED(status))
			snprintf(rep->msg, sizeof(rep->msg),
				 "%s seed %llu: killed by signal %d (%s)", plan->run[c->run].path,
				 (unsigned long long)plan->run[c->run].seed, WTERMSIG(status),
				 strsignal(WTERMSIG(status)));
		else
			snprintf(rep->msg, sizeof(rep->msg), "%s: ended without a result",
				 plan->run[c->run].path);
	}
	close(c->fd);
	c->pid = 0;
}

/* Temporary folders that nobody holds any more (see flight.lock). */
static int remove_leftovers(const char *results, struct err *err)
{
	char *runs = path_join(results, "runs");
	struct io_list list = { 0 };

	if (!runs)
		return err_set(err, ERR_NOMEM, "%s: no memory", results);
	if (io_is_dir(runs))
		io_list_dir(runs, &list, err);
	for (size_t i = 0; i < list.n && !err->code; i++) {
		char *path =
			str_starts(list.name[i], RUN_TEMP) ? path_join(runs, list.name[i]) : NULL;
		int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

		if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
			io_remove_tree(path, err);
		if (fd >= 0)
			close(fd);
		free(path);
	}
	io_list_free(&list);
	free(runs);
	return err->code;
}

struct suite {
	const struct bank *bank;
	const struct plan *plan;
	const struct run_options *o;
	struct child child[64];
	const bool *keep; /* (plan->n) runs to be done here */
	int jobs, next, ended, failed, *done, *skipped;
	int unasked; /* not begun, because */
	bool away;   /* the served model is not to be had */
	const char *without, *set;
	int worst; /* code of the failure that is told */
	bool told; /* the runs know that they are to stop */
	struct progress progress;
	char failure[1024];
};

/* The first is told, but one of a served model before others. */
static void note_failure(struct suite *s, const struct report *rep)
{
	if (!s->failed++ || (rep->code == ERR_BACKEND && s->worst != ERR_BACKEND)) {
		s->worst = rep->code;
		snprintf(s->failure, sizeof(s->failure), "%s", rep->msg);
	}
}

static void note_end(struct suite *s, int run, const struct report *rep)
{
	const char *label = s->plan->run[run].label;
	char detail[RUN_ID_MAX + 64];

	s->ended++;
	/* who begins later inherits it */
	if (s->o->carrier)
		s->o->carrier->spend(s->o->carrier->ctx, rep->outcome.cost);
	s->away |= rep->outcome.away;
	if (rep->code) {
		note_failure(s, rep);
		if (!*s->o->stop)
			log_error(s->o->log, "%s failed: %s",
				  label		     ? label
				  : *rep->outcome.id ? rep->outcome.id
						     : "a run",
				  rep->msg);
		return;
	}
	if (rep->outcome.skipped)
		(*s->skipped)++;
	else
		(*s->done)++;
	if (!rep->outcome.skipped)
		log_info(s->o->log, "%s%s%s: weighted F1 %.2f", label ? label : "",
			 label ? "  " : "", rep->outcome.id, 100 * rep->outcome.weighted_f1);
	snprintf(detail, sizeof(detail), "%s", rep->outcome.id);
	progress_update(&s->progress, s->ended, *s->skipped, detail);
}

/* A signal sent to this process alone must reach the runs too, once: the second one ends them
 * at once. */
static void tell_children(struct suite *s)
{
	if (!*s->o->stop || s->told)
		return;
	s->told = true;
	for (int i = 0; i < s->jobs; i++)
		if (s->child[i].pid > 0)
			kill(s->child[i].pid, SIGTERM);
}

/* Until a run has something to say, or a moment has passed: a signal may arrive just before. */
static void sleep_until_news(const struct suite *s)
{
	struct pollfd fd[ARRAY_LEN(s->child)];
	nfds_t n = 0;

	for (int i = 0; i < s->jobs; i++)
		if (s->child[i].pid > 0)
			fd[n++] = (struct pollfd){ .fd = s->child[i].fd, .events = POLLIN };
	poll(fd, n, 500);
}

/* Takes the runs that have ended; sleeps first. */
static int wait_some(struct suite *s, struct err *err)
{
	struct report rep;
	int status;
	pid_t pid;

	sleep_until_news(s);
	tell_children(s);
	for (int i = 0; i < s->jobs; i++) {
		struct child *c = &s->child[i];

		pid = c->pid > 0 ? waitpid(c->pid, &status, WNOHANG) : 0;
		if (pid < 0 && errno != EINTR)
			return err_set(err, ERR_IO, "waitpid: %s", strerror(errno));
		if (pid > 0) {
			finish_child(c, status, s->plan, &rep);
			note_end(s, c->run, &rep);
		}
	}
	return 0;
}

/* Would the run ask a served model? */
static bool asks(const struct suite *s, int run)
{
	struct recipe r = { 0 };
	struct err ignored = { 0 };
	bool yes = !recipe_planned(&r, s->plan, run, s->bank->corpus->name, s->without, s->set,
				   &ignored) &&
		   r.model->ask;

	recipe_free(&r);
	return yes;
}

/* Next run worth doing, or plan->n. */
static int next_run(struct suite *s)
{
	for (; s->next < s->plan->n; s->next++) {
		if (!s->keep[s->next])
			continue;
		if (!s->away || !asks(s, s->next))
			break;
		s->unasked++;
	}
	return s->next;
}

/* Fills free places; returns how many children run. */
static int start_more(struct suite *s, struct err *err)
{
	int running = 0;

	for (int i = 0; i < s->jobs; i++) {
		int run = next_run(s);

		if (!s->child[i].pid && run < s->plan->n && !*s->o->stop && !err->code &&
		    !start_child(&s->child[i], run, s->bank, s->plan, s->without, s->set, s->o,
				 err))
			s->next = run + 1;
		running += s->child[i].pid > 0;
	}
	return running;
}

int suite_run(const struct bank *bank, const struct plan *plan, const bool *keep,
	      const char *without, const char *set, int jobs, const struct run_options *o,
	      int *done, int *skipped, struct err *err)
{
	struct suite s = {
		.bank = bank,
		.plan = plan,
		.keep = keep,
		.o = o,
		.done = done,
		.skipped = skipped,
		.without = without,
		.set = set,
	};
	struct strbuf more = { 0 };
	int kept = 0;

	*done = *skipped = 0;
	s.jobs = jobs < 1 ? 1 : jobs > (int)ARRAY_LEN(s.child) ? (int)ARRAY_LEN(s.child) : jobs;
	for (int i = 0; i < plan->n; i++)
		kept += keep[i];
	if (!remove_leftovers(o->results, err)) {
		progress_start(&s.progress, o->log, bank->corpus->name, kept);
		while (start_more(&s, err) && !wait_some(&s, err))
			;
		progress_end(&s.progress, NULL);
		remove_leftovers(o->results, err);
	}
	if (err->code)
		return err->code;
	if (*o->stop)
		return err_set(err, ERR_INTERRUPTED,
			       "interrupted; the same command goes on from here");
	if (s.unasked)
		strbuf_addf(&more, ", %d more that ask the same model were not begun", s.unasked);
	if (s.failed)
		err_set(err, s.worst == ERR_BACKEND ? ERR_BACKEND : ERR_INCOMPLETE,
			"%d of %d runs failed%s: %s", s.failed, kept, strbuf_str(&more), s.failure);
	strbuf_free(&more);
	return err->code;
}
