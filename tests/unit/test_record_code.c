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
    assert_int_equal(code_cheap_place(BYTES(0x55, 0x48, 0x89, 0xe5), 2), 0);       /* push %rbp */
    assert_int_equal(code_cheap_place(BYTES(0x41, 0x56), 2), 0);                   /* push %r14 */
    assert_int_equal(code_cheap_place(BYTES(0xf3, 0x0f, 0x1e, 0xfa, 0x53), 2), 4); /* endbr64 */
    /* python3.11's RLock.__enter__: mov …(%rip),%rax; xor %ecx,%ecx; xor %r8d,%r8d; push %r14 */
    assert_int_equal(
        code_cheap_place(
            BYTES(0x48, 0x8b, 0x05, 1, 2, 3, 4, 0x31, 0xc9, 0x45, 0x31, 0xc0, 0x41, 0x56), 2),
        12);
    /* libuv's uv__queue_done: mov -0x18(%rdi),%rdx; mov 0x20(%rdx),%eax; test %eax,%eax; je */
    assert_int_equal(
        code_cheap_place(BYTES(0x48, 0x8b, 0x57, 0xe8, 0x8b, 0x42, 0x20, 0x85, 0xc0, 0x74, 0x1e),
                         2),
        9);
}

/* Of a function that is asked for its third argument, too. */
static void three_arguments(void **state)
{
    (void)state;
    /* libuv's uv_timer_start: mov 0x58(%rdi),%eax; test $0x3,%al; jne */
    assert_int_equal(
        code_cheap_place(BYTES(0x8b, 0x47, 0x58, 0xa8, 0x03, 0x0f, 0x85, 1, 0, 0, 0), 3), 5);
    /* the same with testb $0x3,0x58(%rdi) */
    assert_int_equal(code_cheap_place(BYTES(0xf6, 0x47, 0x58, 0x03, 0x75, 0x10), 3), 4);
    /* mov -0x18(%rdi),%rdx */
    assert_int_equal(code_cheap_place(BYTES(0x48, 0x8b, 0x57, 0xe8, 0x55), 2), 4);
    assert_int_equal(code_cheap_place(BYTES(0x48, 0x8b, 0x57, 0xe8, 0x55), 3), -1);
}

static void no_places(void **state)
{
    (void)state;
    assert_int_equal(code_cheap_place(BYTES(0x48, 0x89, 0xc7, 0x55), 2), -1); /* mov %rax,%rdi */
    assert_int_equal(code_cheap_place(BYTES(0x48, 0x8d, 0x77, 0x08, 0x55), 2),
                     -1); /* lea 8(%rdi),%rsi */
    assert_int_equal(code_cheap_place(BYTES(0x48, 0x83, 0xc7, 0x08, 0x55), 2),
                     -1);                                                     /* add $8,%rdi */
    assert_int_equal(code_cheap_place(BYTES(0xc3, 0x55), 2), -1);             /* ret */
    assert_int_equal(code_cheap_place(BYTES(0xff, 0xe0, 0x55), 2), -1);       /* jmp *%rax */
    assert_int_equal(code_cheap_place(BYTES(0x4c, 0x89, 0xc7, 0x55), 2), -1); /* mov %r8,%rdi */
    /* but mov %rdi,%r15 writes to none of the two */
    assert_int_equal(code_cheap_place(BYTES(0x49, 0x89, 0xff, 0x55), 2), 3);
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
        assert_int_equal(code_cheap_place(exact, len, 2), -1);
        test_free(exact);
    }
    assert_int_equal(code_cheap_place(whole, sizeof(whole), 2), 18);
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

static void next(void **state)
{
    /* behind task_step_impl's call of PyIter_Send, of 3.11: add $1,%eax; cmp $1,%eax; ja */
    static const unsigned char stepped[] = {0x83, 0xc0, 0x01, 0x83, 0xf8, 0x01,
                                            0x0f, 0x87, 0xea, 0,    0,    0};

    (void)state;
    assert_int_equal(code_next_cheap(stepped, sizeof(stepped)), 6);
    for (size_t len = 0; len < sizeof(stepped); len++)
        assert_int_equal(code_next_cheap(stepped, len), -1);
    /* of 3.12: mov 0x10(%rsp),%rdx; …; mov %rdx,%r12; …; ja */
    assert_int_equal(code_next_cheap(BYTES(0x48, 0x8b, 0x54, 0x24, 0x10, 0x83, 0xc0, 0x01, 0x49,
                                           0x89, 0xd4, 0x83, 0xf8, 0x01, 0x77, 0x05)),
                     14);
    assert_int_equal(code_next_cheap(BYTES(0xc3, 0x55)), -1); /* ret */
}

