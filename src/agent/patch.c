/*
 * aload_0 and invokestatic take 4 bytes, so that what is aligned to 4 in the code behind them (the
 * tables of switches) stays so, and jumps are relative. What else names a place in the code is
 * moved: handlers of exceptions, numbers of lines, the scopes of variables, the frames for the
 * verifier (JVMS 4.7.4).
 */
#include "agent/patch.h"

#include "agent/classfile.h"

#include <string.h>

#define SHIFT 4
/* Constants that are added: two names and a type as text, the class, the pair, the method. */
#define ADDED 6

enum {
    UTF8 = 1,
    INTEGER = 3,
    FLOAT,
    LONG,
    DOUBLE,
    CLASS,
    STRING,
    FIELD,
    METHOD,
    INTERFACE_METHOD,
    NAME_AND_TYPE,
    METHOD_HANDLE = 15,
    METHOD_TYPE,
    DYNAMIC,
    INVOKE_DYNAMIC,
    MODULE,
    PACKAGE,
};

/* A place in the class that is read; `bad` once it was left. */
struct reader {
    const uint8_t *at, *end;
    bool bad;
};

struct patcher {
    struct reader in;
    const struct patch *patch;
    uint8_t *out;
    size_t len, max;
    const uint8_t *pool; /* the first constant */
    const uint8_t *pool_end;
    uint16_t constants;
    bool found;
};

static const uint8_t *skip(struct reader *r, size_t n)
{
    const uint8_t *at = r->at;

    if (r->bad || n > (size_t)(r->end - r->at)) {
        r->bad = true;
        return NULL;
    }
    r->at += n;
    return at;
}

static uint32_t number(struct reader *r, size_t bytes)
{
    const uint8_t *at = skip(r, bytes);
    uint32_t n = 0;

    for (size_t i = 0; at && i < bytes; i++)
        n = n << 8 | at[i];
    return n;
}

static void put(struct patcher *p, const void *from, size_t n)
{
    if (!from || n > p->max - p->len) {
        p->in.bad = true;
        return;
    }
    memcpy(p->out + p->len, from, n);
    p->len += n;
}

static void put_number(struct patcher *p, uint32_t n, size_t bytes)
{
    uint8_t all[4];

    for (size_t i = bytes; i-- > 0; n >>= 8)
        all[i] = (uint8_t)n;
    put(p, all, bytes);
}

/* Copies so many bytes, and gives them as a number. */
static uint32_t copy(struct patcher *p, size_t bytes)
{
    struct reader before = p->in;

    put(p, skip(&p->in, bytes), bytes);
    return number(&before, bytes > 4 ? 0 : bytes);
}

static uint32_t copy_shifted(struct patcher *p)
{
    uint32_t n = number(&p->in, 2);

    put_number(p, n + SHIFT, 2);
    p->in.bad |= n + SHIFT > UINT16_MAX;
    return n;
}

/* How many constants' places one takes; 0: it is not known. */
static uint16_t constant_skip(struct reader *r)
{
    switch (number(r, 1)) {
    case UTF8:
        skip(r, number(r, 2));
        return 1;
    case LONG:
    case DOUBLE:
        skip(r, 8);
        return 2;
    case INTEGER:
    case FLOAT:
    case FIELD:
    case METHOD:
    case INTERFACE_METHOD:
    case NAME_AND_TYPE:
    case DYNAMIC:
    case INVOKE_DYNAMIC:
        skip(r, 4);
        return 1;
    case METHOD_HANDLE:
        skip(r, 3);
        return 1;
    case CLASS:
    case STRING:
    case METHOD_TYPE:
    case MODULE:
    case PACKAGE:
        skip(r, 2);
        return 1;
    default:
        r->bad = true;
        return 0;
    }
}

static bool is_text(const struct patcher *p, uint32_t index, const char *text)
{
    struct reader r = {p->pool, p->pool_end, false};
    uint32_t i = 1;

    while (i < index && !r.bad && r.at < r.end)
        i += constant_skip(&r);
    if (i != index || number(&r, 1) != UTF8)
        return false;
    size_t len = number(&r, 2);
    const uint8_t *bytes = skip(&r, len);
    return bytes && len == strlen(text) && !memcmp(bytes, text, len);
}

