/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each operation probably does to the state. Only effects that matter for aiming are followed.
 */
#include <string.h>

#include "harness/trace/call_ids.h"
#include "harness/trace/sketch.h"
#include "monitor/abi/sbi.h"

#define DEFAULT_WINDOW_PAGES 1024u
#define ROOT_PAGES 4u
#define STATE_PAGES 2u

void sketch_begin(struct sketch *s, const struct trace *t)
{
    memset(s, 0, sizeof(*s));
    s->harts = t->harts;
    s->pages = t->window_pages != 0 ? t->window_pages : DEFAULT_WINDOW_PAGES;
    s->started = 1;
    memset(s->guest, -1, sizeof(s->guest));
}

/* Frames that an argument pair names, when all of them are followed and in `state`. */
static bool run_of(const struct sketch *s, uint8_t kind, uint64_t handle, uint64_t count, uint8_t state)
{
    uint32_t first = trace_handle_index(handle);

    if (kind != ARG_WIN || trace_handle_offset(handle) != 0 || count == 0 || count > SKETCH_PAGES)
        return false;
    if (first >= SKETCH_PAGES || first + count > SKETCH_PAGES || first + count > s->pages)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        if (s->page[first + i] != state)
            return false;
    }
    return true;
}

static void set_run(struct sketch *s, uint64_t handle, uint64_t count, uint8_t state, uint8_t owner)
{
    uint32_t first = trace_handle_index(handle);

    memset(s->page + first, state, count);
    memset(s->owner + first, owner, count);
}

static struct sketch_tvm *tvm_of(struct sketch *s, const struct trace_op *op, unsigned arg)
{
    uint32_t index = trace_handle_index(op->a[arg]);

    if (op->kind[arg] != ARG_TVM || trace_handle_offset(op->a[arg]) != 0 || index >= s->tvms)
        return NULL;
    return s->tvm[index].alive ? &s->tvm[index] : NULL;
}

/* --- fences ----------------------------------------------------------------------------------------------- */

static void replace_state(struct sketch *s, uint8_t from, uint8_t to)
{
    for (uint32_t i = 0; i < SKETCH_PAGES; i++) {
        if (s->page[i] == from)
            s->page[i] = to;
    }
}

static void follow_fence(struct sketch *s, uint8_t hart)
{
    s->fence_waits &= ~(1u << hart);
    if (s->fence_waits == 0)
        replace_state(s, SKETCH_FENCING, SKETCH_FREE);
}

static void begin_fence(struct sketch *s, uint8_t hart)
{
    if (s->fence_waits != 0)
        return;
    replace_state(s, SKETCH_CONVERTED, SKETCH_FENCING);
    s->fence_waits = s->started;
    follow_fence(s, hart);
}

/* --- life of a TVM ---------------------------------------------------------------------------------------- */

static const struct sketch_write *find_write(const struct sketch *s, uint64_t address)
{
    for (uint32_t i = 0; i < SKETCH_WRITES; i++) {
        const struct sketch_write *w = &s->write[i];
        if (w->used && w->address == address)
            return w;
    }
    return NULL;
}

static void create_tvm(struct sketch *s, const struct trace_op *op)
{
    if (op->kind[0] != ARG_RAM || s->tvms == SKETCH_TVMS)
        return;
    const struct sketch_write *root = find_write(s, op->a[0]);
    const struct sketch_write *state = find_write(s, op->a[0] + trace_handle(0, 8));
    if (root == NULL || state == NULL || !run_of(s, root->kind, root->value, ROOT_PAGES, SKETCH_FREE) ||
        !run_of(s, state->kind, state->value, STATE_PAGES, SKETCH_FREE))
        return;
    set_run(s, root->value, ROOT_PAGES, SKETCH_ROOT, s->tvms);
    set_run(s, state->value, STATE_PAGES, SKETCH_STATE, s->tvms);
    s->tvm[s->tvms++] = (struct sketch_tvm){.alive = true};
}

static void destroy_tvm(struct sketch *s, const struct trace_op *op)
{
    struct sketch_tvm *tvm = tvm_of(s, op, 0);
    if (tvm == NULL)
        return;
    uint8_t index = (uint8_t)(tvm - s->tvm);
    for (uint8_t h = 0; h < s->harts; h++) {
        if (s->guest[h] == index)
            return;
    }
    tvm->alive = false;
    for (uint32_t i = 0; i < SKETCH_PAGES; i++) {
        if (s->page[i] >= SKETCH_ROOT && s->owner[i] == index)
            s->page[i] = SKETCH_FREE;
    }
}

static void add_region(struct sketch *s, const struct trace_op *op)
{
    struct sketch_tvm *tvm = tvm_of(s, op, 0);

    if (tvm == NULL || tvm->runnable || tvm->regions == SKETCH_REGIONS || op->a[2] == 0)
        return;
    tvm->region[tvm->regions] = op->a[1];
    tvm->region_len[tvm->regions++] = op->a[2];
}

