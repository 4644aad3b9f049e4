/* SPDX-License-Identifier: Apache-2.0
 * The contract between systems that prompt a model and the back-ends that carry the prompt to
 * it (a server, a program, recorded answers): what is asked, what comes back, and how asks and
 * replies flow.  A system builds asks and reads replies; it never sees a socket.
 */
#ifndef HARNESS_CORE_ASK_H
#define HARNESS_CORE_ASK_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/log.h"
#include "harness/base/mem.h"
#include "harness/base/str.h"
#include "harness/core/answer.h"

struct json_writer;

#define ASK_OPTIONS_MAX	 64
#define ASK_MESSAGES_MAX 256
#define ASK_PARTS_MAX	 256 /* of one message */
#define ASK_SHA_HEX	 65  /* SHA-256 as hex digits, and the NUL */

enum ask_part_type { ASK_TEXT, ASK_JPEG, ASK_WAV, ASK_VIDEO, ASK_PART_TYPES };
/* What a part is called in files of asks and between programs: text, image, sound, video. */
extern const char *const ask_part_name[ASK_PART_TYPES];

struct ask_part {
	enum ask_part_type type;
	/* text: valid UTF-8 that ends in a NUL; media: the bytes of one file.  NULL, only between a
	 * system and who carries its asks: what `turn` of the view shows or says, to be read from
	 * its clip within ask.media; for JPEG, several pictures. */
	const char *data;
	size_t size; /* bytes, the NUL not counted */
	int turn;
};

/* What is read of a clip for an ask. */
struct ask_media {
	int frames;	/* pictures, evenly spread over the span (JPEG), or at most (video) */
	int side;	/* longer side of a picture in pixels, at most */
	double seconds; /* of the span, at most: of a longer one only the beginning is read */
};

/* The form that the parts of a clip come in, and the same as text for ask.settings. */
#define ASK_JPEG_QUANTISER 3	 /* 1 to 31, of MPEG's; smaller is finer */
#define ASK_WAV_RATE	   16000 /* Hz; one channel of 16 bits */
#define ASK_VIDEO_FPS	   8	 /* pictures a second, at most */
#define ASK_VIDEO_QUALITY  26	 /* quantiser of H.264 */
#define ASK_MEDIA_FORM	   "jpeg-q3 wav-s16-16000 mp4-h264-q26-8fps-aac"

struct ask_message {
	const char *role; /* system, user or assistant */
	const struct ask_part *part;
	int n_parts; /* 1..ASK_PARTS_MAX */
};

enum ask_mode {
	ASK_GENERATE,	/* the model writes freely */
	ASK_CHOICE,	/* the server lets it write one of the options only */
	ASK_LIKELIHOOD, /* log-probability of each option behind the one text, which does not end
			   in white space; one space is put between them and counts to the option */
	ASK_LETTERS,	/* log-probability that the reply begins with A, B, … for the options */
	ASK_MODES,
};
extern const char *const ask_mode_name[ASK_MODES]; /* generate choice likelihood letters */

/* One reply is asked for, whole (n 1, no streaming); every field is always sent. */
struct ask_sampling {
	double temperature, top_p, presence_penalty, frequency_penalty;
	int64_t seed;
	int max_tokens;
};
extern const struct ask_sampling ask_sampling_default; /* 0, 1, 0, 0, 1234, 16 */
/* One JSON object of the fields, by their names above. */
void ask_put_sampling(struct json_writer *w, const char *key, const struct ask_sampling *s);

/* Everything a pointer leads to belongs to who made the ask, who keeps it until the reply to it
 * has reached the sink. */
struct ask {
	const char *id;	  /* of the sample */
	int index;	  /* of several asks about one sample; (id, index) is unique in a run */
	const char *task; /* name and version of the task, "" for none */
	/* What shaped the prompt and cannot be seen in it (context window, frames, resampling), as
	 * one JSON object with sorted keys; "" for none.  Part of the key of a reply, never sent.
	 */
	const char *settings;
	const struct ask_message *message;
	int n_messages;
	enum ask_mode mode;
	const char *const *option; /* (n_options) all modes but generate; distinct, not empty */
	int n_options;
	struct ask_sampling sampling;
	struct ask_media media; /* for parts without data */
};

