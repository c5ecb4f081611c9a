/*
 * uring: one waiter for everybody, who does not even carry the plates.
 *
 * The event loop of eventloop.c is told when a table is ready, goes there and takes the order
 * itself. Here the kernel does the walking, too: the waiter writes on slips what is to be done
 * (accept, receive, send, connect, read a file, wait for a time), hands over all slips at once, and
 * takes the results when they are there. One thread, which waits in io_uring_enter and nowhere
 * else, and a file is no exception any more.
 *
 * With --sqpoll a thread of the kernel picks the slips up as soon as they are written.
 *
 * Each guest has one slip under way at a time, and `done` names what goes on with its result.
 */
#include "uring.h"
#include "common.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CLIENTS_MAX 2000

struct op {
    void (*done)(struct op *op, int result);
};

struct client {
    struct op op; /* first, so that an op is a client */
    int fd, side;
    struct request request;
    struct reply reply;
    struct truth truth;
    struct client *next; /* in the list of those who want the lock */
    struct __kernel_timespec time;
    size_t inbox_len, out_len, out_sent, got;
    char inbox[INBOX_SIZE];
    char out[REPLY_SIZE];
    _Alignas(DISK_BLOCK) char block[DISK_BLOCK];
};

static struct server server;
static struct uring ring;
static struct op door;
static struct sockaddr_in backend;
static unsigned int clients;
static bool full;
static int file;

static void client_next(struct client *client);

/* ---- slips ---- */

/* There is one for each guest and one for the door, so there always is one. */
static void slip(struct op *op, void (*done)(struct op *, int), uint8_t opcode, int fd,
                 const void *address, size_t len, uint64_t offset)
{
    struct io_uring_sqe *sqe = uring_slip(&ring, op);

    op->done = done;
    sqe->opcode = opcode;
    sqe->fd = fd;
    sqe->addr = (uintptr_t)address;
    sqe->len = (unsigned int)len;
    sqe->off = offset;
}

/* The same for the wait in a request: the waiter leaves the table. */
static void client_await(struct client *client, void (*done)(struct op *, int), uint8_t opcode,
                         int fd, const void *address, size_t len, uint64_t offset)
{
    slip(&client->op, done, opcode, fd, address, len, offset);
    truth_pause(&client->truth);
}

static struct client *client_resume(struct op *op)
{
    struct client *client = (struct client *)op;

    truth_resume(&client->truth, &client->truth.awaiting_ns);
    return client;
}

static void client_sleep(struct client *client, void (*done)(struct op *, int))
{
    client->time =
        (struct __kernel_timespec){.tv_sec = (long long)(client->request.ms / 1000),
                                   .tv_nsec = (long long)(client->request.ms % 1000 * NS_PER_MS)};
    client_await(client, done, IORING_OP_TIMEOUT, -1, &client->time, 1, 0);
}

/* ---- guests ---- */

static void door_open(void);

static void client_free(struct client *client)
{
    close(client->fd);
    free(client);
    clients--;
    if (full)
        door_open();
}

static void client_written(struct op *op, int sent)
{
    struct client *client = (struct client *)op;

    client->out_sent += sent > 0 ? (size_t)sent : 0;
    if (sent > 0 && client->out_sent < client->out_len) {
        slip(op, client_written, IORING_OP_SEND, client->fd, client->out + client->out_sent,
             client->out_len - client->out_sent, 0);
    } else if (sent > 0 && client->request.keep_alive) {
        client_next(client);
    } else {
        if (client->request.bad)
            socket_drain(client->fd);
        client_free(client);
    }
}

static void client_reply(struct client *client)
{
    client->out_sent = 0;
    client->out_len = reply_format(client->out, &client->reply, &client->request, &client->truth);
    slip(&client->op, client_written, IORING_OP_SEND, client->fd, client->out, client->out_len, 0);
}

static void client_read(struct op *op, int got)
{
    struct client *client = (struct client *)op;

    if (got <= 0) {
        client_free(client);
        return;
    }
    client->inbox_len += (size_t)got;
    client_next(client);
}

static void door_opened(struct op *op, int fd)
{
    struct client *client = fd < 0 ? NULL : aligned_alloc(DISK_BLOCK, sizeof(*client));

    (void)op;
    if (client) {
        memset(client, 0, sizeof(*client));
        client->fd = fd;
        clients++;
        client_next(client);
    } else if (fd >= 0) {
        close(fd);
    }
    /* with no room for one more, the door stays shut until a guest leaves */
    full = clients == CLIENTS_MAX || (clients && (fd == -EMFILE || fd == -ENFILE));
    if (!full)
        door_open();
}

static void door_open(void)
{
    full = false;
    slip(&door, door_opened, IORING_OP_ACCEPT, server.listener, NULL, 0, 0);
}

/* ---- /db ---- */

static void db_end(struct client *client)
{
    TIMED(client->truth.blocked_ns, close(client->side));
    client_reply(client);
}

static void db_fail(struct client *client, int error)
{
    reply_set(&client->reply, 502, "cannot ask the backend: %s\n", strerror(error));
    db_end(client);
}

