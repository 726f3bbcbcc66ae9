# SPDX-License-Identifier: Apache-2.0
"""QEMU's debugging port, as far as playing a trace needs it: stop and go on hart by hart, registers, CSRs, and physical
memory as the bus sees it. All harts stand still whenever one has stopped."""

import re
import select
import socket
import time

STOP_SECONDS = 10  # for an emulator that was silent to stop
PACKET = 1024  # bytes of memory in one packet, well below what QEMU takes


class Lost(Exception):
    """The emulator has ended, or does not answer."""


class Dead(Lost):
    """The emulator runs, but its port does not even answer a request to stop: nothing is known of the firmware."""


class Port:
    def __init__(self, path, harts, seconds):
        self.deadline = time.monotonic() + seconds
        self.harts, self.buffer = harts, b""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > self.deadline:
                    raise Lost("the emulator opens no port for a debugger") from None
                time.sleep(0.01)
        self.ask("qSupported:multiprocess-;xmlRegisters=riscv")
        self.ask("Qqemu.PhyMemMode:1", "OK")
        self.csr_base = self.find_csrs()
        self.mode = self.csr_base - self.virtual_registers()

    def close(self):
        self.socket.close()

    # --- packets --------------------------------------------------------------------------------------------------

    def send(self, text):
        data = text.encode()
        try:
            self.socket.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xFF))
        except OSError:
            raise Lost("the emulator has ended") from None

    def receive(self, seconds=None):
        """The next packet, or None when `seconds` pass without one."""
        until = self.deadline if seconds is None else min(self.deadline, time.monotonic() + seconds)
        while True:
            found = re.search(rb"\$([^#]*)#..", self.buffer, re.S)
            if found:
                self.buffer = self.buffer[found.end():]
                try:
                    self.socket.sendall(b"+")
                except OSError:
                    raise Lost("the emulator has ended") from None
                return found.group(1).decode("latin-1")
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                if seconds is None or time.monotonic() >= self.deadline:
                    raise Lost("it takes too long") if self.stops() else Dead("the port answers nothing")
                return None
            try:
                data = self.socket.recv(65536)
            except OSError:
                data = b""
            if not data:
                raise Lost("the emulator has ended")
            self.buffer += data

    def stops(self):
        """Does a port that has been silent for too long still stop the harts when it is asked to, or has it just ended?"""
        self.socket.settimeout(STOP_SECONDS)
        try:
            self.socket.sendall(b"\x03")
            self.socket.recv(1)
        except TimeoutError:
            return False
        except OSError:
            pass
        return True

    def ask(self, text, wanted=None):
        self.send(text)
        answer = self.receive()
        if wanted is not None and answer != wanted:
            raise Lost(f"the debugging port answers {answer!r} to {text!r}")
        return answer

    # --- registers ------------------------------------------------------------------------------------------------

    def find_csrs(self):
        """Number of CSR 0 in the numbering of this version."""
        text = self.ask("qXfer:features:read:riscv-csr.xml:0,400")
        found = re.search(r'name="sstatus"[^>]*regnum="(\d+)"', text)
        if not found:
            raise Lost("the emulator does not tell how its CSRs are numbered")
        return int(found.group(1)) - 0x100

    def virtual_registers(self):
        """How many there are, the mode first; their numbers are those before the CSRs."""
        return max(self.ask("qXfer:features:read:riscv-64bit-virtual.xml:0,800").count("<reg "), 1)

    def select(self, hart):
        self.ask(f"Hg{hart + 1:x}", "OK")

    def registers(self, hart):
        """x0 to x31, and pc."""
        self.select(hart)
        data = bytes.fromhex(self.ask("g"))
        return [int.from_bytes(data[8 * n : 8 * n + 8], "little") for n in range(33)]

    def set_registers(self, hart, values):
        self.select(hart)
        self.ask("G" + b"".join(v.to_bytes(8, "little") for v in values).hex(), "OK")

    def register(self, hart, number):
        self.select(hart)
        answer = self.ask(f"p{number:x}")
        if not answer or answer.startswith("E"):
            raise Lost(f"register {number} cannot be read")
        return int.from_bytes(bytes.fromhex(answer), "little")

    def set_register(self, hart, number, value):
        self.select(hart)
        self.ask(f"P{number:x}={(value & (1 << 64) - 1).to_bytes(8, 'little').hex()}", "OK")

    def csr(self, hart, number):
        return self.register(hart, self.csr_base + number)

    def set_csr(self, hart, number, value):
        self.set_register(hart, self.csr_base + number, value)

    def privilege(self, hart, value):
        """Set the mode, and nothing of V, which QEMU 10 shows in the same register: 0 user, 1 supervisor."""
        self.set_register(hart, self.mode, self.register(hart, self.mode) & ~3 | value)

    def pc(self, hart):
        return self.register(hart, 32)

    # --- memory ---------------------------------------------------------------------------------------------------

    def read(self, address, length):
        data = b""
        while len(data) < length:
            part = min(PACKET, length - len(data))
            data += bytes.fromhex(self.ask(f"m{address + len(data):x},{part:x}"))
        return data

    def word(self, address):
        return int.from_bytes(self.read(address, 8), "little")

    def write(self, address, data):
        self.ask(f"M{address:x},{len(data):x}:{data.hex()}", "OK")

    # --- going on -------------------------------------------------------------------------------------------------

    def breakpoint(self, address, on=True):
        self.ask(f"{'Z' if on else 'z'}0,{address:x},4", "OK")

    def step(self, hart):
        """One instruction of one hart, without interrupts; the trap that it takes is its end too."""
        self.send(f"vCont;s:{hart + 1:x}")
        self.stopped()

    def go(self, harts):
        self.send("vCont" + "".join(f";c:{hart + 1:x}" for hart in sorted(harts)))

    def stopped(self, seconds=None):
        """The hart that has stopped at a breakpoint, or None when none does within `seconds`."""
        answer = self.receive(seconds)
        if answer is None:
            return None
        found = re.match(r"T..thread:([0-9a-f]+);", answer)
        if not found:
            raise Lost("the emulator has ended")
        return int(found.group(1), 16) - 1

    def interrupt(self):
        """Make all stand still; the hart that had reached a breakpoint just then, or None."""
        self.socket.sendall(b"\x03")
        answer = self.receive()
        found = re.match(r"T05thread:([0-9a-f]+);", answer)
        return int(found.group(1), 16) - 1 if found else None
