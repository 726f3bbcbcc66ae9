/* SPDX-License-Identifier: Apache-2.0 */
/* Two harts, lesser harts, fatal traps; see harts.h. */
#include "emulation/unicorn/two_harts.h"

#include <stdio.h>
#include <string.h>

#include "emulation/unicorn/worlds.h"
#include "monitor/abi/sbi.h"
#include "monitor/riscv/layout.h"

#define A0 10
#define SP 2
#define HSM_HART_START 0u
#define HSM_HART_STOP 1u
#define HSM_HART_SUSPEND 3u
#define MIE_MSI UINT64_C(0x8)
#define SSIP UINT64_C(0x2)
#define BOOT_TRAPS 40u
#define TURNS 64u /* more hand-overs than any wait of one hart for the other takes */

/* Whoever wakes withdraws the interrupt that the monitor uses for that. */
static const struct expected_stores msip_cleared = {.list = {{.address = UINT64_C(0x02000004), .size = 4}}, .count = 1};

void two_harts_turn_to(struct two_harts *t, unsigned hart)
{
    struct emulated_hart *h = &t->r.hart;
    struct saved_state now = {.regs = h->regs, .csr = h->csr};
    uint64_t pc = h->stop_pc;
    if (hart == t->current)
        return;
    h->regs = t->waiting.regs;
    h->csr = t->waiting.csr;
    h->stop_pc = t->waiting_pc;
    t->waiting = now;
    t->waiting_pc = pc;
    t->current = hart;
}

static void wrong(struct two_harts *t, enum edge edge, const char *what)
{
    struct emulated_hart *h = &t->r.hart;
    findings_add(t->r.findings, edge, ELEMENT_MONITOR, what, "hart %u: %s at 0x%llx; console: %.60s", t->current,
                 h->stop_text, (unsigned long long)h->stop_pc, h->console);
}

/* Hart 0 up to the host, hart 1 into its wait for a start. */
bool two_harts_boot(struct two_harts *t, const struct firmware_image *fw, char *why, size_t why_size)
{
    struct emulated_hart *h = &t->r.hart;
    if (!hart_open(h, fw, false, why, why_size))
        return false;
    scene_before_boot(&t->r.scene, h, TWO_HARTS);
    h->pause_ends = true;
    t->waiting = (struct saved_state){.regs = h->regs, .csr = h->csr};
    t->waiting.csr.value[SLOT_mhartid] = 1;
    t->waiting.csr.msip = hart_msip(h, 1);
    t->waiting_pc = h->regs.pc - 4;
    h->stop_pc = t->waiting_pc;
    /* The other hart comes first, and has to wait without touching anything. */
    two_harts_turn_to(t, 1);
    hart_save(h);
    /* Twice: the first pause comes before the first look. */
    if (hart_resume(h) != STOP_PAUSED || hart_resume(h) != STOP_PAUSED || h->dirty_count != 0)
        wrong(t, EDGE_BOOT, "a hart does not wait for the boot hart");
    two_harts_turn_to(t, 0);
    h->booting = HART_BOOT_CSRS;
    hart_resume(h);
    for (unsigned turns = 0; h->stop == STOP_PAUSED && turns < TURNS; turns++) {
        two_harts_turn_to(t, 1);
        hart_resume(h);
        bool other_waits = h->stop == STOP_PAUSED || h->stop == STOP_PARKED;
        if (!other_waits)
            break;
        two_harts_turn_to(t, 0);
        hart_resume(h);
    }
    if (t->current != 0 || !scene_after_boot(&t->r.scene, h, why, why_size)) {
        wrong(t, EDGE_BOOT, "two harts do not boot");
        return true;
    }
    struct view after = view_of(h), expected = replay_fresh_host(&after, 0, SCENE_FDT, SCENE_HOST_ENTRY);
    struct csr_file live = after.csr;
    live.value[SLOT_stimecmp] = UINT64_MAX;
    t->r.findings->replays[EDGE_BOOT]++;
    check_world(&t->r.checker, EDGE_BOOT, false, false, &expected, &live);
    t->r.usable = true;
    return true;
}

static void hsm_call(struct two_harts *t, struct prng *rng, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    struct emulated_hart *h = &t->r.hart;
    world_random_host(h, rng);
    h->regs.x[A0] = a0;
    h->regs.x[A0 + 1] = a1;
    h->regs.x[A0 + 2] = a2;
    h->regs.x[A0 + 6] = fid;
    h->regs.x[A0 + 7] = SBI_EID_HSM;
    t->r.findings->replay_number++;
}

