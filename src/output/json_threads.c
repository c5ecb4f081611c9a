#include "output/json.h"

#define INTERVALS_A_LINE 100000

/* Columns of waits: an interval in another state has no entry in them. */
#define WAIT_COLUMN(name, expression)                     \
    static int64_t wait_##name(const struct interval *iv) \
    {                                                     \
        return expression;                                \
    }
WAIT_COLUMN(call, iv->call_plus1 ? iv->call_plus1 - 1 : 0)
WAIT_COLUMN(object, iv->object_plus1)
WAIT_COLUMN(fd, iv->fd)
WAIT_COLUMN(waker, iv->waker)
WAIT_COLUMN(arg, iv->arg)
WAIT_COLUMN(flags, iv->flags)
#undef WAIT_COLUMN

static const struct {
    const char *key;
    int64_t (*get)(const struct interval *iv);
} wait_columns[] = {
    {"call", wait_call},   {"object", wait_object}, {"fd", wait_fd},
    {"waker", wait_waker}, {"arg", wait_arg},       {"flags", wait_flags},
};

static void add_line(struct json *j, size_t thread, size_t from, size_t to)
{
    const struct thread *t = &j->tl->threads.data[thread];
    const struct interval *intervals = t->intervals.data;
    struct buf *b = j->text;
    buf_addf(b, ",{\"type\":\"thread\",\"thread\":%zu,\"first\":%zu,\"start\":", thread, from);
    buf_addu(b, intervals[from].start_ns);
    json_open_array(j, "dt");
    for (size_t i = from; i < to; i++) {
        json_comma(j, i == from);
        buf_addu(b, interval_end(t, i) - intervals[i].start_ns);
    }
    buf_addc(b, ']');
    json_open_array(j, "state");
    for (size_t i = from; i < to; i++) {
        json_comma(j, i == from);
        buf_addu(b, intervals[i].state);
    }
    buf_addc(b, ']');
    for (size_t c = 0; c < sizeof(wait_columns) / sizeof(*wait_columns); c++) {
        bool first = true;
        json_open_array(j, wait_columns[c].key);
        for (size_t i = from; i < to; i++) {
            if (!state_is_wait(intervals[i].state))
                continue;
            json_comma(j, first);
            first = false;
            buf_addi(b, wait_columns[c].get(&intervals[i]));
        }
        buf_addc(b, ']');
    }
    buf_addc(b, '}');
}

int json_threads(struct json *j)
{
    for (size_t thread = 0; thread < j->tl->threads.len; thread++) {
        size_t len = j->tl->threads.data[thread].intervals.len;
        for (size_t from = 0, to; from < len; from = to) {
            to = json_chunk(from, len, INTERVALS_A_LINE);
            add_line(j, thread, from, to);
            int ret = json_end_line(j);
            if (ret < 0)
                return ret;
        }
    }
    return 0;
}
