/* SPDX-License-Identifier: Apache-2.0
 * Inside harness/media: a sample as 16 bits.
 */
#ifndef HARNESS_MEDIA_PCM_H
#define HARNESS_MEDIA_PCM_H

#include <math.h>
#include <stdint.h>

/* Full scale is 32768; beyond it is clipped, NaN is silence. */
static inline int16_t pcm16(float x)
{
	float v = rintf(x * 32768.0F);

	if (!(v > -32768.0F)) /* also NaN: encoders must not see it */
		return isnan(v) ? 0 : INT16_MIN;
	return v >= 32767.0F ? INT16_MAX : (int16_t)v;
}

#endif
