#include "capture/reader.h"

#include "base/buf.h"
#include "base/text.h"
#include "capture/check.h"
#include "capture/expand.h"
#include "capture/header.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The search for the next block checks at most this many bytes in vain: a mark comes by chance
 * once in 4 GiB, so only a file that was made to keep a reader busy has more. */
#define SEARCH_MOST (256u << 20)

struct reading {
    struct window window;
    const struct capture_visitor *visitor;
    struct capture_info *info;
    struct header_find find;
    uint64_t blocks, records; /* whole blocks; records in them, those of unknown kinds too */
    uint64_t passed_bytes;    /* of damaged blocks */
    uint64_t cut_bytes;       /* that the last block promised and the file lacks */
    uint64_t search_left;
    bool summary, cut, gave_up;
    uint64_t *aligned; /* a copy of a payload that was not */
};

struct block {
    struct capture_block head;
    const unsigned char *payload; /* in the window */
};

static bool head_at(struct reading *r, uint64_t offset, struct capture_block *head)
{
    const void *bytes = window_at(&r->window, offset, sizeof(*head));
    if (!bytes)
        return false;
    memcpy(head, bytes, sizeof(*head));
    return head->mark == CAPTURE_BLOCK_MARK && head->length <= CAPTURE_BLOCK_MAX;
}

/* True for a whole block at `offset` whose CRC fits. `cost`: bytes looked at, may be NULL. */
static bool block_at(struct reading *r, uint64_t offset, struct block *block, uint64_t *cost)
{
    if (cost)
        *cost = sizeof(block->head);
    if (!head_at(r, offset, &block->head))
        return false;
    const unsigned char *bytes =
        window_at(&r->window, offset, sizeof(block->head) + block->head.length);
    if (!bytes)
        return false;
    block->payload = bytes + sizeof(block->head);
    if (cost)
        *cost += block->head.length;
    const uint32_t *seeds = r->find.seeds;
    for (int i = 0; i < 2; i++)
        if ((!i || seeds[1] != seeds[0]) &&
            check_block_crc(seeds[i], &block->head, block->payload) == block->head.crc)
            return true;
    return false;
}

/* The offset of the next whole block at or behind `from`; 0 when there is none. */
static uint64_t find_block(struct reading *r, uint64_t from)
{
    static const uint32_t mark = CAPTURE_BLOCK_MARK;
    const size_t before = offsetof(struct capture_block, mark), piece = 65536;
    uint64_t at = from + before; /* where the mark may lie */
    while (at < r->window.size && r->window.size - at >= sizeof(mark)) {
        uint64_t rest = r->window.size - at;
        size_t len = rest < piece ? (size_t)rest : piece;
        const unsigned char *bytes = window_at(&r->window, at, len);
        if (!bytes)
            return 0;
        const unsigned char *hit = memmem(bytes, len, &mark, sizeof(mark));
        if (!hit) {
            at += len - (sizeof(mark) - 1);
            continue;
        }
        at += (uint64_t)(hit - bytes);
        struct block block;
        uint64_t cost;
        if (block_at(r, at - before, &block, &cost))
            return at - before;
        if (cost > r->search_left) {
            r->gave_up = true;
            return 0;
        }
        r->search_left -= cost;
        at++;
    }
    return 0;
}

static int visit_event(const struct capture_visitor *visitor, const struct event *ev)
{
    if (!visitor->event)
        return 0;
    if (ev->kind != EVENT_WAIT_SHORT)
        return visitor->event(visitor->ctx, ev);
    struct event_wait whole = expand_wait((const struct event_wait_short *)ev);
    return visitor->event(visitor->ctx, &whole.event);
}

/* Hands over the records of a block. Broken ones end it: 0 then too, and `bad_blocks` counts. */
static int visit_events(struct reading *r, const unsigned char *payload, size_t len)
{
    if ((uintptr_t)payload % 8) {
        if (!r->aligned)
            r->aligned = malloc(CAPTURE_BLOCK_MAX);
        if (!r->aligned)
            return -ENOMEM;
        payload = memcpy(r->aligned, payload, len);
    }
    while (len) {
        const struct event *ev = (const struct event *)(const void *)payload;
        if (!check_event(ev, len)) {
            r->info->bad_blocks++;
            r->passed_bytes += len;
            return 0;
        }
        r->records++;
        if (event_min_size(ev->kind)) {
            r->info->records++;
            int ret = visit_event(r->visitor, ev);
            if (ret < 0)
                return ret;
        }
        payload += ev->size;
        len -= ev->size;
    }
    return 0;
}

static int visit_losses(struct reading *r, const unsigned char *payload, size_t len)
{
    struct capture_loss loss;
    for (; len >= sizeof(loss); payload += sizeof(loss), len -= sizeof(loss)) {
        memcpy(&loss, payload, sizeof(loss));
        int ret = r->visitor->loss ? r->visitor->loss(r->visitor->ctx, &loss) : 0;
        if (ret < 0)
            return ret;
    }
    return 0;
}

