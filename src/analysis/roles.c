/*
 * roles: what each thread is there for, and which waits are idle.
 *
 * Idle is to wait for work: of no request, in no ranking. A wait of no request on a file or on a
 * connection to somewhere else is no idling: it is work in the background.
 */
#include "analysis/internal.h"
#include "base/sort.h"

/* One in so many tenures must look like an event loop's, for a race of two processes at one
 * listener can look like it now and then. */
#define INTERLEAVED_MIN 20

/* So many of a thread's multiplexed waits are looked at, for one that says what it is for. */
#define POLLS_LOOKED_AT 64

/* The call's name; empty: none. */
static const char *wait_call(const struct timeline *tl, const struct interval *iv)
{
    uint32_t plus1 = interval_wait(tl, iv)->call_plus1;
    return plus1 ? timeline_string(tl, plus1 - 1) : "";
}

bool wait_is_for_work(const struct timeline *tl, const struct interval *iv)
{
    static const bool working[OBJ_KIND_COUNT] = {
        [OBJ_FILE] = true, [OBJ_DIRECTORY] = true, [OBJ_DEVICE] = true,
        [OBJ_PATH] = true, [OBJ_CONNECTED] = true,
    };
    const struct object *o = interval_object(tl, iv);
    /* A pipe with a name is somebody's file; one without is how threads call each other. */
    bool named = o && o->kind == OBJ_PIPE && OBJECT_CLASS(o->id) == OBJECT_FILE;
    return o && !working[o->kind] && !named && call_takes(wait_call(tl, iv));
}

static bool sleeps_in_futex(const struct timeline *tl, const struct interval *iv)
{
    return strncmp(wait_call(tl, iv), "futex", 5) == 0;
}

static bool is_idle(const struct timeline *tl, const struct thread *t, const struct interval *iv)
{
    switch (iv->state) {
    case STATE_BLOCKED: /* see below; accept() may wait for more room for descriptors, say:
                           expand_fdtable() in fs/file.c, where threads share them */
        return t->role != THREAD_ROLE_LOOP && wait_is_for_work(tl, iv);
    case STATE_FAULT:
        return false;
    case STATE_YIELDED:
        return true;
    case STATE_SLEEP: /* in futex it is a worker's inside its work: see jobs.c */
        return t->role != THREAD_ROLE_LOOP && !sleeps_in_futex(tl, iv);
    default: /* a loop has its own place to wait for work; anywhere else it is held up */
        return t->role != THREAD_ROLE_LOOP;
    }
}

/* Where clients wait, and nobody is answered, a thread that stands still all the while may do so
 * inside a request. */
static bool may_serve(const struct analysis *a, const struct thread *t, const struct interval *iv)
{
    bool all = iv->flags & INTERVAL_OPEN && iv->start_ns == t->start_ns && t->intervals.len == 1;
    return all && a->procs.data[t->process].hangs && iv->state != STATE_YIELDED &&
           !(iv->state == STATE_BLOCKED && wait_is_for_work(a->tl, iv));
}

static void sleeps_name(struct thread *t)
{
    for (size_t i = 0; i < t->intervals.len; i++) {
        struct interval *iv = &t->intervals.data[i];
        bool sleeps = iv->flags & INTERVAL_SLEEPS && !(iv->flags & INTERVAL_CHARGED);
        iv->flags &= ~INTERVAL_SLEEPS;
        if (!sleeps || iv->state != STATE_LOCK)
            continue;
        iv->state = STATE_SLEEP;
        t->state_ns[STATE_LOCK] -= interval_end(t, i) - iv->start_ns;
        t->state_ns[STATE_SLEEP] += interval_end(t, i) - iv->start_ns;
    }
}

static void count_waits(struct analysis *a, uint32_t index)
{
    const struct thread *t = &a->tl->threads.data[index];
    struct life *l = &a->lives.data[index];

    for (size_t i = 0; i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        if (!state_is_wait(iv->state) || (iv->flags & INTERVAL_CHARGED))
            continue;
        l->free_waits++;
        l->free_yields += iv->state == STATE_YIELDED;
        l->free_selects += iv->state == STATE_YIELDED && call_takes(wait_call(a->tl, iv));
        if (may_serve(a, t, iv) || !is_idle(a->tl, t, iv))
            l->work_ns += interval_end(t, i) - iv->start_ns;
    }
}

