/* SPDX-License-Identifier: Apache-2.0
 * What the sets with AVX2 and those with AVX-512 share: loading from blocks of weights.
 */
#ifndef HARNESS_NUM_KERNEL_X86_H
#define HARNESS_NUM_KERNEL_X86_H

#include "harness/num/kernel.h"

#if defined(__AVX2__) && defined(__F16C__)

#include <immintrin.h>

#define HALF(p) _cvtsh_ss((unsigned short)((p)[0] | (p)[1] << 8))

#define SHORT_AT(p) (short)((p)[0] | (p)[1] << 8)
#define HALVES(p, step)                                                                            \
	((f8x)_mm256_cvtph_ps(                                                                     \
		_mm_setr_epi16(SHORT_AT(p), SHORT_AT((p) + (step)), SHORT_AT((p) + 2 * (step)),    \
			       SHORT_AT((p) + 3 * (step)), SHORT_AT((p) + 4 * (step)),             \
			       SHORT_AT((p) + 5 * (step)), SHORT_AT((p) + 6 * (step)),             \
			       SHORT_AT((p) + 7 * (step)))))

#define EIGHT_U8(low, high)                                                                        \
	((f8x)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(                                             \
		_mm_insert_epi32(_mm_cvtsi32_si128((int)(low)), (int)(high), 1))))
#define EIGHT_S8(p)                                                                                \
	((f8x)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i_u *)(p)))))

/* Two pieces of 16 bytes */
#define TWO_16(p, step)                                                                            \
	_mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i_u *)(p))),   \
				_mm_loadu_si128((const __m128i_u *)((p) + (step))), 1)

#define NIBBLES(p)                                                                                 \
	((b32)_mm256_and_si256(                                                                    \
		_mm256_set_m128i(_mm_srli_epi16(_mm_loadu_si128((const __m128i_u *)(p)), 4),       \
				 _mm_loadu_si128((const __m128i_u *)(p))),                         \
		_mm256_set1_epi8(15)))

#endif
#endif
