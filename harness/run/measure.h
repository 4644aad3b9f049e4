/* SPDX-License-Identifier: Apache-2.0
 * Measures the clips of a corpus: decode once, speech cues, behaviour cues and
 * feature frames; several files at once; what was measured before comes from the cache.
 */
#ifndef HARNESS_RUN_MEASURE_H
#define HARNESS_RUN_MEASURE_H

#include "harness/media/media.h"
#include "harness/run/bank.h"

/* Fills m[i] (n_utt, zeroed) for every utterance that names a clip; feature rows
 * go to mem.  Counts into *b: n_media, n_cached, n_failed.  A clip that cannot be read
 * sets m[i].error and becomes an oddity of the corpus. */
int measure_corpus(struct bank *b, struct corpus *corpus, const struct bank_options *o,
		   struct err *err);

/* The same for one utterance at a time and without a cache, by several workers side by side.  b
 * tells what kind of pictures there are; o (borrowed) the face models.  NULL with err set. */
struct measurer;
struct measurer *measurer_new(const struct bank *b, const struct bank_options *o, int workers,
			      struct err *err);
void measurer_free(struct measurer *m); /* accepts NULL */
/* Measures what u names (paths NULL: nothing); feature rows come from mem.  Workers 0..workers-1
 * may call it at once.  Errors as media_read() has them. */
int measurer_take(struct measurer *m, int worker, const struct utterance *u, struct measured *out,
		  struct arena *mem, struct err *err);

/* How clips are read to be measured. */
#define MEASURE_RATE   16000 /* Hz, mono */
#define MEASURE_FPS    12.0
#define MEASURE_HEIGHT 360 /* a mouth across a table is then some 15 pixels wide */
#define MEASURE_MAX_SECONDS                                                                        \
	60.0 /* a longer row of a corpus is a cutting error: measured this far */

/* A request that reads this span so, still without on_picture. */
struct media_request measure_request(const struct media_ref *ref, bool sound, bool pictures);

/* One word of what became of a clip, for tables: ok; no-audio, no-video, cut, damaged, short, long
 * (several with + between them); missing, not-media, unusable, over-limit, failed; no-clip. */
enum { STATUS_SIZE = 64 };
void measured_status(const struct measured *m, const struct utterance *u, char out[STATUS_SIZE]);

#endif
