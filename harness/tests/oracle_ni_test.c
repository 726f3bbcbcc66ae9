/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NI sees a secret of the guest wherever it gets to the host, and nothing else: each way out is opened once, in both
 * worlds alike, as a broken monitor would open it.
 */
#include "harness/oracles/ni.h"
#include "harness/tests/oracle_kit.h"

#define SECRET_REGISTER 5u /* one that carries a marker */

static uint64_t secret_of(const struct world *w)
{
    return marker_value(w->tvm_id[0], 0, SECRET_REGISTER) ^ (w->is_twin ? NI_REGISTER_SECRET : 0);
}

/* What leaks in a world when the monitor leaves. */
static void (*way_out)(struct world *w, uint32_t hart);

static void leak_in_both(struct world *w, const struct machine_event *event)
{
    way_out(w, event->hart);
}

static void twin_event(void *data, const struct machine_event *event)
{
    struct world *twin = data;

    if (event->kind == EVENT_LEAVE_MONITOR)
        way_out(twin, event->hart);
}

static void by_register(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[20] = secret_of(w);
}

static void by_float(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].f[3] = secret_of(w);
}

static void by_csr(struct world *w, uint32_t hart)
{
    machine_csr_write(w->machine, hart, 0x140, secret_of(w));
}

static void by_memory(struct world *w, uint32_t hart)
{
    uint64_t secret = secret_of(w);

    (void)hart;
    machine_poke(w->machine, kit_ram(30), &secret, sizeof(secret));
}

static void by_mailbox(struct world *w, uint32_t hart)
{
    uint64_t secret = secret_of(w);

    (void)hart;
    machine_poke(w->machine, kit_ram(KIT_SHMEM) + NACL_GPR_OFFSET(13), &secret, sizeof(secret));
}

static void by_console(struct world *w, uint32_t hart)
{
    struct machine *m = w->machine;

    (void)hart;
    m->console[m->console_len++] = (uint8_t)(secret_of(w) >> 5);
}

static void by_work(struct world *w, uint32_t hart)
{
    (void)hart;
    w->machine->steps += secret_of(w) & 0x3ff;
}

static void by_way(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].pc += w->is_twin ? 4 : 0;
}

static void leak_is_found(void (*way)(struct world *w, uint32_t hart), const char *property)
{
    struct world *w = kit_world_of(2, ORACLE_NI);

    kit_run(w, 0, kit_runnable(w, 0));
    CHECK_CLEAN(w);
    way_out = way;
    sabotage_at_leave(w, leak_in_both);
    w->twin->machine->on_event = twin_event;
    w->twin->machine->event_data = w->twin;
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_NI, S0_CONFIDENTIALITY, property);
    world_destroy(w);
}

/* --- the way in: the guest is entered with something of the host's ---------------------------------------------- */

static void in_by_register(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[20] = w->machine->monitor->hart[hart].host.x[20];
}

static void in_by_half_a_register(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[21] = w->machine->monitor->hart[hart].host.x[22] >> 32;
}

static void in_by_float(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].f[7] = w->machine->monitor->hart[hart].host.x[27];
}

static void in_by_vector(struct world *w, uint32_t hart)
{
    memcpy(w->machine->hart[hart].v + 48, &w->machine->monitor->hart[hart].host.x[9], 8);
}

static void in_by_csr(struct world *w, uint32_t hart)
{
    machine_csr_write(w->machine, hart, 0x240, w->machine->monitor->hart[hart].host.x[18]);
}

static void in_by_mailbox(struct world *w, uint32_t hart)
{
    machine_read(w->machine, kit_ram(KIT_SHMEM) + NACL_GPR_OFFSET(28), &w->machine->hart[hart].x[28], 8);
}

/* The host's register does not come back: what the guest had there is what the host finds. */
static void lost_on_the_way_back(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[23] = 0x5000;
}

