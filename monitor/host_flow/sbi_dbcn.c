/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI DBCN for the host (SBI v2.0, chapter 12). The buffer must be host-usable RAM as a whole: a console that
 * would read or write elsewhere is a way into the monitor. One call moves at most DBCN_MAX_BYTES; the value says how
 * many it did, and the host calls again.
 */
#include "monitor/core/address.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

#define DBCN_MAX_BYTES 4096u
#define DBCN_CHUNK 64u

static bool buffer_valid(const struct hart *h, const struct sbi_args *args, struct nonconf_addr *buffer)
{
    return args->a[2] == 0 && nonconf_range(h->monitor, (struct hpa){args->a[1]}, args->a[0], 1, buffer);
}

static uint64_t bounded(uint64_t len)
{
    return len < DBCN_MAX_BYTES ? len : DBCN_MAX_BYTES;
}

struct decision dbcn_console_write(struct hart *h, const struct sbi_args *args)
{
    struct nonconf_addr buffer;
    if (args->a[0] == 0)
        return decide_success(0);
    if (!buffer_valid(h, args, &buffer))
        return decide_error(SBI_ERR_INVALID_PARAM);

    uint64_t len = bounded(args->a[0]);
    uint8_t chunk[DBCN_CHUNK];
    for (uint64_t done = 0; done < len; done += DBCN_CHUNK) {
        uint64_t n = len - done < DBCN_CHUNK ? len - done : DBCN_CHUNK;
        hal_untrusted_read(h, chunk, (struct nonconf_addr){buffer.value + done}, n);
        for (uint64_t i = 0; i < n; i++)
            hal_console_put(h, chunk[i]);
    }
    return decide_success(len);
}

struct decision dbcn_console_read(struct hart *h, const struct sbi_args *args)
{
    struct nonconf_addr buffer;
    if (args->a[0] == 0)
        return decide_success(0);
    if (!buffer_valid(h, args, &buffer))
        return decide_error(SBI_ERR_INVALID_PARAM);

    uint64_t len = bounded(args->a[0]);
    uint64_t done = 0;
    while (done < len) {
        int c = hal_console_get(h);
        if (c < 0)
            break;
        uint8_t byte = (uint8_t)c;
        hal_untrusted_write(h, (struct nonconf_addr){buffer.value + done}, &byte, 1);
        done++;
    }
    return decide_success(done);
}

struct decision dbcn_console_write_byte(struct hart *h, const struct sbi_args *args)
{
    hal_console_put(h, (uint8_t)args->a[0]);
    return decide_success(0);
}
