/*
 * world: the last word on each thread, socket and file, whatever its age.
 *
 * A flight recorder gives up what happened before its window. What was said then of what is still
 * there must not go with it, as nobody says it again. So the records that leave the window go by
 * here, once each: those that describe are kept, the last of each thing alone; those that tell of
 * an end take away what was kept. Then only what is there at the window's begin has a place here,
 * however many threads and connections came and went.
 *
 * Of what happened one thing alone has a place: the receive that began the last request on a
 * connection. What hangs longest is what one looks for. When something was sent since, it is marked
 * so: an answer that is whole looks the same as one of which more will come.
 *
 * TCP sockets and threads tell of their ends. Files and unix sockets do not (no tracepoint of the
 * kernel says so): world_trim() gives up those that nothing has named for the longest time, before
 * anything of which it is known that it is there: TCP connections, and what a thread waits for.
 * What was given up is told by world_given_up(), so that it can be described again when it is met
 * again. Records come roughly, not exactly, in the order of their times: a word may come up to
 * WORLD_LATE_NS behind the end of what it is about.
 */
#ifndef RECORD_WORLD_H
#define RECORD_WORLD_H

#include "base/table.h"
#include "base/vec.h"
#include "bpf/events.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_LATE_NS 1000000000ull
#define WORLD_ENDS 64
/* Connections by a hash of their number: of each the last turn, while a block goes by. */
#define WORLD_TURNS 512
#define WORLD_TURN_BYTES 256

struct word;

struct world_end {
    uint64_t key, time_ns;
};

struct world_turn {
    uint64_t obj;     /* 0: nothing */
    uint64_t sent_ns; /* when something was sent on it last */
    bool fresh;       /* there is a receive here, and it is no word yet */
    bool answered;    /* no word on it need be told that something was sent */
    union {
        struct event event;
        struct event_io io;
        uint64_t bytes[WORLD_TURN_BYTES / 8];
    } receive;
};

struct world_place {
    struct word *word;
};

struct world {
    VEC(struct world_place) words;
    struct table index;                /* key → place in `words` */
    struct table threads;              /* pid → how many of its threads are known */
    struct world_end ends[WORLD_ENDS]; /* the last ones of which no word was here, as a ring */
    size_t next_end;
    struct world_turn *turns; /* WORLD_TURNS; NULL: no receive went by yet */
    size_t requests;          /* words that are such receives */
    size_t bytes;             /* of memory, all that it takes */
    uint64_t newest_ns;       /* the latest time of a record that went by */
    uint64_t now_ns;          /* the latest time of a record that came */
    uint64_t forgotten;       /* words on objects that were given up by world_trim() */
    VEC(uint64_t) given_up;   /* the objects, until world_given_up() takes them */
    struct table waited;      /* object → 1: a thread waited for it at the last look */
};

/* A world of zeros is empty. */
void world_release(struct world *w);
/* A record that comes: what it names is in use. */
void world_use(struct world *w, const struct event *ev);
/* A record that leaves the window. 0 or -ENOMEM. */
int world_see(struct world *w, const struct event *ev);
/* A block of records has gone by. 0 or -ENOMEM. */
int world_settle(struct world *w);
/* When it is larger than `most` bytes, makes it smaller, as far as it holds what may be given up.
 */
void world_trim(struct world *w, size_t most);
/* A look at all threads begins, then world_waits() for each that waits for something: as a wait is
 * told when it is over, nothing else says so. 0 or -ENOMEM. */
void world_look(struct world *w);
int world_waits(struct world *w, uint64_t obj);
/* Takes up to `max` objects that were given up since the last call; gives their number. */
size_t world_given_up(struct world *w, uint64_t *out, size_t max);
/* Takes away what does not stay: threads with all that is known of them, sockets as given up. */
void world_sift(struct world *w, bool (*stays)(const void *ctx, const struct event *ev),
                const void *ctx);
/* Of requests that were read up to then nobody knows any more whether they were answered. */
void world_doubt_requests(struct world *w, uint64_t until_ns);
/* Is it a socket of which it is told when it is closed? */
bool world_end_is_told(const struct event_socket *s);
/* Is there a word on the object? */
bool world_knows(const struct world *w, uint64_t obj);
/* Hands over each word that is kept; a negative return of put() ends it with that. */
int world_tell(const struct world *w, int (*put)(void *ctx, const struct event *ev), void *ctx);

#endif
