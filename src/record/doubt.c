#include "record/doubt.h"

#include "record/named.h"
#include "record/world.h"

static void until(uint64_t *doubt_ns, uint64_t end_ns)
{
    if (end_ns > *doubt_ns)
        *doubt_ns = end_ns;
}

void doubt_loss(struct doubt *d, const struct capture_loss *loss)
{
    unsigned kind = loss->kind;
    bool any = kind == 0;

    if (any || kind == EVENT_EXIT)
        until(&d->threads_ns, loss->end_ns);
    if (any || kind == EVENT_CONN)
        until(&d->sockets_ns, loss->end_ns);
    if (any || kind == EVENT_CONN || kind == EVENT_RECV || kind == EVENT_SEND)
        until(&d->requests_ns, loss->end_ns);
    if (any || kind == EVENT_THREAD)
        until(&d->looks_ns, loss->end_ns);
}

bool doubt_any(const struct doubt *d)
{
    return d->threads_ns || d->sockets_ns || d->requests_ns;
}

struct settling {
    const struct doubt *doubt;
    const struct named *named;
    const struct world *world;
    uint64_t looked_ns; /* 0: nothing is known of who is there */
};

/* Is it there at the end, or did it do something in the window before its number was another's? */
static bool thread_stays(const struct settling *s, const struct event *ev)
{
    const struct named_thread *t = named_thread(s->named, ev->tid);
    uint64_t reborn_ns = UINT64_MAX;

    if (ev->time_ns >= s->looked_ns)
        return true;
    if (!t)
        return false;
    if (t->began_ns && t->began_ns <= ev->time_ns)
        return true;
    if (t->began_ns)
        reborn_ns = t->began_ns;
    if (t->forked_ns && t->forked_ns < reborn_ns)
        reborn_ns = t->forked_ns;
    return t->first_ns && t->first_ns < reborn_ns;
}

static bool stays(const void *ctx, const struct event *ev)
{
    const struct settling *s = ctx;
    const struct event_socket *socket = (const void *)ev;
    const struct event_io *io = (const void *)ev;

    switch (ev->kind) {
    case EVENT_THREAD:
    case EVENT_FORK:
    case EVENT_COMM:
        return !s->looked_ns || thread_stays(s, ev);
    case EVENT_SOCKET:
        return ev->time_ns > s->doubt->sockets_ns || !world_end_is_told(socket) ||
               socket->role == ROLE_LISTENER || named_used(s->named, socket->obj);
    case EVENT_RECV: /* a socket that stays takes care of its own */
        return ev->time_ns > s->doubt->sockets_ns || named_used(s->named, io->obj) ||
               world_knows(s->world, io->obj);
    default:
        return true;
    }
}

void doubt_settle(struct doubt *d, struct world *w, const struct named *n, uint64_t start_ns,
                  uint64_t looked_ns)
{
    bool whole = looked_ns > d->looks_ns;
    struct settling s = {d, n, w, whole && d->threads_ns ? looked_ns : 0};

    if (d->requests_ns)
        world_doubt_requests(w, d->requests_ns);
    world_sift(w, stays, &s);
    /* Everything from before the loss has come to the world. */
    if (start_ns > d->threads_ns && whole)
        d->threads_ns = 0;
    if (start_ns > d->sockets_ns)
        d->sockets_ns = 0;
    if (start_ns > d->requests_ns)
        d->requests_ns = 0;
}
