#include "record/code.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)

#define PROLOGUE_MAX 48
#define STEPS_MAX 48 /* instructions */
#define TAKEN_MAX 12 /* of them, to take one thing out of a list */
#define CALL 0xe8

enum { RAX = 0, RDX = 2, RSP = 4, RSI = 6, RDI = 7 };

/* One instruction: its length, 0 when it is none of those known here. */
struct insn {
    size_t len;
    bool cheap;   /* the kernel emulates it */
    bool branch;  /* what comes behind it may not come at all */
    int changed;  /* the general register that it writes to, as far as is asked for; -1: none */
    int64_t jump; /* jmp: to how far behind its end */
    int64_t to;   /* any branch but a call: the same */
};

/* The bytes of ModRM, SIB and displacement; 0 when they are not all there. */
static size_t modrm_len(const unsigned char *at, size_t len)
{
    size_t n = 1;
    unsigned mod, rm;

    if (!len)
        return 0;
    mod = at[0] >> 6;
    rm = at[0] & 7;
    if (mod != 3 && rm == 4) {
        if (len < 2)
            return 0;
        n++;
        if (mod == 0 && (at[1] & 7) == 5)
            n += 4;
    }
    if (mod == 1)
        n += 1;
    else if (mod == 2 || (mod == 0 && rm == 5))
        n += 4;
    return n <= len ? n : 0;
}

static int register_of(unsigned field, unsigned high)
{
    return (int)((field & 7) | (high ? 8 : 0));
}

static bool spoils(const struct insn *i, unsigned arguments)
{
    return i->changed == RSI || i->changed == RDI || (i->changed == RDX && arguments > 2);
}

/* An instruction with a ModRM byte at `at`, `immediate` more bytes, that writes to what its `reg`
 * field names, or to what `rm` names, or to no general register. */
static void decode_modrm(struct insn *i, const unsigned char *at, size_t len, size_t before,
                         size_t immediate, char writes, unsigned rex)
{
    size_t n = modrm_len(at, len);

    if (!n || n + immediate > len)
        return;
    i->len = before + n + immediate;
    if (writes == 'r')
        i->changed = register_of(at[0] >> 3, rex & 4);
    else if (writes == 'm' && at[0] >> 6 == 3)
        i->changed = register_of(at[0], rex & 1);
}

static int32_t read_int32(const unsigned char *at)
{
    int32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

static void decode_two_byte(struct insn *i, const unsigned char *at, size_t len, size_t n,
                            unsigned rex)
{
    unsigned char op = len > n + 1 ? at[n + 1] : 0;

    n += 2;
    if (op >= 0x80 && op <= 0x8f && len >= n + 4) {
        *i = (struct insn){.len = n + 4, .cheap = true, .branch = true, .changed = -1};
        i->to = read_int32(at + n);
    } else if (op == 0x1e && len > n && at[0] == 0xf3 && at[n] == 0xfa)
        i->len = n + 1; /* endbr64 */
    else if (op == 0x6e || op == 0x6c || op == 0xef || op == 0x57 || op == 0x28 || op == 0x1f)
        decode_modrm(i, at + n, len - n, n, 0, '-', rex); /* SSE moves, nop */
}

static void decode_branch(struct insn *i, const unsigned char *at, size_t len, size_t n)
{
    bool near = at[n] == CALL || at[n] == 0xe9;
    size_t bytes = near ? 4 : 1;

    if (len < n + 1 + bytes)
        return;
    *i = (struct insn){.len = n + 1 + bytes, .cheap = true, .branch = true, .changed = -1};
    if (at[n] == CALL)
        return;
    if (near)
        i->to = read_int32(at + n + 1);
    else
        i->to = at[n + 1] < 0x80 ? at[n + 1] : at[n + 1] - 0x100;
    if (near || at[n] == 0xeb)
        i->jump = i->to;
}

static struct insn decode(const unsigned char *at, size_t len)
{
    struct insn i = {.changed = -1};
    size_t n = 0;
    unsigned rex = 0;
    unsigned char op;

    if (n < len && (at[n] == 0x66 || at[n] == 0xf3))
        n++;
    if (n < len && (at[n] & 0xf0) == 0x40)
        rex = at[n++];
    if (n >= len)
        return i;
    op = at[n];
    if (op == 0x0f)
        decode_two_byte(&i, at, len, n, rex);
    else if (op >= 0x50 && op <= 0x57)
        i = (struct insn){.len = n + 1, .cheap = n == 0 || (n == 1 && rex == 0x41), .changed = -1};
    else if (op >= 0x58 && op <= 0x5f) {
        i.len = n + 1;
        i.changed = register_of(op, rex & 1);
    } else if (n == 0 && (op == 0xe8 || op == 0xe9 || op == 0xeb || (op >= 0x70 && op <= 0x7f)))
        decode_branch(&i, at, len, n);
    else if (op == 0x8b || op == 0x8d || op == 0x33 || op == 0x63 || op == 0x03 || op == 0x2b)
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 0, 'r', rex);
    else if (op == 0x89 || op == 0x31 || op == 0x01 || op == 0x29)
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 0, 'm', rex);
    else if (op == 0x84 || op == 0x85 || op == 0x39 || op == 0x3b)
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 0, '-', rex);
    else if (op == 0xa8 && len > n + 1) /* test of al */
        i.len = n + 2;
    else if (op == 0xf6 && len > n + 1 && (at[n + 1] & 0x38) == 0) /* test */
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 1, '-', rex);
    else if (op == 0x83)
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 1, 'm', rex);
    else if (op == 0xff && len > n + 1 && (at[n + 1] & 0x30) == 0) /* inc, dec */
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 0, 'm', rex);
    else if (op == 0xc7 && at[0] != 0x66)
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 4, 'm', rex);
    else if (op == 0x81 && at[0] != 0x66)
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 4, 'm', rex);
    return i;
}

