/*
 * threads: a waiter for every guest.
 *
 * Whoever comes in gets a waiter of their own, who stands at the kitchen whenever the guest's food
 * is cooked. Nobody queues for a waiter, but a hundred guests are a hundred waiters, nearly all of
 * whom stand and wait: each holds a stack and a place in the scheduler's lists.
 */
#include "common.h"

#include <unistd.h>

static struct server server;

static void *waiter(void *client)
{
    server_serve(&server, (int)(intptr_t)client);
    return NULL;
}

int main(int argc, char **argv)
{
    server_start(&server, "threads", SERVER_PLAIN, argc, argv);
    for (;;) {
        int client = server_accept(&server);

        if (client >= 0 && thread_start(waiter, (void *)(intptr_t)client) != 0)
            close(client); /* no waiter to be had: the guest is sent away */
    }
}
