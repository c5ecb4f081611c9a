/*
 * The least of io_uring that the samples need: an order slip goes into one ring (shared with the
 * kernel), the kernel does what it says and puts the result into the other ring. No thread waits
 * meanwhile. With a bell, an eventfd, an epoll set can watch for results; without one the only
 * place to wait is uring_submit().
 */
#ifndef SAMPLES_URING_H
#define SAMPLES_URING_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/io_uring.h>

struct uring {
    int fd;
    unsigned int flags, filled; /* slips that are filled and not handed over yet */
    unsigned int *submit_head, *submit_tail, *submit_mask, *submit_flags;
    unsigned int *done_head, *done_tail, *done_mask;
    struct io_uring_sqe *slips;
    struct io_uring_cqe *results;
};

/* Room for `entries` slips; `flags`: IORING_SETUP_*. Returns 0 or -errno. */
static inline int uring_init(struct uring *ring, unsigned int entries, unsigned int flags)
{
    struct io_uring_params params = {.flags = IORING_SETUP_CLAMP | flags, .sq_thread_idle = 2};
    size_t size, done_size;
    unsigned int *array;
    char *rings;

    ring->flags = flags;
    ring->filled = 0;
    ring->fd = (int)syscall(SYS_io_uring_setup, entries, &params);
    if (ring->fd < 0)
        return -errno;
    size = params.sq_off.array + params.sq_entries * sizeof(unsigned int);
    done_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    rings = mmap(NULL, size > done_size ? size : done_size, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQ_RING);
    ring->slips =
        mmap(NULL, params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
    if (rings == MAP_FAILED || ring->slips == MAP_FAILED ||
        !(params.features & IORING_FEAT_SINGLE_MMAP))
        return -ENOSYS;
    ring->submit_head = (unsigned int *)(rings + params.sq_off.head);
    ring->submit_tail = (unsigned int *)(rings + params.sq_off.tail);
    ring->submit_mask = (unsigned int *)(rings + params.sq_off.ring_mask);
    ring->submit_flags = (unsigned int *)(rings + params.sq_off.flags);
    ring->done_head = (unsigned int *)(rings + params.cq_off.head);
    ring->done_tail = (unsigned int *)(rings + params.cq_off.tail);
    ring->done_mask = (unsigned int *)(rings + params.cq_off.ring_mask);
    ring->results = (struct io_uring_cqe *)(rings + params.cq_off.cqes);
    array = (unsigned int *)(rings + params.sq_off.array);
    for (unsigned int i = 0; i < params.sq_entries; i++)
        array[i] = i; /* slips are handed over in their own order */
    return 0;
}

/* `bell`: an eventfd, rung for each result. Returns 0 or -errno. */
static inline int uring_bell(struct uring *ring, int bell)
{
    return syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_EVENTFD, &bell, 1) ? -errno : 0;
}

/* The next slip, empty but for `tag`, which comes back with its result; NULL: all are in use. */
static inline struct io_uring_sqe *uring_slip(struct uring *ring, void *tag)
{
    unsigned int tail = *ring->submit_tail + ring->filled;
    struct io_uring_sqe *slip = &ring->slips[tail & *ring->submit_mask];

    if (tail - __atomic_load_n(ring->submit_head, __ATOMIC_ACQUIRE) > *ring->submit_mask)
        return NULL;
    memset(slip, 0, sizeof(*slip));
    slip->user_data = (uintptr_t)tag;
    ring->filled++;
    return slip;
}

/*
 * Hands the filled slips over, and waits until there are `results` of them to take. With
 * IORING_SETUP_SQPOLL a thread of the kernel takes the slips as they come, and must only be woken
 * when it sleeps. Returns 0 or -errno.
 */
static inline int uring_submit(struct uring *ring, unsigned int results)
{
    unsigned int slips = ring->filled, flags = results ? IORING_ENTER_GETEVENTS : 0;

    __atomic_store_n(ring->submit_tail, *ring->submit_tail + slips, __ATOMIC_RELEASE);
    ring->filled = 0;
    if (ring->flags & IORING_SETUP_SQPOLL) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (__atomic_load_n(ring->submit_flags, __ATOMIC_RELAXED) & IORING_SQ_NEED_WAKEUP)
            flags |= IORING_ENTER_SQ_WAKEUP;
        slips = 0;
    }
    if (!slips && !flags)
        return 0;
    return syscall(SYS_io_uring_enter, ring->fd, slips, results, flags, NULL, 0) < 0 ? -errno : 0;
}

/* Takes one result out of the ring: as the call would have returned it, or -errno. False: there
 * is none. */
static inline bool uring_next(struct uring *ring, void **tag, int *result)
{
    unsigned int head = *ring->done_head;
    const struct io_uring_cqe *done = &ring->results[head & *ring->done_mask];

    if (head == __atomic_load_n(ring->done_tail, __ATOMIC_ACQUIRE))
        return false;
    *tag = (void *)(uintptr_t)done->user_data;
    *result = done->res;
    __atomic_store_n(ring->done_head, head + 1, __ATOMIC_RELEASE);
    return true;
}

#endif
