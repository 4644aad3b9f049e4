/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/attach.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/str.h"
#include "harness/base/version.h"
#include "harness/core/view.h"
#include "harness/media/media.h"
#include "harness/media/still.h"
#include "harness/run/clip_store.h"

#define SIDE_MIN 16
#define SIDE_MAX 4096
/* Longer stretches of sound or video fit no request. */
#define SECONDS_MAX 600.0

/* What a turn's clip is wanted as, and the parts made of it. */
struct clip {
	const struct utterance *u;
	int turn;
	bool wanted[ASK_PART_TYPES];
	struct ask_part *part[ASK_PART_TYPES];
	int n[ASK_PART_TYPES];
	struct clip *next;
};

/* One call of attach_clips(). */
struct attaching {
	const struct ask *ask;
	const struct corpus *c;
	const int *utt;
	unsigned see;
	struct clip_store *store;
	struct arena *mem;
	struct clip *clips;
};

/* One reading of a file. */
struct reading {
	struct attaching *a;
	struct clip *clip;
	const char *path;
	struct still *still;	    /* of pictures */
	struct media_writer *video; /* of a video, opened by its first picture */
	struct media_audio audio;
};

static int no_memory(const struct utterance *u, struct err *err)
{
	return err_set(err, ERR_NOMEM, "%s: no memory for its clip", u->id);
}

static struct media_request request(const struct attaching *a, const struct media_ref *ref)
{
	return (struct media_request){ .start_ms = ref->start_ms,
				       .end_ms = ref->end_ms,
				       .max_seconds = a->ask->media.seconds,
				       .crop = (int)ref->crop,
				       .max_side = a->ask->media.side };
}

/* A part with room for its bytes. */
static uint8_t *add_part(struct reading *r, enum ask_part_type type, size_t size, struct err *err)
{
	struct clip *k = r->clip;
	uint8_t *data = arena_array(r->a->mem, size + 1, 1);

	if (!data) {
		no_memory(k->u, err);
		return NULL;
	}
	k->part[type][k->n[type]++] = (struct ask_part){
		.type = type, .data = (const char *)data, .size = size, .turn = k->turn
	};
	return data;
}

static int take_still(void *ctx, const struct picture *p, struct err *err)
{
	struct reading *r = ctx;
	const uint8_t *jpeg;
	uint8_t *data;
	size_t size;

	if (still_jpeg(r->still, p, r->path, &jpeg, &size, err))
		return err->code;
	data = add_part(r, ASK_JPEG, size, err);
	if (data)
		memcpy(data, jpeg, size);
	return err->code;
}

static int take_moving(void *ctx, const struct picture *p, struct err *err)
{
	struct reading *r = ctx;
	const struct media_spec spec = { .width = p->width,
					 .height = p->height,
					 .fps = ASK_VIDEO_FPS,
					 .quality = ASK_VIDEO_QUALITY,
					 .rate = r->audio.n ? ASK_WAV_RATE : 0,
					 .timed = true };

	if (!r->video)
		r->video = media_writer_open_memory("the clip for an ask.mp4", &spec, err);
	return r->video ? media_write_picture(r->video, p, err) : err->code;
}

static int lacks(const struct media_ref *ref, const char *what, struct err *err)
{
	return err_set(err, ERR_DATA,
		       "%s: no %s at %.3f s; leave the modality out, or fetch the file again",
		       ref->path, what, (double)ref->start_ms / 1000);
}

static int make_wav(struct reading *r, const struct media_ref *ref, struct err *err)
{
	uint8_t *data;

	if (!r->audio.n)
		return lacks(ref, "sound", err);
	data = add_part(r, ASK_WAV, wav_size(r->audio.n), err);
	if (data)
		wav_write(r->audio.pcm, r->audio.n, ASK_WAV_RATE, data);
	return err->code;
}

/* Pictures, and the sound of the same span in the same pass. */
static int read_stills(struct reading *r, bool sound, struct err *err)
{
	const struct media_ref *ref = &r->clip->u->video;
	struct media_request rq = request(r->a, ref);
	unsigned status;

	rq.rate = sound ? ASK_WAV_RATE : 0;
	rq.frames = rq.middle = true;
	rq.count = r->a->ask->media.frames;
	rq.on_picture = take_still;
	rq.ctx = r;
	r->path = ref->path;
	r->still = still_new(ASK_JPEG_QUANTISER, err);
	if (r->still && !media_read(ref->path, &rq, &r->audio, &status, err) &&
	    !r->clip->n[ASK_JPEG])
		lacks(ref, "pictures", err);
	still_free(r->still);
	r->still = NULL;
	return err->code;
}

static int read_sound(struct reading *r, struct err *err)
{
	struct media_request rq = request(r->a, &r->clip->u->audio);
	unsigned status;

	rq.rate = ASK_WAV_RATE;
	return media_read(r->clip->u->audio.path, &rq, &r->audio, &status, err);
}

