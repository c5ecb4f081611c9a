/*
 * tasks: whose each task of asyncio's is.
 *
 *     made at once behind a receive   the request's: uvicorn makes one for each
 *     sends on a client's connection  that connection's request, in each of its steps up to the
 *                                     answer: aiohttp, Tornado and streams have a task for each
 *                                     connection. It may have been made for nobody, so it is looked
 *                                     for from the end of the capture to its begin
 *     made in a known task's step     whose that step is: gather(), create_task()
 *
 * With --precise END when a step ends, with the future that the task waits for now, and READY when
 * somebody sets that future's result: see steps.c.
 *
 * By default a step's end is not told, so that a task that a plain callback makes behind it looks
 * as if the step had made it: asyncio's own for each connection that it accepts, or a timer's. Such
 * a callback runs behind a wake-up or a receive as well, at times. A loop that was seen to make a
 * task there that asks somebody, or one that does not, is not believed when it makes another such
 * in what looks like a step. Then nobody knows what its request waits for, either.
 *
 * A loop that collects answers and sends them together, as uvloop does, tells nothing by them.
 */
#include "analysis/internal.h"

/* What a task does in its life, as far as it tells whose it is. */
enum habit {
    HABIT_NONE = 0,
    HABIT_ASKS = 1,  /* it connects, or sends to somewhere else */
    HABIT_SENDS = 2, /* it sends to clients */
};

/* What the survey knows of a thread, coming from the end. */
struct seen {
    uint64_t sends_on; /* the connection it sends on behind the record it looks at, before it turns
                          to anything else; 0 */
    bool several;      /* more than one */
    bool asks;         /* likewise: to somewhere else */
    bool makes;        /* the next that it does is to make a task */
    bool made[2];      /* it makes tasks before it does anything else, by habit */
    uint32_t reads, makers; /* receives that begin something, and those that make a task at once */
};

struct survey {
    struct analysis *a;
    struct seen *seen;
    struct table conns;  /* task → the connection that it sends on next */
    struct table askers; /* tasks that ask */
};

static int survey_made(struct survey *s, uint64_t key, struct seen *seen, uint32_t thread,
                       size_t record)
{
    bool sends = table_remove(&s->conns, key), asks = table_remove(&s->askers, key);
    enum habit habit = sends ? HABIT_SENDS : asks ? HABIT_ASKS : HABIT_NONE;

    s->a->lives.data[thread].makings = seen->makes = true;
    if (!sends)
        seen->made[habit] = true;
    seen->asks |= habit == HABIT_ASKS; /* who makes it, asks by it */
    return vec_push(&s->a->task_habits.all, ((struct noted){record, habit}));
}

static int survey_step(struct survey *s, uint64_t key, struct seen *seen, uint32_t thread,
                       size_t record)
{
    struct life *l = &s->a->lives.data[thread];
    uint64_t obj;
    int rc = 0;

    l->tasks = true;
    l->flushes |= seen->several;
    if (seen->sends_on)
        rc = table_put(&s->conns, key, seen->sends_on);
    if (rc == 0 && seen->asks)
        rc = table_put(&s->askers, key, 1);
    seen->sends_on = 0;
    seen->several = seen->asks = false;
    seen->made[HABIT_NONE] = seen->made[HABIT_ASKS] = false;
    if (rc == 0 && table_get(&s->conns, key, &obj))
        rc = vec_push(&s->a->task_conns.all, ((struct noted){record, obj}));
    return rc;
}

static int survey_work(struct survey *s, const struct event_work *e, uint32_t thread, size_t record)
{
    struct seen *seen = &s->seen[thread];
    struct life *l = &s->a->lives.data[thread];
    uint64_t key = work_key(s->a, e, thread);

    if (e->kind == WORK_COROUTINE) {
        if (e->op == WORK_BEGIN)
            coroutines_found(s->a, thread);
        return 0;
    }
    if ((e->kind == WORK_LIBUV && e->op == WORK_SUBMIT) ||
        (e->kind == WORK_NGINX && e->op == WORK_BEGIN))
        s->a->procs.data[s->a->tl->threads.data[thread].process].hands_over = true;
    l->steps_end |= e->kind == WORK_TASK && e->op == WORK_END;
    l->ends |= e->kind == WORK_FUTURE && e->op == WORK_END;
    seen->makes = false;
    if (e->kind == WORK_TASK && e->op == WORK_SUBMIT)
        return survey_made(s, key, seen, thread, record);
    if (e->kind == WORK_TASK && e->op == WORK_RESUME)
        return survey_step(s, key, seen, thread, record);
    return 0;
}

/* What it makes behind a wake-up, a receive or an answer is nobody's. */
static void survey_strays(struct survey *s, uint32_t thread)
{
    struct seen *seen = &s->seen[thread];
    struct life *l = &s->a->lives.data[thread];

    l->stray_tasks |= seen->made[HABIT_NONE];
    l->stray_askers |= seen->made[HABIT_ASKS];
    seen->made[HABIT_NONE] = seen->made[HABIT_ASKS] = false;
}

static void survey_io(struct survey *s, const struct record *r)
{
    const struct event_io *io = record_event(s->a, r);
    const struct sock *sock = record_sock(s->a, r);
    struct seen *seen = &s->seen[r->thread];
    bool sends = r->kind == EVENT_SEND;

    if (!sends || (sock && sock->role == ROLE_ACCEPTED))
        survey_strays(s, r->thread);
    if (!sends || (sock && sock->role == ROLE_CONNECTED))
        seen->asks = sends;
    if (!sock || sock->role != ROLE_ACCEPTED || !sock->tcp || !r->moves)
        return;
    seen->several = sends && (seen->several || (seen->sends_on && seen->sends_on != io->obj));
    seen->sends_on = sends ? io->obj : 0;
    if (!sends && (io->flags & IO_TURN)) {
        seen->reads++;
        seen->makers += seen->makes;
    }
    seen->makes = false;
}

