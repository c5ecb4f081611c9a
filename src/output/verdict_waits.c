#include "output/verdict_words.h"

#include "base/text.h"
#include "output/asked.h"

#include "output/sheet.h"
#include <inttypes.h>

/* What a thread waits for, by the kind of the object. */
static const char *kind_words(uint32_t kind)
{
    static const char *const words[OBJ_KIND_COUNT] = {
        [OBJ_FILE] = "a file",
        [OBJ_DIRECTORY] = "a directory",
        [OBJ_DEVICE] = "a device",
        [OBJ_TTY] = "a terminal",
        [OBJ_PIPE] = "a pipe",
        [OBJ_SOCKET] = "a socket",
        [OBJ_LISTENER] = "new connections",
        [OBJ_ACCEPTED] = "its own client",
        [OBJ_CONNECTED] = "another server",
        [OBJ_EVENTFD] = "an eventfd",
        [OBJ_EPOLL] = "epoll",
        [OBJ_TIMER] = "a timer",
        [OBJ_URING] = "io_uring",
        [OBJ_FUTEX] = "a lock",
        [OBJ_PATH] = "a path's lookup",
        [OBJ_ANON] = "a kernel object",
    };
    return kind < OBJ_KIND_COUNT ? words[kind] : NULL;
}

/* Where no object is waited for: by the state that took most of the requests' time. */
static const char *state_words(const struct process_sums *s)
{
    static const struct {
        unsigned key;
        const char *words;
    } states[] = {
        {LEDGER_BLOCKED, "in I/O"},
        {LEDGER_LOCK, "for a lock"},
        {LEDGER_SLEEP, "in a sleep of its own"},
        {LEDGER_FAULT, "for memory to be read in"},
        {LEDGER_OTHER, "for something that is no I/O"},
    };
    size_t most = 0;
    for (size_t i = 1; i < sizeof(states) / sizeof(*states); i++)
        if (s->ledger_ns[states[i].key] > s->ledger_ns[states[most].key])
            most = i;
    return s->ledger_ns[states[most].key] ? states[most].words : NULL;
}

/* What the longest wait was spent in. */
static const char *wait_words(uint8_t state)
{
    switch (state) {
    case STATE_SLEEP:
        return "in a sleep of its own";
    case STATE_LOCK:
        return "for a lock";
    case STATE_FAULT:
        return "for memory to be read in";
    case STATE_OTHER:
        return "for something that is no I/O";
    default:
        return "in I/O";
    }
}

void words_add_request(const struct words *w, uint32_t index)
{
    const struct request *r = &w->tl->requests.data[index];
    buf_addf(w->out, "#%" PRIu64 " %s", r->id, timeline_string(w->tl, r->name));
}

bool words_longest_wait(const struct words *w, struct longest *longest)
{
    if (w->sums->longest_segment1) {
        const struct segment *s = &w->tl->segments.data[w->sums->longest_segment1 - 1];
        const struct interval *iv =
            &w->tl->threads.data[s->thread_plus1 - 1].intervals.data[s->interval_plus1 - 1];
        const struct wait *wait = interval_wait(w->tl, iv);
        *longest = (struct longest){iv->state, wait->call_plus1, wait->object_plus1};
        return true;
    }
    if (w->sums->longest_hold1) {
        const struct hold *h = &w->tl->holds.data[w->sums->longest_hold1 - 1];
        *longest = (struct longest){h->state, h->call_plus1, h->object_plus1};
        return true;
    }
    return false;
}

/* "; the longest time 22.2 ms blocked in recvfrom on 127.0.0.1:4711, in request #7 GET /" */
static void add_longest(const struct words *w)
{
    size_t at = w->sums->longest_segment1;
    uint32_t request1 = w->sums->longest_request1;
    struct longest longest;
    uint64_t ns;
    if (!words_longest_wait(w, &longest))
        return;
    if (at) {
        ns = segment_end(w->tl, &w->tl->requests.data[request1 - 1], at - 1) -
             w->tl->segments.data[at - 1].start_ns;
    } else {
        const struct hold *h = &w->tl->holds.data[w->sums->longest_hold1 - 1];
        ns = h->end_ns - h->start_ns;
        request1 = h->request_plus1;
    }
    buf_adds(w->out, "; the longest time ");
    text_duration(w->out, ns);
    buf_addc(w->out, ' ');
    sheet_call_on(w->out, w->tl, longest.state, longest.call_plus1, longest.object_plus1);
    if (request1) {
        buf_adds(w->out, ", in request ");
        words_add_request(w, request1 - 1);
    }
}

