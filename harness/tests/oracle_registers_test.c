/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN judges registers across a world switch, how a guest is confined, and where a guest's secrets turn up: after a
 * real trap through the real monitor one register is changed, as a switch that forgot it would leave it.
 */
#include "harness/tests/oracle_kit.h"

typedef void (*action)(struct world *w, const struct machine_event *event);

static unsigned target; /* register or CSR number */
static uint64_t target_xor;

static void change_x(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].x[target] ^= target_xor;
}

static void change_f(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].f[target] ^= target_xor;
}

static void change_v(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].v[target] ^= 1;
}

static void change_vtype(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].vtype ^= 1;
}

static void change_fcsr(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].fcsr ^= 1;
}

static void change_pc(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].pc += 4;
}

static void change_priv(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].priv = PRIV_U;
}

static void change_csr(struct world *w, const struct machine_event *event)
{
    machine_csr_write(w->machine, event->hart, target, machine_csr_read(w->machine, event->hart, target) ^ target_xor);
}

static void put_secret_x(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].x[target] = marker_value(1, 0, target);
}

static void put_secret_v(struct world *w, const struct machine_event *event)
{
    uint64_t secret = marker_value(1, 0, 9);

    memcpy(w->machine->hart[event->hart].v + (size_t)target * MACHINE_VLENB, &secret, sizeof(secret));
}

static void put_secret_f(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].f[target] = marker_value(1, 0, target);
}

static void put_secret_csr(struct world *w, const struct machine_event *event)
{
    machine_csr_write(w->machine, event->hart, target, marker_value(1, 0, target));
}

static void put_secret_mailbox(struct world *w, const struct machine_event *event)
{
    uint64_t secret = marker_value(1, 0, 9);

    machine_poke(w->machine, kit_ram(KIT_SHMEM + 3 * event->hart) + target, &secret, 8);
}

/* Where in the life of a guest the sabotage happens. */
enum stage { HOST_CALL, FAILED_RUN, FIRST_ENTRY, REENTRY, EXIT, GUEST_CALL, GUEST_INJECTION };

static struct world *at_stage(enum stage stage)
{
    if (stage == HOST_CALL || stage == FAILED_RUN)
        return kit_world();
    if (stage == FIRST_ENTRY) {
        struct world *w = kit_world();
        kit_runnable(w, 0);
        return w;
    }
    struct world *w = kit_in_guest();
    if (stage == REENTRY)
        kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    return w;
}

static void go(struct world *w, enum stage stage)
{
    struct trace_op probe = {.op = OP_GUEST_CALL, .call = CALL_guest_base_get_spec_version};

    switch (stage) {
    case HOST_CALL: KIT_CALL(w, 0, CALL_base_get_spec_version, 0); return;
    case FAILED_RUN: KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, 5); return;
    case FIRST_ENTRY:
    case REENTRY: KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, w->tvm_id[0], 0); return;
    case EXIT: kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0); return;
    case GUEST_CALL: world_step(w, &probe, NULL); return;
    case GUEST_INJECTION: kit_op(w, 0, OP_GUEST_VIRTUAL, 0xc0002573, 0, 0, 0); return;
    }
}

static void after(enum stage stage, action act, unsigned number, uint64_t change, enum severity severity,
                  const char *property)
{
    struct world *w = at_stage(stage);

    CHECK_CLEAN(w);
    target = number;
    target_xor = change;
    sabotage_at_leave(w, act);
    go(w, stage);
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_OWN, severity, property);
    if (!w->finding.found || strcmp(w->finding.property, property) != 0)
        fprintf(stderr, "    stage %d, register 0x%x\n", (int)stage, number);
    world_destroy(w);
}

