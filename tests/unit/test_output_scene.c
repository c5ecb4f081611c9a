/*
 * Every output of the scene, to the byte, against the files in tests/unit/expected, which a
 * person has checked against the times in output_scene.h. A change that is meant: run this with
 * UPDATE=1 and look at the difference.
 */
#include "output_scene.h"

#include "output/output.h"

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FOLDER "tests/unit/expected/"

extern char **environ;

static void read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        print_message("cannot read %s: run from the top of the tree\n", path);
        fail();
    }
    char bytes[4096];
    for (size_t n; (n = fread(bytes, 1, sizeof(bytes), f)) > 0;)
        buf_add(out, bytes, n);
    fclose(f);
}

static void write_file(const char *path, const struct buf *bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(buf_str(bytes), 1, bytes->len, f), bytes->len);
    assert_int_equal(fclose(f), 0);
}

/* Compares, and says the first line that differs. */
static void compare(const struct buf *got, const char *path)
{
    struct buf wanted = BUF_INIT;
    if (getenv("UPDATE"))
        write_file(path, got);
    read_file(path, &wanted);
    const char *a = buf_str(got), *b = buf_str(&wanted);
    for (unsigned line = 1; *a || *b; line++) {
        size_t a_len = strcspn(a, "\n"), b_len = strcspn(b, "\n");
        if (a_len != b_len || memcmp(a, b, a_len) != 0) {
            print_message("%s:%u\n  wanted %.*s\n  got    %.*s\n", path, line, (int)b_len, b,
                          (int)a_len, a);
            fail();
        }
        a += a_len + (a[a_len] == '\n');
        b += b_len + (b[b_len] == '\n');
    }
    assert_int_equal(got->len, wanted.len);
    buf_release(&wanted);
}

static void test_scene_is_sound(void **state)
{
    (void)state;
    struct timeline tl;
    char why[200] = "";
    scene_init(&tl);
    if (timeline_check(&tl, why, sizeof(why)) < 0)
        fail_msg("%s", why);
    timeline_release(&tl);
}

static void test_json(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    scene_init(&tl);
    assert_int_equal(output_json(&tl, &out), 0);
    compare(&out, FOLDER "scene.json");
    buf_release(&out);
    timeline_release(&tl);
}

static void test_report_json(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    scene_init(&tl);
    assert_int_equal(output_report_json(&tl, &out), 0);
    compare(&out, FOLDER "scene.report.json");
    buf_release(&out);
    timeline_release(&tl);
}

static void text_as(const struct text_options *options, const char *path)
{
    struct timeline tl;
    struct buf out = BUF_INIT;
    scene_init(&tl);
    assert_int_equal(output_text(&tl, options, &out), 0);
    compare(&out, path);
    buf_release(&out);
    timeline_release(&tl);
}

static void test_text(void **state)
{
    (void)state;
    text_as(&(struct text_options){0}, FOLDER "scene.txt");
}

static void test_text_narrow_in_color(void **state)
{
    (void)state;
    text_as(&(struct text_options){.width = 60, .color = 1, .rows = 1}, FOLDER "scene-narrow.txt");
}

static void test_empty(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf json = BUF_INIT, report = BUF_INIT, text = BUF_INIT;
    timeline_init(&tl);
    assert_int_equal(output_json(&tl, &json), 0);
    assert_int_equal(output_report_json(&tl, &report), 0);
    assert_int_equal(output_text(&tl, &(struct text_options){0}, &text), 0);
    compare(&json, FOLDER "empty.json");
    compare(&report, FOLDER "empty.report.json");
    compare(&text, FOLDER "empty.txt");
    buf_release(&json);
    buf_release(&report);
    buf_release(&text);
    timeline_release(&tl);
}

/* The same schemas that are published, by Debian's validator; it also tries whether they would
 * catch a key that is missing or of a wrong type. */
static void validate(const char *schema, const char *first, const char *second)
{
    const char *argv[] = {"/usr/bin/python3", "tests/unit/schema.py", schema, first, second, NULL};
    pid_t pid;
    int status;
    assert_int_equal(posix_spawn(&pid, argv[0], NULL, NULL, (char **)(uintptr_t)argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_timeline_schema(void **state)
{
    (void)state;
    validate("timeline", FOLDER "scene.json", FOLDER "empty.json");
}

static void test_report_schema(void **state)
{
    (void)state;
    validate("report", FOLDER "scene.report.json", FOLDER "empty.report.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scene_is_sound),       cmocka_unit_test(test_json),
        cmocka_unit_test(test_report_json),          cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_narrow_in_color), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_timeline_schema),      cmocka_unit_test(test_report_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
