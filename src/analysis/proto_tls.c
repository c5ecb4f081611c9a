#include "analysis/proto.h"

#define TLS_CHANGE_CIPHER 0x14
#define TLS_HANDSHAKE 0x16
#define TLS_DATA 0x17
/* An alert of two bytes, its type and a tag of 16, as TLS 1.3 hides it in a data record. No
 * protocol inside asks anything in two bytes. */
#define TLS_HIDDEN_ALERT 19

/* The head of a record: type, version 3.x, length. What is inside stays unknown. */
static bool tls_request(const uint8_t *data, size_t len, struct proto_head *head)
{
    if (len < 5 || (data[0] != TLS_HANDSHAKE && data[0] != TLS_DATA) || data[1] != 3 || data[2] > 4)
        return false;
    buf_adds(&head->name, data[0] == TLS_HANDSHAKE ? "TLS handshake" : "TLS data");
    return true;
}

/* The rest of the handshake, or an alert: "close_notify" is nothing that is answered. */
static bool tls_goes_on(const uint8_t *data, size_t len, bool whole)
{
    (void)whole;
    if (len < 5 || data[1] != 3)
        return false;
    return (data[0] >= TLS_CHANGE_CIPHER && data[0] <= TLS_HANDSHAKE) ||
           (data[0] == TLS_DATA && !data[3] && data[4] == TLS_HIDDEN_ALERT);
}

const struct protocol proto_tls = {.name = "tls", .request = tls_request, .goes_on = tls_goes_on};
