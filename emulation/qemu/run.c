/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a guest and serving its exits. At each exit the payload walks the guest's script forward to the step that
 * explains it, so the log says what the guest did although nothing of it can be seen. Around each run the host's own
 * registers are compared, all that the monitor is to leave alone: general registers, CSRs; floating-point registers
 * must come back as zeros.
 */
#include "emulation/qemu/guest_script.h"
#include "emulation/qemu/payload.h"

#define COVH_ADD_ZERO 12u
#define COVH_RUN 15u

#define CAUSE_INTERRUPT (UINT64_C(1) << 63)
#define IRQ_STI 5u
#define CAUSE_FETCH 20u
#define CAUSE_LOAD 21u
#define CAUSE_VIRTUAL 22u
#define CAUSE_STORE 23u
#define SIE_STIE (UINT64_C(1) << 5)
#define TIMER_TICKS 100000u /* 10 ms: well inside the time that the guest is busy */

uint64_t shmem[HARTS][NACL_SHMEM_SIZE / 8] __attribute__((aligned(4096)));

struct exit {
    int64_t error;
    uint64_t value, scause, stval, htval, htinst;
};

/* --- the host's own registers ----------------------------------------------------------------------------- */

/*
 * CSRs that a run must leave as they are, and what to try to put there before. scause and stval carry the exit. Values
 * are WARL: compared is what the register reads as.
 */
/* clang-format off */
#define HOST_CSRS(X)                                                                                                  \
    X(0x104, csr_read(0x104))            /* sie, stvec, satp: as they are */                                          \
    X(0x105, csr_read(0x105))                                                                                         \
    X(0x180, csr_read(0x180))                                                                                         \
    X(0x106, 0x2)                        /* scounteren, senvcfg, sepc */                                              \
    X(0x10a, 0x1)                                                                                                     \
    X(0x141, 0x80201234)                                                                                              \
    X(0x602, 0xb1ff)                     /* hedeleg, hideleg, htimedelta, hcounteren, hgeie, henvcfg */               \
    X(0x603, 0x444)                                                                                                   \
    X(0x605, 0x1111)                                                                                                  \
    X(0x606, 0x5)                                                                                                     \
    X(0x607, 0)                                                                                                       \
    X(0x60a, UINT64_C(1) << 63)                                                                                       \
    X(0x643, 0x12345)                    /* htval, htinst, hvip */                                                    \
    X(0x64a, 0x2000)                                                                                                  \
    X(0x645, 0x4)                                                                                                     \
    X(0x680, UINT64_C(9) << 60 | UINT64_C(5) << 44 | 0x80300) /* hgatp, vsatp */                                      \
    X(0x280, UINT64_C(8) << 60 | 0x80310)                                                                             \
    X(0x200, 0x122)                      /* vsstatus, vstvec, vsscratch, vsepc, vscause, vstval, vstimecmp */         \
    X(0x205, 0x80202000)                                                                                              \
    X(0x240, 0x2222)                                                                                                  \
    X(0x241, 0x3334)                                                                                                  \
    X(0x242, 0xd)                                                                                                     \
    X(0x243, 0x4444)                                                                                                  \
    X(0x24d, UINT64_C(0x7fffffffffffff))
/* clang-format on */

enum {
#define COUNT_CSR(csr, value) HOST_CSR_##csr,
    HOST_CSRS(COUNT_CSR)
#undef COUNT_CSR
        HOST_CSR_COUNT
};

static void host_csrs_set(void)
{
#define SET_CSR(csr, value) csr_write(csr, value);
    HOST_CSRS(SET_CSR)
#undef SET_CSR
}

/* hvip has three bits; QEMU 10 lets interrupts show through that are pending for others. */
static uint64_t defined_bits(unsigned csr)
{
    return csr == 0x645 ? 0x444 : UINT64_MAX;
}

static void host_csrs_read(uint64_t values[HOST_CSR_COUNT])
{
#define READ_CSR(csr, value) values[HOST_CSR_##csr] = csr_read(csr) & defined_bits(csr);
    HOST_CSRS(READ_CSR)
#undef READ_CSR
}

