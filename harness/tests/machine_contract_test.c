/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Promise: a monitor that breaks a rule of the architecture or of the primitives' contracts is stopped or at least
 * seen, whatever it does; one that keeps them is never accused.
 */
#include "harness/machine/sanitize.h"
#include "harness/tests/machine_small_monitor.h"

static struct machine *m;

/* One rule, broken by `act`. `unwinds`: the monitor cannot go on, and the machine stops. */
struct breach {
    const char *name;
    void (*act)(struct hart *h);
    enum machine_violation_kind kind;
    bool unwinds;
};

static bool went_on; /* did the monitor survive its act? */

static struct conf_page page(uint32_t index)
{
    return (struct conf_page){index};
}

static struct nonconf_addr host(uint64_t address)
{
    return (struct nonconf_addr){address};
}

static struct lock *lock_a(struct hart *h)
{
    return &h->monitor->create_lock;
}

/* --- breaches --------------------------------------------------------------------------------------------------- */

static void fatal(struct hart *h)
{
    hal_fatal(h, "the sky has fallen");
}

static void lock_twice(struct hart *h)
{
    hal_lock(h, lock_a(h));
    hal_lock(h, lock_a(h));
}

static void lock_of_another(struct hart *h)
{
    hal_lock(&h->monitor->hart[1], lock_a(h));
    hal_lock(h, lock_a(h));
}

static void unlock_free(struct hart *h)
{
    hal_unlock(h, lock_a(h));
}

static void unlock_of_another(struct hart *h)
{
    hal_lock(&h->monitor->hart[1], lock_a(h));
    hal_unlock(h, lock_a(h));
}

static void leave_locked(struct hart *h)
{
    hal_lock(h, lock_a(h));
}

static void wait_locked(struct hart *h)
{
    hal_lock(h, lock_a(h));
    hal_relax(h);
    hal_unlock(h, lock_a(h));
}

static void loop_for_ever(struct hart *h)
{
    for (;;)
        hal_relax(h);
}

static void loop_on_memory(struct hart *h)
{
    for (;;)
        hal_conf_ro(h->monitor, page(0), 1);
}

static void frame_beyond(struct hart *h)
{
    hal_conf_rw(h->monitor, page(h->monitor->platform.window_pages), 1);
}

static void frame_run_beyond(struct hart *h)
{
    hal_conf_ro(h->monitor, page(h->monitor->platform.window_pages - 1), 2);
}

static void no_frames(struct hart *h)
{
    hal_conf_rw(h->monitor, page(0), 0);
}

static void scrub_beyond(struct hart *h)
{
    hal_conf_scrub(h->monitor, page(CONF_PAGE_NONE));
}

static void read_window(struct hart *h)
{
    uint64_t word;
    hal_untrusted_read(h, &word, host(WINDOW(0)), sizeof(word));
}

static void write_monitor(struct hart *h)
{
    uint64_t word = 0;
    hal_untrusted_write(h, host(MACHINE_MONITOR_BASE), &word, sizeof(word));
}

static void read_over_the_end(struct hart *h)
{
    uint64_t word;
    hal_untrusted_read(h, &word, host(HOST(m->config.host_pages) - 4), sizeof(word));
}

static void read_wrapping(struct hart *h)
{
    uint64_t word;
    hal_untrusted_read(h, &word, host(HOST(1)), SIZE_MAX);
}

static void pmp_entry_16(struct hart *h)
{
    hal_pmp_write(h, 16, 0, 0);
}

static void pmp_read_16(struct hart *h)
{
    uint8_t config;
    uint64_t addr;
    hal_pmp_read(h, 16, &config, &addr);
}

static void csr_slot_beyond(struct hart *h)
{
    hal_csr_write(h, WORLD_SLOT_HGATP, 0);
}

static void ipi_to_nobody(struct hart *h)
{
    hal_ipi_send(h, h->monitor->platform.harts);
}

static void ipi_kept_up(struct hart *h)
{
    hal_ipi_send(h, h->id);
}

static void pmp_without_fence(struct hart *h)
{
    hal_pmp_write(h, 2, PMP_NAPOT, 0x1ff);
}

