/*
 * verdict: what the words about a process rest on.
 */
#include "analysis/internal.h"
#include "base/sort.h"

#define NS_PER_S 1e9
/* A way of serving that fewer than one in ten requests take does not make a process mixed. */
#define MIXED_MIN 10
/* Workers that wait for less than one part in so many of the requests' time make no difference. */
#define WORKERS_MIN 1000
/* More of the latency unattributed than one part in so many, and what threads were held for is not
 * known well enough to say how many requests they can answer. */
#define UNKNOWN_MIN 10

struct tally { /* of a process */
    uint64_t arrived, first_ns, last_ns;
    uint64_t latency_ns, unattributed_ns;       /* of complete requests */
    uint64_t waiting_ns;                        /* of threads, for requests */
    uint64_t hold_ns;                           /* loop holds that were waits and harmed somebody */
    uint64_t loop_waiting_ns;                   /* of these waits, on threads that are loops */
    uint64_t worker_waiting_ns;                 /* on others, and not for locks */
    uint64_t worker_held_ns, worker_running_ns; /* by threads that are none, for requests */
    struct loop_time loops;                     /* while there were requests */
    uint64_t helper_ns;                         /* waits of helpers that are no idling */
    uint64_t by_loop, by_worker;
    uint64_t served; /* threads that ever had a request */
};

/* Waits of a process inside requests, on objects that people see as one. */
struct wait_group {
    uint64_t ns;
    uint32_t process, name, object_plus1;
    uint8_t kind;
    bool many; /* more than one object */
};

struct wait_groups {
    VEC(struct wait_group) all;
    VEC(uint32_t) names; /* by object: its group's name + 1 */
    struct table index;
};

static bool is_wait_key(unsigned key)
{
    return key >= LEDGER_BLOCKED && key <= LEDGER_OTHER;
}

static void tally_request(struct tally *t, struct verdict *v, const struct request *r,
                          uint64_t queued_ns)
{
    if (!t->arrived || r->start_ns < t->first_ns)
        t->first_ns = r->start_ns;
    if (r->start_ns > t->last_ns)
        t->last_ns = r->start_ns;
    t->arrived++;
    v->queued_ns += queued_ns;
    v->queued_requests += queued_ns > QUEUED_MIN_NS;
}

static void tally_waits(const struct timeline *tl, struct tally *t, const struct request *r)
{
    for (size_t i = r->first_segment; i < (size_t)r->first_segment + r->segment_count; i++) {
        const struct segment *s = &tl->segments.data[i];
        if (!is_wait_key(s->key) || !s->thread_plus1)
            continue;
        uint64_t ns = segment_end(tl, r, i) - s->start_ns;
        t->waiting_ns += ns;
        if (tl->threads.data[s->thread_plus1 - 1].role == THREAD_ROLE_LOOP)
            t->loop_waiting_ns += ns;
        else if (s->key != LEDGER_LOCK)
            t->worker_waiting_ns += ns;
    }
}

static void tally_requests(struct analysis *a, struct tally *tallies)
{
    for (size_t i = 0; i < a->tl->requests.len; i++) {
        const struct request *r = &a->tl->requests.data[i];
        if (a->readers.data[i].read_before) /* that one did not arrive in this time */
            continue;
        struct tally *t = &tallies[r->process];
        struct verdict *v = &a->tl->processes.data[r->process].verdict;

        struct request_sums sums;

        request_sums(a->tl, r, &sums);
        tally_request(t, v, r, sums.ledger_ns[LEDGER_QUEUED]);
        tally_waits(a->tl, t, r);
        if (!(r->flags & REQUEST_COMPLETE))
            continue;
        v->requests++;
        t->latency_ns += r->end_ns - r->start_ns;
        t->unattributed_ns += sums.ledger_ns[LEDGER_UNATTRIBUTED];
        /* Whoever answers: a loop that hands over has read it. */
        bool loop = a->tl->threads.data[a->readers.data[i].thread].role == THREAD_ROLE_LOOP;
        t->by_loop += loop;
        t->by_worker += !loop;
    }
}

static void tally_threads(struct analysis *a, struct tally *tallies)
{
    for (size_t i = 0; i < a->lives.len; i++) {
        const struct thread *t = &a->tl->threads.data[i];
        const struct life *l = &a->lives.data[i];
        struct tally *tally = &tallies[t->process];

        tally->served += l->held_ns > 0;
        if (t->role == THREAD_ROLE_LOOP)
            continue;
        tally->worker_held_ns += l->held_ns;
        tally->worker_running_ns += l->running_ns;
        tally->helper_ns += t->kernel ? 0 : l->work_ns;
    }
}