/* The container wants to know before the first picture whether there is sound: it is read first. */
static int read_moving(struct reading *r, struct err *err)
{
	const struct utterance *u = r->clip->u;
	struct media_request rq = request(r->a, &u->video);
	uint8_t *to;
	char *file = NULL;
	size_t size = 0;
	unsigned status;

	if (r->a->see & SEE_SOUND && u->audio.path && !r->audio.n && read_sound(r, err))
		return err->code;
	rq.frames = true;
	rq.count = r->a->ask->media.frames;
	rq.fps = ASK_VIDEO_FPS;
	rq.on_picture = take_moving;
	rq.ctx = r;
	if (!media_read(u->video.path, &rq, NULL, &status, err) && !r->video)
		lacks(&u->video, "pictures", err);
	if (!err->code && r->audio.n)
		media_write_audio(r->video, r->audio.pcm, r->audio.n, err);
	media_writer_close_memory(&r->video, &file, &size, err);
	to = file ? add_part(r, ASK_VIDEO, size, err) : NULL;
	if (to)
		memcpy(to, file, size);
	free(file);
	return err->code;
}

static int has_clip(const struct clip *k, const struct media_ref *ref, const char *what,
		    struct err *err)
{
	if (ref->path)
		return 0;
	return err_set(err, ERR_MISSING,
		       "%s: the corpus has no %s of it; fetch its clips, or leave the modality out",
		       k->u->id, what);
}

/* What the bytes of a part follow from; "" where nothing is kept, or the clip cannot be read. */
static void part_key(const struct attaching *a, const struct clip *k, enum ask_part_type type,
		     char key[HASH_HEX])
{
	bool sound = type == ASK_WAV || (type == ASK_VIDEO && a->see & SEE_SOUND);
	const struct media_ref *ref[2] = { sound ? &k->u->audio : NULL,
					   type != ASK_WAV ? &k->u->video : NULL };
	const struct ask_media *m = &a->ask->media;
	struct strbuf b = { 0 };
	struct err err = { 0 };
	char hash[HASH_HEX];

	key[0] = '\0';
	if (!a->store)
		return;
	strbuf_addf(&b, "clip %s|%s|%s|%d %.17g", version_get()->attaching, media_versions(),
		    ASK_MEDIA_FORM, (int)type, m->seconds);
	if (type != ASK_WAV)
		strbuf_addf(&b, " %d %d", m->frames, m->side);
	for (int i = 0; i < 2; i++) {
		if (!ref[i] || !ref[i]->path)
			continue;
		if (!clip_store_hash(a->store, ref[i]->path, hash, &err))
			strbuf_addf(&b, "|%d %s %lld %lld %d", i, hash, (long long)ref[i]->start_ms,
				    (long long)ref[i]->end_ms, (int)ref[i]->crop);
	}
	if (!b.oom && !err.code)
		hash_hex(strbuf_str(&b), b.len, key);
	strbuf_free(&b);
}

/* Room for the parts of a kind, or those that were kept; *key as part_key() has it. */
static int find_parts(struct attaching *a, struct clip *k, enum ask_part_type type,
		      char key[HASH_HEX], struct err *err)
{
	size_t room = type == ASK_JPEG ? (size_t)a->ask->media.frames : 1;

	part_key(a, k, type, key);
	if (key[0] && clip_store_get(a->store, key, &k->part[type], &k->n[type], a->mem, err))
		return err->code;
	for (int i = 0; i < k->n[type]; i++)
		k->part[type][i].turn = k->turn;
	if (!k->n[type])
		k->part[type] = arena_array(a->mem, room, sizeof(**k->part));
	return k->part[type] ? 0 : no_memory(k->u, err);
}

/* Reads what is missing. */
static int read_parts(struct attaching *a, struct clip *k, const bool *missing, struct err *err)
{
	struct reading r = { .a = a, .clip = k };
	const struct utterance *u = k->u;

	if (missing[ASK_JPEG])
		read_stills(&r, missing[ASK_WAV] && media_same_span(&u->audio, &u->video), err);
	if (missing[ASK_WAV] && !err->code && !r.audio.pcm)
		read_sound(&r, err);
	if (missing[ASK_WAV] && !err->code)
		make_wav(&r, &u->audio, err);
	if (missing[ASK_VIDEO] && !err->code)
		read_moving(&r, err);
	media_audio_free(&r.audio);
	return err->code;
}

static int make_parts(struct attaching *a, struct clip *k, struct err *err)
{
	char key[ASK_PART_TYPES][HASH_HEX];
	bool missing[ASK_PART_TYPES] = { false };

	if ((k->wanted[ASK_WAV] && has_clip(k, &k->u->audio, "sound", err)) ||
	    ((k->wanted[ASK_JPEG] || k->wanted[ASK_VIDEO]) &&
	     has_clip(k, &k->u->video, "pictures", err)))
		return err->code;
	for (int t = 0; t < ASK_PART_TYPES; t++) {
		if (k->wanted[t] && find_parts(a, k, t, key[t], err))
			return err->code;
		missing[t] = k->wanted[t] && !k->n[t];
	}
	if (read_parts(a, k, missing, err))
		return err->code;
	for (int t = 0; t < ASK_PART_TYPES; t++)
		if (missing[t] && key[t][0])
			clip_store_put(a->store, key[t], k->part[t], k->n[t]);
	return 0;
}

