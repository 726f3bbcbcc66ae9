/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, answers: what a call returns, and what no call may accept.
 *
 * Every answer is an error of the interface with value 0, or success with the value that the ABI promises for the call.
 * A call with an argument that is never valid, whatever the state, must not succeed. Which of several errors it
 * returns is not judged here; traces say that in their expectations.
 */
#include "harness/oracles/oracle.h"

#include <string.h>

#define GPA_LIMIT(mode) (UINT64_C(1) << (41 + 9 * ((mode)-GSTAGE_SV39X4)))
#define ANY_VALUE UINT64_MAX

/* --- which calls there are -------------------------------------------------------------------------------------- */

static bool is_served(uint16_t call)
{
    switch (call) {
#define ABI_CALL(id, caller, ext, fid, name, arguments)                                                                \
    case (id):                                                                                                         \
        return true;
#define ABI_CALL_UNSERVED(id, caller, ext, fid, name, arguments)
#include "monitor/abi/calls.def"
    default: return false;
    }
}

/* Do a7 and a6 name a call without junk: 32 bits, nothing reserved, one of the two supervisor domains? */
static bool is_named_cleanly(uint64_t a7, uint64_t a6)
{
    uint32_t word = (uint32_t)a6;
    bool cove = a7 == SBI_EID_COVH || a7 == SBI_EID_COVI || a7 == SBI_EID_COVG;

    if (a7 > UINT32_MAX || (a6 != word && a6 != (uint64_t)(int64_t)(int32_t)word))
        return false;
    return !cove || (COVE_RESERVED(word) == 0 && COVE_SDID(word) <= 1);
}

static bool is_error(int64_t error)
{
    return (error <= SBI_ERR_FAILED && error >= SBI_ERR_NO_SHMEM) || (error <= SBI_ERR_AUTH && error >= SBI_ERR_BUSY);
}

/* --- values ----------------------------------------------------------------------------------------------------- */

/* a1 of a call that succeeded; ANY_VALUE where it depends on the state and is judged elsewhere. */
static uint64_t value_of(uint16_t call, const uint64_t *a)
{
    switch ((enum call_id)call) {
    case CALL_base_get_spec_version:
    case CALL_guest_base_get_spec_version: return SBI_SPEC_VERSION;
    case CALL_base_get_impl_id:
    case CALL_guest_base_get_impl_id: return SBI_IMPL_ID;
    case CALL_base_get_impl_version:
    case CALL_guest_base_get_impl_version: return SBI_IMPL_VERSION;
    case CALL_base_probe_extension: return a[0] == SBI_EID_COVG || a[0] == SBI_EID_COVI ? 0 : ANY_VALUE;
    case CALL_guest_base_probe_extension:
        return a[0] == SBI_EID_COVH || a[0] == SBI_EID_NACL || a[0] == SBI_EID_COVI || a[0] == SBI_EID_SUPD ? 0
                                                                                                            : ANY_VALUE;
    case CALL_supd_get_active_domains: return COVE_ACTIVE_DOMAINS;
    case CALL_covh_get_tsm_info: return sizeof(struct tsm_info);
    case CALL_covh_convert_pages:
    case CALL_covh_reclaim_pages: return a[1];
    case CALL_covh_add_tvm_page_table_pages: return a[2];
    case CALL_covh_add_tvm_zero_pages:
    case CALL_covh_add_tvm_shared_pages: return a[3];
    case CALL_covh_add_tvm_measured_pages: return a[4];
    case CALL_hsm_hart_suspend: /* when it is fresh, a0 and a1 are those of a start */
    case CALL_hsm_hart_get_status:
    case CALL_dbcn_console_write:
    case CALL_dbcn_console_read:
    case CALL_guest_hsm_hart_get_status:
    case CALL_covh_create_tvm:
    case CALL_covh_promote_to_tvm:
    case CALL_covh_run_tvm_vcpu:
    case CALL_guest_base_get_mvendorid:
    case CALL_guest_base_get_marchid:
    case CALL_guest_base_get_mimpid:
    case CALL_base_get_mvendorid:
    case CALL_base_get_marchid:
    case CALL_base_get_mimpid: return ANY_VALUE;
    default: return 0;
    }
}

