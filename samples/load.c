/*
 * load: the guests.
 *
 * With --rate R it is an open loop: guests come at their times, whether or not the ones before them
 * were served. A latency counts from the moment when a request should have been sent, so that a
 * slow server cannot make its own figures look better by keeping the guests at the door. Without a
 * rate it is a closed loop: C users, each of whom sends the next request when the answer is there.
 *
 * It writes one JSON line for each request; README.md describes them. It talks to 127.0.0.1 only
 * and ends by itself in every case.
 */
#include "loop.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>

#define PATHS_MAX 16
#define REQUESTS_MAX 1000000
#define HEADER_SIZE 8192

static struct options {
    uint64_t port, rate, connections, requests, duration_s, deadline_s, start_id;
    bool no_keepalive;
    const char *paths[PATHS_MAX];
    unsigned int path_count;
    const char *out;
} options = {.start_id = 1};

/* What became of one request. */
struct record {
    uint64_t scheduled_ns, sent_ns, latency_ns, connect_ns, bytes;
    const char *error; /* NULL: answered */
    int status;
    uint16_t local_port;
    char truth[150];
};

/* One connection and the request on it. */
struct user {
    struct watch watch; /* first, so that a watch is a user; fd -1: not connected */
    struct user *next_idle;
    struct record *record; /* NULL: idle */
    uint64_t connect_from_ns;
    bool in_body, has_length, closes;
    uint64_t length; /* of the body */
    size_t header_len;
    char header[HEADER_SIZE];
};

static int epoll;
static struct record *records;
static uint64_t issued, finished; /* records [0, issued) were started */
static uint64_t start_ns, end_ns;
static struct user *idle;
static struct watch tick, duration, deadline;
static volatile sig_atomic_t interrupted;

static void path_format(char *out, size_t size, uint64_t index)
{
    const char *in = options.paths[index % options.path_count];
    size_t len = 0;

    while (*in != '\0' && len + 21 < size) {
        if (in[0] == '%' && in[1] == 'd') {
            len += (size_t)snprintf(out + len, size - len, "%lu", options.start_id + index);
            in += 2;
        } else {
            out[len++] = *in++;
        }
    }
    out[len] = '\0';
}

/* ---- one request on one connection ---- */

static void user_idle_event(struct watch *watch)
{
    watch_close(watch); /* the server ended a connection that it kept alive */
}

static void user_finish(struct user *user, const char *error)
{
    struct record *record = user->record;

    end_ns = clock_now_ns();
    record->latency_ns = end_ns - record->scheduled_ns;
    record->error = error;
    finished++;
    user->record = NULL;
    user->next_idle = idle;
    idle = user;
    if (error || user->closes || options.no_keepalive ||
        (!options.rate && issued == options.requests)) { /* this user has no further request */
        watch_close(&user->watch);
    } else {
        user->watch.ready = user_idle_event;
        watch_arm(epoll, &user->watch, EPOLLIN);
    }
}

static void header_line(struct user *user, const char *line, size_t len)
{
    static const char length[] = "content-length:", truth[] = "x-truth:", closes[] = "connection:",
                      coding[] = "transfer-encoding:";
    char value[sizeof(user->record->truth)];
    const char *colon = memchr(line, ':', len);
    size_t value_len;

    if (!colon)
        return;
    value_len = len - (size_t)(colon + 1 - line);
    while (value_len > 0 && colon[1] == ' ') {
        colon++;
        value_len--;
    }
    snprintf(value, sizeof(value), "%.*s", (int)value_len, colon + 1);
    if (strncasecmp(line, length, sizeof(length) - 1) == 0)
        user->has_length = number_parse(value, 0, INT64_MAX, &user->length);
    else if (strncasecmp(line, truth, sizeof(truth) - 1) == 0)
        memcpy(user->record->truth, value, sizeof(value));
    else if (strncasecmp(line, closes, sizeof(closes) - 1) == 0)
        user->closes = strcasecmp(value, "keep-alive") != 0;
    else if (strncasecmp(line, coding, sizeof(coding) - 1) == 0)
        user->record->status = -1; /* chunks: not understood */
}

