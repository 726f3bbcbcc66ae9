/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the log for the steps of a guest: what it has done, and with which step it leaves the TVM. */
#include "emulation/qemu/guest_script.h"
#include "emulation/qemu/payload.h"

/* Registers by number, as the log names CSRs. */
#define CSR_VS_SIP 0x144u

uint32_t step_instruction(const struct guest_step *s)
{
    const uint8_t *code = guest_accesses + (size_t)ACCESS_SPACING * s->argument;
    uint32_t low = code[0] | (uint32_t)code[1] << 8, high = code[2] | (uint32_t)code[3] << 8;
    return (low & 3) == 3 ? low | high << 16 : low;
}

static void log_call_step(uint64_t hart, const struct guest_step *s, uint64_t vector)
{
    print("@guest h%d call %x %x %x %x %x -> ", hart, (uint64_t)s->addr, (uint64_t)s->cause, (uint64_t)s->argument,
          (uint64_t)s->argument1, guest_step_argument2(s, vector));
}

static const char *note_of(const struct guest_step *s, uint64_t vector)
{
    switch ((enum guest_step_kind)s->kind) {
    case STEP_ENTRY_CLEAN: return "finds its registers zero at entry";
    case STEP_FP_SET: return "fills its floating-point registers";
    case STEP_FP_CHECK: return "finds its floating-point registers unchanged";
    case STEP_VECTOR_SET: return vector != 0 ? "fills its vector registers" : NULL;
    case STEP_VECTOR_CHECK: return vector != 0 ? "finds its vector registers unchanged" : NULL;
    case STEP_TIMER: return "sees its own timer strike";
    case STEP_EXTERNAL: return "takes the interrupt that it allowed";
    case STEP_SPIN: return "is busy for a while";
    case STEP_SIEVE: return "counts the primes below 2000";
    case STEP_FILL: return "fills a page with secrets";
    case STEP_PAGE_ZERO: return "finds the whole page zero";
    default: return NULL;
    }
}

void log_step_pc(uint64_t hart)
{
    print("@guest h%d reg 0x41 %x\n", hart, GUEST_CODE_BASE + 0x100);
}

void log_step_touches(uint64_t hart, const struct guest_step *s)
{
    if (s->kind == STEP_LOAD)
        print("@guest h%d load %x 8 -> none\n", hart, (uint64_t)s->addr);
    else
        print("@guest h%d store %x 8 %x -> none\n", hart, (uint64_t)s->addr, s->value);
}

void log_step_done(uint64_t hart, const struct guest_step *s, uint64_t vector)
{
    uint64_t addr = s->addr;
    const char *note = note_of(s, vector);
    if (note != NULL)
        print("@guest h%d note %s\n", hart, note);
    switch ((enum guest_step_kind)s->kind) {
    case STEP_CALL:
        log_call_step(hart, s, vector);
        print("@+%x %x\n", s->error, s->value);
        return;
    case STEP_WAIT_WORD:
    case STEP_LOAD: print("@guest h%d load %x 8 -> value %x\n", hart, addr, s->value); return;
    case STEP_STORE: print("@guest h%d store %x 8 %x -> value 0x0\n", hart, addr, s->value); return;
    case STEP_LOAD_FAULT: print("@guest h%d load %x 8 -> trap %x\n", hart, addr, (uint64_t)s->cause); return;
    case STEP_STORE_FAULT: print("@guest h%d store %x 8 0x0 -> trap %x\n", hart, addr, (uint64_t)s->cause); return;
    case STEP_FETCH: print("@guest h%d fetch %x -> value 0x0\n", hart, addr); return;
    case STEP_VIRTUAL: print("@guest h%d virtual %x -> trap %x\n", hart, s->value, (uint64_t)s->cause); return;
    case STEP_WAIT_IPI:
        print("@guest h%d csr %x -> value 0x2\n", hart, (uint64_t)CSR_VS_SIP);
        print("@guest h%d csr %x 0x0 -> value 0x0\n", hart, (uint64_t)CSR_VS_SIP);
        return;
    default: return;
    }
}

void log_step_leaves(uint64_t hart, const struct guest_step *s, uint64_t vector)
{
    uint64_t addr = s->addr;
    switch ((enum guest_step_kind)s->kind) {
    case STEP_LOAD: print("@guest h%d load %x 8 -> exit\n", hart, addr); return;
    case STEP_STORE: print("@guest h%d store %x 8 %x -> exit\n", hart, addr, s->value); return;
    case STEP_FETCH: print("@guest h%d fetch %x -> exit\n", hart, addr); return;
    case STEP_WFI: print("@guest h%d wfi -> exit\n", hart); return;
    case STEP_SPIN: print("@guest h%d interrupted 0x5 -> exit\n", hart); return;
    case STEP_MMIO_STORE:
        print("@guest h%d reg 0xb %x\n", hart, s->value);
        /* fall through */
    case STEP_MMIO_LOAD:
        log_step_pc(hart);
        print("@guest h%d exec %x %x -> exit\n", hart, (uint64_t)step_instruction(s), addr);
        return;
    case STEP_LEAVE:
    case STEP_CALL_OUT:
        log_call_step(hart, s, vector);
        print("@+exit\n");
        return;
    default: return;
    }
}
