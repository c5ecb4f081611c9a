/* A budget: who breaks it, by how much, and what cannot be said to keep it. */
#include "output_scene.h"

#include "output/budget.h"
#include "output/output.h"
#include "output/presence.h"

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

static void limit(struct budget *b, unsigned rule, const char *text)
{
    assert_int_equal(budget_parse_limit(&b->limits[rule], rule, text), 0);
}

/* The scene of output_scene.h, whole: nothing lost, the recording ended in order. */
static void whole_scene(struct timeline *tl)
{
    scene_init(tl);
    tl->lost = 0;
    tl->losses.len = 0;
}

static void judge(const struct budget *b, const struct timeline *tl, bool passes, struct buf *out)
{
    struct judgement j;
    const struct text_options options = {0};
    assert_int_equal(budget_judge(b, tl, &j), 0);
    assert_int_equal(judgement_passes(b, &j), passes);
    buf_clear(out);
    assert_int_equal(output_check_text(tl, b, &j, &options, out), 0);
    judgement_release(&j);
}

static void has(const struct buf *out, const char *words)
{
    if (!strstr(buf_str(out), words))
        fail_msg("not said: %s\nbut:\n%s", words, buf_str(out));
}

static void has_not(const struct buf *out, const char *words)
{
    if (strstr(buf_str(out), words))
        fail_msg("said: %s\nin:\n%s", words, buf_str(out));
}

static void test_offences(void **state)
{
    (void)state;
    struct timeline tl;
    struct budget b = {.no_loop_hold = true, .min_requests = 1};
    struct buf out = BUF_INIT;
    whole_scene(&tl);
    limit(&b, LEDGER_BLOCKED, "3ms");
    limit(&b, LEDGER_QUEUED, "1%");
    limit(&b, BUDGET_LATENCY, "6150us");
    judge(&b, &tl, false, &out);
    assert_string_equal(
        buf_str(&out),
        "error: 1 loop hold: an event loop stood still or computed in one place for more than "
        "5ms\n"
        "   6.00 ms  blocked in read on /srv/menu (deleted), thread 200, at 0.002 s\n"
        "            in request #2 GET /a → 200\n"
        "            made wait: #3 GET /b (5.10 ms)\n"
        "error: 1 request queued for more than 1% of its time\n"
        "    100 us  #1 GET /file/7 → 200, at 0.001 s, 2.3 % of 4.40 ms\n"
        "error: 2 requests blocked for more than 3ms\n"
        "   6.00 ms  #2 GET /a → 200, at 0.002 s\n"
        "            blocked in read on /srv/menu (deleted), thread 200, at 0.002 s\n"
        "   4.00 ms  #1 GET /file/7 → 200, at 0.001 s\n"
        "            blocked in pread64 on /srv/7.jpg, thread 101, at 0.001 s\n"
        "error: 1 request took more than 6150us\n"
        "   6.20 ms  #2 GET /a → 200, at 0.002 s\n"
        "            blocked 97%  running 3%\n"
        "            blocked in read on /srv/menu (deleted), thread 200, at 0.002 s\n"
        "check failed: 2 of 3 requests over the budget, 1 loop hold\n");
    buf_release(&out);
    timeline_release(&tl);
}

