/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/text/prompt.h"

#include <string.h>

#include "harness/base/mem.h"

#define NOTED_TURNS 4 /* the target and three before it carry notes */

#define EXPERT	 "Now you are expert of sentiment and emotional analysis."
#define INVOLVES "The following conversation noted between '### ###' involves several speakers. "
#define CUES	 "{description}{impression}"
#define SELECT	 " Please select the emotional label of <{target}> from <{labels}> based on "
#define ONE	 ". Respond with just one label:"
#define ONLY                                                                                       \
	". Please output ONLY ONE label from <{labels}> as the first word without any other "      \
	"words:"
#define TASK                                                                                       \
	"Now you are expert of sentiment and emotional analysis. The following conversation "      \
	"involves several speakers. At each ### think of the utterance before it and "
#define BOTH "both the context and audio features"

const struct prompt_template prompt_templates[] = {
	{ .name = "speechcue",
	  .title = "SpeechCueLLM: context, speech description and impression where given",
	  .text = EXPERT INVOLVES " ### {turns} ###" CUES SELECT BOTH ONE },
	{ .name = "speechcue-text",
	  .title = "SpeechCueLLM without the voice",
	  .text = EXPERT INVOLVES " ### {turns} ###" SELECT "the context" ONE },
	{ .name = "speechcue-audio",
	  .title = "SpeechCueLLM from the speech description alone",
	  .text = "Now you are expert of sentiment and emotional analysis using only audio "
		  "features." CUES " Please select the emotional label from <{labels}> based on "
		  "the audio features" ONE },
	{ .name = "speechcue-zero-shot",
	  .title = "SpeechCueLLM, untrained model: the question twice",
	  .text = EXPERT INVOLVES " ### {turns} ###" CUES SELECT BOTH ONLY " " SELECT BOTH ONLY
				  " " },
	{ .name = "speechcue-zero-shot-text",
	  .title = "SpeechCueLLM, untrained model, without the voice",
	  .text = EXPERT INVOLVES " ### {turns} ###" SELECT "the context" ONLY " " SELECT
				  "the context" ONLY },
	{ .name = "speechcue-zero-shot-once",
	  .title = "SpeechCueLLM, untrained model: the question once",
	  .text = EXPERT INVOLVES " ### {turns} ###" CUES SELECT BOTH ONLY " " },
	{ .name = "speechcue-zero-shot-once-text",
	  .title = "SpeechCueLLM, untrained model, without the voice: the question once",
	  .text = EXPERT INVOLVES " ### {turns} ###" SELECT "the context" ONLY " " },
	{ .name = "speechcue-context",
	  .title = "SpeechCueLLM with pitch notes on the last turns",
	  .text = EXPERT INVOLVES "The last three utterances are followed by its speech features. "
				  "### {noted_turns} ###" CUES SELECT BOTH ONE },
	{ .name = "speechcue-select",
	  .title = "a SpeechCueLLM replication: context and audio",
	  .text = EXPERT INVOLVES " ### {turns} ###" CUES
				  " Select the emotion of <{target}> from [{labels}] based on "
				  "context and audio:" },
	{ .name = "speechcue-select-text",
	  .title = "a SpeechCueLLM replication: context",
	  .text = EXPERT INVOLVES " ### {turns} ### Select the emotion of <{target}> from "
				  "[{labels}] based on context:" },
	{ .name = "bemerc",
	  .title = "BeMERC (default wording): SpeechCueLLM's with a behaviour slot",
	  .text = EXPERT INVOLVES " ### {turns} ###" CUES "{behaviour}" SELECT BOTH ONE },
	{ .name = "bemerc-behaviour",
	  .title = "BeMERC, behaviour generation (default wording)",
	  .text = "Now you are expert of human behaviour. " INVOLVES
		  " ### {turns} ###{description} Please describe the facial expression, the body "
		  "language and the posture of the speaker of <{target}> as far as they reflect "
		  "emotion. Respond with movements only, without naming an emotion:" },
	{ .name = "brief",
	  .title = "the task once in front, then a short question for each turn (own wording)",
	  .text = TASK "name the emotion of the speaker with one label from <{labels}>.\n### "
		       "{turns} ###{description}{impression}{behaviour} Emotion of {speaker}:" },
	{ .name = "brief-behaviour",
	  .title = "the same for behaviour generation (own wording)",
	  .text = TASK "describe the facial expression, the body language and the posture of the "
		       "speaker: movements only, without naming an emotion.\n### {turns} ###"
		       "{description} Movements of {speaker}:" },
	{ .name = "instructerc",
	  .title = "InstructERC, emotion recognition",
	  .text = EXPERT " {demonstration}" INVOLVES
			 "### {turns} ### Please select the emotional label of "
			 "<{target}> from <{labels}>:" },
	{ .name = "instructerc-speaker",
	  .title = "InstructERC, speaker identification",
	  .text = EXPERT " Please select the Speaker label of the utterance <Speaker: {text}> from "
			 "<{speakers}>:" },
	{ .name = "instructerc-predict",
	  .title = "InstructERC, emotion prediction from the history",
	  .first = "instructerc",
	  .text = EXPERT
	  " " INVOLVES "### {history}###Based on the above historical utterances, next utterance "
	  "is spoken by <{speaker}>, please predict the emotion states of <{speaker}> "
	  "from <{labels}>:" },
	{ .name = NULL },
};

