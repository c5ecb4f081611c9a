/*
 * downstream: for whom a connection to somewhere else works.
 *
 * It belongs to the request that its user had when it sent on the idle connection, until the
 * reply has come and somebody else sends. A loop tells no one for whom it sends. Certain is it
 * when no other request of the thread could have gone on by itself. The next best thing is the
 * order of events, and that depends on the loop:
 *
 *     direct (nginx, libuv, plain epoll)     recv A, ask for A, recv B, ask for B
 *     deferred (asyncio's tasks)             recv A, recv B, ask for A, ask for B
 *
 * On a thread that always did the first and never the second, what follows a receive at once is
 * for what was received. On any other nothing follows from the order.
 */
#include "analysis/internal.h"

#define TCP_SYN_SENT 2
/* So soon behind the reply that it waited for a request is answered, or asked for the next. */
#define RELAY_NS 300000u

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
    question_over(a, s);
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
    if (l->uring_for_plus1) {
        *inferred = true;
        return l->uring_for_plus1 - 1;
    }
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
    *inferred = true;
    return l->known || (l->direct && a->tenures.data[l->tenure_plus1 - 1].received) ? request
                                                                                    : NONE;
}

/*
 * Of a pool of connections that are all taken, the next in line gets one as its reply is read: up
 * to when that reply was there the line waited for another request. Who asks by a timer is no such
 * one, nor who has just been read.
 */
static uint64_t line_of(const struct life *l, const struct sock *s, uint64_t at)
{
    bool freed = l->relays && l->prev_recv == s->freed && at - s->freed <= RELAY_NS;
    return freed ? s->freed_ready : NEVER;
}

static int send_nameless(struct analysis *a, struct sock *s, const struct act *act)
{
    const struct life *l = &a->lives.data[act->thread];
    uint32_t question_plus1 = s->question_plus1;

    give(a, s, NONE, false);
    s->question_plus1 = question_plus1;
    /* More of the same, or a second one before the first has its reply. */
    if (s->nameless != NEVER && l->prev_touch != s->nameless)
        s->ambiguous = true;
    if (s->nameless == NEVER) {
        s->nameless_from = act->time;
        s->line_ready = line_of(l, s, act->time);
    }
    s->nameless = act->time;
    int rc = question_nameless(a, s, act, true);
    return rc < 0 ? rc : tenure_foreign(a, act);
}

void downstream_claim(struct analysis *a, struct sock *s, uint32_t request)
{
    uint32_t owner = owner_of(a, s);
    if (!s->ambiguous && owner != request && (owner == NONE || !s->owes) && s->nameless == NEVER)
        give(a, s, request, true);
}

/*
 * The step of a task that is the first to send on a new connection of its request's has waited for
 * that one, from the step that began it: else it would have been stepped in between.
 *
 *     step: connect ──┤ stands ── steps of others ──┤ step: send
 *                     awaiting      loop_busy
 */
static void step_waited(struct analysis *a, const struct sock *s, const struct act *act,
                        uint32_t owner)
{
    const struct life *l = &a->lives.data[act->thread];
    struct tenure *x = l->tenure_plus1 ? &a->tenures.data[l->tenure_plus1 - 1] : NULL;
    const struct question *q = s->question_plus1 ? &a->questions.data[s->question_plus1 - 1] : NULL;

    if (!x || !q || x->request != owner || !x->resumed || !x->step_plus1 ||
        x->last_touch != x->first_touch || q->start >= x->start || s->established > x->start)
        return;
    x->cause = CAUSE_READY;
    x->resumed = false;
    x->ready = s->established;
    x->gap_inferred = true;
    bool slept = l->yield_end != NEVER && x->ready + WAKE_DELAY_NS < l->yield_end;
    x->busy_from = slept ? l->yield_end : x->ready;
}

