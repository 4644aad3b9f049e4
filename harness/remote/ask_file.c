/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/ask_file.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/remote/key.h"

#define FILE_LIMIT ((size_t)4 << 30)

struct ask_line {
	const char *id;
	int index;
	size_t start, length;
	long number;
};

/* An ask and what it stands on, in the list of those that are out. */
struct ask_record {
	struct ask ask; /* first: a released ask leads here */
	struct arena mem;
	struct ask_record *next, **from; /* *from is this record */
};

static int only_fields(const struct json *v, const char *const *known, const char *what,
		       struct err *err)
{
	for (const struct json *m = json_at(v, 0); m; m = json_next(m)) {
		const char *const *k = known;

		while (*k && strcmp(*k, json_key(m)) != 0)
			k++;
		if (!*k)
			return err_set(err, ERR_FORMAT, "%s: unknown field \"%.60s\"", what,
				       json_key(m));
	}
	return 0;
}

static const char *keep(struct arena *mem, const char *s, const char *what, struct err *err)
{
	const char *copy = arena_strdup(mem, s);

	if (!copy)
		err_set(err, ERR_NOMEM, "%s: no memory", what);
	return copy;
}

/* Where an ask is read from. */
struct origin {
	const char *what, *dir; /* names the line; folder of media */
	struct arena *mem;
	size_t bytes; /* of media read so far */
};

static bool begins_well(enum ask_part_type type, const char *s, size_t n)
{
	switch (type) {
	case ASK_JPEG:
		return n > 3 && !memcmp(s, "\xff\xd8\xff", 3);
	case ASK_WAV:
		return n > 12 && !memcmp(s, "RIFF", 4) && !memcmp(s + 8, "WAVE", 4);
	case ASK_VIDEO:
		return n > 8 && !memcmp(s + 4, "ftyp", 4);
	case ASK_TEXT:
	case ASK_PART_TYPES:
		break;
	}
	return false;
}

/* No way out of the folder: a file of asks may come from somebody else. */
static bool leads_down(const char *path)
{
	if (!*path || *path == '/')
		return false;
	for (const char *s = path; s; s = strchr(s, '/')) {
		s += *s == '/';
		if (str_starts(s, "..") && (s[2] == '/' || !s[2]))
			return false;
	}
	return true;
}

static int read_media(const struct json *v, struct origin *o, struct ask_part *part,
		      struct err *err)
{
	static const char *const known[] = { "type", "path", NULL };
	static const char *const form[ASK_PART_TYPES] = { "", "JPEG", "WAV", "MP4" };
	const char *name = json_str(json_get(v, "path"), "");
	char *path, *bytes = NULL, *copy;
	size_t n = 0;

	if (only_fields(v, known, o->what, err))
		return err->code;
	if (!leads_down(name))
		return err_set(
			err, ERR_FORMAT,
			"%s: \"path\" must lead from the folder of the asks downwards: '%.100s'",
			o->what, name);
	path = path_join(o->dir, name);
	if (!path)
		return err_set(err, ERR_NOMEM, "%s: no memory", o->what);
	if (!io_read_file(path, ASK_MEDIA_MAX, &bytes, &n, err)) {
		o->bytes += n;
		if (!begins_well(part->type, bytes, n))
			err_set(err, ERR_FORMAT, "%s: %s is no %s", o->what, path,
				form[part->type]);
		else if (o->bytes > ASK_BYTES_MAX)
			err_set(err, ERR_LIMIT, "%s: more than %zu bytes of media in one ask",
				o->what, ASK_BYTES_MAX);
		else if (!(copy = arena_array(o->mem, n, 1)))
			err_set(err, ERR_NOMEM, "%s: no memory", o->what);
		else
			part->data = memcpy(copy, bytes, n);
		part->size = n;
	}
	free(bytes);
	free(path);
	return err->code;
}

