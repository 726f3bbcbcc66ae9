/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few vector instructions that the firmware saves, loads and clears the unit with. Unicorn has no vector unit; the
 * registers are those of the simulated machine.
 */
#include <string.h>

#include "emulation/firmware/internal.h"

#define OPCODE_VECTOR 0x57u
#define FUNCT3_SET 7u
#define REGISTER_GROUP 8u
#define CSR_MSTATUS 0x300u
#define STATUS_VS (UINT64_C(3) << 9)

/* Without the fields that name registers and values. */
#define INSN_VS8R 0xe2800027u
#define INSN_VL8RE8 0xe2800007u
#define INSN_VMV_V_I 0x5e003057u
#define KIND_MASK 0xfff0707fu

#define RD(insn) ((insn) >> 7 & 31)
#define RS1(insn) ((insn) >> 15 & 31)
#define RS2(insn) ((insn) >> 20 & 31)
#define FUNCT3(insn) ((insn) >> 12 & 7)

static bool is_whole_register_move(uint32_t insn)
{
    return (insn & KIND_MASK) == INSN_VS8R || (insn & KIND_MASK) == INSN_VL8RE8;
}

static bool move_registers(struct binary *b, uint32_t insn)
{
    struct machine_hart *hart = &b->m->hart[b->running];
    unsigned first = RD(insn);
    uint64_t size = (uint64_t)REGISTER_GROUP * MACHINE_VLENB;
    uint64_t address = binary_x(b, RS1(insn));
    uint8_t *memory = binary_memory(b, address, size);

    if (first % REGISTER_GROUP != 0 || hart->vstart != 0)
        return false;
    if (memory == NULL) {
        binary_fail(b, 0, "vector registers at 0x%llx", (unsigned long long)address);
        return true;
    }
    uint8_t *registers = hart->v + (size_t)first * MACHINE_VLENB;
    if ((insn & KIND_MASK) == INSN_VS8R) {
        mmode_stores(b->m, address, size);
        memcpy(memory, registers, size);
    } else {
        memcpy(registers, memory, size);
    }
    return true;
}

/* vsetvli and vsetvl. Keeping vl while vtype changes (both registers x0) is not needed. */
static bool set_type(struct binary *b, uint32_t insn)
{
    bool immediate = insn >> 31 == 0;
    uint64_t type = immediate ? insn >> 20 & 0x7ff : binary_x(b, RS2(insn));
    uint64_t wanted = RS1(insn) != 0 ? binary_x(b, RS1(insn)) : UINT64_MAX;

    if ((!immediate && insn >> 25 != 0x40) || (RD(insn) == 0 && RS1(insn) == 0))
        return false;
    binary_set_x(b, RD(insn), mmode_vset(b->m, b->running, wanted, type));
    return true;
}

/* Elements of one byte: the firmware clears with nothing else. */
static bool move_immediate(struct binary *b, uint32_t insn)
{
    struct machine_hart *hart = &b->m->hart[b->running];
    int value = (int)RS1(insn);

    if ((hart->vtype >> 3 & 7) != 0 || hart->vtype >> 63 != 0 || hart->vstart != 0)
        return false;
    memset(hart->v + (size_t)RD(insn) * MACHINE_VLENB, value >= 16 ? value - 32 : value, hart->vl);
    return true;
}

bool vector_execute(struct binary *b, uint32_t insn)
{
    if ((machine_csr_read(b->m, b->running, CSR_MSTATUS) & STATUS_VS) == 0)
        return false;
    if (is_whole_register_move(insn))
        return move_registers(b, insn);
    if ((insn & KIND_MASK) == INSN_VMV_V_I)
        return move_immediate(b, insn);
    return (insn & 0x7f) == OPCODE_VECTOR && FUNCT3(insn) == FUNCT3_SET && set_type(b, insn);
}
