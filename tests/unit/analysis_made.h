/*
 * analysis_made: records made by hand, analysed. Times are microseconds since the capture's
 * begin, so that a test reads like a drawing; 1 µs is 1000 ns in the timeline.
 */
#ifndef TESTS_UNIT_ANALYSIS_MADE_H
#define TESTS_UNIT_ANALYSIS_MADE_H

#include "analysis/analysis.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#define MADE_T0 5000000000u
#define US(t) ((uint64_t)(t)*1000)
#define AT(t) (MADE_T0 + US(t))

#define SOCKET(n) ((uint64_t)OBJECT_SOCKET << 56 | (n))
#define FILE_OBJ(n) ((uint64_t)OBJECT_FILE << 56 | (n))
#define PATH_OBJ(n) ((uint64_t)OBJECT_PATH << 56 | (n))
#define ANON(n) ((uint64_t)OBJECT_ANON << 56 | (n))

#define ESTABLISHED 1
#define SYN_SENT 2
#define CLOSED 7

struct made {
    struct analysis *a;
    struct timeline tl;
    struct capture_info info;
    uint32_t waker; /* of the next waits; 0: 99, who is nobody */
};

static inline void made_init_with(struct made *m, uint64_t end_us, uint64_t hold_us)
{
    struct analysis_options options = {.loop_hold_ns = US(hold_us)};
    memset(m, 0, sizeof(*m));
    timeline_init(&m->tl);
    m->info.complete = true;
    m->info.header.start_ns = MADE_T0;
    m->info.header.end_ns = AT(end_us);
    assert_int_equal(analysis_new(&m->a, &options), 0);
}

static inline void made_init(struct made *m, uint64_t end_us)
{
    made_init_with(m, end_us, 0);
}

static inline void made_add(struct made *m, void *record, unsigned kind, size_t size, uint32_t tid,
                            uint64_t time_ns)
{
    struct event *ev = record;
    ev->kind = (uint16_t)kind;
    ev->size = (uint16_t)size;
    ev->tid = tid;
    ev->time_ns = time_ns;
    m->info.records++;
    assert_int_equal(analysis_event(m->a, ev), 0);
}

/* Analyses; the result must keep every promise. */
static inline void made_finish(struct made *m)
{
    char why[256] = "";
    assert_int_equal(analysis_finish(m->a, &m->info, &m->tl), 0);
    if (timeline_check(&m->tl, why, sizeof(why)) != 0)
        fail_msg("timeline_check: %s", why);
}

static inline void made_release(struct made *m)
{
    analysis_free(m->a);
    timeline_release(&m->tl);
}

/* A runtime's own word. */
static inline void says(struct made *m, uint64_t t, uint32_t tid, uint64_t item, uint8_t op,
                        uint8_t kind)
{
    struct event_work e = {.item = item, .op = op, .kind = kind};
    made_add(m, &e, EVENT_WORK, sizeof(e), tid, AT(t));
}

static inline void runtime_is(struct made *m, uint32_t pid, uint32_t runtime, uint64_t gil_start,
                              uint64_t gil_end)
{
    struct event_runtime e = {.runtime = runtime, .gil_start = gil_start, .gil_end = gil_end};
    made_add(m, &e, EVENT_RUNTIME, sizeof(e), pid, AT(0));
}

/* ---- threads ---- */

static inline void snapshot(struct made *m, uint64_t t, uint32_t tid, uint32_t pid, uint8_t phase,
                            bool on_cpu, const struct event_wait *wait)
{
    struct event_thread e = {.pid = pid, .phase = phase, .on_cpu = on_cpu, .comm = "server"};
    if (wait)
        e.wait = *wait;
    made_add(m, &e, EVENT_THREAD, sizeof(e), tid, AT(t));
}

static inline void attach_running(struct made *m, uint64_t t, uint32_t tid, uint32_t pid)
{
    snapshot(m, t, tid, pid, THREAD_AT_ATTACH, true, NULL);
}

