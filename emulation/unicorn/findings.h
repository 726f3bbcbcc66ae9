/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch matrix: how often each way between worlds was replayed, what was compared there, and what was not as it
 * must be. Equal violations are counted once as a line, with the number of times they were seen.
 */
#ifndef TOUCHSTONE_UNICORN_FINDINGS_H
#define TOUCHSTONE_UNICORN_FINDINGS_H

#include <stdbool.h>
#include <stdint.h>

/* EDGE(id, name) */
#define EDGES(EDGE)                                                                                                    \
    EDGE(BOOT, "boot_to_host/first_entry")                                                                             \
    EDGE(HOST_RUN, "host_to_guest/run")                                                                                \
    EDGE(EXIT_SSI, "guest_to_host/software_interrupt")                                                                 \
    EDGE(EXIT_STI, "guest_to_host/timer_interrupt")                                                                    \
    EDGE(EXIT_SEI, "guest_to_host/external_interrupt")                                                                 \
    EDGE(EXIT_FETCH, "guest_to_host/fetch_fault")                                                                      \
    EDGE(EXIT_LOAD, "guest_to_host/load_fault")                                                                        \
    EDGE(EXIT_STORE, "guest_to_host/store_fault")                                                                      \
    EDGE(EXIT_WFI, "guest_to_host/wfi")                                                                                \
    EDGE(EXIT_NOTIFIED, "guest_to_host/notified_call")                                                                 \
    EDGE(EXIT_SHARED, "guest_to_host/shared_page_fault")                                                               \
    EDGE(EXIT_MMIO_LOAD, "guest_to_host/mmio_load")                                                                    \
    EDGE(EXIT_MMIO_STORE, "guest_to_host/mmio_store")                                                                  \
    EDGE(EXIT_VCPU_START, "guest_to_host/vcpu_start")                                                                  \
    EDGE(EXIT_VCPU_SUSPEND, "guest_to_host/vcpu_suspend")                                                              \
    EDGE(EXIT_VCPU_STOP, "guest_to_host/vcpu_stop")                                                                    \
    EDGE(EXIT_RESET, "guest_to_host/system_reset")                                                                     \
    EDGE(EXIT_FORWARDED, "guest_to_host/forwarded_call")                                                               \
    EDGE(EXIT_SHARE, "guest_to_host/share_call")                                                                       \
    EDGE(EXIT_UNSHARE, "guest_to_host/unshare_call")                                                                   \
    EDGE(EXIT_REGION, "guest_to_host/device_region_call")                                                              \
    EDGE(EXIT_CONSOLE, "guest_to_host/console_transfer")                                                               \
    EDGE(EXIT_IPI, "guest_to_host/ipi_to_a_sleeping_vcpu")                                                             \
    EDGE(EXIT_SUSPEND_FRESH, "guest_to_host/vcpu_suspend_without_state")                                               \
    EDGE(EXIT_KILLED, "guest_to_host/reset_by_another_vcpu")                                                           \
    EDGE(EXIT_FATAL, "guest_to_host/fatal_trap")                                                                       \
    EDGE(EXIT_FATAL_INTERRUPT, "guest_to_host/fatal_interrupt")                                                        \
    EDGE(GUEST_BASE, "guest_to_guest/base_call")                                                                       \
    EDGE(GUEST_UNKNOWN, "guest_to_guest/unknown_call")                                                                 \
    EDGE(GUEST_VIRTUAL, "guest_to_guest/virtual_instruction")                                                          \
    EDGE(GUEST_ACCESS, "guest_to_guest/access_fault")                                                                  \
    EDGE(GUEST_SPURIOUS, "guest_to_guest/spurious_fault")                                                              \
    EDGE(GUEST_WFI, "guest_to_guest/wfi_with_pending_interrupt")                                                       \
    EDGE(GUEST_IPI, "guest_to_guest/ipi_to_itself")                                                                    \
    EDGE(GUEST_REFUSED, "guest_to_guest/refused_region_call")                                                          \
    EDGE(GUEST_MSI, "guest_to_guest/machine_interrupt")                                                                \
    EDGE(HOST_SETUP, "host_to_host/tvm_creation")                                                                      \
    EDGE(HOST_BASE, "host_to_host/base_call")                                                                          \
    EDGE(HOST_UNKNOWN, "host_to_host/unknown_call")                                                                    \
    EDGE(RUN_NO_TVM, "host_to_host/run_of_no_tvm")                                                                     \
    EDGE(RUN_NO_VCPU, "host_to_host/run_of_no_vcpu")                                                                   \
    EDGE(RUN_EARLY, "host_to_host/run_before_finalize")                                                                \
    EDGE(RUN_STOPPED, "host_to_host/run_of_a_stopped_vcpu")                                                            \
    EDGE(RUN_RUNNING, "host_to_host/run_of_a_running_vcpu")                                                            \
    EDGE(RUN_DEAD, "host_to_host/run_of_a_dead_vcpu")                                                                  \
    EDGE(RUN_NO_MAILBOX, "host_to_host/run_without_a_mailbox")                                                         \
    EDGE(RUN_MISFIT, "host_to_host/run_with_an_answer_that_does_not_fit")                                              \
    EDGE(HOST_MSI, "host_to_host/machine_interrupt")                                                                   \
    EDGE(HOST_INTERRUPT, "host_to_host/undelegated_interrupt")                                                         \
    EDGE(HOST_UNEXPECTED, "host_to_host/undelegated_trap")                                                             \
    EDGE(HART_START, "host_to_host/hart_start")                                                                        \
    EDGE(HART_STARTED, "stopped_to_host/hart_started")                                                                 \
    EDGE(HART_SUSPEND, "host_to_host/suspend_and_resume")                                                              \
    EDGE(HART_RESUMED, "suspended_to_host/resume_without_state")                                                       \
    EDGE(HART_STOP, "host_to_stopped/hart_stop")                                                                       \
    EDGE(FATAL_TRAP, "monitor_to_nowhere/trap_in_the_monitor")