/* The hart has gone to sleep: it wakes by nothing but the monitor's interrupt, and the interrupts of `wakes`. */
static bool check_parked(struct two_harts *t, enum edge edge, uint64_t wakes)
{
    struct emulated_hart *h = &t->r.hart;
    findings_checked(t->r.findings, edge, ELEMENT_MONITOR);
    if (h->stop != STOP_PARKED) {
        wrong(t, edge, "the hart does not wait");
        return false;
    }
    if (h->csr.value[SLOT_mie] != (MIE_MSI | wakes))
        findings_add(t->r.findings, edge, ELEMENT_MONITOR, "mie", "a waiting hart has mie 0x%llx, must be 0x%llx",
                     (unsigned long long)h->csr.value[SLOT_mie], (unsigned long long)(MIE_MSI | wakes));
    if ((h->csr.value[SLOT_mstatus] & STATUS_MIE) != 0)
        wrong(t, edge, "a waiting hart takes interrupts");
    return true;
}

/* The hart is as new, apart from `timer`, the value that its stimecmp has. */
static void check_fresh(struct two_harts *t, enum edge edge, uint64_t opaque, uint64_t entry, uint64_t timer)
{
    struct emulated_hart *h = &t->r.hart;
    struct view after = view_of(h), expected = replay_fresh_host(&after, t->current, opaque, entry);
    struct csr_file live = after.csr;
    live.value[SLOT_stimecmp] = timer;
    t->r.findings->replays[edge]++;
    check_world(&t->r.checker, edge, false, false, &expected, &live);
    check_stores(&t->r.checker, edge, &msip_cleared);
}

/* Hart 0 starts hart 1, and goes on. */
bool two_harts_start(struct two_harts *t, struct prng *rng, uint64_t entry, uint64_t opaque)
{
    static const struct expected_stores msip = {.list = {{.address = UINT64_C(0x02000004), .size = 4, .value = 1}},
                                                .count = 1};
    struct emulated_hart *h = &t->r.hart;
    two_harts_turn_to(t, 0);
    hsm_call(t, rng, HSM_HART_START, 1, entry, opaque);
    struct view expected = view_of(h);
    struct csr_file live = h->csr;
    expected.regs.x[A0] = SBI_SUCCESS;
    expected.regs.x[A0 + 1] = 0;
    expected.regs.pc += 4;
    t->r.findings->replays[EDGE_HART_START]++;
    if (hart_trap(h, &(struct csr_trap){.cause = 9}) != STOP_WORLD) {
        check_stopped(&t->r.checker, EDGE_HART_START);
        return false;
    }
    check_world(&t->r.checker, EDGE_HART_START, false, false, &expected, &live);
    check_stores(&t->r.checker, EDGE_HART_START, &msip);
    two_harts_turn_to(t, 1);
    if (hart_resume(h) != STOP_WORLD) {
        check_stopped(&t->r.checker, EDGE_HART_STARTED);
        return false;
    }
    check_fresh(t, EDGE_HART_STARTED, opaque, entry, UINT64_MAX);
    return true;
}

/* Hart 1 sleeps with its state kept until an interrupt of the host is pending, perhaps already before. */
static bool suspend_retentive(struct two_harts *t, struct prng *rng)
{
    struct emulated_hart *h = &t->r.hart;
    hsm_call(t, rng, HSM_HART_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, prng_next(rng), prng_next(rng));
    csr_set(&h->csr, SLOT_mie, csr_get(&h->csr, SLOT_mie) | SSIP);
    bool at_once = (prng_next(rng) & 1) != 0;
    h->csr.value[SLOT_mip] = at_once ? SSIP : 0;
    if (!at_once)
        h->csr.value[SLOT_hvip] = 0;
    struct view expected = view_of(h);
    expected.regs.x[A0] = SBI_SUCCESS;
    expected.regs.x[A0 + 1] = 0;
    expected.regs.pc += 4;
    struct csr_file live = h->csr;
    live.value[SLOT_mip] = SSIP;
    uint64_t wakes = h->csr.value[SLOT_mie] & (csr_table[SLOT_mie].host_own | UINT64_C(0x444));
    t->r.findings->replays[EDGE_HART_SUSPEND]++;
    hart_trap(h, &(struct csr_trap){.cause = 9});
    if (!at_once) {
        if (!check_parked(t, EDGE_HART_SUSPEND, wakes))
            return false;
        h->csr.value[SLOT_mip] |= SSIP;
        hart_resume(h);
    }
    if (h->stop != STOP_WORLD) {
        check_stopped(&t->r.checker, EDGE_HART_SUSPEND);
        return false;
    }
    check_world(&t->r.checker, EDGE_HART_SUSPEND, false, false, &expected, &live);
    check_stores(&t->r.checker, EDGE_HART_SUSPEND, &msip_cleared);
    return true;
}

