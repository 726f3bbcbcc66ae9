/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first part of the story (suite.c has the others): a hypervisor asks what the firmware offers, brings up its second hart, builds a confidential VM, runs it,
 * serves its exits, attacks the memory of it, destroys it, and gives the same frames to a second one, which must find
 * nothing of the first.
 */
#include "emulation/qemu/guest_script.h"
#include "emulation/qemu/payload.h"
#include "emulation/qemu/vm.h"

#define FRAMES 40u /* of the window, used by both TVMs */

enum { COVH_INFO = 0, COVH_RECLAIM = 2, COVH_DESTROY = 8, COVH_RUN = 15 };

static const struct tvm_plan first_plan = {
    .root = 0,
    .state = 4,
    .vcpu = 6,
    .tables = 8,
    .code = 12,
    .data = {18, 19, 20, 21},
    .script = GUEST_SCRIPT_FIRST,
};

/* Its demand-zero pages were the first TVM's data, code, vCPU state and tables; its code lies where root and state were. */
static const struct tvm_plan second_plan = {
    .root = 24,
    .state = 28,
    .vcpu = 30,
    .tables = 32,
    .code = 0,
    .data = {18, 19, 20, 21, 12, 6, 13, 8},
    .script = GUEST_SCRIPT_SECOND,
};

_Noreturn void finish(void)
{
    uint64_t reason = checks_failed() != 0 ? SBI_SRST_REASON_FAILURE : SBI_SRST_REASON_NONE;
    log_call_without_answer(SBI_EID_SRST, 0, ARGS(SBI_SRST_SHUTDOWN, reason));
    check_summary();
    call_silent(SBI_EID_SRST, 0, ARGS(SBI_SRST_SHUTDOWN, reason));
    for (;;)
        ;
}

_Noreturn void payload_unexpected_trap(uint64_t cause, uint64_t tval, uint64_t pc)
{
    print("# hart %d: unexpected trap %x, stval %x, sepc %x\n", (uint64_t)this_hart(), cause, tval, pc);
    check(false, "no unexpected trap");
    finish();
}

static void standard_calls(void)
{
    static const char greeting[] = "payload: console of the firmware\n";
    uint64_t length = sizeof(greeting) - 1;
    section("standard SBI");
    expect("SBI version", call(SBI_EID_BASE, 0, NO_ARGS), SBI_SUCCESS, SBI_SPEC_VERSION);
    expect("implementation id", call(SBI_EID_BASE, 1, NO_ARGS), SBI_SUCCESS, SBI_IMPL_ID);
    expect("HSM is there", call(SBI_EID_BASE, 3, ARGS(SBI_EID_HSM)), SBI_SUCCESS, 1);
    expect("COVH is there", call(SBI_EID_BASE, 3, ARGS(SBI_EID_COVH)), SBI_SUCCESS, 1);
    expect("NACL is there", call(SBI_EID_BASE, 3, ARGS(SBI_EID_NACL)), SBI_SUCCESS, 1);
    expect("COVG is not for hosts", call(SBI_EID_BASE, 3, ARGS(SBI_EID_COVG)), SBI_SUCCESS, 0);
    expect("unknown extension", call(0x0a000000, 0, NO_ARGS), SBI_ERR_NOT_SUPPORTED, 0);
    expect("unknown function", call(SBI_EID_COVH, 0x3ff, NO_ARGS), SBI_ERR_NOT_SUPPORTED, 0);
    expect("console_write", call(SBI_EID_DBCN, 0, ARGS(length, (uint64_t)(uintptr_t)greeting, 0)), SBI_SUCCESS, length);
    expect("console_write refuses the window", call(SBI_EID_DBCN, 0, ARGS(8, FRAME(0), 0)), SBI_ERR_INVALID_PARAM, 0);
    expect("console_write refuses the monitor", call(SBI_EID_DBCN, 0, ARGS(8, MONITOR_BASE, 0)), SBI_ERR_INVALID_PARAM,
           0);
}

/* What the monitor says about itself, read back from host memory. */
static void tsm_info(void)
{
    uint64_t at = (uint64_t)(uintptr_t)parameters;
    const volatile struct tsm_info *info = (const volatile struct tsm_info *)parameters;
    expect("get_tsm_info", call(SBI_EID_COVH, COVH_INFO, ARGS(at, sizeof(struct tsm_info))), SBI_SUCCESS,
           sizeof(struct tsm_info));
    for (unsigned i = 0; i < sizeof(struct tsm_info) / 8; i++)
        print("@load h%d %x -> %x\n", (uint64_t)this_hart(), at + 8 * i, ((const volatile uint64_t *)parameters)[i]);
    check(info->tsm_state == TSM_READY, "monitor is ready");
    check(info->tvm_state_pages == 2 && info->tvm_vcpu_state_pages == 1, "monitor says what a TVM costs");
    expect("get_tsm_info refuses the window", call(SBI_EID_COVH, COVH_INFO, ARGS(FRAME(0), sizeof(struct tsm_info))),
           SBI_ERR_INVALID_ADDRESS, 0);
}

