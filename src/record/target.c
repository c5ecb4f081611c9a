#include "record/target.h"

#include "base/buf.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PF_KTHREAD 0x200000 /* include/linux/sched.h: flags in /proc/PID/stat */

/* The 9th field of /proc/PID/stat; comm before it may hold anything, also ')'. */
static int read_flags(uint32_t pid, unsigned long *flags)
{
    char path[64], text[1024];
    const char *at;
    FILE *f;
    size_t n;

    snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    f = fopen(path, "re");
    if (!f)
        return -errno;
    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    at = strrchr(text, ')');
    if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %lu", flags) != 1)
        return -ESRCH;
    return 0;
}

/* Tgid of /proc/PID/status, which exists for thread ids too. */
static int read_tgid(uint32_t pid, uint32_t *tgid)
{
    char path[64], line[256];
    int ret = -ESRCH;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%u/status", pid);
    f = fopen(path, "re");
    if (!f)
        return -errno;
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "Tgid: %u", tgid) == 1) {
            ret = 0;
            break;
        }
    }
    fclose(f);
    return ret;
}

static void read_comm(struct target *t)
{
    char path[64];
    FILE *f;
    size_t n;

    snprintf(path, sizeof(path), "/proc/%u/comm", t->pid);
    f = fopen(path, "re");
    n = f ? fread(t->comm, 1, sizeof(t->comm) - 1, f) : 0;
    t->comm[n] = '\0';
    t->comm[strcspn(t->comm, "\n")] = '\0';
    if (f)
        fclose(f);
}

static int no_process(struct err *e, uint32_t pid)
{
    err_set(e, -ESRCH, "record process %u: there is no such process", pid);
    return -ESRCH;
}

int target_open(struct target *t, uint32_t pid, struct err *e)
{
    unsigned long flags = 0;
    uint32_t tgid = 0;
    int ret;

    memset(t, 0, sizeof(*t));
    t->pid = pid;
    t->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (t->pidfd < 0 && errno != ENOENT && errno != EINVAL) {
        if (errno == ESRCH)
            return no_process(e, pid);
        return err_errno(e, -errno, "record process %u", pid);
    }
    /* A number of a thread that is no process: EINVAL, or ENOENT from 6.9 on. */
    if (read_tgid(pid, &tgid) < 0)
        ret = no_process(e, pid);
    else if (tgid != pid) {
        ret = err_set(e, -EINVAL, "record process %u: it is a thread of process %u", pid, tgid);
        err_hint(e, "all threads of a process are recorded: -p %u", tgid);
    } else if (t->pidfd < 0 || read_flags(pid, &flags) < 0)
        ret = no_process(e, pid);
    else if (flags & PF_KTHREAD)
        ret = err_set(e, -EINVAL, "record process %u: it is a kernel thread", pid);
    else if (target_ended(t))
        ret = no_process(e, pid);
    else {
        read_comm(t);
        return 0;
    }
    target_release(t);
    return ret;
}

bool target_ended(const struct target *t)
{
    struct pollfd p = {.fd = t->pidfd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

void target_release(struct target *t)
{
    if (t->pidfd >= 0)
        close(t->pidfd);
    t->pidfd = -1;
}

static void child(int go, int failed, char *const *argv)
{
    sigset_t none;
    char byte;
    ssize_t n;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    do
        n = read(go, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        execvp(argv[0], argv);
    int code = n == 1 ? errno : ECANCELED;
    ssize_t written = write(failed, &code, sizeof(code));

    _exit(written == sizeof(code) ? 127 : 126);
}

int target_spawn(struct target_command *c, char *const *argv, struct err *e)
{
    int go[2], failed[2];
    pid_t pid;
    int ret;

    if (pipe2(go, O_CLOEXEC) < 0)
        return err_errno(e, -errno, "start %s", argv[0]);
    if (pipe2(failed, O_CLOEXEC) < 0) {
        ret = err_errno(e, -errno, "start %s", argv[0]);
        goto close_go;
    }
    pid = fork();
    if (pid < 0) {
        ret = err_errno(e, -errno, "start %s", argv[0]);
        goto close_failed;
    }
    if (!pid) {
        close(go[1]);
        child(go[0], failed[1], argv);
    }
    close(go[0]);
    close(failed[1]);
    c->go = go[1];
    c->failed = failed[0];
    ret = target_open(&c->target, (uint32_t)pid, e);
    if (ret) { /* closing the pipe sends the child away */
        close(c->go);
        close(c->failed);
        waitpid(pid, NULL, 0);
    }
    return ret;
close_failed:
    close(failed[0]);
    close(failed[1]);
close_go:
    close(go[0]);
    close(go[1]);
    return ret;
}

int target_go(struct target_command *c, const char *name, struct err *e)
{
    struct buf shown = BUF_INIT;
    int code = 0;
    ssize_t n = write(c->go, "g", 1);

    close(c->go);
    c->go = -1;
    if (n == 1) {
        /* End of file: the exec closed the other end and went well. */
        do
            n = read(c->failed, &code, sizeof(code));
        while (n < 0 && errno == EINTR);
    }
    if (n == 0)
        return 0;
    text_clean(&shown, name, strlen(name));
    code = n == sizeof(code) ? code : EIO;
    err_set(e, -code, "start %s: %s", buf_str(&shown), strerror(code));
    buf_release(&shown);
    waitpid((pid_t)c->target.pid, NULL, 0);
    return -code;
}

void target_abandon(struct target_command *c)
{
    if (c->go >= 0) {
        close(c->go);
        waitpid((pid_t)c->target.pid, NULL, 0);
    }
    close(c->failed);
    target_release(&c->target);
}
