/* SPDX-License-Identifier: Apache-2.0
 * An adapter folder in one input: adapter_config.json, a line "%%%%",
 * adapter_model.safetensors; read into a small decoder, which must still work and be written.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "models/backbone/peft.h"

static void read_into(struct decoder *d, const char *dir)
{
	struct err err = { 0 };
	bool ok = !peft_read(d, dir, &err);

	fuzz_outcome(ok, &err);
	err = (struct err){ 0 };
	if (ok)
		FUZZ_CHECK(!peft_write(d, dir, "base", &err) && !peft_read(d, dir, &err));
}

int fuzz_peft(const uint8_t *data, size_t size)
{
	static const char *const name[] = { "adapter_config.json", "adapter_model.safetensors",
					    NULL };
	struct decoder_config cfg = { .vocab = 4,
				      .dim = 8,
				      .layers = 1,
				      .heads = 2,
				      .kv_heads = 1,
				      .ff = 8,
				      .rope_theta = 10000 };
	struct peft_config p;
	struct fuzz_folder f;
	struct err err = { 0 };
	struct decoder *d;

	fuzz_folder_open(&f, name, data, size);
	fuzz_outcome(!peft_config_read(f.path, &p, &err), &err);
	if (!err.code) {
		peft_config_use(&p, &cfg);
		d = decoder_new(&cfg, 1, &err);
		fuzz_outcome(d != NULL, &err);
		if (d)
			read_into(d, f.path);
		decoder_free(d);
	}
	f.n = 2; /* both may be there by now */
	fuzz_folder_close(&f);
	return 0;
}
