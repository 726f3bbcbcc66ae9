/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone matrix: which outcome of which call, which exit and which change of state the corpora reach.
 *
 * Replays each trace once and lets observers watch every step. Every wanted cell of matrix_cells.def has to be reached,
 * outcomes of calls by two files; a cell that is marked unreachable must not be, and nothing may be seen that the
 * table does not list. A trace that meets its own expectations is `touchstone run`'s business, not judged here.
 */
#include "harness/cli/matrix.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli.h"

#define MAX_FRAMES 65536u

struct replay {
    struct world_pool pool;
    struct matrix matrix;
    struct matrix_calls calls;
    struct machine_view view[2];
};

static void observe(struct replay *r, const struct world *w, const struct trace_op *op, const struct step_result *seen,
                    struct matrix_step *s)
{
    s->w = w;
    s->op = op;
    s->seen = seen;
    matrix_observe_calls(&r->matrix, &r->calls, s);
    matrix_observe_states(&r->matrix, s);
    matrix_observe_exits(&r->matrix, s);
}

/* Returns an exit code. */
static int replay_trace(struct replay *r, const struct trace *t, const char *path)
{
    struct world *w = pool_world(&r->pool, t);
    struct machine_view *before = &r->view[0], *after = &r->view[1];

    if (w == NULL)
        return cli_error(CLI_ENVIRONMENT, "%s: no memory for the machine this trace asks for", path);
    memset(&r->calls, 0, sizeof(r->calls));
    view_take(before, w->machine);
    for (uint32_t i = next_step(t, 0); i < t->count; i = next_step(t, i + 1)) {
        struct step_result seen = {0};
        struct matrix_step s = {.before = before, .after = after};

        for (unsigned k = 0; k < 8; k++)
            s.a[k] = world_resolve(w, &t->op[i], k);
        w->step = i;
        if (!world_step(w, &t->op[i], &seen))
            return cli_error(CLI_FINDING, "%s: a finding at step %u; see touchstone run", path, i);
        view_take(after, w->machine);
        if (w->failed == NULL) /* what a trace made fail has not been brought about */
            observe(r, w, &t->op[i], &seen, &s);
        struct machine_view *swap = before;
        before = after;
        after = swap;
    }
    return CLI_CLEAN;
}

/* --- output ------------------------------------------------------------------------------------------------- */

struct counts {
    size_t wanted, reached, unreachable, missing, refuted;
};

static struct counts count_cells(const struct matrix *x, const char *group)
{
    struct counts n = {0};

    for (size_t i = 0; i < x->cells; i++) {
        const struct matrix_cell *c = &x->cell[i];

        if (group != NULL && strcmp(c->group, group) != 0)
            continue;
        n.wanted += c->reason == NULL;
        n.unreachable += c->reason != NULL;
        n.missing += matrix_is_missing(c);
        n.refuted += matrix_is_refuted(c);
    }
    n.reached = n.wanted - n.missing;
    return n;
}

static void print_cell(const struct matrix_cell *c)
{
    const char *colour = matrix_is_missing(c) || matrix_is_refuted(c) ? "red" : c->reason != NULL ? "dim" : "green";

    printf("  %s%s%s", cli_colour(colour), c->column, cli_colour("off"));
    if (c->reason == NULL || c->seeds != 0)
        printf(" %u", c->seeds);
    else
        fputs(" -", stdout);
}

static void print_table(const struct matrix *x)
{
    const char *group = "", *row = "";

    for (size_t i = 0; i < x->cells; i++) {
        const struct matrix_cell *c = &x->cell[i];

        if (strcmp(group, c->group) != 0) {
            struct counts n = count_cells(x, c->group);
            printf("%s%s%s%s: %zu of %zu cells\n", i ? "\n\n" : "", cli_colour("bold"), c->group, cli_colour("off"),
                   n.reached, n.wanted);
            group = c->group;
            row = "";
        }
        if (strcmp(row, c->row) != 0)
            printf("%s%-36s", *row ? "\n" : "", c->row);
        row = c->row;
        print_cell(c);
    }
    fputs("\n\n", stdout);
}