/* Returns NULL or why the header is no good; moves to the body when the header is whole. */
static const char *header_parse(struct user *user)
{
    char *end = memmem(user->header, user->header_len, "\r\n\r\n", 4);
    char *line = user->header;

    if (!end)
        return user->header_len < HEADER_SIZE ? NULL : "the answer's header is too long";
    if (strncmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ')
        return "the answer is not HTTP";
    user->record->status = atoi(line + 9);
    user->closes = line[7] == '0';
    for (;;) {
        line = (char *)memmem(line, (size_t)(end + 2 - line), "\r\n", 2) + 2;
        if (line > end)
            break;
        header_line(user, line,
                    (size_t)((char *)memchr(line, '\r', (size_t)(end + 1 - line)) - line));
    }
    if (user->record->status < 0)
        return "the answer comes in chunks";
    if (user->record->status == 204 || user->record->status == 304)
        user->has_length = true;
    user->in_body = true;
    user->record->bytes = (uint64_t)(user->header + user->header_len - (end + 4));
    return NULL;
}

static void user_receive(struct watch *watch)
{
    static char body[65536];
    struct user *user = (struct user *)watch;
    char *into = user->in_body ? body : user->header + user->header_len;
    size_t room = user->in_body ? sizeof(body) : HEADER_SIZE - user->header_len;
    ssize_t got = recv(watch->fd, into, room, 0);
    const char *error = NULL;

    if (got < 0 && errno != EAGAIN) {
        user_finish(user, strerrordesc_np(errno));
        return;
    }
    if (got == 0) {
        bool whole = user->in_body && !user->has_length;

        user->closes = true;
        user_finish(user, whole ? NULL : "closed before the answer was complete");
        return;
    }
    if (got > 0 && user->in_body) {
        user->record->bytes += (uint64_t)got;
    } else if (got > 0) {
        user->header_len += (size_t)got;
        error = header_parse(user);
    }
    if (user->in_body && user->has_length && user->record->bytes > user->length)
        error = "more bytes than the answer should have";
    if (error || (user->in_body && user->has_length && user->record->bytes == user->length))
        user_finish(user, error);
    else
        watch_arm(epoll, watch, EPOLLIN);
}

static void user_send(struct user *user)
{
    char path[512];
    char text[1024];
    size_t len;

    path_format(path, sizeof(path), (uint64_t)(user->record - records));
    len = (size_t)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n", path,
                           options.no_keepalive ? "Connection: close\r\n" : "");
    user->record->local_port = socket_port(user->watch.fd);
    user->in_body = user->has_length = user->closes = false;
    user->length = user->header_len = 0;
    user->record->sent_ns = clock_now_ns();
    if (send(user->watch.fd, text, len, MSG_NOSIGNAL) != (ssize_t)len) {
        user_finish(user, strerrordesc_np(errno));
        return;
    }
    user->watch.ready = user_receive;
    watch_arm(epoll, &user->watch, EPOLLIN);
}

static void user_connected(struct watch *watch)
{
    struct user *user = (struct user *)watch;
    socklen_t size = sizeof(int);
    int error = 0;

    getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    user->record->connect_ns = clock_now_ns() - user->connect_from_ns;
    if (error)
        user_finish(user, strerrordesc_np(error));
    else
        user_send(user);
}

static void user_start(struct user *user)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)options.port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;

    if (user->watch.fd >= 0) {
        user_send(user);
        return;
    }
    user->connect_from_ns = clock_now_ns();
    user->watch.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (user->watch.fd >= 0)
        setsockopt(user->watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (user->watch.fd < 0 || (connect(user->watch.fd, (const void *)&address, sizeof(address)) &&
                               errno != EINPROGRESS)) {
        user_finish(user, strerrordesc_np(errno));
        return;
    }
    user->watch.ready = user_connected;
    watch_arm(epoll, &user->watch, EPOLLOUT);
}

/* ---- who sends when ---- */

static uint64_t scheduled_ns(uint64_t index)
{
    return start_ns + index / options.rate * NS_PER_S +
           index % options.rate * NS_PER_S / options.rate;
}

/* Starts all that is due and for which a connection is free. */
static void dispatch(void)
{
    while (idle && issued < options.requests) {
        uint64_t now_ns = clock_now_ns();
        struct user *user = idle;

        if (options.rate && scheduled_ns(issued) > now_ns) {
            timer_set(tick.fd, scheduled_ns(issued));
            watch_arm(epoll, &tick, EPOLLIN);
            return;
        }
        if (now_ns >= start_ns + options.deadline_s * NS_PER_S)
            return;
        idle = user->next_idle;
        user->record = &records[issued++];
        user->record->scheduled_ns = options.rate ? scheduled_ns(issued - 1) : now_ns;
        user_start(user);
    }
}

