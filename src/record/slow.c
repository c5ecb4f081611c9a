#include "record/slow.h"

#include "base/sort.h"
#include "base/table.h"
#include "base/vec.h"
#include "bpf/events.h"
#include "record/unasked.h"

#include <string.h>
#include <sys/socket.h>

#define TCP_CLOSE 7
/* What is recorded behind one that was found. */
#define TAIL_NS 200000000ull
/* Records of several CPUs come out of order by less than this: before, nobody is called unanswered
 * whose answer may have been sent in time. */
#define ORDER_NS 150000000ull
/* How often those are looked for that nobody answers: in a threshold so often, within bounds. */
#define LOOKS 8
#define LOOK_LEAST_NS 20000000ull
#define LOOK_MOST_NS 1000000000ull
/* Without a window: an answer that goes on for longer is a stream. */
#define STREAM_NS 30000000000ull
/* Unix sockets tell of no end: of those that wait for nothing so many are remembered, at most, some
 * 3 MB. Of more the half goes that was used longest ago. */
#define UNIX_MAX 16384

struct conn {
    uint64_t obj;
    uint64_t begin_ns, last_ns; /* of the request at hand, and its last send or receive */
    uint16_t family, local_port, remote_port;
    uint8_t role;
    bool answered; /* at least in part */
    bool interim;  /* it was told to go on, so that what comes next is the same request's */
    bool unasked;  /* what comes need not be a request */
    uint8_t local[16], remote[16];
};

struct slow {
    uint64_t threshold_ns, window_ns;
    VEC(struct conn) conns;
    VEC(uint64_t) open;     /* beside `conns`: when what nobody has answered began; 0: nothing */
    struct table index;     /* object → place in both */
    struct table listeners; /* ports */
    size_t unix_count, unix_max;
    uint64_t looked_ns;
    bool found;
    struct slow_hit hit;
    uint64_t hit_obj, found_ns;
};

struct slow *slow_new(uint64_t threshold_ns, uint64_t window_ns)
{
    struct slow *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->threshold_ns = threshold_ns;
    s->window_ns = window_ns ? window_ns : STREAM_NS;
    s->unix_max = UNIX_MAX;
    return s;
}

/* ---- connections */

static bool find(const struct slow *s, uint64_t obj, size_t *at)
{
    uint64_t place;

    if (!table_get(&s->index, obj, &place))
        return false;
    *at = (size_t)place;
    return true;
}

static void drop(struct slow *s, size_t at)
{
    size_t last = s->conns.len - 1;

    s->unix_count -= s->conns.data[at].family == AF_UNIX;
    table_remove(&s->index, s->conns.data[at].obj);
    if (at != last) {
        s->conns.data[at] = s->conns.data[last];
        s->open.data[at] = s->open.data[last];
        table_put(&s->index, s->conns.data[at].obj, at); /* replaces */
    }
    s->conns.len = s->open.len = last;
}

static bool is_idle_unix(const struct slow *s, size_t at)
{
    return s->conns.data[at].family == AF_UNIX && !s->open.data[at];
}

/* Without memory for it all of them go. */
static void forget_unix(struct slow *s)
{
    VEC(uint64_t) times = VEC_INIT;
    uint64_t until = UINT64_MAX;
    int ret = 0;

    for (size_t i = 0; i < s->conns.len && !ret; i++)
        if (is_idle_unix(s, i))
            ret = vec_push(&times, s->conns.data[i].last_ns);
    if (!ret && times.len) {
        qsort(times.data, times.len, sizeof(*times.data), sort_order_uint64);
        until = times.data[times.len / 2];
    }
    for (size_t i = s->conns.len; i-- > 0;)
        if (is_idle_unix(s, i) && s->conns.data[i].last_ns <= until)
            drop(s, i);
    vec_release(&times);
    /* Those that wait for an answer stay: the next look is worth its while then, too. */
    s->unix_max = s->unix_count + UNIX_MAX / 2 > UNIX_MAX ? s->unix_count + UNIX_MAX / 2 : UNIX_MAX;
}

