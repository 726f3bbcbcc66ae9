/* SPDX-License-Identifier: Apache-2.0 */
/* Checks at each hand-over to a world; see checks.h. */
#include "emulation/unicorn/checks.h"

#include <stdio.h>
#include <string.h>

#include "monitor/riscv/layout.h"

#define GUEST_INTERRUPTS UINT64_C(0x444)
#define HOST_INTERRUPTS UINT64_C(0x222)
#define SGEI_BIT UINT64_C(0x1000)
#define HSTATUS_VTW (UINT64_C(1) << 21)
#define COUNTEREN_TM UINT64_C(2)
#define STATEEN_ENVCFG (UINT64_C(1) << 62)
#define MUST_REACH_MONITOR (UINT64_C(1) << 10 | UINT64_C(0xf) << 20) /* VS ecall; faults and virtual instruction */
#define HOST_ECALL (UINT64_C(1) << 9)
#define HOST_EXCEPTIONS UINT64_C(0xf0b1ff) /* all that the architecture lets M-mode delegate, but ecalls of HS and VS */
#define CYCLE_AND_INSTRET UINT64_C(5)
#define HGATP_PPN ((UINT64_C(1) << 44) - 1)
#define PERM_RWX (PERM_R | PERM_W | PERM_X)

/* Which element a CSR is reported under: the privilege digit of its number. */
static enum element element_of(enum csr_slot slot)
{
    unsigned number = csr_table[slot].number;
    if (slot == SLOT_mstatus)
        return ELEMENT_STATUS;
    if (slot == SLOT_fcsr)
        return ELEMENT_F;
    if (csr_table[slot].class == CLASS_VECTOR)
        return ELEMENT_V;
    switch (number >> 8 & 3) {
    case 1: return ELEMENT_S_CSR;
    case 2: return number >> 8 == 2 ? ELEMENT_VS_CSR : ELEMENT_H_CSR;
    default: return ELEMENT_M_CSR;
    }
}

static void check_registers(struct checker *c, enum edge edge, const struct view *expected)
{
    const struct registers *now = &c->scene->hart->regs;
    const struct registers *want = &expected->regs;
    struct findings *f = c->findings;
    char what[8];
    findings_checked(f, edge, ELEMENT_X);
    findings_checked(f, edge, ELEMENT_F);
    findings_checked(f, edge, ELEMENT_V);
    findings_checked(f, edge, ELEMENT_PC);
    for (unsigned i = 1; i < 32 && memcmp(now->x, want->x, sizeof(now->x)) != 0; i++) {
        if (now->x[i] == want->x[i])
            continue;
        snprintf(what, sizeof(what), "x%u", i);
        findings_add(f, edge, ELEMENT_X, what, "must be 0x%llx, is 0x%llx", (unsigned long long)want->x[i],
                     (unsigned long long)now->x[i]);
    }
    for (unsigned i = 0; i < 32 && memcmp(now->f, want->f, sizeof(now->f)) != 0; i++) {
        if (now->f[i] == want->f[i])
            continue;
        snprintf(what, sizeof(what), "f%u", i);
        findings_add(f, edge, ELEMENT_F, what, "must be 0x%llx, is 0x%llx", (unsigned long long)want->f[i],
                     (unsigned long long)now->f[i]);
    }
    for (unsigned i = 0; i < 32 && memcmp(now->v, want->v, sizeof(now->v)) != 0; i++) {
        if (memcmp(now->v[i], want->v[i], sizeof(now->v[i])) == 0)
            continue;
        snprintf(what, sizeof(what), "v%u", i);
        findings_add(f, edge, ELEMENT_V, what, "must be 0x%llx..., is 0x%llx...", (unsigned long long)want->v[i][0],
                     (unsigned long long)now->v[i][0]);
    }
    if (now->pc != want->pc)
        findings_add(f, edge, ELEMENT_PC, "pc", "must be 0x%llx, is 0x%llx", (unsigned long long)want->pc,
                     (unsigned long long)now->pc);
    const struct csr_file *csr = &c->scene->hart->csr;
    if (csr->mode != expected->csr.mode || csr->virt != expected->csr.virt)
        findings_add(f, edge, ELEMENT_PC, "privilege mode", "must be %s%c, is %s%c", expected->csr.virt ? "V" : "",
                     "US?M"[expected->csr.mode], csr -> virt ? "V" : "", "US?M"[csr->mode]);
}

