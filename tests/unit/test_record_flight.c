/* What a flight recorder keeps, and for how long. */
#include "capture/reader.h"
#include "record/flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/capture_made.h"
#include "tests/unit/flight_made.h"

#define ATTACH (1000 * S)
#define LAST (30 * S)
#define MEMORY ((uint64_t)64 << 20)

static struct flight *flight;
static struct seen seen;
static struct capture_info info;
static struct flight_result result;
static unsigned files;
static uint64_t looked; /* when the look at the end began */

static int setup_with(uint64_t memory)
{
    made_folder();
    files = 0;
    looked = 0;
    flight = flight_new(LAST, memory, ATTACH);
    return flight ? 0 : -1;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(MEMORY);
}

static int setup_small(void **state)
{
    (void)state;
    return setup_with((uint64_t)8 << 20);
}

static int teardown(void **state)
{
    (void)state;
    flight_free(flight);
    seen_release(&seen);
    memset(&seen, 0, sizeof(seen));
    made_remove();
    return 0;
}

static void put(const struct event *ev)
{
    assert_int_equal(flight_append(flight, ev), 0);
}

/* Writes the window that ends at `end_ns`, and reads it into `seen`. */
static void write_out(uint64_t end_ns, int (*meanwhile)(void *ctx))
{
    char name[32];
    struct err e = {0};
    struct flight_file file = {
        .header = made_header(), .end_ns = end_ns, .looked_ns = looked, .meanwhile = meanwhile};
    struct capture_visitor visitor = seen_visitor(&seen);

    seen_release(&seen);
    memset(&seen, 0, sizeof(seen));
    snprintf(name, sizeof(name), "%u.wsc", files++);
    file.path = made_path(name);
    file.header.start_ns = ATTACH;
    file.header.start_real_ns = 5000 * S;
    assert_int_equal(flight_write(flight, &file, &result, NULL, &e), 0);
    assert_int_equal(capture_read(made_path(name), &visitor, &info, &e), 0);
    assert_true(info.complete);
    assert_int_equal(info.header.start_ns, result.start_ns);
    assert_int_equal(info.header.start_real_ns - 5000 * S, result.start_ns - ATTACH);
    assert_int_equal(info.header.end_ns, end_ns);
    assert_int_equal(info.records, result.records);
}

/* How many records of the kind there are, with this tid when it is not 0. */
static unsigned count(unsigned kind, uint32_t tid)
{
    unsigned n = 0;

    for (size_t i = 0; i < seen.starts.len; i++) {
        const struct event *ev = (const void *)(seen.records.all.data + seen.starts.data[i]);

        n += ev->kind == kind && (!tid || ev->tid == tid);
    }
    return n;
}

/* The one of its kind and tid. */
static const struct event *only(unsigned kind, uint32_t tid)
{
    const struct event *found = NULL;

    for (size_t i = 0; i < seen.starts.len; i++) {
        const struct event *ev = (const void *)(seen.records.all.data + seen.starts.data[i]);

        if (ev->kind != kind || ev->tid != tid)
            continue;
        assert_null(found);
        found = ev;
    }
    assert_non_null(found);
    return found;
}

/* Time goes by, with ten waits of thread 7 a second. */
static void pass(uint64_t from_s, uint64_t until_s)
{
    for (uint64_t at = ATTACH + from_s * S; at < ATTACH + until_s * S; at += 100 * MS) {
        put(wait(7, at, at - MS));
        assert_int_equal(flight_expire(flight, at), 0);
    }
}

static void test_window(void **state)
{
    (void)state;
    put(thread(7, ATTACH + 1, 7, THREAD_AT_ATTACH));
    pass(1, 100);
    write_out(ATTACH + 100 * S, NULL);
    assert_int_equal(result.start_ns, ATTACH + 70 * S);
    assert_false(result.full);
    assert_int_equal(count(EVENT_WAIT, 0), 300);
    only(EVENT_THREAD, 7); /* whatever its age */
    assert_int_equal(info.flight.attach_ns, ATTACH);
    assert_int_equal(info.flight.last_ns, LAST);
    /* and it goes on */
    pass(100, 110);
    write_out(ATTACH + 110 * S, NULL);
    assert_int_equal(count(EVENT_WAIT, 0), 300);
    only(EVENT_THREAD, 7);
}