static void check_answer(struct world *w, uint32_t h, const struct entry *e)
{
    const struct machine_hart *hart = &w->machine->hart[h];
    const uint64_t *a = &e->before.x[10];
    int64_t error = (int64_t)hart->x[10];
    uint64_t value = hart->x[11];

    if (error != SBI_SUCCESS) {
        if (!is_error(error) || value != 0)
            oracle_report(w, ORACLE_OWN, S4_ABI, "value", "hart %u: error %lld with value 0x%llx is no answer", h,
                          (long long)error, (unsigned long long)value);
        return;
    }
    if (!is_served(e->call) || !is_named_cleanly(a[7], a[6])) {
        oracle_report(w, ORACLE_OWN, S4_ABI, "accepted", "hart %u: a call that does not exist succeeded", h);
        return;
    }
    uint64_t expected = value_of(e->call, a);
    bool moved = e->call == CALL_dbcn_console_write || e->call == CALL_dbcn_console_read;
    if ((expected != ANY_VALUE && value != expected) || (moved && value > a[0]))
        oracle_report(w, ORACLE_OWN, S4_ABI, "value", "hart %u: the call succeeded with value 0x%llx", h,
                      (unsigned long long)value);
}

/* --- arguments that are never valid ----------------------------------------------------------------------------- */

static bool host_range(const struct world *w, uint64_t base, uint64_t len, uint64_t align)
{
    return (base & (align - 1)) == 0 && machine_is_host_ram(w->machine, base, len);
}

static bool gpa_range(const struct world *w, uint64_t base, uint64_t len)
{
    uint64_t limit = GPA_LIMIT(w->machine->monitor->platform.gstage_mode);

    return ((base | len) & PAGE_MASK) == 0 && len != 0 && base < limit && len <= limit - base;
}

/* All harts that a mask names exist. */
static bool hart_mask(const struct world *w, uint64_t mask, uint64_t base)
{
    uint32_t harts = w->machine->config.harts;

    if (base == SBI_ALL_HARTS || mask == 0)
        return true;
    return base < harts && mask >> (harts - base) == 0;
}

/* Size of a page type that this monitor has, else 0. */
static uint64_t type_size(uint64_t type)
{
    return type == TSM_PAGE_4K ? PAGE_SIZE : type == TSM_PAGE_2M ? (uint64_t)LARGE_PAGES * PAGE_SIZE : 0;
}

static bool mapping(const struct world *w, uint64_t type, uint64_t count, uint64_t gpa)
{
    uint64_t size = type_size(type);

    return size != 0 && count != 0 && count <= w->machine->config.window_pages + w->machine->config.host_pages &&
           (gpa & (size - 1)) == 0 && gpa_range(w, gpa, count * size);
}

/* A page that is aligned to its own size, whatever it is. */
static bool aligned(uint64_t address, uint64_t type)
{
    uint64_t size = type_size(type);

    return size != 0 && (address & (size - 1)) == 0;
}

static bool hart_start(const struct world *w, const uint64_t *a)
{
    return a[0] < w->machine->config.harts && w->oracle_state->hsm[a[0]] == SBI_HSM_STOPPED &&
           host_range(w, a[1], 2, 2);
}

static bool finalize(const struct world *w, const struct host_call *c)
{
    if (c->args[3] != 0 && !host_range(w, c->args[3], TVM_IDENTITY_SIZE, TVM_IDENTITY_SIZE))
        return false;
    return c->slot == MONITOR_MAX_TVMS || w->oracle_state->tvm[c->slot].facts.vcpu_frame[0] != CONF_PAGE_NONE;
}

