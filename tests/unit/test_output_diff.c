/* Two captures compared: what belongs together, what is clear, what is chance. */
#include "output_scene.h"

#include "output/diff.h"
#include "output/output.h"

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

/* A timeline without requests, whose process has that name. */
static void start(struct timeline *tl, const char *comm)
{
    timeline_init(tl);
    tl->complete = true;
    tl->duration_ns = 1000000 * (uint64_t)US;
    uint32_t process = scene_process(tl, 1, comm);
    scene_object(tl, OBJ_ACCEPTED, "c", "l", "r");
    scene_thread(tl, process, 1, comm, THREAD_ROLE_WORKER);
}

/* `count` requests, queued for `queued_us` and then blocked for `blocked_us`, which goes up and
 * down by up to `spread_us`, evenly. */
static void serve(struct timeline *tl, const char *name, size_t count, uint64_t queued_us,
                  uint64_t blocked_us, uint64_t spread_us)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t begin = tl->requests.len * 10;
        uint64_t off = spread_us ? i * 7919 % (2 * spread_us + 1) : 0;
        struct request *r =
            scene_request(tl, (uint32_t)tl->processes.len - 1, 1, name, name, begin);
        scene_segment(tl, r, begin + queued_us, LEDGER_QUEUED, 0, 0);
        scene_segment(tl, r, begin + queued_us + blocked_us - spread_us + off, LEDGER_BLOCKED, 1,
                      0);
    }
}

static void compare(const struct timeline *a, const struct timeline *b, struct buf *out)
{
    struct diff diff;
    buf_clear(out);
    assert_int_equal(diff_init(&diff, a, "a.wsc", b, "\033[31mb.wsc", GROUPS_BY_GROUP), 0);
    assert_int_equal(output_diff_text(&diff, &(struct text_options){0}, out), 0);
    diff_release(&diff);
    assert_null(strchr(buf_str(out), '\033'));
}

static void has(const struct buf *out, const char *words)
{
    if (strstr(buf_str(out), words))
        return;
    print_message("not said: %s\n", words); /* apart: cmocka cuts long messages */
    fail_msg("in:\n%s",
             strstr(buf_str(out), "Requests") ? strstr(buf_str(out), "Requests") : buf_str(out));
}

static void has_not(const struct buf *out, const char *words)
{
    if (strstr(buf_str(out), words))
        fail_msg("said: %s\nin:\n%s", words, buf_str(out));
}

static void test_what_moved(void **state)
{
    (void)state;
    struct timeline a, b;
    struct buf out = BUF_INIT;
    start(&a, "shop");
    serve(&a, "GET /slow", 100, 4000, 1000, 100);
    serve(&a, "GET /same", 400, 100, 1000, 100);
    serve(&a, "GET /old", 3, 0, 10, 0);
    start(&b, "shop");
    serve(&b, "GET /same", 400, 100, 1003, 100);
    serve(&b, "GET /slow", 120, 500, 1500, 100);
    serve(&b, "GET /new", 1, 0, 10, 0);
    compare(&a, &b, &out);
    has(&out, "A  a.wsc: 1.00 s, 503 requests answered\n"
              "B  \\x1b[31mb.wsc: 1.00 s, 521 requests answered\n");
    has(&out, "                     A        B    change\n"
              "  GET /slow        100      120  requests\n"
              "    median     5.00 ms  2.00 ms  -3.00 ms\n"
              "    p99        5.10 ms  2.10 ms         ~\n"
              "    mean       5.00 ms  2.00 ms  -3.00 ms\n"
              "      queued   4.00 ms   500 us  -3.50 ms\n"
              "      blocked   999 us  1.50 ms   +503 us\n"
              "  GET /same        400      400  requests\n");
    has(&out, "Only in A: GET /old (3 requests)\n");
    has(&out, "Only in B: GET /new (1 request)\n");
    has_not(&out, "Nothing moved");
    buf_release(&out);
    timeline_release(&a);
    timeline_release(&b);
}

