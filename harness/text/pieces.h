/* SPDX-License-Identifier: Apache-2.0
 * How a text is cut before byte-pair merges: see enum bpe_split.
 */
#ifndef HARNESS_TEXT_PIECES_H
#define HARNESS_TEXT_PIECES_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/text/bpe.h"

/* End of the piece that starts at `at` < len; always > at. */
size_t piece_end(const char *s, size_t len, size_t at, enum bpe_split split);

#endif
