/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace mutator as a shared object for AFL++ (AFL_CUSTOM_MUTATOR_LIBRARY). Mutation and cross-over are those of
 * harness/trace; trimming removes operations instead of bytes, in runs of falling length.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "harness/trace/random.h"
#include "harness/trace/trace.h"

#define CROSSOVER_PERCENT 15u

struct afl_mutator {
    struct random random;
    uint8_t out[TRACE_MAX_BYTES];
    bool crossed; /* the last input came from two parents */

    /* Trimming: `kept` is known to behave as before; `tried` lacks `chunk` operations from `at` on. */
    struct trace kept, tried;
    uint32_t at, chunk;
};

void *afl_custom_init(void *afl, unsigned int seed);
void afl_custom_deinit(void *data);
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t buf_size, uint8_t **out_buf, uint8_t *add_buf,
                       size_t add_buf_size, size_t max_size);
const char *afl_custom_describe(void *data, size_t max_len);
int32_t afl_custom_init_trim(void *data, uint8_t *buf, size_t buf_size);
size_t afl_custom_trim(void *data, uint8_t **out_buf);
int32_t afl_custom_post_trim(void *data, uint8_t success);

void *afl_custom_init(void *afl, unsigned int seed)
{
    struct afl_mutator *m = calloc(1, sizeof(*m));

    (void)afl;
    if (m != NULL)
        m->random = random_from(seed);
    return m;
}

void afl_custom_deinit(void *data)
{
    free(data);
}

size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t buf_size, uint8_t **out_buf, uint8_t *add_buf,
                       size_t add_buf_size, size_t max_size)
{
    struct afl_mutator *m = data;
    size_t max = max_size < sizeof(m->out) ? max_size : sizeof(m->out);
    size_t size;

    m->crossed = add_buf != NULL && random_chance(&m->random, CROSSOVER_PERCENT);
    *out_buf = m->out;
    uint32_t seed = (uint32_t)random_next(&m->random);
    if (m->crossed) {
        size = trace_crossover(buf, buf_size, add_buf, add_buf_size, m->out, max, seed);
    } else {
        /* Decoding first also takes an input that is larger than any trace. */
        trace_decode_any(&m->tried, buf, buf_size);
        size = trace_encode(&m->tried, m->out, max);
    }
    return trace_mutate(m->out, size, max, (uint32_t)random_next(&m->random), NULL);
}

/* Part of the file name of an input in the queue. */
const char *afl_custom_describe(void *data, size_t max_len)
{
    const struct afl_mutator *m = data;

    if (max_len < sizeof("trace-crossed"))
        return "";
    return m->crossed ? "trace-crossed" : "trace";
}

/* --- trimming --------------------------------------------------------------------------------------------- */

/* Steps to go, of which only "some" and "none" matter to afl-fuzz. */
int32_t afl_custom_init_trim(void *data, uint8_t *buf, size_t buf_size)
{
    struct afl_mutator *m = data;

    trace_decode_any(&m->kept, buf, buf_size);
    m->at = 0;
    m->chunk = m->kept.count / 4 != 0 ? m->kept.count / 4 : 1;
    /* A text is shorter than its binary form; afl-fuzz stops when trimming makes an input longer. */
    bool longer = TRACE_HEADER_SIZE + (size_t)m->kept.count * TRACE_RECORD_SIZE > buf_size;
    return m->kept.count == 0 || longer ? 0 : 1;
}

size_t afl_custom_trim(void *data, uint8_t **out_buf)
{
    struct afl_mutator *m = data;

    m->tried = m->kept;
    m->tried.count = 0;
    for (uint32_t i = 0; i < m->kept.count; i++) {
        if (i < m->at || i >= m->at + m->chunk)
            m->tried.op[m->tried.count++] = m->kept.op[i];
    }
    *out_buf = m->out;
    return trace_encode(&m->tried, m->out, sizeof(m->out));
}

/* 0: go on. 1, the number of steps: done. */
int32_t afl_custom_post_trim(void *data, uint8_t success)
{
    struct afl_mutator *m = data;

    if (success)
        m->kept = m->tried;
    else
        m->at += m->chunk;
    if (m->at >= m->kept.count) {
        m->at = 0;
        m->chunk /= 2;
    }
    return m->chunk == 0 || m->kept.count == 0 ? 1 : 0;
}
