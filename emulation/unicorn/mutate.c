/* SPDX-License-Identifier: Apache-2.0 */
/* Breaking a firmware on purpose; see mutate.h. */
#include "emulation/unicorn/mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulation/unicorn/csr_model.h"
#include "emulation/unicorn/transfer.h"

#define INSN_NOP 0x00000013u
#define INSN_C_NOP 0x0001u
#define INSN_C_RET 0x8082u
#define INSN_C_SDSP_ZERO 0xe002u /* c.sdsp zero, any offset(sp) */
#define C_SDSP_ZERO_MASK 0xe07fu
#define INSN_RET 0x00008067u
#define INSN_CSRW 0x00001073u

/* --- instructions in the image ---------------------------------------------------------------------------------- */

static bool in_text(const struct firmware_image *fw, uint64_t pc, uint64_t size)
{
    return pc >= fw->text_base && pc - fw->text_base <= fw->text_size && size <= fw->text_size - (pc - fw->text_base) &&
           (pc & 1) == 0;
}

/* The instruction at `pc`, 16 or 32 bits; 0, which is no instruction, outside of the text. */
static uint32_t fetch(const struct firmware_image *fw, uint64_t pc)
{
    uint16_t half;
    uint32_t word;
    if (!in_text(fw, pc, sizeof(half)))
        return 0;
    memcpy(&half, fw->text + (pc - fw->text_base), sizeof(half));
    if ((half & 3) != 3)
        return half;
    if (!in_text(fw, pc, sizeof(word)))
        return 0;
    memcpy(&word, fw->text + (pc - fw->text_base), sizeof(word));
    return word;
}

static void replace(struct firmware_image *fw, uint64_t pc, uint32_t insn)
{
    uint8_t bytes[4];
    memcpy(bytes, &insn, sizeof(bytes));
    memcpy(fw->text + (pc - fw->text_base), bytes, length_of(insn));
}

static void make_nop(struct firmware_image *fw, uint64_t pc)
{
    replace(fw, pc, length_of(fetch(fw, pc)) == 4 ? INSN_NOP : INSN_C_NOP);
}

/* --- places ----------------------------------------------------------------------------------------------------- */

struct range {
    uint64_t first, end;
};

static bool fail(char *why, size_t why_size, const char *what, const char *problem)
{
    snprintf(why, why_size, "%s: %s", what, problem);
    return false;
}

static bool function_range(const struct firmware_image *fw, const char *name, struct range *range, char *why,
                           size_t why_size)
{
    uint64_t address, size;
    if (!firmware_symbol(fw, name, &address, &size) || !in_text(fw, address, size))
        return fail(why, why_size, name, "the firmware has no such function");
    *range = (struct range){address, address + size};
    return true;
}

/* Make every transfer of `reg` with this opcode in the range do nothing. */
static bool drop_transfers(struct firmware_image *fw, struct range range, uint32_t opcode, unsigned reg, char *why,
                           size_t why_size)
{
    unsigned dropped = 0;
    for (uint64_t pc = range.first; pc < range.end; pc += length_of(fetch(fw, pc))) {
        struct transfer t = decode_transfer(fetch(fw, pc));
        if (t.opcode != opcode || t.reg != reg)
            continue;
        make_nop(fw, pc);
        dropped++;
    }
    return dropped > 0 ? true : fail(why, why_size, "mutation", "nothing moves that register there");
}

/* --- mutations -------------------------------------------------------------------------------------------------- */

static bool parse_register(const char *text, unsigned *number, char *why, size_t why_size)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == 0 || *end != 0 || value > 31)
        return fail(why, why_size, text, "is no register number from 0 to 31");
    *number = (unsigned)value;
    return true;
}

static bool drop_register(struct firmware_image *fw, const char *function, uint32_t opcode, const char *argument,
                          char *why, size_t why_size)
{
    struct range range;
    unsigned number;
    return parse_register(argument, &number, why, why_size) && function_range(fw, function, &range, why, why_size) &&
           drop_transfers(fw, range, opcode, number, why, why_size);
}

