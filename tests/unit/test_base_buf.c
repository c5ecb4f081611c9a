#include "base/buf.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_empty_is_a_string(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    assert_string_equal(buf_str(&b), "");
    buf_add(&b, NULL, 0);
    buf_adds(&b, "");
    assert_int_equal(b.len, 0);
    assert_false(b.failed);
    buf_clear(&b);
    buf_release(&b);
}

static void test_everything_appends(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_adds(&b, "a");
    buf_addc(&b, 'b');
    buf_add(&b, "cd", 1);
    buf_addf(&b, "-%d-%s-", 7, "x");
    buf_addu(&b, UINT64_MAX);
    buf_addc(&b, ' ');
    buf_addi(&b, INT64_MIN);
    buf_addi(&b, 0);
    buf_addi(&b, INT64_MAX);
    assert_string_equal(buf_str(&b), "abc-7-x-18446744073709551615 -922337203685477580809223372036"
                                     "854775807");
    assert_int_equal(b.len, strlen(b.data));
    buf_release(&b);
    assert_null(b.data);
}

static void test_growth_at_every_length(void **state)
{
    (void)state;
    for (size_t len = 0; len < 300; len++) {
        struct buf b = BUF_INIT;
        for (size_t i = 0; i < len; i++)
            buf_addc(&b, 'x');
        buf_addf(&b, "%s", "end");
        assert_int_equal(b.len, len + 3);
        assert_string_equal(buf_str(&b) + len, "end");
        buf_release(&b);
    }
}

static void test_clear_keeps_the_memory(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_addf(&b, "%01000d", 1);
    const char *data = b.data;
    buf_clear(&b);
    assert_string_equal(buf_str(&b), "");
    buf_adds(&b, "again");
    assert_ptr_equal(b.data, data);
    assert_string_equal(buf_str(&b), "again");
    buf_release(&b);
}

static void test_failure_sticks(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_adds(&b, "kept");
    buf_add(&b, "x", SIZE_MAX - 2); /* refused before a byte is read */
    assert_true(b.failed);
    buf_adds(&b, "ignored");
    buf_addf(&b, "%d", 1);
    assert_string_equal(buf_str(&b), "kept");
    buf_clear(&b);
    assert_true(b.failed);
    buf_release(&b);
    assert_false(b.failed);
}

static void test_digits(void **state)
{
    (void)state;
    uint64_t n = 1;
    for (int i = 0; i < 20; i++, n *= 10)
        for (int d = -1; d <= 1; d++) {
            struct buf b = BUF_INIT;
            char wanted[32];
            snprintf(wanted, sizeof(wanted), "%" PRIu64, n + (uint64_t)(int64_t)d);
            buf_addu(&b, n + (uint64_t)(int64_t)d);
            assert_string_equal(buf_str(&b), wanted);
            buf_release(&b);
        }
}

struct gathered {
    struct buf_outlet outlet;
    struct buf all;
    size_t most; /* handed over before it fails */
};

static int gather(struct buf_outlet *outlet, const char *bytes, size_t len)
{
    struct gathered *g = (struct gathered *)(void *)outlet;
    if (g->all.len + len > g->most)
        return -EIO;
    buf_add(&g->all, bytes, len);
    return 0;
}

/* Pieces of every size, short ones and such as are longer than what is gathered. */
static void test_outlet_gets_everything_in_order(void **state)
{
    (void)state;
    struct gathered g = {{gather, 0}, BUF_INIT, SIZE_MAX};
    struct buf b = BUF_INIT, wanted = BUF_INIT;
    char piece[700000];
    b.outlet = &g.outlet;
    for (size_t i = 0; i < 60; i++) {
        size_t len = i * i * i * 3;
        memset(piece, 'a' + (int)(i % 26), sizeof(piece));
        buf_add(&b, piece, len);
        buf_addf(&b, "<%zu>", i);
        buf_add(&wanted, piece, len);
        buf_addf(&wanted, "<%zu>", i);
        assert_true(b.len < 1000000);
    }
    assert_int_equal(buf_flush(&b), 0);
    assert_int_equal(b.len, 0);
    assert_int_equal(g.all.len, wanted.len);
    assert_memory_equal(g.all.data, wanted.data, wanted.len);
    buf_release(&b);
    buf_release(&wanted);
    buf_release(&g.all);
}

static void test_outlet_that_fails(void **state)
{
    (void)state;
    struct gathered g = {{gather, 0}, BUF_INIT, 1000000};
    struct buf b = BUF_INIT;
    b.outlet = &g.outlet;
    for (size_t i = 0; i < 1000000; i++)
        buf_adds(&b, "abcdefgh");
    assert_true(b.failed);
    assert_int_equal(buf_flush(&b), -EIO);
    assert_true(g.all.len <= 1000000);
    buf_release(&b);
    buf_release(&g.all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_is_a_string),
        cmocka_unit_test(test_everything_appends),
        cmocka_unit_test(test_growth_at_every_length),
        cmocka_unit_test(test_clear_keeps_the_memory),
        cmocka_unit_test(test_failure_sticks),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_outlet_gets_everything_in_order),
        cmocka_unit_test(test_outlet_that_fails),
    };
    return cmocka_run_group_tests_name("base_buf", tests, NULL, NULL);
}
