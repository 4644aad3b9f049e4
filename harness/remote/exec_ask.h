/* SPDX-License-Identifier: Apache-2.0
 * An ask as a line to a program (see exec.h).
 */
#ifndef HARNESS_REMOTE_EXEC_ASK_H
#define HARNESS_REMOTE_EXEC_ASK_H

#include "harness/core/ask.h"

/* Appends the line with its line feed.  shown: for people, with hash and size in place of the bytes
 * of media. */
int exec_put_ask(const struct ask *ask, bool shown, struct strbuf *out, struct err *err);

#endif