static void db_answered(struct op *op, int got)
{
    struct client *client = client_resume(op);

    if (got <= 0) {
        db_fail(client, got < 0 ? -got : ECONNRESET);
        return;
    }
    client->got += (size_t)got;
    client->block[client->got] = '\0';
    if (!strchr(client->block, '\n') && client->got < 63) {
        client_await(client, db_answered, IORING_OP_RECV, client->side, client->block + client->got,
                     63 - client->got, 0);
        return;
    }
    reply_set(&client->reply, 200, "db: %s", client->block);
    db_end(client);
}

static void db_asked(struct op *op, int sent)
{
    struct client *client = client_resume(op);

    if (sent <= 0) {
        db_fail(client, -sent);
        return;
    }
    client->got = 0;
    client_await(client, db_answered, IORING_OP_RECV, client->side, client->block, 63, 0);
}

static void db_connected(struct op *op, int result)
{
    struct client *client = client_resume(op);
    int len = snprintf(client->block, 64, "%lu %lu\n", client->request.ms, client->request.id);

    if (result < 0)
        db_fail(client, -result);
    else
        client_await(client, db_asked, IORING_OP_SEND, client->side, client->block, (size_t)len, 0);
}

static void db_start(struct client *client)
{
    client->side = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->side < 0)
        db_fail(client, errno);
    else /* io_uring takes the address's length where others have their offset */
        client_await(client, db_connected, IORING_OP_CONNECT, client->side, &backend, 0,
                     sizeof(backend));
}

/* ---- /sleep and /lock ---- */

static void sleep_end(struct op *op, int result)
{
    struct client *client = client_resume(op);

    (void)result; /* -ETIME: it is over */
    reply_set(&client->reply, 200, "sleep %lu: %lu ms\n", client->request.id, client->request.ms);
    client_reply(client);
}

static void sleep_start(struct client *client)
{
    client_sleep(client, sleep_end);
}

/* The first in this list holds the lock; the others want it. */
static struct client *lock_first, *lock_last;

static void lock_end(struct op *op, int result)
{
    struct client *client = client_resume(op);

    (void)result;
    reply_set(&client->reply, 200, "lock %lu: held %lu ms\n", client->request.id,
              client->request.ms);
    lock_first = client->next;
    if (lock_first) {
        truth_resume(&lock_first->truth, &lock_first->truth.awaiting_ns);
        client_sleep(lock_first, lock_end);
    }
    client_reply(client);
}

static void lock_start(struct client *client)
{
    client->next = NULL;
    if (!lock_first) {
        lock_first = lock_last = client;
        client_sleep(client, lock_end);
        return;
    }
    lock_last->next = client;
    lock_last = client;
    truth_pause(&client->truth); /* whoever leaves the lock goes on with us */
}

/* ---- /file ---- */

static void file_end(struct op *op, int got)
{
    struct client *client = client_resume(op);

    if (got < 0)
        reply_set(&client->reply, 500, "cannot read the file: %s\n", strerror(-got));
    else
        reply_set(&client->reply, 200, "file %lu: %d bytes from offset %ld\n", client->request.id,
                  got, file_offset(client->request.id));
    client_reply(client);
}

static void file_start(struct client *client)
{
    client_await(client, file_end, IORING_OP_READ, file, client->block, DISK_BLOCK,
                 (uint64_t)file_offset(client->request.id));
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

    truth_begin(&client->truth);
    if (!client->request.bad && client->request.route < sizeof(starts) / sizeof(starts[0]) &&
        starts[client->request.route]) {
        starts[client->request.route](client);
        return;
    }
    /* the other handlers wait for nothing */
    server_handle(&server, &client->request, &client->truth, &client->reply);
    client_reply(client);
}

/* Starts the request that `inbox` begins with, or waits for the rest of it. */
static void client_next(struct client *client)
{
    size_t used = request_parse(client->inbox, client->inbox_len, &client->request);

    if (used == 0) {
        slip(&client->op, client_read, IORING_OP_RECV, client->fd,
             client->inbox + client->inbox_len, INBOX_SIZE - client->inbox_len, 0);
        return;
    }
    client->inbox_len -= used;
    memmove(client->inbox, client->inbox + used, client->inbox_len);
    start(client);
}

static void uring_fail(int error)
{
    fprintf(stderr, "uring: no io_uring: %s\n", strerror(-error));
    server_stop(1);
}

int main(int argc, char **argv)
{
    int error;
    void *op;

    server_start(&server, "uring", SERVER_HAS_SQPOLL, argc, argv);
    file = open(server.file_path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    backend = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons(server.backend_port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    error = uring_init(&ring, CLIENTS_MAX + 1, server.sqpoll ? IORING_SETUP_SQPOLL : 0);
    if (error)
        uring_fail(error);
    for (door_open();;) {
        error = uring_submit(&ring, 1);
        if (error && error != -EINTR)
            uring_fail(error);
        while (uring_next(&ring, &op, &error))
            ((struct op *)op)->done(op, error);
    }
}
