#include "analysis/proto.h"

#include <ctype.h>
#include <string.h>

#define METHOD_MIN 3
#define METHOD_MAX 16

static const uint8_t *find(const uint8_t *data, size_t len, const char *what)
{
    return memmem(data, len, what, strlen(what));
}

/* Length of a method with a blank behind it; 0: there is none. */
static size_t method_length(const uint8_t *data, size_t len)
{
    size_t n = 0;
    while (n < len && n < METHOD_MAX && ((data[n] >= 'A' && data[n] <= 'Z') || data[n] == '-'))
        n++;
    return n >= METHOD_MIN && n < len && data[n] == ' ' ? n : 0;
}

/* "http://host/path" → "/path" */
static void skip_authority(const uint8_t **path, size_t *len)
{
    const uint8_t *p = find(*path, *len, "://");
    if (**path == '/' || !p)
        return;
    p += 3;
    const uint8_t *slash = memchr(p, '/', *len - (size_t)(p - *path));
    if (!slash)
        return;
    *len -= (size_t)(slash - *path);
    *path = slash;
}

static bool http_request(const uint8_t *data, size_t len, struct proto_head *head)
{
    size_t method = method_length(data, len);
    if (!method)
        return false;

    const uint8_t *path = data + method + 1, *eol = memchr(path, '\n', len - method - 1);
    size_t line = eol ? (size_t)(eol - path) : len - method - 1;
    const uint8_t *version = find(path, line, " HTTP/1.");
    if (!line || (eol && !version) ||
        (*path != '/' && *path != '*' && !find(path, line, "://") &&
         !(version && memcmp(data, "CONNECT ", 8) == 0)))
        return false;
    size_t n = version ? (size_t)(version - path) : line;
    for (size_t i = 0; i < n; i++)
        if (path[i] == '?' || path[i] == '#' || path[i] == ' ') {
            n = i;
            version = path; /* the path is whole */
        }
    skip_authority(&path, &n);

    buf_add(&head->name, data, method + 1);
    buf_add(&head->name, path, n);
    buf_add(&head->group, data, method + 1);
    group_path(&head->group, (const char *)path, n);
    if (!version && head->cut) {
        buf_adds(&head->name, "…");
        buf_adds(&head->group, "…");
    }
    head->bodyless = (method == 3 && memcmp(data, "GET", 3) == 0) ||
                     (method == 4 && memcmp(data, "HEAD", 4) == 0);
    return true;
}

/* A body that is read late. A method that is cut ("PO") may be the next request's. */
static bool http_goes_on(const uint8_t *data, size_t len, bool whole)
{
    struct proto_head head = {0};
    size_t n = 0;

    while (n < len && ((data[n] >= 'A' && data[n] <= 'Z') || data[n] == '-'))
        n++;
    bool fresh = whole || n == len || http_request(data, len, &head) ||
                 proto_http2.request(data, len, &head);
    buf_release(&head.name);
    buf_release(&head.group);
    return !fresh;
}

static int32_t http_status(const uint8_t *data, size_t len)
{
    if (len < 12 || memcmp(data, "HTTP/1.", 7) != 0 || data[8] != ' ')
        return 0;
    int32_t status = 0;
    for (int i = 9; i < 12; i++) {
        if (!isdigit(data[i]))
            return 0;
        status = status * 10 + (data[i] - '0');
    }
    return status;
}

/* 100 Continue, 102, 103: more is to come. 101 is an answer. */
static bool http_interim(const uint8_t *data, size_t len)
{
    int32_t status = http_status(data, len);
    return status >= 100 && status < 200 && status != 101;
}

const struct protocol proto_http = {.name = "http",
                                    .request = http_request,
                                    .status = http_status,
                                    .interim = http_interim,
                                    .goes_on = http_goes_on};

/* The preface of a connection with prior knowledge; its streams cannot be told apart here. */
static bool http2_request(const uint8_t *data, size_t len, struct proto_head *head)
{
    static const char preface[] = "PRI * HTTP/2.0";
    if (len < sizeof(preface) - 1 || memcmp(data, preface, sizeof(preface) - 1) != 0)
        return false;
    buf_adds(&head->name, "HTTP/2 connection");
    head->streams = true;
    return true;
}

const struct protocol proto_http2 = {.name = "http2", .request = http2_request};
