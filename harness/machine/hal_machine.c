/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hardware primitives on the simulated machine. Each counts as one step, tells the observer, and is held to its
 * contract: an argument outside of it is a violation that ends the monitor's work.
 */
#include <stdio.h>
#include <string.h>

#include "harness/machine/internal.h"
#include "harness/machine/sanitize.h"
#include "monitor/core/vcpu.h"

#define VTYPE_VILL (UINT64_C(1) << 63)

static struct machine *machine_of(const struct hart *h)
{
    return h->monitor->platform.machine;
}

static struct machine_hart *hart_of(const struct hart *h)
{
    return &machine_of(h)->hart[h->id];
}

static struct machine *step_on(const struct monitor *monitor, uint32_t h)
{
    struct machine *m = monitor->platform.machine;

    if (m->private->mode == MACHINE_THREADS) {
        threads_step();
        return m; /* without a budget: a thread that does not come back is for the operating system to stop */
    }
    if (m->private->mode == MACHINE_FIBERS)
        schedule_yield(m);
    if (m->in_monitor != 0 && ++m->steps > MACHINE_STEP_BUDGET)
        violation_unwind(m, h, VIOLATION_BUDGET, "one trap took more steps than the budget");
    return m;
}

static struct machine *step(const struct hart *h)
{
    return step_on(h->monitor, h->id);
}

/* --- world registers -------------------------------------------------------------------------------------------- */

void hal_csr_swap(struct hart *h, struct world_ctx *save, const struct world_ctx *load)
{
    struct machine *m = step(h);

    emit(m, EVENT_CSR_SWAP, h->id, 0, 0, 0);
    csr_swap(m, h->id, save->csr, load->csr);
    m->hart[h->id].reserved_set = false;
}

uint64_t hal_csr_read(struct hart *h, unsigned slot)
{
    struct machine *m = step(h);

    if (slot >= WORLD_CSR_SWAPPED)
        violation_unwind(m, h->id, VIOLATION_BAD_ACCESS, "read of a CSR slot that does not exist");
    return csr_world_read(m, h->id, slot);
}

void hal_csr_write(struct hart *h, unsigned slot, uint64_t value)
{
    struct machine *m = step(h);

    if (slot >= WORLD_CSR_SWAPPED)
        violation_unwind(m, h->id, VIOLATION_BAD_ACCESS, "write of a CSR slot that does not exist");
    csr_world_write(m, h->id, slot, value);
}

void hal_fp_save(struct hart *h, struct world_ctx *ctx)
{
    emit(step(h), EVENT_FP_SAVE, h->id, 0, 0, 0);
    memcpy(ctx->f, hart_of(h)->f, sizeof(ctx->f));
    ctx->fcsr = hart_of(h)->fcsr;
}

void hal_fp_load(struct hart *h, const struct world_ctx *ctx)
{
    emit(step(h), EVENT_FP_LOAD, h->id, 0, 0, 0);
    memcpy(hart_of(h)->f, ctx->f, sizeof(ctx->f));
    hart_of(h)->fcsr = ctx->fcsr & 0xff;
}

void hal_fp_zero(struct hart *h)
{
    emit(step(h), EVENT_FP_ZERO, h->id, 0, 0, 0);
    memset(hart_of(h)->f, 0, sizeof(hart_of(h)->f));
    hart_of(h)->fcsr = 0;
}

/* The vector unit: a port without one never sees these calls. */
static struct machine_hart *vector_unit(struct hart *h, enum machine_event_kind kind)
{
    struct machine *m = step(h);

    emit(m, kind, h->id, 0, 0, 0);
    if (m->monitor->platform.vlenb != MACHINE_VLENB)
        violation_unwind(m, h->id, VIOLATION_BAD_ACCESS, "vector registers are used on a hart that has none");
    return hart_of(h);
}

void hal_vector_save(struct hart *h, struct vector_state *state)
{
    const struct machine_hart *hart = vector_unit(h, EVENT_VECTOR_SAVE);

    state->vstart = hart->vstart;
    state->vcsr = hart->vcsr;
    state->vl = hart->vl;
    state->vtype = hart->vtype;
    memcpy(state->v, hart->v, sizeof(hart->v));
}