static void tick_event(struct watch *watch)
{
    (void)watch; /* the turn's end calls dispatch() */
}

static void duration_event(struct watch *watch)
{
    (void)watch;
    options.requests = issued; /* the users go when they have their answers */
}

static void deadline_event(struct watch *watch)
{
    (void)watch;
    interrupted = 1;
}

static void timer_arm(struct watch *watch, void (*ready)(struct watch *), uint64_t at_ns)
{
    *watch = (struct watch){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                            .ready = ready};
    if (at_ns > 0) {
        timer_set(watch->fd, at_ns);
        watch_arm(epoll, watch, EPOLLIN);
    }
}

static void run(struct user *users)
{
    for (uint64_t i = options.connections; i-- > 0;) {
        users[i].watch.fd = -1;
        users[i].next_idle = idle;
        idle = &users[i];
    }
    start_ns = end_ns = clock_now_ns();
    timer_arm(&tick, tick_event, 0);
    timer_arm(&deadline, deadline_event, start_ns + options.deadline_s * NS_PER_S);
    timer_arm(&duration, duration_event,
              options.rate || !options.duration_s ? 0 : start_ns + options.duration_s * NS_PER_S);
    for (;;) {
        dispatch();
        if (finished == options.requests || interrupted)
            break;
        loop_turn(epoll);
    }
    if (options.requests == REQUESTS_MAX) /* nobody asked for a number */
        options.requests = issued;
    for (uint64_t i = 0; i < options.connections; i++)
        if (users[i].record)
            user_finish(&users[i], "not answered in time");
}

/* ---- what is written ---- */

/* "blocked=12;running=34" → {"blocked":12,"running":34}; what is not of that form → null */
static void truth_write(FILE *out, const char *truth)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    static const char digits[] = "0123456789";
    const char *at = truth;

    do {
        at += strspn(at, letters);
        if (*at++ != '=' || strspn(at, digits) == 0)
            break;
        at += strspn(at, digits);
    } while (*at++ == ';');
    if (truth[0] == '\0' || at[-1] != '\0') {
        fputs("null", out);
        return;
    }
    for (at = truth; *at != '\0'; at += *at == ';') {
        size_t name = strcspn(at, "=");
        size_t number = strspn(at + name + 1, digits);

        fprintf(out, "%c\"%.*s\":%.*s", at == truth ? '{' : ',', (int)name, at, (int)number,
                at + name + 1);
        at += name + 1 + number;
    }
    fputc('}', out);
}

static void record_write(FILE *out, uint64_t index)
{
    const struct record *record = &records[index];
    char path[512];

    path_format(path, sizeof(path), index);
    fprintf(out,
            "{\"id\":%lu,\"path\":\"%s\",\"status\":%d,\"scheduled_ns\":%lu,\"sent_ns\":%lu,"
            "\"latency_ns\":%lu,\"connect_ns\":%lu,\"local_port\":%u,\"truth\":",
            options.start_id + index, path, record->status > 0 ? record->status : 0,
            record->scheduled_ns, record->sent_ns, record->latency_ns, record->connect_ns,
            record->local_port);
    truth_write(out, record->truth);
    fprintf(out, ",\"bytes\":%lu,\"error\":", record->bytes);
    if (record->error)
        fprintf(out, "\"%s\"}\n", record->error);
    else
        fputs("null}\n", out);
}