/* Hart 1 sleeps without its state, and wakes elsewhere. */
static bool suspend_fresh(struct two_harts *t, struct prng *rng, uint64_t entry, uint64_t opaque)
{
    struct emulated_hart *h = &t->r.hart;
    hsm_call(t, rng, HSM_HART_SUSPEND, SBI_HSM_SUSPEND_NON_RETENTIVE, entry, opaque);
    csr_set(&h->csr, SLOT_mie, csr_get(&h->csr, SLOT_mie) | SSIP);
    h->csr.value[SLOT_mip] = SSIP;
    /* The host's timer is not the monitor's to forget: the host may count on it to wake up. */
    uint64_t timer = h->csr.value[SLOT_stimecmp];
    if (hart_trap(h, &(struct csr_trap){.cause = 9}) != STOP_WORLD) {
        check_stopped(&t->r.checker, EDGE_HART_RESUMED);
        return false;
    }
    check_fresh(t, EDGE_HART_RESUMED, opaque, entry, timer);
    return true;
}

static bool stop_self(struct two_harts *t, struct prng *rng)
{
    struct emulated_hart *h = &t->r.hart;
    hsm_call(t, rng, HSM_HART_STOP, prng_next(rng), prng_next(rng), prng_next(rng));
    t->r.findings->replays[EDGE_HART_STOP]++;
    hart_trap(h, &(struct csr_trap){.cause = 9});
    return check_parked(t, EDGE_HART_STOP, 0);
}

bool replay_hart_lives(const struct firmware_image *fw, uint64_t seed, uint64_t rounds, struct findings *findings,
                       char *why, size_t why_size)
{
    static struct two_harts t;
    t = (struct two_harts){.r = {.findings = findings, .seed = seed}};
    t.r.checker = (struct checker){.scene = &t.r.scene, .findings = findings};
    bool opened = two_harts_boot(&t, fw, why, why_size), ok = opened && t.r.usable;
    for (uint64_t i = 0; i < rounds && ok; i++) {
        struct prng rng = prng_fork(~seed, UINT64_C(0x4000000000000000) + i);
        uint64_t entry = SCENE_HOST_ENTRY + (prng_next(&rng) & 0xffffe), opaque = prng_next(&rng);
        ok = two_harts_start(&t, &rng, entry, opaque);
        for (unsigned naps = (unsigned)prng_below(&rng, 3); ok && naps > 0; naps--)
            ok = suspend_retentive(&t, &rng);
        if (ok && (prng_next(&rng) & 1) != 0)
            ok = suspend_fresh(&t, &rng, entry ^ 2, ~opaque);
        ok = ok && stop_self(&t, &rng);
    }
    hart_close(&t.r.hart);
    return opened;
}

/* --- harts that there is no room for ------------------------------------------------------------------------------ */

static bool check_no_room(const struct firmware_image *fw, struct findings *findings, char *why, size_t why_size)
{
    static struct emulated_hart h;
    static struct scene scene;
    bool opened = hart_open(&h, fw, false, why, why_size);
    if (opened) {
        scene_before_boot(&scene, &h, 1);
        hart_save(&h);
        h.csr.value[SLOT_mhartid] = RISCV_MAX_HARTS;
        hart_run(&h);
        findings_checked(findings, EDGE_BOOT, ELEMENT_MONITOR);
        if (h.stop != STOP_PARKED || h.dirty_count != 0 || h.outside_count != 0 || h.csr.value[SLOT_mie] != 0)
            findings_add(findings, EDGE_BOOT, ELEMENT_MONITOR, "hart without room",
                         "must stop at once, and touch nothing: %s at 0x%llx, %u pages written", h.stop_text,
                         (unsigned long long)h.stop_pc, h.dirty_count);
    }
    hart_close(&h);
    return opened;
}

/* --- harts that lack something ---------------------------------------------------------------------------------- */

bool replay_lesser_harts(const struct firmware_image *fw, uint64_t seed, struct findings *findings, char *why,
                         size_t why_size)
{
    static struct emulated_hart h;
    static struct scene scene;
    if (!hart_open(&h, fw, false, why, why_size))
        return false;
    h.csr.lacks_sstc = true;
    scene_before_boot(&scene, &h, 1);
    hart_run(&h);
    findings_checked(findings, EDGE_BOOT, ELEMENT_MONITOR);
    if (h.stop != STOP_PARKED || strstr(h.console, "cannot start: the hart lacks the Sstc extension") == NULL)
        findings_add(findings, EDGE_BOOT, ELEMENT_MONITOR, "Sstc",
                     "a hart without it must be refused: %s; console: %.60s", h.stop_text, h.console);
    hart_close(&h);

    static struct replayer r;
    static const enum lesser lesser[] = {WITHOUT_STATEEN, WITHOUT_TRIGGERS};
    bool opened = true;
    for (unsigned i = 0; opened && i < 2; i++) {
        opened = replayer_open_lesser(&r, fw, lesser[i], seed, findings, why, why_size);
        if (opened) {
            r.stop_early = true;
            replay_walk(&r, 100);
        }
        replayer_close(&r);
    }
    return opened && check_no_room(fw, findings, why, why_size);
}

