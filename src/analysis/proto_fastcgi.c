#include "analysis/proto.h"

#include <ctype.h>
#include <string.h>

/* FastCGI 1.0, 3.3: version, type, id (2), length (2), padding, reserved */
enum { HEAD = 8, BEGIN_REQUEST = 1, PARAMS = 4, STDIN = 5, DATA = 8 };

/* The head of BEGIN_REQUEST, behind which the recorder puts "GET /path" when it found them. */
static bool fastcgi_request(const uint8_t *data, size_t len, struct proto_head *head)
{
    size_t at = HEAD;

    if (len < HEAD || data[0] != 1 || data[1] != BEGIN_REQUEST || data[4] || data[5] != 8 ||
        data[7])
        return false;
    while (at < len && isupper(data[at]))
        at++;
    if (at + 1 >= len || data[at] != ' ' || data[at + 1] != '/') {
        buf_adds(&head->name, "FastCGI");
        return true;
    }
    size_t from = at > HEAD ? HEAD : HEAD + 1; /* no method: no blank */
    buf_add(&head->name, data + from, len - from);
    buf_add(&head->group, data + from, at + 1 - from);
    group_path(&head->group, (const char *)data + at + 1, len - at - 1);
    if (head->cut) {
        buf_adds(&head->name, "…");
        buf_adds(&head->group, "…");
    }
    return true;
}

/* Parameters or a body behind the answer. */
static bool fastcgi_goes_on(const uint8_t *data, size_t len, bool whole)
{
    (void)whole;
    return len >= HEAD && data[0] == 1 &&
           (data[1] == PARAMS || data[1] == STDIN || data[1] == DATA);
}

const struct protocol proto_fastcgi = {
    .name = "fastcgi", .request = fastcgi_request, .goes_on = fastcgi_goes_on};
