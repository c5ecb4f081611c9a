/*
 * steps: what follows from the order in which a loop takes the steps of asyncio's tasks.
 *
 * A loop goes round: it looks which sockets are ready and which timers are due, and runs what was
 * in its queue by then, first in, first out; what comes into the queue meanwhile is for the next
 * round (CPython, Lib/asyncio/base_events.py, _run_once(); uvloop, loop.pyx, _on_idle(), between
 * libuv's timers and its poll). So
 *
 *   - between two steps of one task, or its making and its first step, the loop has looked;
 *   - a task that is stepped behind another came into the queue behind it;
 *   - a task that was made before another was stepped, and is stepped behind it, is later in the
 *     queue: the other had been in it since that moment at the latest.
 *
 *     made X ──┬── step Y ── made Z ──┬── step X ── step A ── step Z
 *              │ looked               │ looked
 *     A: not ready up to the last but one look before X's; in the queue when Z was made
 *
 * With --precise a step's end says for which future the task waits from then on, and somebody who
 * gives that future its result puts the task into the queue (Modules/_asyncio.c,
 * future_schedule_callbacks()): then that moment is known.
 *
 * An eager task (3.12) takes its first step as it is made, and no queue is asked.
 */
#include "analysis/internal.h"

/* So many looks may lie between a timer that is due, or a word from elsewhere, and the queue: the
 * one that finds it, and one for a callback in between (gather, shield, wait_for). */
#define LOOKS 2
/* What a loop does for so long behind its wake-up, and not in a step, is work of a callback's, if
 * it waits in it, or does so again and again: a collection of garbage comes once in a while, behind
 * anything. */
#define CALLBACK_NS 5000000u
#define CALLBACKS_MIN 3
/* To take a client's connection and to make what serves it, which is no step either, costs up to so
 * much: uvicorn 30 us. */
#define ACCEPT_NS 250000u

/* The thread was at `time`, when it had taken `steps_plus1` − 1 as its last step. */
struct place {
    uint64_t time;
    uint32_t step_plus1;
};

/* A task, from its making to the next at its address. */
struct task {
    struct place last;  /* its making, or its last step */
    struct place ready; /* it came into the queue since; time 0: that is not known */
    uint64_t due;       /* the one timer that it set in its last step; NEVER; 0: it set several */
    bool timed;         /* and that made it ready */
    uint64_t waits_for; /* the address of a future; 0 */
    uint32_t thread;
    bool fresh; /* no step yet */
};

struct loop {
    uint32_t last_plus1; /* its last step */
    uint32_t task_plus1; /* that it is in */
    uint64_t made;       /* the address of the task that it has just made; 0 */
    uint64_t slept;      /* its last multiplexed wait's begin */
    uint64_t woke;       /* and end, if it did nothing since; NEVER */
    uint64_t off;        /* since then it wanted a CPU, a page, or the interpreter's lock */
    bool waited;         /* and for something else, too */
    uint32_t callbacks;  /* long ones */
    uint64_t upper;      /* what it steps next was in the queue by then */
};

struct survey {
    struct analysis *a;
    struct loop *loops;
    VEC(struct task) tasks;
    struct table index;       /* task's key → tasks */
    struct table futures;     /* future's key → tasks: the one that waits for it */
    VEC(uint32_t) before;     /* by step: the one before it on its thread, + 1 */
    VEC(struct place) behind; /* by step: not in the queue before */
};

static uint64_t key_of(const struct survey *s, const struct event_work *e, uint32_t thread)
{
    const uint64_t what[2] = {e->item, s->a->tl->threads.data[thread].process};
    return table_hash(what, sizeof(what));
}

static struct task *task_of(struct survey *s, const struct event_work *e, uint32_t thread)
{
    uint64_t key = key_of(s, e, thread), index;

    if (table_get(&s->index, key, &index))
        return &s->tasks.data[index];
    if (table_put(&s->index, key, s->tasks.len) < 0 ||
        vec_push(&s->tasks, ((struct task){.thread = NONE})) < 0)
        return NULL;
    return vec_last(&s->tasks);
}

static struct place later(struct place x, struct place y)
{
    return x.time >= y.time ? x : y;
}

