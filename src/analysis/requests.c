/*
 * requests: where each begins and ends on its connection, and who touches it.
 *
 * One opens at the first bytes on an accepted connection that is idle, and ends at the last send
 * before the next one or the close. It starts when its first byte could have been served.
 */
#include "analysis/internal.h"

#include <sys/socket.h>

#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_CLOSE 7

size_t io_data_len(const struct event_io *io)
{
    size_t room = io->event.size - sizeof(*io);
    return io->data_len < room ? io->data_len : room;
}

uint64_t io_length(const struct event_io *io, bool *at_least)
{
    size_t room = io->event.size - sizeof(*io);
    uint64_t length = 0;

    *at_least = io->flags & IO_AT_LEAST;
    if ((io->flags & IO_LENGTH) && room >= sizeof(length))
        memcpy(&length, io->data + room - sizeof(length), sizeof(length));
    return length;
}

/*
 * Were the bytes there before the answer to the request before them was sent? A client on the
 * same machine may have read the answer and asked again before the server's send returns, so
 * bytes that come while the send runs, or while its thread is preempted in it, prove nothing.
 */
static bool request_pipelined(const struct sock *s, uint64_t ready)
{
    if (ready >= s->prev_end || ready == NEVER)
        return false;
    if (ready < s->send_prev || ready < s->send_off)
        return true;
    return ready >= s->send_on && s->prev_end - ready > SEND_NS;
}

/*
 * What the first bytes of a request are called. Millions begin with the same few: what was made of
 * some is kept until others have the same place.
 */
struct named {
    uint32_t name, group; /* strings */
    uint16_t len;         /* 0: nothing is kept here */
    uint8_t proto;
    bool cut, streams, bodyless;
    uint8_t data[IO_DATA_LARGE];
};
#define NAMES_KEPT 512

/* The place for these bytes; NULL: they are kept nowhere. */
static struct named *named_place(struct analysis *a, const uint8_t *data, size_t len)
{
    if (!a->named)
        a->named = calloc(NAMES_KEPT, sizeof(*a->named));
    if (!a->named || !len || len > IO_DATA_LARGE)
        return NULL;
    return &a->named[table_hash(data, len) % NAMES_KEPT];
}

static bool named_is(const struct named *n, const uint8_t *data, size_t len, bool cut)
{
    return n && n->len == len && n->cut == cut && memcmp(n->data, data, len) == 0;
}

static int named_make(struct analysis *a, struct named *n, const struct event_io *io, bool *known)
{
    struct proto_head head = {.cut = n->cut};

    n->proto = (uint8_t)proto_detect(io->data, io_data_len(io), &head);
    if (!head.name.len)
        buf_addf(&head.name, "%u bytes", io->bytes);
    const struct buf *group = head.group.len ? &head.group : &head.name;
    int rc = head.name.failed || head.group.failed ? -ENOMEM : 0;
    a->protocols[n->proto] = timeline_intern(a->tl, proto_at(n->proto)->name);
    n->name = timeline_intern_bytes(a->tl, buf_str(&head.name), head.name.len);
    n->group = timeline_intern_bytes(a->tl, buf_str(group), group->len);
    n->streams = head.streams;
    n->bodyless = head.bodyless;
    *known = !head.unknown;
    buf_release(&head.name);
    buf_release(&head.group);
    return rc;
}

static int draft_name(struct analysis *a, struct draft *d, const struct event_io *io)
{
    size_t len = io_data_len(io);
    bool cut = len == IO_DATA_LARGE || (io->flags & IO_CUT), known = true, more = false;
    struct named *place = named_place(a, io->data, len);
    struct named fresh = {.cut = cut};
    const struct named *n = place;
    int rc = 0;

    if (!named_is(place, io->data, len, cut)) {
        n = &fresh;
        rc = named_make(a, &fresh, io, &known);
        if (rc == 0 && known && place) { /* the name of what is not known has its length */
            fresh.len = (uint16_t)len;
            memcpy(fresh.data, io->data, len);
            *place = fresh;
        }
    }
    d->proto = n->proto;
    d->name = n->name;
    d->group = n->group;
    d->streams = n->streams;
    d->bodyless = n->bodyless;
    if (known) /* else the length is an accident, too */
        d->expect_in = io_length(io, &more);
    d->expect_more = more;
    return rc;
}

