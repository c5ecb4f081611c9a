/*
 * timeline: the result of an analysis, which every output reads. Threads with their states,
 * requests with their ledgers, the objects and names they refer to, the verdict of each process.
 *
 * Times are nanoseconds since `t0_ns` (CLOCK_MONOTONIC) unless a name says otherwise. Indices are
 * into the timeline's own arrays; a field called `…_plus1` is an index + 1, and 0 means none.
 * Strings have passed text_clean(). The timeline owns all that hangs on it.
 */
#ifndef TIMELINE_TIMELINE_H
#define TIMELINE_TIMELINE_H

#include "base/table.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

/* A thread's state, exclusive and gap-free over its life in the capture. Numbers are written to
 * files: never renumber. */
enum state {
    STATE_RUNNING = 0,
    STATE_RUNNABLE = 1,
    STATE_BLOCKED = 2,
    STATE_YIELDED = 3,
    STATE_LOCK = 4,
    STATE_SLEEP = 5,
    STATE_FAULT = 6,
    STATE_OTHER = 7,
    STATE_UNKNOWN = 8,
    STATE_COUNT
};

/* Where a request's latency went. Never renumber. */
enum ledger_key {
    LEDGER_QUEUED = 0,
    LEDGER_RUNNING = 1,
    LEDGER_RUNNABLE = 2,
    LEDGER_BLOCKED = 3,
    LEDGER_LOCK = 4,
    LEDGER_SLEEP = 5,
    LEDGER_FAULT = 6,
    LEDGER_OTHER = 7,
    LEDGER_AWAITING = 8,
    LEDGER_LOOP_BUSY = 9,
    LEDGER_UNATTRIBUTED = 10,
    LEDGER_COUNT
};

enum grade {
    GRADE_EXACT = 0,
    GRADE_INFERRED = 1,
    GRADE_AMBIGUOUS = 2,
    GRADE_UNATTRIBUTED = 3,
    GRADE_COUNT
};

/* Of a process. */
enum model {
    MODEL_UNKNOWN = 0, /* no request seen */
    MODEL_BLOCKING = 1,
    MODEL_NONBLOCKING = 2,
    MODEL_NONBLOCKING_WORKERS = 3, /* "non-blocking with blocking workers" */
    MODEL_MIXED = 4,
    MODEL_COUNT
};

/* Of a thread. */
enum role {
    THREAD_ROLE_OTHER = 0,
    THREAD_ROLE_LOOP = 1,     /* waits for its work in a multiplexed wait */
    THREAD_ROLE_WORKER = 2,   /* holds requests from the read to the answer */
    THREAD_ROLE_HELPER = 3,   /* works, in I/O, without touching a request's connection */
    THREAD_ROLE_ACCEPTOR = 4, /* accepts, and serves nobody */
    THREAD_ROLE_COUNT
};

/* The words for the numbers above, as they stand in JSON and text; "?" outside the range. */
const char *state_name(unsigned state);
const char *ledger_key_name(unsigned key);
/* The same as people read it: "loop busy". */
const char *ledger_key_word(unsigned key);
const char *grade_name(unsigned grade);
const char *model_name(unsigned model);
const char *role_name(unsigned role);
/* True for the states that are waits and so carry a call: blocked … other. */
static inline bool state_is_wait(unsigned state)
{
    return state >= STATE_BLOCKED && state <= STATE_OTHER;
}

enum interval_flag {
    INTERVAL_IDLE = 1,      /* waiting for work: of no request, in no ranking. Not a loop's wait
                               while a request of its own is on its way: that has yielded */
    INTERVAL_WAKER_IRQ = 2, /* the waker was a bystander */
    INTERVAL_OPEN = 4,      /* began before the attach or went on after the end */
};

/* What waits are spent in and for. Many have the same. */
struct wait {
    uint32_t call_plus1;   /* string */
    uint32_t object_plus1; /* object */
    int32_t fd;            /* -1: none */
    uint32_t arg;          /* number of descriptors polled, futex operation */
};

/*
 * From start_ns to the next interval's start, or to the thread's end. There are up to three for
 * each wait, so that each byte here counts. A capture lasts no longer than 2^52 ns; two bits more
 * leave room for sums, since GCC adds what is narrower to a bit field in the field's own width.
 */
struct interval {
    uint64_t start_ns : 54;
    uint64_t state : 4; /* enum state */
    uint64_t flags : 6; /* enum interval_flag */
    uint32_t wait;      /* in timeline.waits; 0 outside of waits */
    uint32_t waker;     /* tid; 0: not known */
};
_Static_assert(sizeof(struct interval) == 16, "interval");