/*
 * The frame is what the save and the load of x31 name as their base register; the slot of x<N> in it identifies the
 * move of x<N>, which goes through another register for some.
 */
static bool drop_general(struct firmware_image *fw, uint32_t opcode, const char *argument, char *why, size_t why_size)
{
    struct range range;
    unsigned number, frame = 0;
    if (!parse_register(argument, &number, why, why_size) || !function_range(fw, "trap_entry", &range, why, why_size))
        return false;
    for (uint64_t pc = range.first; pc < range.end; pc += length_of(fetch(fw, pc))) {
        struct transfer t = decode_transfer(fetch(fw, pc));
        if (t.opcode == opcode && t.reg == 31 && t.offset == 8 * 31)
            frame = t.base;
    }
    for (uint64_t pc = range.first; frame != 0 && pc < range.end; pc += length_of(fetch(fw, pc))) {
        struct transfer t = decode_transfer(fetch(fw, pc));
        if (t.opcode != opcode || t.base != frame || t.offset != 8 * number)
            continue;
        make_nop(fw, pc);
        return true;
    }
    return fail(why, why_size, argument, "no such register is moved between hart and frame");
}

static bool drop_csr(struct firmware_image *fw, const char *name, char *why, size_t why_size)
{
    struct range range;
    if (!function_range(fw, "hal_csr_swap", &range, why, why_size))
        return false;
    for (size_t i = 0; i < fw->site_count; i++) {
        const struct site *s = &fw->sites[i];
        int slot = s->kind == SITE_CSR ? csr_slot_of(s->csr) : -1;
        if (s->pc < range.first || s->pc >= range.end || slot < 0 || strcmp(csr_table[slot].name, name) != 0)
            continue;
        /* ld t0; csrrw t0, csr, t0; sd t0: all three go, as if the line were not in the list. */
        struct transfer before = decode_transfer(fetch(fw, s->pc - 4));
        struct transfer after = decode_transfer(fetch(fw, s->pc + 4));
        if (before.opcode != OPCODE_LOAD || before.reg != s->rs1 || after.opcode != OPCODE_STORE || after.reg != s->rd)
            return fail(why, why_size, name, "is not exchanged by a load, csrrw and store");
        make_nop(fw, s->pc - 4);
        make_nop(fw, s->pc + 4);
        make_nop(fw, s->pc);
        return true;
    }
    return fail(why, why_size, name, "is no CSR that hal_csr_swap exchanges");
}

static bool swap_fp_in(struct firmware_image *fw, const char *function, char *why, size_t why_size)
{
    struct range range;
    unsigned swapped = 0;
    if (!function_range(fw, function, &range, why, why_size))
        return false;
    for (uint64_t pc = range.first; pc < range.end; pc += length_of(fetch(fw, pc))) {
        uint32_t insn = fetch(fw, pc);
        struct transfer t = decode_transfer(insn);
        if (t.opcode != OPCODE_LOAD_FP && t.opcode != OPCODE_STORE_FP)
            continue;
        swapped++;
        /* c.fld and c.fsd differ in the highest bit alone. */
        if (length_of(insn) == 2) {
            replace(fw, pc, insn ^ 0x8000u);
            continue;
        }
        t.opcode = t.opcode == OPCODE_LOAD_FP ? OPCODE_STORE_FP : OPCODE_LOAD_FP;
        replace(fw, pc, encode_transfer(&t));
    }
    return swapped > 0 ? true : fail(why, why_size, function, "moves no floating-point register");
}

