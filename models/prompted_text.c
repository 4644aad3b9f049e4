/* SPDX-License-Identifier: Apache-2.0
 * The words of a question.  Whatever comes from the corpus goes through harness/text/slot.h on
 * its way in: control characters become blanks, and nothing in it is a marker of a chat or of the
 * template.  Published formats write an utterance's own quotes as they are, so that prompts stay
 * those of the release; our wording escapes them.
 */
#include "models/prompted.h"

#include <string.h>

#include "harness/text/prompt.h"
#include "harness/text/slot.h"

const struct prompted_style prompted_styles[] = {
	{ .name = "zero-shot",
	  .title = "the question in plain words (own wording)",
	  .opens = true,
	  .max_tokens = 16 },
	{ .name = "omnivox-minimal",
	  .title = "OmniVox, the label alone (own wording)",
	  .max_tokens = 16 },
	{ .name = "omnivox-acoustic",
	  .title = "OmniVox, the voice described first (own wording)",
	  .opens = true,
	  .describes = true,
	  .max_tokens = 512 },
	{ .name = "omnivox-cot",
	  .title = "OmniVox, step by step (own wording)",
	  .opens = true,
	  .describes = true,
	  .reasons = true,
	  .max_tokens = 1024 },
	{ .name = NULL },
};

static const char *const part_title[PART_COUNT] = { "Facial expression", "Body language",
						    "Posture" };

static const struct turn *target(const struct prompted_scene *s)
{
	return &s->view->turn[s->t];
}

static const char *words_of(const struct prompted_scene *s)
{
	return s->words ? target(s)->text : NULL;
}

static const char *impression_of(const struct prompted *p, const struct turn *u)
{
	return opt_bool(p->env->opts, "impression") ? u->impression : NULL;
}

static bool has_sentence(const struct prompted *p, const struct turn *u)
{
	bool any = u->speech || impression_of(p, u);

	for (int k = 0; k < PART_COUNT; k++)
		any = any || u->behaviour[k];
	return any;
}

bool prompted_ends_blank(const char *s)
{
	return *s && strchr(" \t\r\n", s[strlen(s) - 1]);
}

bool prompted_shows(const struct prompted *p, const struct prompted_scene *s)
{
	return words_of(s) || s->media || has_sentence(p, target(s));
}

/* --- published formats --- */

/* The text without what the released code drops and without markers; NULL stays NULL. */
static const char *slotted(const char *text, struct arena *mem, bool *oom)
{
	struct strbuf clean = { 0 }, out = { 0 };
	const char *copy = NULL;

	if (!text)
		return NULL;
	prompt_clean(text, &clean);
	slot_add(strbuf_str(&clean), &out);
	if (!clean.oom && !out.oom)
		copy = arena_strdup(mem, strbuf_str(&out));
	*oom = *oom || !copy;
	strbuf_free(&clean);
	strbuf_free(&out);
	return copy;
}

/* Face, body and posture as one text. */
static const char *behaviour_text(const struct turn *u, struct arena *mem, bool *oom)
{
	struct strbuf all = { 0 };
	const char *copy;

	for (int k = 0; k < PART_COUNT; k++)
		if (u->behaviour[k])
			strbuf_addf(&all, "%s%s", all.len ? " " : "", u->behaviour[k]);
	copy = all.len ? slotted(strbuf_str(&all), mem, oom) : NULL;
	*oom = *oom || all.oom;
	strbuf_free(&all);
	return copy;
}

static int published_text(const struct prompted *p, const struct prompted_scene *s,
			  struct arena *mem, struct strbuf *out, struct err *err)
{
	const struct turn *u = target(s);
	const int n = s->t - s->first + 1;
	struct prompt_turn *turn = arena_array(mem, (size_t)n, sizeof(*turn));
	bool oom = !turn;

	for (int i = 0; i < n && !oom; i++) {
		const struct turn *from = &s->view->turn[s->first + i];
		const bool shown = s->words || i + 1 < n;

		turn[i].speaker = from->prompt_speaker;
		turn[i].text = slotted(shown ? from->text : NULL, mem, &oom);
		turn[i].note = slotted(from->pitch, mem, &oom);
	}
	if (!oom) {
		const struct prompt_request rq = {
			.turn = turn,
			.n = n,
			.window = n - 1,
			.description = slotted(u->speech, mem, &oom),
			.impression = slotted(impression_of(p, u), mem, &oom),
			.behaviour = behaviour_text(u, mem, &oom),
			.label = p->word,
			.n_label = p->env->labels->n,
		};

		if (!oom)
			return prompt_build(p->template, &rq, out, err);
	}
	return err_set(err, ERR_NOMEM, "%s: no memory", u->id);
}

/* --- wording of our own --- */

