/*
 * runtime: finds out what runs in each traced process (Node, Python, nginx, …), tells the capture
 * (EVENT_RUNTIME), and hooks uprobes into the functions by which it turns from one piece of work
 * to another (EVENT_WORK).
 *
 * A process is looked at when it is traced first, and again some times soon after, as libraries
 * come late; likewise after an exec, and each process that it forks. What cannot be read is left
 * alone: a recording without this is a recording with less, no error. The uprobes of a process
 * are its own; they go with it, with runtimes_free(), and with this process, however it ends.
 */
#ifndef RECORD_RUNTIME_H
#define RECORD_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

struct event;
struct probes;
struct runtimes;
struct sink;

/* Borrows both until runtimes_free(). `precise`: the hooks that cost more, too; `agents`: and an
 * agent is loaded into each JVM. NULL: no memory. */
struct runtimes *runtimes_new(struct probes *p, const struct sink *s, bool precise, bool agents);
/* Every record goes by here: processes at the attach, forks, execs and exits are noted. */
void runtimes_see(struct runtimes *r, const struct event *ev);
/* Looks at the processes whose time has come. 0 or -errno of a write into the capture. */
int runtimes_tick(struct runtimes *r, uint64_t now_ns);
/* Is an agent on its way into a JVM? */
bool runtimes_busy(const struct runtimes *r);
/* Agents that came to work. */
uint32_t runtimes_agents(const struct runtimes *r);
/* The reason, -errno, why one did not; 0: none. */
int runtimes_agent_refused(const struct runtimes *r);
/* The reason, -errno, why a process could not be looked at, or hooked; 0: none. */
int runtimes_refused(const struct runtimes *r);
void runtimes_free(struct runtimes *r);

#endif
