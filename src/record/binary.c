#include "record/binary.h"

#include "bpf/events.h"
#include "bpf/shared.h"
#include "record/agent.h"
#include "record/places.h"
#include "record/symbols.h"

#include <string.h>
#include <sys/stat.h>

/* Of a table of symbols, when nothing says that it is worth more: a few milliseconds to read. */
#define LOCAL_SMALL (4u << 20)
#define LOCAL_LARGE (64u << 20)

enum {
    IN_PROGRAM = 1,
    IN_LIBUV = 2,
    IN_NODE = 4,
    IN_PYTHON = 8,
    IN_JVM = 16,
    IN_ASYNCIO = 32,
    IN_QUEUE = 64,
    IN_UVLOOP = 128,
    IN_AGENT = 256
};

static const struct {
    const char *begin; /* of the name, without the folder */
    unsigned files;
} libraries[] = {
    {"libuv.so", IN_LIBUV},       {"libnode.so", IN_NODE},   {"libjvm.so", IN_JVM},
    {"libpython3", IN_PYTHON},    {"_asyncio.", IN_ASYNCIO}, {"_queue.", IN_QUEUE},
    {"loop.cpython-", IN_UVLOOP}, {AGENT_NAME, IN_AGENT},
};

struct hook {
    const char *symbol;
    unsigned files;
    uint64_t cookie; /* 0: what the symbol is there for is to be known by */
    enum symbol_where where;
    bool precise;
    unsigned nth;       /* SYMBOL_TAKEN */
    const char *beside; /* SYMBOL_METHOD: another method of the same type */
    const char *label;  /* in the capture's list of probes, where `symbol` says too little */
    const char *needs;  /* without that symbol this one says nothing */
};

#define HAS_UV (IN_PROGRAM | IN_LIBUV | IN_NODE)
#define HAS_PYTHON (IN_PROGRAM | IN_PYTHON)

#define KNOWN_BY(files_, symbol_)              \
    {                                          \
        .symbol = (symbol_), .files = (files_) \
    }
#define LIBUV(symbol_, op, argument)                                                             \
    {                                                                                            \
        .symbol = (symbol_), .files = HAS_UV, .cookie = WORK_COOKIE(op, WORK_LIBUV, argument, 0) \
    }
#define RING(symbol_)                                                                              \
    {                                                                                              \
        .symbol = (symbol_), .files = HAS_UV, .cookie = WORK_COOKIE(WORK_SUBMIT, WORK_URING, 1, 0) \
    }
#define QUEUE(symbol_, label_, op, argument)                                               \
    {                                                                                      \
        .symbol = (symbol_), .files = IN_QUEUE, .where = SYMBOL_METHOD, .label = (label_), \
        .cookie = WORK_COOKIE(op, WORK_FUTURE, argument, 0), .beside = "put_nowait"        \
    }
/* src/agent/agent.c */
#define COROUTINE(symbol_, op)                                                                  \
    {                                                                                           \
        .symbol = (symbol_), .files = IN_AGENT, .cookie = WORK_COOKIE(op, WORK_COROUTINE, 0, 0) \
    }
#define COUNTER "waitscope_coroutines_wanted"
/* Modules/_asyncio.c: what a task waits for becomes ready by these; Task has some of the same name,
 * which do something else. */
#define FUTURE(symbol_, label_)                                                                   \
    {                                                                                             \
        .symbol = (symbol_), .files = IN_ASYNCIO, .where = SYMBOL_METHOD, .label = (label_),      \
        .cookie = WORK_COOKIE(WORK_READY, WORK_TASK, 0, 0), .beside = "get_loop", .precise = true \
    }
/* What was asked for, by get() or get_nowait(), which may hold the same code each. */
#define TAKEN(nth_)                                                               \
    {                                                                             \
        .symbol = "get", .files = IN_QUEUE, .where = SYMBOL_TAKEN, .nth = (nth_), \
        .label = "SimpleQueue.get result",                                        \
        .cookie = WORK_COOKIE(HOOK_TAKEN, WORK_FUTURE, WORK_REGISTER, 0)          \
    }