static uint64_t port_key(uint16_t family, uint16_t port)
{
    return (uint64_t)family << 16 | port;
}

/* Without memory for it a connection is passed over. */
static void see_socket(struct slow *s, const struct event_socket *e)
{
    struct conn fresh = {.obj = e->obj, .last_ns = e->event.time_ns};
    bool inet = e->family == AF_INET || e->family == AF_INET6;
    struct conn *c;
    size_t at;

    if (e->role == ROLE_LISTENER && inet)
        table_put(&s->listeners, port_key(e->family, e->local_port), 1);
    if (e->type != SOCK_STREAM || e->role == ROLE_LISTENER || e->role == ROLE_CONNECTED ||
        (e->role == ROLE_UNKNOWN && !inet))
        return;
    if (!find(s, e->obj, &at)) {
        if (s->unix_count >= s->unix_max)
            forget_unix(s);
        at = s->conns.len;
        if (vec_push(&s->conns, fresh) < 0)
            return;
        if (vec_push(&s->open, 0) < 0 || table_put(&s->index, e->obj, at) < 0) {
            s->conns.len = s->open.len = at;
            return;
        }
    }
    c = &s->conns.data[at];
    s->unix_count += (e->family == AF_UNIX) - (c->family == AF_UNIX);
    c->family = e->family;
    c->local_port = e->local_port;
    c->remote_port = e->remote_port;
    c->role = e->role;
    memcpy(c->local, e->local, sizeof(c->local));
    memcpy(c->remote, e->remote, sizeof(c->remote));
}

/* One that was there before the attach is the target's if it has a port that the target listens
 * on, which may be told later than the connection itself. */
static bool is_accepted(const struct slow *s, const struct conn *c)
{
    return c->role == ROLE_ACCEPTED ||
           table_get(&s->listeners, port_key(c->family, c->local_port), NULL);
}

/* ---- requests */

static void hit(struct slow *s, const struct conn *c, uint64_t end_ns, uint64_t now_ns)
{
    if (s->found)
        return;
    s->found = true;
    s->found_ns = now_ns;
    s->hit_obj = c->obj;
    s->hit = (struct slow_hit){.begin_ns = c->begin_ns,
                               .ns = end_ns - c->begin_ns,
                               .answered = c->answered,
                               .addressed = c->family == AF_INET || c->family == AF_INET6,
                               .family = c->family,
                               .local_port = c->local_port,
                               .remote_port = c->remote_port};
    memcpy(s->hit.local, c->local, sizeof(c->local));
    memcpy(s->hit.remote, c->remote, sizeof(c->remote));
}

/* The answer is over, if there was one: was it soon enough? */
static void judge(struct slow *s, struct conn *c, uint64_t now_ns)
{
    if (c->answered && c->last_ns > c->begin_ns && c->last_ns - c->begin_ns > s->threshold_ns &&
        now_ns - c->begin_ns < s->window_ns)
        hit(s, c, c->last_ns, now_ns);
    c->answered = false;
}

/* "HTTP/1.1 101": gives 101; 0 for anything else. */
static unsigned http_status(const struct event_io *io)
{
    unsigned status = 0;

    if (io->data_len < 12 || memcmp(io->data, "HTTP/1.", 7) != 0)
        return 0;
    for (int i = 9; i < 12; i++) {
        if (io->data[i] < '0' || io->data[i] > '9')
            return 0;
        status = status * 10 + (io->data[i] - '0');
    }
    return status;
}

static void pass_over(struct slow *s, size_t at)
{
    struct conn *c = &s->conns.data[at];

    c->unasked = true;
    c->answered = c->interim = false;
    s->open.data[at] = 0;
}

