/* SPDX-License-Identifier: Apache-2.0 */
/* Two pictures of a machine, and what differs between them in words; see explain.h. */
#include "harness/cli/explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/oracles/oracle.h"

#define WORDS (PAGE_SIZE / sizeof(uint64_t))
#define ENTRIES_TOLD 8u /* changed words of one frame */

bool picture_make(struct picture *p, const struct world *w)
{
    p->pages = w->machine->config.window_pages;
    p->record = calloc(p->pages, sizeof(*p->record));
    p->window = malloc((size_t)p->pages * PAGE_SIZE);
    if (p->record == NULL || p->window == NULL) {
        picture_free(p);
        return false;
    }
    picture_take(p, w);
    return true;
}

void picture_free(struct picture *p)
{
    free(p->record);
    free(p->window);
    p->record = NULL;
    p->window = NULL;
}

void picture_take(struct picture *p, const struct world *w)
{
    const struct monitor *m = w->machine->monitor;

    memcpy(p->record, m->page, p->pages * sizeof(*p->record));
    memcpy(p->window, w->machine->window, (size_t)p->pages * PAGE_SIZE);
    memcpy(p->slot, m->tvm, sizeof(p->slot));
    memcpy(p->hart, w->machine->hart, w->machine->config.harts * sizeof(p->hart[0]));
    for (uint32_t h = 0; h < w->machine->config.harts; h++)
        p->hsm[h] = m->hart[h].hsm_state;
}

static bool owned(uint8_t state)
{
    return state >= PAGE_TVM_ROOT && state <= PAGE_RESERVE;
}

static void print_use(FILE *out, const struct page_record *r)
{
    fprintf(out, "%s", page_state_name(r->state));
    if (owned(r->state))
        fprintf(out, " of TVM slot %u", r->owner);
}

static bool same_change(const struct picture *b, const struct picture *a, uint32_t one, uint32_t two)
{
    return b->record[one].state == b->record[two].state && b->record[one].owner == b->record[two].owner &&
           a->record[one].state == a->record[two].state && a->record[one].owner == a->record[two].owner;
}

static bool changed(const struct picture *b, const struct picture *a, uint32_t n)
{
    return b->record[n].state != a->record[n].state || b->record[n].owner != a->record[n].owner;
}

/* Runs of frames that changed hands alike. */
static void tell_frames(FILE *out, const char *indent, const struct picture *b, const struct picture *a)
{
    for (uint32_t first = 0, next; first < a->pages; first = next) {
        next = first + 1;
        if (!changed(b, a, first))
            continue;
        while (next < a->pages && changed(b, a, next) && same_change(b, a, first, next))
            next++;
        fprintf(out, "%swin[%u]", indent, first);
        if (next - first > 1)
            fprintf(out, " to win[%u]", next - 1);
        fputs(": ", out);
        print_use(out, &b->record[first]);
        fputs(" -> ", out);
        print_use(out, &a->record[first]);
        fputc('\n', out);
    }
}

/* Words of page tables. Other contents are told as a count. */
static void tell_contents(FILE *out, const char *indent, const struct picture *b, const struct picture *a)
{
    for (uint32_t n = 0; n < a->pages; n++) {
        const uint8_t *old = b->window + (size_t)n * PAGE_SIZE, *new = a->window + (size_t)n *PAGE_SIZE;
        bool table = a->record[n].state == PAGE_TABLE || a->record[n].state == PAGE_TVM_ROOT;
        uint32_t differ = 0;
        bool zero = bytes_zero(new, PAGE_SIZE);

        if (memcmp(old, new, PAGE_SIZE) == 0)
            continue;
        for (uint32_t i = 0; i < WORDS; i++) {
            uint64_t was, is;

            memcpy(&was, old + 8 * i, 8);
            memcpy(&is, new + 8 * i, 8);
            if (was != is && table && !zero && differ++ < ENTRIES_TOLD)
                fprintf(out, "%stable win[%u], entry %u: 0x%" PRIx64 " -> 0x%" PRIx64 "\n", indent, n, i, was, is);
            else if (was != is && (!table || zero))
                differ++;
        }
        if (zero)
            fprintf(out, "%swin[%u]: wiped\n", indent, n);
        else if (!table)
            fprintf(out, "%swin[%u]: %u words of its content changed\n", indent, n, differ);
        else if (differ > ENTRIES_TOLD)
            fprintf(out, "%stable win[%u]: %u more entries changed\n", indent, n, differ - ENTRIES_TOLD);
    }
}