static void add_quote(const char *text, struct strbuf *out)
{
	struct strbuf clean = { 0 };

	prompt_clean(text, &clean);
	slot_quote(strbuf_str(&clean), out);
	out->oom |= clean.oom;
	strbuf_free(&clean);
}

static void add_line(const struct turn *u, const char *words, struct strbuf *out)
{
	strbuf_addf(out, "Speaker_%d: ", u->speaker);
	add_quote(words, out);
	strbuf_addc(out, '\n');
}

static bool has_context(const struct prompted_scene *s)
{
	bool any = false;

	for (int i = s->first; i < s->t; i++)
		any = any || s->view->turn[i].text;
	return any;
}

static void add_context(const struct prompted_scene *s, struct strbuf *out)
{
	if (!has_context(s))
		return;
	strbuf_add(out, "What was said before:\n");
	for (int i = s->first; i < s->t; i++)
		if (s->view->turn[i].text)
			add_line(&s->view->turn[i], s->view->turn[i].text, out);
	strbuf_addc(out, '\n');
}

/* The utterance itself and what goes along. */
static void add_target(const struct prompted *p, const struct prompted_scene *s, struct strbuf *out)
{
	const bool sound = s->media & SEE_SOUND, context = has_context(s);

	if (words_of(s)) {
		strbuf_add(out, "The utterance to judge:\n");
		add_line(target(s), words_of(s), out);
		strbuf_add(out, sound ? "The attached recording is this utterance.\n" : "");
	} else if (context) {
		strbuf_addf(out, "The utterance to judge comes next, from Speaker_%d. %s\n",
			    target(s)->speaker,
			    sound ? "It is the attached recording." : "Its words are not given.");
	} else {
		strbuf_add(out, sound ? "The utterance to judge is the attached recording.\n"
				      : "The words of the utterance to judge are not given.\n");
	}
	if (s->media & SEE_PICTURES)
		strbuf_add(out, p->film ? "The attached video shows the scene while it is spoken.\n"
					: "The attached pictures show the scene while it is "
					  "spoken, in the order of time.\n");
}

static void add_cue(const char *title, const char *sentence, struct strbuf *out)
{
	if (!sentence)
		return;
	strbuf_addf(out, "%s: ", title);
	slot_add(sentence, out);
	strbuf_addc(out, '\n');
}

static void add_cues(const struct prompted *p, const struct turn *u, struct strbuf *out)
{
	add_cue("Voice", u->speech, out);
	add_cue("Impression of the voice", impression_of(p, u), out);
	for (int k = 0; k < PART_COUNT; k++)
		add_cue(part_title[k], u->behaviour[k], out);
}

static void add_labels(const struct prompted *p, struct strbuf *out)
{
	for (int j = 0; j < p->env->labels->n; j++)
		if (p->mode == ASK_LETTERS)
			strbuf_addf(out, "%c. %s\n", 'A' + j, p->word[j]);
		else
			strbuf_addf(out, "%s%s", j ? ", " : "", p->word[j]);
}

/* The first step: what the voice tells, from what there is of it. */
static const char *listen(const struct prompted_scene *s)
{
	if (s->media & SEE_SOUND)
		return "Describe how the utterance sounds: its pitch, pace, volume, pauses and "
		       "tone of voice.";
	if (target(s)->speech)
		return "Say what the description of the voice tells of its pitch, pace, volume "
		       "and tone.";
	if (words_of(s))
		return "Describe how the utterance sounds when it is spoken: its pitch, pace, "
		       "volume, pauses and tone of voice, as far as the words tell.";
	return NULL;
}

static bool is_watched(const struct prompted_scene *s)
{
	bool any = s->media & SEE_PICTURES;

	for (int k = 0; k < PART_COUNT; k++)
		any = any || target(s)->behaviour[k];
	return any;
}

static void add_steps(const struct prompted *p, const struct prompted_scene *s, struct strbuf *out)
{
	const bool reasons = p->own->reasons;
	const char *const step[] = {
		listen(s),
		is_watched(s) ? "Describe what can be seen of the speaker." : NULL,
		reasons && words_of(s) ? "Say what the words mean to the speaker." : NULL,
		has_context(s) ? "Consider what was said before and how the utterance answers to "
				 "it."
			       : NULL,
		reasons ? "Name the labels that come into question, and what speaks for and "
			  "against each."
			: NULL,
	};
	int n = 0;

	strbuf_add(out, reasons ? "Think step by step and write down each step:\n"
				: "Answer in this order, briefly:\n");
	for (size_t i = 0; i < ARRAY_LEN(step); i++)
		if (step[i])
			strbuf_addf(out, "%d. %s\n", ++n, step[i]);
	strbuf_addf(out, "%d. Choose the label of the speaker's emotion from: ", ++n);
	add_labels(p, out);
	strbuf_add(out, ".\nEnd with a line that holds \"Emotion:\" and the label, nothing else.");
}

