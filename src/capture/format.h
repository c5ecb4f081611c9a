/*
 * format: the capture file, `.wsc`.
 *
 * A header of fixed size, then blocks: struct capture_block, then `length` bytes of payload. Cut
 * anywhere, every whole block before the cut reads; a block whose CRC does not fit is passed
 * over and counted. Little-endian, explicit numbers that are never reused, asserted sizes.
 * Nothing is rewritten but the header's `flags` and `end_ns`, by the orderly end.
 *
 * Blocks hold bytes that strangers sent to the target, maybe bytes made to look like a block. So
 * each block's CRC begins with the header's, which depends on the time of the start to the
 * nanosecond: what merely looks like a block never passes for one.
 */
#ifndef CAPTURE_FORMAT_H
#define CAPTURE_FORMAT_H

#include <stdint.h>

#define CAPTURE_MAGIC "waitscop" /* 8 bytes, no NUL */
/* 2 has EVENT_WAIT_SHORT, without which a reader would show nearly no wait; it reads 1 as well. */
#define CAPTURE_MAJOR 2       /* a later one is refused */
#define CAPTURE_MAJOR_LEAST 1 /* and one before this */
#define CAPTURE_MINOR 2       /* a later one adds: read what is known */

enum capture_flag {
    CAPTURE_INCOMPLETE = 1, /* set from the start, cleared by the orderly end */
};

enum capture_arch {
    CAPTURE_X86_64 = 1,
    CAPTURE_ARM64 = 2,
};

struct capture_header {
    char magic[8];
    uint16_t major, minor;
    uint32_t header_size; /* sizeof(struct capture_header): where the blocks begin */
    uint32_t flags;       /* enum capture_flag */
    uint16_t arch;        /* enum capture_arch */
    uint16_t cpus;
    uint64_t start_ns;      /* CLOCK_MONOTONIC when the probes were on */
    uint64_t end_ns;        /* when the recording ended; 0 while it runs */
    uint64_t start_real_ns; /* CLOCK_REALTIME at start_ns */
    uint32_t target_pid;    /* the first one asked for */
    uint32_t crc;           /* CRC-32 (zlib's) of header_size bytes, flags, end_ns, crc as 0 */
    char host[64];          /* NUL-padded, as are the others */
    char kernel[64];
    char comm[16];
    char command[256]; /* the target's command line or what -p was given, cut */
};

enum capture_block_type {
    BLOCK_EVENTS = 1,  /* records of bpf/events.h, one behind the other, as the ring had them */
    BLOCK_LOSS = 2,    /* array of struct capture_loss */
    BLOCK_PROBES = 3,  /* names of the attached probes, a NUL behind each; more NULs pad */
    BLOCK_SUMMARY = 4, /* struct capture_summary: the last block of an orderly end */
    BLOCK_FLIGHT = 5,  /* 2.1: struct capture_flight: only the last of a longer recording */
    BLOCK_COST = 6,    /* 2.1: struct capture_cost, cut behind its last program */
};

struct capture_block {
    uint32_t type;
    uint32_t length; /* of the payload; at most CAPTURE_BLOCK_MAX */
    uint32_t crc;    /* CRC-32 (zlib's) of the header's crc, then type, length and payload */
    uint32_t mark;   /* CAPTURE_BLOCK_MARK: finds the next block behind a damaged one */
};

/* Payloads are multiples of 8 bytes, so that records stay aligned in the file. */
#define CAPTURE_BLOCK_MARK 0x6b6c6277u /* "wblk" */
#define CAPTURE_BLOCK_MAX (4u << 20)

/* `count` records of `kind` (enum event_kind; 0: not known which) found no room in the ring
 * between the two times. */
struct capture_loss {
    uint64_t start_ns, end_ns, count;
    uint32_t kind, pad;
};

struct capture_summary {
    uint64_t records, lost;
    uint64_t probe_run_ns, probe_runs; /* 0 unless the kernel counted all the time */
    uint64_t drain_cpu_ns;             /* the recorder's own CPU time */
    uint64_t end_ns;                   /* the header's, here under a CRC; the writer fills it */
};

/*
 * What a flight recorder kept. header.start_ns is where the window begins: from there on the
 * capture is whole. Records that say what is there (threads, sockets, files …) may be older, the
 * last word on each. Of what happened none is, but for the receive on each connection that began
 * its last request; with IO_ANSWERED (2.2) something was sent on it since and before the window,
 * which may have been the whole answer. A reader of 2.1 shows such a request as one that nobody has
 * answered.
 */
struct capture_flight {
    uint64_t attach_ns; /* when the probes were on */
    uint64_t last_ns;   /* so much was asked for; 0: no limit but `max_bytes` */
    uint64_t max_bytes; /* the memory that was allowed */
    uint32_t full;      /* 1: the memory was used up, so the window is shorter than asked for */
    uint32_t forgotten; /* objects that it names and does not describe: given up for room */
};

/* Runs of one program of the probes, and the time that they took, while the kernel counted. */
struct capture_program {
    char name[24]; /* NUL-padded */
    uint64_t runs, run_ns;
};

#define CAPTURE_PROGRAMS_MAX 64

/*
 * What the recording itself cost. The probes are counted in short windows (record/cost.h says what
 * is in it and what is not), or all the time where the administrator has the kernel count.
 */
struct capture_cost {
    uint64_t recorder_ns;    /* CPU time of the recorder */
    uint64_t recorder_of_ns; /* within so much time, up to the capture's end */
    uint64_t attach_ns;      /* CPU time of the recorder up to the attach's end */
    uint64_t sampled_ns;     /* how long the kernel counted; 0: not at all */
    uint32_t windows;        /* in how many pieces */
    uint32_t whole;          /* 1: all the time */
    uint32_t count, pad;     /* of `programs` */
    struct capture_program programs[CAPTURE_PROGRAMS_MAX];
};

_Static_assert(sizeof(struct capture_header) == 456, "capture_header");
_Static_assert(sizeof(struct capture_block) == 16, "capture_block");
_Static_assert(sizeof(struct capture_loss) == 32, "capture_loss");
_Static_assert(sizeof(struct capture_summary) == 48, "capture_summary");
_Static_assert(sizeof(struct capture_flight) == 32, "capture_flight");
_Static_assert(sizeof(struct capture_program) == 40, "capture_program");
_Static_assert(sizeof(struct capture_cost) == 48 + 40 * CAPTURE_PROGRAMS_MAX, "capture_cost");

#endif
