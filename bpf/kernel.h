/*
 * kernel: the few kernel structs and constants the probes look into, by hand. Each struct holds
 * only the fields that are read; CO-RE relocates them to the running kernel's layout, so order
 * and size here mean nothing. Names are the kernel's, from the file named above each.
 */
#ifndef BPF_KERNEL_H
#define BPF_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>

typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __s32 int32_t;
typedef __s64 int64_t;
typedef _Bool bool;
typedef __u32 dev_t; /* the kernel's own, not user space's */

#define true 1
#define false 0
#define NULL ((void *)0)

/*
 * A number that is the address of a kernel struct, as a pointer through which it is read without
 * a call for each field. What is not there reads as 0. kernel/bpf/helpers.c, since 6.2; the probes
 * of sockets need 6.3. Of a trusted pointer, as a probe's arguments are, it makes a plain one: the
 * verifier takes a millisecond for each pointer that is read through a trusted one, to look through
 * all of the kernel's types for one that says whether that is trusted too.
 */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __attribute__((section(".ksyms")));
#define AT(type, address) \
    ((type *)bpf_rdonly_cast((const void *)(address), bpf_core_type_id_kernel(type)))

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define MSG_PEEK 2
#define MSG_DONTWAIT 0x40 /* the kernel sets it for a socket with O_NONBLOCK too */

/* include/net/tcp_states.h */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_LISTEN 10

/* include/linux/sched.h: the bits of task_struct.__state */
#define TASK_INTERRUPTIBLE 0x1
#define TASK_UNINTERRUPTIBLE 0x2

/* include/linux/sched.h: task_struct.flags */
#define PF_IO_WORKER 0x10
#define PF_USER_WORKER 0x4000
#define PF_KTHREAD 0x200000

/* include/uapi/asm-generic/fcntl.h */
#define O_NONBLOCK 04000

/* include/uapi/linux/stat.h */
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFIFO 0010000

/* include/uapi/linux/magic.h */
#define ANON_INODE_FS_MAGIC 0x09041934
#define PIPEFS_MAGIC 0x50495045

/* A record with data[] at its end stands at the start of a buffer that holds the data too. */
#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* arch/x86/include/asm/ptrace.h, arch/arm64/include/asm/ptrace.h */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
    unsigned long orig_ax, ax, di, si, dx, r10;
    unsigned long bx, bp, r12, r13, r14, r15;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
    unsigned long long regs[31];
    unsigned long long orig_x0;
    int syscallno;
};
#else
#error "waitscope knows x86-64 and arm64"
#endif

/* include/linux/dcache.h */
struct qstr {
    union {
        struct {
            __u32 hash, len;
        };
        __u64 hash_len;
    };
    const unsigned char *name;
};

struct super_block {
    dev_t s_dev;
    unsigned long s_magic;
};

struct inode {
    unsigned short i_mode;
    struct super_block *i_sb;
    unsigned long i_ino;
    unsigned int i_nlink;
    __u32 i_generation;
};

struct dentry {
    struct dentry *d_parent;
    struct qstr d_name;
    struct inode *d_inode;
};

/* fs/mount.h */
struct vfsmount {
    struct dentry *mnt_root;
};

struct mount {
    struct mount *mnt_parent;
    struct dentry *mnt_mountpoint;
    struct vfsmount mnt;
};

struct path {
    struct vfsmount *mnt;
    struct dentry *dentry;
};

/* include/linux/fs.h */
struct file {
    void *private_data;
    unsigned int f_flags;
    struct inode *f_inode;
    struct path f_path;
};

/* include/linux/fdtable.h */
struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};

struct files_struct {
    struct fdtable *fdt;
};

/* kernel/sched/sched.h */
struct rq {
    __u64 clock;      /* the time the scheduler decided by */
    __u64 clock_task; /* the same without interrupts and stolen time, where those are accounted */
};

struct cfs_rq {
    struct rq *rq; /* with CONFIG_FAIR_GROUP_SCHED */
};

/* include/linux/sched.h */
struct sched_entity {
    __u64 sum_exec_runtime;
    struct cfs_rq *cfs_rq; /* with CONFIG_FAIR_GROUP_SCHED */
};

