/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/core/answer.h"

const char *const answer_status_name[ANSWER_STATUS_COUNT] = {
	"ok", "parse_fail", "decode_fail", "backend_fail", "excluded",
};

bool answers_borne(double failed, double all, double most)
{
	return failed <= (most < 1 ? most * all : most);
}