static void check_csrs(struct checker *c, enum edge edge, const struct view *expected, const struct csr_file *live)
{
    const struct csr_file *now = &c->scene->hart->csr;
    struct findings *f = c->findings;
    for (unsigned i = 0; i < CSR_SLOTS; i++) {
        enum csr_slot slot = (enum csr_slot)i;
        uint64_t want;
        if (csr_is_lacking(now, csr_table[slot].number))
            continue;
        switch (csr_table[slot].class) {
        case CLASS_SWAP:
        case CLASS_STATUS:
        case CLASS_FLOAT:
        case CLASS_VECTOR:
        case CLASS_CONST: want = expected->csr.value[slot]; break;
        case CLASS_HOST: want = live->value[slot]; break;
        default: continue;
        }
        if (comparable(slot, now->value[slot]) != comparable(slot, want))
            findings_add(f, edge, element_of(slot), csr_table[slot].name, "must be 0x%llx, is 0x%llx",
                         (unsigned long long)want, (unsigned long long)now->value[slot]);
    }
    findings_checked(f, edge, ELEMENT_STATUS);
    findings_checked(f, edge, ELEMENT_S_CSR);
    findings_checked(f, edge, ELEMENT_VS_CSR);
    findings_checked(f, edge, ELEMENT_H_CSR);
    findings_checked(f, edge, ELEMENT_M_CSR);
}

/* --- memory isolation --------------------------------------------------------------------------------------- */

static bool closed(struct checker *c, enum edge edge, const char *what, uint64_t base, uint64_t size)
{
    unsigned allowed = csr_pmp_verdict(&c->scene->hart->csr, base, size).some_byte;
    if (allowed == 0)
        return true;
    findings_add(c->findings, edge, ELEMENT_PMP, what, "[0x%llx, +0x%llx) must be closed, allows %s%s%s",
                 (unsigned long long)base, (unsigned long long)size, (allowed & PERM_R) != 0 ? "r" : "",
                 (allowed & PERM_W) != 0 ? "w" : "", (allowed & PERM_X) != 0 ? "x" : "");
    return false;
}

static bool open_all(struct checker *c, enum edge edge, const char *what, uint64_t base, uint64_t size)
{
    if (size == 0 || csr_pmp_verdict(&c->scene->hart->csr, base, size).every_byte == PERM_RWX)
        return true;
    findings_add(c->findings, edge, ELEMENT_PMP, what, "[0x%llx, +0x%llx) must be open", (unsigned long long)base,
                 (unsigned long long)size);
    return false;
}

static bool pmp_is_right(struct checker *c, enum edge edge, bool guest)
{
    const struct platform *p = &c->scene->platform;
    uint64_t window_size = (uint64_t)p->window_pages * PAGE_SIZE;
    uint64_t image_end = p->monitor_base + p->monitor_size;
    uint64_t window_end = p->window_base + window_size;
    bool ok = closed(c, edge, "monitor image", p->monitor_base, p->monitor_size);
    ok = closed(c, edge, "machine-mode devices", p->mmio_base, p->mmio_size) && ok;
    if (guest)
        return open_all(c, edge, "window while a guest runs", p->window_base, window_size) && ok;
    ok = closed(c, edge, "window while the host runs", p->window_base, window_size) && ok;
    ok = open_all(c, edge, "host memory below the window", image_end, p->window_base - image_end) && ok;
    return open_all(c, edge, "host memory above the window", window_end, p->ram_base + p->ram_size - window_end) && ok;
}

/* The verdict depends on the PMP registers alone: decode again only when they changed. */
static void check_pmp(struct checker *c, enum edge edge, bool guest)
{
    struct pmp_memory *m = &c->pmp;
    const uint64_t *registers = &c->scene->hart->csr.value[SLOT_pmpcfg0];
    findings_checked(c->findings, edge, ELEMENT_PMP);
    if (m->known[guest] && m->good[guest] && memcmp(m->key[guest], registers, sizeof(m->key[guest])) == 0)
        return;
    memcpy(m->key[guest], registers, sizeof(m->key[guest]));
    m->good[guest] = pmp_is_right(c, edge, guest);
    m->known[guest] = true;
}

/* --- order and delegation ----------------------------------------------------------------------------------- */

static void rule(struct checker *c, enum edge edge, enum element element, bool holds, const char *what,
                 const char *detail)
{
    if (!holds)
        findings_add(c->findings, edge, element, what, "%s", detail);
}

