#include "base/crew.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#define PIECES 500

struct job {
    unsigned begun, done;
    unsigned fails;        /* this piece does, in its work; PIECES: none */
    unsigned fails_behind; /* this one when it is handed on */
};

struct piece {
    unsigned number, square, worked;
};

static bool job_next(void *ctx, void *p)
{
    struct job *job = ctx;
    struct piece *piece = p;
    if (job->begun == PIECES)
        return false;
    piece->number = job->begun++;
    return true;
}

static int job_work(void *ctx, void *p)
{
    const struct job *job = ctx;
    struct piece *piece = p;
    /* Some take longer than those behind them. */
    struct timespec ts = {0, piece->number % 7 == 0 ? 200000 : 0};
    nanosleep(&ts, NULL);
    piece->square = piece->number * piece->number;
    piece->worked++;
    return piece->number == job->fails ? -EIO : 0;
}

static int job_done(void *ctx, void *p)
{
    struct job *job = ctx;
    const struct piece *piece = p;
    assert_int_equal(piece->number, job->done);
    assert_int_equal(piece->square, piece->number * piece->number);
    if (piece->number == job->fails_behind)
        return -ENOSPC;
    job->done++;
    return 0;
}

static int job_run(struct job *job, unsigned threads, unsigned *worked)
{
    struct piece pieces[8] = {{0, 0, 0}};
    const struct crew crew = {job_next, job_work, job_done, job};
    int rc = crew_run(&crew, pieces, threads, sizeof(*pieces));
    *worked = 0;
    for (unsigned i = 0; i < 8; i++)
        *worked += pieces[i].worked;
    return rc;
}

static void test_in_order(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 8; threads++) {
        struct job job = {.fails = PIECES, .fails_behind = PIECES};
        unsigned worked;
        assert_int_equal(job_run(&job, threads, &worked), 0);
        assert_int_equal(job.done, PIECES);
        assert_int_equal(worked, PIECES);
    }
}

/* Those before it are handed on, none behind it is, and soon no more are begun. */
static void test_failure_ends_it(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 8; threads++) {
        struct job job = {.fails = 100, .fails_behind = PIECES};
        unsigned worked;
        assert_int_equal(job_run(&job, threads, &worked), -EIO);
        assert_int_equal(job.done, 100);
        assert_true(worked <= 100 + threads);
        job = (struct job){.fails = PIECES, .fails_behind = 100};
        assert_int_equal(job_run(&job, threads, &worked), -ENOSPC);
        assert_int_equal(job.done, 100);
        assert_true(worked <= 100 + threads);
    }
}

static void test_threads(void **state)
{
    (void)state;
    assert_int_equal(crew_threads(1), 1);
    assert_true(crew_threads(1000) >= 1);
    assert_true(crew_threads(4) <= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_failure_ends_it),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("base_crew", tests, NULL, NULL);
}
