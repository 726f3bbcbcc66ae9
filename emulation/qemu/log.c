/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output of the payload, straight to the UART: lines of the log must not be SBI calls themselves. Only one hart
 * prints at a time; the other one waits for work.
 */
#include <stdarg.h>

#include "emulation/qemu/payload.h"

#define UART ((volatile uint8_t *)UINT64_C(0x10000000))

static struct {
    uint64_t passed, failed;
} checks;

static void put(char c)
{
    while ((UART[5] & 0x20) == 0)
        ;
    UART[0] = (uint8_t)c;
}

static void put_text(const char *text)
{
    while (*text != '\0')
        put(*text++);
}

static void put_number(uint64_t value, unsigned base)
{
    char digits[20];
    unsigned n = 0;
    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (base == 16)
        put_text("0x");
    while (n > 0)
        put(digits[--n]);
}

static bool left_out; /* lines for the trace */

void log_record(bool on)
{
    left_out = !on;
}

void log_trace(const char *name)
{
    log_record(true);
    print("@trace %s\n", name);
}

void print(const char *format, ...)
{
    va_list args;
    if (format[0] == '@' && left_out)
        return;
    if (format[0] == '@' && format[1] == '+') /* the rest of such a line */
        format += 2;
    va_start(args, format);
    for (const char *p = format; *p != '\0'; p++) {
        if (*p != '%') {
            put(*p);
            continue;
        }
        p++;
        if (*p == 's')
            put_text(va_arg(args, const char *));
        else
            put_number(va_arg(args, uint64_t), *p == 'd' ? 10 : 16);
    }
    va_end(args);
}

static bool count(bool ok)
{
    if (ok)
        checks.passed++;
    else
        checks.failed++;
    return ok;
}

bool check(bool ok, const char *name)
{
    print("[%s] %s\n", ok ? "ok" : "FAIL", name);
    return count(ok);
}

bool check_on_hart(bool ok, const char *when, const char *what)
{
    print("[%s] hart %d, %s: %s\n", ok ? "ok" : "FAIL", (uint64_t)this_hart(), when, what);
    return count(ok);
}

void section(const char *name)
{
    print("## %s\n", name);
}

uint64_t checks_failed(void)
{
    return checks.failed;
}

void check_summary(void)
{
    print("payload: %d passed, %d failed\n", checks.passed, checks.failed);
}
