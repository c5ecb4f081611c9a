/*
 * shared: what the probes and the recorder both see besides the records: the values of maps and
 * of tables that the skeleton names.
 */
#ifndef BPF_SHARED_H
#define BPF_SHARED_H

#ifndef __bpf__
#include <stdint.h>
#endif

/* Records that found no room, on one CPU; user space turns changes into windows. */
struct probe_loss {
    uint64_t count;
    uint64_t first_ns, last_ns;
};

/* What is known of a call by its kernel number: enum call, enum call_class. */
struct call_entry {
    uint16_t call;
    uint16_t class;
};

#endif
