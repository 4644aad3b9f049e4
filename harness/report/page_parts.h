/* SPDX-License-Identifier: Apache-2.0
 * What the page is dressed in: its <style> and its <script>, both in the file itself.
 */
#ifndef HARNESS_REPORT_PAGE_PARTS_H
#define HARNESS_REPORT_PAGE_PARTS_H

#include "harness/base/mem.h"
#include "harness/base/str.h"

void page_style(struct strbuf *out);
/* Belongs at the end of the body: it looks at what stands before it. */
void page_script(struct strbuf *out);

#endif
