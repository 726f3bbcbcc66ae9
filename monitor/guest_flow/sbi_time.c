/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI TIME for a guest: the same as writing stimecmp, which it may do itself. The hardware takes its timer interrupt back
 * when the new time lies in the future. The host learns of it by vstimecmp at the next exit.
 */
#include "monitor/guest_flow/handlers.h"
#include "monitor/hal/hal.h"

struct decision guest_time_set_timer(struct hart *h, const struct sbi_args *args)
{
    hal_csr_write(h, WORLD_SLOT_vstimecmp, args->a[0]);
    return decide_success(0);
}
