/*
 * internal: what the parts of the analysis share. One struct analysis goes through the stages in
 * the order of this file; each stage is one source file.
 *
 *     records   copies of the records, sorted by time
 *     lives     which thread a record belongs to; a tid that comes again is another thread
 *     sockets   what each socket is
 *     runtimes  what each process is made of
 *     states    each thread's gap-free chain of states
 *     requests  which request a thread has, from when to when (its tenures)
 *     slices    what else a loop may have done meanwhile
 *     handoffs  what worker threads did for whom, as far as wake-ups and answers tell
 *     ledger    the segments of each request, and from them alone its ledger
 *     asks      what requests asked of other servers, and how long until the reply
 *     roles, holds, victims, verdict
 *
 * Times in records are CLOCK_MONOTONIC and arbitrary; from `lives` on all times are nanoseconds
 * since the capture's begin, clamped to its duration by analysis_rel().
 */
#ifndef ANALYSIS_INTERNAL_H
#define ANALYSIS_INTERNAL_H

#include "analysis/analysis.h"
#include "analysis/proto.h"

#include <string.h>

#define NEVER UINT64_MAX
#define NONE UINT32_MAX

/* Clocks and records of one moment differ by so much. */
#define MOMENT_NS 50000u
/* What passes for "at the same moment": from the arrival of data to the wake-up it causes. */
#define WAKE_DELAY_NS 100000u
/* From a loop's wake-up to the receive it woke for. What takes longer is other work: to accept a
 * hundred connections, say. */
#define DISPATCH_NS 200000u
/* A loop that is awake for longer may be late for what is due meanwhile. */
#define AWAKE_NS 1000000u
/* A send that takes longer than this was not answered from within. See request_pipelined(). */
#define SEND_NS 500000u

static inline uint64_t least(uint64_t x, uint64_t y)
{
    return x < y ? x : y;
}

static inline uint64_t most(uint64_t x, uint64_t y)
{
    return x > y ? x : y;
}

/* What is known of a process beside its entry in the timeline, at the same index. */
struct proc {
    uint32_t runtimes; /* bits: 1 << enum runtime */
    uint64_t gil_start, gil_end;
    uint32_t first_doubt, doubts; /* in analysis.doubts: when a worker worked for nobody known */
    uint32_t first_full, fulls;   /* likewise: when no worker was parked */
    uint32_t first_burst, bursts; /* in analysis.bursts: of which is known for whom they were */
    uint32_t first_mild, milds;   /* in analysis.mild: doubts in these */
    bool stands_in_line;          /* for a pool whose workers may all wait in their work */
    uint32_t first_lull, lulls;   /* in analysis.lulls */
    bool sqpoll;                  /* a kernel's thread submits to io_uring in the loop's place */
    bool submits;                 /* the loop's hand-overs are records, what follows is none */
    bool hands_over;              /* every hand-off to its workers is a record */
    bool executors;               /* Python: and to those of executors */
    bool coroutines;              /* Kotlin: and to those of dispatchers */
    bool answers;                 /* at least one request, within the capture */
    bool hangs;                   /* perhaps: clients wait, and nobody was answered */
};

struct doubt {
    uint64_t start, end;
};

struct record {
    uint64_t time_ns;
    uint32_t at;         /* where the event lies: see record_event() */
    uint32_t thread;     /* NONE: of no thread of the target */
    uint32_t sock_plus1; /* a connection's, a receive's or a send's: which, see record_sock() */
    uint16_t kind;  /* of the event: most passes look at a few kinds and need not fetch the rest */
    bool by_kernel; /* a thread of io_uring did it, for `thread`: see uring_prepare() */
    bool moves;     /* a receive or a send of at least a byte */
};
_Static_assert(sizeof(struct record) == 24, "record");

/* A reply whose question was sent for nobody known. */
struct orphan {
    uint64_t time, ready;       /* received, and there */
    uint64_t asked, line_ready; /* of its question: see struct sock */
    uint32_t question_plus1;    /* in analysis.questions */
};

/* What the stages need to know of a thread beside its entry in the timeline, at the same index. */
struct life {
    /* lives */
    const struct event_thread *attach, *final; /* NULL: not seen */
    bool forked, exited;
    bool before; /* it was made, or looked at, before the capture's first instant: see lives.c */
    uint32_t maker_plus1;  /* the thread that made it */
    uint32_t first, count; /* its EVENT_WAITs in analysis.waits */

