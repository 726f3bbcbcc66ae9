/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload plays the hypervisor on the real firmware, and writes down what it does in lines that a program can
 * turn into a trace (record.py). Whatever may be of interest for a replay is one line that begins with '@':
 *
 *   @call h<hart> <a7> <a6> <a0> ... <a5> -> <error> <value>   an SBI call and its answer; "-> none" when it has none
 *   @enter h<hart> <a7> <a6> <a0> ... <a5>                     run_tvm_vcpu that entered the guest
 *   @guest h<hart> load <addr> 8 -> value <value>              what the guest did since then, one line per step
 *                  store <addr> 8 <value> -> value 0             "-> exit" on the step that left the TVM,
 *                  fetch <addr> -> ...                           "-> trap <cause>" for an exception of its own
 *                  call <a7> <a6> <a0> [<a1> <a2>] -> <error> <value>
 *                  exec <insn> <addr> -> ...                     a load or store of a device
 *                  reg <number> <value>                          for that: 0xb a1, 0x41 pc
 *                  csr <number> [<value>] -> value <value>       a CSR read, or written
 *                  virtual <insn> -> trap <cause>
 *                  wfi -> exit
 *                  interrupted <number> -> exit
 *                  note <text>                                 work that shows nothing outside
 *   @exit h<hart> <error> <value> <scause> <stval> <htval> <htinst> [<a0> .. <a7>]   what the host saw of the exit
 *   @ram h<hart> <addr> <value>       the host writes a word that the monitor is going to read
 *   @copy h<hart> <addr> <len>        the host prepared pages that the monitor is going to read
 *   @load h<hart> <addr> -> <value>   the host reads a word that the monitor wrote
 *   @probe h<hart> load|store|fetch <addr> <width> -> trap <cause>   an access to something closed
 *   @irq h<hart> <number> <level>     an interrupt of the host appears or goes away
 *   @csr h<hart> <number> <value>     the host writes a CSR
 *   @fdt h<hart> <addr> <cpus> <base> <size>   the host writes a device tree of a VM
 *   @trace <name>                     from here on it is another trace, which begins as after boot
 *
 * Numbers are hexadecimal. Lines that begin with [ok] or [FAIL] are the checks, those with "## " name the part of the
 * story that they belong to, and the last line counts them.
 */
#ifndef TOUCHSTONE_QEMU_PAYLOAD_H
#define TOUCHSTONE_QEMU_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/abi/sbi.h"

#define PAGE 4096u
#define WINDOW_BASE UINT64_C(0x84000000)
#define WINDOW_PAGES 1024u
#define MONITOR_BASE UINT64_C(0x80000000)
#define MONITOR_SIZE UINT64_C(0x00200000)
#define CLINT_BASE UINT64_C(0x02000000)
#define FRAME(n) (WINDOW_BASE + (uint64_t)(n)*PAGE)

/* --- console (log.c) -------------------------------------------------------------------------------------- */

/* printf of a few conversions: %s text, %x hexadecimal with 0x, %d decimal; arguments are uint64_t or const char *. */
void print(const char *format, ...);

/* --- checks (log.c) --------------------------------------------------------------------------------------- */

/* One line, counted. Returns ok. The second form names the hart and the moment too. */
bool check(bool ok, const char *name);
bool check_on_hart(bool ok, const char *when, const char *what);

/* Lines that begin with '@' are left out from now on, or are not. */
void log_record(bool on);

/* What follows is a trace of its own: it begins with everything as after boot. */
void log_trace(const char *name);

/* A part of the story begins; names of checks are unique within one. */
void section(const char *name);

/* How many checks failed so far, and the last line of the log. */
uint64_t checks_failed(void);
void check_summary(void);

/* --- calls (sbi.c) ---------------------------------------------------------------------------------------- */

struct answer {
    int64_t error;
    uint64_t value;
};

#define ARGS(...) ((const uint64_t[6]){__VA_ARGS__})
#define NO_ARGS ((const uint64_t[6]){0})

/* The hart that this code runs on. */
uint32_t this_hart(void);
void set_this_hart(uint32_t hart);

/* An SBI call, silent or logged. */
struct answer call_silent(uint64_t eid, uint64_t fid, const uint64_t args[6]);
struct answer call(uint64_t eid, uint64_t fid, const uint64_t args[6]);

/* A logged call that must answer so; one check. */
bool expect(const char *name, struct answer got, int64_t error, uint64_t value);

/* Log a call that never answers. */
void log_call_without_answer(uint64_t eid, uint64_t fid, const uint64_t args[6]);

/* --- the other harts (harts.c, hart.c) -------------------------------------------------------------------- */

#ifndef HARTS
#define HARTS 4u
#endif

/* Start harts 1 to harts - 1, and stop them; logged and checked. */
void harts_start(uint32_t harts);
void harts_stop(void);
void harts_are_running(uint32_t harts);

/* Wait until HSM reports a state, without filling the log with questions. */
bool hart_wait_state(uint32_t hart, uint64_t state);

