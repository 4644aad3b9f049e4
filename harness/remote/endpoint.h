/* SPDX-License-Identifier: Apache-2.0
 * What a server is and can do, as one JSON file that users call its profile (merc-remote(5)).
 */
#ifndef HARNESS_REMOTE_ENDPOINT_H
#define HARNESS_REMOTE_ENDPOINT_H

#include "harness/base/json.h"
#include "harness/core/ask.h"
#include "harness/remote/adaptive.h"
#include "harness/remote/estimate.h"

enum dialect { DIALECT_OPENAI, DIALECT_VLLM, DIALECT_LLAMA, DIALECTS };
extern const char *const dialect_name[DIALECTS]; /* openai vllm llama-server */

enum endpoint_can {
	CAN_IMAGES = 1 << 0,
	CAN_AUDIO = 1 << 1,
	CAN_VIDEO = 1 << 2,
	CAN_CHOICE = 1 << 3,
	CAN_LIKELIHOOD = 1 << 4,
	CAN_LETTERS = 1 << 5,
	CAN_TEXT = 1 << 6, /* every server; a name for what is tried */
};
#define ENDPOINT_CANS 7
extern const char *const endpoint_can_name[ENDPOINT_CANS];

/* Request fields that a profile may leave out, because its server refuses them. */
enum endpoint_field {
	FIELD_DETAIL, /* of pictures */
	FIELD_FREQUENCY_PENALTY,
	FIELD_MAX_TOKENS, /* however it is called */
	FIELD_N,
	FIELD_PRESENCE_PENALTY,
	FIELD_SEED,
	FIELD_STREAM,
	FIELD_TEMPERATURE,
	FIELD_TOP_P,
	FIELDS,
};
extern const char *const endpoint_field_name[FIELDS];

/* How a choice is imposed. */
enum choice_way {
	CHOICE_STRUCTURED,  /* vLLM: structured_outputs */
	CHOICE_CHOICES,	    /* the same with the key "choices", as some versions document it */
	CHOICE_GUIDED,	    /* older vLLM: guided_choice */
	CHOICE_GRAMMAR,	    /* llama-server: GBNF */
	CHOICE_JSON_SCHEMA, /* OpenAI: an object with one enumerated member */
	CHOICE_WAYS,
};
extern const char *const choice_way_name[CHOICE_WAYS];

struct endpoint {
	char *name, *base_url, *model, *revision, *ca_file; /* "" where the file says nothing */
	char *key;   /* of the server, "" for none; in no file, no message, no hash */
	char *extra; /* further request fields, one canonical JSON object, "{}" for none */
	enum dialect dialect;
	unsigned can;	/* enum endpoint_can */
	unsigned probe; /* of them what is tried before the first ask, where it is needed */
	unsigned omit;	/* 1 << enum endpoint_field */
	enum choice_way choice;
	const char *detail;	/* of pictures: low, high or auto; static */
	bool completion_tokens; /* max_completion_tokens instead of max_tokens */
	int concurrency;
	int retries;
	double retry_base_s, retry_cap_s, retry_after_cap_s;
	double connect_s, request_s, idle_s;   /* time limits; idle: no byte either way */
	size_t reply_bytes;		       /* the longest reply that is read */
	double price_prompt, price_completion; /* of a million tokens */
	struct estimate_rates estimate;
	struct adaptive_rule adaptive;
	struct json *json; /* the file */
};

/* Reads and checks a profile, and fetches its key.  An unknown field, a URL with a user or a
 * query, a key file that others may read, an unset key variable: ERR_ARG, ERR_FORMAT or
 * ERR_MISSING with the remedy.  Free with endpoint_free(), which accepts the zeroed struct. */
int endpoint_read(struct endpoint *p, const char *path, struct err *err);
/* The same from text; what names it.  with_key false: the key stays "". */
int endpoint_parse(struct endpoint *p, const char *text, size_t len, const char *what,
		   bool with_key, struct err *err);
void endpoint_free(struct endpoint *p);

/* The base URL with the path of the API behind it ("/chat/completions"). */
void endpoint_url(const struct endpoint *p, const char *path, struct strbuf *out);
/* What so many tokens cost by the prices of the profile; counts that are not known (-1) cost
 * nothing. */
double endpoint_cost(const struct endpoint *p, int64_t prompt_tokens, int64_t completion_tokens);

#endif
