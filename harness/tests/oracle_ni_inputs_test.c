/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NI the other way round, beyond the run of a vCPU: what calls do not take, in registers, units and memory, is seen when it
 * comes to a guest later.
 */
#include "harness/tests/ni_kit.h"

/* --- what was there when a call ended comes to a guest at its next entry --------------------------------------------- */

static uint64_t (*noting)(const struct world *w, uint32_t hart);
static enum machine_event_kind note_at;
static uint64_t noted[2];
static void (*oracles_watch)(void *data, const struct machine_event *event);

static void note(void *data, const struct machine_event *event)
{
    const struct world *w = data;

    if (event->kind == note_at)
        noted[w->is_twin] = noting(w, event->hart);
}

static void note_from(struct world *w, enum machine_event_kind kind, uint64_t (*what)(const struct world *, uint32_t))
{
    oracles_watch = w->machine->on_event;
    note_at = kind;
    noting = what;
    w->machine->on_event = w->twin->machine->on_event = note;
    w->machine->event_data = w;
    w->twin->machine->event_data = w->twin;
}

static void note_end(struct world *w)
{
    w->machine->on_event = oracles_watch;
    w->machine->event_data = w;
    w->twin->machine->on_event = NULL;
}

static void in_by_note(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[7] = noted[w->is_twin];
}

static void noted_is_found(struct world *w, uint64_t id)
{
    watch(w, in_by_note);
    KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, id, 0);
    unwatch(w);
    CHECK_FINDING(w, ORACLE_NI, S1_ISOLATION, "ni-guest-register");
}

/* A TVM has run, so that the twin is there; and left. */
static struct world *after_a_run(void)
{
    struct world *w = fresh();

    kit_run(w, 0, kit_runnable(w, 0));
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    return w;
}

/* --- calls that make a TVM ------------------------------------------------------------------------------------------ */

#define IDENTITY (kit_ram(KIT_PARAMS) + 0x200)

static uint64_t word_at(const struct world *w, uint64_t address)
{
    uint64_t word = 0;

    machine_read(w->machine, address, &word, sizeof(word));
    return word;
}

static uint64_t before_params(const struct world *w, uint32_t hart)
{
    (void)hart;
    return word_at(w, kit_ram(KIT_PARAMS) - 8);
}

static uint64_t behind_params(const struct world *w, uint32_t hart)
{
    (void)hart;
    return word_at(w, kit_ram(KIT_PARAMS) + 16);
}

static uint64_t before_identity(const struct world *w, uint32_t hart)
{
    (void)hart;
    return word_at(w, IDENTITY - 8);
}

static uint64_t behind_identity(const struct world *w, uint32_t hart)
{
    (void)hart;
    return word_at(w, IDENTITY + 64);
}

static uint64_t live_vstvec(const struct world *w, uint32_t hart)
{
    return machine_csr_read(w->machine, hart, 0x205);
}

static uint64_t live_register(const struct world *w, uint32_t hart)
{
    return w->machine->hart[hart].x[26];
}

static uint64_t third_argument(const struct world *w, uint32_t hart)
{
    return w->machine->hart[hart].x[13];
}

static uint64_t fifth_argument(const struct world *w, uint32_t hart)
{
    return w->machine->hart[hart].x[15];
}

/* The second TVM of a world is made; during `call`, that is noted. */
static void making_is_found(uint16_t call, uint64_t (*what)(const struct world *, uint32_t))
{
    struct world *w = after_a_run();
    uint64_t id;

    if (call == CALL_covh_create_tvm)
        note_from(w, EVENT_LEAVE_MONITOR, what);
    id = kit_create(w, KIT_STRIDE);
    if (call == CALL_covh_create_tvm)
        note_end(w);
    kit_populate(w, KIT_STRIDE, id);
    if (call == CALL_covh_create_tvm_vcpu) {
        note_from(w, EVENT_LEAVE_MONITOR, what);
        KIT_OK(w, 0, CALL_covh_create_tvm_vcpu, id, 1, kit_window(KIT_STRIDE + KIT_VCPU + 1));
        note_end(w);
    }
    if (call == CALL_covh_finalize_tvm)
        note_from(w, EVENT_LEAVE_MONITOR, what);
    KIT_OK(w, 0, CALL_covh_finalize_tvm, id, KIT_ENTRY, KIT_ARG, IDENTITY);
    if (call == CALL_covh_finalize_tvm)
        note_end(w);
    noted_is_found(w, id);
}

