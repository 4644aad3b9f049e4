/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/remote/ask_file.h"
#include "harness/remote/exec_ask.h"
#include "harness/remote/exec_end.h"
#include "harness/remote/key.h"
#include "harness/remote/ready.h"
#include "harness/remote/redact.h"
#include "harness/remote/reply_json.h"

#define LINE_LIMIT ((size_t)16 << 20)
#define SELF_LIMIT ((size_t)64 << 10) /* what a program says it is: a part of every key */
#define LOG_LIMIT  ((off_t)16 << 20)  /* exec.stderr */
#define LOOK_MS	   200		      /* how long a signal to stop may go unseen */
#define TRIES	   2		      /* of one ask */
#define CRASHES	   5		      /* in a row that end the run */
#define NOTICE_S   5.0		      /* of silence that is told */

struct exec {
	struct backend_env env;
	const char *command;
	pid_t pid; /* 0: not running */
	int fd;	   /* both ways */
	int log;   /* exec.stderr, -1: none */
	struct strbuf line, request, identity;
	bool ready;	/* it has said what it is */
	bool away;	/* it does not get ready */
	bool heard;	/* it has replied to an ask */
	unsigned needs; /* of the asks */
	int crashes;	/* asks in a row that it did not survive */
	int ends;	/* times that it ended, or was ended for its silence */
	double notice;	/* when its silence is told, 0: not */
	off_t said;	/* in exec.stderr: what came before is not of this run */
};

/* How waiting for a line ended. */
enum got { GOT_LINE, GOT_END, GOT_LATE, GOT_STOP };

static void add_identity(const struct exec *s, const struct json *ready, struct strbuf *out)
{
	struct json_writer w;

	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	json_put_str(&w, "command", s->command);
	if (ready)
		json_put_sorted(&w, "program", ready);
	json_close_object(&w);
}

/* A command is kept with what it answered, so it may hold no key. */
static int check_command(const char *command, struct err *err)
{
	static const char *const secret[] = { "KEY", "TOKEN", "SECRET", "PASSWORD" };
	const char *word = command + strspn(command, " \t");

	for (size_t n; (n = strcspn(word, "= \t")) > 0 && word[n] == '=';) {
		for (size_t i = 0; i < ARRAY_LEN(secret); i++) {
			const size_t len = strlen(secret[i]);

			if (n >= len && !strncasecmp(word + n - len, secret[i], len))
				return err_set(err, ERR_ARG,
					       "exec: commands are kept with the replies: export "
					       "%.*s instead of setting it in the command",
					       (int)n, word);
		}
		word += strcspn(word, " \t");
		word += strspn(word, " \t");
	}
	return 0;
}

static int exec_open(void *state, const char *spec, const struct backend_env *env, struct err *err)
{
	struct exec *s = state;

	s->env = *env;
	s->command = spec;
	s->fd = s->log = -1;
	if (!*spec)
		return err_set(err, ERR_ARG, "exec: name a command (exec:COMMAND)");
	if (check_command(spec, err))
		return err->code;
	add_identity(s, NULL, &s->identity);
	return s->identity.oom ? err_set(err, ERR_NOMEM, "exec: no memory") : 0;
}

static int exec_request(const void *state, const struct ask *ask, struct strbuf *out,
			struct err *err)
{
	(void)state;
	return exec_put_ask(ask, true, out, err);
}

/* The child's side: its streams, then the shell. */
static void become(const struct exec *s, int fd, int log)
{
	char shell[] = "sh", flag[] = "-c";
	union {
		const char *in;
		char *out;
	} command = { s->command }; /* execv promises not to write */
	char *const argv[] = { shell, flag, command.out, NULL };

	setpgid(0, 0);
	if (dup2(fd, STDIN_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0 &&
	    (log < 0 || dup2(log, STDERR_FILENO) >= 0))
		execv("/bin/sh", argv);
	_exit(127);
}

/* exec.stderr, open as long as the back-end is. */
static int open_log(struct exec *s, struct err *err)
{
	char *path = s->env.dir && s->log < 0 ? path_join(s->env.dir, "exec.stderr") : NULL;

	if (path)
		s->log = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (s->env.dir && s->log < 0)
		err_set(err, ERR_IO, "%s/exec.stderr: %s", s->env.dir, strerror(errno));
	if (!s->ends)
		s->said = s->log < 0 ? 0 : lseek(s->log, 0, SEEK_END);
	free(path);
	return err->code;
}

/* A program that says too much on standard error starts over in its file. */
static void curb_log(struct exec *s)
{
	static const char note[] = "(what stood here was too long and is gone)\n";
	struct stat st;

	if (s->log < 0 || fstat(s->log, &st) || st.st_size <= LOG_LIMIT || ftruncate(s->log, 0))
		return;
	s->said = write(s->log, note, sizeof(note) - 1) > 0 ? (off_t)sizeof(note) - 1 : 0;
}

static int spawn(struct exec *s, struct err *err)
{
	int pair[2];

	if (open_log(s, err))
		return err->code;
	/* closed on exec from the start: another thread may start a program of its own */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		err_set(err, ERR_IO, "exec: %s", strerror(errno));
	} else {
		s->pid = fork();
		if (!s->pid)
			become(s, pair[1], s->log);
		if (s->pid < 0)
			err_set(err, ERR_IO, "exec: %s", strerror(errno));
		close(pair[1]);
		s->fd = pair[0];
	}
	if (s->pid < 0)
		s->pid = 0;
	strbuf_reset(&s->line);
	return err->code;
}

