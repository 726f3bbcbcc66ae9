/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_dynamic: the stage before says in a2 where a structure lies that names the next one. It is read once and checked:
 * a wrong one leads to a refusal with a reason, never to a host that starts somewhere else.
 */
#include "monitor/riscv/next_stage.h"
#include "monitor/riscv/platform.h"

#define INFO_MAGIC UINT64_C(0x4942534f) /* "OSBI" */
#define INFO_VERSION_MAX 2u
#define INFO_VERSION_BOOT_HART 2u /* from here on there is boot_hart */
#define INFO_MODE_S 1u
#define INFO_NO_BOOT_PRINTS UINT64_C(1)
#define INFO_ANY_HART UINT64_MAX

struct fw_dynamic_info {
    uint64_t magic, version, next_addr, next_mode, options, boot_hart;
};

const char *next_stage(const struct platform *p, uint64_t info, struct next_stage *next)
{
    /* It may lie in RAM or in some ROM; a pointer to nothing ends in the fatal path. */
    bool in_ram = info - p->ram_base < p->ram_size;
    if (info == 0 || (info & 7) != 0 || (in_ram && !platform_is_host_ram(p, info, sizeof(struct fw_dynamic_info))))
        return "a2 names no fw_dynamic_info";
    const volatile struct fw_dynamic_info *from = (const volatile struct fw_dynamic_info *)(uintptr_t)info;
    if (from->magic != INFO_MAGIC)
        return "fw_dynamic_info has no magic number";
    uint64_t version = from->version;
    if (version == 0 || version > INFO_VERSION_MAX)
        return "fw_dynamic_info has a version that is not known";
    if (from->next_mode != INFO_MODE_S)
        return "the next stage is not for S-mode";

    uint64_t hart = version >= INFO_VERSION_BOOT_HART ? from->boot_hart : INFO_ANY_HART;
    *next = (struct next_stage){.entry = from->next_addr,
                                .hart = hart == INFO_ANY_HART ? RISCV_BOOT_HART : (uint32_t)hart,
                                .quiet = (from->options & INFO_NO_BOOT_PRINTS) != 0};
    if (hart != INFO_ANY_HART && hart >= p->harts)
        return "fw_dynamic_info names a boot hart that does not exist";
    if ((next->entry & 1) != 0 || !platform_is_host_ram(p, next->entry, 4))
        return "the loader names no usable entry of the host";
    return NULL;
}
