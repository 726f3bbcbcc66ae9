/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hardware primitives: all that the monitor needs from a processor and a platform, and all that a port
 * has to provide. monitor/riscv/ implements them on real hardware, harness/machine/ on a simulated machine;
 * the link chooses. Every primitive acts on the calling hart unless it says otherwise.
 *
 * What every port guarantees before the core runs: it fills struct platform (core/monitor.h), gives every hart
 * one struct hart, calls monitor_boot_hart on each hart, and calls monitor_trap for every trap, with
 * interrupts to M-mode masked while the monitor runs.
 */
#ifndef TOUCHSTONE_HAL_HAL_H
#define TOUCHSTONE_HAL_HAL_H

#include "monitor/core/types.h"
#include "monitor/hal/world_state.h"

struct hart;
struct monitor;
struct vector_state;

/* --- world registers -------------------------------------------------------------------------------------- */

/*
 * Save WORLD_CSRS of this hart into save->csr, then load them from load->csr; with Smstateen WORLD_CSRS_STATEEN too.
 * Also breaks an LR/SC reservation. Does not touch hgatp, vsatp, general or floating-point registers.
 */
void hal_csr_swap(struct hart *h, struct world_ctx *save, const struct world_ctx *load);

/*
 * Read or write one of WORLD_CSRS on this hart, by its slot (enum world_csr_slot). Writing applies the hardware's
 * WARL rules.
 */
uint64_t hal_csr_read(struct hart *h, unsigned slot);
void hal_csr_write(struct hart *h, unsigned slot, uint64_t value);

/* Save f0..f31 and fcsr into ctx. Whatever mstatus.FS says, the registers are accessible during the call. */
void hal_fp_save(struct hart *h, struct world_ctx *ctx);

/* Load f0..f31 and fcsr from ctx. */
void hal_fp_load(struct hart *h, const struct world_ctx *ctx);

/* Set f0..f31 and fcsr to zero, so that nothing of the previous world remains in them. */
void hal_fp_zero(struct hart *h);

/*
 * Save or load v0..v31, vstart, vcsr, vl and vtype, or set all of them to zero (vtype to its reset value). Whatever
 * mstatus.VS says, the unit is accessible during the call. Only called when platform.vlenb is not 0.
 */
void hal_vector_save(struct hart *h, struct vector_state *state);
void hal_vector_load(struct hart *h, const struct vector_state *state);
void hal_vector_zero(struct hart *h);

/* --- memory isolation ------------------------------------------------------------------------------------- */

/* Permission and mode bits of a PMP configuration byte. */
#define PMP_R 0x01u
#define PMP_W 0x02u
#define PMP_X 0x04u
#define PMP_NAPOT 0x18u
#define PMP_ENTRIES 16u

/*
 * Write PMP entry `index` (0..15): the address register as the hardware takes it, then the configuration
 * byte. Translation caches of this hart may still hold the old permission afterwards: the caller fences.
 */
void hal_pmp_write(struct hart *h, unsigned index, uint8_t config, uint64_t addr);

/* Read back entry `index`. A port whose hardware lacks the entry returns config 0 and address 0. */
void hal_pmp_read(struct hart *h, unsigned index, uint8_t *config, uint64_t *addr);

/*
 * An IOPMP: entries like those of PMP, one set for all bus masters that are no harts. The lowest entry that matches
 * decides; what matches none is refused. After the write, transactions that were let through by what the entry said before
 * are over. Only called with index smaller than platform.iopmp_entries.
 */
void hal_iopmp_write(struct hart *h, unsigned index, uint8_t config, uint64_t addr);
void hal_iopmp_read(struct hart *h, unsigned index, uint8_t *config, uint64_t *addr);

/* --- translation roots and fences ------------------------------------------------------------------------- */

void hal_hgatp_write(struct hart *h, uint64_t value);
uint64_t hal_hgatp_read(struct hart *h);
void hal_vsatp_write(struct hart *h, uint64_t value);
uint64_t hal_vsatp_read(struct hart *h);

/*
 * Forget every cached translation of this hart: sfence.vma x0,x0; hfence.gvma x0,x0; hfence.vvma x0,x0.
 * The last one covers only the VMID that hgatp names at that moment (priv. spec, hfence.vvma).
 */
