/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instruction of a guest that accesses memory. The guest has the instruction in its own memory at its pc, fetches it
 * there, and accesses the address that the trace gives (as if its base register held it). So the monitor, which may have
 * to look the instruction up, finds what a processor would have executed. All other instructions of guests are acted out
 * by operations of their own.
 *
 * Loads, stores, their compressed forms, floating point, load-reserved, store-conditional and atomics of the base ISA
 * are known; anything else is an illegal instruction. Atomics exchange, whatever they are: nobody looks at the sum.
 */
#include "harness/agents/agent.h"

enum access_form { FORM_NONE, FORM_LOAD, FORM_STORE, FORM_AMO };

/* What an instruction does, apart from where. */
struct access_insn {
    enum access_form form;
    bool fp;
    bool sign;
    unsigned width; /* bytes */
    unsigned len;   /* of the instruction */
    unsigned reg;   /* destination of a load or atomic, source of a store */
    unsigned source;
    uint32_t transformed; /* as mtinst has it; 0 when the architecture gives no transformation */
};

#define OPCODE_LOAD 0x03u
#define OPCODE_LOAD_FP 0x07u
#define OPCODE_STORE 0x23u
#define OPCODE_STORE_FP 0x27u
#define OPCODE_AMO 0x2fu

static uint32_t bits(uint32_t word, unsigned high, unsigned low)
{
    return word >> low & ((1u << (high - low + 1)) - 1);
}

/* Instructions of 32 bits; rs1 is replaced by 0, the offset within the access, in the transformed form. */
static struct access_insn decode_word(uint32_t insn)
{
    uint32_t opcode = insn & 0x7f;
    uint32_t size = bits(insn, 14, 12);
    struct access_insn d = {
        .len = 4, .width = 1u << (size & 3), .reg = bits(insn, 11, 7), .source = bits(insn, 24, 20)};

    if (opcode == OPCODE_LOAD && size != 7) {
        d.form = FORM_LOAD;
        d.sign = size < 4;
        d.transformed = insn & 0x00007fff;
    } else if (opcode == OPCODE_STORE && size < 4) {
        d.form = FORM_STORE;
        d.reg = d.source;
        d.transformed = insn & 0x01f0707f;
    } else if (opcode == OPCODE_LOAD_FP && (size == 2 || size == 3)) {
        d.form = FORM_LOAD;
        d.fp = true;
        d.transformed = insn & 0x00007fff;
    } else if (opcode == OPCODE_STORE_FP && (size == 2 || size == 3)) {
        d.form = FORM_STORE;
        d.fp = true;
        d.reg = d.source;
        d.transformed = insn & 0x01f0707f;
    } else if (opcode == OPCODE_AMO && (size == 2 || size == 3)) {
        bool reserve = bits(insn, 31, 27) == 2;
        d.form = reserve ? FORM_LOAD : FORM_AMO;
        d.sign = true;
        d.transformed = insn & ~(0x1fu << 15);
    }
    return d;
}

/* The same access as an instruction of 32 bits, without an offset. */
static uint32_t make_load(uint32_t opcode, unsigned size, unsigned rd)
{
    return opcode | rd << 7 | size << 12;
}

static uint32_t make_store(uint32_t opcode, unsigned size, unsigned rs2)
{
    return opcode | size << 12 | rs2 << 20;
}

/* Compressed loads and stores of RV64DC, widened; 0 for all others. */
static uint32_t widen(uint32_t insn)
{
    unsigned low = bits(insn, 4, 2) + 8;
    unsigned rd = bits(insn, 11, 7);
    unsigned rs2 = bits(insn, 6, 2);

    switch (insn & 0xe003) {
    case 0x2000: return make_load(OPCODE_LOAD_FP, 3, low);           /* c.fld */
    case 0x4000: return make_load(OPCODE_LOAD, 2, low);              /* c.lw */
    case 0x6000: return make_load(OPCODE_LOAD, 3, low);              /* c.ld */
    case 0xa000: return make_store(OPCODE_STORE_FP, 3, low);         /* c.fsd */
    case 0xc000: return make_store(OPCODE_STORE, 2, low);            /* c.sw */
    case 0xe000: return make_store(OPCODE_STORE, 3, low);            /* c.sd */
    case 0x2002: return make_load(OPCODE_LOAD_FP, 3, rd);            /* c.fldsp */
    case 0x4002: return rd != 0 ? make_load(OPCODE_LOAD, 2, rd) : 0; /* c.lwsp */
    case 0x6002: return rd != 0 ? make_load(OPCODE_LOAD, 3, rd) : 0; /* c.ldsp */
    case 0xa002: return make_store(OPCODE_STORE_FP, 3, rs2);         /* c.fsdsp */
    case 0xc002: return make_store(OPCODE_STORE, 2, rs2);            /* c.swsp */
    case 0xe002: return make_store(OPCODE_STORE, 3, rs2);            /* c.sdsp */
    default: return 0;
    }
}

