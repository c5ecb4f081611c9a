/*
 * code: places in machine code where a uprobe costs little.
 *
 * A uprobe is a trap. The kernel then does by itself what the instruction there does when it is a
 * push, a call, a jump or a branch (arch/x86/kernel/uprobes.c); any other it has to single-step,
 * a second trap, which under a hypervisor costs 15 us where the first costs half of one. Most
 * functions begin with a push, or have one soon: it is as good a place as the first instruction
 * as long as the arguments are still where they were.
 *
 * Only for x86-64; elsewhere the first instruction is the place, and calls are not found.
 */
#ifndef RECORD_CODE_H
#define RECORD_CODE_H

#include <stddef.h>
#include <stdint.h>

/* How far behind its begin a function has such a place that every call comes by, with the first
 * `arguments`, 2 or 3, untouched; -1: there is none. */
int code_cheap_place(const unsigned char *code, size_t len, unsigned arguments);
/* Where the function jumps to, when it does nothing before but move values between registers, as a
 * number of bytes behind its begin; 0: it is no such function. */
int64_t code_tail(const unsigned char *code, size_t len);
/* How far the first place is from which a uprobe costs little, wherever that leads; -1: there is
 * none. */
int code_next_cheap(const unsigned char *code, size_t len);
/*
 * At `at`, behind a call, its result becomes a member of an object. The next member of that object
 * to which a reference is taken, on the way on which the result is no NULL: gives a place behind
 * where a uprobe costs little, and which register, by the processor's number, has that member
 * there; -1: there is none.
 */
int64_t code_member(const unsigned char *code, size_t len, size_t at, int *reg);
/*
 * At `at` a pointer is loaded, something else is put where it was, and a number is stored: it was
 * taken out of a list. Gives a place behind where a uprobe costs little, and which register, by the
 * processor's number, has the pointer there; -1: it is something else that stands there.
 */
int64_t code_taken(const unsigned char *code, size_t len, size_t at, int *reg);
/* Where the one call of `target` stands in code that begins at `address`; 0: there is none, or more
 * than one. */
uint64_t code_call(const unsigned char *code, size_t len, uint64_t address, uint64_t target);

#endif
