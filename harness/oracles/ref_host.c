/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REF: what the host's calls answer and change, from the ABI. Every function predicts the answer and, when it is
 * success, brings the abstract state forward. Errors by the general order: unknown call, unknown object, wrong state,
 * scalars, addresses, resources.
 */
#include "harness/oracles/oracle.h"
#include "harness/oracles/ref.h"

#include <string.h>

#define A0 10u
#define MAX_DBCN UINT64_C(4096)
#define CONVERT_OVERFLOW (UINT64_MAX / REF_PAGE) /* largest number of 4 KiB units whose bytes can be counted */

/* Inside of a handler: does rule `name` hold, of which the model says `condition`? */
#define HOLDS(name, condition) ref_holds(c->r, RULE_##name, (condition))

struct host {
    struct world *w;
    struct ref *r;
    struct ref_hart *hart;
    uint32_t h;
    const uint64_t *a; /* a0.. */
};

static uint64_t host_word(const struct world *w, uint64_t address)
{
    const uint8_t *bytes = machine_peek(w->machine, address, 8);
    uint64_t word = 0;

    if (bytes != NULL)
        memcpy(&word, bytes, 8);
    return word;
}

/* --- standard extensions ---------------------------------------------------------------------------------------- */

static bool hart_mask_valid(const struct host *c)
{
    uint64_t harts = c->w->machine->config.harts;

    if (c->a[1] == UINT64_MAX)
        return true;
    for (uint64_t bit = 0; bit < 64; bit++)
        if ((c->a[0] >> bit & 1u) != 0 && (c->a[1] >= harts || c->a[1] + bit >= harts))
            return false;
    return true;
}

static struct ref_answer probe(const struct host *c)
{
    static const uint32_t served[] = {SBI_EID_BASE, SBI_EID_TIME, SBI_EID_IPI,  SBI_EID_RFENCE, SBI_EID_HSM,
                                      SBI_EID_SRST, SBI_EID_DBCN, SBI_EID_NACL, SBI_EID_SUPD,   SBI_EID_COVH};

    for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++)
        if (c->a[0] == served[i])
            return answer_value(1);
    return answer_value(0);
}

static struct ref_answer hart_start(const struct host *c)
{
    if (!HOLDS(start_hartid, c->a[0] < c->w->machine->config.harts))
        return answer_error(SBI_ERR_INVALID_PARAM);
    struct ref_hart *target = &c->r->hart[c->a[0] % MONITOR_MAX_HARTS];
    if (!HOLDS(start_stopped, target->hsm == SBI_HSM_STOPPED))
        return answer_error(SBI_ERR_ALREADY_AVAILABLE);
    if (!HOLDS(start_address, ref_host_range(c->w, c->a[1], 2, 2)))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    if (machine_fault_waits(c->w->machine, (uint32_t)c->a[0], MACHINE_FAULT_PMP)) {
        target->hsm = SBI_HSM_START_PENDING; /* the hardware will not let it be closed off */
        return answer_value(0);
    }
    /* It starts within this call on the simulated machine, up to date with the fence. */
    target->hsm = SBI_HSM_STARTED;
    target->seen = c->r->fence;
    return answer_value(0);
}

static struct ref_answer hart_stop(const struct host *c)
{
    c->hart->hsm = SBI_HSM_STOPPED;
    c->hart->shmem = false;
    return (struct ref_answer){.kind = ANSWER_PARK};
}

static struct ref_answer hart_status(const struct host *c)
{
    if (!HOLDS(status_hartid, c->a[0] < c->w->machine->config.harts))
        return answer_error(SBI_ERR_INVALID_PARAM);
    return answer_value(c->r->hart[c->a[0] % MONITOR_MAX_HARTS].hsm);
}

/* When it wakes is the machine's business; what it may not ask for is not. */
static struct ref_answer hart_suspend(const struct host *c)
{
    uint32_t type = (uint32_t)c->a[0];
    uint32_t kind = type & 0x7fffffffu;

    if (!HOLDS(suspend_type, kind == 0))
        return answer_error(kind < 0x10000000u ? SBI_ERR_INVALID_PARAM : SBI_ERR_NOT_SUPPORTED);
    if (type != 0 && !HOLDS(suspend_address, ref_host_range(c->w, c->a[1], 2, 2)))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    if (type != 0)
        c->hart->shmem = false;
    c->hart->hsm = SBI_HSM_SUSPENDED;
    return (struct ref_answer){.kind = ANSWER_UNKNOWN};
}

