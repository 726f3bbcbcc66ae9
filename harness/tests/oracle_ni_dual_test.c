/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NI the other way round: whatever the host keeps to itself is seen when a guest gets it. Each element that differs in
 * the twin is let through once, in both worlds alike, as a broken monitor would: then exactly that is found.
 */
#include "harness/tests/ni_kit.h"

/* --- the way in: the guest is entered with something of the host's ---------------------------------------------- */

static void in_by_register(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[20] = host_of(w, hart)->x[20];
}

static void in_by_half_a_register(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[21] = host_of(w, hart)->x[22] >> 32;
}

static void in_by_float(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].f[7] = host_of(w, hart)->x[27];
}

static void in_by_vector(struct world *w, uint32_t hart)
{
    memcpy(w->machine->hart[hart].v + 48, &host_of(w, hart)->x[9], 8);
}

static void in_by_csr(struct world *w, uint32_t hart)
{
    machine_csr_write(w->machine, hart, 0x240, host_of(w, hart)->x[18]);
}

static void in_by_mailbox(struct world *w, uint32_t hart)
{
    machine_read(w->machine, kit_ram(KIT_SHMEM) + NACL_GPR_OFFSET(28), &w->machine->hart[hart].x[28], 8);
}

/* A CSR of the guest is what the host left there: one after the other, all that the world switch exchanges. */
static const uint16_t csr_of_slot[WORLD_CSR_SLOTS] = {
#define WORLD_CSR(index, number, name) [index] = (number),
    WORLD_CSRS(WORLD_CSR) WORLD_CSRS_STATEEN(WORLD_CSR)
#undef WORLD_CSR
        [WORLD_SLOT_HGATP] = 0x680,
    [WORLD_SLOT_VSATP] = 0x280};
static unsigned slot_now;

static void in_by_the_csr_itself(struct world *w, uint32_t hart)
{
    machine_csr_write(w->machine, hart, csr_of_slot[slot_now], host_of(w, hart)->csr[slot_now]);
}

static void in_by_status(struct world *w, uint32_t hart)
{
    machine_csr_write(w->machine, hart, 0x200, host_of(w, hart)->status);
}

/* The host's timer is live: nobody saved it. */
static void in_by_timer(struct world *w, uint32_t hart)
{
    machine_csr_write(w->machine, hart, 0x24d, machine_csr_read(w->machine, hart, 0x14d));
}

static void in_by_argument(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[12] = host_of(w, hart)->x[12];
}

/* One bit of the host's is enough, where the guest has no secret yet. */
static void in_by_a_bit(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[26] = host_of(w, hart)->x[26] >> 61 & 1;
}

static void in_by_pc(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].pc = host_of(w, hart)->csr[WORLD_SLOT_stvec];
}

static void in_by_fcsr(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].fcsr = host_of(w, hart)->x[26] & 0xff;
}

static void in_by_mailbox_csr(struct world *w, uint32_t hart)
{
    machine_read(w->machine, kit_ram(KIT_SHMEM) + NACL_CSR_OFFSET(0x240), &w->machine->hart[hart].x[29], 8);
}

/* No answer was asked for. */
static void in_by_early_answer(struct world *w, uint32_t hart)
{
    machine_read(w->machine, kit_ram(KIT_SHMEM) + NACL_GPR_OFFSET(10), &w->machine->hart[hart].x[10], 8);
}

/* The host's register does not come back: what the guest had there is what the host finds. */
static void lost_on_the_way_back(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[23] = 0x5000;
}

static void host_value_is_found(void (*way)(struct world *w, uint32_t hart), bool back, const char *property)
{
    struct world *w = fresh();
    uint64_t id = kit_runnable(w, 0);

    if (back)
        kit_run(w, 0, id);
    watch(w, way);
    if (back)
        kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    else
        KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, id, 0);
    unwatch(w);
    CHECK_FINDING(w, ORACLE_NI, back ? S0_CONFIDENTIALITY : S1_ISOLATION, property);
}

