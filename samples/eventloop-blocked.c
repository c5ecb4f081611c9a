/*
 * eventloop-blocked: one waiter for everybody, who stands at the kitchen.
 *
 * The classic mistake. The loop is the same as in eventloop.c, but the handlers block: the thread
 * that all guests share waits in recv, in read, in nanosleep, in a mutex. While it stands there
 * for one guest nobody is served, and every request whose event is ready meanwhile is a victim.
 * One such call, in a library perhaps, makes a non-blocking server a blocking one.
 */
#include "loop.h"

static struct loop loop;

static void start(struct client *client)
{
    server_handle(&loop.server, &client->request, &client->truth, &client->reply); /* blocks */
    client_reply(client);
}

int main(int argc, char **argv)
{
    server_start(&loop.server, "eventloop-blocked", SERVER_PLAIN, argc, argv);
    loop_init(&loop, start);
    for (;;)
        loop_turn(loop.epoll);
}
