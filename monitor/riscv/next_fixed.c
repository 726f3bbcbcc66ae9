/* SPDX-License-Identifier: Apache-2.0 */
/* fw_jump and fw_payload: the next stage is at an address that was chosen when the image was built. */
#include "monitor/riscv/next_stage.h"
#include "monitor/riscv/platform.h"

#ifndef RISCV_NEXT_ADDRESS
#define RISCV_NEXT_ADDRESS PLATFORM_HOST_ENTRY
#endif

const char *next_stage(const struct platform *p, uint64_t info, struct next_stage *next)
{
    (void)info;
    *next = (struct next_stage){.entry = RISCV_NEXT_ADDRESS, .hart = RISCV_BOOT_HART};
    if ((next->entry & 1) != 0 || !platform_is_host_ram(p, next->entry, 4))
        return "the image was built for an entry of the host that is not in its RAM";
    return NULL;
}
