/*
 * memory: how much there is to be had.
 */
#ifndef CMD_MEMORY_H
#define CMD_MEMORY_H

#include <stdint.h>

/* Bytes that may still be used without anybody going short, on the machine and in each cgroup that
 * the process is in; UINT64_MAX: nobody says. `root` stands before /proc and /sys: "". */
uint64_t memory_free(const char *root);

#endif
