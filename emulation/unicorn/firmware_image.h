/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linked firmware as a file: segments to load, symbols, and the list of its system instructions ("sites"): CSR
 * accesses, fences, mret, wfi, pause, LR, SC and vector instructions. Sites are what the replay executes by itself instead of leaving them to
 * the emulator. Mutations (mutate.h) change the text of an image before it is loaded anywhere.
 */
#ifndef TOUCHSTONE_UNICORN_FIRMWARE_IMAGE_H
#define TOUCHSTONE_UNICORN_FIRMWARE_IMAGE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum site_kind {
    SITE_CSR, /* csrrw, csrrs, csrrc and their immediate forms */
    SITE_MRET,
    SITE_WFI,
    SITE_PAUSE,
    SITE_SFENCE_VMA,
    SITE_HFENCE_GVMA,
    SITE_HFENCE_VVMA,
    SITE_LR,
    SITE_SC,
    SITE_VECTOR, /* instructions of the vector unit */
    SITE_OTHER   /* ecall, ebreak, sret, hlv...: nothing that the switch may execute */
};

enum csr_op { OP_WRITE = 1, OP_SET = 2, OP_CLEAR = 3 };

struct site {
    uint64_t pc;
    uint32_t insn;
    enum site_kind kind;
    uint16_t csr; /* SITE_CSR: CSR number */
    uint8_t rd, rs1, rs2;
    enum csr_op op; /* SITE_CSR */
    bool immediate; /* SITE_CSR: rs1 is the value */
    bool writes;    /* SITE_CSR: the CSR is written */
    bool wide;      /* SITE_LR, SITE_SC: 64-bit */
};

struct firmware_image {
    uint8_t *file;
    size_t file_size;
    uint64_t entry;
    uint64_t text_base, text_size;
    uint8_t *text; /* inside `file` */
    struct site *sites;
    size_t site_count;
    uint16_t *site_at; /* by (pc - text_base) / 2: index + 1, 0 for none */
};

/*
 * Read and check an ELF file. On failure returns false with a one-line reason in why[why_size]. The caller frees with
 * firmware_image_free.
 */
bool firmware_image_read(struct firmware_image *fw, const char *path, char *why, size_t why_size);
void firmware_image_free(struct firmware_image *fw);

/* Find the sites again after the text was changed. */
void firmware_image_scan(struct firmware_image *fw);

/* Address and size of a symbol; false when the image has none of that name. */
bool firmware_symbol(const struct firmware_image *fw, const char *name, uint64_t *address, uint64_t *size);

/* Name of the function that contains `pc`, and the offset in it; NULL when there is none. */
const char *firmware_function_at(const struct firmware_image *fw, uint64_t pc, uint64_t *offset);

/* The site at `pc`, or NULL. */
const struct site *firmware_site(const struct firmware_image *fw, uint64_t pc);

/* Call `load` for each segment: where, its bytes, how many, and how many bytes of memory it takes. */
typedef bool firmware_segment_fn(void *data, uint64_t address, const uint8_t *bytes, uint64_t size, uint64_t mem_size);
bool firmware_for_each_segment(const struct firmware_image *fw, firmware_segment_fn *load, void *data);

#endif
