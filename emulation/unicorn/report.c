/* SPDX-License-Identifier: Apache-2.0 */
/* Writers of the result; see report.h. */
#include "emulation/unicorn/report.h"

#include <inttypes.h>

static void text_matrix(FILE *out, const struct findings *f)
{
    fprintf(out, "%-40s %8s %7s", "edge", "replays", "pairs");
    for (unsigned e = 0; e < ELEMENT_COUNT; e++)
        fprintf(out, " %8s", element_columns[e]);
    fprintf(out, "\n");
    for (unsigned edge = 0; edge < EDGE_COUNT; edge++) {
        fprintf(out, "%-40s %8" PRIu64 " %7" PRIu64, edge_names[edge], f->replays[edge], f->pairs[edge]);
        for (unsigned e = 0; e < ELEMENT_COUNT; e++) {
            if (f->violated[edge][e] != 0)
                fprintf(out, " %7" PRIu64 "!", f->violated[edge][e]);
            else
                fprintf(out, " %8s", f->checked[edge][e] != 0 ? "ok" : "-");
        }
        fprintf(out, "\n");
    }
}

void report_text(FILE *out, const struct findings *f, const struct measurements *m)
{
    text_matrix(out, f);
    for (uint32_t i = 0; i < f->listed; i++) {
        const struct violation *v = &f->list[i];
        fprintf(out, "violation: %s: %s: %s: %s (%" PRIu64 " times, first in replay %" PRIu64 ")\n",
                edge_names[v->edge], element_names[v->element], v->what, v->detail, v->count, v->replay);
    }
    if (f->listed == MAX_VIOLATIONS)
        fprintf(out, "further kinds of violation are only counted\n");
    if (m->slow_steps != 0)
        fprintf(out, "slow mode, untouched text: %" PRIu64 " steps, %" PRIu64 " with another outcome than fast mode\n",
                m->slow_steps, m->slow_differ);
    for (unsigned i = 0; i < PATH_COSTS; i++) {
        const struct path_cost *c = &m->costs[i];
        if (c->instructions != 0)
            fprintf(out, "%s: %" PRIu64 " instructions for %" PRIu64 " registers and CSRs moved\n", c->name,
                    c->instructions, c->elements);
    }
    fprintf(out, "causes raised: %d exceptions and %d interrupts of the guest, %d and %d of the host\n",
            __builtin_popcountll(f->causes[1][0]), __builtin_popcountll(f->causes[1][1]),
            __builtin_popcountll(f->causes[0][0]), __builtin_popcountll(f->causes[0][1]));
    fprintf(out, "words of a guest left on the stack of the monitor after an exit: %" PRIu64 "\n", f->stack_residue);
    if (m->pair_runs_per_cpu_second > 0)
        fprintf(out,
                "pairs: %" PRIu64 " out of %" PRIu64 " runs of exit and entry, up to %u of them with one reference; "
                "%.0f runs per CPU-second at best, %.0f on average\n",
                findings_total_pairs(f), f->pair_runs, GROUP_PAIRS, m->pair_runs_per_cpu_second,
                m->pair_runs_per_cpu_second_mean);
    fprintf(out, "switch replay: %" PRIu64 " replays, %" PRIu64 " pairs, %" PRIu64 " violations, seed %" PRIu64,
            findings_total_replays(f), findings_total_pairs(f), findings_total_violations(f), m->seed);
    if (m->replays_per_cpu_second > 0)
        fprintf(out, ", %.0f replays per CPU-second", m->replays_per_cpu_second);
    if (m->pairs_per_cpu_second > 0)
        fprintf(out, ", %.0f pairs per CPU-second at best, %.0f on average", m->pairs_per_cpu_second,
                m->pairs_per_cpu_second_mean);
    fprintf(out, "\n");
}

static void json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

/* One row of the matrix: how often each element was compared on this edge, and how often it was wrong. */
static void json_edge_elements(FILE *out, const struct findings *f, unsigned edge)
{
    fprintf(out, ",\n     \"elements\": {");
    for (unsigned e = 0; e < ELEMENT_COUNT; e++) {
        fprintf(out, "%s", e == 0 ? "" : ", ");
        json_string(out, element_names[e]);
        fprintf(out, ": {\"checked\": %" PRIu64 ", \"violated\": %" PRIu64 "}", f->checked[edge][e],
                f->violated[edge][e]);
    }
    fprintf(out, "}");
}

