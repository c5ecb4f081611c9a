/*
 * Records that no kernel would write: whatever they say, the result keeps every promise of
 * timeline_check(). Each round has its seed, so that a failure comes again.
 */
#include "analysis_made.h"

#define ROUNDS 4000
#define SERVER_ROUNDS 4000

static uint64_t seed_now;

static uint64_t holds_seen, victims_seen;

/* xorshift64* */
static uint64_t draw(void)
{
    seed_now ^= seed_now >> 12;
    seed_now ^= seed_now << 25;
    seed_now ^= seed_now >> 27;
    return seed_now * 0x2545f4914f6cdd1du;
}

static uint64_t below(uint64_t n)
{
    return draw() % n;
}

static bool one_in(uint64_t n)
{
    return below(n) == 0;
}

struct world {
    struct made m;
    uint64_t now;  /* µs; goes forward most of the time */
    unsigned wild; /* one time in so many is nonsense */
};

static uint64_t some_time(struct world *w)
{
    if (one_in(w->wild)) {
        static const uint64_t odd[] = {
            0, 1, MADE_T0 - 1, UINT64_MAX, UINT64_MAX / 2, (uint64_t)1 << 62};
        return one_in(2) ? odd[below(6)] : AT(below(20000));
    }
    return AT(w->now + below(20));
}

static uint32_t some_tid(void)
{
    return (uint32_t)(1 + below(6));
}

static uint64_t some_socket(void)
{
    return one_in(30) ? draw() : SOCKET(1 + below(8));
}

static uint64_t some_object(void)
{
    switch (below(6)) {
    case 0:
        return some_socket();
    case 1:
        return FILE_OBJ(1 + below(3));
    case 2:
        return ANON(1 + below(3));
    case 3:
        return 4096 * below(4);
    case 4:
        return PATH_OBJ(1 + below(3));
    default:
        return one_in(10) ? draw() : 0;
    }
}

static void some_wait(struct world *w, struct event_wait *e)
{
    static const uint16_t calls[] = {CALL_read,    CALL_recvfrom, CALL_epoll_wait, CALL_epoll_wait,
                                     CALL_futex,   CALL_accept4,  CALL_poll,       CALL_nanosleep,
                                     CALL_pread64, CALL_NONE};
    *e = (struct event_wait){.off_ns = one_in(12) ? 0 : some_time(w),
                             .wake_ns = some_time(w),
                             .obj = some_object(),
                             .waker = some_tid(),
                             .call = calls[below(10)],
                             .why = (uint8_t)below(one_in(20) ? 256 : 3),
                             .flags = one_in(6) ? (uint8_t)draw() : 0,
                             .fd = (int32_t)below(9) - 1};
    /* FUTEX_WAIT, FUTEX_WAIT_BITSET, both private or not, or anything */
    static const uint32_t operations[] = {0, 128, 9, 137};
    if (e->call == CALL_futex)
        e->arg = one_in(20) ? (uint32_t)draw() : operations[below(4)];
    if (one_in(50))
        e->call = (uint16_t)draw();
}

static void add_wait(struct world *w)
{
    struct event_wait e;
    some_wait(w, &e);
    made_add(&w->m, &e, EVENT_WAIT, sizeof(e), some_tid(), some_time(w));
}

static void add_thread(struct world *w)
{
    struct event_thread e = {.pid = some_tid(),
                             .parent = some_tid(),
                             .start_ns = some_time(w),
                             .exec_ns = draw(),
                             .delay_ns = draw(),
                             .phase = (uint8_t)below(3),
                             .kernel_thread = one_in(5),
                             .on_cpu = (uint8_t)below(2)};
    if (one_in(2))
        some_wait(w, &e.wait);
    for (size_t i = 0; i < sizeof(e.comm); i++)
        e.comm[i] = (char)draw();
    if (e.kernel_thread && one_in(2))
        snprintf(e.comm, sizeof(e.comm), "iou-wrk-%u", some_tid());
    made_add(&w->m, &e, EVENT_THREAD, sizeof(e), some_tid(), some_time(w));
}

