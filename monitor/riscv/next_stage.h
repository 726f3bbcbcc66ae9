/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stage after the firmware: where the host is entered, and on which hart. Each image format answers in its own way,
 * so each links one of the files that implement this.
 */
#ifndef TOUCHSTONE_RISCV_NEXT_STAGE_H
#define TOUCHSTONE_RISCV_NEXT_STAGE_H

#include "monitor/core/monitor.h"

struct next_stage {
    uint64_t entry;
    uint32_t hart;
    bool quiet; /* nothing is printed unless something is wrong */
};

/*
 * Fill *next. `info` is what the stage before left in a2. Returns NULL, or why there is no usable next stage: the entry is
 * 2-byte aligned host RAM and the hart exists.
 */
const char *next_stage(const struct platform *p, uint64_t info, struct next_stage *next);

#endif
