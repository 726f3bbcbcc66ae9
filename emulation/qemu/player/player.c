/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays the host's side of a trace on the firmware. play.py has put the operations into memory, one record each, with
 * addresses of this machine; here each is carried out on the hart that it names, and a line says what came of it:
 *
 *   = <step> r <error> <value>    a call has answered
 *   = <step> v <value>            an access has succeeded
 *   = <step> t <cause>            it has trapped
 *   = <step> n                    nothing can be seen of it, or the hart is stopped
 *   = <step> x <error> <value> <scause> <stval> <htval> <htinst> <a0> .. <a7>
 *                                 run_tvm_vcpu has returned, at the step that made it return
 *
 * One hart acts at a time: all that are started wait for their turn, and the one that acted names the next. What guests
 * do is not done here: play.py follows them through the debugging port of the emulator. So where a guest acts, and where
 * one may be entered, there is a function for a breakpoint.
 */
#include "emulation/qemu/player/player.h"

#define RECORDS ((const struct record *)UINT64_C(0x87000000))
#define MAGIC UINT64_C(0x31594c50)
#define TEST_DEVICE ((volatile uint32_t *)UINT64_C(0x100000))
#define TVMS_MAX 512u
#define HSM_START 0u
#define HSM_STOP 1u
#define HSM_STATUS 2u
#define HSM_STOPPED 1u
#define HSM_SUSPENDED 4u
#define SLEEPS 2u     /* in tvm[7] of a call: it is a suspension that lasts */
#define WAKING 20000u /* questions after which a hart that is to wake has been seen awake */
#define JUMP_PARCELS 5u
#define C_J_BACK_8 0xbfe5u
#define COVH_RUN 15u
#define NACL_SET 1u

static uint64_t tvm_id[TVMS_MAX], tvm_count;
static bool alive[HARTS] = {true};
static uint64_t mailbox[HARTS];
static volatile bool in_guest[HARTS];
uint32_t away; /* harts, as bits, whose guest leaves unseen: play.py sets it */
uint32_t next; /* record, counted from 1; play.py writes it too */
uint32_t turn; /* hart, HARTS: none; likewise */

_Noreturn void finish(void)
{
    print("\nplayer: end\n");
    *TEST_DEVICE = 0x5555;
    for (;;)
        ;
}

_Noreturn void payload_unexpected_trap(uint64_t cause, uint64_t tval, uint64_t pc)
{
    print("\nplayer: unexpected trap %x, stval %x, sepc %x at step %d\n", cause, tval, pc, (uint64_t)next);
    finish();
}

uint64_t argument(const struct record *r, unsigned n)
{
    if (!r->tvm[n])
        return r->a[n];
    uint64_t which = r->a[n] & UINT32_MAX;
    uint64_t id = which < tvm_count ? tvm_id[which] : 0;
    return id + (uint64_t)(int64_t)(int32_t)(r->a[n] >> 32);
}

