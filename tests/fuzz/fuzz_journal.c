/* SPDX-License-Identifier: Apache-2.0
 * The journal of another folder: what it shares is found by whoever takes that folder up, too.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "harness/base/io.h"
#include "harness/remote/journal.h"
#include "harness/remote/shelf.h"

/* The keys that an input can have. */
static void key_of(int i, char key[ASK_SHA_HEX])
{
	memset(key, "0ab"[i], ASK_SHA_HEX - 1);
	key[ASK_SHA_HEX - 1] = '\0';
}

static bool on_shelf(const struct shelf *s, const char key[ASK_SHA_HEX])
{
	struct arena mem = { 0 };
	struct err err = { 0 };
	struct reply r;
	bool found;

	fuzz_outcome(!shelf_find(s, key, &mem, &r, &found, &err), &err);
	if (!err.code && found) {
		FUZZ_CHECK(r.status == ANSWER_OK && (r.n_options || *r.text));
		fuzz_touch(r.text, strlen(r.text));
	}
	arena_free(&mem);
	return !err.code && found;
}

static bool in_journal(struct journal *j, const char key[ASK_SHA_HEX], struct err *err)
{
	struct arena mem = { 0 };
	struct reply r;
	bool found;

	fuzz_outcome(!journal_find(j, key, &mem, &r, &found, err), err);
	arena_free(&mem);
	return !err->code && found;
}

int fuzz_journal(const uint8_t *data, size_t size)
{
	static const char *const name[] = { "journal.jsonl", NULL };
	struct err err = { 0 }, other = { 0 }, late = { 0 };
	struct fuzz_folder f;
	struct journal *j;
	struct shelf *s;

	fuzz_folder_open(&f, name, data, size);
	s = shelf_open(f.path, &err);
	fuzz_outcome(s != NULL, &err);
	j = journal_open(f.path, NULL, &other);
	fuzz_outcome(j != NULL, &other);
	FUZZ_CHECK((s != NULL) == (j != NULL));
	for (int i = 0; i < 3 && s; i++) {
		struct err bad = { 0 };
		char key[ASK_SHA_HEX];

		key_of(i, key);
		if (on_shelf(s, key))
			FUZZ_CHECK(in_journal(j, key, &bad) || bad.code);
	}
	journal_close(j);
	shelf_close(s);
	io_remove_tree(f.path, &late); /* the journal has made its index there */
	FUZZ_CHECK(!late.code);
	return 0;
}
