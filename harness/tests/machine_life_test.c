/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Promises: the monitor boots on the machine and a TVM goes through its whole life on it; a reset brings back
 * everything; equal histories give equal states in any number of machines at once.
 */
#include "harness/tests/machine_host.h"

static void boots(void)
{
    struct machine *m = host_machine(2, 7);

    CHECK_EQ(m->violation.kind, VIOLATION_NONE);
    CHECK_EQ(m->hart[0].priv, PRIV_S);
    CHECK(!m->hart[0].virt && !m->hart[0].parked && m->hart[1].parked);
    CHECK_EQ(m->hart[0].pc, MACHINE_ENTRY);
    for (unsigned h = 0; h < 2; h++) {
        CHECK_EQ(machine_pmp_check(m, h, WINDOW(0), 4096 * 1024), 0);
        CHECK_EQ(machine_pmp_check(m, h, MACHINE_MONITOR_BASE, MACHINE_MONITOR_SIZE), 0);
        CHECK_EQ(machine_pmp_check(m, h, MACHINE_MMIO_BASE, MACHINE_MMIO_SIZE), 0);
        CHECK_EQ(machine_pmp_check(m, h, HOST(0), 4096 * 1024), PMP_R | PMP_W | PMP_X);
    }
    CHECK(!machine_access(m, 0, WINDOW(0), ACCESS_LOAD, 8, 0).ok);
    CHECK(!machine_access(m, 0, MACHINE_MONITOR_BASE, ACCESS_FETCH, 4, 0).ok);
    CHECK(machine_access(m, 0, HOST(3), ACCESS_STORE, 8, 5).ok);
    CHECK_EQ(machine_access(m, 0, HOST(3), ACCESS_LOAD, 8, 0).value, 5);

    /* What was never scrubbed is never zero. */
    const uint8_t *window = machine_peek(m, WINDOW(0), 4096 * 1024);
    bool zero_word = false;
    for (size_t at = 0; at < (size_t)4096 * 1024; at += 8) {
        uint64_t word;
        memcpy(&word, window + at, 8);
        zero_word = zero_word || word == 0;
    }
    CHECK(!zero_word);
    machine_destroy(m);
}

static void tvm_lives(struct machine *m)
{
    host_start_all(m);
    CHECK(!m->hart[1].parked);
    CHECK_EQ(m->hart[1].x[10], 1);
    CHECK_EQ(m->hart[1].x[11], 16);

    uint64_t id = host_build_tvm(m);
    for (unsigned i = 0; i < 32; i++)
        m->hart[0].f[i] = 100 + i;
    m->hart[0].fcsr = 0x45;
    m->hart[0].x[5] = 0x55;
    CHECK(host_run(m, 0, id));
    CHECK_EQ(m->hart[0].pc, GUEST_BASE);
    CHECK_EQ(m->hart[0].x[11], 0x1234);
    CHECK_EQ(m->hart[0].x[5], 0);
    CHECK_EQ(m->hart[0].f[3], 0);
    CHECK_EQ(m->hart[0].fcsr, 0);
    m->hart[0].f[3] = 0x77;
    m->hart[0].fcsr = 0x61;
    CHECK_EQ(machine_pmp_check(m, 1, WINDOW(0), 4096), 0);

    /* The guest computes in its measured page, then touches one that is missing. */
    CHECK(machine_access(m, 0, GUEST_BASE, ACCESS_FETCH, 4, 0).ok);
    CHECK(machine_access(m, 0, GUEST_BASE + 8, ACCESS_STORE, 8, 77).ok);
    CHECK_EQ(machine_access(m, 0, GUEST_BASE + 8, ACCESS_LOAD, 8, 0).value, 77);
    uint64_t seen;
    memcpy(&seen, machine_peek(m, WINDOW(FRAME_MEASURED) + 8, 8), 8);
    CHECK_EQ(seen, 77);
    m->hart[0].x[5] = 0x66;
    struct access_result r = machine_access(m, 0, GUEST_BASE + 0x1018, ACCESS_LOAD, 8, 0);
    CHECK(!r.ok);
    CHECK_EQ(r.trap.cause, 21);
    CHECK_EQ(r.trap.tval2, (GUEST_BASE + 0x1018) >> 2);
    CHECK_EQ(machine_trap(m, 0, &r.trap), TAKEN_BY_MONITOR);
    CHECK(!machine_in_guest(m, 0));
    CHECK_EQ(m->hart[0].x[10], SBI_SUCCESS);
    CHECK_EQ(m->hart[0].x[5], 0x55);
    CHECK_EQ(m->hart[0].f[3], 0);
    CHECK_EQ(m->hart[0].fcsr, 0);
    CHECK_EQ(machine_csr_read(m, 0, 0x142), 21);
    CHECK(!machine_access(m, 0, WINDOW(FRAME_MEASURED), ACCESS_LOAD, 8, 0).ok);

    /* The host adds the page; the vCPU goes on, on another hart. */
    CHECK_EQ(sbi(m, 0, SBI_EID_COVH, 12, id, WINDOW(FRAME_SPARE), 0, 1, GUEST_BASE + 0x1000, 0).error, SBI_SUCCESS);
    CHECK(host_run(m, 1, id));
    CHECK_EQ(m->hart[1].x[5], 0x66);
    CHECK_EQ(m->hart[1].f[3], 0x77);
    CHECK_EQ(m->hart[1].fcsr, 0x61);
    r = machine_access(m, 1, GUEST_BASE + 0x1018, ACCESS_LOAD, 8, 0);
    CHECK(r.ok);
    CHECK_EQ(r.value, 0);

    /* A timer of the host takes it off again; then it ends. */
    machine_set_pending(m, 1, 5, true);
    CHECK_EQ(machine_take_interrupt(m, 1), TAKEN_BY_MONITOR);
    CHECK(!machine_in_guest(m, 1));
    CHECK_EQ(covh(m, 0, 8, id, 0, 0).error, SBI_SUCCESS);
    CHECK_EQ(covh(m, 0, 2, WINDOW(0), FRAMES_CONVERTED, 0).error, SBI_SUCCESS);
    const uint8_t *page = machine_peek(m, WINDOW(FRAME_MEASURED), 4096);
    for (unsigned i = 0; i < 4096; i++)
        if (page[i] != 0) {
            CHECK(page[i] == 0);
            break;
        }
    CHECK_EQ(m->violation.kind, VIOLATION_NONE);
}

