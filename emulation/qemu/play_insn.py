# SPDX-License-Identifier: Apache-2.0
"""Instructions of guests of traces: made, and taken apart as far as a load or store has to be."""

ECALL, WFI, EBREAK = 0x73, 0x10500073, 0x100073
T0, T1, T2, A0 = 5, 6, 7, 10


def load_instruction(width):
    return 0x0002B303 if width == 8 else 0x00028303 | {1: 4, 2: 5, 4: 6}[width] << 12  # to t1 from (t0)


def store_instruction(width):
    return 0x00628023 | {1: 0, 2: 1, 4: 2, 8: 3}[width] << 12  # t1 to (t0)


def csr_instruction(csr, write):
    return csr << 20 | (0x00031073 if write else 0x00002373)  # csrw from t1, csrr to t1


def sign_extend(value, bits):
    return value - ((value >> bits - 1 & 1) << bits)


def base_and_offset(insn):
    """Number of the base register of a load or store, and its offset."""
    if insn & 3 == 3:
        base = insn >> 15 & 31
        if insn & 0x7F in (0x03, 0x07):
            return base, sign_extend(insn >> 20, 12)
        if insn & 0x7F in (0x23, 0x27):
            return base, sign_extend(insn >> 25 << 5 | insn >> 7 & 31, 12)
        return base, 0
    wide = insn & 0x2000 or insn & 0xE003 in (0x2000, 0xA000, 0x2002, 0xA002)
    if insn & 3 == 0:
        high = insn >> 10 & 7
        offset = high << 3 | ((insn >> 5 & 3) << 6 if wide else (insn >> 6 & 1) << 2 | (insn >> 5 & 1) << 6)
        return (insn >> 7 & 7) + 8, offset
    if insn & 0x8000:
        return 2, (insn >> 10 & 7) << 3 | (insn >> 7 & 7) << 6 if wide else (insn >> 9 & 15) << 2 | (insn >> 7 & 3) << 6
    if wide:
        return 2, (insn >> 12 & 1) << 5 | (insn >> 5 & 3) << 3 | (insn >> 2 & 7) << 6
    return 2, (insn >> 12 & 1) << 5 | (insn >> 4 & 7) << 2 | (insn >> 2 & 3) << 6


def data_register(insn):
    """Number of the register that is loaded or stored, None for floating point."""
    if insn & 3 == 3:
        if insn & 0x7F in (0x07, 0x27):
            return None
        return insn >> 20 & 31 if insn & 0x7F == 0x23 else insn >> 7 & 31
    if insn & 0xE003 in (0x2000, 0xA000, 0x2002, 0xA002):
        return None
    if insn & 3 == 0:
        return (insn >> 2 & 7) + 8
    return insn >> 2 & 31 if insn & 0x8000 else insn >> 7 & 31
