/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/replay.h"

#include <stdlib.h>

#include "harness/base/map.h"
#include "harness/base/json.h"
#include "harness/base/sha256.h"
#include "harness/remote/key.h"
#include "harness/remote/ready.h"
#include "harness/remote/reply_json.h"

#define FILE_MAX ((size_t)4 << 30)

struct replay {
	struct backend_env env;
	const char *path;
	struct arena mem;
	struct reply *reply;
	size_t n, cap;
	struct str_map place; /* "index id" -> reply */
	struct strbuf lines;  /* every line in canonical form, for the identity */
	char identity[ASK_SHA_HEX + 32];
};

static int find(const struct replay *s, const char *id, int index)
{
	struct strbuf b = { 0 };
	int i;

	strbuf_addf(&b, "%d %s", index, id);
	i = map_get(&s->place, strbuf_str(&b));
	strbuf_free(&b);
	return i;
}

static int add_place(struct replay *s, const char *id, int index, const char *where,
		     struct err *err)
{
	struct strbuf b = { 0 };
	char *name;
	int *slot = NULL;

	strbuf_addf(&b, "%d %s", index, id);
	name = arena_strdup(&s->mem, strbuf_str(&b));
	if (name && !b.oom)
		slot = map_slot(&s->place, name);
	strbuf_free(&b);
	if (!slot)
		return err_set(err, ERR_NOMEM, "%s: no memory", where);
	*slot = (int)s->n;
	return 0;
}

static int take(void *ctx, const struct json *v, long line, struct err *err)
{
	struct replay *s = ctx;
	const char *id = json_str(json_get(v, "id"), NULL);
	int64_t index = 0;
	struct json_writer w;
	char where[600];

	if (!str_format(where, sizeof(where), "%s:%ld", s->path, line))
		where[0] = '\0';
	if (!id)
		return err_set(err, ERR_FORMAT, "%s: no \"id\"", where);
	if ((json_get(v, "index") &&
	     json_int(json_get(v, "index"), 0, 1000000, where, &index, err)) ||
	    add_place(s, id, (int)index, where, err))
		return err->code;
	if (!GROW_ARRAY(s->reply, s->cap, s->n + 1))
		return err_set(err, ERR_NOMEM, "%s: no memory", where);
	json_begin(&w, &s->lines, 0);
	json_put_sorted(&w, NULL, v);
	return reply_read(v, where, &s->mem, &s->reply[s->n++], err);
}

static int replay_open(void *state, const char *spec, const struct backend_env *env,
		       struct err *err)
{
	struct replay *s = state;
	char hash[SHA256_HEX];
	bool torn;

	s->env = *env;
	s->path = spec;
	if (json_lines(spec, FILE_MAX, &torn, take, s, err))
		return err->code;
	if (torn)
		log_error(env->log, "%s: the last line is torn and left out", spec);
	if (s->lines.oom)
		return err_set(err, ERR_NOMEM, "%s: no memory", spec);
	sha256_hex(strbuf_str(&s->lines), s->lines.len, hash);
	strbuf_free(&s->lines);
	return str_format(s->identity, sizeof(s->identity), "{\"replay\":\"%s\"}", hash)
		       ? 0
		       : err_set(err, ERR_INTERNAL, "replay: identity too long");
}

static int replay_request(const void *state, const struct ask *ask, struct strbuf *out,
			  struct err *err)
{
	const struct replay *s = state;

	strbuf_addf(out, "%s: %s", s->path,
		    find(s, ask->id, ask->index) < 0 ? "not recorded" : "recorded");
	return out->oom ? err_set(err, ERR_NOMEM, "replay: no memory") : 0;
}

static int replay_start(void *state, unsigned modes, struct err *err)
{
	(void)state;
	(void)modes;
	return err->code;
}

static const char *replay_identity(const void *state)
{
	return ((const struct replay *)state)->identity;
}

static int replay_run(void *state, const struct ask_source *source, const struct ask_sink *sink,
		      struct err *err)
{
	struct replay *s = state;
	struct reply none = reply_none;
	bool unsettled = false;

	none.status = ANSWER_BACKEND_FAIL;
	none.cause = CAUSE_NOT_RECORDED;
	while (!err->code) {
		const struct ask *ask = NULL;
		enum ask_next what;
		int i;

		if (s->env.stop && *s->env.stop)
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		what = source->next(source->ctx, &ask, err);
		if (err->code || what == ASK_END)
			break;
		if (what == ASK_LATER) {
			if (!unsettled)
				ready_wait(source, s->env.stop, err);
			else if (sink->settle)
				sink->settle(sink->ctx, err);
			unsettled = false;
			continue;
		}
		unsettled = true;
		i = find(s, ask->id, ask->index);
		sink->put(sink->ctx, ask, i < 0 ? &none : &s->reply[i], err);
	}
	return err->code || !sink->settle ? err->code : sink->settle(sink->ctx, err);
}

static void replay_close(void *state)
{
	struct replay *s = state;

	map_free(&s->place);
	arena_free(&s->mem);
	strbuf_free(&s->lines);
	free(s->reply);
	*s = (struct replay){ 0 };
}

const struct backend_ops backend_replay = {
	.name = "replay",
	.state_size = sizeof(struct replay),
	.open = replay_open,
	.request = replay_request,
	.start = replay_start,
	.identity = replay_identity,
	.run = replay_run,
	.close = replay_close,
};