static struct ref_answer system_reset(const struct host *c)
{
    uint32_t type = (uint32_t)c->a[0];
    uint32_t reason = (uint32_t)c->a[1];

    if (type >= 0xf0000000u)
        return answer_error(SBI_ERR_NOT_SUPPORTED);
    if (!HOLDS(reset_type, type <= 2) || !HOLDS(reset_reason, reason <= 1 || reason >= 0xe0000000u))
        return answer_error(SBI_ERR_INVALID_PARAM);
    bool idle = true;
    for (uint32_t i = 0; i < REF_TVMS; i++)
        idle = idle && c->r->tvm[i].running == 0;
    if (!HOLDS(reset_idle, idle))
        return answer_error(SBI_ERR_FAILED);
    return (struct ref_answer){.kind = ANSWER_HALT};
}

static struct ref_answer console(const struct host *c, bool write)
{
    struct ref_answer answer = answer_value(0);

    if (c->a[0] == 0)
        return answer;
    if (!HOLDS(console_buffer, c->a[2] == 0 && ref_host_range(c->w, c->a[1], c->a[0], 1)))
        return answer_error(SBI_ERR_INVALID_PARAM);
    answer.value = c->a[0] < MAX_DBCN ? c->a[0] : MAX_DBCN;
    answer.any_value = !write;
    return answer;
}

static struct ref_answer set_shmem(const struct host *c)
{
    if (!HOLDS(shmem_flags, c->a[2] == 0))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (c->a[0] == UINT64_MAX && c->a[1] == UINT64_MAX) {
        c->hart->shmem = false;
        return answer_value(0);
    }
    if (!HOLDS(shmem_aligned, c->a[0] % REF_PAGE == 0))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(shmem_memory, c->a[1] == 0 && ref_host_range(c->w, c->a[0], NACL_SHMEM_SIZE, REF_PAGE)))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    c->hart->shmem = true;
    c->hart->shmem_base = c->a[0];
    return answer_value(0);
}

/* --- COVH: frames and fences ------------------------------------------------------------------------------------ */

static struct ref_answer tsm_info(const struct host *c)
{
    if (!HOLDS(info_len, c->a[1] >= 48))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(info_address, ref_host_range(c->w, c->a[0], 48, 4)))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    return answer_value(48);
}

static struct ref_answer convert(const struct host *c)
{
    uint32_t first = 0;

    if (!HOLDS(convert_count, c->a[1] != 0 && c->a[1] <= CONVERT_OVERFLOW))
        return answer_error(SBI_ERR_INVALID_PARAM);
    bool inside = ref_window_range(c->w, c->a[0], c->a[1], REF_PAGE, &first);
    if (!HOLDS(convert_window, inside) || !inside)
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    bool all = true;
    for (uint64_t i = 0; i < c->a[1]; i++)
        all = all && c->r->frame[first + i].state == FRAME_NONCONF;
    if (!HOLDS(convert_nonconf, all))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    for (uint32_t i = 0; i < c->a[1]; i++)
        ref_frame_set(c->r, first + i, (struct ref_frame){.state = FRAME_CONVERTING, .version = c->r->fence});
    return answer_value(c->a[1]);
}

static struct ref_answer reclaim(const struct host *c)
{
    uint32_t first = 0;

    if (!HOLDS(reclaim_count, c->a[1] != 0 && c->a[1] <= CONVERT_OVERFLOW))
        return answer_error(SBI_ERR_INVALID_PARAM);
    bool inside = ref_window_range(c->w, c->a[0], c->a[1], REF_PAGE, &first);
    if (!HOLDS(reclaim_window, inside) || !inside)
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    bool all = true;
    for (uint64_t i = 0; i < c->a[1]; i++)
        all = all && (c->r->frame[first + i].state == FRAME_NONCONF || ref_frame_free(c->w, first + (uint32_t)i));
    if (!HOLDS(reclaim_free, all))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    ref_frames_give(c->r, first, c->a[1], FRAME_NONCONF, 0);
    return answer_value(c->a[1]);
}

