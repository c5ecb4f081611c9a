/*
 * What all sample servers share, so that each server's own file shows only its model: options, the
 * listening socket, HTTP, the cold file, the truth clock and the handlers that block.
 *
 * The picture: a guest (a connection) gives an order (a request), a waiter (a thread) takes it, and
 * the kitchen (disk, database, clock, lock) takes its time. The models differ in one thing only:
 * what the waiter does while the kitchen cooks.
 */
#ifndef SAMPLES_COMMON_H
#define SAMPLES_COMMON_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define DISK_BLOCK 4096 /* what /file reads; also the alignment that O_DIRECT asks for */
#define INBOX_SIZE 4096 /* a request's line and headers must fit */
#define REPLY_SIZE 1024 /* a response, header and body */
#define MS_MAX 60000    /* the longest wait that a path may ask for */

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static inline uint64_t clock_read_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Time on the wall, and time that the calling thread spent on a CPU. */
static inline uint64_t clock_now_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

static inline uint64_t clock_cpu_ns(void)
{
    return clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* The value of `call`; the time that it took is added to `sum_ns`. errno survives. */
#define TIMED(sum_ns, call)                         \
    ({                                              \
        uint64_t timed_from_ns = clock_now_ns();    \
        __typeof__(call) timed_value = (call);      \
        (sum_ns) += clock_now_ns() - timed_from_ns; \
        timed_value;                                \
    })

/*
 * The server's own account of one request, from the moment when it has read the request until it
 * writes the response's header, which carries it to the client:
 *
 *     X-Truth: blocked=20184231;running=51002;total=20239871
 *
 * A request may be served in several slices, by several threads, with a pause between two slices.
 */
struct truth {
    uint64_t blocked_ns;  /* inside I/O calls made for this request: open, read, connect, recv… */
    uint64_t running_ns;  /* on a CPU, summed over the slices */
    uint64_t lock_ns;     /* inside pthread_mutex_lock */
    uint64_t sleep_ns;    /* inside clock_nanosleep */
    uint64_t awaiting_ns; /* an operation was under way and no thread waited for it */
    uint64_t queued_ns;   /* handed over, and no worker was free yet */
    uint64_t returning_ns; /* the worker was done, the loop had not taken the result yet */
    uint64_t begin_ns;
    uint64_t pause_ns;
    uint64_t slice_cpu_ns;
};

void truth_begin(struct truth *truth);
void truth_pause(struct truth *truth);
/* Goes on after a pause, perhaps on another thread; the pause's time is added to `sum_ns`. */
void truth_resume(struct truth *truth, uint64_t *sum_ns);

enum route { ROUTE_NONE, ROUTE_FILE, ROUTE_DB, ROUTE_COMPUTE, ROUTE_SLEEP, ROUTE_LOCK };

struct request {
    enum route route;
    uint64_t ms;
    uint64_t id;
    int bad; /* 0, or the HTTP status that refuses the request */
    bool keep_alive;
};

/*
 * Parses the first request in `text`. Returns how many bytes it used, or 0 when the request is not
 * complete yet. A bad request uses all bytes and has `bad` set.
 */
size_t request_parse(const char *text, size_t len, struct request *request);

struct reply {
    int status;
    char text[256];
};

void reply_set(struct reply *reply, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Writes header and body to `out` and ends the truth's last slice. Returns the length. */
size_t reply_format(char out[REPLY_SIZE], const struct reply *reply, const struct request *request,
                    struct truth *truth);

struct server {
    const char *name;
    int listener;
    uint16_t backend_port; /* 0: none */
    unsigned int workers;
    bool sqpoll;
    char file_path[256];
    pthread_mutex_t *kitchen; /* what /lock takes; shared with forked children */
};

enum server_flags { SERVER_PLAIN = 0, SERVER_HAS_WORKERS = 1, SERVER_HAS_SQPOLL = 2 };

/*
 * Reads the options, makes the cold file, listens, and says so in one line. Exits with a message
 * when something fails. From here on SIGTERM, SIGINT and SIGHUP remove it and exit with 0.
 */
void server_start(struct server *server, const char *name, int flags, int argc, char **argv);
/* Removes the file and exits; a forked child leaves the file to its parent. */
void server_stop(int status) __attribute__((noreturn));

/* The next connection, or -1 when this one failed; waits a little when descriptors ran out. */
int server_accept(const struct server *server);
/* The blocking way to serve a connection: requests one after another until it ends; closes it. */
void server_serve(const struct server *server, int client);
/* The blocking way to handle one request: the calling thread waits for whatever it asks for. */
void server_handle(const struct server *server, const struct request *request, struct truth *truth,
                   struct reply *reply);

/* A detached thread with a small stack. Returns 0 or -errno. */
int thread_start(void *(*run)(void *argument), void *argument);
/*
 * A page fault in a request would be a wait that the truth clock does not see: these bring in the
 * calling thread's stack, and all memory of the process. server_start() and server_serve() call
 * them.
 */
void stack_settle(void);
void memory_settle(void);

/* Where in the cold file /file/ID reads: a block of its own, far from the neighbouring IDs'. */
off_t file_offset(uint64_t id);

/* A listening socket on 127.0.0.1 (port 0: any free one), or -errno. */
int socket_listen(uint16_t port);
uint16_t socket_port(int fd);
/* To be called before the close of a connection that may have sent more than was read. */
void socket_drain(int fd);
/* Lets this process have as many descriptors as its hard limit allows. */
void descriptors_raise(void);

/* A whole decimal number from `min` to `max`, nothing else. */
bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *number);

#endif
