/*
 * maps: the files that a process has mapped as code, from /proc/PID/maps.
 */
#ifndef RECORD_MAPS_H
#define RECORD_MAPS_H

#include <stdbool.h>
#include <stdint.h>

struct map {
    uint64_t start, end; /* in the process */
    uint64_t offset;     /* in the file */
    uint64_t inode;
    const char *path; /* as the process sees it, with the kernel's escapes */
    const char *name; /* the same without its folder */
    bool is_program;  /* what exec was called with, or a file of that path */
};

/* Parses one line, which is changed; `program`: the program's path, or "". False for what is no
 * mapped code of a file. */
bool map_parse(char *line, const char *program, struct map *m);
/* Calls `take` for each; ends with its first answer that is not 0. 0 when there is no such process,
 * -EACCES when it may not be read. */
int maps_walk(uint32_t pid, int (*take)(void *ctx, const struct map *m), void *ctx);
/* Opens the file that is mapped, and no other that has its path by now; -errno. */
int map_open(uint32_t pid, const struct map *m);

#endif
