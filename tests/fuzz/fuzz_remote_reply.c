/* SPDX-License-Identifier: Apache-2.0
 * The body of a server's reply, in every mode and way of choosing: it becomes a reply with a
 * status, whatever it is, and the key is in none of its texts.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <string.h>

#include "harness/remote/dialect.h"
#include "harness/remote/reply_json.h"

#define KEY "abcdefgh"

static void check(const struct reply *r, const struct option_score *score)
{
	FUZZ_CHECK((r->status == ANSWER_OK) == (r->cause == CAUSE_NONE));
	FUZZ_CHECK(r->status == ANSWER_OK || *r->first_error);
	FUZZ_CHECK(!strstr(r->text, KEY) && !strstr(r->first_error, KEY) &&
		   !strstr(r->model, KEY) && !strstr(r->finish_reason, KEY));
	for (int i = 0; i < 2; i++)
		FUZZ_CHECK(!score[i].known || isfinite(score[i].logprob));
}

static void read_as(const struct endpoint *p, enum ask_mode mode, const uint8_t *data, size_t size)
{
	static const char *const option[] = { "anger", "joy" };
	const struct ask_part part = { .type = ASK_TEXT, .data = "She felt", .size = 8 };
	const struct ask_message m = { "user", &part, 1 };
	const struct ask ask = { .id = "s",
				 .message = &m,
				 .n_messages = 1,
				 .mode = mode,
				 .option = option,
				 .n_options = mode ? 2 : 0 };
	struct option_score score[2] = { { 0 } };
	struct reply r = reply_none;
	struct arena mem = { 0 };
	struct err err = { 0 };

	FUZZ_CHECK(!dialect_reply(p, &ask, 0, (const char *)data, size, &mem, score, &r, &err));
	check(&r, score);
	arena_free(&mem);
}

int fuzz_remote_reply(const uint8_t *data, size_t size)
{
	char key[] = KEY;
	struct endpoint p = { .key = key };

	for (int mode = 0; mode < ASK_MODES; mode++)
		read_as(&p, (enum ask_mode)mode, data, size);
	p.choice = CHOICE_JSON_SCHEMA;
	read_as(&p, ASK_CHOICE, data, size);
	return 0;
}