static void test_younger_than_its_window(void **state)
{
    (void)state;
    put(thread(7, ATTACH + 1, 7, THREAD_AT_ATTACH));
    pass(1, 5);
    write_out(ATTACH + 5 * S, NULL);
    assert_int_equal(result.start_ns, ATTACH);
    assert_int_equal(count(EVENT_WAIT, 0), 40);
}

/* Records of several CPUs come out of order: each is judged by its own time. */
static void test_disorder(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t at = ATTACH + i * 10 * MS + (i % 7) * 15 * MS;

        put(wait(7, at, at - MS));
        assert_int_equal(flight_expire(flight, at), 0);
    }
    write_out(ATTACH + 100 * S, NULL);
    unsigned within = 0;
    for (uint64_t i = 0; i < 10000; i++)
        within += ATTACH + i * 10 * MS + (i % 7) * 15 * MS >= result.start_ns;
    assert_int_equal(count(EVENT_WAIT, 0), within);
}

static void test_threads(void **state)
{
    (void)state;
    put(thread(7, ATTACH + 1, 7, THREAD_AT_ATTACH));
    put(runtime(7, ATTACH + 2, RUNTIME_PYTHON));
    put(descriptor(7, ATTACH + 2, 0));
    put(descriptor(7, ATTACH + 2, 5));
    put(forked(8, ATTACH + 3, 7));
    put(named(8, ATTACH + 4, "first"));
    put(named(8, ATTACH + 5, "second"));
    put(forked(9, ATTACH + 6, 7));
    put(exited(9, ATTACH + 7, 7)); /* gone before the window */
    put(forked(20, ATTACH + 8, 20));
    put(runtime(20, ATTACH + 9, RUNTIME_NODE));
    put(exited(20, ATTACH + 10, 20)); /* and a process with what runs in it */
    pass(1, 90);
    put(exited(8, ATTACH + 89 * S, 7)); /* gone within it */
    pass(90, 100);
    write_out(ATTACH + 100 * S, NULL);
    only(EVENT_THREAD, 7);
    only(EVENT_FORK, 8);
    only(EVENT_EXIT, 8);
    assert_string_equal(((const struct event_comm *)only(EVENT_COMM, 8))->comm, "second");
    assert_int_equal(count(EVENT_FORK, 0), 1);
    assert_int_equal(count(EVENT_EXIT, 0), 1);
    only(EVENT_RUNTIME, 7);
    assert_int_equal(count(EVENT_RUNTIME, 0), 1);
    assert_int_equal(count(EVENT_FD, 7), 2);
    /* The process ends, and leaves nothing once that is older than the window. */
    put(exited(7, ATTACH + 101 * S, 7));
    pass(102, 140);
    write_out(ATTACH + 140 * S, NULL);
    assert_int_equal(seen.starts.len, count(EVENT_WAIT, 0));
}

/* A number that comes again is another thread, and its end may come before its begin. */
static void test_numbers_again(void **state)
{
    (void)state;
    put(forked(8, ATTACH + 1, 7));
    put(named(8, ATTACH + 2, "old"));
    put(exited(8, ATTACH + 3, 7));
    put(forked(8, ATTACH + 4, 9));
    put(exited(30, ATTACH + 50 * MS, 30));
    put(forked(30, ATTACH + 10 * MS, 30));
    put(conn(ATTACH + 50 * MS, SOCK(3), 7));
    put(sock(ATTACH + 10 * MS, SOCK(3), AF_INET, ROLE_ACCEPTED, 80));
    pass(1, 100);
    write_out(ATTACH + 100 * S, NULL);
    assert_int_equal(((const struct event_fork *)only(EVENT_FORK, 8))->pid, 9);
    assert_int_equal(count(EVENT_COMM, 0), 0);
    assert_int_equal(count(EVENT_FORK, 0), 1);
    assert_int_equal(count(EVENT_SOCKET, 0), 0);
}

