#include "record/named.h"
#include "record/words.h"

#include <string.h>

/* Below this, nobody need know which words are in use: they all have room. */
#define USE_MATTERS_BYTES ((size_t)128 << 10)
/* What a word takes beside itself: malloc()'s share, and its places in the vector and the table. */
#define WORD_BESIDE 64
#define RUNTIMES 32

static size_t word_bytes(const struct word *word)
{
    return sizeof(*word) + word->size + WORD_BESIDE;
}

struct word *word_find(const struct world *w, uint64_t key)
{
    uint64_t at;

    return table_get(&w->index, key, &at) ? w->words.data[at].word : NULL;
}

void word_drop_at(struct world *w, size_t at)
{
    struct word *word = w->words.data[at].word, *last = vec_last(&w->words)->word;

    table_remove(&w->index, word->key);
    if (last != word) {
        w->words.data[at].word = last;
        table_put(&w->index, last->key, at); /* replaces: no memory is needed */
    }
    w->words.len--;
    w->requests -= word->key >> 60 == EVENT_RECV;
    w->bytes -= word_bytes(word);
    free(word);
}

static bool drop(struct world *w, uint64_t key)
{
    uint64_t at;

    if (!table_get(&w->index, key, &at))
        return false;
    word_drop_at(w, at);
    return true;
}

/* A word on something whose end was told already, at that time or later? */
static bool has_ended(const struct world *w, uint64_t key, uint64_t time_ns)
{
    for (size_t i = 0; i < WORLD_ENDS; i++)
        if (w->ends[i].key == key && w->ends[i].time_ns >= time_ns &&
            w->ends[i].time_ns + WORLD_LATE_NS > w->newest_ns)
            return true;
    return false;
}

static void note_end(struct world *w, uint64_t key, uint64_t time_ns)
{
    w->ends[w->next_end++ % WORLD_ENDS] = (struct world_end){key, time_ns};
}

/* Keeps the record, in place of an older one. *fresh: there was none. */
static int keep(struct world *w, uint64_t key, const struct event *ev, bool *fresh)
{
    struct word *old = word_find(w, key), *word;
    /* What named it while it was in the window is not known here: it may have been used just now.
     */
    uint64_t now_ns = w->now_ns > ev->time_ns ? w->now_ns : ev->time_ns, at;

    *fresh = !old;
    if (old && old->time_ns > ev->time_ns)
        return 0;
    if (old && old->size == ev->size) {
        old->time_ns = ev->time_ns;
        old->used_ns = now_ns;
        memcpy(old->bytes, ev, ev->size);
        return 0;
    }
    word = malloc(sizeof(*word) + ev->size);
    if (!word)
        return -ENOMEM;
    *word = (struct word){.key = key, .time_ns = ev->time_ns, .used_ns = now_ns, .size = ev->size};
    memcpy(word->bytes, ev, ev->size);
    if (old) {
        table_get(&w->index, key, &at);
        w->bytes -= word_bytes(old);
        free(old);
        w->words.data[at].word = word;
    } else if (table_put(&w->index, key, w->words.len) < 0 ||
               vec_push(&w->words, ((struct world_place){word})) < 0) {
        table_remove(&w->index, key);
        free(word);
        return -ENOMEM;
    }
    w->requests += !old && key >> 60 == EVENT_RECV;
    w->bytes += word_bytes(word);
    return 0;
}

static int see_object(struct world *w, const struct event *ev, uint64_t obj)
{
    uint64_t key = word_key(ev->kind, obj);
    bool fresh;

    return has_ended(w, key, ev->time_ns) ? 0 : keep(w, key, ev, &fresh);
}

/* A thread that waits for a socket may describe it anew, and then nobody knows its role. */
static int see_socket(struct world *w, const struct event_socket *s)
{
    const struct word *old = word_find(w, word_key(EVENT_SOCKET, s->obj));
    const struct event_socket *before = old ? (const void *)old->bytes : NULL;
    struct event_socket whole = *s;

    if (before && whole.role == ROLE_UNKNOWN)
        whole.role = before->role;
    if (before && !whole.established_ns)
        whole.established_ns = before->established_ns;
    return see_object(w, &whole.event, s->obj);
}

/* ---- threads and processes */