static struct ref_answer global_fence(const struct host *c)
{
    bool idle = true;
    for (uint32_t h = 0; h < c->w->machine->config.harts; h++)
        idle = idle && (!ref_online(c->r, h) || c->r->hart[h].seen == c->r->fence);
    if (!HOLDS(global_fence_idle, idle))
        return answer_error(SBI_ERR_ALREADY_STARTED);
    c->hart->seen = ++c->r->fence;
    return answer_value(0);
}

static struct ref_answer local_fence(const struct host *c)
{
    c->hart->seen = c->r->fence;
    return answer_value(0);
}

/* --- COVH: life ------------------------------------------------------------------------------------------------- */

static struct ref_answer create(const struct host *c)
{
    uint32_t root = 0;
    uint32_t state = 0;

    if (!HOLDS(create_len, c->a[1] >= 16))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(create_params, ref_host_range(c->w, c->a[0], 16, 1)))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    bool have_root = ref_window_range(c->w, host_word(c->w, c->a[0]), 4, 4 * REF_PAGE, &root);
    bool have_state = ref_window_range(c->w, host_word(c->w, c->a[0] + 8), TVM_STATE_PAGES, REF_PAGE, &state);
    if (!HOLDS(create_root, have_root) || !HOLDS(create_state, have_state) || !have_root || !have_state)
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    if (!HOLDS(create_disjoint, root >= state + TVM_STATE_PAGES || state >= root + 4))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    if (!HOLDS(create_free, ref_frames_free(c->w, root, 4) && ref_frames_free(c->w, state, TVM_STATE_PAGES)))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    uint32_t index = c->r->live == UINT64_MAX ? REF_TVMS : (uint32_t)__builtin_ctzll(~c->r->live);
    if (!HOLDS(create_slot, index < REF_TVMS) || index == REF_TVMS)
        return answer_error(SBI_ERR_FAILED);

    struct ref_tvm *t = &c->r->tvm[index];
    ref_tvm_clear(t);
    c->r->live |= UINT64_C(1) << index;
    t->state = REF_INITIALIZING;
    t->id = c->r->next_id++;
    t->mode = c->w->machine->monitor->platform.gstage_mode;
    ref_frames_give(c->r, root, 4, FRAME_PGD, index);
    ref_frames_give(c->r, state, TVM_STATE_PAGES, FRAME_TVMC, index);
    return answer_value(t->id);
}

static struct ref_answer finalize(const struct host *c, struct ref_tvm *t)
{
    if (!ref_state_allows(c->r, ROW_finalize_tvm, t->state))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(finalize_identity, c->a[3] == 0 || ref_host_range(c->w, c->a[3], 64, 64)))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(finalize_boot_vcpu, t->vcpu[0].state != REF_VCPU_ABSENT))
        return answer_error(SBI_ERR_FAILED);
    t->state = REF_RUNNABLE;
    ref_vcpu_becomes(t, 0, REF_VCPU_RUNNABLE);
    return answer_value(0);
}

static struct ref_answer destroy(const struct host *c, struct ref_tvm *t)
{
    uint32_t index = ref_tvm_index(c->r, t);

    if (!ref_state_allows(c->r, ROW_destroy_tvm, t->state))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(destroy_idle, t->running == 0))
        return answer_error(SBI_ERR_FAILED);
    FRAME_SET_EACH(&c->r->used, i)
    {
        if (c->r->frame[i].state >= FRAME_PGD && c->r->frame[i].tvm == index)
            ref_frame_set(c->r, i, (struct ref_frame){.state = FRAME_FREE});
    }
    ref_tvm_clear(t);
    c->r->live &= ~(UINT64_C(1) << index);
    return answer_value(0);
}

static struct ref_answer create_vcpu(const struct host *c, struct ref_tvm *t)
{
    uint32_t frame = 0;
    bool unused = c->a[1] < REF_VCPUS && t->vcpu[c->a[1]].state == REF_VCPU_ABSENT;