void prompt_clean(const char *text, struct strbuf *out)
{
	const size_t n = strlen(text);

	for (size_t i = 0, len; i < n; i += len) {
		const int32_t cp = utf8_decode(text + i, n - i, &len);

		if (cp == 0x92)
			strbuf_addc(out, '\'');
		else if (cp == 0x97 || cp == 0x85)
			strbuf_addc(out, ' ');
		else if (cp < 0)
			strbuf_addn(out, text + i, len = 1);
		else if (cp != 0x91 && cp != 0x93 && cp != 0x94)
			strbuf_addn(out, text + i, len);
	}
}

void prompt_turn(const struct prompt_turn *u, struct strbuf *out)
{
	strbuf_addf(out, "\t Speaker_%d:\"", u->speaker);
	prompt_clean(u->text ? u->text : "", out);
	strbuf_addc(out, '"');
}

static void add_turn(const struct prompt_turn *u, bool noted, struct strbuf *out)
{
	prompt_turn(u, out);
	if (noted && u->note)
		strbuf_addf(out, " (%s)", u->note);
}

/* Turns [from, to) */
static void add_turns(const struct prompt_request *rq, int to, bool noted, struct strbuf *out)
{
	const int last = rq->n - 1;

	for (int t = last > rq->window ? last - rq->window : 0; t < to; t++)
		add_turn(&rq->turn[t], noted && t > last - NOTED_TURNS, out);
}

/* The target up to " (", without the tab in front: so the released code cuts it. */
static void add_target(const struct prompt_request *rq, struct strbuf *out)
{
	struct strbuf turn = { 0 };
	const char *s, *end;

	add_turn(&rq->turn[rq->n - 1], false, &turn);
	out->oom |= turn.oom;
	s = strbuf_str(&turn);
	s += *s == '\t';
	end = strstr(s, " (");
	strbuf_addn(out, s, end ? (size_t)(end - s) : strlen(s));
	strbuf_free(&turn);
}

static void add_optional(const char *s, struct strbuf *out)
{
	if (s)
		strbuf_addf(out, " %s", s);
}

static void slot_turns(const struct prompt_request *rq, struct strbuf *out)
{
	add_turns(rq, rq->n, false, out);
}

static void slot_noted(const struct prompt_request *rq, struct strbuf *out)
{
	add_turns(rq, rq->n, true, out);
}

static void slot_history(const struct prompt_request *rq, struct strbuf *out)
{
	add_turns(rq, rq->n - 1, false, out);
}

static void slot_text(const struct prompt_request *rq, struct strbuf *out)
{
	const char *text = rq->turn[rq->n - 1].text;

	prompt_clean(text ? text : "", out);
}

static void slot_labels(const struct prompt_request *rq, struct strbuf *out)
{
	for (int j = 0; j < rq->n_label; j++)
		strbuf_addf(out, "%s%s", j ? ", " : "", rq->label[j]);
}

static void slot_speakers(const struct prompt_request *rq, struct strbuf *out)
{
	for (int k = 0; k < rq->n_speaker; k++)
		strbuf_addf(out, "%sSpeaker_%d", k ? ", " : "", k);
}

static void slot_speaker(const struct prompt_request *rq, struct strbuf *out)
{
	strbuf_addf(out, "Speaker_%d", rq->turn[rq->n - 1].speaker);
}

static void slot_description(const struct prompt_request *rq, struct strbuf *out)
{
	add_optional(rq->description, out);
}

