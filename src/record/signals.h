/*
 * signals: what ends a recording, or asks for its window, taken in order from a descriptor.
 *
 *     signals_block → signals_open → signals_next, again and again
 */
#ifndef RECORD_SIGNALS_H
#define RECORD_SIGNALS_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/signalfd.h>

/*
 * Before anything else is done: what comes from now on waits until somebody takes it. SIGINT,
 * SIGTERM, SIGUSR1, and SIGHUP unless it was ignored when the program was started (nohup): then it
 * stays so. SIGPIPE is ignored: that nobody reads the messages any more is no end of a recording.
 */
void signals_block(void);
/* A descriptor that can be read from when one waits, or -errno. Without `window` SIGUSR1 is let
 * through, and does what it does to any program. */
int signals_open(bool window, struct err *e);
/* Takes the next one; false: there is none. */
bool signals_next(int fd, struct signalfd_siginfo *info);

#endif
