/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hunt leaves behind when the monitor takes the whole process down or never comes back: the input that did it.
 */
#ifndef TOUCHSTONE_HARNESS_CLI_LASTWORDS_H
#define TOUCHSTONE_HARNESS_CLI_LASTWORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LASTWORDS_HANG_SECONDS 10 /* of processor time in a row without an input finished */

struct lastwords {
    const uint8_t *bytes; /* the input that runs now */
    const size_t *size;
    const uint64_t *executions;
    const char *folder; /* of findings; crash-<hash>.tst or hang-<hash>.tst is written there first */
    bool json;
    bool raw;           /* do not shorten it */
    const char *engine; /* who found it, and with which command line */
    const char *command;
};

/*
 * From now on a fatal signal, or LASTWORDS_HANG_SECONDS without lastwords_alive, writes the input and one line (JSON if
 * wanted, like a hunt that found something), and ends the process with CLI_FINDING. The input becomes a finding like any other. `words` has to stay valid.
 */
void lastwords_arm(const struct lastwords *words);

/* Inputs are still being finished. Cheap enough to be called now and then, not for each of them. */
void lastwords_alive(void);

/* Back to normal: what dies from here on is not the monitor. */
void lastwords_disarm(void);

#endif
