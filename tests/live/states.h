/*
 * What the kinds of wait in states_*.h share: a room for one thread, the clock around the call,
 * and a helper that ends the wait when it is time.
 */
#ifndef TESTS_LIVE_STATES_H
#define TESTS_LIVE_STATES_H

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

struct room {
    const struct kind *kind;
    unsigned ms;
    pthread_t self;
    int tid, error, other; /* other: what the helper's hand is on */
    void (*release)(struct room *r);
    uint32_t word;
    uint64_t begin_ns, end_ns;
    char object[200];
};

struct kind {
    const char *name;
    void (*run)(struct room *r);
};

static inline uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void sleep_ms(unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

/* The result, or the end of the thread with the error noted. */
static inline long must(struct room *r, long result)
{
    if (result < 0) {
        r->error = errno;
        pthread_exit(NULL);
    }
    return result;
}

/* The wait itself. `allowed` is the error that it may end with. */
#define WAITS(r, call, allowed)               \
    do {                                      \
        (r)->begin_ns = now_ns();             \
        long waited_ = (long)(call);          \
        int error_ = waited_ < 0 ? errno : 0; \
        (r)->end_ns = now_ns();               \
        if (error_ && error_ != (allowed))    \
            (r)->error = error_;              \
    } while (0)

static inline void *helper(void *argument)
{
    struct room *r = argument;

    prctl(PR_SET_NAME, "helper");
    sleep_ms(r->ms);
    r->release(r);
    return NULL;
}

/* Calls `release` after the room's time, in a thread of its own. */
static inline void later(struct room *r, void (*release)(struct room *r))
{
    pthread_t thread;

    r->release = release;
    if (pthread_create(&thread, NULL, helper, r) != 0) {
        errno = EAGAIN;
        must(r, -1);
    }
    pthread_detach(thread);
}

static inline void poke(struct room *r)
{
    if (write(r->other, "x\n", 2) < 0)
        r->error = errno;
}

#endif
