#include "common.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <linux/magic.h>

#define FILE_BLOCKS 4096 /* 16 MiB */
#define FILE_SUFFIX ".cold"
#define STACK_SIZE (128 * 1024)
#define IDLE_SECONDS 10    /* how long a connection may hold a blocking server without a word */
#define BACKEND_SECONDS 65 /* a little more than MS_MAX */

static char file_to_remove[256];
static pid_t file_owner;

/* ---- the truth clock ---- */

void truth_begin(struct truth *truth)
{
    memset(truth, 0, sizeof(*truth));
    truth->begin_ns = clock_now_ns();
    truth->slice_cpu_ns = clock_cpu_ns();
}

void truth_pause(struct truth *truth)
{
    truth->running_ns += clock_cpu_ns() - truth->slice_cpu_ns;
    truth->pause_ns = clock_now_ns();
}

void truth_resume(struct truth *truth, uint64_t *sum_ns)
{
    *sum_ns += clock_now_ns() - truth->pause_ns;
    truth->slice_cpu_ns = clock_cpu_ns();
}

/* ---- requests and replies ---- */

static const struct {
    const char *name;
    enum route route;
    bool has_ms;
} routes[] = {
    {"file", ROUTE_FILE, false},  {"db", ROUTE_DB, true},     {"compute", ROUTE_COMPUTE, true},
    {"sleep", ROUTE_SLEEP, true}, {"lock", ROUTE_LOCK, true},
};

bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 19 || text[digits] != '\0')
        return false;
    *number = strtoull(text, NULL, 10);
    return *number >= min && *number <= max;
}

/* "/db/10/4711" → ROUTE_DB, 10, 4711; anything else → ROUTE_NONE. Cuts `path` into pieces. */
static void path_parse(char *path, struct request *request)
{
    char *rest = path + 1;
    const char *name;
    const char *ms;

    request->route = ROUTE_NONE;
    path[strcspn(path, "?#")] = '\0';
    name = strsep(&rest, "/");
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(name, routes[i].name) != 0)
            continue;
        ms = routes[i].has_ms && rest ? strsep(&rest, "/") : "0";
        if (rest && number_parse(ms, 0, MS_MAX, &request->ms) &&
            number_parse(rest, 0, UINT64_MAX, &request->id))
            request->route = routes[i].route;
    }
}

static bool text_is(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

/* "GET /db/10/4711 HTTP/1.1". Returns 0, or the HTTP status that refuses it. */
static int request_line_parse(const char *line, size_t len, struct request *request)
{
    const char *end = line + len;
    const char *target = memchr(line, ' ', len);
    const char *version = target ? memchr(target + 1, ' ', (size_t)(end - target - 1)) : NULL;
    char path[256];
    size_t path_len;

    if (!version)
        return 400;
    target++;
    path_len = (size_t)(version - target);
    version++;
    if (path_len == 0 || target[0] != '/' || memchr(target, '\0', path_len))
        return 400;
    if (path_len >= sizeof(path))
        return 414;
    if (text_is(version, (size_t)(end - version), "HTTP/1.1"))
        request->keep_alive = true;
    else if (!text_is(version, (size_t)(end - version), "HTTP/1.0"))
        return 400;
    if (!text_is(line, (size_t)(target - 1 - line), "GET"))
        return 405;
    memcpy(path, target, path_len);
    path[path_len] = '\0';
    path_parse(path, request);
    return 0;
}

/* "Connection: close". Returns 0, or the HTTP status that refuses it. */
static int header_parse(const char *line, size_t len, struct request *request)
{
    const char *colon = memchr(line, ':', len);
    const char *value;
    size_t name_len, value_len;

    if (!colon || colon == line)
        return 400;
    name_len = (size_t)(colon - line);
    value = colon + 1;
    value_len = len - name_len - 1;
    while (value_len > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        value_len--;
    }
    if (text_is(line, name_len, "connection") && text_is(value, value_len, "close"))
        request->keep_alive = false;
    if (text_is(line, name_len, "transfer-encoding") ||
        (text_is(line, name_len, "content-length") && !text_is(value, value_len, "0")))
        return 400; /* no route wants a body, and a skipped one would be read as a request */
    return 0;
}

size_t request_parse(const char *text, size_t len, struct request *request)
{
    size_t at = 0;
    bool first = true;

    memset(request, 0, sizeof(*request));
    for (;;) {
        const char *line = text + at;
        const char *newline = memchr(line, '\n', len - at);
        size_t line_len;

        if (!newline && len < INBOX_SIZE)
            return 0;
        if (!newline) {
            request->bad = 431;
            break;
        }
        line_len = (size_t)(newline - line);
        at += line_len + 1;
        if (line_len > 0 && line[line_len - 1] == '\r')
            line_len--;
        if (line_len == 0 && first)
            continue; /* empty lines before a request are allowed */
        if (line_len == 0)
            return at;
        request->bad = first ? request_line_parse(line, line_len, request)
                             : header_parse(line, line_len, request);
        if (request->bad)
            break;
        first = false;
    }
    request->keep_alive = false;
    return len;
}

void reply_set(struct reply *reply, int status, const char *format, ...)
{
    va_list args;

    reply->status = status;
    va_start(args, format);
    vsnprintf(reply->text, sizeof(reply->text), format, args);
    va_end(args);
}

static const char *status_word(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 414:
        return "URI Too Long";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    default:
        return status < 500 ? "Bad Request" : "Internal Server Error";
    }
}

