/*
 * parks: where a thread waits for work, and where inside its work.
 */
#include "analysis/internal.h"

#define FUTEX_CMD_MASK 0x7f
#define FUTEX_WAIT 0
#define FUTEX_WAIT_BITSET 9

/* FUTEX_WAIT and the like. */
static unsigned futex_command(const struct analysis *a, const struct interval *iv)
{
    return interval_wait(a->tl, iv)->arg & FUTEX_CMD_MASK;
}

bool wait_is_gil(const struct analysis *a, const struct thread *t, const struct interval *iv)
{
    const struct proc *p = &a->procs.data[t->process];
    if (iv->state != STATE_LOCK || p->gil_end <= p->gil_start)
        return false;
    const struct object *o = interval_object(a->tl, iv);
    return o && o->id == p->gil_start;
}

/*
 * A condition variable or a semaphore is waited for with FUTEX_WAIT_BITSET by glibc, a mutex with
 * FUTEX_WAIT (nptl/futex-internal.c, lowlevellock.c). Where a thread has none of the former, as in
 * Go and musl, the latter has to do.
 */
bool wait_is_park(const struct analysis *a, uint32_t thread, const struct interval *iv)
{
    const struct thread *t = &a->tl->threads.data[thread];

    switch (iv->state) {
    case STATE_LOCK:
        if (wait_is_gil(a, t, iv))
            return false;
        return !a->lives.data[thread].bitsets || futex_command(a, iv) != FUTEX_WAIT;
    case STATE_BLOCKED:
        return wait_is_for_work(a->tl, iv) && interval_object(a->tl, iv)->kind != OBJ_ACCEPTED;
    case STATE_OTHER:
    case STATE_YIELDED:
        return true;
    default:
        return false;
    }
}

bool wait_ends_work(const struct analysis *a, uint32_t thread, const struct interval *iv)
{
    uint32_t lock = a->lives.data[thread].pool_lock;
    const struct object *o = lock && iv->state == STATE_LOCK ? interval_object(a->tl, iv) : NULL;
    return (o && (uint32_t)o->id == lock) || wait_is_park(a, thread, iv);
}

/*
 * The JVM runs virtual threads on those of a ForkJoinPool: what one of these waits for is no
 * request's that it has touched, for that may be at rest, or go on elsewhere.
 */
static bool is_carrier(const struct analysis *a, const struct thread *t)
{
    return process_has(a, t->process, RUNTIME_JVM) &&
           strncmp(timeline_string(a->tl, t->comm), "ForkJoinPool", 12) == 0;
}

/*
 * HotSpot's own threads compile, collect and keep house: for everybody, whoever woke them. They
 * bear the names that its sources give them (src/hotspot/share/{compiler,gc,runtime,services}, and
 * of the class library those of java.lang.ref), cut to 15 bytes, or from JDK 20 on to the first 7,
 * two dots and the last 6 (os_linux.cpp, os::set_native_thread_name).
 */
bool is_jvm_service(const struct analysis *a, const struct thread *t)
{
    static const char *const names[] = {
        "C1 CompilerThre", "C1 Comp..",
        "C2 CompilerThre", "C2 Comp..",
        "JVMCI Comp",      "VM Thread",
        "VM Periodic Tas", "VM Peri..",
        "GC Thread",       "G1 ",
        "ParGC Thread",    "Shenandoah",
        "ZWorker",         "ZDriver",
        "ZDirector",       "Service Thread",
        "Monitor Deflati", "Monitor..Thread",
        "Sweeper t",       "Reference Handl",
        "Referen..andler", "Finalizer",
        "Common-Cleaner",  "Signal Dispatch",
        "Notification Th", "Attach Listener",
    };
    const char *comm = timeline_string(a->tl, t->comm);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncmp(comm, names[i], strlen(names[i])) == 0)
            return process_has(a, t->process, RUNTIME_JVM);
    return false;
}

void parks_prepare(struct analysis *a)
{
    for (size_t i = 0; i < a->lives.len; i++) {
        const struct thread *t = &a->tl->threads.data[i];
        a->lives.data[i].carries = is_carrier(a, t);
        /* What one of these parks for is no request's that it has touched either. */
        a->lives.data[i].suspends =
            process_has(a, t->process, RUNTIME_JVM) && thread_is_dispatcher(a->tl, t);
        a->lives.data[i].service = is_jvm_service(a, t);
        for (size_t k = 0; k < t->intervals.len && !a->lives.data[i].bitsets; k++)
            a->lives.data[i].bitsets = t->intervals.data[k].state == STATE_LOCK &&
                                       futex_command(a, &t->intervals.data[k]) == FUTEX_WAIT_BITSET;
    }
}
