/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CSRs of one RISC-V hart as M-mode sees them, with the hypervisor extension, Sstc and 16 PMP entries: values,
 * aliases, WARL rules, what a trap does to them and what mret does. It also remembers what the architecture asks of
 * software around them: fences after PMP and hgatp writes, and the LR/SC reservation.
 *
 * Written from the privileged specification, and on purpose sharing nothing with the simulated machine of the
 * fuzzing harness. The list of CSRs is csr_classes.def; a number that is not there is answered with
 * CSR_UNCLASSIFIED, never with a value.
 */
#ifndef TOUCHSTONE_UNICORN_CSR_MODEL_H
#define TOUCHSTONE_UNICORN_CSR_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define PMPADDR_BITS ((UINT64_C(1) << 54) - 1)

enum csr_class {
    CLASS_SWAP,
    CLASS_STATUS,
    CLASS_FLOAT,
    CLASS_VECTOR,
    CLASS_HOST,
    CLASS_CONST,
    CLASS_TRAP,
    CLASS_PMP,
    CLASS_CLOCK,
    CLASS_ALIAS,
    CLASS_ABSENT
};

/* One slot per CSR of the table: SLOT_mstatus, ... */
enum csr_slot {
#define CSR(number, name, class, implemented, host_own, guest_own, native) SLOT_##name,
#include "emulation/unicorn/csr_classes.def"
    CSR_SLOTS
};

struct csr_info {
    const char *name;
    uint16_t number;
    enum csr_class class;
    uint64_t implemented;
    uint64_t host_own;
    uint64_t guest_own;
    uint64_t native;
};

extern const struct csr_info csr_table[CSR_SLOTS];

/* Slot of a CSR number, or -1 when the table does not have it. */
int csr_slot_of(unsigned number);

/* Bits used by the harness itself. */
#define STATUS_SIE (UINT64_C(1) << 1)
#define STATUS_MIE (UINT64_C(1) << 3)
#define STATUS_SPIE (UINT64_C(1) << 5)
#define STATUS_MPIE (UINT64_C(1) << 7)
#define STATUS_SPP (UINT64_C(1) << 8)
#define STATUS_MPP_SHIFT 11
#define STATUS_MPP (UINT64_C(3) << STATUS_MPP_SHIFT)
#define STATUS_VS_SHIFT 9
#define STATUS_VS (UINT64_C(3) << STATUS_VS_SHIFT)
#define STATUS_FS_SHIFT 13
#define STATUS_FS (UINT64_C(3) << STATUS_FS_SHIFT)
#define STATUS_MPRV (UINT64_C(1) << 17)
#define STATUS_GVA (UINT64_C(1) << 38)
#define STATUS_MPV (UINT64_C(1) << 39)
#define STATUS_SD (UINT64_C(1) << 63)
#define INTERRUPT_BIT (UINT64_C(1) << 63)
#define ENVCFG_CBIE (UINT64_C(3) << 4)
#define HSTATUS_GVA (UINT64_C(1) << 6)
#define HSTATUS_SPV (UINT64_C(1) << 7)
#define HSTATUS_SPVP (UINT64_C(1) << 8)
#define HSTATUS_VGEIN_SHIFT 12
#define HSTATUS_VGEIN (UINT64_C(0x3f) << HSTATUS_VGEIN_SHIFT)
#define GUEST_FILES 3u /* GEILEN */

/* The vector unit: registers of 128 bits, elements of up to 64. */
#define VECTOR_BYTES 16u
#define VECTOR_WORDS (VECTOR_BYTES / 8)
#define VTYPE_VILL (UINT64_C(1) << 63)

enum hart_mode { MODE_U = 0, MODE_S = 1, MODE_M = 3 };

#define PERM_R 1u
#define PERM_W 2u
#define PERM_X 4u

struct csr_file {
    uint64_t value[CSR_SLOTS];
    enum hart_mode mode;
    bool virt;

    /* The hart's software-interrupt register, whose lowest bit is mip.MSIP; NULL: the line is down. */
    const uint8_t *msip;

    /* Extensions that this hart does without: their CSRs raise an illegal-instruction exception. */
    bool lacks_stateen, lacks_triggers, lacks_sstc;

    bool reserved; /* an LR reservation is open */
    uint64_t reserved_at;

    /* Set by a write, cleared by the fence that the specification asks for. */
    bool pmp_needs_sfence;
    bool pmp_needs_hfence_g;
    bool hgatp_needs_hfence_g;
    bool hgatp_needs_hfence_v;
    /* hgatp was written while vsatp translated: a walk could have mixed the two worlds' tables. */
    bool hgatp_changed_under_vsatp;

    /*
     * How the monitor treats mstatus while it runs. Inside it only FS and VS change, and are put back before the status
     * of the next world is loaded; MIE is never set. Set for good by whoever breaks that.
     */
    uint64_t status_at_trap;
    bool status_loaded;   /* the next world's status is in force: only mtvec may follow */
    bool status_misused;  /* other bits changed, or something followed */
    bool units_left_open; /* FS or VS were not put back */
    bool interruptible;   /* MIE was set */
};

enum csr_result { CSR_DONE, CSR_ILLEGAL, CSR_UNCLASSIFIED };

/* State after reset: M-mode, everything zero but what the architecture or this hart fixes. */
void csr_reset(struct csr_file *f, uint64_t hartid);

/* Read and write as an M-mode instruction does. Writing applies WARL rules; writing a read-only CSR is CSR_ILLEGAL. */
enum csr_result csr_read(const struct csr_file *f, unsigned number, uint64_t *value);
enum csr_result csr_write(struct csr_file *f, unsigned number, uint64_t value);

/* Does this hart do without the extension that the CSR belongs to? */
bool csr_is_lacking(const struct csr_file *f, unsigned number);

/* By slot, for CSRs that have storage: value as read, and write with the same rules. */
uint64_t csr_get(const struct csr_file *f, enum csr_slot slot);
void csr_set(struct csr_file *f, enum csr_slot slot, uint64_t value);

/* Fences with both operands x0. */
void csr_sfence_all(struct csr_file *f);
void csr_hfence_g_all(struct csr_file *f);
void csr_hfence_v_all(struct csr_file *f);

struct csr_trap {
    uint64_t cause, tval, tval2, tinst;
    bool gva; /* tval is a guest virtual address */
};

/* Would this trap, raised in the current mode, be taken in M-mode? */
bool csr_trap_reaches_m(const struct csr_file *f, uint64_t cause);

/* Take a trap into M-mode from the current mode at `pc`. Returns the address where M-mode continues. */
uint64_t csr_take_trap(struct csr_file *f, const struct csr_trap *trap, uint64_t pc);

/*
 * A system instruction of the monitor is done: mstatus was `before`. `may_follow`: it is one that may stand between the
 * load of the next world's status and mret.
 */
void csr_watch_status(struct csr_file *f, uint64_t before, bool may_follow);

/* Execute mret: change mode and stacks. Returns the address where the hart continues. */
uint64_t csr_mret(struct csr_file *f);

/* VLMAX of a vector type on this hart; 0 for a type that it does not have. */
uint64_t vector_length_max(uint64_t vtype);

/* What PMP lets S- and U-mode do in [base, base + len), as PERM_R | PERM_W | PERM_X. */
struct pmp_verdict {
    unsigned every_byte; /* in all of it */
    unsigned some_byte;  /* somewhere in it */
};
struct pmp_verdict csr_pmp_verdict(const struct csr_file *f, uint64_t base, uint64_t len);

#endif
