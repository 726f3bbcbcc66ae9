/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a world: taken when a hart enters the monitor, compared when it leaves. */
#include "harness/oracles/registers.h"

#include <string.h>

const uint16_t host_csrs[HOST_CSR_COUNT] = {
#define CSR_OF_HOST(name, number) number,
#include "harness/machine/csr_groups.def"
};

const uint16_t guest_csrs[GUEST_CSR_COUNT] = {
#define CSR_OF_GUEST(name, number) number,
#include "harness/machine/csr_groups.def"
};

_Static_assert(GUEST_CSR_COUNT < HOST_CSR_COUNT, "a guest's image has room for one more word");

static void take_registers(const struct world *w, uint32_t h, struct world_image *image)
{
    const struct machine_hart *hart = &w->machine->hart[h];

    memcpy(image->x, hart->x, sizeof(image->x));
    memcpy((uint8_t *)image + offsetof(struct world_image, f), (const uint8_t *)hart + offsetof(struct machine_hart, f),
           UNITS_BYTES);
    image->pc = hart->pc;
    image->priv = hart->priv;
}

static void take_host_csrs(const struct world *w, uint32_t h, struct world_image *image)
{
    machine_csrs_of_host(w->machine, h, image->csr);
}

static uint64_t pending_software(const struct world *w, uint32_t h)
{
    return machine_csr_read(w->machine, h, CSR_VSIP) & VSIP_SSIP;
}

static void take_guest_csrs(const struct world *w, uint32_t h, struct world_image *image)
{
    machine_csrs_of_guest(w->machine, h, image->csr);
    image->csr[GUEST_CSR_COUNT] = pending_software(w, h);
}

/* What the host answers to the vCPU that it runs: a0 and a1 of its mailbox. */
static void take_reply(const struct world *w, uint32_t h, struct entry *e)
{
    const struct hart *hart = &w->machine->monitor->hart[h];

    memset(e->reply, 0, sizeof(e->reply));
    const uint8_t *words =
        hart->shmem_set ? machine_peek(w->machine, hart->shmem.value + NACL_GPR_OFFSET(A0), sizeof(e->reply)) : NULL;
    if (words != NULL)
        memcpy(e->reply, words, sizeof(e->reply));
}

void registers_enter(struct world *w, uint32_t h, struct entry *e)
{
    take_registers(w, h, &e->before);
    if (e->from_guest)
        take_guest_csrs(w, h, &e->before);
    else
        take_host_csrs(w, h, &e->before);
    if (e->call == CALL_covh_run_tvm_vcpu)
        take_reply(w, h, e);
}

bool image_same_gprs(struct world *w, uint32_t h, const struct world_image *image, uint32_t mask, const char *property,
                     const char *when)
{
    const uint64_t *now = w->machine->hart[h].x;

    if ((mask >> A0 & 3) == 3 && image_same_but_answer(&w->machine->hart[h], image))
        return true; /* the ordinary case */
    for (unsigned i = 0; i < 32; i++) {
        uint64_t expected = i == 0 ? 0 : image->x[i];
        if ((mask >> i & 1) != 0 || now[i] == expected)
            continue;
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "hart %u: x%u was 0x%llx and is 0x%llx %s", h, i,
                      (unsigned long long)expected, (unsigned long long)now[i], when);
        return false;
    }
    return true;
}

/* The vector unit; an image that was never taken is the reset state, in which vtype is illegal. */
static bool same_vector(const struct machine_hart *hart, const struct vector_image *vector)
{
    uint64_t vtype = vector->vtype != 0 || vector->vl != 0 ? vector->vtype : VTYPE_ILLEGAL;

    return hart->vstart == vector->vstart && hart->vcsr == vector->vcsr && hart->vl == vector->vl &&
           (hart->vtype == vector->vtype || hart->vtype == vtype) && memcmp(hart->v, vector->v, sizeof(hart->v)) == 0;
}

bool image_same_fp(struct world *w, uint32_t h, const struct world_image *image, const char *property, const char *when)
{
    const struct machine_hart *hart = &w->machine->hart[h];

    if (image_same_units(hart, image))
        return true;
    if (!same_vector(hart, &image->vector)) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "hart %u: the vector unit changed %s", h, when);
        return false;
    }
    if (memcmp(hart->f, image->f, sizeof(image->f)) == 0 && hart->fcsr == image->fcsr)
        return true;
    for (unsigned i = 0; i < 32; i++) {
        if (hart->f[i] != image->f[i]) {
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "hart %u: f%u changed %s", h, i, when);
            return false;
        }
    }
    oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "hart %u: fcsr changed %s", h, when);
    return false;
}

void image_same_pc(struct world *w, uint32_t h, uint64_t pc, const char *property, const char *when)
{
    if (w->machine->hart[h].pc != pc)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "hart %u: pc is 0x%llx, expected 0x%llx %s", h,
                      (unsigned long long)w->machine->hart[h].pc, (unsigned long long)pc, when);
}

void image_same_host_csrs(struct world *w, uint32_t h, const struct world_image *image, unsigned except,
                          const char *when)
{
    uint64_t all[HOST_CSR_COUNT];

    machine_csrs_of_host(w->machine, h, all);
    if (memcmp(all, image->csr, sizeof(all)) == 0)
        return;
    for (unsigned i = 0; i < HOST_CSR_COUNT && !w->finding.found; i++) {
        uint64_t now = all[i];
        if (now != image->csr[i] && host_csrs[i] != except)
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, "host-csr", "hart %u: CSR 0x%x was 0x%llx and is 0x%llx %s", h,
                          host_csrs[i], (unsigned long long)image->csr[i], (unsigned long long)now, when);
    }
}

void image_check_software_interrupt(struct world *w, uint32_t h, bool before, const char *property, const char *when)
{
    const struct hart *hart = &w->machine->monitor->hart[h];
    uint64_t *notified = &w->oracle_state->tvm[hart->tvm_slot % MONITOR_MAX_TVMS].notified;
    bool asked = (*notified >> (hart->vcpu_id % TVM_MAX_VCPUS) & 1) != 0;
    bool now = pending_software(w, h) != 0;

    if (now != (before || asked))
        oracle_report(w, ORACLE_OWN, asked ? S3_AVAILABILITY : S1_ISOLATION, asked ? "guest-ipi" : property,
                      "hart %u: the guest's pending software interrupt %s %s", h, now ? "came from nowhere" : "is gone",
                      when);
    *notified &= ~(UINT64_C(1) << (hart->vcpu_id % TVM_MAX_VCPUS));
}

void image_same_guest_csrs(struct world *w, uint32_t h, const struct world_image *image, uint32_t mask,
                           const char *property, const char *when)
{
    uint64_t all[GUEST_CSR_COUNT];

    machine_csrs_of_guest(w->machine, h, all);
    for (unsigned i = 0; i < GUEST_CSR_COUNT && !w->finding.found; i++) {
        uint64_t now = all[i];
        if ((mask >> i & 1) == 0 && now != image->csr[i])
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "hart %u: CSR 0x%x was 0x%llx and is 0x%llx %s", h,
                          guest_csrs[i], (unsigned long long)image->csr[i], (unsigned long long)now, when);
    }
    image_check_software_interrupt(w, h, image->csr[GUEST_CSR_COUNT] != 0, property, when);
}
