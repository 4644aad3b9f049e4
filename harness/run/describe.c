/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/describe.h"

#include <string.h>

#include "harness/base/sha256.h"
#include "harness/run/cue_files.h"

#define LISTED 10 /* unreadable clips that are named */

/* --- what is asked about --------------------------------------------------------------------- */

static bool has_clip(const struct utterance *u, const struct describing *how)
{
	return ((!how->pictures && !how->video) || u->video.path) && (!how->sound || u->audio.path);
}

static int make_view(struct descriptions *d, const struct dialogue *dia, struct err *err)
{
	const struct corpus *c = d->corpus;
	const size_t n = (size_t)dia->count;
	struct turn *turn = arena_array(&d->mem, n, sizeof(*turn));
	unsigned char *target = arena_array(&d->mem, n, 1);
	int *index = arena_array(&d->mem, n, sizeof(*index));

	if (!turn || !target || !index)
		return err_set(err, ERR_NOMEM, "describe: no memory");
	bank_number_speakers(c, dia, turn);
	for (int t = 0; t < dia->count; t++) {
		const int i = dia->first + t;
		const struct utterance *u = &c->utt[i];

		turn[t].id = u->id;
		turn[t].prompt_speaker = u->prompt_speaker;
		turn[t].text = u->text;
		index[t] = i;
		target[t] = !d->o->only_clips || has_clip(u, &d->o->how);
		d->row[i] = d->n;
		d->of[d->n++] = (struct described){
			.utt = i,
			.status = ANSWER_EXCLUDED,
			.cause = "no-clip",
			.model = "",
		};
		d->views.n_target += target[t];
	}
	d->views.index[d->views.n] = index;
	d->views.view[d->views.n++] = (struct view){
		.dialogue = dia->id,
		.turn = turn,
		.n = dia->count,
		.target = target,
		.window = d->o->window,
	};
	return 0;
}

static void tell_missing(const struct descriptions *d)
{
	int n = 0;

	for (int i = 0; i < d->n && !d->o->only_clips; i++)
		n += !has_clip(&d->corpus->utt[d->of[i].utt], &d->o->how);
	if (n)
		log_info(d->o->log,
			 "%d of %d utterances have no clip and will end as decode_fail; "
			 "--only-clips leaves them out",
			 n, d->n);
}

int describe_begin(struct descriptions *d, const struct corpus *corpus,
		   const struct describe_options *o, struct err *err)
{
	const size_t n = (size_t)corpus->n_dia, utts = (size_t)corpus->n_utt;
	int taken[SPLIT_COUNT] = { 0 };

	*d = (struct descriptions){ .corpus = corpus, .o = o };
	d->views.view = arena_array(&d->mem, n, sizeof(*d->views.view));
	d->views.index = arena_array(&d->mem, n, sizeof(*d->views.index));
	d->of = arena_array(&d->mem, utts, sizeof(*d->of));
	d->row = arena_array(&d->mem, utts, sizeof(*d->row));
	if (!d->views.view || !d->views.index || !d->of || !d->row)
		return err_set(err, ERR_NOMEM, "describe: no memory");
	for (int i = 0; i < corpus->n_utt; i++)
		d->row[i] = -1;
	for (int k = 0; k < corpus->n_dia && !err->code; k++) {
		const struct dialogue *dia = &corpus->dia[k];

		if (!(o->splits & 1u << dia->split) ||
		    (o->limit > 0 && taken[dia->split]++ >= o->limit))
			continue;
		make_view(d, dia, err);
	}
	if (!err->code && !d->views.n_target)
		err_set(err, ERR_DATA, "%s: %s", corpus->root,
			d->n ? "no utterance of these splits has a clip; see merc data verify"
			     : "these splits are empty");
	if (!err->code)
		tell_missing(d);
	return err->code;
}

void describe_free(struct descriptions *d)
{
	arena_free(&d->mem);
	*d = (struct descriptions){ 0 };
}

