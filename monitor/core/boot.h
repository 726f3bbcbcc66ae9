/* SPDX-License-Identifier: Apache-2.0 */
/* Start of the monitor and of harts; the entry points for the port are in monitor.h. */
#ifndef TOUCHSTONE_CORE_BOOT_H
#define TOUCHSTONE_CORE_BOOT_H

#include "monitor/core/monitor.h"

/* Are all harts and the devices closed off? Before that only get_tsm_info of the CoVE calls is served. */
bool monitor_is_ready(const struct monitor *m);

#endif
