/* SPDX-License-Identifier: Apache-2.0
 * What a person sees on stderr: messages, and progress with an ETA (a bar on a
 * terminal, plain lines otherwise).  Data goes to stdout, never through here.
 */
#ifndef HARNESS_BASE_LOG_H
#define HARNESS_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Where messages go and how many; passed explicitly, no global state.
 * NULL wherever a log is taken: silent. */
struct log {
	FILE *out;	 /* usually stderr */
	int level;	 /* 0 quiet (errors only), 1 normal, 2 verbose */
	bool terminal;	 /* redraw one line */
	const char *who; /* prefix, or NULL */
};

/* A log on stderr; terminal detection honours TERM=dumb. */
struct log log_stderr(int level);
void log_error(const struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_info(const struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Progress of `total` equal steps.  Not thread-safe: call from one thread. */
struct progress {
	const struct log *log;
	char what[96];
	int64_t total, done, cached; /* cached steps do not count for the ETA */
	double start_s, last_s;
};
void progress_start(struct progress *p, const struct log *log, const char *what, int64_t total);
/* done steps in all so far; cached of them cost nothing; detail may be NULL. */
void progress_update(struct progress *p, int64_t done, int64_t cached, const char *detail);
void progress_end(struct progress *p, const char *detail);

/* Monotonic seconds. */
double clock_s(void);

#endif
