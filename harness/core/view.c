/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/core/view.h"

const char *const part_name[PART_COUNT] = { "face", "body", "posture" };
const unsigned part_see[PART_COUNT] = { SEE_FACE, SEE_BODY, SEE_POSTURE };
