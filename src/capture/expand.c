#include "capture/expand.h"

static uint64_t before(uint64_t time_ns, uint32_t ns)
{
    return time_ns > ns ? time_ns - ns : 1;
}

struct event_wait expand_wait(const struct event_wait_short *w)
{
    unsigned value = SHORT_VALUE(w->packed);
    struct event_wait whole = {
        .event = {EVENT_WAIT, sizeof(whole), w->event.tid, w->event.time_ns},
        .off_ns = before(w->event.time_ns, w->off_before),
        .wake_ns = before(w->event.time_ns, w->wake_before),
        .obj = w->obj,
        .waker = SHORT_WAKER(w->packed),
        .call = w->call,
        .why = SHORT_WHY(w->packed),
        .flags = SHORT_FLAGS(w->packed),
        .fd = value == SHORT_ARG ? WAIT_NO_FD : w->value,
        .arg = value == SHORT_ARG ? w->value : value == SHORT_FD_ONE,
    };
    return whole;
}
