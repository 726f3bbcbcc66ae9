/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN judges what a vCPU finds when it goes on: the host's answer and nothing else, the state it asked for, interrupts
 * that it allowed; and what the host is shown of a device access. One thing is changed on the way, and exactly that
 * finding is wanted.
 */
#include "harness/tests/guest_kit.h"

#define LOAD_WORD 0x00052583u  /* lw a1, 0(a0) */
#define STORE_WORD 0x00b52023u /* sw a1, 0(a0) */
#define FLOAT_LOAD 0x00052007u /* flw f0, 0(a0): nobody emulates that */

/* vCPU 0 runs on hart 0 and has declared devices. */
static struct world *in_guest(void)
{
    struct world *w = guest_world(2);

    w->oracles = ORACLE_OWN;
    ENTERS(w, 0, 0);
    declare_devices(w);
    CHECK_CLEAN(w);
    return w;
}

static void finds(struct world *w, enum severity severity, const char *property)
{
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_OWN, severity, property);
    world_destroy(w);
}

static unsigned target;

static void change_x(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].x[target] ^= 1;
}

static void change_pc(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].pc += 2;
}

static void change_csr(struct world *w, const struct machine_event *event)
{
    machine_csr_write(w->machine, event->hart, target, machine_csr_read(w->machine, event->hart, target) ^ 0x400);
}

static void pend_software(struct world *w, const struct machine_event *event)
{
    machine_csr_write(w->machine, event->hart, CSR_HVIP_NUMBER, 4);
}

static void change_mailbox(struct world *w, const struct machine_event *event)
{
    write_mailbox(w, event->hart, target, mailbox(w, event->hart, target) ^ 0x10);
}

static void show_marker(struct world *w, const struct machine_event *event)
{
    write_mailbox(w, event->hart, target, marker_value(1, 0, 9));
}

typedef void (*action)(struct world *w, const struct machine_event *event);

/* --- devices ------------------------------------------------------------------------------------------------------ */

static struct step_result execute(struct world *w, uint32_t insn, uint64_t address)
{
    set_pc(w, 0, KIT_GPA + 64);
    return kit_op(w, 0, OP_GUEST_EXEC, insn, address, 0, 0);
}

/* The guest accesses a device, and the host is shown something else. */
static void exit_shows_otherwise(uint32_t insn, action act, unsigned number, const char *property)
{
    struct world *w = in_guest();

    target = number;
    sabotage_at_leave(w, act);
    execute(w, insn, DEVICE + 8);
    finds(w, S1_ISOLATION, property);
}

/* The host answers, and the guest gets something else. */
static void load_gives_otherwise(action act, unsigned number)
{
    struct world *w = in_guest();

    CHECK_EQ(execute(w, LOAD_WORD, DEVICE + 8).kind, EXPECT_EXIT);
    write_mailbox(w, 0, NACL_GPR_OFFSET(10), 0x80000000);
    target = number;
    sabotage_at_leave(w, act);
    run_vcpu(w, 0, 0);
    finds(w, S1_ISOLATION, "guest-state");
}

static void believe_a_load(struct world *w, const struct machine_event *event)
{
    w->oracle_state->entry[event->hart].trap.tinst = 0x2503;
}

