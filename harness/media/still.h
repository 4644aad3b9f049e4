/* SPDX-License-Identifier: Apache-2.0
 * Pictures and sound as the bytes of one file, for those who send them: JPEG and WAV.
 */
#ifndef HARNESS_MEDIA_STILL_H
#define HARNESS_MEDIA_STILL_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/picture.h"

/* An encoder of JPEG pictures with a fixed quantiser (1 to 31, smaller is finer): 4:2:0, full
 * range, optimal Huffman tables.  Same picture and library version, same bytes, whatever was
 * encoded before. */
struct still;
/* NULL with err set.  Free with still_free(). */
struct still *still_new(int quantiser, struct err *err);
void still_free(struct still *s); /* accepts NULL */
/* *data (*size bytes): one JPEG file, valid until the next call.  what names the picture in
 * messages.  ERR_ARG: a side beyond 8192, ERR_NOMEM, ERR_BACKEND: no encoder. */
int still_jpeg(struct still *s, const struct picture *p, const char *what, const uint8_t **data,
	       size_t *size, struct err *err);

/* Bytes of a WAV file of n < 2^30 samples of one channel, 16 bits. */
size_t wav_size(int n);
/* Writes that file (wav_size(n) bytes) to out.  Samples beyond full scale are clipped, NaN is
 * silence. */
void wav_write(const float *pcm, int n, int rate, uint8_t *out);

#endif
