# SPDX-License-Identifier: Apache-2.0
"""Leaks seeded into the linked image, one instruction each, that the proof has to refute.

Each names a function and an instruction by its text, so a change of the assembly that takes it away is noticed and not
skipped. Three leaks happen only when two registers are equal: random states would need luck of one in 2^64.
"""

import image

NOP = {2: bytes.fromhex("0100"), 4: bytes.fromhex("13000000")}


def nop(instruction, _code):
    return [(instruction.address, NOP[instruction.size])]


def word(encoding):
    return lambda instruction, _code: [(instruction.address, encoding.to_bytes(4, "little"))]


def jump(distance):
    """jal x0 over `distance` bytes."""
    return (((distance >> 20 & 1) << 31) | ((distance >> 1 & 0x3ff) << 21) | ((distance >> 11 & 1) << 20)
            | ((distance >> 12 & 0xff) << 12) | 0x6f)


def branch_equal(left, right, distance):
    """beq over `distance` bytes."""
    return (((distance >> 12 & 1) << 31) | ((distance >> 5 & 0x3f) << 25) | right << 20 | left << 15
            | ((distance >> 1 & 0xf) << 8) | ((distance >> 11 & 1) << 7) | 0x63)


def unless_equal(left, right):
    """The instruction is executed only when two registers differ: it moves to where the fatal report was, which no world
    reaches, behind a branch."""
    def change(instruction, code):
        cave = code.address("riscv_fatal_trap")
        moved = (branch_equal(left, right, 8).to_bytes(4, "little") + instruction.word.to_bytes(4, "little")
                 + jump(instruction.address + 4 - cave - 8).to_bytes(4, "little"))
        return [(instruction.address, jump(cave - instruction.address).to_bytes(4, "little")), (cave, moved)]
    return change


def turned_round(instruction, _code):
    """beq becomes bne, bne becomes beq."""
    return [(instruction.address, (instruction.word ^ 0x1000).to_bytes(4, "little"))]


LEAKS = (
    # title, function, instruction, how it is changed
    ("x31 of the monitor reaches the next world", "trap_entry", "ld x31,248(x6)", nop),
    ("a guest's t1 stays in the spill word", "trap_entry", "sd x0,16(x5)", nop),
    ("f17 of a guest reaches the host", "hal_fp_zero", "fmv.d.x f17,x0", nop),
    ("sscratch is not exchanged", "hal_csr_swap", "csrrw x5,sscratch,x5", nop),
    ("v8 to v15 of a guest reach the host", "hal_vector_zero", "vmv.v.i v8,0", nop),
    ("a reservation survives the switch", "hal_csr_swap", "sc.d x5,x0,(x2)", nop),
    ("x9 is restored from the slot of x10", "trap_entry", "ld x9,72(x6)", word(0x05033483)),
    ("x31 passes when x28 equals x29", "trap_entry", "ld x31,248(x6)", unless_equal(28, 29)),
    ("fcsr of a guest passes when two registers of the caller are equal", "hal_fp_zero", "csrrw x0,fcsr,x0", unless_equal(20, 21)),
    ("words of a guest stay on the stack of the monitor", "trap_leave", "bne x6,x7,", turned_round),
    ("one word in sixteen stays on the stack", "trap_leave", "c.sdsp x0,72(x2)", nop),
    ("the wipe misses the stack when two registers are equal", "trap_leave", "addi x2,x2,-", unless_equal(20, 21)),
    ("Smstateen is exchanged only on harts that have none", "hal_csr_swap", "beq x5,x0,", turned_round),
)


def instruction_of(code, function, text):
    """The one instruction of a function that begins with `text`."""
    found = [code.code[address] for address in code.function(function) if code.code[address].text.startswith(text)]
    if len(found) != 1:
        raise image.Unusable(f"{function} has {len(found)} instructions '{text}', and a leak wants one")
    return found[0]


def check(code, path, root, prove):
    """Prove each leaky image. 0 when all are refuted, 7 when one is not. What cannot be followed is no refutation."""
    missed = 0
    for title, function, text, change in LEAKS:
        lines, _ = prove(image.Image(path, change(instruction_of(code, function, text), code)), root, one_is_enough=True)
        refuted = [(line, entry) for line in lines for entry in line["refuted"] if not entry["unknown"]]
        if refuted:
            line, entry = refuted[0]
            shown = f" with {', '.join(entry['with'][:3])}" if entry["with"] else ""
            print(f"refuted  {title}\n         {line['path']}: {entry['claim']} is not so{shown}", flush=True)
        else:
            missed += 1
            print(f"MISSED   {title}", flush=True)
    print(f"{len(LEAKS) - missed} of {len(LEAKS)} seeded leaks refuted")
    return 7 if missed else 0


__all__ = ["check"]
