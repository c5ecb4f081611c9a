#include "timeline/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_strings(void **state)
{
    (void)state;
    struct timeline tl;
    timeline_init(&tl);
    assert_string_equal(timeline_string(&tl, 0), "");
    assert_string_equal(timeline_string(&tl, 99), "");
    assert_int_equal(timeline_intern(&tl, ""), 0);
    uint32_t a = timeline_intern(&tl, "a"), b = timeline_intern(&tl, "b");
    assert_int_not_equal(a, 0);
    assert_int_not_equal(a, b);
    assert_int_equal(timeline_intern(&tl, "a"), a);
    assert_string_equal(timeline_string(&tl, b), "b");
    for (int i = 0; i < 5000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "string %d", i % 2500);
        assert_string_equal(timeline_string(&tl, timeline_intern(&tl, name)), name);
    }
    assert_int_equal(tl.strings.len, 1 + 2 + 2500);
    timeline_release(&tl);
    timeline_release(&tl);
}

static void test_bytes_are_cleaned(void **state)
{
    (void)state;
    struct timeline tl;
    timeline_init(&tl);
    uint32_t i = timeline_intern_bytes(&tl, "a\x1b]0;x\a", 7);
    assert_null(strpbrk(timeline_string(&tl, i), "\x1b\a"));
    assert_int_equal(timeline_intern_bytes(&tl, "", 0), 0);
    assert_string_equal(timeline_string(&tl, timeline_intern_bytes(&tl, "abcdef", 3)), "abc");
    timeline_release(&tl);
}

static void test_waits(void **state)
{
    (void)state;
    const struct wait read = {.call_plus1 = 1, .object_plus1 = 2, .fd = 3};
    const struct wait other = {.call_plus1 = 1, .object_plus1 = 2, .fd = 4};
    struct timeline tl;
    uint32_t index, again;
    timeline_init(&tl);
    assert_int_equal(interval_wait(&tl, &(struct interval){.wait = 0})->fd, -1);
    assert_int_equal(timeline_wait(&tl, read, &index), 0);
    struct interval iv = {.wait = index};
    assert_memory_equal(interval_wait(&tl, &iv), &read, sizeof(read));
    assert_int_equal(timeline_wait(&tl, (struct wait){.fd = -1}, &again), 0);
    assert_int_equal(again, 0);
    /* One with the hash of another is told from it. */
    assert_int_equal(table_put(&tl.wait_index, table_hash(&other, sizeof(other)), index), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(timeline_wait(&tl, other, &again), 0);
        assert_int_equal(again, index + 1);
    }
    for (uint32_t i = 0; i < 5000; i++) {
        assert_int_equal(timeline_wait(&tl, (struct wait){.arg = 1 + i % 2500}, &again), 0);
        assert_int_equal(tl.waits.data[again].arg, 1 + i % 2500);
    }
    assert_int_equal(tl.waits.len, 1 + 2 + 2500);
    timeline_release(&tl);
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(state_name(STATE_YIELDED), "yielded");
    assert_string_equal(state_name(STATE_COUNT), "?");
    assert_string_equal(ledger_key_name(LEDGER_LOOP_BUSY), "loop_busy");
    assert_string_equal(ledger_key_word(LEDGER_LOOP_BUSY), "loop busy"); /* for people */
    for (unsigned key = 0; key < LEDGER_COUNT; key++)
        assert_null(strchr(ledger_key_word(key), '_'));
    assert_string_equal(ledger_key_name(LEDGER_COUNT), "?");
    assert_string_equal(grade_name(GRADE_AMBIGUOUS), "ambiguous");
    assert_string_equal(grade_name(99), "?");
    assert_string_equal(model_name(MODEL_NONBLOCKING_WORKERS),
                        "non-blocking with blocking workers");
    assert_string_equal(model_name(99), "?");
    assert_string_equal(role_name(THREAD_ROLE_ACCEPTOR), "acceptor");
    assert_string_equal(role_name(99), "?");
    assert_string_equal(object_kind_name(OBJ_ACCEPTED), "accepted");
    assert_string_equal(object_kind_name(99), "?");
    for (unsigned i = 0; i < STATE_COUNT; i++)
        assert_int_equal(state_is_wait(i), i >= STATE_BLOCKED && i <= STATE_OTHER);
}