static void add_life(struct world *w)
{
    struct event_fork f = {.pid = some_tid(), .maker = some_tid(), .parent = some_tid()};
    struct event_exit x = {.pid = some_tid()};
    struct event_comm c = {.pid = some_tid(), .exec = 1, .comm = "exec"};

    if (one_in(3))
        made_add(&w->m, &f, EVENT_FORK, sizeof(f), some_tid(), some_time(w));
    else if (one_in(2))
        made_add(&w->m, &x, EVENT_EXIT, sizeof(x), some_tid(), some_time(w));
    else
        made_add(&w->m, &c, EVENT_COMM, sizeof(c), some_tid(), some_time(w));
}

static void add_io(struct world *w)
{
    static const char get[] = GET("/a/1");
    static const char *const texts[] = {
        get,       OK,  "HTTP/1.1 100 Continue\r\n\r\n", "*1\r\n$4\r\nPING\r\n",
        "+OK\r\n", "?", "\x16\x03\x01\x01\x01",          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };
    const char *text = texts[below(one_in(20) ? 8 : 5)];
    unsigned kind = one_in(2) ? EVENT_RECV : EVENT_SEND;
    uint32_t bytes = one_in(15) ? 0 : one_in(40) ? (uint32_t)draw() : (uint32_t)strlen(text);
    uint64_t ready = some_time(w);
    struct {
        struct event_io io;
        char data[IO_DATA_LARGE];
    } r = {.io = {.obj = some_socket(),
                  .ready_ns = one_in(5) ? 0 : ready,
                  .bytes = bytes,
                  .flags = one_in(4) ? (uint16_t)draw() : IO_TURN,
                  .data_len = one_in(30) ? (uint16_t)draw() : (uint16_t)strlen(text)}};
    memcpy(r.data, text, strlen(text));
    made_add(&w->m, &r, kind, sizeof(r), some_tid(), some_time(w));
}

static void add_socket(struct world *w)
{
    struct event_conn c = {.obj = some_socket(),
                           .old_state = (uint8_t)below(12),
                           .new_state = (uint8_t)(1 + below(8)),
                           .role = (uint8_t)below(4)};
    struct event_socket s = {.obj = some_socket(),
                             .established_ns = one_in(2) ? some_time(w) : 0,
                             .family = one_in(5) ? AF_UNIX : AF_INET,
                             .type = SOCK_STREAM,
                             .role = (uint8_t)below(one_in(9) ? 256 : 4),
                             .local_port = (uint16_t)below(4),
                             .remote_port = (uint16_t)below(4)};
    if (one_in(2))
        made_add(&w->m, &c, EVENT_CONN, sizeof(c), some_tid(), some_time(w));
    else
        made_add(&w->m, &s, EVENT_SOCKET, sizeof(s), some_tid(), some_time(w));
}

static void add_object(struct world *w)
{
    struct {
        struct event_file f;
        char path[32];
    } file = {.f = {.obj = some_object(),
                    .mode = (uint16_t)draw(),
                    .flags = (uint16_t)draw(),
                    .path_len = one_in(4) ? (uint32_t)draw() : (uint32_t)below(33)}};
    struct event_anon anon = {.obj = some_object()};
    struct event_fd fd = {.obj = some_object(), .fd = (int32_t)draw()};

    for (size_t i = 0; i < sizeof(file.path); i++)
        file.path[i] = one_in(4) ? '\0' : (char)draw();
    memset(anon.name, 'x', sizeof(anon.name)); /* no NUL */
    switch (below(3)) {
    case 0:
        made_add(&w->m, &file, EVENT_FILE, sizeof(file), 0, some_time(w));
        break;
    case 1:
        made_add(&w->m, &anon, EVENT_ANON, sizeof(anon), 0, some_time(w));
        break;
    default:
        made_add(&w->m, &fd, EVENT_FD, sizeof(fd), 0, some_time(w));
    }
}

/* Few items, so that they come again, and are ended by others than began with them. */
static void add_work(struct world *w)
{
    struct event_work e = {.item = one_in(30) ? UINT64_MAX : 1 + below(5),
                           .op = (uint8_t)below(one_in(20) ? 256 : 6),
                           .kind = (uint8_t)below(one_in(20) ? 256 : 8),
                           .flags = one_in(4) ? (uint16_t)draw() : 0};
    made_add(&w->m, &e, EVENT_WORK, sizeof(e), some_tid(), some_time(w));
}

static void add_runtime(struct world *w)
{
    uint64_t from = 4096 * below(4);
    struct event_runtime e = {.runtime = one_in(20) ? (uint32_t)draw() : 1 + (uint32_t)below(7),
                              .gil_start = from,
                              .gil_end = one_in(4) ? draw() : from + 4096 * below(3)};
    made_add(&w->m, &e, EVENT_RUNTIME, sizeof(e), some_tid(), some_time(w));
}

