# SPDX-License-Identifier: Apache-2.0
"""What guests of traces do, as real instructions of the guest: VS- and VU-mode, behind the tables of its TVM.

play.py boots the image with the player in it and a debugger's port. The player carries out what the host does. When a
vCPU is entered, the hart is held at the first instruction of the guest. Each operation of the guest then becomes one
instruction: its bytes are put into a page that the TVM may fetch from, its operands into registers, and the hart steps. What
comes of it, a result, a trap of its own or an exit, is the processor's and the monitor's work alone. Afterwards page and registers are
as before, so that the guest's memory is what the trace says.
"""

from play_harts import MIP, MSIP, SATP, SCAUSE, Cannot, Guest, Harts
from play_insn import (A0, EBREAK, ECALL, T0, T1, T2, WFI, base_and_offset, csr_instruction, data_register, load_instruction,
                       store_instruction)

HIDELEG, HIE, HIP = 0x603, 0x604, 0x644
SSTATUS, STIMECMP = 0x100, 0x14D  # of the guest, while it runs
VSTIMECMP, FS_INITIAL = 0x24D, 1 << 13
SSIP, STIP, SEIP = 1 << 1, 1 << 5, 1 << 9
UART, MTIME = 0x10000000, 0x0200BFF8
PLIC, UART_IRQ = 0x0C000000, 10
MARKER = 0xD15EA5E5 << 32
# Operations by number (harness/trace/trace.h).
CALL, ECALL_RAW, LOAD, STORE, FETCH, CSR_READ, CSR_WRITE, REG, TRAP, WAIT, VIRTUAL, IRQ, TYPED, TIME, USER, EXEC = (
    3, 4, 8, 9, 10, 13, 14, 16, 17, 19, 20, 21, 25, 26, 27, 30)
GUEST_OPS = {CALL, ECALL_RAW, LOAD, STORE, FETCH, CSR_READ, CSR_WRITE, REG, TRAP, WAIT, VIRTUAL, USER, EXEC}
EXIT = 2  # kind of expectation


