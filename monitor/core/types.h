/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address types. A host-supplied number enters as struct hpa, a guest-supplied one as struct gpa; only the
 * checked constructors of core/address.h turn a struct hpa into one of the two types that may be used:
 * nonconf_addr (host-usable RAM, reachable through hal_untrusted_*) or conf_page (a frame of the window).
 */
#ifndef TOUCHSTONE_CORE_TYPES_H
#define TOUCHSTONE_CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096u
#define PAGE_MASK (PAGE_SIZE - 1u)

#define MONITOR_MAX_HARTS 8u
#define MONITOR_MAX_TVMS 64u
#define TVM_MAX_VCPUS 64u
#define TVM_MAX_REGIONS 128u
#define TVM_STATE_PAGES 2u
#define TVM_VCPU_STATE_PAGES 1u
#define TVM_ROOT_PAGES 4u
#define LARGE_PAGES 512u /* frames of a 2 MiB page */
#define VECTOR_VLENB_MAX 64u

/* Host-physical address as the host gave it: nothing about it has been checked. */
struct hpa {
    uint64_t value;
};

/* Guest-physical address as host or guest gave it. */
struct gpa {
    uint64_t value;
};

/* Byte address in host-usable RAM, checked together with the length that will be accessed. */
struct nonconf_addr {
    uint64_t value;
};

/* Frame of the window, by index from its start. Always smaller than platform.window_pages. */
struct conf_page {
    uint32_t index;
};

#define CONF_PAGE_NONE UINT32_MAX

/* Spin lock. `owner` is hart id + 1 while held, 0 when free; only hal_lock and hal_unlock touch it. */
struct lock {
    uint32_t owner;
};

/* Registers of an ecall, read by value once at entry. */
struct sbi_args {
    uint64_t a[6];
    uint64_t fid; /* a6 */
    uint64_t eid; /* a7 */
};

/* What the hardware says about a trap. All fields are raw CSR values. */
struct trap {
    uint64_t cause; /* mcause */
    uint64_t tval;  /* mtval */
    uint64_t tval2; /* mtval2: guest-physical address >> 2 on guest-page faults, else 0 */
    uint64_t tinst; /* mtinst: may legally always be 0 */
};

#endif
