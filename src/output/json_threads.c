#include "output/json.h"

/* Columns of waits: an interval in another state has no entry in them. */
#define WAIT_COLUMN(name, expression)                                           \
    static int64_t wait_##name(const struct interval *iv, const struct wait *w) \
    {                                                                           \
        (void)iv, (void)w;                                                      \
        return expression;                                                      \
    }
WAIT_COLUMN(call, w->call_plus1 ? w->call_plus1 - 1 : 0)
WAIT_COLUMN(object, w->object_plus1)
WAIT_COLUMN(fd, w->fd)
WAIT_COLUMN(waker, iv->waker)
WAIT_COLUMN(arg, w->arg)
WAIT_COLUMN(flags, iv->flags)
#undef WAIT_COLUMN

static const struct {
    const char *key;
    int64_t (*get)(const struct interval *iv, const struct wait *w);
} wait_columns[] = {
    {"call", wait_call},   {"object", wait_object}, {"fd", wait_fd},
    {"waker", wait_waker}, {"arg", wait_arg},       {"flags", wait_flags},
};

void json_threads(struct json *j, const struct json_line *line)
{
    const struct thread *t = &j->tl->threads.data[line->item];
    const struct interval *intervals = t->intervals.data;
    struct buf *b = j->text;
    buf_addf(b, ",{\"type\":\"thread\",\"thread\":%zu,\"first\":%zu,\"start\":", line->item,
             line->from);
    buf_addu(b, intervals[line->from].start_ns);
    json_open_array(j, "dt");
    for (size_t i = line->from; i < line->to; i++)
        json_number(j, interval_end(t, i) - intervals[i].start_ns);
    json_close_numbers(j, true);
    json_open_array(j, "state");
    for (size_t i = line->from; i < line->to; i++)
        json_number(j, intervals[i].state);
    json_close_numbers(j, true);
    for (size_t c = 0; c < sizeof(wait_columns) / sizeof(*wait_columns); c++) {
        bool any = false;
        json_open_array(j, wait_columns[c].key);
        for (size_t i = line->from; i < line->to; i++) {
            if (!state_is_wait(intervals[i].state))
                continue;
            any = true;
            json_signed(j, wait_columns[c].get(&intervals[i], interval_wait(j->tl, &intervals[i])));
        }
        json_close_numbers(j, any);
    }
    buf_addc(b, '}');
}
