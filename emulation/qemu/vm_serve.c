/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serving exits as a hypervisor does: memory on demand, a device, shared memory, the console. Each exit is compared with
 * the step of the script that led to it, in all that the host sees of it.
 */
#include "emulation/qemu/vm.h"

enum {
    COVH_ADD_ZERO = 12,
    COVH_ADD_SHARED = 13,
    COVH_TVM_FENCE = 16,
    COVH_INVALIDATE = 17,
    COVH_REMOVE = 19,
    COVG_SHARE = 2,
    COVG_UNSHARE = 3,
    COVG_DENY = 5
};

#define CAUSE_ECALL 10u
#define CSR_HVIP 0x645u
#define HVIP_VSEIP (UINT64_C(1) << 10)
#define WIDTH_CODE(instruction) ((instruction) >> 12 & 7)

/* Access instructions as the host sees them: register a0, nothing else of the guest's. */
#define SEEN_LOAD 0x00000503u
#define SEEN_STORE 0x00a00023u

uint64_t shared_page[PAGE / 8] __attribute__((aligned(4096)));

static uint64_t shared_address(void)
{
    return (uint64_t)(uintptr_t)shared_page;
}

/* --- what the host writes and reads ----------------------------------------------------------------------- */

static void host_store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
    print("@ram h%d %x %x\n", (uint64_t)this_hart(), (uint64_t)(uintptr_t)word, value);
}

static void reply(const struct vcpu_run *run, unsigned n, uint64_t value)
{
    host_store(&shmem[run->hart][NACL_GPR_OFFSET(10 + n) / 8], value);
}

static void log_exit(const struct vcpu_run *run)
{
    const struct vm_exit *e = &run->exit;
    print("@exit h%d %x %x %x %x %x %x %x %x %x %x\n", (uint64_t)run->hart, (uint64_t)e->error, e->value, e->scause,
          e->stval, e->htval, e->htinst, e->a[0], e->a[1], e->a[6], e->a[7]);
}

static struct answer covh(uint64_t fid, const uint64_t args[6])
{
    return call(SBI_EID_COVH, fid, args);
}

/* --- memory ----------------------------------------------------------------------------------------------- */

static uint64_t present_bit(uint64_t gpa)
{
    return UINT64_C(1) << ((gpa - GUEST_DATA_BASE) / PAGE & 63);
}

static bool serve_fault(struct vcpu_run *run)
{
    struct vm *vm = run->vm;
    uint64_t gpa = run->exit.htval << 2;
    vm->present |= present_bit(gpa);
    if (vm->shared && gpa == GUEST_SHARED_BASE)
        expect("add_tvm_shared_pages", covh(COVH_ADD_SHARED, ARGS(vm->id, shared_address(), TSM_PAGE_4K, 1, gpa)),
               SBI_SUCCESS, 1);
    else
        expect("add_tvm_zero_pages", covh(COVH_ADD_ZERO, ARGS(vm->id, vm_next_frame(vm), TSM_PAGE_4K, 1, gpa)),
               SBI_SUCCESS, 1);
    return true;
}

/* The page leaves the TVM before its region changes: blocked, fenced, removed. */
static void take_out(struct vm *vm, uint64_t gpa)
{
    if ((vm->present & present_bit(gpa)) == 0)
        return;
    expect("tvm_remove_pages refuses a page that is not blocked", covh(COVH_REMOVE, ARGS(vm->id, gpa, PAGE)),
           SBI_ERR_INVALID_ADDRESS, 0);
    expect("tvm_invalidate_pages", covh(COVH_INVALIDATE, ARGS(vm->id, gpa, PAGE)), SBI_SUCCESS, 0);
    expect("tvm_fence", covh(COVH_TVM_FENCE, ARGS(vm->id)), SBI_SUCCESS, 0);
    expect("tvm_remove_pages", covh(COVH_REMOVE, ARGS(vm->id, gpa, PAGE)), SBI_SUCCESS, 0);
    vm->present &= ~present_bit(gpa);
}

static void serve_share(struct vcpu_run *run)
{
    struct vm *vm = run->vm;
    host_store(&shared_page[1], GUEST_FROM_HOST);
    host_store(&shared_page[2], 0);
    if (!vm->promoted)
        take_out(vm, GUEST_SHARED_BASE);
    reply(run, 0, SBI_SUCCESS);
    reply(run, 1, vm->promoted ? shared_address() : 0);
    if (vm->promoted) /* mapped by the answer */
        vm->present |= present_bit(GUEST_SHARED_BASE);
    vm->shared = true;
}

static void serve_unshare(struct vcpu_run *run)
{
    struct vm *vm = run->vm;
    if (!vm->promoted) {
        take_out(vm, GUEST_SHARED_BASE);
        reply(run, 0, SBI_SUCCESS);
    }
    vm->present &= ~present_bit(GUEST_SHARED_BASE);
    vm->shared = false;
    check(shared_page[2] == GUEST_TO_HOST, "shared page keeps what the guest left in it");
}

/* --- device ----------------------------------------------------------------------------------------------- */

