# SPDX-License-Identifier: Apache-2.0
"""The device tree that the operation host_fdt writes: cpus and one range of memory, to the byte as harness/agents/host_fdt.c
makes it."""

NAMES = ["#address-cells", "#size-cells", "device_type", "reg", "status", "riscv,isa", "mmu-type", "model"]
STRINGS = "".join(name + "\0" for name in NAMES).encode()
MAX_CPUS = 128
HEADER, RESERVATIONS = 40, 16
NODE, NODE_END, PROPERTY, END = 1, 2, 3, 9


def words(*values):
    return b"".join((value & 0xFFFFFFFF).to_bytes(4, "big") for value in values)


def padded(data):
    return data + bytes(-len(data) % 4)


def node(name, *inside):
    return words(NODE) + padded(name.encode() + b"\0") + b"".join(inside) + words(NODE_END)


def cells(name, *values):
    offset = STRINGS.index(name.encode() + b"\0")
    return words(PROPERTY, 4 * len(values), offset, *values)


def text(name, value):
    data = value.encode() + b"\0"
    return words(PROPERTY, len(data), STRINGS.index(name.encode() + b"\0")) + padded(data)


def cpu(number):
    return node(f"cpu@{number:x}", text("device_type", "cpu"), cells("reg", number), text("status", "okay"),
                text("riscv,isa", "rv64imafdc"), text("mmu-type", "riscv,sv48"))


def tree(cpus, base, size):
    """Its bytes, a multiple of eight of them."""
    memory = node(f"memory@{base:x}", text("device_type", "memory"), cells("reg", base >> 32, base, size >> 32, size))
    all_cpus = node("cpus", cells("#address-cells", 1), cells("#size-cells", 0), *map(cpu, range(min(cpus, MAX_CPUS))))
    structure = node("", cells("#address-cells", 2), cells("#size-cells", 2), text("model", "touchstone guest"), all_cpus,
                     memory) + words(END)
    names = HEADER + RESERVATIONS + len(structure)
    total = names + len(padded(STRINGS))
    header = words(0xD00DFEED, total, HEADER + RESERVATIONS, names, HEADER, 17, 16, 0, len(STRINGS), len(structure))
    data = header + bytes(RESERVATIONS) + structure + padded(STRINGS)
    return data + bytes(-len(data) % 8)
