/* Where in machine code a uprobe costs little, and what is left alone. */
#include "record/code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(...) (const unsigned char[]){__VA_ARGS__}, sizeof((unsigned char[]){__VA_ARGS__})

#if defined(__x86_64__)

static void places(void **state)
{
    (void)state;
    assert_int_equal(code_cheap_place(BYTES(0x55, 0x48, 0x89, 0xe5)), 0);       /* push %rbp */
    assert_int_equal(code_cheap_place(BYTES(0x41, 0x56)), 0);                   /* push %r14 */
    assert_int_equal(code_cheap_place(BYTES(0xf3, 0x0f, 0x1e, 0xfa, 0x53)), 4); /* endbr64 */
    /* python3.11's RLock.__enter__: mov …(%rip),%rax; xor %ecx,%ecx; xor %r8d,%r8d; push %r14 */
    assert_int_equal(code_cheap_place(BYTES(0x48, 0x8b, 0x05, 1, 2, 3, 4, 0x31, 0xc9, 0x45, 0x31,
                                            0xc0, 0x41, 0x56)),
                     12);
    /* libuv's uv__queue_done: mov -0x18(%rdi),%rdx; mov 0x20(%rdx),%eax; test %eax,%eax; je */
    assert_int_equal(
        code_cheap_place(BYTES(0x48, 0x8b, 0x57, 0xe8, 0x8b, 0x42, 0x20, 0x85, 0xc0, 0x74, 0x1e)),
        9);
}

static void no_places(void **state)
{
    (void)state;
    assert_int_equal(code_cheap_place(BYTES(0x48, 0x89, 0xc7, 0x55)), -1); /* mov %rax,%rdi */
    assert_int_equal(code_cheap_place(BYTES(0x48, 0x8d, 0x77, 0x08, 0x55)),
                     -1); /* lea 8(%rdi),%rsi */
    assert_int_equal(code_cheap_place(BYTES(0x48, 0x83, 0xc7, 0x08, 0x55)), -1); /* add $8,%rdi */
    assert_int_equal(code_cheap_place(BYTES(0xc3, 0x55)), -1);                   /* ret */
    assert_int_equal(code_cheap_place(BYTES(0xff, 0xe0, 0x55)), -1);             /* jmp *%rax */
    assert_int_equal(code_cheap_place(BYTES(0x4c, 0x89, 0xc7, 0x55)), -1);       /* mov %r8,%rdi */
    /* but mov %rdi,%r15 writes to none of the two */
    assert_int_equal(code_cheap_place(BYTES(0x49, 0x89, 0xff, 0x55)), 3);
}

/* Every beginning of a function is a function that is cut: no byte behind it is looked at. */
static void cut(void **state)
{
    static const unsigned char whole[] = {0x48, 0x8b, 0x05, 1, 2, 3, 4,    0x81, 0xbc, 0x24, 1, 2,
                                          3,    4,    5,    6, 7, 8, 0x0f, 0x84, 1,    2,    3, 4};

    (void)state;
    for (size_t len = 0; len < sizeof(whole); len++) {
        unsigned char *exact = test_malloc(len ? len : 1);

        memcpy(exact, whole, len);
        assert_int_equal(code_cheap_place(exact, len), -1);
        test_free(exact);
    }
    assert_int_equal(code_cheap_place(whole, sizeof(whole)), 18);
}

static void tails(void **state)
{
    (void)state;
    /* PyContext_Exit: mov %rdi,%rsi; mov …(%rip),%rdi; jmp +0x1a51b7 */
    assert_int_equal(code_tail(BYTES(0x48, 0x89, 0xfe, 0x48, 0x8b, 0x3d, 0x1c, 0xad, 0x56, 0x00,
                                     0xe9, 0xb7, 0x51, 0x1a, 0x00)),
                     15 + 0x1a51b7);
    assert_int_equal(code_tail(BYTES(0xeb, 0xfc)), -2);
    assert_int_equal(code_tail(BYTES(0x74, 0x05, 0xeb, 0x01)), 0); /* je first */
    assert_int_equal(code_tail(BYTES(0xe8, 1, 0, 0, 0)), 0);       /* a call comes back */
    assert_int_equal(code_tail(BYTES(0xe9, 1, 0, 0)), 0);          /* cut */
}

static void calls(void **state)
{
    /* at 0x1000: nop; call 0x1010; nop; call 0x2000; call 0x2000 */
    static const unsigned char code[] = {0x90, 0xe8, 0x0a, 0,    0,    0,    0x90, 0xe8, 0xf4,
                                         0x0f, 0,    0,    0xe8, 0xef, 0x0f, 0,    0};

    (void)state;
    assert_int_equal(code_call(code, sizeof(code), 0x1000, 0x1010), 0x1001);
    assert_int_equal(code_call(code, sizeof(code), 0x1000, 0x1011), 0);
    assert_int_equal(code_call(code, sizeof(code), 0x1000, 0x2000), 0); /* two of them */
    assert_int_equal(code_call(code, 12, 0x1000, 0x2000), 0x1007);
    assert_int_equal(code_call(code, 5, 0x1000, 0x1010), 0); /* cut */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places), cmocka_unit_test(no_places), cmocka_unit_test(cut),
        cmocka_unit_test(tails),  cmocka_unit_test(calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void first_instruction(void **state)
{
    (void)state;
    assert_int_equal(code_cheap_place(BYTES(0xfd, 0x7b, 0xbf, 0xa9)), 0);
    assert_int_equal(code_tail(BYTES(0, 0, 0, 0x14)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(first_instruction)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