static int visit_probes(struct reading *r, const unsigned char *payload, size_t len)
{
    while (len) {
        const char *name = (const char *)payload;
        size_t size = strnlen(name, len);
        if (size == len) /* no NUL */
            return 0;
        if (size) {
            int ret = r->visitor->probe ? r->visitor->probe(r->visitor->ctx, name) : 0;
            if (ret < 0)
                return ret;
        }
        payload += size + 1;
        len -= size + 1;
    }
    return 0;
}

static int visit_summary(struct reading *r, const unsigned char *payload, size_t len)
{
    struct capture_summary *summary = &r->info->summary;
    if (len < sizeof(*summary)) {
        r->info->bad_blocks++;
        r->passed_bytes += len;
        return 0;
    }
    memcpy(summary, payload, sizeof(*summary));
    r->summary = true;
    return 0;
}

static int visit_flight(struct reading *r, const unsigned char *payload, size_t len)
{
    if (len < sizeof(r->info->flight)) {
        r->info->bad_blocks++;
        r->passed_bytes += len;
        return 0;
    }
    memcpy(&r->info->flight, payload, sizeof(r->info->flight));
    return 0;
}

/* A later minor version may know more programs: the first of them are read. */
static int visit_cost(struct reading *r, const unsigned char *payload, size_t len)
{
    struct capture_cost *cost = &r->info->cost;
    const size_t head = offsetof(struct capture_cost, programs);
    if (len < head) {
        r->info->bad_blocks++;
        r->passed_bytes += len;
        return 0;
    }
    memset(cost, 0, sizeof(*cost));
    memcpy(cost, payload, len < sizeof(*cost) ? len : sizeof(*cost));
    size_t there = (len - head) / sizeof(*cost->programs);
    if (there > CAPTURE_PROGRAMS_MAX)
        there = CAPTURE_PROGRAMS_MAX;
    if (cost->count > there)
        cost->count = (uint32_t)there;
    for (uint32_t i = 0; i < cost->count; i++)
        cost->programs[i].name[sizeof(cost->programs[i].name) - 1] = '\0';
    return 0;
}

static int visit_block(struct reading *r, const struct block *block)
{
    static const struct {
        uint32_t type;
        int (*visit)(struct reading *r, const unsigned char *payload, size_t len);
    } visits[] = {
        {BLOCK_EVENTS, visit_events},   {BLOCK_LOSS, visit_losses},   {BLOCK_PROBES, visit_probes},
        {BLOCK_SUMMARY, visit_summary}, {BLOCK_FLIGHT, visit_flight}, {BLOCK_COST, visit_cost},
    };
    r->blocks++;
    for (size_t i = 0; i < sizeof(visits) / sizeof(*visits); i++)
        if (visits[i].type == block->head.type)
            return visits[i].visit(r, block->payload, block->head.length);
    return 0; /* a later minor version's */
}

/* No block begins at `offset` or behind it: is that a cut, or damage? */
static void note_tail(struct reading *r, uint64_t offset)
{
    struct capture_block head;
    uint64_t rest = r->window.size - offset;
    if (rest < sizeof(head)) {
        r->cut = true;
        r->cut_bytes = sizeof(head) - rest;
    } else if (head_at(r, offset, &head) && sizeof(head) + head.length > rest) {
        r->cut = true;
        r->cut_bytes = sizeof(head) + head.length - rest;
    } else {
        r->info->bad_blocks++;
        r->passed_bytes += rest;
    }
}

static int read_blocks(struct reading *r)
{
    uint64_t offset = r->find.blocks_at;
    while (offset < r->window.size) {
        struct block block;
        if (block_at(r, offset, &block, NULL)) {
            offset += sizeof(block.head) + block.head.length;
            int ret = visit_block(r, &block);
            if (ret < 0)
                return ret;
            continue;
        }
        uint64_t next = find_block(r, offset + 1);
        if (!next) {
            if (offset < r->window.size)
                note_tail(r, offset);
            return 0;
        }
        r->info->bad_blocks++;
        r->passed_bytes += next - offset;
        offset = next;
    }
    return 0;
}

static void add_counted(struct buf *out, uint64_t n, const char *one, const char *many)
{
    text_count(out, n);
    buf_adds(out, n == 1 ? one : many);
}