/* A request of a loop, from its begin to its answer. */
struct span {
    uint32_t thread;
    uint64_t start, end;
};

struct spans {
    VEC(struct span) all;
};

static int span_order(const void *x, const void *y)
{
    const struct span *p = x, *q = y;
    if (p->thread != q->thread)
        return p->thread < q->thread ? -1 : 1;
    return p->start == q->start ? 0 : p->start < q->start ? -1 : 1;
}

static int spans_collect(const struct analysis *a, struct spans *spans)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->tl->requests.len; i++) {
        const struct request *r = &a->tl->requests.data[i];
        uint32_t reader = a->readers.data[i].thread;
        if (a->tl->threads.data[reader].role == THREAD_ROLE_LOOP)
            rc = vec_push(&spans->all, ((struct span){reader, r->start_ns, r->end_ns}));
    }
    if (spans->all.len)
        sort_near(spans->all.data, spans->all.len, sizeof(*spans->all.data), span_order);
    return rc;
}

/*
 * A loop that waits while a request of its own is on its way has yielded: it would go on with that
 * one or with others. With none on its way it is idle. `at`: how far this thread's spans are
 * looked at; `busy_until`: the latest end among them.
 */
static void mark_idle(struct analysis *a, uint32_t index, const struct spans *spans, size_t *at)
{
    struct thread *t = &a->tl->threads.data[index];
    uint64_t busy_until = 0;

    while (*at < spans->all.len && spans->all.data[*at].thread < index)
        (*at)++;
    for (size_t i = 0; i < t->intervals.len; i++) {
        struct interval *iv = &t->intervals.data[i];
        bool charged = iv->flags & INTERVAL_CHARGED;
        iv->flags &= ~INTERVAL_CHARGED;
        for (; *at < spans->all.len && spans->all.data[*at].thread == index &&
               spans->all.data[*at].start <= iv->start_ns;
             (*at)++)
            if (spans->all.data[*at].end > busy_until)
                busy_until = spans->all.data[*at].end;
        bool yielded = iv->state == STATE_YIELDED && busy_until > iv->start_ns;
        if (state_is_wait(iv->state) && !charged && !yielded && !may_serve(a, t, iv) &&
            is_idle(a->tl, t, iv))
            iv->flags |= INTERVAL_IDLE;
    }
}

/* What a thread waits for in its multiplexed waits: the one that the first names; 0: none. */
static uint32_t polls_plus1(const struct analysis *a, uint32_t thread)
{
    const struct life *l = &a->lives.data[thread];
    const struct thread *t = &a->tl->threads.data[thread];

    for (uint32_t k = 0; k < l->yields && k < POLLS_LOOKED_AT; k++) {
        const struct interval *iv = &t->intervals.data[a->yields.data[l->first_yield + k]];
        uint32_t plus1 = interval_wait(a->tl, iv)->object_plus1;
        if (plus1)
            return plus1;
    }
    return 0;
}

/* Go's threads wait in turn for all that its goroutines wait for, and hold none of them. */
static int shares_find(struct analysis *a)
{
    /* by object: threads that wait for it; those of them that serve */
    uint32_t *waiting = calloc(a->tl->objects.len + 1, sizeof(*waiting));
    bool *serving = calloc(a->tl->objects.len + 1, sizeof(*serving));
    int rc = waiting && serving ? 0 : -ENOMEM;

    for (int pass = 0; rc == 0 && pass < 2; pass++) {
        for (uint32_t i = 0; i < a->lives.len; i++) {
            struct life *l = &a->lives.data[i];
            uint32_t plus1 = polls_plus1(a, i);
            if (!plus1 || process_has(a, a->tl->threads.data[i].process, RUNTIME_GO))
                continue;
            waiting[plus1] += pass == 0;
            serving[plus1] |= l->touches > 0;
            l->shares = pass && waiting[plus1] > 1 && serving[plus1];
        }
    }
    free(waiting);
    free(serving);
    return rc;
}