/* --- units, whose registers the monitor does not keep for the host -------------------------------------------------- */

static uint64_t float_unit(const struct world *w, uint32_t hart)
{
    return w->machine->hart[hart].f[9];
}

static uint64_t float_status(const struct world *w, uint32_t hart)
{
    return w->machine->hart[hart].fcsr;
}

static uint64_t vector_unit(const struct world *w, uint32_t hart)
{
    return w->machine->hart[hart].v[31 * MACHINE_VLENB];
}

static uint64_t vector_status(const struct world *w, uint32_t hart)
{
    return w->machine->hart[hart].vcsr;
}

static uint64_t vector_start(const struct world *w, uint32_t hart)
{
    return w->machine->hart[hart].vstart;
}

/* What the monitor of a world does that leaves a unit as the host had it. */
static void keeping(void *data, const struct machine_event *event)
{
    struct world *w = data;

    if (event->kind == EVENT_ENTER_MONITOR)
        noted[w->is_twin] = noting(w, event->hart);
    if (event->kind == EVENT_LEAVE_MONITOR)
        in_by_note(w, event->hart);
}

static void a_unit_is_found(uint64_t (*what)(const struct world *, uint32_t))
{
    struct world *w = after_a_run();

    CHECK_CLEAN(w);
    note_from(w, EVENT_ENTER_MONITOR, what);
    w->machine->on_event = w->twin->machine->on_event = keeping;
    KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, w->tvm_id[0], 0);
    note_end(w);
    CHECK_FINDING(w, ORACLE_NI, S1_ISOLATION, "ni-guest-register");
}

/* --- answers --------------------------------------------------------------------------------------------------------- */

#define DEVICE (KIT_GPA + 2 * KIT_REGION_PAGES * PAGE_SIZE)
#define INSN_LW 0x0005a503u /* lw a0, 0(a1) */

static uint64_t answer_beyond_its_width(const struct world *w, uint32_t hart)
{
    (void)hart;
    return word_at(w, kit_ram(KIT_SHMEM) + NACL_GPR_OFFSET(10)) >> 32;
}

static uint64_t answer(const struct world *w, uint32_t hart)
{
    (void)hart;
    return word_at(w, kit_ram(KIT_SHMEM) + NACL_GPR_OFFSET(10)) & UINT32_MAX;
}

/* A device is read: of the host's answer a guest gets as many bits as it asked for. */
static void an_answer_is_as_wide_as_the_question(uint64_t (*what)(const struct world *, uint32_t), bool found)
{
    struct world *w = after_a_run();
    struct trace_op device = {.op = OP_GUEST_CALL, .call = CALL_covg_add_mmio_region, .a = {DEVICE, PAGE_SIZE}};

    kit_run(w, 0, w->tvm_id[0]);
    world_step(w, &device, NULL);
    kit_run(w, 0, w->tvm_id[0]);
    struct step_result r = kit_op(w, 0, OP_GUEST_EXEC, INSN_LW, DEVICE, 1, 0);
    CHECK_EQ(r.kind, EXPECT_EXIT);
    CHECK_EQ(r.scause, 21);
    CHECK_CLEAN(w);
    note_from(w, EVENT_ENTER_MONITOR, what);
    w->machine->on_event = w->twin->machine->on_event = keeping;
    KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, w->tvm_id[0], 0);
    note_end(w);
    if (found)
        CHECK_FINDING(w, ORACLE_NI, S1_ISOLATION, "ni-guest-register");
    else
        CHECK_CLEAN(w);
}

/* A run that is refused brings everything back, whatever the units held. */
static void a_refused_run_is_silent(void)
{
    struct world *w = after_a_run();

    for (uint64_t fcsr = 0; fcsr < 256; fcsr += 15) {
        kit_op(w, 0, OP_HOST_REG, 64, fcsr, 0, 0);
        kit_op(w, 0, OP_HOST_REG, 40, fcsr << 40, 0, 0);
        kit_op(w, 0, OP_HOST_REG, 70, fcsr, 0, 0);
        KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, w->tvm_id[0], 7);
        CHECK_EQ(w->twin->machine->hart[0].fcsr, fcsr);
        CHECK_EQ(w->twin->machine->hart[0].f[8], fcsr << 40);
        CHECK(memcmp(w->machine->hart[0].v, w->twin->machine->hart[0].v, sizeof(w->machine->hart[0].v)) == 0);
    }
    kit_run(w, 0, w->tvm_id[0]);
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    CHECK_CLEAN(w);
}

