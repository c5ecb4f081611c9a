/*
 * downstream: for whom a connection to somewhere else works.
 *
 * It belongs to the request that its user had when it sent on the idle connection, until the
 * reply has come and somebody else sends. A loop tells no one for whom it sends. Certain is it
 * when no other request of the thread could have gone on by itself. The next best thing is the
 * order of events: a request was received and the send follows, in the same slice, with nothing
 * else received and unanswered, on a thread that never sends downstream without having received
 * something first. A thread that does (after a timer, or when another thread has handed it a
 * result) may do so behind any other request's receive as well: there nothing follows.
 */
#include "analysis/internal.h"

static uint32_t owner_of(const struct analysis *a, const struct sock *s)
{
    return s->owner_plus1 && !a->drafts.data[s->owner_plus1 - 1].closed ? s->owner_plus1 - 1 : NONE;
}

static void owe(struct analysis *a, struct sock *s, bool owes)
{
    if (!s->owner_plus1 || s->owes == owes)
        return;
    uint32_t owner = s->owner_plus1 - 1;
    draft_leave(a, owner);
    a->drafts.data[owner].outstanding += owes ? 1 : -1u;
    draft_enter(a, owner);
    s->owes = owes;
}

static void give(struct analysis *a, struct sock *s, uint32_t owner, bool inferred)
{
    owe(a, s, false);
    s->owner_plus1 = owner == NONE ? 0 : owner + 1;
    s->inferred = inferred;
    s->reply_want = s->reply_have = 0;
    owe(a, s, owner != NONE);
}

/* The request for which the thread starts something on an idle connection; NONE: not known. */
static uint32_t user_of(const struct analysis *a, const struct sock *s, uint32_t thread,
                        bool *inferred)
{
    const struct life *l = &a->lives.data[thread];
    uint32_t request = tenure_request(a, thread);

    *inferred = false;
    if (request == NONE) { /* nothing received in this slice: at most it goes on as before */
        uint32_t owner = owner_of(a, s);
        *inferred = true;
        return owner != NONE && a->drafts.data[owner].last_thread == thread &&
                       thread_rivals(a, thread, owner) == 0
                   ? owner
                   : NONE;
    }
    if (thread_rivals(a, thread, request) == 0)
        return request;
    const struct draft *d = &a->drafts.data[request];
    *inferred = true;
    return !l->spontaneous && l->pending == 1 && d->pending_thread == thread &&
                   d->pending_slice == l->slice
               ? request
               : NONE;
}

static int send_nameless(struct analysis *a, struct sock *s, const struct act *act)
{
    const struct life *l = &a->lives.data[act->thread];

    give(a, s, NONE, false);
    /* More of the same, or a second one before the first has its reply. */
    if (s->nameless != NEVER && l->prev_touch != s->nameless)
        s->ambiguous = true;
    s->nameless = act->time;
    return tenure_foreign(a, act);
}

int downstream_send(struct analysis *a, struct sock *s, const struct act *act)
{
    struct act mine = *act;
    bool inferred = s->inferred;

    thread_scan(a, act->thread, act->time);
    uint32_t owner = owner_of(a, s), now = tenure_request(a, act->thread);
    if (!s->ambiguous && s->owes) {
        /* Two have asked, and the first has no reply yet; that it has ended helps nothing. */
        if (owner == NONE || (now != NONE && now != owner && !s->connecting)) {
            s->ambiguous = true;
            give(a, s, NONE, false);
        }
    } else if (!s->ambiguous) {
        owner = user_of(a, s, act->thread, &inferred);
        if (owner == NONE || s->nameless != NEVER)
            return send_nameless(a, s, act);
        give(a, s, owner, inferred);
    }
    if (s->ambiguous)
        return tenure_foreign(a, act);

    if (s->connecting && s->established != NEVER && s->established <= act->time) {
        mine.cause = CAUSE_CONNECTED;
        mine.ready = s->established;
    }
    mine.inferred = s->inferred;
    s->connecting = false;
    return tenure_touch(a, owner, &mine);
}

int downstream_recv(struct analysis *a, struct sock *s, const struct act *act,
                    const struct event_io *io)
{
    struct act mine = *act;
    uint32_t owner = owner_of(a, s);

    if (s->ambiguous || owner == NONE || (!io->bytes && !s->owes)) {
        s->nameless = NEVER;
        owe(a, s, false);
        return tenure_foreign(a, act);
    }
    mine.inferred = s->inferred;
    int rc = tenure_touch(a, owner, &mine);
    if (!s->reply_have)
        s->reply_want = proto_http_length(io->data, io_data_len(io));
    s->reply_have += io->bytes;
    if (!io->bytes || s->reply_have >= s->reply_want)
        owe(a, s, false);
    return rc;
}

int downstream_connect(struct analysis *a, struct sock *s, const struct act *act)
{
    struct act mine = *act;
    bool inferred;

    thread_scan(a, act->thread, act->time);
    uint32_t owner = user_of(a, s, act->thread, &inferred);
    if (owner == NONE)
        return tenure_foreign(a, act);
    give(a, s, owner, inferred);
    s->connecting = true;
    mine.inferred = inferred;
    return tenure_touch(a, owner, &mine);
}

/* The end of the thread's last multiplexed wait before `time`. */
static uint64_t survey_yield(struct analysis *a, uint32_t thread, uint64_t time)
{
    struct life *l = &a->lives.data[thread];
    const struct thread *t = &a->tl->threads.data[thread];

    for (; l->survey < t->intervals.len && interval_end(t, l->survey) <= time; l->survey++)
        if (t->intervals.data[l->survey].state == STATE_YIELDED)
            l->survey_yield = interval_end(t, l->survey);
    return l->survey_yield;
}

void downstream_survey(struct analysis *a)
{
    for (size_t i = 0; i < a->records.len; i++) {
        const struct record *r = &a->records.data[i];
        bool conn = r->ev->kind == EVENT_CONN;
        if ((r->ev->kind != EVENT_RECV && r->ev->kind != EVENT_SEND && !conn) || r->thread == NONE)
            continue;
        if (conn && ((const struct event_conn *)r->ev)->new_state != 2)
            continue;
        struct sock *s = socket_find(a, conn ? ((const struct event_conn *)r->ev)->obj
                                             : ((const struct event_io *)r->ev)->obj);
        struct life *l = &a->lives.data[r->thread];
        if (!s || !s->tcp || !l->yields)
            continue;
        uint64_t now = analysis_rel(a, r->time_ns);
        uint64_t yield = survey_yield(a, r->thread, now);
        if (r->ev->kind == EVENT_RECV)
            l->survey_recv = now;
        else if (s->role == ROLE_CONNECTED && s->survey_op != EVENT_SEND &&
                 s->survey_op != EVENT_CONN && l->survey_recv < yield)
            l->spontaneous = true;
        s->survey_op = (uint8_t)r->ev->kind;
    }
}