static bool drop_fence(struct firmware_image *fw, const char *name, char *why, size_t why_size)
{
    static const struct {
        const char *name;
        enum site_kind kind;
    } fences[] = {
        {"sfence.vma", SITE_SFENCE_VMA}, {"hfence.gvma", SITE_HFENCE_GVMA}, {"hfence.vvma", SITE_HFENCE_VVMA}};
    for (size_t n = 0; n < sizeof(fences) / sizeof(fences[0]); n++) {
        if (strcmp(name, fences[n].name) != 0)
            continue;
        unsigned dropped = 0;
        for (size_t i = 0; i < fw->site_count; i++) {
            if (fw->sites[i].kind != fences[n].kind)
                continue;
            make_nop(fw, fw->sites[i].pc);
            dropped++;
        }
        return dropped > 0 ? true : fail(why, why_size, name, "the firmware has no such fence");
    }
    return fail(why, why_size, name, "is none of sfence.vma, hfence.gvma, hfence.vvma");
}

static bool drop_sc(struct firmware_image *fw, char *why, size_t why_size)
{
    struct range range;
    if (!function_range(fw, "hal_csr_swap", &range, why, why_size))
        return false;
    for (size_t i = 0; i < fw->site_count; i++) {
        const struct site *s = &fw->sites[i];
        if (s->kind != SITE_SC || s->pc < range.first || s->pc >= range.end)
            continue;
        make_nop(fw, s->pc);
        return true;
    }
    return fail(why, why_size, "hal_csr_swap", "has no store-conditional");
}

static bool is_store_of_zero(uint32_t insn)
{
    struct transfer t = decode_transfer(insn);
    return (length_of(insn) == 2 && (insn & C_SDSP_ZERO_MASK) == INSN_C_SDSP_ZERO) ||
           (t.opcode == OPCODE_STORE && t.reg == 0);
}

static bool drop_wipe(struct firmware_image *fw, char *why, size_t why_size)
{
    struct range range;
    unsigned dropped = 0;
    if (!function_range(fw, "trap_leave", &range, why, why_size))
        return false;
    for (uint64_t pc = range.first; pc < range.end; pc += length_of(fetch(fw, pc))) {
        if (!is_store_of_zero(fetch(fw, pc)))
            continue;
        make_nop(fw, pc);
        dropped++;
    }
    return dropped > 0 ? true : fail(why, why_size, "trap_leave", "stores no zero");
}

/*
 * hal_fp_save ends with csrr rd, fcsr; sd rd; csrw mstatus, and that last one changes nothing: FS is Dirty whenever a guest traps.
 */
static bool leak_fcsr(struct firmware_image *fw, char *why, size_t why_size)
{
    const struct site *read = NULL, *last = NULL;
    struct range range;
    if (!function_range(fw, "hal_fp_save", &range, why, why_size))
        return false;
    for (size_t i = 0; i < fw->site_count; i++) {
        const struct site *s = &fw->sites[i];
        if (s->kind != SITE_CSR || s->pc < range.first || s->pc >= range.end)
            continue;
        if (csr_slot_of(s->csr) == SLOT_fcsr)
            read = s;
        last = s;
    }
    if (read == NULL || read->rd == 0 || read == last || csr_slot_of(last->csr) != SLOT_mstatus)
        return fail(why, why_size, "hal_fp_save", "does not end by reading fcsr and writing mstatus");
    replace(fw, last->pc, INSN_CSRW | csr_table[SLOT_pmpaddr15].number << 20 | (uint32_t)read->rd << 15);
    return true;
}

static bool return_at_once(struct firmware_image *fw, const char *name, char *why, size_t why_size)
{
    struct range range;
    if (!function_range(fw, name, &range, why, why_size))
        return false;
    replace(fw, range.first, length_of(fetch(fw, range.first)) == 4 ? INSN_RET : INSN_C_RET);
    return true;
}