static void add_tables(struct sketch *s, const struct trace_op *op)
{
    struct sketch_tvm *tvm = tvm_of(s, op, 0);

    if (tvm == NULL || !run_of(s, op->kind[1], op->a[1], op->a[2], SKETCH_FREE))
        return;
    set_run(s, op->a[1], op->a[2], SKETCH_TABLE, (uint8_t)(tvm - s->tvm));
    tvm->tables = (uint8_t)(tvm->tables + op->a[2] > 200 ? 200 : tvm->tables + op->a[2]);
}

/* Donate data pages; `arg` is the first of base, page type, count, gpa. */
static void add_data(struct sketch *s, const struct trace_op *op, unsigned arg, bool runnable)
{
    struct sketch_tvm *tvm = tvm_of(s, op, 0);
    uint64_t each = op->a[arg + 1] == TSM_PAGE_2M ? 512 : 1;

    if (tvm == NULL || tvm->runnable != runnable || op->a[arg + 2] > SKETCH_PAGES ||
        !run_of(s, op->kind[arg], op->a[arg], op->a[arg + 2] * each, SKETCH_FREE))
        return;
    set_run(s, op->a[arg], op->a[arg + 2] * each, SKETCH_DATA, (uint8_t)(tvm - s->tvm));
    for (uint64_t i = 0; i < op->a[arg + 2] && tvm->mapped < SKETCH_MAPPED; i++) {
        tvm->gpa[tvm->mapped] = op->a[arg + 3] + i * each * 4096;
        tvm->gpa_page[tvm->mapped++] = trace_handle_index(op->a[arg]) + (uint32_t)(i * each);
    }
}

static void create_vcpu(struct sketch *s, const struct trace_op *op)
{
    struct sketch_tvm *tvm = tvm_of(s, op, 0);

    if (tvm == NULL || tvm->runnable || op->a[1] >= 64 || !run_of(s, op->kind[2], op->a[2], 1, SKETCH_FREE))
        return;
    set_run(s, op->a[2], 1, SKETCH_VCPU, (uint8_t)(tvm - s->tvm));
    tvm->vcpus |= 1ull << op->a[1];
}

static void finalize_tvm(struct sketch *s, const struct trace_op *op)
{
    struct sketch_tvm *tvm = tvm_of(s, op, 0);

    if (tvm == NULL || (tvm->vcpus & 1) == 0)
        return;
    tvm->runnable = true;
    tvm->started = 1;
}

/* The host's tables are not followed: a promotion is taken to work, with memory where generated tables put it. */
static void promote_tvm(struct sketch *s, const struct trace_op *op)
{
    if (s->tvms == SKETCH_TVMS || (s->shmem >> op->hart & 1) == 0 || op->kind[2] != ARG_RAW)
        return;
    struct sketch_tvm *tvm = &s->tvm[s->tvms++];
    *tvm = (struct sketch_tvm){.alive = true, .runnable = true, .promoted = true, .vcpus = 3, .started = 1};
    tvm->regions = 1;
    tvm->region[0] = op->a[2] & ~0x1fffffull;
    tvm->region_len[0] = 0x200000;
    tvm->mapped = 1;
    tvm->gpa[0] = op->a[2] & ~0xfffull;
}

/* --- memory that changes hands ---------------------------------------------------------------------------- */

static void forget_mapped(struct sketch_tvm *tvm, uint64_t gpa, uint64_t len)
{
    uint8_t kept = 0;

    for (uint8_t i = 0; i < tvm->mapped; i++) {
        if (tvm->gpa[i] - gpa < len)
            continue;
        tvm->gpa[kept] = tvm->gpa[i];
        tvm->gpa_page[kept++] = tvm->gpa_page[i];
    }
    tvm->mapped = kept;
}

static void remove_pages(struct sketch *s, const struct trace_op *op)
{
    struct sketch_tvm *tvm = tvm_of(s, op, 0);

    if (tvm == NULL || tvm->blocked || op->a[1] - tvm->change >= tvm->change_len)
        return;
    for (uint8_t i = 0; i < tvm->mapped; i++) {
        if (tvm->gpa[i] - op->a[1] < op->a[2] && tvm->gpa_page[i] < SKETCH_PAGES)
            s->page[tvm->gpa_page[i]] = SKETCH_FREE;
    }
    forget_mapped(tvm, op->a[1], op->a[2]);
}

