/*
 * eventloop: one waiter for everybody.
 *
 * The waiter hands an order to the kitchen and serves other tables until the kitchen rings: one
 * thread, which waits in epoll_wait and nowhere else. Each handler starts something, names the
 * function that goes on when it is ready, and returns:
 *
 *     /db      a non-blocking connection: connect → writable → ask → readable → answer
 *     /sleep   a timerfd
 *     /lock    a list of those who want the lock; who holds it sleeps on a timerfd
 *     /file    a regular file is always "ready" for epoll, and the read blocks all the same. So
 *              epoll has no answer here; io_uring has: it reads, and rings an eventfd
 *     /compute has nothing to wait for. The waiter cooks, and all other tables wait
 */
#include "loop.h"
#include "uring.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/eventfd.h>

static struct loop loop;

static struct client *side_client(struct watch *side)
{
    return (struct client *)((char *)side - offsetof(struct client, side));
}

/* The waiter leaves the table; `ready` comes back to it when the side's descriptor is ready. */
static void client_await(struct client *client, uint32_t events, void (*ready)(struct watch *))
{
    client->side.ready = ready;
    watch_arm(loop.epoll, &client->side, events);
    truth_pause(&client->truth);
}

/* ---- /db ---- */

static void db_end(struct client *client)
{
    TIMED(client->truth.blocked_ns, (watch_close(&client->side), 0));
    client_reply(client);
}

static void db_fail(struct client *client, int error)
{
    reply_set(&client->reply, 502, "cannot ask the backend: %s\n", strerror(error));
    db_end(client);
}

static void db_answer(struct watch *side)
{
    struct client *client = side_client(side);
    size_t len = strlen(client->block); /* what came so far */
    ssize_t got;

    truth_resume(&client->truth, &client->truth.awaiting_ns);
    got = TIMED(client->truth.blocked_ns, recv(side->fd, client->block + len, 63 - len, 0));
    if (got <= 0) {
        db_fail(client, got < 0 ? errno : ECONNRESET);
        return;
    }
    client->block[len + (size_t)got] = '\0';
    if (!strchr(client->block, '\n') && len + (size_t)got < 63) {
        client_await(client, EPOLLIN, db_answer);
        return;
    }
    reply_set(&client->reply, 200, "db: %s", client->block);
    db_end(client);
}

static void db_ask(struct watch *side)
{
    struct client *client = side_client(side);
    char text[64];
    size_t len =
        (size_t)snprintf(text, sizeof(text), "%lu %lu\n", client->request.ms, client->request.id);

    truth_resume(&client->truth, &client->truth.awaiting_ns);
    if (TIMED(client->truth.blocked_ns, send(side->fd, text, len, MSG_NOSIGNAL)) != (ssize_t)len) {
        db_fail(client, errno); /* ECONNREFUSED, if the connect failed */
        return;
    }
    client->block[0] = '\0';
    client_await(client, EPOLLIN, db_answer);
}

static void db_start(struct client *client)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(loop.server.backend_port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    client->side.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->side.fd < 0)
        db_fail(client, errno);
    else if (TIMED(client->truth.blocked_ns,
                   connect(client->side.fd, (const void *)&address, sizeof(address))) != 0 &&
             errno != EINPROGRESS)
        db_fail(client, errno);
    else
        client_await(client, EPOLLOUT, db_ask);
}

/* ---- /sleep and /lock ---- */

static bool timer_await(struct client *client, void (*ready)(struct watch *))
{
    client->side.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (client->side.fd < 0) {
        reply_set(&client->reply, 500, "no timer: %s\n", strerror(errno));
        return false;
    }
    timer_set(client->side.fd, clock_now_ns() + client->request.ms * NS_PER_MS);
    client_await(client, EPOLLIN, ready);
    return true;
}

static void sleep_end(struct watch *side)
{
    struct client *client = side_client(side);

    truth_resume(&client->truth, &client->truth.awaiting_ns);
    watch_close(side);
    reply_set(&client->reply, 200, "sleep %lu: %lu ms\n", client->request.id, client->request.ms);
    client_reply(client);
}

