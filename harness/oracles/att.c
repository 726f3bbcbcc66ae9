/* SPDX-License-Identifier: Apache-2.0 */
/* ATT: measurements computed a second time; see att.h. */
#include "harness/oracles/att.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/sanitize.h"
#include "harness/oracles/oracle.h"
#include "monitor/core/tvm.h"

#define X_FDT 11u
#define X_ID 10u
#define LARGE 512u

/* Registers of the TVM in one slot. */
struct att_slot {
    uint64_t id;
    uint8_t pages[ATT_HASH_SIZE], config[ATT_HASH_SIZE];
};

struct att {
    struct att_slot slot[MONITOR_MAX_TVMS];
    uint64_t used; /* slots that were written since the reset, as bits */
};

/* Supervisor registers of a promoted boot vCPU in the order of measurement, and what of them can be set. */
static const struct {
    uint16_t csr;
    uint64_t keep, set;
} promoted[] = {
    {0x200, UINT64_C(0xc6722), UINT64_C(2) << 32}, /* vsstatus */
    {0x204, 0x222, 0},                             /* vsie */
    {0x205, ~UINT64_C(2), 0},                      /* vstvec */
    {0x240, UINT64_MAX, 0},                        /* vsscratch */
    {0x241, ~UINT64_C(1), 0},                      /* vsepc */
    {0x242, UINT64_MAX, 0},                        /* vscause */
    {0x243, UINT64_MAX, 0},                        /* vstval */
    {0x244, 2, 0},                                 /* vsip */
    {0x24d, UINT64_MAX, 0},                        /* vstimecmp */
    {0x280, UINT64_MAX, 0},                        /* vsatp: nothing of it counts when its mode is Bare */
};

static void finish(struct sha384_ctx *hash, uint8_t m[ATT_HASH_SIZE])
{
    sha384_digest(hash, ATT_HASH_SIZE, m);
    sanitize_written(m, ATT_HASH_SIZE); /* by a library that is not instrumented */
}

static void add_word(struct sha384_ctx *hash, uint64_t value)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    sha384_update(hash, sizeof(bytes), bytes);
}

void att_extend_page(uint8_t m[ATT_HASH_SIZE], uint64_t gpa, const uint8_t *page)
{
    struct sha384_ctx hash;

    sha384_init(&hash);
    sha384_update(&hash, ATT_HASH_SIZE, m);
    add_word(&hash, gpa);
    sha384_update(&hash, PAGE_SIZE, page);
    finish(&hash, m);
}

void att_extend_word(uint8_t m[ATT_HASH_SIZE], uint64_t value)
{
    struct sha384_ctx hash;

    sha384_init(&hash);
    sha384_update(&hash, ATT_HASH_SIZE, m);
    add_word(&hash, value);
    finish(&hash, m);
}

/* --- life ------------------------------------------------------------------------------------------------------- */

bool att_create(struct world *w)
{
    w->oracle_state->att = calloc(1, sizeof(struct att));
    return w->oracle_state->att != NULL;
}

void att_destroy(struct world *w)
{
    free(w->oracle_state->att);
    w->oracle_state->att = NULL;
}

void att_reset(struct world *w)
{
    struct att *a = w->oracle_state->att;

    for (; a->used != 0; a->used &= a->used - 1)
        a->slot[__builtin_ctzll(a->used)] = (struct att_slot){0};
}

/* --- calls ------------------------------------------------------------------------------------------------------ */

static const uint8_t *frame_of(const struct world *w, uint64_t frame)
{
    return machine_peek(w->machine, MACHINE_WINDOW_BASE + frame * PAGE_SIZE, PAGE_SIZE);
}

static struct att_slot *slot_of(struct world *w, uint64_t id)
{
    for (uint64_t live = records_live_slots(w); live != 0; live &= live - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(live);
        if (w->machine->monitor->tvm[i].id == id)
            return &w->oracle_state->att->slot[i];
    }
    return NULL;
}

static void measured_pages(const struct world *w, struct att_slot *s, const uint64_t *a)
{
    uint64_t count = a[4] * (a[3] == TSM_PAGE_2M ? LARGE : 1);
    uint64_t first = (a[2] - MACHINE_WINDOW_BASE) / PAGE_SIZE;

    for (uint64_t i = 0; i < count && frame_of(w, first + i) != NULL; i++)
        att_extend_page(s->pages, a[5] + i * PAGE_SIZE, frame_of(w, first + i));
}

/* Frames of guest memory by guest address. */
struct promoted_page {
    uint64_t gfn, frame;
};

static int by_gfn(const void *a, const void *b)
{
    const struct promoted_page *x = a;
    const struct promoted_page *y = b;

    return x->gfn < y->gfn ? -1 : x->gfn > y->gfn;
}

