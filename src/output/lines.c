#include "output/lines.h"

#include "base/crew.h"
#include "output/json.h"
#include "output/output.h"

#include <zlib.h>

/* Threads that write; more wait for each other, and each has some megabytes. */
#define THREADS_MOST 4
/* A thread takes as many lines as make so much work, see json_weight(): long enough to be packed
 * well, short enough that all have some. */
#define WEIGHT 100000

/* For deflateInit2(): the largest window, and no header around the stream; the most memory. */
#define WINDOW_BITS (-15)
#define MEMORY_LEVEL 9

struct piece {
    struct json_line before; /* the line before the first */
    size_t count;
    struct buf text, packed;
    z_stream stream;
    bool ready; /* the stream is */
    uint32_t crc;
};

struct lines {
    const struct timeline *tl;
    struct json_line line; /* the last that a piece has got */
    int level;             /* 0: plain */
    uint32_t crc, size;    /* of all text so far */
    int (*take)(void *ctx, const char *bytes, size_t len);
    void *ctx;
};

static bool piece_next(void *ctx, void *p)
{
    struct lines *l = ctx;
    struct piece *piece = p;
    size_t weight = 0;

    piece->before = l->line;
    for (piece->count = 0; weight < WEIGHT && json_next(l->tl, &l->line); piece->count++)
        weight += json_weight(&l->line);
    return piece->count > 0;
}

/* Packs all of the text, and ends it at a byte: the next piece's stream goes on there. */
static int piece_pack(struct piece *piece, int level)
{
    z_stream *z = &piece->stream;

    if (!piece->ready &&
        deflateInit2(z, level, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    piece->ready = true;
    if (piece->text.len > UINT32_MAX / 2 || deflateReset(z) != Z_OK)
        return -EFBIG;
    char *room = buf_room(&piece->packed, deflateBound(z, piece->text.len) + 16);
    if (!room)
        return -ENOMEM;
    z->next_in = (Bytef *)(uintptr_t)piece->text.data; /* zlib only reads it */
    z->avail_in = (uInt)piece->text.len;
    z->next_out = (Bytef *)room;
    z->avail_out = (uInt)(piece->packed.cap - piece->packed.len - 1);
    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in || !z->avail_out)
        return -EIO;
    buf_end(&piece->packed, (char *)z->next_out);
    piece->crc = (uint32_t)crc32_z(0, (const Bytef *)piece->text.data, piece->text.len);
    return 0;
}

static int piece_work(void *ctx, void *p)
{
    const struct lines *l = ctx;
    struct piece *piece = p;
    struct json_line line = piece->before;

    buf_clear(&piece->text);
    buf_clear(&piece->packed);
    for (size_t i = 0; i < piece->count && json_next(l->tl, &line); i++)
        json_add(l->tl, &line, &piece->text);
    if (piece->text.failed || piece->packed.failed)
        return -ENOMEM;
    return l->level ? piece_pack(piece, l->level) : 0;
}

static int piece_done(void *ctx, void *p)
{
    struct lines *l = ctx;
    const struct piece *piece = p;
    const struct buf *bytes = l->level ? &piece->packed : &piece->text;

    l->crc = (uint32_t)crc32_combine(l->crc, piece->crc, (z_off_t)piece->text.len);
    l->size += (uint32_t)piece->text.len;
    return l->take(l->ctx, bytes->data, bytes->len);
}

static int lines_run(struct lines *l)
{
    const struct crew crew = {piece_next, piece_work, piece_done, l};
    struct piece pieces[THREADS_MOST] = {0};
    int rc = crew_run(&crew, pieces, crew_threads(THREADS_MOST), sizeof(*pieces));

    for (size_t i = 0; i < THREADS_MOST; i++) {
        buf_release(&pieces[i].text);
        buf_release(&pieces[i].packed);
        if (pieces[i].ready)
            deflateEnd(&pieces[i].stream);
    }
    return rc;
}

static int take_text(void *ctx, const char *bytes, size_t len)
{
    struct buf *out = ctx;
    buf_add(out, bytes, len);
    return out->failed ? -ENOMEM : 0;
}

int output_json(const struct timeline *tl, struct buf *out)
{
    struct lines l = {.tl = tl, .take = take_text, .ctx = out};
    return lines_run(&l);
}

/* RFC 1952: no name, no time, from a system that is not said. */
static const char gzip_head[] = {0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0, (char)0xff};
/* RFC 1951: the last block, and it is empty. */
static const char gzip_last[] = {3, 0};

int lines_gzip(const struct timeline *tl, int (*take)(void *ctx, const char *bytes, size_t len),
               void *ctx)
{
    struct lines l = {.tl = tl, .level = GZIP_LEVEL, .take = take, .ctx = ctx};
    int rc = take(ctx, gzip_head, sizeof(gzip_head));

    if (rc == 0)
        rc = lines_run(&l);
    if (rc == 0)
        rc = take(ctx, gzip_last, sizeof(gzip_last));
    if (rc < 0)
        return rc;
    const uint32_t end[] = {l.crc, l.size}; /* little-endian, as both supported machines are */
    return take(ctx, (const char *)end, sizeof(end));
}

int output_json_gz(const struct timeline *tl, struct buf *out)
{
    return lines_gzip(tl, take_text, out);
}