static int step_add(struct survey *s, const struct event_work *e, uint32_t thread, size_t record)
{
    struct loop *l = &s->loops[thread];
    struct task *t = task_of(s, e, thread);
    uint64_t now = analysis_rel(s->a, s->a->records.data[record].time_ns);

    if (!t || s->a->steps.len >= NONE - 1)
        return -ENOMEM;
    bool eager = t->fresh && l->made == e->item;
    bool known = t->thread == thread && !eager;
    struct place since = l->last_plus1 ? s->behind.data[l->last_plus1 - 1] : (struct place){0, 0};
    struct step step = {.record = record,
                        .time = now,
                        .thread = thread,
                        .queued = !known          ? NEVER
                                  : t->ready.time ? t->ready.time
                                  : t->fresh      ? t->last.time
                                                  : NEVER,
                        .due_by = NEVER,
                        .timer = known && t->timed ? t->due : NEVER};

    if (known)
        since = later(later(since, t->last), t->ready);
    if (vec_push(&s->a->steps, step) < 0 || vec_push(&s->before, l->last_plus1) < 0 ||
        vec_push(&s->behind, since) < 0)
        return -ENOMEM;
    l->last_plus1 = (uint32_t)s->a->steps.len;
    l->task_plus1 = (uint32_t)(t - s->tasks.data) + 1;
    *t = (struct task){.last = {now, l->last_plus1}, .thread = thread, .due = NEVER};
    return 0;
}

/* A step ends, and its task waits for a future, or has only given way to others; or a coroutine has
 * ended, and what it gave back is made ready by nobody. */
static int step_end(struct survey *s, const struct event_work *e, uint32_t thread)
{
    struct loop *l = &s->loops[thread];
    uint32_t plus1 = l->task_plus1;

    l->task_plus1 = 0;
    if (!plus1 || plus1 > s->tasks.len)
        return 0;
    if (e->flags & WORK_GIVES_WAY)
        s->tasks.data[plus1 - 1].ready =
            (struct place){analysis_rel(s->a, e->event.time_ns), l->last_plus1};
    s->tasks.data[plus1 - 1].waits_for = e->item;
    return e->item ? table_put(&s->futures, key_of(s, e, thread), plus1 - 1) : 0;
}

static void future_ready(struct survey *s, const struct event_work *e, uint32_t thread,
                         size_t record)
{
    uint64_t key = key_of(s, e, thread), index = 0;
    uint64_t now = analysis_rel(s->a, s->a->records.data[record].time_ns);

    if (!s->tasks.data || !table_get(&s->futures, key, &index))
        return;
    struct task *t = &s->tasks.data[index];
    /* A task that was cancelled waits for another since, or the address is another future's. */
    if (t->thread != thread || t->waits_for != e->item || t->ready.time)
        return;
    t->ready = (struct place){now, s->loops[thread].last_plus1};
    t->timed = t->due > t->last.time && t->due <= now && !s->loops[thread].task_plus1;
}

static void timer_set(struct survey *s, const struct event_work *e, uint32_t thread)
{
    uint32_t plus1 = s->loops[thread].task_plus1;

    if (plus1 && plus1 <= s->tasks.len) {
        struct task *t = &s->tasks.data[plus1 - 1];
        t->due = t->due == NEVER ? analysis_rel(s->a, e->item) : 0;
    }
}

static int see_work(struct survey *s, const struct event_work *e, uint32_t thread, size_t record)
{
    struct loop *l = &s->loops[thread];
    int rc = 0;

    if (e->kind == WORK_TASK && e->op == WORK_SUBMIT) {
        struct task *t = task_of(s, e, thread);
        uint64_t now = analysis_rel(s->a, s->a->records.data[record].time_ns);
        if (!t)
            return -ENOMEM;
        *t = (struct task){
            .last = {now, l->last_plus1}, .thread = thread, .fresh = true, .due = NEVER};
        l->made = e->item;
        return 0;
    }
    if (e->kind == WORK_TASK && e->op == WORK_RESUME)
        rc = step_add(s, e, thread, record);
    else if (e->kind == WORK_TASK && e->op == WORK_END)
        rc = step_end(s, e, thread);
    else if (e->kind == WORK_TASK && e->op == WORK_READY)
        future_ready(s, e, thread, record);
    else if (e->kind == WORK_TIMER && e->op == WORK_SUBMIT)
        timer_set(s, e, thread);
    l->made = 0;
    return rc;
}

