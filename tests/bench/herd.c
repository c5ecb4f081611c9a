/*
 * herd: many threads that block and are woken, one behind the other.
 *
 *     herd THREADS WAKES     prints "ready PID"; at every line on standard input wakes them WAKES
 *                            times in all and prints the nanoseconds that took
 *
 * Each thread waits in read() on an eventfd of its own; the first one wakes as many as there are
 * CPUs at a time and waits until they have answered.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE 8
#define THREADS_MAX 20000

static int answers, fds[THREADS_MAX];

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A tracer that attaches or lets go interrupts it (signal(7)). */
static uint64_t wait_for(int fd)
{
    uint64_t n;
    ssize_t got;

    do
        got = read(fd, &n, sizeof(n));
    while (got < 0 && errno == EINTR);
    return got == sizeof(n) ? n : 0;
}

static void *wait_and_answer(void *fd)
{
    uint64_t one = 1;

    while (wait_for((int)(intptr_t)fd))
        if (write(answers, &one, sizeof(one)) != sizeof(one))
            return NULL;
    return NULL;
}

static int wake(unsigned long threads, unsigned long wakes)
{
    unsigned long next = 0, answered = 0, sent = 0;
    uint64_t one = 1;

    while (answered < wakes) {
        for (; sent < wakes && sent < answered + AT_ONCE; sent++, next = (next + 1) % threads)
            if (write(fds[next], &one, sizeof(one)) != sizeof(one))
                return -1;
        uint64_t n = wait_for(answers);
        if (!n)
            return -1;
        answered += n;
    }
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long threads = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned long wakes = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    pthread_attr_t attr;
    pthread_t thread;
    char line[16];

    answers = eventfd(0, 0);
    if (threads < AT_ONCE || threads > THREADS_MAX || !wakes || answers < 0 ||
        pthread_attr_init(&attr) || pthread_attr_setstacksize(&attr, 65536)) {
        fprintf(stderr, "usage: herd THREADS WAKES\n");
        return 2;
    }
    for (unsigned long i = 0; i < threads; i++) {
        fds[i] = eventfd(0, 0);
        if (fds[i] < 0 ||
            pthread_create(&thread, &attr, wait_and_answer, (void *)(intptr_t)fds[i])) {
            fprintf(stderr, "herd: thread %lu cannot be made\n", i);
            return 1;
        }
    }
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        uint64_t begin = now_ns();
        if (wake(threads, wakes) < 0)
            return 1;
        printf("%llu\n", (unsigned long long)(now_ns() - begin));
        fflush(stdout);
    }
    return 0;
}