/*
 * libuv 1.x, src/threadpool.c: uv__work_submit(loop, w, kind, work, done) puts w into the queue, a
 * worker calls w->work(w), the loop calls w->done(w, status); these are all that libuv itself
 * puts there. What else a program hands over comes through uv_queue_work(loop, req, …), into
 * which the compiler may put the code of uv__work_submit(); where it did not, a submission is told
 * twice. There w is the last member of uv_work_t (include/uv.h), whose layout is part of the ABI.
 */
#define UV_WORK_REQ 88

static const struct hook hooks[] = {
    LIBUV("uv__work_submit", WORK_SUBMIT, 1),
    {.symbol = "uv_queue_work",
     .files = HAS_UV,
     .cookie = WORK_COOKIE(WORK_SUBMIT, WORK_LIBUV, 1, UV_WORK_REQ),
     .needs = "uv__queue_work"},
    LIBUV("uv__fs_work", WORK_BEGIN, 0),
    LIBUV("uv__queue_work", WORK_BEGIN, 0),
    LIBUV("uv__getaddrinfo_work", WORK_BEGIN, 0),
    LIBUV("uv__getnameinfo_work", WORK_BEGIN, 0),
    LIBUV("uv__random_work", WORK_BEGIN, 0),
    LIBUV("uv__fs_done", WORK_RESUME, 0),
    LIBUV("uv__queue_done", WORK_RESUME, 0),
    LIBUV("uv__getaddrinfo_done", WORK_RESUME, 0),
    LIBUV("uv__getnameinfo_done", WORK_RESUME, 0),
    LIBUV("uv__random_done", WORK_RESUME, 0),
    /* libuv since 1.45, src/unix/linux.c: uv__iou_fs_close(loop, req) and the like put a request
     * with the tag `req` into the loop's ring, or give 0 for the pool to do it. When it is done the
     * loop calls back; of Node's callbacks, src/node_file.cc, nearly all begin with
     * FSReqAfterScope(wrap, req), whose first argument is itself. */
    RING("uv__iou_fs_close"),
    RING("uv__iou_fs_fsync_or_fdatasync"),
    RING("uv__iou_fs_ftruncate"),
    RING("uv__iou_fs_link"),
    RING("uv__iou_fs_mkdir"),
    RING("uv__iou_fs_open"),
    RING("uv__iou_fs_read_or_write"),
    RING("uv__iou_fs_rename"),
    RING("uv__iou_fs_statx"),
    RING("uv__iou_fs_symlink"),
    RING("uv__iou_fs_unlink"),
    {.symbol = "_ZN4node2fs15FSReqAfterScopeC1EPNS0_9FSReqBaseEP7uv_fs_s",
     .files = IN_PROGRAM | IN_NODE,
     .cookie = WORK_COOKIE(WORK_RESUME, WORK_URING, WORK_THIRD, 0),
     .needs = "uv__iou_fs_open",
     .label = "node::fs::FSReqAfterScope"},
    /* Modules/_asyncio.c since Python 3.10: task_step_impl() sends into the task's coroutine. */
    {.symbol = "PyIter_Send",
     .files = IN_ASYNCIO,
     .cookie = WORK_COOKIE(HOOK_STEP, WORK_TASK, 0, 0),
     .where = SYMBOL_CALL},
    /* Task.__init__() copies the context and then takes the coroutine. */
    {.symbol = "PyContext_CopyCurrent",
     .files = IN_ASYNCIO,
     .cookie = WORK_COOKIE(WORK_SUBMIT, WORK_TASK, WORK_REGISTER, 0),
     .where = SYMBOL_MEMBER,
     .label = "Task.__init__"},
    {.symbol = "PyIter_Send",
     .files = IN_ASYNCIO,
     .cookie = WORK_COOKIE(HOOK_STEPPED, WORK_TASK, 0, 0),
     .where = SYMBOL_BEHIND,
     .label = "Task step end",
     .precise = true},
    /* uvloop has libuv in it, or Debian's beside it. */
    {.symbol = "uv_timer_start",
     .files = IN_LIBUV | IN_UVLOOP,
     .cookie = WORK_COOKIE(HOOK_TIMER, WORK_TIMER, 0, 0),
     .precise = true},
    FUTURE("set_result", "Future.set_result"),
    FUTURE("set_exception", "Future.set_exception"),
    QUEUE("put", "SimpleQueue.put", HOOK_PUT, 1),
    QUEUE("get", "SimpleQueue.get", HOOK_GET, 0),
    QUEUE("get_nowait", "SimpleQueue.get_nowait", HOOK_GET, 0),
    TAKEN(0),
    TAKEN(1),
    {.symbol = "run",
     .files = HAS_PYTHON,
     .cookie = WORK_COOKIE(HOOK_ENTER, WORK_FUTURE, 0, 0),
     .where = SYMBOL_METHOD,
     .beside = "copy",
     .label = "Context.run"},
    {.symbol = "PyContext_Exit", /* inside of the method above */
     .files = HAS_PYTHON,
     .cookie = WORK_COOKIE(HOOK_LEAVE, WORK_FUTURE, 1, 0),
     .where = SYMBOL_INNER,
     .needs = "run"},
    /* nginx, src/core/ngx_thread_pool.c: ngx_thread_task_post(pool, task) */
    {.symbol = "ngx_thread_task_post",
     .files = IN_PROGRAM,
     .cookie = WORK_COOKIE(WORK_SUBMIT, WORK_NGINX, 1, 0)},
    /* src/os/unix/ngx_thread_mutex.c: ngx_thread_mutex_unlock(mtx, log). Where the compiler has put
     * its code into the pool's, as it may at link time, it tells nothing. */
    {.symbol = "ngx_thread_mutex_unlock",
     .files = IN_PROGRAM,
     .cookie = WORK_COOKIE(HOOK_POOL, WORK_NGINX, 0, 0),
     .needs = "ngx_thread_task_post"},
    COROUTINE("waitscope_coroutine_made", WORK_SUBMIT),
    COROUTINE("waitscope_coroutine_launched", HOOK_LAUNCHED),
    COROUTINE("waitscope_coroutine_resumed", WORK_BEGIN),
    COROUTINE("waitscope_coroutine_suspended", WORK_END),
    COROUTINE("waitscope_coroutine_passed", HOOK_PASSED),
    COROUTINE("waitscope_coroutine_ready", WORK_READY),
    KNOWN_BY(IN_AGENT, COUNTER),
    KNOWN_BY(HAS_UV, "uv_async_send"),
    KNOWN_BY(IN_PROGRAM | IN_NODE, "node_module_register"),
    KNOWN_BY(HAS_PYTHON, "_PyRuntime"),
    KNOWN_BY(IN_PROGRAM, "processCommand"),
    KNOWN_BY(IN_PROGRAM, "ngx_event_process_posted"),
};