static bool thread_known(const struct world *w, uint32_t tid)
{
    return table_get(&w->index, word_key(EVENT_THREAD, tid), NULL) ||
           table_get(&w->index, word_key(EVENT_FORK, tid), NULL);
}

static void forget_process(struct world *w, uint32_t pid)
{
    for (uint64_t runtime = 0; runtime < RUNTIMES; runtime++)
        drop(w, word_key(EVENT_RUNTIME, (uint64_t)pid << 8 | runtime));
    /* Descriptors are told at the attach alone, so most processes have none here. */
    if (!drop(w, word_key(EVENT_FD, (uint64_t)pid << 32)))
        return;
    for (size_t i = w->words.len; i-- > 0;) {
        uint64_t key = w->words.data[i].word->key;

        if (key >> 32 == word_key(EVENT_FD, (uint64_t)pid << 32) >> 32)
            word_drop_at(w, i);
    }
}

/* A thread or the name of one. */
static int see_thread(struct world *w, const struct event *ev, uint32_t pid)
{
    bool known = thread_known(w, ev->tid), fresh;
    uint64_t count = 0;
    int ret;

    if (has_ended(w, word_key(EVENT_FORK, ev->tid), ev->time_ns))
        return 0;
    ret = keep(w, word_key(ev->kind, ev->tid), ev, &fresh);
    if (ret || ev->kind == EVENT_COMM)
        return ret;
    word_find(w, word_key(ev->kind, ev->tid))->pid = pid;
    if (known)
        return 0;
    table_get(&w->threads, pid, &count);
    return table_put(&w->threads, pid, count + 1);
}

/* False when nothing was known of it. */
static bool end_thread(struct world *w, uint32_t tid)
{
    const struct word *word = word_find(w, word_key(EVENT_THREAD, tid));
    uint64_t count = 0;
    uint32_t pid;

    drop(w, word_key(EVENT_COMM, tid));
    if (!word)
        word = word_find(w, word_key(EVENT_FORK, tid));
    if (!word)
        return false;
    pid = word->pid;
    drop(w, word_key(EVENT_THREAD, tid));
    drop(w, word_key(EVENT_FORK, tid));
    table_get(&w->threads, pid, &count);
    if (count > 1) {
        table_put(&w->threads, pid, count - 1); /* replaces */
        return true;
    }
    table_remove(&w->threads, pid);
    forget_process(w, pid);
    return true;
}

/* A number that comes again means somebody else, also when the end of the one before was lost. */
static int see_fork(struct world *w, const struct event_fork *f)
{
    const struct word *old = word_find(w, word_key(EVENT_FORK, f->event.tid));

    if (!old)
        old = word_find(w, word_key(EVENT_THREAD, f->event.tid));
    if (old && old->time_ns < f->event.time_ns)
        end_thread(w, f->event.tid);
    return see_thread(w, &f->event, f->pid);
}

static void see_exit(struct world *w, const struct event_exit *x)
{
    if (!end_thread(w, x->event.tid))
        note_end(w, word_key(EVENT_FORK, x->event.tid), x->event.time_ns);
}

/* ---- requests that nobody has answered */

static struct world_turn *turn_of(struct world *w, uint64_t obj)
{
    return &w->turns[(obj * 0x9e3779b97f4a7c15u) >> 32 & (WORLD_TURNS - 1)];
}

/* A request on a connection that is there, and the target's or may be: an answer from a server that
 * it asked stands unanswered, too. Its close may come by before the receive. */
static bool is_asked(const struct world *w, uint64_t obj)
{
    const struct word *socket = word_find(w, word_key(EVENT_SOCKET, obj));

    return socket &&
           ((const struct event_socket *)(const void *)socket->bytes)->role != ROLE_CONNECTED;
}

/* The receive in that place becomes a word, if it is one that counts. */
static int turn_settle(struct world *w, struct world_turn *t)
{
    bool fresh;

    if (!t->fresh)
        return 0;
    t->fresh = false;
    t->answered = t->sent_ns >= t->receive.event.time_ns;
    if (t->answered)
        t->receive.io.flags |= IO_ANSWERED;
    return is_asked(w, t->obj) ? keep(w, word_key(EVENT_RECV, t->obj), &t->receive.event, &fresh)
                               : 0;
}

