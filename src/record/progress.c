#include "record/progress.h"

#include "base/text.h"
#include "bpf/events.h"

#include <stdio.h>
#include <unistd.h>

#define SHOW_NS 200000000ull
#define DOWNSTREAM_MAX 1000000
#define TCP_CLOSE 7

void progress_init(struct progress *p, bool on)
{
    *p = (struct progress){.on = on};
}

/* A count for the eye while it runs; what a request is, the analysis decides afterwards. */
void progress_event(struct progress *p, const struct event *ev)
{
    if (!p->on)
        return;
    if (ev->kind == EVENT_SOCKET) {
        const struct event_socket *s = (const struct event_socket *)ev;

        /* AF_UNIX, which tells of no end, carries no requests yet; a lost entry only makes the
         * count too high. */
        if (p->downstream.used > DOWNSTREAM_MAX)
            table_release(&p->downstream);
        if (s->role == ROLE_CONNECTED || s->family == 1)
            table_put(&p->downstream, s->obj, 1);
    } else if (ev->kind == EVENT_CONN) {
        const struct event_conn *c = (const struct event_conn *)ev;

        if (c->new_state == TCP_CLOSE)
            table_remove(&p->downstream, c->obj);
    } else if (ev->kind == EVENT_RECV) {
        const struct event_io *io = (const struct event_io *)ev;

        if ((io->flags & IO_TURN) && !table_get(&p->downstream, io->obj, NULL))
            p->exchanges++;
    }
}

void progress_show(struct progress *p, uint64_t elapsed_ns, uint64_t records, uint64_t lost,
                   uint64_t bytes)
{
    struct buf line = BUF_INIT;

    if (!p->on || (p->shown && elapsed_ns - p->shown_ns < SHOW_NS))
        return;
    p->shown = true;
    p->shown_ns = elapsed_ns;
    buf_addf(&line, "\r%llu s  ", (unsigned long long)(elapsed_ns / 1000000000u));
    text_count(&line, p->exchanges);
    buf_adds(&line, " requests  ");
    text_count(&line, records);
    buf_adds(&line, " events  ");
    text_count(&line, lost);
    buf_adds(&line, " lost  ");
    text_size(&line, bytes);
    buf_adds(&line, "\033[K");
    fputs(buf_str(&line), stderr);
    fflush(stderr);
    buf_release(&line);
}

void progress_end(struct progress *p)
{
    if (p->shown)
        fputc('\n', stderr);
    table_release(&p->downstream);
}
