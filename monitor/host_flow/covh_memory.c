/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COVH calls that give a TVM memory: regions, page-table frames, measured pages before finalize_tvm, zero pages and pages
 * shared with the host after it. Pages are of 4 KiB or 2 MiB; the two larger page types are INVALID_PARAM.
 */
#include "monitor/core/address.h"
#include "monitor/core/gstage.h"
#include "monitor/core/page_record.h"
#include "monitor/core/tvm_frames.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

/* Sets of region types. */
#define IN_CONFIDENTIAL (1u << REGION_CONFIDENTIAL)
#define IN_CONFIDENTIAL_REMOVABLE (1u << REGION_CONFIDENTIAL_REMOVABLE)
#define IN_SHARED (1u << REGION_SHARED)

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

/* What the three calls that map memory have in common, taken from the registers. */
struct mapping {
    uint64_t page_type;
    uint64_t count; /* of pages of page_type */
    struct hpa base;
    struct gpa gpa;
    uint64_t unit;          /* bytes of a page */
    struct conf_page first; /* window frames: filled by frames_valid */
};

/* Page type and number; fills in the size of a page. */
static bool mapping_scalars_valid(struct mapping *map)
{
    if (map->page_type != TSM_PAGE_4K && map->page_type != TSM_PAGE_2M)
        return false;
    map->unit = map->page_type == TSM_PAGE_2M ? LARGE_SIZE : PAGE_SIZE;
    return map->count != 0 && map->count <= UINT64_MAX / map->unit;
}

static bool is_large(const struct mapping *map)
{
    return map->unit == LARGE_SIZE;
}

static uint64_t bytes_of(const struct mapping *map)
{
    return map->count * map->unit;
}

/* Number of 4 KiB frames of window memory; the run was checked, so it fits. */
static uint32_t frames_of(const struct mapping *map)
{
    return (uint32_t)(bytes_of(map) / PAGE_SIZE);
}

static struct gpa gpa_at(const struct mapping *map, uint64_t offset)
{
    return (struct gpa){map->gpa.value + offset};
}

/* Both addresses aligned to the page, target addresses inside one region of a given type and without leaves. */
static bool target_valid(const struct monitor *m, const struct tvm *t, const struct mapping *map, uint32_t types)
{
    if (((map->base.value | map->gpa.value) & (map->unit - 1)) != 0)
        return false;
    if (!tvm_gpa_range_valid(t, map->gpa, bytes_of(map)))
        return false;
    const struct region *r = tvm_region_containing(t, map->gpa, bytes_of(map));
    return r != NULL && (types >> r->type & 1u) != 0 && gstage_range_empty(m, t, map->gpa, bytes_of(map));
}

/* Is the source of frames a run of free window frames? */
static bool frames_valid(struct hart *h, struct mapping *map)
{
    struct monitor *m = h->monitor;
    if (!window_run(m, map->base, bytes_of(map) / PAGE_SIZE, &map->first))
        return false;
    hal_lock(h, &m->pages_lock);
    bool free = page_records_are_free(m, map->first, frames_of(map));
    hal_unlock(h, &m->pages_lock);
    return free;
}

static bool tables_suffice(const struct monitor *m, const struct tvm *t, const struct mapping *map)
{
    uint64_t pages = bytes_of(map) / PAGE_SIZE;
    uint64_t needed =
        is_large(map) ? gstage_tables_needed_large(m, t, map->gpa, pages) : gstage_tables_needed(m, t, map->gpa, pages);
    return needed <= t->pool_count;
}

/* Map the frames that were claimed and filled. */
static void map_frames(struct hart *h, struct tvm *t, const struct mapping *map)
{
    uint32_t step = (uint32_t)(map->unit / PAGE_SIZE);
    for (uint32_t i = 0; i < frames_of(map); i += step) {
        struct gpa gpa = gpa_at(map, (uint64_t)i * PAGE_SIZE);
        if (is_large(map))
            gstage_map_large(h, t, gpa, conf_page_next(map->first, i));
        else
            gstage_map(h, t, gpa, conf_page_next(map->first, i));
    }
}