    if (!ref_state_allows(c->r, ROW_create_tvm_vcpu, t->state))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(vcpu_id, unused) || c->a[1] >= REF_VCPUS)
        return answer_error(SBI_ERR_INVALID_PARAM);
    bool inside = ref_window_range(c->w, c->a[2], TVM_VCPU_STATE_PAGES, REF_PAGE, &frame);
    if (!HOLDS(vcpu_frame, inside && ref_frames_free(c->w, frame, TVM_VCPU_STATE_PAGES)) || !inside)
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    ref_frames_give(c->r, frame, TVM_VCPU_STATE_PAGES, FRAME_VHCS, ref_tvm_index(c->r, t));
    t->vcpu[c->a[1]] = (struct ref_vcpu){.frame = frame};
    ref_vcpu_becomes(t, (uint32_t)c->a[1], REF_VCPU_STOPPED);
    return answer_value(0);
}

/* The host's answer to a guest that wants memory shared or back. */
static struct ref_answer answer_change(const struct host *c, struct ref_tvm *t, struct ref_vcpu *v)
{
    bool share = v->wait == WAIT_SHARE;
    bool agreed = host_word(c->w, c->hart->shmem_base + NACL_GPR_OFFSET(A0)) == 0;

    if (!HOLDS(run_empty, !agreed || ref_unmapped(t, v->gpa / REF_PAGE, v->len / REF_PAGE)))
        return answer_error(SBI_ERR_INVALID_PARAM);
    ref_region_put(t, v->gpa, v->len, share == agreed ? REF_SHARED : REF_CONFIDENTIAL);
    return (struct ref_answer){.kind = ANSWER_ENTER};
}

void ref_guest_entered(struct ref *r, uint32_t hart, struct ref_tvm *t, uint32_t vcpu)
{
    struct ref_vcpu *v = &t->vcpu[vcpu];

    ref_vcpu_becomes(t, vcpu, REF_VCPU_RUNNING);
    v->wait = WAIT_NOTHING;
    v->entered = t->fence;
    t->running++;
    t->running_now++;
    r->hart[hart].tvm = ref_tvm_index(r, t);
    r->hart[hart].vcpu = vcpu;
}

static struct ref_answer run(const struct host *c, struct ref_tvm *t)
{
    struct ref_answer answer = {.kind = ANSWER_ENTER};

    if (!ref_state_allows(c->r, ROW_run_tvm_vcpu, t->state) || c->a[1] >= REF_VCPUS)
        return answer_error(SBI_ERR_INVALID_PARAM);
    struct ref_vcpu *v = &t->vcpu[c->a[1]];
    bool can = v->state == REF_VCPU_RUNNABLE || v->state == REF_VCPU_BLOCKED || v->state == REF_VCPU_SUSPENDED;
    if (!HOLDS(run_vcpu, can))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(run_shmem, c->hart->shmem))
        return answer_error(SBI_ERR_NO_SHMEM);
    if (t->followed && v->wait != WAIT_NOTHING)
        return (struct ref_answer){.kind = ANSWER_UNKNOWN};
    if (v->wait == WAIT_SHARE || v->wait == WAIT_UNSHARE)
        answer = answer_change(c, t, v);
    if (answer.kind == ANSWER_RESULT)
        return answer;
    ref_guest_entered(c->r, c->h, t, (uint32_t)c->a[1]);
    return answer;
}

/* --- COVH: memory of a TVM -------------------------------------------------------------------------------------- */

static struct ref_answer add_region(const struct host *c, struct ref_tvm *t)
{
    uint64_t gpa = c->a[1];
    uint64_t len = c->a[2];

    if (!ref_state_allows(c->r, ROW_add_tvm_memory_region, t->state) ||
        !HOLDS(region_len, len != 0 && len % REF_PAGE == 0))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(region_range, ref_gpa_range(t, gpa, len, REF_PAGE)) ||
        !HOLDS(region_disjoint, !ref_region_overlaps(t, gpa, len)))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    if (!HOLDS(region_room, ref_region_put(t, gpa, len, REF_CONFIDENTIAL)))
        return answer_error(SBI_ERR_FAILED);
    return answer_value(0);
}

static struct ref_answer add_tables(const struct host *c, struct ref_tvm *t)
{
    uint32_t first = 0;

    if (!ref_state_allows(c->r, ROW_add_tvm_page_table_pages, t->state))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(tables_count, c->a[2] != 0 && c->a[2] <= CONVERT_OVERFLOW))
        return answer_error(SBI_ERR_INVALID_PARAM);
    bool inside = ref_window_range(c->w, c->a[1], c->a[2], REF_PAGE, &first);
    if (!HOLDS(tables_frames, inside && ref_frames_free(c->w, first, c->a[2])) || !inside)
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    ref_frames_give(c->r, first, c->a[2], FRAME_PT, ref_tvm_index(c->r, t));
    t->pool += c->a[2];
    return answer_value(c->a[2]);
}

