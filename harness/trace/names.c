/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of constants in the text form: SBI errors, extension ids, page types, handle kinds. Both directions.
 */
#include <string.h>

#include "harness/trace/ops.h"
#include "monitor/abi/sbi.h"

struct named_value {
    const char *name;
    uint64_t value;
};

#define NAMED_ERROR(name)                                                                                              \
    {                                                                                                                  \
#name, (uint64_t)(int64_t)SBI_ERR_##name                                                                       \
    }
static const struct named_value errors[] = {
    {"SUCCESS", SBI_SUCCESS},
    NAMED_ERROR(FAILED),
    NAMED_ERROR(NOT_SUPPORTED),
    NAMED_ERROR(INVALID_PARAM),
    NAMED_ERROR(DENIED),
    NAMED_ERROR(INVALID_ADDRESS),
    NAMED_ERROR(ALREADY_AVAILABLE),
    NAMED_ERROR(ALREADY_STARTED),
    NAMED_ERROR(ALREADY_STOPPED),
    NAMED_ERROR(NO_SHMEM),
    NAMED_ERROR(AUTH),
    NAMED_ERROR(OUT_OF_MEMORY),
    NAMED_ERROR(OUT_OF_PTPAGES),
    NAMED_ERROR(BUSY),
};

#define NAMED_EID(name)                                                                                                \
    {                                                                                                                  \
#name, SBI_EID_##name                                                                                          \
    }
static const struct named_value eids[] = {
    NAMED_EID(BASE), NAMED_EID(TIME), NAMED_EID(IPI),  NAMED_EID(RFENCE), NAMED_EID(HSM),  NAMED_EID(SRST),
    NAMED_EID(DBCN), NAMED_EID(NACL), NAMED_EID(SUPD), NAMED_EID(COVH),   NAMED_EID(COVI), NAMED_EID(COVG),
};

static const struct named_value page_types[] = {
    {"4K", TSM_PAGE_4K},
    {"2M", TSM_PAGE_2M},
    {"1G", TSM_PAGE_1G},
    {"512G", TSM_PAGE_512G},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *name_of(const struct named_value *table, size_t count, uint64_t value)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].value == value)
            return table[i].name;
    }
    return NULL;
}

static bool value_of(const struct named_value *table, size_t count, const char *name, size_t len, uint64_t *value)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0) {
            *value = table[i].value;
            return true;
        }
    }
    return false;
}

const char *trace_error_name(int64_t error)
{
    return name_of(errors, COUNT_OF(errors), (uint64_t)error);
}

bool trace_error_by_name(const char *name, size_t len, uint64_t *value)
{
    return value_of(errors, COUNT_OF(errors), name, len, value);
}

const char *trace_eid_name(uint64_t eid)
{
    return name_of(eids, COUNT_OF(eids), eid);
}

bool trace_eid_by_name(const char *name, size_t len, uint64_t *value)
{
    return value_of(eids, COUNT_OF(eids), name, len, value);
}

const char *trace_page_type_name(uint64_t type)
{
    return name_of(page_types, COUNT_OF(page_types), type);
}

bool trace_page_type_by_name(const char *name, size_t len, uint64_t *value)
{
    return value_of(page_types, COUNT_OF(page_types), name, len, value);
}

const char *trace_kind_name(uint8_t kind)
{
    static const char *const names[ARG_KIND_COUNT] = {
        [ARG_RAW] = NULL,  [ARG_WIN] = "win", [ARG_RAM] = "ram",
        [ARG_TVM] = "tvm", [ARG_MON] = "mon", [ARG_MMIO] = "mmio",
    };
    return kind < ARG_KIND_COUNT ? names[kind] : NULL;
}
