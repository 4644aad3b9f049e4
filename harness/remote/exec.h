/* SPDX-License-Identifier: Apache-2.0
 * The back-end exec: any program as a model, one JSON object a line each way.
 *
 * The program is started by the shell.  It says {"ready": true, "model": NAME} when it can answer
 * (any further member, such as "version", counts to what tells its replies from others; "takes"
 * lists what it can do of generate, choice, likelihood, letters, text, image, sound, video), then
 * reads one ask a line and writes one reply a line, in the same order:
 *   {"id": .., "index": 0, "task": .., "mode": "generate", "options": [..],
 *    "messages": [{"role": .., "content": [{"type": "image", "base64": ..},
 *      {"type": "sound", "base64": ..}, {"type": "video", "base64": ..},
 *      {"type": "text", "text": ..}]}], "sampling": {..}}
 *   {"id": .., "text": ..}   or   {"id": .., "error": ..}
 * images are JPEG, sound is WAV, video is MP4.  likelihood and letters: also "options":
 * [{"logprob": .., "tokens": .., "bytes": ..}, ..] (counts as far as they are known).  A reply may
 * say "finish_reason" (stop, length), "prompt_tokens", "completion_tokens", "model"; an error its
 * "cause" (border; reported without one).  Its standard error goes to exec.stderr in the result
 * folder.  A program that ends or says nothing in time is started again, and the ask is sent to it
 * once more.
 */
#ifndef HARNESS_REMOTE_EXEC_H
#define HARNESS_REMOTE_EXEC_H

#include "harness/core/ask.h"

#define EXEC_READY_S 600.0 /* until it is ready: it may have weights to load */
#define EXEC_REPLY_S 300.0

extern const struct backend_ops backend_exec; /* spec: the command */

#endif
