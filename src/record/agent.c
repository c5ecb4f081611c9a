#include "record/agent.h"

#include "record/maps.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The agent's library in this program: the assembler takes it from the build folder as it is. */
__asm__(".pushsection .rodata\n"
        ".global agent_library, agent_library_end\n"
        "agent_library:\n"
        ".incbin \"agent/libwaitscope-agent.so\"\n"
        "agent_library_end:\n"
        ".byte 0\n"
        ".popsection\n");

extern const char agent_library[], agent_library_end[];

/* So long a JVM may take to begin to listen, and to answer. It looks for the file when it has
 * handled the signal; a busy machine may take a while for that. */
#define PATIENCE_MS 5000
#define LOOK_MS 10

/* What is to be known of the JVM before anything is done to it. */
struct jvm {
    uint32_t inner; /* its number as it sees it itself */
    uid_t user;
    gid_t group;
    bool handles;       /* SIGQUIT, which ends any other process */
    char library[64];   /* the agent's file in its /tmp */
    char listening[32]; /* its socket there */
    bool has_library;   /* by that name, from an earlier recording or another one */
    int pidfd;
};

static void sleep_ms(unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static int look_at_status(uint32_t pid, struct jvm *jvm)
{
    char path[64], line[512];
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%u/status", pid);
    f = fopen(path, "re");
    if (!f)
        return -errno;
    while (fgets(line, sizeof(line), f)) {
        char *last = strrchr(line, '\t');
        unsigned long effective;

        if (sscanf(line, "Uid: %*u %lu", &effective) == 1)
            jvm->user = (uid_t)effective;
        else if (sscanf(line, "Gid: %*u %lu", &effective) == 1)
            jvm->group = (gid_t)effective;
        else if (!strncmp(line, "NSpid:", 6) && last)
            jvm->inner = (uint32_t)strtoul(last, NULL, 10);
        else if (!strncmp(line, "SigCgt:", 7) && last)
            jvm->handles = strtoull(last, NULL, 16) >> (SIGQUIT - 1) & 1;
    }
    fclose(f);
    return jvm->user == (uid_t)-1 || jvm->group == (gid_t)-1 ? -ESRCH : 0;
}

static bool names(uint32_t pid, const char *file, const char *option)
{
    char path[64], *words = malloc(1 << 17);
    ssize_t n = -1;

    snprintf(path, sizeof(path), "/proc/%u/%s", pid, file);
    int fd = words ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        n = read(fd, words, 1 << 17);
        close(fd);
    }
    bool found = n > 0 && memmem(words, (size_t)n, option, strlen(option));
    free(words);
    return found;
}

/* With that option it would print all its threads, and not listen. */
static bool refuses(uint32_t pid)
{
    static const char option[] = "-XX:+DisableAttachMechanism";
    return names(pid, "cmdline", option) || names(pid, "environ", option);
}

