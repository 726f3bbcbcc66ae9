/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes of argument values: at which values interfaces like this one break, and which of them an argument of a call
 * is in the state of a world.
 */
#ifndef TOUCHSTONE_HARNESS_ARGUMENT_CLASSES_H
#define TOUCHSTONE_HARNESS_ARGUMENT_CLASSES_H

#include "harness/agents/agent.h"
#include "monitor/core/tvm.h"

/* The classes, as bits. */
#define CLASSES(X)                                                                                                     \
    X(ZERO, "0")                                                                                                       \
    X(ALL_ONES, "2^64 - 1")                                                                                            \
    X(LAST_PAGE_OF_ALL, "-4096")                                                                                       \
    X(UNALIGNED, "one byte off a page")                                                                                \
    X(BEYOND_WIDTH, "beyond the width of addresses")                                                                   \
    X(WINDOW_LAST, "last page of the window")                                                                          \
    X(WINDOW_END, "right behind the window")                                                                           \
    X(WINDOW_BEFORE, "right before the window")                                                                        \
    X(MONITOR, "in the monitor")                                                                                       \
    X(DEVICE, "a device of the machine")                                                                               \
    X(MAILBOX, "in the mailbox of the hart")                                                                           \
    X(HOST_MEMORY, "host memory")                                                                                      \
    X(PAGE_NONCONF_, "page of the window, the host's")                                                                 \
    X(PAGE_CONVERTING_, "page that is being converted")                                                                \
    X(PAGE_FREE_, "page that is free")                                                                                 \
    X(PAGE_OWNED, "page of a TVM")                                                                                     \
    X(PAGE_BLOCKED_, "page that is blocked")                                                                           \
    X(PAGE_SHARED_, "host page that a TVM shares")                                                                     \
    X(WRAPS, "so many that the range wraps around")                                                                    \
    X(ONE, "1")                                                                                                        \
    X(MAXIMUM, "the maximum")                                                                                          \
    X(ABOVE_MAXIMUM, "one above the maximum")                                                                          \
    X(HUGE_, "2^63 or more")                                                                                           \
    X(ABOVE_32, "2^32 or more")                                                                                        \
    X(PAGE_TYPE_2M, "2 MiB")                                                                                           \
    X(PAGE_TYPE_1G, "1 GiB")                                                                                           \
    X(PAGE_TYPE_512G, "512 GiB")                                                                                       \
    X(PAGE_TYPE_NONE, "a type that there is not")                                                                      \
    X(LIVE, "of a TVM that lives")                                                                                     \
    X(STALE, "of a TVM that is gone")                                                                                  \
    X(OTHER, "of another TVM than the page or hart of this call")                                                      \
    X(NEVER, "never issued")                                                                                           \
    X(TAKEN, "taken already")                                                                                          \
    X(OUTSIDE, "outside of all regions")                                                                               \
    X(REGION_END, "the end of a region")                                                                               \
    X(MAPPED, "where there is a page")                                                                                 \
    X(SHARED_OR_DEVICE, "in a shared or device region")                                                                \
    X(SPANS_END, "over the end of a region")

enum class_index {
#define X(name, text) INDEX_##name,
    CLASSES(X)
#undef X
        CLASS_COUNT
};
#define BIT(name) (UINT64_C(1) << INDEX_##name)
_Static_assert(CLASS_COUNT <= 64, "a bit for each");

static const char *const class_text[] = {
#define X(name, text) text,
    CLASSES(X)
#undef X
};

/* --- what the state says ---------------------------------------------------------------------------------------- */

/* The call at hand. */
struct at_call {
    const struct world *w;
    uint32_t hart;
    const struct abi_call *call;
    uint64_t a[6];
    const bool *shared; /* by frame of host memory: a TVM shares it */
};

static inline const struct tvm *tvm_of(const struct world *w, uint64_t id)
{
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++) {
        const struct tvm_slot *s = &w->machine->monitor->tvm[i];
        if (s->state != TVM_ABSENT && s->id == id)
            return (const void *)(w->machine->window + (size_t)s->frame.index * PAGE_SIZE);
    }
    return NULL;
}

/* The TVM that the call is about: the one it names, or the one that makes it. */
static inline const struct tvm *concerned(const struct at_call *c)
{
    const struct hart *h = &c->w->machine->monitor->hart[c->hart];

    if (machine_in_guest(c->w->machine, c->hart))
        return tvm_of(c->w, c->w->machine->monitor->tvm[h->tvm_slot].id);
    return c->call->args != 0 && c->call->arg[0].kind == ABI_KIND_TVM ? tvm_of(c->w, c->a[0]) : NULL;
}

