/* A short record of a wait says what the long one says. */
#include "capture/expand.h"

#include "base/err.h"
#include "capture/reader.h"
#include "capture/writer.h"
#include "capture_made.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW 5000000000000ull

static struct event_wait_short made_short(void)
{
    return (struct event_wait_short){
        .event = {EVENT_WAIT_SHORT, sizeof(struct event_wait_short), 4194303, NOW},
        .off_before = 3000000001u,
        .wake_before = 1001,
        .obj = 0x0100000000001234,
        .packed = SHORT_PACKED(SHORT_WAKER_MAX, WHY_NEW, 0x1f, SHORT_FD),
        .call = 7,
        .value = 65535,
    };
}

static void test_every_field(void **state)
{
    (void)state;
    struct event_wait_short w = made_short();
    const struct event_wait whole = expand_wait(&w);
    assert_int_equal(whole.event.kind, EVENT_WAIT);
    assert_int_equal(whole.event.size, sizeof(whole));
    assert_int_equal(whole.event.tid, 4194303);
    assert_int_equal(whole.event.time_ns, NOW);
    assert_int_equal(whole.off_ns, NOW - 3000000001u);
    assert_int_equal(whole.wake_ns, NOW - 1001);
    assert_int_equal(whole.obj, 0x0100000000001234);
    assert_int_equal(whole.waker, SHORT_WAKER_MAX);
    assert_int_equal(whole.why, WHY_NEW);
    assert_int_equal(whole.flags, WAIT_AFTER_LOSS | WAIT_WAKER_IRQ | WAIT_MULTIPLEXED |
                                      WAIT_TIMER_ONLY | WAIT_USER);
    assert_int_equal(whole.call, 7);
    assert_int_equal(whole.fd, 65535);
    assert_int_equal(whole.arg, 0);
}

static void assert_value(unsigned value, int32_t fd, uint32_t arg)
{
    struct event_wait_short w = made_short();
    w.packed = SHORT_PACKED(1, WHY_SLEEP, 0, value);
    w.value = 12;
    const struct event_wait whole = expand_wait(&w);
    assert_int_equal(whole.fd, fd);
    assert_int_equal(whole.arg, arg);
    assert_int_equal(whole.waker, 1);
    assert_int_equal(whole.why, WHY_SLEEP);
    assert_int_equal(whole.flags, 0);
}

static void test_descriptor_or_argument(void **state)
{
    (void)state;
    assert_value(SHORT_ARG, WAIT_NO_FD, 12);
    assert_value(SHORT_FD, 12, 0);
    assert_value(SHORT_FD_ONE, 12, 1);
}

/* Only a damaged or made-up capture has that; 0 would mean "since before the attach". */
static void test_before_time_itself(void **state)
{
    (void)state;
    struct event_wait_short w = made_short();
    w.event.time_ns = 1000;
    const struct event_wait whole = expand_wait(&w);
    assert_int_equal(whole.off_ns, 1);
    assert_int_equal(whole.wake_ns, 1);
}

static void test_the_reader_hands_over_the_long_one(void **state)
{
    (void)state;
    made_folder();
    const char *path = made_path("short.wsc");
    const struct event_wait_short w = made_short();
    const struct capture_header header = made_header();
    const struct capture_summary summary = {0};
    struct writer *writer;
    assert_int_equal(writer_new(&writer, path, &header, NULL), 0);
    assert_int_equal(writer_append(writer, &w.event), 0);
    assert_int_equal(writer_end(writer, NOW, &summary, NULL), 0);
    writer_free(writer);

    struct seen seen = {0};
    struct capture_visitor visitor = seen_visitor(&seen);
    struct capture_info info;
    struct err e = {0};
    assert_int_equal(capture_read(path, &visitor, &info, &e), 0);
    assert_true(info.complete);
    assert_int_equal(info.records, 1);
    assert_int_equal(seen.starts.len, 1);
    const struct event_wait whole = expand_wait(&w);
    assert_memory_equal(seen.records.all.data, &whole, sizeof(whole));
    seen_release(&seen);
    made_remove();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_descriptor_or_argument),
        cmocka_unit_test(test_before_time_itself),
        cmocka_unit_test(test_the_reader_hands_over_the_long_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
