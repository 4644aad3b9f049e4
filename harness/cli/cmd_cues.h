/* SPDX-License-Identifier: Apache-2.0
 * Private to merc cues: the ways to look at one clip.
 */
#ifndef HARNESS_CLI_CMD_CUES_H
#define HARNESS_CLI_CMD_CUES_H

#include "harness/cli/cli.h"
#include "harness/run/closeup.h"

/* The sentences of one clip. */
enum { LINES_MAX = 8, LINE_SIZE = 512, WORDS_LIMIT = 16 << 20 };
struct clip_lines {
	char line[LINES_MAX][LINE_SIZE];
	int n;
};

/* merc cues --video OUT: the clip again with what was measured drawn into it. */
void cues_video(struct cli *c, const struct closeup *clip, const struct clip_lines *lines,
		const struct media_ref *ref, const char *out, struct err *err);
/* --show and --video: measures the clip, puts it into words where there are
 * thresholds, prints, draws. */
void cues_of_clip(struct cli *c, struct err *err);

#endif
