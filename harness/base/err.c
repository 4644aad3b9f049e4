/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/str.h"

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err->code)
		return err->code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	utf8_tame(err->msg);
	return code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char old[sizeof(err->msg)];
	va_list ap;
	int n;

	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->msg))
		snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, ": %s", old);
	utf8_tame(err->msg);
	return err->code;
}

const char *err_text(int code)
{
	switch (code) {
#define X(id, val, text)                                                                           \
	case ERR_##id:                                                                             \
		return text;
		ERR_LIST(X)
#undef X
	}
	return "no error";
}

int err_exit_status(int code)
{
	switch (code) {
	case ERR_NONE:
		return 0;
	case ERR_ARG:
		return 2;
	case ERR_INCOMPLETE:
	case ERR_INTERRUPTED:
		return 3;
	case ERR_FORMAT:
	case ERR_MISSING:
	case ERR_DATA:
	case ERR_LIMIT:
		return 4;
	case ERR_BACKEND:
		return 5;
	}
	return 6;
}
