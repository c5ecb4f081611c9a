/* Functions in ELF files: this program's own, and what is left of it when it is damaged. */
#include "record/binary.h"
#include "record/maps.h"
#include "record/places.h"
#include "record/symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Found by name, not called. */
int known_function(int n);
int known_function(int n)
{
    return n * 7;
}

static int open_self(void)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

struct found {
    uint64_t start, offset;
    size_t maps, programs;
};

static int take(void *ctx, const struct map *m)
{
    struct found *f = ctx;

    f->maps++;
    if (!m->is_program)
        return 0;
    f->programs++;
    f->start = m->start;
    f->offset = m->offset;
    int fd = map_open((uint32_t)getpid(), m);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static void own_function(void **state)
{
    struct symbol wanted[] = {{.name = "known_function"}, {.name = "no such function"}};
    unsigned char code[16];
    struct found f = {0};
    struct symbols *s;
    uint64_t bias;
    int fd = open_self();

    (void)state;
    assert_int_equal(symbols_new(&s, fd), 0);
    assert_int_equal(symbols_find_local(s, wanted, 2, 0), 0); /* too large a table */
    assert_int_equal(symbols_find_local(s, wanted, 2, 64u << 20), 1);
    assert_int_equal(wanted[1].address, 0);
    /* the file has the code that this process runs, and the address is this process's less a bias
     */
    assert_int_equal(pread(fd, code, sizeof(code), (off_t)wanted[0].offset), sizeof(code));
    assert_memory_equal(code, (const void *)(uintptr_t)known_function, sizeof(code));
    assert_int_equal(symbols_code(s, wanted[0].address, code, 4), 4);
    assert_int_equal(maps_walk((uint32_t)getpid(), take, &f), 0);
    assert_true(f.programs >= 1 && f.maps > f.programs);
    assert_true(symbols_bias(s, f.start, f.offset, &bias));
    assert_int_equal(bias + wanted[0].address, (uintptr_t)known_function);
    assert_true(symbols_have_section(s, ".text"));
    assert_false(symbols_have_section(s, ".go.buildinfo"));
    symbols_free(s);
    close(fd);
}

static void no_elf(void **state)
{
    struct symbols *s = NULL;
    int fd = memfd_create("no elf", MFD_CLOEXEC), dev = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(symbols_new(&s, fd), -ENOEXEC);
    assert_int_equal(symbols_new(&s, dev), -ENOEXEC);
    assert_int_equal(write(fd, "\177ELF\2\1\1", 7), 7);
    assert_int_equal(symbols_new(&s, fd), -ENOEXEC);
    close(fd);
    close(dev);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void look_at(int fd)
{
    struct symbol wanted[] = {
        {.name = "known_function"},
        {.name = "malloc", .where = SYMBOL_CALL},
        {.name = "get", .where = SYMBOL_METHOD, .beside = "put"},
        {.name = "malloc", .where = SYMBOL_INNER},
        {.name = "malloc", .where = SYMBOL_BEHIND},
        {.name = "malloc", .where = SYMBOL_MEMBER},
        {.name = "get", .where = SYMBOL_TAKEN, .nth = 1},
    };
    const size_t count = sizeof(wanted) / sizeof(*wanted);
    struct binaries b = {.precise = true};
    struct symbols *s;
    uint64_t bias;

    binary_look(&b, fd, "python3", true);
    binary_look(&b, fd, "_queue.so", false);
    binaries_release(&b);
    if (symbols_new(&s, fd))
        return;
    symbols_find(s, wanted, count);
    symbols_find_local(s, wanted, count, 64u << 20);
    places_find(s, wanted, count);
    places_cheap(s, wanted, count);
    symbols_have_section(s, ".plt");
    symbols_bias(s, 0, 0, &bias);
    symbols_free(s);
}

/* This program with some bytes of its tables changed, or cut: whatever is found, it does not crash
 * and ends. */
static void damaged(void **state)
{
    int self = open_self();
    struct stat st;
    uint32_t seed = 1;

    (void)state;
    assert_int_equal(fstat(self, &st), 0);
    size_t size = (size_t)st.st_size;
    unsigned char *whole = test_malloc(size), *bytes = test_malloc(size);

    assert_int_equal(pread(self, whole, size, 0), (ssize_t)size);
    for (int round = 0; round < 300; round++) {
        int fd = memfd_create("damaged", MFD_CLOEXEC);
        size_t cut = round % 3 ? size : next_random(&seed) % size;

        memcpy(bytes, whole, size);
        for (int i = 0; i < 40; i++) {
            /* the heads of file and segments, and the table of sections at the end */
            size_t at = i % 2 ? next_random(&seed) % 1024 : size - 1 - next_random(&seed) % 2048;

            if (i < 4 || round % 2)
                bytes[at < 5 ? 5 : at] = (unsigned char)next_random(&seed);
        }
        assert_int_equal(write(fd, bytes, cut), (ssize_t)cut);
        look_at(fd);
        close(fd);
    }
    test_free(whole);
    test_free(bytes);
    close(self);
}

static void map_lines(void **state)
{
    struct map m;
    char good[] = "7f00-7fff r-xp 00001000 fe:01 4711                   /usr/lib/_queue.so\n";
    char spaces[] = "1000-2000 r-xp 00000000 fe:01 5    /a b/c (deleted)\n";
    char data[] = "7f00-7fff rw-p 00001000 fe:01 4711                   /usr/lib/x.so\n";
    char none[] = "7ffc1000-7ffc2000 r-xp 00000000 00:00 0   [vdso]\n";
    char junk[] = "zzz";

    (void)state;
    assert_true(map_parse(good, "/usr/bin/python3", &m));
    assert_int_equal(m.start, 0x7f00);
    assert_int_equal(m.end, 0x7fff);
    assert_int_equal(m.offset, 0x1000);
    assert_int_equal(m.inode, 4711);
    assert_string_equal(m.name, "_queue.so");
    assert_false(m.is_program);
    assert_true(map_parse(spaces, "/a b/c (deleted)", &m));
    assert_string_equal(m.name, "c");
    assert_string_equal(m.path, "/a b/c");
    assert_true(m.is_program);
    assert_false(map_parse(data, "", &m));
    assert_false(map_parse(none, "", &m));
    assert_false(map_parse(junk, "", &m));
}

static void names(void **state)
{
    (void)state;
    assert_true(binary_is_known("libpython3.11.so.1.0"));
    assert_true(binary_is_known("_asyncio.cpython-311-x86_64-linux-gnu.so"));
    assert_false(binary_is_known("libc.so.6"));
    assert_false(binary_is_known(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_function), cmocka_unit_test(no_elf), cmocka_unit_test(damaged),
        cmocka_unit_test(map_lines),    cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
