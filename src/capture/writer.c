#include "capture/writer.h"

#include "bpf/events.h"
#include "capture/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Records gather up to here; one more fits behind, so that none is ever split. */
#define GATHER (256u << 10)

struct writer {
    int fd;
    int error; /* the first failure; every later call returns it */
    struct capture_header header;
    uint64_t file_bytes, records;
    size_t gathered;       /* bytes in `block` */
    unsigned char block[]; /* room for GATHER bytes and one record */
};

#define BLOCK_ROOM (GATHER + UINT16_MAX)

static int write_all(int fd, const void *bytes, size_t len, uint64_t offset)
{
    const char *at = bytes;
    while (len) {
        ssize_t done = pwrite(fd, at, len, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        if (!done)
            return -EIO;
        at += done;
        len -= (size_t)done;
        offset += (uint64_t)done;
    }
    return 0;
}

/* Appends a block. */
static int write_block(struct writer *w, uint32_t type, const void *payload, size_t length)
{
    if (w->error)
        return w->error;
    if (length > CAPTURE_BLOCK_MAX)
        return -E2BIG;
    struct capture_block head = {
        .type = type, .length = (uint32_t)length, .mark = CAPTURE_BLOCK_MARK};
    head.crc = check_block_crc(w->header.crc, &head, payload);
    w->error = write_all(w->fd, &head, sizeof(head), w->file_bytes);
    if (!w->error)
        w->error = write_all(w->fd, payload, length, w->file_bytes + sizeof(head));
    if (!w->error)
        w->file_bytes += sizeof(head) + length;
    else if (ftruncate(w->fd, (off_t)w->file_bytes) < 0)
        return w->error; /* half a block stays behind, which readers know as a cut */
    return w->error;
}

int writer_new(struct writer **out, const char *path, const struct capture_header *header,
               struct err *e)
{
    *out = NULL;
    struct writer *w = malloc(sizeof(*w) + BLOCK_ROOM);
    if (!w)
        return err_errno(e, -ENOMEM, "create %s", path);
    memset(w, 0, sizeof(*w));
    w->header = *header;
    memcpy(w->header.magic, CAPTURE_MAGIC, sizeof(w->header.magic));
    w->header.major = CAPTURE_MAJOR;
    w->header.minor = CAPTURE_MINOR;
    w->header.header_size = sizeof(w->header);
    w->header.flags |= CAPTURE_INCOMPLETE;
    w->header.end_ns = 0;
    w->header.crc = check_header_crc(&w->header, NULL, 0);

    int ret = 0;
    w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (w->fd < 0) {
        ret = err_errno(e, -errno, "create %s", path);
        goto fail;
    }
    ret = write_all(w->fd, &w->header, sizeof(w->header), 0);
    if (ret < 0) {
        err_errno(e, ret, "write %s", path);
        unlink(path); /* ours, empty, and of no use */
        goto fail;
    }
    w->file_bytes = sizeof(w->header);
    *out = w;
    return 0;
fail:
    writer_free(w);
    return ret;
}

int writer_flush(struct writer *w)
{
    if (w->error || !w->gathered)
        return w->error;
    int ret = write_block(w, BLOCK_EVENTS, w->block, w->gathered);
    if (!ret)
        w->gathered = 0;
    return ret;
}

int writer_append(struct writer *w, const struct event *ev)
{
    if (w->error)
        return w->error;
    if (!check_event(ev, ev->size))
        return -EINVAL;
    memcpy(w->block + w->gathered, ev, ev->size);
    w->gathered += ev->size;
    w->records++;
    return w->gathered < GATHER ? 0 : writer_flush(w);
}

int writer_events(struct writer *w, const void *records, size_t len, uint64_t count)
{
    int ret = writer_flush(w);
    if (!ret)
        ret = write_block(w, BLOCK_EVENTS, records, len);
    if (!ret)
        w->records += count;
    return ret;
}

int writer_cost(struct writer *w, const struct capture_cost *cost, size_t size)
{
    int ret = writer_flush(w);
    return ret ? ret : write_block(w, BLOCK_COST, cost, size);
}

int writer_flight(struct writer *w, const struct capture_flight *flight)
{
    return write_block(w, BLOCK_FLIGHT, flight, sizeof(*flight));
}

int writer_loss(struct writer *w, const struct capture_loss *loss, size_t count)
{
    const size_t most = CAPTURE_BLOCK_MAX / sizeof(*loss);
    int ret = w->error;
    for (size_t n; count && !ret; loss += n, count -= n) {
        n = count < most ? count : most;
        ret = write_block(w, BLOCK_LOSS, loss, n * sizeof(*loss));
    }
    return ret;
}

int writer_probes(struct writer *w, const char *const *names, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += strlen(names[i]) + 1;
    size_t padded = (len + 7) & ~(size_t)7;
    char *payload = calloc(1, padded ? padded : 1);
    if (!payload)
        return -ENOMEM;
    char *at = payload;
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, names[i]) + 1;
    int ret = write_block(w, BLOCK_PROBES, payload, padded);
    free(payload);
    return ret;
}

uint64_t writer_bytes(const struct writer *w)
{
    return w->file_bytes + (w->gathered ? sizeof(struct capture_block) + w->gathered : 0);
}

uint64_t writer_records(const struct writer *w)
{
    return w->records;
}

int writer_end(struct writer *w, uint64_t end_ns, const struct capture_summary *summary,
               struct err *e)
{
    struct capture_summary all = *summary;
    all.records = w->records;
    all.end_ns = end_ns;
    int ret = writer_flush(w);
    if (!ret)
        ret = write_block(w, BLOCK_SUMMARY, &all, sizeof(all));
    if (ret < 0)
        return err_errno(e, ret, "write the capture");
    /* No fsync between the two: a mark that is cleared while blocks never reached the disk is
     * found by the missing summary, or by its count. */
    w->header.flags &= ~(uint32_t)CAPTURE_INCOMPLETE;
    w->header.end_ns = end_ns;
    w->error = write_all(w->fd, &w->header, sizeof(w->header), 0);
    if (w->error)
        return err_errno(e, w->error, "write the capture's header");
    return 0;
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    free(w);
}