/* Make the call with recognisable values everywhere. False when a register came back changed. */
static bool run_and_compare(uint64_t tvm, struct answer *answer, bool *fp_hidden)
{
    uint64_t in[32], out[32], before[HOST_CSR_COUNT], after[HOST_CSR_COUNT];
    for (unsigned i = 0; i < 32; i++)
        in[i] = UINT64_C(0xabcd000000000000) + i;
    in[10] = tvm;
    in[11] = 0;
    in[16] = COVH_RUN;
    in[17] = SBI_EID_COVH;
    out[0] = in[0];
    host_csrs_set();
    host_csrs_read(before);
    host_fp_fill(UINT64_C(0x1122334455667788));
    host_ecall_all(in, out);
    *fp_hidden = host_fp_or() == 0;
    host_csrs_read(after);

    *answer = (struct answer){.error = (int64_t)out[10], .value = out[11]};
    bool same = true;
    for (unsigned i = 1; i < 32; i++) {
        if (i != 10 && i != 11 && in[i] != out[i]) {
            print("# x%d came back as %x\n", (uint64_t)i, out[i]);
            same = false;
        }
    }
    for (unsigned i = 0; i < HOST_CSR_COUNT; i++) {
        if (before[i] != after[i]) {
            print("# CSR number %d of HOST_CSRS was %x and came back as %x\n", (uint64_t)i, before[i], after[i]);
            same = false;
        }
    }
    return same;
}

/* --- the guest's side of the log -------------------------------------------------------------------------- */

static const struct guest_step *step_at(const struct guest_run *run)
{
    return &guest_script(run->plan->script)[run->step];
}

static uint64_t hart_number(void)
{
    return this_hart();
}

/* Does this access step touch the page of the exit, with the access that the cause names? */
static bool step_faulted(const struct guest_step *s, const struct exit *e)
{
    uint64_t page = e->htval << 2;
    bool kind = (s->kind == STEP_LOAD && e->scause == CAUSE_LOAD) ||
                (s->kind == STEP_STORE && e->scause == CAUSE_STORE) ||
                (s->kind == STEP_FETCH && e->scause == CAUSE_FETCH);
    return kind && (s->addr & ~UINT64_C(0xfff)) == page;
}

static bool is_report(const struct exit *e)
{
    uint64_t page = e->htval << 2;
    return e->scause == CAUSE_LOAD && page >= GUEST_REPORT_BASE && page - GUEST_REPORT_BASE < GUEST_REPORT_SIZE;
}

/* Is the guest at the step that explains this exit? */
static bool explains(const struct guest_step *s, const struct exit *e)
{
    switch ((enum guest_step_kind)s->kind) {
    case STEP_SPIN: return e->scause == (CAUSE_INTERRUPT | IRQ_STI);
    case STEP_WFI: return e->scause == CAUSE_VIRTUAL;
    case STEP_REPORT: return is_report(e);
    default: return step_faulted(s, e);
    }
}

/* Walk the script up to the step that explains the exit, and log the steps on the way. False when there is none. */
static bool walk(struct guest_run *run, const struct exit *e)
{
    while (!explains(step_at(run), e)) {
        if (step_at(run)->kind == STEP_END || step_at(run)->kind == STEP_REPORT || step_at(run)->kind == STEP_WFI)
            return false;
        log_step_done(hart_number(), step_at(run), 0);
        run->step++;
    }
    return true;
}

/* --- serving exits ---------------------------------------------------------------------------------------- */

/* Number of the page among those given on demand, as a bit. */
static uint32_t page_bit(uint64_t addr)
{
    return 1u << ((addr - GUEST_DATA_BASE) / PAGE & 31);
}

static void give_page(struct guest_run *run, const struct exit *e)
{
    uint32_t frame = run->plan->data[run->demanded++ % 8];
    run->given |= page_bit(e->htval << 2);
    expect("add_tvm_zero_pages on demand",
           call(SBI_EID_COVH, COVH_ADD_ZERO, ARGS(run->tvm, FRAME(frame), TSM_PAGE_4K, 1, e->htval << 2)), SBI_SUCCESS,
           1);
}

