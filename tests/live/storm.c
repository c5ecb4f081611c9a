/*
 * storm: two threads that do nothing but wake each other, so that there are as many waits as one
 * CPU can make.
 *
 *     storm SECONDS      prints "ready PID", at every line on standard input storms for so long
 *     storm -n WAITS     the same until there were that many waits
 *
 * Each time it prints the number of waits and the nanoseconds that they took.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int there[2], back[2];

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *echo(void *unused)
{
    char byte;

    while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
        ;
    return unused;
}

static uint64_t storm(uint64_t waits, uint64_t end_ns)
{
    uint64_t done = 0;
    char byte = 'x';

    while ((!waits || done < waits) && (!end_ns || now_ns() < end_ns)) {
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            break;
        done += 2; /* one of each thread */
    }
    return done;
}

int main(int argc, char **argv)
{
    int count = argc == 3 && !strcmp(argv[1], "-n");
    uint64_t number = argc > 1 ? strtoull(argv[argc - 1], NULL, 10) : 0, begin, waits;
    pthread_t thread;
    cpu_set_t cpu;
    char line[16];

    if (!number || pipe(there) < 0 || pipe(back) < 0) {
        fprintf(stderr, "usage: storm SECONDS, or storm -n WAITS\n");
        return 2;
    }
    CPU_ZERO(&cpu);
    CPU_SET(0, &cpu);
    if (sched_setaffinity(0, sizeof(cpu), &cpu) < 0)
        perror("storm: sched_setaffinity");
    if (pthread_create(&thread, NULL, echo, NULL) != 0)
        return 1;
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        begin = now_ns();
        waits = storm(count ? number : 0, count ? 0 : begin + number * 1000000000u);
        printf("%lu waits in %lu ns\n", (unsigned long)waits, (unsigned long)(now_ns() - begin));
        fflush(stdout);
    }
    close(there[1]);
    return 0;
}
