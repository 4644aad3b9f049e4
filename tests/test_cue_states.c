/* SPDX-License-Identifier: Apache-2.0
 * On a small calibrated corpus of each layout every planted state of face, body and posture is
 * told from the others by its cue.
 */
#include "tests/planted.h"

#define LEAST_AREA 0.9
#define LEAST	   8 /* clips a side, so that the area means something */

static void check_layout(const char *layout, const char *dialogues)
{
	struct planted_state s[PLANTED_STATES];
	struct planted_corpus p;
	char *dir = scratch_make();
	int bad = 0, n;

	planted_make(&p, layout, dialogues, dir);
	n = planted_states(&p, s);
	CHECK(n == 18);
	for (int i = 0; i < n; i++) {
		const struct planted_axis *a = s[i].axis;
		/* motion is where hands are only while something moves */
		const bool there = !s[i].missing || a->cue == CUE_MOTION_HEIGHT;

		if (there && s[i].area >= LEAST_AREA && s[i].shown >= LEAST && s[i].others >= LEAST)
			continue;
		print_message("%s: %s by %s: AUC %.3f, %d clips of %d, %d without it\n", layout,
			      a->state[s[i].level > 0], behaviour_cue_spec[a->cue].name, s[i].area,
			      s[i].shown, s[i].shown + s[i].others, s[i].missing);
		bad++;
	}
	CHECK(!bad);
	planted_free(&p);
	scratch_remove(dir);
}

static void test_meld(void **state)
{
	(void)state;
	check_layout("meld", "12");
}

static void test_iemocap(void **state)
{
	(void)state;
	check_layout("iemocap", "5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meld),
		cmocka_unit_test(test_iemocap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
