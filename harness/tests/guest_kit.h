/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of the guest's side share: a TVM with several vCPUs on several harts, its mailboxes, and calls that end in
 * one of the ways a guest's call can end.
 */
#ifndef TOUCHSTONE_HARNESS_GUEST_KIT_H
#define TOUCHSTONE_HARNESS_GUEST_KIT_H

#include "harness/tests/monitor_kit.h"
#include "monitor/core/vcpu.h"

#define GUEST_ORACLES (ORACLE_LIV | ORACLE_ORD | ORACLE_REF)
#define VCPUS 4u
#define DEVICE UINT64_C(0x10000000) /* two pages of devices, once device_regions declared them */
#define SHARED_PAGE (KIT_GPA + 8 * PAGE_SIZE)
#define INTERRUPT(n) (UINT64_C(1) << 63 | (n))

#define CSR_VSIP 0x244u
#define CSR_HVIP_NUMBER 0x645u
#define VSIP_SOFTWARE 2u

/* vCPUs 0 to 3 of a runnable TVM; 0 can be run, the others are stopped. All harts are online and have mailboxes. */
static inline struct world *guest_world(uint32_t harts)
{
    struct world *w = kit_world_of(harts, GUEST_ORACLES);

    kit_start_harts(w);
    uint64_t id = kit_create(w, 0);
    kit_populate(w, 0, id);
    for (uint32_t i = 1; i < VCPUS; i++)
        KIT_OK(w, 0, CALL_covh_create_tvm_vcpu, id, i, kit_window(KIT_VCPU + i));
    kit_finalize(w, id);
    for (uint32_t h = 0; h < harts; h++)
        kit_shmem(w, h);
    return w;
}

static inline struct step_result run_vcpu(struct world *w, uint32_t hart, uint32_t vcpu)
{
    return KIT_CALL(w, hart, CALL_covh_run_tvm_vcpu, w->tvm_id[0], vcpu);
}

#define ENTERS(w, hart, vcpu) CHECK_EQ(run_vcpu((w), (hart), (vcpu)).kind, EXPECT_ENTER)

static inline uint64_t reg(const struct world *w, uint32_t hart, unsigned x)
{
    return w->machine->hart[hart].x[x];
}

static inline uint64_t csr(const struct world *w, uint32_t hart, unsigned number)
{
    return machine_csr_read(w->machine, hart, number);
}

static inline uint32_t vcpu_state(const struct world *w, uint32_t vcpu)
{
    const struct monitor *m = w->machine->monitor;
    const struct tvm *t = (const void *)(w->machine->window + (size_t)m->tvm[0].frame.index * PAGE_SIZE);

    return t->vcpu[vcpu].state;
}

static inline struct nonconf_addr mailbox_at(uint32_t hart, uint32_t offset)
{
    return (struct nonconf_addr){kit_ram(KIT_SHMEM + 3 * hart) + offset};
}

static inline uint64_t mailbox(const struct world *w, uint32_t hart, uint32_t offset)
{
    uint64_t value;

    memcpy(&value, machine_peek(w->machine, mailbox_at(hart, offset).value, 8), 8);
    return value;
}

static inline void write_mailbox(struct world *w, uint32_t hart, uint32_t offset, uint64_t value)
{
    machine_poke(w->machine, mailbox_at(hart, offset).value, &value, 8);
}

static inline void set_pc(struct world *w, uint32_t hart, uint64_t pc)
{
    kit_op(w, hart, OP_GUEST_REG, 65, pc, 0, 0);
}

/* A call that stays between guest and monitor. */
#define ANSWERED(w, on, wanted, wanted_value, id, ...)                                                                 \
    do {                                                                                                               \
        uint64_t pc_before = (w)->machine->hart[on].pc;                                                                \
        struct step_result answer = GUEST_CALL((w), (on), (id), __VA_ARGS__);                                          \
        CHECK_EQ(answer.kind, EXPECT_RESULT);                                                                          \
        CHECK_EQ(answer.error, (wanted));                                                                              \
        CHECK_EQ(answer.value, (wanted_value));                                                                        \
        CHECK_EQ((w)->machine->hart[on].pc, pc_before + 4);                                                            \
    } while (0)

/* An exit by a call: what the host sees of it, all words. */
static inline void exit_shows(const struct step_result *r, uint64_t value, const uint64_t a[8], const char *file,
                              int line)
{
    test_check_eq(r->kind, EXPECT_EXIT, file, line, "kind", "exit");
    test_check_eq((uint64_t)r->error, SBI_SUCCESS, file, line, "error", "SUCCESS");
    test_check_eq(r->value, value, file, line, "value", "expected");
    test_check_eq(r->scause, SCAUSE_ECALL, file, line, "scause", "ecall");
    test_check_eq(r->stval | r->htval | r->htinst, 0, file, line, "stval, htval, htinst", "0");
    for (unsigned i = 0; i < 8; i++)
        test_check_eq(r->a[i], a[i], file, line, "mailbox register", "expected");
}
#define EXIT_SHOWS(r, value, ...) exit_shows(&(r), (value), (const uint64_t[8]){__VA_ARGS__}, __FILE__, __LINE__)

/* vCPU 0, on hart 0, declares two pages of devices and goes on. */
static inline void declare_devices(struct world *w)
{
    struct step_result r = GUEST_CALL(w, 0, CALL_covg_add_mmio_region, DEVICE, 2 * PAGE_SIZE);

    EXIT_SHOWS(r, 0, DEVICE, 2 * PAGE_SIZE, [6] = 0, [7] = SBI_EID_COVG);
    ENTERS(w, 0, 0);
}

/* vCPU 0, on hart 0, shares a page that nobody populated; with a host page behind it when `backed`. */
static inline void share_page(struct world *w, bool backed)
{
    struct step_result r = GUEST_CALL(w, 0, CALL_covg_share_memory_region, SHARED_PAGE, PAGE_SIZE);

    CHECK_EQ(r.kind, EXPECT_EXIT);
    CHECK_EQ(host_answers(w, w->tvm_id[0], 0, 0).kind, EXPECT_ENTER);
    if (!backed)
        return;
    guest_faults(w, SHARED_PAGE);
    KIT_OK(w, 0, CALL_covh_add_tvm_shared_pages, w->tvm_id[0], kit_ram(40), 0, 1, SHARED_PAGE);
    ENTERS(w, 0, 0);
}

/* The guest on `hart` was sent to its handler, for this cause at this pc. */
static inline void handler_entered(const struct world *w, uint32_t hart, uint64_t cause, uint64_t tval, uint64_t pc,
                                   const char *file, int line)
{
    test_check_eq(csr(w, hart, 0x242), cause, file, line, "vscause", "cause");
    test_check_eq(csr(w, hart, 0x243), tval, file, line, "vstval", "tval");
    test_check_eq(csr(w, hart, 0x241), pc, file, line, "vsepc", "pc");
    test_check_eq(w->machine->hart[hart].pc, csr(w, hart, 0x205) & ~UINT64_C(3), file, line, "pc", "handler");
    test_check_eq(w->machine->hart[hart].priv, PRIV_S, file, line, "mode", "supervisor");
}
#define HANDLER(w, hart, cause, tval, pc) handler_entered((w), (hart), (cause), (tval), (pc), __FILE__, __LINE__)

#endif
