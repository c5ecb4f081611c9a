#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_empty(void **state)
{
    (void)state;
    struct table t = TABLE_INIT;
    assert_false(table_get(&t, 0, NULL));
    assert_false(table_remove(&t, 0));
    table_release(&t);
    table_release(&t);
}

static void test_any_key(void **state)
{
    (void)state;
    /* The last one's hash is 1, as the first's is 0: these stand apart. */
    static const uint64_t keys[] = {
        0, 1, UINT64_MAX, UINT64_MAX - 1, 1ull << 63, 0x966dbfc16913c5d2};
    struct table t = TABLE_INIT;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(table_put(&t, keys[i], i), 0);
    assert_int_equal(t.used, 6);
    for (size_t i = 0; i < 6; i++) {
        uint64_t value = 99;
        assert_true(table_get(&t, keys[i], &value));
        assert_int_equal(value, i);
    }
    assert_false(table_get(&t, 2, NULL));
    for (size_t i = 0; i < 6; i++) {
        assert_true(table_remove(&t, keys[i]));
        assert_false(table_remove(&t, keys[i]));
    }
    assert_int_equal(t.used, 0);
    table_release(&t);
}

static void test_put_replaces(void **state)
{
    (void)state;
    struct table t = TABLE_INIT;
    uint64_t value;
    assert_int_equal(table_put(&t, 5, 1), 0);
    assert_int_equal(table_put(&t, 5, 2), 0);
    assert_true(table_get(&t, 5, &value));
    assert_int_equal(value, 2);
    assert_int_equal(t.used, 1);
    table_release(&t);
}

static void test_thousands(void **state)
{
    (void)state;
    struct table t = TABLE_INIT;
    for (uint64_t key = 0; key < 20000; key++)
        assert_int_equal(table_put(&t, key * 8, ~key), 0);
    for (uint64_t key = 0; key < 20000; key += 2)
        assert_true(table_remove(&t, key * 8));
    assert_int_equal(t.used, 10000);
    for (uint64_t key = 0; key < 20000; key++) {
        uint64_t value = 0;
        assert_int_equal(table_get(&t, key * 8, &value), key % 2);
        assert_true(key % 2 == 0 || value == ~key);
    }
    table_release(&t);
}

/* Descriptors come and go for hours: deleted slots must not fill the table. */
static void test_churn_does_not_grow(void **state)
{
    (void)state;
    struct table t = TABLE_INIT;
    for (uint64_t key = 0; key < 100000; key++) {
        assert_int_equal(table_put(&t, key, key), 0);
        assert_true(key < 10 || table_remove(&t, key - 10));
    }
    assert_int_equal(t.used, 10);
    assert_true(t.cap <= 64);
    table_release(&t);
}

static void test_hash_is_fnv1a(void **state)
{
    (void)state;
    assert_true(table_hash("", 0) == 0xcbf29ce484222325u);
    assert_true(table_hash("a", 1) == 0xaf63dc4c8601ec8cu);
    assert_true(table_hash("foobar", 6) == 0x85944171f73967e8u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_any_key),
        cmocka_unit_test(test_put_replaces),
        cmocka_unit_test(test_thousands),
        cmocka_unit_test(test_churn_does_not_grow),
        cmocka_unit_test(test_hash_is_fnv1a),
    };
    return cmocka_run_group_tests_name("base_table", tests, NULL, NULL);
}
