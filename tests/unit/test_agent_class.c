/*
 * Java classes, written and patched: what is to come out stands here byte by byte, by The Java
 * Virtual Machine Specification, chapter 4. And classes that no compiler would write: run under
 * SAN=1 too, where a step beyond an end shows.
 */
#include "agent/classfile.h"
#include "agent/patch.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define ROUNDS 20000

struct part {
    const uint8_t *at;
    size_t len;
};

#define PART(...)                                                              \
    (struct part)                                                              \
    {                                                                          \
        (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}) \
    }
#define U2(n) (uint8_t)((n) >> 8), (uint8_t)(n)
#define U4(n) U2((n) >> 16), U2(n)

/* ---- classes that are written */

/* Reads a class, and fails where it leaves it. */
struct reader {
    const uint8_t *at, *end;
    const uint8_t *constant[100];
    unsigned constants;
    struct buf words;
};

static unsigned number(struct reader *r, size_t bytes)
{
    unsigned n = 0;

    assert_true(bytes <= (size_t)(r->end - r->at));
    while (bytes-- > 0)
        n = n << 8 | *r->at++;
    return n;
}

static unsigned operand(const struct reader *r, unsigned index, unsigned tag, unsigned at)
{
    assert_in_range(index, 1, r->constants - 1);
    assert_int_equal(r->constant[index][0], tag);
    return (unsigned)r->constant[index][at] << 8 | r->constant[index][at + 1];
}

static void say_text(struct reader *r, unsigned index)
{
    unsigned len = operand(r, index, 1, 1);

    buf_addc(&r->words, ' ');
    buf_add(&r->words, r->constant[index] + 3, len);
}

static void say_class(struct reader *r, unsigned index)
{
    say_text(r, operand(r, index, 7, 1));
}

static void say_member(struct reader *r, unsigned index, unsigned tag)
{
    unsigned pair = operand(r, index, tag, 3);

    say_class(r, operand(r, index, tag, 1));
    say_text(r, operand(r, pair, 12, 1));
    say_text(r, operand(r, pair, 12, 3));
}

static void read_pool(struct reader *r)
{
    r->constants = number(r, 2);
    assert_in_range(r->constants, 1, COUNT(r->constant));
    for (unsigned i = 1; i < r->constants; i++) {
        r->constant[i] = r->at;
        unsigned tag = number(r, 1);
        if (tag == 1) {
            unsigned len = number(r, 2);
            assert_true(len <= (size_t)(r->end - r->at));
            r->at += len;
        } else {
            number(r, tag == 7 ? 2 : 4);
        }
    }
}

static void read_code(struct reader *r)
{
    unsigned len = number(r, 4);
    const uint8_t *end = r->at + len;

    assert_true(len <= (size_t)(r->end - r->at));
    buf_addf(&r->words, " stack %u", number(r, 2));
    buf_addf(&r->words, " variables %u:", number(r, 2));
    unsigned size = number(r, 4);
    for (const uint8_t *code_end = r->at + size; r->at < code_end;) {
        unsigned op = number(r, 1);
        buf_addf(&r->words, " %02x", op);
        if (op >= GETFIELD) {
            static const uint8_t tags[] = {9, 0, 0, 10, 10, 11};
            say_member(r, number(r, 2), tags[op - GETFIELD]);
        }
        if (op == INVOKEINTERFACE)
            buf_addf(&r->words, " (%u)", number(r, 2) >> 8);
        assert_true(r->at <= code_end);
    }
    assert_int_equal(number(r, 4), 0); /* exceptions, attributes */
    assert_ptr_equal(r->at, end);
}

static void read_members(struct reader *r, const char *what)
{
    for (unsigned n = number(r, 2); n-- > 0;) {
        buf_addf(&r->words, "\n%s %x", what, number(r, 2));
        say_text(r, number(r, 2));
        say_text(r, number(r, 2));
        unsigned attributes = number(r, 2);
        assert_true(attributes <= 1);
        if (attributes) {
            say_text(r, number(r, 2));
            read_code(r);
        }
    }
}

static void assert_class(const uint8_t *class, size_t len, const char *words)
{
    struct reader r = {.at = class, .end = class + len};

    assert_int_equal(number(&r, 4), 0xcafebabe);
    assert_int_equal(number(&r, 4), 50);
    read_pool(&r);
    buf_addf(&r.words, "class %x", number(&r, 2));
    say_class(&r, number(&r, 2));
    say_class(&r, number(&r, 2));
    for (unsigned n = number(&r, 2); n-- > 0;)
        say_class(&r, number(&r, 2));
    read_members(&r, "field");
    read_members(&r, "method");
    assert_int_equal(number(&r, 2), 0);
    assert_ptr_equal(r.at, r.end);
    assert_string_equal(buf_str(&r.words), words);
    buf_release(&r.words);
}

