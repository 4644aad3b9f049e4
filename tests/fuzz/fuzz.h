/* SPDX-License-Identifier: Apache-2.0
 * Fuzzing of everything that reads a file from elsewhere.  A target is fuzz_NAME.c with one
 * function that takes the bytes and must come back whatever they are; `make fuzz-NAME
 * [RUNS=N]` drives it with libFuzzer, tests/test_fuzz_corpus.c replays corpus/NAME.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"

/* Every target, by name; a new one is a line here and a file. */
#define FUZZ_LIST(X)                                                                               \
	X(action_units)                                                                            \
	X(asks)                                                                                    \
	X(baseline)                                                                                \
	X(cascade)                                                                                 \
	X(cue_files)                                                                               \
	X(cue_words)                                                                               \
	X(endpoint)                                                                                \
	X(gguf)                                                                                    \
	X(hf)                                                                                      \
	X(journal)                                                                                 \
	X(landmarks)                                                                               \
	X(llama_bin)                                                                               \
	X(media)                                                                                   \
	X(peft)                                                                                    \
	X(profiles)                                                                                \
	X(recorded)                                                                                \
	X(remote_reply)                                                                            \
	X(results)                                                                                 \
	X(safetensors)                                                                             \
	X(served)                                                                                  \
	X(sweep)                                                                                   \
	X(teacher)                                                                                 \
	X(tokenizer_bin)                                                                           \
	X(tokenizer_folder)                                                                        \
	X(tokenizer_gguf)                                                                          \
	X(tokenizer_json)                                                                          \
	X(tokenizer_model)                                                                         \
	X(tokenizer_text)

#define X(name) int fuzz_##name(const uint8_t *data, size_t size);
FUZZ_LIST(X)
#undef X

/* Bytes as a file with a path, in memory. */
struct fuzz_file {
	int fd;
	char path[64];
};
void fuzz_file_open(struct fuzz_file *f, const uint8_t *data, size_t size);
void fuzz_file_close(struct fuzz_file *f);

/* A folder of files from one input: its pieces, cut at lines "%%%%", under these names (NULL at
 * the end; the last takes all that is left). */
struct fuzz_folder {
	char path[32];
	const char *const *name;
	int n; /* pieces there were */
};
void fuzz_folder_open(struct fuzz_folder *f, const char *const *name, const uint8_t *data,
		      size_t size);
/* Removes the folder. */
void fuzz_folder_close(struct fuzz_folder *f);
/* How many pieces an input has. */
int fuzz_pieces(const uint8_t *data, size_t size);

/* In every piece that looks like safetensors: the length in front says again where the JSON
 * text ends. */
void fuzz_mend(uint8_t *data, size_t size);

/* A target's finding: ends the program with the message. */
#define FUZZ_CHECK(cond) fuzz_check((cond), __FILE__, __LINE__, #cond)
void fuzz_check(bool ok, const char *file, int line, const char *what);
/* What opened has no error; what did not has one with a message. */
void fuzz_outcome(bool opened, const struct err *err);

/* Reads every byte, so that a pointer outside of its memory shows. */
void fuzz_touch(const void *p, size_t n);

struct tokenizer;
/* Asks a tokenizer (NULL: it did not open) everything it can answer, and frees it. */
void fuzz_ask(struct tokenizer *t, const struct err *err, const uint8_t *text, size_t size);

struct llama;
/* Decodes every weight of a model and reads some tokens with it. */
void fuzz_look(const struct llama *l);

#endif