/* Task.__init__ behind its call of PyContext_CopyCurrent, from two builds of Python 3.11. */
static void members(void **state)
{
    /* mov %rax,0x98(%rbx); test %r15,%r15; jne; test %rax,%rax; je; addq $1,0(%rbp);
     * mov %rbp,0x88(%rbx); test %rdi,%rdi; jne */
    static const unsigned char straight[] = {
        0x48, 0x89, 0x83, 0x98, 0,    0,    0,    0x4d, 0x85, 0xff, 0x0f, 0x85,
        0x3b, 0xd6, 0xff, 0xff, 0x48, 0x85, 0xc0, 0x0f, 0x84, 0x3c, 0x02, 0,
        0,    0x48, 0x83, 0x45, 0x00, 0x01, 0x48, 0x89, 0xab, 0x88, 0,    0,
        0,    0x48, 0x85, 0xff, 0x0f, 0x85, 0xf1, 0xd4, 0xff, 0xff};
    /* … test %rax,%rax; jne over a return; movl $0,0xa8(%rbx); mov %rax,0xa0(%rbx); addq $1,(%r14);
     * mov %r14,0x88(%rbx); test %rdi,%rdi; je */
    static const unsigned char around[] = {
        0x48, 0x89, 0x83, 0x98, 0,    0,    0, 0x48, 0x85, 0xc0, 0x75, 0x01, 0xc3, 0xc7, 0x83, 0xa8,
        0,    0,    0,    0,    0,    0,    0, 0x48, 0x89, 0x83, 0xa0, 0,    0,    0,    0x49, 0x83,
        0x06, 0x01, 0x4c, 0x89, 0xb3, 0x88, 0, 0,    0,    0x48, 0x85, 0xff, 0x74, 0x0a};
    unsigned char changed[sizeof(straight)];
    int reg = -1;

    (void)state;
    assert_int_equal(code_member(straight, sizeof(straight), 0, &reg), 40);
    assert_int_equal(reg, 5);
    assert_int_equal(code_member(around, sizeof(around), 0, &reg), 44);
    assert_int_equal(reg, 14);
    for (size_t len = 0; len < sizeof(straight); len++)
        assert_int_equal(code_member(straight, len, 0, &reg), -1);
    assert_int_equal(code_member(straight, sizeof(straight), 7, &reg), -1);
    assert_int_equal(code_member(straight, sizeof(straight), (size_t)1 << 40, &reg), -1);
    /* no reference is taken: 2 is added; of another register; the object is another; no other
     * member */
    static const struct {
        size_t at;
        unsigned char byte;
    } damages[] = {{29, 2}, {27, 0x43}, {28, 8}, {32, 0xaa}, {33, 0x98}};
    for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
        memcpy(changed, straight, sizeof(straight));
        changed[damages[i].at] = damages[i].byte;
        assert_int_equal(code_member(changed, sizeof(changed), 0, &reg), -1);
    }
    /* a jump to itself ends, and so does one out of the code */
    assert_int_equal(code_member(BYTES(0x48, 0x89, 0x83, 0x98, 0, 0, 0, 0xeb, 0xfe), 0, &reg), -1);
    assert_int_equal(
        code_member(BYTES(0x48, 0x89, 0x83, 0x98, 0, 0, 0, 0xe9, 0, 0, 0, 0x80), 0, &reg), -1);
}

