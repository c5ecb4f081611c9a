/*
 * mkcapture: makes a capture of a scenario, a text that people can write and follow.
 * Usage: mkcapture SCENARIO OUT.wsc
 *
 * One record a line: its kind, then fields by name. README.md has the language; the tables
 * below are the whole of it. Mistakes end it with the line's number.
 */
#include "bpf/calls.h"
#include "bpf/events.h"
#include "capture/reader.h"
#include "capture/writer.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0_NS 1000000000000u /* time 0 of every scenario, in CLOCK_MONOTONIC */
#define MAX_TEXT 4096

enum type {
    TIME,
    U8,
    U16,
    U32,
    U64,
    I32,
    OBJECT,
    CALL_NAME,
    TEXT,
    WORD8,
    WORD16,
    BITS8,
    BITS16,
    DATA,
    LENGTH,
    PATH,
    LOCAL,
    REMOTE
};

struct word {
    const char *name;
    unsigned value;
};

struct field {
    const char *name;
    enum type type;
    size_t offset, size;      /* size: of a TEXT */
    const struct word *words; /* of WORD and BITS; a NULL name ends them */
};

struct kind {
    const char *name;
    uint16_t number;
    size_t size;
    const struct field *fields; /* a NULL name ends them */
};

/* The record that a line makes. */
struct made {
    union {
        struct event event;
        struct event_wait wait;
        struct event_thread thread;
        struct event_io io;
        struct event_socket socket;
        struct event_file file;
        struct capture_header header;
        struct capture_loss loss;
        unsigned char bytes[sizeof(struct event_file) + MAX_TEXT];
    } u;
    char path[MAX_TEXT];
    size_t path_len;
};

struct input {
    const char *name;
    unsigned line;
};