static void write_all(struct classfile *c, uint8_t *out)
{
    class_begin(c, ACC_PUBLIC | ACC_FINAL | ACC_SUPER, "p/T");
    class_implements(c, "p/I");
    class_implements(c, "p/J");
    class_field(c, 0, "other", "Lp/I;");
    class_field(c, ACC_PRIVATE, "number", "J");
    class_method(c, ACC_PUBLIC | ACC_STATIC | ACC_NATIVE, "made", "(Lp/I;)V", 0);
    code(c, ACONST_NULL);
    code(c, ARETURN);
    class_method(c, ACC_PUBLIC, "none", "()Lp/I;", 1);
    code(c, ALOAD_0);
    code_ref(c, INVOKESPECIAL, "p/T", "done", "()V");
    code(c, ALOAD_0);
    code_ref(c, GETFIELD, "p/T", "other", "Lp/I;");
    code(c, ALOAD_1);
    code_interface(c, "p/I", "go", "(Lp/J;)V", 2);
    code(c, RETURN);
    class_method(c, ACC_PUBLIC, "go", "(Lp/J;)V", 2);
    code(c, ALOAD_0);
    code_ref(c, INVOKESTATIC, "p/U", "made", "(Lp/I;)V");
    code(c, RETURN);
    class_method(c, ACC_PUBLIC | ACC_STATIC | ACC_FINAL, "probe", "(Lp/I;)V", 1);
    class_end(c, out);
}

static void written(void **state)
{
    struct classfile c;
    uint8_t out[CLASS_MAX];

    (void)state;
    write_all(&c, out);
    assert_class(out, c.size,
                 "class 31 p/T java/lang/Object p/I p/J\n"
                 "field 0 other Lp/I;\n"
                 "field 2 number J\n"
                 "method 109 made (Lp/I;)V\n"
                 "method 1 none ()Lp/I; Code stack 1 variables 1: 01 b0\n"
                 "method 1 go (Lp/J;)V Code stack 2 variables 2: 2a b7 p/T done ()V"
                 " 2a b4 p/T other Lp/I; 2b b9 p/I go (Lp/J;)V (2) b1\n"
                 "method 19 probe (Lp/I;)V Code stack 1 variables 1: 2a b8 p/U made (Lp/I;)V b1");
    /* The same memory again: nothing of the class before is in it. */
    class_begin(&c, ACC_PUBLIC, "p/V");
    class_end(&c, out);
    assert_class(out, c.size, "class 1 p/V java/lang/Object");
}

/* The size of a class with so much in it; in memory of exactly that size. */
static size_t size_with(unsigned interfaces, unsigned fields, unsigned ops, size_t name)
{
    struct classfile *c = malloc(sizeof(*c));
    uint8_t *out = malloc(CLASS_MAX);
    char *text = calloc(name + 1, 1);

    assert_true(c && out && text);
    memset(text, 'x', name);
    class_begin(c, ACC_PUBLIC, text);
    while (interfaces-- > 0)
        class_implements(c, "I");
    while (fields-- > 0)
        class_field(c, 0, "", "");
    while (ops-- > 0)
        code(c, RETURN);
    class_method(c, ACC_PUBLIC, "m", "()V", 1);
    class_end(c, out);
    size_t size = c->size;
    free(text);
    free(out);
    free(c);
    return size;
}

static void too_much(void **state)
{
    /* Beside a name the pool has its class (3), java/lang/Object (22), a method (10), its code's
     * name (7), a name's own head (3). */
    const size_t longest = CLASS_MAX / 2 - 45;

    (void)state;
    assert_true(size_with(2, 0, 1, 1) > 0);
    assert_int_equal(size_with(3, 0, 1, 1), 0);
    assert_true(size_with(0, 0, 64, 1) > 0);
    assert_int_equal(size_with(0, 0, 65, 1), 0);
    assert_true(size_with(0, 0, 1, longest) > 0);
    assert_int_equal(size_with(0, 0, 1, longest + 1), 0);
    assert_int_equal(size_with(0, 0, 1, 65536 + 1), 0); /* not 1 */
    assert_true(size_with(0, 200, 1, 1) > 0);
    assert_int_equal(size_with(0, 280, 1, 1), 0);
    assert_int_equal(size_with(0, 5000, 1, 1), 0);
    /* What fits in parts, but not in all. */
    assert_int_equal(size_with(0, 252, 1, longest - 252 * 6), 0);
}