static int survey(struct survey *s, size_t record)
{
    const struct record *r = &s->a->records.data[record];
    const struct event_conn *conn = record_event(s->a, r);

    if (r->thread == NONE)
        return 0;
    if (r->kind == EVENT_WORK)
        return survey_work(s, record_event(s->a, r), r->thread, record);
    if (r->kind == EVENT_SEND || r->kind == EVENT_RECV)
        survey_io(s, r);
    else if (r->kind == EVENT_CONN && conn->role == ROLE_CONNECTED)
        s->seen[r->thread].asks = true;
    if (r->kind == EVENT_WAIT && wait_state(record_event(s->a, r)) == STATE_YIELDED) {
        survey_strays(s, r->thread);
        s->seen[r->thread].asks = false;
    }
    return 0;
}

int tasks_survey(struct analysis *a)
{
    if (!records_have(a, EVENT_WORK))
        return 0;
    struct survey s = {.a = a, .seen = calloc(a->lives.len + 1, sizeof(*s.seen))};
    int rc = s.seen ? 0 : -ENOMEM;

    for (size_t i = a->records.len; rc == 0 && i-- > 0;)
        rc = survey(&s, i);
    for (size_t i = 0; s.seen && i < a->lives.len; i++) {
        struct life *l = &a->lives.data[i];
        const struct seen *seen = &s.seen[i];
        /* One that makes a task for each request; else tasks may be those of connections, made
         * when there is no request yet, and whose turn it is then is chance. */
        l->makes = l->tasks && seen->makers && seen->makers >= seen->reads - seen->reads / 10;
        l->known = l->coroutines || l->makes || (l->tasks && !l->flushes);
    }
    table_release(&s.conns);
    table_release(&s.askers);
    free(s.seen);
    return rc;
}

/* ---- */

/* What tasks_survey() has noted of the record; 0: nothing. Asked for in the order of records. */
static uint64_t noted_of(struct notes *notes, size_t record)
{
    while (notes->all.len && vec_last(&notes->all)->record < record)
        notes->all.len--;
    const struct noted *n = notes->all.len ? vec_last(&notes->all) : NULL;
    return n && n->record == record ? n->what : 0;
}

/* A task's step, whose connection tasks_survey() has found. `*known`: it is that one's, though no
 * request of its may be open. */
static uint32_t task_request(struct analysis *a, size_t record, bool *known)
{
    uint64_t obj = noted_of(&a->task_conns, record);
    const struct sock *s = obj ? socket_find(a, obj) : NULL;

    *known |= s != NULL;
    if (!s || !s->request_plus1 || a->drafts.data[s->request_plus1 - 1].closed)
        return NONE;
    return s->request_plus1 - 1;
}

/* The loop has made a task, in a step as far as anybody knows. */
static int made(struct analysis *a, const struct event_work *e, const struct act *act,
                size_t record)
{
    const struct life *l = &a->lives.data[act->thread];
    uint32_t request = l->in_step ? tenure_request(a, act->thread) : NONE;

    if (l->makes)
        return work_bind(a, e, act, tenure_request(a, act->thread));
    enum habit habit = (enum habit)noted_of(&a->task_habits, record);
    if (request == NONE || habit == HABIT_SENDS)
        return work_bind(a, e, act, NONE);
    bool believed = l->steps_end || !(habit == HABIT_ASKS ? l->stray_askers : l->stray_tasks);
    a->drafts.data[request].estranged |= !believed;
    return work_bind(a, e, act, believed ? request : NONE);
}

/* The step that the loop was in is over, and what it does then is not its request's. */
static int stepped(struct analysis *a, struct act *act)
{
    uint32_t request = tenure_request(a, act->thread);

    a->lives.data[act->thread].in_step = false;
    if (request == NONE)
        return tenure_foreign(a, act);
    int rc = tenure_touch(a, request, act);
    tenure_leave(a, act->thread, act->time);
    return rc;
}

int task_event(struct analysis *a, const struct event_work *e, struct act *act, size_t record)
{
    struct life *l = &a->lives.data[act->thread];

    thread_scan(a, act->thread, act->time);
    if (e->op == WORK_SUBMIT)
        return made(a, e, act, record);
    if (e->op == WORK_END)
        return stepped(a, act);
    if (e->op != WORK_RESUME)
        return 0;
    const struct work *w = l->known ? work_find(a, e, act->thread) : NULL;
    uint32_t bound_plus1 = w ? w->request_plus1 : 0;
    bool known = bound_plus1 != 0; /* of one that may have been answered */
    uint32_t request = l->flushes ? NONE : task_request(a, record, &known);
    if (request == NONE && bound_plus1 && !a->drafts.data[bound_plus1 - 1].closed)
        request = bound_plus1 - 1;
    if (request == NONE) {
        l->in_step = false;
        act->others = known;
        return tenure_foreign(a, act);
    }
    act->step_plus1 = step_plus1_at(a, record);
    struct draft *d = &a->drafts.data[request];
    /* What came then has not made it ready. */
    if (act->step_plus1 && d->woken < a->steps.data[act->step_plus1 - 1].waited_until)
        d->woken = NEVER;
    int rc = work_turn_to(a, request, act);
    l->in_step = true;
    return rc;
}