/* The three calls that map memory, told apart by what they map and when they may. */
struct mapping {
    enum { MAP_MEASURED, MAP_ZERO, MAP_SHARED } what;
    uint64_t source; /* measured: host memory */
    uint64_t base;   /* frames, or host memory for shared */
    uint64_t type, count, gpa;
};

static struct ref_answer map_pages(const struct host *c, struct ref_tvm *t, const struct mapping *m)
{
    bool large = m->type == 1;
    uint64_t unit = large ? REF_LARGE : 1;
    uint64_t bytes = unit * REF_PAGE;
    uint32_t first = 0;

    static const enum ref_state_row rows[] = {ROW_add_tvm_measured_pages, ROW_add_tvm_zero_pages,
                                              ROW_add_tvm_shared_pages};

    if (!ref_state_allows(c->r, rows[m->what], t->state))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(map_type, m->type <= 1) || !HOLDS(map_count, m->count != 0 && m->count <= UINT64_MAX / bytes))
        return answer_error(SBI_ERR_INVALID_PARAM);
    uint64_t len = m->count * bytes;
    uint64_t pages = m->count * unit;
    uint64_t gfn = m->gpa / REF_PAGE;
    if (m->what == MAP_MEASURED && !HOLDS(map_source, ref_host_range(c->w, m->source, len, REF_PAGE)))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    if (m->what == MAP_SHARED && !HOLDS(map_shared, ref_host_range(c->w, m->base, len, bytes)))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    bool inside = m->what == MAP_SHARED || ref_window_range(c->w, m->base, pages, bytes, &first);
    bool free = inside && (m->what == MAP_SHARED || ref_frames_free(c->w, first, pages));
    if (m->what != MAP_SHARED && (!HOLDS(map_frames, free) || !inside))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    uint32_t types = m->what == MAP_MEASURED ? 1u << REF_CONFIDENTIAL
                     : m->what == MAP_ZERO   ? 1u << REF_CONFIDENTIAL | 1u << REF_CONFIDENTIAL_REMOVABLE
                                             : 1u << REF_SHARED;
    if (!HOLDS(map_range, ref_gpa_range(t, m->gpa, len, bytes)) ||
        !HOLDS(map_region, ref_region_covers(t, m->gpa, len, types, true)) ||
        !HOLDS(map_unmapped, ref_unmapped(t, gfn, pages)))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    if (!HOLDS(map_tables, ref_tables(t, gfn, pages, large, false) <= t->pool))
        return answer_error(SBI_ERR_OUT_OF_PTPAGES);

    t->pool -= ref_tables(t, gfn, pages, large, true);
    if (m->what != MAP_SHARED)
        ref_frames_give(c->r, first, pages, FRAME_MAPPED, ref_tvm_index(c->r, t));
    /* Where a table hangs already, its leaves serve a 2 MiB page: they can be taken apart again. */
    for (uint64_t at = 0; at < pages; at += large ? REF_LARGE : pages)
        ref_run_add(t, (struct ref_run){.gfn = gfn + at,
                                        .count = large ? REF_LARGE : pages,
                                        .page = (m->what == MAP_SHARED ? m->base / REF_PAGE : first) + at,
                                        .shared = m->what == MAP_SHARED,
                                        .large = large && !ref_block_exists(t, 0, (gfn + at) / REF_LARGE)});
    return answer_value(m->count);
}

static struct ref_answer tvm_fence(const struct host *c, struct ref_tvm *t)
{
    if (!ref_state_allows(c->r, ROW_tvm_fence, t->state))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(tvm_fence_idle, t->running_before == 0))
        return answer_error(SBI_ERR_ALREADY_STARTED);
    t->running_before = t->running_now;
    t->running_now = 0;
    t->fence++;
    return answer_value(0);
}

enum change { CHANGE_INVALIDATE, CHANGE_VALIDATE, CHANGE_REMOVE };