/* "blocked=12;running=34;total=50": a part that this server cannot have is left out. */
static void truth_format(const struct truth *truth, char *out, size_t size)
{
    const struct {
        const char *name;
        uint64_t ns;
    } parts[] = {
        {"lock", truth->lock_ns},           {"sleep", truth->sleep_ns},
        {"awaiting", truth->awaiting_ns},   {"queued", truth->queued_ns},
        {"returning", truth->returning_ns},
    };
    int len = snprintf(out, size, "blocked=%lu;running=%lu", truth->blocked_ns, truth->running_ns);

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].ns > 0)
            len += snprintf(out + len, size - (size_t)len, ";%s=%lu", parts[i].name, parts[i].ns);
    snprintf(out + len, size - (size_t)len, ";total=%lu", truth->pause_ns - truth->begin_ns);
}

size_t reply_format(char out[REPLY_SIZE], const struct reply *reply, const struct request *request,
                    struct truth *truth)
{
    char account[256]; /* seven names and numbers of at most 20 digits */

    truth_pause(truth);
    truth_format(truth, account, sizeof(account));
    return (size_t)snprintf(out, REPLY_SIZE,
                            "HTTP/1.1 %d %s\r\n"
                            "Content-Type: text/plain\r\n"
                            "Content-Length: %zu\r\n"
                            "Connection: %s\r\n"
                            "X-Truth: %s\r\n"
                            "\r\n"
                            "%s",
                            reply->status, status_word(reply->status), strlen(reply->text),
                            request->keep_alive ? "keep-alive" : "close", account, reply->text);
}

/* ---- the handlers that block ---- */

off_t file_offset(uint64_t id)
{
    /* an odd factor visits every block once before it comes back to the first */
    return (off_t)(id * UINT64_C(1597) % FILE_BLOCKS) * DISK_BLOCK;
}

static void handle_file(const struct server *server, const struct request *request,
                        struct truth *truth, struct reply *reply)
{
    _Alignas(DISK_BLOCK) char block[DISK_BLOCK];
    off_t offset = file_offset(request->id);
    ssize_t got;
    int fd;

    /* O_DIRECT goes past the page cache: the disk is asked every time */
    fd = TIMED(truth->blocked_ns, open(server->file_path, O_RDONLY | O_DIRECT | O_CLOEXEC));
    if (fd < 0) {
        reply_set(reply, 500, "cannot open the file: %s\n", strerror(errno));
        return;
    }
    got = TIMED(truth->blocked_ns, pread(fd, block, sizeof(block), offset));
    if (got < 0)
        reply_set(reply, 500, "cannot read the file: %s\n", strerror(errno));
    else
        reply_set(reply, 200, "file %lu: %zd bytes from offset %ld\n", request->id, got, offset);
    TIMED(truth->blocked_ns, close(fd));
}

