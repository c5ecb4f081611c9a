/*
 * uring: for whom each request to io_uring is, and when its result was there.
 *
 * A loop on io_uring touches no socket: it writes down what is to be done, hands that over in a
 * call (io_uring_enter), and takes results from shared memory without any call. So what it does for
 * a request shows where it submits the next thing for it:
 *
 *     wait ──┬── results of A's timer ── handles it ── submits A's send ──┬── wait
 *            └ ready (awaiting ends)                    └ touch of A      └ awaiting again
 *
 * One call may submit for several requests: then the time before it is theirs in an order that
 * nobody knows, and charged to none (act.shared). Receives and sends themselves run in the loop's
 * thread, at the submission or, once data has come, as it enters or leaves the kernel; their
 * records are touches as anywhere. With SQPOLL, and for what would have blocked, they run in a
 * thread of the kernel: then they are moments of the loop's thread, whose own time around them is
 * not known (act.moment).
 *
 * Whose a submission is, the first that tells:
 *     its runtime      libuv says when it hands it over (work.c), and when it turns to the result
 *     its object       an accepted connection's open request
 *     its tag          the program's own word (user_data): if what it submits for a connection
 *                      always has the connection's tag, a timer or a file with that tag is for it
 *     its object       a connection to somewhere else that a request has
 *     its thread       the only request of the thread that may go on
 */
#include "analysis/internal.h"
#include "base/text.h"

#define IORING_OP_ACCEPT 13
#define IORING_OP_CONNECT 16
/* So many records are looked through for the rest of a call's submissions. */
#define AHEAD_MAX 1024
/* What comes so soon behind what woke the loop may count as having woken it as well. */
#define BESIDE_NS 100000u

struct uring_request {
    uint64_t submitted;
    uint32_t owner_plus1;
    uint32_t work_plus1; /* its runtime says whose it is */
    uint16_t flags;
    bool inferred; /* whose it is */
};

/* What a ring's tags are worth. */
enum tag_habit { TAG_KEPT = 1, TAG_MOVED = 2 };

struct uring {
    VEC(struct uring_request) requests; /* one for each submission */
    struct table under_way;             /* address → index in requests */
    struct table tags;                  /* hash of ring and tag → accepted connection */
    struct table rings;                 /* → enum tag_habit */
    VEC(uint32_t) loops; /* by thread: in whose name a kernel thread acts; NONE: nobody's */
};

static const struct event_uring *submission(const struct analysis *a, const struct record *r)
{
    const struct event_uring *e = record_event(a, r);
    return r->kind == EVENT_URING && e->op == URING_SUBMIT ? e : NULL;
}

static uint64_t tag_key(const struct event_uring *e)
{
    const uint64_t what[2] = {e->ring, e->tag};
    return table_hash(what, sizeof(what));
}

static struct sock *connection_of(struct analysis *a, const struct event_uring *e, uint8_t role)
{
    struct sock *s = OBJECT_CLASS(e->obj) == OBJECT_SOCKET ? socket_find(a, e->obj) : NULL;
    return s && s->tcp && s->role == role ? s : NULL;
}

/*
 * Does each connection keep its tag? A program may as well number its requests, or take them from
 * a heap, and then a tag comes again with another connection while the first one is still used.
 */
static int survey_tags(struct analysis *a)
{
    struct uring *u = a->uring;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < a->records.len; i++) {
        const struct event_uring *e = submission(a, &a->records.data[i]);
        struct sock *s = e ? connection_of(a, e, ROLE_ACCEPTED) : NULL;
        uint64_t habit = 0, before;
        if (!s)
            continue;
        uint64_t index = (uint64_t)(s - a->socks.data);
        table_get(&u->rings, e->ring, &habit);
        if (s->tag_lost)
            habit |= TAG_MOVED;
        if (table_get(&u->tags, tag_key(e), &before) && before == index)
            habit |= TAG_KEPT;
        else if (table_get(&u->tags, tag_key(e), &before))
            a->socks.data[before].tag_lost = true;
        rc = table_put(&u->tags, tag_key(e), index);
        if (rc == 0)
            rc = table_put(&u->rings, e->ring, habit);
    }
    table_release(&u->tags);
    u->tags = (struct table)TABLE_INIT;
    return rc;
}

