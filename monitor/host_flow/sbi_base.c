/* SPDX-License-Identifier: Apache-2.0 */
/* SBI BASE for the host (SBI v2.0, chapter 4). */
#include "monitor/core/route.h"
#include "monitor/host_flow/handlers.h"

struct decision base_get_spec_version(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(SBI_SPEC_VERSION);
}

struct decision base_get_impl_id(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(SBI_IMPL_ID);
}

struct decision base_get_impl_version(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(SBI_IMPL_VERSION);
}

struct decision base_probe_extension(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    switch (args->a[0]) {
    case SBI_EID_BASE:
    case SBI_EID_TIME:
    case SBI_EID_IPI:
    case SBI_EID_RFENCE:
    case SBI_EID_HSM:
    case SBI_EID_SRST:
    case SBI_EID_DBCN:
    case SBI_EID_NACL:
    case SBI_EID_SUPD:
    case SBI_EID_COVH: return decide_success(1);
    default: return decide_success(0);
    }
}

struct decision base_get_mvendorid(struct hart *h, const struct sbi_args *args)
{
    (void)args;
    return decide_success(h->monitor->platform.mvendorid);
}

struct decision base_get_marchid(struct hart *h, const struct sbi_args *args)
{
    (void)args;
    return decide_success(h->monitor->platform.marchid);
}

struct decision base_get_mimpid(struct hart *h, const struct sbi_args *args)
{
    (void)args;
    return decide_success(h->monitor->platform.mimpid);
}
