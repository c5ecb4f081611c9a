/*
 * uprobes: one eBPF program at several places of one file, in one process.
 *
 * From Linux 6.6 a single link holds them all, and comes off in one go. Before, each place takes a
 * perf event of its own, which works the same and takes the kernel 100 ms to come off.
 */
#ifndef RECORD_UPROBES_H
#define RECORD_UPROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_program;
struct uprobes;

/* At once in one file. */
#define UPROBES_MAX 64

enum uprobes_kind { UPROBES_NONE, UPROBES_SINGLE, UPROBES_MULTI };

/* What this kernel has for this user, tried. */
enum uprobes_kind uprobes_supported(void);
/* Before the load: makes `prog` one of that kind. */
void uprobes_prepare(struct bpf_program *prog, enum uprobes_kind kind);
/*
 * Attaches the loaded `prog` at `count` offsets of the file open as `fd`, in process `pid`; each
 * hit sees the cookie of its place. The kernel counts them in the target's memory where the file
 * has `counter`, as long as they are there; 0: nowhere. 0 or -errno; then nothing is attached.
 */
int uprobes_attach(struct uprobes **out, struct bpf_program *prog, enum uprobes_kind kind,
                   uint32_t pid, int fd, const uint64_t *offsets, const uint64_t *cookies,
                   size_t count, uint64_t counter);
void uprobes_detach(struct uprobes *u);

#endif