void vector_type_write(struct machine_hart *hart, uint64_t vtype, uint64_t wanted)
{
    uint64_t lmul = vtype & 7; /* 5, 6, 7: an eighth, a quarter, a half */
    uint64_t sew = vtype >> 3 & 7;
    uint64_t elements = (MACHINE_VLENB >> sew << (lmul & 3)) >> (lmul > 4 ? 4 : 0);
    /* A register group may not be smaller than its elements would have to be on a hart with 64-bit elements. */
    bool fits = lmul < 4 || (lmul > 4 && sew <= lmul - 5);
    bool legal = vtype >> 8 == 0 && sew <= 3 && fits && elements != 0;

    hart->vtype = legal ? vtype : VTYPE_VILL;
    hart->vl = legal ? (wanted < elements ? wanted : elements) : 0;
}

/* What vsetvl and csrw can leave in the registers. */
static void load_vector_csrs(struct machine_hart *hart, const struct vector_state *state)
{
    hart->vstart = state->vstart & (8 * MACHINE_VLENB - 1);
    hart->vcsr = state->vcsr & 7;
    vector_type_write(hart, state->vtype, state->vl);
}

void hal_vector_load(struct hart *h, const struct vector_state *state)
{
    struct machine_hart *hart = vector_unit(h, EVENT_VECTOR_LOAD);

    load_vector_csrs(hart, state);
    memcpy(hart->v, state->v, sizeof(hart->v));
}

void hal_vector_zero(struct hart *h)
{
    struct machine_hart *hart = vector_unit(h, EVENT_VECTOR_ZERO);

    hart->vstart = hart->vcsr = hart->vl = 0;
    hart->vtype = VTYPE_VILL;
    memset(hart->v, 0, sizeof(hart->v));
}

/* --- memory isolation ------------------------------------------------------------------------------------------- */

void hal_pmp_write(struct hart *h, unsigned index, uint8_t config, uint64_t addr)
{
    struct machine *m = step(h);

    emit(m, EVENT_PMP_WRITE, h->id, index, config, addr);
    if (index >= PMP_ENTRIES)
        violation_unwind(m, h->id, VIOLATION_BAD_ACCESS, "write of a PMP entry that does not exist");
    disturb_pmp_write(m, h->id, index, &config, &addr);
    if (pmp_write(m, h->id, index, config, addr))
        m->hart[h->id].pmp_unfenced = true;
}

void hal_pmp_read(struct hart *h, unsigned index, uint8_t *config, uint64_t *addr)
{
    struct machine *m = step(h);

    if (index >= PMP_ENTRIES)
        violation_unwind(m, h->id, VIOLATION_BAD_ACCESS, "read of a PMP entry that does not exist");
    *config = m->hart[h->id].pmpcfg[index];
    *addr = m->hart[h->id].pmpaddr[index];
}

bool machine_pmp_failed(const struct machine *m, uint32_t h)
{
    return m->private->hart[h].pmp_failed != 0;
}

static struct machine *iopmp_entry(struct hart *h, unsigned index)
{
    struct machine *m = step(h);

    if (index >= m->monitor->platform.iopmp_entries)
        violation_unwind(m, h->id, VIOLATION_BAD_ACCESS, "an IOPMP entry that does not exist was used");
    return m;
}

void hal_iopmp_write(struct hart *h, unsigned index, uint8_t config, uint64_t addr)
{
    struct machine *m = iopmp_entry(h, index);

    emit(m, EVENT_IOPMP_WRITE, h->id, index, config, addr);
    iopmp_write(m, index, config, addr);
}

void hal_iopmp_read(struct hart *h, unsigned index, uint8_t *config, uint64_t *addr)
{
    const struct machine *m = iopmp_entry(h, index);

    *config = m->iopmpcfg[index];
    *addr = m->iopmpaddr[index];
}

/* --- translation roots and fences ------------------------------------------------------------------------------- */

void hal_hgatp_write(struct hart *h, uint64_t value)
{
    struct machine *m = step(h);

    emit(m, EVENT_HGATP_WRITE, h->id, value, 0, 0);
    csr_hgatp_write(m, h->id, value);
}

uint64_t hal_hgatp_read(struct hart *h)
{
    return machine_csr_read(step(h), h->id, CSR_HGATP);
}

void hal_vsatp_write(struct hart *h, uint64_t value)
{
    struct machine *m = step(h);

    emit(m, EVENT_VSATP_WRITE, h->id, value, 0, 0);
    machine_csr_write(m, h->id, CSR_VSATP, value);
}

