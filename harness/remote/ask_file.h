/* SPDX-License-Identifier: Apache-2.0
 * Asks from a JSON Lines file:
 *   {"id": "dia0_utt0", "index": 0, "task": "meld/1", "mode": "generate",
 *    "messages": [{"role": "user", "content": "…"}], "options": ["anger", "joy"],
 *    "sampling": {"temperature": 0, "max_tokens": 16}, "settings": {"window": 12}}
 * id and messages are needed; content is a text or a list of {"type": "text", "text": "…"},
 * {"type": "image", "path": "f.jpg"}, {"type": "sound", "path": "a.wav"} and {"type": "video",
 * "path": "v.mp4"}.  A path leads from the folder of the file downwards.
 */
#ifndef HARNESS_REMOTE_ASK_FILE_H
#define HARNESS_REMOTE_ASK_FILE_H

#include "harness/base/json.h"
#include "harness/base/sha256.h"
#include "harness/core/ask.h"

#define ASK_MEDIA_MAX ((size_t)64 << 20)  /* bytes of one part */
#define ASK_BYTES_MAX ((size_t)256 << 20) /* of all media of one ask */

struct ask_file {
	char *path, *dir, *text;
	struct ask_line *line; /* in the order of id (bytes), then index */
	size_t n, cap, next;
	unsigned needs;		/* ask_needs() of all asks */
	char hash[SHA256_HEX];	/* of the file, and of the media it names where there are any */
	struct ask_record *out; /* asks that were not released */
	struct arena mem;
};

/* Reads one ask; its memory is mem's.  dir: that media lie in; their bytes are read, and must
 * begin as JPEG, WAV and MP4 do.  An unknown field is refused. */
int ask_read(const struct json *v, const char *what, const char *dir, struct arena *mem,
	     struct ask *ask, struct err *err);

/* Reads and checks the whole file.  ERR_FORMAT: a broken line, or the same id and index twice.
 * Free with ask_file_free(), which accepts the zeroed struct and releases what is out. */
int ask_file_open(struct ask_file *f, const char *path, struct err *err);
void ask_file_free(struct ask_file *f);
/* A source's next over ctx, a struct ask_file; each ask is given back by ask_file_release(). */
enum ask_next ask_file_next(void *ctx, const struct ask **out, struct err *err);
void ask_file_release(const struct ask *ask);

#endif
