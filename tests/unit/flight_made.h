/*
 * flight_made: records as a ring has them, one function a kind, for the tests of what keeps and
 * watches them. Each returns a record that is valid until the next call.
 */
#ifndef TESTS_FLIGHT_MADE_H
#define TESTS_FLIGHT_MADE_H

#include "bpf/events.h"

#include <string.h>
#include <sys/socket.h>

#define MS 1000000ull
#define S 1000000000ull
#define SOCK(n) ((uint64_t)OBJECT_SOCKET << 56 | (n))

static union {
    struct event event;
    struct event_wait wait;
    struct event_thread thread;
    struct event_fork fork;
    struct event_exit exit;
    struct event_comm comm;
    struct event_conn conn;
    struct event_socket socket;
    struct event_runtime runtime;
    struct event_fd fd;
    struct event_anon anon;
    struct {
        struct event_io io;
        char data[32];
    } io;
} made;

static inline const struct event *make(unsigned kind, size_t size, uint32_t tid, uint64_t time_ns)
{
    made.event = (struct event){
        .kind = (uint16_t)kind, .size = (uint16_t)size, .tid = tid, .time_ns = time_ns};
    return &made.event;
}

#define BEGIN(field) memset(&made, 0, sizeof(made))
#define END(field, kind) make(kind, sizeof(made.field), tid, time_ns)

static inline const struct event *wait(uint32_t tid, uint64_t time_ns, uint64_t off_ns)
{
    BEGIN(wait);
    made.wait.off_ns = off_ns;
    made.wait.wake_ns = time_ns;
    return END(wait, EVENT_WAIT);
}

static inline const struct event *thread(uint32_t tid, uint64_t time_ns, uint32_t pid,
                                         uint8_t phase)
{
    BEGIN(thread);
    made.thread.pid = pid;
    made.thread.phase = phase;
    return END(thread, EVENT_THREAD);
}

static inline const struct event *forked(uint32_t tid, uint64_t time_ns, uint32_t pid)
{
    BEGIN(fork);
    made.fork.pid = pid;
    return END(fork, EVENT_FORK);
}

static inline const struct event *exited(uint32_t tid, uint64_t time_ns, uint32_t pid)
{
    BEGIN(exit);
    made.exit.pid = pid;
    return END(exit, EVENT_EXIT);
}

static inline const struct event *named(uint32_t tid, uint64_t time_ns, const char *comm)
{
    BEGIN(comm);
    strncpy(made.comm.comm, comm, sizeof(made.comm.comm) - 1);
    return END(comm, EVENT_COMM);
}

static inline const struct event *runtime(uint32_t tid, uint64_t time_ns, uint32_t which)
{
    BEGIN(runtime);
    made.runtime.runtime = which;
    return END(runtime, EVENT_RUNTIME);
}

static inline const struct event *descriptor(uint32_t tid, uint64_t time_ns, int32_t fd)
{
    BEGIN(fd);
    made.fd.fd = fd;
    return END(fd, EVENT_FD);
}

static inline const struct event *conn(uint64_t time_ns, uint64_t obj, uint8_t new_state)
{
    const uint32_t tid = 7;
    BEGIN(conn);
    made.conn.obj = obj;
    made.conn.new_state = new_state;
    return END(conn, EVENT_CONN);
}

static inline const struct event *sock(uint64_t time_ns, uint64_t obj, uint16_t family,
                                       uint8_t role, uint16_t port)
{
    const uint32_t tid = 7;
    BEGIN(socket);
    made.socket.obj = obj;
    made.socket.family = family;
    made.socket.type = SOCK_STREAM;
    made.socket.role = role;
    made.socket.local_port = port;
    made.socket.remote_port = 40000;
    return END(socket, EVENT_SOCKET);
}

static inline const struct event *moved(unsigned kind, uint64_t time_ns, uint64_t obj,
                                        uint64_t ready_ns, uint16_t flags, const void *data,
                                        size_t len)
{
    memset(&made, 0, sizeof(made));
    made.io.io.obj = obj;
    made.io.io.ready_ns = ready_ns;
    made.io.io.flags = flags;
    made.io.io.bytes = 10;
    made.io.io.data_len = (uint16_t)len;
    memcpy(made.io.data, data, len);
    return make(kind, sizeof(made.io), 7, time_ns);
}

#endif