/* Could the call have succeeded in any state? */
static bool may_be_accepted(const struct world *w, const struct host_call *c)
{
    const struct oracle_state *o = w->oracle_state;
    const uint64_t *a = c->args;

    switch ((enum call_id)c->id) {
    case CALL_ipi_send:
    case CALL_rfence_fence_i:
    case CALL_rfence_sfence_vma:
    case CALL_rfence_sfence_vma_asid:
    case CALL_rfence_hfence_gvma_vmid:
    case CALL_rfence_hfence_gvma:
    case CALL_rfence_hfence_vvma_asid:
    case CALL_rfence_hfence_vvma: return hart_mask(w, a[0], a[1]);
    case CALL_hsm_hart_start: return hart_start(w, a);
    case CALL_hsm_hart_get_status: return a[0] < w->machine->config.harts;
    case CALL_hsm_hart_suspend:
        return (uint32_t)a[0] == SBI_HSM_SUSPEND_RETENTIVE ||
               ((uint32_t)a[0] == SBI_HSM_SUSPEND_NON_RETENTIVE && host_range(w, a[1], 2, 2));
    case CALL_dbcn_console_write:
    case CALL_dbcn_console_read: return a[0] == 0 || (a[2] == 0 && host_range(w, a[1], a[0], 1));
    case CALL_nacl_set_shmem:
        return a[2] == 0 && ((a[0] == NACL_SHMEM_NONE && a[1] == NACL_SHMEM_NONE) ||
                             (a[1] == 0 && host_range(w, a[0], NACL_SHMEM_SIZE, PAGE_SIZE)));
    case CALL_covh_get_tsm_info:
        return a[1] >= sizeof(struct tsm_info) && host_range(w, a[0], sizeof(struct tsm_info), 4);
    case CALL_covh_create_tvm:
        return a[1] >= sizeof(struct tvm_create_params) && host_range(w, a[0], sizeof(struct tvm_create_params), 1);
    case CALL_covh_finalize_tvm: return finalize(w, c);
    case CALL_covh_add_tvm_memory_region: return gpa_range(w, a[1], a[2]);
    case CALL_covh_promote_to_tvm: return (a[0] & 7) == 0 && (a[1] & 7) == 0 && o->shmem_set[o->hart];
    case CALL_covh_add_tvm_measured_pages:
        return (a[1] & PAGE_MASK) == 0 && aligned(a[2], a[3]) && mapping(w, a[3], a[4], a[5]);
    case CALL_covh_add_tvm_zero_pages: return aligned(a[1], a[2]) && mapping(w, a[2], a[3], a[4]);
    case CALL_covh_add_tvm_shared_pages:
        return mapping(w, a[2], a[3], a[4]) && host_range(w, a[1], a[3] * type_size(a[2]), type_size(a[2]));
    case CALL_covh_tvm_invalidate_pages:
    case CALL_covh_tvm_validate_pages:
    case CALL_covh_tvm_remove_pages:
    case CALL_covh_tvm_remove_pages_linux: return gpa_range(w, a[1], a[2]);
    case CALL_covh_create_tvm_vcpu: return a[1] < TVM_MAX_VCPUS;
    case CALL_covh_run_tvm_vcpu: return a[1] < TVM_MAX_VCPUS && o->shmem_set[o->hart];
    default: return true;
    }
}

/* --- what a call left behind where it said it would --------------------------------------------------------------- */

static void check_tsm_info(struct world *w, uint64_t address)
{
    const struct tsm_info ready = {.tsm_state = TSM_READY,
                                   .tsm_impl_id = TSM_IMPL_ID,
                                   .tsm_version = TSM_VERSION,
                                   .tsm_capabilities = TSM_CAP_MEMORY_ALLOCATION | TSM_CAP_PROMOTE_TVM,
                                   .tvm_state_pages = TVM_STATE_PAGES,
                                   .tvm_max_vcpus = TVM_MAX_VCPUS,
                                   .tvm_vcpu_state_pages = TVM_VCPU_STATE_PAGES};
    const struct tsm_info loaded = {.tsm_state = TSM_LOADED};
    uint8_t iopmp = w->machine->config.iopmp;
    bool serves = iopmp == MACHINE_IOPMP_PRESENT || iopmp == MACHINE_IOPMP_ABSENT;
    const uint8_t *bytes = machine_peek(w->machine, address, sizeof(ready));

    if (bytes == NULL || memcmp(bytes, serves ? &ready : &loaded, sizeof(ready)) != 0)
        oracle_report(w, ORACLE_OWN, S4_ABI, "tsm-info", "what get_tsm_info wrote is not what this monitor is");
}

