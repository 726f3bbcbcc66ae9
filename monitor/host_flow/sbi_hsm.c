/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI HSM for the host (SBI v2.0, chapter 9). A hart that starts or resumes is closed off, flushed and up to date with the
 * global fence before its next host instruction (core/boot.c). States change under pages_lock, because the set of online
 * harts decides when a fence is complete.
 */
#include "monitor/core/address.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

#define MIN_INSTRUCTION_SIZE 2u

/* Types of suspension: the two defaults are served, between them lie reserved ones and the platform's. */
#define SUSPEND_RETENTIVE_PLATFORM 0x10000000u
#define SUSPEND_NON_RETENTIVE_PLATFORM 0x90000000u

struct decision hsm_hart_start(struct hart *h, const struct sbi_args *args)
{
    struct monitor *m = h->monitor;
    uint64_t hartid = args->a[0];
    struct nonconf_addr entry;
    if (hartid >= m->platform.harts)
        return decide_error(SBI_ERR_INVALID_PARAM);

    struct hart *target = &m->hart[hartid];
    int64_t error = SBI_SUCCESS;
    hal_lock(h, &m->pages_lock);
    if (target->hsm_state != SBI_HSM_STOPPED) {
        error = SBI_ERR_ALREADY_AVAILABLE;
    } else if (!nonconf_range(m, (struct hpa){args->a[1]}, MIN_INSTRUCTION_SIZE, MIN_INSTRUCTION_SIZE, &entry)) {
        error = SBI_ERR_INVALID_ADDRESS;
    } else {
        target->hsm_start = entry.value;
        target->hsm_opaque = args->a[2];
        shared_store(&target->hsm_state, SBI_HSM_START_PENDING);
    }
    hal_unlock(h, &m->pages_lock);
    if (error != SBI_SUCCESS)
        return decide_error(error);
    hal_ipi_send(h, target->id);
    return decide_success(0);
}

struct decision hsm_hart_stop(struct hart *h, const struct sbi_args *args)
{
    struct monitor *m = h->monitor;
    (void)args;
    h->shmem_set = false;
    hal_lock(h, &m->pages_lock);
    shared_store(&h->hsm_state, SBI_HSM_STOPPED);
    hal_unlock(h, &m->pages_lock);
    return (struct decision){.kind = DECISION_STOP_HART};
}

struct decision hsm_hart_get_status(struct hart *h, const struct sbi_args *args)
{
    uint64_t hartid = args->a[0];
    if (hartid >= h->monitor->platform.harts)
        return decide_error(SBI_ERR_INVALID_PARAM);
    return decide_success(shared_load(&h->monitor->hart[hartid].hsm_state));
}

static bool suspend_type_reserved(uint32_t type)
{
    return (type > SBI_HSM_SUSPEND_RETENTIVE && type < SUSPEND_RETENTIVE_PLATFORM) ||
           (type > SBI_HSM_SUSPEND_NON_RETENTIVE && type < SUSPEND_NON_RETENTIVE_PLATFORM);
}

static void set_own_state(struct hart *h, uint32_t state)
{
    hal_lock(h, &h->monitor->pages_lock);
    shared_store(&h->hsm_state, state);
    hal_unlock(h, &h->monitor->pages_lock);
}

/*
 * The answer is what a retentive suspension returns with; the port parks the hart because it is not STARTED, and takes it
 * back by monitor_hart_wake. An interrupt that is already pending ends the suspension at once.
 */
struct decision hsm_hart_suspend(struct hart *h, const struct sbi_args *args)
{
    uint32_t type = (uint32_t)args->a[0];
    struct nonconf_addr resume = {0};
    if (suspend_type_reserved(type))
        return decide_error(SBI_ERR_INVALID_PARAM);
    if (type != SBI_HSM_SUSPEND_RETENTIVE && type != SBI_HSM_SUSPEND_NON_RETENTIVE)
        return decide_error(SBI_ERR_NOT_SUPPORTED);
    bool fresh = type == SBI_HSM_SUSPEND_NON_RETENTIVE;
    if (fresh &&
        !nonconf_range(h->monitor, (struct hpa){args->a[1]}, MIN_INSTRUCTION_SIZE, MIN_INSTRUCTION_SIZE, &resume))
        return decide_error(SBI_ERR_INVALID_ADDRESS);

    set_own_state(h, SBI_HSM_SUSPEND_PENDING);
    h->hsm_fresh = fresh;
    if (fresh) {
        h->hsm_start = resume.value;
        h->hsm_opaque = args->a[2];
        h->shmem_set = false; /* a fresh hart has no mailbox */
    }
    set_own_state(h, SBI_HSM_SUSPENDED);
    return decide_success(0);
}
