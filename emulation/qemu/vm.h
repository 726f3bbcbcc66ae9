/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual machines of the suite: TVMs with several vCPUs, made step by step or by promotion, whose vCPUs run on several
 * harts at once. Hart 0 leads: it alone makes calls, serves exits and writes the log; the other harts enter vCPUs when
 * they are told to and keep what came back. So the log has one order, whatever the harts do meanwhile.
 */
#ifndef TOUCHSTONE_QEMU_VM_H
#define TOUCHSTONE_QEMU_VM_H

#include "emulation/qemu/guest_script.h"
#include "emulation/qemu/payload.h"

#define VM_VCPUS 4u
#define VM_FRAMES 32u /* of the window, for one TVM made step by step */
#define VM_WORDS 16u

struct vm;

/* What the host sees when a vCPU leaves. */
struct vm_exit {
    int64_t error;
    uint64_t value, scause, stval, htval, htinst;
    uint64_t a[8];
};

/* A vCPU on its way through a script. */
struct vcpu_run {
    struct vm *vm;
    uint32_t vcpu, hart;
    const struct guest_step *at; /* the step up to which the log knows what it did */
    struct vm_exit exit;
    bool inside;     /* entered, and the exit was not served yet */
    bool lost;       /* an exit that the script does not explain */
    bool hidden;     /* at every exit the host found f and v registers zero */
    uint64_t result; /* UINT64_MAX until it has reported */
};

struct vm {
    uint64_t id;
    bool promoted;
    uint32_t frame, frames; /* window frames that were converted for it */
    uint32_t demanded;      /* pages given on demand so far */
    uint64_t present;       /* which pages of its data, as bits */
    bool shared;            /* its shared page is the host's memory */
    uint32_t ipis;          /* vCPUs that were sent an interrupt, as far as the log goes */
    struct {
        uint64_t addr, value;
    } word[VM_WORDS]; /* last stores, as far as the log goes */
    struct vcpu_run run[VM_VCPUS];
};

/* --- making and ending them (vm_build.c, vm_promote.c) ------------------------------------------------------ */

/* GUEST_VECTOR when the harts have vector registers, else 0. */
uint64_t vm_vector(void);

/* Convert frames and fence them on every hart that runs. */
void vm_convert(uint32_t first, uint32_t count);

/* Build a TVM step by step, in VM_FRAMES frames from `frame` on, a multiple of 4; vCPU 0 begins with `script`. */
void vm_build(struct vm *vm, uint32_t frame, uint32_t vcpus, uint64_t script);

/* Make a VM of the host into a TVM, out of `frames` frames that are converted. */
void vm_promote(struct vm *vm, uint32_t frame, uint32_t frames, uint64_t script);

/* Destroy it and take its frames back. */
void vm_destroy(struct vm *vm);

/* Frame of a TVM made step by step for its next page on demand. */
uint64_t vm_next_frame(struct vm *vm);

/* A vCPU begins a script: nothing is known of it yet. */
void vm_begin(struct vm *vm, uint32_t vcpu, uint64_t script);

/* --- running them (vm_run.c, vm_serve.c) -------------------------------------------------------------------- */

/* Set the mailbox of a hart, on that hart. */
void vm_set_mailbox(uint32_t hart);

/* Enter a vCPU on a hart and come back at once, or wait there until it leaves and serve the exit. */
void vm_start(struct vcpu_run *run, uint32_t hart);
void vm_collect(struct vcpu_run *run);

/* Run on hart 0 and serve exits until it waits for an interrupt, leaves for good, reports, or is lost. */
void vm_run(struct vcpu_run *run);

/* Enter on this hart, with the host's timer in `ticks`; nothing is logged. */
void vm_enter(struct vcpu_run *run, uint64_t ticks);

/* Serve run->exit: log it, check it, do what the guest asks for. False when nothing more is to be done than run again. */
bool vm_serve(struct vcpu_run *run);

/* Is this what a guest's report looks like? The result comes out of it. */
bool vm_is_report(const struct vm_exit *e, uint64_t *result);

/* Checks that belong to every run. */
void vm_judge(const struct vcpu_run *run, const char *what);

/* --- what the guest did (vm_walk.c) -------------------------------------------------------------------------- */

/*
 * Log what the guest did up to the step that explains its exit, and what other vCPUs did that it waited for. False when
 * no step does.
 */
bool vm_walk(struct vcpu_run *run);

/* --- memory (payload.ld, vm_promote.c) ------------------------------------------------------------------------ */

/* The page that the host shares with guests. */
extern uint64_t shared_page[PAGE / 8];

/* --- chapters -------------------------------------------------------------------------------------------------- */

void suite_vcpus(void);
void suite_devices(void);
void suite_promoted(void);
void suite_pair(void);
void suite_storm(void);

#endif
