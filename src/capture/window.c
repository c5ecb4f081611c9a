#include "capture/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void window_init_memory(struct window *w, const void *bytes, size_t len)
{
    *w = (struct window){.memory = bytes, .fd = -1, .size = len};
}

int window_init_file(struct window *w, int fd, uint64_t size, size_t most)
{
    *w = (struct window){.fd = fd, .size = size, .capacity = size < most ? (size_t)size : most};
    w->buffer = malloc(w->capacity ? w->capacity : 1);
    return w->buffer ? 0 : -ENOMEM;
}

/* Makes the buffer begin at `offset`; what it had from there on is kept. */
static void window_move(struct window *w, uint64_t offset)
{
    if (offset >= w->start && offset - w->start < w->len) {
        size_t gone = (size_t)(offset - w->start);
        w->len -= gone;
        memmove(w->buffer, w->buffer + gone, w->len);
    } else {
        w->len = 0;
    }
    w->start = offset;
}

static void window_fill(struct window *w)
{
    while (w->len < w->capacity && w->start + w->len < w->size) {
        uint64_t at = w->start + w->len;
        size_t want = w->capacity - w->len;
        ssize_t got = pread(w->fd, w->buffer + w->len, want, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) { /* 0: the file has shrunk */
            w->error = got < 0 ? -errno : 0;
            w->size = at;
            return;
        }
        w->len += (size_t)got;
    }
}

const void *window_at(struct window *w, uint64_t offset, size_t len)
{
    if (offset > w->size || len > w->size - offset)
        return NULL;
    if (w->memory)
        return w->memory + offset;
    if (offset < w->start || offset - w->start > w->len || len > w->len - (offset - w->start)) {
        if (len > w->capacity)
            return NULL;
        window_move(w, offset);
        window_fill(w);
        if (len > w->len)
            return NULL;
    }
    return w->buffer + (offset - w->start);
}

void window_release(struct window *w)
{
    free(w->buffer);
    *w = (struct window){.fd = -1};
}
