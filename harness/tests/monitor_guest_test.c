/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware services of a guest: interrupts and fences between vCPUs that run, sleep or were never started, starting,
 * stopping and suspending, timers, reset, and the interrupts that it lets the host raise.
 */
#include "harness/tests/guest_kit.h"

#define ALL UINT64_MAX
#define VSTIMECMP 0x24du

/* vCPU 0 on hart 0 starts vCPU n at `pc`; the host takes note and goes on with vCPU 0. */
static void start(struct world *w, uint32_t vcpu, uint64_t pc, uint64_t opaque)
{
    struct step_result r = GUEST_CALL(w, 0, CALL_guest_hsm_hart_start, vcpu, pc, opaque, 5, 6, 7);

    EXIT_SHOWS(r, 0, vcpu, [6] = 0, [7] = SBI_EID_HSM);
    CHECK_EQ(vcpu_state(w, vcpu), VCPU_RUNNABLE);
    ENTERS(w, 0, 0);
    CHECK_EQ(reg(w, 0, A0), SBI_SUCCESS);
}

static bool software_pending(const struct world *w, uint32_t hart)
{
    return (csr(w, hart, CSR_VSIP) & VSIP_SOFTWARE) != 0;
}

static void clear_software(struct world *w, uint32_t hart)
{
    kit_op(w, hart, OP_GUEST_CSR_WRITE, 0x144, 0, 0, 0);
    CHECK(!software_pending(w, hart));
}

/* vCPU 0 on hart 0, 1 on hart 1; 2 started and asleep; 3 never started. */
static struct world *four_vcpus(void)
{
    struct world *w = guest_world(2);

    ENTERS(w, 0, 0);
    start(w, 1, KIT_GPA, 1);
    start(w, 2, KIT_GPA, 2);
    ENTERS(w, 1, 1);
    return w;
}

/* --- BASE, TIME ------------------------------------------------------------------------------------------------- */

