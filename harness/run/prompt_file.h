/* SPDX-License-Identifier: Apache-2.0
 * Finished prompts on disk, for whoever wants to read what a model was shown.
 */
#ifndef HARNESS_RUN_PROMPT_FILE_H
#define HARNESS_RUN_PROMPT_FILE_H

#include "harness/base/json.h"
#include "harness/run/asked.h"

#define PROMPT_FILE "prompts.jsonl"

/* Replaces rq->dir/PROMPT_FILE, which only its owner may read: one line a target in the form of
 * the asks of merc-remote(5), media by their type alone.  rq->dir exists. */
int prompt_file_write(const struct asked_request *rq, struct err *err);

#endif