/*
 * Copy 4 KiB of the source into its frame and measure the frame: the source may change at any moment, what was measured
 * is what the guest will find.
 */
static void install_measured(struct hart *h, struct tvm *t, struct nonconf_addr src, const struct mapping *map,
                             uint32_t i)
{
    uint64_t offset = (uint64_t)i * PAGE_SIZE;
    uint8_t *bytes = hal_conf_rw(h->monitor, conf_page_next(map->first, i), 1);
    hal_untrusted_read(h, bytes, (struct nonconf_addr){src.value + offset}, PAGE_SIZE);
    measure_page(&t->pages, gpa_at(map, offset), bytes);
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
    else if (!nonconf_range(h->monitor, src_base, bytes_of(&map), PAGE_SIZE, &src))
        error = SBI_ERR_INVALID_ADDRESS;
    else if (!frames_valid(h, &map) || !target_valid(h->monitor, t, &map, IN_CONFIDENTIAL))
        error = SBI_ERR_INVALID_ADDRESS;
    else if (!tables_suffice(h->monitor, t, &map))
        error = SBI_ERR_OUT_OF_PTPAGES;
    else if (!claim_frames(h, t, map.first, frames_of(&map), PAGE_DATA))
        error = SBI_ERR_INVALID_ADDRESS;
    if (error == SBI_SUCCESS) {
        for (uint32_t i = 0; i < frames_of(&map); i++)
            install_measured(h, t, src, &map, i);
        map_frames(h, t, &map);
    }
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
    else if (!frames_valid(h, &map) || !target_valid(h->monitor, t, &map, IN_CONFIDENTIAL | IN_CONFIDENTIAL_REMOVABLE))
        error = SBI_ERR_INVALID_ADDRESS;
    else if (!tables_suffice(h->monitor, t, &map))
        error = SBI_ERR_OUT_OF_PTPAGES;
    else if (!claim_frames(h, t, map.first, frames_of(&map), PAGE_DATA))
        error = SBI_ERR_INVALID_ADDRESS;
    if (error == SBI_SUCCESS) {
        for (uint32_t i = 0; i < frames_of(&map); i++)
            hal_conf_scrub(h->monitor, conf_page_next(map.first, i));
        map_frames(h, t, &map);
    }
    tvm_unlock(h, t);
    return decide_result(error, map.count);
}

/* Work: bounded by the tables that the TVM has, since each 2 MiB of the range takes one or finds one. */
struct decision covh_add_tvm_shared_pages(struct hart *h, const struct sbi_args *args)
{
    struct nonconf_addr host;
    struct mapping map = {.base = {args->a[1]}, .page_type = args->a[2], .count = args->a[3], .gpa = {args->a[4]}};
    struct tvm *t = tvm_lock(h, args->a[0]);
    if (t == NULL)
        return decide_error(SBI_ERR_INVALID_PARAM);

    int64_t error = SBI_SUCCESS;
    if (tvm_slot_of(h->monitor, t)->state != TVM_RUNNABLE)
        error = SBI_ERR_INVALID_PARAM;
    else if (!mapping_scalars_valid(&map))
        error = SBI_ERR_INVALID_PARAM;
    else if (!nonconf_range(h->monitor, map.base, bytes_of(&map), PAGE_SIZE, &host))
        error = SBI_ERR_INVALID_ADDRESS;
    else if (!target_valid(h->monitor, t, &map, IN_SHARED))
        error = SBI_ERR_INVALID_ADDRESS;
    else if (!tables_suffice(h->monitor, t, &map))
        error = SBI_ERR_OUT_OF_PTPAGES;
    for (uint64_t at = 0; error == SBI_SUCCESS && at < bytes_of(&map); at += map.unit)
        gstage_map_shared(h, t, gpa_at(&map, at), (struct nonconf_addr){host.value + at}, is_large(&map));
    tvm_unlock(h, t);
    return decide_result(error, map.count);
}