static void json_edges(FILE *out, const struct findings *f)
{
    for (unsigned edge = 0; edge < EDGE_COUNT; edge++) {
        fprintf(out, "%s\n    {\"edge\": ", edge == 0 ? "" : ",");
        json_string(out, edge_names[edge]);
        fprintf(out, ", \"replays\": %" PRIu64 ", \"pairs\": %" PRIu64 ", \"violations\": %" PRIu64, f->replays[edge],
                f->pairs[edge], f->violations[edge]);
        json_edge_elements(out, f, edge);
        fprintf(out, "}");
    }
}

static void json_elements(FILE *out, const struct findings *f)
{
    for (unsigned e = 0; e < ELEMENT_COUNT; e++) {
        uint64_t checked = 0, violated = 0;
        for (unsigned edge = 0; edge < EDGE_COUNT; edge++) {
            checked += f->checked[edge][e];
            violated += f->violated[edge][e];
        }
        fprintf(out, "%s\n    {\"element\": ", e == 0 ? "" : ",");
        json_string(out, element_names[e]);
        fprintf(out, ", \"column\": ");
        json_string(out, element_columns[e]);
        fprintf(out, ", \"checks\": %" PRIu64 ", \"violations\": %" PRIu64 "}", checked, violated);
    }
}

static void json_violations(FILE *out, const struct findings *f)
{
    for (uint32_t i = 0; i < f->listed; i++) {
        const struct violation *v = &f->list[i];
        fprintf(out, "%s\n    {\"edge\": ", i == 0 ? "" : ",");
        json_string(out, edge_names[v->edge]);
        fprintf(out, ", \"element\": ");
        json_string(out, element_names[v->element]);
        fprintf(out, ", \"what\": ");
        json_string(out, v->what);
        fprintf(out, ", \"detail\": ");
        json_string(out, v->detail);
        fprintf(out, ", \"count\": %" PRIu64 ", \"first_replay\": %" PRIu64 "}", v->count, v->replay);
    }
}

bool report_json(FILE *out, const struct findings *f, const struct measurements *m)
{
    fprintf(out, "{\n  \"schema\": \"touchstone-fragment/1\",\n  \"kind\": \"switch\",\n  \"seed\": %" PRIu64, m->seed);
    fprintf(out, ",\n  \"edges\": [");
    json_edges(out, f);
    fprintf(out, "\n  ],\n  \"elements\": [");
    json_elements(out, f);
    fprintf(out, "\n  ],\n  \"violations\": [");
    json_violations(out, f);
    fprintf(out, "\n  ],\n  \"slow_steps\": %" PRIu64 ",\n  \"slow_differences\": %" PRIu64, m->slow_steps,
            m->slow_differ);
    fprintf(out, ",\n  \"stack_residue_words\": %" PRIu64, f->stack_residue);
    fprintf(out, ",\n  \"costs\": [");
    for (unsigned i = 0; i < PATH_COSTS; i++) {
        const struct path_cost *c = &m->costs[i];
        if (c->instructions != 0)
            fprintf(out, "%s\n    {\"name\": \"%s\", \"instructions\": %" PRIu64 ", \"elements\": %" PRIu64 "}",
                    i == 0 ? "" : ",", c->name, c->instructions, c->elements);
    }
    fprintf(out, "\n  ]");
    fprintf(out,
            ",\n  \"replays_per_cpu_second\": %.0f,\n  \"pairs_per_cpu_second\": %.0f,\n"
            "  \"pairs_per_cpu_second_mean\": %.0f,\n  \"pairs_per_reference\": %u,\n  \"pair_runs\": %" PRIu64 ",\n"
            "  \"pair_runs_per_cpu_second\": %.0f,\n  \"pair_runs_per_cpu_second_mean\": %.0f\n}\n",
            m->replays_per_cpu_second, m->pairs_per_cpu_second, m->pairs_per_cpu_second_mean, GROUP_PAIRS, f->pair_runs,
            m->pair_runs_per_cpu_second, m->pair_runs_per_cpu_second_mean);
    return ferror(out) == 0;
}
