#include "agent/classfile.h"

#include <string.h>

enum { UTF8 = 1, CLASS = 7, FIELD = 9, METHOD = 10, INTERFACE_METHOD = 11, NAME_AND_TYPE = 12 };

/* Java 6: code without branches needs no frames, and every JVM since then takes it. */
#define VERSION 50
#define FIELD_BYTES 8

static void put(struct classfile *c, struct bytes *b, const void *from, size_t len)
{
    if (len > b->max - b->len) {
        c->overflow = true;
        return;
    }
    memcpy(b->at + b->len, from, len);
    b->len += len;
}

static void u1(struct classfile *c, struct bytes *b, uint8_t n)
{
    put(c, b, &n, 1);
}

static void u2(struct classfile *c, struct bytes *b, uint16_t n)
{
    const uint8_t both[2] = {(uint8_t)(n >> 8), (uint8_t)n};
    put(c, b, both, 2);
}

static void u4(struct classfile *c, struct bytes *b, uint32_t n)
{
    u2(c, b, (uint16_t)(n >> 16));
    u2(c, b, (uint16_t)n);
}

/* The same constant twice is allowed, and these classes are small. */
static uint16_t utf8(struct classfile *c, const char *text)
{
    size_t len = strlen(text);
    u1(c, &c->pool, UTF8);
    u2(c, &c->pool, (uint16_t)len);
    put(c, &c->pool, text, len);
    return ++c->constants;
}

static uint16_t class_of(struct classfile *c, const char *name)
{
    uint16_t text = utf8(c, name);
    u1(c, &c->pool, CLASS);
    u2(c, &c->pool, text);
    return ++c->constants;
}

static uint16_t pair(struct classfile *c, uint8_t tag, uint16_t x, uint16_t y)
{
    u1(c, &c->pool, tag);
    u2(c, &c->pool, x);
    u2(c, &c->pool, y);
    return ++c->constants;
}

static uint16_t member(struct classfile *c, uint8_t tag, const char *owner, const char *name,
                       const char *type)
{
    uint16_t class = class_of(c, owner), text = utf8(c, name), kind = utf8(c, type);
    return pair(c, tag, class, pair(c, NAME_AND_TYPE, text, kind));
}

void class_begin(struct classfile *c, uint16_t access, const char *name)
{
    memset(c, 0, sizeof(*c));
    c->pool = (struct bytes){c->pools, 0, sizeof(c->pools)};
    c->members = (struct bytes){c->memberses, 0, sizeof(c->memberses)};
    c->code = (struct bytes){c->codes, 0, sizeof(c->codes)};
    c->access = access;
    c->self = class_of(c, name);
    c->super = class_of(c, "java/lang/Object");
}

void class_implements(struct classfile *c, const char *name)
{
    if (c->interfaces == sizeof(c->interface) / sizeof(c->interface[0]))
        c->overflow = true;
    else
        c->interface[c->interfaces++] = class_of(c, name);
}

static void member_begin(struct classfile *c, uint16_t access, const char *name, const char *type)
{
    uint16_t text = utf8(c, name), kind = utf8(c, type);
    u2(c, &c->members, access);
    u2(c, &c->members, text);
    u2(c, &c->members, kind);
}

void class_field(struct classfile *c, uint16_t access, const char *name, const char *type)
{
    member_begin(c, access, name, type);
    u2(c, &c->members, 0);
    c->fields++;
}

void class_method(struct classfile *c, uint16_t access, const char *name, const char *type,
                  uint16_t slots)
{
    member_begin(c, access, name, type);
    c->methods++;
    if (!c->code.len) {
        u2(c, &c->members, 0);
        return;
    }
    uint16_t attribute = utf8(c, "Code");
    u2(c, &c->members, 1);
    u2(c, &c->members, attribute);
    u4(c, &c->members, (uint32_t)c->code.len + 12);
    u2(c, &c->members, slots);
    u2(c, &c->members, slots);
    u4(c, &c->members, (uint32_t)c->code.len);
    put(c, &c->members, c->code.at, c->code.len);
    u2(c, &c->members, 0); /* exceptions */
    u2(c, &c->members, 0); /* attributes */
    c->code.len = 0;
}

void code(struct classfile *c, enum opcode op)
{
    u1(c, &c->code, (uint8_t)op);
}

void code_ref(struct classfile *c, enum opcode op, const char *owner, const char *name,
              const char *type)
{
    u1(c, &c->code, (uint8_t)op);
    u2(c, &c->code, member(c, op == GETFIELD ? FIELD : METHOD, owner, name, type));
}

void code_interface(struct classfile *c, const char *owner, const char *name, const char *type,
                    uint8_t slots)
{
    u1(c, &c->code, INVOKEINTERFACE);
    u2(c, &c->code, member(c, INTERFACE_METHOD, owner, name, type));
    u1(c, &c->code, slots);
    u1(c, &c->code, 0);
}

void class_end(struct classfile *c, uint8_t *out)
{
    struct bytes b = {out, 0, CLASS_MAX};
    size_t field = c->fields * (size_t)FIELD_BYTES;

    if (c->overflow) /* not everything that was counted is there */
        return;
    u4(c, &b, CLASS_MAGIC);
    u2(c, &b, 0);
    u2(c, &b, VERSION);
    u2(c, &b, c->constants + 1);
    put(c, &b, c->pool.at, c->pool.len);
    u2(c, &b, c->access);
    u2(c, &b, c->self);
    u2(c, &b, c->super);
    u2(c, &b, c->interfaces);
    for (uint16_t i = 0; i < c->interfaces; i++)
        u2(c, &b, c->interface[i]);
    u2(c, &b, c->fields);
    put(c, &b, c->members.at, field);
    u2(c, &b, c->methods);
    put(c, &b, c->members.at + field, c->members.len - field);
    u2(c, &b, 0);
    c->size = c->overflow ? 0 : b.len;
}
