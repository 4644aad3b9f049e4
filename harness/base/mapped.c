/* SPDX-License-Identifier: Apache-2.0
 * One read-only shared mapping a file; the descriptor is closed at once, the mapping stays.
 */
#include "harness/base/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

/* Behind the file's end its last page reads as zeros.  Nobody may: the address sanitizer is
 * told, so that a reader that goes too far is found. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>

static void guard_tail(const struct mapped *m, bool on)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), tail = (page - m->size % page) % page;

	if (on)
		ASAN_POISON_MEMORY_REGION(m->data + m->size, tail);
	else
		ASAN_UNPOISON_MEMORY_REGION(m->data + m->size, tail);
}
#else
static void guard_tail(const struct mapped *m, bool on)
{
	(void)m;
	(void)on;
}
#endif

static int map_whole(struct mapped *m, int fd, const char *path, struct err *err)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st))
		return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_FORMAT, "%s: not a regular file", path);
	if ((uintmax_t)st.st_size > SIZE_MAX)
		return err_set(err, ERR_LIMIT, "%s: larger than the address space", path);
	if (!st.st_size)
		return 0;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_set(err, ERR_IO, "%s: cannot map: %s", path, strerror(errno));
	*m = (struct mapped){ p, (size_t)st.st_size };
	guard_tail(m, true);
	return 0;
}

int mapped_open(struct mapped *m, const char *path, struct err *err)
{
	/* a pipe in the file's place must not hang the open */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	*m = (struct mapped){ 0 };
	if (fd < 0)
		return err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_MISSING : ERR_IO,
			       "%s: %s", path, strerror(errno));
	rc = map_whole(m, fd, path, err);
	close(fd);
	return rc;
}

void mapped_close(struct mapped *m)
{
	if (m->data) {
		guard_tail(m, false);
		munmap((void *)(uintptr_t)m->data, m->size);
	}
	*m = (struct mapped){ 0 };
}
