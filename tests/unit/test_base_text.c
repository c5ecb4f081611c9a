#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct pair {
    const char *in, *out;
};

static void check_all(const struct pair *pairs, size_t count,
                      void (*write)(struct buf *out, const char *s))
{
    for (size_t i = 0; i < count; i++) {
        struct buf b = BUF_INIT;
        write(&b, pairs[i].in);
        assert_string_equal(buf_str(&b), pairs[i].out);
        buf_release(&b);
    }
}

static void clean(struct buf *out, const char *s)
{
    text_clean(out, s, strlen(s));
}

static void test_clean(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"", ""},
        {"plain /path\\x", "plain /path\\x"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac "
                                                             "\xf0\x9f\x98\x80"},
        {"a\x1b[31m\r\n\tb\x7f", "a\\x1b[31m\\x0d\\x0a\\x09b\\x7f"},
        {"\xc2\x9b", "\\xc2\\x9b"},              /* C1: a terminal's CSI */
        {"x\xe2\x80\xaey", "x\\xe2\\x80\\xaey"}, /* right-to-left override */
        {"\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"},
        {"\xd8\x9c\xef\xbb\xbf", "\\xd8\\x9c\\xef\\xbb\\xbf"},
        {"\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9"},
        {"\xe2\x80\x8d\xe2\x80\x90", "\xe2\x80\x8d\xe2\x80\x90"}, /* a joiner, a hyphen: kept */
        {"\xff\xfe", "\\xff\\xfe"},
        {"\xc0\xaf", "\\xc0\\xaf"}, /* "/" in two bytes */
        {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* half of a surrogate pair */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* above U+10FFFF */
        {"cut\xe2\x82", "cut\\xe2\\x82"},
        {"\xe2\x82z", "\\xe2\\x82z"},
    };
    check_all(pairs, COUNT(pairs), clean);
}

static void test_clean_takes_nul_bytes(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    text_clean(&b, "a\0b", 3);
    text_clean(&b, NULL, 0);
    assert_string_equal(buf_str(&b), "a\\x00b");
    buf_release(&b);
}

/* Whatever comes in, what comes out is clean: every pair of bytes behind every lead byte. */
static void test_clean_twice_is_clean_once(void **state)
{
    (void)state;
    for (unsigned lead = 1; lead < 256; lead++) {
        for (unsigned next = 1; next < 256; next++) {
            const char in[] = {(char)lead, (char)next, (char)0x80, (char)0xae, 'x', '\0'};
            struct buf once = BUF_INIT, twice = BUF_INIT;
            clean(&once, in);
            clean(&twice, buf_str(&once));
            assert_string_equal(buf_str(&once), buf_str(&twice));
            buf_release(&once);
            buf_release(&twice);
        }
    }
}

static void test_clean_field(void **state)
{
    (void)state;
    const char comm[4] = {'a', 'b', 'c', 'd'};
    struct buf b = BUF_INIT;
    text_clean_field(&b, comm, sizeof(comm));
    text_clean_field(&b, "ab\0d", 4);
    assert_string_equal(buf_str(&b), "abcdab");
    buf_release(&b);
}

static void test_json(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"", "\"\""},
        {"GET /a", "\"GET /a\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"</script>&", "\"\\u003c/script\\u003e\\u0026\""},
        {"\n\xff", "\"\\\\x0a\\\\xff\""},
        {"\xe2\x82\xac", "\"\xe2\x82\xac\""},
    };
    check_all(pairs, COUNT(pairs), text_json);
}

static void test_html(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"", ""},
        {"a<b>&\"c'd", "a&lt;b&gt;&amp;&quot;c&#39;d"},
        {"plain", "plain"},
    };
    check_all(pairs, COUNT(pairs), text_html);
}

static void test_parse_duration(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {
        {"10s", 10000000000},
        {"10", 10000000000},
        {"1.5s", 1500000000},
        {"0.25", 250000000},
        {"250ms", 250000000},
        {"2m", 120000000000},
        {"1h", 3600000000000},
        {"0.5h", 1800000000000},
        {"100us", 100000},
        {"7ns", 7},
        {"1.0000000009999s", 1000000000},
        {"18446744073709551615ns", UINT64_MAX},
    };
    static const char *const bad[] = {"",    "s",     "abc", "-1s",  "+1s", " 1s",   "1s ",
                                      "1 s", "1d",    "1S",  ".5s",  "1.s", "1.5.5", "0",
                                      "0ms", "0.1ns", "1e3", "0x10", "nan", "inf",   "1ms2"};
    static const char *const long_ones[] = {"18446744073709551616ns", "18446744073.8s",
                                            "99999999999h"};
    for (size_t i = 0; i < COUNT(long_ones); i++) {
        uint64_t ns = 42;
        assert_int_equal(text_parse_duration(long_ones[i], &ns), -ERANGE);
        assert_int_equal(ns, 42);
    }
    for (size_t i = 0; i < COUNT(good); i++) {
        uint64_t ns = 0;
        assert_int_equal(text_parse_duration(good[i].text, &ns), 0);
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t ns = 42;
        assert_int_equal(text_parse_duration(bad[i], &ns), -EINVAL);
        assert_int_equal(ns, 42);
    }
}

