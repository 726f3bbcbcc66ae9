/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, frames: every window frame has one use and one owner, and all who say so agree.
 *
 * Three sources are compared: the page records; what the TVM objects hold (root, state, vCPUs, pool, reserve); and what
 * a walk of the G-stage tables from each root reaches. The walk is written from the privileged specification. `use` is
 * the joint picture of the second and third source; a frame that two of them use is reported while it is painted, and a
 * frame whose record disagrees with the picture is reported after.
 *
 * Leaves cover 4 KiB or 2 MiB. Confidential ones lie in confidential regions and name frames; shared ones lie in
 * shared regions, name host memory and are never executable; blocked ones of both kinds are the same without V.
 */
#include "harness/oracles/oracle.h"

#include <string.h>

#include "monitor/core/tvm.h"

#define PTE_V UINT64_C(0x01)
#define PTE_X UINT64_C(0x08)
#define PTE_RWX UINT64_C(0x0e)
#define PTE_LEAF UINT64_C(0xdf)   /* V R W X U A D; G, PBMT, N and reserved bits zero */
#define PTE_SHARED UINT64_C(0xd7) /* the same without X */
#define PTE_ARCH_BITS UINT64_C(0xff)
#define PTE_PPN(pte) ((pte) >> 10)
#define PTE_LOW_BITS UINT64_C(0x3ff)

#define TABLE_WORDS 512u
#define LINE_WORDS 8u
#define MAX_LEVELS 5u
#define MAX_LEAF_LEVEL 1u /* 2 MiB */

#define CONFIDENTIAL_TYPES (1u << REGION_CONFIDENTIAL | 1u << REGION_CONFIDENTIAL_REMOVABLE)
#define SHARED_TYPES (1u << REGION_SHARED | 1u << REGION_SHARED_REMOVABLE)

const char *page_state_name(unsigned state)
{
    static const char *const names[] = {"NONCONF",    "CONVERTING", "CONF_FREE", "TVM_ROOT", "TVM_STATE", "VCPU_STATE",
                                        "TABLE_POOL", "TABLE",      "DATA",      "BLOCKED",  "RESERVE",   "BUSY"};

    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "no state";
}

static bool state_is_owned(unsigned state)
{
    return state >= PAGE_TVM_ROOT && state <= PAGE_RESERVE;
}

static const uint8_t *frame_bytes(const struct world *w, uint32_t frame)
{
    return w->machine->window + (size_t)frame * PAGE_SIZE;
}

/* --- painting the picture --------------------------------------------------------------------------------------- */

/* Enter one use of a frame. False after a report when it is used already or lies outside the window. */
static bool paint(struct world *w, uint64_t frame, unsigned state, uint32_t slot, uint64_t gfn)
{
    struct oracle_state *o = w->oracle_state;

    if (frame >= o->pages) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "reach", "TVM slot %u uses a frame outside the window as %s", slot,
                      page_state_name(state));
        return false;
    }
    struct frame_use *use = &o->use[frame];
    if (use->state != PAGE_NONCONF) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "alias",
                      "frame %u is %s of TVM slot %u (gfn 0x%llx) and %s of slot %u (gfn 0x%llx)", (uint32_t)frame,
                      page_state_name(use->state), use->owner, (unsigned long long)use->gfn, page_state_name(state),
                      slot, (unsigned long long)gfn);
        return false;
    }
    use->state = (uint8_t)state;
    use->owner = (uint8_t)slot;
    use->gfn = gfn;
    use->next = o->painted[slot];
    o->painted[slot] = (uint32_t)frame;
    frame_set_add(&o->used, (uint32_t)frame);
    return true;
}

/* Where a table entry points: window frame number, or something that is none. */
static uint64_t entry_frame(uint64_t pte)
{
    return (PTE_PPN(pte) & ((UINT64_C(1) << 44) - 1)) - (MACHINE_WINDOW_BASE >> PAGE_SHIFT);
}

struct walk_step {
    struct world *w;
    uint32_t slot;
};

