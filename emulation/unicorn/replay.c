/* SPDX-License-Identifier: Apache-2.0 */
/* A host that starts, base states, walk and pairs; see replay.h. */
#include "emulation/unicorn/steps.h"

#include <stdio.h>
#include <string.h>

#include "emulation/unicorn/worlds.h"
#include "monitor/abi/sbi.h"

#define TDATA1_TYPE (UINT64_C(0xf) << 60)
#define COVH_FINALIZE_TVM 6u
#define COVG_ADD_MMIO_REGION 0u
#define COVG_SHARE_MEMORY_REGION 2u
#define COVG_UNSHARE_MEMORY_REGION 3u

/* The vector CSRs as after reset. */
void no_vectors(struct csr_file *csr)
{
    csr->value[SLOT_vstart] = 0;
    csr->value[SLOT_vcsr] = 0;
    csr->value[SLOT_vl] = 0;
    csr->value[SLOT_vtype] = VTYPE_VILL;
}

/* --- a host that starts --------------------------------------------------------------------------------------------- */

struct view replay_fresh_host(const struct view *after, uint64_t hart, uint64_t opaque, uint64_t entry)
{
    struct view v = *after; /* what the host does not own is judged by check_world's rules */
    uint64_t *csr = v.csr.value;
    v.regs = (struct registers){.pc = entry};
    v.regs.x[A0] = hart;
    v.regs.x[A1] = opaque;
    v.csr.mode = MODE_S;
    v.csr.virt = false;
    for (unsigned slot = 0; slot < CSR_SLOTS; slot++) {
        if (csr_table[slot].class != CLASS_HOST)
            csr[slot] &= ~csr_table[slot].host_own;
    }
    no_vectors(&v.csr);
    csr[SLOT_mstatus] &= ~(STATUS_MIE | STATUS_MPRV);
    csr[SLOT_mcountinhibit] = 0;
    csr[SLOT_vstimecmp] = UINT64_MAX;
    return v;
}

/* The first host of all, after a boot from memory and registers that held anything. */
static void check_boot(struct replayer *r)
{
    struct view after = view_of(&r->hart);
    struct view expected = replay_fresh_host(&after, 0, SCENE_FDT, SCENE_HOST_ENTRY);
    struct csr_file live = after.csr;
    live.value[SLOT_stimecmp] = UINT64_MAX;
    const char *memory = r->hart.boot_memory;
    if (memory != NULL)
        findings_add(r->findings, EDGE_BOOT, ELEMENT_MONITOR, memory, "when C code begins");
    if ((after.csr.value[SLOT_tdata1] & ~TDATA1_TYPE) != 0 && !r->hart.csr.lacks_triggers)
        findings_add(r->findings, EDGE_BOOT, ELEMENT_M_CSR, "tdata1", "a trigger is left on");
    r->findings->replays[EDGE_BOOT]++;
    check_world(&r->checker, EDGE_BOOT, false, false, &expected, &live);
}

/* --- base state ----------------------------------------------------------------------------------------------- */

static void save_base(struct replayer *r)
{
    hart_save(&r->hart);
    r->base = (struct replay_base){.host = r->host, .guest = r->guest, .other_started = r->other_started};
}

void replay_back_to_base(struct replayer *r)
{
    hart_restore(&r->hart);
    r->host = r->base.host;
    r->guest = r->base.guest;
    memcpy(r->guest_page, hart_peek(&r->hart, r->scene.guest_page, PAGE_SIZE), PAGE_SIZE);
    r->in_guest = true;
    r->guest_dead = false;
    r->waits_for_answer = false;
    r->misfits = false;
    r->loads_value = false;
    r->other_started = r->base.other_started;
}

struct view fresh_guest(const struct view *after, uint64_t pc, uint64_t argument)
{
    struct view v = *after; /* the monitor's choices for a guest are judged by check_world's rules */
    v.regs = (struct registers){.pc = pc};
    v.regs.x[A1] = argument;
    v.csr.mode = MODE_S;
    v.csr.virt = true;
    v.csr.value[SLOT_fcsr] = 0;
    no_vectors(&v.csr);
    for (unsigned slot = 0; slot < CSR_SLOTS; slot++) {
        if (csr_table[slot].guest_own != 0)
            v.csr.value[slot] &= ~csr_table[slot].guest_own;
    }
    v.csr.value[SLOT_vstimecmp] = UINT64_MAX;
    return v;
}

