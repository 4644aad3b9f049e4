/* SPDX-License-Identifier: Apache-2.0
 * libFuzzer's way in: built once a target with its function's name as FUZZ_TARGET.
 */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return FUZZ_TARGET(data, size);
}