static inline void attach_waiting(struct made *m, uint64_t t, uint32_t tid, uint32_t pid,
                                  unsigned call, uint64_t obj)
{
    struct event_wait w = {
        .off_ns = AT(t), .why = WHY_SLEEP, .call = (uint16_t)call, .obj = obj, .fd = WAIT_NO_FD};
    snapshot(m, t, tid, pid, THREAD_AT_ATTACH, false, &w);
}

static inline void end_running(struct made *m, uint64_t t, uint32_t tid, uint32_t pid)
{
    snapshot(m, t, tid, pid, THREAD_AT_END, true, NULL);
}

static inline void end_waiting(struct made *m, uint64_t t, uint32_t tid, uint32_t pid, uint64_t off,
                               unsigned call, uint64_t obj)
{
    struct event_wait w = {
        .off_ns = AT(off), .why = WHY_SLEEP, .call = (uint16_t)call, .obj = obj, .fd = WAIT_NO_FD};
    snapshot(m, t, tid, pid, THREAD_AT_END, false, &w);
}

static inline void wait_made(struct made *m, uint32_t tid, uint64_t off, uint64_t wake, uint64_t on,
                             unsigned call, uint64_t obj, uint8_t why, uint8_t flags)
{
    struct event_wait w = {.off_ns = AT(off),
                           .wake_ns = AT(wake),
                           .call = (uint16_t)call,
                           .obj = obj,
                           .why = why,
                           .flags = flags,
                           .fd = 7,
                           .waker = m->waker ? m->waker : 99};
    made_add(m, &w, EVENT_WAIT, sizeof(w), tid, AT(on));
}

static inline void waits(struct made *m, uint32_t tid, uint64_t off, uint64_t wake, uint64_t on,
                         unsigned call, uint64_t obj)
{
    wait_made(m, tid, off, wake, on, call, obj, WHY_SLEEP, 0);
}

static inline void preempted(struct made *m, uint32_t tid, uint64_t off, uint64_t on)
{
    wait_made(m, tid, off, off, on, CALL_NONE, 0, WHY_RUNNABLE, 0);
}

static inline void forked(struct made *m, uint64_t t, uint32_t tid, uint32_t pid, uint32_t maker,
                          uint32_t parent)
{
    struct event_fork f = {.pid = pid, .maker = maker, .parent = parent, .comm = "child"};
    made_add(m, &f, EVENT_FORK, sizeof(f), tid, AT(t));
}

static inline void exited(struct made *m, uint64_t t, uint32_t tid, uint32_t pid)
{
    struct event_exit x = {.pid = pid};
    made_add(m, &x, EVENT_EXIT, sizeof(x), tid, AT(t));
}

/* ---- sockets ---- */

static inline void socket_is(struct made *m, uint64_t obj, uint8_t role, uint16_t local_port,
                             uint16_t remote_port)
{
    struct event_socket s = {.obj = obj,
                             .family = AF_INET,
                             .type = SOCK_STREAM,
                             .role = role,
                             .local_port = local_port,
                             .remote_port = remote_port,
                             .local = {127, 0, 0, 1},
                             .remote = {127, 0, 0, 1}};
    made_add(m, &s, EVENT_SOCKET, sizeof(s), 0, AT(0));
}

static inline void conn_state(struct made *m, uint64_t t, uint32_t tid, uint64_t obj, uint8_t role,
                              uint8_t to)
{
    struct event_conn c = {.obj = obj, .new_state = to, .role = role};
    made_add(m, &c, EVENT_CONN, sizeof(c), tid, AT(t));
}

static inline void accepted(struct made *m, uint64_t established, uint64_t obj)
{
    socket_is(m, obj, ROLE_ACCEPTED, 80, (uint16_t)(40000 + (obj & 0xfff)));
    conn_state(m, established, 0, obj, ROLE_ACCEPTED, ESTABLISHED);
}