static void set_mailbox(uint64_t arg)
{
    (void)arg;
    expect("set_shmem", call(SBI_EID_NACL, 1, ARGS((uint64_t)(uintptr_t)shmem[this_hart()], 0, 0)), SBI_SUCCESS, 0);
}

/* --- moments at which both harts probe -------------------------------------------------------------------- */

static void probe_with_guest(uint64_t arg)
{
    (void)arg;
    probe_everything("with a guest");
}

static void probe_at_boot(uint64_t arg)
{
    (void)arg;
    probe_window("before any call");
}

static void probe_after_reclaim(uint64_t arg)
{
    (void)arg;
    probe_window("after reclaim");
}

/* --- the two guests --------------------------------------------------------------------------------------- */

static struct guest_run new_run(uint64_t tvm, const struct tvm_plan *plan)
{
    return (struct guest_run){
        .tvm = tvm, .plan = plan, .registers_kept = true, .fp_hidden = true, .result = UINT64_MAX};
}

static void judge_run(const struct guest_run *run, uint64_t result)
{
    check(!run->lost, "every exit is explained by what the guest does");
    check(run->registers_kept, "host registers are as they were at every exit");
    check(run->fp_hidden, "host sees no floating-point register of the guest");
    if (!check(run->result == result, "guest reports the right result"))
        print("# result %x\n", run->result);
}

static void destroy(uint64_t tvm)
{
    expect("reclaim_pages refuses frames of a TVM", call(SBI_EID_COVH, COVH_RECLAIM, ARGS(FRAME(0), FRAMES)),
           SBI_ERR_INVALID_ADDRESS, 0);
    expect("destroy_tvm", call(SBI_EID_COVH, COVH_DESTROY, ARGS(tvm)), SBI_SUCCESS, 0);
    expect("destroyed TVM is gone", call(SBI_EID_COVH, COVH_DESTROY, ARGS(tvm)), SBI_ERR_INVALID_PARAM, 0);
    expect("reclaim_pages", call(SBI_EID_COVH, COVH_RECLAIM, ARGS(FRAME(0), FRAMES)), SBI_SUCCESS, FRAMES);
}

static void first_guest(void)
{
    section("first guest");
    convert_frames(0, FRAMES);
    uint64_t tvm = tvm_build(&first_plan);
    expect("run_tvm_vcpu without a mailbox", call(SBI_EID_COVH, COVH_RUN, ARGS(tvm, 0)), SBI_ERR_NO_SHMEM, 0);
    set_mailbox(0);
    expect("run_tvm_vcpu of a vCPU that does not exist", call(SBI_EID_COVH, COVH_RUN, ARGS(tvm, 1)),
           SBI_ERR_INVALID_PARAM, 0);

    struct guest_run run = new_run(tvm, &first_plan);
    guest_run_until_report(&run, 32);
    check(run.wfi_seen, "guest waits for interrupt and the host sees it");
    check(run.spin_seen, "timer of the host takes the hart back from a busy guest");
    judge_run(&run, GUEST_RESULT_FIRST);

    probe_with_guest(0);
    on_second_hart(probe_with_guest, 0);
    destroy(tvm);
    probe_after_reclaim(0);
    on_second_hart(probe_after_reclaim, 0);
}

static struct guest_run second_run;

static void run_second_guest(uint64_t arg)
{
    set_mailbox(0);
    guest_run_until_report(&second_run, (uint32_t)arg);
}

/* Half of it on each hart: what a vCPU has in its registers moves with it. */
static void second_guest(void)
{
    section("second guest");
    convert_frames(0, FRAMES);
    uint64_t tvm = tvm_build(&second_plan);
    second_run = new_run(tvm, &second_plan);
    on_second_hart(run_second_guest, 4);
    guest_run_until_report(&second_run, 32);
    judge_run(&second_run, GUEST_RESULT_SECOND);
    check(second_run.demanded == 8, "frames of the first guest come to the second as zeros");
    destroy(tvm);
}

void payload_main(void)
{
    set_this_hart(0);
    log_trace("payload");
    section("boot");
    probe_at_boot(0);
    standard_calls();
    section("second hart");
    second_hart_start();
    on_second_hart(probe_at_boot, 0);
    tsm_info();
    first_guest();
    second_guest();
    section("end of the first part");
    second_hart_stop();
    suite_vcpus();
    suite_devices();
    suite_promoted();
    suite_pair();
    suite_storm();
    finish();
}
