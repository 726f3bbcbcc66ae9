/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NACL for the host: no feature of nested acceleration, only the mailbox of each hart that CoVE needs (SBI v2.0,
 * chapter 15). The mailbox is host memory outside the window, so a page of it can never become confidential.
 */
#include "monitor/core/address.h"
#include "monitor/host_flow/handlers.h"

struct decision nacl_probe_feature(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(0);
}

struct decision nacl_set_shmem(struct hart *h, const struct sbi_args *args)
{
    uint64_t lo = args->a[0];
    uint64_t hi = args->a[1];
    struct nonconf_addr shmem;
    if (args->a[2] != 0)
        return decide_error(SBI_ERR_INVALID_PARAM);
    if (lo == NACL_SHMEM_NONE && hi == NACL_SHMEM_NONE) {
        h->shmem_set = false;
        return decide_success(0);
    }
    if ((lo & PAGE_MASK) != 0)
        return decide_error(SBI_ERR_INVALID_PARAM);
    if (hi != 0 || !nonconf_range(h->monitor, (struct hpa){lo}, NACL_SHMEM_SIZE, PAGE_SIZE, &shmem))
        return decide_error(SBI_ERR_INVALID_ADDRESS);
    h->shmem = shmem;
    h->shmem_set = true;
    return decide_success(0);
}
