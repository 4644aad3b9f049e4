/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 (FIPS 180-4) for keys and provenance that others must be able to recompute.  Of our
 * own because the only libraries at hand that have it are FFmpeg's, which one room may see, and a
 * whole cryptography library would come for this one function.
 */
#ifndef HARNESS_BASE_SHA256_H
#define HARNESS_BASE_SHA256_H

#include <stddef.h>

#define SHA256_HEX 65 /* 64 hex digits and the NUL */

/* The digest of a block as lower-case hex, by the processor's own instructions where it has them.
 * len < 2^61. */
void sha256_hex(const void *data, size_t len, char out[SHA256_HEX]);
/* The same without them. */
void sha256_hex_plain(const void *data, size_t len, char out[SHA256_HEX]);

#endif
