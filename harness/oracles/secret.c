/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, secrets: what a guest had in its registers appears nowhere that the host can look, and the monitor writes to
 * host memory only what the interface declares.
 *
 * Guests carry markers (harness/agents/marker.h). A marker that the host put there itself is its own business: only
 * values that a trap brought to the host count.
 */
#include "harness/oracles/registers.h"

#include <string.h>

#include "harness/agents/marker.h"

#define CSR_SCAUSE 0x142u
#define CSR_STVAL 0x143u
#define CSR_HTINST 0x64au
#define CAUSE_STORE_FAULT 23u

/* Mailbox words that an exit may write. */
static const uint16_t exit_csrs[EXIT_CSRS] = {0x204, 0x24d, 0x605, 0x643, 0x645, 0x64a};
#define EXIT_GPR_FIRST 10u

static void report_leak(struct world *w, uint32_t h, const char *where, uint32_t number, uint64_t value)
{
    oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "secret-leak",
                  "hart %u: the host sees 0x%llx, a secret of vCPU %u of TVM %u, in %s %u", h,
                  (unsigned long long)value, (uint32_t)(value >> 16) & 0xff, (uint32_t)(value >> 24) & 0xff, where,
                  number);
}

static void check_word(struct world *w, uint32_t h, uint64_t now, uint64_t before, const char *where, uint32_t number)
{
    if (now != before && marker_is(now))
        report_leak(w, h, where, number, now);
}

/* Arguments of a call that the host is shown, as bits: the closed exit table. Extension and function always are. */
static unsigned shown_by_call(uint16_t call)
{
    const unsigned named = 3u << 6;

    switch ((enum call_id)call) {
    case CALL_guest_ipi_send:
    case CALL_guest_srst_system_reset:
    case CALL_covg_add_mmio_region:
    case CALL_covg_remove_mmio_region:
    case CALL_covg_share_memory_region:
    case CALL_covg_unshare_memory_region: return named | 3;
    case CALL_guest_dbcn_console_write:
    case CALL_guest_dbcn_console_read: return named | 7;
    case CALL_guest_hsm_hart_start:
    case CALL_guest_dbcn_console_write_byte:
    case CALL_covg_allow_external_interrupt:
    case CALL_covg_deny_external_interrupt: return named | 1;
    default: return named;
    }
}

/* What this exit shows of the guest's registers on purpose: arguments, or the data that it stores to a device. */
static unsigned shown_by_exit(const struct entry *e, uint64_t htinst)
{
    if (e->cause == CAUSE_ECALL_GUEST)
        return shown_by_call(e->call);
    return e->cause == CAUSE_STORE_FAULT && htinst != 0 ? 1 : 0;
}

void secret_leave(struct world *w, uint32_t h)
{
    const struct hart *hart = &w->machine->monitor->hart[h];
    struct exit_words *words = &w->oracle_state->entry[h].shown;

    const uint8_t *mailbox = hart->shmem_set ? machine_peek(w->machine, hart->shmem.value, NACL_SHMEM_SIZE) : NULL;
    if (words->known || mailbox == NULL)
        return;
    words->known = true;
    for (unsigned i = 0; i < EXIT_CSRS; i++)
        memcpy(&words->csr[i], mailbox + NACL_CSR_OFFSET(exit_csrs[i]), sizeof(words->csr[i]));
    memcpy(words->gpr, mailbox + NACL_GPR_OFFSET(EXIT_GPR_FIRST), sizeof(words->gpr));
}

uint64_t secret_shown_csr(const struct world *w, uint32_t h, uint32_t csr)
{
    const struct exit_words *words = &w->oracle_state->entry[h].shown;

    for (unsigned i = 0; i < EXIT_CSRS && words->known; i++) {
        if (exit_csrs[i] == csr)
            return words->csr[i];
    }
    return 0;
}

static void check_mailbox(struct world *w, uint32_t h)
{
    const struct entry *e = &w->oracle_state->entry[h];

    if (!e->shown.known)
        return;
    unsigned shown = shown_by_exit(e, secret_shown_csr(w, h, CSR_HTINST));
    for (unsigned i = 0; i < EXIT_CSRS; i++)
        check_word(w, h, e->shown.csr[i], 0, "mailbox CSR", exit_csrs[i]);
    for (unsigned i = 0; i < EXIT_GPRS; i++) {
        if ((shown >> i & 1) == 0)
            check_word(w, h, e->shown.gpr[i], 0, "mailbox register", EXIT_GPR_FIRST + i);
    }
}