static void the_host_keeps_its_registers(void)
{
    for (unsigned i = 1; i < 32; i++) {
        if (i == 10 || i == 11)
            continue;
        after(HOST_CALL, change_x, i, 1, S1_ISOLATION, "host-gpr");
        after(EXIT, change_x, i, UINT64_C(1) << 63, S1_ISOLATION, "host-gpr");
    }
    after(HOST_CALL, change_pc, 0, 0, S1_ISOLATION, "host-gpr");
    after(EXIT, change_pc, 0, 0, S1_ISOLATION, "host-gpr");
    after(EXIT, change_priv, 0, 0, S1_ISOLATION, "host-gpr");
    for (unsigned i = 0; i < 32; i++) {
        after(HOST_CALL, change_f, i, 1, S1_ISOLATION, "host-fp");
        after(EXIT, change_f, i, 1, S1_ISOLATION, "host-fp"); /* zero is what it must be */
    }
    after(HOST_CALL, change_fcsr, 0, 0, S1_ISOLATION, "host-fp");
    after(HOST_CALL, change_v, 0, 0, S1_ISOLATION, "host-fp");
    after(HOST_CALL, change_vtype, 0, 0, S1_ISOLATION, "host-fp");
    after(EXIT, change_v, 32 * MACHINE_VLENB - 1, 0, S1_ISOLATION, "host-fp");
    after(EXIT, change_vtype, 0, 0, S1_ISOLATION, "host-fp");
    after(EXIT, change_fcsr, 0, 0, S1_ISOLATION, "host-fp");
}

/* A bit of each CSR that can be written on the model. */
static uint64_t writable_bit(unsigned csr)
{
    struct world *w = kit_world();
    uint64_t before = machine_csr_read(w->machine, 0, csr);
    uint64_t bit = 0;

    for (unsigned i = 2; i < 64 && bit == 0; i++) {
        machine_csr_write(w->machine, 0, csr, before ^ UINT64_C(1) << i);
        if (machine_csr_read(w->machine, 0, csr) == (before ^ UINT64_C(1) << i))
            bit = UINT64_C(1) << i;
        machine_csr_write(w->machine, 0, csr, before);
    }
    world_destroy(w);
    return bit;
}

static void the_host_keeps_its_csrs(void)
{
    unsigned tried = 0;

    for (unsigned i = 0; i < HOST_CSR_COUNT; i++) {
        uint64_t bit = writable_bit(host_csrs[i]);
        if (bit == 0)
            continue; /* constant on this machine: nothing to forget */
        after(EXIT, change_csr, host_csrs[i], bit, S1_ISOLATION, "host-csr");
        after(FAILED_RUN, change_csr, host_csrs[i], bit, S1_ISOLATION, "host-csr");
        tried++;
    }
    CHECK(tried >= HOST_CSR_COUNT - 1); /* hgeie */
}

static void the_guest_keeps_its_registers(void)
{
    for (unsigned i = 1; i < 32; i++) {
        after(FIRST_ENTRY, change_x, i, 1, S1_ISOLATION, "reset-state");
        after(REENTRY, change_x, i, 1, S1_ISOLATION, "guest-state");
        if (i != 10 && i != 11)
            after(GUEST_CALL, change_x, i, 1, S1_ISOLATION, "guest-state");
        after(GUEST_INJECTION, change_x, i, 1, S1_ISOLATION, "guest-state");
    }
    for (unsigned i = 0; i < 32; i++) {
        after(FIRST_ENTRY, change_f, i, 1, S1_ISOLATION, "reset-state");
        after(REENTRY, change_f, i, 1, S1_ISOLATION, "guest-state");
        after(GUEST_CALL, change_f, i, 1, S1_ISOLATION, "guest-state");
    }
    after(FIRST_ENTRY, change_fcsr, 0, 0, S1_ISOLATION, "reset-state");
    after(FIRST_ENTRY, change_v, 9, 0, S1_ISOLATION, "reset-state");
    after(REENTRY, change_v, 9, 0, S1_ISOLATION, "guest-state");
    after(REENTRY, change_vtype, 0, 0, S1_ISOLATION, "guest-state");
    after(GUEST_CALL, change_v, 100, 0, S1_ISOLATION, "guest-state");
    after(REENTRY, change_fcsr, 0, 0, S1_ISOLATION, "guest-state");
    after(FIRST_ENTRY, change_pc, 0, 0, S1_ISOLATION, "reset-state");
    after(REENTRY, change_pc, 0, 0, S1_ISOLATION, "guest-state");
    after(REENTRY, change_priv, 0, 0, S1_ISOLATION, "guest-state");
    after(GUEST_CALL, change_pc, 0, 0, S1_ISOLATION, "guest-state");
    for (unsigned i = 0; i < GUEST_CSR_COUNT; i++) {
        uint64_t bit = guest_csrs[i] == 0x204 ? 2 : writable_bit(guest_csrs[i]);
        after(REENTRY, change_csr, guest_csrs[i], bit, S1_ISOLATION, "guest-state");
        after(GUEST_CALL, change_csr, guest_csrs[i], bit, S1_ISOLATION, "guest-state");
    }
    after(FIRST_ENTRY, change_csr, 0x200, 2, S1_ISOLATION, "reset-state"); /* interrupts on */
    after(FIRST_ENTRY, change_csr, 0x280, UINT64_C(8) << 60, S1_ISOLATION, "reset-state");
    after(REENTRY, change_csr, 0x244, 2, S1_ISOLATION, "guest-state"); /* pending software interrupt */
}

