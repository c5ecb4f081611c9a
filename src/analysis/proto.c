#include "analysis/proto.h"

static bool bytes_request(const uint8_t *data, size_t len, struct proto_head *head)
{
    (void)data;
    (void)len;
    head->unknown = true;
    buf_adds(&head->group, "bytes"); /* the caller, who knows how many, gives the name */
    return true;
}

static const struct protocol bytes = {.name = "bytes", .request = bytes_request};

/* The first that knows the bytes; the last knows all. */
static const struct protocol *const protocols[PROTOCOLS] = {
    &proto_http2, &proto_http,     &proto_memcached, &proto_redis,
    &proto_tls,   &proto_postgres, &proto_fastcgi,   &bytes,
};

unsigned proto_detect(const uint8_t *data, size_t len, struct proto_head *head)
{
    unsigned i = 0;
    while (protocols[i] != &bytes && !(len && protocols[i]->request(data, len, head)))
        i++;
    if (protocols[i] == &bytes)
        bytes.request(data, len, head);
    return i;
}

const struct protocol *proto_at(unsigned index)
{
    return protocols[index];
}