int downstream_send(struct analysis *a, struct sock *s, const struct act *act,
                    const struct event_io *io)
{
    struct act mine = *act;
    bool inferred = s->inferred;
    size_t len = io_data_len(io);

    if (len) /* the reply's header tells the length of a body that does not come */
        s->asked_head = len >= 5 && memcmp(io->data, "HEAD ", 5) == 0;

    thread_scan(a, act->thread, act->time);
    uint32_t owner = owner_of(a, s), now = tenure_request(a, act->thread);
    if (!s->ambiguous && s->owes) {
        /* Two have asked, and the first has no reply yet; that it has ended helps nothing. */
        if (owner == NONE || (now != NONE && now != owner && !s->connecting)) {
            s->ambiguous = true;
            question_drop(a, s);
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
        step_waited(a, s, act, owner);
    }
    mine.inferred = s->inferred;
    s->connecting = false;
    int rc = question_send(a, s, &mine, owner);
    return rc < 0 ? rc : tenure_touch(a, owner, &mine);
}

int downstream_recv(struct analysis *a, struct sock *s, const struct act *act,
                    const struct event_io *io)
{
    struct act mine = *act;
    uint32_t owner = owner_of(a, s);
    struct life *l = &a->lives.data[act->thread];

    thread_scan(a, act->thread, act->time);
    s->freed_ready = act->ready;
    s->freed = act->time;
    question_reply(a, s, act, io->bytes);
    if (s->ambiguous || owner == NONE || (!io->bytes && !s->owes)) {
        if (!s->ambiguous && owner == NONE && s->nameless != NEVER && io->bytes)
            l->orphan = (struct orphan){act->time, act->ready, s->nameless_from, s->line_ready,
                                        s->question_plus1};
        s->nameless = NEVER;
        owe(a, s, false);
        return tenure_foreign(a, act);
    }
    mine.inferred = s->inferred;
    a->drafts.data[owner].woken = act->time;
    int rc = tenure_touch(a, owner, &mine);
    bool at_least;
    if (!s->reply_have)
        s->reply_want = s->asked_head ? 0 : io_length(io, &at_least);
    s->reply_have += io->bytes;
    if (!io->bytes || s->reply_have >= s->reply_want)
        owe(a, s, false);
    if (s->reply_want && s->reply_have >= s->reply_want) /* all of it is there */
        s->question_plus1 = 0;
    return rc;
}

/*
 * A loop that never did anything with a reply but to answer a request at once reads one, and the
 * next that it does is to answer a request that waits for nothing else that is known: that one had
 * asked.
 *
 *     recv A's reply ── send A ── ask for ? ──┤ sleeps ├── recv its reply ── send B
 *                                        B, then
 */
int downstream_adopt(struct analysis *a, uint32_t request, struct act *act)
{
    thread_scan(a, act->thread, act->time);
    const struct life *l = &a->lives.data[act->thread];
    const struct draft *d = &a->drafts.data[request];
    const struct orphan *o = &l->orphan;

    if (!l->relays || !l->touched || l->prev_touch != o->time || o->ready == NEVER ||
        act->time - o->time > RELAY_NS || d->answered || d->outstanding || d->handed ||
        d->uring_ready != NEVER || d->last_thread != act->thread || d->top_touch > o->asked)
        return 0;
    act->cause = CAUSE_READY;
    act->ready = o->ready;
    act->inferred = true;
    question_adopt(a, o->question_plus1, request);
    return tenure_asked(a, request, act->thread, o);
}

int downstream_connect(struct analysis *a, struct sock *s, const struct act *act)
{
    struct act mine = *act;
    bool inferred;

    thread_scan(a, act->thread, act->time);
    uint32_t owner = user_of(a, s, act->thread, &inferred);
    if (owner == NONE) {
        int failed = question_nameless(a, s, act, false);
        return failed < 0 ? failed : tenure_foreign(a, act);
    }
    give(a, s, owner, inferred);
    s->connecting = true;
    mine.inferred = inferred;
    int rc = question_begin(a, s, act, owner);
    return rc < 0 ? rc : tenure_touch(a, owner, &mine);
}

void downstream_connected(struct analysis *a, const struct sock *s, uint64_t at)
{
    uint32_t owner = owner_of(a, s);
    if (owner != NONE && s->connecting)
        a->drafts.data[owner].woken = at;
}

/* What is known of a thread's habit. */
struct habit {
    size_t interval;       /* up to which its multiplexed waits were looked at */
    uint64_t since;        /* the end of the last one */
    bool whole;            /* there was one: its slice is seen from the begin on */
    uint32_t recvs, asked; /* in the slice; questions since the last receive */
    bool at_once;          /* the last that happened was a question, and before it a receive */
    uint32_t direct;       /* receive, question, receive */
    bool deferred;
    const struct sock *reply; /* of whom the last that happened was a reply, and when; or NULL */
    uint64_t reply_time;
    uint32_t relayed; /* replies that a request was answered with at once */
    bool keeps;       /* and others that were not */
};

/* So often must a thread have asked between two receives to be called direct. */
#define DIRECT_MIN 8

static void habit_advance(struct habit *h, const struct thread *t, uint64_t now)
{
    for (; h->interval < t->intervals.len && interval_end(t, h->interval) <= now; h->interval++) {
        if (t->intervals.data[h->interval].state != STATE_YIELDED)
            continue;
        h->recvs = h->asked = 0;
        h->since = interval_end(t, h->interval);
        h->whole = true;
        h->at_once = false;
        h->keeps |= h->reply != NULL;
        h->reply = NULL;
    }
}

/* A reply is read, or something comes behind one that may have come in parts. */
static void habit_relay(struct habit *h, const struct sock *s, bool receives, uint64_t now)
{
    bool part = receives && h->reply == s;
    bool answer = !receives && s->role == ROLE_ACCEPTED && now - h->reply_time <= RELAY_NS;

    if (h->reply && !part) {
        h->relayed += answer;
        h->keeps |= !answer;
    }
    h->reply = receives && s->role == ROLE_CONNECTED ? s : NULL;
    h->reply_time = now;
}

/* `told`: all that the thread did in this slice was seen, from its begin on. */
static void habit_note(struct habit *h, struct sock *s, bool receives, bool told)
{
    bool met = s->survey_met;

    s->survey_met = true;
    if (receives) {
        h->direct += h->at_once;
        h->recvs++;
        h->asked = 0;
        h->at_once = s->survey_asked = false;
        return;
    }
    if (s->role != ROLE_CONNECTED || s->survey_asked) /* an answer, or more of the same */
        return;
    s->survey_asked = true;
    h->asked++;
    h->at_once = h->recvs && h->asked == 1;
    /* Out of the blue, or two behind each other that were received behind each other. What goes on
     * since before the capture, or since records were lost, looks so and says nothing. */
    if (told && met && (!h->recvs || (h->asked > 1 && h->recvs > 1)))
        h->deferred = true;
}

/* Servers that are known for it: each event's handler runs to its end before the next one's. */
static bool acts_at_once(const struct analysis *a, uint32_t process)
{
    static const uint8_t known[] = {RUNTIME_NODE, RUNTIME_NGINX, RUNTIME_REDIS, RUNTIME_MEMCACHED,
                                    RUNTIME_JVM};
    for (size_t i = 0; i < sizeof(known); i++)
        if (process_has(a, process, known[i]))
            return true;
    return false;
}

int downstream_survey(struct analysis *a)
{
    struct habit *habits = calloc(a->lives.len + 1, sizeof(*habits));
    if (!habits)
        return -ENOMEM;
    for (size_t i = 0; i < a->records.len; i++) {
        const struct record *r = &a->records.data[i];
        const struct event_conn *c = record_event(a, r);
        bool conn = r->kind == EVENT_CONN && c->new_state == TCP_SYN_SENT;
        bool receives = r->kind == EVENT_RECV && r->moves;
        if ((!conn && !receives && r->kind != EVENT_SEND) || r->thread == NONE ||
            !a->lives.data[r->thread].yields)
            continue;
        struct sock *s = record_sock(a, r);
        if (!s || !s->tcp)
            continue;
        uint64_t now = analysis_rel(a, r->time_ns);
        habit_advance(&habits[r->thread], &a->tl->threads.data[r->thread], now);
        habit_relay(&habits[r->thread], s, receives, now);
        s->survey_met |= conn;
        bool told = habits[r->thread].whole && !losses_within(a, habits[r->thread].since, now);
        habit_note(&habits[r->thread], s, receives, told);
    }
    for (size_t i = 0; i < a->lives.len; i++) {
        struct life *l = &a->lives.data[i];
        uint32_t process = a->tl->threads.data[i].process;
        bool seen = !habits[i].deferred && habits[i].direct >= DIRECT_MIN;
        l->known = l->yields && (l->known || acts_at_once(a, process));
        l->direct = l->known || (l->yields && seen);
        l->relays = l->yields && seen && !habits[i].keeps && habits[i].relayed >= DIRECT_MIN;
        l->dispatches = process_has(a, process, RUNTIME_JVM);
        l->batches = process_has(a, process, RUNTIME_REDIS);
    }
    free(habits);
    return 0;
}
