/* SPDX-License-Identifier: Apache-2.0
 * Clips as parts of an ask: the pictures, the sound or the video that a system wants of a turn,
 * read from the corpus within the bounds of the ask.
 */
#ifndef HARNESS_RUN_ATTACH_H
#define HARNESS_RUN_ATTACH_H

#include "harness/core/ask.h"
#include "harness/core/corpus.h"

/* Gives every part without data the bytes it stands for; all memory is mem's, what the ask held
 * is left as it was.  utt: (turns of the view) their utterances in c.  see: what may be sent; a
 * part beyond it is ERR_INTERNAL.  A JPEG part becomes one part a picture, at most
 * ask->media.frames, evenly spread over the span; sound is 16-bit mono WAV at 16 kHz; video is MP4.
 * A clip that is missing or cannot be read is an error as media_read() has it, which names the
 * file.  Several threads may call it at once. */
int attach_clips(struct ask *ask, const struct corpus *c, const int *utt, unsigned see,
		 struct arena *mem, struct err *err);

#endif