/* The kernel names its threads after the one for which it made them: iou-sqp-TID after the ring's
 * maker, iou-wrk-TID after a submitter, which may be the former. `depth`: names still to follow. */
static uint32_t named_after(const struct analysis *a, uint32_t thread, unsigned depth)
{
    const char *comm = timeline_string(a->tl, a->tl->threads.data[thread].comm);
    unsigned tid = 0;

    if (strncmp(comm, "iou-sqp-", 8) != 0 && strncmp(comm, "iou-wrk-", 8) != 0)
        return NONE;
    for (comm += 8; *comm >= '0' && *comm <= '9' && tid < 100000000; comm++)
        tid = tid * 10 + (unsigned)(*comm - '0');
    uint64_t index;
    if (!table_get(&a->tids, tid, &index))
        return NONE;
    const struct thread *t = &a->tl->threads.data[index];
    if (t->process != a->tl->threads.data[thread].process)
        return NONE;
    if (!t->kernel)
        return (uint32_t)index;
    return depth ? named_after(a, (uint32_t)index, depth - 1) : NONE;
}

/* In whose name the kernel's threads act: after whom they are named, else their process's thread
 * with most multiplexed waits. */
static int loops_find(struct analysis *a)
{
    /* by process: thread + 1 */
    uint32_t *most = calloc(a->tl->processes.len + 1, sizeof(*most));
    int rc = most ? 0 : -ENOMEM;

    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++) {
        const struct thread *t = &a->tl->threads.data[i];
        uint32_t *best = &most[t->process];
        if (!t->kernel && (!*best || a->lives.data[i].yields > a->lives.data[*best - 1].yields))
            *best = i + 1;
    }
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++) {
        const struct thread *t = &a->tl->threads.data[i];
        uint32_t loop = NONE;
        if (t->kernel) {
            loop = named_after(a, i, 1);
            if (loop == NONE && most[t->process])
                loop = most[t->process] - 1;
        }
        rc = vec_push(&a->uring->loops, loop);
    }
    free(most);
    return rc;
}

/* Puts the loop's thread in the place of the kernel's in all records of what it did. */
static void records_rename(struct analysis *a)
{
    for (size_t i = 0; i < a->records.len; i++) {
        struct record *r = &a->records.data[i];
        unsigned kind = r->kind;
        if ((kind != EVENT_RECV && kind != EVENT_SEND && kind != EVENT_CONN &&
             kind != EVENT_URING) ||
            r->thread == NONE || !a->tl->threads.data[r->thread].kernel)
            continue;
        r->thread = a->uring->loops.data[r->thread];
        r->by_kernel = true;
    }
}

int uring_prepare(struct analysis *a)
{
    bool used = records_have(a, EVENT_URING);

    for (size_t i = 0; !used && i < a->tl->threads.len; i++)
        used = a->tl->threads.data[i].kernel;
    if (!used)
        return 0;
    a->uring = calloc(1, sizeof(*a->uring));
    if (!a->uring)
        return -ENOMEM;
    int rc = loops_find(a);
    if (rc == 0)
        rc = survey_tags(a);
    if (rc == 0)
        records_rename(a);
    return rc;
}

void uring_release(struct analysis *a)
{
    struct uring *u = a->uring;
    if (!u)
        return;
    vec_release(&u->requests);
    vec_release(&u->loops);
    table_release(&u->under_way);
    table_release(&u->tags);
    table_release(&u->rings);
    free(u);
}

/* Whose a submission is. */
struct whose {
    uint32_t request; /* NONE: of none, or not known */
    bool nobodys;     /* of none for certain: the next request is waited for */
    bool inferred;
    uint32_t work_plus1; /* by its runtime's word, which has seen to all else */
};

static struct whose on_connection(const struct analysis *a, const struct sock *s, bool inferred)
{
    const struct draft *d = s->request_plus1 ? &a->drafts.data[s->request_plus1 - 1] : NULL;
    bool open = d && !d->closed && !d->answered && !d->streams;
    return (struct whose){open ? s->request_plus1 - 1 : NONE, !open, inferred, 0};
}

static struct whose whose_submission(struct analysis *a, const struct record *r)
{
    const struct event_uring *e = record_event(a, r);
    const struct sock *s = connection_of(a, e, ROLE_ACCEPTED);
    uint64_t habit = 0, index;