static void bad_entry(const struct walk_step *s, unsigned level, uint64_t gfn, uint64_t pte, const char *what)
{
    oracle_report(s->w, ORACLE_OWN, S1_ISOLATION, "pte", "TVM slot %u: entry 0x%llx at level %u for gfn 0x%llx %s",
                  s->slot, (unsigned long long)pte, level, (unsigned long long)gfn, what);
}

static const struct tvm *object_of(const struct world *w, uint32_t slot)
{
    return (const void *)frame_bytes(w, w->machine->monitor->tvm[slot].frame.index);
}

bool own_in_region(const struct world *w, uint32_t slot, uint64_t gfn, uint64_t count, unsigned types)
{
    const struct tvm *t = object_of(w, slot);
    uint64_t at = gfn << PAGE_SHIFT;
    uint64_t end = (gfn + count) << PAGE_SHIFT;

    if (end <= at)
        return false; /* beyond every guest-physical address */
    for (uint32_t i = 0; i < t->region_count && at < end; i++) {
        const struct region *r = &t->region[i];
        if ((types >> r->type & 1) != 0 && at >= r->base && at - r->base < r->len)
            at = r->base + r->len;
    }
    return at >= end;
}

static void paint_leaf(const struct walk_step *s, uint64_t pte, uint64_t gfn, uint64_t pages)
{
    unsigned state = (pte & PTE_V) != 0 ? PAGE_DATA : PAGE_BLOCKED;

    if (!own_in_region(s->w, s->slot, gfn, pages, CONFIDENTIAL_TYPES)) {
        oracle_report(s->w, ORACLE_OWN, S1_ISOLATION, "region",
                      "TVM slot %u: gfn 0x%llx is mapped outside its confidential regions", s->slot,
                      (unsigned long long)gfn);
        return;
    }
    for (uint64_t i = 0; i < pages; i++) {
        if (!paint(s->w, entry_frame(pte) + i, state, s->slot, gfn + i))
            return;
    }
}

static void check_shared_leaf(const struct walk_step *s, uint64_t pte, uint64_t gfn, uint64_t pages)
{
    uint64_t host = PTE_PPN(pte) << PAGE_SHIFT;

    if (!own_in_region(s->w, s->slot, gfn, pages, SHARED_TYPES))
        oracle_report(s->w, ORACLE_OWN, S1_ISOLATION, "region",
                      "TVM slot %u: host memory is mapped at gfn 0x%llx, which the guest does not share", s->slot,
                      (unsigned long long)gfn);
    else if (!machine_is_host_ram(s->w->machine, host, pages * PAGE_SIZE))
        oracle_report(s->w, ORACLE_OWN, S1_ISOLATION, "shared-reach",
                      "TVM slot %u: what it shares at gfn 0x%llx is 0x%llx, which is not host memory", s->slot,
                      (unsigned long long)gfn, (unsigned long long)host);
}

static void walk_leaf(const struct walk_step *s, uint64_t pte, unsigned level, uint64_t gfn)
{
    uint64_t pages = UINT64_C(1) << (9 * level);
    uint64_t bits = pte & PTE_ARCH_BITS;
    bool present = (pte & PTE_V) != 0;

    if (level > MAX_LEAF_LEVEL)
        bad_entry(s, level, gfn, pte, "is a leaf larger than 2 MiB, which the monitor never makes");
    else if ((bits | PTE_V) != PTE_LEAF && (bits | PTE_V) != PTE_SHARED)
        bad_entry(s, level, gfn, pte, "is neither V R W X U A D alone nor the same without X");
    else if (present && ((pte & PTE_LOW_BITS) != bits || pte >> 54 != 0))
        bad_entry(s, level, gfn, pte, "has reserved bits set");
    else if (!present && (pte & PTE_LOW_BITS) == bits)
        bad_entry(s, level, gfn, pte, "is invalid and not marked as blocked");
    else if ((PTE_PPN(pte) & (pages - 1)) != 0)
        bad_entry(s, level, gfn, pte, "is a large leaf that is not aligned");
    else if ((pte & PTE_X) != 0)
        paint_leaf(s, pte, gfn, pages);
    else
        check_shared_leaf(s, pte & ((UINT64_C(1) << 54) - 1), gfn, pages);
}

