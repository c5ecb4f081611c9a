/*
 * shared: what the probes and the recorder both see besides the records: the values of maps and
 * of tables that the skeleton names.
 */
#ifndef BPF_SHARED_H
#define BPF_SHARED_H

#ifndef __bpf__
#include <stdint.h>
#endif

/* Records that found no room, on one CPU; user space turns changes into windows. */
struct probe_loss {
    uint64_t count;
    uint64_t first_ns, last_ns;
};

/*
 * A ring of one CPU's records, `ring_mask` + 1 bytes and RING_RECORD_MAX more behind them: a record
 * begins at its position in the ring modulo its size, and is never split. Positions count all bytes
 * since the begin. The probes write head, the recorder tail, each on a cache line of its own.
 */
#define RING_RECORD_MAX 256
struct cpu_ring {
    uint64_t head; /* written so far */
    uint32_t busy; /* a probe is writing */
    uint32_t pad[13];
    uint64_t tail; /* read so far */
    uint64_t more[7];
    /* the records */
};

_Static_assert(sizeof(struct cpu_ring) == 128, "cpu_ring");

/* What is known of a call by its kernel number: enum call, enum call_class. */
struct call_entry {
    uint16_t call;
    uint16_t class;
};

/*
 * What a hit of a uprobe means: enum work_op or enum work_hook, enum work_kind, which of the
 * function's arguments points to the item, from 0, and how many bytes before it. Of HOOK_PUT the
 * argument points to the item's address.
 */
#define WORK_COOKIE(op, kind, argument, before) \
    ((uint64_t)(op) | (uint64_t)(kind) << 8 | (uint64_t)(argument) << 16 | (uint64_t)(before) << 32)
/* Instead of an argument of the first two: what the last call gave back; the third argument; the
 * register of that number, as x86-64 has them, of those that calls preserve. */
#define WORK_RESULT 2
#define WORK_THIRD 3
#define WORK_REGISTER 16
#define WORK_COOKIE_OP(cookie) ((uint8_t)(cookie))
#define WORK_COOKIE_KIND(cookie) ((uint8_t)((cookie) >> 8))
#define WORK_COOKIE_ARGUMENT(cookie) ((uint8_t)((cookie) >> 16))
#define WORK_COOKIE_BEFORE(cookie) ((uint32_t)((cookie) >> 32))

/* Hits that are no word on work by themselves; see work.bpf.h. */
enum work_hook {
    HOOK_STEP = 64, /* asyncio: a task's step begins; the third argument: its result's place */
    HOOK_STEPPED,   /* … and ends */
    HOOK_TIMER,     /* libuv: a timer is set; the third argument: for how long, in ms */
    HOOK_PUT,       /* Python: a queue of an executor is given something, its first argument */
    HOOK_GET,       /* … is asked for something */
    HOOK_TAKEN,     /* … gave it */
    HOOK_ENTER,     /* Python: a context is entered */
    HOOK_LEAVE,     /* … a context is left */
    HOOK_LAUNCHED,  /* Kotlin: a coroutine is made that is no child of another */
    HOOK_PASSED,    /* Kotlin: a coroutine is left, and a dispatcher has it */
    HOOK_POOL,      /* nginx: the lock of a thread pool is given back */
};

#endif