static struct access_insn decode(uint32_t insn)
{
    if ((insn & 3) == 3)
        return decode_word(insn);
    struct access_insn d = decode_word(widen(insn & 0xffff));
    d.len = 2;
    d.transformed &= ~2u; /* so the reader knows that the original was short */
    return d;
}

/* Have the instruction at pc. Where the guest may not write, whatever is there stays. */
static void place(struct agent_step *s, uint64_t pc, uint32_t insn)
{
    machine_access(s->m, s->hart, pc, ACCESS_STORE, 2, insn & 0xffff);
    if ((insn & 3) == 3)
        machine_access(s->m, s->hart, pc + 2, ACCESS_STORE, 2, insn >> 16);
}

/* Fetch as a processor does that takes one parcel first. False when a trap was taken instead. */
static bool fetch(struct agent_step *s, uint64_t pc, uint32_t *insn)
{
    struct access_result r = machine_access(s->m, s->hart, pc, ACCESS_FETCH, 2, 0);

    if (r.ok && (r.value & 3) == 3)
        r = machine_access(s->m, s->hart, pc, ACCESS_FETCH, 4, 0);
    if (!r.ok) {
        agent_take_trap(s, &r.trap);
        return false;
    }
    *insn = (uint32_t)r.value;
    return true;
}

static uint64_t extend(uint64_t value, const struct access_insn *d)
{
    unsigned shift = 64 - 8 * d->width;

    if (d->fp)
        return d->width == 8 ? value : value | UINT64_MAX << 32; /* NaN box */
    return d->sign ? (uint64_t)((int64_t)(value << shift) >> shift) : value;
}

/* The access went through: what the instruction leaves behind. */
static void retire(struct agent_step *s, const struct access_insn *d, uint64_t loaded)
{
    struct machine_hart *hart = &s->m->hart[s->hart];

    if (d->form != FORM_STORE && d->fp)
        hart->f[d->reg] = extend(loaded, d);
    else if (d->form != FORM_STORE && d->reg != 0)
        hart->x[d->reg] = extend(loaded, d);
    hart->pc += d->len;
    agent_see_value(s, d->form == FORM_STORE ? 0 : loaded);
}

void guest_exec(struct agent_step *s)
{
    struct machine_hart *hart = &s->m->hart[s->hart];
    uint64_t pc = hart->pc;
    uint64_t loaded = 0;
    uint32_t insn = (uint32_t)s->a[0];

    place(s, pc, insn);
    if (!fetch(s, pc, &insn))
        return;
    struct access_insn d = decode(insn);
    if (d.form == FORM_NONE) {
        agent_take_trap(s, &(struct trap){.cause = 2, .tval = insn});
        return;
    }
    bool writes = d.form != FORM_LOAD;
    uint64_t value = d.fp ? hart->f[d.reg] : hart->x[d.form == FORM_AMO ? d.source : d.reg];
    struct access_result r = {.ok = true};
    if (d.form == FORM_AMO)
        loaded = machine_access(s->m, s->hart, s->a[1], ACCESS_LOAD, d.width, 0).value;
    r = machine_access(s->m, s->hart, s->a[1], writes ? ACCESS_STORE : ACCESS_LOAD, d.width, value);
    if (!r.ok) {
        bool guest_page = r.trap.cause == 21 || r.trap.cause == 23;
        if (guest_page && r.trap.tinst == 0 && (s->a[2] & 1) != 0)
            r.trap.tinst = d.transformed;
        agent_take_trap(s, &r.trap);
        return;
    }
    retire(s, &d, d.form == FORM_LOAD ? r.value : loaded);
}
