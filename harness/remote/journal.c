/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/remote/journal_lines.h"
#include "harness/remote/key.h"
#include "harness/remote/reply_json.h"

enum statement { INSERT, SELECT, SET_SIZE, STATEMENTS };

/* Where a line that was added goes. */
struct entry {
	char key[ASK_SHA_HEX];
	int64_t offset, length; /* the line feed not counted */
	double cost;
};

struct journal {
	char *path, *index;
	const struct log *log;
	int fd;
	int64_t size; /* of the journal: bytes that are durable */
	double cost;
	sqlite3 *db;
	sqlite3_stmt *stmt[STATEMENTS];
	struct strbuf added; /* lines to come */
	struct entry *entry;
	size_t n, cap;
};

static int db_error(const struct journal *j, struct err *err)
{
	if (j->db && sqlite3_errcode(j->db) == SQLITE_FULL)
		return err_set(err, ERR_IO,
			       "%s: no space is left on its device: free some, and the same "
			       "command goes on",
			       j->index);
	return err_set(err, ERR_IO, "%s: %s; it can be deleted, the journal beside it has all",
		       j->index, j->db ? sqlite3_errmsg(j->db) : "no memory");
}

static int db_do(struct journal *j, const char *sql, struct err *err)
{
	return sqlite3_exec(j->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(j, err);
}

static int step(struct journal *j, enum statement s, struct err *err)
{
	int rc = sqlite3_step(j->stmt[s]);

	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		db_error(j, err);
	return rc;
}

static void index_close(struct journal *j)
{
	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(j->stmt[i]);
		j->stmt[i] = NULL;
	}
	sqlite3_close(j->db);
	j->db = NULL;
}

/* The index can be made anew at any time, so that it need not be flushed. */
static int index_open(struct journal *j, struct err *err)
{
	static const char *const sql[STATEMENTS] = {
		[INSERT] = "INSERT OR REPLACE INTO reply VALUES (?1, ?2, ?3)",
		[SELECT] = "SELECT start, length FROM reply WHERE key = ?1",
		[SET_SIZE] = "UPDATE covered SET size = ?1, cost = ?2",
	};

	if (sqlite3_open(j->index, &j->db) != SQLITE_OK)
		return db_error(j, err);
	if (db_do(j,
		  "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
		  "PRAGMA locking_mode = EXCLUSIVE;"
		  "CREATE TABLE IF NOT EXISTS reply (key TEXT PRIMARY KEY, start INTEGER, "
		  "length INTEGER) WITHOUT ROWID;"
		  "CREATE TABLE IF NOT EXISTS covered (size INTEGER, cost REAL);"
		  "INSERT INTO covered SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM covered)",
		  err))
		return err->code;
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v2(j->db, sql[i], -1, &j->stmt[i], NULL) != SQLITE_OK)
			return db_error(j, err);
	return 0;
}

/* How much of the journal the index has. */
static int index_covered(struct journal *j, int64_t *size, double *cost, struct err *err)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(j->db, "SELECT size, cost FROM covered", -1, &s, NULL) != SQLITE_OK)
		return db_error(j, err);
	if (sqlite3_step(s) == SQLITE_ROW) {
		*size = sqlite3_column_int64(s, 0);
		*cost = sqlite3_column_double(s, 1);
	} else {
		db_error(j, err);
	}
	sqlite3_finalize(s);
	return err->code;
}

/* Puts the entries into the index, in one transaction. */
static int index_entries(struct journal *j, struct err *err)
{
	if (db_do(j, "BEGIN", err))
		return err->code;
	for (size_t i = 0; i < j->n && !err->code; i++) {
		const struct entry *e = &j->entry[i];

		sqlite3_reset(j->stmt[INSERT]);
		sqlite3_bind_text(j->stmt[INSERT], 1, e->key, -1, SQLITE_STATIC);
		sqlite3_bind_int64(j->stmt[INSERT], 2, e->offset);
		sqlite3_bind_int64(j->stmt[INSERT], 3, e->length);
		step(j, INSERT, err);
	}
	sqlite3_reset(j->stmt[SET_SIZE]);
	sqlite3_bind_int64(j->stmt[SET_SIZE], 1, j->size);
	sqlite3_bind_double(j->stmt[SET_SIZE], 2, j->cost);
	if (!err->code)
		step(j, SET_SIZE, err);
	sqlite3_reset(j->stmt[SET_SIZE]);
	sqlite3_reset(j->stmt[INSERT]);
	return err->code ? err->code : db_do(j, "COMMIT", err);
}

/* --- bringing the index up to date ----------------------------------------------------------- */

static struct entry *new_entry(struct journal *j, struct err *err)
{
	if (!GROW_ARRAY(j->entry, j->cap, j->n + 1)) {
		err_set(err, ERR_NOMEM, "%s: no memory", j->path);
		return NULL;
	}
	return &j->entry[j->n++];
}

static int take_line(void *ctx, const struct json *line, const char *key, int64_t offset,
		     int64_t length, struct err *err)
{
	struct journal *j = ctx;
	struct entry *e = new_entry(j, err);

	if (!e)
		return err->code;
	memcpy(e->key, key, ASK_SHA_HEX);
	e->offset = offset;
	e->length = length;
	j->cost += json_num(json_get(line, "cost"), 0);
	return 0;
}