bool step_first_run(struct replayer *r, struct prng *rng)
{
    const enum edge edge = EDGE_HOST_RUN;
    world_random_host(&r->hart, rng);
    host_run_call(r, r->scene.tvm_id, 0, rng);
    r->host = view_of(&r->hart);
    struct csr_file live = r->hart.csr;
    if (!play(r, edge, &(struct csr_trap){.cause = 9}))
        return false;
    r->guest = view_of(&r->hart);
    struct view expected = fresh_guest(&r->guest, SCENE_GPA, SCENE_ENTRY_ARG);
    /* Guest time starts at 0 when the TVM is finalised; in this scene the clock stands still. */
    expected.csr.value[SLOT_htimedelta] = 0 - live.value[SLOT_time];
    check_world(&r->checker, edge, true, true, &expected, &live);
    check_stores(&r->checker, edge, &no_stores);
    r->fresh_status = r->guest.csr.value[SLOT_mstatus];
    r->in_guest = r->guest.csr.virt;
    return r->in_guest;
}

static bool open_on(struct replayer *r, const struct firmware_image *fw, bool slow, enum lesser lesser, char *why,
                    size_t why_size)
{
    if (!hart_open(&r->hart, fw, slow, why, why_size))
        return false;
    if (lesser == COUNTING && !hart_count_instructions(&r->hart))
        return false;
    if (lesser == WATCHED && !hart_watch_blocks(&r->hart))
        return false;
    r->hart.csr.lacks_stateen = lesser == WITHOUT_STATEEN;
    r->hart.csr.lacks_triggers = lesser == WITHOUT_TRIGGERS;
    r->checker.without_stateen = lesser == WITHOUT_STATEEN;
    if (!scene_boot(&r->scene, &r->hart, why, why_size))
        return false;
    check_boot(r);
    struct prng rng = prng_fork(r->seed, 0);
    struct scene_call call;
    bool ok = true;
    for (unsigned i = 0; ok && scene_next_call(&r->scene, i, &call); i++) {
        if (call.eid == SBI_EID_COVH && call.fid == COVH_FINALIZE_TVM)
            ok = step_host(r, EDGE_RUN_EARLY, &rng);
        ok = ok && step_setup(r, &call, &rng);
    }
    const uint64_t shared = SCENE_GPA + SCENE_SHARED_PAGE * PAGE_SIZE;
    r->usable = ok && step_first_run(r, &rng) && declare(r, EDGE_EXIT_REGION, COVG_ADD_MMIO_REGION, SCENE_MMIO, &rng) &&
                declare(r, EDGE_EXIT_SHARE, COVG_SHARE_MEMORY_REGION, shared, &rng) &&
                declare(r, EDGE_EXIT_UNSHARE, COVG_UNSHARE_MEMORY_REGION, shared, &rng) &&
                declare(r, EDGE_EXIT_SHARE, COVG_SHARE_MEMORY_REGION, shared, &rng);
    save_base(r);
    return true;
}

static bool open_replayer(struct replayer *r, const struct firmware_image *fw, bool slow, enum lesser lesser,
                          uint64_t seed, struct findings *findings, char *why, size_t why_size)
{
    *r = (struct replayer){.findings = findings, .seed = seed};
    r->checker = (struct checker){.scene = &r->scene, .findings = findings};
    if (!check_text(&r->checker, fw))
        return true; /* what nobody owns is not replayed */
    return open_on(r, fw, slow, lesser, why, why_size);
}

bool replayer_open(struct replayer *r, const struct firmware_image *fw, bool slow, uint64_t seed,
                   struct findings *findings, char *why, size_t why_size)
{
    return open_replayer(r, fw, slow, WITH_ALL, seed, findings, why, why_size);
}

bool replayer_open_lesser(struct replayer *r, const struct firmware_image *fw, enum lesser lesser, uint64_t seed,
                          struct findings *findings, char *why, size_t why_size)
{
    return open_replayer(r, fw, false, lesser, seed, findings, why, why_size);
}