/* ---- classes that are patched */

struct made {
    uint8_t at[300000];
    size_t len, pool_end;
    unsigned more; /* constants, behind all others */
};

/* `before` is given to class_patch(), which is to make `after` of it. */
static struct made before, after;

static const struct patch wish = {
    "T", {{"run", "()V"}, {"go", "(I)V"}}, "W", "ready", "(Ljava/lang/Object;)V"};

/* One of every kind, and behind them all names by which anything is found. */
enum constant {
    A_LONG = 1, /* two places */
    AN_INTEGER = 3,
    A_FLOAT,
    THIS_NAME,
    THIS,
    OBJECT_NAME,
    OBJECT,
    A_STRING,
    A_FIELD,
    A_METHOD,
    AN_INTERFACE_METHOD,
    A_NAME_AND_TYPE,
    A_HANDLE,
    A_METHOD_TYPE,
    A_DYNAMIC,
    AN_INVOKE_DYNAMIC,
    A_MODULE,
    A_PACKAGE,
    A_DOUBLE, /* two places */
    TEXTS = A_DOUBLE + 2
};

static const char *const texts[] = {"run",
                                    "go",
                                    "()V",
                                    "(I)V",
                                    "Code",
                                    "StackMapTable",
                                    "LineNumberTable",
                                    "LocalVariableTable",
                                    "LocalVariableTypeTable",
                                    "Unknown",
                                    "ru",
                                    "runs"};

enum text {
    RUN = TEXTS,
    GO,
    NO_ARGUMENT,
    INT_ARGUMENT,
    CODE,
    FRAMES,
    LINES,
    VARIABLES,
    TYPES,
    UNKNOWN,
    RU,
    RUNS,
    CONSTANTS
};

_Static_assert(CONSTANTS - TEXTS == COUNT(texts), "each text has its name");

#define ADDED 6 /* constants, the last of which is the method that is called */
#define CALL 0x2a, 0xb8, U2(CONSTANTS + ADDED - 1)
#define NOTHING U2(0) /* no handlers, no attributes */

static void add(struct made *m, struct part p)
{
    assert_true(p.len <= sizeof(m->at) - m->len);
    memcpy(m->at + m->len, p.at, p.len);
    m->len += p.len;
}

static void add_text(struct made *m, const char *text)
{
    size_t len = strlen(text);

    add(m, PART(1, U2(len)));
    add(m, (struct part){(const uint8_t *)text, len});
}

static void add_pool(struct made *m)
{
    unsigned count = CONSTANTS + m->more;

    add(m, PART(U2(count + (m == &after ? ADDED : 0u))));
    add(m, PART(5, 1, 1, 1, 1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 4, 1, 1, 1, 1));
    add_text(m, "T");
    add(m, PART(7, U2(THIS_NAME)));
    add_text(m, "java/lang/Object");
    add(m, PART(7, U2(OBJECT_NAME), 8, U2(OBJECT_NAME)));
    add(m, PART(9, U2(THIS), U2(A_NAME_AND_TYPE), 10, U2(THIS), U2(A_NAME_AND_TYPE), 11, U2(THIS),
                U2(A_NAME_AND_TYPE), 12, U2(RUN), U2(NO_ARGUMENT)));
    add(m, PART(15, 6, U2(A_METHOD), 16, U2(NO_ARGUMENT), 17, U2(0), U2(A_NAME_AND_TYPE), 18, U2(0),
                U2(A_NAME_AND_TYPE), 19, U2(THIS_NAME), 20, U2(THIS_NAME)));
    add(m, PART(6, 1, 1, 1, 1, 1, 1, 1, 1));
    for (size_t i = 0; i < COUNT(texts); i++)
        add_text(m, texts[i]);
    for (unsigned i = 0; i < m->more; i++)
        add_text(m, "");
    m->pool_end = m->len;
    if (m != &after)
        return;
    add_text(m, "W");
    add_text(m, "ready");
    add_text(m, "(Ljava/lang/Object;)V");
    add(m, PART(7, U2(count), 12, U2(count + 1), U2(count + 2), 10, U2(count + 3), U2(count + 4)));
}

/* A field that looks like a method that is wanted is left as it is. */
static void begin(struct made *m, unsigned methods)
{
    m->len = 0;
    add(m, PART(0xca, 0xfe, 0xba, 0xbe, U2(0), U2(61)));
    add_pool(m);
    add(m, PART(U2(0x21), U2(THIS), U2(OBJECT), U2(1), U2(THIS)));
    add(m, PART(U2(1), U2(0), U2(RUN), U2(NO_ARGUMENT), U2(1), U2(CODE), U4(3), 1, 2, 3));
    add(m, PART(U2(methods)));
}