int code_cheap_place(const unsigned char *code, size_t len, unsigned arguments)
{
    size_t at = 0;

    if (len > PROLOGUE_MAX)
        len = PROLOGUE_MAX;
    while (at < len) {
        struct insn i = decode(code + at, len - at);

        if (i.len && i.cheap)
            return (int)at;
        if (!i.len || spoils(&i, arguments))
            break;
        at += i.len;
    }
    return -1;
}

int64_t code_tail(const unsigned char *code, size_t len)
{
    size_t at = 0;

    if (len > PROLOGUE_MAX)
        len = PROLOGUE_MAX;
    while (at < len) {
        struct insn i = decode(code + at, len - at);

        if (!i.len)
            break;
        at += i.len;
        if (i.branch)
            return i.jump ? (int64_t)at + i.jump : 0;
    }
    return 0;
}

int code_next_cheap(const unsigned char *code, size_t len)
{
    size_t at = 0;

    while (at < len) {
        struct insn i = decode(code + at, len - at);

        if (!i.len)
            break;
        if (i.cheap)
            return (int)at;
        at += i.len;
    }
    return -1;
}

/* mov REGISTER,DISTANCE(BASE) of eight bytes, with a distance */
struct store {
    int reg, base;
    int32_t distance;
};

static bool is_store(const unsigned char *at, size_t len, struct store *s)
{
    if (len < 4 || (at[0] & 0xf8) != 0x48 || at[1] != 0x89 || (at[2] & 7) == RSP)
        return false;
    s->reg = register_of(at[2] >> 3, at[0] & 4);
    s->base = register_of(at[2], at[0] & 1);
    if (at[2] >> 6 == 1)
        s->distance = at[3];
    else if (at[2] >> 6 == 2 && len >= 7)
        s->distance = read_int32(at + 3);
    else
        return false;
    return true;
}

/* addq $1,(REGISTER): a reference to a Python object is taken. -1: it is something else */
static int is_taken(const unsigned char *at, const struct insn *i)
{
    size_t distance = i->len == 5 && at[2] >> 6 == 1; /* (%rbp) and (%r13) have one, of 0 */

    if (i->len != 4 + distance || (at[0] & 0xfe) != 0x48 || at[1] != 0x83 || (at[2] & 0x38) ||
        at[2] >> 6 != distance || at[i->len - 1] != 1 || (distance && at[3]))
        return -1;
    return register_of(at[2], at[0] & 1);
}

/* Whether what comes next, a branch, is to be taken: a result in rax that is not NULL. */
static bool is_success(const unsigned char *code, size_t before, size_t at)
{
    bool tested = at - before == 3 && code[before] == 0x48 && code[before + 1] == 0x85 &&
                  code[before + 2] == 0xc0;

    return tested && (code[at] == 0x75 || (code[at] == 0x0f && code[at + 1] == 0x85));
}

int64_t code_member(const unsigned char *code, size_t len, size_t at, int *reg)
{
    struct store own, next;
    unsigned taken = 0;
    size_t before = at;
    bool result = true; /* rax has it still */
    int kept = -1;

    if (at >= len || !is_store(code + at, len - at, &own) || own.reg != RAX)
        return -1;
    for (size_t steps = 0; steps < STEPS_MAX && at < len; steps++) {
        struct insn i = decode(code + at, len - at);
        size_t end = at + i.len;
        int one;

        if (!i.len || i.changed == own.base)
            break;
        if (kept >= 0 && i.cheap) {
            *reg = kept;
            return (int64_t)at;
        }
        if (code[at] == CALL || (kept >= 0 && i.changed == kept))
            break;
        one = is_taken(code + at, &i);
        if (one >= 0)
            taken |= 1u << one;
        else if (i.changed >= 0)
            taken &= ~(1u << i.changed);
        if (kept < 0 && is_store(code + at, len - at, &next) && next.base == own.base &&
            next.distance != own.distance && taken & 1u << next.reg)
            kept = next.reg;
        result &= i.changed != RAX;
        if (i.jump || (result && i.to && is_success(code, before, at)))
            end += (size_t)i.to;
        before = at;
        at = end;
    }
    return -1;
}