void replayer_close(struct replayer *r)
{
    hart_close(&r->hart);
}

static bool replay_is_over(const struct replayer *r)
{
    return r->stop_early && findings_total_violations(r->findings) != 0;
}

/* --- the walk ------------------------------------------------------------------------------------------------- */

/* Everything that a step left behind, in one number. */
static uint64_t digest_of(const struct emulated_hart *h)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    const uint64_t *words[] = {h->regs.x, h->regs.f, h->regs.v[0], h->csr.value};
    const size_t counts[] = {32, 32, 32 * VECTOR_WORDS, CSR_SLOTS};
    for (size_t part = 0; part < COUNT(words); part++) {
        for (size_t i = 0; i < counts[part]; i++)
            hash = (hash ^ words[part][i]) * UINT64_C(0x100000001b3) + (hash >> 29);
    }
    uint64_t rest[] = {h->regs.pc, (uint64_t)h->csr.mode, h->csr.virt, h->outside_count, (uint64_t)h->stop};
    for (size_t i = 0; i < COUNT(rest); i++)
        hash = (hash ^ rest[i]) * UINT64_C(0x100000001b3) + (hash >> 29);
    for (uint32_t i = 0; i < h->outside_count && i < MAX_OUTSIDE_STORES; i++) {
        hash = (hash ^ h->outside[i].address) * UINT64_C(0x100000001b3) + (hash >> 29);
        hash = (hash ^ h->outside[i].value) * UINT64_C(0x100000001b3) + (hash >> 29);
    }
    return hash;
}

static bool walk_step(struct replayer *r, struct prng *rng)
{
    struct prng secret = {.state = prng_next(rng)};
    uint64_t choice = prng_next(rng) >> 32;
    if (r->in_guest) {
        guest_randomise(r, rng, &secret);
        if (choice % 5 < 3)
            return step_exit(r, possible_exit(r, exit_edges[choice / 8 % exit_edge_count]), rng, &secret);
        return step_guest(r, guest_edges[choice / 8 % guest_edge_count], rng, &secret);
    }
    if (r->misfits && choice % 2 == 0)
        return step_host(r, EDGE_RUN_MISFIT, rng);
    if (choice % 8 < 5)
        return step_run(r, rng);
    return step_host(r, host_edges[choice / 8 % host_edge_count], rng);
}

void replay_walk(struct replayer *r, uint64_t steps)
{
    if (!r->usable)
        return;
    replay_back_to_base(r);
    for (uint64_t i = 0; i < steps && !replay_is_over(r); i++) {
        struct prng rng = prng_fork(r->seed, 1 + i);
        bool dead = r->guest_dead;
        bool ok = dead ? step_host(r, EDGE_RUN_DEAD, &rng) : walk_step(r, &rng);
        if (r->digests != NULL)
            r->digests[i] = digest_of(&r->hart);
        /* A dead vCPU is refused once; then the next life begins. */
        if (!ok || dead)
            replay_back_to_base(r);
    }
}

void replay_every_cause(struct replayer *r)
{
    if (!r->usable)
        return;
    for (unsigned i = 0; i < 128 && !replay_is_over(r); i++) {
        struct prng rng = prng_fork(r->seed, UINT64_C(0x1000000000000000) + i), secret = {.state = prng_next(&rng)};
        bool guest = i < 64, ok = true;
        replay_back_to_base(r);
        guest_randomise(r, &rng, &secret);
        if (!guest)
            ok = step_exit(r, EDGE_EXIT_SSI, &rng, &secret);
        if (!ok || !is_unserved_cause(&r->hart.csr, guest, i % 64))
            continue;
        r->wanted_cause = 1 + i % 64;
        if (guest)
            step_exit(r, EDGE_EXIT_FATAL, &rng, &secret);
        else
            step_host(r, EDGE_HOST_UNEXPECTED, &rng);
        r->wanted_cause = 0;
    }
    replay_back_to_base(r);
}

/* --- pairs ---------------------------------------------------------------------------------------------------- */

static bool is_one_of(enum edge edge, const enum edge *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == edge)
            return true;
    }
    return false;
}

