#include "cmd/series.h"

#include "analysis/analysis.h"
#include "base/buf.h"
#include "cmd/cmd.h"
#include "record/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Past so many somebody should clear up. */
#define NUMBER_MAX 100000
/* What is made of a file meanwhile leaves the CPU to others. */
#define CONVERT_NICE 10
/* How often it is looked whether that is done, when nothing else is to be done any more. */
#define WAIT_MS 50

struct words {
    VEC(const char *) all;
};

static void names_release(struct names *n)
{
    free(n->capture);
    for (size_t i = 0; i < n->outputs.len; i++)
        free(n->outputs.data[i]);
    vec_release(&n->outputs);
    *n = (struct names){0};
}

/* "a/slow.json.gz" and 2: "a/slow-2.json.gz". */
static char *numbered(const char *path, unsigned number)
{
    static const char *const suffixes[] = {".json.gz", ".json", ".html", ".wsc"};
    size_t len = strlen(path), cut = len;
    struct buf name = BUF_INIT;

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes) && cut == len; i++) {
        size_t n = strlen(suffixes[i]);

        if (len > n && !strcmp(path + len - n, suffixes[i]))
            cut = len - n;
    }
    buf_add(&name, path, cut);
    if (number > 1)
        buf_addf(&name, "-%u", number);
    buf_adds(&name, path + cut);
    if (!name.failed)
        return name.data;
    buf_release(&name);
    return NULL;
}

static int names_make(const struct series *s, unsigned number, struct names *names)
{
    *names = (struct names){.capture = numbered(s->capture, number)};
    if (!names->capture)
        return -ENOMEM;
    for (size_t i = 0; i < s->output_count; i++) {
        char *name = numbered(s->outputs[i], number);

        if (!name || vec_push(&names->outputs, name) < 0) {
            free(name);
            names_release(names);
            return -ENOMEM;
        }
    }
    return 0;
}

/* What cannot be looked at (its folder has become a file) is not there; why it cannot be made, the
 * making says. */
static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static bool any_is_there(const struct names *names)
{
    for (size_t i = 0; i < names->outputs.len; i++)
        if (is_there(names->outputs.data[i]))
            return true;
    return is_there(names->capture);
}

/* Those that are still being made are not there yet. */
static bool any_is_coming(const struct series *s, const struct names *names)
{
    for (size_t i = 0; i < s->conversions.len; i++)
        if (!strcmp(s->conversions.data[i].names.capture, names->capture))
            return true;
    return false;
}

int series_next(struct series *s)
{
    struct names names;

    for (unsigned number = s->number + 1; number < NUMBER_MAX; number++) {
        int ret = names_make(s, number, &names);

        if (ret)
            return ret;
        if (any_is_there(&names) || any_is_coming(s, &names)) {
            names_release(&names);
            continue;
        }
        names_release(&s->names);
        s->names = names;
        s->number = number;
        return 0;
    }
    return -EEXIST;
}

const char *series_capture(const struct series *s)
{
    return s->names.capture ? s->names.capture : s->capture;
}

const char *series_output(const struct series *s, size_t i)
{
    return s->names.capture ? s->names.outputs.data[i] : s->outputs[i];
}

void series_clear_line(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

void give_to_caller(const char *path)
{
    const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
    int fd;

    if (geteuid() != 0 || !uid || !gid)
        return;
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fchown(fd, (uid_t)strtoul(uid, NULL, 10), (gid_t)strtoul(gid, NULL, 10)) < 0)
        print_note("%s stays root's", path);
    close(fd);
}

/* ---- what is made of a capture */

/* In the child: signals as a program expects them, and a group of its own, so that Ctrl-C ends the
 * recording and not what is made of it. */
static void run_convert(const struct words *words)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    if (nice(CONVERT_NICE) < 0)
        errno = 0; /* then it is as important as the rest */
    execv("/proc/self/exe", (char *const *)(uintptr_t)words->all.data);
    _exit(EXIT_FAILED);
}

/* The words of `waitscope convert …`; they belong to `s` and `names`. 0 or -ENOMEM. */
static int convert_words(const struct series *s, const struct names *names, const char *hold,
                         struct words *words)
{
    const char *const first[] = {"waitscope", "convert", names->capture, "--loop-hold", hold};
    size_t n = s->analysis->loop_hold_ns ? 5 : 3;
    int ret = 0;

    for (size_t i = 0; i < n && !ret; i++)
        ret = vec_push(&words->all, first[i]);
    for (size_t i = 0; i < names->outputs.len && !ret; i++) {
        ret = vec_push(&words->all, "-o");
        if (!ret)
            ret = vec_push(&words->all, names->outputs.data[i]);
    }
    return ret ? ret : vec_push(&words->all, NULL);
}

