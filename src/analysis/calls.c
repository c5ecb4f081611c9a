#include "analysis/internal.h"

#include <stdio.h>

struct call_row {
    const char *name;
    uint8_t class;
};

#define CALL_ROW(number, call, x86, arm64, kind) [number] = {#call, CALL_CLASS_##kind},
static const struct call_row rows[CALL_COUNT] = {CALLS(CALL_ROW)};
#undef CALL_ROW

/* The state of a wait in a call of each class; poll and select look at their flags first. */
static const uint8_t class_states[] = {
    [CALL_CLASS_NONE] = STATE_OTHER,     [CALL_CLASS_FD] = STATE_BLOCKED,
    [CALL_CLASS_OUT_IN] = STATE_BLOCKED, [CALL_CLASS_SPLICE] = STATE_BLOCKED,
    [CALL_CLASS_PATH] = STATE_BLOCKED,   [CALL_CLASS_PATHAT] = STATE_BLOCKED,
    [CALL_CLASS_IO] = STATE_BLOCKED,     [CALL_CLASS_POLL] = STATE_BLOCKED,
    [CALL_CLASS_SELECT] = STATE_BLOCKED, [CALL_CLASS_EPOLL] = STATE_YIELDED,
    [CALL_CLASS_YIELD] = STATE_YIELDED,  [CALL_CLASS_FUTEX] = STATE_LOCK,
    [CALL_CLASS_LOCK] = STATE_LOCK,      [CALL_CLASS_SLEEP] = STATE_SLEEP,
    [CALL_CLASS_RESTART] = STATE_OTHER,  [CALL_CLASS_OTHER] = STATE_OTHER,
};

static unsigned call_class(unsigned call)
{
    return call < CALL_COUNT ? rows[call].class : CALL_CLASS_NONE;
}

enum state wait_state(const struct event_wait *w)
{
    if (w->why == WHY_RUNNABLE || w->why == WHY_NEW)
        return STATE_RUNNABLE;
    if (w->why != WHY_SLEEP && w->why != WHY_DISK)
        return STATE_OTHER;
    if (w->flags & WAIT_USER)
        return STATE_FAULT;

    unsigned class = call_class(w->call);
    if (class == CALL_CLASS_POLL || class == CALL_CLASS_SELECT) {
        if (w->flags & WAIT_MULTIPLEXED)
            return STATE_YIELDED;
        if (w->flags & WAIT_TIMER_ONLY)
            return STATE_SLEEP;
    }
    /* To wait for completions is interruptible; what is not happens while requests are taken in. */
    if (w->call == CALL_io_uring_enter && w->why == WHY_DISK)
        return STATE_BLOCKED;
    return (enum state)class_states[class];
}

bool call_is_futex(unsigned call)
{
    return call_class(call) == CALL_CLASS_FUTEX;
}

uint32_t call_string_plus1(struct analysis *a, unsigned call)
{
    if (call == CALL_NONE)
        return 0;
    if (call < CALL_COUNT && rows[call].name) {
        if (!a->call_strings[call])
            a->call_strings[call] = timeline_intern(a->tl, rows[call].name) + 1;
        return a->call_strings[call];
    }
    char name[32];
    snprintf(name, sizeof(name), "syscall %u", call & ~CALL_UNLISTED);
    return timeline_intern(a->tl, name) + 1;
}

bool call_takes(const char *name)
{
    static const char *const names[] = {
        "accept",   "accept4", "read",  "readv",  "recvfrom", "recvmsg",
        "recvmmsg", "poll",    "ppoll", "select", "pselect6", "mq_timedreceive",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}