static void test_kept(void **state)
{
    (void)state;
    struct timeline tl;
    struct budget b = {.min_requests = 2};
    struct buf out = BUF_INIT;
    whole_scene(&tl);
    limit(&b, LEDGER_BLOCKED, "6ms"); /* to the nanosecond */
    limit(&b, LEDGER_LOCK, "0");
    limit(&b, LEDGER_QUEUED, "50%");
    judge(&b, &tl, true, &out);
    assert_string_equal(buf_str(&out),
                        "check passed: 3 requests, 1 of them not begun or not answered in the "
                        "recording; queued at most 100 us (limit 50% of its time); blocked at "
                        "most 6.00 ms (limit 6ms); lock never (limit 0); none lost\n");
    /* What is seen of a request without an answer is a lower bound: it offends all the same. */
    limit(&b, LEDGER_LOOP_BUSY, "5ms");
    judge(&b, &tl, false, &out);
    has(&out, "#3 GET /b, at 0.003 s, not answered in the recording, records were");
    buf_release(&out);
    timeline_release(&tl);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const a[] = {"GET /a"}, *const group[] = {"GET /file/:n"},
                             *const glob[] = {"GET /f*", "GET /[b]"}, *const none[] = {"POST *"};
    struct timeline tl;
    struct budget b = {.no_loop_hold = true, .min_requests = 1, .name_count = 1};
    struct buf out = BUF_INIT;
    whole_scene(&tl);
    limit(&b, LEDGER_BLOCKED, "0");
    b.names = a;
    judge(&b, &tl, false, &out);
    has(&out, "1 loop hold");
    has(&out, "1 of 1 request over the budget");
    b.names = group;
    judge(&b, &tl, false, &out);
    has(&out, "#1 GET /file/7");
    has_not(&out, "error: 1 loop hold");
    has(&out, "note: 1 loop hold of other requests or while none was in flight, not counted\n");
    b.names = glob;
    b.name_count = 2;
    judge(&b, &tl, false, &out);
    has(&out, "1 of 2 requests over the budget, 1 loop hold"); /* that made GET /b wait */
    b.names = none;
    b.name_count = 1;
    judge(&b, &tl, false, &out);
    has(&out, "error: no request of that name was seen, so nothing was checked\n");
    buf_release(&out);
    timeline_release(&tl);
}

/* Nothing passes that was not seen. */
static void test_too_little_seen(void **state)
{
    (void)state;
    struct timeline tl;
    struct budget b = {.min_requests = 1};
    struct buf out = BUF_INIT;
    timeline_init(&tl);
    tl.complete = true;
    limit(&b, LEDGER_BLOCKED, "1s");
    judge(&b, &tl, false, &out);
    has(&out, "error: no request was seen, so nothing was checked\n");
    b.min_requests = 0;
    judge(&b, &tl, true, &out);
    timeline_release(&tl);

    scene_init(&tl); /* with 5 lost records */
    judge(&b, &tl, false, &out);
    has(&out, "error: 5 records lost while recording, 0 allowed; of 1 request only a part");
    b.max_lost = 5;
    judge(&b, &tl, true, &out);
    has(&out, "note: 5 records lost while recording, 5 allowed");
    b.min_requests = 3;
    judge(&b, &tl, false, &out);
    has(&out, "error: 2 requests were answered, and at least 3 should have been\n");
    b.min_requests = 1;
    tl.complete = false;
    tl.damage = timeline_intern(&tl, "cut after 12 blocks");
    judge(&b, &tl, true, &out);
    has(&out, "error: the capture is damaged: cut after 12 blocks\n");
    has(&out, "check not passed: what could be read holds the budget: 3 requests");
    buf_release(&out);
    timeline_release(&tl);
}

/* Makes blocked time of a request unknown. */
static void forget(struct timeline *tl, size_t request)
{
    scene_forget(tl, &tl->requests.data[request], LEDGER_BLOCKED);
}

/* Unattributed, and yet decided: no thread stood still for so long meanwhile. */
static void test_nobody_blocked(void **state)
{
    (void)state;
    struct timeline tl;
    struct budget b = {.min_requests = 1};
    struct buf out = BUF_INIT;
    whole_scene(&tl);
    forget(&tl, 1);
    limit(&b, LEDGER_LOCK, "1ms"); /* 6 ms unknown; but the loop's lock is that of nobody */
    judge(&b, &tl, true, &out);
    has_not(&out, "not known for");
    /* The loop's own wait for work is not what hides there … */
    struct interval *iv = &tl.threads.data[2].intervals.data[2];
    iv->state = STATE_LOCK;
    iv->flags = INTERVAL_IDLE;
    judge(&b, &tl, true, &out);
    has_not(&out, "not known for");
    /* … another one may be, and so may what is not known. */
    iv->flags = 0;
    judge(&b, &tl, false, &out);
    has(&out, "error: lock: not known for 1 of 3 requests");
    iv->state = STATE_UNKNOWN;
    judge(&b, &tl, false, &out);
    has(&out, "error: lock: not known for 1 of 3 requests");
    buf_release(&out);
    timeline_release(&tl);
}

