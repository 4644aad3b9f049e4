/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "harness/base/hash.h"
#include "harness/base/io.h"
#include "harness/base/mem.h"
#include "harness/base/str.h"

#define MAGIC	   "MERCPK1\n"
#define MAX_FILE   ((size_t)8 << 30)
#define MAX_RECORD ((size_t)16 << 20)

/* Record head on disk, in the machine's byte order: a cache never travels. */
struct head {
	char key[PACK_KEY];
	uint64_t len, sum;
};

struct entry {
	char key[PACK_KEY];
	const char *data;
	size_t len;
};

struct pack {
	char *path;
	int fd;
	char *file;	    /* what was on disk at opening */
	struct entry *slot; /* open addressing, a power of two */
	size_t n_slot, used;
	struct arena mem; /* records put since */
	pthread_mutex_t lock;
};

static size_t slot_of(const struct pack *p, const char *key)
{
	size_t i = (size_t)hash_u64(key, PACK_KEY) & (p->n_slot - 1);

	while (p->slot[i].data && memcmp(p->slot[i].key, key, PACK_KEY) != 0)
		i = (i + 1) & (p->n_slot - 1);
	return i;
}

static int index_grow(struct pack *p, struct err *err)
{
	struct entry *old = p->slot;
	size_t n = p->n_slot;

	if (2 * (p->used + 1) <= n)
		return 0;
	if (!NEW_ARRAY(p->slot, n ? 2 * n : 1024)) {
		p->slot = old;
		return err_set(err, ERR_NOMEM, "%s: no memory", p->path);
	}
	p->n_slot = n ? 2 * n : 1024;
	for (size_t i = 0; i < n; i++)
		if (old[i].data)
			p->slot[slot_of(p, old[i].key)] = old[i];
	free(old);
	return 0;
}

static int index_put(struct pack *p, const char *key, const char *data, size_t len, struct err *err)
{
	size_t i;

	if (index_grow(p, err))
		return err->code;
	i = slot_of(p, key);
	p->used += !p->slot[i].data;
	memcpy(p->slot[i].key, key, PACK_KEY);
	p->slot[i].data = data;
	p->slot[i].len = len;
	return 0;
}

/* Indexes whole records; returns the length of the sound part. */
static size_t index_file(struct pack *p, size_t size, struct err *err)
{
	size_t at = strlen(MAGIC);

	if (size < at || memcmp(p->file, MAGIC, at) != 0)
		return 0;
	while (size - at >= sizeof(struct head) && !err->code) {
		struct head h;
		const char *data = p->file + at + sizeof(h);

		memcpy(&h, p->file + at, sizeof(h));
		if (h.len > MAX_RECORD || h.len > size - at - sizeof(h) ||
		    h.sum != hash_u64(data, h.len))
			break;
		index_put(p, h.key, data, h.len, err);
		at += sizeof(h) + h.len;
	}
	return at;
}

static int open_index(struct pack *p, struct err *err)
{
	size_t size = 0, sound;

	if (io_is_file(p->path) && io_read_file(p->path, MAX_FILE, &p->file, &size, err))
		return err->code;
	p->fd = open(p->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (p->fd < 0)
		return err_set(err, ERR_IO, "%s: %s", p->path, strerror(errno));
	sound = index_file(p, size, err);
	if (err->code || (sound == size && size))
		return err->code;
	/* only a writer may cut a torn tail: somebody else may be appending it now */
	if (flock(p->fd, LOCK_EX | LOCK_NB))
		return 0;
	if (ftruncate(p->fd, (off_t)sound) ||
	    (!sound && write(p->fd, MAGIC, strlen(MAGIC)) != (ssize_t)strlen(MAGIC)))
		err_set(err, ERR_IO, "%s: %s", p->path, strerror(errno));
	flock(p->fd, LOCK_UN);
	return err->code;
}

struct pack *pack_open(const char *path, struct err *err)
{
	struct pack *p = mem_calloc(1, sizeof(*p));

	if (!p) {
		err_set(err, ERR_NOMEM, "%s: no memory", path);
		return NULL;
	}
	p->fd = -1;
	pthread_mutex_init(&p->lock, NULL);
	p->path = str_dup(path);
	if (!p->path)
		err_set(err, ERR_NOMEM, "%s: no memory", path);
	else
		open_index(p, err);
	if (err->code) {
		pack_close(p);
		return NULL;
	}
	return p;
}

const void *pack_get(struct pack *p, const char *key, size_t *len)
{
	const struct entry *e;
	const void *data;

	pthread_mutex_lock(&p->lock);
	e = p->n_slot ? &p->slot[slot_of(p, key)] : NULL;
	data = e ? e->data : NULL;
	*len = data ? e->len : 0;
	pthread_mutex_unlock(&p->lock);
	return data;
}

static int append(struct pack *p, const char *key, const void *data, size_t len, struct err *err)
{
	struct head h = { .len = len, .sum = hash_u64(data, len) };
	size_t total = sizeof(h) + len;
	char *block = malloc(total);
	ssize_t n;

	if (!block)
		return err_set(err, ERR_NOMEM, "%s: no memory", p->path);
	memcpy(h.key, key, PACK_KEY);
	memcpy(block, &h, sizeof(h));
	memcpy(block + sizeof(h), data, len);
	flock(p->fd, LOCK_EX);
	n = write(p->fd, block, total);
	flock(p->fd, LOCK_UN);
	free(block);
	if (n < 0 || (size_t)n != total)
		return err_set(err, ERR_IO, "%s: cannot append: %s", p->path,
			       n < 0 ? strerror(errno) : "disk full");
	return 0;
}

int pack_put(struct pack *p, const char *key, const void *data, size_t len, struct err *err)
{
	char *copy;

	if (len > MAX_RECORD)
		return err_set(err, ERR_LIMIT, "%s: a record of %zu bytes", p->path, len);
	pthread_mutex_lock(&p->lock);
	copy = arena_array(&p->mem, len, 1);
	if (!copy) {
		err_set(err, ERR_NOMEM, "%s: no memory", p->path);
	} else if (!append(p, key, data, len, err)) {
		memcpy(copy, data, len);
		index_put(p, key, copy, len, err);
	}
	pthread_mutex_unlock(&p->lock);
	return err->code;
}

void pack_close(struct pack *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		close(p->fd);
	free(p->path);
	free(p->file);
	free(p->slot);
	arena_free(&p->mem);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