/* Long behind its wake-up it has done nothing that a record tells of. */
static void see_idle(struct survey *s, uint32_t thread, uint64_t now)
{
    struct loop *l = &s->loops[thread];
    if (l->woke != NEVER && now > l->woke + l->off + CALLBACK_NS) {
        uint64_t accepting = ACCEPT_NS * clients_came(s->a, l->slept, now);
        if (now > l->woke + l->off + CALLBACK_NS + accepting)
            l->callbacks += l->waited ? CALLBACKS_MIN : 1;
    }
    s->a->lives.data[thread].callbacks |= l->callbacks >= CALLBACKS_MIN;
    l->waited = false;
    l->woke = NEVER;
    l->off = 0;
}

static void see_wait(struct survey *s, const struct event_wait *w, uint32_t thread)
{
    struct loop *l = &s->loops[thread];
    uint64_t off = analysis_rel(s->a, w->off_ns), now = analysis_rel(s->a, w->event.time_ns);
    enum state state = wait_state(w);

    if (state == STATE_YIELDED) {
        see_idle(s, thread, off);
        l->slept = off;
        l->woke = now;
    } else if (state == STATE_RUNNABLE || state == STATE_LOCK || state == STATE_FAULT) {
        l->off += now > off ? now - off : 0;
    } else {
        l->waited = true;
    }
}

static int see(struct survey *s, size_t record)
{
    const struct record *r = &s->a->records.data[record];

    if (r->thread == NONE)
        return 0;
    if (r->kind == EVENT_WAIT) {
        see_wait(s, record_event(s->a, r), r->thread);
        return 0;
    }
    if (r->kind != EVENT_WORK && r->kind != EVENT_RECV && r->kind != EVENT_SEND &&
        r->kind != EVENT_CONN)
        return 0;
    see_idle(s, r->thread, analysis_rel(s->a, r->time_ns));
    if (r->kind == EVENT_WORK)
        return see_work(s, record_event(s->a, r), r->thread, record);
    s->loops[r->thread].made = 0;
    return 0;
}

/* From the place behind which it came into the queue on, as many looks back. */
static uint64_t waited_until(const struct place *behind, size_t step)
{
    struct place at = behind[step];
    for (unsigned n = 0; n < LOOKS && at.time; n++)
        at = at.step_plus1 ? behind[at.step_plus1 - 1] : (struct place){0, 0};
    return at.time;
}

static void settle(struct survey *s)
{
    for (size_t i = s->behind.data ? s->a->steps.len : 0; i-- > 0;) {
        struct step *x = &s->a->steps.data[i];
        struct loop *l = &s->loops[x->thread];
        if (x->queued < l->upper)
            l->upper = x->queued;
        if (l->upper < x->time)
            x->due_by = l->upper;
        x->waited_until = waited_until(s->behind.data, i);
        if (x->timer <= x->time)
            x->waited_until = x->due_by = x->timer;
    }
}

int steps_survey(struct analysis *a)
{
    if (!records_have(a, EVENT_WORK))
        return 0;
    struct survey s = {.a = a,
                       .index = TABLE_INIT,
                       .futures = TABLE_INIT,
                       .loops = calloc(a->lives.len + 1, sizeof(*s.loops))};
    int rc = s.loops ? 0 : -ENOMEM;

    for (size_t i = 0; rc == 0 && i < a->lives.len; i++) {
        s.loops[i].woke = NEVER;
        s.loops[i].upper = NEVER;
    }
    for (size_t i = 0; rc == 0 && i < a->records.len; i++)
        rc = see(&s, i);
    if (rc == 0)
        settle(&s);
    free(s.loops);
    vec_release(&s.tasks);
    vec_release(&s.before);
    vec_release(&s.behind);
    table_release(&s.index);
    table_release(&s.futures);
    return rc;
}

uint32_t step_plus1_at(const struct analysis *a, size_t record)
{
    size_t low = 0, high = a->steps.len;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (a->steps.data[mid].record < record)
            low = mid + 1;
        else
            high = mid;
    }
    bool found = low < a->steps.len && a->steps.data[low].record == record;
    return found ? (uint32_t)low + 1 : 0;
}
