/*
 * pool: a fixed crew of waiters.
 *
 * Eight waiters (--workers N) stand at the door together; each takes a guest, stands at the kitchen
 * for that guest's food, and comes back to the door. The ninth guest waits for a waiter, not for
 * the kitchen: with requests that wait 20 ms, 8 threads serve 8 / 0.020 s = 400 requests a second
 * and not one more, however idle the processor is.
 */
#include "common.h"

#include <stdio.h>
#include <string.h>

static struct server server;

static void *waiter(void *unused)
{
    (void)unused;
    for (;;) {
        int client = server_accept(&server);

        if (client >= 0)
            server_serve(&server, client);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    server_start(&server, "pool", SERVER_HAS_WORKERS, argc, argv);
    for (unsigned int i = 1; i < server.workers; i++) {
        int error = thread_start(waiter, NULL);

        if (error) {
            fprintf(stderr, "pool: cannot start a thread: %s\n", strerror(-error));
            server_stop(1);
        }
    }
    waiter(NULL); /* the first thread is a waiter, too */
}