#define HOOKS (sizeof(hooks) / sizeof(*hooks))

_Static_assert(HOOKS <= BINARY_POINTS, "every hook may be found in one file");

static unsigned files_of(const char *name)
{
    for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++)
        if (!strncmp(name, libraries[i].begin, strlen(libraries[i].begin)))
            return libraries[i].files;
    return 0;
}

bool binary_is_known(const char *name)
{
    return files_of(name) != 0;
}

static const struct symbol *found(const struct symbol *wanted, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (wanted[i].address && !strcmp(wanted[i].name, name))
            return &wanted[i];
    return NULL;
}

static uint32_t runtimes_of(struct symbols *s, const struct symbol *wanted, size_t count,
                            const char *name, unsigned files)
{
    uint32_t all = 0;

    if (found(wanted, count, "node_module_register"))
        all |= 1u << RUNTIME_NODE;
    if (found(wanted, count, "_PyRuntime"))
        all |= 1u << RUNTIME_PYTHON;
    if (found(wanted, count, "ngx_event_process_posted"))
        all |= 1u << RUNTIME_NGINX;
    if (found(wanted, count, "processCommand") && files & IN_PROGRAM && strstr(name, "redis"))
        all |= 1u << RUNTIME_REDIS;
    if (files & IN_PROGRAM && !strcmp(name, "memcached"))
        all |= 1u << RUNTIME_MEMCACHED;
    if (files & IN_PROGRAM && symbols_have_section(s, ".go.buildinfo"))
        all |= 1u << RUNTIME_GO;
    if (files & IN_JVM)
        all |= 1u << RUNTIME_JVM;
    return all;
}