    /* requests: the scan through its intervals, always up to its latest touch */
    size_t scan;
    uint32_t yields;              /* multiplexed waits in its whole life */
    uint32_t first_yield;         /* in analysis.yields */
    uint32_t first_awake, awakes; /* in analysis.awake */
    uint32_t first_loose, looses; /* in analysis.loose */
    bool direct;                  /* its handlers act at once: see downstream_survey() */
    bool relays;                  /* and each reply that it reads is an answer at once: as well */
    bool begins;                  /* a runtime tells of its pieces of work */
    uint64_t first_begin;         /* since then */
    bool ends;                    /* and of each one's end */
    bool coroutines;              /* they are Kotlin's */
    bool carries;        /* one request after the other, and not to their ends: see parks.c */
    bool suspends;       /* the same, unless it is told: Kotlin's */
    bool bitsets;        /* it waits for condition variables: see parks.c */
    bool service;        /* the runtime's own, for everybody: see parks.c */
    uint32_t work_plus1; /* the item that it has begun and not ended */
    uint32_t stray_plus1, last_stray_plus1; /* the same of nobody's; and the last such */
    uint32_t pool_lock; /* low half of the address of the lock that it takes behind each; or 0 */
    bool makes, tasks, steps_end;    /* it tells of asyncio's: see tasks.c */
    bool makings;                    /* and of each task that it makes */
    bool dispatches;                 /* the JVM's: it has few callbacks of its own */
    bool hands_on;                   /* such a one that only reads, and hands over at once */
    bool strays;                     /* it hands work over for nobody, too */
    bool flushes;                    /* and sends the answers of several together */
    bool callbacks;                  /* and works for long in callbacks that are no steps */
    bool visible;                    /* no callback of a request's touches nothing: see slices.c */
    bool background;                 /* and works while it has no request: see background.c */
    bool stray_tasks, stray_askers;  /* and makes tasks in such, by habit: see tasks.c */
    bool in_step;                    /* what it does is a known request's step, or not told */
    struct orphan orphan;            /* the last that it received */
    bool known;                      /* the same, and not from what it was seen to do */
    bool batches;                    /* it answers all that it has read behind the last read */
    uint32_t slice;                  /* counts its multiplexed waits */
    uint32_t slice_open;             /* requests read since the last multiplexed wait, unanswered */
    uint32_t tenure_plus1;           /* the one that runs */
    uint64_t tenure_end;             /* of the one before */
    uint32_t touches;                /* of requests' connections */
    uint32_t candidates;             /* requests it touched last that may go on at any time */
    uint32_t candidate_sum;          /* of their indices: with one candidate this is it */
    bool received;                   /* from a socket, since the last multiplexed wait */
    bool touched;                    /* a socket, since the last multiplexed wait */
    uint32_t born_for_plus1;         /* the request its maker had */
    uint64_t prev_touch, prev_recv;  /* 0: none */
    uint64_t last_wake;              /* end of its last wait, or its start */
    uint64_t yield_start, yield_end; /* its last multiplexed wait; NEVER: none */
    uint64_t off_start, on_start;    /* when it last left the CPU, and came back */
    uint64_t other_wake;             /* end of its last wait but on a connection of a client */
    uint64_t conn_obj, conn_wake;    /* the connection it blocked on last, and the wake-up */
    uint32_t uring_left;             /* submissions that are still to come of a call's */
    uint64_t uring_stray;            /* when something was last submitted for nobody known; 0 */
    uint64_t uring_call;             /* the last multiplexed wait's end at that call */
    uint32_t uring_slice_plus1;      /* in which a completion was found as it woke; 0: none */
    bool uring_shared;               /* they are for several requests */
    uint32_t uring_for_plus1;        /* the request for which it connects by io_uring right now */

    /* roles */
    uint32_t free_waits, free_yields; /* outside every tenure */
    uint32_t free_selects;            /* of these yields, those in poll and select */
    uint32_t accepts;
    uint32_t reads, nonblocking_reads; /* of requests */
    uint32_t tenures;
    uint32_t socket_blocks;       /* tenures in which it blocked on a connection */
    uint32_t interleaved;         /* tenures that only an event loop has: see tenure_open() */
    uint32_t returned;            /* tenures of requests that some thread had had before */
    bool has_old;                 /* a request that it had read before the capture's begin */
    bool shares;                  /* other threads wait in its multiplexed wait, for the same */
    uint64_t work_ns;             /* waits of no request that are no idling */
    size_t hint;                  /* the interval in which the ledger last began a piece */
    uint64_t held_ns, running_ns; /* that it gave to requests, and of that on CPU */
};

struct sock {
    uint64_t obj;
    const struct event_socket *desc; /* the last word on it; may be NULL */
    uint8_t role;
    bool tcp;             /* TCP, or a unix stream with two ends: may carry requests */
    uint8_t first_op;     /* EVENT_RECV or EVENT_SEND; 0: none */
    uint64_t established; /* NEVER: before the attach, or not known */

    /* accepted */
    uint32_t request_plus1; /* the last one on it */
    uint64_t prev_end;      /* no request on it starts before */
    bool ended;             /* its client sends no more */
    uint64_t last_op;
    uint64_t send_off, send_on, send_prev; /* at the last send: see request_pipelined() */

    uint32_t object_plus1; /* in the timeline; 0: not there (yet) */
    bool tag_lost;         /* its tag in io_uring went to another: see uring.c */

    /* connected */
    uint32_t owner_plus1;            /* request */
    bool owes;                       /* its owner connects, or sent and has no reply yet */
    bool connecting;                 /* nothing was sent on it yet */
    bool inferred;                   /* whose it is follows from the order of events alone */
    bool ambiguous;                  /* replies cannot be told apart any more */
    uint64_t nameless;               /* when somebody unknown sent and has no reply yet; NEVER */
    uint64_t nameless_from;          /* when that one began to */
    uint64_t line_ready;             /* when the reply before was there; NEVER: see line_of() */
    uint64_t freed_ready, freed;     /* when the last reply was there, and was received */
    uint64_t reply_want, reply_have; /* bytes; want 0: not known */
    bool asked_head;                 /* by HTTP's HEAD: the reply has no body, whatever it says */
    bool survey_asked;               /* the last that was done with it was to connect or to send */
    bool asked;                      /* its client had spoken last at the attach */
    bool survey_met;         /* it was begun in the capture, or something was done with it */
    uint32_t question_plus1; /* the one whose reply comes next, or goes on; 0: none */
};

/* What a request asked on a connection to somewhere else. */
struct question {
    uint32_t sock, thread;
    uint32_t draft;             /* NONE: not known when it was asked */
    uint64_t start, reply, end; /* reply NEVER: none yet; end NEVER: nobody has ended it */
    uint64_t made, asked;       /* in between the new connection was there, nothing sent on it */
    uint64_t earliest;          /* what came before cannot be the reply */
    bool inferred;              /* whose it is */
    bool sent;                  /* something was, not only a connection begun */
    bool claimed; /* by whom it sends for; the connection was begun for nobody known */
    bool dropped; /* its reply cannot be told from another's */
};

