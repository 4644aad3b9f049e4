/* SPDX-License-Identifier: Apache-2.0
 * The back-end replay: recorded replies as a model.  spec: a JSON Lines file of replies, as
 * `merc ask` writes them (replies.jsonl, journal.jsonl); of several lines with one id and index
 * the last counts.
 */
#ifndef HARNESS_REMOTE_REPLAY_H
#define HARNESS_REMOTE_REPLAY_H

#include "harness/core/ask.h"

extern const struct backend_ops backend_replay;

#endif