static void add_asked(struct world *w)
{
    struct event_asked e = {.obj = one_in(5) ? some_object() : some_socket(),
                            .heard_ns = one_in(5) ? draw() : some_time(w),
                            .flags = (uint32_t)below(4),
                            .waiting = one_in(5) ? (uint32_t)draw() : 0};
    made_add(&w->m, &e, EVENT_ASKED, sizeof(e), some_tid(), some_time(w));
}

/* Few addresses, rings and tags, so that they come again. */
static void add_uring(struct world *w)
{
    struct event_uring e = {.request = below(12),
                            .obj = one_in(2) ? some_socket() : some_object(),
                            .ring = below(2),
                            .tag = below(4),
                            .op = (uint8_t)below(5),
                            .opcode = (uint8_t)below(40),
                            .flags = (uint16_t)below(4),
                            .result = one_in(9) ? (int32_t)draw() : (int32_t)below(5) - 1};
    made_add(&w->m, &e, EVENT_URING, sizeof(e), some_tid(), some_time(w));
}

static void add_loss(struct world *w)
{
    struct capture_loss loss = {some_time(w), some_time(w), draw(), (uint32_t)below(20), 0};
    assert_int_equal(analysis_loss(w->m.a, &loss), 0);
}

/* For how long of the hold the request stood queued or ready for its thread. */
static uint64_t stood_ns(const struct timeline *tl, const struct hold *h, const struct request *r)
{
    uint64_t ns = 0;
    for (size_t i = r->first_segment; i < (size_t)r->first_segment + r->segment_count; i++) {
        const struct segment *s = &tl->segments.data[i];
        uint64_t from = s->start_ns > h->start_ns ? s->start_ns : h->start_ns;
        uint64_t to = segment_end(tl, r, i) < h->end_ns ? segment_end(tl, r, i) : h->end_ns;
        if ((s->key == LEDGER_QUEUED || s->key == LEDGER_LOOP_BUSY) && !s->interval_plus1 &&
            s->thread_plus1 == h->thread + 1 && from < to)
            ns += to - from;
    }
    return ns;
}

/* Holds of a thread lie apart and by time, and their victims are what the ledger says, no more and
 * no less. */
static void check_holds(const struct timeline *tl, uint64_t seed)
{
    for (size_t i = 0; i < tl->holds.len; i++) {
        const struct hold *h = &tl->holds.data[i];
        uint64_t sum_ns = 0, before_ns = UINT64_MAX;
        holds_seen++;
        if (i && h->thread == h[-1].thread && h->start_ns < h[-1].end_ns)
            fail_msg("seed %lu: hold %zu begins in the one before", (unsigned long)seed, i);
        for (size_t k = 0; k < tl->requests.len; k++)
            if (k + 1 != h->request_plus1)
                sum_ns += stood_ns(tl, h, &tl->requests.data[k]);
        for (size_t k = 0; k < h->victim_count; k++) {
            const struct victim *v = &tl->victims.data[h->first_victim + k];
            victims_seen++;
            if (v->ns != stood_ns(tl, h, &tl->requests.data[v->request]) || v->ns > before_ns)
                fail_msg("seed %lu: hold %zu, victim %zu", (unsigned long)seed, i, k);
            before_ns = v->ns;
        }
        if (h->more_victims || sum_ns != hold_lost_ns(tl, h))
            fail_msg("seed %lu: hold %zu has not all its victims", (unsigned long)seed, i);
    }
}

static void round_run(uint64_t seed)
{
    struct world w = {.wild = seed % 3 == 0 ? 4 : seed % 3 == 1 ? 60 : 1000000};
    seed_now = seed * 0x9e3779b97f4a7c15u + 1;
    made_init_with(&w.m, 1 + below(20000), 1 + below(300));
    if (one_in(4))
        w.m.info.header.start_ns = w.m.info.header.end_ns = some_time(&w);
    for (uint64_t n = below(600); n; n--) {
        w.now += below(30);
        switch (below(16)) {
        case 0:
            add_thread(&w);
            break;
        case 1:
            add_life(&w);
            break;
        case 2:
            add_socket(&w);
            break;
        case 3:
            one_in(3)   ? add_loss(&w)
            : one_in(3) ? add_runtime(&w)
            : one_in(4) ? add_asked(&w)
                        : add_object(&w);
            break;
        case 10:
        case 11:
            add_work(&w);
            break;
        case 8:
        case 9:
            add_uring(&w);
            break;
        case 4:
        case 5:
        case 6:
        case 7:
            add_wait(&w);
            break;
        default:
            add_io(&w);
        }
    }
    char why[256] = "";
    assert_int_equal(analysis_finish(w.m.a, &w.m.info, &w.m.tl), 0);
    check_holds(&w.m.tl, seed);
    if (timeline_check(&w.m.tl, why, sizeof(why)) != 0)
        fail_msg("seed %lu: %s", (unsigned long)seed, why);
    made_release(&w.m);
}

