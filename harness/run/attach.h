/* SPDX-License-Identifier: Apache-2.0
 * Clips as parts of an ask: the pictures, the sound or the video that a system wants of a turn,
 * read from the corpus within the bounds of the ask.
 */
#ifndef HARNESS_RUN_ATTACH_H
#define HARNESS_RUN_ATTACH_H

#include "harness/core/ask.h"
#include "harness/core/corpus.h"

struct clip_store;

/* Gives every part without data the bytes it stands for; all memory is mem's, what the ask held
 * is left as it was.  utt: (turns of the view) their utterances in c.  see: what may be sent; a
 * part beyond it is ERR_INTERNAL.  A JPEG part becomes one part a picture, at most
 * ask->media.frames, one of the middle of each of as many equal pieces of the span; sound is
 * 16-bit mono WAV at 16 kHz; video is MP4, with its sound where see has SEE_SOUND and there is
 * any.  ask->media.seconds bounds the span: of a longer one (a row of MELD lasts 305 s) all parts
 * show the beginning.  A clip that ends early gives what is there.
 * store: parts made before, NULL: none are kept.
 * A clip that is missing or cannot be read is an error as media_read() has it, which names the
 * file; one that lacks what is asked for is ERR_DATA, a turn that has no clip ERR_MISSING, bounds
 * that make no sense ERR_ARG.  Several threads may call it at once. */
int attach_clips(struct ask *ask, const struct corpus *c, const int *utt, unsigned see,
		 struct clip_store *store, struct arena *mem, struct err *err);

#endif