static void handle_db(const struct server *server, const struct request *request,
                      struct truth *truth, struct reply *reply)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(server->backend_port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval limit = {.tv_sec = BACKEND_SECONDS};
    char text[64];
    size_t len = (size_t)snprintf(text, sizeof(text), "%lu %lu\n", request->ms, request->id);
    ssize_t got;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        reply_set(reply, 500, "no socket: %s\n", strerror(errno));
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (TIMED(truth->blocked_ns, connect(fd, (const void *)&address, sizeof(address))) != 0 ||
        TIMED(truth->blocked_ns, send(fd, text, len, MSG_NOSIGNAL)) != (ssize_t)len) {
        reply_set(reply, 502, "cannot ask the backend: %s\n", strerror(errno));
        goto out;
    }
    len = 0;
    do {
        got = TIMED(truth->blocked_ns, recv(fd, text + len, sizeof(text) - 1 - len, 0));
        len += got > 0 ? (size_t)got : 0;
    } while (got > 0 && len < sizeof(text) - 1 && text[len - 1] != '\n');
    text[len] = '\0';
    if (got > 0)
        reply_set(reply, 200, "db: %s", text);
    else
        reply_set(reply, 502, "the backend gave no answer\n");
out:
    TIMED(truth->blocked_ns, close(fd));
}

static void handle_compute(const struct server *server, const struct request *request,
                           struct truth *truth, struct reply *reply)
{
    uint64_t until_ns = truth->slice_cpu_ns + request->ms * NS_PER_MS;
    volatile uint64_t sum = request->id;

    (void)server;
    while (clock_cpu_ns() < until_ns)
        for (int i = 0; i < 1000; i++)
            sum = sum * 31 + 7;
    reply_set(reply, 200, "compute %lu: %lu\n", request->id, sum);
}

static int sleep_ms(uint64_t ms)
{
    const struct timespec time = {.tv_sec = (time_t)(ms / 1000),
                                  .tv_nsec = (long)(ms % 1000 * NS_PER_MS)};

    return nanosleep(&time, NULL);
}

static void handle_sleep(const struct server *server, const struct request *request,
                         struct truth *truth, struct reply *reply)
{
    (void)server;
    TIMED(truth->sleep_ns, sleep_ms(request->ms));
    reply_set(reply, 200, "sleep %lu: %lu ms\n", request->id, request->ms);
}

static void handle_lock(const struct server *server, const struct request *request,
                        struct truth *truth, struct reply *reply)
{
    TIMED(truth->lock_ns, pthread_mutex_lock(server->kitchen));
    TIMED(truth->sleep_ns, sleep_ms(request->ms));
    pthread_mutex_unlock(server->kitchen);
    reply_set(reply, 200, "lock %lu: held %lu ms\n", request->id, request->ms);
}

static void handle_none(const struct server *server, const struct request *request,
                        struct truth *truth, struct reply *reply)
{
    (void)truth;
    if (request->bad)
        reply_set(reply, request->bad, "%s: bad request\n", server->name);
    else
        reply_set(reply, 404, "try /file/ID /db/MS/ID /compute/MS/ID /sleep/MS/ID /lock/MS/ID\n");
}

void server_handle(const struct server *server, const struct request *request, struct truth *truth,
                   struct reply *reply)
{
    static void (*const handlers[])(const struct server *, const struct request *, struct truth *,
                                    struct reply *) = {
        [ROUTE_NONE] = handle_none,       [ROUTE_FILE] = handle_file,   [ROUTE_DB] = handle_db,
        [ROUTE_COMPUTE] = handle_compute, [ROUTE_SLEEP] = handle_sleep, [ROUTE_LOCK] = handle_lock,
    };

    handlers[request->bad ? ROUTE_NONE : request->route](server, request, truth, reply);
}

