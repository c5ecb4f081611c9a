/*
 * probes: the eBPF side, seen from user space: load, attach, take snapshots, drain.
 *
 *     probes_new → probes_target… → probes_attach → probes_snapshot(THREAD_AT_ATTACH)
 *       → probes_drain, again and again → probes_snapshot(THREAD_AT_END) → probes_drain
 *       → probes_free
 *
 * Functions return 0 or -errno and fill `e`. When the process ends, however it ends, the kernel
 * takes the probes away.
 */
#ifndef RECORD_PROBES_H
#define RECORD_PROBES_H

#include "base/err.h"
#include "capture/format.h"

#include <stddef.h>

struct event;
struct probes;
struct uprobes;

/* Opens and loads; exit code EXIT_PERMISSION or EXIT_KERNEL in `e` says which kind of no. */
int probes_new(struct probes **p, struct err *e);
/* Adds a thread group; its descendants come with it. Before the snapshot. */
int probes_target(struct probes *p, uint32_t pid, struct err *e);
int probes_attach(struct probes *p, struct err *e);
/* Writes an EVENT_THREAD for every thread (phase: enum thread_phase); at the attach also makes
 * the threads traced, and describes their descriptors. */
int probes_snapshot(struct probes *p, unsigned phase, struct err *e);
/* Uprobes in process `pid` alone, at `count` offsets of the file open as `fd`, with a WORK_COOKIE
 * each, counted at `counter` (uprobes_attach()). 0 or -errno; they go with uprobes_detach(), which
 * comes before probes_free(). */
int probes_hook(struct probes *p, struct uprobes **out, uint32_t pid, int fd,
                const uint64_t *offsets, const uint64_t *cookies, size_t count, uint64_t counter);
/* Hands over each record in the rings, in order of time but for moments; it is gone when take()
 * returns, and must not be written to. A negative return of take() ends the drain with it. `fill`,
 * if not NULL: how full the fullest CPU's ring was, in percent. */
int probes_drain(struct probes *p, int (*take)(void *ctx, const struct event *ev), void *ctx,
                 unsigned *fill);
/* What was lost since the last call: at most `max` windows into `out`; gives their number.
 * `since_ns`, when the call before was made, is where the windows begin. */
size_t probes_losses(struct probes *p, uint64_t since_ns, struct capture_loss *out, size_t max);
/* The next record that names one of these is preceded by another description of it. Of sockets so
 * are all others as well, once. */
void probes_describe_again(struct probes *p, const uint64_t *objects, size_t count);
/* Traced threads that have not ended. */
uint32_t probes_alive(const struct probes *p);
/* Runs of each program and their time, as far as the kernel counted them; gives their number. */
size_t probes_runs(const struct probes *p, struct capture_program *out, size_t max);
/* Names of the attached probes, NULL behind the last. */
const char *const *probes_names(const struct probes *p);
void probes_free(struct probes *p);

#endif
