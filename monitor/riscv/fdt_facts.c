/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of facts; see fdt_facts.h. A node is judged when all its properties are known: at its first child, or at its
 * end. References between nodes (regmap) are resolved when the walk is over.
 */
#include "monitor/riscv/fdt_facts.h"

enum section { SECTION_OTHER, SECTION_CPUS, SECTION_CHOSEN, SECTION_MEMORY };

/* What the children of a node inherit. */
struct level {
    uint32_t address_cells, size_cells;
    bool mapped; /* their addresses are the processor's */
};

/* The node that is being read, as far as it matters. */
struct node {
    struct fdt_bytes name, reg, compatible;
    bool disabled, has_ranges, judged;
    uint32_t phandle, regmap, offset, reg_shift, reg_io_width;
    bool has_mask, has_value;
    uint32_t mask, value;
    uint64_t timebase, initrd_start, initrd_end;
};

struct syscon {
    uint32_t phandle;
    uint64_t base;
};

struct reset_wish {
    bool there;
    uint32_t regmap, offset, mask, value;
};

struct reader {
    struct fdt_facts *facts;
    struct fdt_bytes output; /* name of the node that /chosen wants output on */
    struct level level[FDT_MAX_DEPTH + 1];
    struct node node;
    uint32_t depth;
    enum section section;
    struct fdt_span ram[FDT_MAX_RAM];
    uint32_t rams;
    struct syscon syscon[FDT_MAX_SYSCON];
    uint32_t syscons;
    struct reset_wish poweroff, reboot;
    bool uart_chosen;
};

bool fdt_is_machine_only(struct fdt_bytes compatible)
{
    return fdt_lists(compatible, "sifive,clint0") || fdt_lists(compatible, "riscv,clint0") ||
           fdt_lists(compatible, "riscv,aclint-mswi") || fdt_lists(compatible, "riscv,aclint-mtimer");
}

bool fdt_is_reset(struct fdt_bytes compatible)
{
    return fdt_lists(compatible, "syscon-poweroff") || fdt_lists(compatible, "syscon-reboot");
}

/* --- where output goes ------------------------------------------------------------------------------------------ */

/* The value of a property of a child of the root, or nothing. */
static struct fdt_bytes root_child_property(const struct fdt *tree, const char *node, struct fdt_bytes property)
{
    struct fdt_cursor c = fdt_walk(tree);
    bool inside = false;
    for (struct fdt_item i = fdt_next(&c); i.kind < FDT_ITEM_TREE_END; i = fdt_next(&c)) {
        if (i.kind == FDT_ITEM_NODE && i.depth == 2)
            inside = fdt_is(i.name, node);
        bool same = i.kind == FDT_ITEM_PROPERTY && i.depth == 2 && inside && i.name.count == property.count;
        for (uint32_t n = 0; same && n < property.count; n++)
            same = i.name.at[n] == property.at[n];
        if (same)
            return i.value;
    }
    return (struct fdt_bytes){0};
}

/* Last component of the path in `value`, without options: "/soc/serial@10000000:115200" gives "serial@10000000". */
static struct fdt_bytes last_component(struct fdt_bytes value)
{
    struct fdt_bytes word = {.at = value.at};
    for (uint32_t i = 0; i < value.count && value.at[i] != '\0' && value.at[i] != ':'; i++) {
        word.count++;
        if (value.at[i] == '/')
            word = (struct fdt_bytes){.at = value.at + i + 1};
    }
    return word;
}

static struct fdt_bytes output_node(const struct fdt *tree)
{
    static const uint8_t stdout_path[] = "stdout-path";
    struct fdt_bytes key = {.at = stdout_path, .count = sizeof(stdout_path) - 1};
    struct fdt_bytes path = root_child_property(tree, "chosen", key);
    if (path.count != 0 && path.at[0] != '/')
        path = root_child_property(tree, "aliases", last_component(path));
    return last_component(path);
}

/* --- judging nodes ---------------------------------------------------------------------------------------------- */

/* Entry `index` of the node's reg. False when there is none, or none that this reader can take apart. */
static bool reg_span(const struct reader *r, uint32_t index, struct fdt_span *span)
{
    const struct level *parent = &r->level[r->depth - 1];
    uint32_t a = parent->address_cells, s = parent->size_cells;
    if (a < 1 || a > 2 || s < 1 || s > 2 || index >= r->node.reg.count / (4 * (a + s)))
        return false;
    const uint8_t *at = r->node.reg.at + (uint64_t)index * 4 * (a + s);
    *span = (struct fdt_span){.base = fdt_cells(at, a), .size = fdt_cells(at + 4 * (uint64_t)a, s)};
    return span->size != 0 && span->base <= UINT64_MAX - span->size;
}

static bool judge_memory(struct reader *r)
{
    struct fdt_span span;
    for (uint32_t i = 0; reg_span(r, i, &span); i++) { /* bounded by the count of entries, and by FDT_MAX_RAM */
        if (r->rams == FDT_MAX_RAM)
            return false;
        r->ram[r->rams++] = span;
    }
    return true;
}

