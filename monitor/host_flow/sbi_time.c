/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI TIME for the host (SBI v2.0, chapter 6), on stimecmp. A guest's timer is vstimecmp and stays untouched.
 */
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

struct decision time_set_timer(struct hart *h, const struct sbi_args *args)
{
    hal_host_timer_set(h, args->a[0]);
    return decide_success(0);
}