struct sched_info {
    unsigned long long run_delay;
    unsigned long long last_arrival; /* rq.clock when it last got the CPU */
    unsigned long long last_queued;  /* rq.clock when it began to want the CPU; 0: it has it */
};

struct thread_info {
    __u32 status;
    int preempt_count; /* arm64 */
};

/* include/linux/sched.h */
struct task_struct {
    struct thread_info thread_info;
    unsigned int __state;
    void *stack;
    unsigned int flags;
    int on_cpu;
    int pid, tgid;
    struct task_struct *real_parent;
    struct task_struct *group_leader;
    struct sched_entity se;
    struct sched_info sched_info;
    __u64 start_time;
    char comm[16];
    struct files_struct *files;
    int exit_code;
};

/* include/net/sock.h */
struct in6_addr {
    __u8 bytes[16];
};

struct sock_common {
    __be32 skc_daddr;
    __be32 skc_rcv_saddr;
    __be16 skc_dport;
    __u16 skc_num;
    unsigned short skc_family;
    volatile unsigned char skc_state;
    struct in6_addr skc_v6_daddr;
    struct in6_addr skc_v6_rcv_saddr;
    struct {
        __s64 counter;
    } skc_cookie;
};

struct sk_buff_head {
    __u32 qlen;
};

struct sock {
    struct sock_common __sk_common;
    struct sk_buff_head sk_receive_queue;
    __u32 sk_ack_backlog; /* a listener's: connections that wait to be accepted */
    __u16 sk_type;
    __u16 sk_protocol;
};

/* include/net/af_unix.h */
struct sockaddr_un {
    __u16 sun_family;
    char sun_path[108];
};

struct unix_address {
    int len; /* of sun_family and the name */
    struct sockaddr_un name[];
};

struct unix_sock {
    struct unix_address *addr; /* NULL: not bound */
    struct sock *peer;
};

struct tcp_sock {
    __u64 tcp_clock_cache; /* CLOCK_MONOTONIC in ns, read for the packet at hand */
    __u32 copied_seq;
    __u32 rcv_nxt;
    __u32 lsndtime; /* jiffies at the last bytes sent, at first at the connection's begin */
    __u64 bytes_sent, bytes_received;
};

/* include/net/inet_connection_sock.h */
struct inet_connection_sock {
    struct {
        __u32 lrcvtime; /* jiffies at the last bytes received, likewise */
    } icsk_ack;
};

struct socket {
    struct sock *sk;
};

/* include/linux/io_uring_types.h */
struct io_cqe {
    __u64 user_data;
    __s32 res;
    int fd;
};

struct io_rsrc_node {
    unsigned long file_ptr;
};

struct io_rsrc_data {
    unsigned int nr;
    struct io_rsrc_node **nodes;
};

struct io_file_table {
    struct io_rsrc_data data;
};

struct io_submit_state {
    unsigned short submit_nr; /* how many one call submits */
};

struct io_ring_ctx {
    unsigned int flags; /* IORING_SETUP_* */
    struct io_submit_state submit_state;
    struct io_file_table file_table;
};

/* The same before 6.13. */
struct io_fixed_file {
    unsigned long file_ptr;
};

struct io_file_table___old {
    struct io_fixed_file *files;
};

struct io_ring_ctx___old {
    struct io_file_table___old file_table;
    unsigned int nr_user_files;
};

struct io_kiocb {
    __u8 opcode;
    __u64 flags;
    struct io_cqe cqe;
    struct io_ring_ctx *ctx;
    void *async_data;
};

/* include/linux/uio.h, include/linux/socket.h */
enum iter_type { ITER_UBUF = 0 };

struct iov_iter {
    __u8 iter_type;
    void *ubuf;
};

struct msghdr {
    struct iov_iter msg_iter;
};

/* io_uring/net.h */
struct io_async_msghdr {
    struct msghdr msg;
};

/* io_uring/net.c, io_uring/rw.c: at the begin of struct io_kiocb */
struct io_sr_msg {
    void *umsg;
    void *buf;
};

struct io_rw {
    __u64 addr;
};

struct linux_binprm;
struct seq_file;

/* kernel/bpf/task_iter.c */
struct bpf_iter_meta {
    struct seq_file *seq;
};

struct bpf_iter__task {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
};

struct bpf_iter__task_file {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
    __u32 fd;
    struct file *file;
};

#pragma clang attribute pop

#endif
