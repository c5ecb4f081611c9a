/*
 * verdict_open: what is said of a process that answered nobody. It hangs, perhaps; then where its
 * requests stand is what is asked first.
 */
#include "output/verdict_words.h"

#include "base/sort.h"
#include "base/text.h"

#include <string.h>

/* So many places are named. */
#define PLACES_NAMED 3

/* Where requests stood, or threads. */
struct place {
    const char *word; /* of the key, or of the state */
    uint32_t call_plus1, name_plus1;
    uint64_t count;
};

struct places {
    VEC(struct place) all;
};

/* Of waits it says in what, and for what if that has a name. */
static struct place place_in(const struct timeline *tl, const struct interval *iv, const char *word)
{
    const struct object *o = interval_object(tl, iv);
    return (struct place){.word = word,
                          .call_plus1 = interval_wait(tl, iv)->call_plus1,
                          .name_plus1 = o && o->kind != OBJ_FUTEX ? o->name + 1 : 0,
                          .count = 1};
}

/* Where the request was for longest. */
static struct place place_of_request(const struct timeline *tl, const struct request *r)
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
    const char *word = ledger_key_word(longest ? longest->key : LEDGER_UNATTRIBUTED);
    if (!longest || !longest->interval_plus1)
        return (struct place){.word = word, .count = 1};
    const struct thread *t = &tl->threads.data[longest->thread_plus1 - 1];
    return place_in(tl, &t->intervals.data[longest->interval_plus1 - 1], word);
}

/* Where the thread was for longest; `count` 0: it was not there at all. */
static struct place place_of_thread(const struct timeline *tl, const struct thread *t)
{
    const struct interval *longest = NULL;
    uint64_t most = 0;

    for (size_t i = 0; i < t->intervals.len; i++) {
        uint64_t ns = interval_end(t, i) - t->intervals.data[i].start_ns;
        if (longest && ns <= most)
            continue;
        longest = &t->intervals.data[i];
        most = ns;
    }
    return longest ? place_in(tl, longest, state_name(longest->state)) : (struct place){.count = 0};
}

static int by_place(const void *x, const void *y)
{
    const struct place *p = x, *q = y;
    int words = strcmp(p->word, q->word);
    if (words)
        return words;
    if (p->call_plus1 != q->call_plus1)
        return p->call_plus1 < q->call_plus1 ? -1 : 1;
    return p->name_plus1 < q->name_plus1 ? -1 : p->name_plus1 > q->name_plus1;
}

static int by_count(const void *x, const void *y)
{
    const struct place *p = x, *q = y;
    if (p->count != q->count)
        return p->count > q->count ? -1 : 1;
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
            places->all.data[n - 1].count++;
        else
            places->all.data[n++] = *p;
    }
    places->all.len = n;
    if (n)
        sort_runs(places->all.data, n, sizeof(*places->all.data), by_count);
}

/* "7 in futex (lock)", "2 in recvfrom on 10.0.0.5:5432 (blocked)", "1 queued" */
static void add_place(const struct words *w, const struct place *p)
{
    text_count(w->out, p->count);
    if (!p->call_plus1) {
        buf_addf(w->out, " %s", p->word);
        return;
    }
    buf_addf(w->out, " in %s", timeline_string(w->tl, p->call_plus1 - 1));
    if (p->name_plus1)
        buf_addf(w->out, " on %s", timeline_string(w->tl, p->name_plus1 - 1));
    buf_addf(w->out, " (%s)", p->word);
}

static void add_places(const struct words *w, const char *who, struct places *places)
{
    uint64_t more = 0;

    places_join(places);
    if (!places->all.len)
        return;
    buf_addf(w->out, "Where %s stood longest: ", who);
    for (size_t i = 0; i < places->all.len; i++) {
        if (i >= PLACES_NAMED) {
            more += places->all.data[i].count;
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

static void add_threads(const struct words *w)
{
    const struct timeline *tl = w->tl;
    struct places places = {VEC_INIT};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < tl->threads.len; i++) {
        const struct thread *t = &tl->threads.data[i];
        struct place place = place_of_thread(tl, t);
        if (t->process == w->process && place.count && !t->kernel)
            rc = vec_push(&places.all, place);
    }
    if (rc == 0)
        add_places(w, "its threads", &places);
    vec_release(&places.all);
}

/* True: where they stood is known of most. */
static bool add_requests(const struct words *w)
{
    const struct timeline *tl = w->tl;
    struct places places = {VEC_INIT};
    int rc = 0;

    if (w->sums->open == 1) {
        buf_adds(w->out, "Its one request was not");
    } else {
        buf_adds(w->out, "None of its ");
        text_count(w->out, w->sums->open);
        buf_adds(w->out, " requests was");
    }
    buf_adds(w->out, " answered before the recording ended, so how it serves could not be told.\n");
    for (size_t i = 0; rc == 0 && i < tl->requests.len; i++)
        if (tl->requests.data[i].process == w->process)
            rc = vec_push(&places.all, place_of_request(tl, &tl->requests.data[i]));
    if (rc == 0)
        add_places(w, "they", &places);
    bool known = places.all.len &&
                 strcmp(places.all.data[0].word, ledger_key_word(LEDGER_UNATTRIBUTED)) != 0;
    vec_release(&places.all);
    return known;
}

void words_add_asked(const struct words *w)
{
    const struct owed *owed = &w->tl->processes.data[w->process].owed;
    bool one = owed->waiting == 1;

    if (!owed->waiting)
        return;
    text_count_of(w->out, owed->waiting, "client");
    buf_addf(w->out,
             " had spoken last when the recording began, and nothing was heard of %s since: %s for "
             "an answer, perhaps",
             one ? "it" : "them", one ? "it waits" : "they wait");
    if (owed->longest_ns) {
        buf_adds(w->out, one ? ", for " : ", the first of them for ");
        text_duration(w->out, owed->longest_ns);
        buf_adds(w->out, " then");
    }
    buf_adds(w->out, ".\n");
}

/* "When the recording began 3 connections waited to be accepted, 2 clients had asked …" */
static void add_signs(const struct words *w)
{
    const struct owed *owed = &w->tl->processes.data[w->process].owed;
    const struct {
        uint32_t count;
        const char *before, *what, *behind;
    } signs[] = {
        {owed->answered, "", "client", " had waited before, and got an answer, perhaps"},
        {owed->unaccepted, "", "connection", " waited to be accepted"},
        {owed->gone, "", "client", " had spoken last and closed the connection"},
        {owed->unsure, "it could not be told of ", "client", " who had spoken last"},
    };
    const char *const first = "When the recording began ", *between = first;

    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
        if (!signs[i].count)
            continue;
        buf_addf(w->out, "%s%s", between, signs[i].before);
        text_count_of(w->out, signs[i].count, signs[i].what);
        buf_adds(w->out, signs[i].behind);
        between = ", ";
    }
    if (between != first)
        buf_adds(w->out, ".\n");
}

void words_add_none_answered(const struct words *w)
{
    bool known = false;

    if (w->sums->open)
        known = add_requests(w);
    else
        buf_adds(w->out, "No request was seen in this process.\n");
    words_add_asked(w);
    add_signs(w);
    if (!known && (w->sums->open || owed_any(&w->tl->processes.data[w->process].owed)))
        add_threads(w);
}
