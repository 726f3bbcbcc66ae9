/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of cells: made from matrix_cells.def, counted up by observers.
 */
#include "harness/cli/matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct matrix_cell listed[] = {
/* Members in order: group, row, column, source, reason. */
#define CELL(in_group, in_row, in_column, from) {(in_group), (in_row), (in_column), (from), NULL, 0, 0, NULL},
#define UNREACHABLE(in_group, in_row, in_column, from, why)                                                            \
    {(in_group), (in_row), (in_column), (from), (why), 0, 0, NULL},
#include "harness/cli/matrix_cells.def"
#undef CELL
#undef UNREACHABLE
};

#define LISTED (sizeof(listed) / sizeof(listed[0]))

static bool same_name(const struct matrix_cell *c, const char *group, const char *row, const char *column)
{
    return strcmp(c->row, row) == 0 && strcmp(c->column, column) == 0 && strcmp(c->group, group) == 0;
}

bool matrix_create(struct matrix *x)
{
    for (size_t i = 0; i < LISTED; i++) {
        for (size_t k = i + 1; k < LISTED; k++) {
            if (!same_name(&listed[k], listed[i].group, listed[i].row, listed[i].column))
                continue;
            fprintf(stderr, "touchstone: matrix_cells.def: %s %s %s is there twice\n", listed[i].group, listed[i].row,
                    listed[i].column);
            return false;
        }
    }
    *x = (struct matrix){.cell = malloc(sizeof(listed)), .cells = LISTED};
    if (x->cell == NULL) {
        fputs("touchstone: no memory for the matrix\n", stderr);
        return false;
    }
    memcpy(x->cell, listed, sizeof(listed));
    return true;
}

void matrix_destroy(struct matrix *x)
{
    free(x->cell);
    x->cell = NULL;
}

/* False when the cell is not in the table. */
static bool count_up(struct matrix *x, const char *group, const char *row, const char *column)
{
    for (size_t i = 0; i < x->cells; i++) {
        struct matrix_cell *c = &x->cell[i];

        if (!same_name(c, group, row, column))
            continue;
        if (c->last != x->file) {
            if (c->seeds++ == 0)
                c->file = x->path;
            c->last = x->file;
        }
        return true;
    }
    return false;
}

void matrix_hit_if_listed(struct matrix *x, const char *group, const char *row, const char *column)
{
    count_up(x, group, row, column);
}

void matrix_hit(struct matrix *x, const char *group, const char *row, const char *column)
{
    char name[3 * MATRIX_NAME];

    if (count_up(x, group, row, column) || x->surprises == MATRIX_MAX_SURPRISES)
        return;
    snprintf(name, sizeof(name), "%s: %s: %s", group, row, column);
    for (size_t i = 0; i < x->surprises; i++) {
        if (strcmp(x->surprise[i].name, name) == 0)
            return;
    }
    memcpy(x->surprise[x->surprises].name, name, sizeof(name));
    x->surprise[x->surprises++].file = x->path;
}

unsigned matrix_wanted(const char *group)
{
    return strcmp(group, "call") == 0 ? 2 : 1;
}

bool matrix_is_missing(const struct matrix_cell *cell)
{
    return cell->reason == NULL && cell->seeds < matrix_wanted(cell->group);
}

bool matrix_is_refuted(const struct matrix_cell *cell)
{
    return cell->reason != NULL && cell->seeds != 0;
}
