/* SPDX-License-Identifier: Apache-2.0 */
/* SUPD for the host: the hosting domain and the one confidential domain. */
#include "monitor/host_flow/handlers.h"

struct decision supd_get_active_domains(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(COVE_ACTIVE_DOMAINS);
}
