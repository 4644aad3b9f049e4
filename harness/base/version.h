/* SPDX-License-Identifier: Apache-2.0
 * Which program this is: for --version, for manifests and for reports.
 */
#ifndef HARNESS_BASE_VERSION_H
#define HARNESS_BASE_VERSION_H

/* All strings are static and never NULL. */
struct version {
	const char *number; /* "0.1.0" */
	const char
		*commit; /* git's short name, "-dirty" behind it when files differ; or "unknown" */
	const char *measuring; /* another one for every change of the sources that measure clips */
	const char *attaching; /* likewise: that make parts of asks of them */
	const char *compiler;  /* first line of the compiler's own version */
	const char *mode;      /* debug, release, asan, ubsan, tsan */
	const char *flags;     /* every compiler flag */
};

const struct version *version_get(void);

#endif