/* Change something of every kind that a reset has to bring back. */
static void disturb(struct machine *m)
{
    const uint64_t word = 0x1122334455667788;

    tvm_lives(m);
    machine_poke(m, HOST(900), &word, 8);
    machine_poke(m, WINDOW(1000), &word, 8);
    machine_advance(m, 12345);
    machine_set_pending(m, 0, 9, true);
    machine_csr_write(m, 0, 0x180, UINT64_C(8) << 60 | 5);
    m->hart[0].f[4] = word;
    m->input[0] = 'x';
    m->input_len = 1;
    sbi(m, 0, SBI_EID_DBCN, 2, 'a', 0, 0, 0, 0, 0);
    sbi(m, 0, SBI_EID_SRST, 0, 0, 0, 0, 0, 0, 0);
    CHECK(m->halted);
    CHECK_EQ(m->console_total, 1);
}

static void reset_brings_back_everything(void)
{
    struct machine *m = host_machine(2, 7);
    struct machine *other = host_machine(2, 7);
    const uint32_t *frames;

    uint64_t fresh = machine_state_hash(m);
    CHECK_EQ(fresh, machine_state_hash(other));
    uint64_t once = 0;
    for (unsigned i = 0; i < 3; i++) {
        disturb(m);
        uint64_t now = machine_state_hash(m);
        CHECK(now != fresh);
        CHECK(i == 0 || now == once);
        once = now;
        machine_reset(m);
        CHECK_EQ(machine_state_hash(m), fresh);
        CHECK_EQ(machine_changes(m, &frames), 0);
        CHECK(!m->halted);
        CHECK(memcmp(m->window, other->window, (size_t)4096 * m->config.window_pages) == 0);
        CHECK(memcmp(m->host_ram, other->host_ram, (size_t)4096 * m->config.host_pages) == 0);
    }

    /* The other machine did not notice, and does the same when told the same. */
    CHECK_EQ(machine_state_hash(other), fresh);
    disturb(other);
    CHECK_EQ(machine_state_hash(other), once);
    machine_destroy(m);
    machine_destroy(other);

    m = host_machine(2, 8);
    CHECK(machine_state_hash(m) != fresh);
    machine_destroy(m);
}

