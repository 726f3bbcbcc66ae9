# SPDX-License-Identifier: Apache-2.0
"""What the proofs stand on: the memory of one hart as regions, its CSRs by name, and the starting states.

Regions, each with a symbol of its name as base: `h` (struct hart, with the host's context in it), `v` (struct vcpu), `m`
(struct monitor up to the harts), `stack` (the trap's stack, below its top), `caller` (the stack of the C code that calls
the switch). They do not overlap: the linker and the page records see to that, and the OWN oracle to the latter.
"""

import z3

import image
from hart import FCSR, MSTATUS, RETURN, VCSR, VL, VSTART, VTYPE, Hart, bits

OFFSETS = {
    "frame": "offsetof(struct hart, frame)",
    "stack": "offsetof(struct hart, stack)",
    "spill": "offsetof(struct hart, spill)",
    "monitor": "offsetof(struct hart, monitor)",
    "hart_id": "offsetof(struct hart, id)",
    "host": "offsetof(struct hart, host)",
    "hart_size": "sizeof(struct hart)",
    "vcpu_size": "sizeof(struct vcpu)",
    "platform_size": "sizeof(struct platform)",
    "vlenb": "offsetof(struct monitor, platform) + offsetof(struct platform, vlenb)",
    "window_base": "offsetof(struct monitor, platform) + offsetof(struct platform, window_base)",
    "window_pages": "offsetof(struct monitor, platform) + offsetof(struct platform, window_pages)",
    "x": "offsetof(struct world_ctx, x)",
    "pc": "offsetof(struct world_ctx, pc)",
    "status": "offsetof(struct world_ctx, status)",
    "f": "offsetof(struct world_ctx, f)",
    "fcsr": "offsetof(struct world_ctx, fcsr)",
    "csr": "offsetof(struct world_ctx, csr)",
    "ctx_size": "sizeof(struct world_ctx)",
    "vector": "offsetof(struct vcpu, vector)",
    "vstart": "offsetof(struct vector_state, vstart)",
    "vcsr": "offsetof(struct vector_state, vcsr)",
    "vl": "offsetof(struct vector_state, vl)",
    "vtype": "offsetof(struct vector_state, vtype)",
    "v": "offsetof(struct vector_state, v)",
    "vlenb_max": "VECTOR_VLENB_MAX",
    "stack_size": "RISCV_STACK_SIZE",
    "wipe_size": "RISCV_WIPE_SIZE",
}
WINDOW_ENTRY = 2
PMPCFG0, PMPADDR = 0x3a0, 0x3b0
HGATP, VSATP, MEPC, MTVEC, MSCRATCH = 0x680, 0x280, 0x341, 0x305, 0x340
VECTOR_CSRS = {"vstart": VSTART, "vcsr": VCSR, "vl": VL, "vtype": VTYPE}
STATEEN = ("hstateen0", "hstateen1", "hstateen2", "hstateen3")


class Scene:
    """An image with what is known about its data structures."""

    def __init__(self, code, root):
        self.code = code
        classes = image.csr_classes(root)
        self.csr_number = {name: value for name, (value, _) in classes.items()}
        self.csr_kind = {name: kind for name, (_, kind) in classes.items()}
        # hgatp and vsatp have slots with names of their own.
        self.swapped = [name for name in classes if self.csr_kind[name] == "SWAP"]
        wanted = dict(OFFSETS)
        for name in self.swapped:
            slot = f"WORLD_SLOT_{name.upper() if name in ('hgatp', 'vsatp') else name}"
            wanted[f"slot_{name}"] = f"offsetof(struct world_ctx, csr) + 8 * {slot}"
        self.at = image.c_constants(root, wanted)
        self.root = root

    def slot(self, name):
        return self.at[f"slot_{name}"]

    def vlenbs(self):
        """Register lengths that the monitor takes, in bytes; 0: no vector unit."""
        length, found = 16, [0]
        while length <= self.at["vlenb_max"]:
            found.append(length)
            length *= 2
        return found

    def hart(self, vlenb=0, stateen=None):
        """A hart in the monitor or about to enter it; every value is a symbol of its own."""
        at = self.at
        hart = Hart(self.code, {"h": (0, at["hart_size"]), "v": (0, at["vcpu_size"]), "m": (0, at["platform_size"] + 64),
                                "stack": (-at["stack_size"], 0), "caller": (-at["stack_size"], 0)})
        hart.csr_name = {value: name for name, value in self.csr_number.items()}
        hart.vlenb = vlenb
        hart.memory["h", at["monitor"]] = z3.BitVec("m", 64)
        hart.memory["h", at["stack"]] = z3.BitVec("stack", 64)
        # The stack does not begin behind the end of the address space, and a vCPU's frame is not the host's.
        hart.condition.append(z3.UGE(z3.BitVec("stack", 64), at["stack_size"]))
        hart.condition.append(z3.BitVec("v", 64) != z3.BitVec("h", 64) + at["host"])
        word = at["vlenb"] & ~7
        other = z3.BitVec("m.beside_vlenb", 32)
        here = z3.BitVecVal(vlenb, 32)
        hart.memory["m", word] = z3.simplify(z3.Concat(here, other) if at["vlenb"] & 4 else z3.Concat(other, here))
        if stateen is not None:
            place = self.code.address("riscv_stateen")
            value = hart.word(None, place & ~7)
            flag = z3.Extract(63, 32, value) if place & 4 else z3.Extract(31, 0, value)
            hart.condition.append(flag != 0 if stateen else flag == 0)
        return hart

    def call(self, hart, *arguments):
        """Registers as a C caller has them: its own stack, anything else in the others."""
        hart.set_x(1, bits(RETURN))
        hart.set_x(2, z3.BitVec("caller", 64) - 1024)
        for index, value in enumerate(arguments):
            hart.set_x(10 + index, value)

    def context(self, hart, base, offset, member, index=0):
        """A word of a struct world_ctx at `offset` of a region."""
        return hart.word(base, offset + self.at[member] + 8 * index)

    def world_outputs(self, hart):
        """Everything that lower privilege can read once this hart is in it: name -> formula. Memory is not in it."""
        found = {f"x{n}": hart.x[n] for n in range(1, 32)}
        found.update({f"f{n}": hart.f[n] for n in range(32)})
        found["pc"] = hart.read_csr(MEPC)
        found["fcsr"] = hart.csr.get(FCSR, z3.BitVec("csr.fcsr", 64))
        found["mstatus"] = hart.read_csr(MSTATUS)
        for name in self.csr_number:
            if self.csr_kind[name] in ("SWAP", "HOST", "CONST"):
                found[name] = hart.read_csr(self.csr_number[name])
        if hart.vlenb:
            for n in range(32):
                for index, word in enumerate(hart.vector(n)):
                    found[f"v{n}[{index}]"] = word
            for name, value in VECTOR_CSRS.items():
                found[name] = hart.csr.get(value, z3.BitVec(f"csr.{name}", 64))
        return found