/* SimpleQueue.get() of Debian's Python 3.11, and of 3.12 and 3.13. */
static void taken(void **state)
{
    /* mov (%rcx),%rbp; addq $1,(%r14); mov %r14,(%rcx); mov %rdx,0x28(%rbx); cmp %rax,%rdx; jg */
    static const unsigned char list[] = {0x48, 0x8b, 0x29, 0x49, 0x83, 0x06, 0x01, 0x4c,
                                         0x89, 0x31, 0x48, 0x89, 0x53, 0x28, 0x48, 0x39,
                                         0xc2, 0x0f, 0x8f, 0x36, 0x01, 0,    0};
    /* mov (%rdi),%rbx; add $1,%ecx; je; mov %ecx,(%rsi); add $1,%rdx; mov %rsi,(%rdi);
     * sub %rdx,%rax; mov %rdx,0x28(%r14); cmp %rax,%rdx; jg */
    static const unsigned char immortal[] = {
        0x48, 0x8b, 0x1f, 0x83, 0xc1, 0x01, 0x74, 0x02, 0x89, 0x0e, 0x48, 0x83, 0xc2, 0x01, 0x48,
        0x89, 0x37, 0x48, 0x29, 0xd0, 0x49, 0x89, 0x56, 0x28, 0x48, 0x39, 0xc2, 0x7f, 0x71};
    /* mov (%rdx),%rsi; movq $0,(%rdx); cqto; idiv %rdi; mov %rcx,0x38(%rbp); mov %rdx,0x20(%rbp);
     * jmp */
    static const unsigned char ring[] = {0x48, 0x8b, 0x32, 0x48, 0xc7, 0x02, 0,    0,    0,    0,
                                         0x48, 0x99, 0x48, 0xf7, 0xff, 0x48, 0x89, 0x4d, 0x38, 0x48,
                                         0x89, 0x55, 0x20, 0xe9, 0x93, 0,    0,    0};
    /* What must not pass: the place's address or the pointer is changed meanwhile, something else
     * is replaced, the same is put back, no number is stored; an instruction that is not known. */
    static const struct {
        size_t at;
        unsigned char byte;
    } damages[] = {{9, 0x29}, {9, 0x37}, {12, 0x13}, {16, 0xc5}, {14, 0xc4}, {3, 0xf4}};
    unsigned char changed[sizeof(list)];
    int reg = -1;

    (void)state;
    assert_int_equal(code_taken(list, sizeof(list), 0, &reg), 17);
    assert_int_equal(reg, 5);
    assert_int_equal(code_taken(immortal, sizeof(immortal), 0, &reg), 27);
    assert_int_equal(reg, 3);
    assert_int_equal(code_taken(ring, sizeof(ring), 0, &reg), 23);
    assert_int_equal(reg, 6);
    for (size_t len = 0; len < sizeof(list); len++)
        assert_int_equal(code_taken(list, len, 0, &reg), -1);
    assert_int_equal(code_taken(list, sizeof(list), 3, &reg), -1);
    assert_int_equal(code_taken(list, sizeof(list), (size_t)1 << 40, &reg), -1);
    for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
        memcpy(changed, list, sizeof(list));
        changed[damages[i].at] = damages[i].byte;
        if (damages[i].at == 16) /* mov %rax,%rbp instead of the comparison */
            changed[15] = 0x89;
        if (damages[i].byte == 0x29) /* mov %rbp,(%rcx) */
            changed[7] = 0x48;
        assert_int_equal(code_taken(changed, sizeof(changed), 0, &reg), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members),   cmocka_unit_test(places), cmocka_unit_test(three_arguments),
        cmocka_unit_test(no_places), cmocka_unit_test(cut),    cmocka_unit_test(tails),
        cmocka_unit_test(calls),     cmocka_unit_test(next),   cmocka_unit_test(taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void first_instruction(void **state)
{
    (void)state;
    assert_int_equal(code_cheap_place(BYTES(0xfd, 0x7b, 0xbf, 0xa9), 2), 0);
    assert_int_equal(code_tail(BYTES(0, 0, 0, 0x14)), 0);
    assert_int_equal(code_next_cheap(BYTES(0, 0, 0, 0x94)), -1);
    assert_int_equal(code_member(BYTES(0, 0, 0, 0x94), 0, &(int){0}), -1);
    assert_int_equal(code_taken(BYTES(0, 0, 0, 0x94), 0, &(int){0}), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(first_instruction)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