static void host_value_is_found(void (*way)(struct world *w, uint32_t hart), bool back, const char *property)
{
    struct world *w = kit_world_of(2, ORACLE_NI);
    uint64_t id = kit_runnable(w, 0);

    if (back)
        kit_run(w, 0, id);
    CHECK_CLEAN(w);
    way_out = way;
    sabotage_at_leave(w, leak_in_both);
    w->twin->machine->on_event = twin_event;
    w->twin->machine->event_data = w->twin;
    if (back)
        kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    else
        KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, id, 0);
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_NI, back ? S0_CONFIDENTIALITY : S1_ISOLATION, property);
    world_destroy(w);
}

/* A guest's call that answers by what the host keeps to itself. */
static void answers_by_the_host(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[11] = w->machine->monitor->hart[hart].host.x[18] & 8;
}

static void a_guest_is_answered_alike(void)
{
    struct world *w = kit_world_of(1, ORACLE_NI);
    struct trace_op probe = {.op = OP_GUEST_CALL, .call = CALL_guest_base_probe_extension, .a = {SBI_EID_TIME}};
    struct step_result r;

    kit_run(w, 0, kit_runnable(w, 0));
    world_step(w, &probe, &r);
    CHECK_EQ(r.value, 1);
    CHECK_CLEAN(w);
    way_out = answers_by_the_host;
    sabotage_at_leave(w, leak_in_both);
    w->twin->machine->on_event = twin_event;
    w->twin->machine->event_data = w->twin;
    world_step(w, &probe, &r);
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_NI, S1_ISOLATION, "ni-guest-way");
    world_destroy(w);
}

/* While the guest runs the hosts differ, and afterwards no more; a run that is refused leaves nothing either. */
static void the_hosts_differ_while_a_guest_runs(void)
{
    struct world *w = kit_world_of(2, ORACLE_NI);
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
    world_destroy(w);
}

/* Secrets in registers and memory of the guest, exits of all kinds, another TVM: the hosts stay alike. */
static void what_stays_inside_is_silent(void)
{
    struct world *w = kit_world_of(2, ORACLE_NI);
    uint64_t id = kit_runnable(w, 0);
    uint64_t mine, twins;

    kit_run(w, 0, id);
    kit_op(w, 0, OP_GUEST_STORE, KIT_GPA + 64, 8, 0x1230, 0);
    memcpy(&mine, machine_peek(w->machine, kit_window(KIT_DATA) + 64, 8), 8);
    memcpy(&twins, machine_peek(w->twin->machine, kit_window(KIT_DATA) + 64, 8), 8);
    CHECK_EQ(mine, 0x1230);
    CHECK_EQ(twins, 0x1230 ^ NI_MEMORY_SECRET);
    CHECK(w->machine->hart[0].x[SECRET_REGISTER] != w->twin->machine->hart[0].x[SECRET_REGISTER]);
    kit_op(w, 0, OP_GUEST_LOAD, KIT_GPA + 5 * PAGE_SIZE, 8, 0, 0);
    kit_run(w, 0, id);
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    KIT_OK(w, 0, CALL_covh_destroy_tvm, id);
    KIT_OK(w, 0, CALL_covh_reclaim_pages, kit_window(0), KIT_STRIDE);
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    world_destroy(w);
}

int main(void)
{
    leak_is_found(by_register, "ni-register");
    leak_is_found(by_float, "ni-register");
    leak_is_found(by_csr, "ni-csr");
    leak_is_found(by_memory, "ni-memory");
    leak_is_found(by_mailbox, "ni-memory");
    leak_is_found(by_console, "ni-console");
    leak_is_found(by_work, "ni-work");
    leak_is_found(by_way, "ni-register");
    host_value_is_found(in_by_register, false, "ni-guest-register");
    host_value_is_found(in_by_half_a_register, false, "ni-guest-register");
    host_value_is_found(in_by_float, false, "ni-guest-register");
    host_value_is_found(in_by_vector, false, "ni-guest-register");
    host_value_is_found(in_by_csr, false, "ni-guest-register");
    host_value_is_found(in_by_mailbox, false, "ni-guest-register");
    host_value_is_found(lost_on_the_way_back, true, "ni-register");
    a_guest_is_answered_alike();
    the_hosts_differ_while_a_guest_runs();
    what_stays_inside_is_silent();
    return test_finish();
}