/* The place of this connection. What another had in it becomes a word. NULL: no memory. */
static struct world_turn *turn_take(struct world *w, uint64_t obj, int *ret)
{
    struct world_turn *t;

    *ret = 0;
    if (!w->turns)
        w->turns = calloc(WORLD_TURNS, sizeof(*w->turns));
    if (!w->turns) {
        *ret = -ENOMEM;
        return NULL;
    }
    t = turn_of(w, obj);
    if (t->obj != obj) {
        *ret = turn_settle(w, t);
        *t = (struct world_turn){.obj = obj};
    }
    return t;
}

static int see_recv(struct world *w, const struct event_io *io)
{
    struct world_turn *t;
    int ret;

    if (!(io->flags & IO_TURN) || (io->flags & IO_PEEK) || !io->bytes ||
        io->event.size > WORLD_TURN_BYTES)
        return 0;
    t = turn_take(w, io->obj, &ret);
    if (!t)
        return ret;
    t->fresh = true;
    memcpy(&t->receive, io, io->event.size);
    return ret;
}

static int see_send(struct world *w, const struct event_io *io)
{
    struct world_turn *t;
    struct word *word;
    int ret;

    if (!w->turns)
        return 0;
    t = turn_take(w, io->obj, &ret);
    if (!t)
        return ret;
    /* Its answer may come by before the receive. */
    if (io->event.time_ns > t->sent_ns)
        t->sent_ns = io->event.time_ns;
    if (t->fresh || t->answered || !w->requests)
        return ret;
    word = word_find(w, word_key(EVENT_RECV, io->obj));
    t->answered = !word || word->time_ns <= io->event.time_ns;
    if (word && t->answered)
        ((struct event_io *)(void *)word->bytes)->flags |= IO_ANSWERED;
    return ret;
}

int world_settle(struct world *w)
{
    int ret = 0;

    for (size_t i = 0; w->turns && i < WORLD_TURNS && !ret; i++)
        ret = turn_settle(w, &w->turns[i]);
    return ret;
}

static void turn_close(struct world *w, uint64_t obj)
{
    if (w->turns && turn_of(w, obj)->obj == obj)
        turn_of(w, obj)->fresh = false;
    if (w->requests)
        drop(w, word_key(EVENT_RECV, obj));
}

/* ---- all of them */

static void see_conn(struct world *w, const struct event_conn *c)
{
    uint64_t key = word_key(EVENT_SOCKET, c->obj);

    if (c->new_state != TCP_CLOSE)
        return;
    turn_close(w, c->obj);
    if (!drop(w, key))
        note_end(w, key, c->event.time_ns);
}

/* The words on one object: what it is, and a unix socket's name. */
static size_t words_on(const struct world *w, uint64_t obj, struct word *out[2])
{
    static const uint8_t kinds[] = {
        [OBJECT_NONE] = 0,          [OBJECT_SOCKET] = EVENT_SOCKET, [OBJECT_FILE] = EVENT_FILE,
        [OBJECT_PATH] = EVENT_FILE, [OBJECT_ANON] = EVENT_ANON,
    };
    unsigned class = OBJECT_CLASS(obj);
    size_t n = 0;

    if (class >= sizeof(kinds) || !kinds[class])
        return 0;
    out[n] = word_find(w, word_key(kinds[class], obj));
    n += out[n] != NULL;
    if (class != OBJECT_SOCKET)
        return n;
    out[n] = word_find(w, word_key(EVENT_FILE, obj));
    return n + (out[n] != NULL);
}

void world_use(struct world *w, const struct event *ev)
{
    struct word *words[2];
    size_t n;

    if (ev->time_ns > w->now_ns)
        w->now_ns = ev->time_ns;
    if (w->bytes < USE_MATTERS_BYTES)
        return;
    n = words_on(w, event_object(ev), words);
    for (size_t i = 0; i < n; i++) {
        words[i]->over = false;
        if (words[i]->used_ns < ev->time_ns)
            words[i]->used_ns = ev->time_ns;
    }
}

/* A unix socket whose other end has closed will hardly be used again. Of a TCP one the end is told.
 */
