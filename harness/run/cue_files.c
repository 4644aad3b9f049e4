/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/cue_files.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/sha256.h"
#include "harness/base/str.h"
#include "harness/cue/behaviour.h"
#include "harness/run/cue_reader.h"

enum {
	LISTED_ROWS = 20, /* rows of no utterance that get an issue of their own, a file */
	LISTED_IDS = 8,	  /* utterances named in the issue about coverage */
	AMBIGUOUS = -2,	  /* by_id: more than one split has this id */
};

bool cue_text_hash(const char *text, char out[CUE_TEXT_HASH])
{
	static const char blank[] = " \t";
	struct strbuf words = { 0 };
	char hash[SHA256_HEX];
	bool done;

	for (const char *s = text + strspn(text, blank); *s; s += strspn(s, blank)) {
		const size_t n = strcspn(s, blank);

		strbuf_addf(&words, "%s%.*s", words.len ? " " : "", (int)n, s);
		s += n;
	}
	done = !words.oom;
	sha256_hex(strbuf_str(&words), words.len, hash);
	memcpy(out, hash, CUE_TEXT_HASH - 1);
	out[CUE_TEXT_HASH - 1] = '\0';
	strbuf_free(&words);
	return done;
}

int cue_split(const char *name)
{
	for (int k = 0; k < SPLIT_COUNT; k++)
		if (!strcmp(split_name[k], name))
			return k;
	return -1;
}

bool cue_index(const char *name, enum cue_table *table, int *cue)
{
	static const struct {
		const struct cue_spec *spec;
		int n;
	} tables[CUE_TABLES] = {
		[TABLE_SPEECH] = { speech_cue_spec, SPEECH_CUE_COUNT },
		[TABLE_BEHAVIOUR] = { behaviour_cue_spec, BEHAVIOUR_CUE_COUNT },
	};

	for (int t = 0; t < CUE_TABLES; t++)
		for (int k = 0; k < tables[t].n; k++)
			if (!strcmp(tables[t].spec[k].name, name)) {
				*table = (enum cue_table)t;
				*cue = k;
				return true;
			}
	return false;
}

int cue_part_index(const char *name)
{
	for (int k = 0; k < PART_COUNT; k++)
		if (!strcmp(part_name[k], name))
			return k;
	return -1;
}

int cue_find(struct cue_reader *r, int split, const char *id, long line, int *utt)
{
	char key[512];

	*utt = -1;
	if (split < 0)
		*utt = map_get(&r->out->by_id, id);
	else if (str_format(key, sizeof(key), "%s/%s", split_name[split], id))
		*utt = map_get(&r->out->by_id, key);
	if (*utt == AMBIGUOUS)
		return err_set(
			r->err, ERR_FORMAT,
			"%s:%ld: %s is an utterance of several splits; add a column 'split', or "
			"train, dev or test to the file's name",
			r->path, line, id);
	if (*utt >= 0 || r->n_unmatched++ >= LISTED_ROWS)
		return 0;
	return corpus_issue(r->c, ISSUE_NOTE, "cue-without-utterance", r->path, line, r->err,
			    "no utterance %s%s%s in the corpus", split < 0 ? "" : split_name[split],
			    split < 0 ? "" : " ", id);
}

static int repeated(struct cue_reader *r, int utt, const char *what, long line)
{
	if (r->n_repeated++ >= LISTED_ROWS)
		return 0;
	return corpus_issue(r->c, ISSUE_WARN, "cue-repeated", r->path, line, r->err,
			    "%s already has %s; the first is used", r->c->utt[utt].id, what);
}

int cue_keep_values(struct cue_reader *r, int utt, const struct cue_values *v, long line)
{
	struct cue_record *rec = &r->out->record[utt];
	struct {
		bool *has;
		struct cue_set *set;
		int *n;
	} to[CUE_TABLES] = {
		[TABLE_SPEECH] = { &rec->has_speech, &rec->speech, &r->out->n_speech },
		[TABLE_BEHAVIOUR] = { &rec->has_behaviour, &rec->behaviour, &r->out->n_behaviour },
	};
	bool used = false;

	for (int t = 0; t < CUE_TABLES; t++) {
		if (!v->any[t])
			continue;
		if (*to[t].has) {
			if (repeated(r, utt, "measurements", line))
				return r->err->code;
			continue;
		}
		*to[t].has = used = true;
		*to[t].set = v->set[t];
		++*to[t].n;
	}
	r->n_used += used;
	return 0;
}