enum edge {
#define EDGE(id, name) EDGE_##id,
    EDGES(EDGE)
#undef EDGE
        EDGE_COUNT
};

/* ELEMENT(id, name, column): a group of state that is judged together. */
#define ELEMENTS(ELEMENT)                                                                                              \
    ELEMENT(X, "x registers", "x")                                                                                     \
    ELEMENT(PC, "pc and mode", "pc")                                                                                   \
    ELEMENT(F, "f registers and fcsr", "f")                                                                            \
    ELEMENT(V, "v registers and vector CSRs", "v")                                                                     \
    ELEMENT(STATUS, "mstatus", "mstatus")                                                                              \
    ELEMENT(S_CSR, "supervisor CSRs", "s*")                                                                            \
    ELEMENT(VS_CSR, "virtual supervisor CSRs", "vs*")                                                                  \
    ELEMENT(H_CSR, "hypervisor CSRs", "h*")                                                                            \
    ELEMENT(M_CSR, "machine CSRs", "m*")                                                                               \
    ELEMENT(RECORD, "exit record", "record")                                                                           \
    ELEMENT(STORES, "stores to host memory", "stores")                                                                 \
    ELEMENT(MEMORY, "guest memory", "guestmem")                                                                        \
    ELEMENT(RESIDUE, "secrets left behind", "residue")                                                                 \
    ELEMENT(PMP, "memory isolation", "pmp")                                                                            \
    ELEMENT(FENCES, "fences", "fences")                                                                                \
    ELEMENT(RESERVATION, "LR/SC reservation", "lrsc")                                                                  \
    ELEMENT(DELEGATION, "trap delegation", "deleg")                                                                    \
    ELEMENT(MONITOR, "the monitor itself", "monitor")                                                                  \
    ELEMENT(PAIR, "two runs compared", "pair")

enum element {
#define ELEMENT(id, name, column) ELEMENT_##id,
    ELEMENTS(ELEMENT)
#undef ELEMENT
        ELEMENT_COUNT
};

extern const char *const edge_names[EDGE_COUNT];
extern const char *const element_names[ELEMENT_COUNT];
extern const char *const element_columns[ELEMENT_COUNT];

#define MAX_VIOLATIONS 64u

struct violation {
    enum edge edge;
    enum element element;
    char what[48];    /* register, CSR or rule: what makes two violations equal */
    char detail[160]; /* the first time it was seen */
    uint64_t replay;  /* number of the replay that saw it first */
    uint64_t count;
};

struct findings {
    uint64_t replays[EDGE_COUNT];
    uint64_t pairs[EDGE_COUNT];
    uint64_t pair_runs; /* runs that the pairs were made of: several pairs have the same reference */
    uint64_t violations[EDGE_COUNT];
    uint64_t checked[EDGE_COUNT][ELEMENT_COUNT];
    uint64_t violated[EDGE_COUNT][ELEMENT_COUNT];
    struct violation list[MAX_VIOLATIONS];
    uint32_t listed;
    uint64_t stack_residue; /* most words of a guest on the stack of the hart after it left: each a violation */
    uint64_t replay_number; /* of the replay in progress */
    /* Bit sets of the causes up to 63 that were raised: by the host or a guest, exceptions and interrupts. */
    uint64_t causes[2][2];
};

/* Count one comparison of an element on an edge. */
static inline void findings_checked(struct findings *f, enum edge edge, enum element element)
{
    f->checked[edge][element]++;
}

/* Record a violation; format and arguments make the detail. */
void findings_add(struct findings *f, enum edge edge, enum element element, const char *what, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

uint64_t findings_total_violations(const struct findings *f);
uint64_t findings_total_replays(const struct findings *f);
uint64_t findings_total_pairs(const struct findings *f);

#endif
