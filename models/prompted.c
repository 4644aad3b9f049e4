/* SPDX-License-Identifier: Apache-2.0
 * Systems that ask a served model, zero-shot or with examples: SpeechCueLLM's and InstructERC's
 * published formats byte for byte, OmniVox's three kinds of question and a plain one in wording
 * of our own.  Labels of earlier turns are never shown, nor anything after the turn.
 */
#include "models/prompted.h"

#include <stdlib.h>
#include <string.h>

#include "harness/text/prompt.h"
#include "models/models.h"

static const struct opt_spec prompted_opts[] = {
	{ .name = "template",
	  .type = OPT_STR,
	  .fallback = "zero-shot",
	  .help = "zero-shot, omnivox-minimal, -acoustic or -cot (own wording), or a published "
		  "format: speechcue-zero-shot, instructerc, ..." },
	{ .name = "system",
	  .type = OPT_STR,
	  .fallback = "",
	  .help = "system message in front; none when empty" },
	{ .name = "mode",
	  .type = OPT_CHOICE,
	  .fallback = "generate",
	  .choices = "generate|choice|likelihood|letters",
	  .help = "free reply; one imposed label; log-probability of each label (text only); of "
		  "each option's letter" },
	{ .name = "extract",
	  .type = OPT_CHOICE,
	  .fallback = "flexible",
	  .choices = "strict|flexible|A|B",
	  .help = "rule that finds the label in a free reply" },
	{ .name = "length",
	  .type = OPT_CHOICE,
	  .fallback = "raw",
	  .choices = "raw|bytes|tokens",
	  .help = "likelihood: what a label's log-probability is divided by" },
	{ .name = "chat",
	  .type = OPT_CHOICE,
	  .fallback = "plain",
	  .choices = "plain|vicuna|llama2|llama3|qwen2",
	  .help = "likelihood: chat format of the one text" },
	{ .name = "lead",
	  .type = OPT_STR,
	  .fallback = "Emotion:",
	  .help = "likelihood: words in front of the label" },
	{ .name = "repeat",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "own wording: the question twice" },
	{ .name = "words",
	  .type = OPT_CHOICE,
	  .fallback = "all",
	  .choices = "all|context",
	  .help = "own wording: whose words are written, those of the utterance too or only those "
		  "before it" },
	{ .name = "impression",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "SpeechCueLLM's impression of the voice too" },
	{ .name = "shots",
	  .type = OPT_INT,
	  .fallback = "0",
	  .min = 0,
	  .max = SHOTS_MAX,
	  .help = "examples from the train split, as questions and answers in front" },
	{ .name = "shots_seed",
	  .type = OPT_INT,
	  .fallback = "-1",
	  .min = -1,
	  .max = 1e9,
	  .help = "seed that chooses them; -1: the run's" },
	{ .name = "shot_window",
	  .type = OPT_INT,
	  .fallback = "0",
	  .min = 0,
	  .max = 100,
	  .help = "earlier utterances in an example" },
	{ .name = "frames",
	  .type = OPT_INT,
	  .fallback = "8",
	  .min = 1,
	  .max = ASK_PARTS_MAX - 2,
	  .help = "pictures of an utterance, at most" },
	{ .name = "side",
	  .type = OPT_INT,
	  .fallback = "448",
	  .min = 16,
	  .max = 4096,
	  .help = "longer side of a picture in pixels, at most" },
	{ .name = "seconds",
	  .type = OPT_NUM,
	  .fallback = "30",
	  .min = 0.1,
	  .max = 600,
	  .help = "of a clip, at most: its beginning" },
	{ .name = "camera",
	  .type = OPT_CHOICE,
	  .fallback = "frames",
	  .choices = "frames|video",
	  .help = "pictures one by one, or as one video part where the server takes it" },
	{ .name = "temperature",
	  .type = OPT_NUM,
	  .fallback = "0",
	  .min = 0,
	  .max = 2,
	  .help = "of sampling" },
	{ .name = "top_p",
	  .type = OPT_NUM,
	  .fallback = "1",
	  .min = 0,
	  .max = 1,
	  .help = "of sampling" },
	{ .name = "presence_penalty",
	  .type = OPT_NUM,
	  .fallback = "0",
	  .min = -2,
	  .max = 2,
	  .help = "of sampling" },
	{ .name = "frequency_penalty",
	  .type = OPT_NUM,
	  .fallback = "0",
	  .min = -2,
	  .max = 2,
	  .help = "of sampling" },
	{ .name = "sampling_seed",
	  .type = OPT_INT,
	  .fallback = "1234",
	  .min = -1,
	  .max = 2147483647,
	  .help = "that is sent along; -1: the run's" },
	{ .name = "max_tokens",
	  .type = OPT_INT,
	  .fallback = "0",
	  .min = 0,
	  .max = 32768,
	  .help = "of a reply; 0: as the template needs (16, with reasoning 512 or 1024)" },
	OPT_END,
};

