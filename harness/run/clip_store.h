/* SPDX-License-Identifier: Apache-2.0
 * Parts of asks that were made of clips before, on disk: decoding a clip takes a thousand times as
 * long as reading them back, and the same clips are asked about with other words, in runs taken
 * up again, and by other systems.
 */
#ifndef HARNESS_RUN_CLIP_STORE_H
#define HARNESS_RUN_CLIP_STORE_H

#include <stdint.h>

#include "harness/base/hash.h"
#include "harness/base/log.h"
#include "harness/base/mem.h"
#include "harness/core/ask.h"

/* Eight pictures and the sound of every clip of MELD take about 3 GB. */
#define CLIP_STORE_BYTES ((int64_t)4 << 30)

struct clip_store;

/* Keeps parts in the folder, which is made: one file a record, named by its key.  Beyond max_bytes
 * those that were not used for longest go, a sixteenth late at most for each process that writes.
 * Several threads and processes may use one folder at once; a record that is damaged is not there.
 * log: gets one line when nothing can be kept any more (a full disk): the store is then of no
 * further use, and no further harm.  NULL with err set: no folder, no memory.  Free with
 * clip_store_close(). */
struct clip_store *clip_store_open(const char *dir, int64_t max_bytes, const struct log *log,
				   struct err *err);
void clip_store_close(struct clip_store *s); /* accepts NULL */

/* out: the hash of a clip's content, as content_hash() has it. */
int clip_store_hash(struct clip_store *s, const char *path, char out[HASH_HEX], struct err *err);
/* *part (*n parts, from mem): the record of that key; *n 0: there is none.  ERR_NOMEM. */
int clip_store_get(struct clip_store *s, const char key[HASH_HEX], struct ask_part **part, int *n,
		   struct arena *mem, struct err *err);
/* Keeps n parts (1 to ASK_PARTS_MAX, of one type) under a key. */
void clip_store_put(struct clip_store *s, const char key[HASH_HEX], const struct ask_part *part,
		    int n);

#endif