/* htinst for an access instruction of a guest, 16 or 32 bits. */
static uint64_t seen_instruction(uint32_t instruction)
{
    if ((instruction & 3) != 3) /* c.lw, c.ld, c.sw, c.sd: bits 15:13 are 2, 3, 6, 7 */
        return ((instruction >> 15 & 1) != 0 ? SEEN_STORE : SEEN_LOAD) | (instruction >> 13 & 1 ? 3u : 2u) << 12;
    bool store = (instruction & 0x7f) == (SEEN_STORE & 0x7f);
    return (store ? SEEN_STORE : SEEN_LOAD) | WIDTH_CODE(instruction) << 12;
}

static bool serve_device(struct vcpu_run *run)
{
    const struct guest_step *s = run->at;
    bool store = s->kind == STEP_MMIO_STORE;
    check(run->exit.htinst == seen_instruction(step_instruction(s)), "device access shows its width and no register");
    check(run->exit.a[0] == (store ? s->error : 0), "device access shows the stored bytes and no others");
    if (!store)
        reply(run, 0, s->error);
    run->at++;
    return true;
}

/* hvip, the only one that is of interest here; the vCPU runs on this hart. */
static void host_csr(const struct vcpu_run *run, uint64_t number, uint64_t value)
{
    csr_write(CSR_HVIP, value);
    print("@csr h%d %x %x\n", (uint64_t)run->hart, number, value);
}

/* --- calls, waits ----------------------------------------------------------------------------------------- */

static bool serve_call(struct vcpu_run *run)
{
    const struct guest_step *s = run->at++;
    if (s->addr == SBI_EID_COVG && s->cause == COVG_SHARE)
        serve_share(run);
    if (s->addr == SBI_EID_COVG && s->cause == COVG_UNSHARE)
        serve_unshare(run);
    if (s->addr == SBI_EID_COVG && s->cause == COVG_DENY)
        host_csr(run, CSR_HVIP, 0);
    if (s->addr == SBI_EID_DBCN) {
        check(run->exit.a[0] == s->argument, "console call shows its argument");
        reply(run, 0, SBI_SUCCESS);
        reply(run, 1, s->value);
    }
    if (s->addr == SBI_EID_HSM && s->cause == 0)
        check(run->exit.a[0] == s->argument && run->exit.a[1] == 0 && run->exit.a[2] == 0,
              "hart_start shows the vCPU and neither entry nor opaque value");
    if (s->addr == SBI_EID_IPI)
        run->vm->ipis |= s->argument;
    return s->addr != SBI_EID_HSM || s->cause == 0;
}

static bool serve_wfi(struct vcpu_run *run)
{
    uint64_t asks = run->at++->argument;
    if (asks == GUEST_ASKS_SHARED) {
        check(shared_page[2] == GUEST_TO_HOST, "host reads what the guest wrote to the shared page");
        print("@load h%d %x -> %x\n", (uint64_t)this_hart(), shared_address() + 16, shared_page[2]);
    }
    if (asks == GUEST_ASKS_INTERRUPT)
        host_csr(run, CSR_HVIP, HVIP_VSEIP);
    return asks != 0;
}

/* Nothing of an exit but what its kind shows. */
static bool shows_no_more(const struct vcpu_run *run)
{
    const struct vm_exit *e = &run->exit;
    uint64_t registers = 0;
    for (unsigned i = 0; i < 8; i++)
        registers |= e->a[i];
    bool access = run->at->kind == STEP_MMIO_LOAD || run->at->kind == STEP_MMIO_STORE ||
                  (run->at->kind == STEP_REPORT && run->vm->promoted);
    bool wait = run->at->kind == STEP_WFI;
    return (e->scause == CAUSE_ECALL || access || registers == 0) && (access || wait || (e->stval | e->htinst) == 0);
}

bool vm_serve(struct vcpu_run *run)
{
    uint64_t result;
    run->lost = run->lost || run->exit.error != SBI_SUCCESS || !vm_walk(run) || !shows_no_more(run);
    if (run->lost) {
        print("# the script does not explain this exit of vCPU %d, next step is of kind %d\n", (uint64_t)run->vcpu,
              (uint64_t)run->at->kind);
        print("# error %x value %x scause %x stval %x htval %x a0 %x a6 %x a7 %x\n", (uint64_t)run->exit.error,
              run->exit.value, run->exit.scause, run->exit.stval, run->exit.htval, run->exit.a[0], run->exit.a[6],
              run->exit.a[7]);
        return false;
    }
    if (vm_is_report(&run->exit, &result) && run->vm->promoted)
        log_step_pc(run->hart);
    if (vm_is_report(&run->exit, &result))
        print(run->vm->promoted ? "@guest h%d exec 0x53583 %x -> exit\n" : "@guest h%d load %x 8 -> exit\n",
              (uint64_t)run->hart, run->exit.htval << 2); /* ld a1, 0(a0) */
    else
        log_step_leaves(run->hart, run->at, vm_vector());
    log_exit(run);
    run->inside = false;
    switch ((enum guest_step_kind)run->at->kind) {
    case STEP_REPORT: run->result = result; return false;
    case STEP_WFI: return serve_wfi(run);
    case STEP_CALL_OUT: return serve_call(run);
    case STEP_MMIO_LOAD:
    case STEP_MMIO_STORE: return serve_device(run);
    case STEP_SPIN:
        run->at++;
        print("@irq h%d 0x5 0x0\n", (uint64_t)run->hart);
        return true;
    case STEP_LEAVE: return false;
    default: return serve_fault(run);
    }
}
