/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in between: host memory that changes between two reads of the monitor, PMP entries that do not stick,
 * devices. A monitor that keeps its promises shows nothing of it; one that reads twice works with two values, one that
 * leaves devices in is found.
 */
#include "harness/oracles/oracle.h"
#include "harness/tests/world_kit.h"

#define RACE_FRAME 3u

static uint64_t monitor_reads(struct world *w, uint64_t address)
{
    uint64_t value;

    hal_untrusted_read(&w->machine->monitor->hart[0], &value, (struct nonconf_addr){address}, sizeof(value));
    return value;
}

static uint64_t host_sees(struct world *w, uint64_t address)
{
    return kit_op(w, 0, OP_HOST_LOAD, address, 8, 0, 0).value;
}

/* --- second reads ----------------------------------------------------------------------------------------------- */

static void the_second_read_of_a_word_differs(void)
{
    struct world *w = kit_world_of(1, 0);
    uint64_t word = kit_ram(RACE_FRAME) + 8;

    kit_op(w, 0, OP_HOST_WRITE64, word, 1, 0, 0);
    CHECK_EQ(kit_op(w, 0, OP_HOST_RACE, word + 3, 2, 0, 0).kind, EXPECT_NONE);
    CHECK_EQ(monitor_reads(w, word - 8), 0); /* another word */
    CHECK_EQ(monitor_reads(w, word), 1);
    CHECK_EQ(monitor_reads(w, word), 2);
    CHECK_EQ(monitor_reads(w, word), 2);
    CHECK_EQ(host_sees(w, word), 2);
    world_destroy(w);
}

static void the_read_after_so_many_flips_a_word(void)
{
    struct world *w = kit_world_of(1, 0);
    uint64_t word = kit_ram(RACE_FRAME);
    uint8_t page[PAGE_SIZE];

    kit_op(w, 0, OP_HOST_RACE_READ, 1, 0, 0xf0, 0);
    kit_op(w, 0, OP_HOST_RACE_READ, 2, 513, 0xf, 0); /* of a page: word 513 modulo 512 */
    CHECK_EQ(monitor_reads(w, word), 0);
    CHECK_EQ(monitor_reads(w, word), 0);
    CHECK_EQ(monitor_reads(w, word), 0xf0);
    hal_untrusted_read(&w->machine->monitor->hart[0], page, (struct nonconf_addr){word}, sizeof(page));
    CHECK_EQ(host_sees(w, word), 0xf0 ^ 0xf);
    world_destroy(w);
}

/* Only one operation is disturbed, only by what the host can write, and nothing stays after a reset. */
static void a_race_is_for_one_operation(void)
{
    struct world *w = kit_world_of(2, 0);
    uint64_t word = kit_ram(RACE_FRAME);

    kit_start_harts(w);
    kit_op(w, 0, OP_HOST_RACE, word, 2, 0, 0);
    kit_op(w, 1, OP_HOST_LOAD, word, 8, 0, 0); /* another hart: it waits on */
    CHECK_EQ(monitor_reads(w, word), 0);
    CHECK_EQ(monitor_reads(w, word), 2);
    kit_op(w, 0, OP_HOST_RACE, word, 3, 0, 0);
    kit_op(w, 0, OP_HOST_LOAD, word, 8, 0, 0);
    CHECK_EQ(monitor_reads(w, word), 2);
    CHECK_EQ(monitor_reads(w, word), 2);
    kit_op(w, 0, OP_HOST_RACE, kit_window(0), 4, 0, 0); /* closed to the other core as well */
    uint64_t before;
    memcpy(&before, machine_peek(w->machine, kit_window(0), 8), 8);
    CHECK(before != 4);
    kit_op(w, 0, OP_HOST_RACE, word, 5, 0, 0);
    uint64_t waiting = machine_state_hash(w->machine);
    world_reset(w);
    CHECK_EQ(monitor_reads(w, word), 0);
    CHECK_EQ(monitor_reads(w, word), 0);
    CHECK(waiting != machine_state_hash(w->machine));
    world_destroy(w);
}

