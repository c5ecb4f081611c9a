/*
 * agent: loads the agent (src/agent) into a JVM that runs, by the JVM's own way: HotSpot's attach
 * mechanism, which jcmd uses too (src/hotspot/os/posix/attachListener_posix.cpp). A file
 * /tmp/.attach_pidN and a SIGQUIT make it listen at the socket /tmp/.java_pidN, both as the JVM
 * sees them; there it is told to load a library, which it must be able to read: the agent is
 * written to its /tmp, and removed again. A JVM that has it from an earlier recording is given it
 * by the same name, and keeps the one it has.
 *
 * A JVM may take its time to answer: a child process does it, as the JVM's user, so that the files
 * are that user's and the JVM trusts them. It removes them when it ends, also when this process or
 * the JVM has ended before.
 */
#ifndef RECORD_AGENT_H
#define RECORD_AGENT_H

#include <stdint.h>
#include <sys/types.h>

/* The library's name begins so. */
#define AGENT_NAME "libwaitscope-agent"

/* In one process; all zeros when nothing is under way. */
struct agent {
    pid_t child;
    int fd; /* to talk to it */
};

/* Begins to load the agent into process `pid`. 0 or -errno. */
int agent_load(struct agent *a, uint32_t pid);
/* The same again, for it to see what is wanted of it now, when the first load is done. */
int agent_load_again(struct agent *a);
/* 1: it is done; 0: not yet; -EAGAIN: this JVM does not listen yet; -errno: it cannot be. */
int agent_loaded(struct agent *a);
/* Ends what is under way; waits for it, `most_ms` at most. */
void agent_end(struct agent *a, unsigned most_ms);

#endif
