# SPDX-License-Identifier: Apache-2.0
"""What is claimed of the world switch, for all values of all registers, CSRs and memory, and proved path by path.

Every function here takes the scene and a Report and adds one line per path: how many claims were proved, or which one
is not true, with values that show it. The claims come from the contract of the primitives (monitor/hal/hal.h), from the
classes of CSRs that the concrete replay uses, and from the privileged specification; none is read off the assembly.
"""

import z3

from hart import FCSR, MSTATUS, RETURN, Unsupported, Violation, bits, explore, number
from scene import HGATP, MEPC, MSCRATCH, MTVEC, PMPADDR, PMPCFG0, STATEEN, VECTOR_CSRS, VSATP, WINDOW_ENTRY

CALLEE_SAVED = (2, 3, 4, 8, 9, *range(18, 28))


class Refuted(Exception):
    """A claim is not true, and one is enough."""


class Report:
    """Lines of the result. A failed claim is kept with the values that refute it."""

    def __init__(self, one_is_enough=False):
        self.one_is_enough = one_is_enough
        self.lines = []  # dicts
        self.visited = set()

    def path(self, name, state, claims):
        """Prove claims (text -> formula) on the path of `state`."""
        refuted = []
        self.visited |= state.visited
        proved = 0
        for text, claim in claims.items():
            claim = z3.simplify(claim) if not isinstance(claim, bool) else z3.BoolVal(claim)
            if z3.is_true(claim):
                proved += 1
                continue
            answer, model = state.solve(z3.Not(claim))
            if answer == z3.unsat:
                proved += 1
            elif answer == z3.sat:
                shown = sorted(f"{value.name()} = {number(model[value]):#x}" for value in model.decls()
                               if number(model[value]) is not None)
                refuted.append({"claim": text, "with": shown[:6], "unknown": False})
            else:
                refuted.append({"claim": text, "with": [], "unknown": True})
        self.lines.append({"path": name, "instructions": len(state.visited), "proved": proved, "refuted": refuted})
        if refuted and self.one_is_enough:
            raise Refuted

    def failed(self, name, text, unknown=False):
        """The path cannot be judged claim by claim. `unknown`: not because of what it does, but because nobody can tell."""
        self.lines.append({"path": name, "instructions": 0, "proved": 0,
                           "refuted": [{"claim": text, "with": [], "unknown": unknown}]})
        if self.one_is_enough:
            raise Refuted


def follow(report, name, hart, start, stops, wanted):
    """Explore; ends other than `wanted`, and what must never happen, go to the report. Returns the good ends."""
    try:
        ends = explore(hart, start, stops)
    except (Violation, Unsupported) as problem:
        report.failed(name, str(problem), isinstance(problem, Unsupported))
        return []
    good = [state for state in ends if state.end == wanted]
    for state in ends:
        if state.end != wanted:
            report.failed(name, f"a path ends with {state.end}")
    if not good:
        report.failed(name, f"no path ends with {wanted}")
    return good


def stores_only(state, allowed):
    """No store outside of `allowed`: (base, first, end) ranges."""
    return {f"nothing is stored to {base or 'image'}[{offset:#x}]":
            any(base == where and first <= offset < end for where, first, end in allowed)
            for base, offset in sorted(state.stored, key=str)}


def csrs_kept(scene, before, state, changed):
    """All CSRs but `changed` (numbers) are as before."""
    return {f"CSR {state.csr_name.get(csr, hex(csr))} is left alone": value == before.read_csr(csr)
            for csr, value in state.csr.items() if csr not in changed}


# ---------------------------------------------------------------- trap entry and return

FRAMES = (("the host's frame", "h"), ("a vCPU's frame", "v"))


def frame_of(scene, base):
    return (base, scene.at["host"] if base == "h" else 0)


def frame_address(scene, base):
    return z3.simplify(z3.BitVec(base, 64) + frame_of(scene, base)[1])


def with_frame(scene, hart, base):
    hart.memory["h", scene.at["frame"]] = frame_address(scene, base)
    hart.csr[MSCRATCH] = z3.BitVec("h", 64)


def enter_trap(scene, report, name, hart, base):
    with_frame(scene, hart, base)
    return follow(report, name, hart, scene.code.address("trap_entry"), {"call": scene.code.address("riscv_trap")}, "call")


