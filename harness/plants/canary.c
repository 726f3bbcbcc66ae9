/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters behind canary.h: two 64-bit words in the file that TOUCHSTONE_CANARY names, mapped so that they survive a
 * crash of the process. Linked into builds of planted monitors only.
 */
#include "harness/plants/canary.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define COUNTERS 2

static uint64_t nowhere[COUNTERS];
static uint64_t *counters = nowhere;

__attribute__((constructor)) static void open_counters(void)
{
    const char *path = getenv("TOUCHSTONE_CANARY");
    int fd = path && *path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;

    if (fd < 0)
        return;
    if (ftruncate(fd, sizeof(nowhere)) == 0) {
        void *mapped = mmap(NULL, sizeof(nowhere), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (mapped != MAP_FAILED)
            counters = mapped;
    }
    close(fd);
}

void touchstone_plant_count(int which)
{
    if (which >= 0 && which < COUNTERS)
        counters[which]++;
}