static void promoted_pages(const struct world *w, struct att_slot *s, uint32_t slot)
{
    uint32_t frames = w->machine->config.window_pages;
    struct promoted_page *list = malloc(frames * sizeof(*list));
    uint32_t count = 0;

    for (uint32_t i = 0; list != NULL && i < frames; i++) {
        const struct page_record *r = &w->machine->monitor->page[i];
        if (r->state == PAGE_DATA && r->owner == slot)
            list[count++] = (struct promoted_page){r->gfn, i};
    }
    if (count > 0)
        qsort(list, count, sizeof(*list), by_gfn);
    for (uint32_t i = 0; i < count; i++)
        if (!bytes_zero(frame_of(w, list[i].frame), PAGE_SIZE))
            att_extend_page(s->pages, list[i].gfn * PAGE_SIZE, frame_of(w, list[i].frame));
    free(list);
}

static uint64_t mailbox(const struct world *w, uint64_t offset)
{
    uint64_t base = w->machine->monitor->hart[w->oracle_state->hart].shmem.value;
    const uint8_t *bytes = machine_peek(w->machine, base + offset, 8);
    uint64_t word = 0;

    if (bytes != NULL)
        memcpy(&word, bytes, 8);
    return word;
}

static void promoted_config(const struct world *w, struct att_slot *s, const struct tvm *t, const uint64_t *a)
{
    uint32_t vcpus = 0;

    att_extend_word(s->config, a[2]);
    for (unsigned i = 0; i < 32; i++)
        att_extend_word(s->config, i == 0 || i == X_ID ? 0 : i == X_FDT ? a[0] : mailbox(w, NACL_GPR_OFFSET(i)));
    for (unsigned i = 0; i < sizeof(promoted) / sizeof(promoted[0]); i++) {
        uint64_t value = mailbox(w, NACL_CSR_OFFSET(promoted[i].csr));
        bool bare = promoted[i].csr == 0x280 && value >> 60 == 0;
        att_extend_word(s->config, bare ? 0 : (value & promoted[i].keep) | promoted[i].set);
    }
    for (uint32_t i = 0; i < TVM_MAX_VCPUS; i++)
        vcpus += t->vcpu[i].state != VCPU_ABSENT;
    att_extend_word(s->config, vcpus);
    att_extend_word(s->config, t->region_count);
    for (uint32_t i = 0; i < t->region_count; i++) {
        att_extend_word(s->config, t->region[i].base);
        att_extend_word(s->config, t->region[i].len);
    }
}

static void follow_call(struct world *w, const struct host_call *call)
{
    const uint64_t *a = call->args;
    bool made = call->id == CALL_covh_create_tvm || call->id == CALL_covh_promote_to_tvm;

    if (!made && call->id != CALL_covh_add_tvm_measured_pages && call->id != CALL_covh_finalize_tvm)
        return; /* extends nothing */
    struct att_slot *s = slot_of(w, made ? call->value : a[0]);
    if (s == NULL)
        return;
    uint32_t slot = (uint32_t)(s - w->oracle_state->att->slot);
    w->oracle_state->att->used |= UINT64_C(1) << slot;
    const struct tvm *t = machine_tvm_object(w->machine, slot);
    if (made)
        *s = (struct att_slot){.id = call->value};
    if (call->id == CALL_covh_add_tvm_measured_pages)
        measured_pages(w, s, a);
    if (call->id == CALL_covh_finalize_tvm) {
        att_extend_word(s->config, a[1]);
        att_extend_word(s->config, a[2]);
    }
    if (call->id == CALL_covh_promote_to_tvm && t != NULL) {
        promoted_pages(w, s, slot);
        promoted_config(w, s, t, a);
    }
}

void att_after(struct world *w)
{
    const struct monitor *m = w->machine->monitor;
    const struct host_call *call = &w->oracle_state->call;

    if (w->machine->halted)
        return;
    if (call->made && call->ok)
        follow_call(w, call);
    for (uint64_t live = records_live_slots(w); live != 0; live &= live - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(live);
        const struct att_slot *s = &w->oracle_state->att->slot[i];
        const struct tvm *t = m->tvm[i].id != s->id ? NULL : machine_tvm_object(w->machine, i);
        if (t == NULL)
            continue;
        if (memcmp(t->pages.value, s->pages, ATT_HASH_SIZE) != 0)
            oracle_report(w, ORACLE_ATT, S1_ISOLATION, "pages",
                          "the measurement of the pages of TVM slot %u is not theirs", i);
        if (memcmp(t->config.value, s->config, ATT_HASH_SIZE) != 0)
            oracle_report(w, ORACLE_ATT, S1_ISOLATION, "config",
                          "the measurement of the configuration of TVM slot %u is not that of its calls", i);
    }
}
