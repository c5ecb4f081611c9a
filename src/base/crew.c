#include "base/crew.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>

/* More would not find pieces. */
#define THREADS_MOST 64

struct gang {
    const struct crew *crew;
    pthread_mutex_t lock;
    pthread_cond_t turned;
    uint64_t begun, turn; /* pieces */
    int rc;
};

struct hand {
    struct gang *gang;
    void *piece;
};

/* Takes the number of the next piece; false: there is none. */
static bool hand_next(const struct hand *h, uint64_t *number)
{
    struct gang *g = h->gang;

    pthread_mutex_lock(&g->lock);
    bool some = g->rc == 0 && g->crew->next(g->crew->ctx, h->piece);
    *number = g->begun;
    g->begun += some;
    pthread_mutex_unlock(&g->lock);
    return some;
}

/* Waits for the piece's turn and hands it on, unless an earlier one failed. */
static void hand_done(const struct hand *h, uint64_t number, int rc)
{
    struct gang *g = h->gang;

    pthread_mutex_lock(&g->lock);
    while (g->turn != number)
        pthread_cond_wait(&g->turned, &g->lock);
    bool failed = g->rc < 0;
    pthread_mutex_unlock(&g->lock);
    if (rc == 0 && !failed) /* nobody else has its turn meanwhile */
        rc = g->crew->done(g->crew->ctx, h->piece);
    pthread_mutex_lock(&g->lock);
    g->rc = g->rc < 0 ? g->rc : rc;
    g->turn++;
    pthread_cond_broadcast(&g->turned);
    pthread_mutex_unlock(&g->lock);
}

static void *hand_run(void *arg)
{
    const struct hand *h = arg;
    uint64_t number;

    while (hand_next(h, &number))
        hand_done(h, number, h->gang->crew->work(h->gang->crew->ctx, h->piece));
    return NULL;
}

int crew_run(const struct crew *crew, void *pieces, unsigned count, unsigned long size)
{
    struct gang g = {.crew = crew};
    struct hand hands[THREADS_MOST];
    pthread_t threads[THREADS_MOST];
    unsigned others = 0;

    pthread_mutex_init(&g.lock, NULL);
    pthread_cond_init(&g.turned, NULL);
    count = count < THREADS_MOST ? count : THREADS_MOST;
    for (unsigned i = 0; i < THREADS_MOST; i++)
        hands[i] = (struct hand){&g, i < count ? (char *)pieces + i * size : pieces};
    /* Signals stay the caller's, who may count on the thread that they come to. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (others + 1 < count &&
           pthread_create(&threads[others], NULL, hand_run, &hands[others + 1]) == 0)
        others++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    hand_run(&hands[0]);
    for (unsigned i = 0; i < others; i++)
        pthread_join(threads[i], NULL);
    pthread_cond_destroy(&g.turned);
    pthread_mutex_destroy(&g.lock);
    return g.rc;
}

unsigned crew_threads(unsigned most)
{
    cpu_set_t set;
    int cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return cpus < 1 ? 1 : (unsigned)cpus < most ? (unsigned)cpus : most;
}
