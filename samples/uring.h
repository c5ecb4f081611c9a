/*
 * The least of io_uring that a file read needs: an order slip goes into one ring (shared with the
 * kernel), the kernel reads the file and puts the result into the other ring and rings a bell, an
 * eventfd that an epoll set can watch. No thread waits meanwhile.
 */
#ifndef SAMPLES_URING_H
#define SAMPLES_URING_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/io_uring.h>

struct uring {
    int fd;
    unsigned int *submit_tail, *submit_mask, *submit_array;
    unsigned int *done_head, *done_tail, *done_mask;
    struct io_uring_sqe *slips;
    struct io_uring_cqe *results;
};

/* Room for `entries` reads under way; `bell` is an eventfd. Returns 0 or -errno. */
static inline int uring_init(struct uring *ring, unsigned int entries, int bell)
{
    struct io_uring_params params = {.flags = IORING_SETUP_CLAMP};
    size_t size, done_size;
    char *rings;

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
    ring->submit_tail = (unsigned int *)(rings + params.sq_off.tail);
    ring->submit_mask = (unsigned int *)(rings + params.sq_off.ring_mask);
    ring->submit_array = (unsigned int *)(rings + params.sq_off.array);
    ring->done_head = (unsigned int *)(rings + params.cq_off.head);
    ring->done_tail = (unsigned int *)(rings + params.cq_off.tail);
    ring->done_mask = (unsigned int *)(rings + params.cq_off.ring_mask);
    ring->results = (struct io_uring_cqe *)(rings + params.cq_off.cqes);
    return syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_EVENTFD, &bell, 1) ? -errno : 0;
}

/* Orders a read; `tag` comes back with its result. Returns 0 or -errno. */
static inline int uring_read(struct uring *ring, int file, void *buffer, unsigned int size,
                             uint64_t offset, void *tag)
{
    unsigned int tail = *ring->submit_tail;
    unsigned int at = tail & *ring->submit_mask;
    long taken;

    ring->slips[at] = (struct io_uring_sqe){.opcode = IORING_OP_READ,
                                            .fd = file,
                                            .addr = (uintptr_t)buffer,
                                            .len = size,
                                            .off = offset,
                                            .user_data = (uintptr_t)tag};
    ring->submit_array[at] = at;
    __atomic_store_n(ring->submit_tail, tail + 1, __ATOMIC_RELEASE);
    taken = syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0);
    if (taken == 1)
        return 0;
    __atomic_store_n(ring->submit_tail, tail, __ATOMIC_RELEASE); /* the slip is taken back */
    return taken < 0 ? -errno : -EAGAIN;
}

/* Takes one result out of the ring: bytes read or -errno. False: there is none. */
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