/* Run `work(arg)` on a hart and wait until it is done; or go on, and wait later. */
void on_hart(uint32_t hart, void (*work)(uint64_t arg), uint64_t arg);
void hart_post(uint32_t hart, void (*work)(uint64_t arg), uint64_t arg);
bool hart_wait(uint32_t hart);

/* Run it on all harts but this one, one after the other. */
void on_other_harts(void (*work)(uint64_t arg), uint64_t arg);

/* Start it, and stop it; logged and checked. */
void second_hart_start(void);
void second_hart_stop(void);

/* Run `work(arg)` on it and wait until it is done. */
void on_second_hart(void (*work)(uint64_t arg), uint64_t arg);

/* --- memory (probe.c) ------------------------------------------------------------------------------------- */

/* Loads, stores and fetches on this hart to everything that is closed; one check each, named after `when`. */
void probe_everything(const char *when);
void probe_window(const char *when);

/* --- steps of guests (steps.c) ------------------------------------------------------------------------------ */

struct guest_step;

/* Lines of a step that is done, and of one that leaves the TVM. `vector` is GUEST_VECTOR or 0. */
void log_step_done(uint64_t hart, const struct guest_step *s, uint64_t vector);
void log_step_leaves(uint64_t hart, const struct guest_step *s, uint64_t vector);

/* Where the guest is, for an instruction that is fetched; any place in its code will do. */
void log_step_pc(uint64_t hart);

/* The line of a load or store that the monitor answers with a page of its own: the access is made again. */
void log_step_touches(uint64_t hart, const struct guest_step *s);

/* The instruction of a device access. */
uint32_t step_instruction(const struct guest_step *s);

/* --- TVMs (tvm.c, run.c) ---------------------------------------------------------------------------------- */

/* Window frames of a TVM, by number. */
struct tvm_plan {
    uint32_t root, state, vcpu, tables, code;
    uint32_t data[8]; /* handed out on demand, in this order */
    uint64_t script;
};

/* Convert and fence frames [first, first + count): afterwards they can be given to TVMs. */
void convert_frames(uint32_t first, uint32_t count);

/* Build a TVM up to its finalization. Returns its id, 0 when that failed. */
uint64_t tvm_build(const struct tvm_plan *plan);

/* A guest on its way through its script. */
struct guest_run {
    uint64_t tvm;
    const struct tvm_plan *plan;
    uint32_t step;     /* of the script: the one the guest is at */
    uint32_t demanded; /* pages given on demand so far */
    uint32_t given;    /* which, as bits */
    bool spin_seen;    /* the host's timer struck while the guest was busy */
    bool wfi_seen;
    bool lost;           /* an exit that the script does not explain */
    bool registers_kept; /* the host found its own registers unchanged at every exit */
    bool fp_hidden;      /* and its floating-point registers zero */
    uint64_t result;     /* UINT64_MAX until the guest has reported */
};

/* Run the vCPU and serve its exits until it reports or until `exits` of them were served. */
void guest_run_until_report(struct guest_run *run, uint32_t exits);

/* Mailbox of each hart, and memory for parameters. */
extern uint64_t shmem[HARTS][NACL_SHMEM_SIZE / 8];
extern uint64_t parameters[PAGE / 8];

/* The guest's block (payload.ld). */
extern const uint8_t __guest_start[];

/* --- start.S ---------------------------------------------------------------------------------------------- */

struct outcome {
    uint64_t cause; /* UINT64_MAX, or scause */
    uint64_t value; /* loaded value, or stval */
};

struct outcome probe_load(uint64_t addr, uint64_t width);
struct outcome probe_store(uint64_t addr, uint64_t width);
struct outcome probe_fetch(uint64_t addr);
struct outcome probe_vector(void);
void host_ecall_all(const uint64_t in[32], uint64_t out[32]);
void host_fp_fill(uint64_t value);
uint64_t host_fp_or(void);
void host_vector_fill(void);
uint64_t host_vector_or(void);
void second_hart(void);

/* Called from start.S. */
void payload_main(void);
void payload_second(uint64_t hart);
_Noreturn void payload_unexpected_trap(uint64_t cause, uint64_t tval, uint64_t pc);

/* Print the result and power off. */
_Noreturn void finish(void);

#define csr_read(csr)                                                                                                  \
    __extension__({                                                                                                    \
        uint64_t csr_value_;                                                                                           \
        __asm__ volatile("csrr %0, %1" : "=r"(csr_value_) : "i"(csr) : "memory");                                      \
        csr_value_;                                                                                                    \
    })
#define csr_write(csr, value) __asm__ volatile("csrw %0, %1" : : "i"(csr), "r"((uint64_t)(value)) : "memory")

#define CSR_SSTATUS 0x100
#define CSR_SIE 0x104
#define CSR_SCAUSE 0x142
#define CSR_STVAL 0x143
#define CSR_SIP 0x144
#define CSR_STIMECMP 0x14d
#define CSR_TIME 0xc01

#endif
