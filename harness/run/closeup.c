/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/closeup.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/run/measure.h"

struct watching {
	struct closeup *c;
	struct behaviour *meter;
};

static int on_picture(void *ctx, const struct picture *p, struct err *err)
{
	struct watching *w = ctx;

	w->c->width = p->width;
	w->c->height = p->height;
	return behaviour_picture(w->meter, p, err);
}

static void on_sight(void *ctx, const struct behaviour_sight *sight)
{
	struct closeup *c = ctx;

	if (GROW_ARRAY(c->sight, c->cap_sight, c->n_sight + 1))
		c->sight[c->n_sight++] = *sight;
	else
		err_set(c->on_sight, ERR_NOMEM, "no memory");
}

/* Measures the sound; its pitch and its loudness in fine steps are kept. */
static int listen(struct closeup *c, struct err *err)
{
	const struct media_audio *a = &c->audio;
	struct intensity_meter fine = { 0 };
	struct speech_meter ear = { 0 };

	if (a->n > 0 && !speech_measure(&ear, a->pcm, a->n, a->rate, &c->m.speech, err) &&
	    !intensity_meter_init(&fine, pitch_standard.floor, a->rate, err) &&
	    !intensity_track(&fine, &ear.sound, &c->loud, err)) {
		c->pitch = ear.pitch;
		ear.pitch = (struct pitch_track){ 0 };
	}
	intensity_meter_free(&fine);
	speech_meter_free(&ear);
	return err->code;
}

int closeup_take(struct closeup *c, const struct media_ref *ref, struct err *err)
{
	struct media_request rq = measure_request(ref, true, true);
	struct watching w = { .c = c };
	struct behaviour_result *seen = NULL;
	struct face_models faces = { 0 };

	*c = (struct closeup){ .on_sight = err };
	if (!face_models_load(&faces, FACE_CASCADES_DIR, FACE_LANDMARKS, err))
		w.meter = behaviour_new(&faces, err);
	if (w.meter && !NEW_ARRAY(seen, 1))
		err_set(err, ERR_NOMEM, "%s: no memory", ref->path);
	if (err->code || media_probe(ref->path, &c->info, err))
		goto done;
	rq.on_picture = on_picture;
	rq.ctx = &w;
	behaviour_watch(w.meter, on_sight, c);
	if (!media_read(ref->path, &rq, &c->audio, &c->m.media_status, err) && !listen(c, err) &&
	    !behaviour_hear(w.meter, c->audio.pcm, c->audio.n, MEASURE_RATE, err) &&
	    !behaviour_finish(w.meter, seen, err)) {
		c->m.behaviour = seen->cues;
		c->pictures = seen->pictures;
		c->faces = seen->faces;
	}
done:
	c->m.error = err->code;
	c->on_sight = NULL;
	behaviour_free(w.meter);
	face_models_free(&faces);
	free(seen);
	return err->code;
}

void closeup_free(struct closeup *c)
{
	media_audio_free(&c->audio);
	pitch_free(&c->pitch);
	intensity_free(&c->loud);
	free(c->sight);
	*c = (struct closeup){ 0 };
}

/* -1 for "", otherwise the group's place in the list. */
static int find_group(const struct json *groups, const char *name, const char *what, int *group,
		      struct err *err)
{
	struct strbuf known = { 0 };

	*group = -1;
	if (!*name)
		return 0;
	for (int i = 0; i < json_size(groups); i++) {
		const char *one = json_str(json_at(groups, i), "");

		if (!strcmp(one, name))
			*group = i;
		strbuf_addf(&known, "%s%s", i ? ", " : "", one);
	}
	if (*group < 0)
		err_set(err, ERR_ARG, "%s: no speaker group '%s' (there are: %s)", what, name,
			strbuf_str(&known));
	strbuf_free(&known);
	return err->code;
}

int closeup_words_parse(struct closeup_words *w, const char *json, const char *what,
			const char *group, struct err *err)
{
	struct json *root = json_parse(json, strlen(json), what, err);

	*w = (struct closeup_words){ .group = -1 };
	if (root && !find_group(json_get(root, "groups"), group, what, &w->group, err) &&
	    !quantizer_load(&w->speech, speech_cue_spec, SPEECH_CUE_COUNT, json_get(root, "speech"),
			    what, err))
		quantizer_load(&w->behaviour, behaviour_cue_spec, BEHAVIOUR_CUE_COUNT,
			       json_get(root, "behaviour"), what, err);
	json_free(root);
	return err->code;
}

void closeup_words_free(struct closeup_words *w)
{
	quantizer_free(&w->speech);
	quantizer_free(&w->behaviour);
	*w = (struct closeup_words){ .group = -1 };
}