static void turn(unsigned kind, uint64_t time_ns, uint64_t obj)
{
    put(moved(kind, time_ns, obj, 0, IO_TURN, "GET /", 5));
}

/* Receives from before the window, of requests of whose answer something was sent, or nothing. */
static unsigned receives(bool answered)
{
    unsigned n = 0;

    for (size_t i = 0; i < seen.starts.len; i++) {
        const struct event_io *io = (const void *)(seen.records.all.data + seen.starts.data[i]);

        n += io->event.kind == EVENT_RECV && io->event.time_ns < result.start_ns &&
             !(io->flags & IO_ANSWERED) == !answered;
    }
    return n;
}

/* Of what happened before the window there is one thing left: who asked last on a connection, and
 * whether that was answered. */
static void test_unanswered(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 2000; n++) {
        put(sock(ATTACH + 1, SOCK(n), AF_INET, n % 100 == 3 ? ROLE_CONNECTED : ROLE_ACCEPTED, 80));
        turn(EVENT_RECV, ATTACH + S + n, SOCK(n));
    }
    for (uint64_t n = 1; n <= 2000; n++)
        if (n % 100 > 4) /* the rest hangs, or is an answer that the target got */
            turn(EVENT_SEND, ATTACH + 2 * S + n, SOCK(n));
    for (uint64_t n = 1; n <= 2000; n += 100)
        put(conn(ATTACH + 3 * S, SOCK(n), 7)); /* gave up */
    put(sock(ATTACH + 1, SOCK(3000), AF_INET, ROLE_ACCEPTED, 80));
    put(sock(ATTACH + 1, SOCK(3001), AF_INET, ROLE_ACCEPTED, 80));
    put(conn(ATTACH + 4 * S + 1, SOCK(3001), 7)); /* so did this */
    turn(EVENT_RECV, ATTACH + 4 * S, SOCK(3001));
    turn(EVENT_SEND, ATTACH + 4 * S + 1, SOCK(3000)); /* came by before what it answers */
    turn(EVENT_RECV, ATTACH + 4 * S, SOCK(3000));
    pass(5, 100);
    turn(EVENT_SEND, ATTACH + 99 * S, SOCK(2)); /* answered within the window */
    write_out(ATTACH + 100 * S, NULL);
    /* of each hundred those with the remainders 0, 2, 4 */
    assert_int_equal(receives(false), 60);
    assert_int_equal(receives(true), 1900 + 1);
    assert_int_equal(count(EVENT_SEND, 0), 1);
    for (uint64_t n = 1; n <= 2000; n++)
        turn(EVENT_SEND, ATTACH + 101 * S, SOCK(n));
    pass(102, 140);
    turn(EVENT_RECV, ATTACH + 140 * S, SOCK(2)); /* the next one */
    pass(140, 180);
    write_out(ATTACH + 180 * S, NULL);
    assert_int_equal(receives(false), 1);
    assert_int_equal(receives(true), 1900 + 1 + 59);
    for (uint64_t n = 1; n <= 2000; n++)
        put(conn(ATTACH + 181 * S, SOCK(n), 7));
    pass(182, 220);
    write_out(ATTACH + 220 * S, NULL);
    assert_int_equal(receives(true), 1);
}

/* A look at the end belongs to one file alone. */
static void test_finals(void **state)
{
    (void)state;
    put(thread(7, ATTACH + 1, 7, THREAD_AT_ATTACH));
    pass(1, 5);
    put(thread(7, ATTACH + 5 * S, 7, THREAD_AT_END));
    write_out(ATTACH + 5 * S, NULL);
    assert_int_equal(count(EVENT_THREAD, 7), 2);
    pass(5, 6);
    put(thread(7, ATTACH + 6 * S, 7, THREAD_AT_END));
    write_out(ATTACH + 6 * S, NULL);
    assert_int_equal(count(EVENT_THREAD, 7), 2);
}

