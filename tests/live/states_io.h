/* Waits for one object: pipes, sockets, terminals, files. */
#ifndef TESTS_LIVE_STATES_IO_H
#define TESTS_LIVE_STATES_IO_H

#include "tests/live/states.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

/* ---- pipes and their like ---- */

static void open_pipe(struct room *r, int ends[2])
{
    must(r, pipe(ends));
    snprintf(r->object, sizeof(r->object), "pipe");
}

static void read_pipe(struct room *r)
{
    int ends[2];
    char byte;

    open_pipe(r, ends);
    r->other = ends[1];
    later(r, poke);
    WAITS(r, read(ends[0], &byte, 1), 0);
}

static void readv_pipe(struct room *r)
{
    int ends[2];
    char byte;
    struct iovec one = {&byte, 1};

    open_pipe(r, ends);
    r->other = ends[1];
    later(r, poke);
    WAITS(r, readv(ends[0], &one, 1), 0);
}

/* Writes until there is no room; from then on a write waits. */
static void fill(struct room *r, int fd)
{
    static const char zeros[65536];
    int flags = (int)must(r, fcntl(fd, F_GETFL));

    must(r, fcntl(fd, F_SETFL, flags | O_NONBLOCK));
    while (write(fd, zeros, sizeof(zeros)) > 0)
        ;
    while (write(fd, zeros, 1) > 0)
        ;
    must(r, fcntl(fd, F_SETFL, flags));
}

static void drain(struct room *r)
{
    static char into[65536];

    for (int i = 0; i < 256 && read(r->other, into, sizeof(into)) > 0; i++)
        ;
}

static void drain_some(struct room *r)
{
    fcntl(r->other, F_SETFL, O_NONBLOCK);
    drain(r);
}

static void write_pipe(struct room *r)
{
    int ends[2];

    open_pipe(r, ends);
    fill(r, ends[1]);
    r->other = ends[0];
    later(r, drain_some);
    WAITS(r, write(ends[1], "x", 1), 0);
}

static void splice_pipe(struct room *r)
{
    int ends[2], null = (int)must(r, open("/dev/null", O_WRONLY));

    open_pipe(r, ends);
    r->other = ends[1];
    later(r, poke);
    WAITS(r, splice(ends[0], NULL, null, NULL, 1, 0), 0);
}

static void ring_bell(struct room *r)
{
    uint64_t one = 1;

    if (write(r->other, &one, sizeof(one)) < 0)
        r->error = errno;
}

static void read_eventfd(struct room *r)
{
    uint64_t rung;

    r->other = (int)must(r, eventfd(0, 0));
    snprintf(r->object, sizeof(r->object), "eventfd");
    later(r, ring_bell);
    WAITS(r, read(r->other, &rung, sizeof(rung)), 0);
}

static void read_timerfd(struct room *r)
{
    int fd = (int)must(r, timerfd_create(CLOCK_MONOTONIC, 0));
    struct itimerspec when = {
        .it_value = {.tv_sec = r->ms / 1000, .tv_nsec = r->ms % 1000 * 1000000L}};
    uint64_t fired;

    snprintf(r->object, sizeof(r->object), "timer");
    must(r, timerfd_settime(fd, 0, &when, NULL));
    WAITS(r, read(fd, &fired, sizeof(fired)), 0);
}

static void read_tty(struct room *r)
{
    int master = (int)must(r, posix_openpt(O_RDWR | O_NOCTTY)), slave;
    char line[8];

    must(r, grantpt(master));
    must(r, unlockpt(master));
    must(r, ptsname_r(master, r->object, sizeof(r->object)) ? -1 : 0);
    slave = (int)must(r, open(r->object, O_RDWR | O_NOCTTY));
    r->other = master;
    later(r, poke);
    WAITS(r, read(slave, line, sizeof(line)), 0);
}

/* ---- sockets ---- */

static uint16_t own_port(struct room *r, int fd)
{
    struct sockaddr_in at;
    socklen_t size = sizeof(at);

    must(r, getsockname(fd, (struct sockaddr *)&at, &size));
    return ntohs(at.sin_port);
}