static void put_text(struct patcher *p, const char *text)
{
    put_number(p, UTF8, 1);
    put_number(p, (uint32_t)strlen(text), 2);
    put(p, text, strlen(text));
}

/* The constants, and behind them those for the call. */
static void copy_pool(struct patcher *p)
{
    uint16_t count = (uint16_t)number(&p->in, 2), i = 1;

    p->pool = p->in.at;
    while (i < count && !p->in.bad)
        i += constant_skip(&p->in);
    p->pool_end = p->in.at;
    p->constants = count;
    if (p->in.bad || i != count || count > UINT16_MAX - ADDED) {
        p->in.bad = true;
        return;
    }
    put_number(p, count + ADDED, 2);
    put(p, p->pool, (size_t)(p->pool_end - p->pool));
    put_text(p, p->patch->owner);
    put_text(p, p->patch->called);
    put_text(p, p->patch->to);
    put_number(p, CLASS, 1);
    put_number(p, count, 2);
    put_number(p, NAME_AND_TYPE, 1);
    put_number(p, count + 1u, 2);
    put_number(p, count + 2u, 2);
    put_number(p, METHOD, 1);
    put_number(p, count + 3u, 2);
    put_number(p, count + 4u, 2);
}

/* What stands in a variable or on the stack; an object that is not made yet bears the place of its
 * `new`. */
static void copy_types(struct patcher *p, uint32_t count)
{
    enum { OBJECT = 7, UNINITIALIZED = 8 };

    while (count-- && !p->in.bad) {
        uint32_t tag = copy(p, 1);
        if (tag == OBJECT)
            copy(p, 2);
        else if (tag == UNINITIALIZED)
            copy_shifted(p);
        p->in.bad |= tag > UNINITIALIZED;
    }
}

/* Only the first frame says where it is from the begin of the code; others from the one before. */
static void copy_frame(struct patcher *p, bool first)
{
    enum {
        SAME = 0,
        ONE = 64,
        RESERVED = 128,
        ONE_FAR = 247,
        CHOP = 248,
        SAME_FAR = 251,
        FULL = 255
    };
    uint32_t type = number(&p->in, 1), shift = first ? SHIFT : 0;

    if (type < RESERVED) {
        bool one = type >= ONE;
        uint32_t delta = (one ? type - ONE : type) + shift;
        if (delta < ONE) {
            put_number(p, delta + (one ? ONE : SAME), 1);
        } else {
            put_number(p, one ? ONE_FAR : SAME_FAR, 1);
            put_number(p, delta, 2);
        }
        copy_types(p, one);
        return;
    }
    p->in.bad |= type < ONE_FAR;
    put_number(p, type, 1);
    uint32_t delta = number(&p->in, 2) + shift;
    p->in.bad |= delta > UINT16_MAX;
    put_number(p, delta, 2);
    if (type == ONE_FAR) {
        copy_types(p, 1);
    } else if (type == FULL) {
        copy_types(p, copy(p, 2));
        copy_types(p, copy(p, 2));
    } else if (type > SAME_FAR) {
        copy_types(p, type - SAME_FAR);
    }
}

/* One whose length is known when it is written. */
struct attribute {
    size_t length_at;   /* in what is written */
    const uint8_t *end; /* of it as it was */
};

static struct attribute attribute_begin(struct patcher *p)
{
    uint32_t len = number(&p->in, 4);
    struct attribute a = {p->len, p->in.at};

    put_number(p, 0, 4);
    p->in.bad |= len > (size_t)(p->in.end - p->in.at);
    if (!p->in.bad)
        a.end += len;
    return a;
}

static void attribute_end(struct patcher *p, const struct attribute *a)
{
    uint32_t n = (uint32_t)(p->len - a->length_at - 4);

    p->in.bad |= p->in.at != a->end;
    for (size_t i = 4; i-- > 0 && !p->in.bad; n >>= 8)
        p->out[a->length_at + i] = (uint8_t)n;
}