uint64_t hal_vsatp_read(struct hart *h)
{
    return machine_csr_read(step(h), h->id, CSR_VSATP);
}

void hal_fence_all(struct hart *h)
{
    struct machine *m = step(h);

    emit(m, EVENT_FENCE_ALL, h->id, 0, 0, 0);
    tlb_fence_all(m, h->id);
    m->private->hart[h->id].fences++;
    m->hart[h->id].pmp_unfenced = false;
    m->hart[h->id].hgatp_unfenced = false;
}

void hal_fence_i(struct hart *h)
{
    struct machine *m = step(h);

    emit(m, EVENT_FENCE_I, h->id, 0, 0, 0);
    m->private->hart[h->id].fetch_fences++;
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

/* Frames [page, page + count) of the window. There is no hart in this call: a violation names hart 0. */
static uint8_t *frames(struct machine *m, struct conf_page page, uint32_t count)
{
    if (page.index >= m->config.window_pages || count == 0 || count > m->config.window_pages - page.index)
        violation_unwind(m, 0, VIOLATION_BAD_ACCESS, "a frame outside the window was accessed");
    redzone_open(m, page.index, count);
    return m->window + (size_t)page.index * PAGE_SIZE;
}

void *hal_conf_rw(const struct monitor *monitor, struct conf_page page, uint32_t count)
{
    struct machine *m = step_on(monitor, 0);
    uint8_t *at = frames(m, page, count);

    for (uint32_t i = 0; i < count; i++)
        memory_mark_window(m, page.index + i);
    return at;
}

const void *hal_conf_ro(const struct monitor *monitor, struct conf_page page, uint32_t count)
{
    return frames(step_on(monitor, 0), page, count);
}

void hal_conf_scrub(const struct monitor *monitor, struct conf_page page)
{
    struct machine *m = step_on(monitor, 0);
    uint8_t *at = frames(m, page, 1);

    emit(m, EVENT_SCRUB, 0, page.index, 0, 0);
    memory_mark_window(m, page.index);
    memset(at, 0, PAGE_SIZE);
}

static uint8_t *host_bytes(struct machine *m, uint32_t h, uint64_t address, size_t len)
{
    if (!machine_is_host_ram(m, address, len)) {
        char text[120];
        snprintf(text, sizeof(text), "untrusted access to 0x%llx, %llu bytes: not all host RAM",
                 (unsigned long long)address, (unsigned long long)len);
        violation_unwind(m, h, VIOLATION_BAD_ACCESS, text);
    }
    return m->host_ram + (address - MACHINE_HOST_BASE);
}

void hal_untrusted_read(struct hart *h, void *dst, struct nonconf_addr addr, size_t len)
{
    struct machine *m = step(h);
    const uint8_t *at = host_bytes(m, h->id, addr.value, len);

    emit(m, EVENT_UNTRUSTED_READ, h->id, addr.value, len, 0);
    if (m->private->raced_count != 0)
        disturb_before_read(m, h->id, addr.value, len);
    sanitize_racy_read(dst, at, len);
    if (m->private->hart[h->id].disturbance.active)
        disturb_after_read(m, h->id, addr.value, len);
}

void hal_untrusted_write(struct hart *h, struct nonconf_addr addr, const void *src, size_t len)
{
    struct machine *m = step(h);
    uint8_t *at = host_bytes(m, h->id, addr.value, len);

    emit(m, EVENT_UNTRUSTED_WRITE, h->id, addr.value, len, 0);
    if (m->private->raced_count != 0)
        disturb_before_write(m, addr.value, len);
    sanitize_check_initialised(src, len);
    memory_mark_pointer(m, at, len);
    sanitize_racy_write(at, src, len);
}

/* --- harts ------------------------------------------------------------------------------------------------------ */

/*
 * What an event calls a lock: its offset in struct monitor, or the physical address of the lock when it lies in a
 * window frame.
 */
static uint64_t lock_name(const struct machine *m, const struct lock *l)
{
    if (memory_points_to_window(m, l, sizeof(*l)))
        return MACHINE_WINDOW_BASE + (uint64_t)((uintptr_t)l - (uintptr_t)m->window);
    return (uint64_t)((uintptr_t)l - (uintptr_t)m->monitor);
}

/*
 * While one hart is in the monitor nobody else moves: a lock that is held stays held, and waiting would be for ever.
 * Under a scheduler others do move, and it waits.
 */
void hal_lock(struct hart *h, struct lock *l)
{
    struct machine *m = step(h);

    emit(m, EVENT_LOCK, h->id, lock_name(m, l), 0, 0);
    if (m->private->mode == MACHINE_THREADS) {
        threads_lock(m, h->id, l);
        return;
    }
    if (m->private->mode == MACHINE_FIBERS)
        schedule_lock(m, h->id, l);
    if (l->owner != 0)
        violation_unwind(m, h->id, VIOLATION_LOCK,
                         l->owner == h->id + 1 ? "a lock was taken twice"
                                               : "a lock that is never released was awaited");
    l->owner = h->id + 1;
    m->locks_held[h->id]++;
}

void hal_unlock(struct hart *h, struct lock *l)
{
    struct machine *m = step(h);

    emit(m, EVENT_UNLOCK, h->id, lock_name(m, l), 0, 0);
    if (shared_load(&l->owner) != h->id + 1)
        violation_unwind(m, h->id, VIOLATION_LOCK, "a lock was released by a hart that does not hold it");
    shared_store(&l->owner, 0);
    m->locks_held[h->id]--;
    if (m->private->mode == MACHINE_FIBERS)
        schedule_unlocked(m, h->id, l);
}

void hal_ipi_send(struct hart *h, uint32_t target)
{
    struct machine *m = step(h);

    emit(m, EVENT_IPI, h->id, target, 0, 0);
    if (target >= m->config.harts)
        violation_unwind(m, h->id, VIOLATION_BAD_ACCESS, "interrupt to a hart that does not exist");
    __atomic_store_n(&m->msip[target], true, __ATOMIC_SEQ_CST);
    if (m->private->mode == MACHINE_FIBERS)
        schedule_yield(m); /* what the sender forgot to do before is too late now */
}

void hal_ipi_clear(struct hart *h)
{
    struct machine *m = step(h);

    __atomic_store_n(&m->msip[h->id], false, __ATOMIC_SEQ_CST);
    if (m->private->mode == MACHINE_FIBERS)
        schedule_yield(m);
}

void hal_relax(struct hart *h)
{
    struct machine *m = machine_of(h);

    if (m->locks_held[h->id] != 0)
        violation_record(m, h->id, VIOLATION_LOCK, "a hart waits for others with a lock held");
    if (m->private->mode == MACHINE_FIBERS)
        schedule_relax(m, h->id); /* which bounds the wait */
    else if (m->private->mode == MACHINE_THREADS)
        threads_relax(m, h->id);
    else
        trap_serve_others(step(h), h->id);
}

void hal_host_ssip_set(struct hart *h)
{
    machine_set_pending(step(h), h->id, IRQ_SSI, true);
}

bool hal_host_interrupt_pending(struct hart *h)
{
    return trap_host_interrupt_pending(step(h), h->id);
}

void hal_park(struct hart *h)
{
    step(h)->hart[h->id].parked = true;
}

/* --- time, console, reset --------------------------------------------------------------------------------------- */

void hal_host_timer_set(struct hart *h, uint64_t value)
{
    machine_csr_write(step(h), h->id, CSR_STIMECMP, value);
}

uint64_t hal_time(struct hart *h)
{
    return machine_time(step(h));
}

void hal_console_put(struct hart *h, uint8_t byte)
{
    struct machine *m = step(h);

    if (m->private->mode == MACHINE_THREADS)
        return; /* the bytes of several harts have no order that anybody could look at */
    if (m->console_len < sizeof(m->console))
        m->console[m->console_len++] = byte;
    m->console_total++;
}

int hal_console_get(struct hart *h)
{
    struct machine *m = step(h);

    if (m->private->mode == MACHINE_THREADS)
        return -1;
    return m->input_pos < m->input_len ? m->input[m->input_pos++] : -1;
}

void hal_system_reset(struct hart *h, uint32_t type, uint32_t reason)
{
    struct machine *m = step(h);

    emit(m, EVENT_RESET, h->id, type, reason, 0);
    bool first = !__atomic_exchange_n(&m->halted, true, __ATOMIC_RELAXED);
    if (!first && m->private->mode == MACHINE_THREADS)
        return;
    m->reset_type = type;
    m->reset_reason = reason;
    m->reset_count++;
}

_Noreturn void hal_fatal(struct hart *h, const char *what)
{
    violation_unwind(machine_of(h), h->id, VIOLATION_FATAL, what);
}
