/* SPDX-License-Identifier: Apache-2.0
 * Every model, listed by hand.
 */
#include "models/models.h"

#include <string.h>

const struct model_ops *const model_registry[] = {
	&model_majority, &model_bow,	  &model_llmerc, &model_speechcue,
	&model_bemerc,	 &model_prompted, NULL,
};

const struct model_ops *model_find(const char *name)
{
	for (int i = 0; model_registry[i]; i++)
		if (!strcmp(model_registry[i]->name, name))
			return model_registry[i];
	return NULL;
}