/* All that hosts have in CSRs differs, and is seen where a guest gets it; but what is the monitor's, or nobody's on this hart. */
static void each_csr_is_found(void)
{
    static const unsigned same[] = {WORLD_SLOT_medeleg, WORLD_SLOT_mideleg, WORLD_SLOT_mcountinhibit, WORLD_SLOT_hgeie};

    for (slot_now = 0; slot_now < WORLD_CSR_SLOTS; slot_now++) {
        bool differs = true;
        for (unsigned i = 0; i < sizeof(same) / sizeof(same[0]); i++)
            differs = differs && slot_now != same[i];
        if (differs)
            host_value_is_found(in_by_the_csr_itself, false, "ni-guest-register");
    }
}

/* --- a guest that was there before --------------------------------------------------------------------------------- */

/* It has secrets, and they stay; what takes the place of one does not differ as it did. */
static void in_place_of_a_secret(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[5] = w->is_twin ? 0x21 : 0x20;
}

/* Whoever answers a device access by more than the host's word. */
static void in_beside_the_answer(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[6] = host_of(w, hart)->x[13];
}

static void going_on_is_found(void (*way)(struct world *w, uint32_t hart))
{
    struct world *w = fresh();
    uint64_t id = kit_runnable(w, 0);

    for (unsigned i = 0; i < 3; i++) {
        kit_run(w, 0, id);
        kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    }
    watch(w, way);
    KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, id, 0);
    unwatch(w);
    CHECK_FINDING(w, ORACLE_NI, S1_ISOLATION, "ni-guest-register");
}

/* A guest's call that answers by what the host keeps to itself. */
static void answers_by_the_host(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[11] = host_of(w, hart)->x[18] & 8;
}

static void a_guest_is_answered_alike(void)
{
    struct world *w = fresh();
    struct trace_op probe = {.op = OP_GUEST_CALL, .call = CALL_guest_base_probe_extension, .a = {SBI_EID_TIME}};
    struct step_result r;

    kit_run(w, 0, kit_runnable(w, 0));
    world_step(w, &probe, &r);
    CHECK_EQ(r.value, 1);
    watch(w, answers_by_the_host);
    world_step(w, &probe, &r);
    unwatch(w);
    CHECK_FINDING(w, ORACLE_NI, S1_ISOLATION, "ni-guest-way");
}

/* While the guest runs the hosts differ, and afterwards no more; a run that is refused leaves nothing either. */
static void the_hosts_differ_while_a_guest_runs(void)
{
    struct world *w = fresh();
    uint64_t id = kit_runnable(w, 0);
    const struct hart *one = &w->machine->monitor->hart[0];
    const struct hart *other = &w->twin->machine->monitor->hart[0];

    KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, id, 7);
    CHECK_EQ(w->machine->hart[0].x[20], w->twin->machine->hart[0].x[20]);
    kit_run(w, 0, id);
    CHECK_EQ(one->host.x[20] ^ other->host.x[20], NI_HOST_SECRET);
    CHECK_EQ(one->host.x[10], other->host.x[10]);
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    CHECK_EQ(w->machine->hart[0].x[20], w->twin->machine->hart[0].x[20]);
    CHECK_CLEAN(w);
    kit_run(w, 0, id);
    world_reset(w);
    kit_run(w, 0, kit_runnable(w, 0));
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    CHECK_CLEAN(w);
}

int main(void)
{
    static void (*const ways_in[])(struct world * w, uint32_t hart) = {
        in_by_register,    in_by_half_a_register, in_by_float,    in_by_vector, in_by_csr, in_by_mailbox,
        in_by_status,      in_by_timer,           in_by_argument, in_by_a_bit,  in_by_pc,  in_by_fcsr,
        in_by_mailbox_csr, in_by_early_answer};

    world = kit_world_of(1, ORACLE_NI);
    for (unsigned i = 0; i < sizeof(ways_in) / sizeof(ways_in[0]); i++)
        host_value_is_found(ways_in[i], false, "ni-guest-register");
    host_value_is_found(lost_on_the_way_back, true, "ni-register");
    each_csr_is_found();
    going_on_is_found(in_place_of_a_secret);
    going_on_is_found(in_beside_the_answer);
    a_guest_is_answered_alike();
    the_hosts_differ_while_a_guest_runs();
    world_destroy(world);
    return test_finish();
}
