#include "analysis/proto.h"

#include <string.h>

#define BINARY_REQUEST 0x80
#define BINARY_ANSWER 0x81
#define BINARY_STATUS 6 /* where it stands: 2 bytes */

/* memcached's protocol.txt: lower case, a blank or the line's end behind the verb. */
static const char *const verbs[] = {
    "get",       "gets", "gat",    "gats", "set",       "add",   "replace",   "append",
    "prepend",   "cas",  "incr",   "decr", "touch",     "stats", "flush_all", "version",
    "verbosity", "mg",   "delete", "ms",   "md",        "ma",    "mn",        "me",
    "slabs",     "lru",  "watch",  "quit", "misbehave",
};

/* protocol_binary.h: the number is the place; from 9 on a letter may tell a quiet one. */
static const char *const opcodes[] = {
    "get",   "set",    "add",     "replace",   "delete", "incr", "decr",   "quit",
    "flush", "get",    "noop",    "version",   "get",    "get",  "append", "prepend",
    "stats", "set",    "add",     "replace",   "delete", "incr", "decr",   "quit",
    "flush", "append", "prepend", "verbosity", "touch",  "gat",  "gat",    NULL,
    "sasl",  "sasl",   "sasl",    "gat",       "gat",
};

/* magic, opcode, key's length (2), extras' length, data type: always 0 */
static bool binary_request(const uint8_t *data, size_t len, struct proto_head *head)
{
    if (len < 6 || data[0] != BINARY_REQUEST || data[5])
        return false;
    size_t op = data[1];
    if (op >= sizeof(opcodes) / sizeof(opcodes[0]) || !opcodes[op])
        return false;
    buf_adds(&head->name, opcodes[op]);
    return true;
}

static bool memcached_request(const uint8_t *data, size_t len, struct proto_head *head)
{
    size_t n = 0;

    if (binary_request(data, len, head))
        return true;
    while (n < len && ((data[n] >= 'a' && data[n] <= 'z') || data[n] == '_'))
        n++;
    if (!n || n >= len || (data[n] != ' ' && data[n] != '\r'))
        return false;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strlen(verbs[i]) == n && memcmp(verbs[i], data, n) == 0) {
            buf_add(&head->name, data, n);
            return true;
        }
    return false;
}

/* What was not found, or stored by somebody else meanwhile, is an answer and no error. */
static int32_t memcached_status(const uint8_t *data, size_t len)
{
    static const char *const errors[] = {"ERROR", "CLIENT_E", "SERVER_E"};

    if (len > BINARY_STATUS + 1 && data[0] == BINARY_ANSWER) {
        unsigned status = (unsigned)data[BINARY_STATUS] << 8 | data[BINARY_STATUS + 1];
        return status > 2 && status != 5 ? -1 : 0;
    }
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (len >= strlen(errors[i]) && memcmp(data, errors[i], strlen(errors[i])) == 0)
            return -1;
    return 0;
}

/* A good-bye is not answered. */
static bool memcached_goes_on(const uint8_t *data, size_t len, bool whole)
{
    (void)whole;
    return len >= 5 && memcmp(data, "quit\r", 5) == 0;
}

const struct protocol proto_memcached = {.name = "memcached",
                                         .request = memcached_request,
                                         .status = memcached_status,
                                         .goes_on = memcached_goes_on};
