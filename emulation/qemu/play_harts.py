# SPDX-License-Identifier: Apache-2.0
"""Harts under a debugger: the host's go on, those that run a guest are held, and a guest carries out one instruction.

A held hart stands at an instruction of its guest and takes no interrupt until it may breathe. A trap to M-mode runs
freely and ends at the one mret of the firmware, where mstatus.MPV tells who goes on.
"""

import contextlib

HGATP, MIP, MSTATUS, MTVEC = 0x680, 0x344, 0x300, 0x305
STVEC, SCAUSE, SATP = 0x105, 0x142, 0x180  # of the guest, while it runs
MPV, MSIP = 1 << 39, 1 << 3
WINDOW, WINDOW_END = 0x84000000, 0x84400000
PAGE = 4096
NO_CAUSE = 63
PULSE = 0.05  # seconds that other harts may wait for one that is held, before it is looked after


class Cannot(Exception):
    """This machine has no instruction for an operation; the text says why."""


class Guest:
    """A vCPU on a hart. `pc` is the trace's idea of where it is; `slot` where the processor last was for it."""

    def __init__(self, tvm, vcpu):
        self.tvm, self.vcpu = tvm, vcpu
        self.pc, self.slot, self.borrowed = None, None, {}


class Harts:
    """All harts of one boot; `symbols` are addresses in firmware and player."""

    def __init__(self, port, symbols):
        self.port, self.at, self.harts = port, symbols, port.harts
        self.held, self.guests = {}, {}  # Guest by hart; by TVM and vCPU while it is on none
        self.trap_entry, self.watching = None, 0

    # --- the machine goes on --------------------------------------------------------------------------------------

    def free(self):
        return [hart for hart in range(self.harts) if hart not in self.held]

    @contextlib.contextmanager
    def watch_returns(self):
        """Harts stop where the firmware leaves M-mode."""
        self.watching += 1
        if self.watching == 1:
            self.port.breakpoint(self.at["trap_mret"])
        try:
            yield
        finally:
            self.watching -= 1
            if self.watching == 0:
                self.port.breakpoint(self.at["trap_mret"], False)

    def wait(self, running, watched=None):
        """
        The harts `running` go on until one stops at a breakpoint; of those that leave M-mode, only the one that is watched
        counts. Whoever is held meanwhile serves what M-mode asks of it.
        """
        self.port.go(running)
        while True:
            hart = self.port.stopped(PULSE)
            if hart is None:
                hart = self.port.interrupt()
                self.serve([h for h in self.held if h not in running])
            if hart is not None:
                if hart == watched or self.port.pc(hart) != self.at["trap_mret"]:
                    return hart
                self.port.step(hart)  # another one has served an interrupt
            self.port.go(running)

    def serve(self, harts):
        """What M-mode asks of harts that are held. A guest that leaves its hart for that is seen by nobody."""
        for hart in harts:
            if self.port.csr(hart, MIP) & MSIP:
                self.word("away", self.word("away") | 1 << hart)
                self.breathe(hart)
                if hart in self.held:
                    self.word("away", self.word("away") & ~(1 << hart))

    def until_return(self, hart, running=None):
        """The hart is in M-mode and leaves it. True when it goes to a guest."""
        with self.watch_returns():
            while self.port.pc(hart) != self.at["trap_mret"]:
                self.wait(running or [hart, *self.free()], hart)
            guest = bool(self.port.csr(hart, MSTATUS) & MPV)
            self.port.step(hart)
        return guest

    def breathe(self, hart):
        """Interrupts that wait are taken, then the guest stands where it stood: None. Or it is left: "exit"."""
        guest = self.held[hart]
        before = self.port.pc(hart)
        with self.watch_returns():
            self.port.breakpoint(before)
            self.port.go([hart])
            self.port.stopped()
            self.port.breakpoint(before, False)
            if self.port.pc(hart) == before or self.until_return(hart, [hart]):
                return None
        self.leave(hart, guest)
        return "exit"

    def leave(self, hart, guest):
        del self.held[hart]
        self.guests[guest.tvm, guest.vcpu] = guest

    # --- the guest's memory ---------------------------------------------------------------------------------------

    def leaves(self, table, level, base):
        """(guest address, physical address, size) of what can be fetched from, below a G-stage table."""
        size = PAGE << 9 * level
        data = self.port.read(table, PAGE)
        for n in range(512):
            entry = int.from_bytes(data[8 * n : 8 * n + 8], "little")
            target = (entry >> 10 & (1 << 44) - 1) << 12
            if not entry & 1:
                continue
            if entry & 0xE == 0 and level:
                yield from self.leaves(target, level - 1, base + n * size)
            elif entry & 8 and WINDOW <= target < WINDOW_END:
                yield base + n * size, target, size

    def pages(self, hart):
        hgatp = self.port.csr(hart, HGATP)
        level = {8: 2, 9: 3, 10: 4}.get(hgatp >> 60)
        if level is None:
            raise Cannot("the guest has no tables")
        root = (hgatp & (1 << 44) - 1) << 12
        for n in range(4):
            yield from self.leaves(root + n * PAGE, level, n << 21 + 9 * level)

    def physical(self, hart, address):
        return next((pa + address - base for base, pa, size in self.pages(hart) if base <= address < base + size), None)

    def find_slot(self, hart, avoid):
        """A place for one instruction, away from what the operation touches."""
        if self.port.csr(hart, SATP) >> 60:
            raise Cannot("the guest has its own translation on")
        best = None
        for base, pa, size in self.pages(hart):
            offset = size - 16
            if base + offset - 16 < avoid < base + size:
                offset = size // 2
            best = (base + offset, pa + offset)
            if not base <= avoid < base + size:
                break
        if best is None:
            raise Cannot("the guest has no page that it could fetch an instruction from")
        return best

    # --- one instruction ------------------------------------------------------------------------------------------

    def execute(self, hart, insn, registers, avoid=0, place=None, keep=False):
        """
        One instruction with these registers. (how, registers): "done", "again" when the guest is where it was, "trap", or
        "exit". `place`: where it lies, else anywhere. `keep`: its registers stay as they are afterwards.
        """
        guest = self.held[hart]
        length = 4 if insn & 3 == 3 else 2
        at, pa = place or self.find_slot(hart, avoid)
        before = self.port.registers(hart)
        old = self.port.read(pa, length) if pa is not None else b""
        if pa is not None:
            self.port.write(pa, insn.to_bytes(4, "little")[:length])
        now = list(before)
        for number, value in registers.items():
            now[number] = value & (1 << 64) - 1
        now[32] = at
        self.port.set_registers(hart, now)
        at_handler = self.port.csr(hart, STVEC) & ~3 == at
        if at_handler:  # its handler begins with this instruction: a cause that is none tells whether it was entered
            cause = self.port.csr(hart, SCAUSE)
            self.port.set_csr(hart, SCAUSE, NO_CAUSE)
        guest.slot = at
        if not keep:
            guest.borrowed = {n: before[n] for n in registers}
        self.port.step(hart)
        if self.trap_entry is None:
            self.trap_entry = self.port.csr(hart, MTVEC) & ~3
        in_guest = self.port.pc(hart) != self.trap_entry or self.until_return(hart)
        if pa is not None and place is None:
            self.port.write(pa, old)
        if not in_guest:
            self.leave(hart, guest)
            return "exit", None
        after = self.port.registers(hart)
        how = "done" if after[32] == at + length else "again" if after[32] == at else "trap"
        if at_handler and self.port.csr(hart, SCAUSE) == NO_CAUSE:
            self.port.set_csr(hart, SCAUSE, cause)
        elif at_handler and how == "again":
            how = "trap"
        if how == "trap":
            guest.pc = after[32]
        self.give_back(hart, guest)
        return how, after

    def give_back(self, hart, guest):
        """Registers that were borrowed for operands."""
        for number, value in guest.borrowed.items():
            self.port.set_register(hart, number, value)
        guest.borrowed = {}
