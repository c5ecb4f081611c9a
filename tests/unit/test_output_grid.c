/* Columns: widths, cuts, wrapping, tables. */
#include "output/cells.h"
#include "output/grid.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int utf8(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static size_t width(const char *s)
{
    return cells_width(s, strlen(s));
}

static void test_width(void **state)
{
    (void)state;
    assert_int_equal(width(""), 0);
    assert_int_equal(width("abc"), 3);
    assert_int_equal(width("Zürich → 200"), 12);
    assert_int_equal(width("日本"), 4);               /* two columns each */
    assert_int_equal(width("e\xcc\x81t\xc3\xa9"), 3); /* a combining accent has none */
    assert_int_equal(width("\xff\xfe"), 2);           /* no UTF-8 */
}

static void test_width_in_another_locale(void **state)
{
    (void)state;
    setlocale(LC_CTYPE, "C");
    assert_int_equal(width("Zürich"), 6);
    assert_int_equal(width("日本"), 2);
    setlocale(LC_CTYPE, "C.UTF-8");
}

static void cut_is(const char *s, size_t columns, const char *wanted)
{
    struct buf out = BUF_INIT;
    cells_cut(&out, s, strlen(s), columns);
    assert_string_equal(buf_str(&out), wanted);
    assert_true(width(buf_str(&out)) <= (columns ? columns : 1));
    buf_release(&out);
}

static void test_cut(void **state)
{
    (void)state;
    cut_is("abcdef", 6, "abcdef");
    cut_is("abcdef", 5, "ab…ef");
    cut_is("abcdef", 4, "ab…f");
    cut_is("abcdef", 1, "…");
    cut_is("abcdef", 0, "…");
    cut_is("/var/lib/postgresql/data/base/16384/2619", 20, "/var/lib/p…6384/2619");
    cut_is("日本語日本語", 7, "日…語"); /* half a character is none */
    cut_is("日本語日本語", 6, "日…語");
    cut_is("Zürich Zürich", 6, "Zür…ch");
}

static void wrap_is(const char *s, size_t columns, const char *wanted)
{
    struct buf out = BUF_INIT;
    cells_wrap(&out, s, strlen(s), "- ", 4, columns);
    assert_string_equal(buf_str(&out), wanted);
    buf_release(&out);
}

static void test_wrap(void **state)
{
    (void)state;
    wrap_is("", 20, "- \n");
    wrap_is("one two three", 40, "- one two three\n");
    wrap_is("one two three", 10, "- one two\n    three\n");
    wrap_is("one  two", 6, "- one\n    two\n");
    wrap_is("averyveryverylongword x", 10, "- averyveryverylongword\n    x\n");
    /* A number stays with its unit, a count does not cling to a word. */
    wrap_is("takes 12 ms", 10, "- takes\n    12 ms\n");
    wrap_is("takes 12 threads", 12, "- takes 12\n    threads\n");
}

static void add_row(struct grid *g, const char *a, const char *b, const char *c)
{
    const char *cells[] = {a, b, c};
    for (unsigned i = 0; i < 3; i++) {
        buf_adds(grid_text(g), cells[i]);
        grid_next(g);
    }
}

static void grid_is(struct grid *g, size_t columns, const char *wanted)
{
    struct buf out = BUF_INIT;
    grid_print(g, columns, "<", ">", &out);
    assert_string_equal(buf_str(&out), wanted);
    assert_false(out.failed);
    buf_release(&out);
}

static void test_grid(void **state)
{
    (void)state;
    static const struct grid_column columns[] = {
        {"name", false, GRID_MIDDLE}, {"ms", true, GRID_WHOLE}, {"list", false, GRID_ITEMS}};
    struct grid g;
    grid_init(&g, columns, 3);
    grid_is(&g, 80, "<  name  ms  list>\n");
    add_row(&g, "Zürich", "1.5", "a 1%  b 2%");
    add_row(&g, "a rather long name indeed", "1000.5", "aaaa 10%  bbbb 20%  cccc 30%");
    buf_adds(grid_text(&g), "a note that belongs to the row");
    grid_note(&g);
    add_row(&g, "日本", "", "");
    assert_int_equal(grid_rows(&g), 3);
    grid_is(&g, 80,
            "<  name                           ms  list>\n"
            "  Zürich                        1.5  a 1%  b 2%\n"
            "  a rather long name indeed  1000.5  aaaa 10%  bbbb 20%  cccc 30%\n"
            "        a note that belongs to the row\n"
            "  日本\n");
    grid_is(&g, 48,
            "<  name                    ms  list>\n"
            "  Zürich                 1.5  a 1%  b 2%\n"
            "  a rather …e indeed  1000.5  aaaa 10%  bbbb 20%\n"
            "        a note that belongs to the row\n"
            "  日本\n");
    /* Not narrower than it can be. */
    grid_is(&g, 10,
            "<  name              ms  list>\n"
            "  Zürich           1.5  a 1%  b 2%\n"
            "  a rath…ndeed  1000.5  aaaa 10%\n"
            "        a…\n"
            "  日本\n");
    grid_release(&g);
}

/* Names stay readable, columns that can be spared go first; without a width nothing is cut. */
static void test_grid_names(void **state)
{
    (void)state;
    static const struct grid_column columns[] = {
        {"name", false, GRID_NAME}, {"p99", true, GRID_SPARE}, {"max", true, GRID_SPARE}};
    const char *name = "GET /a/rather/long/name/indeed";
    char longest[402] = "";
    struct grid g;
    grid_init(&g, columns, 3);
    add_row(&g, name, "12.5", "15.5");
    add_row(&g, "GET /", "1.5", "2.5");
    buf_adds(grid_text(&g), "a note");
    grid_note(&g);
    assert_int_equal(grid_least(&g), 2 + 24 + 6 + 6);
    grid_is(&g, 0,
            "<  name                             p99   max>\n"
            "  GET /a/rather/long/name/indeed  12.5  15.5\n"
            "  GET /                            1.5   2.5\n"
            "        a note\n");
    grid_is(&g, 38,
            "<  name                       p99   max>\n"
            "  GET /a/rathe…name/indeed  12.5  15.5\n"
            "  GET /                      1.5   2.5\n"
            "        a note\n");
    grid_is(&g, 37,
            "<  name                            p99>\n"
            "  GET /a/rather/…ng/name/indeed  12.5\n"
            "  GET /                           1.5\n"
            "        a note\n");
    grid_is(&g, 10,
            "<  name>\n"
            "  GET /a/rathe…name/indeed\n"
            "  GET /\n"
            "        a…\n");
    grid_release(&g);
    memset(longest, 'x', sizeof(longest) - 1); /* a stranger's */
    grid_init(&g, columns, 3);
    add_row(&g, longest, "", "");
    struct buf out = BUF_INIT;
    grid_print(&g, 0, "", "", &out);
    assert_true(out.len < 500 && strstr(buf_str(&out), "x…x"));
    buf_release(&out);
    grid_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_width), cmocka_unit_test(test_width_in_another_locale),
        cmocka_unit_test(test_cut),   cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_grid),  cmocka_unit_test(test_grid_names),
    };
    return cmocka_run_group_tests(tests, utf8, NULL);
}
