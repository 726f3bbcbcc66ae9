/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI IPI for the host (SBI v2.0, chapter 7). A target that runs a TVM takes the supervisor software interrupt as an
 * exit, so the host always gets its hart back.
 */
#include "monitor/core/ipi.h"
#include "monitor/host_flow/handlers.h"

struct decision ipi_send(struct hart *h, const struct sbi_args *args)
{
    struct hart_set targets;
    if (!hart_set_from_sbi(h->monitor, args->a[0], args->a[1], &targets))
        return decide_error(SBI_ERR_INVALID_PARAM);
    ipi_send_ssip(h, targets);
    return decide_success(0);
}
