/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace: a sequence of operations by agents. It is the fuzz input, the seed and the reproducer.
 *
 * Binary form, version 1, little-endian: a 32-byte header, then fixed 80-byte records, then a tail of tagged blobs, which
 * may be empty. Any byte string decodes (trace_decode never fails; missing header means defaults, a partial last record
 * is dropped, numbers out of range are reduced, blobs of unknown tags are skipped), and decode followed by encode gives
 * the canonical form, which decodes to itself. trace_check is the strict reader for files: it says what is wrong and at
 * which offset. harness/doc/trace-format.md has the format byte by byte.
 *
 * A trace with a schedule is for harts that overlap inside the monitor: the schedule says in which order they go on.
 *
 * Text form: one operation per line, named calls and arguments, symbolic handles, comments. Lossless.
 *
 *   touchstone 1 harts=2
 *   h0 covh_convert_pages(base=win[0], num_pages=8) -> SUCCESS 8
 *   h0 covh_create_tvm(params_addr=ram[1]+0x10, params_len=16) -> SUCCESS 1
 *   h0 covh_run_tvm_vcpu(guest_id=tvm[0], vcpu_id=0) -> ENTER
 *   h0 guest_load(addr=0x80001000, width=8) -> EXIT scause=21 htval=0x20000400
 *   schedule seed=7                                # only when harts overlap
 *   decisions 80ff0031                             # and then only when some are given
 */
#ifndef TOUCHSTONE_HARNESS_TRACE_H
#define TOUCHSTONE_HARNESS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TRACE_MAGIC 0x31545354u /* "TST1" */
#define TRACE_VERSION 1u
#define TRACE_HEADER_SIZE 32u
#define TRACE_RECORD_SIZE 80u
#define TRACE_MAX_OPS 512u
#define TRACE_BLOB_HEADER_SIZE 8u /* in the tail: 0 u16 tag | 2 u16 0 | 4 u32 length of the data that follows */
#define TRACE_MAX_DECISIONS 4096u
#define TRACE_MAX_TAIL (TRACE_BLOB_HEADER_SIZE + 8u + TRACE_MAX_DECISIONS)
#define TRACE_MAX_BYTES (TRACE_HEADER_SIZE + TRACE_MAX_OPS * TRACE_RECORD_SIZE + TRACE_MAX_TAIL)

/* Tags of blobs. Numbers are stable. In a canonical tail they ascend, and each occurs at most once. */
enum trace_blob_tag {
    BLOB_SCHEDULE = 1 /* u64 seed of the scheduler, then up to TRACE_MAX_DECISIONS bytes of decisions */
};

/* Operations. Numbers are stable. Any other op number decodes to OP_HOST_ECALL with the same arguments. */
enum trace_op_code {
    OP_NOP = 0,
    OP_HOST_CALL = 1,  /* call = ABI id; a[0..5] arguments; sdid in a[6] (0 or what the trace says), a[7] unused */
    OP_HOST_ECALL = 2, /* a[0..5] = a0..a5, a[6] = a6, a[7] = a7 */
    OP_GUEST_CALL = 3, /* as 1, by the guest that runs on the hart */
    OP_GUEST_ECALL = 4,
    OP_HOST_LOAD = 5,  /* a[0] address, a[1] width */
    OP_HOST_STORE = 6, /* a[0] address, a[1] width, a[2] value */
    OP_HOST_FETCH = 7, /* a[0] address */
    OP_GUEST_LOAD = 8,
    OP_GUEST_STORE = 9,
    OP_GUEST_FETCH = 10,
    OP_HOST_CSR_READ = 11,  /* a[0] csr */
    OP_HOST_CSR_WRITE = 12, /* a[0] csr, a[1] value */
    OP_GUEST_CSR_READ = 13,
    OP_GUEST_CSR_WRITE = 14,
    OP_HOST_REG = 15, /* a[0] register: 1..31 = x, 32..63 = f, 64 = fcsr, 65 = pc, 66..97 = v; a[1] value */
    OP_GUEST_REG = 16,
    OP_GUEST_TRAP = 17, /* a[0] cause, a[1] tval, a[2] tval2, a[3] tinst: raise it as the hardware would */
    OP_HOST_TRAP = 18,
    OP_GUEST_WFI = 19,
    OP_GUEST_VIRTUAL = 20, /* a[0] instruction word: virtual-instruction trap */
    OP_IRQ = 21,           /* a[0] interrupt number 1, 5, 9; a[1] 1 pending, 0 clear; then the hart takes what it can */
    OP_HOST_FILL = 22,     /* a[0] address, a[1] length, a[2] pattern seed: fill host memory */
    OP_HOST_WRITE64 = 23,  /* a[0] address, a[1] value (may be a handle): plain store by a host core to its own RAM */
    OP_HOST_FENCE =
        24, /* a[0] 0 sfence.vma 1 hfence.vvma 2 hfence.gvma; a[1] address or 0; a[2] id or 0; a[3] bit 0 all addresses, bit 1 all ids */
    OP_CONSOLE_INPUT = 25, /* a[0] byte */
    OP_TIME = 26,          /* a[0] ticks */
    OP_GUEST_USER = 27,    /* a[0] 1: guest goes to VU, 0: back to VS */
    OP_HOST_USER = 28,     /* a[0] 1: host goes to U, 0: back to HS */
    OP_EXPECT = 29,        /* what the operation before must have done; see enum expect_kind */
    OP_GUEST_EXEC = 30, /* a[0] instruction (16 or 32 bits), a[1] address: the guest has the instruction at its pc and
                             executes it, a load or store at that address; a[2] 1: mtinst describes it, 0: mtinst is 0 */
    OP_HOST_FDT = 31,   /* a[0] address, a[1] cpus, a[2] memory base, a[3] memory size: write a small device tree */
    OP_HOST_RACE = 32,  /* a[0] address, a[1] value: another core of the host stores it there as soon as the monitor, on
                             this hart, has read that word; good for the next operation of this hart */
    OP_HOST_RACE_READ = 33, /* a[0] reads of host memory to let pass, a[1] word of the read after them, a[2] bits: that
                             word changes in these bits as soon as it was read; likewise */
    OP_FAULT = 34, /* a[0] place (enum machine_fault), a[1] uses to let pass: the hardware fails there; likewise */
    OP_DEVICE_READ = 35,  /* a[0] physical address, a[1] width: by a bus master, so IOPMP decides */
    OP_DEVICE_WRITE = 36, /* a[0] physical address, a[1] width, a[2] value */
    OP_FAIL = 37, /* a[0] kind (enum machine_fail), a[1] uses to let pass: a function of the monitor that is of this
                             kind fails; good for the next operation of this hart */
    OP_COUNT = 38
};

