/*
 * objects: what a descriptor or a path argument stands for. A wait carries the object's number;
 * the first time a number is met, a record describes it. This happens while the thread waits, so
 * a file that is closed or unlinked a millisecond later still has its path.
 */
#ifndef BPF_OBJECTS_BPF_H
#define BPF_OBJECTS_BPF_H

#include "bpf/state.bpf.h"

static __always_inline bool is_described(__u64 obj)
{
    return bpf_map_lookup_elem(&described, &obj) != NULL;
}

/* `known`: one that needs no look. */
static __always_inline bool is_new(__u64 obj, __u64 known)
{
    return obj != known && !is_described(obj);
}

static __always_inline void set_described(__u64 obj)
{
    __u8 one = 1;

    bpf_map_update_elem(&described, &obj, &one, BPF_ANY);
}

static __always_inline struct path_room *path_room(__u32 which)
{
    return bpf_map_lookup_elem(&rooms, &which);
}

static __always_inline void send_path(struct path_room *room, __u32 len, __u64 now)
{
    __u64 size;

    room->file.path_len = len;
    size = sizeof(room->file) + ((len + 7) & ~7u);
    if (size > sizeof(room->file) + FILE_PATH_MAX)
        size = sizeof(room->file) + FILE_PATH_MAX;
    room->file.event.kind = EVENT_FILE;
    room->file.event.size = size;
    room->file.event.tid = (__u32)bpf_get_current_pid_tgid();
    room->file.event.time_ns = now;
    if (bpf_ringbuf_output(&ring, room, size, BPF_RB_NO_WAKEUP))
        count_loss(EVENT_FILE, now);
    else
        set_described(room->file.obj);
}

/*
 * The path of a file, walked from its dentry to the root through the mounts (as the kernel's
 * prepend_path() does in fs/d_path.c, without its locks: a rename in between may mix two paths).
 * Written last component first. bpf_d_path() is not allowed in these probes.
 */
static __noinline __u32 walk_path(struct path_room *room, __u64 file_address)
{
    struct file *file = (struct file *)file_address;
    struct vfsmount *mnt = BPF_CORE_READ(file, f_path.mnt);
    struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
    __u32 pos = 0;

    for (int i = 0; i < 40; i++) {
        struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
        long n;

        if (dentry == BPF_CORE_READ(mnt, mnt_root)) {
            struct mount *m = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
            struct mount *above = BPF_CORE_READ(m, mnt_parent);

            if (m == above)
                return pos;
            dentry = BPF_CORE_READ(m, mnt_mountpoint);
            mnt = (void *)above + bpf_core_field_offset(struct mount, mnt);
            continue;
        }
        if (dentry == parent)
            return pos;
        if (pos >= FILE_PATH_MAX - 1)
            break;
        n = bpf_probe_read_kernel_str(&room->path[pos & (FILE_PATH_MAX - 1)], 256,
                                      BPF_CORE_READ(dentry, d_name.name));
        if (n <= 0)
            break;
        pos += n;
        dentry = parent;
    }
    room->file.flags |= FILE_CUT;
    return pos < FILE_PATH_MAX ? pos : FILE_PATH_MAX;
}

static __noinline int describe_file(__u64 file_address, __u64 obj, __u32 which)
{
    struct file *file = (struct file *)file_address;
    struct path_room *room = path_room(which);
    struct inode *inode;
    __u32 len;

    if (!room)
        return 0;
    inode = BPF_CORE_READ(file, f_inode);
    room->file.obj = obj;
    room->file.ino = BPF_CORE_READ(inode, i_ino);
    room->file.dev = BPF_CORE_READ(inode, i_sb, s_dev);
    room->file.mode = BPF_CORE_READ(inode, i_mode);
    room->file.flags = BPF_CORE_READ(inode, i_nlink) ? 0 : FILE_DELETED;
    room->file.pad = 0;
    len = walk_path(room, file_address);
    if (len > FILE_PATH_MAX) {
        len = FILE_PATH_MAX;
        room->file.flags |= FILE_CUT;
    }
    send_path(room, len, bpf_ktime_get_ns());
    return 0;
}

static __noinline int describe_anon(__u64 file_address, __u64 obj, __u64 ino, bool pipe)
{
    struct file *file = (struct file *)file_address;
    __u64 now = bpf_ktime_get_ns();
    struct event_anon *a;

    a = reserve(EVENT_ANON, sizeof(*a), (__u32)bpf_get_current_pid_tgid(), now);
    if (!a)
        return 0;
    a->obj = obj;
    a->ino = ino;
    __builtin_memset(a->name, 0, sizeof(a->name));
    if (pipe)
        __builtin_memcpy(a->name, "pipe", 5);
    else
        bpf_probe_read_kernel_str(a->name, sizeof(a->name),
                                  BPF_CORE_READ(file, f_path.dentry, d_name.name));
    submit(a);
    set_described(obj);
    return 0;
}

