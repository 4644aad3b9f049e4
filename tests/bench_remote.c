/* SPDX-License-Identifier: Apache-2.0
 * Asking a server: requests a second and memory, against a mock that answers after 2 ms.  One JSON
 * object a line.  Not a test.
 *   bench_remote [REQUESTS [FLYING]]    (20000, 64; memory is looked at in a process of its own)
 * "back-end" is the event loop alone; "journal" adds keys, the journal with its flushes and its
 * index, and replies in order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/remote/backend.h"
#include "harness/remote/drive.h"
#include "tests/mock.h"

#define DELAY_S .002

struct feed {
	long n, given, got, bad;
};

/* An ask that frees itself. */
struct one {
	struct ask ask;
	char id[16], text[80];
	struct ask_part part;
	struct ask_message message;
};

static enum ask_next feed_next(void *ctx, const struct ask **out, struct err *err)
{
	struct feed *f = ctx;
	struct one *o;

	if (f->given == f->n)
		return ASK_END;
	o = calloc(1, sizeof(*o));
	if (!o) {
		err_set(err, ERR_NOMEM, "no memory");
		return ASK_END;
	}
	snprintf(o->id, sizeof(o->id), "%08ld", f->given++);
	snprintf(o->text, sizeof(o->text), "Utterance %s: what does she feel? One word.", o->id);
	o->part = (struct ask_part){ .type = ASK_TEXT, .data = o->text, .size = strlen(o->text) };
	o->message = (struct ask_message){ "user", &o->part, 1 };
	o->ask = (struct ask){ .id = o->id,
			       .task = "",
			       .settings = "",
			       .message = &o->message,
			       .n_messages = 1,
			       .sampling = ask_sampling_default };
	*out = &o->ask;
	return ASK_READY;
}

static int feed_put(void *ctx, const struct ask *ask, const struct reply *r, struct err *err)
{
	struct feed *f = ctx;

	f->got++;
	f->bad += r->status != ANSWER_OK;
	free((struct one *)(uintptr_t)ask); /* its first member */
	return err->code;
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void write_profile(const char *dir, int port, char path[200], struct err *err)
{
	char text[400];
	int n = snprintf(text, sizeof(text),
			 "{\"schema_version\":1,\"name\":\"bench\",\"dialect\":\"vllm\",\"model\":"
			 "\"mock-1\",\"base_url\":\"http://127.0.0.1:%d/v1\"}",
			 port);

	snprintf(path, 200, "%s/profile.json", dir);
	io_write_atomic(path, text, (size_t)n, err);
}

/* Runs in a process of its own, beside that of the mock. */
static int measure(const char *dir, int port, long n, int flying, bool journal)
{
	const struct backend_env env = { .concurrency = flying };
	const struct drive_options o = { .dir = dir };
	struct feed f = { .n = n };
	const struct ask_source source = { .next = feed_next, .ctx = &f };
	const struct ask_sink sink = { feed_put, NULL, &f };
	struct ask_counts counts;
	struct err err = { 0 };
	char path[200];
	const char *spec;
	const struct backend_ops *ops;
	struct rusage u;
	double start, cpu;
	void *state;

	write_profile(dir, port, path, &err);
	ops = backend_find(path, &spec);
	state = calloc(1, ops->state_size);
	if (!state || err.code || ops->open(state, spec, &env, &err) ||
	    ops->start(state, 1u << ASK_GENERATE, &err)) {
		fprintf(stderr, "bench_remote: %s\n", err.msg);
		return 1;
	}
	start = clock_s();
	cpu = cpu_s();
	if (journal)
		drive(ops, state, &source, &sink, &o, &counts, &err);
	else
		ops->run(state, &source, &sink, &err);
	start = clock_s() - start;
	cpu = cpu_s() - cpu;
	getrusage(RUSAGE_SELF, &u);
	printf("{\"what\": \"%s\", \"requests\": %ld, \"in_flight\": %d, \"per_second\": %.0f, "
	       "\"cpu_us_each\": %.1f, \"rss_mb\": %.1f}\n",
	       journal ? "journal" : "back-end", f.got, flying, (double)f.got / start,
	       1e6 * cpu / (double)f.got, (double)u.ru_maxrss / 1024);
	fflush(stdout);
	if (err.code || f.got != n || f.bad)
		fprintf(stderr, "bench_remote: %ld of %ld replies, %ld bad: %s\n", f.got, n, f.bad,
			err.msg);
	ops->close(state);
	free(state);
	return err.code || f.got != n || f.bad;
}

int main(int argc, char **argv)
{
	const long n = argc > 1 ? atol(argv[1]) : 20000;
	const int flying = argc > 2 ? atoi(argv[2]) : 64;
	const struct mock_options o = { .delay_s = DELAY_S, .quick = true };
	int bad = 0;

	/* the first for a tenth: memory must not grow with the number */
	for (int i = 0; i < 4; i++) {
		char dir[] = "/tmp/merc-bench-XXXXXX";
		struct mock *m = mock_start(&o);
		struct err err = { 0 };
		int status = 1;
		pid_t pid;

		if (!m || !mkdtemp(dir))
			return 1;
		pid = fork();
		if (!pid)
			_exit(measure(dir, mock_port(m), i % 2 ? n : n / 10, flying, i >= 2));
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			status = 1;
		bad |= status != 0;
		mock_stop(m);
		io_remove_tree(dir, &err);
	}
	return bad;
}
