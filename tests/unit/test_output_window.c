/* Of which recording a file is the end, and what of a request is not in it, in words. */
#include "output_scene.h"

#include "output/output.h"
#include "output/sheet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000000ull

/* Of a capture of 1.18 s. */
static void says(struct recorded_window window, bool complete, const char *wanted)
{
    struct timeline tl;
    struct buf out = BUF_INIT;

    timeline_init(&tl);
    tl.duration_ns = 1180 * (SECOND / 1000);
    tl.window = window;
    tl.complete = complete;
    assert_int_equal(output_text(&tl, &(struct text_options){.width = 200}, &out), 0);
    if (!strstr(buf_str(&out), wanted)) {
        print_message("wanted %s\ngot %s\n", wanted, buf_str(&out));
        fail();
    }
    buf_release(&out);
    timeline_release(&tl);
}

static void test_end(void **state)
{
    struct recorded_window w = {
        .recorded_ns = 100 * SECOND, .asked_ns = 5 * SECOND, .max_bytes = 8 << 20};

    (void)state;
    says(w, true, "\nThe end of a recording of 100 s, of which the last 5.00 s were kept.\n");
    w.full = true;
    says(w, true,
         "\nThe end of a recording of 100 s. The last 5.00 s were to be kept, and did not fit into "
         "8.4 MB of memory.\n");
}

static void test_whole(void **state)
{
    struct recorded_window w = {.recorded_ns = 1180 * (SECOND / 1000), .asked_ns = 5 * SECOND};

    (void)state;
    says(w, true, "\nThe whole recording; of a longer one the last 5.00 s were to be kept.\n");
}

/* The disk was full: the oldest of it is there. */
static void test_cut(void **state)
{
    struct recorded_window w = {.recorded_ns = 1180 * (SECOND / 1000), .asked_ns = 5 * SECOND};

    (void)state;
    says(w, false,
         "\nA part of what was kept, which was at most the last 5.00 s of a recording.\n");
}

static void test_forgotten(void **state)
{
    struct recorded_window w = {.recorded_ns = 100 * SECOND,
                                .asked_ns = 5 * SECOND,
                                .max_bytes = 8 << 20,
                                .forgotten = 177027};

    (void)state;
    says(w, true,
         " were kept. 177,027 files and connections have no name, and requests on them may be "
         "missing: 8.4 MB of memory held no more (--max-size).\n");
    w.forgotten = 1;
    says(w, true, " 1 file or connection has no name, and requests on it may be missing: ");
}

/* Of a recording of 100 ns: what of a request is not in it. */
static void test_missing(void **state)
{
    struct timeline tl = {.duration_ns = 100};
    struct request late = {.start_ns = 50, .end_ns = 100}, early = {.end_ns = 50},
                   both = {.end_ns = 100}, several = {.flags = REQUEST_PIPELINED, .end_ns = 100};

    (void)state;
    assert_string_equal(sheet_missing(&tl, &late), "not answered in the recording");
    assert_string_equal(sheet_missing(&tl, &early), "begun before the recording");
    assert_string_equal(sheet_missing(&tl, &both),
                        "begun before the recording and not answered in it");
    assert_string_equal(sheet_missing(&tl, &several), "not begun or not answered in the recording");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end),     cmocka_unit_test(test_whole),
        cmocka_unit_test(test_cut),     cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
