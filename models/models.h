/* SPDX-License-Identifier: Apache-2.0
 * The models of this folder, one a file.
 */
#ifndef MODELS_MODELS_H
#define MODELS_MODELS_H

#include "harness/core/model.h"

extern const struct model_ops model_majority;
extern const struct model_ops model_bow;
extern const struct model_ops model_llmerc;
extern const struct model_ops model_speechcue;
extern const struct model_ops model_bemerc;
extern const struct model_ops model_prompted;

#endif