static int listen_on(struct room *r, int backlog, struct sockaddr_in *at)
{
    int fd = (int)must(r, socket(AF_INET, SOCK_STREAM, 0));
    socklen_t size = sizeof(*at);

    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    must(r, bind(fd, (struct sockaddr *)at, size));
    must(r, listen(fd, backlog));
    must(r, getsockname(fd, (struct sockaddr *)at, &size));
    return fd;
}

static int connect_to(struct room *r, const struct sockaddr_in *at)
{
    int fd = (int)must(r, socket(AF_INET, SOCK_STREAM, 0));

    must(r, connect(fd, (const struct sockaddr *)at, sizeof(*at)));
    return fd;
}

/* ends[0] accepted, ends[1] connected. */
static void connection(struct room *r, int ends[2])
{
    struct sockaddr_in at;
    int listener = listen_on(r, 8, &at);

    ends[1] = connect_to(r, &at);
    ends[0] = (int)must(r, accept(listener, NULL, NULL));
    close(listener);
}

static void recv_accepted(struct room *r)
{
    int ends[2];
    char byte;

    connection(r, ends);
    snprintf(r->object, sizeof(r->object), "client 127.0.0.1:%u", own_port(r, ends[1]));
    r->other = ends[1];
    later(r, poke);
    WAITS(r, recv(ends[0], &byte, 1, 0), 0);
}

static void recvmsg_tcp(struct room *r)
{
    int ends[2];
    char byte;
    struct iovec one = {&byte, 1};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1};

    connection(r, ends);
    snprintf(r->object, sizeof(r->object), "127.0.0.1:%u", own_port(r, ends[0]));
    r->other = ends[0];
    later(r, poke);
    WAITS(r, recvmsg(ends[1], &message, 0), 0);
}

static void send_tcp(struct room *r)
{
    int ends[2];

    connection(r, ends);
    snprintf(r->object, sizeof(r->object), "127.0.0.1:%u", own_port(r, ends[0]));
    fill(r, ends[1]);
    r->other = ends[0];
    later(r, drain_some);
    WAITS(r, send(ends[1], "x", 1, 0), 0);
}

static void recv_unix(struct room *r)
{
    int ends[2];
    char byte;

    must(r, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    snprintf(r->object, sizeof(r->object), "unix socket");
    r->other = ends[1];
    later(r, poke);
    WAITS(r, recv(ends[0], &byte, 1, 0), 0);
}

static void come_in(struct room *r)
{
    struct sockaddr_in at;
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || getsockname(r->other, (struct sockaddr *)&at, &size) < 0 ||
        connect(fd, (struct sockaddr *)&at, size) < 0)
        r->error = errno;
}

static void accept_tcp(struct room *r)
{
    struct sockaddr_in at;

    r->other = listen_on(r, 8, &at);
    snprintf(r->object, sizeof(r->object), "127.0.0.1:%u", ntohs(at.sin_port));
    later(r, come_in);
    WAITS(r, accept(r->other, NULL, NULL), 0);
}

static void let_in(struct room *r)
{
    while (accept(r->other, NULL, NULL) >= 0)
        ;
}

/* The queue of a listener is full: the connect waits until its SYN, sent again after a second,
 * finds room. */
static void connect_full(struct room *r)
{
    struct sockaddr_in at;
    int fd = (int)must(r, socket(AF_INET, SOCK_STREAM, 0));

    r->other = listen_on(r, 0, &at);
    snprintf(r->object, sizeof(r->object), "127.0.0.1:%u", ntohs(at.sin_port));
    connect_to(r, &at);
    later(r, let_in);
    WAITS(r, connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
}

/* ---- files ---- */

#define COLD_SIZE (4u << 20)

/* A file of this kind's own on the disk, none of it in memory. */
static int cold_file(struct room *r, int flags)
{
    static const char bytes[65536] = "waitscope";
    const char *dir = getenv("STATES_DIR");
    int fd;

    snprintf(r->object, sizeof(r->object), "%s/waitscope-states-%s-%d", dir ? dir : "/var/tmp",
             r->kind->name, (int)getpid());
    fd = (int)must(r, open(r->object, O_RDWR | O_CREAT | O_EXCL, 0600));
    for (unsigned at = 0; at < COLD_SIZE; at += sizeof(bytes))
        must(r, write(fd, bytes, sizeof(bytes)));
    must(r, fsync(fd));
    must(r, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) ? -1 : 0);
    if (flags == O_RDWR)
        return fd;
    close(fd);
    fd = (int)must(r, open(r->object, flags));
    must(r, posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) ? -1 : 0);
    return fd;
}