static void what_is_served_is_what_is_reported(void)
{
    static const uint32_t yes[] = {SBI_EID_BASE, SBI_EID_TIME, SBI_EID_IPI,  SBI_EID_RFENCE,
                                   SBI_EID_HSM,  SBI_EID_SRST, SBI_EID_DBCN, SBI_EID_COVG};
    static const uint64_t no[] = {
        SBI_EID_COVH, SBI_EID_COVI, SBI_EID_NACL, SBI_EID_SUPD, 0, 1, 0x504d55, UINT64_C(1) << 32 | SBI_EID_TIME};
    struct world *w = guest_world(1);

    ENTERS(w, 0, 0);
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        ANSWERED(w, 0, SBI_SUCCESS, 1, CALL_guest_base_probe_extension, yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        ANSWERED(w, 0, SBI_SUCCESS, 0, CALL_guest_base_probe_extension, no[i]);
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void a_timer_is_the_guests_own(void)
{
    struct world *w = guest_world(2);

    kit_op(w, 0, OP_HOST_CSR_WRITE, VSTIMECMP, 7777, 0, 0);
    ENTERS(w, 0, 0);
    ANSWERED(w, 0, SBI_SUCCESS, 0, CALL_guest_time_set_timer, UINT64_C(1) << 50);
    CHECK_EQ(csr(w, 0, VSTIMECMP), UINT64_C(1) << 50);
    guest_rests(w);
    CHECK_EQ(csr(w, 0, VSTIMECMP), 7777);
    CHECK_EQ(mailbox(w, 0, NACL_CSR_OFFSET(VSTIMECMP)), UINT64_C(1) << 50);
    write_mailbox(w, 1, NACL_CSR_OFFSET(VSTIMECMP), 1);
    ENTERS(w, 1, 0);
    CHECK_EQ(csr(w, 1, VSTIMECMP), UINT64_C(1) << 50);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- interrupts between vCPUs ----------------------------------------------------------------------------------- */

static void interrupts_reach_their_targets(void)
{
    struct world *w = four_vcpus();

    /* One that runs has it at once, and the host hears nothing. */
    ANSWERED(w, 0, SBI_SUCCESS, 0, CALL_guest_ipi_send, 2, 0);
    CHECK(software_pending(w, 1));
    CHECK(!software_pending(w, 0));
    CHECK(machine_in_guest(w->machine, 1));
    clear_software(w, 1);

    /* Oneself, and both. */
    ANSWERED(w, 0, SBI_SUCCESS, 0, CALL_guest_ipi_send, 1, 0);
    CHECK(software_pending(w, 0));
    clear_software(w, 0);
    ANSWERED(w, 1, SBI_SUCCESS, 0, CALL_guest_ipi_send, 3, 0);
    CHECK(software_pending(w, 0) && software_pending(w, 1));
    clear_software(w, 0);
    clear_software(w, 1);

    /* One that sleeps finds it when it runs, and the host is told to run it. */
    struct step_result r = GUEST_CALL(w, 0, CALL_guest_ipi_send, 3, 1, 99, 98);
    EXIT_SHOWS(r, 0, 3, 1, [7] = SBI_EID_IPI);
    CHECK(software_pending(w, 1));
    ENTERS(w, 0, 0);
    CHECK_EQ(reg(w, 0, A0), SBI_SUCCESS);
    CHECK(!software_pending(w, 0));
    guest_rests(w);
    ENTERS(w, 0, 2);
    CHECK(software_pending(w, 0));

    /* It stays its own when it leaves and comes back on another hart. */
    guest_rests(w);
    CHECK_EQ(mailbox(w, 0, NACL_CSR_OFFSET(CSR_HVIP_NUMBER)), 0);
    kit_op(w, 1, OP_GUEST_WFI, 0, 0, 0, 0);
    ENTERS(w, 1, 2);
    CHECK(software_pending(w, 1));
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* Of those that were never started none gets anything, not even later; "all" is no mask that anybody sees. */
static void interrupts_to_all(void)
{
    struct world *w = four_vcpus();

    struct step_result r = GUEST_CALL(w, 0, CALL_guest_ipi_send, 0x1234, ALL);
    EXIT_SHOWS(r, 0, 0, ALL, [7] = SBI_EID_IPI);
    CHECK(software_pending(w, 1));
    ENTERS(w, 0, 0);
    CHECK(software_pending(w, 0));
    start(w, 3, KIT_GPA, 0);
    guest_rests(w);
    ENTERS(w, 0, 3);
    CHECK(!software_pending(w, 0));
    CHECK_CLEAN(w);
    world_destroy(w);
}

static const struct {
    uint64_t mask, base;
    int64_t error;
} masks[] = {
    {0, 0, SBI_SUCCESS},
    {0, 99, SBI_SUCCESS},
    {0, ALL - 1, SBI_SUCCESS},
    {1, 0, SBI_SUCCESS},
    {3, 0, SBI_SUCCESS},
    {1, 1, SBI_SUCCESS},
    {0x10, 0, SBI_ERR_INVALID_PARAM}, /* vCPU 4 */
    {2, 3, SBI_ERR_INVALID_PARAM},
    {1, 4, SBI_ERR_INVALID_PARAM},
    {1, 63, SBI_ERR_INVALID_PARAM},
    {1, 64, SBI_ERR_INVALID_PARAM},
    {2, 63, SBI_ERR_INVALID_PARAM},
    {1, UINT64_C(1) << 32, SBI_ERR_INVALID_PARAM},
    {1, ALL - 1, SBI_ERR_INVALID_PARAM},
    {4, ALL - 1, SBI_ERR_INVALID_PARAM}, /* base + 2 would be vCPU 0 */
    {UINT64_C(1) << 63, 0, SBI_ERR_INVALID_PARAM},
    {UINT64_C(1) << 63 | 1, 1, SBI_ERR_INVALID_PARAM}, /* shifts out at the top */
    {ALL, 0, SBI_ERR_INVALID_PARAM},
};

static void masks_name_vcpus(void)
{
    static const uint16_t calls[] = {CALL_guest_ipi_send, CALL_guest_rfence_fence_i, CALL_guest_rfence_sfence_vma,
                                     CALL_guest_rfence_sfence_vma_asid};
    struct world *w = four_vcpus();

    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
        for (unsigned k = 0; k < 4; k++)
            ANSWERED(w, 0, masks[i].error, 0, calls[k], masks[i].mask, masks[i].base, 0, ALL);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/*
 * Nobody but the monitor knows of an interrupt between vCPUs: one that has come, and is enabled, lets no vCPU wait; and
 * whoever sends one to a vCPU that is about to wait tells the host.
 */
static void no_wake_up_is_lost(void)
{
    struct world *w = four_vcpus();
    const struct monitor *m = w->machine->monitor;
    struct tvm *t = (void *)(w->machine->window + (size_t)m->tvm[0].frame.index * PAGE_SIZE);

    kit_op(w, 1, OP_GUEST_CSR_WRITE, 0x104, VSIP_SOFTWARE, 0, 0);
    ANSWERED(w, 0, SBI_SUCCESS, 0, CALL_guest_ipi_send, 2, 0);
    set_pc(w, 1, KIT_GPA);
    CHECK_EQ(kit_op(w, 1, OP_GUEST_WFI, 0, 0, 0, 0).kind, EXPECT_NONE);
    CHECK_EQ(w->machine->hart[1].pc, KIT_GPA + 4);
    CHECK(software_pending(w, 1));
    ANSWERED(w, 1, SBI_SUCCESS, 0, CALL_guest_hsm_hart_suspend, 0, 0, 0);
    ANSWERED(w, 1, SBI_ERR_FAILED, 0, CALL_guest_hsm_hart_suspend, 0x80000000, KIT_GPA, 0);
    CHECK_EQ(vcpu_state(w, 1), VCPU_RUNNING);

    /* Pending and not enabled, enabled and not pending: it waits. */
    kit_op(w, 1, OP_GUEST_CSR_WRITE, 0x104, 0x220, 0, 0);
    CHECK_EQ(kit_op(w, 1, OP_GUEST_WFI, 0, 0, 0, 0).kind, EXPECT_EXIT);
    ENTERS(w, 1, 1);
    clear_software(w, 1);
    kit_op(w, 1, OP_GUEST_CSR_WRITE, 0x104, VSIP_SOFTWARE, 0, 0);
    CHECK_EQ(GUEST_CALL(w, 1, CALL_guest_hsm_hart_suspend, 0).kind, EXPECT_EXIT);
    CHECK(t->vcpu[1].falls_asleep);
    ENTERS(w, 1, 1);
    CHECK(!t->vcpu[1].falls_asleep);

    CHECK_CLEAN(w);

    /* Asked for while it is on its way into the monitor. No model knows of that. */
    w->machine->on_event = NULL;
    t->vcpu[1].request = VCPU_REQUEST_VSSIP;
    CHECK_EQ(kit_op(w, 1, OP_GUEST_TRAP, 22, 0x10500073, 0, 0).kind, EXPECT_NONE);
    CHECK(software_pending(w, 1));

    /* Asked for while it is on its way out. */
    t->vcpu[1].falls_asleep = true;
    struct step_result r = GUEST_CALL(w, 0, CALL_guest_ipi_send, 2, 0);
    EXIT_SHOWS(r, 0, 2, [7] = SBI_EID_IPI);
    world_destroy(w);
}

/* --- fences between vCPUs --------------------------------------------------------------------------------------- */

static uint32_t cached(const struct world *w, uint32_t hart)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < MACHINE_TLB_ENTRIES; i++)
        count += (w->machine->hart[hart].tlb_valid >> i & 1) != 0 && w->machine->hart[hart].tlb[i].virt;
    return count;
}

static void touch(struct world *w, uint32_t hart)
{
    CHECK_EQ(kit_op(w, hart, OP_GUEST_LOAD, KIT_GPA, 8, 0, 0).kind, EXPECT_VALUE);
    CHECK(cached(w, hart) != 0);
}

static void fences_are_done_when_they_return(void)
{
    struct world *w = four_vcpus();
    static const uint16_t calls[] = {CALL_guest_rfence_sfence_vma, CALL_guest_rfence_sfence_vma_asid};

    for (unsigned i = 0; i < 2; i++) {
        touch(w, 0);
        touch(w, 1);
        ANSWERED(w, 0, SBI_SUCCESS, 0, calls[i], 2, 0, 0x1000, 0x1000, 3);
        CHECK_EQ(cached(w, 1), 0);
        CHECK(cached(w, 0) != 0);
        ANSWERED(w, 0, SBI_SUCCESS, 0, calls[i], 0, ALL, 0, 0, 3);
        CHECK_EQ(cached(w, 0), 0);
        /* A vCPU that is on no hart costs nobody anything. */
        touch(w, 1);
        ANSWERED(w, 0, SBI_SUCCESS, 0, calls[i], 12, 0, 0, 0, 3);
        CHECK(cached(w, 1) != 0);
        CHECK(machine_in_guest(w->machine, 1));
    }
    for (uint16_t id = CALL_guest_rfence_hfence_gvma_vmid; id <= CALL_guest_rfence_hfence_vvma; id++)
        ANSWERED(w, 0, SBI_SUCCESS, 0, id, ALL, 5, 0, 0, 3);
    CHECK(cached(w, 1) != 0);
    CHECK_CLEAN(w);
    world_destroy(w);
}

static uint32_t fetch_fences;

static void count_fetch_fences(void *data, const struct machine_event *e)
{
    (void)data;
    fetch_fences |= e->kind == EVENT_FENCE_I ? 1u << e->hart : 0;
}

static void fetches_are_fenced_where_targets_run(void)
{
    struct world *w = four_vcpus();

    w->machine->on_event = count_fetch_fences;
    GUEST_CALL(w, 0, CALL_guest_rfence_fence_i, 2, 0);
    CHECK_EQ(fetch_fences, 2);
    fetch_fences = 0;
    GUEST_CALL(w, 0, CALL_guest_rfence_fence_i, 1, 0);
    CHECK_EQ(fetch_fences, 1);
    fetch_fences = 0;
    GUEST_CALL(w, 0, CALL_guest_rfence_fence_i, 0, ALL);
    CHECK_EQ(fetch_fences, 3);
    world_destroy(w);
}

/* --- HSM -------------------------------------------------------------------------------------------------------- */

static void status_is(struct world *w, uint32_t vcpu, uint64_t state)
{
    ANSWERED(w, 0, SBI_SUCCESS, state, CALL_guest_hsm_hart_get_status, vcpu);
}

static void starting_is_refused(void)
{
    struct world *w = four_vcpus();
    static const struct {
        uint64_t id, pc;
        int64_t error;
    } bad[] = {
        {0, KIT_GPA, SBI_ERR_ALREADY_AVAILABLE},
        {1, KIT_GPA, SBI_ERR_ALREADY_AVAILABLE},
        {2, 1, SBI_ERR_ALREADY_AVAILABLE},
        {4, KIT_GPA, SBI_ERR_INVALID_PARAM},
        {63, KIT_GPA, SBI_ERR_INVALID_PARAM},
        {64, KIT_GPA, SBI_ERR_INVALID_PARAM},
        {UINT64_C(1) << 32 | 3, KIT_GPA, SBI_ERR_INVALID_PARAM},
        {ALL, 1, SBI_ERR_INVALID_PARAM},
        {3, KIT_GPA + 1, SBI_ERR_INVALID_ADDRESS},
        {3, KIT_GPA - 2, SBI_ERR_INVALID_ADDRESS},
        {3, KIT_GPA + KIT_REGION_PAGES * PAGE_SIZE, SBI_ERR_INVALID_ADDRESS},
        {3, UINT64_C(1) << 63, SBI_ERR_INVALID_ADDRESS},
        {3, ALL - 1, SBI_ERR_INVALID_ADDRESS},
        {3, SHARED_PAGE, SBI_ERR_INVALID_ADDRESS},
        {3, DEVICE, SBI_ERR_INVALID_ADDRESS},
    };

    share_page(w, false);
    declare_devices(w);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ANSWERED(w, 0, bad[i].error, 0, CALL_guest_hsm_hart_start, bad[i].id, bad[i].pc, 0);
    CHECK_EQ(vcpu_state(w, 3), VCPU_STOPPED);
    CHECK_EQ(run_vcpu(w, 0, 3).kind, EXPECT_NONE);
    ANSWERED(w, 0, SBI_ERR_INVALID_PARAM, 0, CALL_guest_hsm_hart_get_status, 4);
    ANSWERED(w, 0, SBI_ERR_INVALID_PARAM, 0, CALL_guest_hsm_hart_get_status, 64);
    ANSWERED(w, 0, SBI_ERR_INVALID_PARAM, 0, CALL_guest_hsm_hart_get_status, ALL);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* All that a vCPU can carry over from a life before. */
static void soil_vcpu(struct world *w, uint32_t hart)
{
    static const unsigned csrs[] = {0x100, 0x105, 0x106, 0x104, 0x140, 0x141, 0x142, 0x143, 0x10a, 0x14d, 0x144};

    for (unsigned i = 1; i < 64; i++)
        kit_op(w, hart, OP_GUEST_REG, i, 0x5555, 0, 0);
    kit_op(w, hart, OP_GUEST_REG, 64, 0x7f, 0, 0);
    for (size_t i = 0; i < sizeof(csrs) / sizeof(csrs[0]); i++)
        kit_op(w, hart, OP_GUEST_CSR_WRITE, csrs[i], csrs[i] == 0x104 || csrs[i] == 0x144 ? 0x222 : 0x120, 0, 0);
    machine_csr_write(w->machine, hart, 0x280, UINT64_C(8) << 60 | 0x80000);
}

/* Run a vCPU and look before the world gives its registers marks to follow. */
static void enters_bare(struct world *w, uint32_t hart, uint32_t vcpu)
{
    struct machine_hart *h = &w->machine->hart[hart];

    h->x[A0] = w->tvm_id[0];
    h->x[A0 + 1] = vcpu;
    h->x[16] = 15;
    h->x[17] = SBI_EID_COVH;
    machine_ecall(w->machine, hart);
    CHECK(machine_in_guest(w->machine, hart));
}

static void is_reset(const struct world *w, uint32_t hart, uint32_t id, uint64_t pc, uint64_t opaque)
{
    static const unsigned zero[] = {0x205, 0x240, 0x241, 0x242, 0x243, 0x280, 0x204, 0x106, 0x10a};
    const struct machine_hart *h = &w->machine->hart[hart];

    CHECK_EQ(h->pc, pc);
    CHECK_EQ(h->priv, PRIV_S);
    for (unsigned i = 0; i < 32; i++) {
        CHECK_EQ(h->x[i], i == A0 ? id : i == A0 + 1 ? opaque : 0);
        CHECK_EQ(h->f[i], 0);
    }
    CHECK_EQ(h->fcsr, 0);
    for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
        CHECK_EQ(csr(w, hart, zero[i]), 0);
    CHECK_EQ(csr(w, hart, 0x200), UINT64_C(2) << 32);
}

static void a_vcpu_stops_and_starts_afresh(void)
{
    struct world *w = four_vcpus();

    GUEST_CALL(w, 1, CALL_covg_allow_external_interrupt, 10);
    ENTERS(w, 1, 1);
    soil_vcpu(w, 1);
    struct step_result r = GUEST_CALL(w, 1, CALL_guest_hsm_hart_stop, 1, 2, 3, 4, 5, 6);
    EXIT_SHOWS(r, 1, [6] = 1, [7] = SBI_EID_HSM);
    CHECK_EQ(vcpu_state(w, 1), VCPU_STOPPED);
    CHECK_EQ(run_vcpu(w, 1, 1).error, SBI_ERR_INVALID_PARAM);
    status_is(w, 1, SBI_HSM_STOPPED);
    /* What is sent meanwhile is lost. */
    ANSWERED(w, 0, SBI_SUCCESS, 0, CALL_guest_ipi_send, 2, 0);

    start(w, 1, KIT_GPA + 0x10, 77);
    status_is(w, 1, SBI_HSM_STARTED);
    kit_op(w, 1, OP_HOST_CSR_WRITE, 0x645, ALL, 0, 0);
    enters_bare(w, 1, 1);
    is_reset(w, 1, 1, KIT_GPA + 0x10, 77);
    CHECK_EQ(csr(w, 1, VSTIMECMP), ALL);
    CHECK_EQ(csr(w, 1, 0x645), 0);
    world_destroy(w);
}

static void a_vcpu_sleeps_and_goes_on(void)
{
    struct world *w = four_vcpus();
    uint64_t before[32];

    soil_vcpu(w, 1);
    clear_software(w, 1);
    machine_csr_write(w->machine, 1, 0x280, 0);
    memcpy(before, w->machine->hart[1].x, sizeof(before));
    uint64_t pc = w->machine->hart[1].pc;
    struct step_result r = GUEST_CALL(w, 1, CALL_guest_hsm_hart_suspend, 0, 1, 3);
    EXIT_SHOWS(r, 0, [6] = 3, [7] = SBI_EID_HSM);
    CHECK_EQ(vcpu_state(w, 1), VCPU_SUSPENDED);
    status_is(w, 1, SBI_HSM_SUSPENDED);
    ENTERS(w, 1, 1);
    CHECK_EQ(w->machine->hart[1].pc, pc + 4);
    CHECK_EQ(reg(w, 1, A0), SBI_SUCCESS);
    CHECK_EQ(reg(w, 1, A0 + 1), 0);
    CHECK_EQ(reg(w, 1, 9), before[9]);
    CHECK_EQ(csr(w, 1, 0x205), 0x120);
    status_is(w, 1, SBI_HSM_STARTED);
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void a_vcpu_sleeps_and_forgets(void)
{
    struct world *w = four_vcpus();

    GUEST_CALL(w, 1, CALL_covg_allow_external_interrupt, 10);
    ENTERS(w, 1, 1);
    soil_vcpu(w, 1);
    clear_software(w, 1);
    machine_csr_write(w->machine, 1, 0x280, 0);
    ANSWERED(w, 1, SBI_SUCCESS, 0, CALL_guest_time_set_timer, 0x777);
    struct step_result r = GUEST_CALL(w, 1, CALL_guest_hsm_hart_suspend, 0x80000000, KIT_GPA + 0x20, 55);
    EXIT_SHOWS(r, 0, [6] = 3, [7] = SBI_EID_HSM);
    /* What wakes it is still there when it is awake. */
    r = GUEST_CALL(w, 0, CALL_guest_ipi_send, 2, 0);
    EXIT_SHOWS(r, 0, 2, [7] = SBI_EID_IPI);
    kit_op(w, 0, OP_HOST_CSR_WRITE, 0x645, ALL, 0, 0);
    enters_bare(w, 0, 1);
    is_reset(w, 0, 1, KIT_GPA + 0x20, 55);
    CHECK_EQ(csr(w, 0, VSTIMECMP), 0x777);
    CHECK_EQ(csr(w, 0, 0x645), 1u << 10 | 1u << 2);
    world_destroy(w);
}

/* An interrupt that was there before it fell asleep, too; and of a life that is over nothing is left to ask. */
static void what_was_asked_before(void)
{
    struct world *w = four_vcpus();
    const struct monitor *m = w->machine->monitor;
    struct tvm *t = (void *)(w->machine->window + (size_t)m->tvm[0].frame.index * PAGE_SIZE);

    ANSWERED(w, 0, SBI_SUCCESS, 0, CALL_guest_ipi_send, 2, 0);
    GUEST_CALL(w, 1, CALL_guest_hsm_hart_suspend, 0x80000000, KIT_GPA + 0x20, 55);
    ENTERS(w, 1, 1);
    CHECK(software_pending(w, 1));

    /* As if it had been sent while the vCPU was on its way out. */
    t->vcpu[3].request = VCPU_REQUEST_VSSIP;
    start(w, 3, KIT_GPA, 0);
    guest_rests(w);
    ENTERS(w, 0, 3);
    CHECK(!software_pending(w, 0));
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* Only once: the next time it runs, it goes on where it was. */
static void forgetting_is_over_after_the_first_run(void)
{
    struct world *w = four_vcpus();

    GUEST_CALL(w, 1, CALL_guest_hsm_hart_suspend, 0x80000000, KIT_GPA + 0x20, 55);
    ENTERS(w, 1, 1);
    CHECK_EQ(w->machine->hart[1].pc, KIT_GPA + 0x20);
    kit_op(w, 1, OP_GUEST_REG, 9, 99, 0, 0);
    kit_op(w, 1, OP_GUEST_WFI, 0, 0, 0, 0);
    ENTERS(w, 1, 1);
    CHECK_EQ(reg(w, 1, 9), 99);
    CHECK_EQ(w->machine->hart[1].pc, KIT_GPA + 0x24);
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void suspensions_that_are_refused(void)
{
    static const struct {
        uint64_t type, pc;
        int64_t error;
    } bad[] = {
        {1, KIT_GPA, SBI_ERR_INVALID_PARAM},
        {0x0fffffff, KIT_GPA, SBI_ERR_INVALID_PARAM},
        {0x80000001, KIT_GPA, SBI_ERR_INVALID_PARAM},
        {0x8fffffff, KIT_GPA, SBI_ERR_INVALID_PARAM},
        {0x10000000, KIT_GPA, SBI_ERR_NOT_SUPPORTED},
        {0x7fffffff, KIT_GPA, SBI_ERR_NOT_SUPPORTED},
        {0x90000000, KIT_GPA, SBI_ERR_NOT_SUPPORTED},
        {0xffffffff, 1, SBI_ERR_NOT_SUPPORTED},
        {0x80000000, KIT_GPA + 1, SBI_ERR_INVALID_ADDRESS},
        {0x80000000, 0x1000, SBI_ERR_INVALID_ADDRESS},
        {0x80000000, ALL - 1, SBI_ERR_INVALID_ADDRESS},
    };
    struct world *w = guest_world(1);

    ENTERS(w, 0, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ANSWERED(w, 0, bad[i].error, 0, CALL_guest_hsm_hart_suspend, bad[i].type, bad[i].pc, 0);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- reset ------------------------------------------------------------------------------------------------------ */

static void a_reset_takes_every_vcpu_along(void)
{
    struct world *w = four_vcpus();
    struct step_result r;

    ANSWERED(w, 0, SBI_ERR_INVALID_PARAM, 0, CALL_guest_srst_system_reset, 3, 0);
    ANSWERED(w, 0, SBI_ERR_INVALID_PARAM, 0, CALL_guest_srst_system_reset, 0, 2);
    ANSWERED(w, 0, SBI_ERR_NOT_SUPPORTED, 0, CALL_guest_srst_system_reset, 0xf0000000, 0);
    r = GUEST_CALL(w, 0, CALL_guest_srst_system_reset, UINT64_C(7) << 32 | 2, 1, 9, 9);
    EXIT_SHOWS(r, 1, 2, 1, [7] = SBI_EID_SRST);

    /* Hart 1 was brought back to its host. */
    CHECK(!machine_in_guest(w->machine, 1));
    CHECK_EQ(reg(w, 1, A0), SBI_SUCCESS);
    CHECK_EQ(reg(w, 1, A0 + 1), 1);
    CHECK_EQ(csr(w, 1, 0x142), SCAUSE_ECALL);
    CHECK_EQ(mailbox(w, 1, NACL_GPR_OFFSET(17)), SBI_EID_SRST);
    CHECK_EQ(mailbox(w, 1, NACL_GPR_OFFSET(A0)), 0);
    CHECK_EQ(w->machine->monitor->tvm[0].running, 0);
    for (uint32_t vcpu = 0; vcpu < VCPUS; vcpu++)
        CHECK_EQ(run_vcpu(w, vcpu % 2, vcpu).error, SBI_ERR_INVALID_PARAM);
    KIT_OK(w, 1, CALL_covh_destroy_tvm, w->tvm_id[0]);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- interrupts that the host raises ---------------------------------------------------------------------------- */

static uint64_t entered_with(struct world *w, uint64_t hvip)
{
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    machine_csr_write(w->machine, 0, 0x645, hvip);
    ENTERS(w, 0, 0);
    return csr(w, 0, 0x645);
}

static void allow(struct world *w, bool allowed, uint64_t id)
{
    struct step_result r =
        GUEST_CALL(w, 0, allowed ? CALL_covg_allow_external_interrupt : CALL_covg_deny_external_interrupt, id, 8, 9);

    EXIT_SHOWS(r, 0, id, [6] = allowed ? 4 : 5, [7] = SBI_EID_COVG);
    ENTERS(w, 0, 0);
}

static void the_guest_says_what_the_host_may_raise(void)
{
    static const uint64_t never[] = {0, 1, 2, 3, 6, 9, 11, 12, 64, 65, UINT64_C(1) << 32 | 10, ALL - 1};
    struct world *w = guest_world(1);
    uint64_t writable = (machine_csr_write(w->machine, 0, 0x645, ALL), csr(w, 0, 0x645));

    CHECK((writable & (1u << 10)) != 0);
    ENTERS(w, 0, 0);
    CHECK_EQ(csr(w, 0, 0x645), 0);
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        ANSWERED(w, 0, SBI_ERR_INVALID_PARAM, 0, CALL_covg_allow_external_interrupt, never[i]);
        ANSWERED(w, 0, SBI_ERR_INVALID_PARAM, 0, CALL_covg_deny_external_interrupt, never[i]);
    }
    CHECK_EQ(entered_with(w, ALL), 0);
    allow(w, true, 10);
    CHECK_EQ(entered_with(w, ALL), 1u << 10);
    CHECK_EQ(entered_with(w, 1u << 2 | 1u << 6), 0);
    allow(w, true, 13);
    allow(w, false, 10);
    CHECK_EQ(entered_with(w, ALL), writable & (1u << 13));
    allow(w, true, ALL);
    CHECK_EQ(entered_with(w, ALL), writable & ~UINT64_C(0x1bff));
    /* Its own software interrupt is its own, whatever the host has there. */
    ANSWERED(w, 0, SBI_SUCCESS, 0, CALL_guest_ipi_send, 1, 0);
    CHECK_EQ(entered_with(w, 0), 1u << 2);
    CHECK_EQ(mailbox(w, 0, NACL_CSR_OFFSET(CSR_HVIP_NUMBER)), 0);
    clear_software(w, 0);
    allow(w, false, ALL);
    CHECK_EQ(entered_with(w, ALL), 0);
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    CHECK_EQ(csr(w, 0, 0x645), writable);
    CHECK_CLEAN(w);
    world_destroy(w);
}

int main(void)
{
    what_is_served_is_what_is_reported();
    a_timer_is_the_guests_own();
    interrupts_reach_their_targets();
    interrupts_to_all();
    no_wake_up_is_lost();
    masks_name_vcpus();
    fences_are_done_when_they_return();
    fetches_are_fenced_where_targets_run();
    starting_is_refused();
    a_vcpu_stops_and_starts_afresh();
    a_vcpu_sleeps_and_goes_on();
    a_vcpu_sleeps_and_forgets();
    what_was_asked_before();
    forgetting_is_over_after_the_first_run();
    suspensions_that_are_refused();
    a_reset_takes_every_vcpu_along();
    the_guest_says_what_the_host_may_raise();
    return test_finish();
}