static void add_question(const struct prompted *p, const struct prompted_scene *s,
			 struct strbuf *out)
{
	const bool letters = p->mode == ASK_LETTERS;

	if (p->own->describes) {
		add_steps(p, s, out);
		return;
	}
	if (letters)
		strbuf_add(out, "Which of these options names the emotion of the speaker best?\n");
	else
		strbuf_add(out, p->own->opens ? "Which of these labels names the emotion of the "
						"speaker best: "
					      : "Choose the label of the speaker's emotion from: ");
	add_labels(p, out);
	if (!letters)
		strbuf_add(out, p->own->opens ? "?\n" : ".\n");
	strbuf_addf(out, "Answer with %s and nothing else.",
		    letters ? "the letter of one option" : "one label");
}

static void own_text(const struct prompted *p, const struct prompted_scene *s, struct strbuf *out)
{
	if (p->own->opens)
		strbuf_addf(out, "Judge the emotion of the speaker of %s.\n\n",
			    has_context(s) ? "the last utterance of a conversation"
					   : "an utterance");
	add_context(s, out);
	add_target(p, s, out);
	add_cues(p, target(s), out);
	for (int k = opt_bool(p->env->opts, "repeat") ? 2 : 1; k; k--) {
		strbuf_addc(out, '\n');
		add_question(p, s, out);
		strbuf_add(out, k > 1 ? "\n" : "");
	}
}

int prompted_text(const struct prompted *p, const struct prompted_scene *s, struct arena *mem,
		  struct strbuf *out, struct err *err)
{
	if (!prompted_shows(p, s))
		return err_set(err, ERR_DATA,
			       "%s: nothing of the utterance is seen: its words, its clip and what "
			       "is said of them are masked or absent; let the recipe see more",
			       target(s)->id);
	if (p->own)
		own_text(p, s, out);
	else if (published_text(p, s, mem, out, err))
		return err->code;
	while (p->mode == ASK_LIKELIHOOD && prompted_ends_blank(strbuf_str(out)))
		out->s[--out->len] = '\0';
	return out->oom ? err_set(err, ERR_NOMEM, "%s: no memory", target(s)->id) : 0;
}

/* --- does it fit? --- */

static bool has_any(const char *name, const char *const *slot, size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++)
		any = any || prompt_has(name, slot[i]);
	return any;
}

/* What is seen needs a place in a published format, and what that speaks of must be seen. */
static int check_published(const struct prompted *p, struct err *err)
{
	static const char *const words[] = { "{turns}", "{noted_turns}", "{history}", "{target}",
					     "{text}" };
	static const char *const voice[] = { "{description}", "{impression}", "{noted_turns}" };
	static const char *const behaviour[] = { "{behaviour}" };
	const struct {
		const char *what;
		unsigned see;
		bool has, needs;
	} row[] = {
		{ "the words", SEE_TEXT, has_any(p->template, words, ARRAY_LEN(words)),
		  has_any(p->template, words, ARRAY_LEN(words)) },
		{ "the description of the voice", SEE_SPEECH,
		  has_any(p->template, voice, ARRAY_LEN(voice)),
		  prompt_has(p->template, "audio features") },
		{ "the behaviour", SEE_BEHAVIOUR,
		  has_any(p->template, behaviour, ARRAY_LEN(behaviour)), false },
	};

	if (!prompt_has(p->template, "{labels}"))
		return err_set(err, ERR_ARG, "template %s asks for no label", p->template);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		const bool seen = p->env->see & row[i].see;

		if (seen && !row[i].has)
			return err_set(err, ERR_ARG,
				       "template %s has no place for %s, which the run "
				       "sees: take that away or choose another template",
				       p->template, row[i].what);
		if (!seen && row[i].needs)
			return err_set(err, ERR_ARG,
				       "template %s speaks of %s, which the run does not "
				       "see (recipe or corpus): choose another template",
				       p->template, row[i].what);
	}
	if (p->mode == ASK_LETTERS || opt_bool(p->env->opts, "repeat"))
		return err_set(err, ERR_ARG,
			       "template %s is a published format: %s is for wording of "
			       "our own",
			       p->template, p->mode == ASK_LETTERS ? "mode letters" : "repeat");
	return 0;
}

int prompted_check(const struct prompted *p, struct err *err)
{
	if (!p->own)
		return check_published(p, err);
	if (p->own->describes && p->mode != ASK_GENERATE)
		return err_set(err, ERR_ARG,
			       "template %s lets the model write before it answers, "
			       "which mode %s does not: use mode generate",
			       p->template, ask_mode_name[p->mode]);
	return 0;
}