void describe_configuration(const struct descriptions *d, struct strbuf *out)
{
	const struct corpus *c = d->corpus;
	struct json_writer w;

	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	describe_put_origin(d, &w);
	json_close_object(&w);
	for (int i = 0; i < d->n; i++) {
		const struct utterance *u = &c->utt[d->of[i].utt];

		strbuf_addf(out, "\n%s|%s|%d|%s", split_name[c->dia[u->dialogue].split], u->id,
			    u->prompt_speaker, u->text);
	}
}

/* --- asking ---------------------------------------------------------------------------------- */

static int ask(void *ctx, int v, int t, int index, const struct reply *before, struct ask *out,
	       struct arena *mem, struct err *err)
{
	const struct descriptions *d = ctx;

	(void)index; /* the second question is the one that has a reply before it */
	return d->o->describer->ask(&d->o->how, &d->views.view[v], t, before, out, mem, err);
}

/* A reply that came: is it a description? */
static int judge(struct descriptions *d, struct described *row, const struct reply *r,
		 struct err *err)
{
	if (d->o->describer->read(r, &row->d, &d->mem, err))
		return err->code;
	row->status = row->d.cause ? ANSWER_PARSE_FAIL : ANSWER_OK;
	row->cause = row->d.cause;
	return 0;
}

static void tell_unreadable(struct descriptions *d, const struct reply *r)
{
	if (d->unreadable++ < LISTED)
		log_info(d->o->log, "%s", r->first_error);
	else if (d->unreadable == LISTED + 1)
		log_info(d->o->log, "further clips that cannot be read are not named");
}

static int take(void *ctx, int v, int t, int index, const struct reply *r, bool *again,
		struct err *err)
{
	struct descriptions *d = ctx;
	struct described *row = &d->of[d->row[d->views.index[v][t]]];

	row->asked = index + 1;
	row->d = (struct description){ 0 };
	row->status = r->status;
	row->cause = reply_cause_name[r->cause];
	row->model = arena_strdup(&d->mem, r->model);
	if (!row->model)
		return err_set(err, ERR_NOMEM, "describe: no memory");
	memcpy(row->prompt_hash, r->prompt_hash, ASK_SHA_HEX);
	memcpy(row->media_hash, r->media_hash, ASK_SHA_HEX);
	memcpy(row->reply_hash, r->reply_hash, ASK_SHA_HEX);
	if (r->cause == CAUSE_MEDIA)
		tell_unreadable(d, r);
	if (r->status != ANSWER_OK && r->status != ANSWER_PARSE_FAIL)
		return 0;
	*again = !judge(d, row, r, err) && row->status == ANSWER_PARSE_FAIL && index == 0;
	return err->code;
}

struct inquiry describe_inquiry(struct descriptions *d)
{
	const struct describing *how = &d->o->how;

	return (struct inquiry){
		.views = &d->views,
		.corpus = d->corpus,
		.see = (how->pictures || how->video ? SEE_PICTURES : 0u) |
		       (how->sound ? SEE_SOUND : 0u),
		.threads = d->o->threads,
		.clips = d->o->clips,
		.log = d->o->log,
		.stop = d->o->stop,
		.ask = ask,
		.take = take,
		.ctx = d,
	};
}

int describe_check(const struct descriptions *d, const struct carrier *c, struct err *err)
{
	struct arena mem = { 0 };
	struct strbuf b = { 0 };
	struct ask a = { 0 };

	/* parts without bytes: whether such parts can go is all that is wanted */
	if (!d->o->describer->ask(&d->o->how, &d->views.view[0], 0, NULL, &a, &mem, err)) {
		struct ask_part *part =
			arena_array(&mem, (size_t)a.message[0].n_parts, sizeof(*part));
		struct ask_message m = a.message[0];

		for (int i = 0; part && i < m.n_parts; i++) {
			part[i] = m.part[i];
			part[i].data = part[i].data ? part[i].data : "";
		}
		m.part = part;
		a.id = d->views.view[0].turn[0].id;
		a.message = &m;
		if (!part)
			err_set(err, ERR_NOMEM, "describe: no memory");
		else
			c->request(c->ctx, &a, &b, err);
	}
	strbuf_free(&b);
	arena_free(&mem);
	return err->code;
}