static void pmp_address_after_fence(struct hart *h)
{
    hal_pmp_write(h, 2, PMP_NAPOT, 0x1ff);
    hal_fence_all(h);
    hal_pmp_write(h, 2, PMP_NAPOT, 0x3ff);
}

static void fence_before_hgatp(struct hart *h)
{
    hal_fence_all(h);
    hal_hgatp_write(h, UINT64_C(9) << 60 | UINT64_C(5) << 44 | HOST(4) >> 12);
}

static void hgatp_under_vsatp(struct hart *h)
{
    hal_vsatp_write(h, UINT64_C(8) << 60);
    hal_hgatp_write(h, UINT64_C(9) << 60 | UINT64_C(5) << 44 | HOST(4) >> 12);
    hal_fence_all(h);
}

/* A TVM runs and leaves; the only fence comes when hgatp names the host again. */
static void fence_for_the_wrong_vmid(struct hart *h)
{
    if (h->tvm_slot == HART_NO_TVM) {
        h->tvm_slot = 0;
        h->frame->status = MPP(1) | MPV;
        hal_hgatp_write(h, UINT64_C(9) << 60 | UINT64_C(5) << 44 | HOST(4) >> 12);
        hal_fence_all(h);
        hal_ipi_send(h, h->id); /* which takes the TVM off again at once */
        machine_csr_write(m, 0, 0x304, 8);
        return;
    }
    h->tvm_slot = HART_NO_TVM;
    h->frame->status = MPP(1);
    hal_hgatp_write(h, 0);
    hal_fence_all(h);
}

static void guest_without_tvm(struct hart *h)
{
    h->frame->status = MPP(1) | MPV;
}

static void host_with_tvm(struct hart *h)
{
    h->tvm_slot = 3;
}

static void stay_in_m_mode(struct hart *h)
{
    h->frame->status = MPP(3);
}

static void machine_interrupts_on(struct hart *h)
{
    h->frame->status |= 8;
}

static void memory_as_the_guest(struct hart *h)
{
    h->frame->status |= UINT64_C(1) << 17; /* MPRV */
}

static struct world_ctx nowhere;

static void frame_elsewhere(struct hart *h)
{
    h->frame = &nowhere;
}

static void frame_half_outside(struct hart *h)
{
    uint32_t last = h->monitor->platform.window_pages - 1;
    h->frame = (struct world_ctx *)(void *)((uint8_t *)hal_conf_rw(h->monitor, page(last), 1) + 4088);
}

static const struct breach *current;

static void with_afterthought(struct hart *h)
{
    current->act(h);
    went_on = true;
}