/* Tables of what begins at a place, and so many bytes behind that; but the length in them. */
static void copy_places(struct patcher *p, size_t more)
{
    for (uint32_t n = copy(p, 2); n-- && !p->in.bad;) {
        copy_shifted(p);
        put(p, skip(&p->in, more), more);
    }
}

static void copy_code_attribute(struct patcher *p)
{
    uint32_t name = copy(p, 2);
    struct attribute a = attribute_begin(p);

    if (is_text(p, name, "StackMapTable")) {
        uint32_t n = copy(p, 2);
        for (uint32_t i = 0; i < n && !p->in.bad; i++)
            copy_frame(p, i == 0);
    } else if (is_text(p, name, "LineNumberTable")) {
        copy_places(p, 2);
    } else if (is_text(p, name, "LocalVariableTable") ||
               is_text(p, name, "LocalVariableTypeTable")) {
        copy_places(p, 8);
    } else {
        p->in.bad = true;
    }
    attribute_end(p, &a);
}

static void patch_code(struct patcher *p)
{
    struct attribute a = attribute_begin(p);
    uint32_t stack, size;

    stack = number(&p->in, 2);
    put_number(p, stack ? stack : 1, 2);
    copy(p, 2); /* variables: one of them is the argument */
    size = number(&p->in, 4);
    p->in.bad |= size > UINT16_MAX - SHIFT;
    put_number(p, size + SHIFT, 4);
    put_number(p, ALOAD_0, 1);
    put_number(p, INVOKESTATIC, 1);
    put_number(p, p->constants + ADDED - 1u, 2);
    put(p, skip(&p->in, size), size);
    for (uint32_t n = copy(p, 2); n-- && !p->in.bad;) {
        copy_shifted(p);
        copy_shifted(p);
        copy_shifted(p);
        copy(p, 2);
    }
    for (uint32_t n = copy(p, 2); n-- && !p->in.bad;)
        copy_code_attribute(p);
    attribute_end(p, &a);
}

static bool is_wanted(const struct patcher *p, uint32_t name, uint32_t type)
{
    const struct method_name *all = p->patch->methods;

    for (size_t i = 0; i < sizeof(p->patch->methods) / sizeof(all[0]); i++)
        if (all[i].name && is_text(p, name, all[i].name) && is_text(p, type, all[i].type))
            return true;
    return false;
}

static void copy_member(struct patcher *p, bool may_be)
{
    copy(p, 2);
    uint32_t name = copy(p, 2), type = copy(p, 2);
    bool wanted = may_be && is_wanted(p, name, type);

    for (uint32_t n = copy(p, 2); n-- && !p->in.bad;) {
        uint32_t attribute = copy(p, 2);
        if (wanted && is_text(p, attribute, "Code")) {
            patch_code(p);
            p->found = true;
            continue;
        }
        uint32_t len = copy(p, 4);
        put(p, skip(&p->in, len), len);
    }
}

size_t class_patch(const uint8_t *in, size_t len, const struct patch *patch, uint8_t *out)
{
    struct patcher p = {
        .in = {in, in + len, false}, .patch = patch, .out = out, .max = len + PATCH_ROOM};

    if (copy(&p, 4) != CLASS_MAGIC)
        return 0;
    copy(&p, 4); /* versions */
    copy_pool(&p);
    copy(&p, 2); /* access, itself, what it extends */
    copy(&p, 2);
    copy(&p, 2);
    for (uint32_t n = copy(&p, 2); n-- && !p.in.bad;)
        copy(&p, 2);
    for (uint32_t n = copy(&p, 2); n-- && !p.in.bad;)
        copy_member(&p, false);
    for (uint32_t n = copy(&p, 2); n-- && !p.in.bad;)
        copy_member(&p, true);
    if (p.in.bad)
        return 0;
    size_t rest = (size_t)(p.in.end - p.in.at);
    put(&p, skip(&p.in, rest), rest);
    return p.found && !p.in.bad ? p.len : 0;
}
