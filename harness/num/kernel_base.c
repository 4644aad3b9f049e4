/* SPDX-License-Identifier: Apache-2.0
 * The portable kernels: vectors of four floats, whatever the machine.
 */
#include "harness/num/kernel_body.h"
