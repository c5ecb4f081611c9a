/*
 * backend: the kitchen, a slow database.
 *
 * It takes the line "MS ID\n" and answers "ID ok\n" exactly MS milliseconds later, for thousands of
 * connections at once, so that whatever is slow in a comparison is not the backend. One thread:
 * each connection has a timer of its own, and epoll waits for all of them together.
 */
#include "loop.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>

struct order {
    struct watch guest; /* first, so that a watch is an order */
    struct watch timer;
    char text[64];
    size_t len;
    uint64_t id;
};

#define GUESTS_MAX 65536

static int epoll;
static struct order orders[GUESTS_MAX]; /* by the descriptor of the guest */
static struct watch listener;
static bool full; /* no descriptor was left: the door stays shut until a guest leaves */

static void order_read(struct watch *guest);

static void order_close(struct order *order)
{
    watch_close(&order->timer);
    watch_close(&order->guest);
    if (full)
        watch_arm(epoll, &listener, EPOLLIN);
    full = false;
}

static void order_answer(struct watch *timer)
{
    struct order *order = (struct order *)((char *)timer - offsetof(struct order, timer));
    char answer[64];
    size_t len = (size_t)snprintf(answer, sizeof(answer), "%lu ok\n", order->id);

    if (send(order->guest.fd, answer, len, MSG_NOSIGNAL) == (ssize_t)len)
        watch_arm(epoll, &order->guest, EPOLLIN);
    else
        order_close(order); /* the guest is gone */
}

/* "20 4711\n" → 20, 4711 */
static bool order_parse(char *text, uint64_t *ms, uint64_t *id)
{
    char *rest = text;
    const char *first;

    text[strcspn(text, "\r\n")] = '\0';
    first = strsep(&rest, " ");
    return rest && number_parse(first, 0, MS_MAX, ms) && number_parse(rest, 0, UINT64_MAX, id);
}

static void order_read(struct watch *guest)
{
    struct order *order = (struct order *)guest;
    ssize_t got =
        recv(guest->fd, order->text + order->len, sizeof(order->text) - 1 - order->len, 0);
    uint64_t now_ns = clock_now_ns();
    uint64_t ms;

    if (got < 0 && errno == EAGAIN)
        got = 0;
    else if (got <= 0)
        goto gone;
    order->len += (size_t)got;
    order->text[order->len] = '\0';
    if (!strchr(order->text, '\n')) {
        if (order->len == sizeof(order->text) - 1)
            goto gone;
        watch_arm(epoll, guest, EPOLLIN);
        return;
    }
    if (!order_parse(order->text, &ms, &order->id))
        goto gone;
    order->len = 0;
    timer_set(order->timer.fd, now_ns + ms * NS_PER_MS);
    watch_arm(epoll, &order->timer, EPOLLIN);
    return;
gone:
    order_close(order);
}

static void order_accept(struct watch *watch)
{
    int fd;

    while ((fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

        if (timer < 0 || fd >= GUESTS_MAX) {
            close(timer);
            close(fd);
            continue;
        }
        orders[fd] = (struct order){.guest = {.fd = fd, .ready = order_read},
                                    .timer = {.fd = timer, .ready = order_answer}};
        watch_arm(epoll, &orders[fd].guest, EPOLLIN);
    }
    full = errno == EMFILE || errno == ENFILE;
    if (!full)
        watch_arm(epoll, watch, EPOLLIN);
}

static void on_signal(int signal_number)
{
    (void)signal_number;
    _exit(0);
}

static bool options_parse(int argc, char **argv, uint64_t *port)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (option != 'p' || !number_parse(optarg, 0, UINT16_MAX, port))
            return false;
    return optind == argc;
}

int main(int argc, char **argv)
{
    const struct sigaction stop = {.sa_handler = on_signal};
    int socket_fd;
    uint64_t port = 0;

    if (!options_parse(argc, argv, &port)) {
        fprintf(stderr, "usage: backend [--port N]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    descriptors_raise();
    socket_fd = socket_listen((uint16_t)port);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (socket_fd < 0 || epoll < 0) {
        fprintf(stderr, "backend: cannot listen: %s\n",
                strerror(socket_fd < 0 ? -socket_fd : errno));
        return 1;
    }
    listener = (struct watch){.fd = socket_fd, .ready = order_accept};
    fcntl(socket_fd, F_SETFL, O_NONBLOCK);
    watch_arm(epoll, &listener, EPOLLIN);
    printf("backend: listening on 127.0.0.1:%u, pid %d\n", socket_port(socket_fd), getpid());
    fflush(stdout);
    for (;;)
        loop_turn(epoll);
}