/* A request as it grows. There are millions, so that each byte here counts. */
struct draft {
    uint64_t start;
    uint64_t end; /* until it is closed: of its answer so far */
    uint64_t bytes_in, bytes_out;
    uint64_t expect_in;   /* 0: not known */
    uint64_t uring_ready; /* when the last it asked of io_uring completed, if nothing was done
                             since; NEVER */
    uint64_t woken;       /* what it waited for was there; NEVER: nothing that is not served */
    uint64_t top_touch;   /* the latest, and whose */
    uint32_t top_thread;
    uint32_t sock;
    int32_t status;
    uint32_t name, group;
    uint32_t first_thread, last_thread; /* NONE: not touched */
    uint32_t answer_thread;
    uint32_t outstanding; /* downstreams that owe a reply, requests to io_uring under way */
    uint32_t
        posted_plus1;    /* the task that nginx's loop posted for it, and has not come back from */
    uint32_t read_slice; /* life.slice of the thread that read it first */
    uint32_t first_tenure_plus1, last_tenure_plus1;
    uint32_t index;             /* in the timeline */
    uint32_t proto : 8;         /* see proto_at() */
    uint32_t flags : 4;         /* enum request_flag */
    bool expect_more : 1;       /* at least expect_in */
    bool bodyless : 1;          /* see struct proto_head */
    bool late : 1, blurred : 1; /* see draft_goes_on() */
    bool sent : 1;              /* anything at all */
    bool answered : 1, closed : 1, streams : 1;
    bool early : 1;          /* its first bytes came before the capture's begin */
    bool read_before : 1;    /* and it was read before then, too */
    bool old : 1;            /* and nobody knows who has it */
    bool uring_inferred : 1; /* that it was the request's, what io_uring was asked */
    bool handed : 1;         /* to a worker, by a runtime's word; none comes when it is back */
    bool told : 1;           /* by the ledger */
    bool estranged : 1;      /* it has made tasks, perhaps, and nobody knows which are its own */
};
_Static_assert(sizeof(struct draft) == 128, "draft");

/* How the time before a tenure is told. */
enum cause {
    CAUSE_NONE = 0,      /* nothing known */
    CAUSE_FIRST = 1,     /* the request's first: it was queued */
    CAUSE_READY = 2,     /* bytes came at `ready` */
    CAUSE_CONNECTED = 3, /* the downstream connection stood at `ready` */
    CAUSE_AMBIGUOUS = 4, /* from `busy_from` on others may have been at work as well */
    CAUSE_BUSY = 5,      /* its loop was busy with others, and knew what to do */
    CAUSE_HANDOFF = 6,   /* handed to this thread; it was in its queue from `ready` on */
    CAUSE_LINE = 7,      /* it asked, on a connection that was another's until `ready`; NEVER */
};

/* A thread has a request from `start` to `end`; all the thread's time in it is the request's. There
 * are as many as requests and more, so that each byte here counts. */
struct tenure {
    uint64_t start, first_touch, last_touch, end;
    uint64_t wait_off;     /* its first wait after last_touch; NEVER */
    uint64_t ready;        /* see enum cause */
    uint64_t busy_from;    /* from here on the loop was busy with something else; see enum cause.
                              CAUSE_HANDOFF: until then it stood in the queue, since `ready` */
    uint64_t unsure_until; /* from `end` to here the request is one candidate of several; 0 */
    uint32_t request, thread;
    uint32_t next_plus1; /* of the same request */
    uint32_t slice;      /* life.slice when it began */
    uint32_t step_plus1; /* the step of a task that it begins with; 0: not known */
    uint32_t cause : 3;  /* enum cause */
    bool exact_head : 1; /* up to the first touch */
    bool exact_tail : 1;
    bool long_tail : 1;    /* because it goes on for long behind the last touch */
    bool submits : 1;      /* to an executor: it may have stood in line for a thread before */
    bool in_line : 1;      /* it did */
    bool has_line : 1;     /* CAUSE_HANDOFF: see tenure_line() */
    bool perhaps : 1;      /* what the thread handed over behind its last touch may be its own */
    bool matched : 1;      /* match.c has told what it was ready for */
    bool handed : 1;       /* its request was handed to a worker, and no word when it is back */
    bool untold : 1;       /* the same, and no word of the worker's, where there should be one */
    bool resumed : 1;      /* by a runtime's word, which tells of each such turn to the request */
    bool shared : 1;       /* other requests might have gone on meanwhile */
    bool received : 1;     /* the last touch was a receive */
    bool replied : 1;      /* the last touch was a send on the request's own connection */
    bool gap_inferred : 1; /* whose the event is that ends the gap before it */
    bool unsure_head : 1;  /* between `ready` and it others may have been at work as well */
    bool moment : 1;       /* of the thread's own time nothing is known */
    bool told : 1;         /* by the ledger; then next_plus1 is its request in the timeline */
    bool told_whole : 1;   /* a piece of work whose begin and end are told: it does only that */
};
_Static_assert(sizeof(struct tenure) == 88, "tenure");

/* What is left of a tenure when the ledger is written. */
struct held {
    uint64_t start, end;
    uint32_t request; /* in the timeline */
    uint32_t thread;
};

/* Who read a request first. */
struct reader {
    uint32_t thread : 31;
    bool read_before : 1; /* see struct draft */
};

