/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unicorn 2.0 loses a bitmap of 512 bytes for each page whose code it has translated anew often enough, and nobody outside can
 * free it. Whatever else is lost is reported as always.
 */

/* Asked by LeakSanitizer, in builds that have it. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:tb_invalidate_phys_page_fast\n";
}