/* It is over since `at`, if it has no answer; what is known of it now was recorded up to `now`. */
static void draft_finish(struct analysis *a, uint32_t request, uint64_t at, uint64_t now)
{
    struct draft *d = &a->drafts.data[request];
    struct sock *s = &a->socks.data[d->sock];

    if (d->closed)
        return;
    if (d->first_thread != NONE &&
        !d->old) /* its reader may have gone on without a touch, for it */
        thread_scan(a, d->first_thread, now);
    draft_leave(a, request);
    d->closed = true;
    if (!d->answered || d->streams)
        d->end = at;
    if (d->end < d->start)
        d->end = d->start;
    if (d->answered && !d->streams && !d->early)
        d->flags |= REQUEST_COMPLETE;
    if (s->prev_end < d->end)
        s->prev_end = d->end;
}

static int draft_new(struct analysis *a, struct sock *s, const struct event_io *io,
                     const struct act *act)
{
    uint64_t start = act->time;
    if (act->ready != NEVER) {
        start = act->ready;
        if (s->established != NEVER && s->established > start)
            start = s->established;
    }
    struct draft d = {
        .sock = (uint32_t)(s - a->socks.data),
        .first_thread = NONE,
        .last_thread = NONE,
        .answer_thread = NONE,
        .uring_ready = NEVER,
        .woken = act->time, /* its handler, if that does not follow at once */
        .flags = request_pipelined(s, act->ready) ? REQUEST_PIPELINED : 0,
        .early = io->ready_ns && io->ready_ns < a->t0,
    };
    /* A client may send data with the last words of its handshake. */
    if (s->request_plus1 && proto_at(a->drafts.data[s->request_plus1 - 1].proto) == &proto_tls)
        d.flags = 0;
    if (start < s->prev_end)
        start = s->prev_end;
    d.start = start < act->time ? start : act->time;
    int rc = draft_name(a, &d, io);
    if (d.streams)
        d.flags |= REQUEST_PIPELINED;
    if (rc < 0 || a->drafts.len >= NONE - 1 || vec_push(&a->drafts, d) < 0)
        return -ENOMEM;
    s->request_plus1 = (uint32_t)a->drafts.len;
    return 0;
}

/*
 * Behind the answer, and not long enough yet or like no request: it is still that one's. What
 * begins like that goes on until something is sent, or bytes come that begin a request. With a
 * length that is not known a next one may hide there (`blurred`).
 */
static bool draft_goes_on(struct draft *d, const struct event_io *io)
{
    bool whole = d->bodyless || (d->expect_in && !d->expect_more);
    size_t len = io_data_len(io);
    const struct protocol *p = proto_at(d->proto);
    bool looks = len && p->goes_on && p->goes_on(io->data, len, whole);

    /* A client that asked leave to send its body, and got none, sends something else. */
    if (d->bytes_in < d->expect_in && (!d->expect_more || !len || !p->goes_on || looks)) {
        d->late |= looks && d->expect_more;
        return true;
    }
    if (d->late && !(io->flags & IO_TURN) && !len) {
        d->blurred = proto_at(d->proto) == &proto_http;
        return true;
    }
    d->late = looks;
    return looks;
}

/* Does the receive open a request? If one is open it is finished. */
static bool draft_opens(struct analysis *a, struct sock *s, const struct event_io *io, uint64_t now)
{
    if (!s->request_plus1)
        return true;
    struct draft *d = &a->drafts.data[s->request_plus1 - 1];
    if (d->closed)
        return true;
    if (d->streams)
        return false;
    if (d->answered) {
        if (draft_goes_on(d, io)) /* answered before all of it was read */
            return false;
        draft_finish(a, s->request_plus1 - 1, 0, now);
        return true;
    }
    /* The direction turned, so something was sent: that record is lost. */
    if ((io->flags & IO_TURN) && d->bytes_in && !d->sent) {
        d->flags |= REQUEST_LOSS;
        draft_finish(a, s->request_plus1 - 1, d->top_touch, now);
        return true;
    }
    return false;
}