/* May this run, which lies in the range as a whole, be changed so? */
static bool run_allows(const struct host *c, const struct ref_tvm *t, const struct ref_run *run, enum change change)
{
    if (change == CHANGE_INVALIDATE)
        return HOLDS(invalidate_present, !run->blocked);
    if (change == CHANGE_VALIDATE)
        return HOLDS(validate_blocked, run->blocked);
    uint64_t oldest = t->running_before != 0 ? t->fence - 1 : t->fence;
    uint32_t removable = 1u << REF_CONFIDENTIAL_REMOVABLE | 1u << REF_SHARED_REMOVABLE;
    return HOLDS(remove_blocked, run->blocked) && HOLDS(remove_fenced, run->version < oldest) &&
           HOLDS(remove_removable, ref_region_covers(t, run->gfn * REF_PAGE, run->count * REF_PAGE, removable, false));
}

static void run_change(const struct host *c, struct ref_tvm *t, size_t index, enum change change)
{
    struct ref_run *run = &t->run[index];
    enum ref_frame_state state = change == CHANGE_INVALIDATE ? FRAME_BLOCKED
                                 : change == CHANGE_VALIDATE ? FRAME_MAPPED
                                                             : FRAME_FREE;
    if (!run->shared)
        ref_frames_give(c->r, (uint32_t)run->page, run->count, state,
                        change == CHANGE_REMOVE ? 0 : ref_tvm_index(c->r, t));
    run->blocked = change == CHANGE_INVALIDATE;
    run->version = t->fence;
    if (change == CHANGE_REMOVE)
        ref_run_remove(t, index);
}

/* Calls on a range of mapped pages: all of it is mapped and allows the change, or nothing changes. */
static struct ref_answer change_pages(const struct host *c, struct ref_tvm *t, enum change change)
{
    uint64_t gpa = c->a[1];
    uint64_t len = c->a[2];
    uint64_t gfn = gpa / REF_PAGE;
    uint64_t count = len / REF_PAGE;
    uint64_t covered = 0;

    static const enum ref_state_row rows[] = {ROW_tvm_invalidate_pages, ROW_tvm_validate_pages, ROW_tvm_remove_pages};

    if (!ref_state_allows(c->r, rows[change], t->state) || !HOLDS(change_len, len != 0 && len % REF_PAGE == 0))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(change_range, ref_gpa_range(t, gpa, len, REF_PAGE)))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    if (!ref_region_covers(t, gpa, len, ~0u, true))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    /* Leaves of 2 MiB are taken whole: neither end of the range lies inside one. */
    for (unsigned end = 0; end < 2; end++) {
        uint64_t edge = end == 0 ? gfn : gfn + count;
        const struct ref_run *run = ref_run_at(t, edge);
        if (!HOLDS(change_whole, run == NULL || !run->large || edge % REF_LARGE == 0))
            return answer_error(SBI_ERR_INVALID_ADDRESS);
    }
    ref_run_cut(t, gfn, count);
    for (size_t i = 0; i < t->runs; i++) {
        const struct ref_run *run = &t->run[i];
        if (run->gfn < gfn || run->gfn - gfn >= count)
            continue;
        if (!run_allows(c, t, run, change))
            return answer_error(SBI_ERR_INVALID_ADDRESS);
        covered += run->count;
    }
    if (!HOLDS(change_mapped, covered == count))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    for (size_t i = t->runs; i-- > 0;)
        if (t->run[i].gfn >= gfn && t->run[i].gfn - gfn < count)
            run_change(c, t, i, change);
    return answer_value(0);
}

/* --- routing ---------------------------------------------------------------------------------------------------- */

static struct ref_answer tvm_call(const struct host *c, uint16_t id)
{
    struct ref_tvm *t = ref_tvm_by_id(c->r, c->a[0]);