static int read_part(const struct json *v, struct origin *o, struct ask_part *part, struct err *err)
{
	static const char *const known[] = { "type", "text", NULL };
	const bool plain = json_type(v) == JSON_STRING;
	const char *type = plain ? "text" : json_str(json_get(v, "type"), "");
	const char *text = json_str(plain ? v : json_get(v, "text"), NULL);
	int t = 0;

	while (t < ASK_PART_TYPES && strcmp(ask_part_name[t], type) != 0)
		t++;
	part->type = (enum ask_part_type)t;
	if (t == ASK_PART_TYPES || (t == ASK_TEXT && !text))
		return err_set(err, ERR_FORMAT,
			       "%s: content is a text, or a list of {\"type\": \"text\", "
			       "\"text\": …} and {\"type\": \"image\", \"path\": …} (sound, video)",
			       o->what);
	if (t != ASK_TEXT)
		return read_media(v, o, part, err);
	if (!plain && only_fields(v, known, o->what, err))
		return err->code;
	part->data = keep(o->mem, text, o->what, err);
	part->size = strlen(text);
	return err->code;
}

static int read_message(const struct json *v, struct origin *o, struct ask_message *m,
			struct err *err)
{
	static const char *const known[] = { "role", "content", NULL };
	const struct json *content = json_get(v, "content"), *c;
	const bool list = json_type(content) == JSON_ARRAY;
	const int n = list ? json_size(content) : 1;
	struct ask_part *part;

	if (n < 1 || n > ASK_PARTS_MAX)
		return err_set(err, ERR_FORMAT, "%s: a message has 1 to %d parts", o->what,
			       ASK_PARTS_MAX);
	if (only_fields(v, known, o->what, err))
		return err->code;
	part = arena_array(o->mem, (size_t)n, sizeof(*part));
	if (!part)
		return err_set(err, ERR_NOMEM, "%s: no memory", o->what);
	m->role = keep(o->mem, json_str(json_get(v, "role"), "user"), o->what, err);
	m->part = part;
	c = list ? json_at(content, 0) : content;
	for (m->n_parts = 0; m->n_parts < n && !err->code; m->n_parts++) {
		read_part(c, o, &part[m->n_parts], err);
		c = list ? json_next(c) : NULL;
	}
	return err->code;
}

static int read_messages(const struct json *v, struct origin *o, struct ask *ask, struct err *err)
{
	const struct json *list = json_get(v, "messages"), *m = json_at(list, 0);
	const int n = json_size(list);
	struct ask_message *message;

	if (json_type(list) != JSON_ARRAY || n < 1 || n > ASK_MESSAGES_MAX)
		return err_set(err, ERR_FORMAT, "%s: \"messages\" is a list of 1 to %d messages",
			       o->what, ASK_MESSAGES_MAX);
	message = arena_array(o->mem, (size_t)n, sizeof(*message));
	if (!message)
		return err_set(err, ERR_NOMEM, "%s: no memory", o->what);
	ask->message = message;
	for (; m && !err->code; m = json_next(m))
		read_message(m, o, &message[ask->n_messages++], err);
	return err->code;
}

static int read_options(const struct json *v, const char *what, struct arena *mem, struct ask *ask,
			struct err *err)
{
	const struct json *list = json_get(v, "options");
	const int n = json_size(list);
	const char **option;

	if (!n)
		return 0;
	if (json_type(list) != JSON_ARRAY || n > ASK_OPTIONS_MAX)
		return err_set(err, ERR_FORMAT, "%s: \"options\" is a list of at most %d texts",
			       what, ASK_OPTIONS_MAX);
	option = arena_array(mem, (size_t)n, sizeof(*option));
	if (!option)
		return err_set(err, ERR_NOMEM, "%s: no memory", what);
	ask->option = option;
	for (const struct json *o = json_at(list, 0); o && !err->code; o = json_next(o)) {
		const char *text = json_str(o, "");

		for (int i = 0; i < ask->n_options; i++)
			if (!strcmp(option[i], text))
				return err_set(err, ERR_FORMAT, "%s: the same option twice", what);
		if (!*text)
			return err_set(err, ERR_FORMAT, "%s: an option is empty or no text", what);
		option[ask->n_options++] = keep(mem, text, what, err);
	}
	return err->code;
}

static int read_sampling(const struct json *v, const char *what, struct ask_sampling *s,
			 struct err *err)
{
	static const char *const known[] = {
		"temperature", "top_p", "presence_penalty", "frequency_penalty", "seed",
		"max_tokens",  NULL
	};
	const struct json *o = json_get(v, "sampling");
	int64_t tokens = s->max_tokens;

