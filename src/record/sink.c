#include "record/sink.h"

#include "capture/writer.h"
#include "record/flight.h"

int sink_append(const struct sink *s, const struct event *ev)
{
    return s->flight ? flight_append(s->flight, ev) : writer_append(s->writer, ev);
}

int sink_loss(const struct sink *s, const struct capture_loss *loss, size_t count)
{
    return s->flight ? flight_loss(s->flight, loss, count) : writer_loss(s->writer, loss, count);
}

int sink_probes(const struct sink *s, const char *const *names, size_t count)
{
    return s->flight ? flight_probes(s->flight, names, count)
                     : writer_probes(s->writer, names, count);
}

int sink_flush(const struct sink *s, uint64_t now_ns)
{
    return s->flight ? flight_expire(s->flight, now_ns) : writer_flush(s->writer);
}

uint64_t sink_bytes(const struct sink *s)
{
    return s->flight ? flight_bytes(s->flight) : writer_bytes(s->writer);
}

uint64_t sink_records(const struct sink *s)
{
    return s->flight ? flight_records(s->flight) : writer_records(s->writer);
}