/*
 * Several threads wait in one epoll; whoever is called takes a request, serves it to its end, and
 * comes back. While one waits in a request the others are called for all else: they are a pool, and
 * no loop is held up. Where a request goes on after a wait there, they are a loop with many
 * threads.
 */
static bool is_of_pool(const struct life *l)
{
    return l->shares && l->returned <= l->tenures / INTERLEAVED_MIN;
}

/*
 * A loop waits for its work in multiplexed waits. So does a worker that selects over two
 * listeners; but that one then stays with its one request, and may wait for its client or its
 * backend in the open call. A loop that never comes to wait because there is always more to do, or
 * that blocks in each request, is one all the same: it has such waits at all, and it reads from
 * its clients without waiting, or goes from one request to another in between.
 */
static enum role role_of(const struct life *l)
{
    if (is_of_pool(l))
        return THREAD_ROLE_WORKER;
    if (l->touches) {
        bool interleaves = l->interleaved > l->tenures / INTERLEAVED_MIN;
        bool made_as_loop = l->yields && (interleaves || l->nonblocking_reads > l->reads / 2);
        bool loop = l->free_yields > l->free_waits / 2 && l->free_selects <= l->free_yields / 2;
        bool stays = l->socket_blocks > l->tenures / 2;
        return made_as_loop || (loop && !stays) ? THREAD_ROLE_LOOP : THREAD_ROLE_WORKER;
    }
    if (l->has_old) /* it waits for one thing at a time, or that would not be known */
        return THREAD_ROLE_WORKER;
    if (l->accepts)
        return THREAD_ROLE_ACCEPTOR;
    return l->work_ns || l->held_ns ? THREAD_ROLE_HELPER : THREAD_ROLE_OTHER;
}

/* True for a wait on a connection of TCP, at either end. */
static bool on_connection(const struct timeline *tl, const struct segment *s)
{
    if (s->key != LEDGER_BLOCKED || !s->interval_plus1)
        return false;
    const struct interval *iv =
        &tl->threads.data[s->thread_plus1 - 1].intervals.data[s->interval_plus1 - 1];
    const struct object *o = interval_object(tl, iv);
    return o && (o->kind == OBJ_ACCEPTED || o->kind == OBJ_CONNECTED);
}

/* In how many requests each thread blocked on a connection. */
static void count_socket_blocks(struct analysis *a)
{
    for (size_t i = 0; i < a->tl->requests.len; i++) {
        const struct request *r = &a->tl->requests.data[i];
        uint32_t seen_plus1 = 0;
        for (size_t k = r->first_segment; k < (size_t)r->first_segment + r->segment_count; k++) {
            const struct segment *s = &a->tl->segments.data[k];
            if (s->thread_plus1 == seen_plus1 || !on_connection(a->tl, s))
                continue;
            seen_plus1 = s->thread_plus1;
            a->lives.data[seen_plus1 - 1].socket_blocks++;
        }
    }
}

static void hangs_find(struct analysis *a)
{
    for (size_t i = 0; i < a->tl->requests.len; i++) {
        const struct request *r = &a->tl->requests.data[i];
        struct proc *p = &a->procs.data[r->process];
        p->answers |= (r->flags & REQUEST_COMPLETE) != 0;
        p->hangs |= !(r->flags & REQUEST_COMPLETE);
    }
    for (size_t i = 0; i < a->tl->processes.len; i++) {
        const struct owed *owed = &a->tl->processes.data[i].owed;
        struct proc *p = &a->procs.data[i];
        p->hangs = !p->answers && (p->hangs || owed->waiting || owed->gone || owed->unaccepted);
    }
}

int roles_build(struct analysis *a)
{
    struct spans spans = {VEC_INIT};
    size_t at = 0;

    int rc = shares_find(a);
    if (rc < 0)
        return rc;
    count_socket_blocks(a);
    hangs_find(a);
    for (uint32_t i = 0; i < a->lives.len; i++) {
        sleeps_name(&a->tl->threads.data[i]);
        count_waits(a, i);
        a->tl->threads.data[i].role = (uint8_t)role_of(&a->lives.data[i]);
    }
    rc = spans_collect(a, &spans);
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        mark_idle(a, i, &spans, &at);
    vec_release(&spans.all);
    return rc;
}
