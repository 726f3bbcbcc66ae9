/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REF: a call that a trace lets fail inside of the monitor. The model cannot know where the monitor was by then, so it
 * predicts the call as it would have gone, and when the call has failed it takes the prediction back: all that is right
 * then is an error of the kind that failed, and the state from before.
 */
#include "harness/oracles/ref.h"

#include <stdlib.h>
#include <string.h>

/* Of a list that may grow meanwhile. */
struct kept_list {
    void *data;
    size_t room, count;
};

/* What a prediction may change: of all TVMs one, and those that it makes. */
struct ref_kept {
    uint64_t live, next_id, fence;
    struct ref_hart hart[MONITOR_MAX_HARTS];
    struct ref_frame *frame;
    uint32_t index; /* of `tvm`; REF_TVMS for none */
    struct ref_tvm tvm;
    struct kept_list runs, blocks;
};

static bool keep_list(struct kept_list *list, const void *data, size_t count, size_t size)
{
    if (count > list->room) {
        void *grown = realloc(list->data, count * size);
        if (grown == NULL)
            return false;
        list->data = grown;
        list->room = count;
    }
    if (count != 0)
        memcpy(list->data, data, count * size);
    list->count = count;
    return true;
}

void ref_keep_free(struct ref *r)
{
    struct ref_kept *k = r->kept;

    if (k == NULL)
        return;
    free(k->frame);
    free(k->runs.data);
    free(k->blocks.data);
    free(k);
    r->kept = NULL;
}

static bool keep_make(struct ref *r)
{
    if (r->kept != NULL)
        return true;
    r->kept = calloc(1, sizeof(*r->kept));
    if (r->kept == NULL)
        return false;
    r->kept->frame = calloc(r->frames, sizeof(*r->kept->frame));
    if (r->kept->frame != NULL)
        return true;
    ref_keep_free(r);
    return false;
}

bool ref_keep(struct ref *r, const struct ref_tvm *t)
{
    if (!keep_make(r))
        return false;
    struct ref_kept *k = r->kept;
    k->live = r->live;
    k->next_id = r->next_id;
    k->fence = r->fence;
    memcpy(k->hart, r->hart, sizeof(k->hart));
    memcpy(k->frame, r->frame, r->frames * sizeof(*k->frame));
    k->index = t != NULL ? ref_tvm_index(r, t) : REF_TVMS;
    if (t == NULL)
        return true;
    k->tvm = *t;
    return keep_list(&k->runs, t->run, t->runs, sizeof(*t->run)) &&
           keep_list(&k->blocks, t->block, t->blocks, sizeof(*t->block));
}

void ref_put_back(struct ref *r)
{
    const struct ref_kept *k = r->kept;

    r->live = k->live;
    r->next_id = k->next_id;
    r->fence = k->fence;
    memcpy(r->hart, k->hart, sizeof(r->hart));
    /* What the prediction moved is marked as such, and stays so. */
    memcpy(r->frame, k->frame, r->frames * sizeof(*r->frame));
    if (k->index == REF_TVMS)
        return;
    struct ref_tvm *t = &r->tvm[k->index];
    struct ref_tvm now = *t; /* its lists only ever grow */
    *t = k->tvm;
    t->run = now.run;
    t->run_room = now.run_room;
    t->block = now.block;
    t->block_room = now.block_room;
    if (t->runs != 0)
        memcpy(t->run, k->runs.data, t->runs * sizeof(*t->run));
    if (t->blocks != 0)
        memcpy(t->block, k->blocks.data, t->blocks * sizeof(*t->block));
}