	if (only_fields(o, known, what, err))
		return err->code;
	s->temperature = json_num(json_get(o, "temperature"), s->temperature);
	s->top_p = json_num(json_get(o, "top_p"), s->top_p);
	s->presence_penalty = json_num(json_get(o, "presence_penalty"), s->presence_penalty);
	s->frequency_penalty = json_num(json_get(o, "frequency_penalty"), s->frequency_penalty);
	if (json_get(o, "seed") &&
	    json_int(json_get(o, "seed"), 0, (int64_t)1 << 53, what, &s->seed, err))
		return err->code;
	if (json_get(o, "max_tokens") &&
	    json_int(json_get(o, "max_tokens"), 1, 1 << 20, what, &tokens, err))
		return err->code;
	s->max_tokens = (int)tokens;
	if (!(s->temperature >= 0 && s->temperature <= 100 && s->top_p >= 0 && s->top_p <= 1))
		return err_set(err, ERR_FORMAT, "%s: temperature or top_p out of range", what);
	return 0;
}

static int read_settings(const struct json *v, const char *what, struct arena *mem, struct ask *ask,
			 struct err *err)
{
	const struct json *settings = json_get(v, "settings");
	struct strbuf b = { 0 };
	struct json_writer w;

	json_begin(&w, &b, 0);
	if (settings)
		json_put_sorted(&w, NULL, settings);
	if (b.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", what);
	else
		ask->settings = keep(mem, strbuf_str(&b), what, err);
	strbuf_free(&b);
	return err->code;
}

int ask_read(const struct json *v, const char *what, const char *dir, struct arena *mem,
	     struct ask *ask, struct err *err)
{
	static const char *const known[] = { "schema_version", "id",	   "index",   "task",
					     "mode",	       "messages", "options", "sampling",
					     "settings",       NULL };
	const char *id = json_str(json_get(v, "id"), ""),
		   *mode = json_str(json_get(v, "mode"), ask_mode_name[0]);
	struct origin o = { what, dir, mem, 0 };
	int64_t index = 0;
	int m = 0;

	*ask = (struct ask){ .sampling = ask_sampling_default };
	if (json_type(v) != JSON_OBJECT || !*id)
		return err_set(err, ERR_FORMAT, "%s: an ask is an object with an \"id\"", what);
	while (m < ASK_MODES && strcmp(ask_mode_name[m], mode) != 0)
		m++;
	if (m == ASK_MODES)
		return err_set(err, ERR_FORMAT,
			       "%s: \"mode\" is generate, choice, likelihood or letters", what);
	ask->mode = (enum ask_mode)m;
	if (only_fields(v, known, what, err) ||
	    (json_get(v, "index") &&
	     json_int(json_get(v, "index"), 0, 1000000, what, &index, err)) ||
	    read_messages(v, &o, ask, err) || read_options(v, what, mem, ask, err) ||
	    read_sampling(v, what, &ask->sampling, err) || read_settings(v, what, mem, ask, err))
		return err->code;
	ask->index = (int)index;
	ask->id = keep(mem, id, what, err);
	ask->task = keep(mem, json_str(json_get(v, "task"), ""), what, err);
	return err->code;
}

/* --- the file -------------------------------------------------------------------------------- */

/* Parses the line at start into r, whose arena is then in use. */
static int parse_line(const struct ask_file *f, size_t start, size_t length, long number,
		      struct ask_record *r, struct err *err)
{
	char where[600];
	struct json *v;

	if (!str_format(where, sizeof(where), "%s:%ld", f->path, number))
		where[0] = '\0';
	v = json_parse(f->text + start, length, where, err);
	if (v)
		ask_read(v, where, f->dir, &r->mem, &r->ask, err);
	json_free(v);
	return err->code;
}

/* A line with the hash of each of the ask's media. */
static void add_media(const struct ask *ask, struct strbuf *out)
{
	char hash[SHA256_HEX];

	for (int i = 0; i < ask->n_messages; i++)
		for (int k = 0; k < ask->message[i].n_parts; k++) {
			const struct ask_part *p = &ask->message[i].part[k];

			if (p->type == ASK_TEXT)
				continue;
			sha256_hex(p->data, p->size, hash);
			strbuf_addf(out, "%s\n", hash);
		}
}

static int add_line(struct ask_file *f, size_t start, size_t length, long number,
		    struct strbuf *media, struct err *err)
{
	struct ask_record r = { 0 };

