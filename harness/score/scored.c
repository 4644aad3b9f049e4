/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/score/scored.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/base/io.h"
#include "harness/base/map.h"
#include "harness/base/str.h"

#define MAX_EXCLUDE ((size_t)64 << 20)
#define ONE_SIDED   0.95 /* share of one answer from which on a person should look */

const char *const wording_name[WORDS_COUNT] = { "auto", "corpus", "prompt", "code" };

struct scoring {
	struct scored *s;
	const struct recorded *r;
	const struct match_request *rq;
	const struct score_options *o;
	struct label_words words;
	struct str_map excluded; /* id -> index into reason */
	const char **reason;
	size_t n_reason, cap_reason;
	struct notes *notes;
	struct err *err;
};

static int no_memory(const struct scoring *j)
{
	return err_set(j->err, ERR_NOMEM, "%s: no memory", j->r->path);
}

/* "ID REASON" on each line; blank lines and lines that start with # say nothing. */
static int read_exclusions(struct scoring *j)
{
	const char *path = j->o->exclude;
	char *text, *save = NULL;
	size_t len;
	long line = 0;

	if (!path)
		return 0;
	if (io_read_file(path, MAX_EXCLUDE, &text, &len, j->err))
		return j->err->code;
	for (char *s = text, *end; s < text + len && !j->err->code; s = end + 1) {
		char *id, *why;
		int *slot;

		line++;
		end = s + strcspn(s, "\n");
		*end = '\0';
		id = strtok_r(s, " \t\r", &save);
		if (!id || *id == '#')
			continue;
		why = save + strspn(save, " \t");
		why[strcspn(why, "\r")] = '\0';
		if (!*why) {
			err_set(j->err, ERR_FORMAT, "%s:%ld: %s has no reason", path, line, id);
			break;
		}
		id = arena_strdup(&j->s->mem, id);
		why = arena_strdup(&j->s->mem, why);
		slot = id && why ? map_slot(&j->excluded, id) : NULL;
		if (!slot || !GROW_ARRAY(j->reason, j->cap_reason, j->n_reason + 1)) {
			no_memory(j);
			break;
		}
		*slot = (int)j->n_reason;
		j->reason[j->n_reason++] = why;
	}
	free(text);
	return j->err->code;
}

static const char *const *words_of(const struct label_set *set, enum wording words)
{
	return words == WORDS_PROMPT ? set->prompt : words == WORDS_CODE ? set->code : set->word;
}

static bool among(const char *const *word, int n, const char *s)
{
	for (int k = 0; k < n; k++)
		if (word[k] && !strcasecmp(word[k], s))
			return true;
	return false;
}

/* The words that name every true label of the file; the corpus's where it has none. */
static enum wording find_wording(const struct scoring *j)
{
	static const enum wording order[] = { WORDS_CORPUS, WORDS_PROMPT, WORDS_CODE };
	const struct label_set *set = j->rq->corpus->labels;
	size_t most = 0;
	enum wording best = WORDS_CORPUS;

	for (size_t w = 0; w < ARRAY_LEN(order); w++) {
		size_t fit = 0;

		for (size_t i = 0; i < j->r->n; i++) {
			const char *gold = j->r->row[i].field[FIELD_GOLD];

			fit += gold && among(words_of(set, order[w]), set->n, gold);
		}
		if (fit > most) {
			most = fit;
			best = order[w];
		}
	}
	return best;
}

static int choose_words(struct scoring *j)
{
	const struct label_set *set = j->rq->corpus->labels;

	j->s->words = j->o->words == WORDS_AUTO ? find_wording(j) : j->o->words;
	if (j->s->words == WORDS_CODE && !set->code[0])
		return err_set(j->err, ERR_ARG, "--words code: labels %s have no codes", set->name);
	j->words = (struct label_words){ .word = words_of(set, j->s->words),
					 .other = j->s->words == WORDS_CORPUS ? set->prompt
									      : set->word,
					 .alias = set->alias,
					 .n = set->n,
					 .letters = j->o->letters };
	return 0;
}

static void end(struct scored_sample *p, enum answer_status status, const char *cause)
{
	p->status = status;
	p->cause = cause;
}

/* Texts that stand for a reply which never came. */
static bool is_error_message(const char *reply)
{
	return str_starts(reply, "Failed to obtain answer");
}

/* A label that the file gives in place of a reply. */
static void take_given(struct scoring *j, struct scored_sample *p, const char *name)
{
	const int label = label_find_any(j->rq->corpus->labels, name);

	p->label = label;
	end(p, label < 0 ? ANSWER_PARSE_FAIL : ANSWER_OK,
	    extract_how_name[label < 0 ? NOT_FOUND : EXTRACTED_GIVEN]);
}