static void read_cold(struct room *r)
{
    char byte[4096];
    int fd = cold_file(r, O_RDONLY);

    WAITS(r, read(fd, byte, sizeof(byte)), 0);
    unlink(r->object);
}

static void pread_cold(struct room *r)
{
    char byte[4096];
    int fd = cold_file(r, O_RDONLY);

    WAITS(r, pread(fd, byte, sizeof(byte), COLD_SIZE / 2), 0);
    unlink(r->object);
}

/* Opened, read and closed at once, and gone before anybody could look at it. */
static void read_brief(struct room *r)
{
    char byte[4096];
    int fd;

    close(cold_file(r, O_RDONLY));
    fd = (int)must(r, open(r->object, O_RDONLY));
    WAITS(r, read(fd, byte, sizeof(byte)), 0);
    close(fd);
    unlink(r->object);
}

/* Under a name that no earlier wait has shown. */
static void read_unlinked(struct room *r)
{
    char byte[4096], gone[sizeof(r->object)];
    int fd = cold_file(r, O_RDONLY);

    snprintf(gone, sizeof(gone), "%.190s-gone", r->object);
    must(r, rename(r->object, gone));
    must(r, unlink(gone));
    memcpy(r->object, gone, sizeof(gone));
    WAITS(r, read(fd, byte, sizeof(byte)), 0);
}

static void sendfile_cold(struct room *r)
{
    int fd = cold_file(r, O_RDONLY), null = (int)must(r, open("/dev/null", O_WRONLY));

    WAITS(r, sendfile(null, fd, NULL, 4096), 0);
    unlink(r->object);
}

static void fsync_file(struct room *r)
{
    int fd = cold_file(r, O_RDWR);

    must(r, pwrite(fd, "changed", 7, 0));
    WAITS(r, fsync(fd), 0);
    unlink(r->object);
}

static void page_fault(struct room *r)
{
    int fd = cold_file(r, O_RDONLY);
    volatile char *page = mmap(NULL, COLD_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);

    must(r, page == MAP_FAILED ? -1 : 0);
    must(r, madvise((void *)page, COLD_SIZE, MADV_RANDOM));
    WAITS(r, page[COLD_SIZE / 2], 0);
    unlink(r->object);
    r->object[0] = '\0'; /* a fault has no descriptor */
}

static void unlock(struct room *r)
{
    flock(r->other, LOCK_UN);
}

static void flock_file(struct room *r)
{
    int fd;

    r->other = cold_file(r, O_RDONLY);
    fd = (int)must(r, open(r->object, O_RDONLY));
    must(r, flock(r->other, LOCK_EX));
    later(r, unlock);
    WAITS(r, flock(fd, LOCK_EX), 0);
    unlink(r->object);
}

static void unlock_range(struct room *r)
{
    struct flock all = {.l_type = F_UNLCK};

    fcntl(r->other, F_OFD_SETLK, &all);
}

static void fcntl_lock(struct room *r)
{
    struct flock all = {.l_type = F_WRLCK};
    int fd;

    r->other = cold_file(r, O_RDWR);
    fd = (int)must(r, open(r->object, O_RDWR));
    must(r, fcntl(r->other, F_OFD_SETLK, &all));
    later(r, unlock_range);
    WAITS(r, fcntl(fd, F_OFD_SETLKW, &all), 0);
    unlink(r->object);
}

static void open_fifo(struct room *r)
{
    r->other = open(r->object, O_WRONLY);
}

/* Opening a named pipe waits for whoever opens its other end. */
static void openat_fifo(struct room *r)
{
    const char *dir = getenv("STATES_DIR");

    snprintf(r->object, sizeof(r->object), "%s/waitscope-states-fifo-%d", dir ? dir : "/var/tmp",
             (int)getpid());
    must(r, mkfifo(r->object, 0600));
    later(r, open_fifo);
    WAITS(r, open(r->object, O_RDONLY), 0);
    unlink(r->object);
}

#endif
