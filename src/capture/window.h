/*
 * window: bytes of a file, or of memory, by offset. A file is read through a buffer that holds one
 * piece of it at a time; it is not mapped, because a file that shrinks while it is read must end
 * in a message and not in SIGBUS.
 */
#ifndef CAPTURE_WINDOW_H
#define CAPTURE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

struct window {
    const unsigned char *memory; /* NULL: read `fd` */
    int fd;
    int error;     /* -errno of a failed read; `size` is where it failed then */
    uint64_t size; /* bytes that can be had */
    unsigned char *buffer;
    size_t capacity;
    uint64_t start; /* the buffer holds [start, start + len) */
    size_t len;
};

void window_init_memory(struct window *w, const void *bytes, size_t len);
/* `most` is the largest `len` that window_at() will be asked for. 0 or -ENOMEM. */
int window_init_file(struct window *w, int fd, uint64_t size, size_t most);
/* `len` bytes from `offset`, valid until the next call; NULL when they are not all there. */
const void *window_at(struct window *w, uint64_t offset, size_t len);
void window_release(struct window *w);

#endif
