/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a page is taken out of a TVM and given to another one, while a vCPU on another hart still has the
 *   translation to it in its TLB, and reads it on and on. QEMU keeps such entries until they are fenced.
 * Stopped by: the fence of the TVM: a page is removed only when each vCPU that ran while it was mapped has left its
 *   hart since.
 * Succeeds without: remove-unfenced
 * Machine: together
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

#define PAGE_OF(tvm_) FRAME((tvm_)->at.frame + 15)

static struct tvm tvm, other;
static struct tvm_exit left;
static const struct tvm_work work = {.tvm = &tvm, .vcpu = 1, .exit = &left};
static uint64_t source[PAGE / 8] __attribute__((aligned(4096)));

/* vCPU 0 starts vCPU 1 and offers the page; vCPU 1 watches it until somebody else's secret is in it. */
GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    volatile uint64_t *word = (volatile uint64_t *)argument;
    if (vcpu != 0) {
        while (*word != guest_secret())
            ;
        for (;;)
            guest_say(GUEST_NO_TRAP);
    }
    register uint64_t a0 __asm__("a0") = 1;
    register uint64_t a1 __asm__("a1") = (uint64_t)&guest_entry;
    register uint64_t a2 __asm__("a2") = argument;
    register uint64_t a6 __asm__("a6") = 0;
    register uint64_t a7 __asm__("a7") = SBI_EID_HSM;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    *word = 1;
    a0 = argument;
    a1 = PAGE;
    a6 = 2;
    a7 = SBI_EID_COVG;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    for (;;)
        ;
}

/* A TVM for each try, whose page is what the other one gets. */
static void build(uint32_t first)
{
    tvm_with_guest(&tvm, &(const struct tvm_layout){.frame = first, .frames = 16}, 2, FRAME(first + 15));
    scene(covh(COVH_ADD_ZERO, ARGS(tvm.id, PAGE_OF(&tvm), TSM_PAGE_4K, 1, PAGE_OF(&tvm))).error == SBI_SUCCESS,
          "add_tvm_zero_pages");
    tvm_create(&other, &(const struct tvm_layout){.frame = first + 16, .frames = 16});
    covh(COVH_ADD_REGION, ARGS(other.id, PAGE_OF(&tvm), PAGE));
    for (unsigned i = 0; i < PAGE / 8; i++)
        source[i] = SECRET;
}

void attack(void)
{
    build(32 * this_hart());
    struct tvm_exit e = tvm_run(&tvm, 0);
    scene(e.scause == CAUSE_ECALL_VS && e.a[7] == SBI_EID_HSM, "vCPU 0 starts vCPU 1");
    e = tvm_run(&tvm, 0);
    scene(e.scause == CAUSE_ECALL_VS && e.a[7] == SBI_EID_COVG, "vCPU 0 offers the page");
    tvm_run_elsewhere(&work);
    scene(covh(COVH_INVALIDATE, ARGS(tvm.id, PAGE_OF(&tvm), PAGE)).error == SBI_SUCCESS, "invalidate_pages");
    struct answer removed = covh(COVH_REMOVE, ARGS(tvm.id, PAGE_OF(&tvm), PAGE));
    if (removed.error != SBI_SUCCESS) {
        must_refuse(removed, SBI_ERR_INVALID_ADDRESS);
        help_end();
        return;
    }
    tvm_add_measured(&other, source, PAGE_OF(&tvm), 1);
    /* Time for the watcher to see it, then out with it. */
    for (uint64_t end = csr_read(CSR_TIME) + 2000000; csr_read(CSR_TIME) < end && left.scause == 0;)
        ;
    help_end();
    bool seen = left.scause == CAUSE_ECALL_VS && left.a[0] == GUEST_NO_TRAP;
    verdict(seen ? SUCCEEDED : BROKEN, "the page was removed; the watcher left with cause", left.scause);
}
