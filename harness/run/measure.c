/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/measure.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/hash.h"
#include "harness/base/io.h"
#include "harness/base/str.h"
#include "harness/base/thread.h"
#include "harness/base/version.h"
#include "harness/cue/acoustic.h"
#include "harness/cue/behaviour.h"
#include "harness/cue/speech.h"
#include "harness/media/media.h"
#include "harness/run/content.h"
#include "harness/run/pack.h"

/* The part of a record that has a fixed size; feature rows follow. */
struct stored {
	struct cue_set speech, behaviour;
	uint32_t media_status;
	float ms[STAGE_COUNT];
	int32_t rows[1 + PART_COUNT], cols[1 + PART_COUNT];
};

/* One utterance being measured. */
struct taking {
	struct stored s;
	float audio[ACOUSTIC_ROWS * ACOUSTIC_COLS];
	struct behaviour_result seen;
	struct behaviour *meter;
	double meter_ms;
	struct speech_meter *ear;
};

struct job {
	struct bank *b;
	const struct corpus *corpus;
	const struct bank_options *o;
	struct pack *pack;
	struct face_models faces; /* of corpora with pictures of people */
	char faces_id[HASH_HEX];  /* face_models_identity(); "": none is loaded */
	struct speech_meter *ear; /* (threads) */
	bool drawn;	    /* calibrated corpora show drawn figures: faces are found by colour */
	struct err *result; /* (n_utt) what went wrong with each */
	struct err fatal;   /* no memory, cache broken */
	pthread_mutex_t lock;
	struct progress progress;
	int done;
};

struct media_request measure_request(const struct media_ref *ref, bool sound, bool pictures)
{
	return (struct media_request){
		.start_ms = ref->start_ms,
		.end_ms = ref->end_ms,
		.max_seconds = MEASURE_MAX_SECONDS,
		.rate = sound ? MEASURE_RATE : 0,
		.frames = pictures,
		.crop = (int)ref->crop,
		.max_height = MEASURE_HEIGHT,
		.fps = MEASURE_FPS,
	};
}

static int on_picture(void *ctx, const struct picture *p, struct err *err)
{
	struct taking *t = ctx;
	double start = clock_s();
	int rc = behaviour_picture(t->meter, p, err);

	t->meter_ms += 1e3 * (clock_s() - start);
	return rc;
}

static int read_span(struct taking *t, const struct media_ref *ref, bool sound, bool pictures,
		     struct media_audio *audio, struct err *err)
{
	struct media_request rq = measure_request(ref, sound, pictures);
	double start = clock_s(), before = t->meter_ms;
	unsigned status;
	int rc;

	rq.on_picture = on_picture;
	rq.ctx = t;
	rc = media_read(ref->path, &rq, audio, &status, err);

	t->s.media_status |= status;
	t->s.ms[STAGE_DECODE] += (float)(1e3 * (clock_s() - start) - (t->meter_ms - before));
	return rc;
}

static int listen(struct taking *t, const struct media_audio *audio, struct err *err)
{
	double start = clock_s();

	if (audio->n > 0 &&
	    !speech_measure(t->ear, audio->pcm, audio->n, audio->rate, &t->s.speech, err) &&
	    !acoustic_frames(&t->ear->sound, &t->ear->pitch, t->audio, err)) {
		t->s.rows[0] = ACOUSTIC_ROWS;
		t->s.cols[0] = ACOUSTIC_COLS;
	}
	t->meter_ms += 1e3 * (clock_s() - start);
	return err->code;
}

static int watch(struct taking *t, struct err *err)
{
	double start = clock_s();

	if (!behaviour_finish(t->meter, &t->seen, err)) {
		t->s.behaviour = t->seen.cues;
		for (int p = 0; p < PART_COUNT; p++)
			if (t->seen.feat_ok[p]) {
				t->s.rows[1 + p] = BEHAVIOUR_ROWS;
				t->s.cols[1 + p] = behaviour_cols[p];
			}
	}
	t->meter_ms += 1e3 * (clock_s() - start);
	return err->code;
}

static int take(struct taking *t, const struct face_models *faces, const struct utterance *u,
		struct err *err)
{
	struct media_audio audio = { 0 };
	bool both = media_same_span(&u->audio, &u->video);

