/*
 * threads: a waiter for every guest.
 *
 * Whoever comes in gets a waiter of their own, who stands at the kitchen whenever the guest's food
 * is cooked. Nobody queues for a waiter, but a hundred guests are a hundred waiters, nearly all of
 * whom stand and wait: each holds a stack and a place in the scheduler's lists.
 */
#include "common.h"

#include <stdlib.h>
#include <unistd.h>

#define STACK_SIZE (128 * 1024)

static struct server server;

static void *waiter(void *client)
{
    server_serve(&server, (int)(intptr_t)client);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_attr_t attributes;

    server_start(&server, "threads", SERVER_PLAIN, argc, argv);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    for (;;) {
        int client = server_accept(&server);
        pthread_t thread;

        if (client >= 0 && pthread_create(&thread, &attributes, waiter, (void *)(intptr_t)client))
            close(client); /* no waiter to be had: the guest is sent away */
    }
}
