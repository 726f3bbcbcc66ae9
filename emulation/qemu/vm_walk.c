/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the vCPUs of a TVM did, in one order. A guest cannot be watched; but its script is known, so an exit says how far it
 * came. Where a step waits for what another vCPU does, that one's steps are logged first: the log is an order in which
 * everything could have happened one after the other, and it is the same in every boot.
 */
#include "emulation/qemu/vm.h"

#define CAUSE_FETCH 20u
#define CAUSE_LOAD 21u
#define CAUSE_VIRTUAL 22u
#define CAUSE_STORE 23u
#define CAUSE_ECALL 10u
#define CAUSE_STI (UINT64_C(1) << 63 | 5)
#define MAX_TURNS 64u

bool vm_is_report(const struct vm_exit *e, uint64_t *result)
{
    uint64_t addr = e->htval << 2;
    *result = (addr - GUEST_REPORT_BASE) / PAGE;
    return e->error == SBI_SUCCESS && e->scause == CAUSE_LOAD && addr >= GUEST_REPORT_BASE &&
           addr - GUEST_REPORT_BASE < GUEST_REPORT_SIZE;
}

static bool on_page(const struct guest_step *s, const struct vm_exit *e)
{
    return (s->addr & ~UINT64_C(0xfff)) == e->htval << 2;
}

/* Does the vCPU leave with this step in this way? */
static bool explains(const struct guest_step *s, const struct vm_exit *e)
{
    uint64_t result;
    switch ((enum guest_step_kind)s->kind) {
    case STEP_LOAD: return e->scause == CAUSE_LOAD && on_page(s, e);
    case STEP_STORE: return e->scause == CAUSE_STORE && on_page(s, e);
    case STEP_MMIO_LOAD: return e->scause == CAUSE_LOAD && e->htval == s->addr >> 2 && e->stval == (s->addr & 3);
    case STEP_MMIO_STORE: return e->scause == CAUSE_STORE && e->htval == s->addr >> 2 && e->stval == (s->addr & 3);
    case STEP_WFI: return e->scause == CAUSE_VIRTUAL;
    case STEP_SPIN: return e->scause == CAUSE_STI;
    case STEP_REPORT: return vm_is_report(e, &result);
    case STEP_LEAVE:
    case STEP_CALL_OUT: return e->scause == CAUSE_ECALL && e->a[7] == s->addr && e->a[6] == s->cause;
    default: return false;
    }
}

static uint64_t present_bit(const struct guest_step *s)
{
    return UINT64_C(1) << ((s->addr - GUEST_DATA_BASE) / PAGE & 63);
}

static bool is_access(const struct guest_step *s)
{
    return s->kind == STEP_LOAD || s->kind == STEP_STORE;
}

/* A step at which the vCPU leaves for certain: nothing behind it has happened yet. */
static bool leaves(const struct vm *vm, const struct guest_step *s)
{
    switch ((enum guest_step_kind)s->kind) {
    case STEP_LOAD:
    case STEP_STORE: return !vm->promoted && (vm->present & present_bit(s)) == 0;
    case STEP_MMIO_LOAD:
    case STEP_MMIO_STORE:
    case STEP_WFI:
    case STEP_REPORT:
    case STEP_LEAVE:
    case STEP_CALL_OUT:
    case STEP_SCRIPT:
    case STEP_END: return true;
    default: return false;
    }
}

/* Can the step be the next one of the log: has everything that it waits for been logged? */
static bool possible(const struct vcpu_run *run)
{
    const struct vm *vm = run->vm;
    if (run->at->kind == STEP_WAIT_IPI)
        return (vm->ipis >> run->vcpu & 1) != 0;
    if (run->at->kind != STEP_WAIT_WORD)
        return true;
    for (unsigned i = 0; i < VM_WORDS; i++) {
        if (vm->word[i].addr == run->at->addr)
            return vm->word[i].value == run->at->value;
    }
    return false;
}

static void remember_word(struct vm *vm, const struct guest_step *s)
{
    for (unsigned i = 0; i < VM_WORDS; i++) {
        if (vm->word[i].addr == s->addr || vm->word[i].addr == 0) {
            vm->word[i].addr = s->addr;
            vm->word[i].value = s->value;
            return;
        }
    }
}

static void log_next(struct vcpu_run *run)
{
    const struct guest_step *s = run->at++;
    if (run->vm->promoted && is_access(s) && (run->vm->present & present_bit(s)) == 0) {
        log_step_touches(run->hart, s);
        run->vm->present |= present_bit(s);
    }
    log_step_done(run->hart, s, vm_vector());
    if (s->kind == STEP_STORE)
        remember_word(run->vm, s);
    if (s->kind == STEP_CALL && s->addr == SBI_EID_IPI && s->error == SBI_SUCCESS)
        run->vm->ipis |= s->argument;
    if (s->kind == STEP_WAIT_IPI)
        run->vm->ipis &= ~(1u << run->vcpu);
}

/* Log steps of the other vCPUs that are inside, in turn, until the next step of this one is possible. */
static bool catch_up(struct vcpu_run *run)
{
    struct vm *vm = run->vm;
    for (unsigned turn = 0; turn < MAX_TURNS; turn++) {
        if (possible(run))
            return true;
        for (unsigned i = 0; i < VM_VCPUS; i++) {
            struct vcpu_run *other = &vm->run[i];
            if (other != run && other->inside && !leaves(vm, other->at) && possible(other))
                log_next(other);
        }
    }
    return false;
}

bool vm_walk(struct vcpu_run *run)
{
    while (!explains(run->at, &run->exit)) {
        bool passed = is_access(run->at) || !leaves(run->vm, run->at);
        if (!passed || !catch_up(run))
            return false;
        log_next(run);
    }
    return true;
}