static void exceptions_arrive_as_the_hardware_would_bring_them(void)
{
    after(GUEST_INJECTION, change_pc, 0, 0, S1_ISOLATION, "injection");
    after(GUEST_INJECTION, change_priv, 0, 0, S1_ISOLATION, "injection");
    after(GUEST_INJECTION, change_csr, 0x200, 1 << 8, S1_ISOLATION, "injection"); /* SPP */
    after(GUEST_INJECTION, change_csr, 0x200, 1 << 1, S1_ISOLATION, "injection"); /* SIE */
    after(GUEST_INJECTION, change_csr, 0x241, 4, S1_ISOLATION, "injection");      /* vsepc */
    after(GUEST_INJECTION, change_csr, 0x242, 1, S1_ISOLATION, "injection");      /* vscause */
    after(GUEST_INJECTION, change_csr, 0x243, 1, S1_ISOLATION, "injection");      /* vstval */
    after(GUEST_INJECTION, change_csr, 0x280, UINT64_C(8) << 60, S1_ISOLATION, "guest-state");
}

static void a_guest_is_confined(void)
{
    static const struct {
        unsigned csr;
        uint64_t bit;
    } holes[] = {
        {0x302, 1 << 10},
        {0x302, 1 << 21},
        {0x602, 1 << 13},
        {0x303, 1 << 5},
        {0x603, 1 << 6},
        {0x304, 1 << 5},
        {0x304, 1 << 3},
        {0x600, 1 << 21},
        {0x606, 1 << 0},
        {0x606, 1 << 2},
        {0x60a, 1 << 4},
        {0x320, 1 << 0},
        {0x60c, UINT64_C(1) << 62},
        {0x60c, UINT64_C(1) << 63},
        {0x60d, UINT64_C(1) << 63},
        {0x60f, UINT64_C(1) << 63},
    };

    for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++)
        after(REENTRY, change_csr, holes[i].csr, holes[i].bit, S1_ISOLATION, "guest-config");
    after(GUEST_CALL, change_csr, 0x602, 1 << 13, S1_ISOLATION, "guest-config");
    after(REENTRY, change_csr, 0x680, UINT64_C(1) << 44, S1_ISOLATION, "hgatp"); /* VMID */
    after(REENTRY, change_csr, 0x680, 4, S1_ISOLATION, "hgatp");                 /* root */
}

/* A page fault of the guest is delegated past it: the host runs with all its registers. */
static void a_guest_trap_never_runs_the_host(void)
{
    struct world *w = kit_in_guest();

    machine_csr_write(w->machine, 0, 0x602, 0);
    struct step_result r = kit_op(w, 0, OP_GUEST_TRAP, 13, 0, 0, 0);
    CHECK_EQ(r.kind, EXPECT_TRAP);
    CHECK_FINDING(w, ORACLE_OWN, S0_CONFIDENTIALITY, "trap-to-host");
    world_destroy(w);
}

