#include "timeline/timeline.h"

#include "base/buf.h"
#include "base/text.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *word(const char *const *words, size_t count, unsigned number)
{
    return number < count ? words[number] : "?";
}

const char *state_name(unsigned state)
{
    static const char *const words[] = {
        [STATE_RUNNING] = "running", [STATE_RUNNABLE] = "runnable", [STATE_BLOCKED] = "blocked",
        [STATE_YIELDED] = "yielded", [STATE_LOCK] = "lock",         [STATE_SLEEP] = "sleep",
        [STATE_FAULT] = "fault",     [STATE_OTHER] = "other",       [STATE_UNKNOWN] = "unknown",
    };
    _Static_assert(COUNT(words) == STATE_COUNT, "a word for each state");
    return word(words, COUNT(words), state);
}

const char *ledger_key_name(unsigned key)
{
    static const char *const words[] = {
        [LEDGER_QUEUED] = "queued",
        [LEDGER_RUNNING] = "running",
        [LEDGER_RUNNABLE] = "runnable",
        [LEDGER_BLOCKED] = "blocked",
        [LEDGER_LOCK] = "lock",
        [LEDGER_SLEEP] = "sleep",
        [LEDGER_FAULT] = "fault",
        [LEDGER_OTHER] = "other",
        [LEDGER_AWAITING] = "awaiting",
        [LEDGER_LOOP_BUSY] = "loop_busy",
        [LEDGER_UNATTRIBUTED] = "unattributed",
    };
    _Static_assert(COUNT(words) == LEDGER_COUNT, "a word for each key");
    return word(words, COUNT(words), key);
}

const char *ledger_key_word(unsigned key)
{
    return key == LEDGER_LOOP_BUSY ? "loop busy" : ledger_key_name(key);
}

const char *grade_name(unsigned grade)
{
    static const char *const words[] = {
        [GRADE_EXACT] = "exact",
        [GRADE_INFERRED] = "inferred",
        [GRADE_AMBIGUOUS] = "ambiguous",
        [GRADE_UNATTRIBUTED] = "unattributed",
    };
    _Static_assert(COUNT(words) == GRADE_COUNT, "a word for each grade");
    return word(words, COUNT(words), grade);
}

const char *model_name(unsigned model)
{
    static const char *const words[] = {
        [MODEL_UNKNOWN] = "unknown",
        [MODEL_BLOCKING] = "blocking",
        [MODEL_NONBLOCKING] = "non-blocking",
        [MODEL_NONBLOCKING_WORKERS] = "non-blocking with blocking workers",
        [MODEL_MIXED] = "mixed",
    };
    _Static_assert(COUNT(words) == MODEL_COUNT, "a word for each model");
    return word(words, COUNT(words), model);
}

const char *role_name(unsigned role)
{
    static const char *const words[] = {
        [THREAD_ROLE_OTHER] = "other",       [THREAD_ROLE_LOOP] = "loop",
        [THREAD_ROLE_WORKER] = "worker",     [THREAD_ROLE_HELPER] = "helper",
        [THREAD_ROLE_ACCEPTOR] = "acceptor",
    };
    _Static_assert(COUNT(words) == THREAD_ROLE_COUNT, "a word for each role");
    return word(words, COUNT(words), role);
}

const char *object_kind_name(unsigned kind)
{
    static const char *const words[] = {
        [OBJ_UNKNOWN] = "unknown",     [OBJ_FILE] = "file",         [OBJ_DIRECTORY] = "directory",
        [OBJ_DEVICE] = "device",       [OBJ_TTY] = "tty",           [OBJ_PIPE] = "pipe",
        [OBJ_SOCKET] = "socket",       [OBJ_LISTENER] = "listener", [OBJ_ACCEPTED] = "accepted",
        [OBJ_CONNECTED] = "connected", [OBJ_EVENTFD] = "eventfd",   [OBJ_EPOLL] = "epoll",
        [OBJ_TIMER] = "timer",         [OBJ_URING] = "io_uring",    [OBJ_FUTEX] = "futex",
        [OBJ_PATH] = "path",           [OBJ_ANON] = "anonymous",
    };
    _Static_assert(COUNT(words) == OBJ_KIND_COUNT, "a word for each kind");
    return word(words, COUNT(words), kind);
}

void timeline_init(struct timeline *tl)
{
    memset(tl, 0, sizeof(*tl));
}

void timeline_release(struct timeline *tl)
{
    for (size_t i = 0; i < tl->threads.len; i++)
        vec_release(&tl->threads.data[i].intervals);
    for (size_t i = 0; i < tl->strings.len; i++)
        free(tl->strings.data[i]);
    vec_release(&tl->probes);
    vec_release(&tl->cost.programs);
    vec_release(&tl->processes);
    vec_release(&tl->threads);
    vec_release(&tl->objects);
    vec_release(&tl->waits);
    vec_release(&tl->requests);
    vec_release(&tl->segments);
    vec_release(&tl->asks);
    vec_release(&tl->holds);
    vec_release(&tl->victims);
    vec_release(&tl->losses);
    vec_release(&tl->strings);
    table_release(&tl->string_index);
    table_release(&tl->wait_index);
    timeline_init(tl);
}

