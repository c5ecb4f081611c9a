#include "record/ending.h"

#include "record/signals.h"

#include <signal.h>
#include <sys/wait.h>

#define COMMAND_PATIENCE_NS 5000000000ull

static void end_by(struct ending *en, enum record_end why)
{
    en->ended = true;
    en->result->end = why;
}

/* The end of a command's recording waits for the command, so that its exit status is known; one
 * that the terminal's Ctrl-C has reached already gets no second signal. */
static void stop_command(struct ending *en, int sig, bool forward, uint64_t now)
{
    pid_t pid = (pid_t)en->options->command->target.pid;

    if (en->kill_ns) {
        kill(pid, SIGKILL);
        return;
    }
    if (forward)
        kill(pid, sig);
    en->kill_ns = now + COMMAND_PATIENCE_NS;
}

void ending_take_signals(struct ending *en, uint64_t now_ns)
{
    struct signalfd_siginfo info;

    while (signals_next(en->signals, &info)) {
        if (info.ssi_signo == SIGUSR1) {
            en->window_wanted = true;
            continue;
        }
        en->result->signal = (int)info.ssi_signo;
        if (en->options->command) {
            en->result->end = RECORD_END_SIGNAL;
            stop_command(en, (int)info.ssi_signo, info.ssi_code != SI_KERNEL, now_ns);
        } else {
            end_by(en, RECORD_END_SIGNAL);
        }
    }
}

static int exit_status_of(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void look_at_target(struct ending *en, uint32_t alive, uint64_t now)
{
    const struct record_options *o = en->options;
    int status;

    if (!o->command) {
        if (alive == 0)
            end_by(en, RECORD_END_TARGET);
        return;
    }
    if (waitpid((pid_t)o->command->target.pid, &status, WNOHANG) > 0) {
        enum record_end why = en->kill_ns ? en->result->end : RECORD_END_TARGET;

        en->result->exit_status = exit_status_of(status);
        end_by(en, why);
    } else if (en->kill_ns && now >= en->kill_ns) {
        stop_command(en, SIGKILL, false, now);
    }
}

static void look_at_limits(struct ending *en, uint64_t bytes, uint64_t now)
{
    const struct record_options *o = en->options;
    enum record_end why;

    if (en->ended || en->kill_ns)
        return;
    if (o->duration_ns && now - en->start_ns >= o->duration_ns)
        why = RECORD_END_DURATION;
    else if (o->max_bytes && bytes >= o->max_bytes)
        why = RECORD_END_SIZE;
    else if (en->slow && slow_found(en->slow, now, &en->result->slow))
        why = RECORD_END_SLOW;
    else
        return;
    if (o->command) {
        en->result->end = why;
        stop_command(en, SIGTERM, true, now);
    } else {
        end_by(en, why);
    }
}

void ending_look(struct ending *en, uint32_t alive, uint64_t bytes, uint64_t now_ns)
{
    look_at_target(en, alive, now_ns);
    look_at_limits(en, bytes, now_ns);
}