static void print_trouble(const struct matrix *x)
{
    for (size_t i = 0; i < x->cells; i++) {
        const struct matrix_cell *c = &x->cell[i];

        if (matrix_is_missing(c) && c->seeds == 0)
            printf("MISSING %s: %s: %s (%s): no seed\n", c->group, c->row, c->column, c->source);
        else if (matrix_is_missing(c))
            printf("MISSING %s: %s: %s (%s): only %s, wanted are %u seeds\n", c->group, c->row, c->column, c->source,
                   c->file, matrix_wanted(c->group));
        if (matrix_is_refuted(c))
            printf("REACHED %s: %s: %s, said to be unreachable, by %s\n", c->group, c->row, c->column, c->file);
    }
    for (size_t i = 0; i < x->surprises; i++)
        printf("NOT LISTED %s: in %s\n", x->surprise[i].name, x->surprise[i].file);
}

static void json_cell(FILE *out, const struct matrix_cell *c, bool first)
{
    fprintf(out, "%s\n{\"group\":", first ? "" : ",");
    cli_json_string(out, c->group);
    fputs(",\"row\":", out);
    cli_json_string(out, c->row);
    fputs(",\"column\":", out);
    cli_json_string(out, c->column);
    fputs(",\"source\":", out);
    cli_json_string(out, c->source);
    fprintf(out, ",\"seeds\":%u,\"wanted\":%u", c->seeds, c->reason == NULL ? matrix_wanted(c->group) : 0);
    if (c->reason != NULL) {
        fputs(",\"unreachable\":", out);
        cli_json_string(out, c->reason);
    }
    fputc('}', out);
}

static void print_json(FILE *out, const struct matrix *x)
{
    struct counts n = count_cells(x, NULL);

    fputs("{\"schema\":\"touchstone-fragment/1\",\"kind\":\"matrix\",\"cells\":[", out);
    for (size_t i = 0; i < x->cells; i++)
        json_cell(out, &x->cell[i], i == 0);
    fputs("],\n\"surprises\":[", out);
    for (size_t i = 0; i < x->surprises; i++) {
        fputs(i ? ",\n" : "\n", out);
        cli_json_string(out, x->surprise[i].name);
    }
    fprintf(out, "],\n\"wanted\":%zu,\"reached\":%zu,\"unreachable\":%zu,\"refuted\":%zu}\n", n.wanted, n.reached,
            n.unreachable, n.refuted);
}

/* --- command ------------------------------------------------------------------------------------------------ */

static int replay_all(struct replay *r, const struct path_list *list)
{
    static struct trace trace;
    int code = CLI_CLEAN;

    for (size_t i = 0; i < list->count; i++) {
        r->matrix.file = (unsigned)i + 1;
        r->matrix.path = list->path[i];
        if (!trace_open(&trace, list->path[i], false))
            code = cli_worse(code, CLI_USAGE);
        else
            code = cli_worse(code, replay_trace(r, &trace, list->path[i]));
    }
    return code;
}

static int show(const struct matrix *x, bool json, bool brief)
{
    struct counts n = count_cells(x, NULL);

    if (json) {
        print_json(stdout, x);
    } else {
        if (!brief)
            print_table(x);
        print_trouble(x);
        printf("%zu of %zu cells reached, %zu unreachable, %zu missing, %zu refuted, %zu not listed\n", n.reached,
               n.wanted, n.unreachable, n.missing, n.refuted, x->surprises);
    }
    return n.missing != 0 || n.refuted != 0 || x->surprises != 0 ? MATRIX_MISSING : CLI_CLEAN;
}

int cmd_matrix(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {"missing", no_argument, NULL, 'm'}, {0}};
    static struct replay r = {.pool = {.oracles = 0}};
    struct path_list list = {0};
    bool json = false, brief = false;
    int code = CLI_CLEAN;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'j': json = true; break;
        case 'm': brief = true; break;
        default: return CLI_USAGE;
        }
    }
    if (optind == argc)
        return cli_usage(command, "no file or folder given");
    for (int i = optind; i < argc; i++)
        code = cli_worse(code, paths_add(&list, argv[i]));
    if (!matrix_create(&r.matrix) || !view_create(&r.view[0], MAX_FRAMES) || !view_create(&r.view[1], MAX_FRAMES))
        code = cli_worse(code, CLI_ENVIRONMENT);
    if (code == CLI_CLEAN)
        code = replay_all(&r, &list);
    if (code == CLI_CLEAN)
        code = show(&r.matrix, json, brief);
    pool_free(&r.pool);
    matrix_destroy(&r.matrix);
    view_destroy(&r.view[0]);
    view_destroy(&r.view[1]);
    paths_free(&list);
    return code;
}