static void sleep_start(struct client *client)
{
    if (!timer_await(client, sleep_end))
        client_reply(client);
}

/* The first in this list holds the lock; the others want it. */
static struct client *lock_first, *lock_last;

static void lock_take(struct client *client);

static void lock_leave(struct client *client)
{
    lock_first = client->next;
    if (lock_first) {
        truth_resume(&lock_first->truth, &lock_first->truth.awaiting_ns);
        lock_take(lock_first);
    }
    client_reply(client);
}

static void lock_end(struct watch *side)
{
    struct client *client = side_client(side);

    truth_resume(&client->truth, &client->truth.awaiting_ns);
    watch_close(side);
    reply_set(&client->reply, 200, "lock %lu: held %lu ms\n", client->request.id,
              client->request.ms);
    lock_leave(client);
}

static void lock_take(struct client *client)
{
    if (!timer_await(client, lock_end))
        lock_leave(client);
}

static void lock_start(struct client *client)
{
    client->next = NULL;
    if (!lock_first) {
        lock_first = lock_last = client;
        lock_take(client);
        return;
    }
    lock_last->next = client;
    lock_last = client;
    truth_pause(&client->truth); /* whoever leaves the lock goes on with us */
}

/* ---- /file ---- */

static struct uring ring;
static struct watch bell;
static int ring_error;
static int file;

static void file_end(struct watch *watch)
{
    uint64_t rung;
    void *tag;
    int got;

    (void)!read(watch->fd, &rung, sizeof(rung));
    watch_arm(loop.epoll, watch, EPOLLIN);
    while (uring_next(&ring, &tag, &got)) {
        struct client *client = tag;

        truth_resume(&client->truth, &client->truth.awaiting_ns);
        if (got < 0)
            reply_set(&client->reply, 500, "cannot read the file: %s\n", strerror(-got));
        else
            reply_set(&client->reply, 200, "file %lu: %d bytes from offset %ld\n",
                      client->request.id, got, file_offset(client->request.id));
        client_reply(client);
    }
}

static void file_start(struct client *client)
{
    struct io_uring_sqe *slip = ring_error ? NULL : uring_slip(&ring, client);
    int error = ring_error ? ring_error : -EAGAIN;

    if (slip) {
        slip->opcode = IORING_OP_READ;
        slip->fd = file;
        slip->addr = (uintptr_t)client->block;
        slip->len = DISK_BLOCK;
        slip->off = (uint64_t)file_offset(client->request.id);
        error = TIMED(client->truth.blocked_ns, uring_submit(&ring, 0));
    }
    if (!error) {
        truth_pause(&client->truth);
        return;
    }
    reply_set(&client->reply, ring_error ? 501 : 500, "no io_uring: %s\n", strerror(-error));
    client_reply(client);
}

static void file_init(void)
{
    bell = (struct watch){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .ready = file_end};
    file = open(loop.server.file_path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    ring_error = uring_init(&ring, CLIENTS_MAX, 0);
    if (!ring_error)
        ring_error = uring_bell(&ring, bell.fd);
    if (ring_error)
        fprintf(stderr, "eventloop: no io_uring, /file answers 501: %s\n", strerror(-ring_error));
    watch_arm(loop.epoll, &bell, EPOLLIN);
}

/* ---- the order is taken ---- */

static void start(struct client *client)
{
    static void (*const starts[])(struct client *) = {
        [ROUTE_DB] = db_start,
        [ROUTE_SLEEP] = sleep_start,
        [ROUTE_LOCK] = lock_start,
        [ROUTE_FILE] = file_start,
    };

    if (!client->request.bad && client->request.route < sizeof(starts) / sizeof(starts[0]) &&
        starts[client->request.route]) {
        starts[client->request.route](client);
        return;
    }
    /* the other handlers wait for nothing */
    server_handle(&loop.server, &client->request, &client->truth, &client->reply);
    client_reply(client);
}

int main(int argc, char **argv)
{
    server_start(&loop.server, "eventloop", SERVER_PLAIN, argc, argv);
    loop_init(&loop, start);
    file_init();
    for (;;)
        loop_turn(loop.epoll);
}
