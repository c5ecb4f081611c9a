#include "record/code.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)

#define PROLOGUE_MAX 48
#define FUNCTION_MAX 64 /* of a short one */
#define CALL 0xe8

enum { RAX = 0, RSI = 6, RDI = 7 };

/* One instruction: its length, 0 when it is none of those known here. */
struct insn {
    size_t len;
    bool cheap;   /* the kernel emulates it */
    bool branch;  /* what comes behind it may not come at all */
    bool spoils;  /* changes one of the first two arguments */
    bool result;  /* changes what a call gave back */
    int64_t jump; /* jmp: to how far behind its end */
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

static void set_changed(struct insn *i, unsigned reg, unsigned high)
{
    i->spoils = !high && (reg == RSI || reg == RDI);
    i->result = !high && reg == RAX;
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
        set_changed(i, at[0] >> 3 & 7, rex & 4);
    else if (writes == 'm' && at[0] >> 6 == 3)
        set_changed(i, at[0] & 7, rex & 1);
}

static void decode_two_byte(struct insn *i, const unsigned char *at, size_t len, size_t n,
                            unsigned rex)
{
    unsigned char op = len > n + 1 ? at[n + 1] : 0;

    n += 2;
    if (op >= 0x80 && op <= 0x8f && len >= n + 4)
        *i = (struct insn){.len = n + 4, .cheap = true, .branch = true};
    else if (op == 0x1e && len > n && at[0] == 0xf3 && at[n] == 0xfa)
        i->len = n + 1; /* endbr64 */
    else if (op == 0x6e || op == 0x6c || op == 0xef || op == 0x57 || op == 0x28 || op == 0x1f)
        decode_modrm(i, at + n, len - n, n, 0, '-', rex); /* SSE moves, nop */
}

static void decode_branch(struct insn *i, const unsigned char *at, size_t len, size_t n)
{
    bool near = at[n] == 0xe8 || at[n] == 0xe9;
    size_t bytes = near ? 4 : 1;
    int32_t to = 0;

    if (len < n + 1 + bytes)
        return;
    *i = (struct insn){.len = n + 1 + bytes, .cheap = true, .branch = true};
    if (at[n] == 0xe9) {
        memcpy(&to, at + n + 1, sizeof(to));
        i->jump = to;
    } else if (at[n] == 0xeb) {
        i->jump = at[n + 1] < 0x80 ? at[n + 1] : at[n + 1] - 0x100;
    }
}

static struct insn decode(const unsigned char *at, size_t len)
{
    struct insn i = {0};
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
        i = (struct insn){.len = n + 1, .cheap = n == 0 || (n == 1 && rex == 0x41)};
    else if (op >= 0x58 && op <= 0x5f) {
        i.len = n + 1;
        set_changed(&i, op & 7, rex & 1);
    } else if (n == 0 && (op == 0xe8 || op == 0xe9 || op == 0xeb || (op >= 0x70 && op <= 0x7f)))
        decode_branch(&i, at, len, n);
    else if (op == 0x8b || op == 0x8d || op == 0x33 || op == 0x63)
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 0, 'r', rex);
    else if (op == 0x89 || op == 0x31)
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 0, 'm', rex);
    else if (op == 0x85 || op == 0x39 || op == 0x3b)
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 0, '-', rex);
    else if (op == 0x83)
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 1, 'm', rex);
    else if (op == 0x81 && at[0] != 0x66)
        decode_modrm(&i, at + n + 1, len - n - 1, n + 1, 4, 'm', rex);
    return i;
}

int code_cheap_place(const unsigned char *code, size_t len)
{
    size_t at = 0;

    if (len > PROLOGUE_MAX)
        len = PROLOGUE_MAX;
    while (at < len) {
        struct insn i = decode(code + at, len - at);

        if (i.len && i.cheap)
            return (int)at;
        if (!i.len || i.spoils)
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

int64_t code_leave(const unsigned char *code, size_t len)
{
    size_t at = 0;

    if (len > FUNCTION_MAX)
        len = FUNCTION_MAX;
    while (at < len) {
        struct insn i = decode(code + at, len - at);

        if (!i.len)
            break;
        at += i.len;
        if (i.jump && (i.jump > FUNCTION_MAX || i.jump < -(int64_t)at))
            return (int64_t)at + i.jump;
    }
    return 0;
}

int code_result_place(const unsigned char *code, size_t len)
{
    static const unsigned char test_rax[] = {0x48, 0x85, 0xc0};
    bool called = false, tested = false;
    size_t at = 0;

    if (len > FUNCTION_MAX)
        len = FUNCTION_MAX;
    while (at < len) {
        struct insn i = decode(code + at, len - at);

        if (!i.len || (called && i.result))
            break;
        if (called && i.cheap)
            return tested ? (int)at : -1;
        tested |= called && i.len == sizeof(test_rax) && !memcmp(code + at, test_rax, i.len);
        called |= code[at] == CALL;
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

int code_cheap_place(const unsigned char *code, size_t len)
{
    (void)code;
    return len ? 0 : -1;
}

int64_t code_tail(const unsigned char *code, size_t len)
{
    (void)code, (void)len;
    return 0;
}

int64_t code_leave(const unsigned char *code, size_t len)
{
    (void)code, (void)len;
    return 0;
}

int code_result_place(const unsigned char *code, size_t len)
{
    (void)code, (void)len;
    return -1;
}

uint64_t code_call(const unsigned char *code, size_t len, uint64_t address, uint64_t target)
{
    (void)code, (void)len, (void)address, (void)target;
    return 0;
}

#endif