static void slot_impression(const struct prompt_request *rq, struct strbuf *out)
{
	add_optional(rq->impression, out);
}

static void slot_behaviour(const struct prompt_request *rq, struct strbuf *out)
{
	add_optional(rq->behaviour, out);
}

static void slot_demonstration(const struct prompt_request *rq, struct strbuf *out)
{
	if (rq->demonstration)
		strbuf_add(out, rq->demonstration);
}

static const struct {
	const char *name;
	void (*add)(const struct prompt_request *rq, struct strbuf *out);
} slots[] = {
	{ "{turns}", slot_turns },
	{ "{noted_turns}", slot_noted },
	{ "{history}", slot_history },
	{ "{target}", add_target },
	{ "{text}", slot_text },
	{ "{labels}", slot_labels },
	{ "{speakers}", slot_speakers },
	{ "{speaker}", slot_speaker },
	{ "{description}", slot_description },
	{ "{impression}", slot_impression },
	{ "{behaviour}", slot_behaviour },
	{ "{demonstration}", slot_demonstration },
};

static const struct prompt_template *find(const char *name)
{
	for (int i = 0; prompt_templates[i].name; i++)
		if (!strcmp(prompt_templates[i].name, name))
			return &prompt_templates[i];
	return NULL;
}

static int unknown(const char *name, struct err *err)
{
	struct strbuf known = { 0 };

	for (int i = 0; prompt_templates[i].name; i++)
		strbuf_addf(&known, " %s", prompt_templates[i].name);
	err_set(err, ERR_ARG, "no prompt template '%s'; there are:%s", name, strbuf_str(&known));
	strbuf_free(&known);
	return err->code;
}

/* The template's text [s, end) with its slots filled. */
static int fill(const struct prompt_template *t, const char *s, const char *end,
		const struct prompt_request *rq, struct strbuf *out, struct err *err)
{
	while (s < end) {
		size_t i = 0;

		while (i < ARRAY_LEN(slots) && !str_starts(s, slots[i].name))
			i++;
		if (i < ARRAY_LEN(slots)) {
			slots[i].add(rq, out);
			s += strlen(slots[i].name);
		} else {
			strbuf_addc(out, *s++);
		}
	}
	return out->oom ? err_set(err, ERR_NOMEM, "prompt %s: no memory", t->name) : 0;
}

int prompt_build(const char *name, const struct prompt_request *rq, struct strbuf *out,
		 struct err *err)
{
	const struct prompt_template *t = find(name);

	if (!t)
		return unknown(name, err);
	if (rq->n < 1 || rq->n_label < 1)
		return err_set(err, ERR_ARG, "prompt %s: %d turns and %d labels", name, rq->n,
			       rq->n_label);
	if (rq->n == 1 && t->first)
		return prompt_build(t->first, rq, out, err);
	return fill(t, t->text, t->text + strlen(t->text), rq, out, err);
}

int prompt_piece(const char *name, enum prompt_piece piece, const struct prompt_request *rq,
		 struct strbuf *out, struct err *err)
{
	static const char turns[] = "{turns}";
	static const char *const cue[] = { "{description}", "{impression}", "{behaviour}" };
	const struct prompt_template *t = find(name);
	const char *head, *open, *question;

	if (!t)
		return unknown(name, err);
	head = strstr(t->text, turns);
	if (!head || t->first)
		return err_set(err, ERR_ARG,
			       "prompt %s cannot be asked about many turns of one conversation: "
			       "choose a template with {turns}",
			       name);
	open = head + strlen(turns);
	question = open;
	for (size_t i = 0; i < ARRAY_LEN(cue); i++) {
		const char *slot = strstr(open, cue[i]);

		if (slot && slot + strlen(cue[i]) > question)
			question = slot + strlen(cue[i]);
	}
	if (piece == PROMPT_HEAD)
		return fill(t, t->text, head, rq, out, err);
	if (piece == PROMPT_QUESTION)
		return fill(t, question, question + strlen(question), rq, out, err);
	for (size_t i = 0; i < ARRAY_LEN(cue); i++) {
		const char *slot = strstr(open, cue[i]);

		question = slot && slot < question ? slot : question;
	}
	return fill(t, open, question, rq, out, err);
}

bool prompt_has(const char *name, const char *slot)
{
	const struct prompt_template *t = find(name);

	return t && strstr(t->text, slot);
}
