/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM as a hypervisor would have it when it asks for its promotion: second-stage tables in host memory, pages, a device
 * tree, and the mailbox with the registers of the boot vCPU. Tests, the fuzz target and the benchmark start from it.
 */
#ifndef TOUCHSTONE_HARNESS_PROMOTE_KIT_H
#define TOUCHSTONE_HARNESS_PROMOTE_KIT_H

#include "harness/tests/world_kit.h"
#include "monitor/core/tvm.h"
#include "monitor/core/vcpu.h"

/* Host RAM frames. */
#define VM_ROOT 64u     /* four, 16 KiB aligned */
#define VM_TABLES 68u   /* made on demand, up to VM_PAGES */
#define VM_PAGES 128u   /* guest page n lies in host frame VM_PAGES + n */
#define VM_HUGE 512u    /* the first frame of host RAM that is 2 MiB aligned and free */
#define VM_IDENTITY 60u /* 64 bytes */

#define VM_GPA UINT64_C(0x80000000)
#define VM_FDT_PAGE 3u
#define VM_FDT (VM_GPA + VM_FDT_PAGE * PAGE_SIZE)
#define VM_MEMORY (UINT64_C(16) * PAGE_SIZE)
#define VM_ENTRY (VM_GPA + 0x40)

#define VM_V UINT64_C(0x01)
#define VM_LEAF UINT64_C(0xdf) /* V R W X U A D */

struct vm {
    struct world *w;
    unsigned levels; /* 3, 4 or 5 */
    uint32_t tables; /* that were made */
};

static inline struct world *vm_world(uint32_t oracles)
{
    struct machine_config config = machine_default_config();

    config.window_pages = 1024;
    config.host_pages = 1536;
    struct world *w = world_create(&config, oracles);
    if (w == NULL)
        test_error("no world");
    return w;
}

static inline void vm_write64(const struct vm *vm, uint64_t address, uint64_t value)
{
    kit_op(vm->w, 0, OP_HOST_WRITE64, address, value, 0, 0);
}

static inline uint64_t vm_read64(const struct vm *vm, uint64_t address)
{
    uint64_t value;
    memcpy(&value, machine_peek(vm->w->machine, address, sizeof(value)), sizeof(value));
    return value;
}

static inline uint64_t vm_pte(uint64_t address, uint64_t flags)
{
    return address >> PAGE_SHIFT << 10 | flags;
}

/* Address of the entry of `level` for `gpa`, with the tables on the way to it. */
static inline uint64_t vm_entry(struct vm *vm, uint64_t gpa, unsigned level)
{
    uint64_t table = kit_ram(VM_ROOT);
    uint64_t index = gpa >> (PAGE_SHIFT + 9 * (vm->levels - 1)); /* the root has four pages */

    for (unsigned at = vm->levels - 1; at > level; at--) {
        uint64_t entry = vm_read64(vm, table + 8 * index);
        if (entry == 0) {
            entry = vm_pte(kit_ram(VM_TABLES + vm->tables++), VM_V);
            vm_write64(vm, table + 8 * index, entry);
        }
        table = entry >> 10 << PAGE_SHIFT;
        index = gpa >> (PAGE_SHIFT + 9 * (at - 1)) & 511;
    }
    return table + 8 * index;
}

static inline void vm_map(struct vm *vm, uint64_t gpa, uint64_t address, unsigned level)
{
    vm_write64(vm, vm_entry(vm, gpa, level), vm_pte(address, VM_LEAF));
}

static inline uint64_t vm_hgatp(const struct vm *vm)
{
    return (uint64_t)(vm->levels - 3 + GSTAGE_SV39X4) << 60 | kit_ram(VM_ROOT) >> PAGE_SHIFT;
}

static inline uint64_t vm_mailbox_gpr(unsigned n)
{
    return kit_ram(KIT_SHMEM) + NACL_GPR_OFFSET(n);
}

static inline uint64_t vm_mailbox_csr(unsigned csr)
{
    return kit_ram(KIT_SHMEM) + NACL_CSR_OFFSET(csr);
}

static inline void vm_fdt(struct vm *vm, uint32_t cpus, uint64_t base, uint64_t size)
{
    kit_op(vm->w, 0, OP_HOST_FDT, kit_ram(VM_PAGES + VM_FDT_PAGE), cpus, base, size);
}

static inline void vm_mailbox(struct vm *vm)
{
    for (unsigned i = 0; i < 32; i++)
        vm_write64(vm, vm_mailbox_gpr(i), 0x1000 + i);
    vm_write64(vm, vm_mailbox_csr(0x200), 0x40020);
    vm_write64(vm, vm_mailbox_csr(0x204), 0x222);
    vm_write64(vm, vm_mailbox_csr(0x205), VM_GPA + 0x101);
    vm_write64(vm, vm_mailbox_csr(0x240), 0x240);
    vm_write64(vm, vm_mailbox_csr(0x241), 0x242);
    vm_write64(vm, vm_mailbox_csr(0x242), 7);
    vm_write64(vm, vm_mailbox_csr(0x243), 0x243);
    vm_write64(vm, vm_mailbox_csr(0x24d), UINT64_MAX);
    vm_write64(vm, vm_mailbox_csr(0x680), vm_hgatp(vm));
}

/* A mailbox, four pages at VM_GPA, the last of them with the device tree: 16 pages of memory, two CPUs. */
static inline struct vm vm_make(struct world *w, unsigned levels)
{
    struct vm vm = {.w = w, .levels = levels};

    kit_op(w, 0, OP_HOST_FILL, kit_ram(VM_PAGES), 3 * PAGE_SIZE, 77, 0);
    vm_fdt(&vm, 2, VM_GPA, VM_MEMORY);
    for (uint32_t i = 0; i <= VM_FDT_PAGE; i++)
        vm_map(&vm, VM_GPA + (uint64_t)i * PAGE_SIZE, kit_ram(VM_PAGES + i), 0);
    KIT_OK(w, 0, CALL_nacl_set_shmem, kit_ram(KIT_SHMEM), 0, 0);
    vm_mailbox(&vm);
    return vm;
}

static inline struct step_result vm_promote(const struct vm *vm)
{
    return KIT_CALL(vm->w, 0, CALL_covh_promote_to_tvm, VM_FDT, 0, VM_ENTRY, 0);
}

/* The object of a TVM that exists. */
static inline const struct tvm *vm_tvm(const struct world *w, uint64_t id)
{
    const struct monitor *m = w->machine->monitor;

    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++)
        if (m->tvm[i].id == id)
            return (const void *)(w->machine->window + (size_t)m->tvm[i].frame.index * PAGE_SIZE);
    test_error("no such TVM");
}

#endif
