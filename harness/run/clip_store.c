/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/clip_store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/base/str.h"
#include "harness/run/content.h"

#define MAGIC	   "MERCCLP1"
#define MAX_RECORD ((int64_t)256 << 20)
#define SUFFIX	   ".parts"
#define NEW	   "new-"
/* What a process left that was killed while writing. */
#define STALE_S 3600

/* A record on disk, in the machine's byte order (a cache never travels): this, the sizes of the
 * parts, their bytes. */
struct head {
	char magic[8];
	uint64_t sum; /* of all that follows it */
	uint32_t n, type;
};

struct clip_store {
	char *dir;
	struct pack *hashes;
	int64_t max, total, unseen; /* bytes; unseen: written since the folder was looked through */
	bool looked;
	struct err broken; /* why nothing is kept any more */
	const struct log *log;
	pthread_mutex_t lock;
};

/* A record in the folder. */
struct record {
	char *path;
	int64_t size;
	struct timespec used;
};

struct records {
	struct record *r;
	size_t n, cap;
};

struct clip_store *clip_store_open(const char *dir, int64_t max_bytes, const struct log *log,
				   struct err *err)
{
	struct clip_store *s = mem_calloc(1, sizeof(*s));
	char *hashes = path_join(dir, "hashes.pack");

	if (s) {
		pthread_mutex_init(&s->lock, NULL);
		s->max = max_bytes;
		s->log = log;
		s->dir = str_dup(dir);
	}
	if (!s || !s->dir || !hashes)
		err_set(err, ERR_NOMEM, "%s: no memory", dir);
	else if (!io_mkdirs(dir, err))
		s->hashes = pack_open(hashes, err);
	free(hashes);
	if (err->code) {
		clip_store_close(s);
		return NULL;
	}
	return s;
}

void clip_store_close(struct clip_store *s)
{
	if (!s)
		return;
	pack_close(s->hashes);
	pthread_mutex_destroy(&s->lock);
	free(s->dir);
	free(s);
}

int clip_store_hash(struct clip_store *s, const char *path, char out[HASH_HEX], struct err *err)
{
	return content_hash(s->hashes, path, out, err);
}

/* "DIR/ab/abcdef….parts" */
static void record_path(const struct clip_store *s, const char *key, struct strbuf *out)
{
	strbuf_addf(out, "%s/%.2s/%s" SUFFIX, s->dir, key, key);
}

/* --- reading --------------------------------------------------------------------------------- */

/* The parts of a record in memory; false: it is damaged. */
static bool parse(const char *data, size_t size, struct ask_part *part, struct head *h)
{
	uint64_t len[ASK_PARTS_MAX];
	size_t at;

	if (size < sizeof(*h))
		return false;
	memcpy(h, data, sizeof(*h));
	at = sizeof(*h) + (size_t)h->n * sizeof(*len);
	if (memcmp(h->magic, MAGIC, sizeof(h->magic)) != 0 || h->n < 1 || h->n > ASK_PARTS_MAX ||
	    h->type >= ASK_PART_TYPES || size < at ||
	    h->sum != hash_u64(data + offsetof(struct head, n), size - offsetof(struct head, n)))
		return false;
	memcpy(len, data + sizeof(*h), (size_t)h->n * sizeof(*len));
	for (uint32_t i = 0; i < h->n; at += len[i++]) {
		if (len[i] > size - at)
			return false;
		part[i] = (struct ask_part){ .type = (enum ask_part_type)h->type,
					     .data = data + at,
					     .size = len[i] };
	}
	return at == size;
}

/* The whole file into mem; NULL: it is not there, or err is set. */
static char *load(int fd, struct arena *mem, size_t *size, struct err *err)
{
	struct stat st;
	ssize_t n;
	char *data;

	if (fstat(fd, &st) || st.st_size > MAX_RECORD)
		return NULL;
	data = arena_array(mem, (size_t)st.st_size, 1);
	if (!data) {
		err_set(err, ERR_NOMEM, "parts of clips: no memory");
		return NULL;
	}
	for (*size = 0; *size < (size_t)st.st_size; *size += (size_t)n) {
		n = read(fd, data + *size, (size_t)st.st_size - *size);
		if (n <= 0)
			return NULL;
	}
	return data;
}

int clip_store_get(struct clip_store *s, const char key[HASH_HEX], struct ask_part **part, int *n,
		   struct arena *mem, struct err *err)
{
	struct ask_part found[ASK_PARTS_MAX];
	struct strbuf path = { 0 };
	struct head h;
	char *data = NULL;
	size_t size = 0;
	int fd = -1;

	*part = NULL;
	*n = 0;
	record_path(s, key, &path);
	if (!path.oom)
		fd = open(path.s, O_RDONLY | O_CLOEXEC);
	strbuf_free(&path);
	if (fd < 0)
		return 0;
	data = load(fd, mem, &size, err);
	if (data && parse(data, size, found, &h)) {
		*part = arena_array(mem, h.n, sizeof(**part));
		if (*part) {
			memcpy(*part, found, h.n * sizeof(**part));
			*n = (int)h.n;
		} else {
			err_set(err, ERR_NOMEM, "parts of clips: no memory");
		}
		/* says that it was used; a folder that is only to be read stays as it is */
		(void)futimens(fd, NULL);
	}
	close(fd);
	return err->code;
}

/* --- bounding -------------------------------------------------------------------------------- */

static int by_age(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
	if (x->used.tv_nsec != y->used.tv_nsec)
		return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
	return strcmp(x->path, y->path);
}

static void records_free(struct records *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->r[i].path);
	free(all->r);
}

