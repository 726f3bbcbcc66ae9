/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware file and its system instructions; see firmware_image.h. */
#include "emulation/unicorn/firmware_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPCODE(insn) ((insn)&0x7f)
#define OPCODE_SYSTEM 0x73u
#define OPCODE_AMO 0x2fu
#define OPCODE_LOAD_FP 0x07u
#define OPCODE_STORE_FP 0x27u
#define OPCODE_VECTOR 0x57u
#define VECTOR_WIDTHS 0xe1u /* funct3 of vector loads and stores; the others are floating point */
#define FUNCT3(insn) ((insn) >> 12 & 7)
#define RD(insn) ((uint8_t)((insn) >> 7 & 31))
#define RS1(insn) ((uint8_t)((insn) >> 15 & 31))
#define RS2(insn) ((uint8_t)((insn) >> 20 & 31))
#define INSN_MRET 0x30200073u
#define INSN_WFI 0x10500073u
#define INSN_PAUSE 0x0100000fu
#define FENCE_MASK 0xfe007fffu
#define INSN_SFENCE_VMA 0x12000073u
#define INSN_HFENCE_VVMA 0x22000073u
#define INSN_HFENCE_GVMA 0x62000073u
#define MAX_FILE (64u << 20)

static bool fail(char *why, size_t why_size, const char *path, const char *text)
{
    snprintf(why, why_size, "%s: %s", path, text);
    return false;
}

static bool read_file(struct firmware_image *fw, const char *path, char *why, size_t why_size)
{
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return fail(why, why_size, path, "cannot be opened; build it with the firmware preset");
    fw->file = malloc(MAX_FILE);
    fw->file_size = fw->file != NULL ? fread(fw->file, 1, MAX_FILE, stream) : 0;
    bool complete = fw->file != NULL && ferror(stream) == 0 && fw->file_size < MAX_FILE;
    fclose(stream);
    return complete ? true : fail(why, why_size, path, "cannot be read, or is larger than 64 MiB");
}

static bool inside(const struct firmware_image *fw, uint64_t offset, uint64_t size)
{
    return offset <= fw->file_size && size <= fw->file_size - offset;
}

static const Elf64_Ehdr *header(const struct firmware_image *fw)
{
    return (const Elf64_Ehdr *)(const void *)fw->file;
}

static const Elf64_Shdr *section(const struct firmware_image *fw, unsigned index)
{
    const uint8_t *at = fw->file + header(fw)->e_shoff + index * sizeof(Elf64_Shdr);
    return (const Elf64_Shdr *)(const void *)at;
}

/* Everything that the rest of this file relies on. */
static const char *check_elf(struct firmware_image *fw)
{
    const Elf64_Ehdr *eh = header(fw);
    if (fw->file_size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0)
        return "is not an ELF file";
    if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_machine != EM_RISCV || eh->e_type != ET_EXEC)
        return "is not a 64-bit RISC-V executable";
    if (eh->e_phentsize != sizeof(Elf64_Phdr) || (eh->e_phoff & 7) != 0 ||
        !inside(fw, eh->e_phoff, (uint64_t)eh->e_phnum * sizeof(Elf64_Phdr)))
        return "has damaged program headers";
    if (eh->e_shnum == 0 || eh->e_shentsize != sizeof(Elf64_Shdr) || (eh->e_shoff & 7) != 0 ||
        !inside(fw, eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(Elf64_Shdr)))
        return "has damaged section headers";
    for (unsigned i = 0; i < eh->e_shnum; i++) {
        const Elf64_Shdr *sh = section(fw, i);
        if (sh->sh_type != SHT_NOBITS && !inside(fw, sh->sh_offset, sh->sh_size))
            return "has a section beyond its end";
        bool table = sh->sh_type == SHT_SYMTAB;
        if (table && (sh->sh_link >= eh->e_shnum || (sh->sh_offset & 7) != 0 || section(fw, sh->sh_link)->sh_size == 0))
            return "has a damaged symbol table";
        if ((sh->sh_flags & SHF_EXECINSTR) == 0)
            continue;
        if (fw->text != NULL || sh->sh_size == 0 || (sh->sh_addr & 1) != 0 || sh->sh_type != SHT_PROGBITS)
            return "has not exactly one section of code";
        fw->text_base = sh->sh_addr;
        fw->text_size = sh->sh_size & ~UINT64_C(1);
        fw->text = fw->file + sh->sh_offset;
    }
    return fw->text == NULL ? "has no code" : NULL;
}