static inline void io_made(struct made *m, unsigned kind, uint64_t t, uint32_t tid, uint64_t obj,
                           uint64_t ready, uint32_t bytes, uint16_t flags, const char *data)
{
    struct {
        struct event_io io;
        char data[IO_DATA_LARGE];
    } r = {.io = {.obj = obj, .ready_ns = ready ? AT(ready) : 0, .bytes = bytes, .flags = flags}};
    size_t len = data ? strlen(data) : 0;
    r.io.data_len = (uint16_t)(len < sizeof(r.data) ? len : sizeof(r.data));
    if (data)
        memcpy(r.data, data, r.io.data_len);
    made_add(m, &r, kind, sizeof(r.io) + ((r.io.data_len + 7u) & ~7u), tid, AT(t));
}

static inline void receives(struct made *m, uint64_t t, uint32_t tid, uint64_t obj, uint64_t ready,
                            const char *data)
{
    io_made(m, EVENT_RECV, t, tid, obj, ready, (uint32_t)strlen(data), IO_TURN, data);
}

/* The recorder's word on the message's length goes with it: IO_LENGTH, and IO_AT_LEAST in `flags`.
 */
static inline void receives_long(struct made *m, uint64_t t, uint32_t tid, uint64_t obj,
                                 uint32_t bytes, const char *data, uint64_t length, uint16_t flags)
{
    struct {
        struct event_io io;
        char data[IO_DATA_LARGE];
        uint64_t length;
    } r = {.io = {.obj = obj, .ready_ns = AT(t), .bytes = bytes}};
    size_t room = (strlen(data) + 7) / 8 * 8;
    r.io.flags = IO_TURN | IO_LENGTH | flags;
    r.io.data_len = (uint16_t)strlen(data);
    memcpy(r.io.data, data, strlen(data));
    memcpy(r.io.data + room, &length, sizeof(length));
    made_add(m, &r, EVENT_RECV, sizeof(r.io) + room + sizeof(length), tid, AT(t));
}

