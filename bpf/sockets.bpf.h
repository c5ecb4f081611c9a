/*
 * sockets: what is received and sent on the target's sockets, when bytes arrived, and the life
 * of TCP connections. Keyed by socket, never by current: on loopback the other end's thread runs
 * these.
 */
#ifndef BPF_SOCKETS_BPF_H
#define BPF_SOCKETS_BPF_H

#include "bpf/objects.bpf.h"
#include "bpf/uring.bpf.h"
#include "bpf/waits.bpf.h"

static __always_inline bool is_tcp(struct sock *sk)
{
    return sk->sk_protocol == IPPROTO_TCP && sk->__sk_common.skc_family != AF_UNIX;
}

/* The socket's state, made when it is met for the first time. */
static __always_inline struct socket_state *socket_get(struct sock *sk, __u8 role)
{
    struct socket_state *s = bpf_sk_storage_get(&sockets, sk, NULL, 0);

    if (s)
        return s;
    s = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
    if (!s)
        return NULL;
    s->obj = object_id(OBJECT_SOCKET, bpf_get_socket_cookie(sk));
    s->role = role;
    if (sk->__sk_common.skc_family == AF_UNIX) {
        s->role = unix_role(sk);
        if (s->role == ROLE_ACCEPTED || s->role == ROLE_LISTENER)
            unix_listener_add(sk);
    }
    return s;
}

static __always_inline void listener_add(struct sock *sk)
{
    __u16 port = sk->__sk_common.skc_num;
    __u8 one = 1;

    bpf_map_update_elem(&listeners, &port, &one, BPF_ANY);
}

static __always_inline void socket_announce(struct socket_state *s, struct sock *sk)
{
    __u8 round = announce_round;

    if (s->announced == round)
        return;
    if (describe_socket((__u64)sk, s->obj, s->established_ns, s->role))
        s->announced = round;
    if (sk->__sk_common.skc_family == AF_UNIX)
        describe_unix((__u64)sk, s->obj, ROOM_SOCKET);
}

static __always_inline void arrival_push(struct socket_state *s, __u32 end_seq, __u64 now)
{
    __u8 head = s->head;

    if ((__u8)(head - s->tail) >= ARRIVALS)
        head--; /* full: stretch the newest */
    s->arrival[head & (ARRIVALS - 1)] = now << ARRIVAL_SHIFT | end_seq >> 16;
    s->arrival_low[head & (ARRIVALS - 1)] = (__u16)end_seq;
    barrier();
    s->head = head + 1;
}

/* When the byte `seq` arrived; 0 when that is not known. Forgets what came before it. */
static __always_inline __u64 arrival_of(struct socket_state *s, __u32 seq, __u64 now)
{
    __u8 tail = s->tail;

    for (int i = 0; i < ARRIVALS; i++) {
        __u64 a = s->arrival[tail & (ARRIVALS - 1)];
        __u32 end = (__u32)a << 16 | s->arrival_low[tail & (ARRIVALS - 1)];

        if (tail == s->head)
            break;
        if ((__s32)(end - seq) > 0) {
            __u64 age = ((now << ARRIVAL_SHIFT) - (a >> 16 << 16)) >> ARRIVAL_SHIFT;

            s->tail = tail;
            return now - (age >> (63 - ARRIVAL_SHIFT) ? 0 : age); /* stretched behind `now` */
        }
        tail++;
    }
    s->tail = tail;
    return 0;
}

/*
 * The same for sockets that count no bytes. Only when the queue was empty before they came is it
 * known when the first unread bytes came: what a receive leaves behind came at a time that is not
 * known, and so does the next receive's first byte.
 */
static __always_inline __u64 arrival_of_first(struct socket_state *s, struct sock *sk)
{
    __u64 ready = s->leftover ? 0 : s->ready_ns;

    s->ready_ns = 0;
    s->leftover = sk->sk_receive_queue.qlen != 0;
    return ready;
}

/* The user buffer of the receive or send that current is in; 0 when it has none. */
static __always_inline __u64 io_buffer(struct task_struct *task)
{
    struct call_args a;
    __u64 iov = 0, base = 0;
    __u16 call;

    read_args(task, &a);
    if (a.nr < 0 || a.nr >= NR_MAX - 1)
        return 0;
    call = call_table[a.nr].call;
    switch (call) {
    case CALL_read:
    case CALL_write:
    case CALL_recvfrom:
    case CALL_sendto:
        return a.arg[1];
    case CALL_readv:
    case CALL_writev:
        iov = a.arg[1];
        break;
    case CALL_recvmsg:
    case CALL_sendmsg:
    case CALL_recvmmsg:
    case CALL_sendmmsg:
        /* msg_iov stands at byte 16 of struct user_msghdr on 64-bit machines */
        if (bpf_probe_read_user(&iov, sizeof(iov), (void *)(a.arg[1] + 16)))
            return 0;
        break;
    default:
        return 0;
    }
    if (!iov || bpf_probe_read_user(&base, sizeof(base), (void *)iov))
        return 0;
    return base;
}