static bool nop_at(struct firmware_image *fw, const char *where, char *why, size_t why_size)
{
    char name[128];
    const char *plus = strchr(where, '+');
    size_t length = plus != NULL ? (size_t)(plus - where) : strlen(where);
    uint64_t address = 0, size, offset = 0;
    char *end = NULL;
    snprintf(name, sizeof(name), "%.*s", (int)length, where);
    if (plus != NULL)
        offset = strtoull(plus + 1, &end, 0);
    if (end != NULL && (*end != 0 || end == plus + 1))
        return fail(why, why_size, where, "is no SYMBOL+OFFSET");
    if (!firmware_symbol(fw, name, &address, &size)) {
        address = strtoull(name, &end, 0);
        if (end == name || *end != 0)
            return fail(why, why_size, name, "is neither an address nor a symbol");
    }
    if (!in_text(fw, address + offset, 2) || !in_text(fw, address + offset, length_of(fetch(fw, address + offset))))
        return fail(why, why_size, where, "is not in the firmware's code");
    make_nop(fw, address + offset);
    return true;
}

static bool swap_offsets(struct firmware_image *fw, const char *where, char *why, size_t why_size)
{
    char *end, *second_end;
    uint64_t first = strtoull(where, &end, 0), second = strtoull(end, &second_end, 0);
    if (end == where || second_end == end || *second_end != 0)
        return fail(why, why_size, where, "is not two addresses");
    struct transfer a = decode_transfer(fetch(fw, first)), b = decode_transfer(fetch(fw, second));
    bool long_forms = length_of(fetch(fw, first)) == 4 && length_of(fetch(fw, second)) == 4;
    if (a.opcode == 0 || a.opcode != b.opcode || !long_forms || a.offset == b.offset)
        return fail(why, why_size, where, "are not two loads or two stores of four bytes with different offsets");
    uint32_t offset = a.offset;
    a.offset = b.offset;
    b.offset = offset;
    replace(fw, first, encode_transfer(&a));
    replace(fw, second, encode_transfer(&b));
    return true;
}

int mutation_arguments(const char *kind)
{
    static const char *const with[] = {"drop-csr",   "drop-fld", "drop-fsd", "drop-ld", "drop-sd",
                                       "drop-fence", "return",   "nop",      "swap"};
    for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
        if (strcmp(kind, with[i]) == 0)
            return 1;
    }
    static const char *const alone[] = {"swap-fp", "drop-sc", "leak-fcsr", "drop-wipe"};
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
        if (strcmp(kind, alone[i]) == 0)
            return 0;
    }
    return -1;
}

static bool apply(struct firmware_image *fw, const char *kind, const char *argument, char *why, size_t why_size)
{
    if (strcmp(kind, "drop-csr") == 0)
        return drop_csr(fw, argument, why, why_size);
    if (strcmp(kind, "drop-fld") == 0)
        return drop_register(fw, "hal_fp_load", OPCODE_LOAD_FP, argument, why, why_size);
    if (strcmp(kind, "drop-fsd") == 0)
        return drop_register(fw, "hal_fp_save", OPCODE_STORE_FP, argument, why, why_size);
    if (strcmp(kind, "drop-ld") == 0)
        return drop_general(fw, OPCODE_LOAD, argument, why, why_size);
    if (strcmp(kind, "drop-sd") == 0)
        return drop_general(fw, OPCODE_STORE, argument, why, why_size);
    if (strcmp(kind, "drop-fence") == 0)
        return drop_fence(fw, argument, why, why_size);
    if (strcmp(kind, "return") == 0)
        return return_at_once(fw, argument, why, why_size);
    if (strcmp(kind, "nop") == 0)
        return nop_at(fw, argument, why, why_size);
    if (strcmp(kind, "swap") == 0)
        return swap_offsets(fw, argument, why, why_size);
    if (strcmp(kind, "drop-sc") == 0)
        return drop_sc(fw, why, why_size);
    if (strcmp(kind, "drop-wipe") == 0)
        return drop_wipe(fw, why, why_size);
    if (strcmp(kind, "leak-fcsr") == 0)
        return leak_fcsr(fw, why, why_size);
    return swap_fp_in(fw, "hal_fp_save", why, why_size) && swap_fp_in(fw, "hal_fp_load", why, why_size);
}

bool mutate(struct firmware_image *fw, const char *kind, const char *argument, char *why, size_t why_size)
{
    bool done = apply(fw, kind, argument, why, why_size);
    firmware_image_scan(fw);
    return done;
}
