/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Good and bad values for arguments, by kind.
 */
#include "harness/trace/values.h"

#include "harness/machine/machine.h"
#include "monitor/abi/sbi.h"

#define DEFAULT_HOST_PAGES MACHINE_DEFAULT_HOST_PAGES
#define NO_RUN UINT32_MAX

/* --- choosing from the sketch ----------------------------------------------------------------------------- */

static bool run_fits(const struct sketch *s, uint32_t first, uint8_t state, int owner, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        if (s->page[i] != state || (owner >= 0 && s->owner[i] != owner))
            return false;
    }
    return true;
}

uint32_t value_find_run(const struct aim *aim, uint8_t state, int owner, uint32_t count, uint32_t align)
{
    uint32_t pages = aim->s->pages < SKETCH_PAGES ? aim->s->pages : SKETCH_PAGES;
    if (count == 0 || count > pages)
        return NO_RUN;
    uint32_t last = pages - count;
    uint32_t spread = random_chance(aim->r, 80) ? 32 : last + 1;
    uint32_t start = (uint32_t)random_below(aim->r, spread < last + 1 ? spread : last + 1) / align * align;

    for (uint32_t first = start; first <= last; first += align) {
        if (run_fits(aim->s, first, state, owner, count))
            return first;
    }
    for (uint32_t first = 0; first < start; first += align) {
        if (run_fits(aim->s, first, state, owner, count))
            return first;
    }
    return NO_RUN;
}

int value_find_tvm(const struct aim *aim, bool runnable)
{
    int found = -1;
    unsigned candidates = 0;

    for (int i = 0; i < aim->s->tvms; i++) {
        const struct sketch_tvm *tvm = &aim->s->tvm[i];
        if (tvm->alive && tvm->runnable == runnable && random_below(aim->r, ++candidates) == 0)
            found = i;
    }
    return found;
}

uint64_t value_next_gpa(const struct aim *aim, const struct sketch_tvm *tvm, uint64_t page_size)
{
    if (tvm->regions == 0)
        return LAYOUT_REGION;
    unsigned region = (unsigned)random_below(aim->r, tvm->regions);
    uint64_t next = tvm->region[region];
    uint64_t end = next + tvm->region_len[region];

    if (random_chance(aim->r, 15) && end - page_size >= next)
        return (end - page_size) & ~(page_size - 1);
    for (unsigned i = 0; i < tvm->mapped; i++) {
        if (tvm->gpa[i] >= next && tvm->gpa[i] < end)
            next = tvm->gpa[i] + page_size;
    }
    return (next + page_size - 1) & ~(page_size - 1);
}

/* --- numbers ---------------------------------------------------------------------------------------------- */

uint64_t value_edge(struct random *r, uint64_t near)
{
    uint64_t step = random_below(r, 3) - 1;

    switch (random_below(r, 8)) {
    case 0: return 0;
    case 1: return near - 1;
    case 2: return near + 1;
    case 3: return UINT64_MAX - random_below(r, 2) * (PAGE_SIZE - 1);
    case 4: return (1ull << random_below(r, 64)) + step;
    case 5: return near * 2;
    case 6: return near | 1ull << (32 + random_below(r, 32));
    default: return (1ull << 12 * random_below(r, 6)) + step;
    }
}

static int32_t small_offset(struct random *r)
{
    static const int32_t offsets[] = {-1, 1, 8, -8, 16, 64, 2048, 4095, -4096, 4096};

    return offsets[random_below(r, sizeof(offsets) / sizeof(offsets[0]))];
}

static uint32_t host_pages(const struct aim *aim)
{
    return aim->t->host_pages != 0 ? aim->t->host_pages : DEFAULT_HOST_PAGES;
}

/* --- addresses -------------------------------------------------------------------------------------------- */

/* A page of a TVM that has blocked some of its pages; NO_RUN when there is none. */
static uint32_t blocked_frame(const struct aim *aim)
{
    for (unsigned i = 0; i < aim->s->tvms; i++) {
        const struct sketch_tvm *tvm = &aim->s->tvm[i];
        if (tvm->alive && tvm->blocked && tvm->mapped != 0)
            return tvm->gpa_page[random_below(aim->r, tvm->mapped)];
    }
    return NO_RUN;
}

/* A page of host memory that a TVM shares; where some might be when none does. */
static uint64_t lent_page(const struct aim *aim)
{
    uint64_t page = trace_handle(LAYOUT_SHARED + (uint32_t)random_below(aim->r, LAYOUT_SHARED_FRAMES), 0);

    for (unsigned i = 0; i < aim->s->tvms; i++)
        if (aim->s->tvm[i].alive && aim->s->tvm[i].lent != 0)
            page = aim->s->tvm[i].lent;
    return page;
}

