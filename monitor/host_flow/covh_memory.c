/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COVH calls that give a TVM memory: regions, page-table frames, measured pages before finalize_tvm, zero pages
 * after it. Only 4 KiB pages are served; a larger page type is INVALID_PARAM.
 */
#include "monitor/core/address.h"
#include "monitor/core/gstage.h"
#include "monitor/core/page_record.h"
#include "monitor/core/tvm_frames.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

struct decision covh_add_tvm_memory_region(struct hart *h, const struct sbi_args *args)
{
    struct gpa gpa = {args->a[1]};
    uint64_t len = args->a[2];
    struct tvm *t = tvm_lock(h, args->a[0]);
    if (t == NULL)
        return decide_error(SBI_ERR_INVALID_PARAM);

    int64_t error = SBI_SUCCESS;
    if (tvm_slot_of(h->monitor, t)->state != TVM_INITIALIZING)
        error = SBI_ERR_INVALID_PARAM;
    else if (len == 0 || (len & PAGE_MASK) != 0)
        error = SBI_ERR_INVALID_PARAM;
    else if (!tvm_gpa_range_valid(t, gpa, len) || tvm_region_overlaps(t, gpa, len))
        error = SBI_ERR_INVALID_ADDRESS;
    else if (!tvm_region_insert(t, gpa, len, REGION_CONFIDENTIAL))
        error = SBI_ERR_FAILED;
    tvm_unlock(h, t);
    return decide_error(error);
}

/* Claim `count` free frames for `use` by this TVM, or change nothing. */
static bool claim_frames(struct hart *h, const struct tvm *t, struct conf_page first, uint32_t count,
                         enum page_state use)
{
    struct monitor *m = h->monitor;
    hal_lock(h, &m->pages_lock);
    bool free = page_records_are_free(m, first, count);
    if (free)
        page_records_claim(m, first, count, use, t->slot);
    hal_unlock(h, &m->pages_lock);
    return free;
}

static bool frames_free(struct hart *h, struct conf_page first, uint32_t count)
{
    struct monitor *m = h->monitor;
    hal_lock(h, &m->pages_lock);
    bool free = page_records_are_free(m, first, count);
    hal_unlock(h, &m->pages_lock);
    return free;
}

struct decision covh_add_tvm_page_table_pages(struct hart *h, const struct sbi_args *args)
{
    struct conf_page first;
    uint64_t count = args->a[2];
    struct tvm *t = tvm_lock(h, args->a[0]);
    if (t == NULL)
        return decide_error(SBI_ERR_INVALID_PARAM);

    int64_t error = SBI_SUCCESS;
    uint32_t state = tvm_slot_of(h->monitor, t)->state;
    if (state != TVM_INITIALIZING && state != TVM_RUNNABLE)
        error = SBI_ERR_INVALID_PARAM;
    else if (!page_count_valid(count))
        error = SBI_ERR_INVALID_PARAM;
    else if (!window_run(h->monitor, (struct hpa){args->a[1]}, count, &first))
        error = SBI_ERR_INVALID_ADDRESS;
    else if (!claim_frames(h, t, first, (uint32_t)count, PAGE_TABLE_POOL))
        error = SBI_ERR_INVALID_ADDRESS;
    for (uint32_t i = 0; error == SBI_SUCCESS && i < count; i++)
        tvm_pool_add(h, t, conf_page_next(first, i));
    tvm_unlock(h, t);
    return decide_result(error, count);
}

static bool range_unmapped(const struct monitor *m, const struct tvm *t, struct gpa gpa, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (gstage_is_mapped(m, t, (struct gpa){gpa.value + (uint64_t)i * PAGE_SIZE}))
            return false;
    return true;
}

/* What both calls that map memory have in common, taken from the registers. */
struct mapping {
    uint64_t page_type;
    uint64_t count; /* pages; at most the window, once checked */
    struct hpa base;
    struct gpa gpa;
    struct conf_page first; /* filled by check_target */
};

static bool mapping_scalars_valid(const struct mapping *map)
{
    return map->page_type == TSM_PAGE_4K && page_count_valid(map->count);
}