struct touch {
    uint64_t time : 56;          /* no capture is as long: see DURATION_MAX */
    bool unknown : 1;            /* for some request, but not known for which */
    bool own : 1, replied : 1;   /* of the request's own connection; an answer */
    bool others : 1;             /* a step for a request that is closed, or a connection of none */
    bool receives : 1, over : 1; /* bytes, or that the client sends no more: `over` */
    bool sole : 1;               /* nobody else can have been at work: see bursts.c */
    uint64_t ready;              /* NEVER: not known, or a send */
    uint32_t thread, request_plus1;
};
_Static_assert(sizeof(struct touch) == 24, "touch");

/* A thread sent something that is of no request: a byte that wakes a loop, perhaps. */
struct signal {
    uint64_t time, obj;
    uint32_t thread;
};

/* A piece of work that a runtime speaks of. */
struct work {
    uint32_t request_plus1;
    uint32_t worker, tenure_plus1; /* since its begin */
    uint64_t submitted, ended;     /* ended 0: not yet */
    bool owed;                     /* its request waits for it */
    /* a coroutine */
    uint64_t begun;
    uint32_t under_plus1; /* what its worker was in when it came into it; 0: nothing */
    uint64_t carried;     /* since then a virtual thread may have had it; 0 */
    uint64_t late;        /* who made it ready was late, and woke then; 0: in time */
    bool held;            /* its worker has it */
    bool waits;           /* it was suspended, and not handed to a dispatcher since */
    bool within;          /* its worker had the request before it began */
    uint8_t kind;         /* enum work_kind; of one that was handed over */
};

/* Work of a thread's from its begin to its end, told by a runtime and for nobody known. */
struct stray {
    uint64_t start, end;   /* end NEVER: not told */
    uint32_t before_plus1; /* on the same thread */
};

/* A step of a task of asyncio's, by when its loop had it in its queue: see steps.c. */
struct step {
    uint64_t time;
    uint64_t queued;       /* exactly then; NEVER: not known */
    uint64_t waited_until; /* what it waited for was not there before; 0: not known */
    uint64_t due_by;       /* it was in the queue from here on; NEVER: not known */
    uint64_t timer;        /* that it waited for was due then; NEVER: none, or not known */
    size_t record;
    uint32_t thread;
};

/* What is known of a record beforehand: the next to come is the last of them. */
struct noted {
    size_t record;
    uint64_t what;
};
struct notes {
    VEC(struct noted) all;
};

/* How long what a record says is needed. */
enum need {
    NEED_SURVEYS,  /* a wait: until the requests' pass begins, which sees the states instead */
    NEED_REQUESTS, /* until the requests' pass is behind it */
    NEED_ALWAYS,
    NEEDS
};

struct chunk_place {
    struct chunk *chunk; /* NULL: given back */
};

/* Pages of their own, so that they go back when they are not needed any more. */
#define CHUNK_SIZE ((size_t)4 << 20)
/* Records lie at multiples of it, so that 32 bits tell where, up to 32 GiB of them. */
#define RECORD_ALIGN 8
#define CHUNK_PLACES (CHUNK_SIZE / RECORD_ALIGN)

struct chunk {
    uint32_t used;    /* bytes, with this head */
    uint32_t records; /* in it that are still to be passed */
    enum need need;
};

/* Indices of a thread's (or a process's) elements side by side in their order: from[thread] up to
 * from[thread + 1]. */
struct by_thread {
    uint32_t *from, *index;
};

struct analysis {
    struct analysis_options options;
    VEC(struct chunk_place) chunks;
    uint32_t filling[NEEDS];    /* the chunk for each, + 1 */
    VEC(struct record) records; /* up to the end of the requests' pass */
    VEC(struct capture_loss) losses;
    VEC(uint64_t) loss_reach; /* beside tl->losses: see losses_within() */
    VEC(char *) probes;
    uint64_t kinds; /* bits: 1 << kind of event, of all records */

    struct timeline *tl;
    uint64_t t0;
    bool window;               /* a flight recorder's: much was there before it */
    VEC(struct record) before; /* receives of requests from before it that nobody had answered */
    VEC(struct life) lives;    /* beside tl->threads */
    struct table tids, pids;
    VEC(uint32_t) waits; /* in records: of one thread after the other, by time */
    VEC(struct sock) socks;
    struct table sock_index;
    VEC(uint64_t) clients;     /* when their connections came to be, sorted */
    struct table files, anons; /* object → its last record */
    struct table objects;      /* object → index in the timeline; not those in socks */
    struct table futexes;      /* hash of process and address → index in the timeline */
    uint32_t futex_count, futex_rest_plus1;
    uint32_t call_strings[CALL_COUNT]; /* index + 1 */
    uint32_t accept_call_plus1[2];
    uint32_t protocols[PROTOCOLS]; /* strings, by proto_at(): of those that were seen */
    struct named *named;           /* see requests.c */
    VEC(struct proc) procs;        /* beside tl->processes */
    VEC(struct doubt) awake;       /* of one loop after the other: when it was awake for long */
    VEC(struct doubt) loose;       /* likewise: when it was awake in the name of no request */
    VEC(struct doubt) doubts;      /* of one process after the other, by time, apart */
    VEC(struct doubt) bursts;      /* likewise; see bursts.c */
    VEC(struct doubt) mild;        /* likewise; doubts for those only whom their burst was for */
    VEC(struct doubt) lulls;       /* likewise; nobody but readers was awake: see bursts.c */
    VEC(uint32_t) yields;          /* intervals: of one thread after the other, by time */
    VEC(struct draft) drafts;      /* up to asks.c */
    VEC(struct tenure) tenures;    /* likewise */
    VEC(struct held) helds;        /* since the ledger: of each tenure, in their order */
    VEC(struct reader) readers;    /* likewise, beside tl->requests */
    VEC(struct touch) touches;     /* up to the end of handoffs.c */
    struct by_thread touches_of;   /* likewise, since the requests' pass; then `index` is NULL */
    VEC(uint64_t) touch_times;     /* from then on: when, of one thread after the other */
    struct table lines;            /* of few tenures: see tenure_line() */
    struct table handed_on; /* of few drafts: its reader had handed it over by then; bursts.c */
    struct uring *uring;    /* NULL: nobody uses io_uring */
    VEC(struct signal) signals;
    VEC(struct question) questions; /* in the order of their starts */
    VEC(struct work) works;
    struct table work_index;  /* hash of what it is → works */
    struct notes task_conns;  /* of tasks' steps: the connection that each works for */
    struct notes task_habits; /* of tasks' makings: what each does in its life */
    VEC(struct step) steps;   /* by record */
    VEC(struct stray) strays;
};