    if (s)
        return on_connection(a, s, false);
    if (e->opcode == IORING_OP_ACCEPT)
        return (struct whose){NONE, true, false, 0};
    if (table_get(&a->uring->rings, e->ring, &habit) && habit == TAG_KEPT &&
        table_get(&a->uring->tags, tag_key(e), &index))
        return on_connection(a, &a->socks.data[index], true);
    s = connection_of(a, e, ROLE_CONNECTED);
    if (s && s->owner_plus1 && s->owes && !a->drafts.data[s->owner_plus1 - 1].closed)
        return (struct whose){s->owner_plus1 - 1, false, s->inferred, 0};
    const struct life *l = &a->lives.data[r->thread];
    uint32_t request = r->by_kernel ? NONE : tenure_request(a, r->thread);
    if (request == NONE && l->candidates == 1)
        request = l->candidate_sum;
    if (request != NONE &&
        (a->drafts.data[request].answered || thread_rivals(a, r->thread, request) > 0))
        request = NONE;
    return (struct whose){request, false, true, 0};
}

/* Are the submissions of this call for several requests? `r` is the first of them. */
static bool call_is_shared(struct analysis *a, const struct record *r, uint32_t left)
{
    const struct record *end = a->records.data + a->records.len;
    struct whose first = whose_submission(a, r);
    bool known = !first.nobodys;

    if (end - r > AHEAD_MAX)
        end = r + AHEAD_MAX;
    for (const struct record *next = r + 1; left && next < end; next++) {
        if (next->thread != r->thread || next->by_kernel || !submission(a, next))
            continue;
        left--;
        struct whose w = whose_submission(a, next);
        if (w.nobodys)
            continue;
        if (known && (w.request == NONE || w.request != first.request))
            return true;
        first = w;
        known = true;
    }
    return left > 0;
}

static void call_advance(struct analysis *a, const struct record *r)
{
    const struct event_uring *e = record_event(a, r);
    struct life *l = &a->lives.data[r->thread];

    if (r->by_kernel)
        return;
    /* A call waits at its end only: what it did not submit by then it refused. */
    if (l->uring_left && l->uring_call == l->yield_end) {
        l->uring_left--;
        return;
    }
    uint32_t left = e->result > 1 ? (uint32_t)e->result - 1 : 0;
    if (left > AHEAD_MAX) /* no sooner known than the records end */
        left = AHEAD_MAX;
    l->uring_shared = left && call_is_shared(a, r, left);
    l->uring_left = left;
    l->uring_call = l->yield_end;
}

static void draft_await(struct analysis *a, uint32_t request, uint32_t more)
{
    draft_leave(a, request);
    a->drafts.data[request].outstanding += more;
    draft_enter(a, request);
}

static int request_note(struct analysis *a, const struct event_uring *e, uint64_t now,
                        struct whose w)
{
    struct uring *u = a->uring;
    uint64_t old;

    /* Its completion is lost, or nobody wanted to hear of it. */
    if (table_get(&u->under_way, e->request, &old) && u->requests.data[old].owner_plus1) {
        draft_await(a, u->requests.data[old].owner_plus1 - 1, -1u);
        u->requests.data[old].owner_plus1 = 0;
    }
    struct uring_request fresh = {.submitted = now,
                                  .owner_plus1 = w.request == NONE ? 0 : w.request + 1,
                                  .work_plus1 = w.work_plus1,
                                  .flags = e->flags,
                                  .inferred = w.inferred};
    if (u->requests.len >= NONE || vec_push(&u->requests, fresh) < 0 ||
        table_put(&u->under_way, e->request, u->requests.len - 1) < 0)
        return -ENOMEM;
    if (w.request != NONE)
        draft_await(a, w.request, 1);
    return 0;
}

/* Something else of the request's is under way, its question to a backend, say. Then it awaits that
 * up to the submission as well, if the thread cannot be said to have worked for it. */
static bool awaits_anyway(const struct analysis *a, uint32_t request, const struct act *act)
{
    return a->drafts.data[request].outstanding &&
           (act->shared || act->moment || thread_rivals(a, act->thread, request) > 0);
}

