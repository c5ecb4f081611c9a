#include "record/checks.h"

#include "base/err.h"
#include "record/probes.h"
#include "record/uprobes.h"

#include <bpf/btf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

struct checks {
    check_say say;
    void *ctx;
    int exit_code;
};

static void ok(struct checks *c, const char *what, const char *found)
{
    c->say(c->ctx, CHECK_OK, what, found, "");
}

static void fail(struct checks *c, int exit_code, const char *what, const char *found,
                 const char *mend)
{
    if (!c->exit_code)
        c->exit_code = exit_code;
    c->say(c->ctx, CHECK_FAIL, what, found, mend);
}

static void check_machine(struct checks *c)
{
    struct utsname u;
    char found[160];

    if (uname(&u) < 0)
        return;
    snprintf(found, sizeof(found), "Linux %.60s on %.40s", u.release, u.machine);
    if (strcmp(u.machine, "x86_64") != 0 && strcmp(u.machine, "aarch64") != 0)
        fail(c, EXIT_KERNEL, "machine", found, "waitscope knows x86-64 and arm64");
    else
        ok(c, "machine", found);
}

/* Effective capabilities of this process; 0 when they cannot be read. */
static uint64_t capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};

    if (syscall(SYS_capget, &header, data) < 0)
        return 0;
    return (uint64_t)data[1].effective << 32 | data[0].effective;
}

static void check_rights(struct checks *c)
{
    static const struct {
        int bit;
        const char *name;
    } needed[] = {{CAP_BPF, "CAP_BPF"}, {CAP_PERFMON, "CAP_PERFMON"}};
    uint64_t have = capabilities();
    char missing[128] = "";

    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
        /* CAP_SYS_ADMIN stands for both, as it did before they existed. */
        if (have & (1ull << needed[i].bit | 1ull << CAP_SYS_ADMIN))
            continue;
        snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), "%s%s",
                 missing[0] ? ", " : "missing: ", needed[i].name);
    }
    if (missing[0])
        fail(c, EXIT_PERMISSION, "rights", missing, "run it with sudo");
    else
        ok(c, "rights", geteuid() ? "by capabilities" : "root");
}

static struct btf *check_btf(struct checks *c)
{
    struct btf *btf = btf__load_vmlinux_btf();

    if (!btf) {
        fail(c, EXIT_KERNEL, "BTF", "the kernel gives no type information",
             "a kernel built with CONFIG_DEBUG_INFO_BTF=y (every current distribution's)");
        return NULL;
    }
    ok(c, "BTF", "/sys/kernel/btf/vmlinux");
    return btf;
}

static void check_tracepoints(struct checks *c, const struct btf *btf)
{
    static const char *const names[] = {
        "sched_switch",       "sched_waking",  "sched_process_fork", "sched_process_exec",
        "sched_process_exit", "task_rename",   "task_newtask",       "sock_recv_length",
        "sock_send_length",   "sk_data_ready", "inet_sock_set_state"};
    char type[64], missing[256] = "";

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(type, sizeof(type), "btf_trace_%s", names[i]);
        if (btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) < 0)
            snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), "%s%s",
                     missing[0] ? ", " : "missing: ", names[i]);
    }
    if (missing[0])
        fail(c, EXIT_KERNEL, "tracepoints", missing, "Linux 6.3 or newer has them all");
    else
        ok(c, "tracepoints", "scheduler, tasks, sockets");
}

/* The proof: everything loaded and attached as a recording does it, with no target. */
static void check_attach(struct checks *c)
{
    struct err e = {0};
    struct probes *p = NULL;

    if (probes_new(&p, &e) < 0 || probes_attach(p, &e) < 0 ||
        probes_snapshot(p, 1 /* THREAD_AT_END: marks nothing */, &e) < 0)
        fail(c, e.exit_code ? e.exit_code : EXIT_FAILED, "probes", e.text, e.hint);
    else
        ok(c, "probes", "loaded, attached and taken away again");
    probes_free(p);
}

/* Not needed, but what a loop hands to its workers is known only by them. */
static void check_uprobes(struct checks *c)
{
    if (uprobes_supported() == UPROBES_NONE)
        c->say(c->ctx, CHECK_WARN, "uprobes", "refused: a runtime's work cannot be listened to",
               "a kernel built with CONFIG_UPROBE_EVENTS=y");
    else
        ok(c, "uprobes", "for Node.js, Python and nginx, in the traced processes alone");
}

static void check_cost_counting(struct checks *c)
{
    FILE *f = fopen("/proc/sys/kernel/bpf_stats_enabled", "re");
    int on = f && fgetc(f) == '1';

    if (f)
        fclose(f);
    if (on)
        c->say(c->ctx, CHECK_WARN, "bpf_stats", "the kernel times every probe, some 30 ns a run",
               "sysctl kernel.bpf_stats_enabled=0, unless you measure");
}

int checks_run(check_say say, void *ctx)
{
    struct checks c = {.say = say, .ctx = ctx};
    struct btf *btf;

    check_machine(&c);
    check_rights(&c);
    btf = check_btf(&c);
    if (btf)
        check_tracepoints(&c, btf);
    btf__free(btf);
    if (c.exit_code)
        return c.exit_code;
    check_attach(&c);
    check_uprobes(&c);
    check_cost_counting(&c);
    return c.exit_code;
}