/* ---- a server that might be: what it does is drawn, but it goes on doing so */

enum { LOOP = 1, WORKERS = 4, CONNS = 6 };

struct server {
    struct world w;
    uint64_t parked[WORKERS], slept; /* since when; 0: it is awake */
    uint8_t kind;                    /* what its runtime tells: enum work_kind, 0 nothing */
    uint32_t arg;                    /* its workers' futex operation */
};

static void server_wait(struct server *s, uint32_t tid, uint64_t from, unsigned call, uint64_t obj,
                        uint32_t waker)
{
    uint64_t on = s->w.now + below(3);
    struct event_wait e = {.off_ns = AT(from),
                           .wake_ns = AT(s->w.now),
                           .obj = obj,
                           .waker = waker,
                           .call = (uint16_t)call,
                           .why = WHY_SLEEP,
                           .fd = 7,
                           .arg = call == CALL_futex ? s->arg : 0};
    made_add(&s->w.m, &e, EVENT_WAIT, sizeof(e), tid, AT(on));
}

static void server_says(struct server *s, uint32_t tid, uint64_t item, uint8_t op)
{
    struct event_work e = {.item = item, .op = op, .kind = s->kind};
    if (s->kind == WORK_COROUTINE && one_in(2)) { /* which anybody may do anything with */
        e.op = (uint8_t)(WORK_SUBMIT + below(5));
        e.flags = one_in(2) ? WORK_GIVES_WAY : 0;
        e.item = one_in(20) ? UINT64_MAX : item;
    }
    if (s->kind)
        made_add(&s->w.m, &e, EVENT_WORK, sizeof(e), tid, AT(s->w.now));
}

/* A worker is woken, works, rings or answers, and parks. */
static void worker_step(struct server *s, uint32_t k)
{
    uint32_t tid = 2 + k;
    if (s->parked[k]) {
        server_wait(s, tid, s->parked[k], CALL_futex, 4096, one_in(6) ? some_tid() : LOOP);
        server_says(s, tid, 1 + below(CONNS), WORK_BEGIN);
        s->parked[k] = 0;
        return;
    }
    uint64_t from = s->w.now;
    s->w.now += 1 + below(400);
    switch (below(5)) {
    case 0:
        server_says(s, tid, 1 + below(CONNS), WORK_END);
        s->parked[k] = s->w.now;
        break;
    case 1:
        sends(&s->w.m, s->w.now, tid, SOCKET(1 + below(CONNS)), OK);
        break;
    case 2: /* a byte on the loop's own pair */
        sends(&s->w.m, s->w.now, tid, SOCKET(100), "x");
        break;
    case 3:
        receives(&s->w.m, s->w.now, tid, SOCKET(1 + below(CONNS)), from, GET("/w"));
        break;
    default:
        server_wait(s, tid, from, one_in(3) ? CALL_futex : CALL_pread64, FILE_OBJ(1 + below(2)),
                    some_tid());
    }
}

static void loop_step(struct server *s)
{
    uint64_t conn = 1 + below(CONNS);
    if (s->slept) {
        server_wait(s, LOOP, s->slept, CALL_epoll_wait, ANON(1),
                    one_in(3) ? 99 : (uint32_t)(2 + below(WORKERS)));
        s->slept = 0;
        return;
    }
    s->w.now += 1 + below(40);
    switch (below(6)) {
    case 0:
    case 1:
        receives(&s->w.m, s->w.now, LOOP, SOCKET(conn), s->w.now - below(30), GET("/l"));
        server_says(s, LOOP, conn, WORK_SUBMIT);
        break;
    case 2:
        server_says(s, LOOP, conn, WORK_RESUME);
        sends(&s->w.m, s->w.now, LOOP, SOCKET(conn), OK);
        server_says(s, LOOP, conn, WORK_END);
        break;
    case 3:
        if (one_in(2))
            sends(&s->w.m, s->w.now, LOOP, SOCKET(20), "?");
        else
            receives(&s->w.m, s->w.now, LOOP, SOCKET(20), s->w.now - 1, "!");
        break;
    default:
        s->slept = s->w.now;
    }
}

