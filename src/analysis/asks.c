/*
 * asks: what requests asked of other servers, and when the reply was there.
 *
 *     connect ── connected ── send ── send ───── bytes ── bytes ── send …
 *     start      made         asked              reply    end      the next question
 *
 * From `made` to `asked` nobody was asked anything: the process had not come round to it.
 * For whom a connection works is downstream.c's matter; here are the times, and where its word is
 * too little to name a backend by. What remains nobody's is listed as such. A question whose reply
 * could be another's is none: its time would be a guess. What a worker thread asks while it is not
 * known for whom it works is told in the end, by the request that it then had.
 */
#include "analysis/internal.h"
#include "base/sort.h"

static struct question *question_of(struct analysis *a, const struct sock *s)
{
    return s->question_plus1 ? &a->questions.data[s->question_plus1 - 1] : NULL;
}

/*
 * Bytes that came before the send did are no reply to it: the tickets of a TLS session, or a word
 * that the other end says unasked. A send is on record when it is done, so a server on the same
 * machine may have answered by then, above all when the thread lost the CPU inside of it.
 */
static uint64_t earliest_reply(const struct life *l, uint64_t sent)
{
    uint64_t began = sent > WAKE_DELAY_NS ? sent - WAKE_DELAY_NS : 0;
    bool was_off = l->on_start <= sent && sent - l->on_start <= SEND_NS;
    return was_off && l->off_start < began ? l->off_start : began;
}

/* A loop may at any time ask for work in the background, that an answered request left behind, say.
 * Unless its handlers act at once, the only request that it can have asked for is no more than the
 * likely one. */
int question_begin(struct analysis *a, struct sock *s, const struct act *act, uint32_t request)
{
    const struct life *l = &a->lives.data[act->thread];
    struct question q = {
        .sock = (uint32_t)(s - a->socks.data),
        .draft = request,
        .thread = act->thread,
        .start = act->time,
        .made = act->time,
        .asked = act->time,
        .reply = NEVER,
        .end = NEVER,
        .earliest = earliest_reply(l, act->time),
        .inferred = s->inferred || (l->yields && !l->direct),
    };
    if (a->questions.len >= NONE - 1 || vec_push(&a->questions, q) < 0)
        return -ENOMEM;
    s->question_plus1 = (uint32_t)a->questions.len;
    return 0;
}

void question_over(struct analysis *a, struct sock *s)
{
    const struct question *q = question_of(a, s);
    if (q && (q->sent || q->reply != NEVER))
        s->question_plus1 = 0;
}

int question_send(struct analysis *a, struct sock *s, const struct act *act, uint32_t request)
{
    struct question *q = question_of(a, s);

    if (q && !q->sent && q->draft != request && q->draft != NONE)
        s->question_plus1 = 0; /* who began the connection has no use for it any more */
    else if (q && !q->sent && q->draft != request) {
        q->draft = request;
        q->claimed = true;
        q->inferred = true;
    }
    int rc = s->question_plus1 ? 0 : question_begin(a, s, act, request);
    if (rc < 0)
        return rc;
    q = question_of(a, s);
    if (!q->sent && q->reply == NEVER && s->established < act->time) {
        q->made = s->established > q->start ? s->established : q->start;
        q->asked = act->time;
        q->earliest = earliest_reply(&a->lives.data[act->thread], act->time);
    }
    q->sent = true;
    return 0;
}

int question_nameless(struct analysis *a, struct sock *s, const struct act *act, bool sends)
{
    const struct question *q = question_of(a, s);

    if (s->ambiguous) {
        question_drop(a, s);
        return 0;
    }
    if (s->question_plus1 &&
        (!sends || q->draft != NONE || q->thread != act->thread || q->reply != NEVER))
        s->question_plus1 = 0;
    return sends ? question_send(a, s, act, NONE) : question_begin(a, s, act, NONE);
}

void question_adopt(struct analysis *a, uint32_t question_plus1, uint32_t request)
{
    struct question *q = question_plus1 ? &a->questions.data[question_plus1 - 1] : NULL;
    if (q && q->draft == NONE) {
        q->draft = request;
        q->inferred = true;
    }
}

