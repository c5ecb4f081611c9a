/*
 * blocking: one waiter, one guest at a time.
 *
 * The waiter takes an order, stands at the kitchen until the food is ready, brings it, and stays at
 * the table until the guest leaves. Only then does the next guest get a waiter. The wait of one is
 * the wait of all: requests stand in the accept queue while the only thread is blocked.
 */
#include "common.h"

int main(int argc, char **argv)
{
    struct server server;

    server_start(&server, "blocking", SERVER_PLAIN, argc, argv);
    for (;;) {
        int client = server_accept(&server);

        if (client >= 0)
            server_serve(&server, client);
    }
}
