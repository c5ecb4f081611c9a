/*
 * buf: a growing byte string, always followed by a NUL that `len` does not count.
 *
 * Errors stick: after a failed allocation `failed` stays set, later calls do nothing, and the
 * caller checks once at the end. So that a page of output code needs one check, not fifty.
 *
 * With an outlet it holds little of what it was given: the rest has left, in order, and what is
 * left at the end leaves with buf_flush(). Who writes into it must not look back.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where bytes go; `error`: what take() returned when it failed, 0 while it did not. */
struct buf_outlet {
    int (*take)(struct buf_outlet *outlet, const char *bytes, size_t len); /* 0 or -errno */
    int error;
};

struct buf {
    char *data; /* NULL while empty: buf_str() gives "" then */
    size_t len, cap;
    struct buf_outlet *outlet; /* NULL: it keeps everything */
    bool failed;
};

#define BUF_INIT                \
    {                           \
        NULL, 0, 0, NULL, false \
    }

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *format, va_list ap);
/* Decimal integers without printf: the timeline has millions. */
void buf_addu(struct buf *b, uint64_t n);
void buf_addi(struct buf *b, int64_t n);
/* Room for `len` bytes behind what is there, to be written into by the caller, who says with
 * buf_end() where that ended; NULL when memory is out. */
char *buf_room(struct buf *b, size_t len);
void buf_end(struct buf *b, const char *end);
/* The digits of `n`, at most BUF_DIGITS, into memory that has room for as many. Returns their
 * end. */
#define BUF_DIGITS 20
char *buf_digits(char *to, uint64_t n);
/* Hands what is there to the outlet; 0 or -errno, of an earlier failure too. Without an outlet it
 * stays. */
int buf_flush(struct buf *b);
const char *buf_str(const struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory, and `failed`: text is missing then */
void buf_release(struct buf *b);

#endif