/* What is wrong with the end of the file, or of the recording. */
static void describe_end(const struct reading *r, struct buf *out)
{
    const struct capture_header *h = &r->find.header;
    const struct capture_summary *summary = &r->info->summary;
    bool incomplete = h->flags & CAPTURE_INCOMPLETE;
    if (r->cut) {
        buf_adds(out, "cut after ");
        add_counted(out, r->blocks, " block: ", " blocks: ");
        add_counted(out, r->cut_bytes, " byte of a block is", " bytes of a block are");
        buf_adds(out, " missing; ");
    } else if (!r->summary && incomplete) {
        buf_adds(out,
                 "the recording did not end in order: what it had not yet written is missing; ");
    } else if (!r->summary) {
        buf_adds(out, "the summary at the end is missing; ");
    }
    if (r->summary && r->records < summary->records) {
        add_counted(out, summary->records - r->records, " of ", " of ");
        add_counted(out, summary->records, " record is missing; ", " records are missing; ");
    } else if (r->summary && r->records > summary->records) {
        add_counted(out, r->records - summary->records, " record more than was written; ",
                    " records more than were written; ");
    }
    if (r->summary && incomplete)
        buf_adds(out, "the header still says that the recording runs; ");
    else if (r->summary && h->end_ns != summary->end_ns)
        buf_adds(out, "the time of the end in the header is wrong; ");
}

static void describe_damage(const struct reading *r, struct buf *out)
{
    if (r->find.damaged)
        buf_adds(out, "the header is damaged; ");
    if (r->info->bad_blocks) {
        add_counted(out, r->info->bad_blocks, " damaged block (", " damaged blocks (");
        text_size(out, r->passed_bytes);
        buf_adds(out, ") passed over; ");
    }
    if (r->gave_up)
        buf_adds(out, "too many false blocks, so the search for whole ones was given up; ");
    if (r->window.error)
        buf_addf(out, "reading failed at byte %" PRIu64 ": %s; ", r->window.size,
                 strerror(-r->window.error));
    describe_end(r, out);
}

static int judge(struct reading *r)
{
    struct capture_info *info = r->info;
    info->header = r->find.header;
    info->missing_bytes = r->passed_bytes + r->cut_bytes;
    struct buf damage = BUF_INIT;
    describe_damage(r, &damage);
    if (damage.failed) {
        buf_release(&damage);
        return -ENOMEM;
    }
    if (damage.len) { /* without the last "; " */
        size_t len = damage.len - 2;
        if (len >= sizeof(info->damage))
            len = sizeof(info->damage) - 1;
        memcpy(info->damage, buf_str(&damage), len);
        info->damage[len] = '\0';
    }
    buf_release(&damage);
    info->complete = !info->damage[0];

    /* Of the two ends the one under a CRC holds; without an orderly end there is none. */
    struct capture_header *h = &info->header;
    if (r->summary)
        h->end_ns = info->summary.end_ns;
    else if (h->flags & CAPTURE_INCOMPLETE || h->end_ns < h->start_ns)
        h->end_ns = 0;
    return 0;
}

/* r->window is ready, the rest empty. */
static int read_all(struct reading *r, const char *name, const struct capture_visitor *visitor,
                    struct capture_info *info, struct err *e)
{
    *info = (struct capture_info){0};
    r->visitor = visitor;
    r->info = info;
    r->search_left = SEARCH_MOST;
    int ret = header_read(&r->window, name, &r->find, e);
    if (ret < 0)
        return ret;
    ret = read_blocks(r);
    free(r->aligned);
    if (!ret)
        ret = judge(r);
    return ret < 0 ? err_errno(e, ret, "read %s", name) : 0;
}

int capture_read_bytes(const void *bytes, size_t len, const char *name,
                       const struct capture_visitor *visitor, struct capture_info *info,
                       struct err *e)
{
    struct reading r = {0};
    window_init_memory(&r.window, bytes, len);
    return read_all(&r, name, visitor, info, e);
}

/* Opens a regular file and nothing else: a FIFO would wait for a writer, hence O_NONBLOCK. */
static int open_regular(const char *path, uint64_t *size, struct err *e)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        int ret = -errno;
        if (ret == -EACCES) {
            err_exit_code(e, EXIT_PERMISSION);
            err_hint(e, "a capture belongs to the user who recorded it, often root");
        }
        return err_errno(e, ret, "open %s", path);
    }
    struct stat st;
    if (fstat(fd, &st) < 0) {
        int ret = err_errno(e, -errno, "read %s", path);
        close(fd);
        return ret;
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(e, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, "read %s: it is %s", path,
                       S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
    }
    *size = (uint64_t)st.st_size;
    return fd;
}

int capture_read(const char *path, const struct capture_visitor *visitor, struct capture_info *info,
                 struct err *e)
{
    uint64_t size = 0;
    int fd = open_regular(path, &size, e);
    if (fd < 0)
        return fd;
    struct reading r = {0};
    int ret =
        window_init_file(&r.window, fd, size, sizeof(struct capture_block) + CAPTURE_BLOCK_MAX);
    if (ret < 0)
        err_errno(e, ret, "read %s", path);
    else
        ret = read_all(&r, path, visitor, info, e);
    window_release(&r.window);
    close(fd);
    return ret;
}