static int decode(struct scoring *j, struct scored_sample *p, const struct recorded_row *row)
{
	const char *given = row->field[FIELD_LABEL], *finish = row->field[FIELD_FINISH];
	struct extracted e;

	if (label_extract(j->o->rule, p->raw, &j->words, &e, j->err))
		return j->err->code;
	p->label = e.label;
	end(p, e.label < 0 ? ANSWER_PARSE_FAIL : ANSWER_OK, extract_how_name[e.how]);
	if (e.label < 0 && finish && !strcmp(finish, "length"))
		p->cause = "length";
	if (given && label_find_any(j->rq->corpus->labels, given) != e.label)
		return note_add(j->notes, j->err, NOTE_LABEL, row->line,
				"the file reads '%.40s' here, decoder %s reads %s", given,
				extract_rule_name[j->o->rule],
				e.label < 0 ? "nothing" : j->words.word[e.label]);
	return 0;
}

static int status_of(const char *name)
{
	for (int i = 0; name && i < ANSWER_STATUS_COUNT; i++)
		if (!strcmp(answer_status_name[i], name))
			return i;
	return -1;
}

/* What became of a sample that has a row. */
static int take_row(struct scoring *j, struct scored_sample *p, const struct recorded_row *row)
{
	const char *name = row->field[FIELD_STATUS], *cause = row->field[FIELD_CAUSE];
	const int status = status_of(name);

	p->raw = row->field[FIELD_REPLY];
	if (name && status < 0)
		return note_add(j->notes, j->err, NOTE_UNREADABLE, row->line,
				"unknown status '%.40s'", name);
	if (status == ANSWER_DECODE_FAIL || status == ANSWER_BACKEND_FAIL ||
	    status == ANSWER_EXCLUDED)
		end(p, (enum answer_status)status, cause ? cause : "recorded");
	else if (row->field[FIELD_ERROR])
		end(p, ANSWER_BACKEND_FAIL, "error");
	else if (p->raw && is_error_message(p->raw))
		end(p, ANSWER_BACKEND_FAIL, "error-message");
	else if (row->field[FIELD_LABEL] && (row->by_scores || !p->raw))
		take_given(j, p, row->field[FIELD_LABEL]);
	else if (p->raw)
		return decode(j, p, row);
	else if (status == ANSWER_PARSE_FAIL)
		end(p, ANSWER_PARSE_FAIL, cause ? cause : "recorded");
	else
		end(p, ANSWER_BACKEND_FAIL, "no-reply");
	return 0;
}

static int take_sample(struct scoring *j, int utt)
{
	struct scored *s = j->s;
	struct scored_sample *p = &s->sample[s->n];
	const char *id = j->rq->corpus->utt[utt].id;
	const int why = map_get(&j->excluded, id), row = s->match.row[utt];

	*p = (struct scored_sample){
		.utt = utt, .gold = j->rq->gold->label[utt], .row = row, .label = -1
	};
	end(p, ANSWER_BACKEND_FAIL, "unreadable-row");
	if (row >= 0 && take_row(j, p, &j->r->row[row]))
		return j->err->code;
	if (row < 0) {
		end(p, ANSWER_BACKEND_FAIL, "no-row");
		if (why < 0 && note_add(j->notes, j->err, NOTE_MISSING, 0, "no row for %s: '%.80s'",
					id, j->rq->corpus->utt[utt].text))
			return j->err->code;
	}
	if (why >= 0) {
		p->label = -1;
		end(p, ANSWER_EXCLUDED, j->reason[why]);
	}
	s->n++;
	return 0;
}

static int take_samples(struct scoring *j)
{
	const struct corpus *c = j->rq->corpus;

	if (!NEW_ARRAY(j->s->sample, (size_t)c->n_utt))
		return no_memory(j);
	for (int u = 0; u < c->n_utt; u++)
		if (c->dia[c->utt[u].dialogue].split == j->rq->split &&
		    j->rq->gold->label[u] >= 0 && take_sample(j, u))
			return j->err->code;
	if (!j->s->n)
		return err_set(j->err, ERR_DATA, "%s: no labelled utterance in split %s", c->root,
			       split_name[j->rq->split]);
	return 0;
}

static void count_cause(struct scored *s, const struct scored_sample *p)
{
	int i = 0;

	while (i < s->n_cause &&
	       (s->cause[i].status != p->status || strcmp(s->cause[i].cause, p->cause) != 0))
		i++;
	if (i == CAUSES_MAX)
		s->cause[i = CAUSES_MAX - 1].cause = "other";
	else if (i == s->n_cause)
		s->cause[s->n_cause++] = (struct cause_count){ p->status, p->cause, 0 };
	s->cause[i].n++;
}

static int by_status(const void *a, const void *b)
{
	const struct cause_count *x = a, *y = b;

	return x->status != y->status ? (int)x->status - (int)y->status
				      : strcmp(x->cause, y->cause);
}

