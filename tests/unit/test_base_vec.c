#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct point {
    int x, y;
};

static void test_push_keeps_every_element(void **state)
{
    (void)state;
    VEC(struct point) points = VEC_INIT;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(vec_push(&points, ((struct point){i, -i})), 0);
    assert_int_equal(points.len, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(points.data[i].x, i);
        assert_int_equal(points.data[i].y, -i);
    }
    assert_int_equal(vec_last(&points)->x, 999);
    vec_release(&points);
    assert_null(points.data);
    assert_int_equal(points.len + points.cap, 0);
    vec_release(&points);
}

static void test_reserve_once(void **state)
{
    (void)state;
    VEC(uint64_t) numbers = VEC_INIT;
    size_t none = 0;
    assert_int_equal(vec_reserve(&numbers, none), 0);
    assert_null(numbers.data);
    assert_int_equal(vec_reserve(&numbers, 100), 0);
    assert_true(numbers.cap >= 100);
    const uint64_t *before = numbers.data;
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(vec_push(&numbers, i), 0);
    assert_ptr_equal(numbers.data, before);
    vec_release(&numbers);
}

static void test_impossible_size_changes_nothing(void **state)
{
    (void)state;
    VEC(uint64_t) numbers = VEC_INIT;
    assert_int_equal(vec_push(&numbers, 7), 0);
    size_t cap = numbers.cap;
    assert_int_equal(vec_reserve(&numbers, SIZE_MAX), -ENOMEM);
    assert_int_equal(vec_reserve(&numbers, SIZE_MAX / sizeof(uint64_t) + 1), -ENOMEM);
    assert_int_equal(numbers.cap, cap);
    assert_int_equal(numbers.data[0], 7);
    vec_release(&numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_keeps_every_element),
        cmocka_unit_test(test_reserve_once),
        cmocka_unit_test(test_impossible_size_changes_nothing),
    };
    return cmocka_run_group_tests_name("base_vec", tests, NULL, NULL);
}