/* --- memory --------------------------------------------------------------------------------------------------------- */

static uint64_t frame_given;

/* The monitor leaves in a page what the frame held when the machine was switched on. */
static void with_old_words(struct world *w, uint32_t hart)
{
    uint32_t frame = (uint32_t)((frame_given - MACHINE_WINDOW_BASE) >> PAGE_SHIFT) + w->machine->config.host_pages;
    _Alignas(64) uint8_t boot[PAGE_SIZE];

    (void)hart;
    memory_frame_to_boot(w->machine, frame, boot);
    machine_poke(w->machine, frame_given + 8, boot + 8, 8);
}

static void old_words_are_found(bool read)
{
    struct world *w = fresh();
    uint64_t id = kit_runnable(w, 0);
    uint64_t gpa = KIT_GPA + 9 * PAGE_SIZE;

    kit_run(w, 0, id);
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    frame_given = kit_window(KIT_SPARE);
    if (read) {
        KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, frame_given, 0, 1, gpa);
        with_old_words(w, 0);
        with_old_words(w->twin, 0);
        kit_run(w, 0, id);
        CHECK_CLEAN(w);
        kit_op(w, 0, OP_GUEST_LOAD, gpa + 8, 8, 0, 0);
    } else {
        watch(w, with_old_words);
        KIT_CALL(w, 0, CALL_covh_add_tvm_zero_pages, id, frame_given, 0, 1, gpa);
        unwatch(w);
    }
    CHECK_FINDING(w, ORACLE_NI, S1_ISOLATION, "ni-guest-memory");
}

/* Source pages are an input, the words around them are not. */
static void with_a_neighbour(struct world *w, uint32_t hart)
{
    uint64_t word;

    (void)hart;
    machine_read(w->machine, kit_ram(KIT_SOURCE) - 8, &word, sizeof(word));
    machine_poke(w->machine, frame_given + 16, &word, sizeof(word));
}

static void a_neighbour_is_found(void)
{
    struct world *w = fresh();

    kit_run(w, 0, kit_runnable(w, 0));
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    uint64_t other = kit_create(w, KIT_STRIDE);
    KIT_OK(w, 0, CALL_covh_add_tvm_memory_region, other, KIT_GPA, KIT_REGION_PAGES * PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_add_tvm_page_table_pages, other, kit_window(KIT_STRIDE + KIT_TABLES), KIT_TABLE_COUNT);
    CHECK_CLEAN(w);
    frame_given = kit_window(KIT_STRIDE + KIT_DATA);
    watch(w, with_a_neighbour);
    KIT_CALL(w, 0, CALL_covh_add_tvm_measured_pages, other, kit_ram(KIT_SOURCE), frame_given, 0, 1, KIT_GPA);
    unwatch(w);
    CHECK_FINDING(w, ORACLE_NI, S1_ISOLATION, "ni-guest-memory");
}

int main(void)
{
    world = kit_world_of(1, ORACLE_NI);
    making_is_found(CALL_covh_create_tvm, before_params);
    making_is_found(CALL_covh_create_tvm, behind_params);
    making_is_found(CALL_covh_create_tvm, live_register);
    making_is_found(CALL_covh_create_tvm_vcpu, third_argument);
    making_is_found(CALL_covh_create_tvm_vcpu, live_vstvec);
    making_is_found(CALL_covh_finalize_tvm, fifth_argument);
    making_is_found(CALL_covh_finalize_tvm, live_vstvec);
    making_is_found(CALL_covh_finalize_tvm, before_identity);
    making_is_found(CALL_covh_finalize_tvm, behind_identity);
    a_unit_is_found(float_unit);
    a_unit_is_found(float_status);
    a_unit_is_found(vector_unit);
    a_unit_is_found(vector_status);
    a_unit_is_found(vector_start);
    an_answer_is_as_wide_as_the_question(answer_beyond_its_width, true);
    an_answer_is_as_wide_as_the_question(answer, false);
    a_refused_run_is_silent();
    old_words_are_found(false);
    old_words_are_found(true);
    a_neighbour_is_found();
    world_destroy(world);
    return test_finish();
}