/* By the agent's code (FNV-1a): one of another version is another library. */
static uint32_t version_of_library(void)
{
    uint32_t hash = 2166136261u;

    for (const char *at = agent_library; at < agent_library_end; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    return hash;
}

static int find_library(void *ctx, const struct map *m)
{
    struct jvm *jvm = ctx;
    size_t len = strlen(jvm->library), whole = len + strlen("12345678.so");

    if (strncmp(m->name, jvm->library, len) != 0 ||
        strspn(m->name + len, "0123456789abcdef") != 8 || strncmp(m->name + len + 8, ".so", 3) != 0)
        return 0;
    snprintf(jvm->library, sizeof(jvm->library), "%.*s", (int)whole, m->name);
    return 1;
}

/* Nobody knows the name before: what has it is ours. One that the JVM has loaded by that name it
 * will not load again. */
static int name_library(uint32_t pid, struct jvm *jvm)
{
    uint32_t random;

    snprintf(jvm->library, sizeof(jvm->library), AGENT_NAME "-%08x-", version_of_library());
    int found = maps_walk(pid, find_library, jvm);
    jvm->has_library = found > 0;
    if (found)
        return found < 0 ? found : 0;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return -errno;
    size_t len = strlen(jvm->library);
    snprintf(jvm->library + len, sizeof(jvm->library) - len, "%08x.so", random);
    return 0;
}

static int look(uint32_t pid, struct jvm *jvm)
{
    *jvm = (struct jvm){.inner = pid, .user = (uid_t)-1, .group = (gid_t)-1};
    /* The process is held before it is looked at: the number may be another's later. */
    jvm->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (jvm->pidfd < 0)
        return -errno;
    int ret = look_at_status(pid, jvm);

    snprintf(jvm->listening, sizeof(jvm->listening), ".java_pid%u", jvm->inner);
    return ret ? ret : name_library(pid, jvm);
}

/* The working folder is the JVM's /tmp from now on: a socket's path must be short. A link there
 * leads to where it leads the JVM, not out of its container. */
static int enter(uint32_t pid, const struct jvm *jvm)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    char path[64];

    snprintf(path, sizeof(path), "/proc/%u/root", pid);
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -errno;
    int tmp = (int)syscall(SYS_openat2, root, "tmp", &how, sizeof(how));
    if (tmp < 0 || fchdir(tmp) < 0)
        return -errno;
    close(root);
    close(tmp);
    if (geteuid() == jvm->user)
        return 0;
    if (setgroups(0, NULL) < 0 || setegid(jvm->group) < 0 || seteuid(jvm->user) < 0)
        return -errno;
    return 0;
}

/* Never into, or in place of, a file that is there. */
static int put_library(const char *name)
{
    size_t len = (size_t)(agent_library_end - agent_library);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = write(fd, agent_library, len);
    close(fd);
    if (n == (ssize_t)len)
        return 0;
    int ret = n < 0 ? -errno : -ENOSPC;
    unlink(name);
    return ret;
}

static bool is_owned(const char *name, uid_t user)
{
    struct stat st;
    return lstat(name, &st) == 0 && (st.st_uid == user || st.st_uid == 0);
}

/* To the JVM's own socket: not to what somebody else has put there. */
static int connect_to(const struct jvm *jvm)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name = jvm->listening;
    int fd = is_owned(name, jvm->user) ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;

    if (fd < 0)
        return errno ? -errno : -EEXIST;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
    if (!connect(fd, (const struct sockaddr *)&address, sizeof(address)))
        return fd;
    int ret = -errno;
    close(fd);
    return ret;
}

