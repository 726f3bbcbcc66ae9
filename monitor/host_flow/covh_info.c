/* SPDX-License-Identifier: Apache-2.0 */
/* COVH get_tsm_info: what this monitor is and what a TVM costs. */
#include "monitor/core/address.h"
#include "monitor/core/boot.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

#define TSM_INFO_ALIGN 4u

struct decision covh_get_tsm_info(struct hart *h, const struct sbi_args *args)
{
    struct nonconf_addr buffer;
    if (args->a[1] < sizeof(struct tsm_info))
        return decide_error(SBI_ERR_INVALID_PARAM);
    if (!nonconf_range(h->monitor, (struct hpa){args->a[0]}, sizeof(struct tsm_info), TSM_INFO_ALIGN, &buffer))
        return decide_error(SBI_ERR_INVALID_ADDRESS);

    /* Every member is named, the reserved word too: nothing of the monitor's stack goes out. */
    struct tsm_info info = {.tsm_state = TSM_LOADED, .reserved = 0};
    if (monitor_is_ready(h->monitor)) {
        info.tsm_state = TSM_READY;
        info.tsm_impl_id = TSM_IMPL_ID;
        info.tsm_version = TSM_VERSION;
        info.tsm_capabilities = TSM_CAP_MEMORY_ALLOCATION | TSM_CAP_PROMOTE_TVM;
        info.tvm_state_pages = TVM_STATE_PAGES;
        info.tvm_max_vcpus = TVM_MAX_VCPUS;
        info.tvm_vcpu_state_pages = TVM_VCPU_STATE_PAGES;
    }
    hal_untrusted_write(h, buffer, &info, sizeof(info));
    return decide_success(sizeof(info));
}