static int spawn_convert(const struct series *s, const struct names *names, pid_t *pid)
{
    struct words words = {VEC_INIT};
    char hold[32];

    snprintf(hold, sizeof(hold), "%" PRIu64 "ns", s->analysis->loop_hold_ns);
    int ret = convert_words(s, names, hold, &words);
    if (!ret) {
        *pid = fork();
        if (*pid == 0)
            run_convert(&words);
        ret = *pid < 0 ? -errno : 0;
    }
    vec_release(&words.all);
    return ret;
}

static void say_written(const struct series *s, const struct names *names)
{
    for (size_t i = 0; i < names->outputs.len; i++) {
        give_to_caller(names->outputs.data[i]);
        print_note("wrote %s", names->outputs.data[i]);
    }
    if (!s->capture_is_spare)
        print_note("wrote %s, which \"waitscope report\" reads", names->capture);
}

/* "slow.html, slow.json" */
static void add_outputs(struct buf *text, const struct names *names)
{
    for (size_t i = 0; i < names->outputs.len; i++)
        buf_addf(text, "%s%s", i ? ", " : "", names->outputs.data[i]);
}

/* `why`: what its making has not said itself, or "". */
static void say_failed(struct series *s, const struct names *names, const char *why)
{
    struct buf outputs = BUF_INIT;

    add_outputs(&outputs, names);
    print_note("%s could not be made%s%s; the capture is in %s", buf_str(&outputs),
               *why ? ": " : "", why, names->capture);
    buf_release(&outputs);
    s->failed = true;
}

static void end_conversion(struct series *s, const struct names *names, int status)
{
    struct buf why = BUF_INIT;

    series_clear_line();
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE) {
        if (s->capture_is_spare)
            unlink(names->capture);
        say_written(s, names);
        return;
    }
    if (WIFSIGNALED(status))
        buf_addf(&why, "its making was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    say_failed(s, names, buf_str(&why));
    buf_release(&why);
}

static void remove_first(struct series *s)
{
    names_release(&s->conversions.data[0].names);
    s->conversions.len--;
    memmove(s->conversions.data, s->conversions.data + 1,
            s->conversions.len * sizeof(*s->conversions.data));
}

void series_convert(struct series *s)
{
    struct conversion c = {.names = s->names};

    give_to_caller(c.names.capture);
    if (!c.names.outputs.len) {
        say_written(s, &c.names);
        return;
    }
    if (vec_push(&s->conversions, c) < 0) {
        say_failed(s, &c.names, strerror(ENOMEM));
        return;
    }
    s->names = (struct names){0}; /* they belong to the conversion now */
    series_tick(s);
}

void series_tick(struct series *s)
{
    while (s->conversions.len) {
        struct conversion *c = &s->conversions.data[0];
        int status, ret = c->pid ? 0 : spawn_convert(s, &c->names, &c->pid);

        if (ret)
            say_failed(s, &c->names, strerror(-ret));
        else if (waitpid(c->pid, &status, WNOHANG) == c->pid)
            end_conversion(s, &c->names, status);
        else
            return;
        remove_first(s);
    }
}

static void say_waited_for(const struct series *s)
{
    struct buf text = BUF_INIT;
    size_t more = s->conversions.len - 1;

    add_outputs(&text, &s->conversions.data[0].names);
    if (more == 1) {
        buf_adds(&text, ", then ");
        add_outputs(&text, &s->conversions.data[1].names);
    } else if (more) {
        buf_addf(&text, ", and then of %zu more captures", more);
    }
    print_note("still being made: %s%s", buf_str(&text),
               more ? "; Ctrl-C leaves out what is not begun" : "");
    buf_release(&text);
}

/* Their captures are there. */
static void leave_out(struct series *s)
{
    for (size_t i = 1; i < s->conversions.len; i++) {
        say_failed(s, &s->conversions.data[i].names, "left out");
        names_release(&s->conversions.data[i].names);
    }
    s->conversions.len = s->conversions.len > 1 ? 1 : s->conversions.len;
}

void series_wait(struct series *s)
{
    struct err e = {0};
    struct signalfd_siginfo info;
    struct pollfd p = {.events = POLLIN};

    series_tick(s);
    if (!s->conversions.len)
        return;
    p.fd = signals_open(true, &e); /* without it (a poll of -1) nobody can hurry this */
    while (p.fd >= 0 && signals_next(p.fd, &info))
        ; /* the end of the recording was meant, not that of this */
    say_waited_for(s);
    while (s->conversions.len) {
        poll(&p, 1, WAIT_MS);
        while (p.fd >= 0 && signals_next(p.fd, &info))
            if (info.ssi_signo != SIGUSR1)
                leave_out(s);
        series_tick(s);
    }
    if (p.fd >= 0)
        close(p.fd);
}

void series_release(struct series *s)
{
    names_release(&s->names);
    for (size_t i = 0; i < s->conversions.len; i++)
        names_release(&s->conversions.data[i].names);
    vec_release(&s->conversions);
}