/* First entry from `i` on, in `frames` frames from `frame`, whose line holds an entry; their end when there is none. */
static uint32_t next_line(const struct world *w, uint32_t frame, uint32_t frames, uint32_t i)
{
    for (; i < frames * TABLE_WORDS; i = (i / TABLE_WORDS + 1) * TABLE_WORDS) {
        uint64_t rest = lines_of(w, frame + i / TABLE_WORDS) & UINT64_MAX << (i % TABLE_WORDS / LINE_WORDS);
        if (rest != 0)
            return i / TABLE_WORDS * TABLE_WORDS + (uint32_t)__builtin_ctzll(rest) * LINE_WORDS;
    }
    return i;
}

/* Walk `frames` consecutive frames of one table at `level`, which begins at guest frame `gfn`. */
static void walk_table(const struct walk_step *s, uint32_t frame, uint32_t frames, unsigned level, uint64_t gfn)
{
    const uint8_t *bytes = frame_bytes(s->w, frame);

    for (uint32_t i = 0; i < frames * TABLE_WORDS && !s->w->finding.found; i++) {
        uint64_t pte;
        if (i % LINE_WORDS == 0 && (i = next_line(s->w, frame, frames, i)) == frames * TABLE_WORDS)
            break;
        memcpy(&pte, bytes + (size_t)i * 8, sizeof(pte));
        if (pte == 0)
            continue;
        uint64_t at = gfn + ((uint64_t)i << (9 * level));
        if ((pte & PTE_RWX) != 0)
            walk_leaf(s, pte, level, at);
        else if (level == 0 || (pte & PTE_LOW_BITS) != PTE_V || pte >> 54 != 0)
            bad_entry(s, level, at, pte, "is neither a leaf nor a pointer");
        else if (paint(s->w, entry_frame(pte), PAGE_TABLE, s->slot, 0))
            walk_table(s, (uint32_t)entry_frame(pte), 1, level - 1, at);
    }
}

static void paint_run(struct world *w, uint32_t first, uint32_t count, unsigned state, uint32_t slot)
{
    for (uint32_t i = 0; i < count; i++)
        paint(w, (uint64_t)first + i, state, slot, 0);
}

/* A list of frames that a TVM holds back. */
static void paint_list(struct world *w, uint32_t slot, uint32_t head, uint32_t counted, unsigned state)
{
    uint32_t frame = head;
    uint32_t count = 0;

    while (frame != CONF_PAGE_NONE && paint(w, frame, state, slot, 0)) {
        frame = w->machine->monitor->page[frame].link;
        count++;
    }
    if (frame == CONF_PAGE_NONE && count != counted)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "pool", "TVM slot %u counts %u frames as %s, its list has %u", slot,
                      counted, page_state_name(state), count);
}

/* Everything that TVM `slot` holds. */
static void paint_tvm(struct world *w, uint32_t slot)
{
    const struct tvm_facts *facts = &w->oracle_state->tvm[slot].facts;
    struct walk_step s = {.w = w, .slot = slot};
    unsigned levels = facts->mode - GSTAGE_SV39X4 + 3u;

    if (facts->mode < GSTAGE_SV39X4 || levels > MAX_LEVELS) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "mode", "TVM slot %u has G-stage mode %u", slot, facts->mode);
        return;
    }
    if (facts->root % TVM_ROOT_PAGES != 0)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "root", "TVM slot %u: root at frame %u is not aligned to its size",
                      slot, facts->root);
    paint_run(w, w->machine->monitor->tvm[slot].frame.index, TVM_STATE_PAGES, PAGE_TVM_STATE, slot);
    paint_run(w, facts->root, TVM_ROOT_PAGES, PAGE_TVM_ROOT, slot);
    for (uint64_t rest = facts->vcpus; rest != 0; rest &= rest - 1)
        paint(w, facts->vcpu_frame[__builtin_ctzll(rest)], PAGE_VCPU_STATE, slot, 0);
    paint_list(w, slot, facts->pool_head, facts->pool_count, PAGE_TABLE_POOL);
    paint_list(w, slot, facts->reserve_head, facts->reserve_count, PAGE_RESERVE);
    if (!w->finding.found)
        walk_table(&s, facts->root, TVM_ROOT_PAGES, levels - 1, 0);
}

