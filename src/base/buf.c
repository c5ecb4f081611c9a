#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So much is gathered for an outlet. */
#define OUTLET_SIZE ((size_t)256 << 10)

static void drain(struct buf *b, const char *bytes, size_t len)
{
    if (len && !b->failed)
        b->outlet->error = b->outlet->take(b->outlet, bytes, len);
    b->failed |= b->outlet->error < 0;
}

/* Room for `len` more bytes and the NUL. */
static bool reserve(struct buf *b, size_t len)
{
    if (b->outlet && b->len >= OUTLET_SIZE) {
        drain(b, b->data, b->len);
        b->len = 0;
    }
    if (b->failed)
        return false;
    if (b->data && len < b->cap - b->len)
        return true;
    if (len >= SIZE_MAX / 2 - b->len) {
        b->failed = true;
        return false;
    }
    size_t cap = b->cap ? b->cap : 64;
    while (cap < b->len + len + 1)
        cap *= 2;
    char *grown = realloc(b->data, cap);
    if (!grown) {
        b->failed = true;
        return false;
    }
    b->data = grown;
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
    if (!len)
        return;
    if (b->outlet && len >= OUTLET_SIZE) { /* not copied in between */
        buf_flush(b);
        drain(b, bytes, len);
        return;
    }
    if (!reserve(b, len))
        return;
    memcpy(b->data + b->len, bytes, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    buf_vaddf(b, format, ap);
    va_end(ap);
}

void buf_vaddf(struct buf *b, const char *format, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0) {
        b->failed = true;
        return;
    }
    if (!reserve(b, (size_t)len))
        return;
    vsnprintf(b->data + b->len, (size_t)len + 1, format, ap);
    b->len += (size_t)len;
}

/* "00" to "99" */
static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static unsigned count_digits(uint64_t n)
{
    unsigned count = 1;
    for (;; count += 4, n /= 10000) {
        if (n < 10)
            return count;
        if (n < 100)
            return count + 1;
        if (n < 1000)
            return count + 2;
        if (n < 10000)
            return count + 3;
    }
}

char *buf_digits(char *to, uint64_t n)
{
    char *end = to + count_digits(n), *at = end;
    for (; n >= 100; n /= 100) {
        at -= 2;
        memcpy(at, pairs + n % 100 * 2, 2);
    }
    if (n >= 10)
        memcpy(to, pairs + n * 2, 2);
    else
        *to = (char)('0' + n);
    return end;
}

void buf_addu(struct buf *b, uint64_t n)
{
    char *at = buf_room(b, BUF_DIGITS);
    if (at)
        buf_end(b, buf_digits(at, n));
}

void buf_addi(struct buf *b, int64_t n)
{
    if (n < 0)
        buf_addc(b, '-');
    /* Negated as unsigned: INT64_MIN has no positive twin. */
    buf_addu(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

char *buf_room(struct buf *b, size_t len)
{
    return reserve(b, len) ? b->data + b->len : NULL;
}

void buf_end(struct buf *b, const char *end)
{
    b->len = (size_t)(end - b->data);
    b->data[b->len] = '\0';
}

int buf_flush(struct buf *b)
{
    if (b->outlet) {
        drain(b, b->data, b->len);
        b->len = 0;
    }
    if (b->outlet && b->outlet->error < 0)
        return b->outlet->error;
    return b->failed ? -ENOMEM : 0;
}

const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

void buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf)BUF_INIT;
}