/* How the monitor ran on its way here, and that it left nothing of the world outside of the frame. */
static void check_monitor_state(struct checker *c, enum edge edge)
{
    const struct emulated_hart *h = c->scene->hart;
    const struct csr_file *f = &h->csr;
    uint64_t spill = 0;
    const void *at = hart_peek(h, f->value[SLOT_mscratch] + HART_SPILL_OFFSET, sizeof(spill));
    findings_checked(c->findings, edge, ELEMENT_MONITOR);
    rule(c, edge, ELEMENT_MONITOR, !f->status_misused, "mstatus inside the monitor",
         "more than FS and VS changed before the status of the next world was loaded");
    rule(c, edge, ELEMENT_MONITOR, !f->units_left_open, "FS and VS inside the monitor", "opened, and not put back");
    rule(c, edge, ELEMENT_MONITOR, !f->interruptible, "mstatus.MIE inside the monitor",
         "the monitor could be interrupted");
    rule(c, edge, ELEMENT_MONITOR, !h->off_stack, "stack", "C code ran on something else than its hart's stack");
    if (at != NULL)
        memcpy(&spill, at, sizeof(spill));
    rule(c, edge, ELEMENT_MONITOR, at != NULL && spill == 0, "spilled register",
         "a register of the world stays in struct hart");
}

/*
 * What is at the top of the stack of this hart. When a guest has left, all that its traps can have used is 0. After any other trap the
 * return address of the C side stands there still: a wipe for nothing would make each call of the host slower.
 */
static void check_stack(struct checker *c, enum edge edge, bool guest_left)
{
    const struct emulated_hart *h = c->scene->hart;
    uint64_t end = h->stacks + (h->csr.value[SLOT_mhartid] + 1) * RISCV_STACK_SLOT;
    const uint8_t *wiped = h->stacks != 0 ? hart_peek(h, end - RISCV_WIPE_SIZE, RISCV_WIPE_SIZE) : NULL;
    uint64_t words[RISCV_WIPE_SIZE / sizeof(uint64_t)], used = 0;
    if (wiped == NULL)
        return;
    memcpy(words, wiped, sizeof(words));
    findings_checked(c->findings, edge, guest_left ? ELEMENT_RESIDUE : ELEMENT_MONITOR);
    if (!guest_left) {
        rule(c, edge, ELEMENT_MONITOR, words[RISCV_WIPE_SIZE / sizeof(uint64_t) - 1] != 0, "wiped stack",
             "the stack is wiped where no guest left");
        return;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        used += words[i] != 0;
    if (used != 0)
        findings_add(c->findings, edge, ELEMENT_RESIDUE, "wiped stack", "%llu words of it are not 0",
                     (unsigned long long)used);
}

static void check_fences(struct checker *c, enum edge edge)
{
    const struct csr_file *f = &c->scene->hart->csr;
    findings_checked(c->findings, edge, ELEMENT_FENCES);
    rule(c, edge, ELEMENT_FENCES, !f->pmp_needs_sfence, "sfence.vma after PMP write",
         "a PMP entry changed and no sfence.vma x0, x0 followed");
    rule(c, edge, ELEMENT_FENCES, !f->pmp_needs_hfence_g, "hfence.gvma after PMP write",
         "a PMP entry changed and no hfence.gvma x0, x0 followed");
    rule(c, edge, ELEMENT_FENCES, !f->hgatp_needs_hfence_g, "hfence.gvma after hgatp write",
         "hgatp changed and no hfence.gvma x0, x0 followed");
    rule(c, edge, ELEMENT_FENCES, !f->hgatp_needs_hfence_v, "hfence.vvma after hgatp write",
         "hgatp changed and no hfence.vvma x0, x0 followed");
    rule(c, edge, ELEMENT_FENCES, !f->hgatp_changed_under_vsatp, "vsatp off at hgatp write",
         "hgatp changed while vsatp translated: a walk could mix two worlds");
}

/* A trap of a guest that M-mode delegates and HS-mode does not would run the host with the guest's registers. */
static void check_guest_delegation(struct checker *c, enum edge edge)
{
    const uint64_t *v = c->scene->hart->csr.value;
    findings_checked(c->findings, edge, ELEMENT_DELEGATION);
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_medeleg] & ~v[SLOT_hedeleg]) == 0, "medeleg within hedeleg",
         "an exception of the guest would go to the host");
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_medeleg] & MUST_REACH_MONITOR) == 0, "medeleg",
         "a trap that the monitor serves would not reach it");
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_mideleg] & HOST_INTERRUPTS) == 0, "mideleg",
         "a host interrupt would enter the host with the guest's registers");
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_hideleg] & GUEST_INTERRUPTS) == GUEST_INTERRUPTS, "hideleg",
         "an interrupt of the guest would enter the host");
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_mie] & SGEI_BIT) == 0 && v[SLOT_hgeie] == 0, "guest external interrupt",
         "SGEI is delegated by the hardware and would enter the host");
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_mie] & HOST_INTERRUPTS) == HOST_INTERRUPTS, "host interrupts enabled",
         "the host could not preempt the guest");
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_hstatus] & HSTATUS_VTW) != 0, "hstatus.VTW",
         "the guest could wait for ever");
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_hcounteren] & ~COUNTEREN_TM) == 0, "hcounteren",
         "the guest could read the hart's counters");
    rule(c, edge, ELEMENT_DELEGATION, c->without_stateen || v[SLOT_hstateen0] == STATEEN_ENVCFG, "hstateen0",
         "the guest could reach state that is not switched, or not its own senvcfg");
    rule(c, edge, ELEMENT_DELEGATION,
         c->without_stateen || (v[SLOT_hstateen1] | v[SLOT_hstateen2] | v[SLOT_hstateen3]) == 0, "hstateen1..3",
         "the guest could reach state that nobody knows");
    rule(c, edge, ELEMENT_DELEGATION, c->scene->platform.vlenb != 0 || (v[SLOT_mstatus] & STATUS_VS) == 0, "mstatus.VS",
         "the guest could use vector registers that are not switched");
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_mcountinhibit] & CYCLE_AND_INSTRET) == CYCLE_AND_INSTRET, "mcountinhibit",
         "the host's counters would count what the guest does");
}