/* --- comparing -------------------------------------------------------------------------------------------------- */

/* Fields of a record that its state does not use are what page_record.h says they are. */
static bool record_is_tidy(const struct page_record *r)
{
    return r->zero == 0 && (r->owner == 0 || state_is_owned(r->state)) &&
           (r->link == CONF_PAGE_NONE || r->state == PAGE_TABLE_POOL || r->state == PAGE_RESERVE) &&
           (r->version == 0 || r->state == PAGE_CONVERTING) &&
           (r->gfn == 0 || r->state == PAGE_DATA || r->state == PAGE_BLOCKED);
}

/* Is a record, in all of its fields, what the picture wants it to be? The ordinary case of what follows. */
static bool is_as_used(const struct world *w, const struct page_record *r, const struct frame_use *use)
{
    bool listed = use->state == PAGE_TABLE_POOL || use->state == PAGE_RESERVE;
    uint64_t others = (uint64_t)(r->state ^ use->state) | (uint64_t)(r->owner ^ use->owner) | r->zero | r->version |
                      (r->gfn ^ use->gfn) | (listed ? 0 : r->link ^ CONF_PAGE_NONE);

    return others == 0 && (use->state == PAGE_NONCONF || w->machine->monitor->tvm[use->owner].state != TVM_ABSENT);
}

static void compare_frame(struct world *w, uint32_t frame)
{
    const struct page_record *r = &w->machine->monitor->page[frame];
    const struct frame_use *use = &w->oracle_state->use[frame];

    if (is_as_used(w, r, use))
        return;
    if (r->state >= PAGE_BUSY) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "state", "frame %u is left in state %u (%s) after the call", frame,
                      r->state, page_state_name(r->state));
        return;
    }
    if (!record_is_tidy(r)) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "record", "frame %u (%s) has a field that its state does not use",
                      frame, page_state_name(r->state));
        return;
    }
    bool owned = state_is_owned(r->state);
    if (owned && (r->owner >= MONITOR_MAX_TVMS || w->machine->monitor->tvm[r->owner].state == TVM_ABSENT)) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "owner", "frame %u is %s of TVM slot %u, which is absent", frame,
                      page_state_name(r->state), r->owner);
        return;
    }
    if (!owned && use->state == PAGE_NONCONF)
        return;
    if (use->state != r->state || use->owner != r->owner)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "owner",
                      "frame %u is recorded as %s of slot %u, but used as %s of slot %u", frame,
                      page_state_name(r->state), r->owner,
                      use->state == PAGE_NONCONF ? "nothing" : page_state_name(use->state), use->owner);
    else if (use->gfn != r->gfn)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "gfn",
                      "frame %u of slot %u is recorded at gfn 0x%llx and mapped at 0x%llx", frame, r->owner,
                      (unsigned long long)r->gfn, (unsigned long long)use->gfn);
}

/* Sorted, disjoint, page-aligned, within the guest-physical width, of a type there is, memory without a pending change merged. */
static bool regions_are_tidy(struct world *w, uint32_t slot, const struct tvm *t)
{
    uint64_t end = 0;

    if (t->gstage_mode - GSTAGE_SV39X4 > 2)
        return true; /* reported with the mode */
    uint64_t limit = UINT64_C(1) << (41 + 9 * (t->gstage_mode - GSTAGE_SV39X4));
    for (uint32_t i = 0; i < t->region_count && i < TVM_MAX_REGIONS; i++) {
        const struct region *r = &t->region[i];
        bool joins = i > 0 && r->base == end && r->type == t->region[i - 1].type &&
                     (r->type == REGION_CONFIDENTIAL || r->type == REGION_SHARED);
        if (r->base >= end && !joins && r->len != 0 && ((r->base | r->len) & PAGE_MASK) == 0 && r->base < limit &&
            r->len <= limit - r->base && r->type <= REGION_MMIO && r->zero == 0) {
            end = r->base + r->len;
            continue;
        }
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "regions",
                      "TVM slot %u: region %u (0x%llx, 0x%llx bytes, type %u) is malformed or out of order", slot, i,
                      (unsigned long long)r->base, (unsigned long long)r->len, r->type);
        return false;
    }
    if (t->region_count > TVM_MAX_REGIONS)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "regions", "TVM slot %u has %u regions", slot, t->region_count);
    return t->region_count <= TVM_MAX_REGIONS;
}