static void log_exit(const struct exit *e)
{
    print("@exit h%d %x %x %x %x %x %x\n", hart_number(), (uint64_t)e->error, e->value, e->scause, e->stval, e->htval,
          e->htinst);
}

/* An access left the TVM: log it, then give the page, or take the report. */
static void serve_fault(struct guest_run *run, const struct exit *e)
{
    const struct guest_step *s = step_at(run);
    uint64_t page = e->htval << 2;
    if (s->kind == STEP_REPORT) {
        run->result = (page - GUEST_REPORT_BASE) / PAGE;
        print("@guest h%d load %x 8 -> exit\n", hart_number(), page);
    } else {
        log_step_leaves(hart_number(), s, 0);
    }
    log_exit(e);
    if (s->kind != STEP_REPORT)
        give_page(run, e);
}

static void stop_timer(void)
{
    csr_write(CSR_STIMECMP, UINT64_MAX);
    print("@irq h%d 0x5 0x0\n", hart_number());
}

static void serve(struct guest_run *run, const struct exit *e)
{
    run->lost = run->lost || e->error != SBI_SUCCESS || e->value != 0 || !walk(run, e);
    if (run->lost) {
        print("# the script does not explain this exit at step %d\n", (uint64_t)run->step);
        log_exit(e);
    } else if (step_at(run)->kind == STEP_SPIN) {
        log_step_leaves(hart_number(), step_at(run), 0);
        log_exit(e);
        run->spin_seen = true;
        stop_timer();
    } else if (step_at(run)->kind == STEP_WFI) {
        log_step_leaves(hart_number(), step_at(run), 0);
        log_exit(e);
        run->wfi_seen = true;
        run->step++;
    } else {
        serve_fault(run, e);
    }
}

/* Will the guest leave the TVM when it comes to this step? */
static bool leaves(const struct guest_run *run, const struct guest_step *s)
{
    bool access = s->kind == STEP_LOAD || s->kind == STEP_STORE || s->kind == STEP_FETCH;
    return s->kind == STEP_WFI || s->kind == STEP_REPORT || (access && (run->given & page_bit(s->addr)) == 0);
}

/* Will the guest be busy next, before anything else takes it out of the TVM? */
static bool spins_next(const struct guest_run *run)
{
    const struct guest_step *s = step_at(run);
    while (s->kind != STEP_SPIN && s->kind != STEP_END && !leaves(run, s))
        s++;
    return s->kind == STEP_SPIN;
}

static struct exit run_once(struct guest_run *run)
{
    struct answer answer;
    bool fp_hidden;
    if (!run_and_compare(run->tvm, &answer, &fp_hidden))
        run->registers_kept = false;
    if (!fp_hidden)
        run->fp_hidden = false;
    const volatile uint64_t *csr = shmem[this_hart()];
    print(answer.error == SBI_SUCCESS ? "@enter h%d %x %x %x 0x0 0x0 0x0 0x0 0x0\n" : "# h%d: run %x %x %x refused\n",
          hart_number(), (uint64_t)SBI_EID_COVH, (uint64_t)COVH_RUN, run->tvm);
    return (struct exit){
        .error = answer.error,
        .value = answer.value,
        .scause = csr_read(CSR_SCAUSE),
        .stval = csr_read(CSR_STVAL),
        .htval = csr[NACL_CSR_OFFSET(0x643) / 8],
        .htinst = csr[NACL_CSR_OFFSET(0x64a) / 8],
    };
}

void guest_run_until_report(struct guest_run *run, uint32_t exits)
{
    for (uint32_t i = 0; i < exits && !run->lost && run->result == UINT64_MAX; i++) {
        if (!run->spin_seen && spins_next(run))
            csr_write(CSR_STIMECMP, csr_read(CSR_TIME) + TIMER_TICKS);
        struct exit e = run_once(run);
        serve(run, &e);
    }
}
