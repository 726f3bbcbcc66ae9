# SPDX-License-Identifier: Apache-2.0
"""One RV64 hart whose registers, CSRs and memory hold formulas instead of numbers.

A path is what one choice of branches does. Where a branch depends on a formula, both sides are followed unless z3 says
that one cannot happen, so the paths that `explore` returns are all there are. Memory is a set of regions that do not
overlap, each addressed from a base of its own; an access that is not a base plus a known offset ends the proof instead
of being guessed at.

What is left out on purpose: which bits of a CSR stick (the concrete replay knows the WARL rules; here a register holds
what is written), timing, and translation (the monitor runs in M-mode without it).
"""

import z3

import image

WORD = (1 << 64) - 1
RETURN = 0x0fee1dead0000000  # where a function that is looked at alone returns to
MSTATUS, FCSR, VSTART, VCSR, VL, VTYPE, VLENB = 0x300, 0x003, 0x008, 0x00f, 0xc20, 0xc21, 0xc22
FS, VS = 3 << 13, 3 << 9
MAX_STEPS, MAX_PATHS = 20000, 256
SPLIT = {}
SOLVER = z3.SimpleSolver()
FENCES = {0x31: "hfence.gvma", 0x11: "hfence.vvma", 0x09: "sfence.vma"}


class Violation(Exception):
    """The code does what it must not do on any path; the text names the instruction."""


class Unsupported(Exception):
    """The code does what this tool cannot follow: no statement, not a pass."""


def bits(value):
    return z3.BitVecVal(value & WORD, 64)


def number(term):
    """The value of a term that is a constant, else None."""
    return term.as_long() if z3.is_bv_value(term) else None


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def split(term):
    """(base, offset) of an address: base is the name of a region, or None for a plain number; no offset: neither."""
    known = SPLIT.get(term.get_id())
    if known is None:
        known = SPLIT[term.get_id()] = (term, split_anew(z3.simplify(term)))  # keeps the term, so that its id stays its own
    return known[1]


def split_anew(term):
    if number(term) is not None:
        return None, number(term)
    if z3.is_const(term):
        return term.decl().name(), 0
    if z3.is_app_of(term, z3.Z3_OP_BADD) and term.num_args() == 2 and number(term.arg(0)) is not None and z3.is_const(term.arg(1)):
        return term.arg(1).decl().name(), signed(number(term.arg(0)))
    return term, None