/* Any frame of the window, with a preference for those that somebody uses. */
static uint32_t some_frame(const struct aim *aim)
{
    uint8_t state = (uint8_t)(SKETCH_CONVERTED + random_below(aim->r, SKETCH_DATA));
    uint32_t blocked = blocked_frame(aim);

    if (blocked != NO_RUN && random_chance(aim->r, 25))
        return blocked;
    if (random_chance(aim->r, 75)) {
        uint32_t first = value_find_run(aim, state, -1, 1, 1);
        if (first != NO_RUN)
            return first;
    }
    return (uint32_t)random_below(aim->r, random_chance(aim->r, 70) ? 40 : aim->s->pages);
}

/* Where an address of the right kind becomes one of the wrong kind. */
static void edge_address(const struct aim *aim, struct trace_op *op, unsigned arg)
{
    switch (random_below(aim->r, 15)) {
    case 0: value_handle(op, arg, ARG_WIN, 0, -(int32_t)PAGE_SIZE); break;
    case 1: value_handle(op, arg, ARG_WIN, aim->s->pages, 0); break;
    case 2: value_handle(op, arg, ARG_WIN, aim->s->pages - 1, 0); break;
    case 3: value_handle(op, arg, ARG_WIN, aim->s->pages, -(int32_t)random_below(aim->r, 100)); break;
    case 4: value_handle(op, arg, ARG_MON, (uint32_t)random_below(aim->r, 512), 0); break;
    case 5: value_handle(op, arg, ARG_MMIO, 0, 0); break;
    case 6: value_handle(op, arg, ARG_RAM, host_pages(aim) - (uint32_t)random_below(aim->r, 4), 0); break;
    case 7: value_handle(op, arg, ARG_RAM, host_pages(aim), -(int32_t)random_below(aim->r, 100)); break;
    case 8: value_raw(op, arg, MACHINE_UART_BASE); break;
    case 9: value_raw(op, arg, UINT64_MAX - PAGE_SIZE * random_below(aim->r, 4)); break;
    case 10: value_raw(op, arg, 0 - PAGE_SIZE * (1 + random_below(aim->r, 4))); break;
    case 11: value_handle(op, arg, ARG_RAM, 0, -(int32_t)random_below(aim->r, 64)); break;
    case 12: value_handle(op, arg, ARG_RAM, LAYOUT_MAILBOX(op->hart) + (uint32_t)random_below(aim->r, 3), 0); break;
    case 13: value_handle(op, arg, ARG_RAM, trace_handle_index(lent_page(aim)), 0); break;
    default: value_raw(op, arg, value_edge(aim->r, MACHINE_WINDOW_BASE)); break;
    }
}

static void bad_window_address(const struct aim *aim, struct trace_op *op, unsigned arg)
{
    uint64_t kind = random_below(aim->r, 100);

    if (kind < 65)
        value_handle(op, arg, ARG_WIN, some_frame(aim), 0);
    else if (kind < 75)
        op->a[arg] += op->kind[arg] == ARG_RAW ? 1 : trace_handle(0, small_offset(aim->r));
    else if (kind < 82)
        value_handle(op, arg, ARG_RAM, (uint32_t)random_below(aim->r, 16), 0);
    else
        edge_address(aim, op, arg);
}

static void bad_host_address(const struct aim *aim, struct trace_op *op, unsigned arg)
{
    uint64_t kind = random_below(aim->r, 100);
    uint32_t frame = some_frame(aim);

    if (kind < 35)
        value_handle(op, arg, ARG_WIN, frame, random_chance(aim->r, 50) ? small_offset(aim->r) : 0);
    else if (kind < 55)
        op->a[arg] += op->kind[arg] == ARG_RAW ? 1 : trace_handle(0, small_offset(aim->r));
    else
        edge_address(aim, op, arg);
}

