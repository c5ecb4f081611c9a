/*
 * uring: what goes through io_uring. A submission runs in the thread that calls io_uring_enter, or
 * in the ring's own thread (SQPOLL); a completion in whatever context the work came to its end, so
 * it is known by the request's address, kept from its submission on. These tracepoints fire for
 * users of io_uring only, and leave after one lookup when it is another process's.
 */
#ifndef BPF_URING_BPF_H
#define BPF_URING_BPF_H

#include "bpf/objects.bpf.h"

/* include/uapi/linux/io_uring.h: the operations that name one descriptor, and how they name it. */
#define IORING_OP_READV 1
#define IORING_OP_WRITEV 2
#define IORING_OP_READ_FIXED 4
#define IORING_OP_WRITE_FIXED 5
#define IORING_OP_SENDMSG 9
#define IORING_OP_RECVMSG 10
#define IORING_OP_READ 22
#define IORING_OP_WRITE 23
#define IORING_OP_SEND 26
#define IORING_OP_RECV 27
#define IORING_OP_SEND_ZC 47
#define IORING_OP_SENDMSG_ZC 48
#define IORING_OP_READ_MULTISHOT 49

#define BIT(n) (1ull << (n))
/* needs_file in io_uring/opdef.c: fsync is 3, poll_add 6, sync_file_range 8, accept 13, connect 16,
 * fallocate 17, fadvise 24, splice 30, tee 33, shutdown 34, fsetxattr 41, fgetxattr 43, uring_cmd
 * 46, ftruncate 55, bind 56, listen 57, recv_zc 58, readv_fixed 60, writev_fixed 61. */
#define OPS_WITH_FILE                                                                            \
    (BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(13) | \
     BIT(16) | BIT(17) | BIT(22) | BIT(23) | BIT(24) | BIT(26) | BIT(27) | BIT(30) | BIT(33) |   \
     BIT(34) | BIT(41) | BIT(43) | BIT(46) | BIT(47) | BIT(48) | BIT(49) | BIT(55) | BIT(56) |   \
     BIT(57) | BIT(58) | BIT(60) | BIT(61))
#define OPS_THAT_RECEIVE (BIT(1) | BIT(4) | BIT(10) | BIT(22) | BIT(27) | BIT(49) | BIT(58))
#define OPS_THAT_SEND (BIT(2) | BIT(5) | BIT(9) | BIT(23) | BIT(26) | BIT(47) | BIT(48))
#define REQ_F_FIXED_FILE 1 /* include/linux/io_uring_types.h: IOSQE_FIXED_FILE_BIT is 0 */
#define IORING_SETUP_DEFER_TASKRUN (1 << 13)
/* io_uring/filetable.h: FFS_NOWAIT, FFS_ISREG, and one more before 6.10. */
#define FILE_PTR_FLAGS 7ull

/* A request under way. One whose completion nobody sees (IOSQE_CQE_SKIP_SUCCESS) falls out. */
struct uring_request {
    __u64 obj, ring, tag;
    __u64 opcode;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, __u64);
    __type(value, struct uring_request);
} uring_requests SEC(".maps");

/* Of a socket: its receive and its send that are under way, by their address; 0: none. */
struct uring_socket {
    __u64 receive, send;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, __u64);
    __type(value, struct uring_socket);
} uring_sockets SEC(".maps");

volatile __u8 uring_used; /* the target has submitted something */

static __always_inline bool op_is(__u64 opcode, __u64 set)
{
    return opcode < 64 && (set >> (opcode & 63) & 1);
}

/* The file at `index` in the ring's table of registered files; 0: none. */
static __noinline __u64 registered_file(__u64 ctx_address, __u32 index)
{
    struct io_ring_ctx *ctx = (struct io_ring_ctx *)ctx_address;
    __u64 file = 0, node = 0;

    if (bpf_core_field_exists(ctx->file_table.data)) { /* 6.13 and newer */
        struct io_rsrc_node **nodes = BPF_CORE_READ(ctx, file_table.data.nodes);

        if (index >= BPF_CORE_READ(ctx, file_table.data.nr) ||
            bpf_probe_read_kernel(&node, sizeof(node), nodes + index) || !node)
            return 0;
        file = BPF_CORE_READ((struct io_rsrc_node *)node, file_ptr);
    } else {
        struct io_ring_ctx___old *old = (struct io_ring_ctx___old *)ctx_address;
        struct io_fixed_file *files = BPF_CORE_READ(old, file_table.files);

        if (index >= BPF_CORE_READ(old, nr_user_files) ||
            bpf_probe_read_kernel(&file, sizeof(file), files + index))
            return 0;
    }
    return file & ~FILE_PTR_FLAGS;
}

