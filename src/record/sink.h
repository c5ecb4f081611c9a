/*
 * sink: where a recording's records go: into a capture file at once, or into memory (a flight
 * recorder). One of the two is not NULL; both are the caller's. As writer.h says.
 */
#ifndef RECORD_SINK_H
#define RECORD_SINK_H

#include "capture/format.h"

#include <stddef.h>

struct event;
struct flight;
struct writer;

struct sink {
    struct writer *writer;
    struct flight *flight;
};

int sink_append(const struct sink *s, const struct event *ev);
int sink_loss(const struct sink *s, const struct capture_loss *loss, size_t count);
int sink_probes(const struct sink *s, const char *const *names, size_t count);
/* What gathered goes into the file; what is older than the window goes. */
int sink_flush(const struct sink *s, uint64_t now_ns);
uint64_t sink_bytes(const struct sink *s);
uint64_t sink_records(const struct sink *s);

#endif
