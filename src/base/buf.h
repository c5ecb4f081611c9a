/*
 * buf: a growing byte string, always followed by a NUL that `len` does not count.
 *
 * Errors stick: after a failed allocation `failed` stays set, later calls do nothing, and the
 * caller checks once at the end. So that a page of output code needs one check, not fifty.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /* NULL while empty: buf_str() gives "" then */
    size_t len, cap;
    bool failed;
};

#define BUF_INIT          \
    {                     \
        NULL, 0, 0, false \
    }

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *format, va_list ap);
/* Decimal integers without printf: the timeline has millions. */
void buf_addu(struct buf *b, uint64_t n);
void buf_addi(struct buf *b, int64_t n);
const char *buf_str(const struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory, and `failed`: text is missing then */
void buf_release(struct buf *b);

#endif