static void clear_is(const struct timeline *a, const struct timeline *b, bool mean, bool p50,
                     bool p99)
{
    struct diff d;
    assert_int_equal(diff_init(&d, a, "a", b, "b", GROUPS_BY_GROUP), 0);
    assert_int_equal(d.common, 1);
    assert_int_equal(diff_mean_is_clear(&d.pairs.data[0], DIFF_LATENCY), mean);
    assert_int_equal(diff_p50_is_clear(&d.pairs.data[0]), p50);
    assert_int_equal(diff_p99_is_clear(&d.pairs.data[0]), p99);
    diff_release(&d);
}

/* Requests of 1 ms, more or less, against others of `blocked_us`. */
static void try_against(size_t count, uint64_t spread_us, uint64_t blocked_us, bool mean, bool p50,
                        bool p99)
{
    struct timeline a, b;
    start(&a, "shop");
    serve(&a, "GET /", count, 0, 1000, spread_us);
    start(&b, "shop");
    serve(&b, "GET /", count, 0, blocked_us, spread_us);
    clear_is(&a, &b, mean, p50, p99);
    clear_is(&b, &a, mean, p50, p99);
    timeline_release(&a);
    timeline_release(&b);
}

static void test_chance(void **state)
{
    (void)state;
    try_against(5, 10, 5000, false, false, false); /* too few for anything */
    try_against(9, 0, 5000, false, false, false);  /* even without any spread */
    try_against(10, 10, 1500, true, false, false); /* a median's rank needs a few more */
    try_against(20, 10, 1500, true, true, false);
    try_against(2000, 10, 1500, true, true, true);
    try_against(2000, 0, 1010, false, false, false); /* 1 %: certain, and nothing to shout */
    try_against(2000, 0, 1030, true, true, true);
    try_against(40, 900, 1200, false, false, false); /* lost in the spread … */
    try_against(4000, 900, 1200, true, true, true);  /* … unless there are many */
}

/* The spread that the rule takes for chance does hardly ever pass for a difference. */
static void test_chance_is_chance(void **state)
{
    (void)state;
    unsigned wrong = 0;
    uint64_t seed = 1;
    for (unsigned round = 0; round < 400; round++) {
        struct timeline tl[2];
        struct diff d;
        for (unsigned side = 0; side < 2; side++) {
            start(&tl[side], "shop");
            for (unsigned i = 0; i < 60; i++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                serve(&tl[side], "GET /", 1, 0, 100 + (seed >> 33) % 1000, 0);
            }
        }
        assert_int_equal(diff_init(&d, &tl[0], "a", &tl[1], "b", GROUPS_BY_GROUP), 0);
        wrong += diff_mean_is_clear(&d.pairs.data[0], DIFF_LATENCY);
        wrong += diff_p50_is_clear(&d.pairs.data[0]);
        diff_release(&d);
        timeline_release(&tl[0]);
        timeline_release(&tl[1]);
    }
    assert_in_range(wrong, 0, 6); /* of 800; three standard errors: 0.3 % */
}

static void test_other_process(void **state)
{
    (void)state;
    struct timeline a, b;
    struct buf out = BUF_INIT;
    start(&a, "pool");
    serve(&a, "GET /", 20, 0, 100, 0);
    start(&b, "eventloop");
    serve(&b, "GET /", 20, 0, 100, 0);
    compare(&a, &b, &out);
    has(&out, "  GET / (pool → eventloop)      20      20  requests\n");
    has(&out, "  Nothing moved clearly.\n");

    /* With two to choose from nothing is guessed. */
    scene_process(&b, 2, "other");
    serve(&b, "GET /", 20, 0, 100, 0);
    compare(&a, &b, &out);
    has(&out, "Only in A: GET / (20 requests)\n");
    has(&out, "Only in B: GET / (20 requests), GET / (20 requests)\n");
    has(&out, "No kind of request is in both");

    /* The one of the same name belongs to it, and the rest is left alone. */
    scene_process(&b, 3, "pool");
    serve(&b, "GET /", 30, 0, 100, 0);
    compare(&a, &b, &out);
    has(&out, "  GET /            20      30  requests\n");
    has(&out, "Only in B: GET / (20 requests), GET / (20 requests)\n");
    buf_release(&out);
    timeline_release(&a);
    timeline_release(&b);
}