static int see_submit(struct analysis *a, const struct record *r, uint64_t now)
{
    const struct event_uring *e = record_event(a, r);
    const struct sock *s = connection_of(a, e, ROLE_ACCEPTED);
    struct sock *downstream = connection_of(a, e, ROLE_CONNECTED);

    thread_scan(a, r->thread, now);
    const struct work *told = work_tagged(a, r->thread, e->tag);
    if (told) {
        uint32_t plus1 = (uint32_t)(told - a->works.data) + 1;
        return request_note(a, e, now, (struct whose){NONE, false, false, plus1});
    }
    call_advance(a, r);
    /* The ring's own thread submits when it comes to it: the loop may sleep before. */
    if (e->flags & URING_SQPOLL)
        a->procs.data[a->tl->threads.data[r->thread].process].sqpoll = true;
    struct whose w = whose_submission(a, r);
    int rc = s ? table_put(&a->uring->tags, tag_key(e), (uint64_t)(s - a->socks.data)) : 0;
    struct life *l = &a->lives.data[r->thread];
    if (w.request == NONE && !w.nobodys)
        l->uring_stray = now;
    l->uring_for_plus1 = e->opcode == IORING_OP_CONNECT && w.request != NONE ? w.request + 1 : 0;
    if (rc == 0 && w.request != NONE) {
        struct act act = {.thread = r->thread,
                          .time = now,
                          .inferred = w.inferred,
                          .ready = NEVER,
                          .obj = e->obj,
                          .moment = r->by_kernel,
                          .shared = l->uring_shared && !r->by_kernel};
        if (!awaits_anyway(a, w.request, &act))
            rc = tenure_touch(a, w.request, &act);
        if (downstream)
            downstream_claim(a, downstream, w.request);
    }
    return rc < 0 ? rc : request_note(a, e, now, w);
}

/*
 * When the result was there. The first that a thread finds as it comes from its wait has woken it,
 * and so have those beside it unless it stood in line for a CPU meanwhile; what a ring keeps back
 * until its thread enters may have been ready long before.
 */
static uint64_t ready_at(struct analysis *a, const struct record *r, const struct uring_request *q,
                         uint64_t now)
{
    struct life *l = r->thread == NONE ? NULL : &a->lives.data[r->thread];
    bool own = l && !r->by_kernel;
    bool woke = own && l->yield_end != NEVER && l->yield_end <= now &&
                l->yield_end > q->submitted &&
                now - (l->on_start > l->yield_end ? l->on_start : l->yield_end) <= DISPATCH_NS;

    if (woke && !l->touched) {
        bool alone = l->uring_slice_plus1 != l->slice + 1;
        l->uring_slice_plus1 = l->slice + 1;
        return alone || l->on_start <= l->yield_end + BESIDE_NS ? l->yield_end : NEVER;
    }
    return q->flags & URING_DEFERRED && !woke ? NEVER : now;
}

static int see_complete(struct analysis *a, const struct record *r, uint64_t now)
{
    const struct event_uring *e = record_event(a, r);
    struct uring *u = a->uring;
    uint64_t index;

    if (r->thread != NONE) {
        thread_scan(a, r->thread, now);
        a->lives.data[r->thread].uring_for_plus1 = 0;
    }
    if (!table_get(&u->under_way, e->request, &index))
        return 0;
    table_remove(&u->under_way, e->request);
    struct uring_request *q = &u->requests.data[index];
    if (q->work_plus1)
        work_ready(a, &a->works.data[q->work_plus1 - 1], ready_at(a, r, q, now));
    if (!q->owner_plus1)
        return 0;
    uint32_t owner = q->owner_plus1 - 1;
    q->owner_plus1 = 0;
    draft_await(a, owner, -1u);
    a->drafts.data[owner].uring_ready = ready_at(a, r, q, now);
    a->drafts.data[owner].uring_inferred = q->inferred;
    return 0;
}

int uring_see(struct analysis *a, const struct record *r)
{
    const struct event_uring *e = record_event(a, r);
    uint64_t now = analysis_rel(a, r->time_ns);
    const struct thread *t = r->thread == NONE ? NULL : &a->tl->threads.data[r->thread];
    bool alive = t && now >= t->start_ns && now <= t->end_ns;

    if (e->op == URING_SUBMIT)
        return alive ? see_submit(a, r, now) : 0;
    return e->op == URING_COMPLETE ? see_complete(a, r, now) : 0;
}
