/* How much memory is free, by files as the kernel writes them. */
#include "cmd/memory.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char root[64];

static int root_make(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/test_cmd_memory-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *s, int what, struct FTW *f)
{
    (void)s, (void)what, (void)f;
    return remove(path);
}

static int root_remove(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes a file below the root, with the folders above it. */
static void write_file(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

#define MEMINFO \
    "MemTotal:       16000000 kB\nMemFree:          100000 kB\nMemAvailable:    8000000 kB\n"

static void test_nobody_says(void **state)
{
    (void)state;
    assert_true(memory_free(root) == UINT64_MAX);
}

static void test_of_the_machine(void **state)
{
    (void)state;
    write_file("/proc/meminfo", MEMINFO);
    assert_int_equal(memory_free(root), 8000000ull * 1024);
}

static void test_of_a_cgroup_of_version_2(void **state)
{
    (void)state;
    write_file("/proc/meminfo", MEMINFO);
    write_file("/proc/self/cgroup", "0::/service/shop\n");
    write_file("/sys/fs/cgroup/service/shop/memory.max", "max\n");
    write_file("/sys/fs/cgroup/service/shop/memory.current", "300000000\n");
    assert_int_equal(memory_free(root), 8000000ull * 1024);

    write_file("/sys/fs/cgroup/service/shop/memory.max", "512000000\n");
    write_file("/sys/fs/cgroup/service/shop/memory.stat",
               "anon 200000000\nfile 100000000\ninactive_file 80000000\nactive_file 20000000\n");
    assert_int_equal(memory_free(root), 512000000 - 300000000 + 80000000);

    /* The one around it has less left. */
    write_file("/sys/fs/cgroup/service/memory.max", "1000000000\n");
    write_file("/sys/fs/cgroup/service/memory.current", "999000000\n");
    assert_int_equal(memory_free(root), 1000000);

    /* More is used than allowed: the limit was lowered. */
    write_file("/sys/fs/cgroup/service/memory.current", "1000000001\n");
    assert_int_equal(memory_free(root), 0);
}

/* The path is the host's, and only the container's own folder can be seen. */
static void test_in_a_container(void **state)
{
    (void)state;
    write_file("/proc/meminfo", MEMINFO);
    write_file("/proc/self/cgroup", "0::/docker/0123456789abcdef\n");
    write_file("/sys/fs/cgroup/memory.max", "100000000\n");
    write_file("/sys/fs/cgroup/memory.current", "40000000\n");
    assert_int_equal(memory_free(root), 60000000);
}

static void test_of_a_cgroup_of_version_1(void **state)
{
    (void)state;
    write_file("/proc/meminfo", MEMINFO);
    write_file("/proc/self/cgroup", "9:name=systemd:/\n4:memory:/a/b\n1:cpu:/\n0::/\n");
    write_file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    write_file("/sys/fs/cgroup/memory/memory.usage_in_bytes", "14000000000\n");
    assert_int_equal(memory_free(root), 8000000ull * 1024);
    write_file("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "400000000\n");
    write_file("/sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "100000000\n");
    write_file("/sys/fs/cgroup/memory/a/b/memory.stat",
               "cache 5\ninactive_file 1\ntotal_cache 50\ntotal_inactive_file 30000000\n");
    assert_int_equal(memory_free(root), 330000000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, root_make, root_remove)
    const struct CMUnitTest tests[] = {
        TEST(test_nobody_says),
        TEST(test_of_the_machine),
        TEST(test_of_a_cgroup_of_version_2),
        TEST(test_in_a_container),
        TEST(test_of_a_cgroup_of_version_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
