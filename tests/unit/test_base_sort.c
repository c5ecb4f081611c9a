/* Sorting what is nearly in order. */
#include "base/sort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT 1000

struct item {
    uint32_t key;
    uint16_t place; /* where it was before */
};

static unsigned compared;

static int by_key(const void *x, const void *y)
{
    const struct item *a = x, *b = y;

    compared++;
    return a->key < b->key ? -1 : a->key > b->key;
}

/* Ascending, and of equal keys the one that came first. */
static void sorted(struct item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        items[i].place = (uint16_t)i;
    compared = 0;
    sort_runs(items, count, sizeof(*items), by_key);
    for (size_t i = 1; i < count; i++) {
        assert_true(items[i - 1].key <= items[i].key);
        if (items[i - 1].key == items[i].key)
            assert_true(items[i - 1].place < items[i].place);
    }
}

/* Long ones with what is out of place by `most` places at the most; the same as sort_runs(). */
static void near_of(size_t count, uint32_t most)
{
    struct item *items = calloc(count, sizeof(*items)), *wanted = calloc(count, sizeof(*wanted));
    uint32_t next = most;

    assert_true(items && wanted);
    for (size_t i = 0; i < count; i++) {
        next = next * 1664525 + 1013904223;
        wanted[i].key = items[i].key = (uint32_t)i / 3 + (most ? (next >> 8) % most : 0);
        wanted[i].place = items[i].place = (uint16_t)i;
    }
    sort_runs(wanted, count, sizeof(*wanted), by_key);
    sort_near(items, count, sizeof(*items), by_key);
    assert_memory_equal(items, wanted, count * sizeof(*items));
    free(items);
    free(wanted);
}

static void near(void **state)
{
    (void)state;
    static const uint32_t most[] = {0, 2, 100, 5000, 30000, 1000000};
    for (size_t i = 0; i < sizeof(most) / sizeof(*most); i++) {
        near_of(1, most[i]);
        near_of(1000, most[i]);
        near_of(16384, most[i]);
        near_of(16385, most[i]);
        near_of(150000, most[i]);
    }
}

static void any_order(void **state)
{
    (void)state;
    struct item items[COUNT];
    uint32_t next = 1;
    uint64_t sum = 0, after = 0;

    for (size_t count = 0; count < 70; count++) {
        for (size_t i = 0; i < count; i++)
            items[i].key = (next = next * 1664525 + 1013904223) >> 26;
        sorted(items, count);
    }
    for (size_t i = 0; i < COUNT; i++)
        sum += items[i].key = (next = next * 1664525 + 1013904223) >> 20;
    sorted(items, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        after += items[i].key;
    assert_int_equal(after, sum);
    for (size_t i = 0; i < COUNT; i++)
        items[i].key = COUNT - (uint32_t)i;
    sorted(items, COUNT);
}

static void in_order(void **state)
{
    (void)state;
    struct item items[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        items[i].key = (uint32_t)i / 2;
    sorted(items, COUNT);
    assert_int_equal(compared, COUNT - 1);
}

/* Each element is looked at once for the runs, a few times where one begins, and once in each of
 * log2(8) rounds. */
static void a_few_runs(void **state)
{
    (void)state;
    struct item items[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        items[i].key = (uint32_t)(i % (COUNT / 8));
    sorted(items, COUNT);
    assert_true(compared <= COUNT * 4 + 8 * 16);
}

/* Each seventh is a few places too late. */
static void a_few_places(void **state)
{
    (void)state;
    struct item items[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        items[i].key = (uint32_t)(i % 7 ? i : i < 9 ? 0 : i - 9);
    sorted(items, COUNT);
    assert_true(compared <= COUNT * 3);
}

/* Those that differ by more than an int holds, and in their upper half alone. */
static void numbers(void **state)
{
    (void)state;
    uint64_t all[] = {UINT64_MAX, 1, (uint64_t)1 << 32, 0, (uint64_t)1 << 63, 1};
    static const uint64_t wanted[] = {0, 1, 1, (uint64_t)1 << 32, (uint64_t)1 << 63, UINT64_MAX};

    qsort(all, sizeof(all) / sizeof(*all), sizeof(*all), sort_order_uint64);
    assert_memory_equal(all, wanted, sizeof(all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order),  cmocka_unit_test(near),         cmocka_unit_test(in_order),
        cmocka_unit_test(a_few_runs), cmocka_unit_test(a_few_places), cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
