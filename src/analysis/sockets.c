/*
 * sockets: what each socket is. A descriptor is no identity and a port number proves nothing: a
 * socket is its cookie, and its role is what the kernel saw it do. For sockets older than the
 * attach, in this order: it has a listener's port; what it did first; where there are listeners at
 * all, it is of none of them.
 */
#include "analysis/internal.h"
#include "base/sort.h"

#include <sys/socket.h>

#define TCP_ESTABLISHED 1

struct sock *socket_find(struct analysis *a, uint64_t obj)
{
    uint64_t index;
    return table_get(&a->sock_index, obj, &index) ? &a->socks.data[index] : NULL;
}

struct sock *record_sock(const struct analysis *a, const struct record *r)
{
    return r->sock_plus1 ? &a->socks.data[r->sock_plus1 - 1] : NULL;
}

static struct sock *socket_make(struct analysis *a, uint64_t obj)
{
    struct sock *s = socket_find(a, obj);
    if (s)
        return s;
    struct sock fresh = {.obj = obj, .established = NEVER, .nameless = NEVER};
    size_t index = a->socks.len;
    if (index >= NONE || vec_reserve(&a->socks, index + 1) < 0 || !a->socks.data ||
        table_put(&a->sock_index, obj, index) < 0)
        return NULL;
    a->socks.data[a->socks.len++] = fresh;
    return &a->socks.data[index];
}

/* A unix socket's role is known from its addresses or not at all: a socketpair has none. */
static bool is_stream(const struct event_socket *d)
{
    return d->type == SOCK_STREAM &&
           (d->family == AF_INET || d->family == AF_INET6 ||
            (d->family == AF_UNIX && (d->role == ROLE_ACCEPTED || d->role == ROLE_CONNECTED)));
}

static int see_socket(struct analysis *a, struct record *r)
{
    const struct event_socket *d = record_event(a, r);
    if (OBJECT_CLASS(d->obj) != OBJECT_SOCKET)
        return 0;
    struct sock *s = socket_make(a, d->obj);
    if (!s)
        return -ENOMEM;
    s->desc = d;
    s->tcp = is_stream(d);
    if (d->role != ROLE_UNKNOWN && d->role <= ROLE_LISTENER)
        s->role = d->role;
    if (d->established_ns && s->established == NEVER)
        s->established = analysis_rel(a, d->established_ns);
    return 0;
}

static int see_conn(struct analysis *a, struct record *r)
{
    const struct event_conn *c = record_event(a, r);
    if (OBJECT_CLASS(c->obj) != OBJECT_SOCKET)
        return 0;
    struct sock *s = socket_make(a, c->obj);
    if (!s)
        return -ENOMEM;
    r->sock_plus1 = (uint32_t)(s - a->socks.data) + 1;
    if (!s->desc)
        s->tcp = true; /* only these have such states */
    if (s->role == ROLE_UNKNOWN && c->role <= ROLE_LISTENER)
        s->role = c->role;
    if (c->new_state == TCP_ESTABLISHED && s->established == NEVER)
        s->established = analysis_rel(a, r->time_ns);
    return 0;
}

static int see_io(struct analysis *a, struct record *r)
{
    const struct event_io *io = record_event(a, r);
    if (OBJECT_CLASS(io->obj) != OBJECT_SOCKET)
        return 0;
    struct sock *s = socket_make(a, io->obj);
    if (!s)
        return -ENOMEM;
    r->sock_plus1 = (uint32_t)(s - a->socks.data) + 1;
    if (!s->first_op && io->bytes && !(io->flags & IO_PEEK))
        s->first_op = (uint8_t)r->kind;
    return 0;
}

static int see_file(struct analysis *a, struct record *r)
{
    const struct event_file *f = record_event(a, r);
    return table_put(&a->files, f->obj, (uintptr_t)f);
}

static int see_anon(struct analysis *a, struct record *r)
{
    const struct event_anon *n = record_event(a, r);
    return table_put(&a->anons, n->obj, (uintptr_t)n);
}

static int (*const seers[EVENT_KINDS])(struct analysis *, struct record *) = {
    [EVENT_SOCKET] = see_socket, [EVENT_CONN] = see_conn, [EVENT_RECV] = see_io,
    [EVENT_SEND] = see_io,       [EVENT_FILE] = see_file, [EVENT_ANON] = see_anon,
};