struct thread {
    uint32_t tid, pid;
    uint32_t process;          /* index */
    uint32_t comm;             /* string: the last one it had */
    uint64_t start_ns, end_ns; /* its life in the capture */
    uint8_t role;              /* enum role */
    bool kernel;               /* a kernel thread of the group: io_uring's workers */
    bool audited;              /* the kernel's own sums below are known */
    uint64_t kernel_running_ns, kernel_runnable_ns; /* by the kernel's schedstat, attach to end */
    uint64_t state_ns[STATE_COUNT];
    VEC(struct interval) intervals;
};

/* For icons and words; never renumber. */
enum object_kind {
    OBJ_UNKNOWN = 0,
    OBJ_FILE = 1,
    OBJ_DIRECTORY = 2,
    OBJ_DEVICE = 3,
    OBJ_TTY = 4,
    OBJ_PIPE = 5,
    OBJ_SOCKET = 6,
    OBJ_LISTENER = 7,
    OBJ_ACCEPTED = 8,  /* the server's end of a connection */
    OBJ_CONNECTED = 9, /* the client's end: downstream */
    OBJ_EVENTFD = 10,
    OBJ_EPOLL = 11,
    OBJ_TIMER = 12,
    OBJ_URING = 13,
    OBJ_FUTEX = 14,
    OBJ_PATH = 15, /* a path that a call was given */
    OBJ_ANON = 16,
    OBJ_KIND_COUNT
};
const char *object_kind_name(unsigned kind);

struct object {
    uint64_t id;     /* the capture's */
    uint32_t name;   /* string, for people: "/var/lib/x", "127.0.0.1:80", "eventfd" */
    uint32_t local;  /* string: "127.0.0.1:8080"; the empty string when it is no socket */
    uint32_t remote; /* string */
    uint8_t kind;    /* enum object_kind */
    bool deleted;
};

/* A stretch of a request's life, from start_ns to the next segment's or the request's end. A
 * capture lasts no longer than 2^52 ns. */
struct segment {
    uint64_t start_ns : 56;
    uint64_t key : 4;        /* enum ledger_key */
    uint64_t grade : 4;      /* enum grade */
    uint32_t thread_plus1;   /* the thread that held the request, or that was waited for */
    uint32_t interval_plus1; /* in that thread: the interval this stretch lies in */
};

enum request_flag {
    REQUEST_COMPLETE = 1,  /* begun and answered within the capture */
    REQUEST_LOSS = 2,      /* overlaps lost records: its numbers are lower bounds */
    REQUEST_PIPELINED = 4, /* several requests at once on the connection, reported as one */
};

/* What it was charged with are its segments: see request_sums(). */
struct request {
    uint64_t id;       /* 1, 2, 3 … in the order of start_ns */
    uint32_t process;  /* index of the process that answered */
    uint32_t conn;     /* object: the accepted connection */
    uint32_t protocol; /* string: "http", "redis", "bytes" */
    uint32_t name;     /* string: "GET /db/10/4711", "GET", "24 bytes" */
    uint32_t group;    /* string: "GET /db/:n/:n" */
    int32_t status;    /* HTTP status; 0 when there is none */
    uint32_t flags;    /* enum request_flag */
    uint64_t start_ns, end_ns;
    uint64_t bytes_in, bytes_out;
    uint64_t parallel_ns;
    uint32_t first_segment, segment_count; /* in timeline.segments, gap-free over the request */
};

/*
 * A question: what a request sent on a connection that its process had made (downstream), up to the
 * reply. On a new connection it begins as the connection does. Several sends before the reply are
 * one question, and so is each step of a handshake. Those on a connection that several used at the
 * same time are not listed.
 */
struct ask {
    uint32_t request_plus1; /* 0: not known whose, or nobody's, in the background */
    uint32_t object;        /* index: the connection */
    uint32_t thread;        /* index: that asked */
    uint8_t grade; /* whose it is: GRADE_EXACT, GRADE_INFERRED; nobody's: GRADE_UNATTRIBUTED */
    bool replied;  /* a reply came; it may have come behind the request's end */
    uint64_t start_ns;
    uint64_t made_ns, asked_ns; /* in between the new connection was there and nothing sent on it,
                                   so the other end owed nothing; both start_ns on an old one */
    uint64_t reply_ns;          /* when its first bytes could be read; 0 without a reply */
    uint64_t end_ns; /* when its last could, as far as that is known; else when it was given up:
                        the connection's, request's or capture's end */
};