static int accepted_recv(struct analysis *a, struct sock *s, const struct event_io *io,
                         const struct act *act)
{
    if (io->flags & IO_PEEK)
        return 0;
    if (!io->bytes) { /* the client will send no more */
        s->ended = true;
        struct act fin = *act;
        fin.over = true;
        if (!s->request_plus1 || a->drafts.data[s->request_plus1 - 1].closed ||
            a->drafts.data[s->request_plus1 - 1].answered ||
            a->drafts.data[s->request_plus1 - 1].streams ||
            a->drafts.data[s->request_plus1 - 1].old)
            return tenure_foreign(a, &fin);
        fin = *act;
        fin.cause = CAUSE_NONE;
        return tenure_touch(a, s->request_plus1 - 1, &fin);
    }
    /* The rest of one that began before the window of a flight recorder. */
    if (a->window && !s->request_plus1 && !(io->flags & IO_TURN))
        return tenure_foreign(a, act);
    bool opens = draft_opens(a, s, io, act->time);
    if (opens) {
        int rc = draft_new(a, s, io, act);
        if (rc < 0)
            return rc;
    }
    uint32_t request = s->request_plus1 - 1;
    struct draft *d = &a->drafts.data[request];
    d->bytes_in += io->bytes;
    if ((opens && (io->flags & IO_SEVERAL)) ||
        (!d->late && d->expect_in && !d->expect_more && d->bytes_in > d->expect_in))
        d->flags |= REQUEST_PIPELINED;
    if (io->flags & IO_AFTER_LOSS)
        d->flags |= REQUEST_LOSS;
    s->last_op = act->time;
    a->lives.data[act->thread].touches++;
    if (!d->streams && !d->old)
        return tenure_touch(a, request, act);
    if (d->first_thread == NONE)
        d->first_thread = act->thread;
    return tenure_foreign(a, act);
}

static int accepted_send(struct analysis *a, struct sock *s, const struct event_io *io,
                         const struct act *act)
{
    a->lives.data[act->thread].touches++;
    if (!s->request_plus1 || a->drafts.data[s->request_plus1 - 1].closed) {
        /* An answer to what came before the attach. */
        s->prev_end = act->time;
        return tenure_foreign(a, act);
    }
    uint32_t request = s->request_plus1 - 1;
    struct draft *d = &a->drafts.data[request];
    size_t len = io_data_len(io);
    const struct protocol *p = proto_at(d->proto);
    bool interim = !d->answered && p->interim && p->interim(io->data, len);
    struct act mine = *act;
    mine.replies = !interim;
    bool foreign = d->streams || d->old;
    int rc = interim || foreign ? 0 : downstream_adopt(a, request, &mine);

    if (rc == 0)
        rc = foreign ? tenure_foreign(a, act) : tenure_touch(a, request, &mine);

    d->sent = true;
    d->bytes_out += io->bytes;
    if (io->flags & IO_AFTER_LOSS)
        d->flags |= REQUEST_LOSS;
    if (!interim && !d->answered && p->status)
        d->status = p->status(io->data, len);
    if (d->blurred)
        d->flags |= REQUEST_PIPELINED;
    d->late = d->blurred = false;
    if (!interim) {
        draft_leave(a, request);
        d->answered = true;
        draft_enter(a, request);
        d->end = act->time;
        d->answer_thread = act->thread;
    }
    const struct life *l = &a->lives.data[act->thread];
    s->send_prev = s->last_op;
    s->send_off = l->off_start > l->other_wake ? l->off_start : l->other_wake;
    s->send_on = l->on_start;
    s->last_op = s->prev_end = act->time;
    return rc;
}

static int see_io(struct analysis *a, const struct record *r)
{
    const struct event_io *io = record_event(a, r);
    struct sock *s = record_sock(a, r);
    bool receives = r->kind == EVENT_RECV;

    /* Socketpairs and datagrams carry no requests here: they are the work of who has one. */
    if (!s || r->thread == NONE || (!receives && !io->bytes))
        return 0;
    if (a->lives.data[r->thread]
            .service) /* who attaches to a JVM talks to one of its own threads */
        return 0;
    if (!s->tcp) {
        struct signal signal = {analysis_rel(a, r->time_ns), s->obj, r->thread};
        return receives ? 0 : vec_push(&a->signals, signal);
    }
    const struct thread *t = &a->tl->threads.data[r->thread];
    struct act act = {.thread = r->thread,
                      .time = analysis_rel(a, r->time_ns),
                      .receives = receives,
                      .ready = NEVER,
                      .obj = s->obj,
                      .moment = r->by_kernel};
    if (act.time < t->start_ns || act.time > t->end_ns)
        return 0;
    if (receives && io->ready_ns) {
        act.cause = CAUSE_READY;
        act.ready = analysis_rel(a, io->ready_ns);
    }
    if (s->role == ROLE_ACCEPTED)
        return receives ? accepted_recv(a, s, io, &act) : accepted_send(a, s, io, &act);
    if (s->role != ROLE_CONNECTED || (io->flags & IO_PEEK))
        return 0;
    return receives ? downstream_recv(a, s, &act, io) : downstream_send(a, s, &act, io);
}

