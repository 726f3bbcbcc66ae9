/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a virtio device of the host writes into the window: the host only has to put the address into a descriptor.
 * Stopped by: nothing on this platform. PMP binds harts, and QEMU's board has no IOPMP or IOMMU that the monitor could
 *   program. The firmware says so at boot; a board that ships needs one.
 * Succeeds without: nothing
 * Machine: device virtio-rng-device
 */
#include "emulation/qemu/attacks/kit/attack.h"

/* virtio-mmio in its first version; the device of the command line is in the last slot. */
#define REG(offset) (((volatile uint32_t *)UINT64_C(0x10008000))[(offset) / 4])
#define MAGIC 0x74726976u
#define ID_RNG 4u
#define DEVICE_WRITES 2u
#define BYTES 64u

/* One queue with one entry: descriptor and available ring in the first page, used ring in the second. */
static struct {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
    uint16_t available_flags, available_index, available[1];
    uint8_t rest[PAGE - 22];
    uint16_t used_flags, used_index;
    uint32_t used_id, used_len;
} __attribute__((packed, aligned(4096))) queue;

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    if (REG(0x00) != MAGIC || REG(0x08) != ID_RNG) {
        verdict(SKIPPED, "no virtio-rng in the last slot", REG(0x08));
        return;
    }
    for (unsigned i = 0; i < sizeof(queue); i++)
        ((volatile uint8_t *)&queue)[i] = 0;
    queue.addr = SECRET_PAGE;
    queue.len = BYTES;
    queue.flags = DEVICE_WRITES;
    REG(0x70) = 0; /* reset, then: seen, driver */
    REG(0x70) = 3;
    REG(0x28) = PAGE; /* page size */
    REG(0x30) = 0;    /* queue 0: one entry, used ring on the next page, address */
    REG(0x38) = 1;
    REG(0x3c) = PAGE;
    REG(0x40) = (uint32_t)((uint64_t)(uintptr_t)&queue / PAGE);
    REG(0x70) = 7; /* driver ok */
    __atomic_store_n(&queue.available_index, 1, __ATOMIC_SEQ_CST);
    REG(0x50) = 0; /* notify */
    uint64_t end = csr_read(CSR_TIME) + 10000000;
    while (*(volatile uint16_t *)&queue.used_index == 0 && csr_read(CSR_TIME) < end)
        ;
    uint32_t written = *(volatile uint32_t *)&queue.used_len;
    REG(0x70) = 0;
    verdict(written != 0 ? SUCCEEDED : BLOCKED, "bytes that the device wrote to a TVM's page", written);
}
