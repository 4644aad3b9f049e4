/* SPDX-License-Identifier: Apache-2.0
 * How well each behaviour cue tells the state of the calibrated corpora that it is to tell: one
 * JSON line a layout, state and cue.
 */
#include "tests/planted.h"

#define DIALOGUES "60"

static void bench(void **state)
{
	static const char *const layout[] = { "meld", "iemocap" };
	struct planted_state s[PLANTED_STATES];
	struct planted_corpus p;

	(void)state;
	for (size_t l = 0; l < ARRAY_LEN(layout); l++) {
		char *dir = scratch_make();
		int n;

		planted_make(&p, layout[l], DIALOGUES, dir);
		n = planted_states(&p, s);
		for (int i = 0; i < n; i++) {
			const struct planted_axis *a = s[i].axis;

			printf("{\"layout\":\"%s\",\"part\":\"%s\",\"state\":\"%s\",\"cue\":\"%s\","
			       "\"shown\":%d,\"others\":%d,\"missing\":%d,\"auc\":%.6f}\n",
			       layout[l], synth_channel_name[a->channel], a->state[s[i].level > 0],
			       behaviour_cue_spec[a->cue].name, s[i].shown, s[i].others,
			       s[i].missing, s[i].area);
		}
		planted_free(&p);
		scratch_remove(dir);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bench) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