static void judge_cpu(struct reader *r)
{
    uint32_t cells = r->level[r->depth - 1].address_cells;
    if (cells < 1 || cells > 2 || r->node.reg.count < 4 * cells)
        return;
    uint64_t id = fdt_cells(r->node.reg.at, cells);
    if (id < 64)
        r->facts->harts |= UINT64_C(1) << id;
    else
        r->facts->hart_beyond = true;
}

static void judge_uart(struct reader *r, struct fdt_span span)
{
    const struct node *n = &r->node;
    bool chosen = n->name.count == r->output.count && n->name.count != 0;
    for (uint32_t i = 0; chosen && i < n->name.count; i++)
        chosen = n->name.at[i] == r->output.at[i];
    if (r->facts->uart.base != 0 && (r->uart_chosen || !chosen))
        return;
    if (n->reg_shift > 4 || (n->reg_io_width != 1 && n->reg_io_width != 4))
        return;
    r->uart_chosen = chosen;
    r->facts->uart = (struct fdt_uart){.base = span.base, .shift = n->reg_shift, .width = n->reg_io_width};
}

/* Smallest span that holds both. */
static struct fdt_span hull(struct fdt_span a, struct fdt_span b)
{
    if (a.size == 0)
        return b;
    uint64_t base = a.base < b.base ? a.base : b.base;
    uint64_t end = a.base + a.size > b.base + b.size ? a.base + a.size : b.base + b.size;
    return (struct fdt_span){.base = base, .size = end - base};
}

static struct reset_wish wish_of(const struct node *n)
{
    /* Without a value the mask is what is written; without a mask the value is all of it. */
    return (struct reset_wish){.there = n->has_value || n->has_mask,
                               .regmap = n->regmap,
                               .offset = n->offset,
                               .mask = n->has_mask && n->has_value ? n->mask : UINT32_MAX,
                               .value = n->has_value ? n->value : n->mask};
}

static void judge_device(struct reader *r)
{
    struct fdt_bytes compatible = r->node.compatible;
    struct fdt_span span;
    if (fdt_lists(compatible, "syscon-poweroff"))
        r->poweroff = wish_of(&r->node);
    else if (fdt_lists(compatible, "syscon-reboot"))
        r->reboot = wish_of(&r->node);
    if (!r->level[r->depth - 1].mapped || !reg_span(r, 0, &span))
        return;
    if (fdt_lists(compatible, "ns16550a") || fdt_lists(compatible, "ns16550"))
        judge_uart(r, span);
    if (fdt_lists(compatible, "sifive,test0") || fdt_lists(compatible, "sifive,test1"))
        r->facts->finisher = span.base;
    if (fdt_lists(compatible, "syscon") && r->node.phandle != 0 && r->syscons < FDT_MAX_SYSCON)
        r->syscon[r->syscons++] = (struct syscon){.phandle = r->node.phandle, .base = span.base};
    if (!fdt_is_machine_only(compatible))
        return;
    if (!fdt_lists(compatible, "riscv,aclint-mtimer")) {
        r->facts->mswi = span.base;
        r->facts->mswis++;
    }
    for (uint32_t i = 0; reg_span(r, i, &span); i++) /* bounded by the count of entries */
        r->facts->machine_only = hull(r->facts->machine_only, span);
}

static void judge_chosen(struct reader *r)
{
    uint64_t start = r->node.initrd_start, end = r->node.initrd_end;
    if (end > start)
        r->facts->initrd = (struct fdt_span){.base = start, .size = end - start};
}

static bool judge(struct reader *r)
{
    struct node *n = &r->node;
    if (n->judged || r->depth == 0)
        return true;
    n->judged = true;
    if (r->depth > 1)
        r->level[r->depth].mapped = r->level[r->depth - 1].mapped && n->has_ranges;
    if (n->disabled || r->depth == 1)
        return true;
    switch (r->section) {
    case SECTION_MEMORY: return r->depth != 2 || judge_memory(r);
    case SECTION_CPUS:
        if (r->depth == 3 && fdt_begins(n->name, "cpu@"))
            judge_cpu(r);
        if (r->depth <= 3 && n->timebase != 0)
            r->facts->timebase = n->timebase;
        return true;
    case SECTION_CHOSEN: judge_chosen(r); return true;
    case SECTION_OTHER: judge_device(r); return true;
    }
    return true;
}

/* --- the walk --------------------------------------------------------------------------------------------------- */

static void begin(struct reader *r, const struct fdt_item *item)
{
    r->depth = item->depth;
    r->node = (struct node){.name = item->name, .reg_io_width = 1};
    r->level[r->depth] = (struct level){.address_cells = 2, .size_cells = 1, .mapped = r->depth == 1};
    if (r->depth != 2)
        return;
    r->section = SECTION_OTHER;
    if (fdt_is(item->name, "cpus"))
        r->section = SECTION_CPUS;
    else if (fdt_is(item->name, "chosen"))
        r->section = SECTION_CHOSEN;
    else if (fdt_is(item->name, "memory") || fdt_begins(item->name, "memory@"))
        r->section = SECTION_MEMORY;
}

