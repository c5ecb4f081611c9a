#include "output/presence.h"

#include <stdlib.h>

static int by_time(const void *a, const void *b)
{
    const struct presence_step *x = a, *y = b;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static int add_thread(struct presence *p, const struct thread *t, uint8_t state)
{
    for (size_t i = 0; i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        bool counts =
            iv->state == STATE_UNKNOWN || (iv->state == state && !(iv->flags & INTERVAL_IDLE));
        struct presence_step step = {.process = t->process, .begins = true};
        if (!counts)
            continue;
        step.time_ns = iv->start_ns;
        if (vec_push(&p->steps, step) < 0)
            return -ENOMEM;
        step.time_ns = interval_end(t, i);
        step.begins = false;
        if (vec_push(&p->steps, step) < 0)
            return -ENOMEM;
    }
    return 0;
}

int presence_init(struct presence *p, const struct timeline *tl, uint8_t state)
{
    *p = (struct presence){VEC_INIT};
    for (size_t i = 0; i < tl->threads.len; i++)
        if (add_thread(p, &tl->threads.data[i], state) < 0)
            return -ENOMEM;
    if (p->steps.len)
        qsort(p->steps.data, p->steps.len, sizeof(*p->steps.data), by_time);
    for (size_t i = 0; i < p->steps.len; i++) {
        struct presence_step *step = &p->steps.data[i];
        const struct presence_step *last = &p->steps.data[i ? i - 1 : 0];
        if (i && last->process == step->process) {
            step->sum_ns = last->sum_ns + last->threads * (step->time_ns - last->time_ns);
            step->threads = last->threads;
        }
        step->threads += step->begins ? 1 : -1ull; /* below 0 for a moment, where some are equal */
    }
    return 0;
}

/* Up to that moment, from the process's first step on. */
static uint64_t sum_at(const struct presence *p, uint32_t process, uint64_t ns)
{
    struct presence_step wanted = {.process = process, .time_ns = ns};
    size_t low = 0, high = p->steps.len; /* all below `low` are at or before it */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_time(&p->steps.data[middle], &wanted) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low || p->steps.data[low - 1].process != process)
        return 0;
    const struct presence_step *last = &p->steps.data[low - 1];
    return last->sum_ns + last->threads * (ns - last->time_ns);
}

uint64_t presence_ns(const struct presence *p, uint32_t process, uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? sum_at(p, process, to_ns) - sum_at(p, process, from_ns) : 0;
}

void presence_release(struct presence *p)
{
    vec_release(&p->steps);
}