static __always_inline void fill_addresses(struct event_socket *s, struct sock *sk)
{
    __builtin_memset(s->local, 0, sizeof(s->local));
    __builtin_memset(s->remote, 0, sizeof(s->remote));
    if (s->family == AF_INET) {
        BPF_CORE_READ_INTO((__u32 *)s->local, sk, __sk_common.skc_rcv_saddr);
        BPF_CORE_READ_INTO((__u32 *)s->remote, sk, __sk_common.skc_daddr);
    } else if (s->family == AF_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_rcv_saddr)) {
        BPF_CORE_READ_INTO((struct in6_addr *)s->local, sk, __sk_common.skc_v6_rcv_saddr);
        BPF_CORE_READ_INTO((struct in6_addr *)s->remote, sk, __sk_common.skc_v6_daddr);
    }
}

/* Sends EVENT_SOCKET for the socket as it stands. */
static __noinline int describe_socket(__u64 sk_address, __u64 obj, __u64 established_ns, __u8 role)
{
    struct sock *sk = (struct sock *)sk_address;
    __u64 now = bpf_ktime_get_ns();
    struct event_socket *s;

    s = reserve(EVENT_SOCKET, sizeof(*s), (__u32)bpf_get_current_pid_tgid(), now);
    if (!s)
        return 0;
    s->obj = obj;
    s->established_ns = established_ns;
    s->family = BPF_CORE_READ(sk, __sk_common.skc_family);
    s->type = BPF_CORE_READ(sk, sk_type);
    s->role = role;
    s->state = BPF_CORE_READ(sk, __sk_common.skc_state);
    s->local_port = 0;
    s->remote_port = 0;
    __builtin_memset(s->pad, 0, sizeof(s->pad));
    if (s->family == AF_INET || s->family == AF_INET6) {
        s->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
        s->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
    }
    fill_addresses(s, sk);
    submit(s);
    set_described(obj);
    return 1;
}

/*
 * A unix socket that was accepted has its listener's address, the very same struct, and its peer
 * has none unless it was bound (unix_stream_connect() in net/unix/af_unix.c); of a socketpair
 * neither end has one. So addresses tell which end is whose. A client that is bound as well: not
 * known, for nothing tells the two ends apart then.
 */
static __always_inline __u64 unix_address(struct sock *sk)
{
    if (!bpf_core_type_exists(struct unix_sock)) /* a module */
        return 0;
    return (__u64)BPF_CORE_READ((struct unix_sock *)sk, addr);
}

static __always_inline __u64 unix_peer_address(struct sock *sk)
{
    struct sock *peer;

    if (!bpf_core_type_exists(struct unix_sock))
        return 0;
    peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
    return peer ? unix_address(peer) : 0;
}

static __always_inline __u8 unix_role(struct sock *sk)
{
    __u64 own, peer;

    if (BPF_CORE_READ(sk, sk_type) != SOCK_STREAM)
        return ROLE_UNKNOWN;
    if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
        return ROLE_LISTENER;
    own = unix_address(sk);
    peer = unix_peer_address(sk);
    if (!own == !peer || BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_ESTABLISHED)
        return ROLE_UNKNOWN;
    return own ? ROLE_ACCEPTED : ROLE_CONNECTED;
}

/* New connections to where this socket is bound are the target's from now on. */
static __always_inline void unix_listener_add(struct sock *sk)
{
    __u64 address = unix_address(sk);
    __u8 one = 1;

    bpf_map_update_elem(&unix_listeners, &address, &one, BPF_ANY);
    unix_known = 1;
}

/* Sends EVENT_FILE with the name that the socket or its peer is bound to. */
static __noinline int describe_unix(__u64 sk_address, __u64 obj, __u32 which)
{
    struct sock *sk = (struct sock *)sk_address;
    struct path_room *room = path_room(which);
    struct unix_address *address;
    __u32 len;

    if (!room || !bpf_core_type_exists(struct unix_address))
        return 0;
    address = (struct unix_address *)unix_address(sk);
    if (!address)
        address = (struct unix_address *)unix_peer_address(sk);
    if (!address)
        return 0;
    len = (__u32)BPF_CORE_READ(address, len) - sizeof(__u16);
    if (len > sizeof(((struct sockaddr_un *)0)->sun_path))
        return 0;
    barrier_var(len);
    if (bpf_probe_read_kernel(room->path, len & 127,
                              (void *)address + bpf_core_field_offset(struct unix_address, name) +
                                  sizeof(__u16)))
        return 0;
    if (!room->path[0]) /* abstract: shown as ss(8) and others do */
        room->path[0] = '@';
    room->file.obj = obj;
    room->file.ino = 0;
    room->file.dev = 0;
    room->file.mode = S_IFSOCK;
    room->file.flags = FILE_ARGUMENT;
    room->file.pad = 0;
    send_path(room, len, bpf_ktime_get_ns());
    return 0;
}

