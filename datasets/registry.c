/* SPDX-License-Identifier: Apache-2.0
 * Every data set, listed by hand.
 */
#include "harness/core/dataset.h"

#include <string.h>

extern const struct dataset_ops dataset_iemocap, dataset_meld;

const struct dataset_ops *const dataset_registry[] = {
	&dataset_iemocap,
	&dataset_meld,
	NULL,
};

const struct dataset_ops *dataset_find(const char *name)
{
	for (int i = 0; dataset_registry[i]; i++)
		if (!strcmp(dataset_registry[i]->name, name))
			return dataset_registry[i];
	return NULL;
}
