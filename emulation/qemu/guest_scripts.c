/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every guest does, one script behind the other in one table: a table has no pointers, so it works at the address
 * that the guest runs at as well as at the one that the payload reads it from.
 */
#include "emulation/qemu/guest_script.h"

/* The script with this name begins. */
#define SCRIPT(name)                                                                                                   \
    {                                                                                                                  \
        .kind = STEP_SCRIPT, .value = GUEST_SCRIPT_##name                                                              \
    }
#define END                                                                                                            \
    {                                                                                                                  \
        .kind = STEP_END                                                                                               \
    }

/* Calls: extension, function, error and value that must come back, arguments. */
#define CALL_(kind_, eid, fid, err, val, a0, a1, a2)                                                                   \
    {                                                                                                                  \
        .kind = (kind_), .addr = (eid), .cause = (fid), .error = (uint64_t)(err), .value = (val), .argument = (a0),    \
        .argument1 = (a1), .argument2 = (a2)                                                                           \
    }
#define CALL(...) CALL_(STEP_CALL, __VA_ARGS__)
#define OUT(...) CALL_(STEP_CALL_OUT, __VA_ARGS__) /* it leaves the TVM on the way */
#define LEAVE(eid, fid, a0, a1, a2) CALL_(STEP_LEAVE, eid, fid, 0, 0, a0, a1, a2)

#define STORE(at, val)                                                                                                 \
    {                                                                                                                  \
        .kind = STEP_STORE, .addr = (at), .value = (val)                                                               \
    }
#define LOAD(at, val)                                                                                                  \
    {                                                                                                                  \
        .kind = STEP_LOAD, .addr = (at), .value = (val)                                                                \
    }
#define WAIT(at, val)                                                                                                  \
    {                                                                                                                  \
        .kind = STEP_WAIT_WORD, .addr = (at), .value = (val)                                                           \
    }
#define DO(what)                                                                                                       \
    {                                                                                                                  \
        .kind = STEP_##what                                                                                            \
    }
#define CLEAN(vcpu)                                                                                                    \
    {                                                                                                                  \
        .kind = STEP_ENTRY_CLEAN, .value = (vcpu)                                                                      \
    }
#define REPORT(val)                                                                                                    \
    {                                                                                                                  \
        .kind = STEP_REPORT, .value = (val)                                                                            \
    }

/* An access to the device: the host answers, the guest gets; or the guest stores, the host sees. */
#define MMIO_LOAD(access, offset, answer, got)                                                                         \
    {                                                                                                                  \
        .kind = STEP_MMIO_LOAD, .argument = ACCESS_##access, .addr = GUEST_MMIO_BASE + (offset), .error = (answer),    \
        .value = (got)                                                                                                 \
    }
#define MMIO_STORE(access, offset, val, seen)                                                                          \
    {                                                                                                                  \
        .kind = STEP_MMIO_STORE, .argument = ACCESS_##access, .addr = GUEST_MMIO_BASE + (offset), .value = (val),      \
        .error = (seen)                                                                                                \
    }

/* Words in the page that the vCPUs of one TVM have in common. */
#define FLAG(vcpu) (GUEST_DATA_BASE + 0x40 * (vcpu))
#define ACK(vcpu) (GUEST_DATA_BASE + 0x200 + 0x40 * (vcpu))
#define GO (GUEST_DATA_BASE + 0x400)
#define DONE (GUEST_DATA_BASE + 0x440)

#define HSM(fid, err, val, a0, a1, a2) CALL(SBI_EID_HSM, fid, err, val, a0, a1, a2)
#define HSM_START(vcpu, script) OUT(SBI_EID_HSM, 0, SBI_SUCCESS, 0, vcpu, GUEST_CODE_BASE, GUEST_SCRIPT_##script)
#define PATTERNS                                                                                                       \
    {.kind = STEP_FP_SET},                                                                                             \
    {                                                                                                                  \
        .kind = STEP_VECTOR_SET                                                                                        \
    }
#define PATTERNS_KEPT                                                                                                  \
    {.kind = STEP_FP_CHECK},                                                                                           \
    {                                                                                                                  \
        .kind = STEP_VECTOR_CHECK                                                                                      \
    }

/* Demand-zero pages made of frames that held the first guest's secrets, code, tables and registers. */
#define ZERO_PAGE(n)                                                                                                   \
    LOAD(GUEST_DATA_BASE + 0x1000 * (n) + 8, 0),                                                                       \
    {                                                                                                                  \
        .kind = STEP_PAGE_ZERO, .addr = GUEST_DATA_BASE + 0x1000 * (n)                                                 \
    }

