/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a machine: power-on state, boot of the monitor, snapshot, reset. What the architecture leaves undefined at
 * power-on is junk made from the seed, and PMP and translation caches are left as a careless earlier boot stage would
 * leave them: open. A monitor that relies on any of it is seen.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/machine/internal.h"

#define MAX_HOST_PAGES ((MACHINE_WINDOW_BASE - MACHINE_HOST_BASE) / PAGE_SIZE)
#define MAX_WINDOW_PAGES ((MACHINE_WINDOW_BASE - MACHINE_MONITOR_BASE) / PAGE_SIZE) /* naturally aligned there */

/* What the port sets once and both worlds share: see monitor/hal/world_state.h. */
#define MENVCFG_VALUE (ENVCFG_STCE | UINT64_C(0xd0)) /* Sstc; cbo.zero, cbo.clean and cbo.inval as flush */
#define MCOUNTEREN_VALUE 7u                          /* cycle, time, instret */

struct machine_config machine_default_config(void)
{
    return (struct machine_config){
        .harts = MACHINE_DEFAULT_HARTS,
        .host_pages = MACHINE_DEFAULT_HOST_PAGES,
        .window_pages = MACHINE_DEFAULT_WINDOW_PAGES,
    };
}

static bool config_valid(const struct machine_config *c)
{
    if (c->harts == 0 || c->harts > MONITOR_MAX_HARTS)
        return false;
    if (c->host_pages == 0 || c->host_pages > MAX_HOST_PAGES)
        return false;
    return c->window_pages != 0 && (c->window_pages & (c->window_pages - 1)) == 0 &&
           c->window_pages <= MAX_WINDOW_PAGES && c->iopmp <= MACHINE_IOPMP_STUCK;
}

/* --- power-on --------------------------------------------------------------------------------------------------- */

/* pmpaddr of a naturally aligned power of two. */
static uint64_t napot(uint64_t base, uint64_t size)
{
    return base >> 2 | ((size >> 3) - 1);
}

/* Left behind by what ran before: every entry opens something, some of them everything. */
static void junk_pmp(struct machine *m, uint32_t h)
{
    for (unsigned i = 0; i < PMP_ENTRIES; i++) {
        uint64_t addr = UINT64_MAX;
        switch (junk(m->config.seed, 0x100u * (h + 1) + i) % 3) {
        case 0: break;
        case 1: addr = napot(MACHINE_WINDOW_BASE, (uint64_t)m->config.window_pages * PAGE_SIZE); break;
        default: addr = napot(MACHINE_MONITOR_BASE, MACHINE_MONITOR_SIZE); break;
        }
        pmp_write(m, h, i, PMP_NAPOT | PMP_R | PMP_W | PMP_X, addr);
    }
    m->hart[h].pmp_unfenced = true;
    m->hart[h].hgatp_unfenced = true;
}

/* A cached translation from before PMP was programmed: the first window frame, open. */
static void junk_tlb(struct machine *m, uint32_t h)
{
    uint64_t page = MACHINE_WINDOW_BASE >> PAGE_SHIFT;
    struct tlb_entry entry = {
        .bare = true,
        .user = true,
        .va_page = page,
        .gpa_page = page,
        .pa_page = page,
        .va_shift = 64,
        .gpa_shift = 64,
        .perm = PMP_R | PMP_W | PMP_X,
        .pmp = PMP_R | PMP_W | PMP_X,
    };
    tlb_fill(m, h, &entry);
}

static void power_on(struct machine *m, uint32_t h)
{
    static const uint16_t numbers[] = {
#define CSR_PLAIN(name, number, writable) number,
#define CSR_RULED(name, number) number,
#define CSR_VIEW(name, number)
#define CSR_CONST(name, number, value)
#include "harness/machine/csr_file.def"
    };
    struct machine_hart *hart = &m->hart[h];
    uint64_t base = UINT64_C(0x10000) * (h + 1);

    hart->priv = PRIV_M;
    for (unsigned i = 1; i < 32; i++)
        hart->x[i] = junk(m->config.seed, base + i);
    for (unsigned i = 0; i < 32; i++)
        hart->f[i] = junk(m->config.seed, base + 0x20 + i);
    hart->fcsr = junk(m->config.seed, base + 0x40) & 0xff;
    for (unsigned i = 0; i < sizeof(hart->v); i++)
        hart->v[i] = (uint8_t)junk(m->config.seed, base + 0x80 + i);
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        machine_csr_write(m, h, numbers[i], junk(m->config.seed, base + 0x1000 + numbers[i]));
    /* Reset values that the architecture does give, and what the port's own boot code sets. */
    hart->csr[SLOT_mstatus] = 0;
    csr_mstatus_write(m, h, (uint64_t)PRIV_M << STATUS_MPP_SHIFT);
    hart->csr[SLOT_mip] = 0;
    machine_csr_write(m, h, 0x30a, MENVCFG_VALUE);
    machine_csr_write(m, h, 0x306, MCOUNTEREN_VALUE);
    for (unsigned i = 0; i < 4; i++)
        machine_csr_write(m, h, 0x30c + i, UINT64_MAX); /* mstateen: the host may use everything */
    junk_pmp(m, h);
    junk_tlb(m, h);
}

/* --- boot ------------------------------------------------------------------------------------------------------- */

