#include "capture/check.h"

#include "capture/reader.h"

#include <zlib.h>

static uint32_t crc_add(uint32_t crc, const void *bytes, size_t len)
{
    return (uint32_t)crc32_z(crc, bytes, len);
}

uint32_t check_header_crc(const struct capture_header *header, const void *rest, size_t rest_len)
{
    struct capture_header copy = *header;
    copy.flags = 0;
    copy.end_ns = 0;
    copy.crc = 0;
    uint32_t crc = crc_add(0, &copy, sizeof(copy));
    return rest_len ? crc_add(crc, rest, rest_len) : crc;
}

uint32_t check_block_crc(uint32_t seed, const struct capture_block *block, const void *payload)
{
    uint32_t head[] = {seed, block->type, block->length};
    uint32_t crc = crc_add(0, head, sizeof(head));
    return block->length ? crc_add(crc, payload, block->length) : crc;
}

size_t event_min_size(unsigned kind)
{
    static const size_t sizes[EVENT_KINDS] = {
        [EVENT_WAIT] = sizeof(struct event_wait),
        [EVENT_THREAD] = sizeof(struct event_thread),
        [EVENT_FORK] = sizeof(struct event_fork),
        [EVENT_EXIT] = sizeof(struct event_exit),
        [EVENT_COMM] = sizeof(struct event_comm),
        [EVENT_RECV] = sizeof(struct event_io),
        [EVENT_SEND] = sizeof(struct event_io),
        [EVENT_CONN] = sizeof(struct event_conn),
        [EVENT_SOCKET] = sizeof(struct event_socket),
        [EVENT_FILE] = sizeof(struct event_file),
        [EVENT_ANON] = sizeof(struct event_anon),
        [EVENT_ASKED] = sizeof(struct event_asked),
        [EVENT_FD] = sizeof(struct event_fd),
        [EVENT_WORK] = sizeof(struct event_work),
        [EVENT_URING] = sizeof(struct event_uring),
        [EVENT_RUNTIME] = sizeof(struct event_runtime),
        [EVENT_WAIT_SHORT] = sizeof(struct event_wait_short),
    };
    return kind < EVENT_KINDS ? sizes[kind] : 0;
}

bool check_event(const struct event *ev, size_t available)
{
    if (available < sizeof(*ev) || ev->size < sizeof(*ev) || ev->size % 8 || ev->size > available ||
        ev->size < event_min_size(ev->kind))
        return false;
    if (ev->kind == EVENT_RECV || ev->kind == EVENT_SEND) {
        const struct event_io *io = (const struct event_io *)ev;
        return io->data_len <= ev->size - sizeof(*io);
    }
    if (ev->kind == EVENT_FILE) {
        const struct event_file *file = (const struct event_file *)ev;
        return file->path_len <= ev->size - sizeof(*file);
    }
    return true;
}
