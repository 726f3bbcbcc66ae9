# SPDX-License-Identifier: Apache-2.0
"""Flattened device trees: parse, change, write. For trees that QEMU dumps, to give them back changed with -dtb."""

import struct

MAGIC, BEGIN, END, PROPERTY, NOP, FINISH = 0xD00DFEED, 1, 2, 3, 4, 9


class Node:
    """A name, properties as bytes by name, and children, all in order."""

    def __init__(self, name):
        self.name, self.properties, self.children = name, {}, []

    def child(self, name):
        return next(child for child in self.children if child.name == name)

    def add(self, name, **properties):
        """A new child; `_` in names of properties stands for `-`."""
        node = Node(name)
        node.properties = {key.replace("_", "-"): value for key, value in properties.items()}
        self.children.append(node)
        return node


def cell(value):
    return struct.pack(">I", value)


def text(value):
    return value.encode() + b"\0"


def parse(blob):
    magic, _, structure, strings = struct.unpack_from(">4I", blob)
    if magic != MAGIC:
        raise ValueError("not a device tree")
    at, stack = structure, [Node("")]
    while True:
        (token,) = struct.unpack_from(">I", blob, at)
        at += 4
        if token == BEGIN:
            end = blob.index(b"\0", at)
            node = stack[-1].add(blob[at:end].decode())
            stack.append(node)
            at = (end + 4) & ~3
        elif token == END:
            stack.pop()
        elif token == PROPERTY:
            size, name = struct.unpack_from(">2I", blob, at)
            name = blob[strings + name : blob.index(b"\0", strings + name)].decode()
            stack[-1].properties[name] = blob[at + 8 : at + 8 + size]
            at = (at + 8 + size + 3) & ~3
        elif token == FINISH:
            return stack[0].children[0]
        elif token != NOP:
            raise ValueError(f"token {token} in a device tree")


def write(root):
    """The tree as a blob with nothing reserved."""
    structure, strings = bytearray(), bytearray()

    def pad():
        structure.extend(b"\0" * (-len(structure) % 4))

    def put(node):
        structure.extend(cell(BEGIN) + text(node.name))
        pad()
        for name, value in node.properties.items():
            structure.extend(cell(PROPERTY) + cell(len(value)) + cell(len(strings)) + value)
            pad()
            strings.extend(text(name))
        for child in node.children:
            put(child)
        structure.extend(cell(END))

    put(root)
    structure.extend(cell(FINISH))
    first, second = 40 + 16, 40 + 16 + len(structure)
    header = (MAGIC, second + len(strings), first, second, 40, 17, 16, 0, len(strings), len(structure))
    return struct.pack(">10I", *header) + bytes(16) + bytes(structure) + bytes(strings)


def idle_name(suspend_type):
    """What Linux will call the state; it keeps 15 characters of a name."""
    return "sbi-lossy" if suspend_type >> 31 else "sbi-retentive"


def with_idle_states(blob, suspend_type):
    """The tree with one idle state for all harts: what Linux enters by HSM hart_suspend of this type."""
    root = parse(blob)
    cpus = root.child("cpus")
    phandle = 0x1D1E
    states = cpus.add("idle-states")
    state = states.add(
        idle_name(suspend_type),
        compatible=text("riscv,idle-state"),
        entry_latency_us=cell(1),
        exit_latency_us=cell(1),
        min_residency_us=cell(2),
        phandle=cell(phandle),
    )
    state.properties["riscv,sbi-suspend-param"] = cell(suspend_type)
    for cpu in cpus.children:
        if cpu.name.startswith("cpu@"):
            cpu.properties["cpu-idle-states"] = cell(phandle)
    return write(root)