static void secrets_stay_inside(void)
{
    after(EXIT, put_secret_x, 9, 0, S0_CONFIDENTIALITY, "secret-leak");
    after(EXIT, put_secret_x, 11, 0, S0_CONFIDENTIALITY, "secret-leak");
    after(EXIT, put_secret_f, 0, 0, S0_CONFIDENTIALITY, "secret-leak");
    after(EXIT, put_secret_f, 31, 0, S0_CONFIDENTIALITY, "secret-leak");
    after(EXIT, put_secret_v, 31, 0, S0_CONFIDENTIALITY, "secret-leak");
    after(EXIT, put_secret_csr, 0x143, 0, S0_CONFIDENTIALITY, "secret-leak");
    after(EXIT, put_secret_csr, 0x240, 0, S0_CONFIDENTIALITY, "secret-leak");
    after(EXIT, put_secret_mailbox, NACL_CSR_OFFSET(0x643), 0, S0_CONFIDENTIALITY, "secret-leak");
    after(EXIT, put_secret_mailbox, NACL_GPR_OFFSET(10), 0, S0_CONFIDENTIALITY, "secret-leak");
    after(HOST_CALL, put_secret_x, 11, 0, S0_CONFIDENTIALITY, "secret-leak");

    /* The guest really carries markers, and a host that makes one up itself is no finding. */
    struct world *w = kit_in_guest();
    CHECK(marker_is(w->machine->hart[0].x[20]));
    CHECK(marker_is(w->machine->hart[0].f[20]));
    CHECK(marker_is(machine_csr_read(w->machine, 0, 0x240)));
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    kit_op(w, 0, OP_HOST_REG, 9, marker_value(1, 0, 9), 0, 0);
    KIT_CALL(w, 0, CALL_base_get_spec_version, 0);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- what the monitor writes to the host, who runs where --------------------------------------------------------- */

static uint64_t write_address;

static void write_elsewhere(struct world *w, const struct machine_event *event)
{
    struct machine_event write = {.kind = EVENT_UNTRUSTED_WRITE, .hart = event->hart, .a = write_address, .b = 8};

    sabotage_now.watching(w, &write);
}

static void writes_during(enum stage stage, uint64_t address, bool allowed)
{
    struct world *w = at_stage(stage);

    write_address = address;
    sabotage_at_leave(w, write_elsewhere);
    go(w, stage);
    sabotage_end(w);
    if (allowed)
        CHECK_CLEAN(w);
    else
        CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, "host-write");
    world_destroy(w);
}

static void the_monitor_writes_only_what_it_declares(void)
{
    uint64_t mailbox = kit_ram(KIT_SHMEM);

    writes_during(HOST_CALL, kit_ram(9), false);
    writes_during(EXIT, kit_ram(9), false);
    writes_during(EXIT, mailbox + NACL_CSR_OFFSET(0x643), true);
    writes_during(EXIT, mailbox + NACL_GPR_OFFSET(10), true);
    writes_during(EXIT, mailbox + NACL_GPR_OFFSET(9), false);
    writes_during(EXIT, mailbox + NACL_CSR_OFFSET(0x680), false);
    writes_during(EXIT, mailbox + 0x100, false);
}

static void other_vcpu(struct world *w, const struct machine_event *event)
{
    w->machine->monitor->hart[event->hart].vcpu_id = 3;
}

static void not_noted(struct world *w, const struct machine_event *event)
{
    w->machine->monitor->hart[event->hart].tvm_slot = HART_NO_TVM;
    w->machine->monitor->tvm[0].running = 0;
}

static void runs_twice(struct world *w, const struct machine_event *event)
{
    struct monitor *m = w->machine->monitor;

    m->hart[1].tvm_slot = m->hart[event->hart].tvm_slot;
    m->hart[1].vcpu_id = m->hart[event->hart].vcpu_id;
    m->tvm[0].running = 2;
}

static void what_runs_is_what_is_noted(void)
{
    after(REENTRY, other_vcpu, 0, 0, S1_ISOLATION, "vcpu");
    after(REENTRY, not_noted, 0, 0, S1_ISOLATION, "running");
    after(REENTRY, runs_twice, 0, 0, S1_ISOLATION, "running");
}

static void change_other_hart(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->hart[1].x[target] ^= target_xor;
}

static void a_hart_starts_fresh(void)
{
    for (unsigned i = 1; i < 32; i++) {
        struct world *w = kit_world();
        target = i;
        target_xor = 1;
        sabotage_at_leave(w, change_other_hart);
        sabotage_now.skip = 1; /* the caller leaves first, then the hart that it woke */
        KIT_CALL(w, 0, CALL_hsm_hart_start, 1, kit_ram(0), 7);
        sabotage_end(w);
        CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, "start-state");
        world_destroy(w);
    }
}

int main(void)
{
    the_host_keeps_its_registers();
    the_host_keeps_its_csrs();
    the_guest_keeps_its_registers();
    exceptions_arrive_as_the_hardware_would_bring_them();
    a_guest_is_confined();
    a_guest_trap_never_runs_the_host();
    secrets_stay_inside();
    the_monitor_writes_only_what_it_declares();
    what_runs_is_what_is_noted();
    a_hart_starts_fresh();
    return test_finish();
}