/* Why there is no usable reply. */
enum reply_cause {
	CAUSE_NONE,
	CAUSE_EMPTY,	  /* parse_fail: nothing was written */
	CAUSE_LENGTH,	  /* parse_fail: nothing was written before max_tokens */
	CAUSE_FILTERED,	  /* parse_fail: the server's filter cut it */
	CAUSE_CONSTRAINT, /* parse_fail: none of the options, though they were imposed */
	CAUSE_CONNECTION, /* backend_fail from here on */
	CAUSE_TIMEOUT,
	CAUSE_RATE,	   /* 429 to the end */
	CAUSE_RETRY_AFTER, /* the server asks for more patience than the profile has */
	CAUSE_SERVER,	   /* 408, 500, 502, 503, 504 to the end */
	CAUSE_REFUSED,	   /* another status from 400 on */
	CAUSE_REDIRECT,	   /* never followed */
	CAUSE_TOO_LARGE,   /* longer than the profile allows */
	CAUSE_MALFORMED,   /* not the documented shape */
	CAUSE_FINISH,	   /* a finish_reason that does not say the reply is whole */
	CAUSE_BORDER,	   /* likelihood: a token straddles context and option */
	CAUSE_CRASH,	   /* the program behind exec ended */
	CAUSE_REPORTED,	   /* the program behind exec said so */
	CAUSE_NOT_RECORDED,
	CAUSE_MEDIA, /* decode_fail: the clip that was to be sent is missing or cannot be read */
	CAUSE_COUNT,
};
extern const char *const reply_cause_name[CAUSE_COUNT];

struct option_score {
	bool known;	/* letters: false when the letter is not among the 20 that are told */
	double logprob; /* natural logarithm; likelihood: summed over the option's tokens */
	int tokens;	/* likelihood: of the option, its space included; letters: 1 */
	int bytes;	/* of the option without the space */
};

/* Strings are never NULL, "" for what is not known; counts are -1 then. */
struct reply {
	/* ANSWER_OK says that a whole reply came; whether it holds a label is for the asker. */
	enum answer_status status;
	enum reply_cause cause;
	const char *text; /* valid UTF-8, secrets taken out */
	const char *finish_reason;
	int64_t prompt_tokens, completion_tokens;
	const struct option_score *option; /* (n_options) likelihood and letters, else NULL */
	int n_options;
	bool varies;  /* the same ask may get another one: the temperature was not sent */
	int attempts; /* 1, and one more for each request that was sent again */
	const char *first_error; /* of the first attempt that failed, secrets taken out */
	double latency_ms;	 /* of the requests that succeeded, summed; waiting not counted */
	double reading_ms, writing_ms; /* as the server timed itself, 0: it does not say */
	double cost;		       /* by the prices of the profile */
	const char *model, *fingerprint, *request_id; /* as the server named them */
	char prompt_hash[ASK_SHA_HEX]; /* of the messages, media as hashes; set by who keeps them */
	char media_hash[ASK_SHA_HEX];  /* of the hashes of the media in their order, "" for none;
					  likewise */
	char reply_hash[ASK_SHA_HEX];  /* of the text; likewise */
};

/* A copy whose strings and scores live in mem; false: no memory. */
bool reply_copy(struct reply *to, const struct reply *from, struct arena *mem)
	__attribute__((warn_unused_result));

/* Where asks come from. */
enum ask_next {
	ASK_READY, /* *out is an ask */
	ASK_LATER, /* none before some reply has reached the sink (it decides what is asked next) or
		      `ready` of the source can be read (a clip is being decoded) */
	ASK_END,   /* none any more */
};
struct ask_source {
	/* With err set the run ends.  Called from the thread that keeps requests in flight: what
	 * takes long (decoding) is to be done ahead, by others. */
	enum ask_next (*next)(void *ctx, const struct ask **out, struct err *err);
	void *ctx;
	/* A descriptor (eventfd) that can be read once next may have more after it said ASK_LATER;
	 * who waits polls it and does not read from it: next does.  0: only replies bring more. */
	int ready;
};

/* Where replies go.  A reply is valid until put returns; put and settle return err->code, and
 * the run ends with it. */
struct ask_sink {
	int (*put)(void *ctx, const struct ask *ask, const struct reply *reply, struct err *err);
	/* Called when a back-end is about to wait and at its end: what was put becomes durable
	 * and moves on.  May be NULL. */
	int (*settle)(void *ctx, struct err *err);
	void *ctx;
};

/* What became of the asks that reached a sink. */
struct ask_counts {
	/* kept: found among the replies of an earlier run; shared: among another folder's */
	int64_t asks, kept, shared;
	int64_t status[ANSWER_STATUS_COUNT], cause[CAUSE_COUNT];
	int64_t repeated;			  /* took more than one attempt */
	int64_t prompt_tokens, completion_tokens; /* as far as they are known */
	double cost;				  /* all that was spent in this folder */
	bool budget_hit;
	bool away; /* the model is not to be had: an ask of another run would not reach it either */
	/* Asks that were allowed in flight at once, and how often adaptive concurrency halved
	 * them; least is most without it. */
	int flying_least, flying_most, flying_halved;
};

