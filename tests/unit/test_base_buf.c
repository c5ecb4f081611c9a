#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_is_a_string),
        cmocka_unit_test(test_everything_appends),
        cmocka_unit_test(test_growth_at_every_length),
        cmocka_unit_test(test_clear_keeps_the_memory),
        cmocka_unit_test(test_failure_sticks),
    };
    return cmocka_run_group_tests_name("base_buf", tests, NULL, NULL);
}
