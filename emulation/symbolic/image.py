# SPDX-License-Identifier: Apache-2.0
"""The linked firmware as its disassembler sees it: instructions, symbols, constant data, and offsets of C members.

Decoding is objdump's business, so that an instruction means here what binutils says, not what we think. A mutant is the
same file with other bytes at one address, disassembled again.
"""

import collections
import os
import re
import struct
import subprocess
import tempfile

OBJDUMP = "riscv64-unknown-elf-objdump"
GCC = "riscv64-unknown-elf-gcc"

Instruction = collections.namedtuple("Instruction", "address size word name operands text")


class Unusable(Exception):
    """The image is not what this tool can look at; the text says why."""


def run(words):
    try:
        done = subprocess.run(words, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    except FileNotFoundError as missing:
        raise Unusable(f"{words[0]} not found: install the Debian packages gcc-riscv64-unknown-elf and "
                       "binutils-riscv64-unknown-elf") from missing
    if done.returncode != 0:
        raise Unusable(f"{words[0]}: {done.stderr.decode(errors='replace').strip().splitlines()[-1:]}")
    return done.stdout.decode(errors="replace")


LINE = re.compile(r"^\s*([0-9a-f]+):\s+([0-9a-f]{4,8})\s+(\S+)(?:\s+(.*))?$")


def disassemble(path):
    """Instructions of the whole text by address."""
    found = {}
    for line in run([OBJDUMP, "-d", "-M", "no-aliases,numeric", path]).splitlines():
        match = LINE.match(line)
        if not match:
            continue
        address, word, name = int(match.group(1), 16), match.group(2), match.group(3)
        operands = re.sub(r"\s*[#<].*$", "", match.group(4) or "")
        found[address] = Instruction(address, len(word) // 2, int(word, 16), name,
                                     tuple(part.strip() for part in operands.split(",")) if operands else (),
                                     f"{name} {operands}".strip())
    return found


class Image:
    """One firmware image, or a mutant of one."""

    def __init__(self, path, patches=()):
        """`patches`: (address, bytes) pairs that replace what the file has there."""
        try:
            with open(path, "rb") as stream:
                self.bytes = bytearray(stream.read())
        except OSError as problem:
            raise Unusable(f"{path}: {problem.strerror}") from problem
        if self.bytes[:5] != b"\x7fELF\x02" or struct.unpack_from("<H", self.bytes, 18)[0] != 243:
            raise Unusable(f"{path}: not a 64-bit RISC-V ELF file")
        self.segments = self.load_segments()
        for address, new in patches:
            position = self.file_position(address, len(new))
            self.bytes[position:position + len(new)] = new
        if patches:
            with tempfile.NamedTemporaryFile(suffix=".elf") as copy:
                copy.write(self.bytes)
                copy.flush()
                self.code = disassemble(copy.name)
        else:
            self.code = disassemble(path)
        self.symbols = self.read_symbols(path)

    def load_segments(self):
        """(address, size in the file, position in the file, writable) of each LOAD segment."""
        table, size, count = struct.unpack_from("<Q", self.bytes, 32)[0], *struct.unpack_from("<HH", self.bytes, 54)
        found = []
        for index in range(count):
            kind, flags, position, address, _, in_file = struct.unpack_from("<IIQQQQ", self.bytes, table + index * size)
            if kind == 1:
                found.append((address, in_file, position, bool(flags & 2)))
        return found

    def file_position(self, address, size):
        for base, length, position, _ in self.segments:
            if base <= address and address + size <= base + length:
                return position + address - base
        raise Unusable(f"nothing is loaded at {address:#x}")

    def constant(self, address, size):
        """Bytes of the image that nothing can change, or None."""
        for base, length, position, writable in self.segments:
            if not writable and base <= address and address + size <= base + length:
                return bytes(self.bytes[position + address - base:position + address - base + size])
        return None

    @staticmethod
    def read_symbols(path):
        """Name -> (address, size) of functions and objects."""
        found = {}
        for line in run([OBJDUMP, "-t", path]).splitlines():
            match = re.match(r"^([0-9a-f]{16}) .{7} \S+\s+([0-9a-f]{16})\s+(\S+)$", line)
            if match:
                found[match.group(3)] = (int(match.group(1), 16), int(match.group(2), 16))
        return found

    def address(self, name):
        if name not in self.symbols:
            raise Unusable(f"the image has no symbol {name}")
        return self.symbols[name][0]

    def function(self, name):
        """Addresses of the instructions of a function."""
        start, size = self.address(name), self.symbols[name][1]
        return [address for address in sorted(self.code) if start <= address < start + size]


def c_constants(root, wanted):
    """Values of C expressions over the monitor's headers, as the cross compiler computes them. `wanted`: name -> C."""
    lines = ["#include \"monitor/core/monitor.h\"", "#include \"monitor/core/vcpu.h\"",
             "#include \"monitor/riscv/layout.h\"", "#include <stddef.h>"]
    lines += [f"const unsigned long touchstone_{name} = ({text});" for name, text in wanted.items()]
    with tempfile.NamedTemporaryFile("w", suffix=".c", encoding="utf-8") as source:
        source.write("\n".join(lines) + "\n")
        source.flush()
        assembly = run([GCC, "-std=c17", "-ffreestanding", "-march=rv64imac_zicsr_zifencei", "-mabi=lp64", "-I", root, "-S",
                        "-o", "-", source.name])
    values = {}
    for match in re.finditer(r"^touchstone_(\w+):\s*\n\s*\.dword\s+(\S+)", assembly, re.MULTILINE):
        values[match.group(1)] = int(match.group(2), 0)
    for match in re.finditer(r"^touchstone_(\w+):\s*\n\s*\.zero\s+8", assembly, re.MULTILINE):
        values[match.group(1)] = 0
    missing = sorted(set(wanted) - set(values))
    if missing:
        raise Unusable(f"the compiler gave no value for {', '.join(missing)}")
    return values


def csr_classes(root):
    """Name -> (number, class) of every CSR in the table of the concrete replay."""
    path = os.path.join(root, "emulation/unicorn/csr_classes.def")
    with open(path, encoding="utf-8") as stream:
        rows = re.findall(r"^CSR\((0x[0-9a-f]+), (\w+), (\w+),", stream.read(), re.MULTILINE)
    if not rows:
        raise Unusable(f"{path}: no CSR lines")
    return {name: (int(number, 16), kind) for number, name, kind in rows}
