/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/exec_end.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/remote/redact.h"

#define TRIES 20   /* moments of 10 ms that an ended program has to be waited for */
#define TAIL  4096 /* bytes at the end of its standard error that are looked at */

void exec_add_end(pid_t *pid, struct strbuf *out)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	int status = 0;
	pid_t got = 0;

	for (int k = 0; k < TRIES && !got; k++) {
		got = waitpid(*pid, &status, WNOHANG);
		if (!got)
			nanosleep(&moment, NULL);
	}
	if (got != *pid) {
		strbuf_add(out, "it closed its standard output");
		return;
	}
	if (WIFSIGNALED(status))
		strbuf_addf(out, "signal %d ended it", WTERMSIG(status));
	else
		strbuf_addf(out, "it ended with status %d", WEXITSTATUS(status));
	kill(-*pid, SIGKILL);
	*pid = 0;
}

void exec_add_last_words(const char *dir, off_t from, struct strbuf *out)
{
	char *path = dir ? path_join(dir, "exec.stderr") : NULL, text[TAIL];
	int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t n, first;

	if (from > end || from < 0) /* it was cut meanwhile */
		from = 0;
	if (end - from > TAIL)
		from = end - TAIL;
	n = end > from ? pread(fd, text, (size_t)(end - from), from) : 0;
	while (n > 0 && strchr(" \t\r\n", text[n - 1]))
		n--;
	for (first = n; first > 0 && text[first - 1] != '\n'; first--)
		continue;
	if (n > 0) {
		strbuf_addf(out, "; %s ends with: ", path);
		redact_message(out, text + first, (size_t)(n - first), NULL, EXEC_SHOWN);
	} else if (fd >= 0) {
		strbuf_add(out, "; it wrote nothing on standard error");
		if (!end)
			unlink(path);
	}
	if (fd >= 0)
		close(fd);
	free(path);
}