static void test_losses_and_probes(void **state)
{
    static const char *const probes[] = {"sched_switch", "sched_waking"};
    const struct capture_loss old = {ATTACH + S, ATTACH + 2 * S, 5, EVENT_WAIT, 0};
    const struct capture_loss late = {ATTACH + 69 * S, ATTACH + 71 * S, 7, EVENT_RECV, 0};

    (void)state;
    assert_int_equal(flight_probes(flight, probes, 2), 0);
    assert_int_equal(flight_loss(flight, &old, 1), 0);
    pass(1, 71);
    assert_int_equal(flight_loss(flight, &late, 1), 0);
    pass(71, 100);
    write_out(ATTACH + 100 * S, NULL);
    assert_int_equal(seen.losses.len, 1);
    assert_int_equal(seen.losses.data[0].count, 7);
    assert_int_equal(info.summary.lost, 7);
    assert_int_equal(result.lost, 7);
    assert_string_equal((const char *)seen.probes.all.data, "sched_switch");
}

/* The memory ends before the window does: the file says from when on it is whole, and is. */
static void test_full(void **state)
{
    uint64_t at = ATTACH;

    (void)state;
    put(thread(7, ATTACH + 1, 7, THREAD_AT_ATTACH));
    for (unsigned i = 0; i < 1000000; i++, at += 10000) {
        put(wait(7, at, at - 1));
        assert_true(flight_bytes(flight) < ((uint64_t)9 << 20));
    }
    write_out(at, NULL);
    assert_true(result.full && info.flight.full);
    assert_true(result.start_ns > ATTACH && at - result.start_ns < LAST);
    /* 8 MB hold some 130,000 of them, one every 10 us */
    assert_in_range(count(EVENT_WAIT, 0), 110000, 150000);
    assert_int_equal((at - 10000 - result.start_ns) / 10000 + 1, count(EVENT_WAIT, 0));
    only(EVENT_THREAD, 7);
}

/* 10,000 connections a second for three minutes: what closed leaves nothing. */
static void test_short_connections(void **state)
{
    uint64_t early = 0;

    (void)state;
    for (uint64_t n = 0; n < 1800000; n++) {
        uint64_t at = ATTACH + n * 100000;

        put(sock(at, SOCK(n + 1), AF_INET, ROLE_ACCEPTED, 80));
        put(forked((uint32_t)(n % 30000 + 10), at, 7));
        put(exited((uint32_t)(n % 30000 + 10), at + 1000, 7));
        put(conn(at + 1000, SOCK(n + 1), 7));
        if (n % 500 == 0)
            assert_int_equal(flight_expire(flight, at), 0);
        if (n == 900000)
            early = flight_bytes(flight);
    }
    assert_in_range(flight_bytes(flight), early / 2, early + early / 10);
    write_out(ATTACH + 180 * S, NULL);
    assert_int_equal(count(EVENT_SOCKET, 0), count(EVENT_CONN, 0));
    assert_int_equal(result.forgotten, 0);
}

/* Is there a word on the object in the file? */
static bool told(unsigned kind, uint64_t obj)
{
    for (size_t i = 0; i < seen.starts.len; i++) {
        const struct event *ev = (const void *)(seen.records.all.data + seen.starts.data[i]);
        /* `obj` stands behind struct event in all that describe. */
        if (ev->kind == kind && ((const struct event_socket *)(const void *)ev)->obj == obj)
            return true;
    }
    return false;
}

/* Unix sockets tell of no end: who was used longest ago goes; a listener stays. That things are
 * given up that nothing names any more is no loss. */