class Hart:
    """State of one path. Copies share the terms, which never change."""

    def __init__(self, code, regions):
        self.code = code  # image.Image
        self.regions = regions  # name -> (lowest offset, end)
        self.pc = 0
        self.x = [bits(0)] + [z3.BitVec(f"x{n}", 64) for n in range(1, 32)]
        self.f = [z3.BitVec(f"f{n}", 64) for n in range(32)]
        self.v = {}
        self.csr = {}
        self.csr_name = {}
        self.memory = {}
        self.stored = set()
        self.vlenb = 0
        self.reserved = True  # a load-reserved of the last world may be open
        # Objects are aligned for words, which is also what place() takes for granted.
        self.condition = [z3.BitVec(base, 64) & 7 == 0 for base in regions if base is not None]
        self.events = []
        self.visited = set()
        self.fresh = 0

    def copy(self):
        other = object.__new__(Hart)
        other.__dict__.update(self.__dict__)
        for name in ("x", "f", "condition", "events"):
            setattr(other, name, list(getattr(self, name)))
        for name in ("csr", "memory", "v", "csr_name"):
            setattr(other, name, dict(getattr(self, name)))
        other.stored, other.visited = set(self.stored), set(self.visited)
        return other

    # ---------------------------------------------------------------- logic

    def holds(self, claim):
        """Is the claim true on this path, whatever the values are?"""
        return not self.possible(z3.Not(claim))

    def possible(self, claim):
        claim = z3.simplify(claim)
        if z3.is_false(claim):
            return False
        return self.solve(claim)[0] != z3.unsat

    def solve(self, claim):
        """z3's answer to: can this be on this path? And values that show it, if so."""
        SOLVER.push()
        SOLVER.add(*self.condition)
        SOLVER.add(claim)
        answer = SOLVER.check()
        model = SOLVER.model() if answer == z3.sat else None
        SOLVER.pop()
        return answer, model

    # ---------------------------------------------------------------- memory

    def place(self, address, displacement, size):
        base, offset = split(address)
        if offset is None:
            raise Unsupported(f"address {base} is not a base and an offset, at {self.where()}")
        offset += displacement
        if offset % size:
            raise Unsupported(f"misaligned access at {self.where()}")
        if base is not None:
            if base not in self.regions:
                raise Unsupported(f"access through {base}, which is no pointer, at {self.where()}")
            low, end = self.regions[base]
            if not (low <= offset and offset + size <= end):
                raise Violation(f"access outside of {base}, at offset {offset:#x}, at {self.where()}")
        return base, offset

    def word(self, base, offset):
        """The 64-bit word at an aligned offset."""
        if (base, offset) not in self.memory:
            constant = self.code.constant(offset, 8) if base is None else None
            self.memory[base, offset] = (bits(int.from_bytes(constant, "little")) if constant is not None else
                                         z3.BitVec(f"{base or 'image'}[{offset:#x}]", 64))
        return self.memory[base, offset]

    def load(self, address, displacement, size, is_signed):
        base, offset = self.place(address, displacement, size)
        inside = offset % 8
        if size == 8:
            return self.word(base, offset)
        part = z3.Extract(8 * (inside + size) - 1, 8 * inside, self.word(base, offset - inside))
        return z3.simplify(z3.SignExt(64 - 8 * size, part) if is_signed else z3.ZeroExt(64 - 8 * size, part))

    def store(self, address, displacement, size, value):
        base, offset = self.place(address, displacement, size)
        if base is None and self.code.constant(offset, size) is not None:
            raise Violation(f"store to what is read-only, at {self.where()}")
        inside = offset % 8
        self.stored.add((base, offset - inside))
        self.events.append(("store", base, offset))
        if size == 8:
            self.memory[base, offset] = value
            return
        old = self.word(base, offset - inside)
        parts = [z3.Extract(8 * size - 1, 0, value)]
        if inside:
            parts.append(z3.Extract(8 * inside - 1, 0, old))
        if inside + size < 8:
            parts.insert(0, z3.Extract(63, 8 * (inside + size), old))
        self.memory[base, offset - inside] = z3.simplify(z3.Concat(*parts))

    # ---------------------------------------------------------------- registers

    def where(self):
        name = next((f"{name}+{self.pc - start:#x}" for name, (start, size) in self.code.symbols.items()
                     if start <= self.pc < start + size), f"{self.pc:#x}")
        return f"{name} ({self.code.code[self.pc].text if self.pc in self.code.code else 'no code'})"

    def set_x(self, index, value):
        if index:
            self.x[index] = z3.simplify(value)

    def read_csr(self, csr):
        if csr == VLENB:
            return bits(self.vlenb)
        if csr not in self.csr:
            self.csr[csr] = z3.BitVec(f"csr.{self.csr_name.get(csr, hex(csr))}", 64)
        return self.csr[csr]

    def write_csr(self, csr, value):
        self.read_csr(csr)
        self.csr[csr] = z3.simplify(value)
        self.events.append(("csr", csr, self.csr[csr]))

    def need_float(self):
        if not self.holds(self.read_csr(MSTATUS) & FS != 0):
            raise Violation(f"floating-point access while mstatus.FS may be off, at {self.where()}")

    def need_vector(self):
        if not self.vlenb:
            raise Violation(f"vector access on a hart without vector unit, at {self.where()}")
        if not self.holds(self.read_csr(MSTATUS) & VS != 0):
            raise Violation(f"vector access while mstatus.VS may be off, at {self.where()}")

    def need_vstart_zero(self):
        self.need_vector()
        if not self.holds(self.read_csr(VSTART) == 0):
            raise Violation(f"vector access while vstart may not be 0, at {self.where()}")

    def vector(self, register):
        """Words of a vector register, lowest first."""
        if register not in self.v:
            self.v[register] = [z3.BitVec(f"v{register}.{n}", 64) for n in range(self.vlenb // 8)]
        return self.v[register]

    def new(self, what):
        self.fresh += 1
        return z3.BitVec(f"{what}.{self.fresh}", 64)


# ---------------------------------------------------------------- instructions

COMPARE = {
    "beq": lambda a, b: a == b, "bne": lambda a, b: a != b,
    "blt": lambda a, b: a < b, "bge": lambda a, b: a >= b,
    "bltu": z3.ULT, "bgeu": z3.UGE,
}
ARITHMETIC = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "and": lambda a, b: a & b, "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b, "sll": lambda a, b: a << (b & 63), "srl": lambda a, b: z3.LShR(a, b & 63),
    "sra": lambda a, b: a >> (b & 63), "mul": lambda a, b: a * b,
    "sltu": lambda a, b: z3.If(z3.ULT(a, b), bits(1), bits(0)), "slt": lambda a, b: z3.If(a < b, bits(1), bits(0)),
}
LOADS = {"ld": (8, True), "lw": (4, True), "lwu": (4, False), "lh": (2, True), "lhu": (2, False), "lb": (1, True),
         "lbu": (1, False)}
STORES = {"sd": 8, "sw": 4, "sh": 2, "sb": 1}


def word_result(value):
    return z3.SignExt(32, z3.Extract(31, 0, value))


def plain(operation):
    """(name, operands) without compressed forms."""
    name, operands = operation.name, list(operation.operands)
    if not name.startswith("c."):
        return name, operands
    name = name[2:]
    if name in ("mv",):
        return "addi", [operands[0], operands[1], "0"]
    if name == "li":
        return "addi", [operands[0], "x0", operands[1]]
    if name == "nop":
        return "addi", ["x0", "x0", "0"]
    if name in ("addi16sp",):
        return "addi", [operands[0], operands[0], operands[1]]
    if name == "addi4spn":
        return "addi", operands
    if name in ("ldsp", "lwsp", "sdsp", "swsp"):
        return name[:2], operands
    if name in ("addi", "addiw", "slli", "srli", "srai", "andi", "add", "addw", "sub", "subw", "and", "or", "xor"):
        return name, [operands[0], operands[0], operands[1]]
    if name in ("beqz", "bnez"):
        return {"beqz": "beq", "bnez": "bne"}[name], [operands[0], "x0", operands[1]]
    if name == "j":
        return "jal", ["x0", operands[0]]
    if name == "jr":
        return "jalr", ["x0", f"0({operands[0]})"]
    if name == "jalr":
        return "jalr", ["x1", f"0({operands[0]})"]
    return name, operands


def register(text):
    if text[:1] not in "xfv" or not text[1:].isdigit():
        raise Unsupported(f"'{text}' is no register")
    return int(text[1:])


def memory_operand(text):
    offset, _, base = text.rstrip(")").partition("(")
    return register(base), int(offset, 0) if offset else 0


def step(hart):
    """Execute one instruction. Returns the states that it leads to; an ended path has `end` set."""
    if hart.pc not in hart.code.code:
        raise Violation(f"execution leaves the code, at {hart.pc:#x}")
    operation = hart.code.code[hart.pc]
    hart.visited.add(hart.pc)
    name, operands = plain(operation)
    following = hart.pc + operation.size

    if name in COMPARE:
        taken = z3.simplify(COMPARE[name](hart.x[register(operands[0])], hart.x[register(operands[1])]))
        states = []
        for claim, target in ((taken, int(operands[2], 16)), (z3.simplify(z3.Not(taken)), following)):
            if hart.possible(claim):
                state = hart.copy()
                state.pc = target
                if not z3.is_true(claim):
                    state.condition.append(claim)
                states.append(state)
        return states

    if name in LOADS:
        base, offset = memory_operand(operands[1])
        hart.set_x(register(operands[0]), hart.load(hart.x[base], offset, *LOADS[name]))
    elif name in STORES:
        base, offset = memory_operand(operands[1])
        hart.store(hart.x[base], offset, STORES[name], hart.x[register(operands[0])])
    elif name in ("fld", "fsd"):
        hart.need_float()
        base, offset = memory_operand(operands[1])
        if name == "fld":
            hart.f[register(operands[0])] = hart.load(hart.x[base], offset, 8, True)
        else:
            hart.store(hart.x[base], offset, 8, hart.f[register(operands[0])])
    elif name == "fmv.d.x":
        hart.need_float()
        hart.f[register(operands[0])] = hart.x[register(operands[1])]
    elif name.startswith("sc.d"):
        base, offset = memory_operand(operands[2])
        failed = hart.new("sc")
        old = hart.load(hart.x[base], offset, 8, True)
        hart.store(hart.x[base], offset, 8, z3.simplify(z3.If(failed == 0, hart.x[register(operands[1])], old)))
        hart.set_x(register(operands[0]), z3.If(failed == 0, bits(0), bits(1)))
        hart.reserved = False
    elif name == "lui":
        hart.set_x(register(operands[0]), bits(((int(operands[1], 0) << 12) ^ 0x80000000) - 0x80000000))
    elif name == "auipc":
        hart.set_x(register(operands[0]), bits(hart.pc + (((int(operands[1], 0) << 12) ^ 0x80000000) - 0x80000000)))
    elif name.startswith("csrr"):
        status = csr(hart, operation, name, operands)
        if status:
            return [status]
    elif name == "jal":
        hart.set_x(register(operands[0]), bits(following))
        following = int(operands[1], 16)
    elif name == "jalr":
        base, offset = memory_operand(operands[1])
        target = number(z3.simplify(hart.x[base] + offset))
        if target is None:
            raise Unsupported(f"jump to a formula, at {hart.where()}")
        hart.set_x(register(operands[0]), bits(following))
        following = target & ~1
    elif name.endswith("w") and name[:-1] in ("add", "sub", "addi"):
        right = bits(int(operands[2], 0)) if name == "addiw" else hart.x[register(operands[2])]
        hart.set_x(register(operands[0]), word_result(ARITHMETIC[name[:3]](hart.x[register(operands[1])], right)))
    elif name in ARITHMETIC:
        hart.set_x(register(operands[0]), ARITHMETIC[name](hart.x[register(operands[1])], hart.x[register(operands[2])]))
    elif name.endswith("i") and name[:-1] in ARITHMETIC:
        hart.set_x(register(operands[0]), ARITHMETIC[name[:-1]](hart.x[register(operands[1])], bits(int(operands[2], 0))))
    elif name in ("fence", "fence.i"):
        hart.events.append(("fence", name, None, None))
    elif name == "sfence.vma" or name == ".4byte":
        fence(hart, operation)
    elif name in ("mret", "wfi"):
        hart.end = name
        return [hart]
    elif name.startswith("v"):
        vector(hart, name, operands)
    else:
        raise Unsupported(f"instruction {operation.text}, at {hart.where()}")
    hart.pc = following
    return [hart]


def csr(hart, operation, name, operands):
    """Read and change a CSR. Its number is taken from the encoding, so that its name does not matter."""
    which = operation.word >> 20
    target, source = register(operands[0]), (operation.word >> 15) & 31
    right = bits(source) if name.endswith("i") else hart.x[source]
    if which == FCSR:
        hart.need_float()
    if which in (VSTART, VCSR, VL, VTYPE, VLENB):
        hart.need_vector()
    old = hart.read_csr(which)
    kind = name.rstrip("i")
    if kind == "csrrw":
        hart.write_csr(which, right)
    elif source:
        hart.write_csr(which, old | right if kind == "csrrs" else old & ~right)
    hart.set_x(target, old)


def fence(hart, operation):
    function = operation.word >> 25
    if operation.word & 0x7fff != 0x73 or function not in FENCES:
        raise Unsupported(f"instruction word {operation.word:#x}, at {hart.where()}")
    hart.events.append(("fence", FENCES[function], (operation.word >> 15) & 31, (operation.word >> 20) & 31))


def vector(hart, name, operands):
    hart.need_vector()
    words = hart.vlenb // 8
    if name in ("vs8r.v", "vl8re8.v"):
        hart.need_vstart_zero()
        first, (base, offset) = register(operands[0]), memory_operand(operands[1])
        for index in range(8 * words):
            place = hart.x[base], offset + 8 * index
            if name == "vs8r.v":
                hart.store(*place, 8, hart.vector(first + index // words)[index % words])
            else:
                loaded = list(hart.vector(first + index // words))
                loaded[index % words] = hart.load(*place, 8, True)
                hart.v[first + index // words] = loaded
    elif name == "vsetvli" and operands[1] == "x0" and operands[0] != "x0" and operands[2:] == ["e8", "m8", "ta", "ma"]:
        hart.set_x(register(operands[0]), bits(8 * hart.vlenb))
        hart.csr[VL], hart.csr[VTYPE] = bits(8 * hart.vlenb), bits(0xc3)
        hart.csr[VSTART] = bits(0)
    elif name == "vsetvl":
        # The length asked for is one that this vtype has given before, so it is granted; a vtype that is not legal gives 0.
        length, kind = hart.x[register(operands[1])], hart.x[register(operands[2])]
        if operands[1] == "x0" and operands[0] != "x0":
            length = hart.new("vlmax")
        hart.csr[VTYPE] = kind
        hart.csr[VL] = z3.simplify(z3.If(kind < 0, bits(0), length))
        hart.csr[VSTART] = bits(0)
        hart.set_x(register(operands[0]), hart.csr[VL])
    elif name == "vmv.v.i":
        hart.need_vstart_zero()
        if number(hart.read_csr(VL)) != 8 * hart.vlenb or number(hart.read_csr(VTYPE)) != 0xc3:
            raise Unsupported(f"vmv.v.i of another length than all of eight registers, at {hart.where()}")
        byte = int(operands[1], 0) & 0xff
        for index in range(8):
            hart.v[register(operands[0]) + index] = [bits(int.from_bytes(bytes([byte] * 8), "little"))] * words
    else:
        raise Unsupported(f"instruction {name} {','.join(operands)}, at {hart.where()}")


def explore(hart, start, stops):
    """All ways from `start` to an end: a return, mret, wfi, or an address in `stops` (name -> address)."""
    hart = hart.copy()
    hart.pc = start
    hart.end = None
    names = {address: name for name, address in stops.items()}
    waiting, ended, steps = [hart], [], 0
    while waiting:
        state = waiting.pop()
        while True:
            if state.pc == RETURN:
                state.end = "return"
            elif state.pc in names:
                state.end = names[state.pc]
            if state.end:
                ended.append(state)
                break
            steps += 1
            if steps > MAX_STEPS or len(waiting) + len(ended) > MAX_PATHS:
                raise Unsupported(f"more than {MAX_STEPS} steps or {MAX_PATHS} paths from {start:#x}")
            following = step(state)
            if not following:
                break  # no side of a branch can happen: the path itself cannot
            state = following[0]
            waiting += following[1:]
    return ended


__all__ = ["Hart", "Violation", "Unsupported", "explore", "image"]
