/*
 * The part that all event loops here have in common: one epoll set, descriptors that are watched,
 * and what to call when one is ready. Nothing in this file waits anywhere but in epoll_wait.
 *
 * A watch is armed for one event at a time (EPOLLONESHOT) and a client has at most one armed watch:
 * its own socket between requests, or whatever its request is waiting for. So no event can arrive
 * for something that was freed a moment ago, and a client that vanishes in the middle of its
 * request is found out when the reply is sent.
 */
#ifndef SAMPLES_LOOP_H
#define SAMPLES_LOOP_H

#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct watch {
    int fd;
    bool known; /* to the epoll set */
    void (*ready)(struct watch *watch);
};

/* Calls `ready` once, when `fd` is ready for `events`. */
static inline void watch_arm(int epoll, struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLONESHOT, .data.ptr = watch};

    epoll_ctl(epoll, watch->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd, &event);
    watch->known = true;
}

static inline void watch_close(struct watch *watch)
{
    close(watch->fd); /* which also takes it out of the epoll set */
    watch->fd = -1;
    watch->known = false;
}

/* A timer is a descriptor, too: readable once `at_ns` of the monotonic clock has come. */
static inline int timer_set(int fd, uint64_t at_ns)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at_ns / NS_PER_S), .tv_nsec = (long)(at_ns % NS_PER_S)}};

    return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* One turn: the only place where the loop's thread waits. */
static inline void loop_turn(int epoll)
{
    struct epoll_event events[64];
    int count = epoll_wait(epoll, events, 64, -1);

    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;

        watch->ready(watch);
    }
}

/* ---- HTTP on the loop ---- */

#define CLIENTS_MAX 2000

struct loop;

/* A guest's table: the connection, and the order if one is being served. */
struct client {
    struct watch watch; /* first, so that a watch is a client */
    struct loop *loop;
    struct request request;
    struct reply reply;
    struct truth truth;
    struct watch side;   /* what the request waits for: a backend connection, a timer */
    struct client *next; /* in a queue of the model's own */
    size_t inbox_len, out_len, out_sent;
    char inbox[INBOX_SIZE];
    char out[REPLY_SIZE];
    _Alignas(DISK_BLOCK) char block[DISK_BLOCK];
};

struct loop {
    struct watch listener; /* first, so that a watch is a loop */
    int epoll;
    unsigned int clients;
    bool full;
    struct server server;
    void (*start)(struct client *client); /* a request is there: serve it, then client_reply() */
};

static inline void client_next(struct client *client);

static inline void client_free(struct client *client)
{
    struct loop *loop = client->loop;

    watch_close(&client->watch);
    free(client);
    loop->clients--;
    if (loop->full) {
        loop->full = false;
        watch_arm(loop->epoll, &loop->listener, EPOLLIN);
    }
}

static inline void client_write(struct watch *watch)
{
    struct client *client = (struct client *)watch;
    ssize_t sent = send(watch->fd, client->out + client->out_sent,
                        client->out_len - client->out_sent, MSG_NOSIGNAL);

    if (sent > 0)
        client->out_sent += (size_t)sent;
    if (client->out_sent == client->out_len && client->request.keep_alive) {
        client_next(client);
    } else if (client->out_sent == client->out_len || (sent < 0 && errno != EAGAIN)) {
        if (client->request.bad)
            socket_drain(watch->fd);
        client_free(client);
    } else {
        watch->ready = client_write; /* the guest reads slowly: go on when there is room */
        watch_arm(client->loop->epoll, watch, EPOLLOUT);
    }
}

/* Ends a request: sends client->reply, then looks for the next request. `client` may be gone. */
static inline void client_reply(struct client *client)
{
    client->out_sent = 0;
    client->out_len = reply_format(client->out, &client->reply, &client->request, &client->truth);
    client_write(&client->watch);
}

static inline void client_read(struct watch *watch)
{
    struct client *client = (struct client *)watch;
    ssize_t got =
        recv(watch->fd, client->inbox + client->inbox_len, INBOX_SIZE - client->inbox_len, 0);

    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        client_free(client);
        return;
    }
    client->inbox_len += got > 0 ? (size_t)got : 0;
    client_next(client);
}

/* Starts the request that `inbox` begins with, or waits for the rest of it. */
static inline void client_next(struct client *client)
{
    size_t used = request_parse(client->inbox, client->inbox_len, &client->request);

    if (used == 0) {
        client->watch.ready = client_read;
        watch_arm(client->loop->epoll, &client->watch, EPOLLIN);
        return;
    }
    client->inbox_len -= used;
    memmove(client->inbox, client->inbox + used, client->inbox_len);
    truth_begin(&client->truth);
    client->loop->start(client);
}

static inline void loop_accept(struct watch *watch)
{
    struct loop *loop = (struct loop *)watch;
    int fd = -1;

    while (loop->clients < CLIENTS_MAX) {
        struct client *client;

        fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            break;
        client = aligned_alloc(DISK_BLOCK, sizeof(*client));
        if (!client) {
            close(fd);
            break;
        }
        memset(client, 0, sizeof(*client));
        client->loop = loop;
        client->watch.fd = fd;
        loop->clients++;
        client->watch.ready = client_read;
        watch_arm(loop->epoll, &client->watch, EPOLLIN);
    }
    /* with no room for one more, the door stays shut until a guest leaves */
    loop->full = loop->clients > 0 && (fd >= 0 || errno == EMFILE || errno == ENFILE);
    if (!loop->full)
        watch_arm(loop->epoll, watch, EPOLLIN);
}

/* To be called after server_start(&loop->server, …). */
static inline void loop_init(struct loop *loop, void (*start)(struct client *client))
{
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->start = start;
    loop->listener = (struct watch){.fd = loop->server.listener, .ready = loop_accept};
    fcntl(loop->listener.fd, F_SETFL, O_NONBLOCK);
    watch_arm(loop->epoll, &loop->listener, EPOLLIN);
}

#endif