def trap_entry(scene, report):
    for title, base in FRAMES:
        name = f"trap_entry, {title}"
        before = scene.hart()
        offset = frame_of(scene, base)[1]
        for state in enter_trap(scene, report, name, before, base):
            claims = {f"x{n} is in the frame": scene.context(state, base, offset, "x", n) == before.x[n] for n in range(1, 32)}
            claims["the frame's x0 is 0"] = scene.context(state, base, offset, "x") == 0
            claims["mepc is in the frame"] = scene.context(state, base, offset, "pc") == before.read_csr(MEPC)
            claims["mstatus is in the frame"] = scene.context(state, base, offset, "status") == before.read_csr(MSTATUS)
            claims["the spill word is 0"] = state.word("h", scene.at["spill"]) == 0
            claims["sp is the hart's stack"] = state.x[2] == z3.BitVec("stack", 64)
            claims["s0 is the frame"] = state.x[8] == frame_address(scene, base)
            claims["a0 is the hart"] = state.x[10] == z3.BitVec("h", 64)
            claims["mscratch is the hart"] = state.csr[MSCRATCH] == z3.BitVec("h", 64)
            claims["a trap would be fatal"] = state.csr[MTVEC] == scene.code.address("fatal_entry")
            claims.update(stores_only(state, [(base, offset, offset + scene.at["status"] + 8),
                                              ("h", scene.at["spill"], scene.at["spill"] + 8)]))
            claims.update(csrs_kept(scene, before, state, {MTVEC}))
            report.path(name, state, claims)


def c_side_returns(scene, hart, came):
    """The C side of a trap is through: it kept sp and s0, as every C function does, and the rest may be anything."""
    hart.set_x(2, z3.BitVec("stack", 64))
    hart.set_x(8, frame_address(scene, came))
    hart.csr[MSCRATCH] = z3.BitVec("h", 64)


def wiped(scene, state):
    """All that a guest's traps can have used of the stack is 0."""
    return {f"the stack is 0 at {offset:#x}": state.word("stack", offset) == 0
            for offset in range(-scene.at["wipe_size"], 0, 8)}


def trap_leave(scene, report):
    """The stack is wiped when a guest came and the host goes on, and is left alone by every other trap."""
    for title, came in FRAMES:
        for next_title, goes in FRAMES:
            name = f"trap_leave, from {title} to {next_title}"
            before = scene.hart()
            with_frame(scene, before, goes)
            c_side_returns(scene, before, came)
            for state in follow(report, name, before, scene.code.address("trap_leave"),
                                {"loads": scene.code.address("trap_return")}, "loads"):
                guest_left = (came, goes) == ("v", "h")
                claims = wiped(scene, state) if guest_left else {}
                claims.update(stores_only(state, [("stack", -scene.at["wipe_size"], 0)] if guest_left else []))
                claims.update(csrs_kept(scene, before, state, set()))
                report.path(name, state, claims)


def trap_return(scene, report):
    for title, base in FRAMES:
        name = f"trap_return, {title}"
        before = scene.hart()
        with_frame(scene, before, base)
        offset = frame_of(scene, base)[1]
        for state in follow(report, name, before, scene.code.address("trap_return"), {}, "mret"):
            claims = {f"x{n} is the frame's": state.x[n] == scene.context(before, base, offset, "x", n) for n in range(1, 32)}
            claims["pc is the frame's"] = state.csr[MEPC] == scene.context(before, base, offset, "pc")
            claims["mstatus is the frame's"] = state.csr[MSTATUS] == scene.context(before, base, offset, "status")
            claims["traps come to trap_entry"] = state.csr[MTVEC] == scene.code.address("trap_entry")
            claims.update(stores_only(state, []))
            claims.update(csrs_kept(scene, before, state, {MEPC, MSTATUS, MTVEC}))
            report.path(name, state, claims)


# ---------------------------------------------------------------- order rules on the events of a path

def order_claims(scene, state, last_hgatp_needs=("hfence.gvma", "hfence.vvma")):
    """Fences cover what was changed before them, with operands that mean everything; vsatp is off while hgatp changes."""
    claims = {}
    owed = {}  # fence -> why
    vsatp = None
    for event in state.events:
        if event[0] == "csr":
            _, csr, value = event
            if csr == VSATP:
                vsatp = value
            elif csr == HGATP:
                claims["vsatp is off while hgatp changes"] = vsatp is not None and vsatp == 0
                owed.update({kind: "hgatp" for kind in last_hgatp_needs})
            elif csr == PMPADDR + WINDOW_ENTRY or csr == PMPCFG0:
                owed.update({"sfence.vma": "PMP", "hfence.gvma": "PMP"})
        elif event[0] == "fence" and event[1] in owed and event[2] == 0 and event[3] == 0:
            del owed[event[1]]
    for kind in ("sfence.vma", "hfence.gvma", "hfence.vvma"):
        claims[f"no {kind} is owed at the end"] = kind not in owed
    return claims