/* ---- analysis.c ---- */
/* Were records lost at any time in [from, to]? */
bool losses_within(const struct analysis *a, uint64_t from, uint64_t to);

/* ---- records.c ---- */
int records_add(struct analysis *a, const struct event *ev);
/* What the record says: a struct event of its kind. See enum need for how long it is there. */
static inline const void *record_event(const struct analysis *a, const struct record *r)
{
    const struct chunk *c = a->chunks.data[r->at / CHUNK_PLACES].chunk;
    return (const char *)c + r->at % CHUNK_PLACES * RECORD_ALIGN;
}
/* Takes the receives from before t0 out of the records, into a->before. Sorted records. */
int records_before(struct analysis *a);
/* Is there a record of the kind at all? */
bool records_have(const struct analysis *a, unsigned kind);
/* Stable by time, in linear time for what is sorted already. */
void records_sort(struct analysis *a);
/* What the waits' records say is not needed any more. */
void records_drop_waits(struct analysis *a);
/* Nor is the record, and those before it. */
void records_pass(struct analysis *a, size_t record);
/* No record is. */
void records_end(struct analysis *a);
void records_release(struct analysis *a);
uint64_t analysis_rel(const struct analysis *a, uint64_t abs_ns);

/* ---- lives.c ---- */
int lives_build(struct analysis *a);

/* ---- sockets.c ---- */
int sockets_build(struct analysis *a);
/* How many clients' connections came to be in [from, to)? */
size_t clients_came(const struct analysis *a, uint64_t from, uint64_t to);
struct sock *socket_find(struct analysis *a, uint64_t obj);
/* That of a connection's, a receive's or a send's record, without looking for it; NULL: it is of
 * no socket. */
struct sock *record_sock(const struct analysis *a, const struct record *r);

/* ---- runtimes.c ---- */
int runtimes_build(struct analysis *a);
bool process_has(const struct analysis *a, uint32_t process, enum runtime runtime);

/* ---- names.c ---- */
/* Index + 1 in tl->objects, 0 when `obj` is none; -ENOMEM. `futex`: obj is an address. */
int object_plus1(struct analysis *a, uint64_t obj, bool futex, uint32_t process, uint32_t *plus1);
/* The same of a socket. */
int socket_object_plus1(struct analysis *a, struct sock *s, uint32_t *plus1);

/* ---- calls.c ---- */
enum state wait_state(const struct event_wait *w);
bool call_is_futex(unsigned call);
/* Index of the call's name + 1; 0 for none. */
uint32_t call_string_plus1(struct analysis *a, unsigned call);
/* True for calls that wait for something to come in: accept, recv, read, poll … */
bool call_takes(const char *name);

/* ---- parks.c ---- */
void parks_prepare(struct analysis *a);
/* Does the thread wait for work in this wait? */
bool wait_is_park(const struct analysis *a, uint32_t thread, const struct interval *iv);
/* The same, or for its pool's lock: it is done with what it had begun. */
bool wait_ends_work(const struct analysis *a, uint32_t thread, const struct interval *iv);
/* Does it wait for Python's interpreter? */
bool wait_is_gil(const struct analysis *a, const struct thread *t, const struct interval *iv);
/* The thread of its own process that ended the wait at `end`; NONE: not known, or none. */
uint32_t wait_waker(const struct analysis *a, const struct thread *t, const struct interval *iv,
                    uint64_t end);

/* Is it one of the JVM's own, which serves no request? */
bool is_jvm_service(const struct analysis *a, const struct thread *t);

/* ---- states.c ---- */
int states_build(struct analysis *a);

/* ---- tenure.c ---- */
struct act { /* what a thread did with a request's object */
    uint32_t thread;
    uint64_t time;
    bool receives;
    bool replies;   /* a send on the request's own connection */
    bool inferred;  /* whose object it is */
    uint8_t cause;  /* CAUSE_NONE, _READY, _CONNECTED */
    bool resumes;   /* a runtime says that it turns to it */
    bool untold;    /* see struct tenure */
    bool at_once;   /* nothing before it belongs to it */
    bool over;      /* nothing behind it belongs to it */
    uint64_t ready; /* NEVER: not known */
    uint64_t obj;
    bool moment; /* done in the thread's name: what it did before and afterwards is not known */
    bool shared; /* what the thread did before may have been for others */
    uint32_t step_plus1;
    bool others; /* see struct touch */
};
/* Brings a thread's view up to `until`: waits that end its tenure are seen here. */
void thread_scan(struct analysis *a, uint32_t thread, uint64_t until);
int tenure_touch(struct analysis *a, uint32_t request, const struct act *act);
/* The thread has asked for the request before, as turns out now, and touched nothing of its since
 * then. */