/* A guest runs on hart 0, interrupts, input and time are on their way, and `frame` of either memory was written. */
static uint64_t in_the_middle(struct machine *m, uint32_t frame)
{
    const uint64_t word = 0x1122334455667788 + frame;
    uint64_t id = host_build_tvm(m);

    machine_poke(m, HOST(frame), &word, 8);
    machine_poke(m, WINDOW(frame), &word, 8);
    machine_advance(m, 100 * frame);
    machine_set_pending(m, 1, 9, true);
    machine_race_word(m, 1, HOST(1), frame);
    m->input[0] = (uint8_t)frame;
    m->input_len = 1;
    CHECK_EQ(sbi(m, 0, SBI_EID_DBCN, 2, 'a', 0, 0, 0, 0, 0).error, SBI_SUCCESS);
    CHECK(host_run(m, 0, id));
    m->hart[0].x[5] = word;
    return id;
}

/* The guest stores, and leaves for what it does not have; the TVM goes, and another one takes its place. */
static uint64_t goes_on(struct machine *m, uint64_t id)
{
    CHECK(machine_access(m, 0, GUEST_BASE + 8, ACCESS_STORE, 8, 77).ok);
    struct access_result r = machine_access(m, 0, GUEST_BASE + 0x1018, ACCESS_LOAD, 8, 0);
    CHECK(!r.ok);
    CHECK_EQ(machine_trap(m, 0, &r.trap), TAKEN_BY_MONITOR);
    CHECK_EQ(covh(m, 0, 8, id, 0, 0).error, SBI_SUCCESS);
    CHECK_EQ(covh(m, 0, 2, WINDOW(0), FRAMES_CONVERTED, 0).error, SBI_SUCCESS);
    CHECK(host_build_tvm(m) > id);
    CHECK_EQ(m->violation.kind, VIOLATION_NONE);
    return machine_state_hash(m);
}

static void a_copy_is_what_the_other_machine_is(void)
{
    struct machine *m = host_machine(2, 7);
    struct machine *copy = host_machine(2, 7);
    struct machine *other = host_machine(2, 8);
    const uint32_t *frames;
    uint64_t fresh = machine_state_hash(m);

    disturb(copy);
    uint64_t id = in_the_middle(m, 900);
    CHECK(machine_copy(copy, m));
    CHECK_EQ(machine_state_hash(copy), machine_state_hash(m));
    CHECK_EQ(machine_dirty_frames(copy), machine_dirty_frames(m));
    CHECK_EQ(machine_changes(copy, &frames), 0);
    CHECK(memcmp(copy->window, m->window, (size_t)4096 * m->config.window_pages) == 0);
    CHECK(memcmp(copy->host_ram, m->host_ram, (size_t)4096 * m->config.host_pages) == 0);

    /* It lives on by itself, and both go the same way. */
    uint64_t before = machine_state_hash(m);
    uint64_t after = goes_on(copy, id);
    CHECK_EQ(machine_state_hash(m), before);
    CHECK_EQ(goes_on(m, id), after);

    /* Either goes back to the beginning. */
    machine_reset(copy);
    CHECK_EQ(machine_state_hash(copy), fresh);
    CHECK(memcmp(copy->window, other->window, 4096) != 0);
    machine_reset(m);
    CHECK(memcmp(copy->window, m->window, (size_t)4096 * m->config.window_pages) == 0);

    CHECK(!machine_copy(copy, other));
    CHECK_EQ(machine_state_hash(copy), fresh);
    machine_destroy(m);
    machine_destroy(copy);
    machine_destroy(other);
}

/* Each piece of a hart counts, and what was written back does not. */
static void the_hash_sees_the_harts(void)
{
    struct machine *m = host_machine(2, 1);
    uint64_t fresh = machine_state_hash(m);
    struct machine_hart *hart = &m->hart[1];
    uint64_t *const words[] = {&hart->x[31],  &hart->pc,     &hart->f[31], &hart->fcsr,
                               &hart->csr[0], &hart->csr[5], &m->time,     &hart->pmpaddr[15]};
    bool *const flags[] = {&hart->virt,           &hart->parked, &hart->pmp_unfenced,
                           &hart->hgatp_unfenced, &m->msip[1],   &m->halted};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        *words[i] ^= 0x100;
        CHECK(machine_state_hash(m) != fresh);
        *words[i] ^= 0x100;
    }
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        *flags[i] = !*flags[i];
        CHECK(machine_state_hash(m) != fresh);
        *flags[i] = !*flags[i];
    }
    for (unsigned i = 0; i < 2; i++) {
        uint64_t pa = i == 0 ? HOST(7) : WINDOW(7);
        uint64_t before;
        uint64_t word = 0x42;
        memcpy(&before, machine_peek(m, pa, 8), 8);
        machine_poke(m, pa, &word, 8);
        CHECK(machine_state_hash(m) != fresh);
        machine_poke(m, pa, &before, 8);
        CHECK_EQ(machine_state_hash(m), fresh);
    }
    machine_access(m, 0, HOST(0), ACCESS_LOAD, 8, 0); /* a cached translation is state */
    CHECK(machine_state_hash(m) != fresh);
    machine_destroy(m);
}

