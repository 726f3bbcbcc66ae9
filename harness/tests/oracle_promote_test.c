/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the oracles say of a promotion that was not done as promised: too little memory held back, a page of the VM that
 * is not what the host had, a frame that nobody gave back, an input that was read twice.
 */
#include "harness/tests/oracle_kit.h"
#include "harness/tests/promote_kit.h"

static struct vm prepared(void)
{
    struct world *w = vm_world(ORACLE_OWN | ORACLE_LIV | ORACLE_ORD);

    kit_convert(w, 0, 64);
    return vm_make(w, 4);
}

static struct tvm *new_tvm(const struct world *w)
{
    return (void *)(w->machine->window + (size_t)w->machine->monitor->tvm[0].frame.index * PAGE_SIZE);
}

static uint32_t frame_at(const struct world *w, unsigned state, uint64_t gfn)
{
    uint32_t frame = 0;

    while (w->machine->monitor->page[frame].state != state || w->machine->monitor->page[frame].gfn != gfn)
        frame++;
    return frame;
}

static void declare_more(struct world *w, const struct machine_event *event)
{
    (void)event;
    new_tvm(w)->region[0].len += PAGE_SIZE;
}

static void change_page(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->window[(size_t)frame_at(w, PAGE_DATA, VM_GPA >> PAGE_SHIFT) * PAGE_SIZE] ^= 1;
}

static void keep_busy(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->page[0].state = PAGE_BUSY;
}

static void finds(void (*act)(struct world *w, const struct machine_event *event), uint32_t oracle,
                  enum severity severity, const char *property)
{
    struct vm vm = prepared();

    sabotage_at_leave(vm.w, act);
    vm_promote(&vm);
    sabotage_end(vm.w);
    CHECK_FINDING(vm.w, oracle, severity, property);
    world_destroy(vm.w);
}

/* Each look of the monitor at the mailbox is shown twice. */
static void reads_twice(void)
{
    struct vm vm = prepared();

    sabotage_begin(vm.w, EVENT_UNTRUSTED_READ, REPEAT_EVENT, NULL);
    vm_promote(&vm);
    sabotage_end(vm.w);
    CHECK_FINDING(vm.w, ORACLE_ORD, S1_ISOLATION, "double-fetch");
    world_destroy(vm.w);
}

int main(void)
{
    struct vm vm = prepared();
    CHECK_EQ(vm_promote(&vm).error, SBI_SUCCESS);
    CHECK_CLEAN(vm.w);
    world_destroy(vm.w);
    finds(declare_more, ORACLE_OWN, S3_AVAILABILITY, "quota");
    finds(change_page, ORACLE_OWN, S1_ISOLATION, "copy");
    finds(keep_busy, ORACLE_OWN, S1_ISOLATION, "transition");
    reads_twice();
    return test_finish();
}