/* Notes the records of one folder, and takes away what a killed process left there. */
static int look_through(const char *dir, struct records *all, struct err *err)
{
	struct io_list list = { 0 };

	io_list_dir(dir, &list, err);
	for (size_t i = 0; i < list.n && !err->code; i++) {
		struct record r = { .path = path_join(dir, list.name[i]) };
		bool ours = str_ends(list.name[i], SUFFIX), left = str_starts(list.name[i], NEW);
		struct stat st;

		if (!r.path || !GROW_ARRAY(all->r, all->cap, all->n + 1)) {
			free(r.path);
			err_set(err, ERR_NOMEM, "%s: no memory", dir);
		} else if ((!ours && !left) ||
			   stat(r.path, &st)) { /* or another process took it away */
			free(r.path);
		} else if (left) {
			if (time(NULL) - st.st_mtim.tv_sec > STALE_S)
				unlink(r.path);
			free(r.path);
		} else {
			r.size = st.st_size;
			r.used = st.st_mtim;
			all->r[all->n++] = r;
		}
	}
	io_list_free(&list);
	return err->code;
}

/* Counts what is there, by whomever, and takes away the oldest down to seven eighths of the bound.
 * Two processes that do so at once take away the same ones. */
static int tidy(struct clip_store *s, struct err *err)
{
	struct io_list list = { 0 };
	struct records all = { 0 };

	io_list_dir(s->dir, &list, err);
	for (size_t i = 0; i < list.n && !err->code; i++) {
		char *sub = strlen(list.name[i]) == 2 ? path_join(s->dir, list.name[i]) : NULL;

		if (sub && io_is_dir(sub))
			look_through(sub, &all, err);
		free(sub);
	}
	s->total = 0;
	for (size_t i = 0; i < all.n; i++)
		s->total += all.r[i].size;
	if (!err->code && s->total > s->max) {
		qsort(all.r, all.n, sizeof(*all.r), by_age);
		for (size_t i = 0; i < all.n && s->total > s->max - s->max / 8; i++) {
			unlink(all.r[i].path);
			s->total -= all.r[i].size;
		}
	}
	s->unseen = 0;
	s->looked = true;
	io_list_free(&list);
	records_free(&all);
	return err->code;
}

/* --- writing --------------------------------------------------------------------------------- */

static void fill(struct strbuf *b, const struct ask_part *part, int n)
{
	struct head h = { .n = (uint32_t)n, .type = (uint32_t)part[0].type };
	const size_t from = offsetof(struct head, n);

	memcpy(h.magic, MAGIC, sizeof(h.magic));
	strbuf_addn(b, (const char *)&h, sizeof(h));
	for (int i = 0; i < n; i++) {
		uint64_t len = part[i].size;

		strbuf_addn(b, (const char *)&len, sizeof(len));
	}
	for (int i = 0; i < n; i++)
		strbuf_addn(b, part[i].data, part[i].size);
	if (b->oom)
		return;
	h.sum = hash_u64(b->s + from, b->len - from);
	memcpy(b->s, &h, sizeof(h));
}

/* Under a name of its own first: who reads never sees half a record.  Nothing is flushed: what a
 * power cut damages does not pass its sum. */
static int write_record(const struct clip_store *s, const char *key, const struct strbuf *data,
			struct err *err)
{
	struct strbuf dir = { 0 }, own = { 0 }, path = { 0 };
	FILE *f = NULL;
	int fd = -1;

	strbuf_addf(&dir, "%s/%.2s", s->dir, key);
	strbuf_addf(&own, "%s/%.2s/" NEW "XXXXXX", s->dir, key);
	record_path(s, key, &path);
	if (dir.oom || own.oom || path.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", s->dir);
	else if (!io_mkdirs(dir.s, err) && (fd = mkstemp(own.s)) < 0)
		err_set(err, ERR_IO, "%s: %s", own.s, strerror(errno));
	if (fd >= 0) {
		f = fdopen(fd, "wb");
		if (!f) {
			close(fd);
			err_set(err, ERR_IO, "%s: %s", own.s, strerror(errno));
		} else {
			io_write_exact(f, data->s, data->len, own.s, err);
			io_close(f, own.s, err);
		}
		if (!err->code && rename(own.s, path.s))
			err_set(err, ERR_IO, "%s: %s", path.s, strerror(errno));
		if (err->code)
			unlink(own.s);
	}
	strbuf_free(&dir);
	strbuf_free(&own);
	strbuf_free(&path);
	return err->code;
}

static bool is_broken(struct clip_store *s)
{
	bool broken;

	pthread_mutex_lock(&s->lock);
	broken = s->broken.code != 0;
	pthread_mutex_unlock(&s->lock);
	return broken;
}

void clip_store_put(struct clip_store *s, const char key[HASH_HEX], const struct ask_part *part,
		    int n)
{
	struct strbuf data = { 0 };
	struct err err = { 0 };

	if (is_broken(s))
		return;
	fill(&data, part, n);
	if (data.oom)
		err_set(&err, ERR_NOMEM, "%s: no memory", s->dir);
	else if ((int64_t)data.len <= MAX_RECORD)
		write_record(s, key, &data, &err);
	pthread_mutex_lock(&s->lock);
	s->total += (int64_t)data.len;
	s->unseen += (int64_t)data.len;
	if (!err.code && (!s->looked || s->total > s->max || s->unseen > s->max / 16))
		tidy(s, &err);
	if (err.code && !s->broken.code) {
		s->broken = err;
		log_info(s->log, "warning: parts of clips are kept no more: %s", err.msg);
	}
	pthread_mutex_unlock(&s->lock);
	strbuf_free(&data);
}