static int by_size(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

/* Returns the number of requests that failed or were never sent. */
static uint64_t summary_write(uint64_t wanted)
{
    uint64_t *sorted = calloc(issued + 1, sizeof(*sorted));
    double seconds = (double)(end_ns - start_ns) / 1e9;
    uint64_t good = 0, errors = 0, not_200 = 0;

    if (!sorted)
        return wanted;
    for (uint64_t i = 0; i < issued; i++) {
        if (records[i].error)
            errors++;
        else
            sorted[good++] = records[i].latency_ns;
        not_200 += !records[i].error && records[i].status != 200;
    }
    qsort(sorted, good, sizeof(*sorted), by_size);
    /* the smallest latency that at least this share of the answers did not exceed */
#define SHARE_MS(percent) ((double)sorted[good ? (good * (percent) + 99) / 100 - 1 : 0] / 1e6)
    fprintf(stderr,
            "load: %lu answers in %.3f s, %.1f requests/s, latency ms: p50 %.3f p90 %.3f p99 %.3f "
            "max %.3f, %lu errors, %lu not 200, %lu not sent\n",
            good, seconds, seconds > 0 ? (double)good / seconds : 0, SHARE_MS(50), SHARE_MS(90),
            SHARE_MS(99), SHARE_MS(100), errors, not_200, wanted - issued);
    free(sorted);
    return errors + wanted - issued;
}

/* ---- options ---- */

static const char usage[] =
    "usage: load --port N [--path /db/10/%d]… [--start-id N] [--rate R] [--connections C]\n"
    "            [--requests N] [--duration S] [--deadline S] [--no-keepalive] [-o FILE]\n";

static bool path_good(const char *path)
{
    for (const char *at = path; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~' || *at == '"' || *at == '\\')
            return false;
    return path[0] == '/' && strlen(path) < 256;
}

static bool option_take(int option, const char *value)
{
    switch (option) {
    case 'p':
        return number_parse(value, 1, UINT16_MAX, &options.port);
    case 'r':
        return number_parse(value, 1, 100000, &options.rate);
    case 'c':
        return number_parse(value, 1, 10000, &options.connections);
    case 'n':
        return number_parse(value, 1, REQUESTS_MAX, &options.requests);
    case 'd':
        return number_parse(value, 1, 600, &options.duration_s);
    case 'x':
        return number_parse(value, 1, 600, &options.deadline_s);
    case 's':
        return number_parse(value, 0, INT64_MAX / 2, &options.start_id);
    case 'k':
        options.no_keepalive = true;
        return true;
    case 'o':
        options.out = value;
        return true;
    case 'a':
        if (!path_good(value) || options.path_count == PATHS_MAX)
            return false;
        options.paths[options.path_count++] = value;
        return true;
    default:
        return false;
    }
}

static bool options_parse(int argc, char **argv)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},
        {"rate", required_argument, NULL, 'r'},
        {"connections", required_argument, NULL, 'c'},
        {"concurrency", required_argument, NULL, 'c'},
        {"requests", required_argument, NULL, 'n'},
        {"duration", required_argument, NULL, 'd'},
        {"deadline", required_argument, NULL, 'x'},
        {"start-id", required_argument, NULL, 's'},
        {"no-keepalive", no_argument, NULL, 'k'},
        {"path", required_argument, NULL, 'a'},
        {"output", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "o:", known, NULL)) != -1)
        if (!option_take(option, optarg))
            return false;
    if (optind < argc || !options.port)
        return false;
    if (!options.path_count)
        options.paths[options.path_count++] = "/";
    if (!options.connections)
        options.connections = options.rate ? 256 : 10;
    if (!options.requests && !options.duration_s)
        options.requests = 1000;
    if (!options.requests)
        options.requests = REQUESTS_MAX;
    if (!options.deadline_s)
        options.deadline_s = options.duration_s > 50 ? options.duration_s + 10 : 60;
    if (options.rate && options.duration_s && options.requests > options.rate * options.duration_s)
        options.requests = options.rate * options.duration_s;
    return true;
}

static void on_signal(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

int main(int argc, char **argv)
{
    const struct sigaction stop = {.sa_handler = on_signal};
    struct user *users = NULL;
    FILE *out = NULL;
    int status = 1;

    if (!options_parse(argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    alarm((unsigned int)options.deadline_s + 10); /* even if nobody reads what is written */
    descriptors_raise();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    users = calloc(options.connections + 1, sizeof(*users));
    records = calloc(options.requests + 1, sizeof(*records));
    out = options.out ? fopen(options.out, "we") : stdout;
    if (epoll < 0 || !users || !records || !out) {
        fprintf(stderr, "load: cannot start: %s\n", strerror(errno));
        goto end;
    }
    run(users);
    for (uint64_t i = 0; i < issued; i++)
        record_write(out, i);
    if (fflush(out) != 0)
        fprintf(stderr, "load: cannot write: %s\n", strerror(errno));
    else
        status = 0;
    if (summary_write(options.requests) > 0)
        status = 1;
end:
    if (out)
        fclose(out);
    free(records);
    free(users);
    return status;
}