#define COUNT_AT 8 /* of the constants, which follow */
#define END_LEN 11

static void end(struct made *m)
{
    add(m, PART(U2(1), U2(UNKNOWN), U4(3), 1, 2, 3));
}

static void add_head(struct made *m, unsigned name, unsigned type, unsigned attributes)
{
    add(m, PART(U2(1), U2(name), U2(type), U2(attributes)));
}

/* Handlers and attributes come with their counts. */
static void add_code(struct made *m, unsigned stack, struct part ops, struct part handlers,
                     struct part attributes)
{
    size_t len = 2 + 2 + 4 + ops.len + handlers.len + attributes.len;

    add(m, PART(U2(CODE), U4(len), U2(stack), U2(3), U4(ops.len)));
    add(m, ops);
    add(m, handlers);
    add(m, attributes);
}

/* Nothing of what is behind either of them in memory may be touched. */
static size_t patch_exactly(const uint8_t *class, size_t len, uint8_t *result)
{
    uint8_t *block = malloc(1 + len), *out = malloc(len + PATCH_ROOM);

    assert_true(block && out);
    uint8_t *in = block + 1; /* which may be the block's end */
    memcpy(in, class, len);
    size_t n = class_patch(in, len, &wish, out);
    assert_true(n <= len + PATCH_ROOM);
    assert_memory_equal(in, class, len);
    if (result)
        memcpy(result, out, n);
    free(block);
    free(out);
    return n;
}

static void assert_patched(void)
{
    static uint8_t result[sizeof(before.at) + PATCH_ROOM];

    assert_int_equal(patch_exactly(before.at, before.len, result), after.len);
    assert_memory_equal(result, after.at, after.len);
}

static void assert_refused(void)
{
    assert_int_equal(patch_exactly(before.at, before.len, NULL), 0);
}

/* A class with one method, run()V. */
static void make_one(struct made *m, unsigned stack, struct part ops, struct part handlers,
                     struct part attributes)
{
    begin(m, 1);
    add_head(m, RUN, NO_ARGUMENT, 1);
    add_code(m, stack, ops, handlers, attributes);
    end(m);
}

static void call_in_front(void **state)
{
    (void)state;
    make_one(&before, 0, PART(RETURN), PART(NOTHING), PART(NOTHING));
    make_one(&after, 1, PART(CALL, RETURN), PART(NOTHING), PART(NOTHING));
    assert_patched();
    make_one(&before, 1, PART(ACONST_NULL, ARETURN), PART(NOTHING), PART(NOTHING));
    make_one(&after, 1, PART(CALL, ACONST_NULL, ARETURN), PART(NOTHING), PART(NOTHING));
    assert_patched();
    make_one(&before, 300, PART(RETURN), PART(NOTHING), PART(NOTHING));
    make_one(&after, 300, PART(CALL, RETURN), PART(NOTHING), PART(NOTHING));
    assert_patched();
}

static void handlers(void **state)
{
    (void)state;
    /* from, to, handler, and the exception's class, which is no place */
    make_one(&before, 1, PART(0, 0, RETURN),
             PART(U2(2), U2(0), U2(2), U2(2), U2(THIS), U2(1), U2(3), U2(254), U2(0)),
             PART(NOTHING));
    make_one(&after, 1, PART(CALL, 0, 0, RETURN),
             PART(U2(2), U2(4), U2(6), U2(6), U2(THIS), U2(5), U2(7), U2(258), U2(0)),
             PART(NOTHING));
    assert_patched();
}

/* An attribute of run()V's code, behind one that has nothing in it. */
static void make_attribute(struct made *m, unsigned name, struct part content)
{
    static const uint8_t ops[] = {CALL, RETURN};
    struct made *attributes = calloc(1, sizeof(*attributes));

    assert_non_null(attributes);
    add(attributes, PART(U2(2), U2(LINES), U4(2), U2(0), U2(name), U4(content.len)));
    add(attributes, content);
    make_one(m, 1, m == &after ? (struct part){ops, sizeof(ops)} : PART(RETURN), PART(NOTHING),
             (struct part){attributes->at, attributes->len});
    free(attributes);
}

static void assert_moved(unsigned name, struct part from, struct part to)
{
    make_attribute(&before, name, from);
    make_attribute(&after, name, to);
    assert_patched();
}