	t->meter = behaviour_new(faces, err);
	if (t->meter && u->audio.path)
		read_span(t, &u->audio, true, both, &audio, err);
	if (!err->code && u->video.path && !both)
		read_span(t, &u->video, false, true, NULL, err);
	if (!err->code && u->audio.path)
		listen(t, &audio, err);
	if (!err->code && u->video.path &&
	    !behaviour_hear(t->meter, audio.pcm, audio.n, MEASURE_RATE, err))
		watch(t, err);
	t->s.ms[STAGE_CUES] = (float)t->meter_ms;
	behaviour_free(t->meter);
	media_audio_free(&audio);
	return err->code;
}

static size_t feature_floats(const struct stored *s)
{
	size_t n = 0;

	for (int i = 0; i < 1 + PART_COUNT; i++)
		n += (size_t)s->rows[i] * (size_t)s->cols[i];
	return n;
}

/* Checks a record's shape and hands its parts to *m; lock guards mem, NULL: nobody else uses it. */
static bool accept(struct arena *mem, pthread_mutex_t *lock, struct measured *m, const void *data,
		   size_t len)
{
	struct feat *feat[1 + PART_COUNT] = { &m->audio, &m->video[0], &m->video[1], &m->video[2] };
	const char *from = (const char *)data + sizeof(struct stored);
	struct stored s;
	float *to;

	if (len < sizeof(s))
		return false;
	memcpy(&s, data, sizeof(s));
	for (int i = 0; i < 1 + PART_COUNT; i++)
		if (s.rows[i] < 0 || s.cols[i] < 0 || s.rows[i] > 1024 || s.cols[i] > 4096)
			return false;
	if (len != sizeof(s) + feature_floats(&s) * sizeof(float))
		return false;
	if (lock)
		pthread_mutex_lock(lock);
	to = arena_array(mem, feature_floats(&s), sizeof(*to));
	if (lock)
		pthread_mutex_unlock(lock);
	if (!to)
		return false;
	memcpy(to, from, feature_floats(&s) * sizeof(float));
	m->speech = s.speech;
	m->behaviour = s.behaviour;
	m->media_status = s.media_status;
	memcpy(m->ms, s.ms, sizeof(m->ms));
	for (int i = 0; i < 1 + PART_COUNT; i++) {
		size_t n = (size_t)s.rows[i] * (size_t)s.cols[i];

		*feat[i] = n ? (struct feat){ to, s.rows[i], s.cols[i] } : (struct feat){ 0 };
		to += n;
	}
	return true;
}

static int pack_record(const struct taking *t, struct strbuf *out)
{
	strbuf_addn(out, (const char *)&t->s, sizeof(t->s));
	if (t->s.rows[0])
		strbuf_addn(out, (const char *)t->audio, sizeof(t->audio));
	for (int p = 0; p < PART_COUNT; p++)
		strbuf_addn(out, (const char *)t->seen.feat[p],
			    (size_t)t->s.rows[1 + p] * (size_t)t->s.cols[1 + p] * sizeof(float));
	return out->oom ? ERR_NOMEM : 0;
}

static int cache_key(struct job *j, const struct utterance *u, char key[HASH_HEX], struct err *err)
{
	const struct media_ref *ref[2] = { &u->audio, &u->video };
	struct strbuf b = { 0 };
	char hash[HASH_HEX];

	strbuf_addf(&b, "measure %s|%s|%d|%g|%d|%g|%zu|%d", version_get()->measuring,
		    media_versions(), MEASURE_RATE, MEASURE_FPS, MEASURE_HEIGHT,
		    MEASURE_MAX_SECONDS, sizeof(struct stored), j->drawn);
	for (int i = 0; i < 2 && !err->code; i++) {
		if (!ref[i]->path || content_hash(j->pack, ref[i]->path, hash, err))
			continue;
		strbuf_addf(&b, "|%d %s %lld %lld %d", i, hash, (long long)ref[i]->start_ms,
			    (long long)ref[i]->end_ms, (int)ref[i]->crop);
	}
	if (u->video.path)
		strbuf_addf(&b, "|%s", j->faces_id);
	if (b.oom)
		err_set(err, ERR_NOMEM, "cache: no memory");
	hash_hex(strbuf_str(&b), b.len, key);
	strbuf_free(&b);
	return err->code;
}

