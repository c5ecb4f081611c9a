#include "record/probes.h"

#include "bpf/events.h"
#include "bpf/shared.h"
#include "bpf/waitscope.skel.h"
#include "record/rings.h"
#include "record/uprobes.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PROBES_MAX 32

struct probes {
    struct waitscope_bpf *skel;
    struct ring_buffer *ring;
    struct rings *rings; /* NULL: everything goes through the one above */
    int (*take)(void *ctx, const struct event *ev);
    void *take_ctx;
    int cpus;
    enum uprobes_kind uprobes;
    struct probe_loss *loss_now;     /* one for each CPU */
    uint64_t loss_seen[EVENT_KINDS]; /* counts that were reported */
    const char *names[PROBES_MAX + 1];
};

/* The first of libbpf's own warnings: it explains what libbpf returns only a number for. */
static char libbpf_words[256];

static int libbpf_print(enum libbpf_print_level level, const char *format, va_list ap)
{
    char line[256];

    if (level != LIBBPF_WARN)
        return 0;
    vsnprintf(line, sizeof(line), format, ap);
    line[strcspn(line, "\n")] = '\0';
    /* The first complaint is about the cause, later ones about what followed. */
    if (!libbpf_words[0] && !strstr(line, "RLIMIT"))
        snprintf(libbpf_words, sizeof(libbpf_words), "%s", line);
    return 0;
}

static int load_failed(struct err *e, int code)
{
    if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
        err_set(e, code, "load the probes: the kernel has no BTF (/sys/kernel/btf/vmlinux)");
        err_hint(e, "a kernel built with CONFIG_DEBUG_INFO_BTF=y is needed: waitscope doctor");
        err_exit_code(e, EXIT_KERNEL);
        return code;
    }
    if (code == -EPERM) { /* EACCES is the verifier's no */
        err_set(e, code, "load the probes: not permitted");
        err_hint(e, "run it as root: sudo waitscope record …, or see waitscope doctor");
        err_exit_code(e, EXIT_PERMISSION);
        return code;
    }
    if (code == -ENOMEM) {
        err_set(e, code, "load the probes: out of memory");
        return code;
    }
    err_set(e, code, "load the probes: %s%s%s", strerror(-code), libbpf_words[0] ? ": " : "",
            libbpf_words);
    err_hint(e, "waitscope doctor says what works on this kernel");
    err_exit_code(e, EXIT_KERNEL);
    return code;
}

static int ring_take(void *ctx, void *data, size_t size)
{
    struct probes *p = ctx;
    const struct event *ev = data;
    int ret = 0;

    if (size < sizeof(*ev) || ev->size > size)
        return 0;
    if (p->rings)
        ret = rings_take(p->rings, ev->time_ns, p->take, p->take_ctx);
    return ret < 0 ? ret : p->take(p->take_ctx, ev);
}

/* On a kernel that preempts probes a CPU's ring would have several writers at a time. */
static bool kernel_preempts_probes(void)
{
    struct utsname u;

    return uname(&u) || strstr(u.version, "PREEMPT_RT");
}

/* Before the load: a ring for each CPU. */
static int rings_prepare(struct probes *p)
{
    size_t size = rings_size(p->cpus);
    int ret;

    if (kernel_preempts_probes())
        return 0;
    p->skel->rodata->cpu_rings = true;
    p->skel->rodata->ring_mask = (uint32_t)size - 1;
    ret = bpf_map__set_max_entries(p->skel->maps.rings, (uint32_t)p->cpus);
    if (!ret)
        ret = bpf_map__set_value_size(p->skel->maps.rings, (uint32_t)rings_value_size(size));
    return ret;
}

/* Tracepoints that not every kernel has: io_uring's are there with CONFIG_IO_URING only, and one
 * of them under one name or the other. */
static void probes_choose(struct waitscope_bpf *skel)
{
    struct btf *btf = btf__load_vmlinux_btf();
    struct bpf_program *prog;

    if (!btf) /* load will say so */
        return;
    bpf_object__for_each_program(prog, skel->obj)
    {
        const char *section = bpf_program__section_name(prog);
        char name[80];

        if (strncmp(section, "tp_btf/io_uring_", 16) != 0)
            continue;
        snprintf(name, sizeof(name), "btf_trace_%s", section + 7);
        if (btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF) < 0)
            bpf_program__set_autoload(prog, false);
    }
    btf__free(btf);
}