/* What an ask needs of a model: bits for its mode and for the types of its parts. */
#define ASK_NEEDS_MODE(mode) (1u << (mode))
#define ASK_NEEDS_PART(type) (1u << (ASK_MODES + (type)))
unsigned ask_needs(const struct ask *ask);

/* A rough count before anything is sent. */
struct ask_estimate {
	int64_t requests, prompt_tokens, completion_tokens; /* completion: at most */
	double cost; /* at most, by the prices of the profile */
};

/* The way to a model as a run sees it: asks go in, replies come out in their order, kept on disk.
 */
struct carrier {
	const char *name;     /* short, of letters, digits, '.', '_' and '-' */
	const char *backend;  /* http, exec, replay */
	const char *identity; /* as configured; one JSON object, see backend_ops */
	/* Appends what would be sent, without secrets; ERR_ARG: it cannot be. */
	int (*request)(void *ctx, const struct ask *ask, struct strbuf *out, struct err *err);
	/* Adds what the ask would take. */
	void (*estimate)(void *ctx, const struct ask *ask, struct ask_estimate *sum);
	/* Reaches the model, checks that it can do what `needs` says (ask_needs) and carries all
	 * asks of the source; dir holds the journal and is made.  total: asks to come, for the
	 * progress line.  Appends to *served the identity with what is served.  ERR_INCOMPLETE: the
	 * budget is spent. */
	int (*carry)(void *ctx, const char *dir, unsigned needs, int64_t total,
		     const struct ask_source *source, const struct ask_sink *sink,
		     struct ask_counts *counts, struct strbuf *served, struct err *err);
	/* Tells that so much of the budget is gone beside what the folder of a carry holds: other
	 * runs of the same command paid it. */
	void (*spend)(void *ctx, double cost);
	bool retry_failed; /* replies that are backend_fail are asked for again */
	bool priced;	   /* asks cost something, by the prices of the profile */
	/* For measuring: a line of its own to the model, which keeps nothing and sends nothing
	 * twice.  needs as for carry, 0 where another line has tried them; *served likewise.  NULL
	 * with err set; hang_up accepts NULL.  Before the carrier is closed,
	 * all lines are. */
	void *(*line)(void *ctx, unsigned needs, struct strbuf *served, struct err *err);
	/* One ask, sent at once and once; the reply is in mem.  A line serves one thread at a time,
	 * several lines as many threads.  ERR_BACKEND: no reply is to be had any more. */
	int (*say)(void *line, const struct ask *ask, struct arena *mem, struct reply *out,
		   struct err *err);
	void (*hang_up)(void *line);
	void *ctx;
};

struct backend_env {
	const struct log *log;
	const volatile sig_atomic_t *stop; /* may be NULL */
	int concurrency;		   /* asks in flight, 0: the back-end's own number */
	bool once;			   /* an ask that failed is not sent again */
	bool adaptive;			   /* let the back-end find out how many may fly */
	double limit_s;			   /* for one request, 0: the back-end's own */
	const char *dir;		   /* an existing folder for files of its own, or NULL */
};

/* A way to a model.  Replies come as they arrive; harness/remote/drive.h gives them back in the
 * order of the asks, keeps them and asks nothing twice. */
struct backend_ops {
	const char *name; /* http, exec, replay */
	size_t state_size;
	/* Reads what spec names and checks it; reaches nobody.  env outlives the state. */
	int (*open)(void *state, const char *spec, const struct backend_env *env, struct err *err);
	/* Appends what would be sent for the ask, without secrets; ERR_ARG: it cannot be. */
	int (*request)(const void *state, const struct ask *ask, struct strbuf *out,
		       struct err *err);
	/* Adds what the ask would take; NULL: by the usual counts, and nothing is paid. */
	void (*estimate)(const void *state, const struct ask *ask, struct ask_estimate *sum);
	/* Reaches the model and checks that it can do what `needs` says (ask_needs).
	 * ERR_BACKEND: it is not there, or refuses, or cannot. */
	int (*start)(void *state, unsigned needs, struct err *err);
	/* One JSON object that differs whenever replies may: model, revision, what serves it.  No
	 * host and no secrets.  After open it holds what is configured, after start also what is
	 * served; from then on the text stays as and where it is until close. */
	const char *(*identity)(const void *state);
	/* Asks until the source ends, with as many in flight as it may, and puts one reply for each
	 * ask.  A model that fails for one ask gives a reply that says so; ERR_BACKEND: no further
	 * ask makes sense; ERR_INTERRUPTED: stop was set, asks in flight have no reply. */
	int (*run)(void *state, const struct ask_source *source, const struct ask_sink *sink,
		   struct err *err);
	/* Adds to the counts what it alone knows, also after a start that failed; may be NULL. */
	void (*account)(const void *state, struct ask_counts *counts);
	/* Always called, accepts the zeroed state. */
	void (*close)(void *state);
};

#endif