def window_claims(scene, before, state, opened):
    """The window's PMP entry: NAPOT over the window, with all permissions or none; its neighbours are not touched."""
    base = before.word("m", scene.at["window_base"])
    pages = before.word("m", scene.at["window_pages"] & ~7)
    pages = z3.ZeroExt(32, z3.Extract(63, 32, pages) if scene.at["window_pages"] & 4 else z3.Extract(31, 0, pages))
    config, low = state.read_csr(PMPCFG0), 8 * WINDOW_ENTRY
    others = ~bits(0xff << low)
    return {
        "the window's PMP entry has its permissions": z3.Extract(low + 7, low, config) == (0x1f if opened else 0x18),
        "the other PMP entries keep theirs": config & others == before.read_csr(PMPCFG0) & others,
        "the PMP address is the window's": state.read_csr(PMPADDR + WINDOW_ENTRY) == z3.LShR(base, 2) | ((pages << 9) - 1),
    }


# ---------------------------------------------------------------- the switch as one piece: C and assembly

def variants(scene):
    for stateen in (False, True):
        for vlenb in scene.vlenbs():
            yield stateen, vlenb, f"{'with' if stateen else 'without'} Smstateen, {f'VLENB {vlenb}' if vlenb else 'no vector unit'}"


def swapped(scene, stateen):
    return [name for name in scene.swapped if stateen or name not in STATEEN]


def vector_word(scene, state, register, index):
    return state.word("v", scene.at["vector"] + scene.at["v"] + register * state.vlenb + 8 * index)


def switch_stores(scene, state, csr_base, csr_offset, save_f):
    """Where a switch may store: CSR slots of the world that goes, its f and v, the frame pointer, the caller's stack."""
    at = scene.at
    allowed = [("h", at["frame"], at["frame"] + 8), ("caller", -at["stack_size"], 0),
               (csr_base, csr_offset + at["csr"], csr_offset + at["ctx_size"])]
    if save_f:
        allowed += [("v", at["f"], at["fcsr"] + 8), ("v", at["vector"], at["vcpu_size"])]
    return stores_only(state, allowed)


def returns_to_caller(before, state):
    claims = {f"x{n} is the caller's again": state.x[n] == before.x[n] for n in CALLEE_SAVED}
    claims["mstatus is as it was"] = state.read_csr(MSTATUS) == before.read_csr(MSTATUS)
    return claims