int probes_new(struct probes **out, struct err *e)
{
    struct probes *p = calloc(1, sizeof(*p));
    int ret;

    if (!p)
        return err_errno(e, -ENOMEM, "load the probes");
    libbpf_words[0] = '\0';
    libbpf_set_print(libbpf_print);
    p->cpus = libbpf_num_possible_cpus();
    if (p->cpus < 1)
        p->cpus = 1;
    p->loss_now = calloc((size_t)p->cpus, sizeof(*p->loss_now));
    p->skel = p->loss_now ? waitscope_bpf__open() : NULL;
    if (!p->skel) {
        ret = load_failed(e, p->loss_now ? -errno : -ENOMEM);
        goto fail;
    }
    probes_choose(p->skel);
    p->uprobes = uprobes_supported();
    uprobes_prepare(p->skel->progs.on_work, p->uprobes);
    ret = rings_prepare(p);
    if (!ret)
        ret = waitscope_bpf__load(p->skel);
    if (ret) {
        load_failed(e, ret);
        goto fail;
    }
    p->ring = ring_buffer__new(bpf_map__fd(p->skel->maps.ring), ring_take, p, NULL);
    if (!p->ring) {
        ret = err_errno(e, -errno, "map the ring buffer");
        goto fail;
    }
    if (p->skel->rodata->cpu_rings)
        ret = rings_new(&p->rings, bpf_map__fd(p->skel->maps.rings), p->cpus, rings_size(p->cpus));
    if (ret) {
        err_errno(e, ret, "map the CPUs' rings");
        goto fail;
    }
    *out = p;
    return 0;
fail:
    probes_free(p);
    return ret;
}

int probes_target(struct probes *p, uint32_t pid, struct err *e)
{
    uint8_t one = 1;
    int ret =
        bpf_map__update_elem(p->skel->maps.targets, &pid, sizeof(pid), &one, sizeof(one), BPF_ANY);

    return ret ? err_errno(e, ret, "add process %u", pid) : 0;
}

/* tp_btf programs are attached here; the iterators run when a snapshot is taken. */
int probes_attach(struct probes *p, struct err *e)
{
    struct bpf_program *prog;
    size_t n = 0;

    bpf_object__for_each_program(prog, p->skel->obj)
    {
        const char *section = bpf_program__section_name(prog);

        if (strncmp(section, "tp_btf/", 7) != 0 || !bpf_program__autoload(prog))
            continue;
        if (n < PROBES_MAX)
            p->names[n++] = section + 7;
    }
    bpf_program__set_autoattach(p->skel->progs.on_task, false);
    bpf_program__set_autoattach(p->skel->progs.on_task_file, false);
    int ret = waitscope_bpf__attach(p->skel);

    return ret ? load_failed(e, ret) : 0;
}

int probes_hook(struct probes *p, struct uprobes **out, uint32_t pid, int fd,
                const uint64_t *offsets, const uint64_t *cookies, size_t count, uint64_t counter)
{
    return uprobes_attach(out, p->skel->progs.on_work, p->uprobes, pid, fd, offsets, cookies, count,
                          counter);
}

/* Runs an iterator over the whole system by reading its (empty) text. */
static int iterate(struct bpf_program *prog, struct err *e)
{
    struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
    char text[64];
    int ret = 0, fd;
    ssize_t n;

    if (!link)
        return load_failed(e, -errno);
    fd = bpf_iter_create(bpf_link__fd(link));
    if (fd < 0) {
        ret = load_failed(e, -errno);
        goto out;
    }
    do
        n = read(fd, text, sizeof(text));
    while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
    if (n < 0)
        ret = err_errno(e, -errno, "walk the threads");
    close(fd);
out:
    bpf_link__destroy(link);
    return ret;
}

