/*
 * record: a recording from its begin to its end: the target, the probes, the capture file.
 */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include "base/err.h"
#include "record/slow.h"
#include "record/target.h"

#include <stdbool.h>
#include <stdint.h>

struct record_result;

struct record_options {
    struct target *targets; /* held by the caller; empty when there is a command */
    size_t target_count;
    struct target_command *command; /* spawned, not yet let go; NULL with targets */
    const char *command_name;
    const char *described; /* what goes into the capture's `command` field */
    const char *capture_path;
    uint64_t duration_ns; /* 0: no limit */
    uint64_t max_bytes;   /* of the capture file, or of a flight recorder's memory; 0: no limit */
    uint64_t last_ns;     /* not 0: a flight recorder, which keeps so much in memory */
    uint64_t slow_ns;     /* not 0: the first request that is slower ends the recording */
    bool precise;         /* also the evidence that costs the target more */
    bool agents;          /* also an agent in each JVM */
    bool progress;        /* a line on standard error, written over itself */
    /* Called when the probes are on and every thread is known, and before a command is let go:
     * `attach_ns` since record_run() was called. May be NULL. */
    void (*attached)(void *ctx, uint32_t threads, uint64_t attach_ns);
    void *attached_ctx;
    /* Of a flight recorder alone. next_file() names a capture that is to be written now, in place
     * of `capture_path`: at SIGUSR1, and at the end; and the next one should that name be taken
     * meanwhile; 0 or -errno. wrote_file() is told of one that was written
     * at SIGUSR1, or with `failed` that it could not be: the recording goes on. tick() is called
     * now and then. */
    int (*next_file)(void *ctx, const char **path);
    void (*wrote_file)(void *ctx, const struct record_result *result, const struct err *failed);
    void (*tick)(void *ctx);
    void *file_ctx;
};

enum record_end { /* why a recording ended */
                  RECORD_END_TARGET,
                  RECORD_END_DURATION,
                  RECORD_END_SIGNAL,
                  RECORD_END_SIZE,
                  RECORD_END_SLOW,
};

struct record_result {
    bool made; /* the capture that was to be written last is this recording's, whole or not */
    enum record_end end;
    int signal;          /* with RECORD_END_SIGNAL */
    int exit_status;     /* of the command, as the shell says it: 128 + N for signal N; else 0 */
    uint32_t agents;     /* that were loaded */
    int agent_refused;   /* -errno, when one could not be; else 0 */
    int uprobes_refused; /* -errno, when a runtime could not be listened to; else 0 */
    uint64_t records, lost, bytes, duration_ns;
    uint64_t window_ns;   /* a flight recorder's: of `duration_ns` so much is in the file */
    bool window_full;     /* and it were more, had there been more memory */
    uint64_t forgotten;   /* objects that the file names, their descriptions given up for memory */
    struct slow_hit slow; /* with RECORD_END_SLOW */
};

/*
 * Records until the target ends, the time is over, the file is full, a request is too slow, or
 * SIGINT, SIGTERM or SIGHUP comes; the caller has blocked them (signals_block()), and they are
 * taken in order here. A command that is still there at the end of time is sent SIGTERM. 0 or
 * -errno with the reason in `e`; the capture file then is kept, marked incomplete, when anything
 * was recorded, and removed when nothing was.
 */
int record_run(const struct record_options *options, struct record_result *result, struct err *e);

#endif