static void every_breach_is_seen(void)
{
    static const struct breach breaches[] = {
        {"hal_fatal", fatal, VIOLATION_FATAL, true},
        {"lock taken twice", lock_twice, VIOLATION_LOCK, true},
        {"lock held elsewhere", lock_of_another, VIOLATION_LOCK, true},
        {"unlock of a free lock", unlock_free, VIOLATION_LOCK, true},
        {"unlock by a stranger", unlock_of_another, VIOLATION_LOCK, true},
        {"left with a lock", leave_locked, VIOLATION_LOCK, false},
        {"waited with a lock", wait_locked, VIOLATION_LOCK, false},
        {"endless wait", loop_for_ever, VIOLATION_BUDGET, true},
        {"endless work", loop_on_memory, VIOLATION_BUDGET, true},
        {"frame beyond the window", frame_beyond, VIOLATION_BAD_ACCESS, true},
        {"run beyond the window", frame_run_beyond, VIOLATION_BAD_ACCESS, true},
        {"empty run", no_frames, VIOLATION_BAD_ACCESS, true},
        {"scrub beyond the window", scrub_beyond, VIOLATION_BAD_ACCESS, true},
        {"window read as host memory", read_window, VIOLATION_BAD_ACCESS, true},
        {"monitor written as host memory", write_monitor, VIOLATION_BAD_ACCESS, true},
        {"read over the end", read_over_the_end, VIOLATION_BAD_ACCESS, true},
        {"length that wraps", read_wrapping, VIOLATION_BAD_ACCESS, true},
        {"PMP entry 16", pmp_entry_16, VIOLATION_BAD_ACCESS, true},
        {"read of PMP entry 16", pmp_read_16, VIOLATION_BAD_ACCESS, true},
        {"CSR slot that is not swapped", csr_slot_beyond, VIOLATION_BAD_ACCESS, true},
        {"interrupt to nobody", ipi_to_nobody, VIOLATION_BAD_ACCESS, true},
        {"PMP without fence", pmp_without_fence, VIOLATION_PMP_UNFENCED, false},
        {"PMP address after the fence", pmp_address_after_fence, VIOLATION_PMP_UNFENCED, false},
        {"fence before hgatp", fence_before_hgatp, VIOLATION_HGATP_UNFENCED, false},
        {"hgatp under vsatp", hgatp_under_vsatp, VIOLATION_HGATP_UNFENCED, false},
        {"VMID not fenced", fence_for_the_wrong_vmid, VIOLATION_HGATP_UNFENCED, false},
        {"guest without TVM", guest_without_tvm, VIOLATION_WORLD_STATE, false},
        {"host with TVM", host_with_tvm, VIOLATION_WORLD_STATE, false},
        {"M-mode as a world", stay_in_m_mode, VIOLATION_WORLD_STATE, true},
        {"machine interrupts on", machine_interrupts_on, VIOLATION_WORLD_STATE, true},
        {"MPRV left set", memory_as_the_guest, VIOLATION_WORLD_STATE, true},
        {"frame elsewhere", frame_elsewhere, VIOLATION_BAD_ACCESS, true},
        {"frame half outside", frame_half_outside, VIOLATION_BAD_ACCESS, true},
    };
    uint64_t fresh = machine_state_hash(m);

    for (size_t i = 0; i < sizeof(breaches) / sizeof(breaches[0]); i++) {
        const struct breach *b = &breaches[i];
        current = b;
        went_on = false;
        act = with_afterthought;
        CHECK_EQ(machine_ecall(m, 0), TAKEN_BY_MONITOR);
        if (!CHECK_EQ(m->violation.kind, b->kind) || !CHECK(m->halted == b->unwinds))
            fprintf(stderr, "    in: %s\n", b->name);
        CHECK(m->violation.text[0] != '\0');
        CHECK_EQ(m->in_monitor, 0);
        if (b->unwinds) {
            CHECK_EQ(machine_ecall(m, 0), TAKEN_BY_NOBODY);
            CHECK(!machine_access(m, 0, HOST(0), ACCESS_LOAD, 8, 0).ok);
        } else {
            CHECK(went_on);
        }
        machine_reset(m);
        CHECK_EQ(m->violation.kind, VIOLATION_NONE);
        CHECK_EQ(machine_state_hash(m), fresh);
        act = NULL;
        CHECK_EQ(machine_ecall(m, 0), TAKEN_BY_MONITOR);
        CHECK_EQ(m->violation.kind, VIOLATION_NONE);
        machine_reset(m);
    }
}

static void first_violation_is_kept(void)
{
    act = guest_without_tvm;
    machine_ecall(m, 0);
    CHECK_EQ(m->violation.kind, VIOLATION_WORLD_STATE);
    m->hart[0].virt = false;
    act = fatal;
    machine_ecall(m, 0);
    CHECK_EQ(m->violation.kind, VIOLATION_WORLD_STATE);
    machine_violation_clear(m);
    CHECK_EQ(m->violation.kind, VIOLATION_NONE);
    machine_reset(m);
    act = fatal;
    machine_ecall(m, 0);
    CHECK_STR(m->violation.text, "the sky has fallen");
    CHECK_EQ(m->violation.hart, 0);
    machine_reset(m);
}

/* A software interrupt that its target never takes back keeps the hart from ever running again. */
static void interrupt_storm(void)
{
    machine_csr_write(m, 0, 0x304, 8);
    act = ipi_kept_up;
    machine_ecall(m, 0);
    CHECK_EQ(m->violation.kind, VIOLATION_BUDGET);
    machine_reset(m);
    act = NULL;
}

/* Two harts that each wait for the other, neither serving: both would wait for ever. */
static void wait_for_other(struct hart *h)
{
    hal_ipi_send(h, 1 - h->id);
    while (m->msip[1 - h->id])
        hal_relax(h);
}