/* The number that goes with an address: its count, length, or nothing. */
static inline bool following(const struct at_call *c, unsigned arg, enum abi_arg_kind kind, uint64_t *number)
{
    for (unsigned i = arg + 1; i < c->call->args; i++) {
        if (c->call->arg[i].kind != kind)
            continue;
        *number = c->a[i];
        return true;
    }
    return false;
}

static inline uint64_t classes_of_record(const struct page_record *r)
{
    switch ((enum page_state)r->state) {
    case PAGE_NONCONF: return BIT(PAGE_NONCONF_);
    case PAGE_CONVERTING: return BIT(PAGE_CONVERTING_);
    case PAGE_CONF_FREE: return BIT(PAGE_FREE_);
    case PAGE_BLOCKED: return BIT(PAGE_BLOCKED_);
    case PAGE_BUSY: return 0;
    default: return BIT(PAGE_OWNED);
    }
}

static inline uint64_t classes_of_address(const struct at_call *c, unsigned arg)
{
    const struct machine *m = c->w->machine;
    const struct hart *h = &m->monitor->hart[c->hart];
    uint64_t a = c->a[arg];
    uint64_t end = MACHINE_WINDOW_BASE + (uint64_t)m->config.window_pages * PAGE_SIZE;
    uint64_t classes = 0;
    uint64_t count;

    if ((a & PAGE_MASK) == 1 || (a & PAGE_MASK) == PAGE_MASK)
        classes |= BIT(UNALIGNED);
    if (a >> 56 != 0)
        classes |= BIT(BEYOND_WIDTH);
    if (a - MACHINE_MONITOR_BASE < MACHINE_MONITOR_SIZE)
        classes |= BIT(MONITOR);
    if (a - MACHINE_MMIO_BASE < MACHINE_MMIO_SIZE || a - MACHINE_UART_BASE < PAGE_SIZE)
        classes |= BIT(DEVICE);
    if (h->shmem_set && a - h->shmem.value < NACL_SHMEM_SIZE)
        classes |= BIT(MAILBOX);
    if (a >> PAGE_SHIFT == (end >> PAGE_SHIFT) - 1)
        classes |= BIT(WINDOW_LAST);
    if (a >> PAGE_SHIFT == end >> PAGE_SHIFT)
        classes |= BIT(WINDOW_END);
    if (a >> PAGE_SHIFT == (MACHINE_WINDOW_BASE >> PAGE_SHIFT) - 1)
        classes |= BIT(WINDOW_BEFORE);
    if (machine_is_host_ram(m, a, 1))
        classes |=
            c->shared[(a - MACHINE_HOST_BASE) / PAGE_SIZE] ? BIT(HOST_MEMORY) | BIT(PAGE_SHARED_) : BIT(HOST_MEMORY);
    if (machine_is_window(m, a, 1))
        classes |= classes_of_record(&m->monitor->page[(a - MACHINE_WINDOW_BASE) / PAGE_SIZE]);
    if ((following(c, arg, ABI_KIND_COUNT, &count) && (count > (UINT64_MAX - a) / PAGE_SIZE)) ||
        (following(c, arg, ABI_KIND_LEN, &count) && count > UINT64_MAX - a))
        classes |= BIT(WRAPS);
    return classes;
}

static inline uint64_t classes_of_guest_address(const struct at_call *c, unsigned arg)
{
    const struct tvm *t = concerned(c);
    uint64_t a = c->a[arg];
    uint64_t len = PAGE_SIZE;
    uint64_t classes = a >> 41 != 0 ? BIT(BEYOND_WIDTH) : 0;
    bool inside = false;

    if ((a & PAGE_MASK) == 1 || (a & PAGE_MASK) == PAGE_MASK)
        classes |= BIT(UNALIGNED);
    if (t == NULL)
        return classes;
    if (following(c, arg, ABI_KIND_COUNT, &len))
        len *= PAGE_SIZE;
    else
        following(c, arg, ABI_KIND_LEN, &len);
    for (uint32_t i = 0; i < t->region_count; i++) {
        const struct region *g = &t->region[i];
        bool in = a - g->base < g->len;
        inside = inside || in;
        if (a == g->base + g->len)
            classes |= BIT(REGION_END);
        if (in && g->type != REGION_CONFIDENTIAL && g->type != REGION_CONFIDENTIAL_REMOVABLE)
            classes |= BIT(SHARED_OR_DEVICE);
        if (in && len > g->len - (a - g->base))
            classes |= BIT(SPANS_END);
    }
    if (!inside)
        classes |= BIT(OUTSIDE);
    for (uint32_t i = 0; i < c->w->machine->config.window_pages; i++) {
        const struct page_record *r = &c->w->machine->monitor->page[i];
        if ((r->state == PAGE_DATA || r->state == PAGE_BLOCKED) && r->owner == t->slot && r->gfn == a >> PAGE_SHIFT)
            classes |= BIT(MAPPED);
    }
    return classes;
}

