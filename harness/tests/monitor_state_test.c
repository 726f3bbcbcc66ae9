/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State that extensions add, across exit and entry: floating point and vector in every combination of their status
 * fields, every vector configuration, harts without a vector unit that may be used, and the environment of a guest.
 */
#include "harness/tests/world_kit.h"

#define CSR_SENVCFG 0x10au
#define CSR_VSSTATUS 0x200u
#define CSR_MSTATUS 0x300u
#define CSR_HSTATEEN0 0x60cu
#define STATUS_FS_SHIFT 13
#define STATUS_VS_SHIFT 9
#define STATUS_UNITS (UINT64_C(3) << STATUS_FS_SHIFT | UINT64_C(3) << STATUS_VS_SHIFT)
#define VTYPE_VILL (UINT64_C(1) << 63)

static struct machine_hart *hart_of(struct world *w)
{
    return &w->machine->hart[0];
}

/* The guest waits for an interrupt: hart 0 is the host's again. */
static void leave(struct world *w)
{
    CHECK_EQ(kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0).kind, EXPECT_EXIT);
    CHECK(!machine_in_guest(w->machine, 0));
}

static uint64_t units_of(struct world *w, unsigned csr)
{
    return machine_csr_read(w->machine, 0, csr) & STATUS_UNITS;
}