/*
 * End of the RAM that the monitor is told about. Host RAM that reaches the window makes one range with it, so that
 * only the monitor's own checks keep the host's addresses out of the window; a shorter one ends before it.
 */
static uint64_t ram_end(const struct machine_config *c)
{
    uint64_t host_end = MACHINE_HOST_BASE + (uint64_t)c->host_pages * PAGE_SIZE;
    return host_end == MACHINE_WINDOW_BASE ? host_end + (uint64_t)c->window_pages * PAGE_SIZE : host_end;
}

/* The port has loaders of its own; what they left in memory is not part of the machine. */
static bool boot_port(struct machine *m)
{
    for (uint32_t h = 0; h < m->config.harts; h++)
        power_on(m, h);
    trap_boot_port(m);
    if (m->halted)
        return false;
    memory_restore_frames(m);
    m->console_len = 0;
    m->console_total = 0;
    return true;
}

static bool boot(struct machine *m)
{
    bool absent = m->config.iopmp == MACHINE_IOPMP_ABSENT || m->config.iopmp == MACHINE_IOPMP_REFUSED;
    struct platform platform = {
        .ram_base = MACHINE_MONITOR_BASE,
        .ram_size = ram_end(&m->config) - MACHINE_MONITOR_BASE,
        .monitor_base = MACHINE_MONITOR_BASE,
        .monitor_size = MACHINE_MONITOR_SIZE,
        .window_base = MACHINE_WINDOW_BASE,
        .window_pages = m->config.window_pages,
        .mmio_base = MACHINE_MMIO_BASE,
        .mmio_size = MACHINE_MMIO_SIZE,
        .harts = m->config.harts,
        .vlenb = MACHINE_VLENB,
        .gstage_mode = GSTAGE_SV48X4,
        .vmid_bits = 14,
        .iopmp_entries = absent ? 0 : MACHINE_IOPMP_ENTRIES,
        .open_to_devices = m->config.iopmp == MACHINE_IOPMP_ABSENT,
        .machine = m,
    };

    for (uint32_t h = 0; h < m->config.harts; h++)
        power_on(m, h);
    iopmp_power_on(m);
    if (!monitor_init(m->monitor, &platform))
        return false;
    /* The boot hart goes last, as on hardware: it waits until the others are closed off. */
    for (uint32_t h = m->config.harts; h-- > 0 && !m->halted;)
        trap_boot_hart(m, h, h == 0, h == 0 ? MACHINE_ENTRY : 0, 0);
    return true;
}

static bool take_snapshot(struct machine *m)
{
    struct machine_private *p = m->private;

    p->at_boot = malloc(sizeof(*p->at_boot));
    if (p->at_boot == NULL || !memory_snapshot(m))
        return false;
    *p->at_boot = *m;
    memcpy(p->hart_at_boot, p->hart, sizeof(p->hart));
    if (p->port != NULL)
        p->port->save(p->port->data, m);
    return true;
}

struct machine *machine_create(const struct machine_config *config)
{
    return machine_create_on(config, NULL);
}

struct machine *machine_create_on(const struct machine_config *config, const struct mmode_port *port)
{
    struct machine *m = config_valid(config) ? calloc(1, sizeof(*m)) : NULL;
    struct machine_private *p = m != NULL ? calloc(1, sizeof(*p)) : NULL;
    if (p == NULL) {
        if (port != NULL)
            port->close(port->data);
        free(m);
        return NULL;
    }
    m->config = *config;
    m->private = p;
    p->port = port;
    if (!memory_create(m) || !(port != NULL ? boot_port(m) : boot(m)) || !take_snapshot(m)) {
        machine_destroy(m);
        return NULL;
    }
    return m;
}

void machine_destroy(struct machine *m)
{
    if (m == NULL)
        return;
    if (m->private != NULL) {
        if (m->private->port != NULL)
            m->private->port->close(m->private->port->data);
        memory_destroy(m);
        free(m->private->at_boot);
        free(m->private);
    }
    free(m);
}

void machine_take_state(struct machine *m, const struct machine *was, const struct hart_private *hart)
{
    size_t harts = m->config.harts;

    memcpy(m->hart, was->hart, harts * sizeof(m->hart[0]));
    memcpy(m->private->hart, hart, harts * sizeof(*hart));
    memcpy(m->msip, was->msip, sizeof(m->msip));
    memcpy(m->iopmpcfg, was->iopmpcfg, sizeof(m->iopmpcfg));
    memcpy(m->iopmpaddr, was->iopmpaddr, sizeof(m->iopmpaddr));
    memcpy(m->locks_held, was->locks_held, sizeof(m->locks_held));
    m->time = was->time;
    m->halted = was->halted;
    m->reset_type = was->reset_type;
    m->reset_reason = was->reset_reason;
    m->reset_count = was->reset_count;
    m->steps = was->steps;
    m->violation = was->violation;
    memcpy(m->console, was->console, was->console_len);
    m->console_len = was->console_len;
    m->console_total = was->console_total;
}

void machine_reset(struct machine *m)
{
    struct machine_private *p = m->private;

    memory_restore(m);
    machine_take_state(m, p->at_boot, p->hart_at_boot);
    p->raced_count = 0;
    m->in_monitor = 0;
    m->input_len = 0;
    m->input_pos = 0;
    if (p->port != NULL)
        p->port->reset(p->port->data, m);
}
