/* SPDX-License-Identifier: Apache-2.0 */
/* Names of extensions in the device tree; see isa_state.h. */
#include "monitor/riscv/isa_state.h"

static const char *const listed[] = {
#define ISA(name, action, reason) #name,
#include "monitor/riscv/isa_state.def"
#undef ISA
};

#define LISTED (sizeof(listed) / sizeof(listed[0]))

/* "rv64" or "rv32" */
#define BASE_LENGTH 4u

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static struct fdt_bytes part(struct fdt_bytes bytes, uint32_t start, uint32_t end)
{
    return (struct fdt_bytes){.at = bytes.at + start, .count = end - start};
}

static bool same(struct fdt_bytes name, const char *text)
{
    for (uint32_t i = 0; i < name.count; i++) {
        if (text[i] == '\0' || lower(name.at[i]) != (uint8_t)text[i])
            return false;
    }
    return text[name.count] == '\0';
}

static bool is_listed(struct fdt_bytes name)
{
    for (uint32_t i = 0; i < LISTED; i++) {
        if (same(name, listed[i]))
            return true;
    }
    return false;
}

static char shown(uint8_t c)
{
    c = lower(c);
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '.' || c == '-' ? (char)c : '?';
}

/* Is it among the names that were noted? They are compared as they are shown. */
static bool is_noted(const struct isa_unlisted *u, struct fdt_bytes name)
{
    for (uint32_t start = 0; start < u->length; start++) {
        uint32_t i = 0;
        while (i < name.count && start + i < u->length && u->names[start + i] == shown(name.at[i]))
            i++;
        bool whole = i == name.count && (start + i == u->length || u->names[start + i] == ' ');
        if (whole && (start == 0 || u->names[start - 1] == ' '))
            return true;
    }
    return false;
}

static void note(struct isa_unlisted *u, struct fdt_bytes name)
{
    if (is_noted(u, name))
        return;
    u->count++;
    uint32_t space = u->length != 0 ? 1 : 0;
    if (name.count + space >= ISA_NAMES_BYTES - u->length)
        return;
    if (space != 0)
        u->names[u->length++] = ' ';
    for (uint32_t i = 0; i < name.count; i++)
        u->names[u->length++] = shown(name.at[i]);
    u->names[u->length] = '\0';
}

static void judge(struct isa_unlisted *u, struct fdt_bytes name)
{
    if (name.count != 0 && !is_listed(name))
        note(u, name);
}

/* A version at the end of a name, as in "zicsr2p0", is not part of it. "zvl128b" or "zve64x" have none. */
static struct fdt_bytes without_version(struct fdt_bytes name)
{
    uint32_t end = name.count;
    while (end > 0 && is_digit(name.at[end - 1]))
        end--;
    if (end == name.count || end == 0 || lower(name.at[end - 1]) != 'p')
        return name;
    uint32_t major = end - 1;
    while (major > 0 && is_digit(name.at[major - 1]))
        major--;
    return major == end - 1 ? name : part(name, 0, major);
}

/* Does a name of several letters begin here? "su" at the end is an old way to name two modes. */
static bool begins_long_name(struct fdt_bytes rest)
{
    uint8_t first = lower(rest.at[0]);
    if (first == 'z' || first == 'x')
        return true;
    return first == 's' && rest.count > 1 && !same(rest, "su");
}

/* The letters behind "rv64", each perhaps with a version: "i2p1m2p0". */
static void judge_letters(struct isa_unlisted *u, struct fdt_bytes letters)
{
    for (uint32_t i = 0; i < letters.count;) {
        struct fdt_bytes rest = part(letters, i, letters.count);
        if (begins_long_name(rest)) {
            judge(u, without_version(rest));
            return;
        }
        judge(u, part(rest, 0, 1));
        i++;
        while (i < letters.count && is_digit(letters.at[i]))
            i++;
        if (i + 1 < letters.count && lower(letters.at[i]) == 'p' && is_digit(letters.at[i - 1]) &&
            is_digit(letters.at[i + 1])) {
            i++;
            while (i < letters.count && is_digit(letters.at[i]))
                i++;
        }
    }
}

/* riscv,isa: one text, "rv64imafdch_zicsr_zba". */
static void judge_text(struct isa_unlisted *u, struct fdt_bytes text)
{
    uint32_t start = 0;
    while (text.count > 0 && text.at[text.count - 1] == '\0')
        text.count--;
    for (uint32_t i = 0; i <= text.count; i++) {
        if (i < text.count && text.at[i] != '_')
            continue;
        struct fdt_bytes token = part(text, start, i);
        if (start != 0)
            judge(u, without_version(token));
        else if (token.count > BASE_LENGTH)
            judge_letters(u, part(token, BASE_LENGTH, token.count));
        start = i + 1;
    }
}

/* riscv,isa-extensions: texts that each end with a zero. */
static void judge_list(struct isa_unlisted *u, struct fdt_bytes list)
{
    uint32_t start = 0;
    for (uint32_t i = 0; i < list.count; i++) {
        if (list.at[i] != '\0')
            continue;
        judge(u, part(list, start, i));
        start = i + 1;
    }
}

void isa_state_check(const struct fdt *tree, struct isa_unlisted *unlisted)
{
    *unlisted = (struct isa_unlisted){0};
    struct fdt_cursor cursor = fdt_walk(tree);
    bool in_cpus = false, in_cpu = false;
    for (;;) { /* at most FDT_MAX_BYTES / 4 items */
        struct fdt_item item = fdt_next(&cursor);
        if (item.kind == FDT_ITEM_TREE_END || item.kind == FDT_ITEM_DAMAGED)
            return;
        if (item.kind == FDT_ITEM_NODE && item.depth == 2)
            in_cpus = fdt_is(item.name, "cpus");
        if (item.kind == FDT_ITEM_NODE && item.depth == 3)
            in_cpu = in_cpus && fdt_begins(item.name, "cpu@");
        if (item.kind != FDT_ITEM_PROPERTY || item.depth != 3 || !in_cpu)
            continue;
        if (fdt_is(item.name, "riscv,isa"))
            judge_text(unlisted, item.value);
        if (fdt_is(item.name, "riscv,isa-extensions"))
            judge_list(unlisted, item.value);
    }
}