/* What a loop stands still for is its requests' matter, whosever it was: somebody's, or somebody
 * stood ready meanwhile. Not so what it waits for while it starts up, nor in accept(): that is the
 * kernel's, and no way of serving. */
static bool is_waiting_hold(const struct timeline *tl, const struct hold *h)
{
    bool accepts = h->object_plus1 && tl->objects.data[h->object_plus1 - 1].kind == OBJ_LISTENER;
    return state_is_wait(h->state) && (h->request_plus1 || (h->victim_count && !accepts));
}

static void tally_holds(struct analysis *a, struct tally *tallies)
{
    for (size_t i = 0; i < a->tl->holds.len; i++) {
        const struct hold *h = &a->tl->holds.data[i];
        if (is_waiting_hold(a->tl, h))
            tallies[a->tl->threads.data[h->thread].process].hold_ns += h->end_ns - h->start_ns;
    }
}

/* A loop that stands still in what its requests ask for is both: a loop by its make, and blocking
 * in what it does. */
static enum model model_of(const struct tally *t)
{
    uint64_t all = t->by_loop + t->by_worker;
    uint64_t workers = t->worker_waiting_ns + t->helper_ns;
    if (!all)
        return MODEL_UNKNOWN;
    if (t->by_loop >= all / MIXED_MIN + 1 && t->by_worker >= all / MIXED_MIN + 1)
        return MODEL_MIXED;
    if (t->by_loop < t->by_worker)
        return MODEL_BLOCKING;
    uint64_t taken = t->loops.taken_ns;
    bool stands = t->loop_waiting_ns > taken / 2 || t->hold_ns > taken / 2;
    if (stands && t->loop_waiting_ns + t->hold_ns >= workers / 4)
        return MODEL_MIXED;
    return workers > t->latency_ns / WORKERS_MIN ? MODEL_NONBLOCKING_WORKERS : MODEL_NONBLOCKING;
}

/* From the first arrival to the last; over the whole capture where there are too few to say. */
static double offered_rate(const struct analysis *a, const struct tally *t)
{
    uint64_t span = t->last_ns - t->first_ns;
    if (t->arrived > 10 && span)
        return (double)(t->arrived - 1) * NS_PER_S / (double)span;
    return a->tl->duration_ns ? (double)t->arrived * NS_PER_S / (double)a->tl->duration_ns : 0;
}

/* A thread for each connection or request: as many as are asked for, so they cannot run out. */
static bool threads_come_and_go(const struct tally *t, const struct verdict *v)
{
    return t->served > 2 * (uint64_t)v->serving_threads;
}

/* Less, and which threads serve is not known, let alone when all of them do. */
static bool is_half_known(const struct tally *t)
{
    return t->unattributed_ns <= t->latency_ns / 2;
}

/* Hardly anybody else does; a loop that blocks is of the mixed model. */
static bool loop_answers(const struct verdict *v, const struct tally *t)
{
    return v->model == MODEL_NONBLOCKING ||
           (v->model == MODEL_MIXED && t->by_worker < t->by_loop / MIXED_MIN + 1);
}

/* Threads ÷ the time that each is held per request, of all that arrived. */
static double capacity_of(const struct load *l, uint64_t held_ns, uint64_t arrived)
{
    return held_ns ? (double)l->threads * NS_PER_S * (double)arrived / (double)held_ns : 0;
}

/* Who carries least is the limit: of an event loop and its workers that may be either. A worker
 * that is held has a request, whatever the loop does; the loop has to do with all of them. */
static bool is_loop_the_limit(const struct verdict *v, const struct tally *t)
{
    if (v->model != MODEL_NONBLOCKING_WORKERS)
        return v->loops.threads && loop_answers(v, t);
    double loop = capacity_of(&v->loops, t->loops.taken_ns, t->arrived);
    double workers = capacity_of(&v->workers, t->worker_held_ns, t->arrived);
    return loop > 0 && loop < workers;
}

static void limit_find(struct verdict *v, const struct tally *t)
{
    uint64_t held = t->worker_held_ns;
    uint32_t threads = v->serving_threads;

    v->loop_limits = is_loop_the_limit(v, t);
    if (v->loop_limits) {
        held = t->loops.taken_ns;
        threads = v->loops.threads;
    } else if (v->model != MODEL_NONBLOCKING_WORKERS) {
        held += t->loops.taken_ns;
    }
    v->held_ns = t->arrived ? (double)held / (double)t->arrived : 0;
    if (v->held_ns > 0 && (v->loop_limits || !v->comes_and_goes))
        v->capacity = threads * NS_PER_S / v->held_ns;
}