static void assert_attribute_refused(unsigned name, struct part content)
{
    make_attribute(&before, name, content);
    assert_refused();
}

static void places(void **state)
{
    static const unsigned variables[] = {VARIABLES, TYPES};

    (void)state;
    /* place, line */
    assert_moved(LINES, PART(U2(2), U2(0), U2(7), U2(253), U2(7)),
                 PART(U2(2), U2(4), U2(7), U2(257), U2(7)));
    assert_moved(LINES, PART(U2(1), U2(65531), U2(65535)), PART(U2(1), U2(65535), U2(65535)));
    assert_attribute_refused(LINES, PART(U2(1), U2(65532), U2(1)));
    assert_attribute_refused(LINES, PART(U2(1), U2(0), U2(1), 0));
    assert_attribute_refused(LINES, PART(U2(2), U2(0), U2(1)));
    assert_attribute_refused(LINES, PART(U2(1), U2(0)));
    for (size_t i = 0; i < COUNT(variables); i++) {
        /* place, length, name, type, variable */
        assert_moved(
            variables[i],
            PART(U2(2), U2(0), U2(9), U2(RUN), U2(GO), U2(0), U2(3), U2(9), U2(RUN), U2(GO), U2(1)),
            PART(U2(2), U2(4), U2(9), U2(RUN), U2(GO), U2(0), U2(7), U2(9), U2(RUN), U2(GO),
                 U2(1)));
        assert_moved(variables[i], PART(U2(0)), PART(U2(0)));
        assert_attribute_refused(variables[i],
                                 PART(U2(1), U2(65532), U2(1), U2(RUN), U2(GO), U2(0)));
    }
}

enum { TOP, INT, FLOAT, DOUBLE, LONG, NIL, THIS_RAW, AN_OBJECT, RAW };

static void first_frames(void **state)
{
    (void)state;
    assert_moved(FRAMES, PART(U2(0)), PART(U2(0)));
    /* same; from 60 on as same_frame_extended */
    assert_moved(FRAMES, PART(U2(1), 0), PART(U2(1), 4));
    assert_moved(FRAMES, PART(U2(1), 59), PART(U2(1), 63));
    assert_moved(FRAMES, PART(U2(1), 60), PART(U2(1), 251, U2(64)));
    assert_moved(FRAMES, PART(U2(1), 63), PART(U2(1), 251, U2(67)));
    /* same_locals_1; from 124 on as same_locals_1_stack_item_frame_extended */
    assert_moved(FRAMES, PART(U2(1), 64, INT), PART(U2(1), 68, INT));
    assert_moved(FRAMES, PART(U2(1), 123, INT), PART(U2(1), 127, INT));
    assert_moved(FRAMES, PART(U2(1), 124, INT), PART(U2(1), 247, U2(64), INT));
    assert_moved(FRAMES, PART(U2(1), 127, AN_OBJECT, U2(THIS)),
                 PART(U2(1), 247, U2(67), AN_OBJECT, U2(THIS)));
    assert_moved(FRAMES, PART(U2(1), 247, U2(252), INT), PART(U2(1), 247, U2(256), INT));
    /* chop, same_frame_extended, append, full */
    assert_moved(FRAMES, PART(U2(1), 248, U2(7)), PART(U2(1), 248, U2(11)));
    assert_moved(FRAMES, PART(U2(1), 250, U2(7)), PART(U2(1), 250, U2(11)));
    assert_moved(FRAMES, PART(U2(1), 251, U2(65531)), PART(U2(1), 251, U2(65535)));
    assert_moved(FRAMES, PART(U2(1), 252, U2(7), LONG), PART(U2(1), 252, U2(11), LONG));
    assert_moved(FRAMES, PART(U2(1), 254, U2(7), DOUBLE, FLOAT, NIL),
                 PART(U2(1), 254, U2(11), DOUBLE, FLOAT, NIL));
    assert_moved(FRAMES,
                 PART(U2(1), 255, U2(7), U2(3), THIS_RAW, TOP, AN_OBJECT, U2(THIS), U2(1), INT),
                 PART(U2(1), 255, U2(11), U2(3), THIS_RAW, TOP, AN_OBJECT, U2(THIS), U2(1), INT));
    assert_moved(FRAMES, PART(U2(1), 255, U2(7), U2(0), U2(0)),
                 PART(U2(1), 255, U2(11), U2(0), U2(0)));
}

