/* SPDX-License-Identifier: Apache-2.0
 * Asks whose parts stand for clips, as the tests of harness/run/attach.h make them.
 */
#ifndef TESTS_WISH_H
#define TESTS_WISH_H

#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/core/view.h"
#include "harness/run/attach.h"

#define PARTS 8

/* An ask of one message, whose parts stand for turns. */
struct wish {
	struct ask_part part[PARTS];
	struct ask_message message;
	struct ask ask;
	struct arena mem;
};

static inline void wish_make(struct wish *w, const char *types, struct ask_media media)
{
	*w = (struct wish){ .ask = { .id = "test/dia0_utt0", .n_messages = 1, .media = media } };
	for (int i = 0; types[i]; i++) {
		struct ask_part *p = &w->part[w->message.n_parts++];

		switch (types[i]) {
		case 'j':
			p->type = ASK_JPEG;
			break;
		case 'w':
			p->type = ASK_WAV;
			break;
		case 'v':
			p->type = ASK_VIDEO;
			break;
		default:
			*p = (struct ask_part){ .type = ASK_TEXT, .data = "how?", .size = 4 };
		}
	}
	w->message.role = "user";
	w->message.part = w->part;
	w->ask.message = &w->message;
}

static inline int wish_come(struct wish *w, const struct utterance *u, unsigned see,
			    struct clip_store *store, struct err *err)
{
	const struct corpus c = { .utt = (struct utterance *)(uintptr_t)u, .n_utt = 1 };
	const int utt = 0;

	return attach_clips(&w->ask, &c, &utt, see, store, &w->mem, err);
}

static inline const struct ask_part *part(const struct wish *w, int i)
{
	return &w->ask.message[0].part[i];
}

static inline struct utterance whole(const char *path)
{
	return (struct utterance){ .id = "dia0_utt0",
				   .audio = { .path = path, .end_ms = -1 },
				   .video = { .path = path, .end_ms = -1 } };
}

static inline void check_same(const struct wish *a, const struct wish *b)
{
	assert_int_equal(a->ask.message[0].n_parts, b->ask.message[0].n_parts);
	for (int i = 0; i < a->ask.message[0].n_parts; i++) {
		CHECK(part(a, i)->size == part(b, i)->size);
		CHECK(!memcmp(part(a, i)->data, part(b, i)->data, part(a, i)->size));
	}
}

#endif