static void test_servers(void **state)
{
    (void)state;
    struct timeline a, b;
    struct buf out = BUF_INIT;
    scene_init(&a);
    start(&b, "shop");
    for (unsigned i = 0; i < 2; i++) { /* prefork: two processes are one server */
        if (i)
            scene_process(&b, 2, "shop");
        serve(&b, "GET /file/:n", 20 + i, 0, 100, 0);
        b.processes.data[i].verdict = (struct verdict){.model = MODEL_BLOCKING,
                                                       .thread_waits = true,
                                                       .serving_threads = 4,
                                                       .requests = 20,
                                                       .efficiency = 0.5,
                                                       .held_ns = 1e6,
                                                       .capacity = 4000,
                                                       .offered = 3000,
                                                       .queued_requests = 7,
                                                       .saturated = true,
                                                       .saturated_ns = 20000000 - i};
    }
    compare(&a, &b, &out);
    has(&out, "LOST: 5 records, so that times are too small or unknown.\n");
    has(&out, "A  a.wsc: 10.0 ms, 2 requests answered, 1 not begun or not answered");
    has(&out, "  process             gateway         shop, 2 processes\n"
              "  model               non-blocking    blocking\n"
              "  a thread waits      yes: /srv/menu  yes\n"
              "  threads that serve  1               8\n"
              "  efficiency          3.2 %           50 %\n"
              "  capacity/s          161             8,000\n"
              "  offered/s           200             6,000\n"
              "  threads ran out     no              20.0 ms into it\n"
              "  loop holds          1, for 6.00 ms  0\n"
              "  held up by them     once, 5.10 ms   0\n");
    buf_release(&out);
    timeline_release(&a);
    timeline_release(&b);
}

static void test_nothing(void **state)
{
    (void)state;
    struct timeline a, b;
    struct buf out = BUF_INIT;
    timeline_init(&a);
    timeline_init(&b);
    compare(&a, &b, &out);
    has(&out, "No request was seen in either: there is nothing to compare.\n");
    has(&out, "INCOMPLETE: the recording did not end in order");
    buf_release(&out);
    timeline_release(&a);
    timeline_release(&b);
}

/* What hostile sums may wrap to is still a number that a reader takes. */
static void test_whole_ns(void **state)
{
    (void)state;
    assert_int_equal(diff_whole_ns(-1), 0);
    assert_int_equal(diff_whole_ns(1.5), 2);
    assert_int_equal(diff_whole_ns(1.8446744073709552e19), 1000000000000000000);
}

static void write_json(const struct timeline *a, const struct timeline *b, char *path)
{
    struct diff diff;
    struct buf out = BUF_INIT;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(diff_init(&diff, a, "a.wsc", b, "\033[31mb.wsc", GROUPS_BY_NAME), 0);
    assert_int_equal(output_diff_json(&diff, &out), 0);
    assert_int_equal(write(fd, buf_str(&out), out.len), (ssize_t)out.len);
    assert_int_equal(close(fd), 0);
    diff_release(&diff);
    buf_release(&out);
}

static void test_schema(void **state)
{
    (void)state;
    struct timeline a, b;
    char one[] = "/tmp/waitscope-diff-XXXXXX", two[] = "/tmp/waitscope-diff-XXXXXX";
    scene_init(&a);
    start(&b, "shop");
    serve(&b, "GET /file/7", 3, 10, 100, 5);
    serve(&b, "GET /new", 1, 10, 100, 0);
    write_json(&a, &b, one);
    write_json(&b, &b, two);
    const char *argv[] = {"/usr/bin/python3", "tests/unit/schema.py", "diff", one, two, NULL};
    pid_t pid;
    int status;
    assert_int_equal(posix_spawn(&pid, argv[0], NULL, NULL, (char **)(uintptr_t)argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    unlink(one);
    unlink(two);
    timeline_release(&a);
    timeline_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_moved),       cmocka_unit_test(test_chance),
        cmocka_unit_test(test_chance_is_chance), cmocka_unit_test(test_other_process),
        cmocka_unit_test(test_servers),          cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_whole_ns),         cmocka_unit_test(test_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
