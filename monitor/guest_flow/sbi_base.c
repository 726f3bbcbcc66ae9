/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI BASE for a guest: answered here, never shown to the host. Only what is served to guests is reported, and the
 * machine ids are zero so that a guest learns nothing the host could use to tell monitors apart through it.
 */
#include "monitor/guest_flow/handlers.h"

struct decision guest_base_get_spec_version(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(SBI_SPEC_VERSION);
}

struct decision guest_base_get_impl_id(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(SBI_IMPL_ID);
}

struct decision guest_base_get_impl_version(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(SBI_IMPL_VERSION);
}

struct decision guest_base_probe_extension(struct hart *h, const struct sbi_args *args)
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
    case SBI_EID_COVG: return decide_success(1);
    default: return decide_success(0);
    }
}

struct decision guest_base_get_mvendorid(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(0);
}

struct decision guest_base_get_marchid(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(0);
}

struct decision guest_base_get_mimpid(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(0);
}
