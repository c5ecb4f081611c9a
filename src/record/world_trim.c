/* What the world gives up when there is no memory for it, and in which order. */
#include "base/sort.h"
#include "record/words.h"

#include <sys/socket.h>

/* A socket that has no cookie yet is known by its address (socket_object() in bpf): no record tells
 * of its end by that number. */
#define NO_COOKIE ((uint64_t)1 << 55)

/* In which order words are given up. */
enum rank {
    RANK_UNTOLD, /* nobody tells of its end: files, unix sockets */
    RANK_LIVE,   /* it is there, as its end would have been told, or a thread waits for it */
    RANK_STAYS,  /* threads, which end; and a listener tells which connections are the target's */
};

bool world_end_is_told(const struct event_socket *s)
{
    return (s->family == AF_INET || s->family == AF_INET6) && s->type == SOCK_STREAM &&
           s->state != TCP_CLOSE && !(s->obj & NO_COOKIE);
}

static enum rank rank_of(const struct world *w, const struct word *word)
{
    const struct event *ev = (const void *)word->bytes;
    const struct event_socket *socket = (const void *)ev;
    uint64_t obj = word->key & OBJECT_BITS;

    if (ev->kind == EVENT_RECV &&
        (((const struct event_io *)(const void *)ev)->flags & IO_ANSWERED))
        return RANK_UNTOLD;
    if (ev->kind == EVENT_RECV) {
        const struct word *its = word_find(w, word_key(EVENT_SOCKET, obj));

        socket = its ? (const void *)its->bytes : NULL;
        return socket && world_end_is_told(socket) ? RANK_LIVE : RANK_UNTOLD;
    }
    if (ev->kind == EVENT_SOCKET && socket->role == ROLE_LISTENER)
        return RANK_STAYS;
    if (ev->kind != EVENT_SOCKET && ev->kind != EVENT_FILE && ev->kind != EVENT_ANON)
        return RANK_STAYS;
    if (table_get(&w->waited, obj, NULL))
        return RANK_LIVE;
    return ev->kind == EVENT_SOCKET && world_end_is_told(socket) ? RANK_LIVE : RANK_UNTOLD;
}

static uint64_t last_use(const struct word *word)
{
    return word->over ? 0 : word->used_ns;
}

/* A time before which about a quarter of those of that rank was used last: of a sample, as it may
 * be a million, and nobody empties the ring meanwhile. */
static uint64_t quarter(const struct world *w, enum rank rank)
{
    uint64_t times[1024];
    size_t n = 0, step = w->words.len / 1024 + 1;

    for (size_t i = 0; i < w->words.len && n < 1024; i += step)
        if (rank_of(w, w->words.data[i].word) == rank)
            times[n++] = last_use(w->words.data[i].word);
    if (!n)
        return 0;
    qsort(times, n, sizeof(*times), sort_order_uint64);
    return times[n / 4];
}

static void give_up_at(struct world *w, size_t at)
{
    const struct word *word = w->words.data[at].word;
    uint64_t obj = word->key & OBJECT_BITS;
    bool describes = word->key >> 60 != EVENT_RECV;

    word_drop_at(w, at);
    w->forgotten += describes;
    if (describes && w->given_up.len < GIVEN_UP_MAX)
        (void)vec_push(&w->given_up, obj); /* without memory it has no name for longer */
}

static void give_up(struct world *w, enum rank rank, size_t most)
{
    while (w->bytes > most) {
        uint64_t before = quarter(w, rank);
        size_t gone = 0;

        /* Many may have become words at the same time: not more of them than there is need to. */
        for (size_t i = 0; i < w->words.len && w->bytes > most;) {
            const struct word *word = w->words.data[i].word;

            if (last_use(word) > before || rank_of(w, word) != rank) {
                i++;
                continue;
            }
            give_up_at(w, i);
            gone++;
        }
        if (!gone)
            return;
    }
}

void world_trim(struct world *w, size_t most)
{
    if (w->bytes <= most)
        return;
    give_up(w, RANK_UNTOLD, most / 4 * 3);
    give_up(w, RANK_LIVE, most / 8 * 7);
}

void world_look(struct world *w)
{
    table_release(&w->waited);
    w->waited = (struct table)TABLE_INIT;
}

int world_waits(struct world *w, uint64_t obj)
{
    return obj ? table_put(&w->waited, obj, 1) : 0;
}

size_t world_given_up(struct world *w, uint64_t *out, size_t max)
{
    size_t n = w->given_up.len < max ? w->given_up.len : max;

    for (size_t i = 0; i < n; i++)
        out[i] = w->given_up.data[--w->given_up.len];
    if (!w->given_up.len)
        vec_release(&w->given_up);
    return n;
}