/* The host gets its own traps without the monitor, and its ecalls reach the monitor. */
static void check_host_delegation(struct checker *c, enum edge edge)
{
    const uint64_t *v = c->scene->hart->csr.value;
    findings_checked(c->findings, edge, ELEMENT_DELEGATION);
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_medeleg] & HOST_EXCEPTIONS) == HOST_EXCEPTIONS, "medeleg",
         "an exception of the host or of its guests would not go to the host");
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_medeleg] & HOST_ECALL) == 0, "medeleg, ecall",
         "a call of the host would not reach the monitor");
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_mideleg] & HOST_INTERRUPTS) == HOST_INTERRUPTS, "mideleg",
         "an interrupt of the host would not go to the host");
    rule(c, edge, ELEMENT_DELEGATION, (v[SLOT_mcountinhibit] & CYCLE_AND_INSTRET) == 0, "mcountinhibit",
         "the host's counters stand still");
}

/* The guest's addresses are translated, by tables that nobody else can write. */
static void check_guest_root(struct checker *c, enum edge edge)
{
    const struct platform *p = &c->scene->platform;
    uint64_t hgatp = c->scene->hart->csr.value[SLOT_hgatp];
    uint64_t root = (hgatp & HGATP_PPN) << PAGE_SHIFT;
    uint64_t last = p->window_base + ((uint64_t)p->window_pages - TVM_ROOT_PAGES) * PAGE_SIZE;
    rule(c, edge, ELEMENT_H_CSR, hgatp >> 60 == p->gstage_mode, "hgatp mode", "the guest's memory is not translated");
    rule(c, edge, ELEMENT_H_CSR, root >= p->window_base && root <= last, "hgatp root",
         "the guest's tables are not in the window");
}

void check_world(struct checker *c, enum edge edge, bool guest, bool crossed, const struct view *expected,
                 const struct csr_file *live)
{
    check_registers(c, edge, expected);
    check_csrs(c, edge, expected, live);
    check_pmp(c, edge, guest);
    check_fences(c, edge);
    check_monitor_state(c, edge);
    if (guest) {
        check_guest_delegation(c, edge);
        check_guest_root(c, edge);
    } else {
        check_host_delegation(c, edge);
    }
    if (edge != EDGE_BOOT && edge < EDGE_HART_START) /* the others lead to a host by no trap of this hart */
        check_stack(c, edge, crossed && !guest);
    if (!crossed)
        return;
    findings_checked(c->findings, edge, ELEMENT_RESERVATION);
    rule(c, edge, ELEMENT_RESERVATION, !c->scene->hart->csr.reserved, "reservation",
         "one world could complete the LR of the other");
}

/* --- stores ------------------------------------------------------------------------------------------------- */

static bool expected_at(const struct expected_stores *expected, const struct store *s, uint64_t *value)
{
    for (uint32_t i = 0; i < expected->count; i++) {
        if (expected->list[i].address == s->address && expected->list[i].size == s->size) {
            *value = expected->list[i].value;
            return true;
        }
    }
    return false;
}

