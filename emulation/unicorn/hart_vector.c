/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector unit, as far as a world switch uses it: whole-register loads and stores, vsetvl and vsetvli, and the
 * broadcast of an immediate. Unicorn has none of it. Anything else of the unit ends the run: a switch has no use for it.
 *
 * Written from the vector specification. Where that leaves a choice, the one that hides no mistake is taken: elements
 * beyond vl keep what they had, and whole registers move from vstart on.
 */
#include "emulation/unicorn/hart_internal.h"

#include <string.h>

#define WHOLE_8_MASK 0xfff0707fu
#define WHOLE_8_LOAD 0xe2800007u  /* vl8re8.v */
#define WHOLE_8_STORE 0xe2800027u /* vs8r.v */
#define VSETVL_MASK 0xfe00707fu
#define VSETVL 0x80007057u
#define VSETVLI_MASK 0x8000707fu
#define VSETVLI 0x00007057u
#define VMV_V_I_MASK 0xfff0707fu
#define VMV_V_I 0x5e003057u
#define GROUP_BYTES (8 * VECTOR_BYTES)

uint64_t vector_length_max(uint64_t vtype)
{
    unsigned sew = 8u << (vtype >> 3 & 7), lmul = vtype & 7;
    if (vtype >> 8 != 0 || sew > 64 || lmul == 4)
        return 0;
    if (lmul < 4)
        return (uint64_t)(8 * VECTOR_BYTES / sew) << lmul;
    unsigned parts = 1u << (8 - lmul); /* a register group of 1/8, 1/4 or 1/2 */
    return sew > 64 / parts ? 0 : 8 * VECTOR_BYTES / sew / parts;
}

static uint64_t set_type(struct emulated_hart *h, const struct site *s, uint64_t vtype)
{
    uint64_t *v = h->csr.value;
    uint64_t most = vector_length_max(vtype);
    uint64_t wanted = s->rs1 != 0 ? hart_read_x(h, s->rs1) : s->rd != 0 ? UINT64_MAX : v[SLOT_vl];
    v[SLOT_vtype] = most == 0 ? VTYPE_VILL : vtype;
    v[SLOT_vl] = wanted < most ? wanted : most;
    return v[SLOT_vl];
}

/* Eight registers from `first` on; bytes before vstart stay as they are. */
static void move_group(struct emulated_hart *h, const struct site *s, bool store)
{
    uint64_t start = h->csr.value[SLOT_vstart], address = hart_read_x(h, s->rs1);
    uint8_t *group = (uint8_t *)h->regs.v[s->rd];
    if (s->rd % 8 != 0 || start >= GROUP_BYTES) {
        hart_take_exception(h, s, 2);
        return;
    }
    if (!hart_in_ram(address, GROUP_BYTES) ||
        (store && address < h->text_end && address + GROUP_BYTES > h->text_first)) {
        hart_end_run(h, STOP_UNMAPPED, s->pc, "vector registers move outside of the monitor's memory");
        return;
    }
    if (!store) {
        memcpy(group + start, (const uint8_t *)hart_peek(h, address, GROUP_BYTES) + start, GROUP_BYTES - start);
        return;
    }
    memcpy((uint8_t *)hart_touch(h, address, GROUP_BYTES) + start, group + start, GROUP_BYTES - start);
    if (hart_owns(h, address) && hart_owns(h, address + GROUP_BYTES - 1))
        return;
    for (uint64_t at = start & ~UINT64_C(7); at < GROUP_BYTES; at += 8) {
        uint64_t word;
        memcpy(&word, group + at, sizeof(word));
        hart_record_store(h, address + at, sizeof(word), word);
    }
}

static void broadcast(struct emulated_hart *h, const struct site *s)
{
    const uint64_t *v = h->csr.value;
    uint64_t bytes = UINT64_C(1) << (v[SLOT_vtype] >> 3 & 7);
    uint64_t value = s->rs1 < 16 ? s->rs1 : s->rs1 | ~UINT64_C(31);
    uint8_t *group = (uint8_t *)h->regs.v[s->rd];
    unsigned lmul = v[SLOT_vtype] & 7;
    if ((v[SLOT_vtype] & VTYPE_VILL) != 0 || (lmul < 4 && s->rd % (1u << lmul) != 0)) {
        hart_take_exception(h, s, 2);
        return;
    }
    uint64_t first = v[SLOT_vstart], end = v[SLOT_vl];
    if (bytes == 1 && first < end) {
        memset(group + first, (int)(value & 0xff), end - first);
        return;
    }
    for (uint64_t i = first; i < end; i++)
        memcpy(group + i * bytes, &value, bytes);
}

bool vector_sets_x(const struct site *s)
{
    return (s->insn & VSETVL_MASK) == VSETVL || (s->insn & VSETVLI_MASK) == VSETVLI;
}

uint64_t hart_execute_vector(struct emulated_hart *h, const struct site *s)
{
    uint64_t rd = 0;
    if ((h->csr.value[SLOT_mstatus] & STATUS_VS) == 0) {
        hart_take_exception(h, s, 2);
        return 0;
    }
    if ((s->insn & WHOLE_8_MASK) == WHOLE_8_LOAD || (s->insn & WHOLE_8_MASK) == WHOLE_8_STORE)
        move_group(h, s, (s->insn & WHOLE_8_MASK) == WHOLE_8_STORE);
    else if ((s->insn & VSETVL_MASK) == VSETVL)
        rd = set_type(h, s, hart_read_x(h, s->rs2));
    else if ((s->insn & VSETVLI_MASK) == VSETVLI)
        rd = set_type(h, s, s->insn >> 20 & 0x7ff);
    else if ((s->insn & VMV_V_I_MASK) == VMV_V_I)
        broadcast(h, s);
    else
        hart_execute_last(h, s);
    if (h->stop != STOP_NONE || h->redirected)
        return 0;
    h->csr.value[SLOT_vstart] = 0;
    h->csr.value[SLOT_mstatus] |= STATUS_VS;
    return rd;
}
