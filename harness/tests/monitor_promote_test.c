/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promote_to_tvm: what becomes of a VM in each paging mode, every error with the state as it was, host memory that
 * changes while it is read, and every number of free frames from none to just enough.
 */
#include <bearssl_hash.h>

#include "harness/tests/promote_kit.h"

#define TVM_FRAMES 256u

/* --- the state that a failed call must leave as it was ---------------------------------------------------------- */

struct snapshot {
    size_t pages;
    struct page_record *record;
    uint8_t *window;
    uint8_t *host;
    struct tvm_slot tvm[MONITOR_MAX_TVMS];
    struct global_fence fence;
    uint64_t next_tvm_id;
};

static struct snapshot snapshot_take(const struct world *w)
{
    const struct machine *m = w->machine;
    struct snapshot s = {.pages = m->config.window_pages, .fence = m->monitor->fence};

    s.record = malloc(s.pages * sizeof(*s.record));
    s.window = malloc(s.pages * PAGE_SIZE);
    s.host = malloc((size_t)m->config.host_pages * PAGE_SIZE);
    if (s.record == NULL || s.window == NULL || s.host == NULL)
        test_error("out of memory");
    memcpy(s.record, m->monitor->page, s.pages * sizeof(*s.record));
    memcpy(s.window, m->window, s.pages * PAGE_SIZE);
    memcpy(s.host, m->host_ram, (size_t)m->config.host_pages * PAGE_SIZE);
    memcpy(s.tvm, m->monitor->tvm, sizeof(s.tvm));
    s.next_tvm_id = m->monitor->next_tvm_id;
    return s;
}

/* Everything is as before; a frame that was free may have been scrubbed, but holds nothing new. */
static bool snapshot_same(const struct world *w, const struct snapshot *s)
{
    const struct machine *m = w->machine;
    static const uint8_t zero[PAGE_SIZE];
    bool same = memcmp(s->record, m->monitor->page, s->pages * sizeof(*s->record)) == 0 &&
                memcmp(s->host, m->host_ram, (size_t)m->config.host_pages * PAGE_SIZE) == 0 &&
                memcmp(s->tvm, m->monitor->tvm, sizeof(s->tvm)) == 0 &&
                memcmp(&s->fence, &m->monitor->fence, sizeof(s->fence)) == 0 &&
                s->next_tvm_id == m->monitor->next_tvm_id;

    for (size_t i = 0; i < s->pages && same; i++) {
        const uint8_t *now = m->window + i * PAGE_SIZE;
        bool free = s->record[i].state == PAGE_CONF_FREE || s->record[i].state == PAGE_CONVERTING;
        same = memcmp(now, s->window + i * PAGE_SIZE, PAGE_SIZE) == 0 || (free && memcmp(now, zero, PAGE_SIZE) == 0);
    }
    return same;
}

static void snapshot_drop(struct snapshot *s)
{
    free(s->record);
    free(s->window);
    free(s->host);
}

/* A world whose host memory ends within a large page and within the four pages of a root. */
#define ODD_PAGES 1402u
static struct vm prepared_odd(unsigned levels)
{
    struct machine_config config = machine_default_config();

    config.host_pages = ODD_PAGES;
    struct world *w = world_create(&config, ORACLE_SINGLE);
    if (w == NULL)
        test_error("no world");
    kit_convert(w, 0, config.window_pages);
    return vm_make(w, levels);
}

/* A call with these arguments fails with `error` and changes nothing. */
static void check_refused(const struct vm *vm, const uint64_t a[6], int64_t error, const char *file, int line)
{
    struct snapshot s = snapshot_take(vm->w);
    struct step_result r = kit_call(vm->w, 0, CALL_covh_promote_to_tvm, a);

    test_check(r.kind == EXPECT_RESULT && r.error == error && r.value == 0, file, line, "the expected error");
    if (r.error != error)
        fprintf(stderr, "    error is %lld\n", (long long)r.error);
    test_check(snapshot_same(vm->w, &s), file, line, "state as before the call");
    kit_check_clean(vm->w, file, line);
    snapshot_drop(&s);
}

#define REFUSED_WITH(vm, error, ...) check_refused((vm), (const uint64_t[6]){__VA_ARGS__}, (error), __FILE__, __LINE__)
#define REFUSED(vm, error) REFUSED_WITH((vm), (error), VM_FDT, 0, VM_ENTRY, 0)

static struct vm prepared_for(unsigned levels, uint32_t oracles)
{
    struct world *w = vm_world(oracles);

    kit_convert(w, 0, TVM_FRAMES);
    return vm_make(w, levels);
}

/* A VM with enough free frames. */
static struct vm prepared(unsigned levels)
{
    return prepared_for(levels, ORACLE_SINGLE);
}

/* --- success ---------------------------------------------------------------------------------------------------- */

static uint64_t check_promoted(const struct vm *vm)
{
    struct step_result r = vm_promote(vm);

    CHECK_EQ(r.kind, EXPECT_RESULT);
    CHECK_EQ(r.error, SBI_SUCCESS);
    CHECK(r.value != 0);
    CHECK_CLEAN(vm->w);
    return r.value;
}