/* The file is looked up when the request is issued, after this: here is its number. */
static __always_inline __u64 submitted_object(struct task_struct *task, struct io_kiocb *req)
{
    struct io_ring_ctx *ctx = req->ctx;
    __u64 file;

    if (!op_is(req->opcode, OPS_WITH_FILE))
        return 0;
    if (req->flags & REQ_F_FIXED_FILE)
        file = registered_file((__u64)ctx, (__u32)req->cqe.fd);
    else
        file = fd_file(task, req->cqe.fd);
    return file ? file_object(file, 0, ROOM_TASK) : 0;
}

static __always_inline void uring_send(const struct uring_request *r, __u64 request, __u8 op,
                                       __u16 flags, __s32 result)
{
    __u64 now = bpf_ktime_get_ns();
    struct event_uring *e =
        reserve(EVENT_URING, sizeof(*e), (__u32)bpf_get_current_pid_tgid(), now);

    if (!e)
        return;
    e->request = request;
    e->obj = r->obj;
    e->ring = r->ring;
    e->tag = r->tag;
    e->op = op;
    e->opcode = (__u8)r->opcode;
    e->flags = flags;
    e->result = result;
    submit(e);
}

/* Which of the socket's two requests one with this opcode is; NULL: none. */
static __always_inline __u64 *socket_slot(struct uring_socket *s, __u64 opcode)
{
    if (op_is(opcode, OPS_THAT_RECEIVE))
        return &s->receive;
    return op_is(opcode, OPS_THAT_SEND) ? &s->send : NULL;
}

static __always_inline void socket_note(const struct uring_request *r, __u64 request)
{
    struct uring_socket *s = bpf_map_lookup_elem(&uring_sockets, &r->obj);
    struct uring_socket fresh = {};
    __u64 *slot;

    if (s) {
        slot = socket_slot(s, r->opcode);
        if (slot)
            *slot = request;
        return;
    }
    slot = socket_slot(&fresh, r->opcode);
    if (!slot)
        return;
    *slot = request;
    bpf_map_update_elem(&uring_sockets, &r->obj, &fresh, BPF_ANY);
}

static __always_inline int uring_submit(struct io_kiocb *req)
{
    struct task_struct *task = bpf_get_current_task_btf();
    __u64 request = (__u64)req;
    struct uring_request r;
    __u16 flags = 0;

    if (!bpf_task_storage_get(&threads, task, NULL, 0))
        return 0;
    if (!uring_used)
        uring_used = 1;
    r.obj = submitted_object(task, req);
    r.ring = (__u64)req->ctx;
    r.tag = req->cqe.user_data;
    r.opcode = req->opcode;
    bpf_map_update_elem(&uring_requests, &request, &r, BPF_ANY);
    if (r.obj >> 56 == OBJECT_SOCKET)
        socket_note(&r, request);
    if (task->flags & (PF_IO_WORKER | PF_USER_WORKER))
        flags |= URING_SQPOLL;
    if (req->ctx->flags & IORING_SETUP_DEFER_TASKRUN)
        flags |= URING_DEFERRED;
    uring_send(&r, request, URING_SUBMIT, flags, req->ctx->submit_state.submit_nr);
    return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_uring_submit, struct io_kiocb *req)
{
    return uring_submit(req);
}

/* The same by its older name. */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(on_uring_submit_sqe, struct io_kiocb *req)
{
    return uring_submit(req);
}