/* Reads until `inbox` begins with a whole request; takes it out. False: the connection ended. */
static bool request_read(int client, char inbox[INBOX_SIZE], size_t *len, struct request *request)
{
    size_t used;

    while ((used = request_parse(inbox, *len, request)) == 0) {
        ssize_t got = recv(client, inbox + *len, INBOX_SIZE - *len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        *len += (size_t)got;
    }
    *len -= used;
    memmove(inbox, inbox + used, *len);
    return true;
}

/* Without this, bytes that nobody read would turn the close into a reset and lose the reply. */
void socket_drain(int fd)
{
    char waste[1024];

    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 64 && recv(fd, waste, sizeof(waste), MSG_DONTWAIT) > 0; i++)
        ;
}

__attribute__((noinline)) void stack_settle(void)
{
    volatile char room[STACK_SIZE / 2];

    for (size_t i = 0; i < sizeof(room); i += 1024)
        room[i] = 0;
}

void server_serve(const struct server *server, int client)
{
    const struct timeval limit = {.tv_sec = IDLE_SECONDS};
    char inbox[INBOX_SIZE];
    char out[REPLY_SIZE];
    size_t inbox_len = 0;
    struct request request;
    struct reply reply;
    struct truth truth;

    stack_settle();
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    while (request_read(client, inbox, &inbox_len, &request)) {
        size_t len;

        truth_begin(&truth);
        server_handle(server, &request, &truth, &reply);
        len = reply_format(out, &reply, &request, &truth);
        if (send(client, out, len, MSG_NOSIGNAL) != (ssize_t)len || !request.keep_alive)
            break;
    }
    if (request.bad)
        socket_drain(client);
    close(client);
}

int server_accept(const struct server *server)
{
    int client = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);

    if (client < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        sleep_ms(10);
    return client;
}

/* ---- start and stop ---- */

static void fail(const char *name, const char *what, int error) __attribute__((noreturn));

static void fail(const char *name, const char *what, int error)
{
    fprintf(stderr, "%s: %s: %s\n", name, what, strerror(error));
    server_stop(1);
}

void server_stop(int status)
{
    if (file_to_remove[0] != '\0' && getpid() == file_owner)
        unlink(file_to_remove);
    _exit(status);
}

static void on_signal(int signal_number)
{
    (void)signal_number;
    server_stop(0);
}