static void test_parse_limit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {{"5ms", 5000000},
                {"200us", 200000},
                {"1.5s", 1500000000},
                {"2m", 120000000000},
                {"0", 0},
                {"0ms", 0},
                {"0s", 0},
                {"0.0", 0}};
    static const char *const bad[] = {"", "5", "1.5", "ms", "-1ms", "5%", "5 ms", "0x5ms", "00:1"};
    for (size_t i = 0; i < COUNT(good); i++) {
        uint64_t ns = 42;
        assert_int_equal(text_parse_limit(good[i].text, &ns), 0);
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t ns = 42;
        assert_int_equal(text_parse_limit(bad[i], &ns), -EINVAL);
        assert_int_equal(ns, 42);
    }
}

static void test_parse_share(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double share;
    } good[] = {{"0%", 0}, {"5%", 0.05}, {"0.5%", 0.005}, {"12.5%", 0.125}, {"100%", 1}};
    static const char *const bad[] = {"", "5", "%", "100.1%", "-1%", "1e1%", "5%%", "5 %", "5ms"};
    for (size_t i = 0; i < COUNT(good); i++) {
        double share = 42;
        assert_int_equal(text_parse_share(good[i].text, &share), 0);
        assert_float_equal(share, good[i].share, 1e-9);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        double share = 42;
        assert_int_equal(text_parse_share(bad[i], &share), -EINVAL);
        assert_float_equal(share, 42, 0);
    }
}

static void test_parse_size(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"4096", 4096},
        {"512K", 512 << 10},
        {"64M", 64 << 20},
        {"1G", 1 << 30},
        {"1T", 1ull << 40},
        {"512KiB", 512 << 10},
        {"64MiB", 64 << 20},
        {"1GiB", 1 << 30},
        {"1TiB", 1ull << 40},
        {"0", 0},
        {"18446744073709551615", UINT64_MAX},
    };
    static const char *const bad[] = {"",     "G",  "1GB", "1Mi",       "1MiBs",
                                      "1.5G", "-1", "1 G", "16777216T", "1P"};
    for (size_t i = 0; i < COUNT(good); i++) {
        uint64_t bytes = 42;
        assert_int_equal(text_parse_size(good[i].text, &bytes), 0);
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t bytes = 42;
        assert_int_equal(text_parse_size(bad[i], &bytes), -EINVAL);
        assert_int_equal(bytes, 42);
    }
}

struct figure {
    uint64_t n;
    const char *out;
};

static void check_figures(const struct figure *figures, size_t count,
                          void (*write)(struct buf *out, uint64_t n))
{
    for (size_t i = 0; i < count; i++) {
        struct buf b = BUF_INIT;
        write(&b, figures[i].n);
        assert_string_equal(buf_str(&b), figures[i].out);
        buf_release(&b);
    }
}

static void test_duration(void **state)
{
    (void)state;
    static const struct figure figures[] = {
        {0, "0"},
        {1, "1 ns"},
        {999, "999 ns"},
        {1000, "1.00 us"},
        {183499, "183 us"},
        {183500, "184 us"},
        {9994, "9.99 us"},
        {9995, "10.0 us"},
        {99949, "99.9 us"},
        {99950, "100 us"},
        {999499, "999 us"},
        {999600, "1.00 ms"},
        {7210000, "7.21 ms"},
        {12000000000, "12.0 s"},
        {999400000000, "999 s"},
        {1000000000000, "16.7 min"},
        {3600000000000, "60.0 min"},
        {60000000000000, "16.7 h"},
        {UINT64_MAX, "5,124,095 h"},
    };
    check_figures(figures, COUNT(figures), text_duration);
}

static void test_size(void **state)
{
    (void)state;
    static const struct figure figures[] = {
        {0, "0 B"},
        {512, "512 B"},
        {999, "999 B"},
        {1000, "1.0 kB"},
        {1440000, "1.4 MB"},
        {14200000, "14.2 MB"},
        {142000000, "142 MB"},
        {999950, "1.0 MB"},
        {UINT64_MAX, "18.4 EB"},
    };
    check_figures(figures, COUNT(figures), text_size);
}

static void test_count(void **state)
{
    (void)state;
    static const struct figure figures[] = {
        {0, "0"},
        {999, "999"},
        {1000, "1,000"},
        {1234567, "1,234,567"},
        {UINT64_MAX, "18,446,744,073,709,551,615"},
    };
    check_figures(figures, COUNT(figures), text_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_clean_takes_nul_bytes),
        cmocka_unit_test(test_clean_twice_is_clean_once),
        cmocka_unit_test(test_clean_field),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_parse_duration),
        cmocka_unit_test(test_parse_limit),
        cmocka_unit_test(test_parse_share),
        cmocka_unit_test(test_parse_size),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_count),
    };
    return cmocka_run_group_tests_name("base_text", tests, NULL, NULL);
}
