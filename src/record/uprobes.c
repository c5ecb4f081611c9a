#include "record/uprobes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* include/uapi/linux/bpf.h of Linux 6.6, which Debian 12's headers and libbpf do not have. */
#define TRACE_UPROBE_MULTI 48

struct link_create_multi {
    uint32_t prog_fd;
    uint32_t target_fd;
    uint32_t attach_type;
    uint32_t flags;
    uint64_t path;
    uint64_t offsets;
    uint64_t ref_ctr_offsets;
    uint64_t cookies;
    uint32_t count;
    uint32_t multi_flags;
    uint32_t pid;
    uint32_t pad;
};

struct single {
    struct bpf_link *link;
};

struct uprobes {
    int fd; /* of the one link; -1: there are several */
    size_t count;
    struct single singles[];
};

static int link_multi(int prog_fd, const char *path, uint32_t pid, const uint64_t *offsets,
                      const uint64_t *cookies, const uint64_t *counters, size_t count)
{
    struct link_create_multi attr = {
        .prog_fd = (uint32_t)prog_fd,
        .attach_type = TRACE_UPROBE_MULTI,
        .path = (uint64_t)(uintptr_t)path,
        .offsets = (uint64_t)(uintptr_t)offsets,
        .cookies = (uint64_t)(uintptr_t)cookies,
        .ref_ctr_offsets = (uint64_t)(uintptr_t)counters,
        .count = (uint32_t)count,
        .pid = pid,
    };
    /* The kernel takes what lies behind its own struct for zeros only; pad is one. */
    long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

    return fd < 0 ? -errno : (int)fd;
}

/*
 * A folder cannot be probed: EBADF, when the kernel has come so far as to look at it. Kernels that
 * take a process number below 0 for a process that does not exist (ESRCH), before 6.10, take a
 * thread where a process is meant.
 */
static bool has_multi(int prog_fd)
{
    uint64_t offset = 0;

    return link_multi(prog_fd, "/", 0, &offset, NULL, NULL, 1) == -EBADF &&
           link_multi(prog_fd, "/", (uint32_t)-1, &offset, NULL, NULL, 1) == -EINVAL;
}

enum uprobes_kind uprobes_supported(void)
{
    struct bpf_insn leave[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
        {.code = BPF_JMP | BPF_EXIT},
    };
    struct bpf_prog_load_opts opts = {.sz = sizeof(opts)};
    enum uprobes_kind kind = UPROBES_NONE;
    int fd;

    opts.expected_attach_type = (enum bpf_attach_type)TRACE_UPROBE_MULTI;
    fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", leave, 2, &opts);
    if (fd >= 0) {
        kind = has_multi(fd) ? UPROBES_MULTI : UPROBES_NONE;
        close(fd);
    }
    if (kind == UPROBES_NONE) {
        opts.expected_attach_type = (enum bpf_attach_type)0;
        fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", leave, 2, &opts);
        if (fd >= 0) {
            kind = UPROBES_SINGLE;
            close(fd);
        }
    }
    return kind;
}

void uprobes_prepare(struct bpf_program *prog, enum uprobes_kind kind)
{
    bpf_program__set_autoload(prog, kind != UPROBES_NONE);
    bpf_program__set_autoattach(prog, false);
    if (kind == UPROBES_MULTI)
        bpf_program__set_expected_attach_type(prog, (enum bpf_attach_type)TRACE_UPROBE_MULTI);
}

static int attach_single(struct uprobes *u, struct bpf_program *prog, uint32_t pid,
                         const char *path, const uint64_t *offsets, const uint64_t *cookies,
                         size_t count, uint64_t counter)
{
    for (; u->count < count; u->count++) {
        struct bpf_uprobe_opts opts = {
            .sz = sizeof(opts), .bpf_cookie = cookies[u->count], .ref_ctr_offset = counter};

        u->singles[u->count].link =
            bpf_program__attach_uprobe_opts(prog, (pid_t)pid, path, offsets[u->count], &opts);
        if (!u->singles[u->count].link)
            return -errno;
    }
    return 0;
}

int uprobes_attach(struct uprobes **out, struct bpf_program *prog, enum uprobes_kind kind,
                   uint32_t pid, int fd, const uint64_t *offsets, const uint64_t *cookies,
                   size_t count, uint64_t counter)
{
    uint64_t counters[UPROBES_MAX];
    struct uprobes *u;
    char path[32];
    int ret = 0;

    if (kind == UPROBES_NONE)
        return -EOPNOTSUPP;
    if (count > UPROBES_MAX)
        return -E2BIG;
    for (size_t i = 0; i < count; i++)
        counters[i] = counter;
    u = calloc(1, sizeof(*u) + count * sizeof(u->singles[0]));
    if (!u)
        return -ENOMEM;
    u->fd = -1;
    /* The very file that was read, whatever its path leads to by now. */
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (kind == UPROBES_MULTI) {
        u->fd = link_multi(bpf_program__fd(prog), path, pid, offsets, cookies,
                           counter ? counters : NULL, count);
        ret = u->fd < 0 ? u->fd : 0;
    } else {
        ret = attach_single(u, prog, pid, path, offsets, cookies, count, counter);
    }
    if (ret) {
        uprobes_detach(u);
        return ret;
    }
    *out = u;
    return 0;
}

void uprobes_detach(struct uprobes *u)
{
    if (!u)
        return;
    if (u->fd >= 0)
        close(u->fd);
    for (size_t i = 0; i < u->count; i++)
        bpf_link__destroy(u->singles[i].link);
    free(u);
}