static int measure_one(struct job *j, int i, int worker, bool *cached, struct err *err)
{
	const struct utterance *u = &j->corpus->utt[i];
	struct taking *t = mem_calloc(1, sizeof(*t));
	struct strbuf record = { 0 };
	char key[HASH_HEX];
	const void *known;
	size_t len;

	*cached = false;
	if (!t)
		return err_set(err, ERR_NOMEM, "%s: no memory", u->id);
	if (cache_key(j, u, key, err))
		goto out;
	known = j->pack ? pack_get(j->pack, key, &len) : NULL;
	if (known && accept(&j->b->mem, &j->lock, &j->b->m[i], known, len)) {
		*cached = true;
		goto out;
	}
	t->ear = &j->ear[worker];
	if (take(t, j->drawn ? NULL : &j->faces, u, err))
		goto out;
	if (pack_record(t, &record) ||
	    !accept(&j->b->mem, &j->lock, &j->b->m[i], strbuf_str(&record), record.len))
		err_set(err, ERR_NOMEM, "%s: no memory", u->id);
	else if (j->pack)
		pack_put(j->pack, key, strbuf_str(&record), record.len, err);
out:
	strbuf_free(&record);
	free(t);
	return err->code;
}

/* Has a clip that this job is to measure. */
static bool is_wanted(const struct job *j, int i)
{
	const struct utterance *u = &j->corpus->utt[i];

	return (u->audio.path || u->video.path) &&
	       (!j->o->test_only || j->corpus->dia[u->dialogue].split == SPLIT_TEST);
}

static bool has_pictures(const struct job *j)
{
	for (int i = 0; i < j->corpus->n_utt; i++)
		if (is_wanted(j, i) && j->corpus->utt[i].video.path)
			return true;
	return false;
}

static void measure_item(void *ctx, int i, int worker)
{
	struct job *j = ctx;
	bool cached = false;

	if (!is_wanted(j, i) || (j->o->stop && *j->o->stop))
		return;
	measure_one(j, i, worker, &cached, &j->result[i]);
	pthread_mutex_lock(&j->lock);
	j->b->n_media++;
	j->b->n_cached += cached;
	if (j->result[i].code == ERR_NOMEM || j->result[i].code == ERR_INTERNAL)
		err_set(&j->fatal, j->result[i].code, "%s", j->result[i].msg);
	progress_update(&j->progress, ++j->done, j->b->n_cached, NULL);
	pthread_mutex_unlock(&j->lock);
}

static int open_cache(struct job *j, struct err *err)
{
	char *path;

	if (!j->o->cache)
		return 0;
	path = path_join(j->o->cache, "measurements.pack");
	if (!path)
		err_set(err, ERR_NOMEM, "cache: no memory");
	else if (!io_mkdirs(j->o->cache, err))
		j->pack = pack_open(path, err);
	free(path);
	return err->code;
}

static int list_failures(struct job *j, struct corpus *corpus, struct err *err)
{
	for (int i = 0; i < corpus->n_utt && !err->code; i++) {
		const struct utterance *u = &corpus->utt[i];

		if (!j->result[i].code)
			continue;
		j->b->m[i].error = j->result[i].code;
		j->b->n_failed++;
		log_info(j->o->log, "warning: %s: %s", u->id, j->result[i].msg);
		corpus_issue(corpus, ISSUE_WARN, "clip-unreadable",
			     u->video.path ? u->video.path : u->audio.path, 0, err, "%s: %s", u->id,
			     j->result[i].msg);
	}
	return err->code;
}

static const char *error_name(int code)
{
	switch (code) {
	case ERR_MISSING:
		return "missing";
	case ERR_FORMAT:
		return "not-media";
	case ERR_DATA:
		return "unusable";
	case ERR_LIMIT:
		return "over-limit";
	default:
		return "failed";
	}
}

