/*
 * index: elements of one kind side by side for each thread or each process, in their order. Who
 * walks all elements for each thread instead takes the square of the time.
 */
#include "analysis/internal.h"
#include "base/bulk.h"

void by_thread_release(struct by_thread *b)
{
    free(b->from);
    bulk_free(b->index);
    *b = (struct by_thread){NULL, NULL};
}

/* `whose` gives the one of `groups` that element i is of; NONE: of none. */
static int index_build(const struct analysis *a, struct by_thread *b, size_t groups, size_t count,
                       uint32_t (*whose)(const struct analysis *, size_t))
{
    uint32_t *of = bulk_new((count + 1) * sizeof(*of)); /* asked once, as each lies elsewhere */

    b->from = calloc(groups + 2, sizeof(*b->from));
    b->index = bulk_new((count + 1) * sizeof(*b->index));
    if (!of || !b->from || !b->index) {
        bulk_free(of);
        return -ENOMEM;
    }
    /* Counted two places further on, so that after filling each begin stands where it belongs. */
    for (size_t i = 0; i < count; i++) {
        of[i] = whose(a, i);
        if (of[i] != NONE)
            b->from[of[i] + 2]++;
    }
    for (size_t i = 2; i < groups + 2; i++)
        b->from[i] += b->from[i - 1];
    for (size_t i = 0; i < count; i++)
        if (of[i] != NONE)
            b->index[b->from[of[i] + 1]++] = (uint32_t)i;
    bulk_free(of);
    return 0;
}

/* Who did it then and there, by its own time; NONE: nobody, or another in its name. */
static uint32_t act_thread(const struct analysis *a, size_t i)
{
    const struct record *r = &a->records.data[i];
    const struct event_io *io = record_event(a, r);
    bool moves = r->kind == EVENT_RECV || r->kind == EVENT_SEND;
    bool own = (moves && !(io->flags & IO_URING)) || r->kind == EVENT_WORK;
    return own && !r->by_kernel ? r->thread : NONE;
}

int acts_by_thread(const struct analysis *a, struct by_thread *b)
{
    return index_build(a, b, a->lives.len, a->records.len, act_thread);
}

static uint32_t tenure_thread(const struct analysis *a, size_t i)
{
    return a->tenures.data[i].thread;
}

int tenures_by_thread(const struct analysis *a, struct by_thread *b)
{
    return index_build(a, b, a->lives.len, a->tenures.len, tenure_thread);
}

static uint32_t held_thread(const struct analysis *a, size_t i)
{
    return a->helds.data[i].thread;
}

int helds_by_thread(const struct analysis *a, struct by_thread *b)
{
    return index_build(a, b, a->lives.len, a->helds.len, held_thread);
}

static uint32_t touch_thread(const struct analysis *a, size_t i)
{
    return a->touches.data[i].thread;
}

int touches_by_thread(struct analysis *a)
{
    return index_build(a, &a->touches_of, a->lives.len, a->touches.len, touch_thread);
}

int touches_leave(struct analysis *a)
{
    if (vec_reserve(&a->touch_times, a->touches.len) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < a->touches.len; i++)
        a->touch_times.data[a->touch_times.len++] = a->touches.data[a->touches_of.index[i]].time;
    bulk_free(a->touches_of.index);
    a->touches_of.index = NULL;
    vec_release(&a->touches);
    return 0;
}

static uint32_t thread_process(const struct analysis *a, size_t i)
{
    return a->tl->threads.data[i].process;
}

int threads_by_process(const struct analysis *a, struct by_thread *b)
{
    return index_build(a, b, a->tl->processes.len, a->lives.len, thread_process);
}

static uint32_t question_draft(const struct analysis *a, size_t i)
{
    return a->questions.data[i].draft;
}

int questions_by_draft(const struct analysis *a, struct by_thread *b)
{
    return index_build(a, b, a->drafts.len, a->questions.len, question_draft);
}

static uint32_t draft_process(const struct analysis *a, size_t i)
{
    uint32_t thread = a->drafts.data[i].first_thread;
    return thread == NONE ? NONE : a->tl->threads.data[thread].process;
}

int drafts_by_process(const struct analysis *a, struct by_thread *b)
{
    return index_build(a, b, a->tl->processes.len, a->drafts.len, draft_process);
}