static int see_conn(struct analysis *a, const struct record *r)
{
    const struct event_conn *c = record_event(a, r);
    struct sock *s = record_sock(a, r);
    uint64_t now = analysis_rel(a, r->time_ns);

    if (s && s->role == ROLE_ACCEPTED && c->new_state == TCP_CLOSE && s->request_plus1)
        draft_finish(a, s->request_plus1 - 1, now, now);
    if (s && s->role == ROLE_CONNECTED && c->new_state == TCP_ESTABLISHED)
        downstream_connected(a, s, now);
    if (s && s->role == ROLE_CONNECTED && c->new_state == TCP_CLOSE)
        question_end(a, s, now);
    if (!s || s->role != ROLE_CONNECTED || c->new_state != TCP_SYN_SENT || r->thread == NONE)
        return 0;
    const struct thread *t = &a->tl->threads.data[r->thread];
    if (now < t->start_ns || now > t->end_ns)
        return 0;
    return downstream_connect(a, s,
                              &(struct act){.thread = r->thread,
                                            .time = now,
                                            .ready = NEVER,
                                            .obj = s->obj,
                                            .moment = r->by_kernel});
}

/* A thread that is made by one that serves a request may be made for it. */
static int see_fork(struct analysis *a, const struct record *r)
{
    if (r->thread == NONE || !a->lives.data[r->thread].maker_plus1)
        return 0;
    uint32_t maker = a->lives.data[r->thread].maker_plus1 - 1;
    thread_scan(a, maker, analysis_rel(a, r->time_ns));
    uint32_t request = tenure_request(a, maker);
    if (request != NONE && !a->drafts.data[request].answered)
        a->lives.data[r->thread].born_for_plus1 = request + 1;
    return 0;
}

static int (*const seers[EVENT_KINDS])(struct analysis *, const struct record *) = {
    [EVENT_RECV] = see_io,   [EVENT_SEND] = see_io,     [EVENT_CONN] = see_conn,
    [EVENT_FORK] = see_fork, [EVENT_URING] = uring_see, [EVENT_WORK] = work_event,
};

static int threads_prepare(struct analysis *a)
{
    a->accept_call_plus1[0] = call_string_plus1(a, CALL_accept);
    a->accept_call_plus1[1] = call_string_plus1(a, CALL_accept4);
    for (size_t i = 0; i < a->lives.len; i++) {
        const struct thread *t = &a->tl->threads.data[i];
        struct life *l = &a->lives.data[i];
        l->last_wake = t->start_ns;
        l->first_yield = (uint32_t)a->yields.len;
        for (size_t k = 0; k < t->intervals.len; k++)
            if (t->intervals.data[k].state == STATE_YIELDED &&
                vec_push(&a->yields, (uint32_t)k) < 0)
                return -ENOMEM;
        l->yields = (uint32_t)a->yields.len - l->first_yield;
    }
    return 0;
}

/*
 * Requests of whose answer something was sent before the window. An answer that was whole by then
 * looks the same, but is not gone on with: so where the first that happens on the connection is a
 * send, it is the rest of that answer. The connections are left in `on`, with the value 1.
 */
static int answers_going_on(const struct analysis *a, struct table *on)
{
    size_t undecided = 0;

    for (size_t i = 0; i < a->before.len; i++) {
        const struct event_io *io = record_event(a, &a->before.data[i]);

        if (!(io->flags & IO_ANSWERED))
            continue;
        undecided++;
        if (table_put(on, io->obj, 0) < 0)
            return -ENOMEM;
    }
    for (size_t i = 0; i < a->records.len && undecided; i++) {
        const struct record *r = &a->records.data[i];
        uint64_t goes_on;

        if ((r->kind != EVENT_RECV && r->kind != EVENT_SEND) || !r->moves)
            continue;
        const struct event_io *io = record_event(a, r);
        if (!table_get(on, io->obj, &goes_on) || goes_on)
            continue;
        undecided--;
        if (r->kind == EVENT_RECV)
            table_remove(on, io->obj);
        else
            table_put(on, io->obj, 1); /* replaces */
    }
    return 0;
}

/*
 * A request that was read before the window of a flight recorder, and not answered by then, or not
 * wholly: that it is there is known, and from when on it is answered, if it is; who has it, and
 * what was done for it before, is not. So no thread has it, and its time is unattributed; but see
 * old_take_up().
 */