int tenure_asked(struct analysis *a, uint32_t request, uint32_t thread, const struct orphan *o);
/* The thread has had the request since before the capture's begin. */
int tenure_from_before(struct analysis *a, uint32_t request, uint32_t thread);
/* A touch of a socket that belongs to no request. */
int tenure_foreign(struct analysis *a, const struct act *act);
/* Up to `at` the thread's time is the request's that it has, and then no more. */
void tenure_leave(struct analysis *a, uint32_t thread, uint64_t at);
void tenure_finish(struct analysis *a, uint32_t thread);
/* CAUSE_HANDOFF: between `ready` and here that is not known; 0. */
uint64_t tenure_line(const struct analysis *a, const struct tenure *x);
int tenure_set_line(struct analysis *a, struct tenure *x, uint64_t from);
/* The request a thread has now; NONE. */
uint32_t tenure_request(const struct analysis *a, uint32_t thread);
/* Did it touch nothing of that one's for long before `at`? It may have turned to something else. */
bool tenure_idle(const struct analysis *a, uint32_t thread, uint64_t at);
/* Other requests of the thread that might be what it works at now, beside `request`. */
uint32_t thread_rivals(const struct analysis *a, uint32_t thread, uint32_t request);
/* Around every change of what makes a request a candidate. */
void draft_leave(struct analysis *a, uint32_t request);
void draft_enter(struct analysis *a, uint32_t request);

/* ---- requests.c, downstream.c ---- */
int requests_build(struct analysis *a);
/* The bytes that came with a record. */
size_t io_data_len(const struct event_io *io);
/* Of the message that the record begins, in bytes; 0: not known. `*at_least`: or longer. */
uint64_t io_length(const struct event_io *io, bool *at_least);
int downstream_send(struct analysis *a, struct sock *s, const struct act *act,
                    const struct event_io *io);
int downstream_recv(struct analysis *a, struct sock *s, const struct act *act,
                    const struct event_io *io);
int downstream_connect(struct analysis *a, struct sock *s, const struct act *act);
/* The connection stands: what waits for it is ready. */
void downstream_connected(struct analysis *a, const struct sock *s, uint64_t at);
/* Finds the threads whose handlers act at once. */
int downstream_survey(struct analysis *a);
/* A request is answered: behind the reply that it waited for, if `act` is told so. */
int downstream_adopt(struct analysis *a, uint32_t request, struct act *act);

/* It is said for whom the thread connects or sends on `s`; that is no more than inferred. */
void downstream_claim(struct analysis *a, struct sock *s, uint32_t request);

/* ---- background.c ---- */
/* Finds the loops that work in nobody's name, too. */
int background_survey(struct analysis *a);

/* ---- asks.c ---- */
/* The request begins to ask: a new connection, or what it sends on an idle one. */
int question_begin(struct analysis *a, struct sock *s, const struct act *act, uint32_t request);
/* It sent something on `s`: a question begins, if none is under way. */
int question_send(struct analysis *a, struct sock *s, const struct act *act, uint32_t request);
/* The same for a request that is not known; `sends`: it did, else it begins a connection. */
int question_nameless(struct analysis *a, struct sock *s, const struct act *act, bool sends);
/* The reply tells whose it was; 0: none. */
void question_adopt(struct analysis *a, uint32_t question_plus1, uint32_t request);
/* So many bytes came; 0: no more will. */
void question_reply(struct analysis *a, struct sock *s, const struct act *act, uint32_t bytes);
/* What follows on `s` is another question, unless this one is only a connection that is made. */
void question_over(struct analysis *a, struct sock *s);
/* The connection is no more. */
void question_end(struct analysis *a, struct sock *s, uint64_t at);
/* Whose reply comes next cannot be told. */
void question_drop(struct analysis *a, struct sock *s);
/* As far as a loop that tells of its tasks' steps goes: is it certain enough whose it is? */
bool question_is_its(const struct analysis *a, const struct question *q);
int asks_build(struct analysis *a);

/* ---- uring.c ---- */
int uring_prepare(struct analysis *a);
int uring_see(struct analysis *a, const struct record *r);
void uring_release(struct analysis *a);

/* ---- slices.c ---- */
int slices_build(struct analysis *a);

/* ---- index.c ---- */
void by_thread_release(struct by_thread *b);
/* In records: what a thread did itself, with its socket or by a runtime's word. */
int acts_by_thread(const struct analysis *a, struct by_thread *b);
int tenures_by_thread(const struct analysis *a, struct by_thread *b);
int helds_by_thread(const struct analysis *a, struct by_thread *b);
int touches_by_thread(struct analysis *a);
/* Of touches only their times are needed from now on. */
int touches_leave(struct analysis *a);
int threads_by_process(const struct analysis *a, struct by_thread *b);
/* By the process of the thread that read it first. */
int drafts_by_process(const struct analysis *a, struct by_thread *b);
int questions_by_draft(const struct analysis *a, struct by_thread *b);

/* ---- work.c ---- */
int work_event(struct analysis *a, const struct record *r);
/* The act touches the request: if it comes behind a task of nginx's, the act is told so. */
void work_back(struct analysis *a, uint32_t request, struct act *act);
/* What a runtime has handed to io_uring with that tag, for its loop `thread`; NULL: it says
 * nothing. */
struct work *work_tagged(struct analysis *a, uint32_t thread, uint64_t tag);
/* It is done. */
void work_ready(struct analysis *a, struct work *w, uint64_t at);
/* The thread parks, or begins with something else, at `at`: it is done with its item. */
void work_leave(struct analysis *a, uint32_t thread, uint64_t at);
/* From its first piece of work on a pool's thread has each of them told by its runtime: from when
 * on; NEVER. What is told may have been found while it was recorded. */
