/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LIV: the monitor stays alive and uses its primitives as their contract says. The machine notices; this file turns
 * what it noticed into a finding. Broken fence rules belong to ORD and are graded there.
 */
#include "harness/oracles/oracle.h"

struct rule {
    uint32_t oracle;
    enum severity severity;
    const char *property;
};

static const struct rule rules[] = {
    [VIOLATION_FATAL] = {ORACLE_LIV, S3_AVAILABILITY, "fatal"},
    [VIOLATION_LOCK] = {ORACLE_LIV, S3_AVAILABILITY, "lock"},
    [VIOLATION_BUDGET] = {ORACLE_LIV, S3_AVAILABILITY, "budget"},
    [VIOLATION_BAD_ACCESS] = {ORACLE_LIV, S2_MEMORY_SAFETY, "bad-access"},
    [VIOLATION_PMP_UNFENCED] = {ORACLE_ORD, S0_CONFIDENTIALITY, "pmp-unfenced"},
    [VIOLATION_HGATP_UNFENCED] = {ORACLE_ORD, S1_ISOLATION, "hgatp-unfenced"},
    [VIOLATION_DEADLOCK] = {ORACLE_LIV, S3_AVAILABILITY, "deadlock"},
    [VIOLATION_WAKE_UP] = {ORACLE_LIV, S3_AVAILABILITY, "wake-up"},
    [VIOLATION_WORLD_STATE] = {ORACLE_LIV, S1_ISOLATION, "world-state"},
};

void liv_after(struct world *w)
{
    struct machine_violation *v = &w->machine->violation;

    if (v->kind == VIOLATION_NONE)
        return;
    const struct rule *rule = &rules[v->kind];
    oracle_report(w, rule->oracle, rule->severity, rule->property, "hart %u: %s", v->hart, v->text);
    machine_violation_clear(w->machine);
}
