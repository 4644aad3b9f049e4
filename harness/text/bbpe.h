/* SPDX-License-Identifier: Apache-2.0
 * What byte-level BPE does before any merge (Radford et al. 2019): how a text is cut,
 * by the published patterns, and the printable characters that stand for bytes in files.
 */
#ifndef HARNESS_TEXT_BBPE_H
#define HARNESS_TEXT_BBPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/str.h"

enum bbpe_cut {
	BBPE_GPT2,	/* contractions; a blank joins the word, number or marks behind it */
	BBPE_STARCODER, /* every digit alone, then as GPT-2 */
	BBPE_LLAMA3,	/* numbers by threes, any mark joins the letters behind it, line ends */
	BBPE_QWEN2,	/* as LLaMA-3 but every digit alone */
	BBPE_CUTS
};
extern const char *const bbpe_cut_name[BBPE_CUTS];

/* The patterns as tokenizer.json spells them; regex NULL at the end. */
struct bbpe_pattern {
	const char *regex;
	enum bbpe_cut cut;
};
extern const struct bbpe_pattern bbpe_patterns[];

/* End of the piece that starts at `at` < len; always > at.  Invalid bytes are marks. */
size_t bbpe_piece_end(const char *s, size_t len, size_t at, enum bbpe_cut cut);

/* Appends the bytes that a token's text stands for; false (out as before) when a character
 * stands for none. */
bool bbpe_bytes(const char *s, size_t len, struct strbuf *out);
/* The character that stands for a byte. */
int32_t bbpe_char(unsigned char byte);

#endif