/* Nearly all replies the same, or all answers? */
static int warn_one_sided(struct scoring *j)
{
	struct scored *s = j->s;
	struct str_map replies = { 0 };
	const char *most = NULL;
	int n = 0, top = 0;

	for (int i = 0; i < s->n; i++) {
		const char *raw = s->sample[i].raw;
		int *slot = raw ? map_slot(&replies, raw) : NULL;

		if (raw && !slot) {
			map_free(&replies);
			return no_memory(j);
		}
		n += raw != NULL;
		if (slot && (*slot = *slot < 0 ? 1 : *slot + 1) > top) {
			top = *slot;
			most = raw;
		}
	}
	map_free(&replies);
	if (n > 1 && (double)top > ONE_SIDED * (double)n)
		return note_add(j->notes, j->err, NOTE_ONE_SIDED, 0,
				"%d of %d replies are '%.80s': is the server sound?", top, n, most);
	for (int k = 0; k < s->all.k; k++) {
		int64_t answers = 0;

		for (int i = 0; i < s->all.k; i++)
			answers += s->confusion.count[i][k];
		if (s->all.answered > 1 && (double)answers > ONE_SIDED * (double)s->all.answered)
			return note_add(j->notes, j->err, NOTE_ONE_SIDED, 0,
					"%lld of %lld answers are %s: is the server sound?",
					(long long)answers, (long long)s->all.answered,
					s->corpus->labels->word[k]);
	}
	return 0;
}

/* Counts, scores and the interval. */
static int compute(struct scoring *j)
{
	struct scored *s = j->s;
	struct confusion answered = { .k = s->corpus->labels->n };
	struct bootstrap_options b = { .metric = METRIC_WEIGHTED_F1,
				       .replicates = j->o->replicates,
				       .alpha = 0.05,
				       .seed = 1,
				       .threads = j->o->threads };
	struct tally t = { 0 };
	struct tally_set set = { .run = &t, .n = 1 };

	s->confusion.k = answered.k;
	if (tally_init(&t, answered.k, s->corpus->n_dia, j->err))
		return j->err->code;
	for (int i = 0; i < s->n; i++) {
		const struct scored_sample *p = &s->sample[i];

		s->count[p->status]++;
		count_cause(s, p);
		if (p->status == ANSWER_EXCLUDED)
			continue;
		confusion_add(&s->confusion, p->gold, p->label);
		if (p->label >= 0)
			confusion_add(&answered, p->gold, p->label);
		tally_add(&t, s->corpus->utt[p->utt].dialogue, p->gold, p->label);
	}
	qsort(s->cause, (size_t)s->n_cause, sizeof(*s->cause), by_status);
	scores_compute(&s->confusion, &s->all);
	scores_compute(&answered, &s->answered);
	if (s->all.n)
		bootstrap_system(&set, &b, &s->interval, j->err);
	else
		err_set(j->err, ERR_DATA, "%s: every sample is excluded", j->r->path);
	tally_free(&t);
	return j->err->code ? j->err->code : warn_one_sided(j);
}

/* Beside what the project wrote down: percentages with three digits, classes with six. */
static void compare(struct scored *s)
{
	const struct recorded_score *was = &s->recorded->score;

	s->differs = fmax(fabs(was->accuracy - s->all.accuracy),
			  fabs(was->weighted_f1 - s->all.weighted_f1));
	s->differs_class = NAN;
	for (int i = 0; i < was->n_cls; i++) {
		const int k = label_find_any(s->corpus->labels, was->cls[i].name);
		const struct class_scores *now = &s->all.cls[k < 0 ? 0 : k];

		if (k < 0)
			continue;
		s->differs_class = fmax(s->differs_class, fabs(was->cls[i].f1 - now->f1));
		s->differs_class =
			fmax(s->differs_class, fabs(was->cls[i].precision - now->precision));
		s->differs_class = fmax(s->differs_class, fabs(was->cls[i].recall - now->recall));
	}
	s->reproduced = s->differs <= 5.1e-6 && !(s->differs_class > 5.1e-7);
}

int score_recorded(struct scored *s, const struct recorded *r, const struct match_request *rq,
		   const struct score_options *o, struct notes *notes, struct err *err)
{
	struct scoring j = { .s = s, .r = r, .rq = rq, .o = o, .notes = notes, .err = err };

	*s = (struct scored){
		.corpus = rq->corpus, .recorded = r, .split = rq->split, .rule = o->rule
	};
	if (!choose_words(&j) && !read_exclusions(&j) &&
	    !match_rows(&s->match, r, rq, notes, err) && !take_samples(&j) && !compute(&j))
		compare(s);
	map_free(&j.excluded);
	free(j.reason);
	return err->code;
}

void scored_free(struct scored *s)
{
	free(s->sample);
	match_free(&s->match);
	arena_free(&s->mem);
	*s = (struct scored){ 0 };
}

int scored_failures(const struct scored *s)
{
	return s->count[ANSWER_DECODE_FAIL] + s->count[ANSWER_BACKEND_FAIL];
}
