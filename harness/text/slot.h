/* SPDX-License-Identifier: Apache-2.0
 * Somebody's words within a prompt.  A corpus is material, not instruction: what was said must
 * not end the place it stands in, begin a message of its own or become a special token.
 */
#ifndef HARNESS_TEXT_SLOT_H
#define HARNESS_TEXT_SLOT_H

#include "harness/base/str.h"

/* Appends the text so that it holds no marker of a chat or of a prompt:
 *   - a blank behind '<' unless a blank, a digit, '=' or the end follows it ("< |im_start|>",
 *     "< /s>"), and between '|' and '>';
 *   - a blank behind '[' of "[INST]", "[/…", "[|…" and of control tokens of Mistral, GLM, InternLM
 *     and BERT;
 *   - a blank between two '#', so that there is no "##";
 *   - a blank before the colon of "user:", "assistant:", "system:", "human:" as whole words, in
 *     any case;
 *   - a blank for each character that utf8_commands() names: control characters, line breaks and
 *     tabs among them, Unicode's line breaks, marks that turn the direction of text around; and for
 *     each byte that is no UTF-8.
 * Everything else stays as it is; ordinary speech is not changed. */
void slot_add(const char *text, struct strbuf *out);
/* The same between double quotes, with a backslash before each '"' and backslash of the text: no
 * quote in it ends the slot. */
void slot_quote(const char *text, struct strbuf *out);

#endif
