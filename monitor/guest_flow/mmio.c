/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's load or store to a device (cove-abi, MMIO instruction decode). The monitor finds out by itself what the
 * instruction is, from mtinst if the hardware says it there, else from the guest's memory, shows the host an access with
 * register a0, and keeps what is needed to complete it.
 */
#include "monitor/core/guest_memory.h"
#include "monitor/core/mmio_decode.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/core/vcpu.h"
#include "monitor/crossing/exit_record.h"
#include "monitor/guest_flow/handlers.h"

struct decision guest_mmio(struct hart *h, const struct trap *t, struct gpa gpa)
{
    struct vcpu *v = vcpu_current(h);
    struct mmio_insn insn;
    uint32_t word;
    bool known;
    if (t->tinst != 0) {
        known = mmio_decode_transformed(t->tinst, &insn);
    } else {
        /* Another vCPU may be changing tables or code: the hart tries again, and may find something else. */
        if (!guest_fetch(h, &word))
            return decide_resume();
        known = mmio_decode(word, &insn);
    }
    bool store = t->cause == CAUSE_GUEST_STORE_PAGE_FAULT;
    /* An access that goes on in the next page goes to another place than the address that is known. */
    bool fits = known && (gpa.value & PAGE_MASK) + insn.width <= PAGE_SIZE;
    if (!fits || insn.store != store) {
        vcpu_inject_exception(h, store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, t->tval);
        return decide_resume();
    }
    v->pending = (struct pending_op){.kind = store ? PENDING_MMIO_STORE : PENDING_MMIO_LOAD,
                                     .rd = insn.reg,
                                     .width = insn.width,
                                     .sign = insn.sign,
                                     .insn_len = insn.length};
    return decide_exit(store ? exit_mmio_store(gpa, insn.width, v->ctx.x[insn.reg])
                             : exit_mmio_load(gpa, insn.width, insn.sign));
}