int cue_keep_sentence(struct cue_reader *r, int utt, int part, const char *text, long line)
{
	struct cue_record *rec = &r->out->record[utt];

	if (rec->sentence[part])
		return repeated(r, utt, part_name[part], line);
	rec->sentence[part] = arena_strdup(&r->out->mem, text);
	if (!rec->sentence[part])
		return err_set(r->err, ERR_NOMEM, "%s: no memory", r->path);
	r->out->n_sentence[part]++;
	r->n_used++;
	return 0;
}

/* The split that stands in a file's name between other signs than letters; -1: none. */
static int split_in_name(const char *name)
{
	for (int k = 0; k < SPLIT_COUNT; k++) {
		size_t n = strlen(split_name[k]);

		for (const char *s = strstr(name, split_name[k]); s;
		     s = strstr(s + 1, split_name[k]))
			if ((s == name || strchr("_-.", s[-1])) && strchr("_-.", s[n]))
				return k;
	}
	return -1;
}

/* Whether the name begins with that of another data set ("meld_…" for iemocap). */
static bool of_other_corpus(const char *name, const char *corpus)
{
	static const char *const known[] = { "iemocap_", "meld_" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_starts(name, known[i]) &&
		    strncmp(known[i], corpus, strlen(known[i]) - 1) != 0)
			return true;
	return false;
}

/* A teacher's utterances without sentences, by what became of them. */
static int report_failed(const struct cue_reader *r)
{
	struct strbuf b = { 0 };
	int n = 0;

	for (int k = 0; k < ANSWER_STATUS_COUNT; k++) {
		if (r->failed[k])
			strbuf_addf(&b, "%s%d %s", n ? ", " : "", r->failed[k],
				    answer_status_name[k]);
		n += r->failed[k];
	}
	if (n)
		corpus_issue(r->c, ISSUE_WARN, "cue-without-sentence", r->path, 0, r->err,
			     "%d of %d utterances have no sentences (%s)", n, r->n_rows,
			     strbuf_str(&b));
	strbuf_free(&b);
	return r->err->code;
}

/* What a file left over, once it is read. */
static int report_file(const struct cue_reader *r)
{
	int more = r->n_unmatched - LISTED_ROWS, again = r->n_repeated - LISTED_ROWS;

	if (more > 0 && corpus_issue(r->c, ISSUE_WARN, "cue-without-utterance", r->path, 0, r->err,
				     "%d more rows of no utterance (%d of %d rows are used)", more,
				     r->n_used, r->n_rows))
		return r->err->code;
	if (again > 0 && corpus_issue(r->c, ISSUE_WARN, "cue-repeated", r->path, 0, r->err,
				      "%d more rows of utterances that already have values", again))
		return r->err->code;
	if (r->ignored && corpus_issue(r->c, ISSUE_NOTE, "cue-ignored", r->path, 0, r->err,
				       "'%s' (and what else is not known) is not read", r->ignored))
		return r->err->code;
	return report_failed(r);
}

/* Is it a file that one of the readers takes, by its name? */
static bool is_cue_file(const char *name)
{
	return *name != '.' &&
	       (str_ends(name, ".csv") || str_ends(name, ".jsonl") || str_ends(name, ".json"));
}

static int read_file(struct cue_files *f, struct corpus *c, const char *path, struct err *err)
{
	const char *name = path_base(path);
	struct cue_reader r = {
		.out = f, .c = c, .err = err, .path = path, .split = split_in_name(name)
	};

	if (of_other_corpus(name, c->name))
		corpus_issue(c, ISSUE_NOTE, "cue-file-unused", path, 0, err,
			     "of another data set than %s", c->name);
	else if (str_ends(name, ".csv"))
		cue_read_csv(&r);
	else if (str_ends(name, ".jsonl"))
		cue_read_lines(&r);
	else
		cue_read_descriptions(&r);
	f->n_rows += r.n_rows;
	f->n_unmatched += r.n_unmatched;
	return err->code ? err->code : report_file(&r);
}

static int read_folder(struct cue_files *f, struct corpus *c, const char *dir, struct err *err)
{
	struct io_list list = { 0 };

	io_list_dir(dir, &list, err);
	for (size_t i = 0; i < list.n && !err->code; i++) {
		char *path = is_cue_file(list.name[i]) ? path_join(dir, list.name[i]) : NULL;

		if (path)
			read_file(f, c, path, err);
		else if (is_cue_file(list.name[i]))
			err_set(err, ERR_NOMEM, "%s: no memory", dir);
		free(path);
	}
	io_list_free(&list);
	return err->code;
}