static void test_presence(void **state)
{
    (void)state;
    struct timeline tl;
    struct presence p;
    timeline_init(&tl);
    scene_process(&tl, 1, "a");
    scene_process(&tl, 2, "b");
    for (uint32_t i = 0; i < 4; i++) {
        struct thread *t = scene_thread(&tl, i / 2, i + 1, "t", THREAD_ROLE_WORKER);
        scene_interval(&tl, t, 100, STATE_RUNNING, NULL, 0, 0);
        scene_interval(&tl, t, 200, STATE_LOCK, NULL, 0, 0);
        scene_interval(&tl, t, 200 + i * 50, STATE_SLEEP, NULL, 0, 0);
        scene_interval(&tl, t, 400, STATE_LOCK, NULL, 0, 0);
        scene_interval(&tl, t, 500, STATE_LOCK, NULL, 0, INTERVAL_IDLE);
    }
    assert_int_equal(presence_init(&p, &tl, STATE_LOCK), 0);
    assert_int_equal(presence_ns(&p, 0, 0, 500 * US), (100 + 200 + 100 + 150) * US);
    assert_int_equal(presence_ns(&p, 1, 0, 500 * US), (100 + 100 + 100 + 50) * US);
    assert_int_equal(presence_ns(&p, 0, 150 * US, 160 * US), 20 * US);
    assert_int_equal(presence_ns(&p, 0, 210 * US, 260 * US), (50 + 10) * US);
    assert_int_equal(presence_ns(&p, 0, 0, 100 * US), 0);
    assert_int_equal(presence_ns(&p, 1, 450 * US, 900 * US), 0);
    assert_int_equal(presence_ns(&p, 7, 0, 900 * US), 0);
    assert_int_equal(presence_ns(&p, 1, 300 * US, 200 * US), 0);
    presence_release(&p);
    timeline_release(&tl);
}

static void test_undecided(void **state)
{
    (void)state;
    struct timeline tl;
    struct budget b = {.min_requests = 1};
    struct buf out = BUF_INIT;
    whole_scene(&tl);
    limit(&b, LEDGER_BLOCKED, "5ms");
    forget(&tl, 1);
    judge(&b, &tl, false, &out);
    assert_string_equal(
        buf_str(&out),
        "error: blocked: not known for 1 of 3 requests: with their unattributed time they may be "
        "over 5ms\n"
        "            --max-unattributed says how much may stay unknown (100%: any amount)\n"
        "check failed: 0 of 3 requests over the budget; blocked not known for 1 of 3 requests\n");
    /* More is told where asyncio's steps were heard by the default probes. */
    scene_must(vec_push(&tl.probes, timeline_intern(&tl, "uprobe:PyIter_Send")));
    judge(&b, &tl, false, &out);
    has(&out, "over 5ms\n"
              "            record --precise tells more of event loops in Python\n"
              "            --max-unattributed says");
    scene_must(vec_push(&tl.probes, timeline_intern(&tl, "uprobe:Task step end")));
    judge(&b, &tl, false, &out);
    has_not(&out, "--precise");
    /* And of Kotlin's coroutines where they run, and no agent was there. */
    const uint32_t comm = tl.threads.data[0].comm;
    tl.threads.data[0].comm = timeline_intern(&tl, "DefaultDispatch");
    judge(&b, &tl, false, &out);
    has(&out, "            record --precise=agent tells more of coroutines in Kotlin\n");
    tl.threads.data[0].comm = timeline_intern(&tl, "Default..rker-1");
    judge(&b, &tl, false, &out);
    has(&out, "--precise=agent");
    scene_must(vec_push(&tl.probes, timeline_intern(&tl, "uprobe:waitscope_coroutine_made")));
    judge(&b, &tl, false, &out);
    has_not(&out, "--precise");
    tl.threads.data[0].comm = comm;
    limit(&b, LEDGER_UNATTRIBUTED, "100%");
    judge(&b, &tl, true, &out);
    has(&out, "note: blocked: not known for 1 of 3 requests, too much of which is unattributed; "
              "--max-unattributed bounds that\n");
    has(&out, "; blocked at most 4.00 ms where it is known, and not known for 1 of 3 requests "
              "(limit 5ms); unattributed");
    limit(&b, LEDGER_UNATTRIBUTED, "5%");
    judge(&b, &tl, false, &out);
    has(&out, "error: 1 request unattributed for more than 5% of its time\n");
    /* And where that holds for all of them, nothing was checked. */
    struct budget strict = {.min_requests = 1};
    limit(&strict, LEDGER_BLOCKED, "1ms");
    forget(&tl, 0);
    tl.requests.len = 2;
    judge(&strict, &tl, false, &out);
    has(&out, "error: blocked: not known for 2 of 2 requests");
    has(&out, "this limit checks nothing\n");
    limit(&strict, LEDGER_UNATTRIBUTED, "100%"); /* nor does accepting it help */
    judge(&strict, &tl, false, &out);
    buf_release(&out);
    timeline_release(&tl);
}

