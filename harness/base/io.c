/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* realpath */

#include "harness/base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/mem.h"
#include "harness/base/str.h"

int io_read_file(const char *path, size_t max, char **buf, size_t *len, struct err *err)
{
	struct stat st;
	FILE *f;
	int rc;

	*buf = NULL;
	*len = 0;
	if (stat(path, &st))
		return err_set(err, errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", path,
			       strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_FORMAT, "%s: not a regular file", path);
	if ((uintmax_t)st.st_size > max)
		return err_set(err, ERR_LIMIT, "%s: %jd bytes, more than the limit of %zu", path,
			       (intmax_t)st.st_size, max);
	f = fopen(path, "rb");
	if (!f)
		return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	*buf = malloc((size_t)st.st_size + 1);
	if (*buf)
		rc = io_read_exact(f, *buf, (size_t)st.st_size, path, err);
	else
		rc = err_set(err, ERR_NOMEM, "%s: no memory for %jd bytes", path,
			     (intmax_t)st.st_size);
	fclose(f);
	if (rc) {
		free(*buf);
		*buf = NULL;
		return rc;
	}
	*len = (size_t)st.st_size;
	(*buf)[*len] = '\0';
	return 0;
}

int io_read_exact(FILE *f, void *buf, size_t n, const char *path, struct err *err)
{
	size_t got;

	errno = 0;
	got = fread(buf, 1, n, f);
	if (got == n)
		return 0;
	if (ferror(f))
		return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	return err_set(err, ERR_FORMAT, "%s: ends after %zu of %zu bytes", path, got, n);
}

int io_write_exact(FILE *f, const void *buf, size_t n, const char *path, struct err *err)
{
	errno = 0;
	if (fwrite(buf, 1, n, f) != n)
		return err_set(err, ERR_IO, "%s: write failed: %s", path, strerror(errno));
	return 0;
}

int io_close(FILE *f, const char *path, struct err *err)
{
	int bad = ferror(f) | fflush(f);

	if (fclose(f) || bad)
		return err_set(err, ERR_IO, "%s: write failed", path);
	return 0;
}

static int sync_parent(const char *path, struct err *err)
{
	char *dir = str_dup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	int fd, rc = 0;

	if (!dir)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY);
	if (fd < 0 || (fsync(fd) && errno != EINVAL))
		rc = err_set(err, ERR_IO, "%s: cannot flush its folder: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(dir);
	return rc;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Writes to what is no file and must not be replaced by one. */
static int write_special(const char *path, const void *data, size_t len, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY), bad;

	if (fd < 0)
		return err_set(err, ERR_IO, "%s: cannot open: %s", path, strerror(errno));
	bad = write_all(fd, data, len);
	bad |= close(fd);
	return bad ? err_set(err, ERR_IO, "%s: write failed: %s", path, strerror(errno)) : 0;
}

static int replace(const char *path, const void *data, size_t len, struct err *err)
{
	struct strbuf tmp = { 0 };
	int fd, bad;

	strbuf_addf(&tmp, "%s.XXXXXX", path);
	if (tmp.oom) {
		strbuf_free(&tmp);
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	}
	fd = mkstemp(tmp.s);
	if (fd < 0) {
		err_set(err, ERR_IO, "%s: cannot create: %s", path, strerror(errno));
		strbuf_free(&tmp);
		return err->code;
	}
	bad = write_all(fd, data, len) || fchmod(fd, 0644) || fsync(fd);
	bad |= close(fd);
	if (bad || rename(tmp.s, path)) {
		err_set(err, ERR_IO, "%s: write failed: %s", path, strerror(errno));
		unlink(tmp.s);
		strbuf_free(&tmp);
		return err->code;
	}
	strbuf_free(&tmp);
	return sync_parent(path, err);
}

int io_write_atomic(const char *path, const void *data, size_t len, struct err *err)
{
	struct stat at;
	char *target;

	if (stat(path, &at))
		return replace(path, data, len, err);
	if (!S_ISREG(at.st_mode) && !S_ISDIR(at.st_mode))
		return write_special(path, data, len, err);
	target = realpath(path, NULL);
	if (!target)
		return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	replace(target, data, len, err);
	free(target);
	return err->code;
}

int io_rename(const char *from, const char *to, struct err *err)
{
	if (rename(from, to))
		return err_set(err, ERR_IO, "%s: cannot rename to %s: %s", from, to,
			       strerror(errno));
	return sync_parent(to, err);
}

int io_mkdirs(const char *path, struct err *err)
{
	char *p = str_dup(path);
	int rc = 0;

	if (!p)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	for (char *s = p + 1; !rc; s++) {
		char c = *s;

		if (c != '/' && c != '\0')
			continue;
		*s = '\0';
		if (mkdir(p, 0777) && (errno != EEXIST || !io_is_dir(p)))
			rc = err_set(err, ERR_IO, "%s: cannot create folder: %s", p,
				     strerror(errno));
		*s = c;
		if (c == '\0')
			break;
	}
	free(p);
	return rc;
}

int io_remove_tree(const char *path, struct err *err)
{
	struct io_list list = { 0 };
	struct stat st;
	int rc = 0;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode)) {
		if (unlink(path))
			return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
		return 0;
	}
	rc = io_list_dir(path, &list, err);
	for (size_t i = 0; i < list.n && !rc; i++) {
		char *child = path_join(path, list.name[i]);

		rc = child ? io_remove_tree(child, err)
			   : err_set(err, ERR_NOMEM, "%s: no memory", path);
		free(child);
	}
	io_list_free(&list);
	if (!rc && rmdir(path))
		rc = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	return rc;
}

bool io_is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool io_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int io_list_dir(const char *path, struct io_list *out, struct err *err)
{
	DIR *d = opendir(path);
	struct dirent *e;

	*out = (struct io_list){ 0 };
	if (!d)
		return err_set(err, errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", path,
			       strerror(errno));
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (!GROW_ARRAY(out->name, out->cap, out->n + 1) ||
		    !(out->name[out->n] = str_dup(e->d_name))) {
			closedir(d);
			io_list_free(out);
			return err_set(err, ERR_NOMEM, "%s: no memory", path);
		}
		out->n++;
	}
	closedir(d);
	if (out->n)
		qsort(out->name, out->n, sizeof(*out->name), by_bytes);
	return 0;
}

void io_list_free(struct io_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->name[i]);
	free(list->name);
	*list = (struct io_list){ 0 };
}