int describe_carry(struct descriptions *d, const struct carrier *c, const char *dir,
		   struct strbuf *served, struct err *err)
{
	const struct inquiry q = describe_inquiry(d);

	d->unreadable = 0;
	return inquiry_carry(&q, c, dir, &d->counts, served, err);
}

/* --- what came out --------------------------------------------------------------------------- */

static void put_known(struct json_writer *w, const char *key, const char *value)
{
	if (value && *value)
		json_put_str(w, key, value);
}

static void add_line(const struct descriptions *d, const struct described *row, struct strbuf *out)
{
	const struct corpus *c = d->corpus;
	const struct utterance *u = &c->utt[row->utt];
	struct json_writer w;
	char text[CUE_TEXT_HASH];

	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "id", u->id);
	json_put_str(&w, "split", split_name[c->dia[u->dialogue].split]);
	for (int p = 0; p < PART_COUNT; p++)
		json_put_str(&w, part_name[p], row->d.sentence[p]);
	json_put_str(&w, "status", answer_status_name[row->status]);
	put_known(&w, "cause", row->cause);
	json_put_int(&w, "asked", row->asked);
	w.out->oom |= !cue_text_hash(u->text, text);
	json_put_str(&w, "text_hash", text);
	put_known(&w, "model", row->model);
	put_known(&w, "prompt_hash", row->prompt_hash);
	put_known(&w, "media_hash", row->media_hash);
	put_known(&w, "reply_hash", row->reply_hash);
	json_close_object(&w);
	strbuf_addc(out, '\n');
}

void describe_lines(const struct descriptions *d, struct strbuf *out)
{
	for (int i = 0; i < d->n; i++)
		add_line(d, &d->of[i], out);
}

void describe_put_origin(const struct descriptions *d, struct json_writer *w)
{
	const struct describe_options *o = d->o;

	json_put_str(w, "describer", o->describer->name);
	json_put_str(w, "corpus", d->corpus->name);
	json_open_array(w, "splits");
	for (int k = 0; k < SPLIT_COUNT; k++)
		if (o->splits & 1u << k)
			json_put_str(w, NULL, split_name[k]);
	json_close_array(w);
	json_put_int(w, "limit", o->limit);
	json_put_bool(w, "only_clips", o->only_clips);
	json_put_int(w, "window", o->window);
	json_put_bool(w, "pictures", o->how.pictures);
	json_put_bool(w, "video", o->how.video);
	json_put_bool(w, "sound", o->how.sound);
	json_put_int(w, "frames", o->how.media.frames);
	json_put_int(w, "side", o->how.media.side);
	json_put_num(w, "seconds", o->how.media.seconds);
	json_put_str(w, "media", ASK_MEDIA_FORM);
}

void describe_put_counts(const struct descriptions *d, struct json_writer *w)
{
	int64_t status[ANSWER_STATUS_COUNT] = { 0 }, naming = 0, twice = 0,
		sentence[PART_COUNT] = { 0 };

	for (int i = 0; i < d->n; i++) {
		const struct described *row = &d->of[i];

		status[row->status]++;
		naming += row->d.naming;
		twice += row->asked > 1;
		for (int p = 0; p < PART_COUNT; p++)
			sentence[p] += row->d.sentence[p] != NULL;
	}
	json_open_object(w, "utterances");
	for (int i = 0; i < ANSWER_STATUS_COUNT; i++)
		json_put_int(w, answer_status_name[i], status[i]);
	json_close_object(w);
	json_open_object(w, "sentences");
	for (int p = 0; p < PART_COUNT; p++)
		json_put_int(w, part_name[p], sentence[p]);
	json_put_int(w, "naming_emotions", naming);
	json_close_object(w);
	json_put_int(w, "asked_again", twice);
}