void question_reply(struct analysis *a, struct sock *s, const struct act *act, uint32_t bytes)
{
    struct question *q = question_of(a, s);
    uint64_t at = act->ready < act->time ? act->ready : act->time; /* read is ready at the latest */

    if (!q)
        return;
    if (!bytes) {
        question_end(a, s, at);
        return;
    }
    if (at < q->earliest)
        return;
    if (at < q->asked)
        at = q->asked;
    if (q->reply == NEVER)
        q->reply = at;
    if (q->end == NEVER || q->end < at)
        q->end = at;
}

void question_end(struct analysis *a, struct sock *s, uint64_t at)
{
    struct question *q = question_of(a, s);
    if (!q)
        return;
    if (q->end == NEVER || q->end < at)
        q->end = at > q->asked ? at : q->asked;
    s->question_plus1 = 0;
}

void question_drop(struct analysis *a, struct sock *s)
{
    struct question *q = question_of(a, s);
    if (q && q->reply == NEVER)
        q->dropped = true;
    s->question_plus1 = 0;
}

/* Nothing was asked by a connection that was made and not used. One that came to nothing was waited
 * for. */
static bool asks_nothing(const struct analysis *a, const struct question *q)
{
    return !q->sent && q->reply == NEVER && a->socks.data[q->sock].established != NEVER;
}

/* What is sent behind the answer is no part of the request. Who began a connection uses it first,
 * so one that was begun before the request was read, and not used since, is for somebody else. */
static bool is_background(const struct analysis *a, const struct question *q)
{
    if (q->draft == NONE)
        return false;
    const struct draft *d = &a->drafts.data[q->draft];
    return q->asked > d->end || (q->claimed && d->first_tenure_plus1 &&
                                 a->tenures.data[d->first_tenure_plus1 - 1].first_touch > q->start);
}

static uint64_t peer_key(const struct analysis *a, const struct question *q, uint32_t object)
{
    return (uint64_t)q->thread << 32 | a->tl->objects.data[object].name;
}

/*
 * Is it certain enough whose it is? A loop that asks another server in the background does so with
 * a request open as well, and if its handlers do not act at once nothing tells that from what the
 * request asks. Where only the order of events tells, a request that was answered without the reply
 * did not wait for it: its own reply had freed a connection of a pool, and the next in line took
 * that. On a carrier of virtual threads any of them may ask at any time. Pipelined requests are one
 * entry by the first one's name.
 */
static bool is_its(const struct analysis *a, const struct question *q, bool background)
{
    const struct life *l = &a->lives.data[q->thread];
    if (q->draft == NONE || l->carries || is_background(a, q) ||
        (background && l->yields && !l->direct && q->inferred))
        return false;
    const struct draft *d = &a->drafts.data[q->draft];
    return d->first_thread != NONE && !(d->flags & REQUEST_PIPELINED) && q->start >= d->start &&
           (!q->inferred || q->reply == NEVER || q->reply <= d->end);
}

bool question_is_its(const struct analysis *a, const struct question *q)
{
    return is_its(a, q, false);
}

static int ask_add(struct analysis *a, const struct question *q, uint32_t object, bool background)
{
    const struct draft *d = is_its(a, q, background) ? &a->drafts.data[q->draft] : NULL;
    bool replied = q->reply != NEVER;
    uint64_t until = d ? d->end : a->tl->duration_ns;
    uint64_t end = q->end < until ? q->end : until;
    struct ask ask = {
        .request_plus1 = d ? d->index + 1 : 0,
        .object = object,
        .thread = q->thread,
        .grade = !d            ? GRADE_UNATTRIBUTED
                 : q->inferred ? GRADE_INFERRED
                               : GRADE_EXACT,
        .replied = replied,
        .start_ns = q->start,
        .made_ns = q->made,
        .asked_ns = q->asked,
        .reply_ns = replied ? q->reply : 0,
        .end_ns = replied && q->reply > end ? q->reply : end,
    };
    return a->tl->asks.len < NONE ? vec_push(&a->tl->asks, ask) : -ENOMEM;
}

