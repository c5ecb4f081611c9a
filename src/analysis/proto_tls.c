#include "analysis/proto.h"

#define TLS_HANDSHAKE 0x16
#define TLS_DATA 0x17

/* The head of a record: type, version 3.x, length. What is inside stays unknown. */
static bool tls_request(const uint8_t *data, size_t len, struct proto_head *head)
{
    if (len < 5 || (data[0] != TLS_HANDSHAKE && data[0] != TLS_DATA) || data[1] != 3 || data[2] > 4)
        return false;
    buf_adds(&head->name, data[0] == TLS_HANDSHAKE ? "TLS handshake" : "TLS data");
    return true;
}

const struct protocol proto_tls = {.name = "tls", .request = tls_request};