    if (!HOLDS(tvm_known, t != NULL) || t == NULL)
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (t->followed && id != CALL_covh_destroy_tvm && id != CALL_covh_run_tvm_vcpu && id != CALL_covh_tvm_fence)
        return (struct ref_answer){.kind = ANSWER_UNKNOWN};
    switch (id) {
    case CALL_covh_finalize_tvm: return finalize(c, t);
    case CALL_covh_destroy_tvm: return destroy(c, t);
    case CALL_covh_add_tvm_memory_region: return add_region(c, t);
    case CALL_covh_add_tvm_page_table_pages: return add_tables(c, t);
    case CALL_covh_add_tvm_measured_pages:
        return map_pages(c, t, &(struct mapping){MAP_MEASURED, c->a[1], c->a[2], c->a[3], c->a[4], c->a[5]});
    case CALL_covh_add_tvm_zero_pages:
        return map_pages(c, t, &(struct mapping){MAP_ZERO, 0, c->a[1], c->a[2], c->a[3], c->a[4]});
    case CALL_covh_add_tvm_shared_pages:
        return map_pages(c, t, &(struct mapping){MAP_SHARED, 0, c->a[1], c->a[2], c->a[3], c->a[4]});
    case CALL_covh_create_tvm_vcpu: return create_vcpu(c, t);
    case CALL_covh_run_tvm_vcpu: return run(c, t);
    case CALL_covh_tvm_fence: return tvm_fence(c, t);
    case CALL_covh_tvm_invalidate_pages: return change_pages(c, t, CHANGE_INVALIDATE);
    case CALL_covh_tvm_validate_pages: return change_pages(c, t, CHANGE_VALIDATE);
    default: return change_pages(c, t, CHANGE_REMOVE);
    }
}

struct ref_answer ref_host_call(struct world *w, uint32_t hart, const uint64_t *x)
{
    struct ref *r = ref_of(w);
    struct host call = {.w = w, .r = r, .hart = &r->hart[hart], .h = hart, .a = &x[A0]};
    const struct host *c = &call;
    const struct platform *p = &w->machine->monitor->platform;
    uint16_t id = ref_call_name(false, x);

    uint8_t iopmp = w->machine->config.iopmp;
    bool closed = iopmp == MACHINE_IOPMP_PRESENT || iopmp == MACHINE_IOPMP_ABSENT;
    bool covh = x[17] == SBI_EID_COVH && ref_names_clean(x) && id != CALL_covh_get_tsm_info;
    if (covh && !HOLDS(devices_closed, closed))
        return answer_error(SBI_ERR_FAILED);

    switch (id) {
    case CALL_none: return answer_error(SBI_ERR_NOT_SUPPORTED);
    case CALL_base_get_spec_version: return answer_value(UINT64_C(2) << 24);
    case CALL_base_get_impl_id: return answer_value(SBI_IMPL_ID);
    case CALL_base_get_impl_version: return answer_value(SBI_IMPL_VERSION);
    case CALL_base_probe_extension: return probe(c);
    case CALL_base_get_mvendorid: return answer_value(p->mvendorid);
    case CALL_base_get_marchid: return answer_value(p->marchid);
    case CALL_base_get_mimpid: return answer_value(p->mimpid);
    case CALL_time_set_timer:
    case CALL_dbcn_console_write_byte:
    case CALL_nacl_probe_feature: return answer_value(0);
    case CALL_ipi_send:
    case CALL_rfence_fence_i:
    case CALL_rfence_sfence_vma:
    case CALL_rfence_sfence_vma_asid:
    case CALL_rfence_hfence_gvma_vmid:
    case CALL_rfence_hfence_gvma:
    case CALL_rfence_hfence_vvma_asid:
    case CALL_rfence_hfence_vvma:
        return HOLDS(hart_mask, hart_mask_valid(c)) ? answer_value(0) : answer_error(SBI_ERR_INVALID_PARAM);
    case CALL_hsm_hart_start: return hart_start(c);
    case CALL_hsm_hart_stop: return hart_stop(c);
    case CALL_hsm_hart_get_status: return hart_status(c);
    case CALL_srst_system_reset: return system_reset(c);
    case CALL_dbcn_console_write: return console(c, true);
    case CALL_dbcn_console_read: return console(c, false);
    case CALL_nacl_set_shmem: return set_shmem(c);
    case CALL_supd_get_active_domains: return answer_value(3);
    case CALL_covh_get_tsm_info: return tsm_info(c);
    case CALL_covh_convert_pages: return convert(c);
    case CALL_covh_reclaim_pages: return reclaim(c);
    case CALL_covh_global_fence: return global_fence(c);
    case CALL_covh_local_fence: return local_fence(c);
    case CALL_covh_create_tvm: return create(c);
    case CALL_hsm_hart_suspend: return hart_suspend(c);
    case CALL_covh_promote_to_tvm: return (struct ref_answer){.kind = ANSWER_UNKNOWN};
    default: return tvm_call(c, id);
    }
}