/* --- setting up --- */

/* Which of a table's names the option holds. */
static int chosen(const struct model_env *env, const char *name, const char *const *table, int n)
{
	int i = 0;

	while (i + 1 < n && strcmp(table[i], opt_str(env->opts, name)) != 0)
		i++;
	return i;
}

static int find_template(struct prompted *p, struct err *err)
{
	const char *name = opt_str(p->env->opts, "template");
	struct strbuf known = { 0 };

	p->template = name;
	for (int i = 0; prompted_styles[i].name; i++) {
		if (!strcmp(prompted_styles[i].name, name))
			p->own = &prompted_styles[i];
		strbuf_addf(&known, " %s", prompted_styles[i].name);
	}
	p->word = p->own ? p->env->labels->word : p->env->labels->prompt;
	if (!p->own && !prompt_has(name, "")) { /* every template holds that */
		for (int i = 0; prompt_templates[i].name; i++)
			if (strstr(prompt_templates[i].text, "{labels}"))
				strbuf_addf(&known, " %s", prompt_templates[i].name);
		err_set(err, ERR_ARG, "no template '%s'; there are:%s", name, strbuf_str(&known));
	}
	strbuf_free(&known);
	return err->code;
}

/* The user's own words go out as they are: they may be of several lines. */
static int check_own_words(const struct model_env *env, const char *name, struct err *err)
{
	const char *s = opt_str(env->opts, name);

	if (utf8_check(s, strlen(s)) < strlen(s))
		return err_set(err, ERR_ARG, "option %s is not UTF-8", name);
	for (; *s; s++)
		if (((unsigned char)*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7f)
			return err_set(err, ERR_ARG, "option %s holds a control character", name);
	return 0;
}

/* A label follows one blank behind the text, so the text must not end in any. */
static int check_lead(const struct prompted *p, struct err *err)
{
	const struct chat_message m = { CHAT_USER, "x" };
	const char *lead = opt_str(p->env->opts, "lead");
	struct strbuf text = { 0 };

	if (!chat_text(p->chat, &m, 1, true, &text, err) &&
	    prompted_ends_blank(*lead ? lead : strbuf_str(&text)))
		err_set(err, ERR_ARG,
			"the text in front of a label would end in white space (chat %s, "
			"lead '%s'): give a lead that does not",
			chat_format_name(p->chat), lead);
	strbuf_free(&text);
	return err->code;
}

static int check_seen(const struct prompted *p, struct err *err)
{
	const bool only_context = !strcmp(opt_str(p->env->opts, "words"), "context");
	const unsigned text = only_context ? 0 : SEE_TEXT;

	if (only_context && !p->own)
		return err_set(err, ERR_ARG,
			       "template %s is a published format: words is for wording "
			       "of our own",
			       p->template);
	if (!(p->env->see & (text | SEE_SPEECH | SEE_BEHAVIOUR | SEE_MEDIA)))
		return err_set(err, ERR_ARG,
			       "nothing of an utterance is seen: let the recipe see text, "
			       "speech, behaviour, sound or pictures");
	if (p->mode == ASK_LIKELIHOOD && (p->env->see & SEE_MEDIA))
		return err_set(err, ERR_ARG,
			       "mode likelihood is for text: take sound and pictures "
			       "away");
	return 0;
}

static void set_sampling(struct prompted *p)
{
	const struct opt_values *o = p->env->opts;
	const int64_t seed = opt_int(o, "sampling_seed");
	const int tokens = (int)opt_int(o, "max_tokens");

	p->sampling = (struct ask_sampling){
		.temperature = opt_num(o, "temperature"),
		.top_p = opt_num(o, "top_p"),
		.presence_penalty = opt_num(o, "presence_penalty"),
		.frequency_penalty = opt_num(o, "frequency_penalty"),
		.seed = seed < 0 ? (int64_t)(p->env->seed & INT64_MAX) : seed,
		.max_tokens = tokens   ? tokens
			      : p->own ? p->own->max_tokens
				       : ask_sampling_default.max_tokens,
	};
	p->media = (struct ask_media){ .frames = (int)opt_int(o, "frames"),
				       .side = (int)opt_int(o, "side"),
				       .seconds = opt_num(o, "seconds") };
}

static int prompted_init(void *state, const struct model_env *env, struct err *err)
{
	static const char *const length[LENGTHS] = { "raw", "bytes", "tokens" };
	struct prompted *p = state;

	p->env = env;
	p->mode = (enum ask_mode)chosen(env, "mode", ask_mode_name, ASK_MODES);
	p->rule = (enum extract_rule)chosen(env, "extract", extract_rule_name, EXTRACT_RULES);
	p->length = (enum prompted_length)chosen(env, "length", length, LENGTHS);
	p->chat = chat_format_named(opt_str(env->opts, "chat"));
	p->film = !strcmp(opt_str(env->opts, "camera"), "video");
	if (!str_format(p->task, sizeof(p->task), "%s/1", env->labels->name))
		return err_set(err, ERR_INTERNAL, "%s: the name is too long", env->labels->name);
	prompted_forget(p);
	if (find_template(p, err))
		return err->code;
	set_sampling(p);
	if (check_own_words(env, "system", err) || check_own_words(env, "lead", err) ||
	    check_seen(p, err))
		return err->code;
	if (p->mode == ASK_LIKELIHOOD && check_lead(p, err))
		return err->code;
	return prompted_check(p, err);
}

static void prompted_destroy(void *state)
{
	prompted_forget(state);
}

/* With words=context those of the turn itself stay unsaid. */
static unsigned prompted_sees(const void *state)
{
	const struct prompted *p = state;
	const bool all = !strcmp(opt_str(p->env->opts, "words"), "all");

	return all ? p->env->see : p->env->see & ~(unsigned)SEE_TEXT;
}

static int64_t prompted_parameters(const void *state)
{
	(void)state;
	return 0;
}

/* --- asking --- */

/* Messages as they are put together; all memory is mem's. */
struct making {
	const struct prompted *p;
	struct ask_message *message;
	int n;
	struct arena *mem;
	bool oom;
};

static void add_message(struct making *k, const char *role, const struct ask_part *part, int n)
{
	struct ask_part *copy = arena_array(k->mem, (size_t)n, sizeof(*copy));

	if (!copy) {
		k->oom = true;
		return;
	}
	memcpy(copy, part, (size_t)n * sizeof(*copy));
	k->message[k->n++] = (struct ask_message){ role, copy, n };
}

static struct ask_part text_part(const char *text)
{
	return (struct ask_part){ .type = ASK_TEXT, .data = text, .size = strlen(text) };
}

static void add_text(struct making *k, const char *role, const char *text)
{
	const struct ask_part part = text_part(text);

	add_message(k, role, &part, 1);
}

/* What the model should have answered to an example. */
static void add_answer(struct making *k, int label)
{
	const struct prompted *p = k->p;
	const char *lead = p->mode == ASK_LIKELIHOOD	 ? opt_str(p->env->opts, "lead")
			   : p->own && p->own->describes ? "Emotion:"
							 : "";
	const char letter[] = { (char)('A' + label), '\0' };
	struct strbuf s = { 0 };
	char *text;

	strbuf_addf(&s, "%s%s%s", lead, *lead ? " " : "",
		    p->mode == ASK_LETTERS ? letter : p->word[label]);
	/* the plain format writes nothing behind an answer: the next question stands apart */
	if (p->mode == ASK_LIKELIHOOD && !strcmp(chat_format_name(p->chat), "plain"))
		strbuf_add(&s, "\n\n");
	text = s.oom ? NULL : arena_strdup(k->mem, s.s);
	strbuf_free(&s);
	k->oom = k->oom || !text;
	if (text)
		add_text(k, "assistant", text);
}

/* The question itself: pictures, then sound, then text. */
static void add_question(struct making *k, const struct prompted_scene *s, const char *text)
{
	struct ask_part part[3];
	int n = 0;

	if (s->media & SEE_PICTURES)
		part[n++] = (struct ask_part){ .type = k->p->film ? ASK_VIDEO : ASK_JPEG,
					       .turn = s->t };
	if (s->media & SEE_SOUND)
		part[n++] = (struct ask_part){ .type = ASK_WAV, .turn = s->t };
	part[n++] = text_part(text);
	add_message(k, "user", part, n);
}

/* All messages as one text that a label is put behind.  The server's tokenizer writes the begin
 * token, so a format that spells it out begins without. */
static int one_text(struct making *k, struct err *err)
{
	static const char *const begin[] = { "<s>", "<|begin_of_text|>" };
	const struct prompted *p = k->p;
	const char *lead = opt_str(p->env->opts, "lead"), *from;
	struct chat_message *m = arena_array(k->mem, (size_t)k->n, sizeof(*m));
	struct strbuf all = { 0 };

	for (int i = 0; m && i < k->n; i++) {
		m[i].role = !strcmp(k->message[i].role, "system") ? CHAT_SYSTEM
			    : !strcmp(k->message[i].role, "user") ? CHAT_USER
								  : CHAT_ASSISTANT;
		m[i].text = k->message[i].part[0].data;
	}
	if (!m || chat_text(p->chat, m, k->n, true, &all, err)) {
		strbuf_free(&all);
		return err->code ? err->code : err_set(err, ERR_NOMEM, "prompted: no memory");
	}
	if (*lead)
		strbuf_addf(&all, "%s%s", prompted_ends_blank(strbuf_str(&all)) ? "" : " ", lead);
	from = strbuf_str(&all);
	for (size_t i = 0; i < ARRAY_LEN(begin); i++)
		if (str_starts(from, begin[i]))
			from += strlen(begin[i]);
	from = all.oom ? NULL : arena_strdup(k->mem, from);
	strbuf_free(&all);
	if (!from)
		return err_set(err, ERR_NOMEM, "prompted: no memory");
	k->n = 0;
	add_text(k, "user", from);
	return 0;
}

/* What shaped the question and cannot be seen in it. */
static const char *settings(const struct prompted *p, const struct prompted_scene *s,
			    struct arena *mem)
{
	struct strbuf b = { 0 };
	struct json_writer w;
	const char *copy;

	json_begin(&w, &b, 0);
	json_open_object(&w, NULL);
	json_put_str(&w, "context_labels", "absent");
	json_put_bool(&w, "future", false);
	if (s->media) {
		json_open_object(&w, "media");
		json_put_str(&w, "form", ASK_MEDIA_FORM);
		json_put_int(&w, "frames", p->media.frames);
		json_put_num(&w, "seconds", p->media.seconds);
		json_put_int(&w, "side", p->media.side);
		json_close_object(&w);
	}
	json_put_str(&w, "shots", p->n_shots ? p->shots_hash : NULL);
	json_put_str(&w, "template", p->template);
	json_put_str(&w, "unit", "turns");
	json_put_int(&w, "window", s->view->window);
	json_close_object(&w);
	copy = b.oom ? NULL : arena_strdup(mem, b.s);
	strbuf_free(&b);
	return copy;
}

static struct prompted_scene scene_of(const struct prompted *p, const struct view *view, int t)
{
	return (struct prompted_scene){
		.view = view,
		.t = t,
		.first = t > view->window ? t - view->window : 0,
		.words = strcmp(opt_str(p->env->opts, "words"), "context") != 0,
		.media = p->env->see & SEE_MEDIA,
	};
}

static int add_messages(struct making *k, const struct prompted_scene *s, struct err *err)
{
	const struct prompted *p = k->p;
	const char *system = opt_str(p->env->opts, "system");
	struct strbuf text = { 0 };
	char *copy = NULL;

	if (*system)
		add_text(k, "system", system);
	for (int i = 0; i < p->n_shots; i++) {
		add_text(k, "user", p->shot[i].text);
		add_answer(k, p->shot[i].label);
	}
	if (!prompted_text(p, s, k->mem, &text, err) && !text.oom)
		copy = arena_strdup(k->mem, strbuf_str(&text));
	if (copy)
		add_question(k, s, copy);
	strbuf_free(&text);
	if ((!copy || k->oom) && !err->code)
		err_set(err, ERR_NOMEM, "prompted: no memory");
	return err->code;
}

static int prompted_ask(const void *state, const struct view *view, int t, struct ask *out,
			struct arena *mem, struct err *err)
{
	const struct prompted *p = state;
	const struct prompted_scene s = scene_of(p, view, t);
	struct making k = { .p = p, .mem = mem };

	k.message = arena_array(mem, 2 + 2 * (size_t)p->n_shots, sizeof(*k.message));
	if (!k.message)
		return err_set(err, ERR_NOMEM, "prompted: no memory");
	if (add_messages(&k, &s, err) || (p->mode == ASK_LIKELIHOOD && one_text(&k, err)))
		return err->code;
	*out = (struct ask){
		.id = view->turn[t].id,
		.task = p->task,
		.settings = settings(p, &s, mem),
		.message = k.message,
		.n_messages = k.n,
		.mode = p->mode,
		.option = p->mode == ASK_GENERATE ? NULL : p->word,
		.n_options = p->mode == ASK_GENERATE ? 0 : p->env->labels->n,
		.sampling = p->sampling,
		.media = p->media,
	};
	return k.oom || !out->settings ? err_set(err, ERR_NOMEM, "prompted: no memory") : 0;
}

/* --- for people --- */

static void write_part(const struct prompted *p, const struct ask_part *part, struct strbuf *out)
{
	switch (part->type) {
	case ASK_TEXT:
		strbuf_addf(out, "%s\n", part->data);
		break;
	case ASK_JPEG:
		strbuf_addf(out, "<pictures: up to %d>\n", p->media.frames);
		break;
	case ASK_VIDEO:
		strbuf_add(out, "<video>\n");
		break;
	case ASK_WAV:
		strbuf_add(out, "<sound>\n");
		break;
	case ASK_PART_TYPES:
		break;
	}
}

static int prompted_prompt(void *state, const struct view *view, int t, struct strbuf *out,
			   struct err *err)
{
	const struct prompted *p = state;
	struct arena mem = { 0 };
	struct ask ask;

	if (!prompted_ask(p, view, t, &ask, &mem, err)) {
		for (int i = 0; i < p->n_shots; i++)
			strbuf_addf(out, "%s%s %s", i ? ", " : "[examples ", p->shot[i].id,
				    p->word[p->shot[i].label]);
		if (p->n_shots)
			strbuf_addf(out, "; %s]\n", p->shots_hash);
		for (int i = 0; i < ask.n_messages; i++) {
			strbuf_addf(out, "[%s]\n",
				    p->mode == ASK_LIKELIHOOD ? "text" : ask.message[i].role);
			for (int j = 0; j < ask.message[i].n_parts; j++)
				write_part(p, &ask.message[i].part[j], out);
		}
		if (ask.n_options)
			strbuf_addf(out, "[%s:", ask_mode_name[p->mode]);
		for (int j = 0; j < ask.n_options; j++)
			strbuf_addf(out, " %s%s", ask.option[j],
				    j + 1 < ask.n_options ? "," : "]\n");
		if (out->oom)
			err_set(err, ERR_NOMEM, "prompted: no memory");
	}
	arena_free(&mem);
	return err->code;
}

const struct model_ops model_prompted = {
	.name = "prompted",
	.title = "Asks a served model (--backend), zero-shot or with examples",
	.uses = SEE_TEXT | SEE_SPEECH | SEE_BEHAVIOUR | SEE_HISTORY | SEE_MEDIA,
	.flags = MODEL_TRAINS | MODEL_PROBS,
	.opts = prompted_opts,
	.state_size = sizeof(struct prompted),
	.init = prompted_init,
	.fit = prompted_fit,
	.ask = prompted_ask,
	.read = prompted_read,
	.save = prompted_save,
	.load = prompted_load,
	.prompt = prompted_prompt,
	.parameters = prompted_parameters,
	.note = prompted_note,
	.sees = prompted_sees,
	.destroy = prompted_destroy,
};
