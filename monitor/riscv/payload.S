/* SPDX-License-Identifier: Apache-2.0 */
/* The next stage inside of fw_payload: its bytes, right behind the monitor's region, in memory that is the host's. */
    .section .payload, "a"
    .balign 4096
    .incbin PAYLOAD_FILE