/* What a hart has when it starts, in place of what start.S gave it. */
static void forget(void)
{
    csr_write(0x105, 0);
    csr_write(0x140, 0);
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

static bool is_call(const struct record *r, uint64_t eid, uint64_t fid)
{
    return r->operation == PLAY_ECALL && r->a[7] == eid && r->a[6] == fid;
}

/*
 * The entry that a trace names is data of it: while the hart starts, a jump to this program lies there; right before the
 * window, where only two bytes are left, a jump to that jump.
 */
static struct answer start_hart(uint64_t hart, uint64_t entry, uint64_t opaque)
{
    bool last = entry + 8 > WINDOW_BASE && entry < WINDOW_BASE;
    uint64_t place = last ? entry - 8 : entry;
    volatile uint16_t *at = (volatile uint16_t *)place;
    uint16_t kept[JUMP_PARCELS];
    uint64_t distance = (uint64_t)(uintptr_t)second_hart - place;
    uint32_t high = ((uint32_t)distance + 0x800) & ~UINT32_C(0xfff);
    uint32_t words[2] = {high | 0x297, ((uint32_t)distance - high) << 20 | 0x00028067}; /* auipc t0; jalr x0, (t0) */
    bool usable = (entry & 1) == 0 && entry >= MONITOR_BASE + MONITOR_SIZE && entry < UINT64_C(0x87000000) - 8 &&
                  (entry < WINDOW_BASE || entry >= WINDOW_BASE + (uint64_t)WINDOW_PAGES * PAGE);
    unsigned parcels = last ? JUMP_PARCELS : JUMP_PARCELS - 1;
    for (unsigned i = 0; usable && i < parcels; i++) {
        kept[i] = at[i];
        at[i] = i == JUMP_PARCELS - 1 ? C_J_BACK_8 : (uint16_t)(words[i / 2] >> 16 * (i % 2));
    }
    __asm__ volatile("fence rw, rw; fence.i" : : : "memory");
    struct answer got = call_silent(SBI_EID_HSM, HSM_START, ARGS(hart, entry, opaque));
    while (got.error == SBI_SUCCESS && hart < HARTS && !__atomic_load_n(&alive[hart], __ATOMIC_ACQUIRE))
        ;
    for (unsigned i = 0; usable && i < parcels; i++)
        at[i] = kept[i];
    return got;
}

/* A guest is about to be entered; and: the step `next` is not for this program. play.py has breakpoints there. */
__attribute__((noinline)) void entering(uint64_t tvm, uint64_t vcpu)
{
    __asm__ volatile("" : : "r"(tvm), "r"(vcpu) : "memory");
}

__attribute__((noinline)) void hand_over(void)
{
    __asm__ volatile("" : : : "memory");
}

static uint64_t mailbox_word(uint64_t offset)
{
    uint64_t at = mailbox[this_hart()];
    return at == 0 ? 0 : *(volatile uint64_t *)(at + offset);
}

/* False: the exit is not that of the step `next`. */
static bool run_vcpu(const uint64_t a[8])
{
    uint32_t hart = this_hart();
    uint64_t scause;
    uint64_t stval;

    entering(a[0], a[1]);
    in_guest[hart] = true;
    __atomic_store_n(&turn, HARTS, __ATOMIC_RELEASE); /* if it comes back as one that is away, it has no turn */
    struct answer got = call_silent(a[7], a[6], a);
    __asm__ volatile("csrr %0, scause; csrr %1, stval" : "=r"(scause), "=r"(stval));
    in_guest[hart] = false;
    if ((__atomic_fetch_and(&away, ~(UINT32_C(1) << hart), __ATOMIC_ACQ_REL) >> hart & 1) != 0)
        return false;
    print("\n= %d x %x %x %x %x %x %x", (uint64_t)__atomic_load_n(&next, __ATOMIC_ACQUIRE), (uint64_t)got.error,
          got.value, scause, stval, mailbox_word(NACL_CSR_OFFSET(0x643)), mailbox_word(NACL_CSR_OFFSET(0x64a)));
    for (unsigned i = 0; i < 8; i++)
        print(" %x", mailbox_word(NACL_GPR_OFFSET(10 + i)));
    print("\n");
    return true;
}

static bool ecall(const struct record *r)
{
    uint64_t a[8];
    struct answer got;
    for (unsigned i = 0; i < 8; i++)
        a[i] = argument(r, i);
    if (a[7] == SBI_EID_COVH && (a[6] & 0xffff) == COVH_RUN) {
        return run_vcpu(a);
    }
    if (is_call(r, SBI_EID_HSM, HSM_START))
        got = start_hart(a[0], a[1], a[2]);
    else
        got = call_silent(a[7], a[6], a);
    bool creates = a[7] == SBI_EID_COVH && ((a[6] & 0xffff) == 5 || (a[6] & 0xffff) == 7);
    if (creates && got.error == SBI_SUCCESS && tvm_count < TVMS_MAX)
        tvm_id[tvm_count++] = got.value;
    if (a[7] == SBI_EID_NACL && (a[6] & 0xffff) == NACL_SET && got.error == SBI_SUCCESS)
        mailbox[this_hart()] = a[0] == UINT64_MAX ? 0 : a[0];
    print("\n= %d r %x %x\n", (uint64_t)next, (uint64_t)got.error, got.value);
    return true;
}

/* --- turns -------------------------------------------------------------------------------------------------------- */

static uint32_t stopping = HARTS; /* hart that said it stops or sleeps, until it does; HARTS: none */
static bool asleep[HARTS];

static uint64_t state_of(uint32_t hart)
{
    return call_silent(SBI_EID_HSM, HSM_STATUS, ARGS(hart, 0, 0)).value;
}

/* In a trace a hart has stopped, or sleeps, when the next operation begins. */
static void await_stopped(void)
{
    while (stopping < HARTS && state_of(stopping) != (asleep[stopping] ? HSM_SUSPENDED : HSM_STOPPED))
        ;
    stopping = HARTS;
}

/* And it is awake again when an operation has woken it. */
static void await_woken(void)
{
    for (uint32_t hart = 0; hart < HARTS; hart++) {
        uint32_t questions = hart == stopping ? WAKING : 0;
        while (asleep[hart] && questions < WAKING && state_of(hart) == HSM_SUSPENDED)
            questions++;
        while (asleep[hart] && questions < WAKING && !__atomic_load_n(&alive[hart], __ATOMIC_ACQUIRE))
            ;
        asleep[hart] = asleep[hart] && questions == WAKING;
    }
}

/* Name the hart that acts next; operations of harts that are stopped pass unseen. */
static void pass_on(void)
{
    await_woken();
    for (;;) {
        next++;
        if (next > RECORDS[0].a[1])
            finish();
        uint32_t hart = RECORDS[next].hart;
        bool acts = hart < HARTS && alive[hart];
        if (RECORDS[next].operation == PLAY_GUEST || (acts && (in_guest[hart] || RECORDS[0].a[2] != 0))) {
            __atomic_store_n(&turn, HARTS, __ATOMIC_RELEASE);
            hand_over();
            return;
        }
        if (acts)
            break;
        say_nothing();
    }
    __atomic_store_n(&turn, RECORDS[next].hart, __ATOMIC_RELEASE);
}

/* The others go on meanwhile; what the trace expects of the call is that nothing comes back. */
static void sleep_until_woken(const struct record *r, uint32_t hart)
{
    asleep[hart] = true;
    alive[hart] = false;
    stopping = hart;
    say_nothing();
    pass_on();
    call_silent(r->a[7], r->a[6], r->a);
    __atomic_store_n(&alive[hart], true, __ATOMIC_RELEASE);
}

static _Noreturn void take_turns(void)
{
    uint32_t hart = this_hart();
    for (;;) {
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != hart)
            ;
        await_stopped();
        const struct record *r = &RECORDS[next];
        bool resets = is_call(r, SBI_EID_SRST, 0) && r->a[0] <= SBI_SRST_WARM_REBOOT && r->a[1] <= 1;
        if (is_call(r, SBI_EID_HSM, HSM_STOP)) {
            alive[hart] = false;
            stopping = hart;
            say_nothing();
            pass_on();
            call_silent(SBI_EID_HSM, HSM_STOP, NO_ARGS);
        }
        if (resets)
            say_nothing();
        if (r->operation == PLAY_ECALL && (r->tvm[7] & SLEEPS) != 0) {
            sleep_until_woken(r, hart);
            continue;
        }
        if (r->operation != PLAY_ECALL)
            play_access(r);
        else if (!ecall(r))
            continue;
        pass_on();
    }
}

void payload_main(void)
{
    set_this_hart(0);
    if (RECORDS[0].a[0] != MAGIC) {
        print("player: no trace in memory\n");
        finish();
    }
    turn = HARTS;
    forget();
    pass_on();
    take_turns();
}

void payload_second(uint64_t hart)
{
    set_this_hart((uint32_t)hart);
    forget();
    __atomic_store_n(&alive[hart], true, __ATOMIC_RELEASE);
    take_turns();
}
