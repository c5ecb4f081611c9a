#include "record/named.h"

#include "record/world.h"

enum {
    NAMED_USED = 1,
    NAMED_DESCRIBED = 2,
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

int named_see(struct named *n, const struct event *ev)
{
    int ret = object_put(n, event_object(ev), NAMED_USED);

    return ret ? ret : object_put(n, described_object(ev), NAMED_DESCRIBED);
}

size_t named_unknown(const struct named *n, const struct world *w)
{
    size_t unknown = 0;

    for (size_t i = 0; i < n->objects.len; i++) {
        const struct named_object *o = &n->objects.data[i];

        unknown += !(o->how & NAMED_DESCRIBED) && !world_knows(w, o->obj);
    }
    return unknown;
}

void named_release(struct named *n)
{
    table_release(&n->index);
    vec_release(&n->objects);
    *n = (struct named){0};
}