static void test_unix_sockets(void **state)
{
    (void)state;
    put(sock(ATTACH + 1, SOCK(1), AF_UNIX, ROLE_LISTENER, 0));
    put(sock(ATTACH + 1, SOCK(2), AF_UNIX, ROLE_ACCEPTED, 0));
    for (uint64_t n = 10; n < 400000; n++) {
        uint64_t at = ATTACH + n * MS;

        put(sock(at, SOCK(n), AF_UNIX, ROLE_ACCEPTED, 0));
        put(moved(EVENT_RECV, at, SOCK(2), 0, 0, "", 0)); /* one that is always in use */
        if (n % 50 == 0)
            assert_int_equal(flight_expire(flight, at), 0);
        assert_true(flight_bytes(flight) < ((uint64_t)10 << 20));
    }
    write_out(ATTACH + 400 * S, NULL);
    assert_int_equal(result.forgotten, 0);
    assert_int_equal(info.flight.forgotten, 0);
    assert_true(told(EVENT_SOCKET, SOCK(1)) && told(EVENT_SOCKET, SOCK(2)));
}

/* 400 unix connections a second, none of which will be used again. */
static void crowd(uint64_t from_s, uint64_t until_s)
{
    for (uint64_t n = from_s * 400; n < until_s * 400; n++) {
        uint64_t at = ATTACH + n * S / 400;

        put(sock(at, SOCK(n + 1000), AF_UNIX, ROLE_ACCEPTED, 0));
        if (n % 50 == 0)
            assert_int_equal(flight_expire(flight, at), 0);
        assert_true(flight_bytes(flight) < ((uint64_t)11 << 20));
    }
}

/* What is there goes last, however long nothing was heard of it: a TCP connection tells of its end,
 * and a unix socket on which a thread stands is no longer used than it waits. */
static void test_live_stay(void **state)
{
    struct event_thread waits;
    uint64_t gone[64];

    (void)state;
    for (uint64_t n = 1; n <= 50; n++)
        put(sock(ATTACH + n, SOCK(n), AF_INET, n % 2 ? ROLE_ACCEPTED : ROLE_CONNECTED, 80));
    put(sock(ATTACH + 51, SOCK(51), AF_UNIX, ROLE_ACCEPTED, 0));
    turn(EVENT_RECV, ATTACH + S, SOCK(7)); /* not answered */
    put(conn(ATTACH + 2 * S, SOCK(8), 7)); /* closed */
    for (uint64_t s = 0; s < 300; s += 2) {
        crowd(s, s + 2);
        if (!flight_wants_look(flight))
            continue;
        flight_look(flight);
        memcpy(&waits, thread(7, ATTACH + s * S, 7, THREAD_BETWEEN), sizeof(waits));
        waits.wait.obj = SOCK(51);
        waits.wait.off_ns = ATTACH + 60;
        put(&waits.event);
    }
    assert_true(flight_given_up(flight, gone, 64) == 64 && gone[0] >= SOCK(1000));
    write_out(ATTACH + 300 * S, NULL);
    for (uint64_t n = 1; n <= 51; n++)
        assert_int_equal(told(EVENT_SOCKET, SOCK(n)), n != 8);
    assert_int_equal(receives(false), 1);
    assert_int_equal(count(EVENT_THREAD, 0), 0);
}

/* More that is there than there is memory: who was used in the window stays, and a name that is
 * missing is counted when the window names what it was of, and only then. */
static void test_forgotten(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 40000; n++) {
        uint64_t at = ATTACH + n * 5 * MS;

        put(sock(at, SOCK(n), AF_INET, ROLE_ACCEPTED, 80));
        if (n > 1)
            put(moved(EVENT_RECV, at, SOCK(2), 0, 0, "", 0));
        if (n % 50 == 0)
            assert_int_equal(flight_expire(flight, at), 0);
    }
    write_out(ATTACH + 200 * S, NULL);
    assert_int_equal(result.forgotten, 0);
    assert_true(told(EVENT_SOCKET, SOCK(2)) && !told(EVENT_SOCKET, SOCK(3)));
    put(moved(EVENT_RECV, ATTACH + 201 * S, SOCK(3), 0, 0, "", 0));
    put(moved(EVENT_SEND, ATTACH + 201 * S, SOCK(3), 0, 0, "", 0));
    put(moved(EVENT_RECV, ATTACH + 201 * S, SOCK(4), 0, 0, "", 0));
    put(sock(ATTACH + 202 * S, SOCK(4), AF_INET, ROLE_ACCEPTED, 80)); /* it was met again */
    write_out(ATTACH + 203 * S, NULL);
    assert_int_equal(result.forgotten, 1);
    assert_int_equal(info.flight.forgotten, 1);
    pass(203, 250);
    write_out(ATTACH + 250 * S, NULL);
    assert_int_equal(result.forgotten, 0);
}

