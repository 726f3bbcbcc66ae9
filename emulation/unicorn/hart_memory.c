/* SPDX-License-Identifier: Apache-2.0 */
/* RAM of the emulated hart: what was written, and what is remembered of it; see emulated_hart.h. */
#include "emulation/unicorn/hart_internal.h"

#include <string.h>

bool hart_in_ram(uint64_t address, uint64_t size)
{
    return address >= RAM_BASE && address - RAM_BASE <= RAM_SIZE && size <= RAM_SIZE - (address - RAM_BASE);
}

const void *hart_peek(const struct emulated_hart *h, uint64_t address, uint64_t size)
{
    return hart_in_ram(address, size) ? h->ram + (address - RAM_BASE) : NULL;
}

void *hart_touch(struct emulated_hart *h, uint64_t address, uint64_t size)
{
    if (!hart_in_ram(address, size) || size == 0)
        return NULL;
    uint64_t first = (address - RAM_BASE) >> 12;
    uint64_t last = (address - RAM_BASE + size - 1) >> 12;
    for (uint64_t page = first; page <= last; page++)
        hart_mark_page(h, page);
    return h->ram + (address - RAM_BASE);
}

void hart_poke(struct emulated_hart *h, uint64_t address, const void *bytes, uint64_t size)
{
    void *at = hart_touch(h, address, size);
    if (at != NULL)
        memcpy(at, bytes, size);
}

void hart_set_own(struct emulated_hart *h, uint64_t image_base, uint64_t image_size, uint64_t window_base,
                  uint64_t window_size)
{
    h->image_base = image_base;
    h->image_size = image_size;
    h->window_base = window_base;
    h->window_size = window_size;
    for (uint64_t page = 0; page < RAM_PAGES; page++) {
        uint64_t first = RAM_BASE + (page << 12), last = first + 4095;
        bool text = first < h->text_end && last >= h->text_first;
        h->page_state[page] &= (uint8_t)~PAGE_OWN;
        if (hart_owns(h, first) && hart_owns(h, last) && !text)
            h->page_state[page] |= PAGE_OWN;
    }
}

void hart_save(struct emulated_hart *h)
{
    h->saved = (struct saved_state){.regs = h->regs, .csr = h->csr};
    for (uint32_t i = 0; i < h->dirty_count; i++) {
        uint64_t page = h->dirty_list[i];
        memcpy(h->ram_saved + (page << 12), h->ram + (page << 12), 4096);
        h->page_state[page] &= (uint8_t)~PAGE_DIRTY;
    }
    h->dirty_count = 0;
}

void hart_restore(struct emulated_hart *h)
{
    h->regs = h->saved.regs;
    h->csr = h->saved.csr;
    for (uint32_t i = 0; i < h->dirty_count; i++) {
        uint64_t page = h->dirty_list[i];
        memcpy(h->ram + (page << 12), h->ram_saved + (page << 12), 4096);
        h->page_state[page] &= (uint8_t)~PAGE_DIRTY;
    }
    h->dirty_count = 0;
}

/* Keep the last line that is not empty. */
static void console_byte(struct emulated_hart *h, uint8_t byte)
{
    if (byte == '\r' || byte == '\n') {
        h->console_ended = true;
        return;
    }
    if (h->console_ended || h->console_len + 1 >= sizeof(h->console))
        h->console_len = 0;
    h->console_ended = false;
    h->console[h->console_len++] = (char)byte;
    h->console[h->console_len] = 0;
}

void hart_record_store(struct emulated_hart *h, uint64_t address, uint32_t size, uint64_t value)
{
    if (hart_in_ram(address, size)) {
        hart_mark_page(h, (address - RAM_BASE) >> 12);
        hart_mark_page(h, (address - RAM_BASE + size - 1) >> 12);
    }
    if (hart_owns(h, address))
        return;
    if (address == UART_BASE)
        console_byte(h, (uint8_t)value);
    if (size < 8)
        value &= (UINT64_C(1) << (8 * size)) - 1;
    if (h->outside_count < MAX_OUTSIDE_STORES)
        h->outside[h->outside_count] = (struct store){.address = address, .value = value, .size = size};
    h->outside_count++;
}
