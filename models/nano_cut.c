/* SPDX-License-Identifier: Apache-2.0
 * Which turns of a dialogue are packed together.
 */
#include "models/nano.h"

#include <string.h>

enum nano_window nano_window(const struct nano *n)
{
	const char *mode = opt_str(n->env->opts, "window_mode");

	if (!strcmp(mode, "anchored") || (!strcmp(mode, "auto") && n->base))
		return NANO_ANCHORED;
	return !strcmp(mode, "exact") ? NANO_EXACT : NANO_SHARED;
}

/* First turn that target t is read with. */
static int first_read(const struct nano *n, enum nano_window mode, int window, int t)
{
	int step = (int)opt_int(n->env->opts, "anchor");

	if (t <= window)
		return 0;
	if (mode != NANO_ANCHORED)
		return t - window;
	step = step ? step : (window + 1) / 2;
	step = step > window + 1 ? window + 1 : step < 1 ? 1 : step; /* never beyond the target */
	return (t - window + step - 1) / step * step;
}

/* Every layer gets its share of the window.  false: that is less than a turn. */
static bool shared_cut(const struct nano *n, const struct view *v, struct nano_cut *cut)
{
	const int layers = (int)opt_int(n->env->opts, "layers") - nano_local_layers(n->env->opts);

	if (v->window > 0 && v->window < layers)
		return false;
	cut->from = cut->first > v->window ? cut->first - v->window : 0;
	cut->window = v->window / layers;
	return true;
}

bool nano_next_cut(const struct nano *n, const struct view *v, int first, int most,
		   struct nano_cut *cut)
{
	const enum nano_window mode = nano_window(n);
	const bool whole = v->window >= v->n - 1;
	bool shared;

	while (first < v->n && !v->target[first])
		first++;
	if (first >= v->n)
		return false;
	*cut = (struct nano_cut){ .first = first };
	shared = !whole && mode == NANO_SHARED && shared_cut(n, v, cut);
	if (!shared) {
		cut->window = v->n;
		cut->from = first_read(n, mode, v->window, first);
	}
	for (int t = first, targets = 0; t < v->n && targets < most; t++) {
		if (!v->target[t])
			continue;
		if (!shared && first_read(n, mode, v->window, t) != cut->from)
			break;
		targets++;
		cut->last = t + 1;
	}
	return true;
}

struct nano_plan nano_plan(const struct nano *n, enum nano_task task)
{
	return (struct nano_plan){ .task = task,
				   .behaviour = task == NANO_LABEL,
				   .cues_in_branch =
					   !strcmp(opt_str(n->env->opts, "history_cues"), "text") };
}