/* They say how far they are from the one before; but what is not made yet has a place. */
static void later_frames(void **state)
{
    (void)state;
    assert_moved(FRAMES,
                 PART(U2(10), 1, 0, 63, 64, INT, 127, INT, 247, U2(7), INT, 249, U2(7), 251,
                      U2(65535), 253, U2(7), INT, INT, 255, U2(7), U2(1), INT, U2(1), INT),
                 PART(U2(10), 5, 0, 63, 64, INT, 127, INT, 247, U2(7), INT, 249, U2(7), 251,
                      U2(65535), 253, U2(7), INT, INT, 255, U2(7), U2(1), INT, U2(1), INT));
    assert_moved(
        FRAMES,
        PART(U2(5), 64, RAW, U2(0), 127, RAW, U2(1), 247, U2(1), RAW, U2(252), 253, U2(1), RAW,
             U2(3), RAW, U2(65531), 255, U2(1), U2(2), INT, RAW, U2(4), U2(1), RAW, U2(5)),
        PART(U2(5), 68, RAW, U2(4), 127, RAW, U2(5), 247, U2(1), RAW, U2(256), 253, U2(1), RAW,
             U2(7), RAW, U2(65535), 255, U2(1), U2(2), INT, RAW, U2(8), U2(1), RAW, U2(9)));
}

static void bad_frames(void **state)
{
    (void)state;
    for (unsigned kind = 128; kind < 247; kind++)
        assert_attribute_refused(FRAMES, PART(U2(1), (uint8_t)kind, U2(0)));
    assert_attribute_refused(FRAMES, PART(U2(1), 251, U2(65532)));
    assert_attribute_refused(FRAMES, PART(U2(1), 64, RAW, U2(65532)));
    assert_attribute_refused(FRAMES, PART(U2(1), 64, RAW + 1));
    assert_attribute_refused(FRAMES, PART(U2(2), 1));
    assert_attribute_refused(FRAMES, PART(U2(1), 1, 1));
    assert_attribute_refused(FRAMES, PART(U2(1), 255, U2(0), U2(65535), U2(0)));
    assert_attribute_refused(FRAMES, PART(0));
}

/* Two that are wanted, among others which stay as they are: so do attributes that are not known. */
static void make_many(struct made *m, struct part run, struct part run_handlers,
                      struct part run_attributes, struct part go, struct part go_attributes)
{
    struct part other = PART(U2(1), U2(UNKNOWN), U4(1), 1);

    begin(m, 8);
    add_head(m, RU, NO_ARGUMENT, 1);
    add_code(m, 0, PART(RETURN), PART(U2(1), U2(0), U2(1), U2(0), U2(0)), other);
    add_head(m, RUN, NO_ARGUMENT, 3);
    add(m, PART(U2(UNKNOWN), U4(2), 1, 2));
    add_code(m, 2, run, run_handlers, run_attributes);
    add(m, PART(U2(LINES), U4(6), U2(1), U2(0), U2(0)));
    add_head(m, RUN, INT_ARGUMENT, 1);
    add_code(m, 0, PART(RETURN), PART(NOTHING), other);
    add_head(m, GO, INT_ARGUMENT, 1);
    add_code(m, 1, go, PART(NOTHING), go_attributes);
    add_head(m, GO, NO_ARGUMENT, 1);
    add_code(m, 0, PART(RETURN), PART(NOTHING), other);
    add_head(m, RUNS, NO_ARGUMENT, 1);
    add_code(m, 0, PART(RETURN), PART(NOTHING), other);
    add_head(m, A_DOUBLE + 1, NO_ARGUMENT, 1); /* no constant, but behind it stands "run" */
    add_code(m, 0, PART(RETURN), PART(NOTHING), other);
    add_head(m, THIS, CONSTANTS, 0);
    end(m);
}

static void make_both_many(void)
{
    make_many(&before, PART(0, 0, 0, RETURN),
              PART(U2(2), U2(0), U2(1), U2(2), U2(0), U2(1), U2(2), U2(2), U2(THIS)),
              PART(U2(4), U2(LINES), U4(10), U2(2), U2(0), U2(1), U2(2), U2(2), U2(FRAMES), U4(13),
                   U2(3), 60, 127, RAW, U2(1), 252, U2(1), AN_OBJECT, U2(THIS), U2(VARIABLES),
                   U4(12), U2(1), U2(1), U2(2), U2(RUN), U2(GO), U2(0), U2(TYPES), U4(12), U2(1),
                   U2(0), U2(2), U2(RUN), U2(GO), U2(0)),
              PART(RETURN), PART(U2(1), U2(FRAMES), U4(6), U2(1), 124, AN_OBJECT, U2(THIS)));
    make_many(&after, PART(CALL, 0, 0, 0, RETURN),
              PART(U2(2), U2(4), U2(5), U2(6), U2(0), U2(5), U2(6), U2(6), U2(THIS)),
              PART(U2(4), U2(LINES), U4(10), U2(2), U2(4), U2(1), U2(6), U2(2), U2(FRAMES), U4(15),
                   U2(3), 251, U2(64), 127, RAW, U2(5), 252, U2(1), AN_OBJECT, U2(THIS),
                   U2(VARIABLES), U4(12), U2(1), U2(5), U2(2), U2(RUN), U2(GO), U2(0), U2(TYPES),
                   U4(12), U2(1), U2(4), U2(2), U2(RUN), U2(GO), U2(0)),
              PART(CALL, RETURN),
              PART(U2(1), U2(FRAMES), U4(8), U2(1), 247, U2(64), AN_OBJECT, U2(THIS)));
}