static void check_registers(const struct vm *vm)
{
    const struct machine *m = vm->w->machine;

    CHECK_EQ(m->hart[0].pc, VM_ENTRY);
    for (unsigned i = 1; i < 32; i++)
        CHECK_EQ(m->hart[0].x[i], i == 10 ? 0 : i == 11 ? VM_FDT : 0x1000 + i);
    CHECK_EQ(machine_csr_read(m, 0, 0x200), UINT64_C(0x200040020));
    CHECK_EQ(machine_csr_read(m, 0, 0x204), 0x222);
    CHECK_EQ(machine_csr_read(m, 0, 0x205), VM_GPA + 0x101);
    CHECK_EQ(machine_csr_read(m, 0, 0x240), 0x240);
    CHECK_EQ(machine_csr_read(m, 0, 0x241), 0x242);
    CHECK_EQ(machine_csr_read(m, 0, 0x242), 7);
    CHECK_EQ(machine_csr_read(m, 0, 0x243), 0x243);
    CHECK_EQ(machine_csr_read(m, 0, 0x24d), UINT64_MAX);
    CHECK_EQ(machine_csr_read(m, 0, 0x280), 0);
}

/* What the guest sees is what the host had mapped, and zeros in the rest of its memory; the host has lost it. */
static void check_memory(const struct vm *vm)
{
    struct world *w = vm->w;

    for (uint64_t page = 0; page < VM_MEMORY / PAGE_SIZE; page++) {
        struct step_result r = kit_op(w, 0, OP_GUEST_LOAD, VM_GPA + page * PAGE_SIZE + 8, 8, 0, 0);
        if (page > VM_FDT_PAGE) { /* the first touch brings the page, the guest tries again */
            CHECK_EQ(r.kind, EXPECT_NONE);
            r = kit_op(w, 0, OP_GUEST_LOAD, VM_GPA + page * PAGE_SIZE + 8, 8, 0, 0);
        }
        CHECK_EQ(r.kind, EXPECT_VALUE);
        CHECK_EQ(r.value, page <= VM_FDT_PAGE ? vm_read64(vm, kit_ram(VM_PAGES + (uint32_t)page) + 8) : 0);
    }
    kit_op(w, 0, OP_GUEST_STORE, VM_GPA, 8, 0x5ec2e7, 0);
    CHECK(vm_read64(vm, kit_ram(VM_PAGES)) != 0x5ec2e7);
    /* Outside of what was declared there is nothing. */
    CHECK_EQ(kit_op(w, 0, OP_GUEST_LOAD, VM_GPA + VM_MEMORY, 8, 0, 0).kind, EXPECT_TRAP);
}

static void test_success(unsigned levels)
{
    struct vm vm = prepared(levels);
    uint64_t id = check_promoted(&vm);
    const struct tvm *t = vm_tvm(vm.w, id);

    CHECK(t->promoted);
    CHECK_EQ(t->region_count, 1);
    CHECK_EQ(t->region[0].base, VM_GPA);
    CHECK_EQ(t->region[0].len, VM_MEMORY);
    CHECK_EQ(t->reserve_count, VM_MEMORY / PAGE_SIZE - 4);
    CHECK_EQ(t->vcpu[0].state, VCPU_RUNNABLE);
    CHECK_EQ(t->vcpu[1].state, VCPU_STOPPED);
    CHECK_EQ(t->vcpu[2].state, VCPU_ABSENT);
    const struct vcpu *v = (const void *)(vm.w->machine->window + (size_t)t->vcpu[0].frame.index * PAGE_SIZE);
    for (unsigned i = 0; i < 32; i++)
        CHECK_EQ(v->ctx.f[i], 0);
    kit_run(vm.w, 0, id);
    check_registers(&vm);
    check_memory(&vm);
    CHECK_CLEAN(vm.w);
    world_destroy(vm.w);
}

/* Memory that no page was mapped in: its tables exist, and the reserve has exactly one frame for each page. */
static void test_memory_without_tables(void)
{
    struct vm vm = prepared(4);

    vm_fdt(&vm, 1, VM_GPA + 0x200000, 2 * PAGE_SIZE);
    uint64_t id = check_promoted(&vm);
    const struct tvm *t = vm_tvm(vm.w, id);
    CHECK_EQ(t->reserve_count, 2);
    kit_run(vm.w, 0, id);
    for (uint64_t page = 0; page < 2; page++) {
        kit_op(vm.w, 0, OP_GUEST_STORE, VM_GPA + 0x200000 + page * PAGE_SIZE, 8, 1, 0);
        CHECK_EQ(kit_op(vm.w, 0, OP_GUEST_LOAD, VM_GPA + 0x200000 + page * PAGE_SIZE, 8, 0, 0).kind, EXPECT_VALUE);
    }
    CHECK_EQ(t->reserve_count, 0);
    CHECK_CLEAN(vm.w);
    world_destroy(vm.w);
}

