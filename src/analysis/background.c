/*
 * background: which event loops work in nobody's name, too.
 *
 *     answers A ──┤ sleeps ├─ ? ──┤ sleeps ├─ ? ──┤ sleeps ├── recv B …
 *
 * A loop that has no request wakes, computes, and touches no connection: a timer of its own (it
 * renews a cache, say), or a job that a request left behind. It will do so while it has requests as
 * well, and then no record tells that from a request's own timer. Of a loop that was never seen to
 * do so what it does with one request is that one's.
 */
#include "analysis/internal.h"

#define TCP_CLOSE 7
/* To look what is due, and to find nothing, takes less. */
#define WORK_NS 150000u
/* So often; less may be the runtime's, which collects garbage when nothing is to be done. */
#define SEEN_MIN 3

struct watch { /* of one thread */
    size_t interval;
    uint64_t slept;   /* when the multiplexed wait before this slice began; NEVER: none yet */
    uint64_t ran;     /* in this slice */
    uint64_t touched; /* the last record of its own; 0: none */
    uint32_t open;    /* requests that it has read and that nobody has answered */
    uint32_t seen;
};

struct survey {
    struct analysis *a;
    struct watch *watches;
    uint32_t *readers_plus1; /* by socket: who has read what is not answered; 0: nobody */
};

/* The thread goes to sleep at `at`: was what it did in nobody's name? */
static void judge(const struct survey *s, struct watch *w, uint64_t at)
{
    if (w->slept != NEVER && !w->open && w->ran > WORK_NS && w->touched < w->slept &&
        !clients_came(s->a, w->slept, at))
        w->seen++;
}

/* Times of records and of waits differ by so little that a touch may seem to lie in the wait before
 * its slice: w->touched is held against the begin of that. */
static void watch_advance(const struct survey *s, uint32_t thread, uint64_t now)
{
    struct watch *w = &s->watches[thread];
    const struct thread *t = &s->a->tl->threads.data[thread];

    for (; w->interval < t->intervals.len && interval_end(t, w->interval) <= now; w->interval++) {
        const struct interval *iv = &t->intervals.data[w->interval];
        if (iv->state == STATE_RUNNING)
            w->ran += interval_end(t, w->interval) - iv->start_ns;
        if (iv->state == STATE_YIELDED)
            judge(s, w, iv->start_ns);
        if (iv->state == STATE_YIELDED || iv->state == STATE_UNKNOWN) {
            w->slept = iv->state == STATE_YIELDED ? iv->start_ns : NEVER;
            w->ran = 0;
        }
    }
}

static void answered(const struct survey *s, const struct sock *sock)
{
    uint32_t *reader_plus1 = &s->readers_plus1[sock - s->a->socks.data];
    if (*reader_plus1)
        s->watches[*reader_plus1 - 1].open--;
    *reader_plus1 = 0;
}

static void asked(const struct survey *s, const struct sock *sock, uint32_t thread)
{
    uint32_t *reader_plus1 = &s->readers_plus1[sock - s->a->socks.data];
    if (*reader_plus1)
        return;
    s->watches[thread].open++;
    *reader_plus1 = thread + 1;
}

static void see_conn(const struct survey *s, const struct record *r)
{
    const struct event_conn *c = record_event(s->a, r);
    const struct sock *sock = record_sock(s->a, r);

    if (sock && sock->role == ROLE_ACCEPTED && c->new_state == TCP_CLOSE)
        answered(s, sock);
}

static void see_io(const struct survey *s, const struct record *r)
{
    const struct sock *sock = record_sock(s->a, r);

    if (!sock || sock->role != ROLE_ACCEPTED || !r->moves)
        return;
    if (r->kind == EVENT_SEND)
        answered(s, sock);
    else
        asked(s, sock, r->thread);
}

static void see(const struct survey *s, const struct record *r)
{
    uint64_t now = analysis_rel(s->a, r->time_ns);
    bool io = r->kind == EVENT_RECV || r->kind == EVENT_SEND;
    bool own = io || r->kind == EVENT_CONN || r->kind == EVENT_WORK || r->kind == EVENT_URING;

    if (own && r->thread != NONE) {
        watch_advance(s, r->thread, now);
        s->watches[r->thread].touched = now;
        if (io)
            see_io(s, r);
    }
    if (r->kind == EVENT_CONN)
        see_conn(s, r);
}

/* What was read before the window of a flight recorder is open in it. */
static void see_before(const struct survey *s)
{
    for (size_t i = 0; i < s->a->before.len; i++) {
        const struct event_io *io = record_event(s->a, &s->a->before.data[i]);
        const struct sock *sock = socket_find(s->a, io->obj);
        uint64_t thread;

        if (sock && sock->role == ROLE_ACCEPTED && !(io->flags & IO_ANSWERED) &&
            table_get(&s->a->tids, io->event.tid, &thread))
            asked(s, sock, (uint32_t)thread);
    }
}

int background_survey(struct analysis *a)
{
    struct survey s = {.a = a};
    int rc = 0;

    s.watches = calloc(a->lives.len + 1, sizeof(*s.watches));
    s.readers_plus1 = calloc(a->socks.len + 1, sizeof(*s.readers_plus1));
    if (!s.watches || !s.readers_plus1)
        rc = -ENOMEM;
    for (size_t i = 0; rc == 0 && i < a->lives.len; i++)
        s.watches[i].slept = NEVER;
    if (rc == 0)
        see_before(&s);
    for (size_t i = 0; rc == 0 && i < a->records.len; i++)
        see(&s, &a->records.data[i]);
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++) {
        watch_advance(&s, i, a->tl->threads.data[i].end_ns);
        a->lives.data[i].background = a->lives.data[i].yields && s.watches[i].seen >= SEEN_MIN;
    }
    free(s.readers_plus1);
    free(s.watches);
    return rc;
}