/* Index of a string that is appended, UINT32_MAX when memory is out. */
static uint32_t append(struct timeline *tl, const char *s)
{
    size_t index = tl->strings.len;
    if (index >= UINT32_MAX || vec_reserve(&tl->strings, index + 1) < 0)
        return UINT32_MAX;
    tl->strings.data[index] = strdup(s);
    if (!tl->strings.data[index])
        return UINT32_MAX;
    tl->strings.len++;
    return (uint32_t)index;
}

uint32_t timeline_intern(struct timeline *tl, const char *s)
{
    if (!tl->strings.len && append(tl, "") == UINT32_MAX)
        return 0;
    if (!*s)
        return 0;

    /* Two texts with the same hash: the later one lives under the next free key. */
    uint64_t key = table_hash(s, strlen(s)), index;
    while (table_get(&tl->string_index, key, &index)) {
        if (strcmp(tl->strings.data[index], s) == 0)
            return (uint32_t)index;
        key++;
    }
    uint32_t added = append(tl, s);
    if (added == UINT32_MAX)
        return 0;
    /* Without its entry the string is merely not found again, and would be stored twice. */
    (void)table_put(&tl->string_index, key, added);
    return added;
}

uint32_t timeline_intern_bytes(struct timeline *tl, const void *bytes, size_t len)
{
    struct buf clean = BUF_INIT;
    text_clean(&clean, bytes, len);
    uint32_t index = clean.failed ? 0 : timeline_intern(tl, buf_str(&clean));
    buf_release(&clean);
    return index;
}

const char *timeline_string(const struct timeline *tl, uint32_t index)
{
    return index < tl->strings.len ? tl->strings.data[index] : "";
}

/* Appends the wait, to be found under the key. */
static int add_wait(struct timeline *tl, struct wait w, uint64_t key)
{
    size_t index = tl->waits.len;
    if (index > UINT32_MAX || vec_push(&tl->waits, w) < 0)
        return -ENOMEM;
    return table_put(&tl->wait_index, key, index);
}

int timeline_wait(struct timeline *tl, struct wait w, uint32_t *index)
{
    const struct wait nothing = {.fd = -1};
    if (!tl->waits.len && add_wait(tl, nothing, table_hash(&nothing, sizeof(nothing))) < 0)
        return -ENOMEM;

    /* As with strings: of two with one hash the later one lives under the next free key. */
    uint64_t key = table_hash(&w, sizeof(w)), found;
    while (table_get(&tl->wait_index, key, &found)) {
        if (memcmp(&tl->waits.data[found], &w, sizeof(w)) == 0) {
            *index = (uint32_t)found;
            return 0;
        }
        key++;
    }
    *index = (uint32_t)tl->waits.len;
    return add_wait(tl, w, key);
}

bool object_in_folder(const struct timeline *tl, const struct object *o)
{
    const char *name = timeline_string(tl, o->name);
    const char *slash = strrchr(name, '/');
    return slash && slash != name &&
           (o->kind == OBJ_FILE || o->kind == OBJ_PATH || o->kind == OBJ_PIPE);
}

bool thread_is_dispatcher(const struct timeline *tl, const struct thread *t)
{
    const char *comm = timeline_string(tl, t->comm);
    return strcmp(comm, "DefaultDispatch") == 0 ||
           (strncmp(comm, "Default..", 9) == 0 && strstr(comm, "rker-"));
}

uint64_t hold_victims(const struct hold *h)
{
    return (uint64_t)h->victim_count + h->more_victims;
}

uint64_t hold_lost_ns(const struct timeline *tl, const struct hold *h)
{
    uint64_t ns = 0;
    for (size_t i = 0; i < h->victim_count; i++)
        ns += tl->victims.data[h->first_victim + i].ns;
    return ns;
}

uint64_t segment_end(const struct timeline *tl, const struct request *r, size_t index)
{
    return index + 1 < (size_t)r->first_segment + r->segment_count
               ? tl->segments.data[index + 1].start_ns
               : r->end_ns;
}

struct program_cost cost_of_probes(const struct recording_cost *cost)
{
    struct program_cost all = {0};
    for (size_t i = 0; i < cost->programs.len; i++) {
        all.runs += cost->programs.data[i].runs;
        all.run_ns += cost->programs.data[i].run_ns;
    }
    return all;
}

void request_sums(const struct timeline *tl, const struct request *r, struct request_sums *sums)
{
    size_t end = (size_t)r->first_segment + r->segment_count;

    *sums = (struct request_sums){.ledger_ns = {0}};
    for (size_t i = r->first_segment; i < end; i++) {
        const struct segment *s = &tl->segments.data[i];
        uint64_t ns = (i + 1 < end ? s[1].start_ns : r->end_ns) - s->start_ns;
        sums->ledger_ns[s->key < LEDGER_COUNT ? s->key : LEDGER_UNATTRIBUTED] += ns;
        sums->grade_ns[s->grade < GRADE_COUNT ? s->grade : GRADE_UNATTRIBUTED] += ns;
    }
}

uint64_t request_ns(const struct timeline *tl, const struct request *r, unsigned key)
{
    struct request_sums sums;
    request_sums(tl, r, &sums);
    return sums.ledger_ns[key];
}

uint64_t request_grade_ns(const struct timeline *tl, const struct request *r, unsigned grade)
{
    struct request_sums sums;
    request_sums(tl, r, &sums);
    return sums.grade_ns[grade];
}
