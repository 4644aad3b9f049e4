/* SPDX-License-Identifier: Apache-2.0
 * The back-end http: one event loop (libcurl's multi interface over epoll) that keeps the
 * profile's number of requests in flight, refills as each ends, and sends again what may be sent
 * again: after lost connections, time-outs and statuses 408, 429, 500, 502, 503, 504, after a
 * delay drawn from [0, min(cap, base 2^k)] or as Retry-After says; a 429 holds back every
 * request.  Redirects are not followed, certificates are verified.  Statuses 401, 403 and 404 end
 * the run.
 */
#ifndef HARNESS_REMOTE_HTTP_H
#define HARNESS_REMOTE_HTTP_H

#include "harness/core/ask.h"

extern const struct backend_ops backend_http; /* spec: path of a profile */

#endif
