/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page-table entries, as the privileged architecture defines them for every paging mode.
 */
#ifndef TOUCHSTONE_CORE_PTE_H
#define TOUCHSTONE_CORE_PTE_H

#include <stdint.h>

#define PTE_V (UINT64_C(1) << 0)
#define PTE_R (UINT64_C(1) << 1)
#define PTE_W (UINT64_C(1) << 2)
#define PTE_X (UINT64_C(1) << 3)
#define PTE_U (UINT64_C(1) << 4)
#define PTE_A (UINT64_C(1) << 6)
#define PTE_D (UINT64_C(1) << 7)
#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK (((UINT64_C(1) << 44) - 1) << PTE_PPN_SHIFT)
#define PTE_HIGH_SHIFT 54 /* from here on: reserved, PBMT, N */

#define PTE_TABLE_BITS 9u
#define PTE_TABLE_ENTRIES 512u

#endif
