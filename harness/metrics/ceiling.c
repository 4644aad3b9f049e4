/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/metrics/ceiling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/mem.h"
#include "harness/core/view.h"

#define MAX_FILE ((size_t)64 << 20)

/* Channels of the process and what of a view each of them is behind. */
static const struct {
	const char *word;
	unsigned see;
} channel[] = { { "text", SEE_TEXT },
		{ "audio", SEE_AUDIO | SEE_SPEECH | SEE_SOUND },
		{ "face", SEE_FACE | SEE_PICTURES },
		{ "body", SEE_BODY | SEE_PICTURES },
		{ "posture", SEE_POSTURE | SEE_PICTURES } };

int ceiling_read(const char *root, struct json **out, struct err *err)
{
	char *path = path_join(root, CEILING_FILE);

	*out = NULL;
	if (!path)
		return err_set(err, ERR_NOMEM, "no memory");
	if (io_is_file(path))
		*out = json_read_file(path, MAX_FILE, err);
	free(path);
	return err->code;
}

/* A bit for each channel, one more for the history. */
static unsigned channels_seen(unsigned see)
{
	unsigned has = see & SEE_HISTORY ? 1u << ARRAY_LEN(channel) : 0;

	for (size_t i = 0; i < ARRAY_LEN(channel); i++)
		has |= see & channel[i].see ? 1u << i : 0;
	return has;
}

static unsigned channels_listed(const struct json *entry)
{
	unsigned has = 0;

	if (json_bool(json_get(entry, "history"), false))
		has = 1u << ARRAY_LEN(channel);
	for (const struct json *c = json_at(json_get(entry, "see"), 0); c; c = json_next(c))
		for (size_t i = 0; i < ARRAY_LEN(channel); i++)
			has |= !strcmp(json_str(c, ""), channel[i].word) ? 1u << i : 0;
	return has;
}

struct ceiling ceiling_find(const struct json *calibration, unsigned see)
{
	const struct json *v = json_at(json_get(calibration, "ceilings"), 0);
	unsigned want = channels_seen(see);

	while (v && channels_listed(v) != want)
		v = json_next(v);
	return (struct ceiling){ json_num(json_get(v, "weighted_f1"), NAN),
				 json_num(json_get(v, "test_weighted_f1"), NAN) };
}
