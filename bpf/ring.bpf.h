/*
 * ring: the way records leave. The many ones, of waits and of sockets, go into a ring of the CPU
 * they are made on; all others into the kernel's own ring buffer, which all CPUs share.
 *
 * A shared ring costs each record a lock that every CPU asks for, 20 ns when nobody else wants it
 * and more with each CPU that does. In a ring of its CPU a record costs its bytes and one store. No
 * lock is needed, for there is one writer at a time: sched_switch runs with interrupts off, the
 * probes of sockets and of a thread's end with preemption off (include/linux/tracepoint.h), never
 * in an interrupt, and no other probe writes there. On a kernel where probes can be preempted
 * (PREEMPT_RT) cpu_rings is off and everything goes into the shared one.
 */
#ifndef BPF_RING_BPF_H
#define BPF_RING_BPF_H

#include "bpf/kernel.h"

#include "bpf/events.h"
#include "bpf/shared.h"

#include <bpf/bpf_helpers.h>

/* The recorder sets these before it loads: how many bytes a ring has, less 1, a power of 2. */
const volatile __u32 ring_mask = 1;
const volatile bool cpu_rings = false;

/* A struct cpu_ring for each CPU. The recorder sets number and size. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, 4096);
} rings SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4 << 20);
} ring SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, EVENT_KINDS);
    __type(key, __u32);
    __type(value, struct probe_loss);
} losses SEC(".maps");

static __always_inline void count_loss(__u32 kind, __u64 now)
{
    struct probe_loss *l = bpf_map_lookup_elem(&losses, &kind);

    if (!l)
        return;
    if (!l->count)
        l->first_ns = now;
    l->count++;
    l->last_ns = now;
}

static __always_inline void begin_event(struct event *ev, __u16 kind, __u16 size, __u32 tid,
                                        __u64 now)
{
    ev->kind = kind;
    ev->size = size;
    ev->tid = tid;
    ev->time_ns = now;
}

/*
 * Room in the shared ring for one record, its struct event filled, or NULL and the loss counted.
 * The recorder drains by the clock, so nobody is woken.
 */
#define reserve(kind_, size_, tid_, now_)                           \
    ({                                                              \
        struct event *ev_ = bpf_ringbuf_reserve(&ring, (size_), 0); \
        if (ev_)                                                    \
            begin_event(ev_, (kind_), (size_), (tid_), (now_));     \
        else                                                        \
            count_loss((kind_), (now_));                            \
        (void *)ev_;                                                \
    })

static __always_inline void submit(void *record)
{
    bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* This CPU's ring, NULL when it is full or somebody writes into it already, which cannot be. */
static __always_inline struct cpu_ring *ring_enter(__u32 size)
{
    __u32 cpu = bpf_get_smp_processor_id();
    struct cpu_ring *r = bpf_map_lookup_elem(&rings, &cpu);

    if (!r || r->busy || r->head + size - r->tail > ring_mask)
        return NULL;
    r->busy = 1;
    barrier();
    return r;
}

/* What was written becomes readable: behind the bytes, as another CPU sees it. */
static __always_inline void ring_leave(struct cpu_ring *r, __u32 size)
{
#if defined(__TARGET_ARCH_x86)
    barrier(); /* x86 keeps stores in order */
    *(volatile __u64 *)&r->head += size;
#else
    /* An exchange is a full barrier; an addition whose result nobody asks for is none. */
    __sync_lock_test_and_set(&r->head, r->head + size);
#endif
    barrier();
    r->busy = 0;
}

/*
 * The same two for the CPU's own ring: reserve_here() gives the room and leaves in `ring_` what
 * submit_here() needs. `size_` is constant and at most RING_RECORD_MAX, so a record that begins at
 * the ring's end goes on behind it, in one piece.
 */
#define reserve_here(ring_, kind_, loss_, size_, tid_, now_)                   \
    ({                                                                         \
        struct event *ev_ = NULL;                                              \
        _Static_assert((size_) <= RING_RECORD_MAX, "record");                  \
        (ring_) = NULL;                                                        \
        if (!cpu_rings) {                                                      \
            ev_ = bpf_ringbuf_reserve(&ring, (size_), 0);                      \
        } else if (((ring_) = ring_enter(size_)) != NULL) {                    \
            ev_ = (struct event *)((void *)(ring_) + sizeof(struct cpu_ring) + \
                                   ((ring_)->head & ring_mask));               \
        }                                                                      \
        if (ev_)                                                               \
            begin_event(ev_, (kind_), (size_), (tid_), (now_));                \
        else                                                                   \
            count_loss((loss_), (now_));                                       \
        (void *)ev_;                                                           \
    })

static __always_inline void submit_here(struct cpu_ring *r, void *record, __u32 size)
{
    if (!cpu_rings)
        submit(record);
    else
        ring_leave(r, size);
}

#endif