static double mean_held(const struct load *l, uint64_t held_ns)
{
    return l->requests ? (double)held_ns / (double)l->requests : 0;
}

static void verdict_fill(struct analysis *a, struct process *p, const struct tally *t)
{
    struct verdict *v = &p->verdict;
    uint64_t held = t->worker_held_ns + t->loops.taken_ns;
    /* By time, and by that of threads: what is queued for a thread holds none. What workers wait
     * for in the loop's place may not all be charged. */
    uint64_t waiting = t->waiting_ns > t->helper_ns ? t->waiting_ns : t->helper_ns;
    v->thread_waits =
        (waiting > held / 2 || t->hold_ns > held / 2) && v->model != MODEL_NONBLOCKING;
    v->offered = offered_rate(a, t);
    v->served = t->served;
    v->comes_and_goes = threads_come_and_go(t, v);
    v->loops.held_ns = mean_held(&v->loops, t->loops.taken_ns);
    v->workers.held_ns = mean_held(&v->workers, t->worker_held_ns);
    /* What a loop is held for does not depend on whose requests those were. */
    bool unknown = !loop_answers(v, t) && t->unattributed_ns > t->latency_ns / UNKNOWN_MIN;
    if (unknown || v->comes_and_goes)
        v->workers = (struct load){.threads = 0};
    if (unknown)
        return;
    uint64_t running = t->worker_running_ns + t->loops.running_ns;
    v->efficiency = held ? (double)running / (double)held : 0;
    v->cpu_ns = t->arrived ? (double)running / (double)t->arrived : 0;
    limit_find(v, t);
}

/* Files and named pipes by their folder, connections by their remote end, all else by its name. */
static uint32_t group_name(struct timeline *tl, const struct object *o)
{
    const char *name = timeline_string(tl, o->name);
    const char *slash = strrchr(name, '/');

    if (o->kind == OBJ_ACCEPTED)
        return timeline_intern(tl, "clients");
    if (!object_in_folder(tl, o))
        return o->name;
    return timeline_intern_bytes(tl, name, (size_t)(slash - name));
}

static int group_add(struct analysis *a, struct wait_groups *g, uint32_t process,
                     uint32_t call_plus1, uint32_t object, uint64_t ns)
{
    struct timeline *tl = a->tl;
    uint32_t name = call_plus1 ? call_plus1 - 1 : 0;
    uint64_t index;

    if (object && g->names.data) {
        if (!g->names.data[object - 1]) {
            struct object copy = tl->objects.data[object - 1];
            g->names.data[object - 1] = group_name(tl, &copy) + 1;
        }
        name = g->names.data[object - 1] - 1;
    }
    /* A folder's files and the paths in it that are looked up have one name, and are two things. */
    uint8_t kind = object ? tl->objects.data[object - 1].kind : OBJ_UNKNOWN;
    const uint64_t what[] = {process, name, kind};
    uint64_t key = table_hash(what, sizeof(what));
    if (!table_get(&g->index, key, &index)) {
        struct wait_group fresh = {
            .process = process, .name = name, .object_plus1 = object, .kind = kind};
        index = g->all.len;
        if (vec_push(&g->all, fresh) < 0 || table_put(&g->index, key, index) < 0)
            return -ENOMEM;
    }
    if (!g->all.data)
        return -ENOMEM;
    struct wait_group *group = &g->all.data[index];
    group->ns += ns;
    group->many |= group->object_plus1 != object;
    return 0;
}

static int group_add_interval(struct analysis *a, struct wait_groups *g, uint32_t process,
                              const struct interval *iv, uint64_t ns)
{
    const struct wait *wait = interval_wait(a->tl, iv);
    /* Who sleeps in futex waits for no lock. */
    uint32_t object = iv->state == STATE_SLEEP ? 0 : wait->object_plus1;
    return group_add(a, g, process, wait->call_plus1, object, ns);
}

/* What the helpers of a loop wait for, in its place. */
static int groups_of_helper(struct analysis *a, struct wait_groups *g, const struct thread *t)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        if (state_is_wait(iv->state) && !(iv->flags & INTERVAL_IDLE))
            rc = group_add_interval(a, g, t->process, iv, interval_end(t, i) - iv->start_ns);
    }
    return rc;
}

static int groups_of_helpers(struct analysis *a, struct wait_groups *g)
{
    const struct timeline *tl = a->tl;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < tl->threads.len; i++) {
        const struct thread *t = &tl->threads.data[i];
        const struct verdict *v = &tl->processes.data[t->process].verdict;
        if (t->role == THREAD_ROLE_HELPER && !t->kernel && v->model == MODEL_NONBLOCKING_WORKERS)
            rc = groups_of_helper(a, g, t);
    }
    return rc;
}