static void check_store(struct checker *c, enum edge edge, const struct expected_stores *expected,
                        const struct store *s)
{
    uint64_t want = 0;
    char what[32];
    bool allowed = expected_at(expected, s, &want);
    if (allowed && want == s->value)
        return;
    uint64_t slot = s->address - SCENE_SHMEM;
    if (slot < NACL_SHMEM_SIZE)
        snprintf(what, sizeof(what), "mailbox+0x%llx", (unsigned long long)slot);
    else
        snprintf(what, sizeof(what), "0x%llx", (unsigned long long)s->address);
    if (!allowed)
        findings_add(c->findings, edge, ELEMENT_STORES, what, "%u bytes 0x%llx that nothing allows", (unsigned)s->size,
                     (unsigned long long)s->value);
    else
        findings_add(c->findings, edge, ELEMENT_RECORD, what, "must be 0x%llx, is 0x%llx", (unsigned long long)want,
                     (unsigned long long)s->value);
}

void check_stores(struct checker *c, enum edge edge, const struct expected_stores *expected)
{
    const struct emulated_hart *h = c->scene->hart;
    findings_checked(c->findings, edge, ELEMENT_STORES);
    if (expected->count > 1)
        findings_checked(c->findings, edge, ELEMENT_RECORD);
    for (uint32_t i = 0; i < h->outside_count && i < MAX_OUTSIDE_STORES; i++)
        check_store(c, edge, expected, &h->outside[i]);
    for (uint32_t i = 0; i < expected->count; i++) {
        bool seen = false;
        for (uint32_t n = 0; n < h->outside_count && n < MAX_OUTSIDE_STORES; n++)
            seen |= h->outside[n].address == expected->list[i].address;
        rule(c, edge, ELEMENT_RECORD, seen, "missing word", "a word of the exit record was not written");
    }
}

/* --- the text ----------------------------------------------------------------------------------------------- */

/*
 * Which order another hart sees cannot be observed on one emulated processor: the waiting harts have to fence between
 * the word that lets them go on and everything that the boot hart wrote before it.
 */
static void check_boot_fence(struct checker *c, const struct firmware_image *fw)
{
    const uint32_t fence_r_rw = 0x0230000f;
    uint64_t first = 0, size = 0;
    bool found = false;
    if (firmware_symbol(fw, "_start", &first, &size) && first >= fw->text_base &&
        first + size <= fw->text_base + fw->text_size) {
        for (uint64_t at = first; at + sizeof(fence_r_rw) <= first + size; at += 2)
            found |= memcmp(fw->text + (at - fw->text_base), &fence_r_rw, sizeof(fence_r_rw)) == 0;
    }
    rule(c, EDGE_BOOT, ELEMENT_MONITOR, found, "acquire fence of the waiting harts",
         "_start has no fence r, rw behind the wait for the boot hart");
}

bool check_text(struct checker *c, const struct firmware_image *fw)
{
    bool owned = true;
    check_boot_fence(c, fw);
    for (size_t i = 0; i < fw->site_count; i++) {
        const struct site *s = &fw->sites[i];
        uint64_t offset = 0;
        char what[16];
        if (s->kind != SITE_CSR || csr_slot_of(s->csr) >= 0)
            continue;
        const char *function = firmware_function_at(fw, s->pc, &offset);
        snprintf(what, sizeof(what), "CSR 0x%03x", s->csr);
        owned = false;
        findings_add(c->findings, EDGE_HOST_SETUP, ELEMENT_MONITOR, what,
                     "is in no class of csr_classes.def: nobody has decided whose it is; used at 0x%llx (%s+0x%llx)",
                     (unsigned long long)s->pc, function != NULL ? function : "?", (unsigned long long)offset);
    }
    return owned;
}

/* --- the rest ----------------------------------------------------------------------------------------------- */

void check_stopped(struct checker *c, enum edge edge)
{
    const struct emulated_hart *h = c->scene->hart;
    uint64_t offset = 0;
    const char *function = firmware_function_at(h->fw, h->stop_pc, &offset);
    findings_checked(c->findings, edge, ELEMENT_MONITOR);
    findings_add(c->findings, edge, ELEMENT_MONITOR, h->stop_text, "%s at 0x%llx (%s+0x%llx); console: %.60s",
                 h->stop_text, (unsigned long long)h->stop_pc, function != NULL ? function : "?",
                 (unsigned long long)offset, h->console);
}

bool check_reaches_monitor(struct checker *c, enum edge edge, uint64_t cause)
{
    if (csr_trap_reaches_m(&c->scene->hart->csr, cause))
        return true;
    findings_add(c->findings, edge, ELEMENT_DELEGATION, "delegated", "cause 0x%llx does not reach the monitor",
                 (unsigned long long)cause);
    return false;
}