static void bad_gpa(const struct aim *aim, struct trace_op *op, unsigned arg)
{
    const struct sketch_tvm *tvm = aim->s->tvms != 0 ? &aim->s->tvm[random_below(aim->r, aim->s->tvms)] : NULL;
    uint64_t edge = LAYOUT_REGION;
    uint64_t back = random_below(aim->r, 3) * PAGE_SIZE;

    if (tvm != NULL && tvm->regions != 0) {
        unsigned i = (unsigned)random_below(aim->r, tvm->regions);
        edge = tvm->region[i] + (random_chance(aim->r, 60) ? tvm->region_len[i] : 0);
    }
    switch (random_below(aim->r, 9)) {
    case 0:
        value_raw(op, arg, tvm != NULL && tvm->mapped != 0 ? tvm->gpa[random_below(aim->r, tvm->mapped)] : 0);
        break;
    case 1: value_raw(op, arg, edge); break;
    case 2: value_raw(op, arg, edge - PAGE_SIZE); break;
    case 3: value_raw(op, arg, edge + PAGE_SIZE); break;
    case 4: value_raw(op, arg, op->a[arg] + (uint64_t)(int64_t)small_offset(aim->r)); break;
    case 5: value_raw(op, arg, (1ull << (41 + 9 * random_below(aim->r, 3))) - back); break;
    case 6: value_raw(op, arg, LAYOUT_SECOND_REGION + PAGE_SIZE * random_below(aim->r, 4)); break;
    case 7: value_raw(op, arg, 0 - PAGE_SIZE * (1 + random_below(aim->r, 2))); break;
    default: value_raw(op, arg, value_edge(aim->r, op->a[arg])); break;
    }
}

/* --- by kind ---------------------------------------------------------------------------------------------- */

void value_good(const struct aim *aim, enum abi_arg_kind kind, struct trace_op *op, unsigned arg)
{
    static const uint64_t lengths[] = {0, 1, 16, 48, 64, 4096, 0x2000, LAYOUT_REGION_LEN};
    size_t calls;
    const struct abi_call *call = abi_calls(&calls);
    struct random *r = aim->r;
    uint32_t first = NO_RUN;

    switch (kind) {
    case ABI_KIND_CONF_PAGE:
    case ABI_KIND_CONF_PAGES:
        first = value_find_run(aim, SKETCH_FREE, -1, 1, 1);
        value_handle(op, arg, ARG_WIN, first != NO_RUN ? first : (uint32_t)random_below(r, 32), 0);
        break;
    case ABI_KIND_HOST_BUF:
    case ABI_KIND_HOST_PAGE:
        value_handle(op, arg, ARG_RAM, (uint32_t)random_below(r, 16), 0);
        if (kind == ABI_KIND_HOST_BUF && random_chance(r, 60))
            op->a[arg] = trace_handle(trace_handle_index(op->a[arg]), 16 * (int32_t)random_below(r, 5));
        break;
    case ABI_KIND_GPA:
    case ABI_KIND_GPA_PAGE: value_raw(op, arg, LAYOUT_REGION + PAGE_SIZE * random_below(r, 4)); break;
    case ABI_KIND_LEN: value_raw(op, arg, lengths[random_below(r, sizeof(lengths) / sizeof(lengths[0]))]); break;
    case ABI_KIND_COUNT: value_raw(op, arg, 1 + random_below(r, 4)); break;
    case ABI_KIND_PAGE_TYPE: value_raw(op, arg, random_chance(r, 90) ? TSM_PAGE_4K : TSM_PAGE_2M); break;
    case ABI_KIND_TVM:
        value_handle(op, arg, ARG_TVM, (uint32_t)random_below(r, aim->s->tvms != 0 ? aim->s->tvms : 1), 0);
        break;
    case ABI_KIND_VCPU: value_raw(op, arg, random_chance(r, 85) ? 0 : random_below(r, 4)); break;
    case ABI_KIND_HARTID: value_raw(op, arg, random_below(r, aim->s->harts)); break;
    case ABI_KIND_HART_MASK: value_raw(op, arg, 1 + random_below(r, (1ull << aim->s->harts) - 1)); break;
    case ABI_KIND_HART_BASE:
        value_raw(op, arg, random_chance(r, 70) ? 0 : random_chance(r, 50) ? SBI_ALL_HARTS : random_below(r, 3));
        break;
    case ABI_KIND_PC: value_handle(op, arg, ARG_RAM, (uint32_t)random_below(r, 4), 0); break;
    case ABI_KIND_OPAQUE: value_raw(op, arg, random_next(r)); break;
    case ABI_KIND_EID: value_raw(op, arg, call[random_below(r, calls)].eid); break;
    case ABI_KIND_ADDR_HI: value_raw(op, arg, 0); break;
    case ABI_KIND_IRQ: value_raw(op, arg, random_below(r, 16)); break;
    case ABI_KIND_VALUE:
    case ABI_KIND_NONE: value_raw(op, arg, random_chance(r, 60) ? random_below(r, 4) : random_next(r)); break;
    }
}