/* --- traps inside of the monitor ----------------------------------------------------------------------------------- */

static void check_report(struct findings *f, struct emulated_hart *h, unsigned hart, bool silent)
{
    char text[sizeof(h->console)];
    uint64_t stack, size, top = 0;
    bool has_stack = firmware_symbol(h->fw, "riscv_fatal_stacks", &stack, &size);
    const char *problem = NULL;
    snprintf(text, sizeof(text),
             "touchstone: hart %u: fatal: trap in the monitor, mcause 0x%llx mepc 0x%llx mtval 0x%llx", hart,
             (unsigned long long)h->fault.cause, (unsigned long long)h->fault_pc, (unsigned long long)h->fault.tval);
    if (has_stack)
        top = stack + (uint64_t)(hart + 1) * RISCV_FATAL_STACK_SIZE;
    findings_checked(f, EDGE_FATAL_TRAP, ELEMENT_MONITOR);
    f->replays[EDGE_FATAL_TRAP]++;
    f->replay_number++;
    if (h->stop != STOP_PARKED)
        problem = "the hart does not stop";
    else if (h->csr.value[SLOT_mie] != 0 || (h->csr.value[SLOT_mstatus] & STATUS_MIE) != 0)
        problem = "an interrupt could wake the stopped hart";
    else if (!silent && strcmp(h->console, text) != 0)
        problem = "the report is not what happened";
    else if (silent && h->console_len != 0)
        problem = "a hart that the monitor has no stack for prints";
    else if (!silent && (h->regs.x[SP] > top || h->regs.x[SP] + RISCV_FATAL_STACK_SIZE <= top))
        problem = "not on the stack of the fatal path";
    else if (hart_resume(h) != STOP_PARKED)
        problem = "the stopped hart leaves its wait";
    if (problem != NULL)
        findings_add(f, EDGE_FATAL_TRAP, ELEMENT_MONITOR, problem, "%s at 0x%llx; console: %.80s", h->stop_text,
                     (unsigned long long)h->stop_pc, h->console);
}

static void clear_console(struct emulated_hart *h)
{
    h->console_len = 0;
    h->console[0] = '\0';
    h->console_ended = false;
}

/* In the boot, behind the instruction that sets mtvec. */
static bool boot_faults(const struct firmware_image *fw, uint64_t traps, struct findings *findings, char *why,
                        size_t why_size)
{
    static struct emulated_hart h;
    static struct scene scene;
    for (uint64_t i = 0; i < traps && findings_total_violations(findings) == 0; i++) {
        if (!hart_open(&h, fw, false, why, why_size))
            return false;
        scene_before_boot(&scene, &h, 1);
        h.fault = (struct csr_trap){.cause = i % 16, .tval = i};
        h.fault_in = 2 + (uint32_t)i;
        hart_run(&h);
        if (h.fault_in == 0)
            check_report(findings, &h, 0, false);
        hart_close(&h);
    }
    return true;
}

bool replay_fatal_traps(const struct firmware_image *fw, uint64_t seed, uint64_t traps, struct findings *findings,
                        char *why, size_t why_size)
{
    static struct replayer r;
    bool opened = replayer_open(&r, fw, false, seed, findings, why, why_size);
    for (uint64_t i = 0; opened && r.usable && i < traps; i++) {
        struct prng rng = prng_fork(seed, UINT64_C(0x2000000000000000) + i);
        struct emulated_hart *h = &r.hart;
        replay_back_to_base(&r);
        clear_console(h);
        /* In turn: any hart that has a stack, and one too many. */
        unsigned hart =
            i % 3 == 2 ? RISCV_MAX_HARTS + (unsigned)prng_below(&rng, 8) : (unsigned)prng_below(&rng, RISCV_MAX_HARTS);
        h->fault = (struct csr_trap){.cause = prng_below(&rng, 16), .tval = prng_next(&rng)};
        /* Behind the two instructions that the entry needs to point mtvec to the fatal path. */
        h->fault_in = 3 + (uint32_t)prng_below(&rng, 90);
        h->fault_twice = i % 4 == 3;
        h->csr.value[SLOT_mhartid] = hart;
        bool silent = hart >= RISCV_MAX_HARTS || h->fault_twice;
        enum stop_reason stop = hart_trap(h, &(struct csr_trap){.cause = INTERRUPT_BIT | 1});
        bool too_late = h->fault_in != 0 && stop == STOP_WORLD; /* the exit has fewer system instructions */
        h->fault_in = 0;
        if (!too_late)
            check_report(findings, h, hart, silent);
        if (findings_total_violations(findings) != 0)
            break;
    }
    replayer_close(&r);
    return opened && boot_faults(fw, BOOT_TRAPS, findings, why, why_size);
}
