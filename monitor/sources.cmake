# SPDX-License-Identifier: Apache-2.0
#
# The sources of the monitor that do not know what they run on: one list for the host library and the firmware.

touchstone_sources(monitor_sources
    monitor/core/*.c
    monitor/host_flow/*.c
    monitor/guest_flow/*.c
    monitor/crossing/*.c)