/* mov (ADDRESS),REGISTER of eight bytes; with a distance of 0 where there must be one */
static bool is_load(const unsigned char *at, size_t len, int *address, int *reg)
{
    size_t distance = len >= 3 && at[2] >> 6 == 1;

    if (len < 3 + distance || (at[0] & 0xf8) != 0x48 || at[1] != 0x8b || at[2] >> 6 != distance ||
        (at[2] & 7) == RSP || (!distance && (at[2] & 7) == 5) || (distance && at[3]))
        return false;
    *reg = register_of(at[2] >> 3, at[0] & 4);
    *address = register_of(at[2], at[0] & 1);
    return *reg != *address;
}

/* The same back: another register, or a number, to where that was loaded from. */
static bool is_replaced(const unsigned char *at, const struct insn *i, int address, int reg)
{
    size_t distance = i->len > 3 && at[2] >> 6 == 1;

    if (i->len < 3 + distance || (at[0] & 0xf8) != 0x48 || at[2] >> 6 != distance ||
        (distance && at[3]) || register_of(at[2], at[0] & 1) != address)
        return false;
    return at[1] == 0xc7 || (at[1] == 0x89 && register_of(at[2] >> 3, at[0] & 4) != reg);
}

/* cqto; idiv of a register: they write to rax and rdx */
static size_t divides(const unsigned char *at, size_t len)
{
    if (len >= 2 && at[0] == 0x48 && at[1] == 0x99)
        return 2;
    return len >= 3 && (at[0] & 0xfe) == 0x48 && at[1] == 0xf7 && at[2] >= 0xf8 ? 3 : 0;
}

int64_t code_taken(const unsigned char *code, size_t len, size_t at, int *reg)
{
    bool replaced = false, counted = false;
    struct store next;
    int address;

    if (at >= len || !is_load(code + at, len - at, &address, reg))
        return -1;
    at += code[at + 2] >> 6 == 1 ? 4 : 3;
    for (size_t steps = 0; steps < TAKEN_MAX && at < len; steps++) {
        size_t division = divides(code + at, len - at);
        struct insn i = decode(code + at, len - at);

        if (division && *reg != RAX && *reg != RDX && address != RAX &&
            (address != RDX || replaced)) {
            at += division;
            continue;
        }
        if (!i.len || i.changed == *reg || (!replaced && i.changed == address) || code[at] == CALL)
            break;
        if (i.cheap && replaced && counted)
            return (int64_t)at;
        if (i.jump)
            break;
        counted |= replaced && is_store(code + at, len - at, &next);
        replaced |= is_replaced(code + at, &i, address, *reg);
        at += i.len;
    }
    return -1;
}

uint64_t code_call(const unsigned char *code, size_t len, uint64_t address, uint64_t target)
{
    uint64_t found = 0;

    for (size_t at = 0; at + 5 <= len; at++) {
        int32_t to;

        if (code[at] != 0xe8)
            continue;
        memcpy(&to, code + at + 1, sizeof(to));
        if (address + at + 5 + (uint64_t)(int64_t)to != target)
            continue;
        if (found)
            return 0;
        found = address + at;
    }
    return found;
}

#else

int code_cheap_place(const unsigned char *code, size_t len, unsigned arguments)
{
    (void)code, (void)arguments;
    return len ? 0 : -1;
}

int64_t code_tail(const unsigned char *code, size_t len)
{
    (void)code, (void)len;
    return 0;
}

int code_next_cheap(const unsigned char *code, size_t len)
{
    (void)code, (void)len;
    return -1;
}

int64_t code_member(const unsigned char *code, size_t len, size_t at, int *reg)
{
    (void)code, (void)len, (void)at, (void)reg;
    return -1;
}

int64_t code_taken(const unsigned char *code, size_t len, size_t at, int *reg)
{
    (void)code, (void)len, (void)at, (void)reg;
    return -1;
}

uint64_t code_call(const unsigned char *code, size_t len, uint64_t address, uint64_t target)
{
    (void)code, (void)len, (void)address, (void)target;
    return 0;
}

#endif