static void mutual_wait(void)
{
    wake_starts = true;
    hal_ipi_send(&m->monitor->hart[0], 1);
    act = NULL;
    machine_ecall(m, 0);
    CHECK(!m->hart[1].parked);
    machine_csr_write(m, 1, 0x304, 8);
    act = wait_for_other;
    machine_ecall(m, 0);
    CHECK_EQ(m->violation.kind, VIOLATION_BUDGET);
    machine_reset(m);
    wake_starts = false;
    act = NULL;
}

/* A trap of a TVM that goes to the host's handler with the TVM still on the hart. */
static void delegated_guest_trap(void)
{
    m->hart[0].virt = true;
    m->monitor->hart[0].tvm_slot = 0;
    machine_csr_write(m, 0, 0x302, 1u << 13);
    CHECK_EQ(machine_trap(m, 0, &(struct trap){.cause = 13}), TAKEN_BY_HOST);
    CHECK_EQ(m->violation.kind, VIOLATION_WORLD_STATE);
    machine_reset(m);
}

static void boot_that_fails_is_a_finding(void)
{
    boot_works = false;
    struct machine *other = host_machine(1, 0);
    boot_works = true;
    CHECK_EQ(other->violation.kind, VIOLATION_FATAL);
    CHECK(other->halted);
    CHECK_EQ(machine_ecall(other, 0), TAKEN_BY_NOBODY);
    machine_reset(other);
    CHECK_EQ(other->violation.kind, VIOLATION_FATAL);
    machine_destroy(other);
}

/* --- what is allowed -------------------------------------------------------------------------------------------- */

static struct machine_event events[64];
static unsigned logged;

static void note(void *data, const struct machine_event *event)
{
    CHECK(data == &logged);
    if (logged < 64)
        events[logged++] = *event;
}

static void everything_right(struct hart *h)
{
    uint64_t word = 0x4142434445464748;
    uint8_t config;

    if (h->id != 0)
        return;
    hal_lock(h, lock_a(h));
    hal_untrusted_write(h, host(HOST(m->config.host_pages) - 8), &word, 8);
    word = 0;
    hal_untrusted_read(h, &word, host(HOST(m->config.host_pages) - 8), 8);
    CHECK_EQ(word, 0x4142434445464748);
    hal_conf_scrub(h->monitor, page(1023));
    CHECK_EQ(*(const uint64_t *)hal_conf_ro(h->monitor, page(1023), 1), 0);
    hal_unlock(h, lock_a(h));
    hal_pmp_write(h, 15, PMP_NAPOT | PMP_R | PMP_W | PMP_X, UINT64_MAX); /* no change: nothing to fence */
    hal_pmp_read(h, 15, &config, &word);
    CHECK_EQ(word, UINT64_MAX >> 10);
    hal_pmp_write(h, 2, PMP_NAPOT, 0x1ff);
    hal_hgatp_write(h, UINT64_C(9) << 60 | HOST(4) >> 12);
    hal_vsatp_write(h, 0);
    CHECK_EQ(hal_hgatp_read(h), UINT64_C(9) << 60 | HOST(4) >> 12);
    hal_fence_all(h);
    hal_fence_i(h);
    hal_fp_zero(h);
    hal_console_put(h, 'z');
    CHECK_EQ(hal_console_get(h), 'q');
    CHECK_EQ(hal_console_get(h), -1);
    hal_ipi_send(h, 1);
    hal_system_reset(h, 1, 0);
}

/* What the monitor writes through a pointer is reported, and undone by a reset. */
static void write_frames(struct hart *h)
{
    memset(hal_conf_rw(h->monitor, page(40), 2), 0xaa, 8192);
    (void)hal_conf_ro(h->monitor, page(50), 1);
    hal_conf_scrub(h->monitor, page(41));
    hal_conf_scrub(h->monitor, page(45));
}