/* What the guest does with its secrets, up to the moment at which the host runs again; then what the host does. */
static bool group_run(struct replayer *r, const struct run_group *group, unsigned run, struct observation *seen)
{
    struct prng shown = group->shown;
    struct prng secret = group->guest_secrets ? group->varied[run] : group->alike;
    struct prng host = group->guest_secrets ? group->alike : group->varied[run];
    enum edge edge = group->edge;
    bool exits = is_one_of(edge, exit_edges, exit_edge_count), ok;
    r->findings->pair_runs++;
    seen->store_count = 0;
    replay_back_to_base(r);
    guest_randomise(r, &shown, &secret);
    if (is_one_of(edge, guest_edges, guest_edge_count) && !step_guest(r, edge, &shown, &secret))
        return false;
    if (!step_exit(r, exits ? edge : EDGE_EXIT_SSI, &shown, &secret))
        return false;
    if (group->guest_secrets) {
        observe_world(&r->hart, seen);
        observe_stores(&r->hart, seen);
    }
    if (is_one_of(edge, host_edges, host_edge_count)) {
        ok = step_host(r, edge, &host);
        observe_world(&r->hart, seen);
    } else {
        ok = r->guest_dead ? step_host(r, EDGE_RUN_DEAD, &host) : step_run(r, &host);
        if (!group->guest_secrets)
            observe_world(&r->hart, seen);
    }
    observe_stores(&r->hart, seen); /* the host can look at its memory while the guest runs, too */
    return ok;
}

static enum edge pick_pair_edge(struct prng *rng)
{
    uint64_t choice = prng_next(rng) >> 32;
    switch (choice % 8) {
    case 0: return guest_edges[choice / 8 % guest_edge_count];
    case 1: return host_edges[choice / 8 % host_edge_count];
    default: return exit_edges[choice / 8 % exit_edge_count];
    }
}

/* From time to time another host state and another guest state to start from. */
static void new_epoch(struct replayer *r, struct prng *rng)
{
    struct prng secret = {.state = prng_next(rng)};
    replay_back_to_base(r);
    guest_randomise(r, rng, &secret);
    /* At some time the other vCPU is started, and stays so. */
    bool starts = !r->other_started && (prng_next(rng) & 1) != 0;
    if (step_exit(r, starts ? EDGE_EXIT_VCPU_START : EDGE_EXIT_SSI, rng, &secret) && step_run(r, rng))
        save_base(r);
}

void replay_group(struct replayer *r, const struct run_group *group)
{
    static struct observation reference, other;
    enum edge edge = group->guest_secrets ? group->edge : EDGE_HOST_RUN;
    if (!group_run(r, group, 0, &reference))
        return;
    for (unsigned run = 1; run <= group->partners && !replay_is_over(r); run++) {
        struct pair_name name = {group->number, run};
        if (group_run(r, group, run, &other))
            check_pair(&r->checker, edge, !group->guest_secrets, &name, &reference, &other);
    }
}

void replay_pairs(struct replayer *r, uint64_t first, uint64_t pairs)
{
    if (!r->usable)
        return;
    for (uint64_t done = 0; done < pairs && !replay_is_over(r); done += GROUP_PAIRS) {
        uint64_t number = (first + done) / GROUP_PAIRS, left = pairs - done;
        struct prng rng = prng_fork(~r->seed, 1 + number);
        if ((first + done) % EPOCH_PAIRS == 0)
            new_epoch(r, &rng);
        struct run_group group = {.number = number,
                                  .guest_secrets = number % 2 == 0,
                                  .partners = left < GROUP_PAIRS ? (unsigned)left : GROUP_PAIRS,
                                  .shown = {.state = prng_next(&rng)},
                                  .alike = {.state = prng_next(&rng)}};
        /* No number comes twice in a sequence: no two runs of a group have the same secrets. */
        for (unsigned run = 0; run <= group.partners; run++)
            group.varied[run].state = prng_next(&rng);
        enum edge edge =
            group.guest_secrets ? pick_pair_edge(&rng) : exit_edges[prng_below(&rng, exits_without_answer)];
        replay_back_to_base(r);
        group.edge = possible_exit(r, edge);
        replay_group(r, &group);
    }
    replay_back_to_base(r);
}
