/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host destroys a TVM, takes its frames back, and gives them to a TVM of its own, which looks for what
 *   is left in them.
 * Stopped by: the scrub of a frame when it goes back to the host, and again when it becomes memory of a TVM.
 * Succeeds without: no-scrub
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

/* Frames that the firmware itself has not used at boot. */
#define FIRST 128u
#define SECOND 160u

GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    volatile uint64_t *word = (volatile uint64_t *)argument;
    (void)vcpu;
    bool found = *word == guest_secret();
    *word = guest_secret();
    for (;;)
        guest_say(found ? GUEST_NO_TRAP : CAUSE_ILLEGAL);
}

/* A TVM from the frame `first` on whose guest finds a page of zeros in the frame `data`, and says so. */
static uint8_t story(uint32_t first, uint32_t data)
{
    struct tvm tvm;
    tvm_with_guest(&tvm, &(const struct tvm_layout){.frame = first, .frames = 16}, 1, FRAME(first + 15));
    scene(covh(COVH_ADD_ZERO, ARGS(tvm.id, FRAME(data), TSM_PAGE_4K, 1, FRAME(first + 15))).error == SBI_SUCCESS,
          "add_tvm_zero_pages");
    uint8_t said = tvm_hear(&tvm, 0);
    scene(covh(COVH_DESTROY, ARGS(tvm.id)).error == SBI_SUCCESS, "destroy_tvm");
    scene(covh(COVH_RECLAIM, ARGS(FRAME(first), 16)).error == SBI_SUCCESS, "reclaim_pages");
    return said;
}

void attack(void)
{
    uint32_t data = 192 + this_hart();
    frames_convert(data, 1);
    scene(story(FIRST, data) == CAUSE_ILLEGAL, "the first guest finds nothing");
    scene(covh(COVH_RECLAIM, ARGS(FRAME(data), 1)).error == SBI_SUCCESS, "reclaim_pages");
    frames_convert(data, 1);
    uint8_t said = story(SECOND, data);
    verdict(said == CAUSE_ILLEGAL   ? BLOCKED
            : said == GUEST_NO_TRAP ? SUCCEEDED
                                    : BROKEN,
            "the second guest looks at the first one's frame", said);
}