/* How devices are kept out of closed memory on the machine of a trace. */
enum trace_iopmp {
    IOPMP_PRESENT = 0, /* an IOPMP that takes what the monitor writes */
    IOPMP_ABSENT = 1,  /* none, and whoever built the machine accepts that */
    IOPMP_REFUSED = 2, /* none, and nobody has accepted that */
    IOPMP_STUCK = 3,   /* one of its entries does not take what is written */
    IOPMP_COUNT = 4
};

/* How an argument becomes a number. value = what the handle names, plus offset. */
enum trace_arg_kind {
    ARG_RAW = 0,  /* the 64-bit value itself */
    ARG_WIN = 1,  /* window frame index in bits 31:0, signed byte offset in bits 63:32 */
    ARG_RAM = 2,  /* host RAM frame, likewise */
    ARG_TVM = 3,  /* id that the n-th successful create_tvm of this trace returned (0 if there was none), likewise */
    ARG_MON = 4,  /* frame of the monitor image, likewise */
    ARG_MMIO = 5, /* CLINT frame, likewise */
    ARG_KIND_COUNT = 6
};

/*
 * Kinds of OP_EXPECT, in its `call` field. a[7] is a mask of fields to compare: bit n for a[n]. Bits 6 to 13 of an
 * EXPECT_EXIT stand for the mailbox words a0 to a7, which take the members that no lower bit uses, in ascending order.
 */
enum expect_kind {
    EXPECT_RESULT = 0, /* host or guest call answered: a[0] error (signed), a[1] value */
    EXPECT_ENTER = 1,  /* run entered the guest */
    EXPECT_EXIT =
        2, /* guest left to the host: a[0] error, a[1] value, a[2] scause, a[3] stval, a[4] htval, a[5] htinst */
    EXPECT_VALUE = 3, /* access succeeded: a[0] value */
    EXPECT_TRAP = 4,  /* host or guest took a trap itself: a[0] cause */
    EXPECT_NONE = 5,  /* nothing visible happened */
    EXPECT_KIND_COUNT = 6
};

struct trace_op {
    uint8_t op;    /* enum trace_op_code */
    uint8_t hart;  /* physical hart */
    uint8_t flags; /* reserved, 0 */
    uint8_t zero;
    uint16_t call; /* ABI id for the CALL operations, expect_kind for OP_EXPECT, else 0 */
    uint16_t zero2;
    uint8_t kind[8]; /* enum trace_arg_kind for each argument */
    uint64_t a[8];
};

struct trace {
    uint8_t harts;         /* 1..8 */
    uint8_t iopmp;         /* enum trace_iopmp */
    uint32_t host_pages;   /* 0: default */
    uint32_t window_pages; /* 0: default */
    uint64_t seed;
    uint32_t count;
    struct trace_op op[TRACE_MAX_OPS];

    bool overlap;           /* there is a schedule: harts overlap inside the monitor; without it, what follows is 0 */
    uint16_t decisions;     /* number of bytes in decision[]; those behind mean nothing */
    uint64_t schedule_seed; /* of what decides after them */
    uint8_t decision[TRACE_MAX_DECISIONS]; /* who goes on at each yield point; see harness/machine/schedule.h */
};