/* What vCPUs 1 to 3 begin with: they say that they are there, take an interrupt, say so, and wait to be let go. */
#define SECONDARY(vcpu)                                                                                                \
    CLEAN(vcpu), PATTERNS, STORE(FLAG(vcpu), 1), DO(WAIT_IPI), STORE(ACK(vcpu), 1), WAIT(GO, 1), PATTERNS_KEPT

/* A promoted guest has no memory where it reports: for it the report is an access to a device. */
#define REPORT_DEVICE OUT(SBI_EID_COVG, 0, SBI_SUCCESS, 0, GUEST_REPORT_BASE, GUEST_REPORT_SIZE, 0)

#define SIGN8 0xffffffffffffff80u
#define JUNK 0x123456789abc0000u

static const struct guest_step scripts[] = {
    SCRIPT(FIRST),
    {.kind = STEP_ENTRY_CLEAN},
    {.kind = STEP_FP_SET},
    CALL(SBI_EID_BASE, 0, SBI_SUCCESS, SBI_SPEC_VERSION, 0, 0, 0),
    CALL(SBI_EID_BASE, 3, SBI_SUCCESS, 1, SBI_EID_BASE, 0, 0),
    CALL(SBI_EID_BASE, 3, SBI_SUCCESS, 0, SBI_EID_COVH, 0, 0),
    CALL(SBI_EID_COVH, 0, SBI_ERR_NOT_SUPPORTED, 0, 0, 0, 0),
    CALL(0x0a000000, 7, SBI_ERR_NOT_SUPPORTED, 0, 0, 0, 0),
    {.kind = STEP_LOAD, .addr = GUEST_DATA_BASE, .value = 0},
    {.kind = STEP_STORE, .addr = GUEST_DATA_BASE + 8, .value = GUEST_SECRET},
    {.kind = STEP_STORE, .addr = GUEST_DATA_BASE + 0x1ff8, .value = GUEST_SECRET + 1},
    {.kind = STEP_LOAD, .addr = GUEST_DATA_BASE + 0x1ff8, .value = GUEST_SECRET + 1},
    {.kind = STEP_FP_CHECK},
    {.kind = STEP_WFI},
    {.kind = STEP_FP_CHECK},
    {.kind = STEP_VIRTUAL, .value = RDCYCLE, .cause = 2},
    {.kind = STEP_VIRTUAL, .value = HFENCE_GVMA, .cause = 2},
    {.kind = STEP_VIRTUAL, .value = CSRR_HSTATUS, .cause = 2},
    {.kind = STEP_LOAD_FAULT, .addr = GUEST_UNDECLARED, .cause = 5},
    {.kind = STEP_STORE_FAULT, .addr = GUEST_CODE_BASE + GUEST_REGION_SIZE, .cause = 7},
    {.kind = STEP_FETCH, .addr = GUEST_DATA_BASE + 0x2000},
    {.kind = STEP_TIMER},
    {.kind = STEP_SPIN},
    {.kind = STEP_FP_CHECK},
    {.kind = STEP_SIEVE, .addr = GUEST_DATA_BASE + 0x100, .value = GUEST_RESULT_FIRST},
    {.kind = STEP_STORE, .addr = GUEST_DATA_BASE + 0x3000, .value = GUEST_SECRET + 2},
    {.kind = STEP_FILL, .addr = GUEST_DATA_BASE},
    {.kind = STEP_FILL, .addr = GUEST_DATA_BASE + 0x1000},
    {.kind = STEP_FILL, .addr = GUEST_DATA_BASE + 0x2000},
    {.kind = STEP_FILL, .addr = GUEST_DATA_BASE + 0x3000},
    {.kind = STEP_STORE, .addr = GUEST_DATA_BASE + 0x3ff8, .value = GUEST_SECRET + 3},
    {.kind = STEP_LOAD, .addr = GUEST_DATA_BASE + 0x3ff8, .value = GUEST_SECRET + 3},
    {.kind = STEP_REPORT, .value = GUEST_RESULT_FIRST},
    {.kind = STEP_END},

    SCRIPT(SECOND),
    {.kind = STEP_ENTRY_CLEAN},
    ZERO_PAGE(0),
    ZERO_PAGE(1),
    ZERO_PAGE(2),
    ZERO_PAGE(3),
    ZERO_PAGE(4),
    ZERO_PAGE(5),
    ZERO_PAGE(6),
    ZERO_PAGE(7),
    {.kind = STEP_REPORT, .value = GUEST_RESULT_SECOND},
    {.kind = STEP_END},

    /* Others are started, interrupted all at once, fenced, let go; then stopped, suspended and resumed in both ways. */
    SCRIPT(VCPU0),
    CLEAN(0),
    PATTERNS,
    STORE(GO, 0),
    HSM(2, SBI_SUCCESS, SBI_HSM_STARTED, 0, 0, 0),
    HSM(2, SBI_SUCCESS, SBI_HSM_STOPPED, 1, 0, 0),
    HSM(2, SBI_ERR_INVALID_PARAM, 0, 7, 0, 0),
    HSM(0, SBI_ERR_INVALID_PARAM, 0, 9, GUEST_CODE_BASE, GUEST_SCRIPT_VCPU1),
    HSM(0, SBI_ERR_ALREADY_AVAILABLE, 0, 0, GUEST_CODE_BASE, GUEST_SCRIPT_VCPU1),
    HSM(0, SBI_ERR_INVALID_ADDRESS, 0, 1, GUEST_UNDECLARED, GUEST_SCRIPT_VCPU1),
    HSM_START(1, VCPU1),
    HSM_START(2, VCPU2),
    HSM_START(3, VCPU3),
    HSM(0, SBI_ERR_ALREADY_AVAILABLE, 0, 1, GUEST_CODE_BASE, GUEST_SCRIPT_VCPU1),
    HSM(2, SBI_SUCCESS, SBI_HSM_STARTED, 1, 0, 0),
    CALL(SBI_EID_IPI, 0, SBI_ERR_INVALID_PARAM, 0, 0x10, 0, 0),
    DO(WFI),
    WAIT(FLAG(1), 1),
    WAIT(FLAG(2), 1),
    WAIT(FLAG(3), 1),
    CALL(SBI_EID_IPI, 0, SBI_SUCCESS, 0, 0xe, 0, 0),
    WAIT(ACK(1), 1),
    WAIT(ACK(2), 1),
    WAIT(ACK(3), 1),
    CALL(SBI_EID_RFENCE, 0, SBI_SUCCESS, 0, 0xf, 0, 0),
    CALL(SBI_EID_RFENCE, 1, SBI_SUCCESS, 0, 0xe, 0, 0),
    CALL(SBI_EID_RFENCE, 2, SBI_SUCCESS, 0, 0x7, 1, 0),
    CALL(SBI_EID_RFENCE, 1, SBI_ERR_INVALID_PARAM, 0, 0x10, 0, 0),
    STORE(GO, 1),
    DO(WFI),
    HSM(2, SBI_SUCCESS, SBI_HSM_STOPPED, 1, 0, 0),
    HSM(2, SBI_SUCCESS, SBI_HSM_SUSPENDED, 2, 0, 0),
    HSM(2, SBI_SUCCESS, SBI_HSM_SUSPENDED, 3, 0, 0),
    OUT(SBI_EID_IPI, 0, SBI_SUCCESS, 0, 0x4, 0, 0),
    DO(WFI),
    HSM_START(1, VCPU1_AGAIN),
    DO(WFI),
    LOAD(ACK(1), 2),
    LOAD(ACK(2), 2),
    LOAD(ACK(3), 2),
    DO(TIMER),
    PATTERNS_KEPT,
    REPORT(GUEST_RESULT_OK),
    END,

    SCRIPT(VCPU1),
    SECONDARY(1),
    LEAVE(SBI_EID_HSM, 1, 0, 0, 0),
    END,

    SCRIPT(VCPU1_AGAIN),
    CLEAN(1),
    STORE(ACK(1), 2),
    REPORT(GUEST_RESULT_OK),
    END,

    SCRIPT(VCPU2),
    SECONDARY(2),
    OUT(SBI_EID_HSM, 3, SBI_SUCCESS, 0, SBI_HSM_SUSPEND_RETENTIVE, 0, 0),
    DO(WAIT_IPI),
    PATTERNS_KEPT,
    STORE(ACK(2), 2),
    REPORT(GUEST_RESULT_OK),
    END,

    SCRIPT(VCPU3),
    SECONDARY(3),
    HSM(3, SBI_ERR_INVALID_PARAM, 0, 1, 0, 0),
    LEAVE(SBI_EID_HSM, 3, SBI_HSM_SUSPEND_NON_RETENTIVE, GUEST_CODE_BASE, GUEST_SCRIPT_VCPU3_RESUMED),
    END,

    SCRIPT(VCPU3_RESUMED),
    CLEAN(3),
    STORE(ACK(3), 2),
    REPORT(GUEST_RESULT_OK),
    END,

    /* A device in every width, sign and form; memory shared and taken back; the console; an interrupt from outside. */
    SCRIPT(DEVICES),
    CLEAN(0),
    PATTERNS,
    {.kind = STEP_LOAD_FAULT, .addr = GUEST_MMIO_BASE, .cause = 5},
    OUT(SBI_EID_COVG, 0, SBI_SUCCESS, 0, GUEST_MMIO_BASE, 0x2000, 0),
    CALL(SBI_EID_COVG, 0, SBI_ERR_INVALID_ADDRESS, 0, GUEST_MMIO_BASE + 0x1000, 0x1000, 0),
    CALL(SBI_EID_COVG, 0, SBI_ERR_INVALID_ADDRESS, 0, GUEST_DATA_BASE, 0x1000, 0),
    MMIO_LOAD(LB, 3, JUNK | 0x80, SIGN8),
    MMIO_LOAD(LBU, 0x1fff, JUNK | 0x80, 0x80),
    MMIO_LOAD(LH, 6, JUNK | 0x8001, 0xffffffffffff8001u),
    MMIO_LOAD(LHU, 0x1ffe, JUNK | 0x8001, 0x8001),
    MMIO_LOAD(LW, 0x1004, 0x9abcdef080000001u, 0xffffffff80000001u),
    MMIO_LOAD(LWU, 8, 0x9abcdef080000001u, 0x80000001u),
    MMIO_LOAD(LD, 0x1ff8, 0x9abcdef080000001u, 0x9abcdef080000001u),
    MMIO_LOAD(C_LW, 0x10, 0x9abcdef0f0000001u, 0xfffffffff0000001u),
    MMIO_LOAD(C_LD, 0x20, 0x1abcdef080000001u, 0x1abcdef080000001u),
    MMIO_LOAD(LW_X0, 0x30, JUNK, 0x7777777777777777u),
    MMIO_STORE(SB, 1, 0x1122334455667788u, 0x88),
    MMIO_STORE(SH, 0x1ffe, 0x1122334455667788u, 0x7788),
    MMIO_STORE(SW, 4, 0x1122334455667788u, 0x55667788),
    MMIO_STORE(SD, 8, 0x1122334455667788u, 0x1122334455667788u),
    MMIO_STORE(C_SW, 0x10, 0x11223344f5667788u, 0xf5667788u),
    MMIO_STORE(C_SD, 0x18, 0xf122334455667788u, 0xf122334455667788u),
    PATTERNS_KEPT,
    OUT(SBI_EID_COVG, 1, SBI_SUCCESS, 0, GUEST_MMIO_BASE, 0x1000, 0),
    {.kind = STEP_LOAD_FAULT, .addr = GUEST_MMIO_BASE + 0x1000, .cause = 5},
    STORE(GUEST_SHARED_BASE, GUEST_SECRET),
    STORE(GUEST_SHARED_BASE + 0x1000, GUEST_SECRET + 1),
    CALL(SBI_EID_COVG, 2, SBI_ERR_INVALID_PARAM, 0, GUEST_MMIO_BASE, 0x1000, 0),
    CALL(SBI_EID_DBCN, 0, SBI_ERR_INVALID_PARAM, 0, 16, GUEST_SHARED_BASE, 0),
    OUT(SBI_EID_COVG, 2, SBI_SUCCESS, 0, GUEST_SHARED_BASE, 0x1000, 0),
    LOAD(GUEST_SHARED_BASE + 8, GUEST_FROM_HOST),
    STORE(GUEST_SHARED_BASE + 16, GUEST_TO_HOST),
    {.kind = STEP_WFI, .argument = GUEST_ASKS_SHARED},
    LOAD(GUEST_SHARED_BASE + 0x1000, GUEST_SECRET + 1),
    OUT(SBI_EID_DBCN, 0, SBI_SUCCESS, 16, 16, GUEST_SHARED_BASE, 0),
    OUT(SBI_EID_DBCN, 2, SBI_SUCCESS, 0, '!', 0, 0),
    CALL(SBI_EID_COVG, 3, SBI_ERR_INVALID_PARAM, 0, GUEST_SHARED_BASE + 0x1000, 0x1000, 0),
    OUT(SBI_EID_COVG, 3, SBI_SUCCESS, 0, GUEST_SHARED_BASE, 0x1000, 0),
    LOAD(GUEST_SHARED_BASE + 16, 0),
    CALL(SBI_EID_COVG, 4, SBI_ERR_INVALID_PARAM, 0, 6, 0, 0),
    OUT(SBI_EID_COVG, 4, SBI_SUCCESS, 0, 10, 0, 0),
    {.kind = STEP_WFI, .argument = GUEST_ASKS_INTERRUPT},
    DO(EXTERNAL),
    OUT(SBI_EID_COVG, 5, SBI_SUCCESS, 0, 10, 0, 0),
    CALL(SBI_EID_TIME, 0, SBI_SUCCESS, 0, 0, 0, 0),
    DO(TIMER),
    DO(SPIN),
    PATTERNS_KEPT,
    REPORT(GUEST_RESULT_OK),
    END,

    /* Made out of the host's memory: its pages come by themselves, and sharing is one answer of the host. */
    SCRIPT(PROMOTED),
    PATTERNS,
    REPORT_DEVICE,
    STORE(GUEST_DATA_BASE + 8, GUEST_SECRET),
    LOAD(GUEST_DATA_BASE + 0x1000, 0),
    STORE(GUEST_SHARED_BASE, GUEST_SECRET),
    OUT(SBI_EID_COVG, 2, SBI_SUCCESS, 0, GUEST_SHARED_BASE, 0x1000, 0),
    LOAD(GUEST_SHARED_BASE + 8, GUEST_FROM_HOST),
    STORE(GUEST_SHARED_BASE + 16, GUEST_TO_HOST),
    {.kind = STEP_WFI, .argument = GUEST_ASKS_SHARED},
    OUT(SBI_EID_COVG, 3, SBI_SUCCESS, 0, GUEST_SHARED_BASE, 0x1000, 0),
    LOAD(GUEST_SHARED_BASE + 16, 0),
    LOAD(GUEST_DATA_BASE + 8, GUEST_SECRET),
    HSM(2, SBI_SUCCESS, SBI_HSM_STOPPED, 1, 0, 0),
    HSM_START(1, VCPU1_AGAIN),
    DO(WFI),
    LOAD(ACK(1), 2),
    DO(TIMER),
    PATTERNS_KEPT,
    REPORT(GUEST_RESULT_OK),
    END,

    SCRIPT(PAIR_A),
    PATTERNS,
    STORE(GUEST_DATA_BASE, 0),
    STORE(GUEST_DATA_BASE + 0x1000, 0),
    {.kind = STEP_OWN, .addr = GUEST_DATA_BASE, .value = 0xaaaa000000000000u, .argument = 100},
    PATTERNS_KEPT,
    REPORT(GUEST_RESULT_OK),
    END,

    SCRIPT(PAIR_B),
    PATTERNS,
    REPORT_DEVICE,
    {.kind = STEP_OWN, .addr = GUEST_DATA_BASE, .value = 0xbbbb000000000000u, .argument = 100},
    PATTERNS_KEPT,
    REPORT(GUEST_RESULT_OK),
    END,

    SCRIPT(STORM0),
    STORE(DONE, 0),
    HSM_START(1, STORM1),
    HSM_START(2, STORM1),
    HSM_START(3, STORM1),
    DO(WFI),
    PATTERNS,
    {.kind = STEP_STORM, .addr = DONE, .value = 4, .argument = 100, .cause = 0xf},
    PATTERNS_KEPT,
    REPORT(GUEST_RESULT_OK),
    END,

    SCRIPT(STORM1),
    PATTERNS,
    {.kind = STEP_STORM, .addr = DONE, .value = 4, .argument = 100, .cause = 0xf},
    PATTERNS_KEPT,
    REPORT(GUEST_RESULT_OK),
    END,

    SCRIPT(COUNT),
};

const struct guest_step *guest_script(uint64_t number)
{
    const struct guest_step *s = scripts;
    while (s->kind != STEP_SCRIPT || (s->value != number && s->value != GUEST_SCRIPT_COUNT))
        s++;
    return s + 1;
}
