#include "record/named.h"

#include "record/world.h"

enum {
    NAMED_USED = 1,
    NAMED_DESCRIBED = 2,
    NAMED_CHANGED = 4, /* it was connected or closed: that needs no name */
};

uint64_t event_object(const struct event *ev)
{
    const void *at = ev;

    switch (ev->kind) {
    case EVENT_RECV:
    case EVENT_SEND:
        return ((const struct event_io *)at)->obj;
    case EVENT_WAIT:
        return ((const struct event_wait *)at)->obj;
    case EVENT_WAIT_SHORT:
        return ((const struct event_wait_short *)at)->obj;
    case EVENT_URING:
        return ((const struct event_uring *)at)->obj;
    case EVENT_THREAD: /* what it waits for at the end */
        return ((const struct event_thread *)at)->wait.obj;
    default:
        return 0;
    }
}

static uint64_t described_object(const struct event *ev)
{
    const void *at = ev;

    switch (ev->kind) {
    case EVENT_SOCKET:
        return ((const struct event_socket *)at)->obj;
    case EVENT_FILE:
        return ((const struct event_file *)at)->obj;
    case EVENT_ANON:
        return ((const struct event_anon *)at)->obj;
    default:
        return 0;
    }
}

static int object_put(struct named *n, uint64_t obj, unsigned how)
{
    uint64_t at;

    if (OBJECT_CLASS(obj) == OBJECT_NONE || OBJECT_CLASS(obj) > OBJECT_ANON) /* nothing, a futex */
        return 0;
    if (table_get(&n->index, obj, &at)) {
        n->objects.data[at].how |= how;
        return 0;
    }
    if (table_put(&n->index, obj, n->objects.len) < 0)
        return -ENOMEM;
    return vec_push(&n->objects, ((struct named_object){obj, how}));
}

static struct named_thread *thread_get(struct named *n, uint32_t tid)
{
    uint64_t at;

    if (table_get(&n->tids, tid, &at))
        return &n->threads.data[at];
    if (table_put(&n->tids, tid, n->threads.len) < 0 ||
        vec_push(&n->threads, ((struct named_thread){0})) < 0)
        return NULL;
    return vec_last(&n->threads);
}

static void earlier(uint64_t *first, uint64_t time_ns)
{
    if (!*first || time_ns < *first)
        *first = time_ns;
}

static int thread_see(struct named *n, const struct event *ev)
{
    const struct event_thread *look = (const void *)ev;
    struct named_thread *t;

    switch (ev->kind) {
    case EVENT_FORK:
    case EVENT_THREAD:
    case EVENT_WAIT:
    case EVENT_WAIT_SHORT:
    case EVENT_EXIT:
    case EVENT_COMM:
    case EVENT_RECV:
    case EVENT_SEND:
    case EVENT_WORK:
        break;
    default: /* `tid` is whoever ran */
        return 0;
    }
    t = thread_get(n, ev->tid);
    if (!t)
        return -ENOMEM;
    if (ev->kind == EVENT_FORK)
        earlier(&t->forked_ns, ev->time_ns);
    else if (ev->kind != EVENT_THREAD)
        earlier(&t->first_ns, ev->time_ns);
    else if (look->phase == THREAD_AT_END)
        t->began_ns = look->start_ns ? look->start_ns : 1;
    return 0;
}

int named_see(struct named *n, const struct event *ev)
{
    const struct event_conn *conn = (const void *)ev;
    int ret = object_put(n, event_object(ev), NAMED_USED);

    if (!ret)
        ret = object_put(n, described_object(ev), NAMED_DESCRIBED);
    if (!ret && ev->kind == EVENT_CONN)
        ret = object_put(n, conn->obj, NAMED_CHANGED);
    return ret || !n->want_threads ? ret : thread_see(n, ev);
}

bool named_used(const struct named *n, uint64_t obj)
{
    uint64_t at;

    return table_get(&n->index, obj, &at);
}

const struct named_thread *named_thread(const struct named *n, uint32_t tid)
{
    uint64_t at;

    return table_get(&n->tids, tid, &at) ? &n->threads.data[at] : NULL;
}

size_t named_unknown(const struct named *n, const struct world *w)
{
    size_t unknown = 0;

    for (size_t i = 0; i < n->objects.len; i++) {
        const struct named_object *o = &n->objects.data[i];

        unknown += (o->how & NAMED_USED) && !(o->how & NAMED_DESCRIBED) && !world_knows(w, o->obj);
    }
    return unknown;
}

void named_release(struct named *n)
{
    table_release(&n->index);
    vec_release(&n->objects);
    table_release(&n->tids);
    vec_release(&n->threads);
    *n = (struct named){0};
}
