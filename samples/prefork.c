/*
 * prefork: a crew of waiters who share nothing but the door.
 *
 * The same as a pool, with processes (--workers N) in place of threads: each is forked before the
 * first guest comes, and accepts by itself. If one falls over, the others' memory is safe. The
 * ninth guest waits all the same.
 */
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct server server;
static pid_t waiters[1000];

static void waiter(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* no waiter stays in a house without a keeper */
    if (getppid() != parent)
        server_stop(0);
    memory_settle();
    for (;;) {
        int client = server_accept(&server);

        if (client >= 0)
            server_serve(&server, client);
    }
}

static void close_house(int status)
{
    for (unsigned int i = 0; i < server.workers; i++)
        if (waiters[i] > 0)
            kill(waiters[i], SIGTERM);
    while (wait(NULL) > 0 || errno == EINTR)
        ;
    server_stop(status);
}

int main(int argc, char **argv)
{
    pid_t parent = getpid();
    sigset_t wanted, before;
    int came;

    server_start(&server, "prefork", SERVER_HAS_WORKERS, argc, argv);
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGCHLD);
    sigprocmask(SIG_BLOCK, &wanted, &before);
    for (unsigned int i = 0; i < server.workers; i++) {
        waiters[i] = fork();
        if (waiters[i] == 0) {
            sigprocmask(SIG_SETMASK, &before, NULL);
            waiter(parent);
        }
        if (waiters[i] < 0) {
            fprintf(stderr, "prefork: cannot fork: %s\n", strerror(errno));
            close_house(1);
        }
    }
    sigwait(&wanted, &came);
    if (came == SIGCHLD)
        fprintf(stderr, "prefork: a worker ended\n");
    close_house(came == SIGCHLD);
}