int socket_listen(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* accepted ones inherit it */
    if (bind(fd, (const void *)&address, sizeof(address)) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    error = -errno;
    close(fd);
    return error;
}

uint16_t socket_port(int fd)
{
    struct sockaddr_in address = {.sin_port = 0};
    socklen_t len = sizeof(address);

    getsockname(fd, (void *)&address, &len);
    return ntohs(address.sin_port);
}

void descriptors_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void memory_settle(void)
{
    stack_settle();
    mlockall(MCL_CURRENT);
    munlockall(); /* the pages stay, and so do the limits for whatever comes later */
}

int thread_start(void *(*run)(void *argument), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    error = pthread_create(&thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    return -error;
}

/* Real blocks on a real disk: a sparse or a preallocated file would be answered without it. */
static int file_fill(int fd)
{
    static char text[256 * DISK_BLOCK];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 64 == 63 ? '\n' : (char)('a' + i / DISK_BLOCK % 26);
    for (size_t written = 0; written < (size_t)FILE_BLOCKS * DISK_BLOCK;) {
        ssize_t got = write(fd, text, sizeof(text));

        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        written += (size_t)got;
    }
    if (fsync(fd) != 0)
        return -errno;
    return -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* What servers left that were killed goes: one that lives has its file locked. */
static void files_clear(const char *dir)
{
    DIR *entries = opendir(dir);
    const struct dirent *entry;

    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        int fd;

        if (fnmatch("waitscope-*" FILE_SUFFIX, entry->d_name, 0) != 0)
            continue;
        fd = openat(dirfd(entries), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(dirfd(entries), entry->d_name, 0);
        close(fd);
    }
    if (entries != NULL)
        closedir(entries);
}

/* An empty one, locked until the last process of the server has ended. Before it is locked a
 * server that starts may take it for one that was left: then the next one is tried. */
static int file_new(struct server *server, const char *dir)
{
    struct stat made = {.st_nlink = 0};
    int fd = -1;

    while (made.st_nlink == 0) {
        if (fd >= 0)
            close(fd);
        if ((size_t)snprintf(server->file_path, sizeof(server->file_path),
                             "%s/waitscope-%s-XXXXXX" FILE_SUFFIX, dir,
                             server->name) >= sizeof(server->file_path))
            fail(server->name, dir, ENAMETOOLONG);
        fd = mkostemps(server->file_path, sizeof(FILE_SUFFIX) - 1, O_CLOEXEC);
        if (fd < 0)
            fail(server->name, dir, errno);
        memcpy(file_to_remove, server->file_path, sizeof(file_to_remove));
        file_owner = getpid();
        flock(fd, LOCK_EX); /* where nothing can be locked nothing is cleared either */
        if (fstat(fd, &made) != 0)
            fail(server->name, server->file_path, errno);
    }
    return fd;
}

static void file_make(struct server *server, const char *dir)
{
    struct statfs where;
    int fd, direct, error;

    files_clear(dir);
    fd = file_new(server, dir);
    if (fstatfs(fd, &where) == 0 && where.f_type == TMPFS_MAGIC) {
        fprintf(stderr, "%s: %s is in memory: choose a folder on a disk with --file-dir\n",
                server->name, dir);
        server_stop(1);
    }
    error = file_fill(fd);
    if (error)
        fail(server->name, server->file_path, -error);
    direct = open(server->file_path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (direct < 0)
        fail(server->name, "no O_DIRECT in this folder, choose another with --file-dir", errno);
    close(direct);
}

static void kitchen_make(struct server *server)
{
    pthread_mutexattr_t shared;

    server->kitchen = mmap(NULL, sizeof(*server->kitchen), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (server->kitchen == MAP_FAILED)
        fail(server->name, "no memory", errno);
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(server->kitchen, &shared);
    pthread_mutexattr_destroy(&shared);
}

static void usage(const char *name, int flags, FILE *out)
{
    fprintf(out, "usage: %s [--port N] [--backend PORT] [--file-dir DIR]%s%s\n", name,
            flags & SERVER_HAS_WORKERS ? " [--workers N]" : "",
            flags & SERVER_HAS_SQPOLL ? " [--sqpoll]" : "");
}

static uint16_t options_parse(struct server *server, int flags, int argc, char **argv,
                              const char **file_dir)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},
        {"backend", required_argument, NULL, 'b'},
        {"file-dir", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {"workers", required_argument, NULL, 'w'},
        {"sqpoll", no_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    uint64_t port = 0, backend = 0, workers = 8;
    bool ok = true;
    int option;

    while (ok && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p')
            ok = number_parse(optarg, 0, UINT16_MAX, &port);
        else if (option == 'b')
            ok = number_parse(optarg, 1, UINT16_MAX, &backend);
        else if (option == 'w' && flags & SERVER_HAS_WORKERS)
            ok = number_parse(optarg, 1, 1000, &workers);
        else if (option == 's' && flags & SERVER_HAS_SQPOLL)
            server->sqpoll = true;
        else if (option == 'f')
            *file_dir = optarg;
        else if (option == 'h') {
            usage(server->name, flags, stdout);
            exit(0);
        } else
            ok = false;
    }
    if (!ok || optind < argc) {
        usage(server->name, flags, stderr);
        exit(2);
    }
    server->backend_port = (uint16_t)backend;
    server->workers = (unsigned int)workers;
    return (uint16_t)port;
}

void server_start(struct server *server, const char *name, int flags, int argc, char **argv)
{
    const struct sigaction stop = {.sa_handler = on_signal};
    const char *file_dir = "/var/tmp";
    uint16_t port;

    memset(server, 0, sizeof(*server));
    server->name = name;
    port = options_parse(server, flags, argc, argv, &file_dir);
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGHUP, &stop, NULL);
    descriptors_raise();
    file_make(server, file_dir);
    kitchen_make(server);
    memory_settle();
    server->listener = socket_listen(port);
    if (server->listener < 0)
        fail(name, "cannot listen", -server->listener);
    printf("%s: listening on 127.0.0.1:%u, pid %d\n", name, socket_port(server->listener),
           getpid());
    fflush(stdout);
}