/* Target frames free, target addresses inside one confidential region and unmapped. Slot lock held. */
static bool mapping_addresses_valid(struct hart *h, const struct tvm *t, struct mapping *map)
{
    struct monitor *m = h->monitor;
    if (!window_run(m, map->base, map->count, &map->first))
        return false;
    uint64_t len = map->count * PAGE_SIZE;
    if (!tvm_gpa_range_valid(t, map->gpa, len))
        return false;
    const struct region *r = tvm_region_containing(t, map->gpa, len);
    if (r == NULL || r->type != REGION_CONFIDENTIAL)
        return false;
    return frames_free(h, map->first, (uint32_t)map->count) && range_unmapped(m, t, map->gpa, (uint32_t)map->count);
}

static bool tables_suffice(const struct monitor *m, const struct tvm *t, const struct mapping *map)
{
    return gstage_tables_needed(m, t, map->gpa, (uint32_t)map->count) <= t->pool_count;
}

/*
 * Copy page i of the source into its frame and measure the frame: the source may change at any moment, what was
 * measured is what the guest will find.
 */
static void install_measured(struct hart *h, struct tvm *t, struct nonconf_addr src, const struct mapping *map,
                             uint32_t i)
{
    struct conf_page page = conf_page_next(map->first, i);
    struct gpa gpa = {map->gpa.value + (uint64_t)i * PAGE_SIZE};
    uint8_t *bytes = hal_conf_rw(h->monitor, page, 1);
    hal_untrusted_read(h, bytes, (struct nonconf_addr){src.value + (uint64_t)i * PAGE_SIZE}, PAGE_SIZE);
    measure_page(&t->pages, gpa, bytes);
    gstage_map(h, t, gpa, page);
}

struct decision covh_add_tvm_measured_pages(struct hart *h, const struct sbi_args *args)
{
    struct nonconf_addr src;
    struct hpa src_base = {args->a[1]};
    struct mapping map = {.base = {args->a[2]}, .page_type = args->a[3], .count = args->a[4], .gpa = {args->a[5]}};
    struct tvm *t = tvm_lock(h, args->a[0]);
    if (t == NULL)
        return decide_error(SBI_ERR_INVALID_PARAM);

    int64_t error = SBI_SUCCESS;
    if (tvm_slot_of(h->monitor, t)->state != TVM_INITIALIZING)
        error = SBI_ERR_INVALID_PARAM;
    else if (!mapping_scalars_valid(&map))
        error = SBI_ERR_INVALID_PARAM;
    else if (!nonconf_range(h->monitor, src_base, map.count * PAGE_SIZE, PAGE_SIZE, &src))
        error = SBI_ERR_INVALID_ADDRESS;
    else if (!mapping_addresses_valid(h, t, &map))
        error = SBI_ERR_INVALID_ADDRESS;
    else if (!tables_suffice(h->monitor, t, &map))
        error = SBI_ERR_OUT_OF_PTPAGES;
    else if (!claim_frames(h, t, map.first, (uint32_t)map.count, PAGE_DATA))
        error = SBI_ERR_INVALID_ADDRESS;
    for (uint32_t i = 0; error == SBI_SUCCESS && i < map.count; i++)
        install_measured(h, t, src, &map, i);
    tvm_unlock(h, t);
    return decide_result(error, map.count);
}

struct decision covh_add_tvm_zero_pages(struct hart *h, const struct sbi_args *args)
{
    struct mapping map = {.base = {args->a[1]}, .page_type = args->a[2], .count = args->a[3], .gpa = {args->a[4]}};
    struct tvm *t = tvm_lock(h, args->a[0]);
    if (t == NULL)
        return decide_error(SBI_ERR_INVALID_PARAM);

    int64_t error = SBI_SUCCESS;
    if (tvm_slot_of(h->monitor, t)->state != TVM_RUNNABLE)
        error = SBI_ERR_INVALID_PARAM;
    else if (!mapping_scalars_valid(&map))
        error = SBI_ERR_INVALID_PARAM;
    else if (!mapping_addresses_valid(h, t, &map))
        error = SBI_ERR_INVALID_ADDRESS;
    else if (!tables_suffice(h->monitor, t, &map))
        error = SBI_ERR_OUT_OF_PTPAGES;
    else if (!claim_frames(h, t, map.first, (uint32_t)map.count, PAGE_DATA))
        error = SBI_ERR_INVALID_ADDRESS;
    for (uint32_t i = 0; error == SBI_SUCCESS && i < map.count; i++) {
        struct conf_page page = conf_page_next(map.first, i);
        hal_conf_scrub(h->monitor, page);
        gstage_map(h, t, (struct gpa){map.gpa.value + (uint64_t)i * PAGE_SIZE}, page);
    }
    tvm_unlock(h, t);
    return decide_result(error, map.count);
}