def exit_claims(scene, before, state, stateen):
    host, at = scene.at["host"], scene.at
    claims = {}
    for name in swapped(scene, stateen):
        csr, slot = scene.csr_number[name], scene.slot(name)
        claims[f"{name} is the host's"] = state.read_csr(csr) == before.word("h", host + slot)
        if name != "hgatp":  # a TVM's root never changes: its slot keeps what creation wrote
            claims[f"the guest's {name} is kept"] = state.word("v", slot) == before.read_csr(csr)
    for n in range(32):
        claims[f"the guest's f{n} is kept"] = state.word("v", at["f"] + 8 * n) == before.f[n]
        claims[f"f{n} is 0"] = state.f[n] == 0
    claims["the guest's fcsr is kept"] = state.word("v", at["fcsr"]) == before.read_csr(FCSR)
    claims["fcsr is 0"] = state.read_csr(FCSR) == 0
    for n in range(32 if state.vlenb else 0):
        for index in range(state.vlenb // 8):
            claims[f"the guest's v{n}[{index}] is kept"] = vector_word(scene, state, n, index) == before.vector(n)[index]
            claims[f"v{n}[{index}] is 0"] = state.vector(n)[index] == 0
    for name, csr in VECTOR_CSRS.items() if state.vlenb else ():
        claims[f"the guest's {name} is kept"] = state.word("v", at["vector"] + at[name]) == before.read_csr(csr)
        claims[f"{name} is as after reset"] = state.read_csr(csr) == (1 << 63 if name == "vtype" else 0)
    claims["the host's frame is next"] = state.word("h", at["frame"]) == z3.BitVec("h", 64) + host
    claims["no reservation is left"] = not state.reserved
    claims.update(window_claims(scene, before, state, opened=False))
    claims.update(order_claims(scene, state))
    claims.update(switch_stores(scene, state, "v", 0, save_f=True))
    claims.update(returns_to_caller(before, state))
    return claims


def enter_claims(scene, before, state, stateen):
    host, at = scene.at["host"], scene.at
    claims = {}
    for name in swapped(scene, stateen):
        csr, slot = scene.csr_number[name], scene.slot(name)
        claims[f"{name} is the guest's"] = state.read_csr(csr) == before.word("v", slot)
        claims[f"the host's {name} is kept"] = state.word("h", host + slot) == before.read_csr(csr)
    for n in range(32):
        claims[f"f{n} is the guest's"] = state.f[n] == before.word("v", at["f"] + 8 * n)
    claims["fcsr is the guest's"] = state.read_csr(FCSR) == before.word("v", at["fcsr"])
    for n in range(32 if state.vlenb else 0):
        for index in range(state.vlenb // 8):
            claims[f"v{n}[{index}] is the guest's"] = state.vector(n)[index] == vector_word(scene, before, n, index)
    for name, csr in VECTOR_CSRS.items() if state.vlenb else ():
        kept = before.word("v", at["vector"] + at[name])
        if name == "vl":  # 0 where the saved type is one that the hart refuses
            kept = z3.If(before.word("v", at["vector"] + at["vtype"]) < 0, bits(0), kept)
        claims[f"{name} is the guest's"] = state.read_csr(csr) == kept
    claims["the guest's frame is next"] = state.word("h", at["frame"]) == z3.BitVec("v", 64)
    claims["no reservation is left"] = not state.reserved
    claims.update(window_claims(scene, before, state, opened=True))
    claims.update(order_claims(scene, state))
    claims.update(switch_stores(scene, state, "h", host, save_f=False))
    claims.update(returns_to_caller(before, state))
    return claims


def switch(scene, report, function, claims_of):
    for stateen, vlenb, title in variants(scene):
        name = f"{function}, {title}"
        before = scene.hart(vlenb, stateen)
        scene.call(before, z3.BitVec("h", 64), z3.BitVec("v", 64))
        for state in follow(report, name, before, scene.code.address(function), {}, "return"):
            report.path(name, state, claims_of(scene, before, state, stateen))


def world_exit(scene, report):
    switch(scene, report, "world_exit_guest", exit_claims)


def world_enter(scene, report):
    switch(scene, report, "world_enter_guest", enter_claims)


# ---------------------------------------------------------------- from trap to mret: who can see what

def secret_of(owner):
    """Names of values that belong to the world that is left, and what C code made of them in registers."""
    prefixes = {"guest": ("v[", "gone."), "host": ("h[", "gone.")}[owner]

    def is_secret(name, allowed=frozenset()):
        return (name.startswith(prefixes) or name.startswith("c.")) and name not in allowed
    return is_secret


def symbols_of(term, found):
    stack, seen = [term], set()
    while stack:
        term = stack.pop()
        if term.get_id() in seen:
            continue
        seen.add(term.get_id())
        if z3.is_const(term) and term.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            found.add(term)
        stack += term.children()
    return found


def independent(term, is_secret, allowed=frozenset()):
    """The formula that says: the value is the same whatever the secrets are."""
    secrets = [symbol for symbol in symbols_of(term, set()) if is_secret(symbol.decl().name(), allowed)]
    if not secrets:
        return z3.BoolVal(True)
    other = [(symbol, z3.BitVec(symbol.decl().name() + "'", symbol.size())) for symbol in secrets]
    return term == z3.substitute(term, *other)


def world_before(scene, hart):
    """Give the registers of the world that is left names of their own."""
    hart.x = [bits(0)] + [z3.BitVec(f"gone.x{n}", 64) for n in range(1, 32)]
    hart.f = [z3.BitVec(f"gone.f{n}", 64) for n in range(32)]
    for name, value in scene.csr_number.items():
        if scene.csr_kind[name] in ("SWAP", "STATUS", "FLOAT", "TRAP"):
            hart.csr[value] = z3.BitVec(f"gone.{name}", 64)
    for register in range(32 if hart.vlenb else 0):
        hart.v[register] = [z3.BitVec(f"gone.v{register}[{n}]", 64) for n in range(hart.vlenb // 8)]
    for name, value in VECTOR_CSRS.items() if hart.vlenb else ():
        hart.csr[value] = z3.BitVec(f"gone.{name}", 64)


def c_code(hart):
    """C code of the monitor ran: what it leaves in the general registers can be anything."""
    for n in range(1, 32):
        hart.set_x(n, hart.new(f"c.x{n}"))


def crossing(scene, report, name, base, function, stateen, vlenb, between):
    """trap_entry of one world, the switch, trap_leave and trap_return of the other. Yields (start, end)."""
    start = scene.hart(vlenb, stateen)
    world_before(scene, start)
    if not stateen:
        for csr in STATEEN:  # the hart has no such registers
            start.csr[scene.csr_number[csr]] = bits(0)
    for trapped in enter_trap(scene, report, name, start, base):
        c_code(trapped)
        scene.call(trapped, z3.BitVec("h", 64), z3.BitVec("v", 64))
        for left in follow(report, name, trapped, scene.code.address(function), {}, "return"):
            c_code(left)
            between(left)
            c_side_returns(scene, left, base)
            for end in follow(report, name, left, scene.code.address("trap_leave"), {}, "mret"):
                yield start, end


def exit_record(scene, hart):
    """What crossing/exit_record.c shows the host in registers, and the call that is over."""
    host, at = scene.at["host"], scene.at
    for register in (10, 11):
        hart.memory["h", host + at["x"] + 8 * register] = z3.BitVec(f"record.a{register - 10}", 64)
    for name in ("scause", "stval"):
        hart.csr[scene.csr_number[name]] = z3.BitVec(f"record.{name}", 64)


def exit_shows_nothing(scene, report):
    """After an exit, every bit that the host can read is its own, constant, or in the exit record."""
    for stateen, vlenb, title in variants(scene):
        name = f"guest trap to host, {title}"
        is_secret = secret_of("guest")
        for _, end in crossing(scene, report, name, "v", "world_exit_guest", stateen, vlenb,
                               lambda hart: exit_record(scene, hart)):
            claims = {f"{what} shows nothing of the guest": independent(term, is_secret)
                      for what, term in scene.world_outputs(end).items()}
            claims.update(wiped(scene, end))
            claims["which path was taken shows nothing of the guest"] = z3.And(
                True, *(independent(z3.If(part, bits(1), bits(0)), is_secret) for part in end.condition))
            report.path(name, end, claims)


def enter_takes_nothing(scene, report):
    """After an entry, every bit that the guest can read is its own or constant: nothing of the host's registers."""
    for stateen, vlenb, title in variants(scene):
        name = f"host call to guest, {title}"
        is_secret = secret_of("host")
        live = {name for name in scene.csr_number if scene.csr_kind[name] in ("HOST", "CONST")}
        # Fixed data of the hart, and not registers of the host.
        allowed = frozenset(f"h[{scene.at[member]:#x}]" for member in ("frame", "stack", "monitor", "hart_id"))
        for _, end in crossing(scene, report, name, "h", "world_enter_guest", stateen, vlenb, lambda hart: None):
            claims = {f"{what} takes nothing from the host": independent(term, is_secret, allowed)
                      for what, term in scene.world_outputs(end).items() if what not in live}
            report.path(name, end, claims)


def round_trip(scene, report):
    """A guest that leaves and comes back finds every register as it left it, whatever the host did meanwhile."""
    for stateen, vlenb, title in variants(scene):
        name = f"guest out and in again, {title}"
        for start, end in crossing(scene, report, name, "v", "world_exit_guest", stateen, vlenb,
                                   lambda hart: exit_record(scene, hart)):
            root = end.word("v", scene.slot("hgatp"))
            kept = end.memory
            again = scene.hart(vlenb, stateen)
            again.memory = dict(kept)
            again.x = [bits(0)] + [z3.BitVec(f"host.x{n}", 64) for n in range(1, 32)]
            for trapped in enter_trap(scene, report, name, again, "h"):
                c_code(trapped)
                scene.call(trapped, z3.BitVec("h", 64), z3.BitVec("v", 64))
                for left in follow(report, name, trapped, scene.code.address("world_enter_guest"), {}, "return"):
                    c_code(left)
                    c_side_returns(scene, left, "h")
                    for back in follow(report, name, left, scene.code.address("trap_leave"), {}, "mret"):
                        report.path(name, back, same_guest(scene, start, back, stateen, root))


def same_guest(scene, start, back, stateen, root):
    claims = {f"x{n} is as it was": back.x[n] == start.x[n] for n in range(1, 32)}
    claims["pc is as it was"] = back.csr[MEPC] == start.read_csr(MEPC)
    claims["mstatus is as it was"] = back.csr[MSTATUS] == start.read_csr(MSTATUS)
    claims.update({f"f{n} is as it was": back.f[n] == start.f[n] for n in range(32)})
    claims["fcsr is as it was"] = back.csr[FCSR] == start.read_csr(FCSR)
    for name in swapped(scene, stateen):
        was = root if name == "hgatp" else start.read_csr(scene.csr_number[name])
        claims[f"{name} is as it was"] = back.read_csr(scene.csr_number[name]) == was
    for n in range(32 if back.vlenb else 0):
        for index in range(back.vlenb // 8):
            claims[f"v{n}[{index}] is as it was"] = back.vector(n)[index] == start.vector(n)[index]
    for name, csr in VECTOR_CSRS.items() if back.vlenb else ():
        was = start.read_csr(csr)
        if name == "vl":
            was = z3.If(start.read_csr(VECTOR_CSRS["vtype"]) < 0, bits(0), was)
        claims[f"{name} is as it was"] = back.read_csr(csr) == was
    return claims


# ---------------------------------------------------------------- a hart that starts, and one that cannot go on

def start_host(scene, report):
    """A hart that the host starts has nothing in it but the start address, the opaque word and its number."""
    for stateen, vlenb, title in variants(scene):
        name = f"world_start_host, {title}"
        before = scene.hart(vlenb, stateen)
        world_before(scene, before)
        if not stateen:
            for csr in STATEEN:
                before.csr[scene.csr_number[csr]] = bits(0)
        status = before.csr[MSTATUS]  # the switch opens FS and VS in it and puts it back: trap_return decides
        scene.call(before, z3.BitVec("h", 64), z3.BitVec("start.pc", 64), z3.BitVec("start.opaque", 64))
        for state in follow(report, name, before, scene.code.address("world_start_host"), {}, "return"):
            claims = returns_to_caller(before, state)
            claims["mstatus is as it was"] = state.read_csr(MSTATUS) == status
            claims.update(order_claims(scene, state))
            claims["no reservation is left"] = not state.reserved
            c_code(state)
            state.csr[MSCRATCH] = z3.BitVec("h", 64)
            for end in follow(report, name, state, scene.code.address("trap_return"), {}, "mret"):
                is_secret = secret_of("guest")
                for what, term in scene.world_outputs(end).items():
                    claims[f"{what} shows nothing of before"] = independent(term, is_secret)
                claims["pc is where the host wanted it"] = end.csr[MEPC] == z3.BitVec("start.pc", 64)
                claims["a1 is the opaque word"] = end.x[11] == z3.BitVec("start.opaque", 64)
                report.path(name, end, claims)


def fatal(scene, report):
    """A trap inside of the monitor: the hart prints on a stack of its own, or stops; no world runs again on it."""
    before = scene.hart()
    name = "fatal_entry"
    stops = {"report": scene.code.address("riscv_fatal_trap")}
    try:
        ends = explore(before, scene.code.address("fatal_entry"), stops)
    except (Violation, Unsupported) as problem:
        report.failed(name, str(problem), isinstance(problem, Unsupported))
        return
    for state in ends:
        claims = stores_only(state, [])
        claims["it ends in the report or stopped"] = state.end in ("report", "wfi")
        claims["a trap on the way ends silently"] = state.csr[MTVEC] == scene.code.address("hart_stop")
        if state.end == "report":
            first, size = scene.code.symbols["riscv_fatal_stacks"]
            claims["sp is inside of the fatal stacks"] = z3.And(z3.UGT(state.x[2], first), z3.ULE(state.x[2], first + size))
        else:
            claims["no interrupt is enabled"] = state.read_csr(0x304) == 0
            claims["interrupts are off"] = state.read_csr(MSTATUS) & 8 == 0
        report.path(f"{name}, {state.end}", state, claims)


CLAIMS = (trap_entry, trap_leave, trap_return, world_exit, world_enter, exit_shows_nothing, enter_takes_nothing, round_trip, start_host,
          fatal)
__all__ = ["CLAIMS", "Report", "RETURN"]