/* A guest that is promoted with its own translation on, and with a software interrupt pending. */
static void test_state_of_a_running_system(void)
{
    struct vm vm = prepared(4);
    uint64_t table = kit_ram(VM_PAGES + 2);

    for (uint64_t i = 0; i < 512; i++) /* 1 GiB as it is, for supervisor */
        vm_write64(&vm, table + 8 * i, i == 2 ? vm_pte(VM_GPA, 0xcf) : 0);
    vm_write64(&vm, vm_mailbox_csr(0x280), UINT64_C(8) << 60 | (VM_GPA + 2 * PAGE_SIZE) >> PAGE_SHIFT);
    vm_write64(&vm, vm_mailbox_csr(0x244), UINT64_MAX);
    uint64_t id = check_promoted(&vm);
    uint64_t start = 0 - vm_tvm(vm.w, id)->htimedelta;
    CHECK(start != 0 && start <= vm.w->machine->time && vm.w->machine->time - start <= 2);
    kit_run(vm.w, 0, id);
    CHECK_EQ(machine_csr_read(vm.w->machine, 0, 0x280), UINT64_C(8) << 60 | (VM_GPA + 2 * PAGE_SIZE) >> PAGE_SHIFT);
    CHECK_EQ(machine_csr_read(vm.w->machine, 0, 0x244) & 2, 2);
    CHECK_EQ(kit_op(vm.w, 0, OP_GUEST_LOAD, VM_GPA + 8, 8, 0, 0).value, vm_read64(&vm, kit_ram(VM_PAGES) + 8));
    CHECK_CLEAN(vm.w);
    world_destroy(vm.w);
}

/*
 * A host that never converts a page is served from the frames that the platform holds back. The simulated machine holds
 * none back, so they are made here, as monitor_init would have; oracles that follow the calls alone cannot know of it.
 */
static void test_frames_held_back(void)
{
    struct world *w = vm_world(ORACLE_LIV | ORACLE_ORD);
    struct monitor *m = w->machine->monitor;

    m->platform.reserve_pages = 48;
    for (uint32_t i = 0; i < 48; i++)
        m->page[m->platform.window_pages - 1 - i].state = PAGE_CONF_FREE;
    struct vm vm = vm_make(w, 4);
    struct snapshot s = snapshot_take(w);
    uint64_t id = check_promoted(&vm);
    kit_run(w, 0, id);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_LOAD, VM_GPA + 8, 8, 0, 0).value, vm_read64(&vm, kit_ram(VM_PAGES) + 8));
    CHECK_EQ(kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0).kind, EXPECT_EXIT);
    REFUSED(&vm, SBI_ERR_OUT_OF_MEMORY); /* each frame serves one */
    KIT_OK(w, 0, CALL_covh_destroy_tvm, id);
    CHECK(memcmp(s.record, m->page, s.pages * sizeof(*s.record)) == 0);
    CHECK_EQ(check_promoted(&vm), id + 1);
    snapshot_drop(&s);
    world_destroy(w);
}

/* The hart's own hgatp counts when the mailbox has none. */
static void test_hgatp_of_the_hart(void)
{
    struct vm vm = prepared(4);

    vm_write64(&vm, vm_mailbox_csr(0x680), 0);
    REFUSED(&vm, SBI_ERR_FAILED); /* and there is none either */
    kit_op(vm.w, 0, OP_HOST_CSR_WRITE, 0x680, vm_hgatp(&vm), 0, 0);
    check_promoted(&vm);
    world_destroy(vm.w);
}

static void test_aliases_become_copies(void)
{
    struct vm vm = prepared(4);

    vm_map(&vm, VM_GPA + 4 * PAGE_SIZE, kit_ram(VM_PAGES), 0);
    kit_run(vm.w, 0, check_promoted(&vm));
    kit_op(vm.w, 0, OP_GUEST_STORE, VM_GPA + 4 * PAGE_SIZE, 8, 0x1234, 0);
    CHECK_EQ(kit_op(vm.w, 0, OP_GUEST_LOAD, VM_GPA + 4 * PAGE_SIZE, 8, 0, 0).value, 0x1234);
    CHECK_EQ(kit_op(vm.w, 0, OP_GUEST_LOAD, VM_GPA, 8, 0, 0).value, vm_read64(&vm, kit_ram(VM_PAGES)));
    CHECK_CLEAN(vm.w);
    world_destroy(vm.w);
}

/* One table reached twice: two visits, two sets of pages. */
static void test_shared_table(void)
{
    struct vm vm = prepared(3);
    uint64_t entry = vm_read64(&vm, vm_entry(&vm, VM_GPA, 1));

    vm_write64(&vm, vm_entry(&vm, VM_GPA + 0x200000, 1), entry);
    uint64_t id = check_promoted(&vm);
    CHECK_EQ(vm_tvm(vm.w, id)->region_count, 2);
    CHECK_EQ(vm_tvm(vm.w, id)->region[1].base, VM_GPA + 0x200000);
    CHECK_EQ(vm_tvm(vm.w, id)->region[1].len, 4 * PAGE_SIZE);
    world_destroy(vm.w);
}