static void __attribute__((noreturn, format(printf, 2, 3)))
fail(const struct input *in, const char *format, ...)
{
    va_list ap;
    fprintf(stderr, "%s:%u: ", in->name, in->line);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

/* ---- words */

static const struct word whys[] = {{"runnable", WHY_RUNNABLE}, {"sleep", WHY_SLEEP},
                                   {"disk", WHY_DISK},         {"stopped", WHY_STOPPED},
                                   {"new", WHY_NEW},           {0}};
static const struct word wait_flags[] = {
    {"after_loss", WAIT_AFTER_LOSS}, {"irq", WAIT_WAKER_IRQ}, {"multiplexed", WAIT_MULTIPLEXED},
    {"timer", WAIT_TIMER_ONLY},      {"user", WAIT_USER},     {0}};
static const struct word phases[] = {{"attach", THREAD_AT_ATTACH}, {"end", THREAD_AT_END}, {0}};
static const struct word io_flags[] = {{"peek", IO_PEEK},
                                       {"after_loss", IO_AFTER_LOSS},
                                       {"turn", IO_TURN},
                                       {"kernel", IO_KERNEL},
                                       {"several", IO_SEVERAL},
                                       {"at_least", IO_AT_LEAST},
                                       {0}};
static const struct word roles[] = {{"accepted", ROLE_ACCEPTED},
                                    {"connected", ROLE_CONNECTED},
                                    {"listener", ROLE_LISTENER},
                                    {"unknown", ROLE_UNKNOWN},
                                    {0}};
/* include/net/tcp_states.h of Linux */
static const struct word tcp_states[] = {{"established", 1}, {"syn_sent", 2}, {"syn_recv", 3},
                                         {"fin_wait1", 4},   {"close", 7},    {"close_wait", 8},
                                         {"last_ack", 9},    {"listen", 10},  {0}};
static const struct word file_flags[] = {
    {"deleted", FILE_DELETED}, {"cut", FILE_CUT}, {"argument", FILE_ARGUMENT}, {0}};
static const struct word modes[] = {{"file", 0100000}, {"folder", 0040000}, {"device", 0020000},
                                    {"disk", 0060000}, {"fifo", 0010000},   {0}};
static const struct word object_classes[] = {{"socket", OBJECT_SOCKET},
                                             {"file", OBJECT_FILE},
                                             {"path", OBJECT_PATH},
                                             {"anon", OBJECT_ANON},
                                             {0}};
static const struct word event_kinds[] = {{"any", 0},
                                          {"wait", EVENT_WAIT},
                                          {"thread", EVENT_THREAD},
                                          {"fork", EVENT_FORK},
                                          {"exit", EVENT_EXIT},
                                          {"comm", EVENT_COMM},
                                          {"recv", EVENT_RECV},
                                          {"send", EVENT_SEND},
                                          {"conn", EVENT_CONN},
                                          {"socket", EVENT_SOCKET},
                                          {"file", EVENT_FILE},
                                          {"anon", EVENT_ANON},
                                          {"fd", EVENT_FD},
                                          {"work", EVENT_WORK},
                                          {"uring", EVENT_URING},
                                          {"runtime", EVENT_RUNTIME},
                                          {"asked", EVENT_ASKED},
                                          {0}};
static const struct word work_ops[] = {{"submit", WORK_SUBMIT}, {"begin", WORK_BEGIN},
                                       {"end", WORK_END},       {"resume", WORK_RESUME},
                                       {"ready", WORK_READY},   {0}};
static const struct word work_kinds[] = {{"libuv", WORK_LIBUV},         {"task", WORK_TASK},
                                         {"future", WORK_FUTURE},       {"nginx", WORK_NGINX},
                                         {"timer", WORK_TIMER},         {"uring", WORK_URING},
                                         {"coroutine", WORK_COROUTINE}, {0}};
static const struct word work_flags[] = {
    {"in_line", WORK_IN_LINE}, {"gives_way", WORK_GIVES_WAY}, {0}};
static const struct word uring_ops[] = {
    {"submit", URING_SUBMIT}, {"complete", URING_COMPLETE}, {"worker", URING_WORKER}, {0}};
static const struct word uring_flags[] = {
    {"sqpoll", URING_SQPOLL}, {"deferred", URING_DEFERRED}, {0}};
static const struct word runtimes[] = {{"node", RUNTIME_NODE},
                                       {"python", RUNTIME_PYTHON},
                                       {"jvm", RUNTIME_JVM},
                                       {"nginx", RUNTIME_NGINX},
                                       {"redis", RUNTIME_REDIS},
                                       {"go", RUNTIME_GO},
                                       {"memcached", RUNTIME_MEMCACHED},
                                       {0}};

#define CALL_WORD(number, name, x86, arm64, class) {#name, number},
static const struct word calls[] = {{"none", CALL_NONE}, CALLS(CALL_WORD){0}};

/* ---- fields of each kind */

#define AT(struct_name, member) offsetof(struct struct_name, member)
#define HEAD                                    \
    {"tid", U32, AT(event, tid), 0, NULL},      \
    {                                           \
        "at", TIME, AT(event, time_ns), 0, NULL \
    }
#define WAIT_FIELDS(base)                                                \
    {"off", TIME, (base) + AT(event_wait, off_ns), 0, NULL},             \
        {"wake", TIME, (base) + AT(event_wait, wake_ns), 0, NULL},       \
        {"obj", OBJECT, (base) + AT(event_wait, obj), 0, NULL},          \
        {"waker", U32, (base) + AT(event_wait, waker), 0, NULL},         \
        {"call", CALL_NAME, (base) + AT(event_wait, call), 0, NULL},     \
        {"why", WORD8, (base) + AT(event_wait, why), 0, whys},           \
        {"flags", BITS8, (base) + AT(event_wait, flags), 0, wait_flags}, \
        {"fd", I32, (base) + AT(event_wait, fd), 0, NULL},               \
    {                                                                    \
        "arg", U32, (base) + AT(event_wait, arg), 0, NULL                \
    }
#define COMM(struct_name)                             \
    {                                                 \
        "comm", TEXT, AT(struct_name, comm), 16, NULL \
    }

static const struct field wait_fields[] = {HEAD, WAIT_FIELDS(0), {0}};
static const struct field thread_fields[] = {
    HEAD,
    WAIT_FIELDS(AT(event_thread, wait)),
    COMM(event_thread),
    {"pid", U32, AT(event_thread, pid), 0, NULL},
    {"parent", U32, AT(event_thread, parent), 0, NULL},
    {"start", TIME, AT(event_thread, start_ns), 0, NULL},
    {"exec_ns", U64, AT(event_thread, exec_ns), 0, NULL},
    {"delay_ns", U64, AT(event_thread, delay_ns), 0, NULL},
    {"phase", WORD8, AT(event_thread, phase), 0, phases},
    {"kernel", U8, AT(event_thread, kernel_thread), 0, NULL},
    {"on_cpu", U8, AT(event_thread, on_cpu), 0, NULL},
    {0}};
static const struct field fork_fields[] = {HEAD,
                                           COMM(event_fork),
                                           {"pid", U32, AT(event_fork, pid), 0, NULL},
                                           {"maker", U32, AT(event_fork, maker), 0, NULL},
                                           {"parent", U32, AT(event_fork, parent), 0, NULL},
                                           {"kernel", U32, AT(event_fork, kernel_thread), 0, NULL},
                                           {0}};
static const struct field exit_fields[] = {HEAD,
                                           {"pid", U32, AT(event_exit, pid), 0, NULL},
                                           {"code", I32, AT(event_exit, code), 0, NULL},
                                           {0}};
static const struct field comm_fields[] = {HEAD,
                                           COMM(event_comm),
                                           {"pid", U32, AT(event_comm, pid), 0, NULL},
                                           {"exec", U32, AT(event_comm, exec), 0, NULL},
                                           {0}};
static const struct field io_fields[] = {HEAD,
                                         {"obj", OBJECT, AT(event_io, obj), 0, NULL},
                                         {"ready", TIME, AT(event_io, ready_ns), 0, NULL},
                                         {"bytes", U32, AT(event_io, bytes), 0, NULL},
                                         {"flags", BITS16, AT(event_io, flags), 0, io_flags},
                                         {"data", DATA, 0, 0, NULL},
                                         {"length", LENGTH, 0, 0, NULL}, /* behind data */
                                         {0}};
static const struct field conn_fields[] = {
    HEAD,
    {"obj", OBJECT, AT(event_conn, obj), 0, NULL},
    {"from", WORD8, AT(event_conn, old_state), 0, tcp_states},
    {"to", WORD8, AT(event_conn, new_state), 0, tcp_states},
    {"role", WORD8, AT(event_conn, role), 0, roles},
    {0}};
static const struct field socket_fields[] = {
    HEAD,
    {"obj", OBJECT, AT(event_socket, obj), 0, NULL},
    {"established", TIME, AT(event_socket, established_ns), 0, NULL},
    {"family", U16, AT(event_socket, family), 0, NULL},
    {"type", U16, AT(event_socket, type), 0, NULL},
    {"role", WORD8, AT(event_socket, role), 0, roles},
    {"state", WORD8, AT(event_socket, state), 0, tcp_states},
    {"local", LOCAL, AT(event_socket, local), 0, NULL},
    {"remote", REMOTE, AT(event_socket, remote), 0, NULL},
    {0}};
static const struct field file_fields[] = {HEAD,
                                           {"obj", OBJECT, AT(event_file, obj), 0, NULL},
                                           {"ino", U64, AT(event_file, ino), 0, NULL},
                                           {"dev", U32, AT(event_file, dev), 0, NULL},
                                           {"mode", WORD16, AT(event_file, mode), 0, modes},
                                           {"flags", BITS16, AT(event_file, flags), 0, file_flags},
                                           {"path", PATH, 0, 0, NULL},
                                           {0}};
static const struct field anon_fields[] = {HEAD,
                                           {"obj", OBJECT, AT(event_anon, obj), 0, NULL},
                                           {"ino", U64, AT(event_anon, ino), 0, NULL},
                                           {"name", TEXT, AT(event_anon, name), 32, NULL},
                                           {0}};
static const struct field asked_fields[] = {HEAD,
                                            {"obj", OBJECT, AT(event_asked, obj), 0, NULL},
                                            {"heard", TIME, AT(event_asked, heard_ns), 0, NULL},
                                            {"flags", U32, AT(event_asked, flags), 0, NULL},
                                            {"waiting", U32, AT(event_asked, waiting), 0, NULL},
                                            {0}};
static const struct field fd_fields[] = {
    HEAD, {"obj", OBJECT, AT(event_fd, obj), 0, NULL}, {"fd", I32, AT(event_fd, fd), 0, NULL}, {0}};
static const struct field work_fields[] = {HEAD,
                                           {"item", U64, AT(event_work, item), 0, NULL},
                                           {"due", TIME, AT(event_work, item), 0, NULL},
                                           {"op", WORD8, AT(event_work, op), 0, work_ops},
                                           {"of", WORD8, AT(event_work, kind), 0, work_kinds},
                                           {"flags", BITS16, AT(event_work, flags), 0, work_flags},
                                           {"about", U32, AT(event_work, about), 0, NULL},
                                           {0}};
static const struct field uring_fields[] = {
    HEAD,
    {"request", U64, AT(event_uring, request), 0, NULL},
    {"obj", OBJECT, AT(event_uring, obj), 0, NULL},
    {"ring", U64, AT(event_uring, ring), 0, NULL},
    {"tag", U64, AT(event_uring, tag), 0, NULL},
    {"op", WORD8, AT(event_uring, op), 0, uring_ops},
    {"opcode", U8, AT(event_uring, opcode), 0, NULL},
    {"flags", BITS16, AT(event_uring, flags), 0, uring_flags},
    {"result", I32, AT(event_uring, result), 0, NULL},
    {0}};
static const struct field runtime_fields[] = {
    HEAD,
    {"of", WORD16, AT(event_runtime, runtime), 0, runtimes},
    {"gil_start", U64, AT(event_runtime, gil_start), 0, NULL},
    {"gil_end", U64, AT(event_runtime, gil_end), 0, NULL},
    {0}};
static const struct kind kinds[] = {
    {"wait", EVENT_WAIT, sizeof(struct event_wait), wait_fields},
    {"thread", EVENT_THREAD, sizeof(struct event_thread), thread_fields},
    {"fork", EVENT_FORK, sizeof(struct event_fork), fork_fields},
    {"exit", EVENT_EXIT, sizeof(struct event_exit), exit_fields},
    {"comm", EVENT_COMM, sizeof(struct event_comm), comm_fields},
    {"recv", EVENT_RECV, sizeof(struct event_io), io_fields},
    {"send", EVENT_SEND, sizeof(struct event_io), io_fields},
    {"conn", EVENT_CONN, sizeof(struct event_conn), conn_fields},
    {"socket", EVENT_SOCKET, sizeof(struct event_socket), socket_fields},
    {"file", EVENT_FILE, sizeof(struct event_file), file_fields},
    {"anon", EVENT_ANON, sizeof(struct event_anon), anon_fields},
    {"fd", EVENT_FD, sizeof(struct event_fd), fd_fields},
    {"work", EVENT_WORK, sizeof(struct event_work), work_fields},
    {"uring", EVENT_URING, sizeof(struct event_uring), uring_fields},
    {"runtime", EVENT_RUNTIME, sizeof(struct event_runtime), runtime_fields},
    {"asked", EVENT_ASKED, sizeof(struct event_asked), asked_fields},
};

/* Lines that make no record. */
static const struct field capture_fields[] = {
    {"pid", U32, AT(capture_header, target_pid), 0, NULL},
    {"cpus", U16, AT(capture_header, cpus), 0, NULL},
    {"host", TEXT, AT(capture_header, host), 64, NULL},
    {"kernel", TEXT, AT(capture_header, kernel), 64, NULL},
    {"comm", TEXT, AT(capture_header, comm), 16, NULL},
    {"command", TEXT, AT(capture_header, command), 256, NULL},
    {0}};
static const struct field loss_fields[] = {{"from", TIME, AT(capture_loss, start_ns), 0, NULL},
                                           {"to", TIME, AT(capture_loss, end_ns), 0, NULL},
                                           {"count", U64, AT(capture_loss, count), 0, NULL},
                                           {"kind", WORD16, AT(capture_loss, kind), 0, event_kinds},
                                           {0}};
static const struct field end_fields[] = {{"at", TIME, AT(event, time_ns), 0, NULL}, {0}};

/* ---- values */

static void store(struct made *m, size_t offset, uint64_t value, size_t size)
{
    memcpy(m->u.bytes + offset, &value, size); /* little-endian, as the format is */
}

static int64_t parse_number(const struct input *in, const char *s)
{
    char *end;
    errno = 0;
    long long n = strtoll(s, &end, 0);
    if (end == s || *end || errno)
        fail(in, "not a number: %s", s);
    return n;
}

/* Microseconds since time 0, to the nanosecond: "12", "12.345", "-3". */
static uint64_t parse_time(const struct input *in, const char *s)
{
    char *end;
    int negative = *s == '-';
    unsigned long long whole = strtoull(s + negative, &end, 10);
    uint64_t ns = whole * 1000;
    if (end == s + negative || whole > 1000000000000u)
        fail(in, "not a time in microseconds: %s", s);
    if (*end == '.') {
        uint64_t digit = 100;
        for (end++; isdigit((unsigned char)*end) && digit; end++, digit /= 10)
            ns += digit * (uint64_t)(*end - '0');
    }
    if (*end)
        fail(in, "not a time in microseconds: %s", s);
    return negative ? T0_NS - ns : T0_NS + ns;
}

static unsigned parse_word(const struct input *in, const struct word *words, const char *s)
{
    for (const struct word *w = words; w->name; w++)
        if (!strcmp(w->name, s))
            return w->value;
    fail(in, "unknown word: %s", s);
}

static unsigned parse_bits(const struct input *in, const struct word *words, char *s)
{
    unsigned bits = 0;
    char *rest = s;
    for (char *name; (name = strsep(&rest, "+"));)
        bits |= parse_word(in, words, name);
    return bits;
}

/* "socket:7", "file:1" …, or a number, such as a futex's address. */
static uint64_t parse_object(const struct input *in, char *s)
{
    char *colon = strchr(s, ':');
    if (!colon)
        return (uint64_t)parse_number(in, s);
    *colon = '\0';
    return (uint64_t)parse_word(in, object_classes, s) << 56 |
           (uint64_t)parse_number(in, colon + 1);
}

/* "127.0.0.1:80" or "[::1]:80" */
static void parse_address(const struct input *in, struct made *m, char *s, int remote)
{
    struct event_socket *socket = &m->u.socket;
    char *port = strrchr(s, ':');
    if (!port)
        fail(in, "not an address with a port: %s", s);
    *port++ = '\0';
    unsigned char *to = remote ? socket->remote : socket->local;
    size_t len = strlen(s);
    if (s[0] == '[' && s[len - 1] == ']') {
        s[len - 1] = '\0';
        socket->family = AF_INET6;
        s++;
    }
    if (inet_pton(socket->family, s, to) != 1)
        fail(in, "not an address: %s", s);
    *(remote ? &socket->remote_port : &socket->local_port) = (uint16_t)parse_number(in, port);
}

static void set_field(const struct input *in, struct made *m, const struct field *f, char *value,
                      size_t len)
{
    static const size_t sizes[] = {
        [TIME] = 8,   [U8] = 1,        [U16] = 2,   [U32] = 4,    [U64] = 8,   [I32] = 4,
        [OBJECT] = 8, [CALL_NAME] = 2, [WORD8] = 1, [WORD16] = 2, [BITS8] = 1, [BITS16] = 2};
    uint64_t number = 0;
    switch (f->type) {
    case TIME:
        number = parse_time(in, value);
        break;
    case U8:
    case U16:
    case U32:
    case U64:
    case I32:
        number = (uint64_t)parse_number(in, value);
        break;
    case OBJECT:
        number = parse_object(in, value);
        break;
    case CALL_NAME:
        number = parse_word(in, calls, value);
        break;
    case WORD8:
    case WORD16:
        number = parse_word(in, f->words, value);
        break;
    case BITS8:
    case BITS16:
        number = parse_bits(in, f->words, value);
        break;
    case TEXT:
        if (len > f->size)
            fail(in, "%s has room for %zu bytes", f->name, f->size);
        memcpy(m->u.bytes + f->offset, value, len);
        return;
    case DATA:
        memcpy(m->u.io.data, value, len);
        m->u.io.data_len = (uint16_t)len;
        m->u.event.size = (uint16_t)((sizeof(m->u.io) + len + 7) & ~(size_t)7);
        return;
    case LENGTH:
        number = (uint64_t)parse_number(in, value);
        memcpy(m->u.bytes + m->u.event.size, &number, sizeof(number));
        m->u.event.size += sizeof(number);
        m->u.io.flags |= IO_LENGTH;
        return;
    case PATH:
        memcpy(m->path, value, len);
        m->path[len] = '\0';
        m->path_len = len;
        return;
    case LOCAL:
    case REMOTE:
        parse_address(in, m, value, f->type == REMOTE);
        return;
    }
    store(m, f->offset, number, sizes[f->type]);
}

/* ---- lines */

static int hex_digit(int c)
{
    return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* A quoted value with C's escapes, in place; `*s` moves behind the closing quote. */
static size_t unquote(const struct input *in, char **s)
{
    char *from = *s + 1, *to = *s, *begin = *s;
    for (; *from != '"'; from++) {
        if (!*from)
            fail(in, "a quote is not closed");
        if (*from != '\\') {
            *to++ = *from;
            continue;
        }
        static const char names[] = "rn0t\\\"", values[] = "\r\n\0\t\\\"";
        const char *hit = *++from ? strchr(names, *from) : NULL;
        if (hit) {
            *to++ = values[hit - names];
        } else if (*from == 'x' && hex_digit(from[1]) >= 0 && hex_digit(from[2]) >= 0) {
            *to++ = (char)(hex_digit(from[1]) << 4 | hex_digit(from[2]));
            from += 2;
        } else {
            fail(in, "unknown escape");
        }
    }
    *s = from + 1;
    *to = '\0'; /* at the latest where the closing quote was */
    return (size_t)(to - begin);
}

/* The next "name=value" of a line, ended with NUL each; NULL at its end. */
static char *next_pair(const struct input *in, char **at, char **value, size_t *len)
{
    char *name = *at + strspn(*at, " \t\n");
    if (!*name || *name == '#')
        return NULL;
    char *equals = strchr(name, '=');
    if (!equals || strcspn(name, " \t\n") < (size_t)(equals - name))
        fail(in, "expected name=value: %s", name);
    *equals = '\0';
    char *end = *value = equals + 1;
    if (*end == '"') {
        *len = unquote(in, &end);
        if (*end && !isspace((unsigned char)*end))
            fail(in, "expected a space behind the quote");
    } else {
        *len = strcspn(end, " \t\n");
        end += *len;
    }
    *at = *end ? end + 1 : end;
    *end = '\0';
    if (*len > MAX_TEXT - 1)
        fail(in, "too long");
    return name;
}

static void parse_fields(const struct input *in, struct made *m, const struct field *fields,
                         char *line)
{
    char *value;
    size_t len;
    for (char *name; (name = next_pair(in, &line, &value, &len));) {
        const struct field *f = fields;
        while (f->name && strcmp(f->name, name) != 0)
            f++;
        if (!f->name)
            fail(in, "no such field here: %s", name);
        set_field(in, m, f, value, len);
    }
}

/* The components from the last to the first, a NUL behind each. */
static size_t reverse_path(const char *path, size_t len, char *out)
{
    size_t used = 0;
    while (len) {
        size_t begin = len;
        while (begin && path[begin - 1] != '/')
            begin--;
        memcpy(out + used, path + begin, len - begin);
        used += len - begin;
        out[used++] = '\0';
        len = begin ? begin - 1 : 0;
    }
    return used;
}

static void finish_file(struct made *m)
{
    struct event_file *file = &m->u.file;
    if (file->flags & FILE_ARGUMENT) {
        memcpy(file->path, m->path, m->path_len);
        file->path_len = (uint32_t)m->path_len;
    } else {
        file->path_len = (uint32_t)reverse_path(m->path, m->path_len, file->path);
    }
    file->event.size = (uint16_t)((sizeof(*file) + file->path_len + 7) & ~(size_t)7);
}

static void make_event(const struct input *in, const struct kind *kind, char *line,
                       struct writer *w)
{
    struct made m = {0};
    m.u.event.kind = kind->number;
    m.u.event.size = (uint16_t)kind->size;
    if (kind->number == EVENT_WAIT)
        m.u.wait.fd = WAIT_NO_FD;
    if (kind->number == EVENT_THREAD)
        m.u.thread.wait.fd = WAIT_NO_FD;
    if (kind->number == EVENT_SOCKET) {
        m.u.socket.family = AF_INET;
        m.u.socket.type = SOCK_STREAM;
    }
    parse_fields(in, &m, kind->fields, line);
    if (kind->number == EVENT_FILE)
        finish_file(&m);
    struct event_wait *wait = &m.u.wait;
    if (kind->number == EVENT_WAIT && (wait->why == WHY_RUNNABLE || wait->why == WHY_NEW))
        wait->wake_ns = wait->off_ns;
    if (writer_append(w, &m.u.event) < 0)
        fail(in, "cannot append");
}

struct making {
    struct input in;
    const char *path; /* of the capture */
    struct writer *w;
    uint64_t lost;
};

static void make_line(struct making *mk, const char *word, char *rest)
{
    const struct input *in = &mk->in;
    struct made m = {0};
    if (!strcmp(word, "capture")) {
        m.u.header = (struct capture_header){.arch = CAPTURE_X86_64,
                                             .cpus = 2,
                                             .start_ns = T0_NS,
                                             .start_real_ns = 1700000000000000000};
        parse_fields(in, &m, capture_fields, rest);
        struct err e = {0};
        if (mk->w || writer_new(&mk->w, mk->path, &m.u.header, &e) < 0)
            fail(in, "%s", mk->w ? "a second capture line" : e.text);
        return;
    }
    if (!mk->w)
        fail(in, "a scenario begins with its capture line");
    if (!strcmp(word, "probe")) {
        char *name = strtok(rest, " \t\n");
        if (!name || writer_probes(mk->w, (const char *const *)&name, 1) < 0)
            fail(in, "expected a probe's name");
    } else if (!strcmp(word, "loss")) {
        parse_fields(in, &m, loss_fields, rest);
        mk->lost += m.u.loss.count;
        if (writer_loss(mk->w, &m.u.loss, 1) < 0)
            fail(in, "cannot append");
    } else if (!strcmp(word, "flush")) {
        writer_flush(mk->w);
    } else if (!strcmp(word, "end")) {
        parse_fields(in, &m, end_fields, rest);
        const struct capture_summary summary = {.lost = mk->lost};
        if (writer_end(mk->w, m.u.event.time_ns, &summary, NULL) < 0)
            fail(in, "cannot end");
    } else {
        for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
            if (!strcmp(word, kinds[i].name)) {
                make_event(in, &kinds[i], rest, mk->w);
                return;
            }
        fail(in, "unknown line: %s", word);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: mkcapture SCENARIO OUT.wsc\n");
        return 2;
    }
    FILE *f = fopen(argv[1], "r");
    if (!f) {
        perror(argv[1]);
        return 1;
    }
    struct making mk = {.in = {argv[1], 0}, .path = argv[2]};
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, f) >= 0) {
        mk.in.line++;
        char *word = line + strspn(line, " \t\n");
        if (!*word || *word == '#')
            continue;
        char *rest = word + strcspn(word, " \t\n");
        if (*rest)
            *rest++ = '\0';
        make_line(&mk, word, rest);
    }
    free(line);
    fclose(f);
    if (!mk.w || writer_flush(mk.w) < 0) /* without an end line it stays marked incomplete */
        fail(&mk.in, "no capture was made");
    writer_free(mk.w);
    return 0;
}
