/* SPDX-License-Identifier: Apache-2.0
 * What a teacher may reply: it is a description or has a cause, its sentences can stand in a
 * prompt, and what is asked next is well formed.  The first byte says how the reply ended.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/str.h"
#include "harness/core/describer.h"

static void check_description(const struct description *out)
{
	int texts = 0;

	FUZZ_CHECK(!out->cause == !out->wrong);
	for (int p = 0; p < PART_COUNT; p++) {
		const char *s = out->sentence[p];

		texts += s != NULL;
		if (!s)
			continue;
		FUZZ_CHECK(*s && strlen(s) <= DESCRIPTION_BYTES &&
			   utf8_check(s, strlen(s)) == strlen(s));
		FUZZ_CHECK(!strpbrk(s, "\n\r\t\x01\x7f") && !strstr(s, "<|") && !strstr(s, "</"));
	}
	FUZZ_CHECK(out->cause ? texts == 0 : texts > 0);
	FUZZ_CHECK(out->naming >= 0 && out->naming <= texts);
}

static void check_again(const struct reply *r, struct arena *mem)
{
	static const struct turn turn = { .id = "u", .text = "Oh." };
	static const unsigned char target = 1;
	const struct view v = { .dialogue = "d", .turn = &turn, .n = 1, .target = &target };
	const struct describing how = { .pictures = true, .media = { 1, 32, 1 } };
	struct err err = { 0 };
	struct ask a;

	FUZZ_CHECK(!describer_behaviour.ask(&how, &v, 0, r, &a, mem, &err));
	for (int i = 0; i < a.n_messages; i++)
		for (int k = 0; k < a.message[i].n_parts; k++) {
			const struct ask_part *p = &a.message[i].part[k];

			FUZZ_CHECK(p->type == ASK_JPEG || (p->size && strlen(p->data) == p->size));
			FUZZ_CHECK(p->type == ASK_JPEG || utf8_check(p->data, p->size) == p->size);
		}
	FUZZ_CHECK(a.n_messages == 1 || a.n_messages == 3);
}

int fuzz_teacher(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct reply r = { .text = text, .finish_reason = size && data[0] & 1 ? "length" : "stop" };
	struct description out;
	struct arena mem = { 0 };
	struct err err = { 0 };

	FUZZ_CHECK(text != NULL);
	if (size)
		memcpy(text, data + 1, size - 1);
	text[size ? size - 1 : 0] = '\0';
	FUZZ_CHECK(!describer_behaviour.read(&r, &out, &mem, &err));
	check_description(&out);
	check_again(&r, &mem);
	arena_free(&mem);
	free(text);
	return 0;
}
