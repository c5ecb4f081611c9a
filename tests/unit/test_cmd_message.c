/* What people are told: the form of a message, its exit code, nothing that a terminal obeys. */
#include "cmd/cmd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static FILE *kept; /* what went to stderr or stdout meanwhile */
static int before;

static void hold_back(int fd)
{
    fflush(NULL);
    kept = tmpfile();
    assert_non_null(kept);
    before = dup(fd);
    dup2(fileno(kept), fd);
}

static const char *caught(int fd)
{
    static char text[4096];
    fflush(NULL);
    dup2(before, fd);
    close(before);
    rewind(kept);
    text[fread(text, 1, sizeof(text) - 1, kept)] = '\0';
    fclose(kept);
    return text;
}

static void test_error_has_its_form(void **state)
{
    (void)state;
    struct err e = {0};
    err_set(&e, -1, "open %s: why not", "x\x1b[31m\n");
    err_hint(&e, "do \a that");
    err_exit_code(&e, EXIT_DAMAGED);
    hold_back(STDERR_FILENO);
    int code = print_err(&e);
    assert_string_equal(caught(STDERR_FILENO),
                        "waitscope: open x\\x1b[31m\\x0a: why not\n  do \\x07 that\n");
    assert_int_equal(code, EXIT_DAMAGED);
}

static void test_error_without_words_still_fails(void **state)
{
    (void)state;
    struct err e = {0};
    hold_back(STDERR_FILENO);
    int code = print_err(&e);
    assert_string_equal(caught(STDERR_FILENO), "waitscope: failed, and nobody said why\n");
    assert_int_equal(code, EXIT_FAILED);
}

static void test_usage_error(void **state)
{
    (void)state;
    hold_back(STDERR_FILENO);
    int code = usage_error("report", "no such thing: %s", "\x1b]0;");
    assert_string_equal(caught(STDERR_FILENO),
                        "waitscope: report: no such thing: \\x1b]0;\n"
                        "  \"waitscope report --help\" says how it is used\n");
    assert_int_equal(code, EXIT_USAGE);
    hold_back(STDERR_FILENO);
    usage_error("", "unknown verb");
    assert_string_equal(caught(STDERR_FILENO), "waitscope: unknown verb\n"
                                               "  \"waitscope help\" lists what there is\n");
}

static void assert_option(char *first, char *second, const char *words)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'},
        {"other", no_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    char verb[] = "report";
    char *argv[] = {verb, first, second, NULL};
    optind = 0; /* getopt's way to begin anew */
    opterr = 0;
    hold_back(STDERR_FILENO);
    int c = getopt_long(second ? 3 : 2, argv, ":o:j", options, NULL);
    int code = c == '?' || c == ':' ? usage_option("report", c, argv, options) : -1;
    const char *text = caught(STDERR_FILENO);
    assert_int_equal(code, EXIT_USAGE);
    char expected[256];
    snprintf(expected, sizeof(expected), "waitscope: report: %s\n", words);
    assert_memory_equal(text, expected, strlen(expected));
}

static void test_options_in_words(void **state)
{
    (void)state;
    char unknown[] = "--frob", letter[] = "-x", missing[] = "-o", missing_long[] = "--output",
         value[] = "--json=1", ambiguous[] = "--o", hostile[] = "-\x1b", high[] = "-\xff";
    assert_option(unknown, NULL, "unknown option: --frob");
    assert_option(letter, NULL, "unknown option: -x");
    assert_option(missing, NULL, "option -o needs a value");
    assert_option(missing_long, NULL, "option --output needs a value");
    assert_option(value, NULL, "option --json takes no value");
    assert_option(ambiguous, NULL, "unknown option: --o");
    assert_option(hostile, NULL, "unknown option: -\\x1b");
    assert_option(high, NULL, "unknown option: -\\xff");
}

static void test_output_goes_to_stdout(void **state)
{
    (void)state;
    hold_back(STDOUT_FILENO);
    int code = print_help("help\n");
    assert_string_equal(caught(STDOUT_FILENO), "help\n");
    assert_int_equal(code, EXIT_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_has_its_form),
        cmocka_unit_test(test_error_without_words_still_fails),
        cmocka_unit_test(test_usage_error),
        cmocka_unit_test(test_options_in_words),
        cmocka_unit_test(test_output_goes_to_stdout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