static void lose(unsigned kind, uint64_t from_s, uint64_t until_s)
{
    const struct capture_loss loss = {ATTACH + from_s * S, ATTACH + until_s * S, 9, kind, 0};

    assert_int_equal(flight_loss(flight, &loss, 1), 0);
}

static void look(uint64_t at_s)
{
    looked = ATTACH + at_s * S;
    put(thread(7, looked, 7, THREAD_AT_END));
    put(thread(9, looked, 7, THREAD_AT_END));
}

/* What ended while records were lost is in no window that ends with a look at all threads. */
static void test_threads_after_loss(void **state)
{
    (void)state;
    put(thread(7, ATTACH + 1, 7, THREAD_AT_ATTACH));
    for (uint32_t tid = 8; tid <= 11; tid++)
        put(forked(tid, ATTACH + tid, 7));
    put(named(8, ATTACH + 20, "gone"));
    put(forked(30, ATTACH + 30, 30));
    put(runtime(30, ATTACH + 31, RUNTIME_NODE));
    lose(EVENT_EXIT, 10, 15);
    pass(20, 95);
    put(exited(10, ATTACH + 95 * S, 7)); /* in the window */
    put(forked(11, ATTACH + 96 * S, 7)); /* another of that number */
    put(exited(11, ATTACH + 97 * S, 7));
    pass(97, 100);
    look(100);
    lose(EVENT_THREAD, 100, 101); /* the look itself is not whole */
    write_out(ATTACH + 100 * S, NULL);
    only(EVENT_FORK, 8);
    look(102);
    write_out(ATTACH + 102 * S, NULL);
    assert_int_equal(count(EVENT_FORK, 8) + count(EVENT_COMM, 8), 0);
    assert_int_equal(count(EVENT_FORK, 30) + count(EVENT_RUNTIME, 30), 0);
    assert_int_equal(count(EVENT_THREAD, 7), 2);
    only(EVENT_FORK, 9);
    only(EVENT_FORK, 10);
    assert_int_equal(only(EVENT_FORK, 11)->time_ns, ATTACH + 96 * S);
    /* That was settled: what comes later needs no look. */
    put(forked(12, ATTACH + 103 * S, 7));
    pass(103, 150);
    look(150);
    write_out(ATTACH + 150 * S, NULL);
    only(EVENT_FORK, 12);
}

