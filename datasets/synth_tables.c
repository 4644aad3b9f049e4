/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/synth_tables.h"

const struct synth_design synth_design_meld = {
	.labels = &labels_meld7, /* neutral surprise fear sadness joy disgust anger */
	.marginal = { 0.28, 0.13, 0.09, 0.12, 0.18, 0.08, 0.12 },
	.inertia = 0.64,
	.contagion = 0.29,
	.hold = 0.15,
	.third = 0.35,
	.channel = {
		[CH_TEXT] = { 0.34, 0.54, { 5, 4, 2, 6, 1, 0, 3 } },
		[CH_AUDIO] = { 0.39, 0.51, { 2, 5, 0, 6, 4, 1, 3 } },
		[CH_FACE] = { 0.39, 0.61, { 2, 4, 0, 3, 1, 6, 5 } },
		[CH_BODY] = { 0.72, 0.57, { 5, 4, 2, 6, 1, 0, 3 } },
		[CH_POSTURE] = { 0.71, 0.52, { 2, 6, 0, 3, 5, 4, 1 } },
	},
};

const struct synth_design synth_design_iemocap = {
	.labels = &labels_iemocap6, /* happy sad neutral angry excited frustrated */
	.marginal = { 0.14, 0.18, 0.22, 0.15, 0.13, 0.18 },
	.inertia = 0.57,
	.contagion = 0.27,
	.hold = 0.15,
	.hidden = 0.02,
	.channel = {
		[CH_TEXT] = { 0.26, 0.57, { 1, 0, 4, 5, 2, 3 } },
		[CH_AUDIO] = { 0.37, 0.51, { 3, 5, 4, 0, 2, 1 } },
		[CH_FACE] = { 0.37, 0.51, { 2, 4, 0, 5, 1, 3 } },
		[CH_BODY] = { 0.70, 0.69, { 3, 5, 4, 0, 2, 1 } },
		[CH_POSTURE] = { 0.70, 0.52, { 2, 4, 0, 5, 1, 3 } },
	},
};