/* Off, Initial, Clean, Dirty of both units: the guest's stay the guest's, the host's the host's. */
static void status_of_units_in_all_states(void)
{
    struct world *w = kit_in_guest();
    uint64_t id = w->machine->monitor->tvm[0].id;

    for (uint64_t mine = 0; mine < 16; mine++) {
        uint64_t guest = (mine & 3) << STATUS_FS_SHIFT | (mine >> 2) << STATUS_VS_SHIFT;
        uint64_t host = ((mine + 5) & 3) << STATUS_FS_SHIFT | ((mine + 7) >> 2 & 3) << STATUS_VS_SHIFT;
        uint64_t status = machine_csr_read(w->machine, 0, CSR_VSSTATUS);
        machine_csr_write(w->machine, 0, CSR_VSSTATUS, (status & ~STATUS_UNITS) | guest);
        leave(w);
        status = machine_csr_read(w->machine, 0, CSR_MSTATUS);
        machine_csr_write(w->machine, 0, CSR_MSTATUS, (status & ~STATUS_UNITS) | host);
        kit_run(w, 0, id);
        CHECK_EQ(units_of(w, CSR_VSSTATUS), guest);
        CHECK_EQ(units_of(w, CSR_MSTATUS), STATUS_UNITS); /* the guest's own fields decide */
        leave(w);
        CHECK_EQ(units_of(w, CSR_MSTATUS), host);
        kit_run(w, 0, id);
    }
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void check_reset(const struct machine_hart *hart)
{
    static const uint8_t zero[sizeof(hart->v)];

    CHECK(memcmp(hart->v, zero, sizeof(zero)) == 0);
    CHECK_EQ(hart->vstart | hart->vcsr | hart->vl, 0);
    CHECK_EQ(hart->vtype, VTYPE_VILL);
}

/* Every legal vtype, with any vl up to its VLMAX; and vill. The host finds the unit as after reset. */
static void vector_configurations(void)
{
    struct world *w = kit_in_guest();
    uint64_t id = w->machine->monitor->tvm[0].id;
    struct machine_hart *hart = hart_of(w);
    unsigned legal = 0;

    for (uint64_t vtype = 0; vtype < 256; vtype++) {
        uint64_t sew = vtype >> 3 & 7, lmul = vtype & 7;
        bool fits = lmul < 4 || (lmul > 4 && sew + 5 <= lmul);
        if (sew > 3 || !fits)
            continue;
        uint64_t vlmax = (lmul < 4 ? (uint64_t)MACHINE_VLENB << lmul : (uint64_t)MACHINE_VLENB >> (8 - lmul)) >> sew;
        struct machine_hart want = {
            .vtype = vtype, .vl = vlmax - (vtype & 1), .vcsr = vtype & 7, .vstart = vtype & 0x7f};
        for (size_t i = 0; i < sizeof(want.v); i++)
            want.v[i] = (uint8_t)(i * 7 + vtype);
        hart->vtype = want.vtype;
        hart->vl = want.vl;
        hart->vcsr = want.vcsr;
        hart->vstart = want.vstart;
        memcpy(hart->v, want.v, sizeof(want.v));
        leave(w);
        check_reset(hart);
        memset(hart->v, 0xee, sizeof(hart->v)); /* the host's own, of which the guest sees nothing */
        hart->vcsr = 5;
        kit_run(w, 0, id);
        CHECK_EQ(hart->vtype, want.vtype);
        CHECK_EQ(hart->vl, want.vl);
        CHECK_EQ(hart->vcsr, want.vcsr);
        CHECK_EQ(hart->vstart, want.vstart);
        CHECK(memcmp(hart->v, want.v, sizeof(want.v)) == 0);
        legal++;
    }
    CHECK_EQ(legal, 4 * (16 + 3 + 2 + 1)); /* vta, vma; LMUL 1 to 8 with every element, 1/2, 1/4, 1/8 with small ones */
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* A unit that is not switched is closed: the monitor never touches it, and a guest gets an illegal instruction. */
static void no_vector_unit_for_guests(void)
{
    struct world *w = kit_world_of(1, ORACLE_LIV);
    w->machine->monitor->platform.vlenb = 0;
    uint64_t id = kit_runnable(w, 0);
    struct machine_hart *hart = hart_of(w);

    memset(hart->v, 0xee, sizeof(hart->v));
    kit_run(w, 0, id);
    CHECK_EQ(machine_csr_read(w->machine, 0, CSR_MSTATUS) >> STATUS_VS_SHIFT & 3, 0);
    machine_csr_write(w->machine, 0, CSR_VSSTATUS,
                      machine_csr_read(w->machine, 0, CSR_VSSTATUS) | UINT64_C(3) << STATUS_VS_SHIFT);
    uint64_t value;
    struct trap t = {0};
    CHECK(!machine_csr_access_read(w->machine, 0, 0xc22, &value, &t));
    CHECK_EQ(t.cause, 2);
    world_destroy(w);
}

/* A guest's senvcfg is its own, and of what Smstateen guards it reaches nothing else. */
static void environment_of_a_guest(void)
{
    struct world *w = kit_in_guest();
    uint64_t id = w->machine->monitor->tvm[0].id;
    uint64_t value;
    struct trap t = {0};

    CHECK(machine_csr_access_write(w->machine, 0, CSR_SENVCFG, 0xd1, &t));
    CHECK(!machine_csr_access_read(w->machine, 0, 0x10c, &value, &t));
    CHECK_EQ(t.cause, 22);
    leave(w);
    CHECK_EQ(machine_csr_read(w->machine, 0, CSR_SENVCFG), 0);
    for (unsigned i = 0; i < 4; i++) {
        machine_csr_write(w->machine, 0, CSR_HSTATEEN0 + i, UINT64_MAX);
        CHECK(machine_csr_read(w->machine, 0, CSR_HSTATEEN0 + i) >> 63 != 0);
    }
    kit_run(w, 0, id);
    CHECK_EQ(machine_csr_read(w->machine, 0, CSR_SENVCFG), 0xd1);
    CHECK_EQ(machine_csr_read(w->machine, 0, CSR_HSTATEEN0), UINT64_C(1) << 62);
    for (unsigned i = 1; i < 4; i++)
        CHECK_EQ(machine_csr_read(w->machine, 0, CSR_HSTATEEN0 + i), 0);
    leave(w);
    for (unsigned i = 0; i < 4; i++)
        CHECK(machine_csr_read(w->machine, 0, CSR_HSTATEEN0 + i) >> 63 != 0);
    CHECK_CLEAN(w);
    world_destroy(w);
}

int main(void)
{
    status_of_units_in_all_states();
    vector_configurations();
    no_vector_unit_for_guests();
    environment_of_a_guest();
    return test_finish();
}