/* The oracles see what the monitor saw, the host what is there now, and both worlds of NI the same. */
static void who_reads_once_is_not_disturbed(void)
{
    struct world *w = kit_world_of(1, ORACLE_ALL);
    uint64_t params = kit_ram(KIT_PARAMS);

    kit_convert(w, 0, KIT_STRIDE);
    kit_op(w, 0, OP_HOST_WRITE64, params, kit_window(KIT_ROOT), 0, 0);
    kit_op(w, 0, OP_HOST_WRITE64, params + 8, kit_window(KIT_STATE), 0, 0);
    kit_op(w, 0, OP_HOST_RACE, params, UINT64_MAX, 0, 0);
    kit_op(w, 0, OP_HOST_RACE_READ, 0, 1, UINT64_MAX, 0);
    struct step_result r = KIT_CALL(w, 0, CALL_covh_create_tvm, params, 16);
    CHECK_EQ(r.error, SBI_SUCCESS);
    CHECK_EQ(host_sees(w, params), UINT64_MAX);
    CHECK_EQ(host_sees(w, params + 8), ~kit_window(KIT_STATE));
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* A monitor that looks again works with the other value, which is not what the oracles saw. */
static void read_again(void *data, const struct machine_event *event)
{
    static bool again;
    struct world *w = data;

    if (event->kind != EVENT_LEAVE_MONITOR || again)
        return;
    again = true;
    uint64_t shown;
    memcpy(&shown, machine_peek(w->machine, kit_ram(RACE_FRAME), 8), 8);
    CHECK_EQ(shown, 0); /* within an event the store has not happened yet */
    uint64_t second = monitor_reads(w, kit_ram(RACE_FRAME));
    again = false;
    CHECK_EQ(second, 7);
}

static void observers_see_the_store_after_the_work(void)
{
    struct world *w = kit_world_of(1, 0);

    w->machine->on_event = read_again;
    w->machine->event_data = w;
    kit_op(w, 0, OP_HOST_RACE, kit_ram(RACE_FRAME), 7, 0, 0);
    KIT_OK(w, 0, CALL_dbcn_console_write, 8, kit_ram(RACE_FRAME), 0);
    CHECK_EQ(host_sees(w, kit_ram(RACE_FRAME)), 7);
    world_destroy(w);
}

/* --- faults ----------------------------------------------------------------------------------------------------- */

static void a_hart_that_cannot_be_closed_off_does_not_run(void)
{
    for (uint32_t entry = 0; entry < 8; entry++) {
        struct world *w = kit_world_of(2, ORACLE_ALL);
        kit_op(w, 1, OP_FAULT, MACHINE_FAULT_PMP, entry, 0, 0);
        KIT_OK(w, 0, CALL_hsm_hart_start, 1, kit_ram(0), 7);
        CHECK(w->machine->hart[1].parked);
        CHECK(machine_pmp_failed(w->machine, 1));
        CHECK_EQ(kit_op(w, 1, OP_HOST_LOAD, kit_window(0), 8, 0, 0).kind, EXPECT_NONE);
        CHECK_EQ(KIT_CALL(w, 0, CALL_hsm_hart_get_status, 1).value, SBI_HSM_START_PENDING);
        CHECK(world_audit(w));
        CHECK_CLEAN(w);
        world_reset(w);
        kit_start_harts(w);
        CHECK(!w->machine->hart[1].parked);
        CHECK_CLEAN(w);
        world_destroy(w);
    }
}

/* A monitor that does not look: the hart runs behind an open entry, and that is found. */
static void wake_anyway(void *data, const struct machine_event *event)
{
    struct world *w = data;

    if (event->kind == EVENT_LEAVE_MONITOR && event->hart == 1)
        w->machine->hart[1].parked = false;
}

static void a_hart_that_runs_behind_an_open_entry_is_found(void)
{
    struct world *w = kit_world_of(2, ORACLE_OWN);

    kit_op(w, 1, OP_FAULT, MACHINE_FAULT_PMP, 2, 0, 0);
    w->machine->on_event = wake_anyway;
    w->machine->event_data = w;
    KIT_OK(w, 0, CALL_hsm_hart_start, 1, kit_ram(0), 7);
    world_audit(w);
    CHECK_FINDING(w, ORACLE_OWN, S0_CONFIDENTIALITY, "pmp");
    world_destroy(w);
}

/* --- devices ---------------------------------------------------------------------------------------------------- */

static void iopmp_that_opens(unsigned index, uint8_t config, uint64_t addr)
{
    struct world *w = kit_world_of(1, ORACLE_SINGLE);

    CHECK(world_audit(w));
    hal_iopmp_write(&w->machine->monitor->hart[0], index, config, addr);
    CHECK(!world_audit(w));
    CHECK_FINDING(w, ORACLE_OWN, S0_CONFIDENTIALITY, "device");
    world_destroy(w);

    /* Nor does it take an audit. */
    w = kit_world_of(1, ORACLE_SINGLE);
    hal_iopmp_write(&w->machine->monitor->hart[0], index, config, addr);
    KIT_CALL(w, 0, CALL_base_get_spec_version, 0);
    CHECK_FINDING(w, ORACLE_OWN, S0_CONFIDENTIALITY, "device");
    world_destroy(w);
}

static void an_entry_that_opens_is_found(void)
{
    iopmp_that_opens(0, 0, 0);                                                    /* monitor image: off */
    iopmp_that_opens(1, 0, 0);                                                    /* machine-mode devices: off */
    iopmp_that_opens(2, 0, 0);                                                    /* window: off */
    iopmp_that_opens(2, PMP_NAPOT, (MACHINE_WINDOW_BASE >> 2) | 0xffff);          /* half as large */
    iopmp_that_opens(2, PMP_NAPOT | PMP_R, (MACHINE_WINDOW_BASE >> 2) | 0x1ffff); /* readable */
    iopmp_that_opens(0, PMP_NAPOT | PMP_W, (kit_window(77) >> 2) | 0x1ff);        /* one page, ahead of all others */
}

static void iopmp_closes(unsigned index, uint8_t config, uint64_t addr, uint8_t op, enum severity severity)
{
    struct world *w = kit_world_of(1, ORACLE_SINGLE);

    CHECK_EQ(kit_op(w, 0, op, kit_window(5), 8, 1, 0).kind, EXPECT_NONE);
    hal_iopmp_write(&w->machine->monitor->hart[0], index, config, addr);
    w->oracle_state->iopmp.known = true; /* as if the entries had been looked at: the access itself is judged, too */
    memcpy(w->oracle_state->iopmp.config, w->machine->iopmpcfg, sizeof(w->machine->iopmpcfg));
    memcpy(w->oracle_state->iopmp.addr, w->machine->iopmpaddr, sizeof(w->machine->iopmpaddr));
    CHECK_EQ(kit_op(w, 0, op, kit_window(5), 8, 1, 0).kind, EXPECT_VALUE);
    CHECK_FINDING(w, ORACLE_OWN, severity, "device");
    world_destroy(w);
}

static struct world *world_with(enum machine_iopmp iopmp, uint32_t oracles)
{
    struct machine_config config = machine_default_config();

    config.iopmp = (uint8_t)iopmp;
    struct world *w = world_create(&config, oracles);
    if (w == NULL)
        test_error("no world");
    return w;
}

/* Where devices are not kept out there are no TVMs, unless that was accepted. A monitor that makes one is found. */
static void no_tvm_without_isolation(void)
{
    static const enum machine_iopmp none[] = {MACHINE_IOPMP_REFUSED, MACHINE_IOPMP_STUCK};

    for (unsigned i = 0; i < 2; i++) {
        struct world *w = world_with(none[i], ORACLE_OWN);
        CHECK_EQ(KIT_CALL(w, 0, CALL_covh_convert_pages, kit_window(0), 1).error, SBI_ERR_FAILED);
        CHECK(world_audit(w));
        CHECK_CLEAN(w);
        w->machine->monitor->closed |= MONITOR_DEVICES_CLOSED; /* it believes that all is well */
        kit_convert(w, 0, KIT_STRIDE);
        kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_PARAMS), kit_window(KIT_ROOT), 0, 0);
        kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_PARAMS) + 8, kit_window(KIT_STATE), 0, 0);
        KIT_CALL(w, 0, CALL_covh_create_tvm, kit_ram(KIT_PARAMS), 16);
        CHECK_FINDING(w, ORACLE_OWN, S0_CONFIDENTIALITY, "device");
        world_destroy(w);
    }
}