/* The other end has nothing more to say: this process has ended, or does not want it any more. */
static bool is_called_off(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static bool has_ended(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* Makes the JVM listen. It does so once, and then for good. */
static int call(uint32_t pid, struct jvm *jvm, int fd)
{
    char name[64];
    int ret = -ETIMEDOUT;

    snprintf(name, sizeof(name), ".attach_pid%u", jvm->inner);
    int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    /* For a file of another's it would print all its threads; and after an exec it would end. */
    if (file < 0 && (errno != EEXIST || !is_owned(name, jvm->user))) {
        ret = -errno;
    } else if (look_at_status(pid, jvm) || !jvm->handles) {
        ret = -ESRCH;
    } else if (syscall(SYS_pidfd_send_signal, jvm->pidfd, SIGQUIT, NULL, 0) < 0) {
        ret = -errno;
    } else {
        for (unsigned ms = 0; ret == -ETIMEDOUT && ms < PATIENCE_MS; ms += LOOK_MS) {
            sleep_ms(LOOK_MS);
            int got = connect_to(jvm);
            if (got >= 0)
                ret = got;
            else if (has_ended(jvm->pidfd) || is_called_off(fd))
                ret = -ESRCH;
        }
    }
    if (file >= 0) {
        close(file);
        unlink(name);
    }
    return ret;
}

/*
 * "0\nreturn code: 0\n": it was understood, and the agent was content; before Java 9 "0\n0\n", and
 * from 21 on with why not in words.
 */
static int result_of(const char *answer)
{
    static const char code[] = "return code: ";
    const char *said = strstr(answer, code), *line = strchr(answer, '\n');

    if (strstr(answer, "Dynamic agent loading is not enabled"))
        return -EOPNOTSUPP;
    if (strtol(answer, NULL, 10) != 0 || !line || (!said && !isdigit((unsigned char)line[1])))
        return -ELIBACC;
    return strtol(said ? said + strlen(code) : line + 1, NULL, 10) ? -ELIBACC : 0;
}

/* The command and its arguments, each with its NUL; the answer is lines of text. */
static int ask_to_load(int fd, const char *library, int other)
{
    char request[128], answer[512];
    struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = other, .events = POLLRDHUP}};
    size_t got = 0;
    int len =
        snprintf(request, sizeof(request), "1%cload%c/tmp/%s%ctrue%c%c", 0, 0, library, 0, 0, 0);

    if (send(fd, request, (size_t)len, MSG_NOSIGNAL) != len)
        return -errno;
    while (got < sizeof(answer) - 1 && poll(p, 2, PATIENCE_MS) > 0 && !p[1].revents) {
        ssize_t n = read(fd, answer + got, sizeof(answer) - 1 - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    answer[got] = '\0';
    return got ? result_of(answer) : -ETIMEDOUT;
}

static int load(uint32_t pid, struct jvm *jvm, int fd)
{
    int to = connect_to(jvm);

    if (to < 0 && refuses(pid))
        return -ECONNREFUSED;
    if (to < 0 && !jvm->handles)
        return -EAGAIN;
    if (to < 0)
        to = call(pid, jvm, fd);
    if (to < 0)
        return to;
    int ret = ask_to_load(to, jvm->library, fd);
    close(to);
    return ret;
}

static int prepare(uint32_t pid, struct jvm *jvm)
{
    int ret = look(pid, jvm);

    if (!ret)
        ret = enter(pid, jvm);
    return ret;
}

/* Each load's result goes back as a byte, errno; then it waits for the word to load again. */
static void serve(uint32_t pid, int fd)
{
    struct jvm jvm;
    int ret = prepare(pid, &jvm), put = ret ? ret : put_library(jvm.library);
    uint8_t byte;

    /* Another recording of the same JVM has put it there, and the JVM has it. */
    if (!ret && (put != -EEXIST || !jvm.has_library))
        ret = put;

    do {
        if (!ret)
            ret = load(pid, &jvm, fd);
        byte = (uint8_t)-ret;
    } while (send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && !ret && read(fd, &byte, 1) == 1);
    if (!put)
        unlink(jvm.library);
}

int agent_load(struct agent *a, uint32_t pid)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    a->child = fork();
    if (!a->child) {
        close(ends[0]);
        serve(pid, ends[1]);
        _exit(0);
    }
    int ret = a->child < 0 ? -errno : 0;
    close(ends[1]);
    a->fd = ends[0];
    if (ret) {
        close(ends[0]);
        a->child = 0;
    }
    return ret;
}

int agent_load_again(struct agent *a)
{
    return a->child && send(a->fd, "", 1, MSG_NOSIGNAL) == 1 ? 0 : -ECHILD;
}

int agent_loaded(struct agent *a)
{
    uint8_t byte;
    ssize_t n = a->child ? recv(a->fd, &byte, 1, MSG_DONTWAIT) : 0;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (n == 0)
        return -ECHILD;
    return byte ? -byte : 1;
}

void agent_end(struct agent *a, unsigned most_ms)
{
    if (!a->child)
        return;
    shutdown(a->fd, SHUT_WR);
    for (unsigned ms = 0; waitpid(a->child, NULL, WNOHANG) == 0; ms += LOOK_MS) {
        if (ms >= most_ms) {
            kill(a->child, SIGKILL);
            waitpid(a->child, NULL, 0);
            break;
        }
        sleep_ms(LOOK_MS);
    }
    close(a->fd);
    *a = (struct agent){0};
}