uint64_t work_told_since(const struct analysis *a, uint32_t thread);
struct work *work_find(struct analysis *a, const struct event_work *e, uint32_t thread);
uint64_t work_key(const struct analysis *a, const struct event_work *e, uint32_t thread);
struct work *work_make(struct analysis *a, const struct event_work *e, uint32_t thread);
/* Its request waits for it, or does no more. */
void work_owes(struct analysis *a, struct work *w, bool owes);
/* The thread begins with something, and nobody knows for whom. */
int work_begin_stray(struct analysis *a, uint32_t thread, uint64_t at);
/* Whose it is, if that one is still open; NULL. `w` may be NULL. */
struct draft *work_draft(struct analysis *a, const struct work *w);
/* It is the request's, or nobody's (NONE), from now on. */
int work_bind(struct analysis *a, const struct event_work *e, const struct act *act,
              uint32_t request);
/* The loop turns to the request. */
int work_turn_to(struct analysis *a, uint32_t request, struct act *act);

/* ---- coroutines.c ---- */
/* The thread turns to coroutines, and says so. */
void coroutines_found(struct analysis *a, uint32_t thread);
int coroutine_event(struct analysis *a, const struct event_work *e, struct act *act);

/* ---- tasks.c ---- */
/* Finds whose each step of a task is, and which threads tell all of theirs. */
int tasks_survey(struct analysis *a);
int task_event(struct analysis *a, const struct event_work *e, struct act *act, size_t record);

/* ---- steps.c ---- */
int steps_survey(struct analysis *a);
/* Index + 1 in steps of the one that the record tells of; 0: none. */
uint32_t step_plus1_at(const struct analysis *a, size_t record);

/* ---- bouts.c ---- */
struct bell { /* a worker tells a loop something */
    uint64_t time;
    uint32_t worker, loop;
};
struct park {
    uint64_t start, end;
    uint32_t worker, waker; /* waker NONE: not known, or none of the process */
    bool unsure;            /* perhaps it waits inside its work: see pools.c */
};
struct done { /* an item of work that a worker has done */
    uint64_t start, end;
    uint64_t first; /* its first wait, or its end: what it did before was not much */
    uint64_t least; /* it ended here at the earliest */
    uint32_t worker, loop;
    bool weak; /* nobody was seen to be told of it */
    bool used; /* match.c has found whose it was */
};
/* A worker of the process was called, and when it had a CPU nothing was left to do. */
struct vain {
    uint32_t process;
    struct doubt span;
};
struct bouts {
    VEC(struct bell) bells;   /* by worker, by time */
    VEC(struct done) dones;   /* by loop, by end */
    VEC(struct park) parks;   /* by worker, by time */
    VEC(struct vain) vain;    /* by process, by time, apart */
    size_t *first_done;       /* by loop, and one more */
    size_t *first_park;       /* by worker, and one more */
    struct by_thread touches; /* the analysis's own */
    struct by_thread threads, drafts;
    bool any_worker; /* at all */
    bool *worker;    /* by thread */
    bool *helper;    /* by thread: the loop wakes it, and it has never said that it was done */
    bool *beside;    /* by thread: others than the loop wake it, to work for whomever */
    uint32_t *loops; /* by process: the thread of its loop; NONE */
    /* for match.c and rest.c, by handoffs.c */
    struct by_thread tenures;
    size_t tenures_sorted; /* so many are in it */
    uint32_t *before;      /* by tenure: the one before it of the same request; NONE */
    uint64_t *split;       /* by worker: where an item ended that nobody was told of */
};
/* When `waker` woke another whose wait ended at `at`: nobody does while it is off CPU itself, so
 * its time may be by another clock; or the other's CPU slept, and heard of it late (a virtual one
 * by 200 us to 1 ms). */
uint64_t woke_at(const struct analysis *a, uint32_t waker, uint64_t at);
/* When a thread of its process woke it from the wait that ended at `at`; `at`: then, or nobody. */
uint64_t called_at(const struct analysis *a, uint32_t thread, uint64_t at);
int bouts_build(struct analysis *a, struct bouts *b);
/* Within [from, to) a worker was called for what another took in the end. */
bool called_in_vain(const struct bouts *b, uint32_t process, uint64_t from, uint64_t to);
void bouts_release(struct bouts *b);

/* ---- jobs.c ---- */
int jobs_charge(struct analysis *a, struct bouts *b);

/* ---- chains.c ---- */
/* Did the loop have the request at `at`, and nothing else to hand over? A worker that it woke then
 * begins to wait in its work at `begins`. */
bool loop_had(const struct analysis *a, const struct bouts *b, uint32_t loop, uint32_t request,
              uint64_t at, uint64_t begins);
/* The index of the thread's interval that `at` lies in. */
size_t interval_of(const struct thread *t, uint64_t at);
/* The same, if it is likely to be at `near` or a few behind it. */
size_t interval_near(const struct thread *t, uint64_t at, size_t near);
/* The thread's last touch at `at` or before; NULL: none. */
const struct touch *touch_before(const struct analysis *a, const struct bouts *b, uint32_t thread,
                                 uint64_t at);
int chains_follow(struct analysis *a, const struct bouts *b);

/* ---- bursts.c ---- */
/* Finds whose the waits inside work are, and the bursts of which is known for whom they were. */
int bursts_follow(struct analysis *a, struct bouts *b, uint32_t process);

/* ---- match.c ---- */
int items_match(struct analysis *a, struct bouts *b, uint32_t loop);