static void writes_are_tracked(void)
{
    const uint32_t *frames;
    uint64_t fresh = machine_state_hash(m);

    act = write_frames;
    machine_ecall(m, 0);
    CHECK_EQ(machine_changes(m, &frames), 3);
    CHECK(frames[0] == 40 && frames[1] == 41 && frames[2] == 45);
    CHECK_EQ(*machine_peek(m, WINDOW(40), 1), 0xaa);
    machine_reset(m);
    CHECK_EQ(machine_state_hash(m), fresh);
    CHECK(*machine_peek(m, WINDOW(40), 1) != 0xaa);
    act = NULL;
}

/* --- red zones -------------------------------------------------------------------------------------------------- */

#ifdef SANITIZE_ADDRESS
static bool forbidden(uint32_t frame)
{
    return __asan_address_is_poisoned(m->window + (size_t)frame * 4096) != 0;
}

static void look_at_zones(void *data, const struct machine_event *event)
{
    (void)data, (void)event;
    for (uint32_t i = 0; i < 1024; i++)
        CHECK(!forbidden(i));
}

static void take_frames(struct hart *h)
{
    hal_conf_rw(h->monitor, page(10), 2);
    CHECK(forbidden(9) && !forbidden(10) && !forbidden(11) && forbidden(12));
    hal_conf_ro(h->monitor, page(12), 1);
    CHECK(!forbidden(11) && !forbidden(12) && forbidden(13));
    hal_conf_scrub(h->monitor, page(0));
    hal_conf_ro(h->monitor, page(1023), 1);
    CHECK(forbidden(1) && forbidden(1022) && !forbidden(1023));
    m->on_event = look_at_zones;
    hal_fence_i(h);
    m->on_event = NULL;
    CHECK(forbidden(9) && forbidden(1022));
    hal_conf_rw(h->monitor, page(5), 1);
    if (h->tvm_slot != HART_NO_TVM)
        hal_fatal(h, "unwound");
}

static void neighbours_are_forbidden(void)
{
    act = take_frames;
    for (unsigned i = 0; i < 2; i++) {
        m->monitor->hart[0].tvm_slot = i == 0 ? HART_NO_TVM : 0;
        machine_ecall(m, 0);
        look_at_zones(NULL, NULL);
    }
    machine_reset(m);
    act = NULL;
}
#else
static void neighbours_are_forbidden(void) {}
#endif

static void keeping_the_rules_is_quiet(void)
{
    static const enum machine_event_kind order[] = {
        EVENT_ENTER_MONITOR, EVENT_LOCK,        EVENT_UNTRUSTED_WRITE, EVENT_UNTRUSTED_READ,
        EVENT_SCRUB,         EVENT_UNLOCK,      EVENT_PMP_WRITE,       EVENT_PMP_WRITE,
        EVENT_HGATP_WRITE,   EVENT_VSATP_WRITE, EVENT_FENCE_ALL,       EVENT_FENCE_I,
        EVENT_FP_ZERO,       EVENT_IPI,         EVENT_RESET,           EVENT_LEAVE_MONITOR};

    m->on_event = note;
    m->event_data = &logged;
    m->input[0] = 'q';
    m->input_len = 1;
    act = everything_right;
    machine_ecall(m, 0);
    m->on_event = NULL;
    CHECK_EQ(m->violation.kind, VIOLATION_NONE);
    CHECK_EQ(logged, sizeof(order) / sizeof(order[0]));
    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        CHECK_EQ(events[i].kind, order[i]);
    CHECK_EQ(events[0].a, 9);
    CHECK_EQ(events[1].a, offsetof(struct monitor, create_lock));
    CHECK_EQ(events[4].a, 1023);
    CHECK(m->halted);
    CHECK_EQ(m->reset_type, 1);
    CHECK_EQ(m->reset_count, 1);
    CHECK_EQ(m->console_total, 1);
    CHECK_EQ(m->console[0], 'z');
    machine_reset(m);
    CHECK_EQ(m->console_total, 0);
    act = NULL;
}

int main(void)
{
    m = host_machine(2, 0);
    every_breach_is_seen();
    first_violation_is_kept();
    interrupt_storm();
    mutual_wait();
    delegated_guest_trap();
    boot_that_fails_is_a_finding();
    writes_are_tracked();
    neighbours_are_forbidden();
    keeping_the_rules_is_quiet();
    machine_destroy(m);
    return test_finish();
}
