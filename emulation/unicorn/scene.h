/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scene in which switches are replayed: the firmware booted by its own code, and a TVM with one vCPU, made by
 * real COVH calls through the trap entry, with the harness in the part of the host. Nothing is written into the
 * monitor's memory from outside.
 */
#ifndef TOUCHSTONE_UNICORN_SCENE_H
#define TOUCHSTONE_UNICORN_SCENE_H

#include "emulation/unicorn/emulated_hart.h"
#include "monitor/core/monitor.h"

/* Host memory that the harness uses. */
#define SCENE_HOST_ENTRY (RAM_BASE + 0x00200000)
#define SCENE_FDT (RAM_BASE + 0x02200000)
#define SCENE_INFO (RAM_BASE + 0x02300000)
#define SCENE_SHMEM (RAM_BASE + 0x02000000)
#define SCENE_PARAMS (RAM_BASE + 0x02010000)
#define SCENE_SOURCE (RAM_BASE + 0x02020000)

/* The TVM's memory: one region, its first pages present. */
#define SCENE_GPA UINT64_C(0x80000000)
#define SCENE_REGION_PAGES 16u
#define SCENE_MEASURED_PAGES 2u
#define SCENE_SHARED_PAGE (SCENE_REGION_PAGES - 1)  /* the guest shares it once it runs */
#define SCENE_MMIO (SCENE_GPA + UINT64_C(0x100000)) /* one page of device, declared by the guest */
#define SCENE_PRESENT_PAGES 3u                      /* measured pages, and one zero page */
#define SCENE_ENTRY_ARG UINT64_C(0x5eed)

struct scene {
    struct emulated_hart *hart;
    uint32_t harts; /* in the device tree; one, so that no call waits for another, where nothing else is said */
    struct platform platform; /* as the firmware found it */
    uint64_t tvm_id;
    uint64_t guest_page; /* physical address of the guest's zero page */
};

/* Is the address in a frame that holds the state of a vCPU, or in the guest's zero page? */
bool scene_is_the_guests(const struct scene *s, uint64_t address);

/* The device tree that the firmware is booted with: its bytes go to `bytes`, their number is returned. */
#define SCENE_FDT_MAX 1024u
uint32_t scene_fdt(uint8_t bytes[SCENE_FDT_MAX]);

/* A call of the host that makes a piece of the TVM and has to succeed. */
struct scene_call {
    const char *name;
    uint64_t eid, fid;
    uint64_t args[6];
    uint64_t value;      /* a1 of the answer */
    bool value_is_an_id; /* the monitor chooses a1, not 0: it names the TVM in the calls that follow */
};

/*
 * Boot the firmware on a fresh hart up to the first instruction of the host. False, with a one-line reason, when it
 * does not come up on this board.
 */
bool scene_boot(struct scene *s, struct emulated_hart *h, char *why, size_t why_size);

/*
 * The same in steps, for a machine with several harts: what lies in memory and registers before the first instruction
 * of the first hart, and the checks once it has entered the host.
 */
void scene_before_boot(struct scene *s, struct emulated_hart *h, uint32_t harts);
bool scene_after_boot(struct scene *s, struct emulated_hart *h, char *why, size_t why_size);

/*
 * The calls that build the TVM, one after the other: fills *call and prepares the host memory that it refers to.
 * False when `index` is beyond the last one. The caller stores the answer of the one with an id in s->tvm_id.
 */
bool scene_next_call(struct scene *s, unsigned index, struct scene_call *call);

#endif
