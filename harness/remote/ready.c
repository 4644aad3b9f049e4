/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LOOK_MS 200 /* how long a signal to stop may go unseen */

int ready_wait(const struct ask_source *source, const volatile sig_atomic_t *stop, struct err *err)
{
	struct pollfd p = { source->ready, POLLIN, 0 };

	if (!source->ready)
		return err_set(err, ERR_INTERNAL, "asks wait for replies to nothing");
	while (!(stop && *stop)) {
		int n = poll(&p, 1, LOOK_MS);

		if (n > 0 && p.revents & POLLIN)
			return 0;
		if (n > 0 || (n < 0 && errno != EINTR))
			return err_set(err, ERR_INTERNAL,
				       "the source of asks cannot be waited for");
	}
	return err_set(err, ERR_INTERRUPTED, "interrupted");
}

int ready_gate_open(struct ready_gate *g, int source, struct err *err)
{
	struct epoll_event e = { .events = EPOLLIN };
	int fd;

	*g = (struct ready_gate){ .source = source };
	if (!source)
		return 0;
	fd = epoll_create1(EPOLL_CLOEXEC);
	/* 0, which says none, is free where a parent has closed it */
	g->fd = fd ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 1);
	if (!fd)
		close(fd);
	if (g->fd < 0 || epoll_ctl(g->fd, EPOLL_CTL_ADD, source, &e))
		err_set(err, ERR_IO, "the source of asks: %s", strerror(errno));
	return err->code;
}

int ready_gate_hold(struct ready_gate *g, bool held, struct err *err)
{
	struct epoll_event e = { .events = held ? 0 : EPOLLIN };

	if (!g->fd || g->held == held)
		return 0;
	if (epoll_ctl(g->fd, EPOLL_CTL_MOD, g->source, &e))
		return err_set(err, ERR_IO, "the source of asks: %s", strerror(errno));
	g->held = held;
	return 0;
}

void ready_gate_close(struct ready_gate *g)
{
	if (g->fd > 0)
		close(g->fd);
	*g = (struct ready_gate){ 0 };
}