/* --- binary ----------------------------------------------------------------------------------------------- */

/* Total decoder: whatever the bytes are, *t is a valid trace afterwards. */
void trace_decode(struct trace *t, const uint8_t *bytes, size_t len);

/* As trace_decode, but bytes that are a correct trace in text form are taken as that: what fuzzers are fed with. */
void trace_decode_any(struct trace *t, const uint8_t *bytes, size_t len);

/* Bring every operation into canonical form for the machine of the trace, as decoding does. */
void trace_canonical(struct trace *t);

/* Without the operations of this code. */
void trace_drop_ops(struct trace *t, enum trace_op_code code);

/* Without the schedule, if there is one: one hart's work in the monitor ends before another hart moves. */
void trace_drop_schedule(struct trace *t);

/*
 * Canonical encoding. Returns the length, at most `max`. When not everything fits the tail goes first, if it does not fit
 * at all, then operations from the end.
 */
size_t trace_encode(const struct trace *t, uint8_t *bytes, size_t max);

struct trace_error {
    size_t offset; /* byte offset in a binary file; line number in a text file */
    char text[120];
};

/* Strict check of a binary file before decoding. False and *error filled when it is not canonical version 1. */
bool trace_check(const uint8_t *bytes, size_t len, struct trace_error *error);

/* --- text ------------------------------------------------------------------------------------------------- */

/* Print one operation (with the OP_EXPECT that follows it appended as "-> ..." when `expect` is not NULL), no newline. */
int trace_print_op(char *out, size_t max, const struct trace_op *op, const struct trace_op *expect);

/* Print a whole trace to a stream. */
void trace_print(FILE *out, const struct trace *t);

/* Parse text. False and *error (line and what was expected) on the first mistake. */
bool trace_parse(struct trace *t, const char *text, size_t len, struct trace_error *error);

/*
 * Load a trace from a file of either form (text begins with "touchstone" after comments and blank lines).
 * False and *error on failure, *error.text already naming the problem in one line.
 */
bool trace_load(struct trace *t, const char *path, struct trace_error *error);

/* Name of an SBI error value ("INVALID_PARAM"), or NULL. */
const char *trace_error_name(int64_t error);

/* --- the ABI table at run time ---------------------------------------------------------------------------- */

enum abi_arg_kind {
    ABI_KIND_NONE = 0,
    ABI_KIND_CONF_PAGE,
    ABI_KIND_CONF_PAGES,
    ABI_KIND_HOST_BUF,
    ABI_KIND_HOST_PAGE,
    ABI_KIND_GPA,
    ABI_KIND_GPA_PAGE,
    ABI_KIND_LEN,
    ABI_KIND_COUNT,
    ABI_KIND_PAGE_TYPE,
    ABI_KIND_TVM,
    ABI_KIND_VCPU,
    ABI_KIND_HARTID,
    ABI_KIND_HART_MASK,
    ABI_KIND_HART_BASE,
    ABI_KIND_PC,
    ABI_KIND_OPAQUE,
    ABI_KIND_EID,
    ABI_KIND_VALUE,
    ABI_KIND_ADDR_HI,
    ABI_KIND_IRQ
};

struct abi_arg {
    enum abi_arg_kind kind;
    const char *name;
};

struct abi_call {
    uint16_t id;
    bool guest; /* caller */
    bool served;
    uint32_t eid;
    uint32_t fid;
    const char *name;
    const char *ext;
    unsigned args;
    struct abi_arg arg[6];
};

/* All calls of monitor/abi/calls.def. */
const struct abi_call *abi_calls(size_t *count);
const struct abi_call *abi_call_by_id(uint16_t id); /* NULL if unknown */
const struct abi_call *abi_call_by_name(const char *name, size_t len);
const struct abi_call *abi_call_by_number(bool guest, uint64_t eid, uint32_t fid);

/* --- mutation --------------------------------------------------------------------------------------------- */

/*
 * Structure-aware mutation in place of a binary trace of `size` bytes in a buffer of `max`: decode, change, encode.
 * Deterministic in (bytes, seed). Returns the new size, at least TRACE_HEADER_SIZE.
 * `bytes_mutate`, if not NULL, is the engine's own byte mutator, used now and then on one argument.
 */
typedef size_t (*trace_bytes_mutator)(uint8_t *data, size_t size, size_t max);
size_t trace_mutate(uint8_t *bytes, size_t size, size_t max, uint32_t seed, trace_bytes_mutator bytes_mutate);

/* Cross-over of two traces at operation boundaries. Returns the size written to out. */
size_t trace_crossover(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out, size_t max,
                       uint32_t seed);

/* Write an AFL/libFuzzer dictionary made from the ABI table. */
void trace_write_dictionary(FILE *out);

#endif