/* A call of the guest about a range of its memory. True when the guest leaves. */
static bool change_range(struct sketch_tvm *tvm, const struct trace_op *op)
{
    if (op->kind[0] != ARG_RAW || op->kind[1] != ARG_RAW || op->a[1] == 0 || ((op->a[0] | op->a[1]) & 0xfff) != 0)
        return false;
    switch (op->call) {
    case CALL_covg_share_memory_region:
    case CALL_covg_unshare_memory_region:
        tvm->change = op->a[0];
        tvm->change_len = op->a[1];
        if (op->call == CALL_covg_share_memory_region) {
            tvm->shared = op->a[0];
            tvm->shared_len = op->a[1];
        }
        return true;
    case CALL_covg_add_mmio_region:
        tvm->device = op->a[0];
        tvm->device_len = op->a[1];
        return true;
    case CALL_covg_remove_mmio_region: tvm->device_len = 0; return true;
    default: return false;
    }
}

/* Calls after which the guest is not on its hart any more. */
static bool guest_call(struct sketch_tvm *tvm, uint8_t vcpu, const struct trace_op *op)
{
    switch (op->call) {
    case CALL_guest_hsm_hart_start:
        if (op->kind[0] != ARG_RAW || op->a[0] >= 64 || (tvm->vcpus >> op->a[0] & 1) == 0)
            return false;
        tvm->started |= 1ull << op->a[0];
        return true;
    case CALL_guest_hsm_hart_stop: tvm->started &= ~(1ull << (vcpu & 63)); return true;
    case CALL_guest_hsm_hart_suspend: return op->a[0] == 0;
    case CALL_guest_srst_system_reset: tvm->runnable = false; return true;
    case CALL_guest_dbcn_console_write_byte:
    case CALL_covg_allow_external_interrupt:
    case CALL_covg_deny_external_interrupt: return true;
    default: return change_range(tvm, op);
    }
}

static void run_vcpu(struct sketch *s, const struct trace_op *op)
{
    struct sketch_tvm *tvm = tvm_of(s, op, 0);

    if (tvm == NULL || !tvm->runnable || op->kind[1] != ARG_RAW || op->a[1] >= 64 ||
        (tvm->started >> op->a[1] & 1) == 0 || (s->shmem >> op->hart & 1) == 0)
        return;
    for (uint8_t h = 0; h < s->harts; h++) {
        if (s->guest[h] == tvm - s->tvm && s->vcpu[h] == op->a[1])
            return;
    }
    s->guest[op->hart] = (int8_t)(tvm - s->tvm);
    s->vcpu[op->hart] = (uint8_t)op->a[1];
}

/* --- interrupts ------------------------------------------------------------------------------------------- */

#define SSIP (1u << 1)
#define STIP (1u << 5)

static void send_ipi(struct sketch *s, const struct trace_op *op)
{
    uint64_t mask = op->a[1] == SBI_ALL_HARTS ? UINT64_MAX : op->a[1] == 0 ? op->a[0] : 0;

    for (uint8_t h = 0; h < s->harts; h++) {
        if ((mask & s->started) >> h & 1)
            s->pending[h] |= SSIP;
    }
}

/* sip, as the host writes it: only the software interrupt can be cleared there. */
static void write_csr(struct sketch *s, const struct trace_op *op)
{
    if (op->a[0] == 0x144 && op->kind[1] == ARG_RAW)
        s->pending[op->hart] = (uint16_t)((s->pending[op->hart] & ~SSIP) | (op->a[1] & SSIP));
}

static void set_line(struct sketch *s, const struct trace_op *op)
{
    uint16_t bit = (uint16_t)(1u << op->a[0]);

    if (op->a[1] != 0)
        s->pending[op->hart] |= bit;
    else
        s->pending[op->hart] &= (uint16_t)~bit;
}

/* --- operations ------------------------------------------------------------------------------------------- */