/* The same value as another argument, here or earlier: two things that should differ are one. */
static void alias(const struct aim *aim, struct trace_op *op, unsigned arg)
{
    const struct trace_op *from = op;

    if (aim->at != 0 && random_chance(aim->r, 75))
        from = &aim->t->op[random_below(aim->r, aim->at)];
    unsigned i = (unsigned)random_below(aim->r, 6);
    op->kind[arg] = from->kind[i];
    op->a[arg] = from->a[i];
}

void value_bad(const struct aim *aim, enum abi_arg_kind kind, struct trace_op *op, unsigned arg)
{
    struct random *r = aim->r;

    if (random_chance(r, 10)) {
        alias(aim, op, arg);
        return;
    }
    switch (kind) {
    case ABI_KIND_CONF_PAGE:
    case ABI_KIND_CONF_PAGES: bad_window_address(aim, op, arg); break;
    case ABI_KIND_HOST_BUF:
    case ABI_KIND_HOST_PAGE:
    case ABI_KIND_PC: bad_host_address(aim, op, arg); break;
    case ABI_KIND_GPA:
    case ABI_KIND_GPA_PAGE: bad_gpa(aim, op, arg); break;
    case ABI_KIND_TVM:
        if (random_chance(r, 60))
            value_handle(op, arg, ARG_TVM, (uint32_t)random_below(r, aim->s->tvms + 2u), 0);
        else if (random_chance(r, 50))
            value_raw(op, arg, random_below(r, 8));
        else
            value_raw(op, arg, value_edge(r, aim->s->tvms));
        break;
    case ABI_KIND_PAGE_TYPE: value_raw(op, arg, random_chance(r, 70) ? random_below(r, 5) : value_edge(r, 4)); break;
    case ABI_KIND_VCPU:
        value_raw(op, arg,
                  random_chance(r, 60)   ? random_below(r, 3)
                  : random_chance(r, 30) ? 63 + random_below(r, 3)
                                         : value_edge(r, 64));
        break;
    case ABI_KIND_HARTID:
    case ABI_KIND_HART_BASE: value_raw(op, arg, value_edge(r, aim->s->harts)); break;
    case ABI_KIND_COUNT:
        value_raw(op, arg,
                  random_chance(r, 60)   ? random_below(r, 18)
                  : random_chance(r, 15) ? aim->s->pages + random_below(r, 2)
                                         : value_edge(r, random_chance(r, 50) ? aim->s->pages : op->a[arg]));
        break;
    case ABI_KIND_OPAQUE:
    case ABI_KIND_LEN:
    case ABI_KIND_HART_MASK:
    case ABI_KIND_EID:
    case ABI_KIND_ADDR_HI:
    case ABI_KIND_IRQ:
    case ABI_KIND_VALUE:
    case ABI_KIND_NONE:
        value_raw(op, arg, value_edge(r, op->kind[arg] == ARG_RAW ? op->a[arg] : random_next(r)));
        break;
    }
}

/* --- plain accesses --------------------------------------------------------------------------------------- */

uint64_t value_guest_address(const struct aim *aim, const struct sketch_tvm *tvm)
{
    struct random *r = aim->r;
    uint64_t offset = random_below(r, 512) * 8;

    if (tvm->device_len != 0 && random_chance(r, 15))
        return tvm->device + (random_chance(r, 15) ? tvm->device_len - random_below(r, 9) : random_below(r, 16) * 8);
    if (tvm->shared_len != 0 && random_chance(r, 15))
        return tvm->shared + random_below(r, tvm->shared_len / 8) * 8;
    if (tvm->mapped != 0 && random_chance(r, 65))
        return tvm->gpa[random_below(r, tvm->mapped)] + offset;
    if (random_chance(r, 70))
        return value_next_gpa(aim, tvm, PAGE_SIZE) + offset;
    uint64_t anything = random_next(r);
    return random_chance(r, 50) ? value_edge(r, LAYOUT_REGION + LAYOUT_REGION_LEN) : anything >> random_below(r, 40);
}

void value_host_address(const struct aim *aim, struct trace_op *op, unsigned arg)
{
    uint64_t kind = random_below(aim->r, 100);
    uint32_t frame = some_frame(aim);
    int32_t offset = (int32_t)(random_below(aim->r, 512) * 8);

    if (kind < 55)
        value_handle(op, arg, ARG_WIN, frame, offset);
    else if (kind < 75)
        value_handle(op, arg, ARG_RAM, frame % 16, offset);
    else
        edge_address(aim, op, arg);
}