void hal_fence_all(struct hart *h);

/* Make instruction fetches of this hart see earlier stores of this hart (fence.i). */
void hal_fence_i(struct hart *h);

/* --- memory ----------------------------------------------------------------------------------------------- */

/*
 * The bytes of `count` consecutive window frames starting at `page`, for reading and writing or for reading.
 * The caller guarantees that the frames lie in the window. Frames are consecutive in the returned pointer.
 * The simulated machine records frames handed out for writing as changed.
 */
void *hal_conf_rw(const struct monitor *m, struct conf_page page, uint32_t count);
const void *hal_conf_ro(const struct monitor *m, struct conf_page page, uint32_t count);

/*
 * Fill one frame with zeros; the zeros are visible to every observer before any later store of this hart.
 * Never optimised away.
 */
void hal_conf_scrub(const struct monitor *m, struct conf_page page);

/*
 * Copy `len` bytes from or to host memory. Every byte is read, or written, exactly once; another hart or a
 * device may be changing the memory meanwhile, so a caller judges only its private copy. The range was checked
 * when `addr` was constructed. 8-byte aligned 8-byte accesses are single loads and stores.
 */
void hal_untrusted_read(struct hart *h, void *dst, struct nonconf_addr addr, size_t len);
void hal_untrusted_write(struct hart *h, struct nonconf_addr addr, const void *src, size_t len);

/* --- harts ------------------------------------------------------------------------------------------------ */

/* Acquire (spinning) and release. Not recursive: taking a lock that this hart holds is a monitor bug. */
void hal_lock(struct hart *h, struct lock *l);
void hal_unlock(struct hart *h, struct lock *l);

/* Raise the machine software interrupt of hart `target`. Earlier stores of this hart are visible to it. */
void hal_ipi_send(struct hart *h, uint32_t target);

/* Take back the machine software interrupt of this hart; later loads see what its senders wrote. */
void hal_ipi_clear(struct hart *h);

/* One turn of a wait loop: let other harts make progress. */
void hal_relax(struct hart *h);

/* Set mip.SSIP of this hart: the supervisor software interrupt of the host. */
void hal_host_ssip_set(struct hart *h);

/* Is an interrupt pending on this hart that the host has enabled for itself, as the host's own wfi would ask? */
bool hal_host_interrupt_pending(struct hart *h);

/*
 * Wait in M-mode for a machine software interrupt of this hart; while h->hsm_state is SUSPENDED, also for what
 * hal_host_interrupt_pending asks about. On hardware, returns when one is pending; the simulated machine returns at once
 * and calls monitor_hart_wake when one arrives.
 */
void hal_park(struct hart *h);

/* --- time, console, reset --------------------------------------------------------------------------------- */

/* Program stimecmp, the host's timer of this hart. */
void hal_host_timer_set(struct hart *h, uint64_t value);

/* Current value of the time CSR. */
uint64_t hal_time(struct hart *h);

/* Console output of one byte, and input: the byte, or -1 when there is none. */
void hal_console_put(struct hart *h, uint8_t byte);
int hal_console_get(struct hart *h);

/* Reset or power off the platform (SBI_SRST_* type and reason). Returns only on the simulated machine. */
void hal_system_reset(struct hart *h, uint32_t type, uint32_t reason);

/*
 * Stop this hart for good after a violated fact about the monitor's own data. `what` is a constant text.
 * The simulated machine turns it into a finding.
 */
_Noreturn void hal_fatal(struct hart *h, const char *what);

/* --- shared words ----------------------------------------------------------------------------------------- */

/*
 * Words that several harts change without a lock. Acquire on load, release on store, both on exchange.
 */
static inline uint32_t shared_load(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void shared_store(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline uint32_t shared_exchange(uint32_t *word, uint32_t value)
{
    return __atomic_exchange_n(word, value, __ATOMIC_ACQ_REL);
}

static inline uint32_t shared_or(uint32_t *word, uint32_t bits)
{
    return __atomic_fetch_or(word, bits, __ATOMIC_ACQ_REL);
}

static inline bool shared_compare_exchange(uint32_t *word, uint32_t expected, uint32_t desired)
{
    return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

#endif
