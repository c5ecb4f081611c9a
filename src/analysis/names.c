/*
 * names: the objects of waits and requests, each with a name that people know it by.
 */
#include "analysis/internal.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <sys/stat.h>

/* Each address of a lock is an object of its own, up to a number that nobody reads through. */
#define FUTEX_MAX 4096

static void address(struct buf *out, uint16_t family, const uint8_t bytes[16], uint16_t port)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char text[INET6_ADDRSTRLEN];

    if (family == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
        family = AF_INET;
        bytes += sizeof(mapped);
    }
    if ((family != AF_INET && family != AF_INET6) || !inet_ntop(family, bytes, text, sizeof(text)))
        return;
    buf_addf(out, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

static const uint8_t role_kinds[] = {
    [ROLE_UNKNOWN] = OBJ_SOCKET,
    [ROLE_ACCEPTED] = OBJ_ACCEPTED,
    [ROLE_CONNECTED] = OBJ_CONNECTED,
    [ROLE_LISTENER] = OBJ_LISTENER,
};

/* What a unix socket or its peer is bound to. */
static void unix_name(const struct analysis *a, uint64_t obj, struct buf *out)
{
    uint64_t at;
    if (!table_get(&a->files, obj, &at))
        return;
    const struct event_file *f = (const void *)(uintptr_t)at;
    size_t room = f->event.size - sizeof(*f);
    text_clean(out, f->path, strnlen(f->path, f->path_len < room ? f->path_len : room));
}

static int name_socket(struct analysis *a, const struct sock *s, struct object *o)
{
    const struct event_socket *d = s ? s->desc : NULL;
    struct buf local = BUF_INIT, remote = BUF_INIT, name = BUF_INIT;

    o->kind = s ? role_kinds[s->role] : OBJ_SOCKET;
    if (d && d->family == AF_UNIX) {
        unix_name(a, s->obj, o->kind == OBJ_CONNECTED ? &remote : &local);
    } else if (d) {
        address(&local, d->family, d->local, d->local_port);
        if (o->kind != OBJ_LISTENER && d->remote_port)
            address(&remote, d->family, d->remote, d->remote_port);
    }
    if (d && d->family == AF_UNIX && !local.len && !remote.len)
        buf_adds(&name, "unix socket");
    else if (o->kind == OBJ_ACCEPTED && d && d->family == AF_UNIX)
        buf_addf(&name, "client of %s", buf_str(&local));
    else if (o->kind == OBJ_ACCEPTED)
        buf_addf(&name, "client%s%s", remote.len ? " " : "", buf_str(&remote));
    else if (o->kind == OBJ_LISTENER || !remote.len)
        buf_adds(&name, buf_str(&local));
    else
        buf_adds(&name, buf_str(&remote));
    if (!name.len)
        buf_adds(&name, "socket");
    int rc = name.failed || local.failed || remote.failed ? -ENOMEM : 0;
    o->name = timeline_intern(a->tl, buf_str(&name));
    o->local = timeline_intern(a->tl, buf_str(&local));
    o->remote = timeline_intern(a->tl, buf_str(&remote));
    buf_release(&local);
    buf_release(&remote);
    buf_release(&name);
    return rc;
}

/* "log\0var\0" → "/var/log". What is missing at the root's end of a cut path shows as "…". */
static void path_turn(struct buf *out, const char *path, size_t len, bool cut)
{
    if (cut)
        buf_adds(out, "…");
    while (len && path[len - 1] == '\0')
        len--;
    while (len) {
        size_t from = len;
        while (from && path[from - 1] != '\0')
            from--;
        if (from < len) {
            buf_addc(out, '/');
            buf_add(out, path + from, len - from);
        }
        len = from ? from - 1 : 0;
    }
    if (!out->len)
        buf_addc(out, '/');
}

static uint8_t file_kind(const struct event_file *f)
{
    if (f->flags & FILE_ARGUMENT)
        return OBJ_PATH;
    switch (f->mode & S_IFMT) {
    case S_IFDIR:
        return OBJ_DIRECTORY;
    case S_IFIFO:
        return OBJ_PIPE;
    case S_IFCHR:
    case S_IFBLK:
        return OBJ_DEVICE;
    default:
        return OBJ_FILE;
    }
}

static int name_file(struct analysis *a, uint64_t obj, struct object *o)
{
    uint64_t at;
    if (!table_get(&a->files, obj, &at)) {
        o->kind = OBJECT_CLASS(obj) == OBJECT_PATH ? OBJ_PATH : OBJ_FILE;
        o->name = timeline_intern(a->tl, o->kind == OBJ_PATH ? "path" : "file");
        return 0;
    }
    const struct event_file *f = (const void *)(uintptr_t)at;
    size_t room = f->event.size - sizeof(*f); /* the reader checked that the head is there */
    size_t len = f->path_len < room ? f->path_len : room;
    struct buf path = BUF_INIT;

    if (f->flags & FILE_ARGUMENT) {
        buf_add(&path, f->path, strnlen(f->path, len));
        if (f->flags & FILE_CUT)
            buf_adds(&path, "…");
    } else {
        path_turn(&path, f->path, len, f->flags & FILE_CUT);
    }
    int rc = path.failed ? -ENOMEM : 0;
    o->kind = file_kind(f);
    o->deleted = f->flags & FILE_DELETED;
    o->name = timeline_intern_bytes(a->tl, buf_str(&path), path.len);
    if (o->kind == OBJ_DEVICE && (strncmp(buf_str(&path), "/dev/pts/", 9) == 0 ||
                                  strncmp(buf_str(&path), "/dev/tty", 8) == 0))
        o->kind = OBJ_TTY;
    buf_release(&path);
    return rc;
}

static int name_anon(struct analysis *a, uint64_t obj, struct object *o)
{
    static const struct {
        const char *kernel, *name;
        uint8_t kind;
    } names[] = {
        {"pipe", "pipe", OBJ_PIPE},
        {"[eventfd]", "eventfd", OBJ_EVENTFD},
        {"[eventpoll]", "epoll", OBJ_EPOLL},
        {"[timerfd]", "timer", OBJ_TIMER},
        {"[io_uring]", "io_uring", OBJ_URING},
    };
    uint64_t at;
    o->kind = OBJ_ANON;
    if (!table_get(&a->anons, obj, &at)) {
        o->name = timeline_intern(a->tl, "anonymous");
        return 0;
    }
    const struct event_anon *n = (const void *)(uintptr_t)at;
    size_t len = strnlen(n->name, sizeof(n->name));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (len == strlen(names[i].kernel) && memcmp(n->name, names[i].kernel, len) == 0) {
            o->kind = names[i].kind;
            o->name = timeline_intern(a->tl, names[i].name);
            return 0;
        }
    o->name =
        len ? timeline_intern_bytes(a->tl, n->name, len) : timeline_intern(a->tl, "anonymous");
    return 0;
}

/* One of which no record tells more. */
static int name_bare_socket(struct analysis *a, uint64_t obj, struct object *o)
{
    (void)obj;
    return name_socket(a, NULL, o);
}

static int name_other(struct analysis *a, uint64_t obj, struct object *o)
{
    (void)obj;
    o->name = timeline_intern(a->tl, "unknown");
    return 0;
}

static int (*const namers[])(struct analysis *, uint64_t, struct object *) = {
    [OBJECT_NONE] = name_other, [OBJECT_SOCKET] = name_bare_socket, [OBJECT_FILE] = name_file,
    [OBJECT_PATH] = name_file,  [OBJECT_ANON] = name_anon,
};

static int object_push(struct analysis *a, const struct object *o, uint32_t *plus1)
{
    if (a->tl->objects.len >= NONE - 1 || vec_push(&a->tl->objects, *o) < 0)
        return -ENOMEM;
    *plus1 = (uint32_t)a->tl->objects.len;
    return 0;
}

static int futex_plus1(struct analysis *a, uint64_t addr, uint32_t process, uint32_t *plus1)
{
    const struct proc *p = &a->procs.data[process];
    bool gil = addr >= p->gil_start && addr < p->gil_end;
    if (gil) /* several words, one lock */
        addr = p->gil_start;
    const uint64_t what[2] = {addr, process};
    uint64_t key = table_hash(what, sizeof(what)), index;

    if (table_get(&a->futexes, key, &index)) {
        *plus1 = (uint32_t)index + 1;
        return 0;
    }
    bool rest = a->futex_count >= FUTEX_MAX;
    if (rest && a->futex_rest_plus1) {
        *plus1 = a->futex_rest_plus1;
        return 0;
    }
    struct object o = {.id = rest ? 0 : addr,
                       .kind = OBJ_FUTEX,
                       .name = timeline_intern(a->tl, gil && !rest ? "GIL" : "futex")};
    int rc = object_push(a, &o, plus1);
    if (rc < 0)
        return rc;
    if (rest) {
        a->futex_rest_plus1 = *plus1;
        return 0;
    }
    a->futex_count++;
    return table_put(&a->futexes, key, *plus1 - 1);
}

int socket_object_plus1(struct analysis *a, struct sock *s, uint32_t *plus1)
{
    *plus1 = s->object_plus1;
    if (*plus1)
        return 0;
    struct object o = {.id = s->obj};
    int rc = name_socket(a, s, &o);
    if (rc == 0)
        rc = object_push(a, &o, &s->object_plus1);
    *plus1 = s->object_plus1;
    return rc;
}

int object_plus1(struct analysis *a, uint64_t obj, bool futex, uint32_t process, uint32_t *plus1)
{
    uint64_t index;

    *plus1 = 0;
    if (!obj)
        return 0;
    if (futex)
        return futex_plus1(a, obj, process, plus1);
    unsigned class = OBJECT_CLASS(obj);
    struct sock *s = class == OBJECT_SOCKET ? socket_find(a, obj) : NULL;
    if (s)
        return socket_object_plus1(a, s, plus1);
    if (table_get(&a->objects, obj, &index)) {
        *plus1 = (uint32_t)index + 1;
        return 0;
    }
    struct object o = {.id = obj};
    int rc = class < sizeof(namers) / sizeof(namers[0]) ? namers[class](a, obj, &o)
                                                        : name_other(a, obj, &o);
    if (rc == 0)
        rc = object_push(a, &o, plus1);
    return rc < 0 ? rc : table_put(&a->objects, obj, *plus1 - 1);
}
