/*
 * slowpeer: the backend of the zoo, which answers when asked to, and remembers when it did.
 *
 * It takes "MS ID\n" and answers "ID ok\n" MS milliseconds later, as samples/backend.c does, or
 * "GET /…/MS/ID HTTP/1.1" and answers that; connections stay. On a busy machine it is late like
 * everybody else: so that nobody need guess by how much, it writes for each answer a line
 * "ID ASKED ANSWERED GONE" into the file -o, nanoseconds of CLOCK_MONOTONIC, the last two right
 * before it is sent and right behind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000u
#define PEERS_MAX 1024

struct peer {
    char text[2048];
    size_t len;
    bool http, asked;
    unsigned long id;
    uint64_t asked_ns, due_ns;
};

static struct pollfd fds[PEERS_MAX]; /* the first is the listener */
static struct peer peers[PEERS_MAX]; /* of the descriptor at the same index */
static nfds_t count = 1;
static FILE *told;

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void peer_close(nfds_t i)
{
    close(fds[i].fd);
    count--;
    fds[i] = fds[count];
    peers[i] = peers[count];
}

/* "GET /sleep/20/4711 HTTP/1.1\r\n…\r\n\r\n" or "20 4711\n" → 20, 4711. False: more has to come. */
static bool peer_asked(struct peer *peer)
{
    const char *end;
    unsigned long ms = 0;
    char *at = peer->text;

    peer->text[peer->len] = '\0';
    peer->http = strncmp(peer->text, "GET ", 4) == 0;
    end = peer->http ? strstr(peer->text, "\r\n\r\n") : strchr(peer->text, '\n');
    if (!end)
        return false;
    if (peer->http) {
        at = strchr(peer->text + 4, '/');
        at = at ? strchr(at + 1, '/') : NULL;
        at = at ? at + 1 : peer->text;
    }
    ms = strtoul(at, &at, 10);
    peer->id = strtoul(*at ? at + 1 : at, NULL, 10);
    peer->asked = true;
    peer->asked_ns = now_ns();
    peer->due_ns = peer->asked_ns + ms * NS_PER_MS;
    peer->len = 0;
    return true;
}

/* False: the peer is gone. */
static bool peer_read(nfds_t i)
{
    struct peer *peer = &peers[i];
    ssize_t got = recv(fds[i].fd, peer->text + peer->len, sizeof(peer->text) - 1 - peer->len, 0);

    if (got < 0 && errno == EAGAIN)
        return true;
    if (got <= 0 || peer->asked)
        return false;
    peer->len += (size_t)got;
    return peer_asked(peer) || peer->len < sizeof(peer->text) - 1;
}

static bool peer_answer(nfds_t i)
{
    struct peer *peer = &peers[i];
    char body[64], text[256];
    int len = snprintf(body, sizeof(body), "%lu ok\n", peer->id);

    if (peer->http)
        len =
            snprintf(text, sizeof(text),
                     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
                     len, body);
    else
        len = snprintf(text, sizeof(text), "%s", body);
    uint64_t answered = now_ns();
    bool sent = send(fds[i].fd, text, (size_t)len, MSG_NOSIGNAL) == len;
    if (told)
        fprintf(told, "%lu %lu %lu %lu\n", peer->id, peer->asked_ns, answered, now_ns());
    peer->asked = false;
    return sent;
}

static void peers_accept(void)
{
    const int on = 1;
    int fd;

    while (count < PEERS_MAX && (fd = accept4(fds[0].fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        peers[count].len = 0;
        peers[count].asked = false;
        fds[count] = (struct pollfd){.fd = fd, .events = POLLIN};
        count++;
    }
}

/* Answers what is due and returns when the next one is; UINT64_MAX: none. */
static uint64_t answer_some(void)
{
    uint64_t next = UINT64_MAX;

    for (nfds_t i = 1; i < count; i++) {
        if (!peers[i].asked)
            continue;
        if (peers[i].due_ns <= now_ns()) {
            if (!peer_answer(i))
                peer_close(i--);
        } else if (peers[i].due_ns < next) {
            next = peers[i].due_ns;
        }
    }
    return next;
}

static int serve(void)
{
    for (;;) {
        uint64_t next = answer_some(), now = now_ns();
        uint64_t left = next > now ? next - now : 0;
        const struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u),
                                         .tv_nsec = (long)(left % 1000000000u)};

        if (told)
            fflush(told);
        if (ppoll(fds, count, next == UINT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR)
            return -errno;
        for (nfds_t i = count - 1; i > 0; i--)
            if (fds[i].revents && !peer_read(i))
                peer_close(i);
        if (fds[0].revents)
            peers_accept();
    }
}

static void on_signal(int number)
{
    (void)number;
    _exit(0);
}

static int listen_anywhere(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        return -errno;
    *port = ntohs(at.sin_port);
    return fd;
}

int main(int argc, char **argv)
{
    const struct sigaction stop = {.sa_handler = on_signal};
    uint16_t port = 0;
    int err;

    if (argc != 1 && (argc != 3 || strcmp(argv[1], "-o") != 0)) {
        fprintf(stderr, "usage: slowpeer [-o FILE]\n");
        return 2;
    }
    if (argc == 3)
        told = fopen(argv[2], "we");
    fds[0] = (struct pollfd){.fd = listen_anywhere(&port), .events = POLLIN};
    if (fds[0].fd < 0 || (argc == 3 && !told)) {
        fprintf(stderr, "slowpeer: %s\n", strerror(fds[0].fd < 0 ? -fds[0].fd : errno));
        return 1;
    }
    sigaction(SIGTERM, &stop, NULL);
    printf("slowpeer: listening on 127.0.0.1:%u, pid %d\n", port, getpid());
    fflush(stdout);
    err = serve();
    fprintf(stderr, "slowpeer: %s\n", strerror(-err));
    return 1;
}
