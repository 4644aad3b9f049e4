/* SPDX-License-Identifier: Apache-2.0
 * Why a program behind exec is not there any more, for messages.
 */
#ifndef HARNESS_REMOTE_EXEC_END_H
#define HARNESS_REMOTE_EXEC_END_H

#include <sys/types.h>

#include "harness/base/str.h"

#define EXEC_SHOWN 300 /* bytes of what a program says, in a message */

/* Appends how the program whose output ended has ended itself.  One that has is waited for, what it
 * started is killed, and *pid becomes 0. */
void exec_add_end(pid_t *pid, struct strbuf *out);
/* Appends the last line of DIR/exec.stderr behind byte `from`, or that there is none; an empty file
 * is removed.  dir NULL: nothing is known. */
void exec_add_last_words(const char *dir, off_t from, struct strbuf *out);

#endif