static int open_before(struct analysis *a, const struct record *r)
{
    const struct event_io *io = record_event(a, r);
    struct sock *s = socket_find(a, io->obj);
    uint64_t thread;

    if (!s || !s->tcp || s->role != ROLE_ACCEPTED || s->request_plus1 ||
        !table_get(&a->tids, io->event.tid, &thread) || a->tl->threads.data[thread].start_ns)
        return 0;
    struct act act = {.thread = (uint32_t)thread, .ready = NEVER, .obj = s->obj, .receives = true};
    int rc = draft_new(a, s, io, &act);
    if (rc < 0)
        return rc;
    struct draft *d = vec_last(&a->drafts);
    d->early = d->read_before = d->old = true;
    d->flags &= ~(uint32_t)REQUEST_PIPELINED;
    d->first_thread = act.thread;
    d->bytes_in = io->bytes;
    if (io->flags & IO_ANSWERED) {
        d->sent = d->answered = true;
        d->expect_in = 0; /* who knows how much of it was read */
    }
    return 0;
}

/*
 * Who has it is known after all where a thread serves one request at a time: it has read this one
 * and no other that is not answered, and it is seen in no multiplexed wait. It may have handed it
 * over, so that is inferred; where it then waits for another client or accepts one, it has (see
 * tenure.c).
 */
static int old_take_up(struct analysis *a)
{
    uint32_t *has = calloc(a->lives.len + 1, sizeof(*has));
    int rc = has ? 0 : -ENOMEM;

    for (size_t i = 0; has && i < a->drafts.len; i++)
        has[a->drafts.data[i].first_thread]++;
    for (uint32_t i = 0; rc == 0 && i < a->drafts.len; i++) {
        uint32_t thread = a->drafts.data[i].first_thread;
        if (has[thread] == 1 && !a->lives.data[thread].yields && !a->drafts.data[i].answered)
            rc = tenure_from_before(a, i, thread);
    }
    free(has);
    return rc;
}

static int requests_before(struct analysis *a)
{
    struct table on = TABLE_INIT;
    int rc = answers_going_on(a, &on);

    for (size_t i = 0; rc == 0 && i < a->before.len; i++) {
        const struct event_io *io = record_event(a, &a->before.data[i]);
        uint64_t goes_on = 0;

        if ((io->flags & IO_ANSWERED) && (!table_get(&on, io->obj, &goes_on) || !goes_on))
            continue;
        rc = open_before(a, &a->before.data[i]);
    }
    table_release(&on);
    if (rc == 0 && a->drafts.len)
        rc = old_take_up(a);
    return rc;
}

/* How a thread reads its clients' requests tells what it is: see roles.c. */
static void count_read(struct analysis *a, const struct record *r)
{
    const struct event_io *io = record_event(a, r);
    const struct sock *s = record_sock(a, r);

    if (!r->moves || r->thread == NONE || !s || s->role != ROLE_ACCEPTED || !s->tcp)
        return;
    a->lives.data[r->thread].reads++;
    a->lives.data[r->thread].nonblocking_reads += (io->flags & IO_NONBLOCKING) != 0;
}

static int records_walk(struct analysis *a)
{
    int rc = 0;
    records_drop_waits(a);
    for (size_t i = 0; rc == 0 && i < a->records.len; i++) {
        const struct record *r = &a->records.data[i];
        if (r->kind == EVENT_RECV)
            count_read(a, r);
        rc = r->kind < EVENT_KINDS && seers[r->kind] ? seers[r->kind](a, r) : 0;
        records_pass(a, i);
    }
    records_end(a);
    return rc;
}

int requests_build(struct analysis *a)
{
    parks_prepare(a);
    int rc = threads_prepare(a);
    if (rc == 0)
        rc = uring_prepare(a);
    if (rc == 0)
        rc = tasks_survey(a);
    if (rc == 0)
        rc = steps_survey(a);
    if (rc == 0)
        rc = downstream_survey(a);
    if (rc == 0)
        rc = background_survey(a);
    if (rc == 0)
        rc = requests_before(a);
    if (rc == 0)
        rc = records_walk(a);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < a->lives.len; i++)
        tenure_finish(a, i);
    for (uint32_t i = 0; i < a->drafts.len; i++) {
        const struct draft *d = &a->drafts.data[i];
        const struct sock *s = &a->socks.data[d->sock];
        /* Of a unix socket nobody says when it is closed. */
        bool gone = s->ended && s->desc && s->desc->family == AF_UNIX;
        draft_finish(a, i, gone ? d->top_touch : a->tl->duration_ns, NEVER);
    }
    return touches_by_thread(a);
}