static void test_superpage(void)
{
    struct world *w = vm_world(ORACLE_SINGLE);
    kit_convert(w, 0, 1024);
    struct vm vm = vm_make(w, 4);

    kit_op(w, 0, OP_HOST_FILL, kit_ram(VM_HUGE), 0x200000, 5, 0);
    vm_map(&vm, VM_GPA + 0x200000, kit_ram(VM_HUGE), 1);
    uint64_t id = check_promoted(&vm);
    kit_run(w, 0, id);
    for (uint64_t page = 0; page < 512; page++)
        CHECK_EQ(kit_op(w, 0, OP_GUEST_LOAD, VM_GPA + 0x200000 + page * PAGE_SIZE, 8, 0, 0).value,
                 vm_read64(&vm, kit_ram(VM_HUGE + (uint32_t)page)));
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void test_identity(void)
{
    struct vm vm = prepared(4);

    kit_op(vm.w, 0, OP_HOST_FILL, kit_ram(VM_IDENTITY), 64, 9, 0);
    struct step_result r = KIT_CALL(vm.w, 0, CALL_covh_promote_to_tvm, VM_FDT, 0, VM_ENTRY, kit_ram(VM_IDENTITY));
    CHECK_EQ(r.error, SBI_SUCCESS);
    CHECK(memcmp(vm_tvm(vm.w, r.value)->identity, machine_peek(vm.w->machine, kit_ram(VM_IDENTITY), 64), 64) == 0);
    world_destroy(vm.w);
}

/* --- measurement ------------------------------------------------------------------------------------------------ */

static void extend(uint8_t r[MEASUREMENT_SIZE], const uint64_t *words, size_t count, const void *page)
{
    br_sha384_context c;

    br_sha384_init(&c);
    br_sha384_update(&c, r, MEASUREMENT_SIZE);
    br_sha384_update(&c, words, count * 8);
    if (page != NULL)
        br_sha384_update(&c, page, PAGE_SIZE);
    br_sha384_out(&c, r);
}

static void extend_word(uint8_t r[MEASUREMENT_SIZE], uint64_t word)
{
    extend(r, &word, 1, NULL);
}

static void test_measurement(void)
{
    static const uint64_t csr[] = {0x200000000, 0x222, VM_GPA + 0x101, 0x240, 0x242, 7, 0x243, 2, UINT64_MAX, 0};
    struct vm vm = prepared(4);
    uint8_t pages[MEASUREMENT_SIZE] = {0};
    uint8_t config[MEASUREMENT_SIZE] = {0};

    /* What hardware would not keep does not count: bits of registers, x0, x10 and x11. */
    vm_write64(&vm, vm_mailbox_csr(0x200), ~UINT64_C(0xc6722) & ~UINT64_C(0x200));
    vm_write64(&vm, vm_mailbox_csr(0x204), UINT64_MAX);
    vm_write64(&vm, vm_mailbox_csr(0x205), VM_GPA + 0x103);
    vm_write64(&vm, vm_mailbox_csr(0x241), 0x243);
    vm_write64(&vm, vm_mailbox_csr(0x244), UINT64_MAX);
    vm_write64(&vm, vm_mailbox_csr(0x280), (UINT64_C(1) << 60) - 1);
    /* A page of zeros is like one that is not there. */
    vm_map(&vm, VM_GPA + 5 * PAGE_SIZE, kit_ram(VM_PAGES + 40), 0);
    for (uint32_t i = 0; i < 512; i++)
        vm_write64(&vm, kit_ram(VM_PAGES + 40) + 8 * (uint64_t)i, 0);
    for (uint64_t i = 0; i <= VM_FDT_PAGE; i++) {
        uint64_t gpa = VM_GPA + i * PAGE_SIZE;
        extend(pages, &gpa, 1, machine_peek(vm.w->machine, kit_ram(VM_PAGES + (uint32_t)i), PAGE_SIZE));
    }
    extend_word(config, VM_ENTRY);
    for (uint64_t i = 0; i < 32; i++)
        extend_word(config, i == 0 || i == 10 ? 0 : i == 11 ? VM_FDT : 0x1000 + i);
    for (size_t i = 0; i < sizeof(csr) / sizeof(csr[0]); i++)
        extend_word(config, csr[i]);
    extend_word(config, 2);
    extend_word(config, 1);
    extend_word(config, VM_GPA);
    extend_word(config, VM_MEMORY);

    const struct tvm *t = vm_tvm(vm.w, check_promoted(&vm));
    CHECK(memcmp(t->pages.value, pages, sizeof(pages)) == 0);
    CHECK(memcmp(t->config.value, config, sizeof(config)) == 0);
    world_destroy(vm.w);
}

/* --- a host that changes its memory meanwhile -------------------------------------------------------------------- */

static struct {
    struct world *w;
    void (*watching)(void *data, const struct machine_event *event);
    struct machine_event last;
    uint32_t reads;
} racing;

/* What was read is overwritten at the next event: only a monitor that looks again would notice. */
static void race(void *data, const struct machine_event *event)
{
    static const uint8_t junk[PAGE_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0xad};

    (void)data;
    racing.watching(racing.w, event);
    if (racing.last.kind == EVENT_UNTRUSTED_READ)
        machine_poke(racing.w->machine, racing.last.a, junk, racing.last.b);
    racing.last = *event;
    racing.reads += event->kind == EVENT_UNTRUSTED_READ;
}

static void test_host_memory_is_read_once(void)
{
    struct vm quiet = prepared(5);
    struct vm vm = prepared_for(5, ORACLE_LIV | ORACLE_ORD); /* others compare with memory that is no longer the same */

    racing.w = vm.w;
    racing.watching = vm.w->machine->on_event;
    racing.last.kind = EVENT_FENCE_ALL;
    vm.w->machine->on_event = race;
    /* 32 + 10 registers and hgatp, four root pages and four tables, four pages. */
    const struct tvm *t = vm_tvm(vm.w, vm_promote(&vm).value);
    const struct tvm *u = vm_tvm(quiet.w, check_promoted(&quiet));
    CHECK_EQ(racing.reads, 43 + 8 + 4);
    CHECK(memcmp(&t->pages, &u->pages, sizeof(t->pages)) == 0);
    CHECK(memcmp(&t->config, &u->config, sizeof(t->config)) == 0);
    CHECK(memcmp(t->region, u->region, sizeof(t->region)) == 0);
    world_destroy(vm.w);
    world_destroy(quiet.w);
}

/* --- refusals --------------------------------------------------------------------------------------------------- */

static void test_refused_arguments(void)
{
    struct vm vm = prepared(4);

    REFUSED_WITH(&vm, SBI_ERR_INVALID_PARAM, VM_FDT, 0, VM_ENTRY, kit_ram(VM_IDENTITY) + 8);
    REFUSED_WITH(&vm, SBI_ERR_INVALID_PARAM, VM_FDT, 0, VM_ENTRY, kit_window(0));
    REFUSED_WITH(&vm, SBI_ERR_INVALID_PARAM, VM_FDT, 0, VM_ENTRY, MACHINE_MONITOR_BASE);
    REFUSED_WITH(&vm, SBI_ERR_INVALID_ADDRESS, VM_FDT + 4, 0, VM_ENTRY, 0);
    REFUSED_WITH(&vm, SBI_ERR_INVALID_ADDRESS, VM_GPA + 8 * PAGE_SIZE, 0, VM_ENTRY, 0);
    REFUSED_WITH(&vm, SBI_ERR_INVALID_ADDRESS, UINT64_MAX - 7, 0, VM_ENTRY, 0);
    REFUSED_WITH(&vm, SBI_ERR_INVALID_ADDRESS, UINT64_C(1) << 50, 0, VM_ENTRY, 0);
    REFUSED_WITH(&vm, SBI_ERR_INVALID_ADDRESS, UINT64_C(1) << 50 | VM_FDT, 0, VM_ENTRY, 0);
    REFUSED_WITH(&vm, SBI_ERR_INVALID_ADDRESS, VM_GPA, 0, VM_ENTRY, 0); /* no tree there */
    REFUSED_WITH(&vm, SBI_ERR_AUTH, VM_FDT, VM_FDT, VM_ENTRY, 0);
    KIT_OK(vm.w, 0, CALL_nacl_set_shmem, UINT64_MAX, UINT64_MAX, 0);
    REFUSED(&vm, SBI_ERR_NO_SHMEM);
    world_destroy(vm.w);
}

static void refused_hgatp(struct vm *vm, uint64_t hgatp)
{
    vm_write64(vm, vm_mailbox_csr(0x680), hgatp);
    REFUSED(vm, SBI_ERR_FAILED);
}

static void test_refused_roots(void)
{
    struct vm vm = prepared(4);
    uint64_t sv48 = UINT64_C(9) << 60;

    refused_hgatp(&vm, vm_hgatp(&vm) & ~(UINT64_C(15) << 60));
    refused_hgatp(&vm, vm_hgatp(&vm) | UINT64_C(15) << 60);
    refused_hgatp(&vm, vm_hgatp(&vm) | UINT64_C(1) << 58);
    refused_hgatp(&vm, vm_hgatp(&vm) | UINT64_C(1) << 59);
    refused_hgatp(&vm, vm_hgatp(&vm) | 1);
    refused_hgatp(&vm, sv48 | kit_window(0) >> PAGE_SHIFT);
    refused_hgatp(&vm, sv48 | MACHINE_MONITOR_BASE >> PAGE_SHIFT);
    refused_hgatp(&vm, sv48 | MACHINE_MMIO_BASE >> PAGE_SHIFT);
    refused_hgatp(&vm, sv48 | ((UINT64_C(1) << 44) - 4));
    /* A root that is right but for its place: not aligned, or with its last pages beyond the end of memory. */
    vm_write64(&vm, kit_ram(97), vm_read64(&vm, kit_ram(VM_ROOT)));
    refused_hgatp(&vm, sv48 | kit_ram(97) >> PAGE_SHIFT);
    struct vm odd = prepared_odd(4);
    vm_write64(&odd, kit_ram(1400), vm_read64(&odd, kit_ram(VM_ROOT)));
    refused_hgatp(&odd, sv48 | kit_ram(1400) >> PAGE_SHIFT);
    world_destroy(odd.w);
    vm_write64(&vm, vm_mailbox_csr(0x680), vm_hgatp(&vm) | UINT64_C(0x3fff) << 44); /* any VMID will do */
    check_promoted(&vm);
    world_destroy(vm.w);

    vm = prepared(4);
    vm_write64(&vm, vm_mailbox_csr(0x280), UINT64_C(7) << 60);
    REFUSED(&vm, SBI_ERR_FAILED);
    world_destroy(vm.w);
}

/* The entry of `level` on the way to the first page becomes `entry`. */
static void refused_entry(unsigned level, uint64_t entry, int64_t error)
{
    struct vm vm = prepared(4);

    vm_write64(&vm, vm_entry(&vm, VM_GPA, level), entry);
    REFUSED(&vm, error);
    world_destroy(vm.w);
}

static void test_refused_entries(void)
{
    uint64_t page = kit_ram(VM_PAGES);
    uint64_t table = kit_ram(VM_TABLES);

    refused_entry(0, vm_pte(page, 0xdd & ~UINT64_C(8)), SBI_ERR_FAILED); /* W without R */
    refused_entry(0, vm_pte(page, 0xcf), SBI_ERR_FAILED);                /* not user */
    refused_entry(0, vm_pte(page, VM_LEAF) | UINT64_C(1) << 54, SBI_ERR_FAILED);
    refused_entry(0, vm_pte(page, VM_LEAF) | UINT64_C(1) << 61, SBI_ERR_FAILED); /* PBMT */
    refused_entry(0, vm_pte(page, VM_LEAF) | UINT64_C(1) << 63, SBI_ERR_FAILED); /* N */
    refused_entry(0, vm_pte(page, VM_V), SBI_ERR_FAILED);                        /* a pointer at the last level */
    refused_entry(0, vm_pte(kit_window(0), VM_LEAF), SBI_ERR_FAILED);
    refused_entry(0, vm_pte(kit_window(1023), VM_LEAF), SBI_ERR_FAILED);
    refused_entry(0, vm_pte(MACHINE_MONITOR_BASE, VM_LEAF), SBI_ERR_FAILED);
    refused_entry(0, vm_pte(MACHINE_MMIO_BASE, VM_LEAF), SBI_ERR_FAILED);
    refused_entry(0, vm_pte(MACHINE_UART_BASE, VM_LEAF), SBI_ERR_FAILED);
    refused_entry(0, vm_pte((UINT64_C(1) << 56) - PAGE_SIZE, VM_LEAF), SBI_ERR_FAILED);
    for (unsigned level = 1; level < 4; level++) {
        refused_entry(level, vm_pte(table, 0x11), SBI_ERR_FAILED); /* U, A, D of a pointer */
        refused_entry(level, vm_pte(table, 0x41), SBI_ERR_FAILED);
        refused_entry(level, vm_pte(table, 0x81), SBI_ERR_FAILED);
        refused_entry(level, vm_pte(table, VM_V) | UINT64_C(1) << 60, SBI_ERR_FAILED);
        refused_entry(level, vm_pte(kit_window(3), VM_V), SBI_ERR_FAILED);
        refused_entry(level, vm_pte(MACHINE_MONITOR_BASE, VM_V), SBI_ERR_FAILED);
        refused_entry(level, vm_pte(page, VM_LEAF), SBI_ERR_FAILED); /* unaligned, or larger than RAM */
    }
    refused_entry(1, vm_pte(kit_ram(VM_HUGE), VM_LEAF), SBI_ERR_OUT_OF_MEMORY);
    refused_entry(1, vm_pte(0x80600000, VM_LEAF), SBI_ERR_OUT_OF_MEMORY); /* the last before the window */
    refused_entry(1, vm_pte(MACHINE_WINDOW_BASE, VM_LEAF), SBI_ERR_FAILED);
    refused_entry(2, vm_pte(0x80000000, VM_LEAF), SBI_ERR_FAILED); /* 1 GiB with monitor, RAM and window in it */
}

/* A large page whose first half is host memory. */
static void test_refused_half_a_large_page(void)
{
    struct vm vm = prepared_odd(4);

    vm_map(&vm, VM_GPA + 0x200000, kit_ram(1024), 1);
    REFUSED(&vm, SBI_ERR_FAILED);
    world_destroy(vm.w);
}

/* A page above the guest-physical width of this monitor's TVMs. */
static void test_refused_wide(void)
{
    struct vm vm = prepared(5);

    vm_map(&vm, UINT64_C(1) << 50, kit_ram(VM_PAGES), 0);
    REFUSED(&vm, SBI_ERR_FAILED);
    world_destroy(vm.w);
}

static void test_refused_cycles(void)
{
    for (unsigned levels = 3; levels <= 5; levels++) {
        struct vm vm = prepared(levels);

        /* Each entry of the root leads back to the root. */
        for (uint64_t i = 0; i < 2048; i++)
            vm_write64(&vm, kit_ram(VM_ROOT) + 8 * i, vm_pte(kit_ram(VM_ROOT), VM_V));
        REFUSED(&vm, SBI_ERR_FAILED); /* a pointer where only leaves can be */
        CHECK(vm.w->machine->steps < 100000);
        world_destroy(vm.w);

        /* A table of tables, 512 ways at each level, that ends in empty tables. */
        vm = prepared(levels);
        for (unsigned level = 1; level < levels; level++) {
            uint64_t below = level == 1 ? kit_ram(VM_PAGES + 40) : kit_ram(VM_PAGES + 40 + level);
            uint64_t table = level == levels - 1 ? kit_ram(VM_ROOT) : kit_ram(VM_PAGES + 41 + level);
            for (uint64_t i = 0; i < 512; i++)
                vm_write64(&vm, table + 8 * i, vm_pte(below, VM_V));
        }
        REFUSED(&vm, SBI_ERR_OUT_OF_MEMORY);
        world_destroy(vm.w);
    }
}

/* Changes one word of the device tree, big-endian. */
static void fdt_word(const struct vm *vm, uint32_t offset, uint32_t value)
{
    uint64_t address = kit_ram(VM_PAGES + VM_FDT_PAGE) + offset;
    kit_op(vm->w, 0, OP_HOST_STORE, address, 4, __builtin_bswap32(value), 0);
}

static void refused_fdt(uint32_t offset, uint32_t value, int64_t error)
{
    struct vm vm = prepared(4);

    fdt_word(&vm, offset, value);
    REFUSED(&vm, error);
    world_destroy(vm.w);
}

/* A tree with many CPUs takes more than the page that a VM has for it. */
static void map_more_tree(struct vm *vm)
{
    for (uint32_t i = 1; i <= 2; i++)
        vm_map(vm, VM_FDT + i * PAGE_SIZE, kit_ram(VM_PAGES + VM_FDT_PAGE + i), 0);
}

static void refused_tree(uint32_t cpus, uint64_t base, uint64_t size, int64_t error)
{
    struct vm vm = prepared(4);

    vm_fdt(&vm, cpus, base, size);
    map_more_tree(&vm);
    REFUSED(&vm, error);
    world_destroy(vm.w);
}

static void test_refused_trees(void)
{
    refused_fdt(0, 0xd00dfeec, SBI_ERR_INVALID_ADDRESS);
    refused_fdt(4, 0, SBI_ERR_INVALID_ADDRESS);
    refused_fdt(4, 39, SBI_ERR_INVALID_ADDRESS);
    refused_fdt(4, 0x200001, SBI_ERR_INVALID_ADDRESS);
    refused_fdt(4, 0x1001, SBI_ERR_INVALID_ADDRESS); /* the next page is not mapped */
    refused_fdt(4, 40, SBI_ERR_FAILED);              /* structure beyond the end */
    refused_fdt(8, 58, SBI_ERR_FAILED);
    refused_fdt(8, 0xfffffffc, SBI_ERR_FAILED);
    refused_fdt(12, 0xffffffff, SBI_ERR_FAILED);
    refused_fdt(32, 0xffffffff, SBI_ERR_FAILED);
    refused_fdt(36, 0xffffffff, SBI_ERR_FAILED);
    refused_fdt(36, 0, SBI_ERR_FAILED);
    refused_fdt(56, 7, SBI_ERR_FAILED);          /* no such token */
    refused_fdt(56, 2, SBI_ERR_FAILED);          /* an end without a beginning */
    refused_fdt(56, 9, SBI_ERR_FAILED);          /* no node at all */
    refused_fdt(56, 3, SBI_ERR_FAILED);          /* a property outside of a node */
    refused_fdt(64, 9, SBI_ERR_FAILED);          /* the end within a node */
    refused_fdt(68, 0xfffffff0, SBI_ERR_FAILED); /* length of the first property */
    refused_fdt(72, 0xfffffff0, SBI_ERR_FAILED); /* its name */
    refused_fdt(76, 3, SBI_ERR_FAILED);          /* three address cells */
    refused_tree(0, VM_GPA, VM_MEMORY, SBI_ERR_FAILED);
    refused_tree(65, VM_GPA, VM_MEMORY, SBI_ERR_FAILED);
    refused_tree(1, VM_GPA + 8, VM_MEMORY, SBI_ERR_FAILED);
    refused_tree(1, VM_GPA, VM_MEMORY + 8, SBI_ERR_FAILED);
    refused_tree(1, UINT64_MAX - 0xfff, VM_MEMORY, SBI_ERR_FAILED);
    refused_tree(1, VM_GPA, UINT64_C(1) << 51, SBI_ERR_FAILED);
    refused_tree(1, VM_GPA, UINT64_C(1) << 49, SBI_ERR_OUT_OF_MEMORY);
    refused_tree(1, VM_GPA, (uint64_t)1024 * PAGE_SIZE, SBI_ERR_OUT_OF_MEMORY);
}

/* A tree of the root, one CPU and one memory node, with these cells and this many bytes of `reg`. */
static void odd_tree(const struct vm *vm, uint32_t cells, uint32_t sizes, const uint32_t *reg, uint32_t reg_bytes,
                     uint32_t last)
{
    static const char names[] = "#address-cells\0#size-cells\0reg";
    const uint32_t head[] = {1, 0, 3, 4, 0, cells, 3, 4, 15, sizes, 1, 0x63707573, 0, 1, 0x63707500, 2, 2};
    const uint32_t memory[] = {1, 0x6d656d6f, 0x72790000, 3, reg_bytes, 27};
    uint32_t at = 56;

    for (size_t i = 0; i < sizeof(head) / 4; i++, at += 4)
        fdt_word(vm, at, head[i]);
    for (size_t i = 0; i < sizeof(memory) / 4; i++, at += 4)
        fdt_word(vm, at, memory[i]);
    for (uint32_t i = 0; i < reg_bytes / 4; i++, at += 4)
        fdt_word(vm, at, reg[i]);
    fdt_word(vm, at, 2);
    fdt_word(vm, at + 4, 2);
    fdt_word(vm, at + 8, last);
    uint64_t tree = kit_ram(VM_PAGES + VM_FDT_PAGE);
    for (uint32_t i = 0; i < sizeof(names); i++)
        kit_op(vm->w, 0, OP_HOST_STORE, tree + at + 12 + i, 1, (uint8_t)names[i], 0);
    fdt_word(vm, 4, at + 64);
    fdt_word(vm, 12, at + 12);
    fdt_word(vm, 32, sizeof(names));
    fdt_word(vm, 36, at + 12 - 56);
}

static void test_refused_odd_trees(void)
{
    static const uint32_t one[] = {0x80000000, 0x10000};
    static const uint32_t two[] = {0x80000000, 0x4000, 0x80004000, 0x4000};
    static const uint32_t overlapping[] = {0x80000000, 0x5000, 0x80004000, 0x4000};
    static const uint32_t wide[] = {0, 0x80000000, 0, 0x10000};
    struct vm vm = prepared(4);

    odd_tree(&vm, 1, 1, overlapping, 16, 9);
    REFUSED(&vm, SBI_ERR_FAILED);
    odd_tree(&vm, 1, 1, two, 12, 9);
    REFUSED(&vm, SBI_ERR_FAILED); /* half a pair */
    odd_tree(&vm, 3, 1, wide, 16, 9);
    REFUSED(&vm, SBI_ERR_FAILED);
    odd_tree(&vm, 2, 0, wide, 8, 9);
    REFUSED(&vm, SBI_ERR_FAILED);
    odd_tree(&vm, 1, 1, one, 8, 7);
    REFUSED(&vm, SBI_ERR_FAILED); /* all is said, but then comes no end */
    odd_tree(&vm, 1, 1, two, 16, 9);
    CHECK_EQ(vm_tvm(vm.w, check_promoted(&vm))->region[0].len, 0x8000);
    world_destroy(vm.w);

    /* Mapped, and longer than any tree. */
    struct world *w = vm_world(ORACLE_SINGLE);
    kit_convert(w, 0, 1024);
    vm = vm_make(w, 4);
    vm_map(&vm, VM_GPA + 0x200000, kit_ram(VM_HUGE), 1);
    kit_op(w, 0, OP_HOST_FDT, kit_ram(VM_HUGE), 1, VM_GPA, VM_MEMORY);
    kit_op(w, 0, OP_HOST_STORE, kit_ram(VM_HUGE) + 4, 4, __builtin_bswap32(0x100008), 0);
    REFUSED_WITH(&vm, SBI_ERR_INVALID_ADDRESS, VM_GPA + 0x200000, 0, VM_ENTRY, 0);
    world_destroy(w);
}

static void test_limits(void)
{
    struct vm vm = prepared(4);
    vm_fdt(&vm, TVM_MAX_VCPUS, VM_GPA, VM_MEMORY);
    map_more_tree(&vm);
    CHECK_EQ(vm_tvm(vm.w, check_promoted(&vm))->vcpu[TVM_MAX_VCPUS - 1].state, VCPU_STOPPED);
    world_destroy(vm.w);

    /* Every other page: more regions than a TVM can have. */
    vm = prepared(4);
    for (uint64_t i = 0; i < TVM_MAX_REGIONS - 1; i++)
        vm_map(&vm, VM_GPA + VM_MEMORY + (2 * i + 1) * PAGE_SIZE, kit_ram(VM_PAGES), 0);
    uint64_t id = check_promoted(&vm);
    CHECK_EQ(vm_tvm(vm.w, id)->region_count, TVM_MAX_REGIONS);
    KIT_OK(vm.w, 0, CALL_covh_destroy_tvm, id);
    vm_map(&vm, VM_GPA + VM_MEMORY + (2 * TVM_MAX_REGIONS + 1) * PAGE_SIZE, kit_ram(VM_PAGES), 0);
    REFUSED(&vm, SBI_ERR_FAILED);
    world_destroy(vm.w);

    /* No slot is left. */
    struct world *w = vm_world(ORACLE_SINGLE);
    kit_convert(w, 0, 1024);
    vm = vm_make(w, 3);
    vm_fdt(&vm, 1, VM_GPA, 4 * PAGE_SIZE);
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++)
        check_promoted(&vm);
    REFUSED(&vm, SBI_ERR_FAILED);
    world_destroy(w);
}