/* Which vCPUs are on a hart, and since which version of the TVM's fence: the counts agree with the harts. */
static void check_running_vcpus(struct world *w, uint32_t slot, const struct tvm *t, uint64_t vcpus)
{
    const struct monitor *m = w->machine->monitor;
    uint32_t current = 0;
    uint32_t previous = 0;

    for (; vcpus != 0; vcpus &= vcpus - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(vcpus);
        const struct vcpu_slot *v = &t->vcpu[i];
        if (v->state > VCPU_SUSPENDED)
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, "vcpu", "vCPU %u of TVM slot %u is in state %u", i, slot,
                          v->state);
        if (v->state != VCPU_RUNNING)
            continue;
        bool there =
            v->hart < w->machine->config.harts && m->hart[v->hart].tvm_slot == slot && m->hart[v->hart].vcpu_id == i;
        if (!there)
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, "vcpu", "vCPU %u of TVM slot %u is RUNNING on no hart", i, slot);
        current += v->fence_version == t->fence.current;
        previous += v->fence_version != t->fence.current;
    }
    if (current != t->fence.running_current || previous != t->fence.running_previous)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "tvm-fence-count",
                      "TVM slot %u waits for %u and %u vCPUs, but %u and %u run", slot, t->fence.running_current,
                      t->fence.running_previous, current, previous);
}

static uint64_t hash_regions(const struct tvm *t)
{
    uint64_t hash = t->region_count;

    for (uint32_t i = 0; i < t->region_count && i < TVM_MAX_REGIONS; i++)
        hash = (hash ^ t->region[i].base ^ t->region[i].len << 20 ^ t->region[i].type) * UINT64_C(0x9e3779b97f4a7c15);
    return hash;
}

/* What the object of a TVM says about itself, into `facts`, all zero before. False after a report: the slot names no object. */
static bool read_facts(struct world *w, uint32_t slot, struct tvm_facts *facts)
{
    const struct tvm_slot *s = &w->machine->monitor->tvm[slot];
    const struct oracle_state *o = w->oracle_state;

    if (s->frame.index >= o->pages || o->pages - s->frame.index < TVM_STATE_PAGES) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "reach", "the object of TVM slot %u is outside the window", slot);
        return false;
    }
    const struct tvm *t = (const void *)frame_bytes(w, s->frame.index);
    if (t->id != s->id || t->slot != slot) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "slot",
                      "the object of TVM slot %u (id %llu) is that of slot %u (id %llu)", slot,
                      (unsigned long long)s->id, t->slot, (unsigned long long)t->id);
        return false;
    }
    facts->root = t->root.index;
    facts->pool_head = t->pool_head;
    facts->pool_count = t->pool_count;
    facts->mode = t->gstage_mode;
    facts->vmid = t->vmid;
    facts->promoted = t->promoted;
    facts->reserve_head = t->reserve_head;
    facts->reserve_count = t->reserve_count;
    facts->regions = hash_regions(t);
    for (uint32_t i = 0; i < TVM_MAX_VCPUS; i++)
        facts->vcpu_frame[i] = CONF_PAGE_NONE;
    facts->vcpus = oracle_vcpus(t);
    for (uint64_t rest = facts->vcpus; rest != 0; rest &= rest - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(rest);
        facts->vcpu_frame[i] = t->vcpu[i].frame.index;
    }
    check_running_vcpus(w, slot, t, facts->vcpus);
    return regions_are_tidy(w, slot, t);
}