/* How many of its arguments a function must still have where the probe is put. */
static unsigned arguments_of(uint64_t cookie)
{
    bool third = WORK_COOKIE_ARGUMENT(cookie) == WORK_THIRD || WORK_COOKIE_OP(cookie) == HOOK_TIMER;
    return third ? 3 : 2;
}

static void fill(struct binary *b, struct symbols *s, const char *name, unsigned files,
                 bool precise)
{
    struct symbol wanted[HOOKS];
    const struct hook *of[HOOKS];
    const struct symbol *gil, *counter;
    size_t n = 0;

    for (size_t i = 0; i < HOOKS; i++) {
        if (!(hooks[i].files & files) || (hooks[i].precise && !precise))
            continue;
        wanted[n] = (struct symbol){.name = hooks[i].symbol,
                                    .where = hooks[i].where,
                                    .beside = hooks[i].beside,
                                    .nth = hooks[i].nth,
                                    .arguments = arguments_of(hooks[i].cookie)};
        of[n++] = &hooks[i];
    }
    if (!(files & IN_JVM) && symbols_find(s, wanted, n) < n && files & (HAS_UV | IN_UVLOOP))
        symbols_find_local(s, wanted, n,
                           found(wanted, n, "uv_async_send") ? LOCAL_LARGE : LOCAL_SMALL);
    if (found(wanted, n, "_PyRuntime") || files & (IN_ASYNCIO | IN_QUEUE))
        places_find(s, wanted, n);
    places_cheap(s, wanted, n);
    b->runtimes = runtimes_of(s, wanted, n, name, files);
    counter = found(wanted, n, COUNTER);
    b->counter = counter ? symbols_place(s, counter->address) : 0;
    gil = found(wanted, n, "_PyRuntime");
    if (gil) {
        b->gil_address = gil->address;
        b->gil_size = gil->size;
    }
    for (size_t i = 0; i < n; i++) {
        struct point p = {.name = of[i]->label ? of[i]->label : wanted[i].name,
                          .offset = wanted[i].offset,
                          .cookie = of[i]->cookie};

        if (of[i]->needs && !found(wanted, n, of[i]->needs))
            continue;
        if (wanted[i].where == SYMBOL_MEMBER || wanted[i].where == SYMBOL_TAKEN)
            p.cookie += WORK_COOKIE(0, 0, wanted[i].reg, 0);
        if (p.offset && p.cookie && b->point_count < BINARY_POINTS)
            b->points[b->point_count++] = p;
    }
}

static const struct binary *result(const struct binary *b)
{
    return b->runtimes || b->point_count ? b : NULL;
}

const struct binary *binary_look(struct binaries *b, int fd, const char *name, bool is_program)
{
    unsigned files = is_program ? IN_PROGRAM : files_of(name);
    struct symbols *s;
    struct stat st;

    if (!files || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    for (size_t i = 0; i < b->all.len; i++) {
        const struct binary *k = &b->all.data[i];

        if (k->device == st.st_dev && k->inode == st.st_ino && k->bytes == (uint64_t)st.st_size &&
            k->written_s == st.st_mtim.tv_sec && k->written_ns == st.st_mtim.tv_nsec)
            return result(k);
    }
    struct binary made = {.device = st.st_dev,
                          .inode = st.st_ino,
                          .bytes = (uint64_t)st.st_size,
                          .written_s = st.st_mtim.tv_sec,
                          .written_ns = st.st_mtim.tv_nsec};

    /* What is no ELF file, or a damaged one, is remembered too, as one with nothing in it. */
    if (!symbols_new(&s, fd)) {
        fill(&made, s, name, files, b->precise);
        symbols_free(s);
    }
    if (vec_push(&b->all, made) < 0)
        return NULL;
    return result(vec_last(&b->all));
}

bool binary_bias(int fd, uint64_t start, uint64_t offset, uint64_t *bias)
{
    struct symbols *s;
    bool known;

    if (symbols_new(&s, fd))
        return false;
    known = symbols_bias(s, start, offset, bias);
    symbols_free(s);
    return known;
}

void binaries_release(struct binaries *b)
{
    vec_release(&b->all);
}