static int by_request(const void *x, const void *y)
{
    const struct ask *p = x, *q = y;
    if (p->request_plus1 != q->request_plus1)
        return p->request_plus1 < q->request_plus1 ? -1 : 1;
    if (p->start_ns != q->start_ns)
        return p->start_ns < q->start_ns ? -1 : 1;
    if (p->object != q->object)
        return p->object < q->object ? -1 : 1;
    return p->end_ns < q->end_ns ? -1 : p->end_ns > q->end_ns;
}

/* A question that is nobody's yet, or a tenure. */
struct place {
    uint64_t start;
    uint32_t thread, index;
};

struct places {
    VEC(struct place) all;
};

static int by_place(const void *x, const void *y)
{
    const struct place *p = x, *q = y;
    if (p->thread != q->thread)
        return p->thread < q->thread ? -1 : 1;
    return p->start < q->start ? -1 : p->start > q->start;
}

static int places_add(struct places *to, uint32_t thread, uint64_t start, size_t index)
{
    return vec_push(&to->all, ((struct place){start, thread, (uint32_t)index}));
}

static void places_sort(struct places *places)
{
    if (places->all.len > 1)
        sort_runs(places->all.data, places->all.len, sizeof(*places->all.data), by_place);
}

/* The thread had the request from before the question until the reply was there. */
static void adopt(struct question *q, const struct tenure *x)
{
    if (x->start > q->start || x->end < (q->reply != NEVER ? q->reply : q->start))
        return;
    q->draft = x->request;
    q->inferred = true;
}

/* For whom threads worked is known now: a question is theirs in whose tenure it lies. Both lie by
 * thread and time, and a thread has one request at a time. */
static int questions_adopt(struct analysis *a)
{
    struct places questions = {VEC_INIT}, tenures = {VEC_INIT};
    size_t at = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < a->questions.len; i++)
        if (a->questions.data[i].draft == NONE && !a->questions.data[i].dropped)
            rc = places_add(&questions, a->questions.data[i].thread, a->questions.data[i].start, i);
    for (size_t i = 0; rc == 0 && questions.all.len && i < a->tenures.len; i++)
        if (!a->lives.data[a->tenures.data[i].thread].yields)
            rc = places_add(&tenures, a->tenures.data[i].thread, a->tenures.data[i].start, i);
    places_sort(&questions);
    places_sort(&tenures);
    for (size_t i = 0; rc == 0 && i < questions.all.len; i++) {
        const struct place *q = &questions.all.data[i];
        while (at < tenures.all.len && by_place(&tenures.all.data[at], q) <= 0)
            at++;
        if (at && tenures.all.data[at - 1].thread == q->thread)
            adopt(&a->questions.data[q->index], &a->tenures.data[tenures.all.data[at - 1].index]);
    }
    vec_release(&questions.all);
    vec_release(&tenures.all);
    return rc;
}

/* Whom each thread asks in the background. */
static int peers_find(struct analysis *a, struct table *peers, uint32_t *objects_plus1)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->questions.len; i++) {
        const struct question *q = &a->questions.data[i];
        if (q->dropped || asks_nothing(a, q))
            continue;
        rc = socket_object_plus1(a, &a->socks.data[q->sock], &objects_plus1[i]);
        if (rc == 0 && objects_plus1[i] && is_background(a, q))
            rc = table_put(peers, peer_key(a, q, objects_plus1[i] - 1), 0);
    }
    return rc;
}

int asks_build(struct analysis *a)
{
    uint32_t *objects_plus1 =
        calloc(a->questions.len + 1, sizeof(*objects_plus1)); /* 0: unlisted */
    struct table peers = TABLE_INIT;
    int rc = objects_plus1 ? questions_adopt(a) : -ENOMEM;

    if (rc == 0)
        rc = peers_find(a, &peers, objects_plus1);
    for (size_t i = 0; rc == 0 && i < a->questions.len; i++) {
        const struct question *q = &a->questions.data[i];
        uint32_t object = objects_plus1[i];
        if (object)
            rc = ask_add(a, q, object - 1, table_get(&peers, peer_key(a, q, object - 1), NULL));
    }
    if (a->tl->asks.len > 1)
        sort_runs(a->tl->asks.data, a->tl->asks.len, sizeof(*a->tl->asks.data), by_request);
    table_release(&peers);
    free(objects_plus1);
    ledger_forget(a);
    return rc;
}