/* True when nothing differs from `own` but a0 and a1, which is the rule. */
static bool check_host(struct world *w, uint32_t h, const struct world_image *own)
{
    const struct machine_hart *hart = &w->machine->hart[h];
    bool same = image_same_but_answer(hart, own);

    check_word(w, h, hart->x[A0], own->x[A0], "x", A0);
    check_word(w, h, hart->x[A1], own->x[A1], "x", A1);
    for (unsigned i = 1; !same && i < 32; i++)
        check_word(w, h, hart->x[i], own->x[i], "x", i);
    if (image_same_units(hart, own))
        return same;
    for (unsigned i = 0; i < 32; i++)
        check_word(w, h, hart->f[i], own->f[i], "f", i);
    for (unsigned i = 0; i < 32; i++) {
        uint64_t now, before;
        memcpy(&now, hart->v + (size_t)i * MACHINE_VLENB, sizeof(now));
        memcpy(&before, own->vector.v + (size_t)i * MACHINE_VLENB, sizeof(before));
        check_word(w, h, now, before, "v", i);
    }
    return false;
}

static void check_exit(struct world *w, uint32_t h, const struct world_image *own)
{
    uint64_t csr[HOST_CSR_COUNT];

    check_host(w, h, own);
    check_word(w, h, machine_csr_read(w->machine, h, CSR_SCAUSE), 0, "CSR", CSR_SCAUSE);
    check_word(w, h, machine_csr_read(w->machine, h, CSR_STVAL), 0, "CSR", CSR_STVAL);
    machine_csrs_of_host(w->machine, h, csr);
    for (unsigned i = 0; i < HOST_CSR_COUNT; i++)
        check_word(w, h, csr[i], own->csr[i], "CSR", host_csrs[i]);
    check_mailbox(w, h);
}

void secret_trap_to_host(struct world *w)
{
    const struct oracle_state *o = w->oracle_state;
    uint32_t h = o->hart;

    if (o->running_slot[h] != HART_NO_TVM && !o->entry[h].entered && !machine_in_guest(w->machine, h))
        oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "trap-to-host",
                      "hart %u: a trap of the guest ran the host, with all of the guest's registers", h);
}

void secret_after(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    for (uint32_t h = 0; h < w->machine->config.harts && !w->finding.found; h++) {
        struct entry *e = &o->entry[h];
        if (machine_in_guest(w->machine, h) || !e->entered)
            continue;
        if (o->running_slot[h] != HART_NO_TVM)
            check_exit(w, h, &o->host[h]);
        else
            e->kept = check_host(w, h, &e->before);
    }
}

/* --- writes to host memory -------------------------------------------------------------------------------------- */

static bool within(uint64_t address, uint64_t len, uint64_t base, uint64_t size)
{
    return address >= base && address - base < size && len <= size - (address - base);
}

static bool exit_may_write(const struct hart *hart, uint64_t address, uint64_t len)
{
    uint64_t base = hart->shmem.value;

    if (!hart->shmem_set)
        return false;
    if (within(address, len, base + NACL_GPR_OFFSET(EXIT_GPR_FIRST), EXIT_GPRS * 8))
        return true;
    for (unsigned i = 0; i < EXIT_CSRS; i++) {
        if (within(address, len, base + NACL_CSR_OFFSET(exit_csrs[i]), 8))
            return true;
    }
    return false;
}

void secret_write(struct world *w, uint32_t h, uint64_t address, uint64_t len)
{
    const struct entry *e = &w->oracle_state->entry[h];
    const uint64_t *a = &e->before.x[10];
    bool declared;

    if (!e->entered)
        return;
    if (e->from_guest) /* once it has left, an interrupt that the hart takes behind it has nothing to write */
        declared = !e->shown.known && exit_may_write(&w->machine->monitor->hart[h], address, len);
    else if (e->call == CALL_covh_run_tvm_vcpu) /* a value that was consumed */
        declared = within(address, len, w->machine->monitor->hart[h].shmem.value + NACL_GPR_OFFSET(10), 8);
    else if (e->call == CALL_covh_get_tsm_info)
        declared = within(address, len, a[0], sizeof(struct tsm_info));
    else if (e->call == CALL_dbcn_console_read)
        declared = within(address, len, a[1], a[0]);
    else
        declared = false;
    if (!declared || !machine_is_host_ram(w->machine, address, len))
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "host-write",
                      "hart %u wrote %llu bytes at 0x%llx, which the call does not declare", h, (unsigned long long)len,
                      (unsigned long long)address);
}