/* Whether a part stands for something of a clip. */
static bool is_named(const struct ask_part *p)
{
	return !p->data && p->type != ASK_TEXT;
}

static struct clip *clip_of(const struct attaching *a, int turn)
{
	struct clip *k = a->clips;

	while (k && k->turn != turn)
		k = k->next;
	return k;
}

static int want(struct attaching *a, const struct ask_part *p, struct err *err)
{
	static const unsigned needs[ASK_PART_TYPES] = {
		[ASK_JPEG] = SEE_PICTURES, [ASK_WAV] = SEE_SOUND, [ASK_VIDEO] = SEE_PICTURES
	};
	struct clip *k;

	if (p->data)
		return 0;
	if (!is_named(p) || p->turn < 0 || a->utt[p->turn] < 0 || a->utt[p->turn] >= a->c->n_utt)
		return err_set(err, ERR_INTERNAL, "%s: a part of turn %d that stands for nothing",
			       a->ask->id, p->turn);
	if (needs[p->type] & ~a->see)
		return err_set(err, ERR_INTERNAL, "%s: a %s is asked for that may not be seen",
			       a->ask->id, p->type == ASK_WAV ? "sound" : "picture");
	k = clip_of(a, p->turn);
	if (!k) {
		k = arena_array(a->mem, 1, sizeof(*k));
		if (!k)
			return err_set(err, ERR_NOMEM, "%s: no memory", a->ask->id);
		*k = (struct clip){ .u = &a->c->utt[a->utt[p->turn]],
				    .turn = p->turn,
				    .next = a->clips };
		a->clips = k;
	}
	k->wanted[p->type] = true;
	return 0;
}

/* The message with its clips in place. */
static int rebuild(const struct attaching *a, struct ask_message *m, struct err *err)
{
	struct ask_part *to;
	int n = 0, all = 0;

	for (int i = 0; i < m->n_parts; i++)
		all += is_named(&m->part[i]) ? clip_of(a, m->part[i].turn)->n[m->part[i].type] : 1;
	if (all > ASK_PARTS_MAX)
		return err_set(err, ERR_ARG, "%s: a message of %d parts, at most %d: fewer frames",
			       a->ask->id, all, ASK_PARTS_MAX);
	to = arena_array(a->mem, (size_t)all, sizeof(*to));
	if (!to)
		return err_set(err, ERR_NOMEM, "%s: no memory", a->ask->id);
	for (int i = 0; i < m->n_parts; i++) {
		const struct ask_part *p = &m->part[i];
		const struct clip *k = is_named(p) ? clip_of(a, p->turn) : NULL;
		int some = k ? k->n[p->type] : 1;

		memcpy(to + n, k ? k->part[p->type] : p, (size_t)some * sizeof(*to));
		n += some;
	}
	m->part = to;
	m->n_parts = n;
	return 0;
}

static int check_bounds(const struct ask *ask, struct err *err)
{
	const struct ask_media *m = &ask->media;

	if (m->frames < 1 || m->frames > ASK_PARTS_MAX || m->side < SIDE_MIN ||
	    m->side > SIDE_MAX || !(m->seconds > 0 && m->seconds <= SECONDS_MAX))
		return err_set(err, ERR_ARG,
			       "%s: %d frames of %d pixels from %g s of a clip; 1 to %d frames, %d "
			       "to %d pixels, at most %g s",
			       ask->id, m->frames, m->side, m->seconds, ASK_PARTS_MAX, SIDE_MIN,
			       SIDE_MAX, SECONDS_MAX);
	return 0;
}

int attach_clips(struct ask *ask, const struct corpus *c, const int *utt, unsigned see,
		 struct clip_store *store, struct arena *mem, struct err *err)
{
	struct attaching a = {
		.ask = ask, .c = c, .utt = utt, .see = see, .store = store, .mem = mem
	};
	struct ask_message *message;

	for (int i = 0; i < ask->n_messages; i++)
		for (int k = 0; k < ask->message[i].n_parts; k++)
			if (want(&a, &ask->message[i].part[k], err))
				return err->code;
	if (!a.clips)
		return 0;
	message = arena_array(mem, (size_t)ask->n_messages, sizeof(*message));
	if (!message)
		return err_set(err, ERR_NOMEM, "%s: no memory", ask->id);
	memcpy(message, ask->message, (size_t)ask->n_messages * sizeof(*message));
	if (check_bounds(ask, err))
		return err->code;
	for (struct clip *k = a.clips; k; k = k->next)
		if (make_parts(&a, k, err))
			return err->code;
	for (int i = 0; i < ask->n_messages; i++)
		if (rebuild(&a, &message[i], err))
			return err->code;
	ask->message = message;
	return 0;
}
