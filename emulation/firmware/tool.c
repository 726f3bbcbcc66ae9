/* SPDX-License-Identifier: Apache-2.0 */
/* How firmware_replay tells what it saw; see tool.h. */
#include "emulation/firmware/tool.h"

#include <inttypes.h>
#include <string.h>

const char *tool_firmware_folder(const char *given)
{
    static char folder[4096];

    if (given != NULL)
        return given;
    const char *source = source_folder();
    if (source == NULL)
        return NULL;
    snprintf(folder, sizeof(folder), "%s/build/firmware", source);
    return folder;
}

static void operation(char *text, size_t max, const struct trace *t, const struct lockstep_result *r)
{
    if (r->start)
        snprintf(text, max, "boot");
    else
        trace_print_op(text, max, &t->op[r->step], NULL);
}

static bool seen_differs(const struct lockstep_result *r)
{
    return !r->start && !same_result(&r->host, &r->other);
}

static void tell_seen(const char *who, const struct trace *t, const struct lockstep_result *r,
                      const struct step_result *seen)
{
    printf("    %s ", who);
    print_step(stdout, &t->op[r->step], seen);
    putchar('\n');
}

void tool_tell_difference(const char *name, const struct trace *t, const struct lockstep_result *r)
{
    const struct machine_difference *d = &r->difference;
    char text[1024];

    operation(text, sizeof(text), t, r);
    printf("%sDIFFERS%s %s\n  step %u: %s\n", cli_colour("red"), cli_colour("off"), name, r->step, text);
    if (d->host != d->other)
        printf("  %s: host 0x%" PRIx64 ", firmware 0x%" PRIx64 "\n", d->field, d->host, d->other);
    if (seen_differs(r)) {
        tell_seen("host    ", t, r, &r->host);
        tell_seen("firmware", t, r, &r->other);
    }
    if (d->note[0] != '\0')
        printf("  firmware: %s\n", d->note);
}

void tool_json_difference(const struct trace *t, const struct lockstep_result *r)
{
    char text[1024];

    operation(text, sizeof(text), t, r);
    printf("\"step\":%u,\"operation\":", r->step);
    cli_json_string(stdout, text);
    fputs(",\"field\":", stdout);
    cli_json_string(stdout, r->difference.field);
    printf(",\"host\":\"0x%" PRIx64 "\",\"firmware\":\"0x%" PRIx64 "\",\"note\":", r->difference.host,
           r->difference.other);
    cli_json_string(stdout, r->difference.note);
}