static int catch_up(struct journal *j, struct err *err)
{
	int64_t covered = 0;
	struct stat st;

	if (index_covered(j, &covered, &j->cost, err))
		return err->code;
	if (fstat(j->fd, &st))
		return err_set(err, ERR_IO, "%s: %s", j->path, strerror(errno));
	if (covered > st.st_size) {
		/* the index is another journal's */
		covered = 0;
		j->cost = 0;
		if (db_do(j, "DELETE FROM reply", err))
			return err->code;
	}
	if (journal_lines(j->fd, j->path, covered, take_line, j, &j->size, err))
		return err->code;
	if (j->size < st.st_size) {
		log_error(j->log, "%s: the last line is torn and dropped (%lld bytes)", j->path,
			  (long long)(st.st_size - j->size));
		if (ftruncate(j->fd, j->size) || fsync(j->fd))
			return err_set(err, ERR_IO, "%s: %s", j->path, strerror(errno));
	}
	if (j->n || covered == 0)
		index_entries(j, err);
	j->n = 0;
	return err->code;
}

static int lock(struct journal *j, struct err *err)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	j->fd = open(j->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (j->fd < 0)
		return err_set(err, ERR_IO, "%s: %s", j->path, strerror(errno));
	if (fcntl(j->fd, F_SETLK, &l))
		return err_set(err, ERR_ARG, "%s: another process writes to it; wait for its end",
			       j->path);
	return 0;
}

/* Anything that keeps the index from being used is cured by a new one. */
static int open_index(struct journal *j, struct err *err)
{
	static const char *const rest[] = { "", "-wal", "-shm" };
	struct err first = { 0 };

	if (!index_open(j, &first))
		return 0;
	index_close(j);
	log_error(j->log, "%s; it is made anew", first.msg);
	for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
		struct strbuf b = { 0 };

		strbuf_addf(&b, "%s%s", j->index, rest[i]);
		if (!b.oom)
			unlink(b.s);
		strbuf_free(&b);
	}
	return index_open(j, err);
}

struct journal *journal_open(const char *dir, const struct log *log, struct err *err)
{
	struct journal *j = mem_calloc(1, sizeof(*j));

	if (!j) {
		err_set(err, ERR_NOMEM, "journal: no memory");
		return NULL;
	}
	j->fd = -1;
	j->log = log;
	j->path = path_join(dir, JOURNAL_FILE);
	j->index = path_join(dir, "journal.db");
	if (!j->path || !j->index)
		err_set(err, ERR_NOMEM, "journal: no memory");
	else if (!lock(j, err) && !open_index(j, err))
		catch_up(j, err);
	if (!err->code)
		return j;
	journal_close(j);
	return NULL;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	index_close(j);
	if (j->fd >= 0)
		close(j->fd);
	strbuf_free(&j->added);
	free(j->entry);
	free(j->path);
	free(j->index);
	free(j);
}

/* --- use ------------------------------------------------------------------------------------- */

int journal_find(struct journal *j, const char key[ASK_SHA_HEX], struct arena *mem,
		 struct reply *out, bool *found, struct err *err)
{
	int64_t offset, length;

	*found = false;
	sqlite3_reset(j->stmt[SELECT]);
	sqlite3_bind_text(j->stmt[SELECT], 1, key, -1, SQLITE_TRANSIENT);
	if (step(j, SELECT, err) != SQLITE_ROW)
		return err->code;
	offset = sqlite3_column_int64(j->stmt[SELECT], 0);
	length = sqlite3_column_int64(j->stmt[SELECT], 1);
	sqlite3_reset(j->stmt[SELECT]);
	if (offset < 0 || length < 0 || length > j->size - offset)
		return err_set(err, ERR_FORMAT, "%s: does not fit %s; delete it", j->index,
			       j->path);
	*found = true;
	return journal_line(j->fd, j->path, offset, length, key, mem, out, err);
}

int journal_add(struct journal *j, const struct ask *ask, const char key[ASK_SHA_HEX],
		const struct reply *r, struct err *err)
{
	struct entry *e = new_entry(j, err);
	size_t from = j->added.len;
	struct json_writer w;

	if (!e)
		return err->code;
	json_begin(&w, &j->added, 0);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "key", key);
	json_put_bool(&w, "deterministic", ask_deterministic(ask) && !r->varies);
	reply_put(&w, ask->id, ask->index, r, true);
	json_close_object(&w);
	strbuf_addc(&j->added, '\n');
	if (j->added.oom)
		return err_set(err, ERR_NOMEM, "%s: no memory", j->path);
	memcpy(e->key, key, ASK_SHA_HEX);
	e->offset = j->size + (int64_t)from;
	e->length = (int64_t)(j->added.len - from - 1);
	e->cost = r->cost;
	return 0;
}

int journal_commit(struct journal *j, struct err *err)
{
	const char *p = strbuf_str(&j->added);
	size_t left = j->added.len;

	if (!left)
		return 0;
	while (left) {
		ssize_t n = write(j->fd, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(err, ERR_IO, "%s: write failed: %s", j->path,
				       strerror(errno));
		p += n;
		left -= (size_t)n;
	}
	if (fdatasync(j->fd))
		return err_set(err, ERR_IO, "%s: write failed: %s", j->path, strerror(errno));
	j->size += (int64_t)j->added.len;
	for (size_t i = 0; i < j->n; i++)
		j->cost += j->entry[i].cost;
	strbuf_reset(&j->added);
	index_entries(j, err);
	j->n = 0;
	return err->code;
}

double journal_cost(const struct journal *j)
{
	return j->cost;
}