class Session(Harts):
    """One trace on one boot. Steps know their arguments as numbers of this machine."""

    def __init__(self, port, symbols, steps, eid_fid, left_out):
        super().__init__(port, symbols)
        self.steps, self.eid_fid, self.left_out = steps, eid_fid, left_out
        self.seen, self.armed, self.number = {}, set(), 0
        self.clock_stands = any(step.op == TIME for step in steps)

    # --- operations -----------------------------------------------------------------------------------------------

    def trap_seen(self, hart, fetched=True):
        """
        The cause of a trap of the guest's own. An instruction that was fetched has no access fault of its fetch: that is an
        illegal one under QEMU 7.2, which counts it as if it were an interrupt, and is put right for the guest here.
        """
        cause = self.port.csr(hart, SCAUSE)
        if fetched and cause == 1:
            cause = 2
            self.port.set_csr(hart, SCAUSE, cause)
        return "t", cause, 0

    def simple(self, hart, insn, registers, result=None, avoid=0):
        """An instruction that gives a value, or nothing but 0."""
        how, after = self.execute(hart, insn, registers, avoid)
        if how == "done":
            return "v", after[result] if result else 0, 0
        return {"exit": None, "again": ("n", 0, 0)}.get(how) if how != "trap" else self.trap_seen(hart)

    def call(self, hart, values, fid, eid):
        registers = {A0 + n: values[n] for n in range(6)}
        registers[16], registers[17] = fid, eid
        how, after = self.execute(hart, ECALL, registers, keep=True)
        if how == "done":
            self.advance(hart, 4)
            return "r", after[A0], after[A0 + 1]
        return None if how == "exit" else self.trap_seen(hart)

    def advance(self, hart, length):
        guest = self.held[hart]
        if guest.pc is not None:
            guest.pc += length

    def load_store_at_pc(self, hart, values, expect):
        """The instruction is the guest's own, at its pc, and stays there."""
        if self.port.csr(hart, SATP) >> 60:
            raise Cannot("the guest has its own translation on")
        insn = values[0] & 0xFFFFFFFF
        guest = self.held[hart]
        base, offset = base_and_offset(insn)
        data = data_register(insn)
        store = insn & 0x7F == 0x23 or (insn & 3 != 3 and insn & 0x8000)
        length = 4 if insn & 3 == 3 else 2
        taken = {0, data if store else None, insn >> 20 & 31 if insn & 0x7F == 0x2F else None}
        if base in taken and length == 4:  # it stores its own base: the same with another one
            base = next(n for n in (T0, T1, T2) if n not in taken)
            insn = insn & ~(31 << 15) | base << 15
        elif base in taken:
            raise Cannot("its base register would have to be two things at once")
        pa = self.physical(hart, guest.pc)
        if pa is None and not leaves_for_its_code(expect):
            raise Cannot("what a processor remembers of a table that has changed is its own affair")
        if data is None:  # its floating-point unit is on
            self.port.set_csr(hart, SSTATUS, self.port.csr(hart, SSTATUS) | FS_INITIAL)
        how, after = self.execute(hart, insn, {base: values[1] - offset}, place=(guest.pc, pa), keep=True)
        if how == "exit":
            guest.borrowed = {}
            return None
        if how == "trap":
            return self.trap_seen(hart, pa is not None)
        if how == "again":
            return "n", 0, 0
        guest.pc += length
        if store or data is None:
            return "v", 0 if store else None, 0
        return "v", None if insn & 0x7F == 0x2F else after[data], 0

    def fetch(self, hart, address):
        """A jump there, stopped before the instruction that lies there is carried out."""
        guest = self.held[hart]
        if self.port.csr(hart, SATP) >> 60:
            raise Cannot("the guest has its own translation on")
        pa = self.physical(hart, address)
        if pa is not None:
            return "v", int.from_bytes(self.port.read(pa, 4), "little"), 0
        how, _ = self.execute(hart, ECALL, {}, place=(address, None), keep=True)
        if how == "exit":
            return None
        guest.slot = guest.pc
        return self.trap_seen(hart, False) if how == "trap" else ("n", 0, 0)

    def set_register(self, hart, number, value):
        guest = self.held[hart]
        if 1 <= number < 32:
            self.port.set_register(hart, number, value)
        elif 32 <= number < 64:
            self.port.set_register(hart, number + 1, value)
        elif number == 64:
            self.port.set_csr(hart, 3, value & 0xFF)
        elif number == 65:
            guest.pc = value & ~1
        else:
            raise Cannot("the debugging port has no vector registers")
        return "n", 0, 0

    def raise_trap(self, hart, values):
        cause = values[0]
        if cause in (8, 10):
            now = self.port.registers(hart)
            return self.call(hart, now[A0 : A0 + 6], now[16], now[17])
        insn = {2: values[1] & 0xFFFFFFFF, 3: EBREAK}.get(cause)
        if insn is None:
            raise Cannot("no instruction raises this trap")
        return self.simple(hart, insn, {})

    def interrupt_line(self, hart, number, level):
        """A line of the host's rises while a guest runs."""
        if number == 9:
            self.external_line(hart, level)
        elif number == 1:
            mip = self.port.csr(hart, MIP)
            self.port.set_csr(hart, MIP, mip | SSIP if level else mip & ~SSIP)
        elif not level or hart not in self.armed:
            raise Cannot("the host's timer is set in the guest's time")
        self.armed.discard(hart)
        for _ in range(20):
            if self.breathe(hart) == "exit":
                return None
        return "n", 0, 0

    def set_clock(self, ticks):
        """QEMU looks at a timer again when its compare register is written."""
        self.port.write(MTIME, ticks.to_bytes(8, "little"))
        for hart in range(self.harts):
            for csr in (VSTIMECMP,) if hart in self.held else (STIMECMP, VSTIMECMP):
                self.port.set_csr(hart, csr, self.port.csr(hart, csr))

    def type(self, byte):
        """What the UART sends comes back to it for a moment, so that it has received this."""
        control = self.port.read(UART + 4, 1)
        self.port.write(UART + 4, bytes([control[0] | 0x10]))
        self.port.write(UART, bytes([byte]))
        self.port.write(UART + 4, control)

    def external_line(self, hart, level):
        """The UART wants to send, and the interrupt controller passes that to this hart in supervisor mode, or not."""
        context = 2 * hart + 1
        self.port.write(PLIC + 0x2000 + 0x80 * context, (level << UART_IRQ).to_bytes(4, "little"))
        self.port.write(UART + 1, b"\x02" if level else b"\x00")
        self.port.write(PLIC + 4 * UART_IRQ, b"\1\0\0\0")  # its priority: only that makes QEMU look at all again

    def interrupts_of(self, hart, csr):
        """The guest's sip or sie. QEMU 7.2 shows it zeros when mideleg has no bit of the host's, as while a TVM runs."""
        bits = self.port.csr(hart, HIDELEG) & self.port.csr(hart, HIP if csr & 0xFF == 0x44 else HIE)
        return (bits & 0x1444) >> 1

    def operation(self, hart, step):
        """What the guest on the hart does. None: it left the TVM, and the host sees an exit."""
        values = step.numbers()
        op = step.op
        for _ in range(4):  # an interrupt of M-mode may be the message that there is one for the host
            pending = self.port.csr(hart, MIP) & (MSIP | SSIP | SEIP | (0 if hart in self.armed else STIP))
            if pending and op != IRQ and self.breathe(hart) == "exit":
                return None
        if op in (CALL, ECALL_RAW):
            eid, fid = self.eid_fid(step)
            return self.call(hart, values, fid, eid)
        if op == LOAD:
            return self.simple(hart, load_instruction(width_of(values[1])), {T0: values[0], T1: 0}, T1, values[0])
        if op == STORE:
            return self.simple(hart, store_instruction(width_of(values[1])), {T0: values[0], T1: values[2]}, None, values[0])
        if op == CSR_READ and values[0] & 0xFFF in (0x104, 0x144):
            got = self.simple(hart, csr_instruction(values[0] & 0xFFF, False), {T1: 0}, T1)
            return ("v", got[1] or self.interrupts_of(hart, values[0]), 0) if got and got[0] == "v" else got
        if op == CSR_READ:
            return self.simple(hart, csr_instruction(values[0] & 0xFFF, False), {T1: 0}, T1)
        if op == CSR_WRITE:
            return self.simple(hart, csr_instruction(values[0] & 0xFFF, True), {T1: values[1]})
        if op == WAIT:
            got = self.simple(hart, WFI, {})
            return ("n", 0, 0) if got and got[0] == "v" else got
        if op == FETCH:
            return self.fetch(hart, values[0])
        if op == EXEC:
            return self.load_store_at_pc(hart, values, step.expect)
        if op == REG:
            return self.set_register(hart, values[0], values[1])
        if op == TRAP:
            return self.raise_trap(hart, values)
        if op == USER:
            self.port.privilege(hart, 0 if values[0] & 1 else 1)
            return "n", 0, 0
        if op == VIRTUAL:
            if values[0] & 0xFFFFFFFF == 0:
                raise Cannot("no instruction raises this trap")
            got = self.simple(hart, values[0] & 0xFFFFFFFF, {})
            return ("n", 0, 0) if got and got[0] == "v" else got
        return self.interrupt_line(hart, values[0], values[1] & 1)

    # --- turns ----------------------------------------------------------------------------------------------------

    def enter(self, hart, number):
        """The player is about to run a vCPU at step `number`: does it come to the guest's first instruction?"""
        registers = self.port.registers(hart)
        key = registers[A0], registers[A0 + 1]
        if self.clock_stands and self.port.csr(hart, STIMECMP) != (1 << 64) - 1:
            raise Cannot("the host's timer is set in the guest's time")
        if self.will_strike(hart, number):
            self.port.set_csr(hart, STIMECMP, 0)
            self.armed.add(hart)
        self.port.step(hart)
        if not self.until_return(hart):
            return False
        guest = self.guests.pop(key, None) or Guest(*key)
        self.held[hart] = guest
        real = self.port.pc(hart)
        if guest.slot is None or real not in (guest.slot, guest.slot + 4, guest.slot + 2):
            guest.pc = real
        elif guest.pc is None or guest.slot == guest.pc:
            guest.pc = real
        else:
            guest.pc += real - guest.slot
        self.give_back(hart, guest)
        now = self.port.registers(hart)
        for n in [n for n in range(1, 32) if not A0 <= n < A0 + 8 and now[n] == 0]:
            now[n] = MARKER | (guest.tvm & 0xFF) << 24 | (guest.vcpu & 0xFF) << 16 | n
        self.port.set_registers(hart, now)
        self.seen[number] = "e", 0, 0
        return True

    def will_strike(self, hart, number):
        """Does the host's timer strike this hart before it runs a vCPU again?"""
        for step in self.steps[number:]:
            if step.hart == hart and step.op == IRQ and step.a[0] == 5 and step.a[1] & 1:
                return True
            if step.hart == hart and step.op in (1, 2) and self.eid_fid(step) == (0x434F5648, 15):
                return False
        return False

    def word(self, name, value=None):
        """A 32-bit variable of the player."""
        if value is None:
            return int.from_bytes(self.port.read(self.at[name], 4), "little")
        self.port.write(self.at[name], value.to_bytes(4, "little"))
        return value

    def guests_turn(self, number):
        """Steps from `number` on that are not the player's; afterwards the player goes on. False at the end of the trace."""
        alive = self.port.read(self.at["alive"], self.harts)
        while number <= len(self.steps):
            step = self.steps[number - 1]
            self.number = number
            if self.clock_stands and self.word("tvm_count") == 0:  # a TVM has a clock of its own, which is not to run back
                self.set_clock(0)
            held = step.hart in self.held
            from_outside = step.op in (TIME, TYPED) or step.op == IRQ and step.a[0] == 9
            if alive[step.hart] and not held and step.op not in GUEST_OPS and not from_outside:
                self.word("next", number)
                self.word("turn", step.hart)
                return True
            outcome = "n", 0, 0
            if self.left_out(step):
                pass
            elif held and (step.op in GUEST_OPS or step.op == IRQ):
                self.word("next", number)
                outcome = self.operation(step.hart, step)
                self.serve(list(self.held))
                if outcome is None:
                    return True  # the player tells what it sees, and goes on
            elif step.op == TIME:
                self.set_clock(self.port.word(MTIME) + step.a[0] % (1 << 40))
            elif step.op == TYPED:
                self.type(step.a[0] & 0xFF)
            elif from_outside:
                self.external_line(step.hart, step.a[1] & 1)
            self.seen[number] = outcome
            number += 1
        return False

    def play(self):
        """The whole trace. Raises Cannot; the step is self.number then."""
        for name in ("payload_main", "entering", "hand_over", "finish"):
            self.port.breakpoint(self.at[name])
        self.wait(self.free())
        self.port.breakpoint(self.at["payload_main"], False)
        self.set_clock(0)  # booting took time that traces know nothing of
        while True:
            hart = self.wait(self.free())
            place = self.port.pc(hart)
            self.number = self.word("next")
            if place == self.at["finish"]:
                return
            if place == self.at["hand_over"]:
                self.port.step(hart)
                goes_on = self.guests_turn(self.number)
            else:
                goes_on = not self.enter(hart, self.number) or self.guests_turn(self.number + 1)
            if not goes_on:
                return


def leaves_for_its_code(expect):
    """Does the trace say that the instruction cannot be fetched?"""
    return expect is not None and expect.call == EXIT and expect.a[7] & 4 and expect.a[2] == 20


def width_of(width):
    return width if width in (1, 2, 4) else 8