struct hold {
    uint32_t thread; /* the loop's */
    uint32_t request_plus1;
    uint32_t call_plus1, object_plus1;
    uint64_t start_ns, end_ns;
    uint8_t state;
    uint32_t first_victim, victim_count; /* in timeline.victims: who lost most first */
    uint32_t more_victims;               /* who stood longest is listed, so many others are not */
};

/* A request that was ready, or queued, for the loop while it was held. */
struct victim {
    uint32_t request; /* index */
    uint64_t ns;      /* that it lost: for so long it stood while the hold lasted */
};

/* Threads of one kind, event loops or all others that serve, and how far they are taken: a loop
 * whenever it is not waiting for work, another while a request holds it. */
struct load {
    uint32_t threads;    /* the most alive at once that served; 0: there are none, or they come and
                            go with what they serve, or too little is known of them */
    uint64_t requests;   /* that had one of them, complete or not */
    double held_ns;      /* mean thread time per request of those */
    double share;        /* of their time that was taken, 0 to 1: from the first request's begin to
                            the end of the last one */
    double busiest;      /* the same in the window of verdict.window_ns in which it is most */
    double starved;      /* of that window: they could run and had no CPU; of loops alone */
    uint64_t busiest_ns; /* where that begins; since t0 */
};

/* What the words of a verdict rest on. Rates are per second. */
struct verdict {
    uint8_t model;            /* enum model */
    bool thread_waits;        /* does a thread wait for each request */
    uint32_t waits_on;        /* object kind most waited for inside requests; OBJ_UNKNOWN: none */
    uint32_t waits_on_name;   /* string: its group of objects, "/var/lib/x", "127.0.0.1:5432" */
    uint32_t serving_threads; /* that held a request at some time: the most alive at once */
    uint64_t requests;        /* complete ones */
    double efficiency;        /* running ÷ held thread time, 0 to 1; 0 with held_ns: not known */
    double held_ns;           /* mean thread time held per request, by those who are the limit */
    double capacity;  /* of what is the limit: threads ÷ held_ns; 0: not known, or there is none */
    bool loop_limits; /* that is the event loops: nobody else serves, or workers carry more */
    double cpu_ns;    /* mean CPU time per request, of all threads that serve; 0: not known */
    struct load loops, workers;
    uint64_t window_ns;       /* of both */
    double offered;           /* requests that arrived per second, from the first to the last */
    uint64_t queued_ns;       /* sum over requests */
    uint32_t queued_requests; /* that stood in a queue for more than 1 ms */
    uint32_t peak_in_flight;
    bool saturated; /* all serving threads were held while requests queued, 10 ms in all */
    bool in_line;   /* not that, but they stood in line for a place in their pool for as long,
                       whatever its threads did: saturated is set, too */
    uint64_t saturated_ns; /* when first; since t0 */
    uint64_t served;       /* threads that ever had a request */
    bool comes_and_goes;   /* so many that there is one for each request or connection */
};

/* Clients of a process that may have waited for an answer since before the attach. */
struct owed {
    uint32_t waiting;    /* they had spoken last, and did or got nothing in the capture */
    uint64_t longest_ns; /* for so long the first of them had waited at the attach */
    uint32_t answered;   /* that had, and were sent something in the capture */
    uint32_t gone;       /* that had, and then closed their side */
    uint32_t unsure;     /* of whom it cannot be told who had spoken last */
    uint32_t unaccepted; /* connections */
};

static inline bool owed_any(const struct owed *o)
{
    return o->waiting || o->answered || o->gone || o->unsure || o->unaccepted;
}

struct process {
    uint32_t pid, parent;
    uint32_t comm; /* string */
    struct owed owed;
    struct verdict verdict;
};

struct loss {
    uint64_t start_ns, end_ns, count;
    uint32_t kind; /* string: "wait", "recv" … */
};

/* The capture is the last part of a longer recording; `recorded_ns` 0: it is all of it. */
struct recorded_window {
    uint64_t recorded_ns; /* from the attach to the capture's end */
    uint64_t asked_ns;    /* the length that was asked for */
    uint64_t max_bytes;   /* of memory that were allowed */
    bool full;            /* and used up: the capture is shorter than it was to be */
    uint32_t
        forgotten; /* things that it names, and whose description was given up for lack of memory */
};

/* Runs of one of the probes' programs, while they were counted. */
struct program_cost {
    uint32_t name; /* string */
    uint64_t runs, run_ns;
};

/* What the recording itself cost. */
struct recording_cost {
    uint64_t recorder_ns;    /* CPU time of the recorder */
    uint64_t recorder_of_ns; /* within so much time; 0: not known */
    uint64_t attach_ns;      /* CPU time of the recorder up to the attach's end, beside that */
    uint64_t sampled_ns;     /* how long the probes were counted; 0: not at all */
    uint32_t windows;        /* in so many pieces */
    bool whole;              /* all the time: it is no sample */
    VEC(struct program_cost) programs; /* those that cost most first */
};