static void bad_configurations_are_refused(void)
{
    struct machine_config c = machine_default_config();

    c.harts = 0;
    CHECK(machine_create(&c) == NULL);
    c.harts = MONITOR_MAX_HARTS + 1;
    CHECK(machine_create(&c) == NULL);
    c = machine_default_config();
    c.window_pages = 1000;
    CHECK(machine_create(&c) == NULL);
    c = machine_default_config();
    c.host_pages = 0;
    CHECK(machine_create(&c) == NULL);
    c.host_pages = 0x10000;
    CHECK(machine_create(&c) == NULL);
    c = (struct machine_config){.harts = 8, .host_pages = 1536, .window_pages = 2048};
    struct machine *m = machine_create(&c);
    CHECK(m != NULL);
    machine_destroy(m);
    c = (struct machine_config){.harts = 1, .host_pages = 1, .window_pages = 1};
    m = machine_create(&c);
    CHECK(m != NULL);
    machine_destroy(m);
}

/* Frames are reported once each, in the order of their first write. */
static void changes_are_listed(void)
{
    struct machine *m = host_machine(1, 0);
    const uint64_t word = 1;
    const uint32_t *frames;

    machine_poke(m, WINDOW(9) + 4088, &word, 8);
    machine_poke(m, WINDOW(3), &word, 8);
    machine_poke(m, WINDOW(9), &word, 8);
    machine_poke(m, HOST(5), &word, 8);
    CHECK_EQ(machine_changes(m, &frames), 2);
    CHECK_EQ(frames[0], 9);
    CHECK_EQ(frames[1], 3);
    machine_changes_clear(m);
    CHECK_EQ(machine_changes(m, &frames), 0);
    machine_poke(m, WINDOW(9), &word, 8);
    CHECK_EQ(machine_changes(m, &frames), 1);
    uint64_t id = host_build_tvm(m);
    machine_changes_clear(m);
    CHECK(host_run(m, 0, id));
    machine_changes_clear(m);
    machine_access(m, 0, GUEST_BASE, ACCESS_STORE, 1, 1);
    CHECK_EQ(machine_changes(m, &frames), 1);
    CHECK_EQ(frames[0], FRAME_MEASURED);
    CHECK(!machine_poke(m, HOST(1536) - 4, &word, 8));
    CHECK(!machine_poke(m, MACHINE_MONITOR_BASE, &word, 8));
    machine_destroy(m);
}

/*
 * Every byte of the monitor's memory is in the hash, but for pointers, padding and what belongs to the configuration.
 * When struct hart or struct monitor gets a new member, hash.c has to learn it.
 */
static void the_hash_sees_the_whole_monitor(void)
{
    struct machine *m = host_machine(2, 1);
    uint8_t *bytes = (uint8_t *)m->monitor;
    size_t harts_begin = offsetof(struct monitor, hart);
    size_t unseen = 0;
    uint64_t fresh = machine_state_hash(m);

    for (size_t i = 0; i < monitor_size(m->config.window_pages); i++) {
        if (i < sizeof(struct platform) ||
            (i >= harts_begin + 2 * sizeof(struct hart) && i < harts_begin + MONITOR_MAX_HARTS * sizeof(struct hart)))
            continue; /* platform; harts that this machine does not have */
        size_t in_hart = i >= harts_begin && i < harts_begin + 2 * sizeof(struct hart)
                             ? (i - harts_begin) % sizeof(struct hart)
                             : SIZE_MAX;
        if (in_hart < offsetof(struct hart, id))
            continue; /* frame, stack, spill, monitor: places in this process */
        bytes[i] ^= 1;
        if (machine_state_hash(m) == fresh)
            unseen++;
        bytes[i] ^= 1;
    }
    /* Padding after id, shmem_set, hsm_state and hsm_fresh of each hart; after `closed` and the two locks. */
    CHECK_EQ(unseen, 2 * (4 + 3 + 4 + 3) + 3 * 4);
    machine_destroy(m);
}

int main(void)
{
    boots();
    struct machine *m = host_machine(2, 3);
    tvm_lives(m);
    machine_destroy(m);
    reset_brings_back_everything();
    a_copy_is_what_the_other_machine_is();
    bad_configurations_are_refused();
    changes_are_listed();
    the_hash_sees_the_whole_monitor();
    the_hash_sees_the_harts();
    return test_finish();
}
