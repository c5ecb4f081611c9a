/* Waits for several objects or for none: poll and its like, locks, clocks, children, signals. */
#ifndef TESTS_LIVE_STATES_REST_H
#define TESTS_LIVE_STATES_REST_H

#include "tests/live/states_io.h"

#include <linux/futex.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

/* ---- poll, select, epoll ---- */

static int polled_pipe(struct room *r)
{
    int ends[2];

    open_pipe(r, ends);
    r->other = ends[1];
    later(r, poke);
    return ends[0];
}

static void poll_one(struct room *r)
{
    struct pollfd one = {.fd = polled_pipe(r), .events = POLLIN};

    WAITS(r, poll(&one, 1, 10000), 0);
}

static void ppoll_one(struct room *r)
{
    struct pollfd one = {.fd = polled_pipe(r), .events = POLLIN};

    WAITS(r, ppoll(&one, 1, NULL, NULL), 0);
}

static void poll_two(struct room *r)
{
    int fd = polled_pipe(r);
    struct pollfd two[] = {{.fd = fd, .events = POLLIN}, {.fd = r->other, .events = 0}};

    r->object[0] = '\0';
    WAITS(r, poll(two, 2, 10000), 0);
}

static void poll_none(struct room *r)
{
    WAITS(r, poll(NULL, 0, (int)r->ms), 0);
}

static void select_one(struct room *r)
{
    int fd = polled_pipe(r);
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    WAITS(r, select(fd + 1, &set, NULL, NULL, NULL), 0);
}

static void select_old(struct room *r) /* not the one that the C library uses */
{
    int fd = polled_pipe(r);
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
#ifdef SYS_select
    WAITS(r, syscall(SYS_select, fd + 1, &set, NULL, NULL, NULL), 0);
#else
    WAITS(r, select(fd + 1, &set, NULL, NULL, NULL), 0);
#endif
}

static void select_two(struct room *r)
{
    int fd = polled_pipe(r);
    fd_set in, bad;

    FD_ZERO(&in);
    FD_ZERO(&bad);
    FD_SET(fd, &in);
    FD_SET(r->other, &bad);
    r->object[0] = '\0';
    WAITS(r, select((fd > r->other ? fd : r->other) + 1, &in, NULL, &bad, NULL), 0);
}

static void select_none(struct room *r)
{
    struct timeval t = {.tv_sec = r->ms / 1000, .tv_usec = r->ms % 1000 * 1000};

    WAITS(r, select(0, NULL, NULL, NULL, &t), 0);
}

static int epoll_on_pipe(struct room *r)
{
    int epoll = (int)must(r, epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN};

    must(r, epoll_ctl(epoll, EPOLL_CTL_ADD, polled_pipe(r), &event));
    snprintf(r->object, sizeof(r->object), "epoll");
    return epoll;
}

static void epoll_old(struct room *r)
{
    int epoll = epoll_on_pipe(r);
    struct epoll_event event;

    WAITS(r, epoll_wait(epoll, &event, 1, -1), 0);
}

static void epoll_signals(struct room *r)
{
    int epoll = epoll_on_pipe(r);
    struct epoll_event event;
    sigset_t none;

    sigemptyset(&none);
    WAITS(r, epoll_pwait(epoll, &event, 1, -1, &none), 0);
}

static void epoll_new(struct room *r)
{
    int epoll = epoll_on_pipe(r);
    struct epoll_event event;

    WAITS(r, syscall(SYS_epoll_pwait2, epoll, &event, 1, NULL, NULL, 0), 0);
}

/* Waits for a completion that nobody ordered, until the time is over. */
static void uring_enter(struct room *r)
{
    struct io_uring_params params = {0};
    struct __kernel_timespec t = {.tv_sec = r->ms / 1000, .tv_nsec = r->ms % 1000 * 1000000L};
    struct io_uring_getevents_arg until = {.ts = (uint64_t)(uintptr_t)&t};
    int fd = (int)must(r, syscall(SYS_io_uring_setup, 2, &params));

    snprintf(r->object, sizeof(r->object), "io_uring");
    WAITS(r,
          syscall(SYS_io_uring_enter, fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                  &until, sizeof(until)),
          ETIME);
}

/* ---- locks ---- */

static void wake(struct room *r)
{
    __atomic_store_n(&r->word, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &r->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void futex_wait(struct room *r)
{
    snprintf(r->object, sizeof(r->object), "futex");
    later(r, wake);
    WAITS(r, syscall(SYS_futex, &r->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), 0);
}

static void condition(struct room *r)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    struct timespec until;

    snprintf(r->object, sizeof(r->object), "futex");
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += r->ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&mutex);
    WAITS(r, pthread_cond_timedwait(&never, &mutex, &until) == ETIMEDOUT ? 0 : -1, 0);
    pthread_mutex_unlock(&mutex);
}

/* ---- clocks, children, signals ---- */

static void sleep_old(struct room *r)
{
    struct timespec t = {.tv_sec = r->ms / 1000, .tv_nsec = r->ms % 1000 * 1000000L};

    WAITS(r, syscall(SYS_nanosleep, &t, NULL), 0);
}

static void sleep_new(struct room *r)
{
    struct timespec t = {.tv_sec = r->ms / 1000, .tv_nsec = r->ms % 1000 * 1000000L};

    WAITS(r, clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL), 0);
}

static pid_t child(struct room *r)
{
    pid_t pid = (pid_t)must(r, fork());

    if (pid == 0) {
        prctl(PR_SET_NAME, "child");
        sleep_ms(r->ms);
        _exit(0);
    }
    return pid;
}

static void wait_pid(struct room *r)
{
    pid_t pid = child(r);

    WAITS(r, waitpid(pid, NULL, 0), 0);
}

static void wait_id(struct room *r)
{
    siginfo_t info;
    pid_t pid = child(r);

    WAITS(r, waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
}

static void wait_vfork(struct room *r)
{
    unsigned ms = r->ms;
    pid_t pid;

    r->begin_ns = now_ns();
    pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): it is what is tested */
    if (pid == 0) {
        sleep_ms(ms);
        _exit(0);
    }
    r->end_ns = now_ns();
    must(r, pid);
    waitpid(pid, NULL, 0);
}

static void on_signal(int number)
{
    (void)number;
}

static void send_signal(struct room *r)
{
    pthread_kill(r->self, SIGUSR1);
}

static void until_signal(struct room *r)
{
    struct sigaction action = {.sa_handler = on_signal};

    must(r, sigaction(SIGUSR1, &action, NULL));
    later(r, send_signal);
}

static void wait_pause(struct room *r)
{
    until_signal(r);
#ifdef SYS_pause
    WAITS(r, syscall(SYS_pause), EINTR);
#else
    WAITS(r, pause(), EINTR);
#endif
}

static void suspend(struct room *r)
{
    sigset_t none;

    sigemptyset(&none);
    until_signal(r);
    WAITS(r, sigsuspend(&none), EINTR);
}

static void semaphore_up(struct room *r)
{
    struct sembuf up = {.sem_op = 1};

    semop(r->other, &up, 1);
}

static void semaphore(struct room *r)
{
    struct sembuf down = {.sem_op = -1};

    r->other = (int)must(r, semget(IPC_PRIVATE, 1, 0600));
    later(r, semaphore_up);
    WAITS(r, semop(r->other, &down, 1), 0);
    semctl(r->other, 0, IPC_RMID);
}

/* No wait: the thread computes. */
static void compute(struct room *r)
{
    r->begin_ns = now_ns();
    while (now_ns() - r->begin_ns < r->ms * 1000000ull)
        ;
    r->end_ns = now_ns();
}

#endif
