/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone verify-fix: does a finding still show on this build?
 *
 * All inputs of the finding run again, each in a process of its own: the short one, the one that was found, and the others that
 * were kept. "fixed" needs all of them silent. What was seen is added to the history in bug.json; nothing is removed.
 */
#include "harness/cli/bug.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct verification {
    struct judge *judge;
    const char *findings;
    bool json, again;
    unsigned inputs, silent, same;
    char other[BUG_ID_SIZE]; /* of what else was seen */
};

bool store_find(char *path, size_t max, const char *findings, const char *name)
{
    struct stat info;
    char probe[4200];
    unsigned matches = 0;

    snprintf(probe, sizeof(probe), "%.4000s/bug.json", name);
    if (stat(probe, &info) == 0) {
        snprintf(path, max, "%s", name);
        return true;
    }
    DIR *folder = opendir(findings);
    if (folder == NULL)
        return cli_error(0, "%s: %s", findings, strerror(errno)), false;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        bool whole = strcmp(entry->d_name, name) == 0;

        if (entry->d_name[0] == '.' || (!whole && strstr(entry->d_name, name) == NULL))
            continue;
        matches = whole ? 1 : matches + 1;
        snprintf(path, max, "%.3000s/%s", findings, entry->d_name);
        if (whole)
            break;
    }
    closedir(folder);
    if (matches == 1)
        return true;
    cli_error(0, "%s: %s of that name in %s", name, matches == 0 ? "no finding" : "more than one finding", findings);
    return false;
}

static int look(struct verification *v, const struct bug *b, const char *path)
{
    static struct trace trace;
    static struct verdict seen;
    struct bug now = {0};

    if (access(path, F_OK) != 0)
        return CLI_CLEAN;
    if (!file_is_plain(path) || !trace_open(&trace, path, true))
        return CLI_USAGE;
    judge_renew(v->judge);
    if (!judge_run(v->judge, &trace, false, &seen))
        return CLI_ENVIRONMENT;
    v->inputs++;
    if (!seen.finding.found) {
        v->silent++;
        return CLI_CLEAN;
    }
    bug_identify(&now, &seen);
    if (strcmp(now.id, b->id) == 0)
        v->same++;
    else
        snprintf(v->other, sizeof(v->other), "%s", now.id);
    return CLI_CLEAN;
}

static int look_at_all(struct verification *v, const struct bug *b, const char *folder)
{
    static const char *const names[] = {"min.tst", "input.tst"};
    char path[4400];
    struct dirent **kept = NULL;
    int code = CLI_CLEAN;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%.4000s/%s", folder, names[i]);
        code = cli_worse(code, look(v, b, path));
    }
    snprintf(path, sizeof(path), "%.4000s/inputs", folder);
    int count = scandir(path, &kept, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%.4000s/inputs/%s", folder, kept[i]->d_name);
        if (kept[i]->d_name[0] != '.')
            code = cli_worse(code, look(v, b, path));
        free(kept[i]);
    }
    free(kept);
    if (v->inputs == 0 && code == CLI_CLEAN)
        code = cli_error(CLI_USAGE, "%s: no input in this folder", folder);
    return code;
}

static int record(struct verification *v, struct bug *b, const char *folder, const char **verdict)
{
    static char text[BUG_ID_SIZE + 32];

    snprintf(text, sizeof(text), "%s", v->same != 0 ? "still there" : "fixed");
    if (v->same == 0 && v->other[0] != '\0')
        snprintf(text, sizeof(text), "other finding: %s", v->other);
    *verdict = text;
    if (!bug_add_event(b, "verified", text))
        return CLI_ENVIRONMENT;
    if (strcmp(text, "fixed") == 0)
        snprintf(b->status, sizeof(b->status), "fixed");
    else if (strcmp(b->status, "fixed") == 0)
        snprintf(b->status, sizeof(b->status), "open");
    if (!bug_write(b, folder))
        return CLI_ENVIRONMENT;
    return strcmp(text, "fixed") == 0 ? CLI_CLEAN : CLI_FINDING;
}

static int verify(struct verification *v, const char *name)
{
    char folder[4096];
    struct bug b;
    const char *verdict = "";

    v->inputs = v->silent = v->same = 0;
    v->other[0] = '\0';
    if (!store_find(folder, sizeof(folder), v->findings, name) || !bug_read(&b, folder))
        return CLI_USAGE;
    int code = look_at_all(v, &b, folder);

    if (code == CLI_CLEAN)
        code = record(v, &b, folder, &verdict);
    if (*verdict != '\0' && v->json) {
        printf("{\"schema\":\"touchstone-verify/1\",\"id\":");
        cli_json_string(stdout, b.id);
        printf(",\"verdict\":");
        cli_json_string(stdout, verdict);
        printf(",\"inputs\":%u,\"silent\":%u,\"same\":%u}\n", v->inputs, v->silent, v->same);
    } else if (*verdict != '\0') {
        printf("%s: %s%s%s (%u inputs, %u silent, %u show it)\n", b.id, cli_colour(code == CLI_CLEAN ? "green" : "red"),
               verdict, cli_colour("off"), v->inputs, v->silent, v->same);
    }
    bug_free(&b);
    return code;
}

int cmd_verify_fix(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"findings", required_argument, NULL, 'f'}, {"json", no_argument, NULL, 'j'}, {0}};
    struct verification v = {.findings = "findings"};
    int code = CLI_CLEAN;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'f': v.findings = optarg; break;
        case 'j': v.json = true; break;
        default: return CLI_USAGE;
        }
    }
    if (optind == argc)
        return cli_usage(command, "which finding? its id, a part of it, or its folder");
    v.judge = judge_create(ORACLE_ALL);
    if (v.judge == NULL)
        return cli_error(CLI_ENVIRONMENT, "out of memory");
    for (int i = optind; i < argc; i++)
        code = cli_worse(code, verify(&v, argv[i]));
    judge_destroy(v.judge);
    return code;
}
