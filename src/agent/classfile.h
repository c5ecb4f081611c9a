/*
 * classfile: writes a small Java class, by The Java Virtual Machine Specification, chapter 4.
 *
 *     class_begin → class_implements… → class_field… → class_method… → class_end
 *
 * Methods are straight code without branches. A class that does not fit has `size` 0 in the end.
 */
#ifndef AGENT_CLASSFILE_H
#define AGENT_CLASSFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLASS_MAX 4096
#define CLASS_MAGIC 0xcafebabeu

enum access {
    ACC_PUBLIC = 0x0001,
    ACC_PRIVATE = 0x0002,
    ACC_STATIC = 0x0008,
    ACC_FINAL = 0x0010,
    ACC_SUPER = 0x0020,
    ACC_NATIVE = 0x0100,
};

enum opcode {
    ACONST_NULL = 0x01,
    ALOAD_0 = 0x2a,
    ALOAD_1 = 0x2b,
    ARETURN = 0xb0,
    RETURN = 0xb1,
    GETFIELD = 0xb4,
    INVOKESPECIAL = 0xb7,
    INVOKESTATIC = 0xb8,
    INVOKEINTERFACE = 0xb9,
};

struct bytes {
    uint8_t *at;
    size_t len, max;
};

struct classfile {
    size_t size; /* when it has ended */
    uint16_t access, self, super;
    uint16_t interface[2], interfaces;
    uint16_t constants, fields, methods;
    struct bytes pool, members, code;
    uint8_t pools[CLASS_MAX / 2], memberses[CLASS_MAX / 2], codes[64];
    bool overflow;
};

/* Extends java.lang.Object. Names are written with slashes. */
void class_begin(struct classfile *c, uint16_t access, const char *name);
void class_implements(struct classfile *c, const char *name);
void class_field(struct classfile *c, uint16_t access, const char *name, const char *type);
/* A native method; or, with what was written by code_… since the last one, any other. `slots`: of
 * its stack and of its arguments. */
void class_method(struct classfile *c, uint16_t access, const char *name, const char *type,
                  uint16_t slots);
void code(struct classfile *c, enum opcode op);
/* With an operand: a field or a method. */
void code_ref(struct classfile *c, enum opcode op, const char *owner, const char *name,
              const char *type);
/* An interface's method that takes `slots` with its object. */
void code_interface(struct classfile *c, const char *owner, const char *name, const char *type,
                    uint8_t slots);
/* `out`: CLASS_MAX bytes. */
void class_end(struct classfile *c, uint8_t *out);

#endif
