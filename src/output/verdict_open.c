/*
 * verdict_open: what is said of a process that answered nobody. It hangs, perhaps; then where its
 * requests stand is what is asked first.
 */
#include "output/verdict_words.h"

#include "base/sort.h"
#include "base/text.h"

#include <stdlib.h>

/* So many places are named. */
#define PLACES_NAMED 3

/* Where requests stood. */
struct place {
    uint32_t key; /* enum ledger_key */
    uint32_t call_plus1, name_plus1;
    uint64_t requests;
};

struct places {
    VEC(struct place) all;
};

/* Where the request was for longest. Of waits it says in what, and for what if that has a name. */
static struct place place_of(const struct timeline *tl, const struct request *r)
{
    const struct segment *longest = NULL;
    uint64_t most = 0;

    for (size_t i = r->first_segment; i < (size_t)r->first_segment + r->segment_count; i++) {
        uint64_t ns = segment_end(tl, r, i) - tl->segments.data[i].start_ns;
        if (longest && ns <= most)
            continue;
        longest = &tl->segments.data[i];
        most = ns;
    }
    struct place p = {.key = longest ? longest->key : LEDGER_UNATTRIBUTED, .requests = 1};
    if (!longest || !longest->interval_plus1 || p.key < LEDGER_BLOCKED || p.key > LEDGER_OTHER)
        return p;
    const struct interval *iv =
        &tl->threads.data[longest->thread_plus1 - 1].intervals.data[longest->interval_plus1 - 1];
    const struct object *o = interval_object(tl, iv);
    p.call_plus1 = interval_wait(tl, iv)->call_plus1;
    p.name_plus1 = o && o->kind != OBJ_FUTEX ? o->name + 1 : 0;
    return p;
}

static int by_place(const void *x, const void *y)
{
    const struct place *p = x, *q = y;
    if (p->key != q->key)
        return p->key < q->key ? -1 : 1;
    if (p->call_plus1 != q->call_plus1)
        return p->call_plus1 < q->call_plus1 ? -1 : 1;
    return p->name_plus1 < q->name_plus1 ? -1 : p->name_plus1 > q->name_plus1;
}

static int by_requests(const void *x, const void *y)
{
    const struct place *p = x, *q = y;
    if (p->requests != q->requests)
        return p->requests > q->requests ? -1 : 1;
    return by_place(x, y);
}

/* Those that are one place become one; where most stand is first. */
static void places_join(struct places *places)
{
    size_t n = 0;

    if (places->all.len)
        sort_runs(places->all.data, places->all.len, sizeof(*places->all.data), by_place);
    for (size_t i = 0; i < places->all.len; i++) {
        const struct place *p = &places->all.data[i];
        if (n && by_place(p, &places->all.data[n - 1]) == 0)
            places->all.data[n - 1].requests++;
        else
            places->all.data[n++] = *p;
    }
    places->all.len = n;
    if (n)
        sort_runs(places->all.data, n, sizeof(*places->all.data), by_requests);
}

/* "7 in futex (lock)", "2 in recvfrom on 10.0.0.5:5432 (blocked)", "1 queued" */
static void add_place(const struct words *w, const struct place *p)
{
    const struct timeline *tl = w->tl;

    text_count(w->out, p->requests);
    if (!p->call_plus1) {
        buf_addf(w->out, " %s", ledger_key_word(p->key));
        return;
    }
    buf_addf(w->out, " in %s", timeline_string(tl, p->call_plus1 - 1));
    if (p->name_plus1)
        buf_addf(w->out, " on %s", timeline_string(tl, p->name_plus1 - 1));
    buf_addf(w->out, " (%s)", ledger_key_word(p->key));
}

static void add_places(const struct words *w, const struct places *places)
{
    uint64_t more = 0;

    if (!places->all.len)
        return;
    buf_adds(w->out, "Where they stood longest: ");
    for (size_t i = 0; i < places->all.len; i++) {
        if (i >= PLACES_NAMED) {
            more += places->all.data[i].requests;
            continue;
        }
        buf_adds(w->out, i ? ", " : "");
        add_place(w, &places->all.data[i]);
    }
    if (more) {
        buf_adds(w->out, ", ");
        text_count(w->out, more);
        buf_adds(w->out, " elsewhere");
    }
    buf_adds(w->out, ".\n");
}

void words_add_open(const struct words *w)
{
    const struct timeline *tl = w->tl;
    struct places places = {VEC_INIT};
    bool whole = true;

    if (w->sums->open == 1) {
        buf_adds(w->out, "Its one request was not");
    } else {
        buf_adds(w->out, "None of its ");
        text_count(w->out, w->sums->open);
        buf_adds(w->out, " requests was");
    }
    buf_adds(w->out, " answered before the recording ended, so how it serves could not be told.\n");
    for (size_t i = 0; whole && i < tl->requests.len; i++)
        if (tl->requests.data[i].process == w->process)
            whole = vec_push(&places.all, place_of(tl, &tl->requests.data[i])) == 0;
    places_join(&places);
    if (whole)
        add_places(w, &places);
    vec_release(&places.all);
}
