/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM of the host that becomes a TVM in one call: guest memory, second-stage tables and device tree in the host's
 * memory, registers in the mailbox. Tables name physical addresses, so all of it lies at fixed places (payload.ld): a
 * trace of this boot is the same whatever the compiler does elsewhere.
 */
#include "emulation/qemu/vm.h"

#define COVH_PROMOTE 7u
#define CSR_HGATP 0x680u
#define CSR_VSTIMECMP 0x24du

#define PTE_LEAF 0xdfu /* V R W X U A D */
#define PTE_TABLE 0x1u
#define SV39X4 (UINT64_C(8) << 60)
#define MEMORY_SIZE 0x100000u
#define CPUS 2u

/* What the linker script puts at its place. */
static struct {
    uint64_t root[2048], middle[512], last[512];
    uint8_t code[GUEST_CODE_PAGES * PAGE];
    uint32_t fdt[PAGE / 4];
} vm_memory __attribute__((section(".vm"), aligned(16384)));

extern const uint8_t guest_promoted_entry[];

/* --- device tree ------------------------------------------------------------------------------------------ */

#define BE(x)                                                                                                          \
    ((uint32_t)(x) >> 24 | ((uint32_t)(x) >> 8 & 0xff00) | ((uint32_t)(x) << 8 & 0xff0000) | (uint32_t)(x) << 24)
#define TEXT(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define NODE BE(1u)
#define NODE_END BE(2u)
#define PROPERTY(bytes, name) BE(3u), BE(bytes), BE(name)
#define FDT_CELLS 0u
#define FDT_SIZES 15u
#define FDT_TYPE 27u
#define FDT_REG 39u
#define CPU_NODE(n)                                                                                                    \
    NODE, TEXT('c', 'p', 'u', '@'), TEXT('0' + (n), 0, 0, 0), PROPERTY(4u, FDT_TYPE), TEXT('c', 'p', 'u', 0),          \
        PROPERTY(4u, FDT_REG), BE(n), NODE_END

static const uint32_t tree[] = {
    NODE,
    0,
    PROPERTY(4u, FDT_CELLS),
    BE(2u),
    PROPERTY(4u, FDT_SIZES),
    BE(2u),
    NODE,
    TEXT('m', 'e', 'm', 'o'),
    TEXT('r', 'y', '@', '8'),
    TEXT('0', '0', '0', '0'),
    TEXT('0', '0', '0', 0),
    PROPERTY(7u, FDT_TYPE),
    TEXT('m', 'e', 'm', 'o'),
    TEXT('r', 'y', 0, 0),
    PROPERTY(16u, FDT_REG),
    0,
    BE((uint32_t)GUEST_CODE_BASE),
    0,
    BE(MEMORY_SIZE),
    NODE_END,
    NODE,
    TEXT('c', 'p', 'u', 's'),
    0,
    PROPERTY(4u, FDT_CELLS),
    BE(1u),
    PROPERTY(4u, FDT_SIZES),
    0,
    CPU_NODE(0u),
    CPU_NODE(1u),
    NODE_END,
    NODE_END,
    BE(9u),
};

static const char names[44] = "#address-cells\0#size-cells\0device_type\0reg";

#define HEADER_WORDS 14u /* ten of the header, two pairs of zeros that end the reservations */

static void write_fdt(void)
{
    uint32_t structure = 4 * HEADER_WORDS, strings = structure + sizeof(tree);
    const uint32_t header[10] = {0xd00dfeed, strings + sizeof(names), structure,   strings, 40, 17, 16,
                                 0,          sizeof(names),           sizeof(tree)};
    for (unsigned i = 0; i < 10; i++)
        vm_memory.fdt[i] = BE(header[i]);
    for (unsigned i = 0; i < sizeof(tree) / 4; i++)
        vm_memory.fdt[HEADER_WORDS + i] = tree[i];
    for (unsigned i = 0; i < sizeof(names); i++)
        ((char *)vm_memory.fdt)[strings + i] = names[i];
    print("@fdt h%d %x %x %x %x\n", (uint64_t)this_hart(), (uint64_t)(uintptr_t)vm_memory.fdt, (uint64_t)CPUS,
          GUEST_CODE_BASE, (uint64_t)MEMORY_SIZE);
}

/* --- memory and registers --------------------------------------------------------------------------------- */

static void host_store(uint64_t *word, uint64_t value)
{
    *word = value;
    print("@ram h%d %x %x\n", (uint64_t)this_hart(), (uint64_t)(uintptr_t)word, value);
}

static uint64_t pte(const void *to, uint64_t flags)
{
    return (uint64_t)(uintptr_t)to >> 12 << 10 | flags;
}

static void write_memory(void)
{
    for (unsigned i = 0; i < sizeof(vm_memory.code); i++)
        vm_memory.code[i] = __guest_start[i];
    print("@copy h%d %x %x\n", (uint64_t)this_hart(), (uint64_t)(uintptr_t)vm_memory.code,
          (uint64_t)sizeof(vm_memory.code));
    write_fdt();
    host_store(&vm_memory.root[GUEST_CODE_BASE >> 30], pte(vm_memory.middle, PTE_TABLE));
    host_store(&vm_memory.middle[0], pte(vm_memory.last, PTE_TABLE));
    for (unsigned i = 0; i < GUEST_CODE_PAGES; i++)
        host_store(&vm_memory.last[i], pte(vm_memory.code + (size_t)i * PAGE, PTE_LEAF));
    host_store(&vm_memory.last[(GUEST_FDT_BASE - GUEST_CODE_BASE) / PAGE], pte(vm_memory.fdt, PTE_LEAF));
}

static void write_registers(uint64_t script)
{
    uint64_t *box = shmem[this_hart()];
    for (unsigned i = 1; i < 32; i++)
        host_store(&box[NACL_GPR_OFFSET(i) / 8], i == 12 ? script | vm_vector() : 0);
    host_store(&box[NACL_CSR_OFFSET(CSR_VSTIMECMP) / 8], UINT64_MAX);
    host_store(&box[NACL_CSR_OFFSET(CSR_HGATP) / 8], SV39X4 | (uint64_t)(uintptr_t)vm_memory.root >> 12);
}

void vm_promote(struct vm *vm, uint32_t frame, uint32_t frames, uint64_t script)
{
    uint64_t entry = GUEST_CODE_BASE + (uint64_t)(guest_promoted_entry - __guest_start);
    vm_convert(frame, frames);
    write_memory();
    write_registers(script);
    *vm = (struct vm){.promoted = true, .frame = frame, .frames = frames};
    expect("promote_to_tvm refuses a device tree that is not there",
           call(SBI_EID_COVH, COVH_PROMOTE, ARGS(GUEST_FDT_BASE + PAGE, 0, entry, 0)), SBI_ERR_INVALID_ADDRESS, 0);
    expect("promote_to_tvm refuses an admission that it cannot verify",
           call(SBI_EID_COVH, COVH_PROMOTE, ARGS(GUEST_FDT_BASE, GUEST_FDT_BASE, entry, 0)), SBI_ERR_AUTH, 0);
    struct answer made = call(SBI_EID_COVH, COVH_PROMOTE, ARGS(GUEST_FDT_BASE, 0, entry, 0));
    check(made.error == SBI_SUCCESS && made.value != 0, "promote_to_tvm");
    vm->id = made.value;
    vm_begin(vm, 0, script);
}
