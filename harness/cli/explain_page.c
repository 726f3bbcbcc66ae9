/* SPDX-License-Identifier: Apache-2.0 */
/* A picture of the owners of frames before and after, as SVG that needs nothing else; see explain.h. */
#include "harness/cli/explain.h"

#include "harness/oracles/oracle.h"

#define CELL 14u
#define ROW 32u
#define FRAMES_LEAST 32u
#define FRAMES_MOST 512u

static const char *const colours[] = {
    [PAGE_NONCONF] = "#d9d9d9",    [PAGE_CONVERTING] = "#ffe08a", [PAGE_CONF_FREE] = "#b7e1b0",
    [PAGE_TVM_ROOT] = "#7b5ea7",   [PAGE_TVM_STATE] = "#a98bd0",  [PAGE_VCPU_STATE] = "#d3bdf0",
    [PAGE_TABLE_POOL] = "#9fc5e8", [PAGE_TABLE] = "#5b9bd5",      [PAGE_DATA] = "#e8795a",
    [PAGE_BLOCKED] = "#b03a2e",    [PAGE_RESERVE] = "#f5c6b8",    [PAGE_BUSY] = "#000000"};

#define COLOURS (sizeof(colours) / sizeof(colours[0]))

static bool differs(const struct picture *b, const struct picture *a, uint32_t n)
{
    return b->record[n].state != a->record[n].state || b->record[n].owner != a->record[n].owner;
}

/* Frames up to the last one that is not the host's, in whole rows. */
static uint32_t frames_that_matter(const struct picture *b, const struct picture *a)
{
    uint32_t last = FRAMES_LEAST - 1;

    for (uint32_t n = 0; n < a->pages && n < FRAMES_MOST; n++) {
        if (a->record[n].state != PAGE_NONCONF || b->record[n].state != PAGE_NONCONF)
            last = n > last ? n : last;
    }
    return (last / ROW + 1) * ROW < a->pages ? (last / ROW + 1) * ROW : a->pages;
}

static void draw_frames(FILE *out, const struct picture *p, const struct picture *b, const struct picture *a,
                        uint32_t frames, uint32_t left)
{
    for (uint32_t n = 0; n < frames; n++) {
        const struct page_record *r = &p->record[n];

        fprintf(
            out,
            "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill=\"%s\" stroke=\"%s\"><title>win[%u]: %s%s</title>"
            "</rect>\n",
            left + n % ROW * CELL, 20 + n / ROW * CELL, CELL - 2, CELL - 2,
            colours[r->state < COLOURS ? r->state : PAGE_BUSY], differs(b, a, n) ? "#000" : "none", n,
            page_state_name(r->state), differs(b, a, n) ? ", changes in this step" : "");
    }
}

void picture_draw(FILE *out, const struct picture *before, const struct picture *after)
{
    uint32_t frames = frames_that_matter(before, after);
    uint32_t width = ROW * CELL, height = 20 + (frames + ROW - 1) / ROW * CELL;

    fprintf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" role=\"img\" font-family=\"sans-serif\" "
        "font-size=\"11\">\n<text x=\"0\" y=\"12\">before</text><text x=\"%u\" y=\"12\">after</text>\n",
        2 * width + 30, height + 46, width + 30);
    draw_frames(out, before, before, after, frames, 0);
    draw_frames(out, after, before, after, frames, width + 30);
    for (uint32_t state = 0; state < COLOURS; state++)
        fprintf(out,
                "<rect x=\"%u\" y=\"%u\" width=\"11\" height=\"11\" fill=\"%s\"/><text x=\"%u\" y=\"%u\">%s</text>\n",
                state % 6 * 150, height + 8 + state / 6 * 18, colours[state], state % 6 * 150 + 16,
                height + 17 + state / 6 * 18, page_state_name(state));
    fputs("</svg>\n", out);
}
