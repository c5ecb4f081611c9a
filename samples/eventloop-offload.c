/*
 * eventloop-offload: one waiter for everybody, and runners who stand at the kitchen.
 *
 * What most "asynchronous" file access really is (aiofiles, libuv, nginx's aio threads): the loop
 * puts an order into a queue, a worker of a pool (--workers N) takes it and blocks, and an eventfd
 * tells the loop when the answer is there. The loop never waits, but the waiting has not gone away:
 * it happens in other threads, and with all of them busy the orders queue for a worker again.
 */
#include "loop.h"

#include <stdio.h>
#include <sys/eventfd.h>

struct queue {
    struct client *first, **last;
};

static struct loop loop;
static struct watch bell;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards both queues */
static pthread_cond_t more_orders = PTHREAD_COND_INITIALIZER;
static struct queue orders = {.last = &orders.first};
static struct queue answers = {.last = &answers.first};

static void queue_put(struct queue *queue, struct client *client)
{
    client->next = NULL;
    *queue->last = client;
    queue->last = &client->next;
}

static struct client *queue_take(struct queue *queue)
{
    struct client *client = queue->first;

    if (client)
        queue->first = client->next;
    if (!queue->first)
        queue->last = &queue->first;
    return client;
}

static void *worker(void *unused)
{
    const uint64_t one = 1;

    (void)unused;
    stack_settle();
    pthread_mutex_lock(&mutex);
    for (;;) {
        struct client *client = queue_take(&orders);

        if (!client) {
            pthread_cond_wait(&more_orders, &mutex);
            continue;
        }
        pthread_mutex_unlock(&mutex);
        truth_resume(&client->truth, &client->truth.queued_ns);
        server_handle(&loop.server, &client->request, &client->truth, &client->reply); /* blocks */
        truth_pause(&client->truth);
        pthread_mutex_lock(&mutex);
        queue_put(&answers, client);
        pthread_mutex_unlock(&mutex);
        (void)!write(bell.fd, &one, sizeof(one));
        pthread_mutex_lock(&mutex);
    }
    return NULL;
}

/* On the loop: a request came. */
static void start(struct client *client)
{
    truth_pause(&client->truth);
    pthread_mutex_lock(&mutex);
    queue_put(&orders, client);
    pthread_mutex_unlock(&mutex);
    pthread_cond_signal(&more_orders);
}

/* On the loop: the bell rang. */
static void finish(struct watch *watch)
{
    struct client *client, *next;
    uint64_t rung;

    (void)!read(watch->fd, &rung, sizeof(rung));
    watch_arm(loop.epoll, watch, EPOLLIN);
    pthread_mutex_lock(&mutex);
    client = answers.first;
    answers = (struct queue){.last = &answers.first};
    pthread_mutex_unlock(&mutex);
    for (; client; client = next) {
        next = client->next;
        truth_resume(&client->truth, &client->truth.returning_ns);
        client_reply(client);
    }
}

int main(int argc, char **argv)
{
    server_start(&loop.server, "eventloop-offload", SERVER_HAS_WORKERS, argc, argv);
    loop_init(&loop, start);
    bell = (struct watch){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .ready = finish};
    watch_arm(loop.epoll, &bell, EPOLLIN);
    for (unsigned int i = 0; i < loop.server.workers; i++) {
        int error = thread_start(worker, NULL);

        if (error) {
            fprintf(stderr, "eventloop-offload: cannot start a thread: %s\n", strerror(-error));
            server_stop(1);
        }
    }
    for (;;)
        loop_turn(loop.epoll);
}