/* A folder, or one file. */
static int read_place(struct cue_files *f, struct corpus *c, const char *place, struct err *err)
{
	if (io_is_dir(place))
		return read_folder(f, c, place, err);
	if (!io_is_file(place))
		return err_set(
			err, ERR_MISSING,
			"%s: no such folder or file; give cue files (.csv, .jsonl, .json) or "
			"the folder of them",
			place);
	if (!is_cue_file(path_base(place)))
		return err_set(err, ERR_ARG,
			       "%s: cue files are called .csv, .jsonl or .json by their form",
			       place);
	return read_file(f, c, place, err);
}

static int index_utterances(struct cue_files *f, const struct corpus *c, struct err *err)
{
	struct strbuf b = { 0 };

	for (int i = 0; i < c->n_utt && !err->code; i++) {
		const char *key;
		int *slot;

		strbuf_reset(&b);
		strbuf_addf(&b, "%s/%s", split_name[c->dia[c->utt[i].dialogue].split],
			    c->utt[i].id);
		key = b.oom ? NULL : arena_strdup(&f->mem, strbuf_str(&b));
		slot = key ? map_slot(&f->by_id, key) : NULL;
		if (slot)
			*slot = i;
		slot = slot ? map_slot(&f->by_id, c->utt[i].id) : NULL;
		if (slot)
			*slot = *slot == -1 ? i : AMBIGUOUS;
		else
			err_set(err, ERR_NOMEM, "%s: no memory", c->name);
	}
	strbuf_free(&b);
	return err->code;
}

/* One issue a split: how many utterances have measurements, and the first that have none. */
static int report_coverage(const struct cue_files *f, struct corpus *c, struct err *err)
{
	for (int k = 0; k < SPLIT_COUNT && f->n_speech && !err->code; k++) {
		struct strbuf names = { 0 };
		int all = 0, have = 0;

		for (int i = 0; i < c->n_utt; i++) {
			if ((int)c->dia[c->utt[i].dialogue].split != k)
				continue;
			all++;
			have += f->record[i].has_speech;
			if (!f->record[i].has_speech && all - have <= LISTED_IDS)
				strbuf_addf(&names, " %s", c->utt[i].id);
		}
		if (have < all)
			corpus_issue(c, ISSUE_NOTE, "cue-missing", NULL, 0, err,
				     "%s: %d of %d utterances have measurements in the cue files; "
				     "without:%s%s",
				     split_name[k], have, all, strbuf_str(&names),
				     all - have > LISTED_IDS ? " …" : "");
		strbuf_free(&names);
	}
	return err->code;
}

/* dir: one folder or file, or several with ':' between. */
static int read_places(struct cue_files *f, struct corpus *c, const char *dir, struct err *err)
{
	const char *s = dir;

	do {
		size_t n = strcspn(s, ":");
		char *one = arena_strndup(&f->mem, s, n);

		if (!one)
			return err_set(err, ERR_NOMEM, "%s: no memory", dir);
		if (read_place(f, c, one, err))
			return err->code;
		s += n;
	} while (*s++);
	return 0;
}

int cue_files_load(struct cue_files *out, struct corpus *c, const char *dir, struct err *err)
{
	*out = (struct cue_files){ .n_utt = c->n_utt };
	out->record = arena_array(&out->mem, (size_t)c->n_utt, sizeof(*out->record));
	if (!out->record)
		err_set(err, ERR_NOMEM, "%s: no memory", dir);
	else if (!index_utterances(out, c, err) && !read_places(out, c, dir, err))
		report_coverage(out, c, err);
	map_free(&out->by_id);
	if (err->code)
		cue_files_free(out);
	return err->code;
}

void cue_files_free(struct cue_files *f)
{
	map_free(&f->by_id);
	arena_free(&f->mem);
	*f = (struct cue_files){ 0 };
}

const struct cue_set *cue_files_speech(const struct cue_files *f, int i)
{
	return i >= 0 && i < f->n_utt && f->record[i].has_speech ? &f->record[i].speech : NULL;
}

const struct cue_set *cue_files_behaviour(const struct cue_files *f, int i)
{
	return i >= 0 && i < f->n_utt && f->record[i].has_behaviour ? &f->record[i].behaviour
								    : NULL;
}

const char *cue_files_sentence(const struct cue_files *f, int i, int part)
{
	if (i < 0 || i >= f->n_utt || part < 0 || part >= PART_COUNT)
		return NULL;
	return f->record[i].sentence[part];
}
