/*
 * cost: what the recording itself costs: the probes by a sample, the recorder by its CPU time.
 *
 * The kernel counts the runs of each program, and their time, while somebody holds a file
 * descriptor for it (bpf_enable_stats(), CAP_SYS_ADMIN). It is held for COST_WINDOW_NS soon after
 * the attach and then again and again, as counting costs some 20 to 30 ns a run itself; where the
 * administrator has switched kernel.bpf_stats_enabled on, all of the time is counted.
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
/* So many windows are remembered one by one, for the last part of a long recording. */
#define COST_WINDOWS 64

struct probes;

struct cost_sample {
    uint64_t time_ns; /* of its end */
    uint64_t cpu_ns;  /* the recorder's own CPU time up to then */
    uint64_t sampled_ns;
    struct capture_program programs[CAPTURE_PROGRAMS_MAX]; /* no names; sums since the attach */
};

struct cost {
    const struct probes *probes;
    int fd;     /* that makes the kernel count; -1: not now */
    bool whole; /* it counts anyway */
    bool refused;
    uint64_t attach_ns, attach_cpu_ns;
    uint64_t begin_ns, next_ns; /* of the window that is open, and of the next one */
    unsigned windows;
    struct capture_program begin[CAPTURE_PROGRAMS_MAX]; /* as the kernel had it then */
    struct cost_sample sum;                             /* of all windows so far */
    struct cost_sample *samples;                        /* the last COST_WINDOWS, as a ring */
};

/* The probes are on since `now_ns`. 0 or -ENOMEM. */
int cost_begin(struct cost *c, const struct probes *p, uint64_t now_ns);
/* Opens and closes windows; called some 20 times a second. */
void cost_tick(struct cost *c, uint64_t now_ns);
/* What is known from `from_ns` to `now_ns`, or nearly: the number of bytes that are filled. */
size_t cost_tell(struct cost *c, uint64_t from_ns, uint64_t now_ns, struct capture_cost *cost);
/* The sums of all programs, if they were counted all the time. */
void cost_sum(const struct capture_cost *cost, struct capture_summary *summary);
void cost_release(struct cost *c);

/* The CPU time of this process so far. */
uint64_t cost_own_cpu_ns(void);

#endif