/*
 * One thread, 0–100: runs, waits 40–70, runs. One request on it, 30–80. One hold, for nobody that
 * is known, and another request as its victim: it was ready from 45 to 80.
 */
static void scene(struct timeline *tl)
{
    timeline_init(tl);
    tl->duration_ns = 100;
    uint32_t read = timeline_intern(tl, "read");
    struct process p = {.pid = 7};
    struct thread t = {.tid = 7, .pid = 7, .end_ns = 100};
    struct interval intervals[] = {
        {.start_ns = 0, .state = STATE_RUNNING},
        {.start_ns = 40, .state = STATE_BLOCKED},
        {.start_ns = 70, .state = STATE_RUNNING},
    };
    const struct wait wait = {.call_plus1 = read + 1, .object_plus1 = 1, .fd = 3};
    const struct segment segments[] = {
        {30, LEDGER_RUNNING, GRADE_EXACT, 1, 1},
        {40, LEDGER_BLOCKED, GRADE_EXACT, 1, 2},
        {70, LEDGER_UNATTRIBUTED, GRADE_UNATTRIBUTED, 0, 0},
        {45, LEDGER_QUEUED, GRADE_EXACT, 1, 0},
    };
    struct request r = {.id = 1, .start_ns = 30, .end_ns = 80, .segment_count = 3};
    struct request waits = {
        .id = 2, .start_ns = 45, .end_ns = 80, .first_segment = 3, .segment_count = 1};

    assert_int_equal(timeline_wait(tl, wait, &intervals[1].wait), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(vec_push(&t.intervals, intervals[i]), 0);
    t.state_ns[STATE_RUNNING] = 70;
    t.state_ns[STATE_BLOCKED] = 30;
    assert_int_equal(vec_push(&tl->processes, p), 0);
    assert_int_equal(vec_push(&tl->threads, t), 0);
    assert_int_equal(vec_push(&tl->objects, ((struct object){.id = 1, .kind = OBJ_FILE})), 0);
    assert_int_equal(vec_push(&tl->objects, ((struct object){.id = 2, .kind = OBJ_CONNECTED})), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(vec_push(&tl->segments, segments[i]), 0);
    assert_int_equal(vec_push(&tl->requests, r), 0);
    assert_int_equal(vec_push(&tl->requests, waits), 0);
    assert_int_equal(vec_push(&tl->victims, ((struct victim){1, 25})), 0);
    struct ask ask = {.request_plus1 = 1,
                      .object = 1,
                      .replied = true,
                      .start_ns = 35,
                      .made_ns = 36,
                      .asked_ns = 38};
    ask.reply_ns = 40;
    ask.end_ns = 50;
    assert_int_equal(vec_push(&tl->asks, ask), 0);
    ask = (struct ask){.request_plus1 = 2, .object = 1, .start_ns = 46, .end_ns = 80};
    ask.made_ns = ask.asked_ns = 46;
    assert_int_equal(vec_push(&tl->asks, ask), 0);
    struct hold h = {.request_plus1 = 1,
                     .start_ns = 40,
                     .end_ns = 70,
                     .state = STATE_BLOCKED,
                     .victim_count = 1};
    assert_int_equal(vec_push(&tl->holds, h), 0);
    assert_int_equal(vec_push(&tl->losses, ((struct loss){10, 20, 1, 0})), 0);
}

static void test_whole_scene_passes(void **state)
{
    (void)state;
    struct timeline tl;
    char why[100] = "";
    scene(&tl);
    assert_int_equal(timeline_check(&tl, why, sizeof(why)), 0);
    assert_int_equal(interval_end(&tl.threads.data[0], 0), 40);
    assert_int_equal(interval_end(&tl.threads.data[0], 2), 100);
    assert_int_equal(segment_end(&tl, &tl.requests.data[0], 1), 70);
    assert_int_equal(segment_end(&tl, &tl.requests.data[0], 2), 80);
    timeline_release(&tl);
    timeline_init(&tl);
    assert_int_equal(timeline_check(&tl, why, sizeof(why)), 0); /* nothing breaks no promise */
    timeline_release(&tl);
}

/* Each breaks one promise; the check must see it. */
static void break_state_sum(struct timeline *tl)
{
    tl->threads.data[0].state_ns[STATE_RUNNING]--;
}

static void break_gap_at_start(struct timeline *tl)
{
    tl->threads.data[0].intervals.data[0].start_ns = 1;
}

static void break_interval_order(struct timeline *tl)
{
    tl->threads.data[0].intervals.data[1].start_ns = 70;
}

static void break_life(struct timeline *tl)
{
    tl->threads.data[0].end_ns = 101;
    tl->threads.data[0].state_ns[STATE_RUNNING] = 71;
}

static void break_state(struct timeline *tl)
{
    tl->threads.data[0].intervals.data[1].state = STATE_COUNT;
}

static void break_call(struct timeline *tl)
{
    tl->waits.data[1].call_plus1 = 77;
}

static void break_object(struct timeline *tl)
{
    tl->waits.data[1].object_plus1 = 3;
}

static void break_wait(struct timeline *tl)
{
    tl->threads.data[0].intervals.data[1].wait = 2;
}

static void break_running_call(struct timeline *tl)
{
    tl->threads.data[0].intervals.data[0].wait = 1;
}

static void break_running_idle(struct timeline *tl)
{
    tl->threads.data[0].intervals.data[0].flags = INTERVAL_IDLE;
}

static void break_charged_idle(struct timeline *tl)
{
    tl->threads.data[0].intervals.data[1].flags = INTERVAL_IDLE;
}

static void break_process(struct timeline *tl)
{
    tl->threads.data[0].process = 1;
}

static void break_role(struct timeline *tl)
{
    tl->threads.data[0].role = THREAD_ROLE_COUNT;
}

static void break_request_end(struct timeline *tl)
{
    tl->requests.data[0].end_ns = 101;
}

static void break_request_id(struct timeline *tl)
{
    tl->requests.data[0].id = 2;
}

static void break_conn(struct timeline *tl)
{
    tl->requests.data[0].conn = 2;
}

static void break_name(struct timeline *tl)
{
    tl->requests.data[0].name = 50;
}

static void break_segment_start(struct timeline *tl)
{
    tl->segments.data[0].start_ns = 29;
}

static void break_segment_order(struct timeline *tl)
{
    tl->segments.data[1].start_ns = 30;
}

static void break_segment_count(struct timeline *tl)
{
    tl->requests.data[0].segment_count = 4;
}

static void break_no_segments(struct timeline *tl)
{
    tl->requests.data[0].segment_count = 0;
}

static void break_key(struct timeline *tl)
{
    tl->segments.data[0].key = LEDGER_COUNT;
}

static void break_key_without_grade(struct timeline *tl)
{
    tl->segments.data[2].grade = GRADE_EXACT;
}

static void break_grade_without_key(struct timeline *tl)
{
    tl->segments.data[0].grade = GRADE_AMBIGUOUS;
}

static void break_segment_interval(struct timeline *tl)
{
    tl->segments.data[1].interval_plus1 = 3;
}

static void break_segment_thread(struct timeline *tl)
{
    tl->segments.data[1].thread_plus1 = 2;
}

static void break_segment_interval_range(struct timeline *tl)
{
    tl->segments.data[1].interval_plus1 = 9;
}

static void break_ask_request(struct timeline *tl)
{
    tl->asks.data[1].request_plus1 = 3;
}

static void break_ask_object(struct timeline *tl)
{
    tl->asks.data[0].object = 2;
}

static void break_ask_kind(struct timeline *tl)
{
    tl->asks.data[0].object = 0;
}

static void break_ask_thread(struct timeline *tl)
{
    tl->asks.data[0].thread = 1;
}

static void break_ask_grade(struct timeline *tl)
{
    tl->asks.data[0].grade = GRADE_AMBIGUOUS;
}

static void break_ask_graded(struct timeline *tl)
{
    tl->asks.data[0].request_plus1 = 0;
}

static void break_ask_not_graded(struct timeline *tl)
{
    tl->asks.data[0].grade = GRADE_UNATTRIBUTED;
}

static void break_ask_before(struct timeline *tl)
{
    tl->asks.data[0].start_ns = 29;
}

static void break_ask_behind(struct timeline *tl)
{
    struct ask *k = &tl->asks.data[0];
    k->start_ns = k->made_ns = k->asked_ns = 81;
    k->reply_ns = k->end_ns = 90;
}

static void break_ask_end(struct timeline *tl)
{
    tl->asks.data[0].end_ns = 101;
}

static void break_ask_reply(struct timeline *tl)
{
    tl->asks.data[0].reply_ns = 51;
}

static void break_ask_made(struct timeline *tl)
{
    tl->asks.data[0].made_ns = 34;
}

static void break_ask_asked(struct timeline *tl)
{
    tl->asks.data[0].made_ns = 39;
}

static void break_ask_early_reply(struct timeline *tl)
{
    tl->asks.data[0].reply_ns = 37;
}

static void break_ask_no_reply(struct timeline *tl)
{
    tl->asks.data[1].reply_ns = 50;
}

static void break_ask_outlives(struct timeline *tl)
{
    tl->asks.data[1].end_ns = 81;
}

static void break_ask_order(struct timeline *tl)
{
    struct ask *k = &tl->asks.data[0];
    k->request_plus1 = 2;
    k->start_ns = k->made_ns = k->asked_ns = k->reply_ns = 47;
}

static void break_hold_thread(struct timeline *tl)
{
    tl->holds.data[0].thread = 1;
}

static void break_hold_times(struct timeline *tl)
{
    tl->holds.data[0].end_ns = 40;
}

static void break_hold_victims(struct timeline *tl)
{
    tl->holds.data[0].victim_count = 2;
}

static void break_victim(struct timeline *tl)
{
    tl->victims.data[0].request = 2;
}

static void break_victim_own(struct timeline *tl)
{
    tl->holds.data[0].request_plus1 = 2;
}

static void break_victim_nothing_lost(struct timeline *tl)
{
    tl->victims.data[0].ns = 0;
}

static void break_victim_lost_more_than_held(struct timeline *tl)
{
    tl->victims.data[0].ns = 31;
}

static void break_victim_lost_more_than_stood(struct timeline *tl)
{
    tl->victims.data[0].request = 0;
    tl->holds.data[0].request_plus1 = 0;
}

static void break_loss(struct timeline *tl)
{
    tl->losses.data[0].end_ns = 101;
}

static void break_object_kind(struct timeline *tl)
{
    tl->objects.data[0].kind = OBJ_KIND_COUNT;
}

static void break_efficiency(struct timeline *tl)
{
    tl->processes.data[0].verdict.efficiency = 0.0 / 0.0 * (double)tl->duration_ns;
}

static void break_model(struct timeline *tl)
{
    tl->processes.data[0].verdict.model = MODEL_COUNT;
}

static void break_host(struct timeline *tl)
{
    tl->host = 99;
}

static void test_each_breach_is_seen(void **state)
{
    (void)state;
    static void (*const breaches[])(struct timeline *) = {
        break_state_sum,
        break_gap_at_start,
        break_interval_order,
        break_life,
        break_state,
        break_call,
        break_object,
        break_wait,
        break_running_call,
        break_running_idle,
        break_charged_idle,
        break_process,
        break_role,
        break_request_end,
        break_request_id,
        break_conn,
        break_name,
        break_segment_start,
        break_segment_order,
        break_segment_count,
        break_no_segments,
        break_key,
        break_key_without_grade,
        break_grade_without_key,
        break_segment_interval,
        break_segment_thread,
        break_segment_interval_range,
        break_ask_request,
        break_ask_object,
        break_ask_kind,
        break_ask_thread,
        break_ask_grade,
        break_ask_graded,
        break_ask_not_graded,
        break_ask_before,
        break_ask_behind,
        break_ask_end,
        break_ask_reply,
        break_ask_made,
        break_ask_asked,
        break_ask_early_reply,
        break_ask_no_reply,
        break_ask_outlives,
        break_ask_order,
        break_hold_thread,
        break_hold_times,
        break_hold_victims,
        break_victim,
        break_victim_own,
        break_victim_nothing_lost,
        break_victim_lost_more_than_held,
        break_victim_lost_more_than_stood,
        break_loss,
        break_object_kind,
        break_efficiency,
        break_model,
        break_host,
    };
    for (size_t i = 0; i < sizeof(breaches) / sizeof(breaches[0]); i++) {
        struct timeline tl;
        char why[200] = "";
        scene(&tl);
        breaches[i](&tl);
        if (timeline_check(&tl, why, sizeof(why)) != -EINVAL || !why[0])
            fail_msg("breach %zu was not seen", i);
        timeline_release(&tl);
    }
}

static void test_ledger_is_the_sum_of_the_segments(void **state)
{
    (void)state;
    struct timeline tl;
    struct request_sums sums;
    scene(&tl);
    for (size_t i = 0; i < tl.requests.len; i++) {
        const struct request *r = &tl.requests.data[i];
        uint64_t ledger = 0, grades = 0;
        request_sums(&tl, r, &sums);
        for (unsigned k = 0; k < LEDGER_COUNT; k++) {
            ledger += sums.ledger_ns[k];
            assert_int_equal(request_ns(&tl, r, k), sums.ledger_ns[k]);
        }
        for (unsigned k = 0; k < GRADE_COUNT; k++) {
            grades += sums.grade_ns[k];
            assert_int_equal(request_grade_ns(&tl, r, k), sums.grade_ns[k]);
        }
        assert_int_equal(ledger, r->end_ns - r->start_ns);
        assert_int_equal(grades, r->end_ns - r->start_ns);
    }
    request_sums(&tl, &tl.requests.data[0], &sums);
    assert_int_equal(sums.ledger_ns[LEDGER_RUNNING], 10);
    assert_int_equal(sums.ledger_ns[LEDGER_BLOCKED], 30);
    assert_int_equal(sums.ledger_ns[LEDGER_UNATTRIBUTED], 10);
    assert_int_equal(sums.grade_ns[GRADE_EXACT], 40);
    assert_int_equal(sums.grade_ns[GRADE_UNATTRIBUTED], 10);
    assert_int_equal(request_ns(&tl, &tl.requests.data[1], LEDGER_QUEUED), 35);
    timeline_release(&tl);
}

static void test_why_is_cut_to_its_room(void **state)
{
    (void)state;
    struct timeline tl;
    char why[8] = "1234567";
    scene(&tl);
    break_conn(&tl);
    assert_int_equal(timeline_check(&tl, why, 4), -EINVAL);
    assert_int_equal(strlen(why), 3);
    assert_int_equal(timeline_check(&tl, NULL, 0), -EINVAL);
    timeline_release(&tl);
}

/* A thousand files are one thing to read about; so are named pipes, which files often stand for. */
static void test_what_is_told_of_by_its_folder(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        const char *name;
        bool in_folder;
    } rows[] = {
        {OBJ_FILE, "/srv/a/1", true}, {OBJ_PATH, "/srv/a", true},
        {OBJ_PIPE, "/srv/p/1", true}, {OBJ_PIPE, "pipe", false},
        {OBJ_FILE, "/swap", false},   {OBJ_SOCKET, "/run/s", false},
        {OBJ_FUTEX, "GIL", false},    {OBJ_DIRECTORY, "/srv/a", false},
    };
    struct timeline tl;
    timeline_init(&tl);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct object o = {.kind = rows[i].kind, .name = timeline_intern(&tl, rows[i].name)};
        assert_int_equal(object_in_folder(&tl, &o), rows[i].in_folder);
    }
    timeline_release(&tl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_bytes_are_cleaned),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_what_is_told_of_by_its_folder),
        cmocka_unit_test(test_whole_scene_passes),
        cmocka_unit_test(test_each_breach_is_seen),
        cmocka_unit_test(test_ledger_is_the_sum_of_the_segments),
        cmocka_unit_test(test_why_is_cut_to_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