static const char *tvm_state_name(uint32_t state)
{
    static const char *const names[] = {"absent", "initializing", "runnable", "dead"};

    return state < 4 ? names[state] : "damaged";
}

static void tell_tvms(FILE *out, const char *indent, const struct picture *b, const struct picture *a)
{
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++) {
        if (b->slot[i].state != a->slot[i].state || b->slot[i].id != a->slot[i].id)
            fprintf(out, "%sTVM slot %u (id %" PRIu64 "): %s -> %s\n", indent, i,
                    a->slot[i].id != 0 ? a->slot[i].id : b->slot[i].id, tvm_state_name(b->slot[i].state),
                    tvm_state_name(a->slot[i].state));
        if (b->slot[i].running != a->slot[i].running)
            fprintf(out, "%sTVM slot %u: vCPUs on harts %u -> %u\n", indent, i, b->slot[i].running, a->slot[i].running);
    }
}

static void tell_registers(FILE *out, const char *indent, uint32_t h, const struct machine_hart *b,
                           const struct machine_hart *a)
{
    unsigned told = 0, differ = 0;

    for (unsigned x = 1; x < 32; x++)
        differ += b->x[x] != a->x[x];
    if (b->virt != a->virt)
        fprintf(out, "%shart %u: %s -> %s\n", indent, h, b->virt ? "guest" : "host", a->virt ? "guest" : "host");
    if (b->parked != a->parked)
        fprintf(out, "%shart %u: %s\n", indent, h, a->parked ? "stops" : "starts");
    for (unsigned x = 1; x < 32 && differ <= 8; x++) {
        if (b->x[x] == a->x[x])
            continue;
        if (told++ == 0)
            fprintf(out, "%shart %u:", indent, h);
        fprintf(out, "%s x%u = 0x%" PRIx64, told == 1 ? "" : ",", x, a->x[x]);
    }
    if (told != 0)
        fputc('\n', out);
    if (differ > 8)
        fprintf(out, "%shart %u: %u registers changed\n", indent, h, differ);
}

static void tell_hart(FILE *out, const char *indent, uint32_t h, const struct machine_hart *b,
                      const struct machine_hart *a)
{
    unsigned gone = 0;

    tell_registers(out, indent, h, b, a);
    for (unsigned i = 0; i < PMP_ENTRIES; i++) {
        if (b->pmpcfg[i] != a->pmpcfg[i] || b->pmpaddr[i] != a->pmpaddr[i])
            fprintf(out, "%shart %u: PMP entry %u: 0x%02x 0x%" PRIx64 " -> 0x%02x 0x%" PRIx64 "\n", indent, h, i,
                    b->pmpcfg[i], b->pmpaddr[i] << 2, a->pmpcfg[i], a->pmpaddr[i] << 2);
    }
    for (unsigned i = 0; i < MACHINE_TLB_ENTRIES; i++) {
        const struct tlb_entry *was = &b->tlb[i], *is = &a->tlb[i];
        bool valid = (a->tlb_valid >> i & 1) != 0;

        gone += (b->tlb_valid >> i & 1) != 0 && !valid;
        if (valid && memcmp(was, is, sizeof(*is)) != 0)
            fprintf(out, "%shart %u: TLB now has 0x%" PRIx64 " -> 0x%" PRIx64 " (%s, VMID %u)\n", indent, h,
                    is->va_page << PAGE_SHIFT, is->pa_page << PAGE_SHIFT, is->virt ? "guest" : "host", is->vmid);
    }
    if (gone != 0)
        fprintf(out, "%shart %u: TLB forgot %u entries\n", indent, h, gone);
}

void picture_differences(FILE *out, const char *indent, const struct picture *before, const struct picture *after,
                         uint32_t harts)
{
    tell_frames(out, indent, before, after);
    tell_tvms(out, indent, before, after);
    tell_contents(out, indent, before, after);
    for (uint32_t h = 0; h < harts; h++)
        tell_hart(out, indent, h, &before->hart[h], &after->hart[h]);
}