/* ---- order.c ---- */
#define ORDER_RECENT 16
struct taken {
    uint64_t submitted;
    uint64_t from, to; /* a worker took it up in between */
    bool *early;       /* set when it did so before one that was given earlier; or NULL */
};
struct pool_order { /* in which a pool takes up what it is given */
    struct taken recent[ORDER_RECENT];
    size_t count, next;
    uint32_t in_order, against;
};
void pool_order_note(struct pool_order *o, struct taken t);
bool pool_order_known(const struct pool_order *o);
/* Was `first` given before `next`, and taken before it as well? */
bool pool_order_tells(const struct taken *first, const struct taken *next);

/* ---- handoffs.c ---- */
struct item {
    uint32_t request, thread;
    uint64_t start, end;
    uint64_t queued_from, queued_to; /* before its start */
};
/* The item was the request's. */
int item_add(struct analysis *a, const struct item *item);
int handoffs_build(struct analysis *a);

/* ---- rest.c ---- */
int rest_share(struct analysis *a, const struct bouts *b, uint32_t process);

/* ---- doubts.c ---- */
/* The times when all workers of the process were busy. */
int doubts_full(struct analysis *a, const struct bouts *b, uint32_t process);
/* Sorts `count` spans of time and lays together what overlaps. Returns how many are left. */
size_t doubts_join(struct doubt *all, size_t count);
/* Adds a doubt of the process. */
int doubt_add(struct analysis *a, uint32_t process, struct doubt d);
/* Puts those of the process in order that were added since doubts_begin(). */
void doubts_begin(struct analysis *a, uint32_t process);
int doubts_finish(struct analysis *a, const struct bouts *b, uint32_t process);
/* Takes what the loop `thread` did for known requests out of when it was awake for long: it tells
 * of each turn to one, so that this is no other's. */
int doubts_awake(struct analysis *a, const struct bouts *b, uint32_t thread);
/* Was another thread of the process, meanwhile, at work for nobody known, or were all its workers
 * busy, so that either may have been for a request of `thread` that nobody is seen to have in
 * `gap`? The first such time in [from, to), a part of it. */
bool doubt_next(const struct analysis *a, uint32_t thread, const struct doubt *gap, uint64_t from,
                uint64_t to, struct doubt *found);
/* From the first moment in [from, to) when nobody but readers was awake in the thread's process, to
 * the last; false: there is none. */
bool lull_span(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to,
               struct doubt *span);
/* The first time in [from, to) that the loop `thread` was awake for long: a callback of the
 * request's that touches nothing may have been late, or run. */
bool awake_next(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to,
                struct doubt *found);
/* The first time in [from, to) that it was awake in the name of no request: a callback of any
 * request's that touches nothing may have run. */
bool loose_next(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to,
                struct doubt *found);
/* Since when they had all been busy at `at`; `at` when they were not. */
uint64_t full_since(const struct analysis *a, uint32_t thread, uint64_t at);

/* ---- gaps.c ---- */
/* A stretch of a request's life that no thread had it in. */
struct gap {
    uint64_t from, to;
    const struct tenure *before, *after; /* NULL: it is at the request's begin, or end */
    uint32_t loop;                       /* the thread that read the request first */
    bool several;                        /* more than one thread had it before */
};
struct gap_part {
    uint64_t from, to;
    uint32_t thread_plus1; /* that was waited for */
    uint8_t key, grade;
};
#define GAP_PARTS 72
/* Cuts the gap into at most GAP_PARTS parts, without a gap between them. Returns how many. */
bool loop_slept(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to);
size_t gap_parts(const struct analysis *a, const struct gap *gap, struct gap_part *parts);

/* ---- outstanding.c ---- */
struct outstanding {
    struct by_thread questions; /* by draft */
    VEC(struct doubt) spans;    /* of one request, by time, apart */
    size_t at;
};
int outstanding_build(const struct analysis *a, struct outstanding *o);
void outstanding_release(struct outstanding *o);
/* Those of this request from now on. */
int outstanding_turn_to(const struct analysis *a, struct outstanding *o, uint32_t draft);
/* The first time in [from, to) that one was under way. Asked for in the order of time. */
bool outstanding_next(struct outstanding *o, uint64_t from, uint64_t to, struct doubt *found);

/* ---- ledger.c ---- */
/* Its mark in interval.flags: a part is charged to a request. roles.c takes it off. */
#define INTERVAL_CHARGED 0x20
/* Another, by jobs.c: it is a sleep if nobody is charged for it. */
#define INTERVAL_SLEEPS 0x10
int ledger_build(struct analysis *a);
/* Nothing needs the drafts and tenures any more. */
void ledger_forget(struct analysis *a);
/* How far a tenure goes in the end: where another thread took the request over, what the first one
 * waited for afterwards may have been anything. */
uint64_t tenure_reach(const struct draft *d, const struct tenure *x);

/* ---- roles.c, holds.c, victims.c, verdict.c ---- */
/* A wait for something to come in that is no file and no connection to somewhere else. */
bool wait_is_for_work(const struct timeline *tl, const struct interval *iv);
int roles_build(struct analysis *a);
int holds_build(struct analysis *a);
/* Of the holds, which lie by thread and time. */
int victims_build(struct analysis *a);
/* A request that waits for less was not kept waiting. */
#define QUEUED_MIN_NS 1000000u

/* Of each verdict: threads that serve, those of both loads too; requests in flight at once; and
 * when requests queued while all threads were taken. */
int serving_find(struct analysis *a);
int peaks_find(struct analysis *a);
/* Of the processes of which it may be said. */
int saturation_find(struct analysis *a, const bool *may);
/* What loops were taken for while their process had requests, and of that on a CPU. */
struct loop_time {
    uint64_t taken_ns, running_ns;
};
/* Fills each verdict's loads, whose numbers of threads are there; `loops`: beside tl->processes. */
int loads_find(struct analysis *a, struct loop_time *loops);
int verdict_build(struct analysis *a);

#endif