/* Nor are connections that nothing names, which are described again should they still be there. */
static void test_sockets_after_loss(void **state)
{
    uint64_t gone[8];

    (void)state;
    put(sock(ATTACH + 1, SOCK(1), AF_INET, ROLE_ACCEPTED, 80));
    put(sock(ATTACH + 1, SOCK(2), AF_INET, ROLE_ACCEPTED, 80));
    put(sock(ATTACH + 1, SOCK(3), AF_INET, ROLE_LISTENER, 80));
    put(sock(ATTACH + 1, SOCK(5), AF_UNIX, ROLE_ACCEPTED, 0));
    put(sock(ATTACH + 1, SOCK(6), AF_INET, ROLE_ACCEPTED, 80));
    turn(EVENT_RECV, ATTACH + 2 * S, SOCK(1));
    turn(EVENT_RECV, ATTACH + 2 * S, SOCK(2));
    turn(EVENT_RECV, ATTACH + 2 * S, SOCK(9)); /* what it is was lost */
    lose(EVENT_CONN, 10, 15);
    put(sock(ATTACH + 16 * S, SOCK(4), AF_INET, ROLE_ACCEPTED, 80));
    turn(EVENT_RECV, ATTACH + 17 * S, SOCK(4));
    pass(20, 99);
    turn(EVENT_SEND, ATTACH + 99 * S, SOCK(2));
    put(conn(ATTACH + 99 * S, SOCK(6), 7));
    write_out(ATTACH + 100 * S, NULL);
    for (uint64_t n = 1; n <= 6; n++)
        assert_int_equal(told(EVENT_SOCKET, SOCK(n)), n != 1);
    assert_int_equal(receives(true), 1);  /* of the second nobody knows */
    assert_int_equal(receives(false), 1); /* of the fourth it is */
    assert_int_equal(flight_given_up(flight, gone, 8), 1);
    assert_true(gone[0] == SOCK(1));
    assert_int_equal(result.forgotten, 0);
}

/* A description of a socket that knows less than the one before takes nothing away. */
static void test_role_stays(void **state)
{
    (void)state;
    put(sock(ATTACH + 1, SOCK(1), AF_INET, ROLE_ACCEPTED, 80));
    put(sock(ATTACH + 2, SOCK(1), AF_INET, ROLE_UNKNOWN, 80));
    pass(1, 100);
    write_out(ATTACH + 100 * S, NULL);
    assert_int_equal(((const struct event_socket *)only(EVENT_SOCKET, 7))->role, ROLE_ACCEPTED);
}

static int comes_meanwhile(void *ctx)
{
    (void)ctx;
    put(wait(99, ATTACH + 101 * S, ATTACH + 100 * S));
    return flight_expire(flight, ATTACH + 500 * S); /* nothing goes while it is written */
}

/* What comes while a file is written is for the next one. */
static void test_meanwhile(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200000; i++)
        put(wait(7, ATTACH + 90 * S + i, ATTACH));
    write_out(ATTACH + 100 * S, comes_meanwhile);
    assert_int_equal(count(EVENT_WAIT, 7), 200000);
    assert_int_equal(count(EVENT_WAIT, 99), 0);
    write_out(ATTACH + 102 * S, NULL);
    assert_true(count(EVENT_WAIT, 99) > 0);
    assert_int_equal(count(EVENT_WAIT, 7), 200000);
}

/* A file that cannot be made costs nothing of what is kept. */
static void test_failed_write(void **state)
{
    struct err e = {0};
    struct flight_file file = {.path = "/nowhere/at/all.wsc", .end_ns = ATTACH + 100 * S};
    bool begun = true;

    (void)state;
    pass(1, 100);
    assert_true(flight_write(flight, &file, &result, &begun, &e) < 0);
    assert_false(begun);
    assert_non_null(strstr(e.text, "/nowhere/at/all.wsc"));
    write_out(ATTACH + 100 * S, NULL);
    assert_int_equal(count(EVENT_WAIT, 0), 300);
}

static void test_unsound(void **state)
{
    struct event ev = {.kind = EVENT_WAIT, .size = 24, .time_ns = ATTACH};

    (void)state;
    assert_int_equal(flight_append(flight, &ev), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_SMALL(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_window),
        TEST(test_younger_than_its_window),
        TEST(test_disorder),
        TEST(test_threads),
        TEST(test_numbers_again),
        TEST(test_unanswered),
        TEST(test_finals),
        TEST(test_losses_and_probes),
        TEST(test_meanwhile),
        TEST(test_failed_write),
        TEST(test_unsound),
        TEST(test_short_connections),
        TEST_SMALL(test_full),
        TEST_SMALL(test_unix_sockets),
        TEST(test_role_stays),
        TEST_SMALL(test_live_stay),
        TEST_SMALL(test_forgotten),
        TEST(test_threads_after_loss),
        TEST(test_sockets_after_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