static void two_of_many(void **state)
{
    (void)state;
    make_both_many();
    assert_patched();
}

static void make_plain(struct made *m)
{
    bool patched = m == &after;
    static const uint8_t ops[] = {CALL, RETURN};

    make_one(m, 1, patched ? (struct part){ops, sizeof(ops)} : PART(RETURN), PART(NOTHING),
             PART(NOTHING));
}

static void nothing_to_patch(void **state)
{
    (void)state;
    begin(&before, 0);
    end(&before);
    assert_refused();
    begin(&before, 2); /* neither is wanted */
    add_head(&before, RUN, INT_ARGUMENT, 1);
    add_code(&before, 1, PART(RETURN), PART(NOTHING), PART(NOTHING));
    add_head(&before, GO, NO_ARGUMENT, 1);
    add_code(&before, 1, PART(RETURN), PART(NOTHING), PART(NOTHING));
    end(&before);
    assert_refused();
    begin(&before, 1); /* native */
    add_head(&before, RUN, NO_ARGUMENT, 1);
    add(&before, PART(U2(UNKNOWN), U4(1), 1));
    end(&before);
    assert_refused();
}

/* Of a class that would be patched: one more constant, which takes so many places. */
static void add_constant(struct part constant, unsigned places)
{
    make_plain(&before);
    uint8_t *end = before.at + before.pool_end;
    memmove(end + constant.len, end, before.len - before.pool_end);
    memcpy(end, constant.at, constant.len);
    before.len += constant.len;
    before.at[COUNT_AT + 1] = (uint8_t)(CONSTANTS + places);
}

static void not_known(void **state)
{
    static const uint8_t tags[] = {0, 2, 13, 14, 21, 255};

    (void)state;
    assert_attribute_refused(UNKNOWN, PART(1));
    assert_attribute_refused(A_LONG, PART(1)); /* no name at all */
    assert_attribute_refused(CONSTANTS, PART(1));
    for (size_t i = 0; i < COUNT(tags); i++)
        for (size_t len = 1; len < 10; len++) {
            add_constant((struct part){(const uint8_t[10]){tags[i]}, len}, 1);
            assert_refused();
        }
    make_plain(&before);
    before.at[0]++;
    assert_refused();
}

/* Whose second place may not be the first constant that is added. */
static void long_at_the_end(void **state)
{
    (void)state;
    add_constant(PART(5, 1, 1, 1, 1, 1, 1, 1, 1), 2);
    assert_true(patch_exactly(before.at, before.len, NULL) > 0);
    add_constant(PART(5, 1, 1, 1, 1, 1, 1, 1, 1), 1);
    assert_refused();
}

/* What an attribute says of its length has to be what is in it. */
static void wrong_lengths(void **state)
{
    (void)state;
    for (unsigned len = 1; len <= 3; len++) {
        make_one(&before, 1, PART(RETURN), PART(NOTHING), PART(U2(1), U2(LINES), U4(len), U2(0)));
        assert_int_equal(patch_exactly(before.at, before.len, NULL) > 0, len == 2);
    }
    make_plain(&before);
    /* Behind the length: stack, variables, the code with its own, two counts, the class's end. */
    uint8_t *len = before.at + before.len - END_LEN - 2 - 2 - 1 - 4 - 2 - 2 - 1;
    assert_int_equal(*len, 13);
    *len = 12;
    assert_refused();
    *len = 14;
    assert_refused();
}