/* One receive or send, as it will stand in its record. */
struct io_done {
    __u64 now, ready;
    __u64 request; /* of io_uring */
    __u32 tid;
    int bytes;
    __u16 kind, flags;
    bool fresh; /* may begin a message though it is not the first in its direction */
};

static __always_inline void fill_io(struct event_io *io, struct socket_state *s,
                                    const struct io_done *done, __u16 data_len)
{
    io->obj = s->obj;
    io->ready_ns = done->ready;
    io->bytes = (__u32)done->bytes;
    io->flags = done->flags;
    io->data_len = data_len;
}

static __always_inline void send_io(struct socket_state *s, const struct io_done *done)
{
    struct cpu_ring *r;
    struct event_io *io =
        reserve_here(r, done->kind, done->kind, sizeof(*io), done->tid, done->now);

    if (!io) {
        s->lost = 1;
        return;
    }
    fill_io(io, s, done, 0);
    submit_here(r, io, sizeof(*io));
}

/* The same with the first bytes; a function for each size, as what is reserved must be constant.
 * Behind data_len bytes there is whatever was in the ring: the recorder cuts it off (redact()). */
#define SEND_IO(name, room)                                                                   \
    static __always_inline void name(struct socket_state *s, const struct io_done *done,      \
                                     __u64 from)                                              \
    {                                                                                         \
        struct cpu_ring *ring_;                                                               \
        struct {                                                                              \
            struct event_io io;                                                               \
            __u8 data[room];                                                                  \
        } *r = reserve_here(ring_, done->kind, done->kind, sizeof(*r), done->tid, done->now); \
        __u32 n = (__u32)done->bytes;                                                         \
                                                                                              \
        if (!r) {                                                                             \
            s->lost = 1;                                                                      \
            return;                                                                           \
        }                                                                                     \
        barrier_var(n); /* or the verifier loses sight of the bound */                        \
        if (n > (room))                                                                       \
            n = (room);                                                                       \
        if (bpf_probe_read_user(r->data, n, (void *)from))                                    \
            n = 0;                                                                            \
        fill_io(&r->io, s, done, (__u16)n);                                                   \
        submit_here(ring_, r, sizeof(*r));                                                    \
    }

SEND_IO(send_io_small, IO_DATA_SMALL)
SEND_IO(send_io_medium, IO_DATA_MEDIUM)
SEND_IO(send_io_large, IO_DATA_LARGE)

/* What may begin a message, above all the first in its direction: where its bytes are in user
 * memory. 0: it cannot, or nobody knows. */
static __always_inline __u64 io_turn(struct socket_state *s, struct task_struct *task,
                                     struct io_done *done)
{
    __u64 buffer;

    if ((s->direction == done->kind && !done->fresh) || done->bytes <= 0)
        return 0;
    if (s->direction != done->kind)
        done->flags |= IO_TURN;
    buffer = done->flags & IO_URING ? uring_buffer(done->request) : io_buffer(task);
    if (!buffer)
        done->flags |= IO_KERNEL;
    if (!(done->flags & IO_PEEK))
        s->direction = (__u8)done->kind;
    return buffer;
}

static __always_inline void record_io(struct socket_state *s, struct task_struct *task,
                                      struct io_done *done)
{
    __u64 buffer;

    done->request = uring_of(s->obj, done->kind == EVENT_RECV);
    if (done->request)
        done->flags |= IO_URING;
    buffer = io_turn(s, task, done);
    if (s->lost) {
        done->flags |= IO_AFTER_LOSS;
        s->lost = 0;
    }
    if (!buffer)
        send_io(s, done);
    else if (done->kind == EVENT_SEND || done->bytes <= IO_DATA_SMALL)
        send_io_small(s, done, buffer);
    else if (done->bytes <= IO_DATA_MEDIUM)
        send_io_medium(s, done, buffer);
    else
        send_io_large(s, done, buffer);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_recv, struct sock *sk, int ret, int flags)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct io_done done = {.kind = EVENT_RECV, .bytes = ret};
    struct socket_state *s;

    if (ret < 0 || !bpf_task_storage_get(&threads, task, NULL, 0))
        return 0;
    s = socket_get(sk, ROLE_UNKNOWN);
    if (!s)
        return 0;
    socket_announce(s, sk);
    done.fresh = s->drained;
    done.now = bpf_ktime_get_ns();
    if (is_tcp(sk)) {
        struct tcp_sock *tcp = AT(struct tcp_sock, sk);

        /* copied_seq is behind the bytes just read, unless they were only looked at */
        if (ret > 0)
            done.ready = arrival_of(s, tcp->copied_seq - (flags & MSG_PEEK ? 0 : ret), done.now);
        s->drained = tcp->copied_seq == tcp->rcv_nxt;
    } else if (!(flags & MSG_PEEK)) {
        done.ready = arrival_of_first(s, sk);
        s->drained = !s->leftover;
    }
    done.flags = (flags & MSG_PEEK ? IO_PEEK : 0) | (flags & MSG_DONTWAIT ? IO_NONBLOCKING : 0);
    done.tid = task->pid;
    record_io(s, task, &done);
    return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int ret, int flags)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct io_done done = {.kind = EVENT_SEND, .bytes = ret};
    struct socket_state *s;

    if (ret <= 0 || !bpf_task_storage_get(&threads, task, NULL, 0))
        return 0;
    s = socket_get(sk, ROLE_UNKNOWN);
    if (!s)
        return 0;
    socket_announce(s, sk);
    done.tid = task->pid;
    done.now = bpf_ktime_get_ns();
    record_io(s, task, &done);
    return 0;
}

