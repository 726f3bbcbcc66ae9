/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the judges of registers share: registers.c (the host's), guest_registers.c, confinement.c; images.c takes and
 * compares the registers of a world.
 */
#ifndef TOUCHSTONE_HARNESS_ORACLE_REGISTERS_H
#define TOUCHSTONE_HARNESS_ORACLE_REGISTERS_H

#include <stddef.h>
#include <string.h>

#include "harness/oracles/oracle.h"

#define A0 10u
#define A1 11u
#define INTERRUPT (UINT64_C(1) << 63)
#define CAUSE_ECALL_HOST 9u
#define CAUSE_ECALL_GUEST 10u
#define CAUSE_GUEST_FAULT_FIRST 20u
#define CAUSE_VIRTUAL 22u
#define INSN_WFI 0x10500073u
#define CAUSE_GUEST_FAULT_LAST 23u
#define MACHINE_SOFTWARE (INTERRUPT | 3u)
#define CSR_STIMECMP 0x14du
#define VTYPE_ILLEGAL (UINT64_C(1) << 63)
#define CSR_VSATP 0x280u
#define CSR_HTIMEDELTA 0x605u
#define CSR_HVIP 0x645u

/* Bits of hvip: a software interrupt is the monitor's to raise; these are the host's, if the guest allows them. */
#define HVIP_VSSIP (UINT64_C(1) << 2)
#define INJECTABLE (UINT64_C(1) << 10 | UINT64_MAX << 13)
#define HOST_HVIP 28u /* index in host_csrs */

/* A guest's own pending software interrupt, as bit 1 of vsip. */
#define CSR_VSIP 0x244u
#define VSIP_SSIP 2u

#define VSSTATUS_SIE (UINT64_C(1) << 1)
#define VSSTATUS_SPIE (UINT64_C(1) << 5)
#define VSSTATUS_SPP (UINT64_C(1) << 8)

/* Indices into guest_csrs that trap delivery changes. */
enum { G_VSSTATUS, G_VSTVEC, G_VSSCRATCH, G_VSEPC, G_VSCAUSE, G_VSTVAL, G_VSTIMECMP, G_VSIE = 8 };

/* --- images.c ------------------------------------------------------------------------------------------------------ */

/* General registers equal to `image`, apart from those in `mask`? Reports the first that is not. */
bool image_same_gprs(struct world *w, uint32_t h, const struct world_image *image, uint32_t mask, const char *property,
                     const char *when);

/* Nothing of the general registers differs from `image` but a0 and a1, the answer of a call; x0 is zero. */
static inline bool image_same_but_answer(const struct machine_hart *hart, const struct world_image *image)
{
    return hart->x[0] == 0 && memcmp(hart->x + 1, image->x + 1, (A0 - 1) * sizeof(hart->x[0])) == 0 &&
           memcmp(hart->x + A1 + 1, image->x + A1 + 1, (31 - A1) * sizeof(hart->x[0])) == 0;
}

/* Nothing of floating point and vectors differs from `image`: they lie side by side in both. */
#define UNITS_BYTES                                                                                                    \
    (offsetof(struct machine_hart, v) + sizeof(((struct machine_hart *)0)->v) - offsetof(struct machine_hart, f))
#define UNITS_AT(hart_member, image_member)                                                                            \
    (offsetof(struct machine_hart, hart_member) - offsetof(struct machine_hart, f) ==                                  \
     offsetof(struct world_image, image_member) - offsetof(struct world_image, f))
_Static_assert(UNITS_AT(fcsr, fcsr) && UNITS_AT(vstart, vector.vstart) && UNITS_AT(vcsr, vector.vcsr) &&
                   UNITS_AT(vl, vector.vl) && UNITS_AT(vtype, vector.vtype) && UNITS_AT(v, vector.v) &&
                   UNITS_BYTES == offsetof(struct world_image, csr) - offsetof(struct world_image, f),
               "in the same order");

static inline bool image_same_units(const struct machine_hart *hart, const struct world_image *image)
{
    return memcmp((const uint8_t *)hart + offsetof(struct machine_hart, f),
                  (const uint8_t *)image + offsetof(struct world_image, f), UNITS_BYTES) == 0;
}

/* Floating point and vectors equal to `image`? */
bool image_same_fp(struct world *w, uint32_t h, const struct world_image *image, const char *property,
                   const char *when);

/* pc equal to `pc`? */
void image_same_pc(struct world *w, uint32_t h, uint64_t pc, const char *property, const char *when);

/* Host CSRs equal to `image`, apart from number `except`, which is none of them when 0. */
void image_same_host_csrs(struct world *w, uint32_t h, const struct world_image *image, unsigned except,
                          const char *when);

/* A guest's software interrupt becomes pending because another vCPU, or it itself, asked for it, and then it does. */
void image_check_software_interrupt(struct world *w, uint32_t h, bool before, const char *property, const char *when);

/* Guest CSRs equal to `image`, apart from those whose bit is in `mask`. */
void image_same_guest_csrs(struct world *w, uint32_t h, const struct world_image *image, uint32_t mask,
                           const char *property, const char *when);

/* --- confinement.c ------------------------------------------------------------------------------------------------- */

/* What isolation needs of a hart that runs a guest. */
void confinement_check(struct world *w, uint32_t h);

/* The translation root of a hart in a guest is that of its TVM. */
void confinement_check_root(struct world *w, uint32_t h, uint32_t slot);

/* Slot, vCPU and frame that the monitor noted for this hart belong together, and no other hart has them. */
bool confinement_check_running(struct world *w, uint32_t h);

/* --- guest_registers.c --------------------------------------------------------------------------------------------- */

/* The host's call entered a guest. */
void guest_entered(struct world *w, uint32_t h, const struct entry *e);

/* A guest goes on after a trap that the monitor took. */
void guest_served(struct world *w, uint32_t h, const struct entry *e);

/* A guest called: what it says about its vCPUs. Before the harts are judged. */
void guest_follow_call(struct world *w, uint32_t h, const struct entry *e);

#endif
