/* SPDX-License-Identifier: Apache-2.0
 * Back-ends by what a user writes: PROFILE.json, exec:COMMAND, replay:FILE.
 */
#ifndef HARNESS_REMOTE_BACKEND_H
#define HARNESS_REMOTE_BACKEND_H

#include "harness/core/ask.h"

/* The back-end that a specification names; *rest is what its open takes. */
const struct backend_ops *backend_find(const char *spec, const char **rest);

#endif
