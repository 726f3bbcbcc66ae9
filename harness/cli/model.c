/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone model: would the corpora notice if a rule of the interface were another one?
 *
 * The reference model has its rules by name (harness/oracles/ref_rules.def). Each is turned around in turn, and the
 * traces are replayed against the real monitor until model and monitor disagree. A rule that nothing notices is either
 * tested by no trace or has no effect: both are worth knowing, and the command fails.
 */
#include "harness/cli/cli.h"
#include "harness/oracles/ref.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#define TEXT_MAX 160u

/* Traces once decoded, worlds once made. */
struct replay {
    struct world_pool pool;
    struct corpus corpus;
    size_t last; /* entry that noticed the rule before: its neighbours often notice the next one */
};

/* Does trace `entry` make the model, with `rule` turned around, disagree? */
static bool notices(struct replay *r, size_t entry, uint32_t rule)
{
    static struct trace trace;

    trace_decode(&trace, r->corpus.entry[entry].bytes, r->corpus.entry[entry].size);
    struct world *w = pool_take(&r->pool, &trace);
    if (w == NULL)
        return false;
    ref_flip(w, rule);
    bool silent = world_run(w, &trace);
    ref_flip(w, REF_NO_RULE);
    return !silent;
}

/* A rule behind which another one refuses with the same error whenever it would: no trace can tell. */
static const char *shadowed(uint32_t rule)
{
    if (rule == 3 * ROW_run_tvm_vcpu)
        return "no vCPU can be run before finalize_tvm, and the answer to that is the same";
    return NULL;
}

/* Index of a trace that notices the rule, or corpus.count. */
static size_t find(struct replay *r, uint32_t rule)
{
    for (size_t i = 0; i < r->corpus.count; i++) {
        size_t entry = (r->last + i) % r->corpus.count;
        if (notices(r, entry, rule)) {
            r->last = entry;
            return entry;
        }
    }
    return r->corpus.count;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static int judge(struct replay *r, bool json)
{
    uint32_t rules = 0, noticed = 0;
    char text[TEXT_MAX];

    if (json)
        printf("{\"schema\":\"touchstone-fragment/1\",\"kind\":\"model\",\"rules\":[");
    for (uint32_t rule = 0; rule < RULE_COUNT && !interrupted(); rule++) {
        if (ref_rule_text(rule, text, sizeof(text)) == NULL || shadowed(rule) != NULL)
            continue;
        size_t entry = find(r, rule);
        bool found = entry < r->corpus.count;
        const char *name = found ? base_name(r->corpus.entry[entry].name) : "";
        if (json) {
            printf("%s{\"rule\":", rules > 0 ? "," : "");
            cli_json_string(stdout, text);
            printf(",\"noticed_by\":");
            cli_json_string(stdout, name);
            printf("}");
        } else {
            printf("%s%s%s  %s%s%s\n", found ? "" : cli_colour("red"), found ? "noticed" : "SILENT ", cli_colour("off"),
                   text, found ? "  <- " : "", name);
        }
        rules++;
        noticed += found;
    }
    if (json)
        printf("],\"noticed\":%" PRIu32 ",\"count\":%" PRIu32 "}\n", noticed, rules);
    else
        printf("%" PRIu32 " rules turned around, %" PRIu32 " noticed\n", rules, noticed);
    return interrupted() ? CLI_INTERRUPTED : noticed == rules ? CLI_CLEAN : CLI_MISMATCH;
}

int cmd_model(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct replay r = {.pool = {.oracles = ORACLE_REF}};
    bool json = false;
    int code = CLI_CLEAN;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option != 'j')
            return CLI_USAGE;
        json = true;
    }
    if (optind == argc)
        return cli_usage(command, "no file or folder given");
    for (int i = optind; i < argc; i++)
        code = cli_worse(code, corpus_load(&r.corpus, argv[i]));
    for (size_t i = 0; code == CLI_CLEAN && i < r.corpus.count; i++)
        if (notices(&r, i, REF_NO_RULE))
            code =
                cli_error(CLI_FINDING, "%s: the model as it is disagrees; see touchstone run", r.corpus.entry[i].name);
    interrupts_catch();
    if (code == CLI_CLEAN)
        code = judge(&r, json);
    corpus_free(&r.corpus);
    pool_free(&r.pool);
    return code;
}