static __always_inline __u64 socket_object(struct sock *sk)
{
    __u64 cookie = AT(struct sock, sk)->__sk_common.skc_cookie.counter;

    /* Sockets that carried bytes have a cookie. One that has none yet is known by its address,
     * marked by a bit that no cookie reaches. */
    if (!cookie)
        cookie = 1ull << 55 | (mix(0, (__u64)sk) >> 9);
    return object_id(OBJECT_SOCKET, cookie);
}

/* A socket that no probe of sockets has met yet. */
static __noinline int describe_new_socket(__u64 sk_address, __u64 obj, __u32 which)
{
    struct sock *sk = (struct sock *)sk_address;
    bool listens = BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN;

    if (BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX) {
        describe_socket(sk_address, obj, 0, listens ? ROLE_LISTENER : ROLE_UNKNOWN);
        return 0;
    }
    if (listens)
        unix_listener_add(sk);
    describe_socket(sk_address, obj, 0, unix_role(sk));
    describe_unix(sk_address, obj, which);
    return 0;
}

/* The object behind an open file; described when it is new, which `known` is not. `which`: enum of
 * path rooms. */
__noinline __u64 file_object(__u64 file_address, __u64 known, __u32 which)
{
    struct file *file = AT(struct file, file_address);
    struct inode *inode = file->f_inode;
    unsigned short mode = inode->i_mode;
    unsigned long magic, ino;
    __u64 obj, h;

    if ((mode & S_IFMT) == S_IFSOCK) {
        __u64 sk = (__u64)BPF_CORE_READ(AT(struct socket, file->private_data), sk);

        if (!sk)
            return 0;
        obj = socket_object((struct sock *)sk);
        if (is_new(obj, known))
            describe_new_socket(sk, obj, which);
        return obj;
    }
    magic = inode->i_sb->s_magic;
    ino = inode->i_ino;
    if (magic == ANON_INODE_FS_MAGIC || magic == PIPEFS_MAGIC) {
        h = mix(0, ino);
        if (magic == ANON_INODE_FS_MAGIC)
            h = mix(mix(h, file_address), (__u64)file->private_data);
        obj = object_id(OBJECT_ANON, h);
        if (is_new(obj, known))
            describe_anon(file_address, obj, ino, magic == PIPEFS_MAGIC);
        return obj;
    }
    /* The dentry with its name's hash stands for the path, the rest for the file. */
    h = mix(0, ino);
    h = mix(h, (__u64)inode->i_sb->s_dev << 32 | inode->i_generation);
    h = mix(h, (__u64)BPF_CORE_READ(file, f_path.dentry)); /* read so, it is a number */
    h = mix(h, file->f_path.dentry->d_name.hash_len);
    obj = object_id(OBJECT_FILE, h);
    if (is_new(obj, known))
        describe_file(file_address, obj, which);
    return obj;
}

static __always_inline __u64 fd_file(struct task_struct *task, __s32 fd)
{
    struct fdtable *fdt = AT(struct task_struct, task)->files->fdt;
    __u64 file = 0;

    if (fd < 0 || (__u32)fd >= fdt->max_fds)
        return 0;
    if (bpf_probe_read_kernel(&file, sizeof(file), fdt->fd + fd))
        return 0;
    return file;
}

static __always_inline __u64 fd_object(struct task_struct *task, __s32 fd, __u64 known, __u32 which)
{
    __u64 file = fd_file(task, fd);

    return file ? file_object(file, known, which) : 0;
}

/*
 * The path that a call was given, from the memory of the current thread. The kernel has read it
 * already, so it is in memory, unless somebody swaps: then the wait has no object.
 */
__noinline __u64 path_object(__u64 address, __u32 which)
{
    struct path_room *room = path_room(which);
    __u64 obj, h;
    long n;

    if (!room)
        return 0;
    n = bpf_probe_read_user_str(room->path, FILE_PATH_MAX, (void *)address);
    if (n <= 1 || n > FILE_PATH_MAX)
        return 0;
    h = mix(0, n);
    for (int i = 0; i < FILE_PATH_MAX / 8; i++) {
        __u64 word;

        if (i * 8 >= n)
            break;
        word = *(__u64 *)&room->path[i * 8];
        if (n - i * 8 < 8)
            word &= (1ull << ((n - i * 8) * 8)) - 1;
        h = mix(h, word);
    }
    obj = object_id(OBJECT_PATH, h);
    if (is_described(obj))
        return obj;
    room->file.obj = obj;
    room->file.ino = 0;
    room->file.dev = 0;
    room->file.mode = 0;
    room->file.pad = 0;
    room->file.flags = FILE_ARGUMENT | (n == FILE_PATH_MAX ? FILE_CUT : 0);
    send_path(room, n - 1, bpf_ktime_get_ns());
    return obj;
}

#endif
