/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire-level constants and structures of the SBI and CoVE interfaces.
 *
 * Everything in here is visible to the host or to a guest: extension ids, error values, and the layout of
 * structures that cross the boundary. Nothing else belongs here. Layouts are asserted at the end of the file.
 */
#ifndef TOUCHSTONE_ABI_SBI_H
#define TOUCHSTONE_ABI_SBI_H

#include <stddef.h>
#include <stdint.h>

/* Extension ids (a7). */
#define SBI_EID_BASE 0x10u
#define SBI_EID_TIME 0x54494D45u
#define SBI_EID_IPI 0x735049u
#define SBI_EID_RFENCE 0x52464E43u
#define SBI_EID_HSM 0x48534Du
#define SBI_EID_SRST 0x53525354u
#define SBI_EID_DBCN 0x4442434Eu
#define SBI_EID_NACL 0x4E41434Cu
#define SBI_EID_SUPD 0x53555044u
#define SBI_EID_COVH 0x434F5648u
#define SBI_EID_COVI 0x434F5649u
#define SBI_EID_COVG 0x434F5647u

/*
 * Error values (a0). The last four have no number in any published specification; the values are this
 * project's choice and live only here.
 */
#define SBI_SUCCESS 0
#define SBI_ERR_FAILED (-1)
#define SBI_ERR_NOT_SUPPORTED (-2)
#define SBI_ERR_INVALID_PARAM (-3)
#define SBI_ERR_DENIED (-4)
#define SBI_ERR_INVALID_ADDRESS (-5)
#define SBI_ERR_ALREADY_AVAILABLE (-6)
#define SBI_ERR_ALREADY_STARTED (-7)
#define SBI_ERR_ALREADY_STOPPED (-8)
#define SBI_ERR_NO_SHMEM (-9)
#define SBI_ERR_AUTH (-1001)
#define SBI_ERR_OUT_OF_MEMORY (-1002)
#define SBI_ERR_OUT_OF_PTPAGES (-1003)
#define SBI_ERR_BUSY (-1004)

#define SBI_SPEC_VERSION 0x02000000u /* v2.0 */
#define SBI_IMPL_ID 0x544f5543u      /* not registered */
#define SBI_IMPL_VERSION 0x00000100u

/* CoVE function word (a6): FID in bits 15:0, reserved 25:16, supervisor domain id 31:26. */
#define COVE_FID(a6) ((uint32_t)(a6)&0xffffu)
#define COVE_RESERVED(a6) (((uint32_t)(a6) >> 16) & 0x3ffu)
#define COVE_SDID(a6) ((uint32_t)(a6) >> 26)

/* Confidential supervisor domains this monitor answers for: hosting domain 0 and domain 1. */
#define COVE_ACTIVE_DOMAINS 0x3u

enum tsm_state_value { TSM_NOT_LOADED = 0, TSM_LOADED = 1, TSM_READY = 2 };

#define TSM_IMPL_ID 0x80000001u
#define TSM_VERSION 0x00000001u
#define TSM_CAP_PROMOTE_TVM (1u << 0)
#define TSM_CAP_ATTESTATION_LOCAL (1u << 1)
#define TSM_CAP_ATTESTATION_REMOTE (1u << 2)
#define TSM_CAP_AIA (1u << 3)
#define TSM_CAP_MRIF (1u << 4)
#define TSM_CAP_MEMORY_ALLOCATION (1u << 5)

enum tsm_page_type { TSM_PAGE_4K = 0, TSM_PAGE_2M = 1, TSM_PAGE_1G = 2, TSM_PAGE_512G = 3 };

/* Answer of COVH get_tsm_info. */
struct tsm_info {
    uint32_t tsm_state;
    uint32_t tsm_impl_id;
    uint32_t tsm_version;
    uint32_t reserved;
    uint64_t tsm_capabilities;
    uint64_t tvm_state_pages;
    uint64_t tvm_max_vcpus;
    uint64_t tvm_vcpu_state_pages;
};

/* Parameter block of COVH create_tvm. Both members are host-physical addresses. */
struct tvm_create_params {
    uint64_t tvm_page_directory_addr;
    uint64_t tvm_state_addr;
};

#define TVM_IDENTITY_SIZE 64u

/* Nested-acceleration shared memory: one 12 KiB mailbox per hart, owned by the host. */
#define NACL_SHMEM_SIZE 12288u
#define NACL_GPR_OFFSET(n) (8u * (n))
#define NACL_CSR_OFFSET(csr) (0x1000u + 8u * ((((csr)&0xC00u) >> 2) | ((csr)&0xFFu)))
#define NACL_SHMEM_NONE UINT64_MAX

/* HSM hart states as hart_get_status reports them. */
#define SBI_HSM_SUSPEND_RETENTIVE 0x00000000u
#define SBI_HSM_SUSPEND_NON_RETENTIVE 0x80000000u
enum sbi_hsm_state {
    SBI_HSM_STARTED = 0,
    SBI_HSM_STOPPED = 1,
    SBI_HSM_START_PENDING = 2,
    SBI_HSM_STOP_PENDING = 3,
    SBI_HSM_SUSPENDED = 4,
    SBI_HSM_SUSPEND_PENDING = 5,
    SBI_HSM_RESUME_PENDING = 6
};

#define SBI_SRST_SHUTDOWN 0u
#define SBI_SRST_COLD_REBOOT 1u
#define SBI_SRST_WARM_REBOOT 2u
#define SBI_SRST_REASON_NONE 0u
#define SBI_SRST_REASON_FAILURE 1u

#define SBI_ALL_HARTS UINT64_MAX /* hart_mask_base: every hart, the mask is ignored */

_Static_assert(sizeof(struct tsm_info) == 48, "tsm_info is 48 bytes on the wire");
_Static_assert(offsetof(struct tsm_info, tsm_capabilities) == 16, "tsm_info layout");
_Static_assert(sizeof(struct tvm_create_params) == 16, "tvm_create_params is 16 bytes on the wire");

#endif