/* Two live TVMs that share a VMID share translations, unless the hardware has too few for all. */
static void check_vmid(struct world *w, uint32_t slot)
{
    const struct monitor *m = w->machine->monitor;
    const struct oracle_state *o = w->oracle_state;

    if ((1u << m->platform.vmid_bits) <= MONITOR_MAX_TVMS)
        return;
    for (uint64_t live = o->slot_live & records_live_slots(w); live != 0; live &= live - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(live);
        if (i != slot && o->tvm[i].facts.vmid == o->tvm[slot].facts.vmid)
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, "vmid", "TVM slots %u and %u both use VMID %u", i, slot,
                          o->tvm[slot].facts.vmid);
    }
}

/* --- hooks ------------------------------------------------------------------------------------------------------ */

static void forget_picture(struct oracle_state *o)
{
    FRAME_SET_EACH(&o->used, f)
    {
        o->use[f] = (struct frame_use){0};
    }
    frame_set_clear(&o->used);
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++)
        o->painted[i] = CONF_PAGE_NONE;
}

void own_reset(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    forget_picture(o);
    frame_set_clear(&o->lined);
}

void own_audit(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    forget_picture(o);
    frame_set_clear(&o->lined);
    for (uint32_t slot = 0; slot < MONITOR_MAX_TVMS && !w->finding.found; slot++) {
        if (w->machine->monitor->tvm[slot].state == TVM_ABSENT)
            continue;
        o->tvm[slot].facts = (struct tvm_facts){0};
        if (read_facts(w, slot, &o->tvm[slot].facts)) {
            check_vmid(w, slot);
            paint_tvm(w, slot);
        }
    }
    for (uint32_t frame = 0; frame < o->pages && !w->finding.found; frame++) {
        if (frame % 64 == 0 && o->used.word[frame / 64] == 0 && records_plain(w, frame))
            frame += 63;
        else
            compare_frame(w, frame);
    }
}

/* TVM slots whose structures may have changed in this step, as bits. */
static uint64_t slots_to_repaint(const struct world *w)
{
    const struct oracle_state *o = w->oracle_state;
    const struct monitor *m = w->machine->monitor;
    uint64_t slots = 0;

    for (uint32_t i = 0; i < o->written_count; i++) {
        const struct frame_use *use = &o->use[o->written[i]];
        if (state_is_owned(use->state) && use->state != PAGE_DATA && use->state != PAGE_BLOCKED &&
            use->state != PAGE_RESERVE && use->state != PAGE_VCPU_STATE)
            slots |= UINT64_C(1) << use->owner;
    }
    for (uint32_t i = 0; i < o->changed_count; i++) {
        const struct page_record *before = &o->record[o->changed[i]];
        const struct page_record *after = &m->page[o->changed[i]];
        if (state_is_owned(before->state))
            slots |= UINT64_C(1) << (before->owner % MONITOR_MAX_TVMS);
        if (state_is_owned(after->state))
            slots |= UINT64_C(1) << (after->owner % MONITOR_MAX_TVMS);
    }
    for (uint64_t moved = o->slots_moved; moved != 0; moved &= moved - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(moved);
        if (m->tvm[i].state != o->slot[i].state || m->tvm[i].id != o->slot[i].id ||
            m->tvm[i].frame.index != o->slot[i].frame.index)
            slots |= UINT64_C(1) << i;
    }
    return slots;
}

/* Did a root or table of this TVM, or one of its records, really change? Runs touch its object without that. */
static bool structure_changed(const struct world *w, uint32_t slot)
{
    const struct oracle_state *o = w->oracle_state;

    for (uint32_t i = 0; i < o->changed_count; i++) {
        const struct page_record *before = &o->record[o->changed[i]];
        const struct page_record *after = &w->machine->monitor->page[o->changed[i]];
        if ((state_is_owned(before->state) && before->owner == slot) ||
            (state_is_owned(after->state) && after->owner == slot))
            return true;
    }
    for (uint32_t i = 0; i < o->written_count; i++) {
        const struct frame_use *use = &o->use[o->written[i]];
        if ((use->state == PAGE_TVM_ROOT || use->state == PAGE_TABLE) && use->owner == slot)
            return true;
    }
    return false;
}