static void check_mailbox(struct world *w, uint64_t address)
{
    const struct hart *hart = &w->machine->monitor->hart[w->oracle_state->hart];
    bool cleared = address == NACL_SHMEM_NONE;

    if (hart->shmem_set == cleared || (hart->shmem_set && hart->shmem.value != address))
        oracle_report(w, ORACLE_OWN, S4_ABI, "mailbox", "hart %u: the mailbox is not where the host put it", hart->id);
}

/* Each started or suspended hart of the mask has a software interrupt waiting, whatever runs on it. */
static void check_ipi(struct world *w, uint64_t mask, uint64_t base)
{
    for (uint32_t h = 0; h < w->machine->config.harts; h++) {
        bool named = base == SBI_ALL_HARTS || (h >= base && h - base < 64 && (mask >> (h - base) & 1) != 0);
        uint32_t hsm = w->oracle_state->hsm[h];
        bool there = hsm == SBI_HSM_STARTED || hsm == SBI_HSM_SUSPENDED;
        if (named && there && (machine_csr_read(w->machine, h, 0x344) & 2) == 0)
            oracle_report(w, ORACLE_OWN, S3_AVAILABILITY, "ipi", "hart %u was sent an interrupt that never arrived", h);
    }
}

static void check_effect(struct world *w)
{
    const struct oracle_state *o = w->oracle_state;
    const uint64_t *a = o->call.args;

    switch ((enum call_id)o->call.id) {
    case CALL_covh_get_tsm_info: check_tsm_info(w, a[0]); return;
    case CALL_ipi_send: check_ipi(w, a[0], a[1]); return;
    case CALL_nacl_set_shmem: check_mailbox(w, a[0]); return;
    case CALL_time_set_timer:
        if (machine_csr_read(w->machine, o->hart, 0x14d) != a[0])
            oracle_report(w, ORACLE_OWN, S4_ABI, "timer", "hart %u: the timer is not what was set", o->hart);
        return;
    case CALL_hsm_hart_get_status:
        if (w->machine->hart[o->hart].x[11] != o->hsm[a[0]])
            oracle_report(w, ORACLE_OWN, S4_ABI, "value", "hart %u is in another state than reported", (uint32_t)a[0]);
        return;
    default: return;
    }
}

/* A non-retentive suspension that was over at once: there is no answer, the hart begins somewhere else. */
static bool begins_anew(const struct world *w)
{
    const struct host_call *c = &w->oracle_state->call;

    return c->id == CALL_hsm_hart_suspend && (uint32_t)c->args[0] == SBI_HSM_SUSPEND_NON_RETENTIVE &&
           w->machine->hart[w->oracle_state->hart].pc == c->args[1];
}

void result_after(struct world *w)
{
    const struct oracle_state *o = w->oracle_state;
    const struct entry *e = &o->entry[o->hart];
    bool ecall = e->entered && e->cause == (e->from_guest ? 10u : 9u);
    bool stays = machine_in_guest(w->machine, o->hart) == e->from_guest && !w->machine->hart[o->hart].parked;

    if (!ecall)
        return;
    if (stays && !begins_anew(w))
        check_answer(w, o->hart, e);
    if (e->from_guest || !o->call.ok)
        return;
    if (!may_be_accepted(w, &o->call))
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "accepted",
                      "hart %u: a call succeeded with an argument that is never valid", o->hart);
    else if (stays)
        check_effect(w);
}