/* Accepted: a TVM lives, a device reads its secrets, and the first write ends the run without a verdict. */
static void accepted_absence_is_no_finding(void)
{
    struct world *w = world_with(MACHINE_IOPMP_ABSENT, ORACLE_ALL);

    kit_run(w, 0, kit_runnable(w, 0));
    kit_op(w, 0, OP_GUEST_STORE, KIT_GPA + 64, 8, 0x1230, 0);
    CHECK_EQ(kit_op(w, 0, OP_DEVICE_READ, kit_window(KIT_DATA) + 64, 8, 0, 0).value, 0x1230);
    CHECK_CLEAN(w);
    CHECK_EQ(kit_op(w, 0, OP_DEVICE_WRITE, kit_window(KIT_STATE), 8, 0, 0).kind, EXPECT_VALUE);
    CHECK(w->overrun);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0).kind, EXPECT_NONE);
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    world_reset(w);
    CHECK(!w->overrun);
    kit_run(w, 0, kit_runnable(w, 0));
    CHECK_CLEAN(w);
    world_destroy(w);
}

int main(void)
{
    the_second_read_of_a_word_differs();
    the_read_after_so_many_flips_a_word();
    a_race_is_for_one_operation();
    who_reads_once_is_not_disturbed();
    observers_see_the_store_after_the_work();
    a_hart_that_cannot_be_closed_off_does_not_run();
    a_hart_that_runs_behind_an_open_entry_is_found();
    an_entry_that_opens_is_found();
    iopmp_closes(2, PMP_NAPOT | PMP_R, (MACHINE_WINDOW_BASE >> 2) | 0x1ffff, OP_DEVICE_READ, S0_CONFIDENTIALITY);
    iopmp_closes(2, PMP_NAPOT | PMP_R | PMP_W, (MACHINE_WINDOW_BASE >> 2) | 0x1ffff, OP_DEVICE_WRITE, S1_ISOLATION);
    no_tvm_without_isolation();
    accepted_absence_is_no_finding();
    return test_finish();
}