/* --- every number of free frames ---------------------------------------------------------------------------------- */

/* root 4, object 2, copies of a table per level and of the tree, tables 3 (Sv48x4), 16 pages of memory, two vCPUs */
#define FRAMES_NEEDED (4 + 2 + 4 + 1 + 3 + 16 + 2)

static void test_every_shortage(void)
{
    struct world *w = vm_world(ORACLE_SINGLE);
    struct vm vm = vm_make(w, 4);

    for (uint32_t frames = 0; frames < FRAMES_NEEDED; frames++) {
        REFUSED(&vm, SBI_ERR_OUT_OF_MEMORY);
        /* Converted, but before the fence: not free yet. */
        KIT_OK(w, 0, CALL_covh_convert_pages, kit_window(frames), 1);
        REFUSED(&vm, SBI_ERR_OUT_OF_MEMORY);
        kit_fence(w);
    }
    uint64_t id = check_promoted(&vm);
    REFUSED(&vm, SBI_ERR_OUT_OF_MEMORY);
    KIT_OK(w, 0, CALL_covh_destroy_tvm, id);
    KIT_OK(w, 0, CALL_covh_reclaim_pages, kit_window(0), FRAMES_NEEDED);
    CHECK_CLEAN(w);
    world_destroy(w);
}

int main(void)
{
    test_success(3);
    test_success(4);
    test_success(5);
    test_memory_without_tables();
    test_frames_held_back();
    test_state_of_a_running_system();
    test_hgatp_of_the_hart();
    test_aliases_become_copies();
    test_shared_table();
    test_superpage();
    test_identity();
    test_measurement();
    test_host_memory_is_read_once();
    test_refused_arguments();
    test_refused_roots();
    test_refused_entries();
    test_refused_half_a_large_page();
    test_refused_wide();
    test_refused_odd_trees();
    test_refused_cycles();
    test_refused_trees();
    test_limits();
    test_every_shortage();
    return test_finish();
}