/* What a loop stood still for inside a request that is not known: known ones are charged. */
static int groups_of_holds(struct analysis *a, struct wait_groups *g)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->tl->holds.len; i++) {
        const struct hold *h = &a->tl->holds.data[i];
        if (is_waiting_hold(a->tl, h) && !h->request_plus1)
            rc = group_add(a, g, a->tl->threads.data[h->thread].process, h->call_plus1,
                           h->object_plus1, h->end_ns - h->start_ns);
    }
    return rc;
}

static int groups_collect(struct analysis *a, struct wait_groups *g)
{
    const struct timeline *tl = a->tl;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < tl->objects.len; i++)
        rc = vec_push(&g->names, 0);
    if (rc == 0)
        rc = groups_of_helpers(a, g);
    if (rc == 0)
        rc = groups_of_holds(a, g);
    for (size_t i = 0; rc == 0 && i < tl->requests.len; i++) {
        const struct request *r = &tl->requests.data[i];
        for (size_t k = r->first_segment;
             rc == 0 && k < (size_t)r->first_segment + r->segment_count; k++) {
            const struct segment *s = &tl->segments.data[k];
            if (!is_wait_key(s->key) || !s->interval_plus1)
                continue;
            const struct interval *iv =
                &tl->threads.data[s->thread_plus1 - 1].intervals.data[s->interval_plus1 - 1];
            rc = group_add_interval(a, g, r->process, iv, segment_end(tl, r, k) - s->start_ns);
        }
    }
    return rc;
}

static int waits_on(struct analysis *a)
{
    struct wait_groups g = {VEC_INIT, VEC_INIT, TABLE_INIT};
    int rc = groups_collect(a, &g);
    uint64_t *most = calloc(a->tl->processes.len + 1, sizeof(*most));

    if (!most)
        rc = -ENOMEM;
    for (size_t i = 0; rc == 0 && i < g.all.len; i++) {
        const struct wait_group *group = &g.all.data[i];
        struct verdict *v = &a->tl->processes.data[group->process].verdict;
        if (group->ns <= most[group->process])
            continue;
        most[group->process] = group->ns;
        v->waits_on = group->kind;
        v->waits_on_name = group->many || !group->object_plus1
                               ? group->name
                               : a->tl->objects.data[group->object_plus1 - 1].name;
    }
    free(most);
    vec_release(&g.all);
    vec_release(&g.names);
    table_release(&g.index);
    return rc;
}

/* What the model follows from, and the model. */
static int tallies_fill(struct analysis *a, struct tally *tallies)
{
    size_t count = a->tl->processes.len;
    struct loop_time *loops = calloc(count + 1, sizeof(*loops));
    int rc = loops ? 0 : -ENOMEM;

    if (rc == 0)
        rc = serving_find(a);
    if (rc == 0)
        rc = loads_find(a, loops);
    if (rc == 0) {
        tally_requests(a, tallies);
        tally_threads(a, tallies);
        tally_holds(a, tallies);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct verdict *v = &a->tl->processes.data[i].verdict;
        tallies[i].loops = loops[i];
        v->model = (uint8_t)model_of(&tallies[i]);
        if (v->model == MODEL_NONBLOCKING_WORKERS)
            v->serving_threads = v->workers.threads;
        else if (loop_answers(v, &tallies[i]) && v->loops.threads)
            v->serving_threads = v->loops.threads;
    }
    free(loops);
    return rc;
}

/* Threads run out only where they are what limits, are known well enough, and do not come as they
 * are needed. */
static int saturation_build(struct analysis *a, const struct tally *tallies)
{
    size_t count = a->tl->processes.len;
    bool *may = calloc(count + 1, sizeof(*may));
    int rc = may ? 0 : -ENOMEM;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct verdict *v = &a->tl->processes.data[i].verdict;
        may[i] = v->model != MODEL_NONBLOCKING && is_half_known(&tallies[i]) && !v->comes_and_goes;
    }
    if (rc == 0)
        rc = saturation_find(a, may);
    free(may);
    return rc;
}

int verdict_build(struct analysis *a)
{
    size_t count = a->tl->processes.len;
    struct tally *tallies = calloc(count + 1, sizeof(*tallies));
    int rc = tallies ? tallies_fill(a, tallies) : -ENOMEM;

    for (size_t i = 0; rc == 0 && i < count; i++)
        verdict_fill(a, &a->tl->processes.data[i], &tallies[i]);
    if (rc == 0)
        rc = waits_on(a);
    if (rc == 0)
        rc = peaks_find(a);
    if (rc == 0)
        rc = saturation_build(a, tallies);
    free(tallies);
    return rc;
}