bool firmware_image_read(struct firmware_image *fw, const char *path, char *why, size_t why_size)
{
    *fw = (struct firmware_image){0};
    if (!read_file(fw, path, why, why_size))
        return false;
    const char *problem = check_elf(fw);
    if (problem != NULL)
        return fail(why, why_size, path, problem);
    fw->entry = header(fw)->e_entry;
    fw->sites = malloc(fw->text_size / 4 * sizeof(*fw->sites));
    fw->site_at = malloc(fw->text_size / 2 * sizeof(*fw->site_at));
    if (fw->sites == NULL || fw->site_at == NULL)
        return fail(why, why_size, path, "out of memory");
    firmware_image_scan(fw);
    if (fw->site_count > UINT16_MAX - 1)
        return fail(why, why_size, path, "has more system instructions than a monitor can have");
    return true;
}

void firmware_image_free(struct firmware_image *fw)
{
    free(fw->file);
    free(fw->sites);
    free(fw->site_at);
    *fw = (struct firmware_image){0};
}

static enum site_kind system_kind(uint32_t insn)
{
    if (insn == INSN_MRET)
        return SITE_MRET;
    if (insn == INSN_WFI)
        return SITE_WFI;
    switch (insn & FENCE_MASK) {
    case INSN_SFENCE_VMA: return SITE_SFENCE_VMA;
    case INSN_HFENCE_VVMA: return SITE_HFENCE_VVMA;
    case INSN_HFENCE_GVMA: return SITE_HFENCE_GVMA;
    default: return SITE_OTHER;
    }
}

/* Fill *s for a 32-bit instruction; false when it is not a site. */
static bool decode(uint32_t insn, struct site *s)
{
    uint32_t funct3 = FUNCT3(insn);
    s->insn = insn;
    s->rd = RD(insn);
    s->rs1 = RS1(insn);
    s->rs2 = RS2(insn);
    if (OPCODE(insn) == OPCODE_AMO && insn >> 28 == 1 && (funct3 == 2 || funct3 == 3)) {
        s->kind = (insn >> 27 & 1) == 0 ? SITE_LR : SITE_SC;
        s->wide = funct3 == 3;
        return true;
    }
    if (insn == INSN_PAUSE) {
        s->kind = SITE_PAUSE;
        return true;
    }
    bool memory = OPCODE(insn) == OPCODE_LOAD_FP || OPCODE(insn) == OPCODE_STORE_FP;
    if (OPCODE(insn) == OPCODE_VECTOR || (memory && (VECTOR_WIDTHS >> funct3 & 1) != 0)) {
        s->kind = SITE_VECTOR;
        return true;
    }
    if (OPCODE(insn) != OPCODE_SYSTEM)
        return false;
    if (funct3 == 0 || funct3 == 4) {
        s->kind = funct3 == 0 ? system_kind(insn) : SITE_OTHER;
        return true;
    }
    s->kind = SITE_CSR;
    s->csr = (uint16_t)(insn >> 20);
    s->op = (enum csr_op)(funct3 & 3);
    s->immediate = (funct3 & 4) != 0;
    s->writes = s->op == OP_WRITE || s->rs1 != 0;
    return true;
}

void firmware_image_scan(struct firmware_image *fw)
{
    fw->site_count = 0;
    memset(fw->site_at, 0, fw->text_size / 2 * sizeof(*fw->site_at));
    for (uint64_t at = 0; at + 2 <= fw->text_size;) {
        uint16_t half;
        memcpy(&half, fw->text + at, sizeof(half));
        if ((half & 3) != 3 || at + 4 > fw->text_size) {
            at += 2;
            continue;
        }
        uint32_t insn;
        memcpy(&insn, fw->text + at, sizeof(insn));
        struct site s = {.pc = fw->text_base + at};
        if (decode(insn, &s)) {
            fw->sites[fw->site_count++] = s;
            fw->site_at[at / 2] = (uint16_t)fw->site_count;
        }
        at += 4;
    }
}