SEC("tp_btf/io_uring_queue_async_work")
int BPF_PROG(on_uring_worker, struct io_kiocb *req)
{
    __u64 request = (__u64)req;
    struct uring_request *r = bpf_map_lookup_elem(&uring_requests, &request);

    if (r)
        uring_send(r, request, URING_WORKER, 0, 0);
    return 0;
}

/* What is behind `req` differs between kernels; the result stands in the request in all of them. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_uring_complete, void *ctx_, void *req)
{
    struct io_kiocb *kiocb = (struct io_kiocb *)req;
    __u64 request = (__u64)req;
    struct uring_socket *s;
    struct uring_request *r;
    __u64 *slot;

    r = bpf_map_lookup_elem(&uring_requests, &request);
    if (!r || r->ring != (__u64)BPF_CORE_READ(kiocb, ctx))
        return 0;
    uring_send(r, request, URING_COMPLETE, 0, BPF_CORE_READ(kiocb, cqe.res));
    s = r->obj >> 56 == OBJECT_SOCKET ? bpf_map_lookup_elem(&uring_sockets, &r->obj) : NULL;
    slot = s ? socket_slot(s, r->opcode) : NULL;
    if (slot && *slot == request)
        *slot = 0;
    bpf_map_delete_elem(&uring_requests, &request);
    return 0;
}

/*
 * A receive or send of this socket is under way in io_uring: then what happens to the socket now is
 * its doing, in whatever thread; two at a time in one direction would mix their bytes. 0: none.
 */
static __always_inline __u64 uring_of(__u64 obj, bool receives)
{
    struct uring_socket *s = uring_used ? bpf_map_lookup_elem(&uring_sockets, &obj) : NULL;

    if (!s)
        return 0;
    return receives ? s->receive : s->send;
}

/* A buffer that the kernel chose among those the program provided (IOSQE_BUFFER_SELECT), where the
 * request itself has none: newer kernels keep it in the message alone. */
static __always_inline __u64 chosen_buffer(struct io_kiocb *req)
{
    struct io_async_msghdr *async = BPF_CORE_READ(req, async_data);

    if (!async || !bpf_core_field_exists(async->msg.msg_iter.ubuf) ||
        BPF_CORE_READ(async, msg.msg_iter.iter_type) !=
            bpf_core_enum_value(enum iter_type, ITER_UBUF))
        return 0;
    return (__u64)BPF_CORE_READ(async, msg.msg_iter.ubuf);
}

/*
 * Where the bytes of such a request are in user memory; 0: not known. The request's first bytes are
 * the operation's own struct: io_uring/net.c, io_uring/rw.c. current has the submitter's memory,
 * be it the submitter or one of the ring's threads.
 */
static __always_inline __u64 uring_buffer(__u64 request)
{
    struct uring_request *r = bpf_map_lookup_elem(&uring_requests, &request);
    struct io_sr_msg *msg = (struct io_sr_msg *)request;
    struct io_rw *rw = (struct io_rw *)request;
    __u64 iov = 0, base = 0;

    if (!r)
        return 0;
    switch (r->opcode) {
    case IORING_OP_SEND:
    case IORING_OP_SEND_ZC:
    case IORING_OP_RECV:
        base = (__u64)BPF_CORE_READ(msg, buf);
        return base ? base : chosen_buffer((struct io_kiocb *)request);
    case IORING_OP_READ:
    case IORING_OP_WRITE:
    case IORING_OP_READ_FIXED:
    case IORING_OP_WRITE_FIXED:
    case IORING_OP_READ_MULTISHOT:
        return BPF_CORE_READ(rw, addr);
    case IORING_OP_READV:
    case IORING_OP_WRITEV:
        iov = BPF_CORE_READ(rw, addr);
        break;
    case IORING_OP_SENDMSG:
    case IORING_OP_SENDMSG_ZC:
    case IORING_OP_RECVMSG:
        /* msg_iov stands at byte 16 of struct user_msghdr on 64-bit machines */
        if (bpf_probe_read_user(&iov, sizeof(iov), (void *)((__u64)BPF_CORE_READ(msg, umsg) + 16)))
            return 0;
        break;
    default:
        return 0;
    }
    if (!iov || bpf_probe_read_user(&base, sizeof(base), (void *)iov))
        return 0;
    return base;
}

#endif