static void limits(void **state)
{
    static uint8_t ops[65535 - 3];

    (void)state;
    ops[0] = 0x2a;
    ops[1] = 0xb8;
    ops[3] = CONSTANTS + 5;
    make_one(&before, 1, (struct part){ops + 4, 65535 - 4 - 4}, PART(NOTHING), PART(NOTHING));
    make_one(&after, 1, (struct part){ops, 65535 - 4}, PART(NOTHING), PART(NOTHING));
    assert_patched();
    memset(ops, 0, sizeof(ops));
    make_one(&before, 1, (struct part){ops, 65535 - 4}, PART(NOTHING), PART(NOTHING));
    assert_true(patch_exactly(before.at, before.len, NULL) > 0);
    make_one(&before, 1, (struct part){ops, 65535 - 3}, PART(NOTHING), PART(NOTHING));
    assert_refused();
    for (unsigned column = 0; column < 3; column++) {
        uint8_t row[] = {U2(1), U2(0), U2(0), U2(0), U2(0)};
        memcpy(row + 2 + column * 2, PART(U2(65531)).at, 2);
        make_one(&before, 1, PART(RETURN), (struct part){row, sizeof(row)}, PART(NOTHING));
        assert_true(patch_exactly(before.at, before.len, NULL) > 0);
        memcpy(row + 2 + column * 2, PART(U2(65532)).at, 2);
        make_one(&before, 1, PART(RETURN), (struct part){row, sizeof(row)}, PART(NOTHING));
        assert_refused();
    }
}

static void many_constants(void **state)
{
    (void)state;
    before.more = 65535 - ADDED - CONSTANTS;
    make_plain(&before);
    assert_true(patch_exactly(before.at, before.len, NULL) > 0);
    before.more++;
    make_plain(&before);
    assert_refused();
    before.more = 0;
}

/* More than PATCH_ROOM is not taken: a class that has one method many times is none. */
static void room(void **state)
{
    (void)state;
    for (unsigned methods = 200; methods <= 300; methods += 100) {
        begin(&before, methods);
        for (unsigned i = 0; i < methods; i++) {
            add_head(&before, RUN, NO_ARGUMENT, 1);
            add_code(&before, 1, PART(RETURN), PART(NOTHING), PART(NOTHING));
        }
        end(&before);
        if (methods == 200)
            assert_true(patch_exactly(before.at, before.len, NULL) > before.len + 800);
        else
            assert_refused();
    }
}

/* ---- classes that nobody would write */

static void cut(void **state)
{
    (void)state;
    make_both_many();
    for (size_t len = 0; len < before.len; len++) {
        size_t n = patch_exactly(before.at, len, NULL);
        /* What is behind the methods is not looked at. */
        assert_int_equal(n, len < before.len - END_LEN ? 0 : len + (after.len - before.len));
    }
}

/* xorshift64* */
static uint32_t draw(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return (uint32_t)(*seed * 0x2545f4914f6cdd1du >> 32);
}

static void damage(uint8_t *class, size_t len, uint64_t *seed)
{
    static const uint8_t odd[] = {0, 1, 4, 5, 7, 8, 127, 128, 247, 251, 255};

    for (unsigned n = 1 + draw(seed) % 4; n-- > 0;) {
        uint8_t *at = class + draw(seed) % len;
        switch (draw(seed) % 3) {
        case 0:
            *at = (uint8_t)draw(seed);
            break;
        case 1:
            *at = odd[draw(seed) % COUNT(odd)];
            break;
        default:
            *at ^= (uint8_t)(1u << draw(seed) % 8);
        }
    }
}

/* Nothing is left but that nobody reads or writes beyond an end; patch_exactly() says the rest. */
static void damaged(void **state)
{
    uint64_t seed = 1;
    unsigned taken = 0;

    (void)state;
    make_both_many();
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t class[1000];
        assert_true(before.len <= sizeof(class));
        memcpy(class, before.at, before.len);
        damage(class, before.len, &seed);
        taken += patch_exactly(class, before.len - (draw(&seed) % 8 ? 0 : draw(&seed) % before.len),
                               NULL) > 0;
    }
    assert_in_range(taken, ROUNDS / 100, ROUNDS - ROUNDS / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written),
        cmocka_unit_test(too_much),
        cmocka_unit_test(call_in_front),
        cmocka_unit_test(handlers),
        cmocka_unit_test(places),
        cmocka_unit_test(first_frames),
        cmocka_unit_test(later_frames),
        cmocka_unit_test(bad_frames),
        cmocka_unit_test(two_of_many),
        cmocka_unit_test(nothing_to_patch),
        cmocka_unit_test(not_known),
        cmocka_unit_test(long_at_the_end),
        cmocka_unit_test(wrong_lengths),
        cmocka_unit_test(limits),
        cmocka_unit_test(many_constants),
        cmocka_unit_test(room),
        cmocka_unit_test(cut),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
