/*
 * storm: two threads that do nothing but wake each other, so that there are as many waits as one
 * CPU can make.
 *
 *     storm SECONDS           prints "ready PID", at every line on standard input storms for so
 * long storm -n WAITS          the same until there were that many waits storm -c CPUS -r RATE … on
 * so many CPUs, two threads on each, RATE waits a second in all
 *
 * Each time it prints the number of waits and the nanoseconds that they took. What it rests between
 * to keep a rate are waits too, and not counted: one for each BATCH.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CPUS_MAX 64
#define BATCH 100

struct pair {
    int cpu, there[2], back[2];
    uint64_t waits, end_ns, batch_ns; /* 0: no bound; no rate */
    uint64_t done;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) < 0)
        perror("storm: sched_setaffinity");
}

static void *echo(void *arg)
{
    struct pair *p = arg;
    char byte;

    stay_on(p->cpu);
    while (read(p->there[0], &byte, 1) == 1 && write(p->back[1], &byte, 1) == 1)
        ;
    return NULL;
}

static void rest_until(uint64_t ns)
{
    const struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void *storm(void *arg)
{
    struct pair *p = arg;
    uint64_t next = now_ns();
    char byte = 'x';

    stay_on(p->cpu);
    for (p->done = 0; (!p->waits || p->done < p->waits) && (!p->end_ns || now_ns() < p->end_ns);) {
        if (write(p->there[1], &byte, 1) != 1 || read(p->back[0], &byte, 1) != 1)
            break;
        p->done += 2; /* one of each thread */
        if (p->batch_ns && p->done % BATCH == 0)
            rest_until(next += p->batch_ns);
    }
    return NULL;
}

static void storm_all(struct pair *pairs, int cpus, uint64_t waits, uint64_t end_ns)
{
    pthread_t threads[CPUS_MAX];

    for (int i = 0; i < cpus; i++) {
        pairs[i].waits = waits / (uint64_t)cpus;
        pairs[i].end_ns = end_ns;
        if (pthread_create(&threads[i], NULL, storm, &pairs[i]) != 0)
            exit(1);
    }
    for (int i = 0; i < cpus; i++)
        pthread_join(threads[i], NULL);
}

static int make_pairs(struct pair *pairs, int cpus, uint64_t rate)
{
    pthread_t thread;

    for (int i = 0; i < cpus; i++) {
        pairs[i].cpu = i;
        if (rate)
            pairs[i].batch_ns = (uint64_t)1000000000u * BATCH * (uint64_t)cpus / rate;
        if (pipe(pairs[i].there) < 0 || pipe(pairs[i].back) < 0 ||
            pthread_create(&thread, NULL, echo, &pairs[i]) != 0)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct pair pairs[CPUS_MAX];
    uint64_t number = 0, rate = 0, waits = 0, begin;
    int count = 0, cpus = 1, option;
    char line[16];

    while ((option = getopt(argc, argv, "nc:r:")) != -1) {
        if (option == 'n')
            count = 1;
        else if (option == 'c')
            cpus = atoi(optarg);
        else if (option == 'r')
            rate = strtoull(optarg, NULL, 10);
    }
    if (optind == argc - 1)
        number = strtoull(argv[optind], NULL, 10);
    if (!number || cpus < 1 || cpus > CPUS_MAX || make_pairs(pairs, cpus, rate) < 0) {
        fprintf(stderr, "usage: storm [-c CPUS] [-r RATE] SECONDS, or -n WAITS\n");
        return 2;
    }
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        begin = now_ns();
        storm_all(pairs, cpus, count ? number : 0, count ? 0 : begin + number * 1000000000u);
        waits = 0;
        for (int i = 0; i < cpus; i++)
            waits += pairs[i].done;
        printf("%lu waits in %lu ns\n", (unsigned long)waits, (unsigned long)(now_ns() - begin));
        fflush(stdout);
    }
    return 0;
}