static uint64_t port_key(const struct event_socket *d)
{
    return (uint64_t)d->family << 16 | d->local_port;
}

static int roles_resolve(struct analysis *a)
{
    struct table listeners = TABLE_INIT;
    bool any = false;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < a->socks.len; i++) {
        const struct sock *s = &a->socks.data[i];
        if (s->role == ROLE_LISTENER && s->tcp && s->desc)
            rc = table_put(&listeners, port_key(s->desc), 1);
        any |= s->role == ROLE_LISTENER;
    }
    for (size_t i = 0; i < a->socks.len; i++) {
        struct sock *s = &a->socks.data[i];
        if (s->role != ROLE_UNKNOWN || !s->tcp)
            continue;
        if (s->desc && table_get(&listeners, port_key(s->desc), NULL))
            s->role = ROLE_ACCEPTED;
        else if (s->first_op)
            s->role = s->first_op == EVENT_RECV ? ROLE_ACCEPTED : ROLE_CONNECTED;
        else if (s->desc && s->desc->remote_port && any)
            s->role = ROLE_CONNECTED;
    }
    table_release(&listeners);
    return rc;
}

static int clients_sort(struct analysis *a)
{
    for (size_t i = 0; i < a->socks.len; i++) {
        const struct sock *s = &a->socks.data[i];
        /* Those at 0 were there before. */
        if (s->role == ROLE_ACCEPTED && s->established && s->established != NEVER &&
            vec_push(&a->clients, s->established) < 0)
            return -ENOMEM;
    }
    sort_runs(a->clients.data, a->clients.len, sizeof(*a->clients.data), sort_order_uint64);
    return 0;
}

/* How many came before `time`. */
static size_t clients_before(const struct analysis *a, uint64_t time)
{
    size_t low = 0, high = a->clients.len;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (a->clients.data[mid] < time)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

size_t clients_came(const struct analysis *a, uint64_t from, uint64_t to)
{
    return to > from ? clients_before(a, to) - clients_before(a, from) : 0;
}

/* The sockets at which threads waited at the attach: for the other end to speak, or to read. */
static int listened_to(const struct analysis *a, struct table *sockets)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->lives.len; i++) {
        const struct event_thread *at = a->lives.data[i].attach;
        if (at && OBJECT_CLASS(at->wait.obj) == OBJECT_SOCKET)
            rc = table_put(sockets, at->wait.obj, 0);
    }
    return rc;
}

/* Who had asked before the attach, perhaps, and waits still. */
static void asked_see(struct analysis *a, const struct record *r, const struct table *listened)
{
    const struct event_asked *e = record_event(a, r);
    struct sock *s = socket_find(a, e->obj);
    uint64_t index;

    if (!s || s->asked || !table_get(&a->pids, e->event.tid, &index))
        return;
    struct owed *owed = &a->tl->processes.data[index].owed;
    s->asked = true;
    if (s->role == ROLE_LISTENER)
        owed->unaccepted += e->waiting;
    if (s->role != ROLE_ACCEPTED || table_get(listened, e->obj, NULL))
        return;
    if (e->flags & ASKED_UNSURE) {
        owed->unsure += !s->first_op;
    } else if (s->first_op) {
        owed->answered += s->first_op == EVENT_SEND;
    } else if (e->flags & ASKED_GONE) {
        owed->gone++;
    } else {
        owed->waiting++;
        if (e->heard_ns && e->heard_ns < a->t0)
            owed->longest_ns = most(owed->longest_ns, a->t0 - e->heard_ns);
    }
}

static int asked_find(struct analysis *a)
{
    struct table listened = TABLE_INIT;
    bool any = records_have(a, EVENT_ASKED);
    int rc = any ? listened_to(a, &listened) : 0;

    for (size_t i = 0; any && rc == 0 && i < a->records.len; i++)
        if (a->records.data[i].kind == EVENT_ASKED)
            asked_see(a, &a->records.data[i], &listened);
    table_release(&listened);
    return rc;
}

int sockets_build(struct analysis *a)
{
    for (size_t i = 0; i < a->records.len; i++) {
        struct record *r = &a->records.data[i];
        int rc = r->kind < EVENT_KINDS && seers[r->kind] ? seers[r->kind](a, r) : 0;
        if (rc < 0)
            return rc;
    }
    int rc = roles_resolve(a);
    if (rc == 0)
        rc = asked_find(a);
    return rc < 0 ? rc : clients_sort(a);
}