static void put_down(struct exec *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	if (s->pid > 0) {
		kill(-s->pid, SIGKILL);
		kill(s->pid, SIGKILL);
		while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	s->pid = 0;
}

static bool stopped(const struct exec *s)
{
	return s->env.stop && *s->env.stop;
}

/* A program that does not flush what it writes looks like one that thinks. */
static void tell_silence(struct exec *s)
{
	if (s->notice <= 0 || clock_s() < s->notice)
		return;
	s->notice = 0;
	log_info(s->env.log,
		 "waiting for '%.200s' to %s; if it is not at work, does it flush its standard "
		 "output?",
		 s->command, s->ready ? "reply to its first ask" : "say {\"ready\": true}");
}

/* Waits until fd is ready for the event. */
static enum got wait_for(struct exec *s, short event, double until)
{
	struct pollfd p = { s->fd, event, 0 };

	while (!stopped(s)) {
		curb_log(s);
		/* late is late, also for a program that goes on saying a little */
		if (clock_s() > until)
			return GOT_LATE;
		tell_silence(s);
		if (poll(&p, 1, LOOK_MS) > 0)
			return GOT_LINE;
	}
	return GOT_STOP;
}

/* Reads one line into s->line, without its line feed. */
static enum got read_line(struct exec *s, double limit_s)
{
	double until = clock_s() + limit_s;
	char block[4096];

	strbuf_reset(&s->line);
	for (;;) {
		enum got got = wait_for(s, POLLIN, until);
		char *end;
		ssize_t n;

		if (got != GOT_LINE)
			return got;
		n = recv(s->fd, block, sizeof(block), MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0 || s->line.len + (size_t)n > LINE_LIMIT)
			return GOT_END;
		strbuf_addn(&s->line, block, (size_t)n);
		if (s->line.oom)
			return GOT_END;
		/* one line answers one ask: nothing may follow it */
		end = memchr(s->line.s + s->line.len - n, '\n', (size_t)n);
		if (end) {
			if (end != s->line.s + s->line.len - 1)
				return GOT_END;
			s->line.len--;
			*end = '\0';
			return GOT_LINE;
		}
	}
}

static enum got write_line(struct exec *s, double limit_s)
{
	double until = clock_s() + limit_s;

	for (size_t done = 0; done < s->request.len;) {
		enum got got = wait_for(s, POLLOUT, until);
		ssize_t n;

		if (got != GOT_LINE)
			return got;
		n = send(s->fd, s->request.s + done, s->request.len - done,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return GOT_END;
		done += n > 0 ? (size_t)n : 0;
	}
	return GOT_LINE;
}

/* Notes what the program says it is; one that is started again must say the same. */
static int know(struct exec *s, const struct json *v, struct err *err)
{
	struct strbuf b = { 0 };

	add_identity(s, v, &b);
	if (b.oom)
		err_set(err, ERR_NOMEM, "exec: no memory");
	else if (b.len > SELF_LIMIT)
		err_set(err, ERR_BACKEND, "exec: '%.200s' says more than %zu bytes of what it is",
			s->command, SELF_LIMIT);
	else if (s->ready && strcmp(strbuf_str(&b), strbuf_str(&s->identity)) != 0)
		err_set(err, ERR_BACKEND, "exec: started again, '%.200s' is another model",
			s->command);
	if (err->code || s->ready) {
		strbuf_free(&b);
		return err->code;
	}
	strbuf_free(&s->identity);
	s->identity = b;
	s->ready = true;
	return 0;
}

static bool lists(const struct json *list, const char *name)
{
	for (const struct json *m = json_at(list, 0); m; m = json_next(m))
		if (!strcmp(json_str(m, ""), name))
			return true;
	return false;
}

/* A program may say which modes and parts it takes; one that does not say takes all. */
static int check_takes(const struct exec *s, const struct json *ready, struct err *err)
{
	const struct json *takes = json_get(ready, "takes");
	const char *lack = NULL;

	for (int m = 0; m < ASK_MODES; m++)
		if (s->needs & ASK_NEEDS_MODE(m) && !lists(takes, ask_mode_name[m]))
			lack = ask_mode_name[m];
	for (int t = 0; t < ASK_PART_TYPES; t++)
		if (s->needs & ASK_NEEDS_PART(t) && !lists(takes, ask_part_name[t]))
			lack = ask_part_name[t];
	return takes && lack ? err_set(err, ERR_BACKEND,
				       "exec: the asks need %s, which '%.200s' does not list under "
				       "\"takes\"",
				       lack, s->command)
			     : 0;
}

/* --- why it is not there ---------------------------------------------------------------------- */

static int not_ready(struct exec *s, enum got got, struct err *err)
{
	struct strbuf b = { 0 };

	if (got == GOT_LATE) {
		strbuf_addf(&b, "it said nothing for %g s", EXEC_READY_S);
	} else if (got == GOT_END) {
		exec_add_end(&s->pid, &b);
	} else {
		strbuf_add(&b, "its first line is ");
		redact_message(&b, s->line.s, s->line.len, NULL, EXEC_SHOWN);
	}
	exec_add_last_words(s->env.dir, s->said, &b);
	s->away = true;
	err_set(err, ERR_BACKEND, "exec: '%.200s' did not say {\"ready\": true}: %s", s->command,
		strbuf_str(&b));
	strbuf_free(&b);
	return err->code;
}

/* Starts the program and reads what it is. */
static int bring_up(struct exec *s, struct err *err)
{
	struct json *v = NULL;
	struct err why = { 0 };
	enum got got;

	if (spawn(s, err))
		return err->code;
	s->notice = clock_s() + NOTICE_S;
	got = read_line(s, EXEC_READY_S);
	s->notice = 0;
	if (got == GOT_STOP)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (got == GOT_LINE)
		v = json_parse(s->line.s, s->line.len, "exec", &why);
	if (got != GOT_LINE || !json_bool(json_get(v, "ready"), false))
		not_ready(s, got, err);
	else if (!check_takes(s, v, err))
		know(s, v, err);
	json_free(v);
	return err->code;
}

static int exec_start(void *state, unsigned needs, struct err *err)
{
	struct exec *s = state;

	s->needs = needs;
	return bring_up(s, err);
}

static const char *exec_identity(const void *state)
{
	return strbuf_str(&((const struct exec *)state)->identity);
}

static void fail(struct reply *r, enum reply_cause cause, const char *why, struct arena *mem)
{
	struct strbuf b = { 0 };
	const char *copy;

	redact_message(&b, why, strlen(why), NULL, EXEC_SHOWN);
	copy = arena_strdup(mem, strbuf_str(&b));
	strbuf_free(&b);
	r->status = ANSWER_BACKEND_FAIL;
	r->cause = cause;
	if (!*r->first_error && copy)
		r->first_error = copy;
}

static enum reply_cause cause_of(const struct json *v)
{
	return strcmp(json_str(json_get(v, "cause"), ""), reply_cause_name[CAUSE_BORDER])
		       ? CAUSE_REPORTED
		       : CAUSE_BORDER;
}

/* Reads s->line as the reply to the ask. */
static int judge(const struct exec *s, const struct ask *ask, struct arena *mem, struct reply *r,
		 struct err *err)
{
	const bool scored = ask->mode == ASK_LIKELIHOOD || ask->mode == ASK_LETTERS;
	struct err why = { 0 };
	struct json *v = json_parse(s->line.s, s->line.len, "exec", &why);
	const struct json *error = json_get(v, "error");

	if (v && strcmp(json_str(json_get(v, "id"), ""), ask->id) != 0)
		err_set(&why, ERR_FORMAT, "the reply has another \"id\" than the ask");
	else if (v && !error && json_type(json_get(v, "text")) != JSON_STRING)
		err_set(&why, ERR_FORMAT, "the reply has no \"text\"");
	else if (v && !error)
		reply_read(v, "exec", mem, r, &why);
	if (!why.code && !error && scored && r->n_options != ask->n_options)
		err_set(&why, ERR_FORMAT, "the reply does not have %d \"options\"", ask->n_options);
	if (why.code == ERR_NOMEM)
		err_set(err, ERR_NOMEM, "%s", why.msg);
	else if (why.code)
		fail(r, CAUSE_MALFORMED, why.msg, mem);
	else if (error)
		fail(r, cause_of(v), json_str(error, "error"), mem);
	else if (!*r->text && !scored)
		r->status = ANSWER_PARSE_FAIL,
		r->cause = strcmp(r->finish_reason, "length") ? CAUSE_EMPTY : CAUSE_LENGTH;
	json_free(v);
	return err->code;
}

static int give_up(const struct exec *s, struct err *err)
{
	struct strbuf b = { 0 };

	exec_add_last_words(s->env.dir, s->said, &b);
	err_set(err, ERR_BACKEND, "exec: '%.200s' did not survive %d asks in a row%s", s->command,
		CRASHES, strbuf_str(&b));
	strbuf_free(&b);
	return err->code;
}

/* One ask to its end. */
static int converse(struct exec *s, const struct ask *ask, struct arena *mem, struct reply *r,
		    struct err *err)
{
	const int tries = s->env.once ? 1 : TRIES;
	double start = clock_s(), limit = s->env.limit_s > 0 ? s->env.limit_s : EXEC_REPLY_S;

	*r = reply_none;
	strbuf_reset(&s->request);
	if (exec_put_ask(ask, false, &s->request, err))
		return err->code;
	for (int k = 1; k <= tries; k++) {
		enum got got;

		if (!s->pid && bring_up(s, err))
			return err->code;
		s->notice = s->heard ? 0 : clock_s() + NOTICE_S;
		got = write_line(s, limit);
		if (got == GOT_LINE)
			got = read_line(s, limit);
		if (got == GOT_STOP)
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (got == GOT_LINE) {
			const char *first = r->first_error;

			s->crashes = 0;
			s->heard = true;
			*r = reply_none;
			judge(s, ask, mem, r, err);
			r->attempts = k;
			if (*first)
				r->first_error = first;
			break;
		}
		put_down(s);
		s->ends++;
		fail(r, got == GOT_LATE ? CAUSE_TIMEOUT : CAUSE_CRASH,
		     got == GOT_LATE ? "no reply in time"
				     : "the program ended or wrote more than one line",
		     mem);
		r->attempts = k;
		s->crashes += k == tries;
	}
	r->latency_ms = (clock_s() - start) * 1000;
	return s->crashes < CRASHES ? err->code : give_up(s, err);
}

/* A program that ended and went on is to be known of, whatever became of the asks. */
static void tell_ends(struct exec *s)
{
	struct strbuf b = { 0 };

	if (s->ends) {
		exec_add_last_words(s->env.dir, s->said, &b);
		log_info(s->env.log,
			 "warning: '%.200s' ended in %d asks, or said nothing in time%s",
			 s->command, s->ends, strbuf_str(&b));
	}
	s->ends = 0;
	strbuf_free(&b);
}

static int exec_run(void *state, const struct ask_source *source, const struct ask_sink *sink,
		    struct err *err)
{
	struct exec *s = state;

	while (!err->code) {
		const struct ask *ask = NULL;
		struct arena mem = { 0 };
		enum ask_next what;
		struct reply r;

		if (stopped(s))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		what = source->next(source->ctx, &ask, err);
		if (err->code || what == ASK_END)
			break;
		if (what == ASK_LATER) {
			ready_wait(source, s->env.stop, err);
			continue;
		}
		if (!converse(s, ask, &mem, &r, err))
			sink->put(sink->ctx, ask, &r, err);
		if (!err->code && sink->settle)
			sink->settle(sink->ctx, err);
		arena_free(&mem);
	}
	if (!err->code)
		tell_ends(s);
	return err->code;
}

static void exec_account(const void *state, struct ask_counts *counts)
{
	counts->away = ((const struct exec *)state)->away;
}

static void exec_close(void *state)
{
	struct exec *s = state;

	if (s->command) {
		put_down(s);
		curb_log(s);
		if (s->log >= 0)
			close(s->log);
	}
	strbuf_free(&s->line);
	strbuf_free(&s->request);
	strbuf_free(&s->identity);
	*s = (struct exec){ .fd = -1, .log = -1 };
}

const struct backend_ops backend_exec = {
	.name = "exec",
	.state_size = sizeof(struct exec),
	.open = exec_open,
	.request = exec_request,
	.start = exec_start,
	.identity = exec_identity,
	.run = exec_run,
	.account = exec_account,
	.close = exec_close,
};