/* Of several files, named pipes or paths the folder is known: "files in /srv". */
static const char *many_words(const struct words *w, const struct longest *longest)
{
    if (!longest->object_plus1)
        return NULL;
    const struct object *o = &w->tl->objects.data[longest->object_plus1 - 1];
    if (o->kind != w->v->waits_on || o->name == w->v->waits_on_name || !object_in_folder(w->tl, o))
        return NULL;
    return o->kind == OBJ_PIPE   ? "pipes in "
           : o->kind == OBJ_PATH ? "the lookup of paths in "
                                 : "files in ";
}

static void add_waits_on(const struct words *w)
{
    const char *what = kind_words(w->v->waits_on);
    struct longest longest;
    if (!w->v->thread_waits)
        return;
    /* The longest is one of those that the sentence is about. */
    bool known = words_longest_wait(w, &longest);
    const char *state = known ? wait_words(longest.state) : state_words(w->sums);
    const char *many = known ? many_words(w, &longest) : NULL;
    const char *name = what ? timeline_string(w->tl, w->v->waits_on_name) : "";
    if (what && many)
        buf_addf(w->out, "It waits most for %s%s", many, name);
    else if (what)
        buf_addf(w->out, "It waits most for %s%s%s", what, *name ? ": " : "", name);
    else if (state)
        buf_addf(w->out, "It waits most %s", state);
    else
        return;
    add_longest(w);
    buf_adds(w->out, ".\n");
}

/* "It awaits most another server: 127.0.0.1:4711; the longest reply took 22.2 ms, in request #7
 * GET /." No thread waits meanwhile, but the request does. */
static void add_awaits(const struct words *w)
{
    const struct process_sums *s = w->sums;
    if (!s->awaited_ask1 || (double)s->awaited_ns < (double)s->latency_ns * SHARE_WORTH_A_NAME)
        return;
    const struct ask *ask = &w->tl->asks.data[s->awaited_ask1 - 1];
    buf_addf(w->out, "It awaits most another server: %s; ",
             timeline_string(w->tl, w->tl->objects.data[ask->object].name));
    buf_adds(w->out, ask->replied ? "the longest reply took " : "the longest got no reply for ");
    text_duration(w->out, ask_out_ns(ask));
    if (ask->request_plus1) {
        buf_adds(w->out, ", in request ");
        words_add_request(w, ask->request_plus1 - 1);
    }
    buf_adds(w->out, ".\n");
}

/* "In no known request's name it asked another server 445 times: 127.0.0.1:4711; its replies took
 * 5.53 s in all." Some requests waited for it, perhaps. */
static void add_nobodys(const struct words *w)
{
    const struct process_sums *s = w->sums;
    if (!s->nobodys || (double)s->nobodys_ns < (double)s->latency_ns * SHARE_WORTH_A_NAME)
        return;
    buf_adds(w->out, "In no known request's name it asked another server ");
    if (s->nobodys > 2)
        text_count(w->out, s->nobodys);
    buf_addf(w->out, "%s: %s; its replies took ",
             s->nobodys > 2    ? " times"
             : s->nobodys == 2 ? "twice"
                               : "once",
             timeline_string(w->tl, s->nobodys_name));
    text_duration(w->out, s->nobodys_ns);
    buf_adds(w->out, " in all.\n");
}

/* "For 96 % of what requests awaited no question to another server is known: …" */
static void add_unasked(const struct words *w)
{
    uint64_t awaited = w->sums->ledger_ns[LEDGER_AWAITING];
    uint64_t unasked = awaited > w->sums->asked_ns ? awaited - w->sums->asked_ns : 0;
    if (!unasked || (double)unasked < (double)w->sums->latency_ns * SHARE_WORTH_A_NAME)
        return;
    buf_adds(w->out, "For ");
    verdict_percent(w->out, (double)unasked / (double)awaited);
    buf_adds(
        w->out,
        " of what requests awaited no question to another server is known: perhaps they "
        "waited by a timer, for another request, or for a connection that is taken or shared.\n");
}

void words_add_waits(const struct words *w)
{
    add_waits_on(w);
    add_awaits(w);
    add_nobodys(w);
    add_unasked(w);
}