static void see_stream_end(struct world *w, const struct event_io *io)
{
    struct word *words[2];
    size_t n;

    if (io->bytes || (io->flags & IO_PEEK))
        return;
    n = words_on(w, io->obj, words);
    for (size_t i = 0; i < n; i++)
        words[i]->over = words[i]->used_ns <= w->now_ns;
}

int world_see(struct world *w, const struct event *ev)
{
    const void *at = ev;
    const struct event_runtime *runtime = at;
    const struct event_fd *fd = at;
    bool fresh;

    if (ev->time_ns > w->newest_ns)
        w->newest_ns = ev->time_ns;
    switch (ev->kind) {
    case EVENT_THREAD:
        return see_thread(w, ev, ((const struct event_thread *)at)->pid);
    case EVENT_FORK:
        return see_fork(w, at);
    case EVENT_COMM:
        return see_thread(w, ev, 0);
    case EVENT_EXIT:
        see_exit(w, at);
        return 0;
    case EVENT_CONN:
        see_conn(w, at);
        return 0;
    case EVENT_SOCKET:
        return see_socket(w, at);
    case EVENT_FILE:
        return see_object(w, ev, ((const struct event_file *)at)->obj);
    case EVENT_ANON:
        return see_object(w, ev, ((const struct event_anon *)at)->obj);
    case EVENT_FD:
        return keep(w, word_key(EVENT_FD, (uint64_t)ev->tid << 32 | (uint32_t)fd->fd), ev, &fresh);
    case EVENT_RUNTIME:
        return keep(w, word_key(EVENT_RUNTIME, (uint64_t)ev->tid << 8 | runtime->runtime), ev,
                    &fresh);
    case EVENT_RECV:
        see_stream_end(w, at);
        return see_recv(w, at);
    case EVENT_SEND:
        return see_send(w, at);
    default:
        return 0;
    }
}

/* ---- what ended unseen */

static void sift_away(struct world *w, size_t at)
{
    const struct word *word = w->words.data[at].word;
    const struct event *ev = (const void *)word->bytes;
    uint64_t obj = word->key & OBJECT_BITS;

    if (ev->kind == EVENT_SOCKET) {
        turn_close(w, obj);
        if (w->given_up.len < GIVEN_UP_MAX)
            (void)vec_push(&w->given_up, obj);
        drop(w, word_key(EVENT_SOCKET, obj));
    } else if (ev->kind == EVENT_RECV) {
        word_drop_at(w, at);
    } else {
        end_thread(w, ev->tid);
    }
}

void world_sift(struct world *w, bool (*stays)(const void *ctx, const struct event *ev),
                const void *ctx)
{
    /* What goes takes others along, and the last word gets its place: one that was seen already. */
    for (size_t i = w->words.len; i-- > 0;) {
        if (!stays(ctx, (const void *)w->words.data[i].word->bytes))
            sift_away(w, i);
        if (i > w->words.len)
            i = w->words.len;
    }
}

void world_doubt_requests(struct world *w, uint64_t until_ns)
{
    for (size_t i = 0; i < w->words.len && w->requests; i++) {
        struct word *word = w->words.data[i].word;

        if (word->key >> 60 == EVENT_RECV && word->time_ns <= until_ns)
            ((struct event_io *)(void *)word->bytes)->flags |= IO_ANSWERED;
    }
}

bool world_knows(const struct world *w, uint64_t obj)
{
    struct word *words[2];

    return words_on(w, obj, words) > 0;
}

int world_tell(const struct world *w, int (*put)(void *ctx, const struct event *ev), void *ctx)
{
    int ret = 0;

    for (size_t i = 0; i < w->words.len && !ret; i++) {
        const struct word *word = w->words.data[i].word;

        if (word->key >> 60 != EVENT_RECV || is_asked(w, word->key & OBJECT_BITS))
            ret = put(ctx, (const void *)word->bytes);
    }
    return ret;
}

void world_release(struct world *w)
{
    for (size_t i = 0; i < w->words.len; i++)
        free(w->words.data[i].word);
    free(w->turns);
    vec_release(&w->words);
    vec_release(&w->given_up);
    table_release(&w->index);
    table_release(&w->threads);
    table_release(&w->waited);
    *w = (struct world){0};
}