static void devices(void)
{
    exit_shows_otherwise(LOAD_WORD, change_csr, 0x142, "mmio-exit"); /* scause */
    exit_shows_otherwise(LOAD_WORD, change_csr, 0x143, "mmio-exit"); /* stval */
    exit_shows_otherwise(LOAD_WORD, change_mailbox, NACL_CSR_OFFSET(0x643), "mmio-exit");
    exit_shows_otherwise(LOAD_WORD, change_mailbox, NACL_CSR_OFFSET(0x64a), "mmio-exit");
    exit_shows_otherwise(STORE_WORD, change_mailbox, NACL_GPR_OFFSET(10), "mmio-exit");

    load_gives_otherwise(change_x, 11); /* the register that is loaded */
    load_gives_otherwise(change_x, 12);
    load_gives_otherwise(change_pc, 0);
    load_gives_otherwise(change_csr, 0x240);

    /* A page fault that is dressed up as a device access. */
    struct world *w = in_guest();
    target = NACL_CSR_OFFSET(0x64a);
    sabotage_at_leave(w, change_mailbox);
    kit_op(w, 0, OP_GUEST_LOAD, KIT_GPA + 30 * PAGE_SIZE, 8, 0, 0);
    finds(w, S1_ISOLATION, "mmio-exit");

    /* The monitor refuses what the oracles take for a plain load. */
    w = in_guest();
    sabotage_begin(w, EVENT_ENTER_MONITOR, AFTER_EVENT, believe_a_load);
    execute(w, FLOAT_LOAD, DEVICE + 8);
    finds(w, S4_ABI, "mmio-refused");
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

/* The guest left with a call, the host answers it with a0 and a1, and the guest finds something else. */
static void answer_arrives_otherwise(uint16_t call, const uint64_t args[6], uint64_t a0, uint64_t a1, action act,
                                     unsigned number, const char *property)
{
    struct world *w = in_guest();

    CHECK_EQ(guest_call(w, 0, call, args).kind, EXPECT_EXIT);
    write_mailbox(w, 0, NACL_GPR_OFFSET(10), a0);
    write_mailbox(w, 0, NACL_GPR_OFFSET(11), a1);
    target = number;
    sabotage_at_leave(w, act);
    run_vcpu(w, 0, 0);
    finds(w, S1_ISOLATION, property);
}

static void answers(void)
{
    const uint64_t byte[6] = {'x'};
    const uint64_t range[6] = {SHARED_PAGE, PAGE_SIZE};
    const uint64_t interrupt[6] = {10};
    const uint64_t retentive[6] = {0};
    const uint64_t fresh[6] = {0x80000000, KIT_GPA, 5};
    const uint16_t print = CALL_guest_dbcn_console_write_byte;
    const uint16_t share = CALL_covg_share_memory_region;
    const uint16_t allow = CALL_covg_allow_external_interrupt;
    const uint16_t suspend = CALL_guest_hsm_hart_suspend;

    answer_arrives_otherwise(print, byte, 0, 0, change_x, 10, "guest-state");
    answer_arrives_otherwise(print, byte, 0, 7, change_x, 11, "guest-state"); /* more than the call can give */
    answer_arrives_otherwise(print, byte, (uint64_t)SBI_ERR_DENIED, 0, change_x, 10, "guest-state");
    answer_arrives_otherwise(print, byte, 0, 0, change_pc, 0, "guest-state");
    answer_arrives_otherwise(share, range, 0, 0, change_x, 10, "guest-state");
    answer_arrives_otherwise(share, range, (uint64_t)SBI_ERR_FAILED, 0, change_x, 10, "guest-state");
    answer_arrives_otherwise(allow, interrupt, (uint64_t)-5, 3, change_x, 10, "guest-state"); /* nobody asked */
    answer_arrives_otherwise(suspend, retentive, 4, 4, change_x, 10, "guest-state");
    answer_arrives_otherwise(suspend, fresh, 0, 0, change_x, 11, "wake-up");
    answer_arrives_otherwise(suspend, fresh, 0, 0, change_pc, 0, "wake-up");
    answer_arrives_otherwise(suspend, fresh, 0, 0, change_csr, 0x280, "wake-up");

    /* An answer that no call gives arrives as an error that there is. */
    struct world *w = in_guest();
    CHECK_EQ(guest_call(w, 0, print, byte).kind, EXPECT_EXIT);
    write_mailbox(w, 0, NACL_GPR_OFFSET(10), UINT64_C(0xdeadbeef));
    CHECK_EQ(run_vcpu(w, 0, 0).kind, EXPECT_ENTER);
    CHECK((int64_t)reg(w, 0, 10) < 0);
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void only_arguments_are_shown(void)
{
    struct world *w = in_guest();
    target = NACL_GPR_OFFSET(11);
    sabotage_at_leave(w, show_marker);
    GUEST_CALL(w, 0, CALL_covg_allow_external_interrupt, 10);
    finds(w, S0_CONFIDENTIALITY, "secret-leak");

    w = in_guest();
    GUEST_CALL(w, 0, CALL_guest_dbcn_console_write_byte, marker_value(1, 0, 9)); /* what the guest says itself */
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- vCPUs of one TVM --------------------------------------------------------------------------------------------- */

/* vCPU 0 has started vCPU 1, which has not run yet. */
static struct world *second_started(void)
{
    struct world *w = in_guest();

    CHECK_EQ(GUEST_CALL(w, 0, CALL_guest_hsm_hart_start, 1, KIT_ENTRY + 8, 77).kind, EXPECT_EXIT);
    ENTERS(w, 0, 0);
    return w;
}

static void second_begins_otherwise(action act, unsigned number, const char *property)
{
    struct world *w = second_started();

    target = number;
    sabotage_at_leave(w, act);
    run_vcpu(w, 1, 1);
    finds(w, S1_ISOLATION, property);
}

static void vcpus(void)
{
    second_begins_otherwise(change_x, 11, "reset-state");
    second_begins_otherwise(change_x, 10, "reset-state");
    second_begins_otherwise(change_x, 5, "reset-state");
    second_begins_otherwise(change_pc, 0, "reset-state");
    second_begins_otherwise(pend_software, 0, "reset-state"); /* nobody sent an interrupt */
    second_begins_otherwise(change_csr, 0x605, "guest-time"); /* not the time of vCPU 0 */

    /* An interrupt that was sent is lost. */
    struct world *w = second_started();
    CHECK_EQ(GUEST_CALL(w, 0, CALL_guest_ipi_send, 2, 0).kind, EXPECT_EXIT);
    kit_tvm(w, 0)->vcpu[1].request = 0;
    run_vcpu(w, 1, 1);
    CHECK_FINDING(w, ORACLE_OWN, S3_AVAILABILITY, "guest-ipi");
    world_destroy(w);

    w = second_started();
    CHECK_EQ(GUEST_CALL(w, 0, CALL_guest_ipi_send, 2, 0).kind, EXPECT_EXIT);
    ENTERS(w, 1, 1);
    CHECK((csr(w, 1, CSR_VSIP) & VSIP_SOFTWARE) != 0);
    CHECK_CLEAN(w);
    world_destroy(w);

    w = in_guest();
    target = 0x24d;
    sabotage_at_leave(w, change_csr);
    GUEST_CALL(w, 0, CALL_guest_time_set_timer, 5000);
    finds(w, S4_ABI, "timer");
}

static void raise_external(struct world *w, const struct machine_event *event)
{
    machine_csr_write(w->machine, event->hart, CSR_HVIP_NUMBER, 0x400);
}

static void raise_timer(struct world *w, const struct machine_event *event)
{
    machine_csr_write(w->machine, event->hart, CSR_HVIP_NUMBER, 0x40);
}

/* The host raises everything; with `allowed`, the guest allows external interrupts. */
static struct world *host_raises(bool allowed)
{
    struct world *w = in_guest();

    if (allowed)
        GUEST_CALL(w, 0, CALL_covg_allow_external_interrupt, 10);
    else
        kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    kit_op(w, 0, OP_HOST_CSR_WRITE, CSR_HVIP_NUMBER, UINT64_MAX, 0, 0);
    return w;
}

static void interrupts_pass_the_filter(void)
{
    struct world *w = host_raises(false);
    sabotage_at_leave(w, raise_external);
    run_vcpu(w, 0, 0);
    finds(w, S1_ISOLATION, "interrupt-filter");

    w = host_raises(true);
    sabotage_at_leave(w, raise_timer);
    run_vcpu(w, 0, 0);
    finds(w, S1_ISOLATION, "interrupt-filter");

    w = host_raises(true);
    ENTERS(w, 0, 0);
    CHECK_EQ(csr(w, 0, CSR_HVIP_NUMBER), 0x400);
    CHECK_CLEAN(w);
    world_destroy(w);
}

int main(void)
{
    devices();
    answers();
    only_arguments_are_shown();
    vcpus();
    interrupts_pass_the_filter();
    return test_finish();
}
