#include "record/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static bool is_ignored(int sig)
{
    struct sigaction now;

    return sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void fill(sigset_t *set, bool window)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    if (!is_ignored(SIGHUP))
        sigaddset(set, SIGHUP);
    if (window)
        sigaddset(set, SIGUSR1);
}

void signals_block(void)
{
    sigset_t set;

    fill(&set, true);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int signals_open(bool window, struct err *e)
{
    sigset_t set, others;
    int fd;

    fill(&set, window);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return err_errno(e, -errno, "wait for signals");
    if (!window) {
        sigemptyset(&others);
        sigaddset(&others, SIGUSR1);
        sigprocmask(SIG_UNBLOCK, &others, NULL);
    }
    return fd;
}

/* A shell without job control starts what is to run in the background with SIGINT ignored, so that
 * Ctrl-C is not for it. The terminal's is passed over there; one that somebody sends with kill is
 * meant, and a script has no other way to say it. */
static bool is_meant(const struct signalfd_siginfo *info)
{
    return info->ssi_signo != SIGINT || info->ssi_code != SI_KERNEL || !is_ignored(SIGINT);
}

bool signals_next(int fd, struct signalfd_siginfo *info)
{
    while (read(fd, info, sizeof(*info)) == sizeof(*info))
        if (is_meant(info))
            return true;
    return false;
}