	if (!parse_line(f, start, length, number, &r, err)) {
		const char *id = keep(&f->mem, r.ask.id, f->path, err);

		if (!GROW_ARRAY(f->line, f->cap, f->n + 1))
			err_set(err, ERR_NOMEM, "%s: no memory", f->path);
		if (!err->code)
			f->line[f->n++] =
				(struct ask_line){ id, r.ask.index, start, length, number };
		f->needs |= ask_needs(&r.ask);
		add_media(&r.ask, media);
	}
	arena_free(&r.mem);
	return err->code;
}

static int by_id(const void *a, const void *b)
{
	const struct ask_line *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static char *folder_of(const char *path)
{
	const size_t n = (size_t)(path_base(path) - path);
	char *dir = str_dup(n ? path : ".");

	if (dir && n)
		dir[n] = '\0';
	return dir;
}

static int read_lines(struct ask_file *f, size_t len, struct err *err)
{
	struct strbuf media = { 0 };

	for (size_t pos = 0, number = 1; pos < len && !err->code; number++) {
		const char *end = memchr(f->text + pos, '\n', len - pos);
		size_t n = end ? (size_t)(end - f->text) - pos : len - pos;

		if (n)
			add_line(f, pos, n, (long)number, &media, err);
		pos += n + 1;
	}
	sha256_hex(f->text, len, f->hash);
	if (media.len) {
		strbuf_add(&media, f->hash);
		sha256_hex(strbuf_str(&media), media.len, f->hash);
	}
	if (media.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", f->path);
	strbuf_free(&media);
	return err->code;
}

int ask_file_open(struct ask_file *f, const char *path, struct err *err)
{
	size_t len;

	*f = (struct ask_file){ 0 };
	f->path = str_dup(path);
	f->dir = folder_of(path);
	if (!f->path || !f->dir)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	if (io_read_file(path, FILE_LIMIT, &f->text, &len, err) || read_lines(f, len, err))
		return err->code;
	if (f->n)
		qsort(f->line, f->n, sizeof(*f->line), by_id);
	for (size_t i = 1; i < f->n && !err->code; i++)
		if (!by_id(&f->line[i - 1], &f->line[i]))
			err_set(err, ERR_FORMAT,
				"%s:%ld: id '%.100s' with index %d is in line %ld too", path,
				f->line[i].number, f->line[i].id, f->line[i].index,
				f->line[i - 1].number);
	return err->code;
}

void ask_file_free(struct ask_file *f)
{
	while (f->out)
		ask_file_release(&f->out->ask);
	free(f->path);
	free(f->dir);
	free(f->text);
	free(f->line);
	arena_free(&f->mem);
	*f = (struct ask_file){ 0 };
}

enum ask_next ask_file_next(void *ctx, const struct ask **out, struct err *err)
{
	struct ask_file *f = ctx;
	struct ask_record *r;
	const struct ask_line *l;

	if (f->next == f->n)
		return ASK_END;
	l = &f->line[f->next];
	r = mem_calloc(1, sizeof(*r));
	if (!r) {
		err_set(err, ERR_NOMEM, "%s: no memory", f->path);
		return ASK_END;
	}
	r->next = f->out;
	r->from = &f->out;
	if (r->next)
		r->next->from = &r->next;
	f->out = r;
	if (parse_line(f, l->start, l->length, l->number, r, err)) {
		ask_file_release(&r->ask);
		return ASK_END;
	}
	f->next++;
	*out = &r->ask;
	return ASK_READY;
}

void ask_file_release(const struct ask *ask)
{
	struct ask_record *r = (struct ask_record *)(uintptr_t)ask;

	*r->from = r->next;
	if (r->next)
		r->next->from = r->from;
	arena_free(&r->mem);
	free(r);
}