/* One request in a hundred may be undecided, and no more. */
static void test_undecided_share(void **state)
{
    (void)state;
    struct timeline tl;
    struct budget b = {.min_requests = 1};
    struct buf out = BUF_INIT;
    timeline_init(&tl);
    tl.complete = true;
    uint32_t process = scene_process(&tl, 1, "p");
    uint32_t conn = scene_object(&tl, OBJ_ACCEPTED, "c", "l", "r");
    struct thread *t = scene_thread(&tl, process, 1, "p", THREAD_ROLE_WORKER);
    scene_interval(&tl, t, 10000, STATE_BLOCKED, NULL, 0, 0);
    for (unsigned i = 0; i < 299; i++) {
        struct request *r = scene_request(&tl, process, conn, "GET /x", "GET /x", i);
        scene_segment(&tl, r, i + 10, LEDGER_BLOCKED, 1, 0);
    }
    limit(&b, LEDGER_BLOCKED, "5us");
    judge(&b, &tl, false, &out);
    has(&out, "error: 299 requests blocked for more than 5us\n");
    limit(&b, LEDGER_BLOCKED, "15us");
    for (size_t i = 0; i < 3; i++) {
        if (i < 2)
            judge(&b, &tl, true, &out);
        forget(&tl, i * 100);
        tl.requests.data[i * 100].end_ns += 10000;
    }
    judge(&b, &tl, false, &out);
    has(&out, "error: blocked: not known for 3 of 299 requests");
    buf_release(&out);
    timeline_release(&tl);
}

/* A loop that is held up while nobody asks anything of it is not the requests' matter. */
static void test_holds_in_flight(void **state)
{
    (void)state;
    struct timeline tl;
    struct budget b = {.no_loop_hold = true, .min_requests = 1};
    struct buf out = BUF_INIT;
    whole_scene(&tl);
    struct hold *h = &tl.holds.data[0];
    h->request_plus1 = h->victim_count = 0;
    judge(&b, &tl, false, &out); /* whose it is is not known, and requests were in flight */
    has(&out, "error: 1 loop hold");
    h->start_ns = 0;
    h->end_ns = 1900 * US; /* only the other process has a request by then */
    judge(&b, &tl, true, &out);
    has(&out, "note: 1 loop hold while no request was in flight, not counted\n");
    h->start_ns = 9100 * US;
    h->end_ns = 9900 * US;
    judge(&b, &tl, true, &out);
    b.loop_hold = "200us";
    h->start_ns = 9099 * US;
    judge(&b, &tl, false, &out);
    has(&out, "for more than 200us\n");
    buf_release(&out);
    timeline_release(&tl);
}

