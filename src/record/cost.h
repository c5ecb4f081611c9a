/*
 * cost: what the recording itself costs: the probes by a sample, the recorder by its CPU time.
 *
 * The kernel counts the runs of each program, and their time, while somebody holds a file
 * descriptor for it (bpf_enable_stats(), CAP_SYS_ADMIN). It is held for COST_WINDOW_NS soon after
 * the attach and then every 10 s, or oftener when less than that is kept, as counting costs some 20
 * to 30 ns a run itself; where the administrator has switched kernel.bpf_stats_enabled on, all of
 * the time is counted.
 *
 * What the kernel counts is from one reading of the clock before the program to one behind it
 * (__bpf_prog_run in include/linux/filter.h): about one reading is in it, the counting itself is
 * not. Not in it either: the tracepoint's own way to the program, a few ns; the trap that leads to
 * a uprobe's, which is most of what a hit costs; and caches that the program took from others. In
 * it is every run, also those that end at once since the thread is no target's.
 */
#ifndef RECORD_COST_H
#define RECORD_COST_H

#include "capture/format.h"

#include <stdbool.h>
#include <stddef.h>

#define COST_WINDOW_NS 50000000ull
/* Of a flight recorder's window the cost is the difference of two sums: so many are remembered, so
 * many of them in the time that a window is long. */
#define COST_SUMS 64
#define COST_SUMS_A_WINDOW 16

struct probes;

/* All since the attach. */
struct cost_sum {
    uint64_t time_ns; /* until then */
    uint64_t cpu_ns;  /* the recorder's own CPU time */
    uint64_t sampled_ns;
    uint32_t windows;
    struct capture_program programs[CAPTURE_PROGRAMS_MAX]; /* no names */
};

struct cost {
    const struct probes *probes;
    int fd;     /* that makes the kernel count; -1: not now */
    bool whole; /* it counts anyway */
    bool refused;
    uint64_t attach_ns, attach_cpu_ns;
    uint64_t begin_ns, next_ns; /* of the window that is open, and of the next one */
    uint64_t every_ns;          /* from one to the next */
    struct capture_program begin[CAPTURE_PROGRAMS_MAX]; /* as the kernel had it then */
    struct cost_sum sum;                                /* of all windows so far */
    struct cost_sum *sums;                              /* the last COST_SUMS, as a ring */
    uint64_t count;                                     /* of all that were put there */
    uint64_t sums_every_ns;                             /* 0: none is needed */
};

/* The probes are on since `now_ns`; `last_ns`: of a flight recorder, else 0. 0 or -ENOMEM. */
int cost_begin(struct cost *c, const struct probes *p, uint64_t last_ns, uint64_t now_ns);
/* Opens and closes windows; called some 20 times a second. */
void cost_tick(struct cost *c, uint64_t now_ns);
/* What is known from `from_ns` to `now_ns`, or a little before: the number of bytes that are
 * filled. Nothing of the probes, where no window lies in it. */
size_t cost_tell(struct cost *c, uint64_t from_ns, uint64_t now_ns, struct capture_cost *cost);
/* The sums of all programs, if they were counted all the time. */
void cost_sum(const struct capture_cost *cost, struct capture_summary *summary);
void cost_release(struct cost *c);

/* The CPU time of this process so far. */
uint64_t cost_own_cpu_ns(void);

#endif
