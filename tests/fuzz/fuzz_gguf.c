/* SPDX-License-Identifier: Apache-2.0
 * A GGUF file: the container with every look-up, then as a model.
 */
#include "tests/fuzz/fuzz.h"

#include "harness/base/gguf.h"
#include "models/backbone/llama.h"

static void look_up(const struct gguf *g, const char *key)
{
	int64_t n = gguf_array(g, key), i;
	const char *s;
	double d;
	size_t len;
	bool b;

	gguf_int(g, key, &i);
	gguf_num(g, key, &d);
	gguf_bool(g, key, &b);
	if (gguf_str(g, key, &s, &len))
		fuzz_touch(s, len);
	for (int64_t k = -1; k <= n; k++) {
		gguf_array_int(g, key, k, &i);
		gguf_array_num(g, key, k, &d);
		if (gguf_array_str(g, key, k, &s, &len))
			fuzz_touch(s, len);
	}
}

int fuzz_gguf(const uint8_t *data, size_t size)
{
	static const char *const keys[] = { "general.architecture",	 "general.alignment",
					    "tokenizer.ggml.tokens",	 "tokenizer.ggml.scores",
					    "tokenizer.ggml.token_type", "a" };
	struct fuzz_file f;
	struct err err = { 0 };
	struct llama *l;
	struct gguf *g;

	fuzz_file_open(&f, data, size);
	g = gguf_open(f.path, &err);
	fuzz_outcome(g != NULL, &err);
	for (size_t i = 0; g && i < sizeof(keys) / sizeof(keys[0]); i++)
		look_up(g, keys[i]);
	for (int i = 0; g && i < gguf_tensors(g); i++) {
		const struct gguf_tensor *t = gguf_tensor(g, i);

		FUZZ_CHECK(gguf_tensor_named(g, t->name) == t);
		fuzz_touch(t->data, t->bytes);
	}
	gguf_close(g);
	err = (struct err){ 0 };
	l = llama_open(f.path, &err);
	fuzz_outcome(l != NULL, &err);
	if (l)
		fuzz_look(l);
	llama_close(l);
	fuzz_file_close(&f);
	return 0;
}