int probes_snapshot(struct probes *p, unsigned phase, struct err *e)
{
    uint32_t before;
    int ret;

    p->skel->bss->phase = (uint8_t)phase;
    ret = iterate(p->skel->progs.on_task, e);
    if (ret || phase != THREAD_AT_ATTACH)
        return ret;
    /* A thread that was made while the walk went by, by one that was not traced yet, is missing:
     * walk again until there is nothing new. */
    for (int i = 0; i < 8; i++) {
        before = p->skel->bss->alive;
        ret = iterate(p->skel->progs.on_task, e);
        if (ret)
            return ret;
        if (p->skel->bss->alive <= before)
            break;
    }
    return iterate(p->skel->progs.on_task_file, e);
}

int probes_drain(struct probes *p, int (*take)(void *ctx, const struct event *ev), void *ctx,
                 unsigned *fill)
{
    unsigned full = 0;
    int ret;

    p->take = take;
    p->take_ctx = ctx;
    /* In this order: what a record in a CPU's ring rests on was in the shared one before it. */
    if (p->rings)
        rings_begin(p->rings);
    ret = ring_buffer__consume(p->ring);
    if (p->rings) {
        if (ret >= 0)
            ret = rings_take(p->rings, UINT64_MAX, take, ctx);
        full = rings_end(p->rings);
    }
    if (fill)
        *fill = full;
    return ret < 0 ? ret : 0;
}

size_t probes_losses(struct probes *p, uint64_t since_ns, struct capture_loss *out, size_t max)
{
    size_t n = 0;

    for (uint32_t kind = 0; kind < EVENT_KINDS && n < max; kind++) {
        uint64_t count = 0, last = 0, first = 0;

        if (bpf_map__lookup_elem(p->skel->maps.losses, &kind, sizeof(kind), p->loss_now,
                                 (size_t)p->cpus * sizeof(*p->loss_now), 0))
            continue;
        for (int cpu = 0; cpu < p->cpus; cpu++) {
            const struct probe_loss *l = &p->loss_now[cpu];

            count += l->count;
            if (l->last_ns > last)
                last = l->last_ns;
            if (l->count && (!first || l->first_ns < first))
                first = l->first_ns;
        }
        if (count == p->loss_seen[kind])
            continue;
        /* The first loss ever has its own time; a later one lies behind the last look. */
        out[n].start_ns = p->loss_seen[kind] || first < since_ns ? since_ns : first;
        out[n].end_ns = last > out[n].start_ns ? last : out[n].start_ns;
        out[n].count = count - p->loss_seen[kind];
        out[n].kind = kind;
        out[n].pad = 0;
        p->loss_seen[kind] = count;
        n++;
    }
    return n;
}

void probes_describe_again(struct probes *p, const uint64_t *objects, size_t count)
{
    uint8_t round = p->skel->data->announce_round;
    bool sockets = false;

    for (size_t i = 0; i < count; i++) {
        /* It may have fallen out by itself. */
        (void)bpf_map__delete_elem(p->skel->maps.described, &objects[i], sizeof(objects[i]), 0);
        sockets = sockets || OBJECT_CLASS(objects[i]) == OBJECT_SOCKET;
    }
    if (sockets)
        p->skel->data->announce_round = round == UINT8_MAX ? 1 : (uint8_t)(round + 1);
}

uint32_t probes_alive(const struct probes *p)
{
    return p->skel->bss->alive;
}

size_t probes_runs(const struct probes *p, struct capture_program *out, size_t max)
{
    struct bpf_program *prog;
    size_t n = 0;

    bpf_object__for_each_program(prog, p->skel->obj)
    {
        struct bpf_prog_info info;
        uint32_t size = sizeof(info);

        memset(&info, 0, sizeof(info));
        if (n == max || bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
            continue;
        memset(&out[n], 0, sizeof(out[n]));
        snprintf(out[n].name, sizeof(out[n].name), "%s", bpf_program__name(prog));
        out[n].runs = info.run_cnt;
        out[n].run_ns = info.run_time_ns;
        n++;
    }
    return n;
}

const char *const *probes_names(const struct probes *p)
{
    return p->names;
}

void probes_free(struct probes *p)
{
    if (!p)
        return;
    ring_buffer__free(p->ring);
    rings_free(p->rings);
    waitscope_bpf__destroy(p->skel);
    free(p->loss_now);
    free(p);
}