static void server_round(uint64_t seed)
{
    struct server s = {.w = {.now = 100, .wild = 200}};
    char why[256] = "";
    static const uint8_t kinds[] = {0,          0,          WORK_LIBUV, WORK_TASK,     WORK_FUTURE,
                                    WORK_NGINX, WORK_TIMER, WORK_URING, WORK_COROUTINE};

    seed_now = seed * 0x9e3779b97f4a7c15u + 7;
    s.kind = kinds[seed % sizeof(kinds)];
    s.arg = one_in(3) ? 0 : 137;
    made_init(&s.w.m, 50000);
    for (uint32_t tid = 1; tid <= 1 + WORKERS; tid++)
        attach_running(&s.w.m, 0, tid, LOOP);
    for (uint64_t i = 1; i <= CONNS; i++)
        accepted(&s.w.m, 1, SOCKET(i));
    socket_is(&s.w.m, SOCKET(20), ROLE_CONNECTED, 4000, 5432);
    struct event_socket pair = {.obj = SOCKET(100), .family = AF_UNIX, .type = SOCK_STREAM};
    made_add(&s.w.m, &pair, EVENT_SOCKET, sizeof(pair), 0, AT(0));
    if (one_in(3))
        add_runtime(&s.w);
    for (uint64_t n = 50 + below(400); n; n--) {
        s.w.now += below(40);
        one_in(40)  ? add_loss(&s.w)
        : one_in(3) ? worker_step(&s, (uint32_t)below(WORKERS))
                    : loop_step(&s);
    }
    assert_int_equal(analysis_finish(s.w.m.a, &s.w.m.info, &s.w.m.tl), 0);
    if (timeline_check(&s.w.m.tl, why, sizeof(why)) != 0)
        fail_msg("seed %lu: %s", (unsigned long)seed, why);
    made_release(&s.w.m);
}

static void test_promises_hold_for_any_server(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SERVER_ROUNDS; seed++)
        server_round(seed);
}

static void test_promises_hold_for_any_records(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++)
        round_run(seed);
    assert_true(holds_seen > ROUNDS / 10 && victims_seen > ROUNDS / 100); /* it was tested */
}

/* The order in which records come changes nothing, as long as their times differ. */
static void test_order_does_not_matter(void **state)
{
    (void)state;
    struct made m[2];
    for (int k = 0; k < 2; k++) {
        made_init(&m[k], 5000);
        seed_now = 4711;
        for (uint64_t i = 0; i < 100; i++) {
            uint64_t n = k ? 99 - i : i, t = 10 + n * 40;
            if (n % 4 == 0)
                receives(&m[k], t + 5, 7, SOCKET(1), t, GET("/x"));
            else if (n % 4 == 3)
                sends(&m[k], t + 6, 7, SOCKET(1), OK);
            else
                waits(&m[k], 7, t + 7, t + 20, t + 21, CALL_read, FILE_OBJ(1));
        }
        socket_is(&m[k], SOCKET(1), ROLE_ACCEPTED, 80, 81);
        made_finish(&m[k]);
    }
    assert_int_equal(m[0].tl.requests.len, 25);
    assert_int_equal(m[0].tl.requests.len, m[1].tl.requests.len);
    for (size_t i = 0; i < m[0].tl.requests.len; i++) {
        const struct request *x = &m[0].tl.requests.data[i], *y = &m[1].tl.requests.data[i];
        assert_int_equal(x->start_ns, y->start_ns);
        assert_int_equal(x->end_ns, y->end_ns);
        for (unsigned key = 0; key < LEDGER_COUNT; key++)
            assert_int_equal(request_ns(&m[0].tl, x, key), request_ns(&m[1].tl, y, key));
    }
    made_release(&m[0]);
    made_release(&m[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promises_hold_for_any_records),
        cmocka_unit_test(test_promises_hold_for_any_server),
        cmocka_unit_test(test_order_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