static void apply_call(struct sketch *s, const struct trace_op *op)
{
    switch (op->call) {
    case CALL_hsm_hart_start:
        if (op->kind[0] == ARG_RAW && op->a[0] < s->harts)
            s->started |= 1u << op->a[0];
        break;
    case CALL_hsm_hart_stop:
        s->started &= ~(1u << op->hart);
        follow_fence(s, op->hart);
        break;
    case CALL_ipi_send: send_ipi(s, op); break;
    case CALL_time_set_timer:
        s->pending[op->hart] &= (uint16_t)~STIP;
        if (op->kind[0] == ARG_RAW && op->a[0] == 0)
            s->pending[op->hart] |= STIP;
        break;
    case CALL_nacl_set_shmem:
        if (op->kind[0] == ARG_RAM)
            s->shmem |= 1u << op->hart;
        else
            s->shmem &= ~(1u << op->hart);
        break;
    case CALL_covh_convert_pages:
        if (run_of(s, op->kind[0], op->a[0], op->a[1], SKETCH_HOST))
            set_run(s, op->a[0], op->a[1], SKETCH_CONVERTED, 0);
        break;
    case CALL_covh_reclaim_pages:
        if (run_of(s, op->kind[0], op->a[0], op->a[1], SKETCH_FREE))
            set_run(s, op->a[0], op->a[1], SKETCH_HOST, 0);
        break;
    case CALL_covh_global_fence: begin_fence(s, op->hart); break;
    case CALL_covh_local_fence: follow_fence(s, op->hart); break;
    case CALL_covh_create_tvm: create_tvm(s, op); break;
    case CALL_covh_destroy_tvm: destroy_tvm(s, op); break;
    case CALL_covh_add_tvm_memory_region: add_region(s, op); break;
    case CALL_covh_add_tvm_page_table_pages: add_tables(s, op); break;
    case CALL_covh_add_tvm_measured_pages: add_data(s, op, 2, false); break;
    case CALL_covh_add_tvm_zero_pages: add_data(s, op, 1, true); break;
    case CALL_covh_create_tvm_vcpu: create_vcpu(s, op); break;
    case CALL_covh_finalize_tvm: finalize_tvm(s, op); break;
    case CALL_covh_run_tvm_vcpu: run_vcpu(s, op); break;
    case CALL_covh_promote_to_tvm: promote_tvm(s, op); break;
    case CALL_covh_tvm_invalidate_pages:
        if (tvm_of(s, op, 0) != NULL)
            tvm_of(s, op, 0)->blocked = true;
        break;
    case CALL_covh_add_tvm_shared_pages:
        if (tvm_of(s, op, 0) != NULL && op->kind[1] == ARG_RAM)
            tvm_of(s, op, 0)->lent = op->a[1];
        break;
    case CALL_covh_tvm_fence:
        if (tvm_of(s, op, 0) != NULL)
            tvm_of(s, op, 0)->blocked = false;
        break;
    case CALL_covh_tvm_remove_pages:
    case CALL_covh_tvm_remove_pages_linux: remove_pages(s, op); break;
    default: break;
    }
}

/* A guest access to a page that is not mapped leaves to the host when it lies in a region. */
static bool leaves_by_access(const struct sketch *s, const struct trace_op *op, unsigned address)
{
    const struct sketch_tvm *tvm = &s->tvm[s->guest[op->hart]];
    bool in_region = false;

    if (op->kind[address] != ARG_RAW)
        return false;
    for (unsigned i = 0; i < tvm->regions; i++)
        in_region |= op->a[address] - tvm->region[i] < tvm->region_len[i];
    in_region |= op->a[address] - tvm->device < tvm->device_len;
    for (unsigned i = 0; i < tvm->mapped; i++) {
        if (op->a[address] >> 12 == tvm->gpa[i] >> 12)
            return false;
    }
    return in_region;
}

static bool leaves(struct sketch *s, const struct trace_op *op)
{
    switch (op->op) {
    case OP_GUEST_CALL: return guest_call(&s->tvm[s->guest[op->hart]], s->vcpu[op->hart], op);
    case OP_GUEST_WFI: return true;
    case OP_GUEST_TRAP: return op->a[0] >= 16 && op->a[0] != 22;
    case OP_GUEST_LOAD:
    case OP_GUEST_STORE:
    case OP_GUEST_FETCH: return leaves_by_access(s, op, 0);
    case OP_GUEST_EXEC: return leaves_by_access(s, op, 1);
    default: return false;
    }
}

static void remember_write(struct sketch *s, const struct trace_op *op)
{
    if (op->kind[0] != ARG_RAM)
        return;
    for (uint32_t i = 0; i < SKETCH_WRITES; i++) {
        if (s->write[i].used && s->write[i].address == op->a[0])
            s->write[i].used = false;
    }
    s->write[s->writes++ % SKETCH_WRITES] =
        (struct sketch_write){.used = true, .address = op->a[0], .kind = op->kind[1], .value = op->a[1]};
}

void sketch_apply(struct sketch *s, const struct trace_op *op)
{
    if ((s->started >> op->hart & 1) == 0)
        return;
    if (op->op == OP_IRQ)
        set_line(s, op);
    if (sketch_in_guest(s, op->hart)) {
        if (s->pending[op->hart] != 0 || leaves(s, op))
            s->guest[op->hart] = -1;
        return;
    }
    if (op->op == OP_HOST_CSR_WRITE)
        write_csr(s, op);
    if (op->op == OP_HOST_CALL && op->a[6] <= 1)
        apply_call(s, op);
    if (op->op == OP_HOST_WRITE64)
        remember_write(s, op);
}

void sketch_run(struct sketch *s, const struct trace *t, uint32_t count)
{
    sketch_begin(s, t);
    for (uint32_t i = 0; i < count && i < t->count; i++)
        sketch_apply(s, &t->op[i]);
}