const struct site *firmware_site(const struct firmware_image *fw, uint64_t pc)
{
    uint64_t at = pc - fw->text_base;
    if (at >= fw->text_size || (at & 1) != 0 || fw->site_at[at / 2] == 0)
        return NULL;
    return &fw->sites[fw->site_at[at / 2] - 1];
}

/* Calls `visit` for each symbol until it returns true. */
typedef bool symbol_fn(void *data, const char *name, const Elf64_Sym *symbol);

static void for_each_symbol(const struct firmware_image *fw, symbol_fn *visit, void *data)
{
    for (unsigned i = 0; i < header(fw)->e_shnum; i++) {
        const Elf64_Shdr *sh = section(fw, i);
        if (sh->sh_type != SHT_SYMTAB)
            continue;
        const Elf64_Sym *symbols = (const Elf64_Sym *)(const void *)(fw->file + sh->sh_offset);
        const Elf64_Shdr *strings = section(fw, sh->sh_link);
        const char *text = (const char *)fw->file + strings->sh_offset;
        for (uint64_t n = 0; n < sh->sh_size / sizeof(*symbols); n++) {
            uint32_t name = symbols[n].st_name;
            bool ends = name < strings->sh_size && memchr(text + name, 0, strings->sh_size - name) != NULL;
            if (ends && visit(data, text + name, &symbols[n]))
                return;
        }
    }
}

struct symbol_query {
    const char *name;
    uint64_t pc;
    const Elf64_Sym *found;
};

static bool has_name(void *data, const char *name, const Elf64_Sym *symbol)
{
    struct symbol_query *query = data;
    if (symbol->st_shndx == SHN_UNDEF || strcmp(name, query->name) != 0)
        return false;
    query->found = symbol;
    return true;
}

bool firmware_symbol(const struct firmware_image *fw, const char *name, uint64_t *address, uint64_t *size)
{
    struct symbol_query query = {.name = name};
    for_each_symbol(fw, has_name, &query);
    if (query.found == NULL)
        return false;
    *address = query.found->st_value;
    *size = query.found->st_size;
    return true;
}

/* The last symbol at or below the address; later ones of the same address win only if nothing is closer. */
static bool is_closer(void *data, const char *name, const Elf64_Sym *symbol)
{
    struct symbol_query *query = data;
    bool code = ELF64_ST_TYPE(symbol->st_info) == STT_FUNC;
    if (!code || symbol->st_value > query->pc)
        return false;
    if (query->found != NULL && symbol->st_value <= query->found->st_value)
        return false;
    query->found = symbol;
    query->name = name;
    return false;
}

const char *firmware_function_at(const struct firmware_image *fw, uint64_t pc, uint64_t *offset)
{
    struct symbol_query query = {.pc = pc};
    if (pc - fw->text_base < fw->text_size)
        for_each_symbol(fw, is_closer, &query);
    if (query.found == NULL)
        return NULL;
    *offset = pc - query.found->st_value;
    return query.name;
}

bool firmware_for_each_segment(const struct firmware_image *fw, firmware_segment_fn *load, void *data)
{
    for (unsigned i = 0; i < header(fw)->e_phnum; i++) {
        const uint8_t *at = fw->file + header(fw)->e_phoff + i * sizeof(Elf64_Phdr);
        const Elf64_Phdr *ph = (const Elf64_Phdr *)(const void *)at;
        if (ph->p_type != PT_LOAD || ph->p_memsz == 0)
            continue;
        if (!inside(fw, ph->p_offset, ph->p_filesz) || ph->p_filesz > ph->p_memsz)
            return false;
        if (!load(data, ph->p_paddr, fw->file + ph->p_offset, ph->p_filesz, ph->p_memsz))
            return false;
    }
    return true;
}
