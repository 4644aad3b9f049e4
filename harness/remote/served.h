/* SPDX-License-Identifier: Apache-2.0
 * What a server says it is, as members of a back-end's identity.  Every text has the profile's
 * key taken out; what is wrong with one is ERR_BACKEND with what of it may be shown.
 */
#ifndef HARNESS_REMOTE_SERVED_H
#define HARNESS_REMOTE_SERVED_H

#include "harness/remote/endpoint.h"

/* The body of /models as the member "served": the entry of the profile's model, or llama-server's
 * only one.  A list without it is an error that names what is there.  body NULL: none was to be
 * had. */
int served_models(const struct endpoint *p, const char *body, size_t len, struct json_writer *w,
		  struct err *err);

/* The body of llama-server's /props as the member "props": build, context size, the hashes of the
 * template and of what it makes of a sample (rendered: the body of /apply-template, NULL: none).
 * ERR_BACKEND too where it does not see or hear what is needed (ask_needs). */
int served_props(const struct endpoint *p, const char *body, size_t len, const char *rendered,
		 unsigned needs, struct json_writer *w, struct err *err);

#endif