void measured_status(const struct measured *m, const struct utterance *u, char out[STATUS_SIZE])
{
	if (m->error)
		snprintf(out, STATUS_SIZE, "%s", error_name(m->error));
	else if (!u->audio.path && !u->video.path)
		snprintf(out, STATUS_SIZE, "no-clip");
	else
		media_status_text(m->media_status, out, STATUS_SIZE);
}

static int load_faces(struct job *j, struct err *err)
{
	const struct bank_options *o = j->o;

	if (!face_models_load(&j->faces, o->cascades ? o->cascades : FACE_CASCADES_DIR,
			      o->landmarks ? o->landmarks : FACE_LANDMARKS, err))
		face_models_identity(&j->faces, j->faces_id);
	return err->code;
}

int measure_corpus(struct bank *b, struct corpus *corpus, const struct bank_options *o,
		   struct err *err)
{
	struct job j = { .b = b, .corpus = corpus, .o = o };
	const int threads = o->threads > 1 ? o->threads : 1;
	int total = 0;

	for (int i = 0; i < corpus->n_utt; i++)
		total += is_wanted(&j, i);
	j.drawn = !strcmp(bank_kind(b), "calibrated");
	if (!total || (has_pictures(&j) && !j.drawn && load_faces(&j, err)))
		return err->code;
	if (!NEW_ARRAY(j.result, (size_t)corpus->n_utt) || !NEW_ARRAY(j.ear, (size_t)threads)) {
		free(j.result);
		face_models_free(&j.faces);
		return err_set(err, ERR_NOMEM, "measuring: no memory");
	}
	pthread_mutex_init(&j.lock, NULL);
	if (!open_cache(&j, err)) {
		progress_start(&j.progress, o->log, "measuring clips", total);
		parallel_for(corpus->n_utt, threads, measure_item, &j);
		progress_end(&j.progress, NULL);
		if (o->stop && *o->stop)
			err_set(err, ERR_INTERRUPTED,
				"interrupted; the cache keeps what was measured");
		else if (j.fatal.code)
			*err = j.fatal;
		else
			list_failures(&j, corpus, err);
	}
	pack_close(j.pack);
	face_models_free(&j.faces);
	pthread_mutex_destroy(&j.lock);
	for (int i = 0; i < threads; i++)
		speech_meter_free(&j.ear[i]);
	free(j.ear);
	free(j.result);
	return err->code;
}

/* --- one utterance at a time, for those who must see what it costs --- */

struct measurer {
	struct job j; /* models of faces, how pictures are looked at, an ear for each worker */
	int workers;
};

struct measurer *measurer_new(const struct bank *b, const struct bank_options *o, int workers,
			      struct err *err)
{
	struct measurer *m = mem_calloc(1, sizeof(*m));

	if (!m || !NEW_ARRAY(m->j.ear, (size_t)workers)) {
		free(m);
		err_set(err, ERR_NOMEM, "measuring: no memory");
		return NULL;
	}
	m->workers = workers;
	m->j.o = o;
	m->j.corpus = b->corpus;
	m->j.drawn = !strcmp(bank_kind(b), "calibrated");
	if (has_pictures(&m->j) && !m->j.drawn && load_faces(&m->j, err)) {
		measurer_free(m);
		return NULL;
	}
	return m;
}

void measurer_free(struct measurer *m)
{
	if (!m)
		return;
	for (int i = 0; i < m->workers; i++)
		speech_meter_free(&m->j.ear[i]);
	free(m->j.ear);
	face_models_free(&m->j.faces);
	free(m);
}

int measurer_take(struct measurer *m, int worker, const struct utterance *u, struct measured *out,
		  struct arena *mem, struct err *err)
{
	struct taking *t = mem_calloc(1, sizeof(*t));
	struct strbuf record = { 0 };

	*out = (struct measured){ 0 };
	if (!t)
		return err_set(err, ERR_NOMEM, "%s: no memory", u->id);
	t->ear = &m->j.ear[worker];
	if (!take(t, m->j.drawn ? NULL : &m->j.faces, u, err) &&
	    (pack_record(t, &record) || !accept(mem, NULL, out, strbuf_str(&record), record.len)))
		err_set(err, ERR_NOMEM, "%s: no memory", u->id);
	strbuf_free(&record);
	free(t);
	return err->code;
}