/* A number of one or two cells; 0 when the value is something else. */
static uint64_t number(struct fdt_bytes value)
{
    return value.count == 4 || value.count == 8 ? fdt_cells(value.at, value.count / 4) : 0;
}

/* False when the root says something that the reader cannot go on with. */
static bool property(struct reader *r, const struct fdt_item *item)
{
    struct node *n = &r->node;
    struct fdt_bytes name = item->name, value = item->value;
    uint64_t v = number(value);
    bool cells = fdt_is(name, "#address-cells") || fdt_is(name, "#size-cells");
    if (cells && item->depth == 1 && (value.count != 4 || v < 1 || v > 2))
        return false;

    if (fdt_is(name, "#address-cells"))
        r->level[r->depth].address_cells = (uint32_t)v;
    else if (fdt_is(name, "#size-cells"))
        r->level[r->depth].size_cells = (uint32_t)v;
    else if (fdt_is(name, "ranges"))
        n->has_ranges = value.count == 0; /* a bus that renumbers is not followed */
    else if (fdt_is(name, "reg"))
        n->reg = value;
    else if (fdt_is(name, "compatible"))
        n->compatible = value;
    else if (fdt_is(name, "status"))
        n->disabled = !fdt_lists(value, "okay") && !fdt_lists(value, "ok");
    else if (fdt_is(name, "phandle"))
        n->phandle = (uint32_t)v;
    else if (fdt_is(name, "regmap"))
        n->regmap = (uint32_t)v;
    else if (fdt_is(name, "offset"))
        n->offset = (uint32_t)v;
    else if (fdt_is(name, "mask")) {
        n->has_mask = true;
        n->mask = (uint32_t)v;
    } else if (fdt_is(name, "value")) {
        n->has_value = true;
        n->value = (uint32_t)v;
    } else if (fdt_is(name, "reg-shift"))
        n->reg_shift = (uint32_t)v;
    else if (fdt_is(name, "reg-io-width"))
        n->reg_io_width = (uint32_t)v;
    else if (fdt_is(name, "timebase-frequency"))
        n->timebase = v;
    else if (fdt_is(name, "linux,initrd-start"))
        n->initrd_start = v;
    else if (fdt_is(name, "linux,initrd-end"))
        n->initrd_end = v;
    return true;
}

/* The RAM around `inside`, with every range that touches what was found so far. */
static void join_ram(struct reader *r, uint64_t inside)
{
    struct fdt_span found = {0};
    bool taken[FDT_MAX_RAM] = {false};
    for (uint32_t round = 0; round < r->rams; round++) {
        for (uint32_t i = 0; i < r->rams; i++) {
            struct fdt_span s = r->ram[i];
            bool around = found.size == 0 && s.base <= inside && inside - s.base < s.size;
            bool touches = found.size != 0 && s.base <= found.base + found.size && found.base <= s.base + s.size;
            if (taken[i] || (!around && !touches))
                continue;
            taken[i] = true;
            found = hull(found, s);
        }
    }
    r->facts->ram = found;
    for (uint32_t i = 0; i < r->rams; i++)
        r->facts->ram_elsewhere += taken[i] ? 0 : 1;
}

static struct fdt_register resolve(const struct reader *r, const struct reset_wish *wish)
{
    for (uint32_t i = 0; wish->there && i < r->syscons; i++) {
        if (r->syscon[i].phandle == wish->regmap && (wish->offset & 3) == 0)
            return (struct fdt_register){
                .address = r->syscon[i].base + wish->offset, .mask = wish->mask, .value = wish->value};
    }
    return (struct fdt_register){0};
}

bool fdt_read(const struct fdt *tree, uint64_t inside, struct fdt_facts *facts)
{
    *facts = (struct fdt_facts){0};
    struct reader r = {.facts = facts, .output = output_node(tree)};
    struct fdt_cursor c = fdt_walk(tree);
    struct fdt_item item;
    for (item = fdt_next(&c); item.kind < FDT_ITEM_TREE_END; item = fdt_next(&c)) {
        bool ok = true;
        switch (item.kind) {
        case FDT_ITEM_NODE:
            ok = judge(&r);
            begin(&r, &item);
            break;
        case FDT_ITEM_PROPERTY: ok = property(&r, &item); break;
        case FDT_ITEM_NODE_END:
            ok = judge(&r);
            r.depth = item.depth - 1;
            break;
        case FDT_ITEM_TREE_END:
        case FDT_ITEM_DAMAGED: break;
        }
        if (!ok)
            return false;
    }
    if (item.kind != FDT_ITEM_TREE_END)
        return false;
    join_ram(&r, inside);
    facts->poweroff = resolve(&r, &r.poweroff);
    facts->reboot = resolve(&r, &r.reboot);
    return true;
}