struct timeline {
    uint64_t t0_ns;      /* CLOCK_MONOTONIC at the capture's begin */
    uint64_t t0_real_ns; /* CLOCK_REALTIME at the same moment */
    uint64_t duration_ns;
    struct recorded_window window;
    struct recording_cost cost;
    bool complete; /* the recording ended in order, nothing of the file is missing */
    uint64_t records, lost;
    uint32_t host, kernel, command, damage; /* strings; damage: what is missing of the file */
    VEC(uint32_t) probes;                   /* strings */

    VEC(struct process) processes;
    VEC(struct thread) threads;
    VEC(struct object) objects;
    VEC(struct wait) waits;       /* each once; 0 is nothing: {0, 0, -1, 0} */
    VEC(struct request) requests; /* by start_ns */
    VEC(struct segment) segments;
    VEC(struct ask) asks; /* nobody's, then one request's after the other's; by start_ns */
    VEC(struct hold) holds;
    VEC(struct victim) victims; /* of one hold after the other */
    VEC(struct loss) losses;

    VEC(char *) strings; /* 0 is "" */
    struct table string_index, wait_index;
};

void timeline_init(struct timeline *tl);
void timeline_release(struct timeline *tl);
/* Interns a string that is clean already; 0 (the empty string) also when memory is out, which
 * then shows in tl->damage of no one: callers that must know check timeline_string() != 0. */
uint32_t timeline_intern(struct timeline *tl, const char *s);
/* Cleans bytes from outside with text_clean(), then interns them. */
uint32_t timeline_intern_bytes(struct timeline *tl, const void *bytes, size_t len);
const char *timeline_string(const struct timeline *tl, uint32_t index);
/* Interns a wait; 0 or -ENOMEM. */
int timeline_wait(struct timeline *tl, struct wait w, uint32_t *index);
/* Files, paths and named pipes, which are told of together by their folder. */
bool object_in_folder(const struct timeline *tl, const struct object *o);
/* Do Kotlin's coroutines run on it, if its process is a JVM? Those of Dispatchers.Default and .IO
 * bear "DefaultDispatcher-worker-1" as the kernel cuts it, or as the JVM does since 20. */
bool thread_is_dispatcher(const struct timeline *tl, const struct thread *t);

/* How many requests lost something to the hold, whether or not they are listed. */
uint64_t hold_victims(const struct hold *h);
/* What those that are listed lost, all together. */
uint64_t hold_lost_ns(const struct timeline *tl, const struct hold *h);

/* Runs of all programs while they were counted, and the time that they took. */
struct program_cost cost_of_probes(const struct recording_cost *cost);

/* A request's segments added up, by key and by grade: its ledger. */
struct request_sums {
    uint64_t ledger_ns[LEDGER_COUNT]; /* adds up to end_ns - start_ns */
    uint64_t grade_ns[GRADE_COUNT];   /* adds up to it too */
};
void request_sums(const struct timeline *tl, const struct request *r, struct request_sums *sums);
/* One of them. */
uint64_t request_ns(const struct timeline *tl, const struct request *r, unsigned key);
uint64_t request_grade_ns(const struct timeline *tl, const struct request *r, unsigned grade);

/* What it waits in and for; nothing, where it does not wait. */
static inline const struct wait *interval_wait(const struct timeline *tl, const struct interval *iv)
{
    static const struct wait nothing = {.fd = -1};
    return iv->wait < tl->waits.len ? &tl->waits.data[iv->wait] : &nothing;
}

/* What it waits for; NULL: nothing that is known. */
static inline const struct object *interval_object(const struct timeline *tl,
                                                   const struct interval *iv)
{
    uint32_t plus1 = interval_wait(tl, iv)->object_plus1;
    return plus1 ? &tl->objects.data[plus1 - 1] : NULL;
}

/* Where an interval ends. */
static inline uint64_t interval_end(const struct thread *t, size_t index)
{
    return index + 1 < t->intervals.len ? t->intervals.data[index + 1].start_ns : t->end_ns;
}

/* Where a segment ends: `index` is into tl->segments and must belong to `r`. */
uint64_t segment_end(const struct timeline *tl, const struct request *r, size_t index);

/*
 * Checks what the design promises: states add up to each thread's life, segments and ledger and
 * grades to each request's latency, indices in range. 0, or -EINVAL and the first breach in
 * `why` (at most `size` bytes).
 */
int timeline_check(const struct timeline *tl, char *why, size_t size);

#endif