/* Take the picture of one TVM away. Its frames are in `erased` then; returns how many. */
static uint32_t erase(struct oracle_state *o, uint32_t slot)
{
    uint32_t count = 0;
    uint32_t frame = o->painted[slot];

    while (frame != CONF_PAGE_NONE) {
        uint32_t next = o->use[frame].next;
        o->use[frame] = (struct frame_use){0};
        frame_set_remove(&o->used, frame);
        o->erased[count++] = frame;
        frame = next;
    }
    o->painted[slot] = CONF_PAGE_NONE;
    return count;
}

static void repaint(struct world *w, uint32_t slot)
{
    struct oracle_state *o = w->oracle_state;
    const struct tvm_slot *now = &w->machine->monitor->tvm[slot];
    const struct tvm_slot *before = &o->slot[slot];
    struct tvm_facts facts;
    bool present = now->state != TVM_ABSENT;

    memset(&facts, 0, sizeof(facts)); /* padding too: they are compared as a whole */
    if (present && !read_facts(w, slot, &facts))
        return;
    bool same = present && before->state != TVM_ABSENT && now->id == before->id &&
                now->frame.index == before->frame.index && memcmp(&facts, &o->tvm[slot].facts, sizeof(facts)) == 0 &&
                !structure_changed(w, slot);
    if (same)
        return;

    uint32_t erased = erase(o, slot);
    o->tvm[slot].facts = facts;
    if (present) {
        check_vmid(w, slot);
        paint_tvm(w, slot);
    }
    /* The records of frames that are in the picture, and of those that fell out of it. */
    for (uint32_t frame = o->painted[slot]; frame != CONF_PAGE_NONE; frame = o->use[frame].next)
        compare_frame(w, frame);
    for (uint32_t i = 0; i < erased; i++)
        compare_frame(w, o->erased[i]);
}

void own_after(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    uint64_t slots = slots_to_repaint(w);

    for (uint32_t slot = 0; slots != 0 && !w->finding.found; slot++, slots >>= 1) {
        if ((slots & 1) != 0)
            repaint(w, slot);
    }
    for (uint32_t i = 0; i < o->changed_count && !w->finding.found; i++)
        compare_frame(w, o->changed[i]);
}

/* --- one translation -------------------------------------------------------------------------------------------- */

bool own_leaf(const struct world *w, uint32_t slot, uint64_t gfn, struct own_leaf *leaf)
{
    const struct tvm_facts *facts = &w->oracle_state->tvm[slot].facts;
    unsigned level = facts->mode - GSTAGE_SV39X4 + 2u;
    uint64_t frame = facts->root;
    uint64_t mask = TABLE_WORDS * TVM_ROOT_PAGES - 1;
    uint64_t pte;

    /* Beyond the width there is nothing, though the index of the root would come out as some address below it. */
    if ((gfn >> (9 * level)) > mask)
        return false;
    for (;; level--, mask = TABLE_WORDS - 1) {
        if (frame >= w->oracle_state->pages || level >= MAX_LEVELS)
            return false;
        memcpy(&pte, frame_bytes(w, (uint32_t)frame) + (gfn >> (9 * level) & mask) * 8, sizeof(pte));
        if ((pte & PTE_RWX) != 0)
            break;
        if ((pte & PTE_V) == 0 || level == 0)
            return false;
        frame = entry_frame(pte);
    }
    leaf->present = (pte & PTE_V) != 0;
    leaf->shared = (pte & PTE_X) == 0;
    leaf->large = level != 0;
    leaf->page = (PTE_PPN(pte) & ((UINT64_C(1) << 44) - 1)) + (gfn & ((UINT64_C(1) << (9 * level)) - 1));
    return true;
}