static void see_recv(struct slow *s, size_t at, const struct event_io *io)
{
    struct conn *c = &s->conns.data[at];
    uint64_t now = io->event.time_ns;

    if (!io->bytes) { /* what is unanswered may still be answered */
        if (c->family == AF_UNIX && !s->open.data[at]) {
            judge(s, c, now);
            drop(s, at);
        }
        return;
    }
    if (io->flags & IO_AFTER_LOSS) {
        c->answered = false;
        s->open.data[at] = 0;
    }
    if (!(io->flags & IO_TURN) || c->unasked)
        return;
    if (c->interim && s->open.data[at]) {
        c->interim = false;
        return;
    }
    if (unasked_recv(io->data, io->data_len)) {
        pass_over(s, at);
        return;
    }
    judge(s, c, now);
    c->interim = false;
    c->begin_ns = io->ready_ns && io->ready_ns < now ? io->ready_ns : now;
    c->last_ns = now;
    s->open.data[at] = c->begin_ns;
}

static void see_send(struct slow *s, size_t at, const struct event_io *io)
{
    struct conn *c = &s->conns.data[at];
    uint64_t now = io->event.time_ns;
    unsigned status = s->open.data[at] ? http_status(io) : 0;

    if (io->flags & IO_AFTER_LOSS) {
        c->answered = false;
        s->open.data[at] = 0;
        return;
    }
    if (status == 101 || (io->flags & IO_TURN && unasked_send(io->data, io->data_len)))
        pass_over(s, at);
    c->interim = status >= 100 && status < 200;
    if (c->interim)
        return;
    if (s->open.data[at]) {
        s->open.data[at] = 0;
        c->answered = true;
        if (now > c->begin_ns && now - c->begin_ns > s->threshold_ns)
            hit(s, c, now, now);
    }
    c->last_ns = now;
    /* Of the one that was found: how long it took in the end. */
    if (s->found && s->hit_obj == c->obj && s->hit.begin_ns == c->begin_ns && c->answered) {
        s->hit.answered = true;
        s->hit.ns = now - c->begin_ns;
    }
}

void slow_see(struct slow *s, const struct event *ev)
{
    const void *record = ev;
    const struct event_io *io = record;
    const struct event_conn *conn = record;
    size_t at;

    if (ev->kind == EVENT_SOCKET) {
        see_socket(s, record);
    } else if (ev->kind == EVENT_CONN) {
        if (conn->new_state != TCP_CLOSE || !find(s, conn->obj, &at))
            return;
        judge(s, &s->conns.data[at], ev->time_ns);
        drop(s, at);
    } else if (ev->kind == EVENT_RECV) {
        if (!(io->flags & IO_PEEK) && find(s, io->obj, &at) && is_accepted(s, &s->conns.data[at]))
            see_recv(s, at, io);
    } else if (ev->kind == EVENT_SEND) {
        if (find(s, io->obj, &at) && is_accepted(s, &s->conns.data[at]))
            see_send(s, at, io);
    }
}

static void look_for_open(struct slow *s, uint64_t now_ns)
{
    uint64_t every = s->threshold_ns / LOOKS;

    every = every < LOOK_LEAST_NS ? LOOK_LEAST_NS : every > LOOK_MOST_NS ? LOOK_MOST_NS : every;
    if (s->found || now_ns - s->looked_ns < every)
        return;
    s->looked_ns = now_ns;
    for (size_t i = 0; i < s->open.len; i++)
        if (s->open.data[i] && now_ns > s->open.data[i] + ORDER_NS &&
            now_ns - s->open.data[i] - ORDER_NS > s->threshold_ns)
            hit(s, &s->conns.data[i], now_ns, now_ns);
}

bool slow_found(struct slow *s, uint64_t now_ns, struct slow_hit *found)
{
    look_for_open(s, now_ns);
    if (!s->found || now_ns < s->found_ns + TAIL_NS)
        return false;
    if (!s->hit.answered) /* it still lasts */
        s->hit.ns = now_ns - s->hit.begin_ns;
    *found = s->hit;
    return true;
}

void slow_free(struct slow *s)
{
    if (!s)
        return;
    vec_release(&s->conns);
    vec_release(&s->open);
    table_release(&s->index);
    table_release(&s->listeners);
    free(s);
}
