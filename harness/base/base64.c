/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/base/base64.h"

#include "harness/base/mem.h"

void base64_add(struct strbuf *out, const void *data, size_t n)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = data;
	char block[4096];
	size_t len = 0;

	for (; n >= 3; n -= 3, s += 3) {
		const unsigned v = (unsigned)s[0] << 16 | (unsigned)s[1] << 8 | s[2];

		block[len++] = digit[v >> 18];
		block[len++] = digit[v >> 12 & 63];
		block[len++] = digit[v >> 6 & 63];
		block[len++] = digit[v & 63];
		if (len == ARRAY_LEN(block)) {
			strbuf_addn(out, block, len);
			len = 0;
		}
	}
	if (n) {
		const unsigned v = (unsigned)s[0] << 16 | (n > 1 ? (unsigned)s[1] << 8 : 0);

		block[len++] = digit[v >> 18];
		block[len++] = digit[v >> 12 & 63];
		block[len++] = n > 1 ? digit[v >> 6 & 63] : '=';
		block[len++] = '=';
	}
	strbuf_addn(out, block, len);
}
