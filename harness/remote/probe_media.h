/* SPDX-License-Identifier: Apache-2.0
 * What a server is shown and played before the first sample, so that its reply tells whether it
 * sees and hears: something that everyone names alike and nobody would guess.
 */
#ifndef HARNESS_REMOTE_PROBE_MEDIA_H
#define HARNESS_REMOTE_PROBE_MEDIA_H

#include "harness/core/ask.h"

#define PROBE_SOUND_BYTES (44 + 2 * ASK_WAV_RATE)

/* A green picture, and two seconds of a green video. */
struct ask_part probe_picture(void);
struct ask_part probe_video(void);
/* One second of a tone of 440 Hz, as WAV. */
void probe_sound(unsigned char wav[PROBE_SOUND_BYTES]);

#endif