static void test_many_are_cut(void **state)
{
    (void)state;
    struct timeline tl;
    struct budget b = {.min_requests = 1};
    struct buf out = BUF_INIT;
    char first[64];
    timeline_init(&tl);
    tl.complete = true;
    uint32_t process = scene_process(&tl, 1, "p");
    uint32_t conn = scene_object(&tl, OBJ_ACCEPTED, "c", "l", "r");
    scene_thread(&tl, process, 1, "p", THREAD_ROLE_WORKER);
    for (unsigned i = 0; i < 1011; i++) {
        struct request *r = scene_request(&tl, process, conn, "GET /x", "GET /x", i);
        scene_segment(&tl, r, i + 10 + i % 7, LEDGER_LOCK, 1, 0);
    }
    limit(&b, LEDGER_LOCK, "10us");
    judge(&b, &tl, false, &out);
    has(&out, "error: 866 requests waited for a lock for more than 10us\n");
    has(&out, "\n  … and 861 more\n");
    snprintf(first, sizeof(first), "\n   16.0 us  #7 GET /x → 200, at 0.000 s\n");
    has(&out, first);
    buf_release(&out);
    timeline_release(&tl);
}

static void test_limits_parse(void **state)
{
    (void)state;
    struct budget_limit l = {0};
    assert_int_equal(budget_parse_limit(&l, LEDGER_BLOCKED, "1.5s"), 0);
    assert_int_equal(l.ns, 1500000000);
    assert_int_equal(budget_parse_limit(&l, LEDGER_BLOCKED, "2.5%"), 0);
    assert_true(l.is_share && l.share > 0.02499 && l.share < 0.02501);
    static const char *const bad[] = {"", "5", "-5ms", "101%", "5 %", "%", "ms", "5ms "};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(budget_parse_limit(&l, LEDGER_BLOCKED, bad[i]), -EINVAL);
    assert_int_equal(budget_parse_limit(&l, BUDGET_LATENCY, "5%"), -EINVAL);
    for (unsigned rule = 0; rule < BUDGET_RULES; rule++)
        assert_string_not_equal(budget_rule_name(rule), "?");
}

/* The JSON of two budgets against its schema, which must also refuse what it should. */
static void write_json(const struct budget *b, const struct timeline *tl, char *path)
{
    struct judgement j;
    struct buf out = BUF_INIT;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(budget_judge(b, tl, &j), 0);
    assert_int_equal(output_check_json(tl, b, &j, &out), 0);
    assert_int_equal(write(fd, buf_str(&out), out.len), (ssize_t)out.len);
    assert_int_equal(close(fd), 0);
    judgement_release(&j);
    buf_release(&out);
}

static void test_schema(void **state)
{
    (void)state;
    static const char *const names[] = {"GET *", "\033]0;x\a"};
    struct timeline tl;
    struct budget b = {.no_loop_hold = true, .min_requests = 1, .names = names, .name_count = 2};
    struct budget other = {.min_requests = 1};
    char one[] = "/tmp/waitscope-check-XXXXXX", two[] = "/tmp/waitscope-check-XXXXXX";
    scene_init(&tl);
    limit(&b, LEDGER_BLOCKED, "0");
    limit(&other, LEDGER_QUEUED, "5%");
    write_json(&b, &tl, one);
    write_json(&other, &tl, two);
    const char *argv[] = {"/usr/bin/python3", "tests/unit/schema.py", "check", one, two, NULL};
    pid_t pid;
    int status;
    assert_int_equal(posix_spawn(&pid, argv[0], NULL, NULL, (char **)(uintptr_t)argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    unlink(one);
    unlink(two);
    timeline_release(&tl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offences),        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_names),           cmocka_unit_test(test_too_little_seen),
        cmocka_unit_test(test_undecided),       cmocka_unit_test(test_nobody_blocked),
        cmocka_unit_test(test_presence),        cmocka_unit_test(test_holds_in_flight),
        cmocka_unit_test(test_many_are_cut),    cmocka_unit_test(test_limits_parse),
        cmocka_unit_test(test_undecided_share), cmocka_unit_test(test_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
