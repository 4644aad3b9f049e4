/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/core/view.h"

const char *const part_name[PART_COUNT] = { "face", "body", "posture" };
