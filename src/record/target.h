/*
 * target: the processes that are recorded. A PID alone is no identity, as numbers come again:
 * each is held by a pidfd, opened first and checked afterwards.
 */
#ifndef RECORD_TARGET_H
#define RECORD_TARGET_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct target {
    uint32_t pid;
    int pidfd;
    char comm[16];
};

/* Holds process `pid` and checks that it can be recorded: it exists, is no thread of another
 * process and no kernel thread. 0 or -errno with the reason in `e`. */
int target_open(struct target *t, uint32_t pid, struct err *e);
/* A command that was forked and stands in front of its exec. */
struct target_command {
    struct target target;
    int go;     /* write end of the pipe the child stands at */
    int failed; /* read end: the errno of an exec that failed */
};
/* Forks a child that will call `argv` once it is let go. */
int target_spawn(struct target_command *c, char *const *argv, struct err *e);
/* Lets the child go; -errno with the reason when its exec fails (ENOENT: no such command). */
int target_go(struct target_command *c, const char *name, struct err *e);
/* Gives back what the command holds; a child that was never let go goes away, unexecuted. */
void target_abandon(struct target_command *c);
bool target_ended(const struct target *t);
void target_release(struct target *t);

#endif
