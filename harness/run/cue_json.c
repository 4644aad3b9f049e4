/* SPDX-License-Identifier: Apache-2.0
 * Cue files in JSON: our own lines, and published arrays of what an observer
 * wrote down of each clip.
 */
#include "harness/run/cue_reader.h"

#include <math.h>
#include <string.h>

#include "harness/base/json.h"

enum { JSON_LIMIT = 256 << 20 };

/* Members of our own lines that say nothing about how the speaker looks and sounds. */
static bool is_ours(const char *key)
{
	static const char *const name[] = { "id",	  "split",	    "speech",
					    "status",	  "schema_version", "cause",
					    "asked",	  "model",	    "prompt_hash",
					    "media_hash", "reply_hash",	    "text_hash" };

	for (size_t i = 0; i < ARRAY_LEN(name); i++)
		if (!strcmp(key, name[i]))
			return true;
	return false;
}

/* Is it a teacher's line about an utterance that it could not describe?  Counts it. */
static bool has_failed(struct cue_reader *r, const struct json *v)
{
	const char *status = json_str(json_get(v, "status"), "");

	for (int k = 0; k < ANSWER_STATUS_COUNT; k++)
		if (k != ANSWER_OK && !strcmp(status, answer_status_name[k])) {
			r->failed[k]++;
			return true;
		}
	return false;
}

static int read_member(struct cue_reader *r, const struct json *v, long line, int utt,
		       struct cue_values *out)
{
	const char *key = json_key(v);
	int cue, part = cue_part_index(key);
	enum cue_table table;
	enum json_type type = json_type(v);

	if (cue_index(key, &table, &cue)) {
		if (type != JSON_NULL && type != JSON_NUMBER)
			return err_set(r->err, ERR_FORMAT,
				       "%s:%ld: %s is neither a number nor null", r->path, line,
				       key);
		out->set[table].ok[cue] = type == JSON_NUMBER;
		out->set[table].v[cue] = json_num(v, 0);
		out->any[table] |= type == JSON_NUMBER;
	} else if (part >= 0) {
		if (type != JSON_NULL && type != JSON_STRING)
			return err_set(r->err, ERR_FORMAT, "%s:%ld: %s is neither text nor null",
				       r->path, line, key);
		if (type == JSON_STRING && *json_str(v, ""))
			return cue_keep_sentence(r, utt, part, json_str(v, ""), line);
	} else if (!is_ours(key) && !r->ignored) {
		r->ignored = arena_strdup(&r->out->mem, key);
	}
	return 0;
}

/* Was the line written about another text than the utterance's?  Then it is not used. */
static bool is_of_other_text(struct cue_reader *r, const struct json *v, long line, int utt)
{
	const char *said = json_str(json_get(v, "text_hash"), "");
	char hash[CUE_TEXT_HASH];

	if (!*said)
		return false;
	if (!cue_text_hash(r->c->utt[utt].text, hash))
		err_set(r->err, ERR_NOMEM, "%s: no memory", r->path);
	if (r->err->code || !strcmp(said, hash))
		return r->err->code != 0;
	r->n_text++;
	corpus_issue(r->c, ISSUE_WARN, "cue-text-differs", r->path, line, r->err,
		     "%s: written about another text than the utterance's; the line is not used",
		     r->c->utt[utt].id);
	return true;
}

static int read_line(void *ctx, const struct json *v, long line, struct err *err)
{
	struct cue_reader *r = ctx;
	const char *id = json_str(json_get(v, "id"), NULL);
	const char *name = json_str(json_get(v, "split"), NULL);
	int split = name ? cue_split(name) : r->split, utt = -1;
	struct cue_values values = { 0 };

	r->n_rows++;
	if (!id)
		return err_set(err, ERR_FORMAT, "%s:%ld: not an object with a text 'id'", r->path,
			       line);
	if (name && split < 0)
		return err_set(err, ERR_FORMAT, "%s:%ld: split '%s' is none of train, dev, test",
			       r->path, line, name);
	if (cue_find(r, split, id, line, &utt) || utt < 0 || is_of_other_text(r, v, line, utt) ||
	    has_failed(r, v))
		return err->code;
	for (const struct json *m = json_at(v, 0); m; m = json_next(m))
		if (read_member(r, m, line, utt, &values))
			return err->code;
	return cue_keep_values(r, utt, &values, line);
}

int cue_read_lines(struct cue_reader *r)
{
	bool torn = false;

	if (json_lines(r->path, JSON_LIMIT, &torn, read_line, r, r->err))
		return r->err->code;
	if (r->n_text > (r->n_rows - r->n_unmatched) / 2)
		return err_set(
			r->err, ERR_DATA,
			"%s: %d of its %d utterances have another text in %s: it was written "
			"about another corpus",
			r->path, r->n_text, r->n_rows - r->n_unmatched, r->c->root);
	if (torn)
		return corpus_issue(r->c, ISSUE_WARN, "cue-file-torn", r->path, 0, r->err,
				    "the last line is cut short and not used");
	return 0;
}

/* "Target facial expression: slightly Cheek Raiser, barely Jaw Drop." */
static int keep_phrases(struct cue_reader *r, const struct json *list, int utt)
{
	struct strbuf b = { 0 };
	int n = 0;

	for (const struct json *p = json_at(list, 0); p; p = json_next(p)) {
		const char *phrase = json_str(p, "");

		if (*phrase)
			strbuf_addf(&b, "%s%s", n++ ? ", " : "Target facial expression: ", phrase);
	}
	strbuf_addc(&b, '.');
	if (b.oom)
		err_set(r->err, ERR_NOMEM, "%s: no memory", r->path);
	else if (n)
		cue_keep_sentence(r, utt, PART_FACE, strbuf_str(&b), 0);
	strbuf_free(&b);
	return r->err->code;
}

static int read_description(struct cue_reader *r, const struct json *v, int number)
{
	const char *video = json_str(json_get(v, "video_id"), NULL);
	const struct json *list = json_get(v, "visual_expression_description");
	const char *dot = video ? strrchr(video, '.') : NULL;
	char id[256];
	size_t n;
	int utt = -1;

	r->n_rows++;
	n = !video ? 0 : dot ? (size_t)(dot - video) : strlen(video);
	if (!n || n >= sizeof(id))
		return err_set(r->err, ERR_FORMAT, "%s: entry %d: no 'video_id' like dia3_utt4.mp4",
			       r->path, number);
	if (!list || json_type(list) != JSON_ARRAY)
		return err_set(r->err, ERR_FORMAT,
			       "%s: entry %d (%s): 'visual_expression_description' is no list",
			       r->path, number, video);
	memcpy(id, video, n);
	id[n] = '\0';
	if (cue_find(r, r->split, id, 0, &utt) || utt < 0)
		return r->err->code;
	return keep_phrases(r, list, utt);
}

int cue_read_descriptions(struct cue_reader *r)
{
	struct json *root = json_read_file(r->path, JSON_LIMIT, r->err);
	const struct json *first = json_at(root, 0);
	int number = 0;

	if (!root)
		return r->err->code;
	if (json_type(root) != JSON_ARRAY || !json_get(first, "video_id"))
		corpus_issue(r->c, ISSUE_NOTE, "cue-file-unused", r->path, 0, r->err,
			     "no array of descriptions with 'video_id'");
	else
		for (const struct json *v = first; v && !r->err->code; v = json_next(v))
			read_description(r, v, ++number);
	json_free(root);
	return r->err->code;
}