static inline void sends(struct made *m, uint64_t t, uint32_t tid, uint64_t obj, const char *data)
{
    io_made(m, EVENT_SEND, t, tid, obj, 0, (uint32_t)strlen(data), IO_TURN, data);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Len"

/* ---- what came out ---- */

static inline const char *text_of(const struct made *m, uint32_t index)
{
    return timeline_string(&m->tl, index);
}

static inline const struct request *request_named(const struct made *m, const char *name)
{
    for (size_t i = 0; i < m->tl.requests.len; i++)
        if (strcmp(text_of(m, m->tl.requests.data[i].name), name) == 0)
            return &m->tl.requests.data[i];
    fail_msg("no request %s", name);
    return NULL;
}

/* µs of the request that the thread gave it with `key`. */
static inline uint64_t given(const struct made *m, const char *name, uint32_t tid, unsigned key)
{
    const struct request *r = request_named(m, name);
    uint64_t sum = 0;
    for (size_t i = r->first_segment; i < (size_t)r->first_segment + r->segment_count; i++) {
        const struct segment *s = &m->tl.segments.data[i];
        if (s->key == key && s->interval_plus1 &&
            m->tl.threads.data[s->thread_plus1 - 1].tid == tid)
            sum += segment_end(&m->tl, r, i) - s->start_ns;
    }
    return sum / 1000;
}

/* µs of the request's ledger. */
static inline uint64_t spent(const struct made *m, const char *name, unsigned key)
{
    return request_ns(&m->tl, request_named(m, name), key) / 1000;
}

struct expect {
    uint64_t start, end;           /* µs */
    uint64_t ledger[LEDGER_COUNT]; /* µs */
    uint64_t grade[GRADE_COUNT];   /* µs; all 0: exact is all */
    uint32_t flags;                /* 0: complete */
};

static inline void expect_request(const struct made *m, const char *name, struct expect x)
{
    const struct request *r = request_named(m, name);
    char got[512] = "", want[512] = "";
    size_t g = 0, w = 0;
    struct request_sums sums;

    request_sums(&m->tl, r, &sums);
    if (!x.grade[0] && !x.grade[1] && !x.grade[2] && !x.grade[3])
        x.grade[GRADE_EXACT] = x.end - x.start;
    g += (size_t)snprintf(got + g, sizeof(got) - g, "%ld–%ld flags %u", (long)r->start_ns,
                          (long)r->end_ns, r->flags);
    w += (size_t)snprintf(want + w, sizeof(want) - w, "%ld–%ld flags %u", (long)US(x.start),
                          (long)US(x.end), x.flags ? x.flags : REQUEST_COMPLETE);
    for (unsigned k = 0; k < LEDGER_COUNT; k++) {
        if (sums.ledger_ns[k] || x.ledger[k]) {
            g += (size_t)snprintf(got + g, sizeof(got) - g, " %s %ld", ledger_key_name(k),
                                  (long)sums.ledger_ns[k]);
            w += (size_t)snprintf(want + w, sizeof(want) - w, " %s %ld", ledger_key_name(k),
                                  (long)US(x.ledger[k]));
        }
    }
    for (unsigned k = 0; k < GRADE_COUNT; k++) {
        g += (size_t)snprintf(got + g, sizeof(got) - g, " | %ld", (long)sums.grade_ns[k]);
        w += (size_t)snprintf(want + w, sizeof(want) - w, " | %ld", (long)US(x.grade[k]));
    }
    assert_string_equal(got, want);
}

/* "running 0-10, blocked 10-40 idle, …" in µs of a thread. */
static inline void expect_states(const struct made *m, size_t thread, const char *want)
{
    char got[2048] = "";
    size_t n = 0;
    assert_true(thread < m->tl.threads.len);
    const struct thread *t = &m->tl.threads.data[thread];
    for (size_t i = 0; i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        n += (size_t)snprintf(
            got + n, sizeof(got) - n, "%s%s %ld-%ld%s%s", i ? ", " : "", state_name(iv->state),
            (long)(iv->start_ns / 1000), (long)(interval_end(t, i) / 1000),
            iv->flags & INTERVAL_IDLE ? " idle" : "", iv->flags & INTERVAL_OPEN ? " open" : "");
        assert_true(n < sizeof(got));
    }
    assert_string_equal(got, want);
}

/* "GET /1 300, GET /2 40 + 3": those listed, with µs lost, and how many are not. */
static inline void expect_victims(const struct made *m, size_t hold, const char *want)
{
    char got[1024] = "";
    size_t n = 0;
    assert_true(hold < m->tl.holds.len);
    const struct hold *h = &m->tl.holds.data[hold];
    for (size_t i = 0; i < h->victim_count; i++) {
        const struct victim *v = &m->tl.victims.data[h->first_victim + i];
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s %ld", i ? ", " : "",
                              text_of(m, m->tl.requests.data[v->request].name),
                              (long)(v->ns / 1000));
        assert_true(n < sizeof(got));
    }
    if (h->more_victims)
        snprintf(got + n, sizeof(got) - n, " + %u", h->more_victims);
    assert_string_equal(got, want);
}

/* "blocked fsync 10-40, running 50-70 of GET /1": state, call, µs, request. */
static inline void expect_holds(const struct made *m, const char *want)
{
    char got[1024] = "";
    size_t n = 0;
    for (size_t i = 0; i < m->tl.holds.len; i++) {
        const struct hold *h = &m->tl.holds.data[i];
        const struct request *r =
            h->request_plus1 ? &m->tl.requests.data[h->request_plus1 - 1] : NULL;
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s%s%s %ld-%ld%s%s", i ? ", " : "",
                              state_name(h->state), h->call_plus1 ? " " : "",
                              h->call_plus1 ? text_of(m, h->call_plus1 - 1) : "",
                              (long)(h->start_ns / 1000), (long)(h->end_ns / 1000), r ? " of " : "",
                              r ? text_of(m, r->name) : "");
        assert_true(n < sizeof(got));
    }
    assert_string_equal(got, want);
}

#endif
