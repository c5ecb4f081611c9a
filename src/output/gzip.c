#include "output/gzip.h"

#include "output/json.h"
#include "output/output.h"

#include <limits.h>
#include <zlib.h>

/* For deflateInit2(): the largest window, and a gzip header around the stream. */
#define WINDOW_BITS 15
#define WITH_GZIP_HEADER 16
#define MEMORY_LEVEL 9

struct gzip {
    z_stream stream;
    struct buf *out;
};

static int deflate_bytes(struct gzip *gz, const void *bytes, size_t len, int flush)
{
    unsigned char packed[64 * 1024];
    gz->stream.next_in = (Bytef *)(uintptr_t)bytes; /* zlib only reads it */
    gz->stream.avail_in = (uInt)len;
    do {
        gz->stream.next_out = packed;
        gz->stream.avail_out = sizeof(packed);
        if (deflate(&gz->stream, flush) == Z_STREAM_ERROR)
            return -EIO;
        buf_add(gz->out, packed, sizeof(packed) - gz->stream.avail_out);
    } while (!gz->stream.avail_out);
    return gz->out->failed ? -ENOMEM : 0;
}

static int drain(void *ctx, struct buf *text)
{
    const char *bytes = buf_str(text);
    size_t left = text->len;
    while (left) {
        size_t len = left < UINT_MAX ? left : UINT_MAX; /* zlib counts in 32 bits */
        int ret = deflate_bytes(ctx, bytes, len, Z_NO_FLUSH);
        if (ret < 0)
            return ret;
        bytes += len;
        left -= len;
    }
    buf_clear(text);
    return 0;
}

int gzip_timeline(const struct timeline *tl, int level, struct buf *out)
{
    struct gzip gz = {.out = out};
    struct buf line = BUF_INIT;
    if (deflateInit2(&gz.stream, level, Z_DEFLATED, WINDOW_BITS + WITH_GZIP_HEADER, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    int ret = json_write(tl, &line, drain, &gz);
    if (ret == 0)
        ret = deflate_bytes(&gz, NULL, 0, Z_FINISH);
    deflateEnd(&gz.stream);
    buf_release(&line);
    return ret;
}

int output_json_gz(const struct timeline *tl, struct buf *out)
{
    return gzip_timeline(tl, GZIP_LEVEL, out);
}
