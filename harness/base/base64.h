/* SPDX-License-Identifier: Apache-2.0
 * Bytes as text: base64 (RFC 4648, section 4, with padding).
 */
#ifndef HARNESS_BASE_BASE64_H
#define HARNESS_BASE_BASE64_H

#include <stddef.h>

#include "harness/base/str.h"

/* Appends the digits of n bytes; without memory, out->oom is set. */
void base64_add(struct strbuf *out, const void *data, size_t n);

#endif
