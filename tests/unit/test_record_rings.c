/* The CPUs' rings are read in order of time, once, and never beside the records. */
#include "record/rings.h"

#include "bpf/events.h"
#include "bpf/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE 4096u
#define CPUS 3
#define SEEN_MAX 1024

/* What the probes do, on a map that is a file in memory. */
struct made {
    struct rings *rings;
    unsigned char *map;
    size_t size;
    int fd;
    uint64_t seen[SEEN_MAX];
    size_t count;
    size_t fail_at; /* take() fails then; 0: never */
};

static struct cpu_ring *ring_of(struct made *m, int cpu)
{
    return (struct cpu_ring *)(void *)(m->map + (size_t)cpu * rings_value_size(SIZE));
}

static void put(struct made *m, int cpu, uint64_t time_ns, uint16_t size)
{
    struct cpu_ring *r = ring_of(m, cpu);
    unsigned char *at = (unsigned char *)r + sizeof(*r) + (r->head & (SIZE - 1));
    const struct event ev = {EVENT_RECV, size, 1, time_ns};
    assert_true(r->head + size - r->tail < SIZE);
    memcpy(at, &ev, sizeof(ev));
    r->head += size;
}

static int setup(void **state)
{
    static struct made m;
    m = (struct made){.size = rings_value_size(SIZE) * CPUS};
    m.fd = memfd_create("rings", 0);
    assert_true(m.fd >= 0 && ftruncate(m.fd, (off_t)m.size) == 0);
    m.map = mmap(NULL, m.size, PROT_READ | PROT_WRITE, MAP_SHARED, m.fd, 0);
    assert_true(m.map != MAP_FAILED);
    assert_int_equal(rings_new(&m.rings, m.fd, CPUS, SIZE), 0);
    *state = &m;
    return 0;
}

static int teardown(void **state)
{
    struct made *m = *state;
    rings_free(m->rings);
    munmap(m->map, m->size);
    close(m->fd);
    return 0;
}

static int take(void *ctx, const struct event *ev)
{
    struct made *m = ctx;
    assert_true(m->count < SEEN_MAX);
    if (m->fail_at && m->count + 1 == m->fail_at)
        return -5;
    m->seen[m->count++] = ev->time_ns;
    return 0;
}

static void assert_seen(struct made *m, size_t count, const uint64_t *times)
{
    assert_int_equal(m->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(m->seen[i], times[i]);
    m->count = 0;
}

static void test_order_of_time(void **state)
{
    struct made *m = *state;
    put(m, 0, 10, 40);
    put(m, 0, 40, 40);
    put(m, 2, 20, 56);
    put(m, 2, 30, 200);
    put(m, 2, 50, 16);
    rings_begin(m->rings);
    put(m, 1, 5, 40); /* comes too late for this time */
    assert_int_equal(rings_take(m->rings, 29, take, m), 0);
    assert_seen(m, 2, (const uint64_t[]){10, 20});
    assert_int_equal(rings_take(m->rings, UINT64_MAX, take, m), 0);
    assert_seen(m, 3, (const uint64_t[]){30, 40, 50});
    assert_int_equal(rings_end(m->rings), 6); /* 272 bytes of 4,096 */
    rings_begin(m->rings);
    assert_int_equal(rings_take(m->rings, UINT64_MAX, take, m), 0);
    assert_seen(m, 1, (const uint64_t[]){5});
    rings_end(m->rings);
    rings_begin(m->rings);
    assert_int_equal(rings_take(m->rings, UINT64_MAX, take, m), 0);
    assert_int_equal(m->count, 0);
    rings_end(m->rings);
}

/* A hundred rounds of the ring: records begin anywhere in it, and end behind its end. */
static void test_round_and_round(void **state)
{
    struct made *m = *state;
    uint64_t time_ns = 1;
    for (int i = 0; i < 1000; i++) {
        uint64_t first = time_ns;
        for (int k = 0; k < 6; k++, time_ns++)
            put(m, k % CPUS, time_ns, (uint16_t)(16 + 8 * ((i + k) % 31)));
        rings_begin(m->rings);
        assert_int_equal(rings_take(m->rings, UINT64_MAX, take, m), 0);
        rings_end(m->rings);
        assert_seen(
            m, 6, (const uint64_t[]){first, first + 1, first + 2, first + 3, first + 4, first + 5});
    }
    assert_true(ring_of(m, 0)->head > 50 * SIZE);
    assert_int_equal(ring_of(m, 0)->head, ring_of(m, 0)->tail);
}

/* Who cannot go on has what it did not take the next time. */
static void test_a_failure_ends_it(void **state)
{
    struct made *m = *state;
    for (uint64_t i = 1; i <= 4; i++)
        put(m, (int)(i % CPUS), i, 40);
    m->fail_at = 3;
    rings_begin(m->rings);
    assert_int_equal(rings_take(m->rings, UINT64_MAX, take, m), -5);
    rings_end(m->rings);
    assert_seen(m, 2, (const uint64_t[]){1, 2});
    m->fail_at = 0;
    rings_begin(m->rings);
    assert_int_equal(rings_take(m->rings, UINT64_MAX, take, m), 0);
    rings_end(m->rings);
    assert_seen(m, 2, (const uint64_t[]){3, 4});
}

static void test_nonsense(void **state)
{
    static const uint16_t sizes[] = {0, 8, 17, 48, RING_RECORD_MAX + 8, UINT16_MAX};
    struct made *m = *state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct cpu_ring *r = ring_of(m, 0);
        put(m, 0, 1, 40);
        put(m, 1, 2, 40);
        struct event *ev = (struct event *)(void *)((unsigned char *)r + sizeof(*r) +
                                                    ((r->head - 40) & (SIZE - 1)));
        ev->size = sizes[i];
        rings_begin(m->rings);
        assert_int_equal(rings_take(m->rings, UINT64_MAX, take, m), 0);
        rings_end(m->rings);
        assert_seen(m, 1, (const uint64_t[]){2});
    }
    ring_of(m, 2)->head = UINT64_MAX / 2;
    rings_begin(m->rings);
    assert_int_equal(rings_take(m->rings, UINT64_MAX, take, m), 0);
    rings_end(m->rings);
    assert_int_equal(m->count, 0);
}

static void test_sizes(void **state)
{
    (void)state;
    for (int cpus = 1; cpus <= 1024; cpus++) {
        size_t size = rings_size(cpus);
        assert_int_equal(size & (size - 1), 0);
        assert_in_range(size, 256u << 10, 4u << 20);
        assert_true(size == 256u << 10 || size * (size_t)cpus <= 16u << 20);
    }
    assert_int_equal(rings_value_size(SIZE) % 8, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order_of_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_and_round, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_failure_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
