/* What is beyond the limit lies in a file that nobody sees, and is memory like any other. */
#include "base/bulk.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MEGABYTE ((size_t)1 << 20)

/* On a disk, and empty. */
static char dir[64];

static int folder_make(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/var/tmp/test_base_bulk-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int folder_remove(void **state)
{
    (void)state;
    return rmdir(dir); /* fails when something is left in it */
}

static void test_without_a_limit_all_is_in_ram(void **state)
{
    (void)state;
    unsigned char *piece = bulk_new(3 * MEGABYTE);
    assert_non_null(piece);
    for (size_t i = 0; i < 3 * MEGABYTE; i += 4096)
        assert_int_equal(piece[i], 0);
    assert_int_equal(bulk_in_file(), 0);
    bulk_free(piece);
    bulk_free(NULL);
    assert_null(bulk_new(SIZE_MAX));
    assert_null(bulk_new(SIZE_MAX - 4096));
}

static void test_what_is_beyond_the_limit_is_in_the_file(void **state)
{
    (void)state;
    assert_int_equal(bulk_limit(4 * MEGABYTE, dir), 0);
    unsigned char *in_ram = bulk_new(3 * MEGABYTE), *beyond = bulk_new(3 * MEGABYTE);
    assert_non_null(in_ram);
    assert_non_null(beyond);
    assert_in_range(bulk_in_file(), 3 * MEGABYTE, 4 * MEGABYTE);
    for (size_t i = 0; i < 3 * MEGABYTE; i++)
        assert_int_equal(beyond[i], 0);
    memset(beyond, 7, 3 * MEGABYTE);
    bulk_free(in_ram);

    /* It moves to where there is room now. */
    beyond = bulk_resize(beyond, 3 * MEGABYTE + 5);
    assert_non_null(beyond);
    assert_int_equal(bulk_in_file(), 0);
    assert_int_equal(beyond[3 * MEGABYTE - 1], 7);
    assert_int_equal(beyond[3 * MEGABYTE + 4], 0);

    /* And back. */
    beyond = bulk_resize(beyond, 40 * MEGABYTE);
    assert_non_null(beyond);
    assert_in_range(bulk_in_file(), 40 * MEGABYTE, 41 * MEGABYTE);
    assert_int_equal(beyond[3 * MEGABYTE - 1], 7);
    assert_int_equal(beyond[3 * MEGABYTE], 0);
    beyond[40 * MEGABYTE - 1] = 9;
    beyond = bulk_resize(beyond, 2 * MEGABYTE);
    assert_non_null(beyond);
    assert_int_equal(beyond[2 * MEGABYTE - 1], 7);
    bulk_free(beyond);
    assert_int_equal(bulk_in_file(), 0);
    assert_in_range(bulk_in_file_most(), 40 * MEGABYTE, 50 * MEGABYTE);
}

static void test_an_array_keeps_its_elements_in_the_file(void **state)
{
    (void)state;
    VEC(uint64_t) numbers = VEC_INIT;
    const uint64_t count = 3000000;

    assert_int_equal(bulk_limit(0, dir), 0);
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(vec_push(&numbers, i * i), 0);
    assert_in_range(bulk_in_file(), count * 8, 3 * count * 8);
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(numbers.data[i], i * i);

    /* What is forgotten takes its neighbours along by no byte. */
    vec_forget(&numbers, 0, 1000001);
    vec_forget(&numbers, 1000001, 2000003);
    for (uint64_t i = 2000003; i < count; i++)
        assert_int_equal(numbers.data[i], i * i);
    vec_release(&numbers);
    assert_int_equal(bulk_in_file(), 0);
}

static void test_what_is_forgotten_leaves_the_rest_in_ram_too(void **state)
{
    (void)state;
    VEC(uint32_t) numbers = VEC_INIT;

    assert_int_equal(bulk_limit(UINT64_MAX, dir), 0);
    for (uint32_t i = 0; i < 1000000; i++)
        assert_int_equal(vec_push(&numbers, i), 0);
    assert_int_equal(bulk_in_file(), 0);
    vec_forget(&numbers, 0, 3);
    assert_int_equal(numbers.data[3], 3);
    vec_forget(&numbers, 3, 999999);
    assert_int_equal(numbers.data[999999], 999999);
    vec_release(&numbers);
}

static void test_the_first_file_serves_for_all(void **state)
{
    (void)state;
    /* The file is there already: another folder changes nothing. */
    assert_int_equal(bulk_limit(0, "/nowhere"), 0);
    struct dirent *entry;
    DIR *d = opendir(dir);
    assert_non_null(d);
    while ((entry = readdir(d)))
        assert_int_equal(entry->d_name[0], '.');
    closedir(d);
}

static void test_no_folder_no_limit(void **state)
{
    (void)state;
    assert_int_equal(bulk_limit(0, "/nowhere"), -ENOENT);
    assert_int_equal(bulk_limit(0, "/dev/shm"), -EOPNOTSUPP); /* a file there is in RAM */
    void *piece = bulk_new(MEGABYTE);
    assert_non_null(piece);
    assert_int_equal(bulk_in_file(), 0);
    bulk_free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_limit_all_is_in_ram),
        cmocka_unit_test(test_no_folder_no_limit),
        cmocka_unit_test(test_what_is_beyond_the_limit_is_in_the_file),
        cmocka_unit_test(test_an_array_keeps_its_elements_in_the_file),
        cmocka_unit_test(test_what_is_forgotten_leaves_the_rest_in_ram_too),
        cmocka_unit_test(test_the_first_file_serves_for_all),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
