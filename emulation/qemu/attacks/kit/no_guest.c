/* SPDX-License-Identifier: Apache-2.0 */
/* The guest of attacks that have none: it is never run. */
#include "emulation/qemu/attacks/kit/tvm.h"

__attribute__((weak)) GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    (void)vcpu;
    (void)argument;
}
