#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_innermost_text_wins(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, -EINVAL, "block %d: %s", 3, "checksum differs"), -EINVAL);
    assert_int_equal(err_errno(&e, -EIO, "read x.wsc"), -EIO);
    assert_string_equal(e.text, "block 3: checksum differs");
    assert_int_equal(e.exit_code, EXIT_FAILED);
}

static void test_errno_has_a_reason(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_errno(&e, -EACCES, "open %s", "x.wsc"), -EACCES);
    assert_string_equal(e.text, "open x.wsc: Permission denied");
}

static void test_first_exit_code_and_hint_stay(void **state)
{
    (void)state;
    struct err e = {0};
    err_exit_code(&e, EXIT_KERNEL);
    err_set(&e, -ENOENT, "no BTF");
    err_hint(&e, "use a kernel with CONFIG_DEBUG_INFO_BTF");
    err_hint(&e, "try again");
    err_exit_code(&e, EXIT_DAMAGED);
    assert_int_equal(e.exit_code, EXIT_KERNEL);
    assert_string_equal(e.hint, "use a kernel with CONFIG_DEBUG_INFO_BTF");
}

static void test_exit_code_after_the_text(void **state)
{
    (void)state;
    struct err e = {0};
    err_set(&e, -EPERM, "load probes");
    err_exit_code(&e, EXIT_PERMISSION);
    assert_int_equal(e.exit_code, EXIT_PERMISSION);
}

static void test_null_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, -1, "x"), -1);
    assert_int_equal(err_errno(NULL, -2, "x"), -2);
    err_hint(NULL, "x");
    err_exit_code(NULL, EXIT_USAGE);
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    char path[2000];
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    struct err e = {0};
    err_errno(&e, -ENOENT, "open %s", path);
    err_hint(&e, "%s", path);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    assert_int_equal(strlen(e.hint), sizeof(e.hint) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_innermost_text_wins),
        cmocka_unit_test(test_errno_has_a_reason),
        cmocka_unit_test(test_first_exit_code_and_hint_stay),
        cmocka_unit_test(test_exit_code_after_the_text),
        cmocka_unit_test(test_null_is_allowed),
        cmocka_unit_test(test_long_text_is_cut),
    };
    return cmocka_run_group_tests_name("base_err", tests, NULL, NULL);
}