/* A connection to one of the target's unix sockets of which nobody has read yet; or NULL. */
static __always_inline struct socket_state *unix_fresh(struct sock *sk)
{
    __u64 address;

    if (!unix_known || sk->__sk_common.skc_family != AF_UNIX)
        return NULL;
    address = unix_address(sk);
    if (!address || !bpf_map_lookup_elem(&unix_listeners, &address))
        return NULL;
    return socket_get(sk, ROLE_UNKNOWN);
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(on_ready, struct sock *sk)
{
    struct socket_state *s = bpf_sk_storage_get(&sockets, sk, NULL, 0);

    if (!s)
        s = unix_fresh(sk);
    if (!s)
        return 0;
    if (!is_tcp(sk)) {
        if (!s->ready_ns && !s->leftover)
            s->ready_ns = bpf_ktime_get_ns();
        return 0;
    }
    /* A FIN raises this too; by then the state is another. */
    if (sk->__sk_common.skc_state != TCP_ESTABLISHED)
        return 0;
    struct tcp_sock *tcp = AT(struct tcp_sock, sk);

    /* tcp_mstamp_refresh() has just read the clock for this packet (net/ipv4/tcp_output.c). */
    arrival_push(s, tcp->rcv_nxt, tcp->tcp_clock_cache);
    return 0;
}

static __always_inline void record_conn(struct socket_state *s, int old_state, int new_state,
                                        __u64 now)
{
    struct event_conn *c = reserve(EVENT_CONN, sizeof(*c), (__u32)bpf_get_current_pid_tgid(), now);

    if (!c) {
        s->lost = 1;
        return;
    }
    c->obj = s->obj;
    c->old_state = (__u8)old_state;
    c->new_state = (__u8)new_state;
    c->role = s->role;
    __builtin_memset(c->pad, 0, sizeof(c->pad));
    submit(c);
}

/* Which end of a connection a socket becomes that goes from `old_state` to `new_state`;
 * ROLE_UNKNOWN when it is none of the target's. */
static __always_inline __u8 new_role(struct sock *sk, int old_state, int new_state)
{
    __u16 port = sk->__sk_common.skc_num;

    if (old_state == TCP_SYN_RECV && new_state == TCP_ESTABLISHED)
        return bpf_map_lookup_elem(&listeners, &port) ? ROLE_ACCEPTED : ROLE_UNKNOWN;
    if (new_state != TCP_SYN_SENT && new_state != TCP_LISTEN)
        return ROLE_UNKNOWN;
    /* connect() and listen() run in the thread that calls them. */
    if (!bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0))
        return ROLE_UNKNOWN;
    return new_state == TCP_LISTEN ? ROLE_LISTENER : ROLE_CONNECTED;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int old_state, int new_state)
{
    struct socket_state *s = bpf_sk_storage_get(&sockets, sk, NULL, 0);
    __u64 now;
    __u8 role;

    if (!is_tcp(sk))
        return 0;
    if (!s || new_state == TCP_LISTEN) {
        role = new_role(sk, old_state, new_state);
        if (role == ROLE_UNKNOWN)
            return 0;
        s = socket_get(sk, role);
        if (!s)
            return 0;
        s->role = role;
        if (role == ROLE_LISTENER)
            listener_add(sk);
    }
    now = bpf_ktime_get_ns();
    if (new_state == TCP_ESTABLISHED)
        s->established_ns = now;
    if (new_state == TCP_ESTABLISHED || new_state == TCP_LISTEN)
        s->announced = 0; /* addresses and role are whole now */
    /* Whoever hears of its end need not hear again what it was: that would be behind the end. */
    if (new_state != TCP_CLOSE || !s->announced)
        socket_announce(s, sk);
    if (new_state == TCP_CLOSE)
        now = bpf_ktime_get_ns();
    if (new_state == TCP_ESTABLISHED || new_state == TCP_SYN_SENT || new_state == TCP_CLOSE)
        record_conn(s, old_state, new_state, now);
    return 0;
}

#endif