/* Does another argument name a page of another TVM than this one? */
static inline bool names_another(const struct at_call *c, const struct tvm *t)
{
    for (unsigned i = 1; i < c->call->args; i++) {
        if (!machine_is_window(c->w->machine, c->a[i], 1))
            continue;
        const struct page_record *r = &c->w->machine->monitor->page[(c->a[i] - MACHINE_WINDOW_BASE) / PAGE_SIZE];
        if (r->state >= PAGE_TVM_ROOT && r->state <= PAGE_RESERVE && r->owner != t->slot)
            return true;
    }
    return false;
}

static inline uint64_t classes_of_tvm(const struct at_call *c, unsigned arg)
{
    const struct tvm *t = tvm_of(c->w, c->a[arg]);
    uint64_t issued = c->w->machine->monitor->next_tvm_id;

    if (t != NULL)
        return names_another(c, t) ? BIT(LIVE) | BIT(OTHER) : BIT(LIVE);
    return c->a[arg] == 0 || c->a[arg] == UINT64_MAX ? 0 : c->a[arg] < issued ? BIT(STALE) : BIT(NEVER);
}

static inline uint64_t classes_of_page_type(uint64_t a)
{
    return a == 1   ? BIT(PAGE_TYPE_2M)
           : a == 2 ? BIT(PAGE_TYPE_1G)
           : a == 3 ? BIT(PAGE_TYPE_512G)
           : a > 3  ? BIT(PAGE_TYPE_NONE)
                    : 0;
}

static inline uint64_t classes_of_vcpu(const struct at_call *c, uint64_t a)
{
    const struct tvm *t = concerned(c);
    uint64_t classes = a == TVM_MAX_VCPUS - 1 ? BIT(MAXIMUM) : a == TVM_MAX_VCPUS ? BIT(ABOVE_MAXIMUM) : 0;

    if (t != NULL && a < TVM_MAX_VCPUS)
        classes |= t->vcpu[a].state != VCPU_ABSENT ? BIT(TAKEN) : BIT(NEVER);
    return classes;
}

static inline uint64_t classes_of(const struct at_call *c, unsigned arg)
{
    uint64_t a = c->a[arg];
    uint64_t pages = c->w->machine->config.window_pages;
    uint64_t any = (a == 0 ? BIT(ZERO) : 0) | (a == 1 ? BIT(ONE) : 0) | (a == UINT64_MAX ? BIT(ALL_ONES) : 0) |
                   (a == -(uint64_t)PAGE_SIZE ? BIT(LAST_PAGE_OF_ALL) : 0) | (a >> 63 != 0 ? BIT(HUGE_) : 0) |
                   (a >> 32 != 0 ? BIT(ABOVE_32) : 0);

    switch (c->call->arg[arg].kind) {
    case ABI_KIND_CONF_PAGE:
    case ABI_KIND_CONF_PAGES:
    case ABI_KIND_HOST_BUF:
    case ABI_KIND_HOST_PAGE: return any | classes_of_address(c, arg);
    case ABI_KIND_GPA:
    case ABI_KIND_GPA_PAGE: return any | classes_of_guest_address(c, arg);
    case ABI_KIND_COUNT: return any | (a == pages ? BIT(MAXIMUM) : a == pages + 1 ? BIT(ABOVE_MAXIMUM) : 0);
    case ABI_KIND_LEN: return any | ((a & PAGE_MASK) == 1 || (a & PAGE_MASK) == PAGE_MASK ? BIT(UNALIGNED) : 0);
    case ABI_KIND_TVM: return any | classes_of_tvm(c, arg);
    case ABI_KIND_VCPU: return any | classes_of_vcpu(c, a);
    case ABI_KIND_PAGE_TYPE: return any | classes_of_page_type(a);
    default: return any;
    }
}

#endif
