#include "cmd/cmd.h"

#include "base/buf.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* One write for a message, so that it does not mix with what a traced command prints. */
static void put_stderr(const struct buf *out)
{
    fwrite(buf_str(out), 1, out->len, stderr);
}

int print_err(const struct err *e)
{
    struct buf out = BUF_INIT;
    buf_adds(&out, "waitscope: ");
    const char *text = e->text[0] ? e->text : "failed, and nobody said why";
    text_clean(&out, text, strlen(text));
    buf_addc(&out, '\n');
    if (e->hint[0]) {
        buf_adds(&out, "  ");
        text_clean(&out, e->hint, strlen(e->hint));
        buf_addc(&out, '\n');
    }
    put_stderr(&out);
    buf_release(&out);
    return e->exit_code == EXIT_DONE ? EXIT_FAILED : e->exit_code;
}

static void print_line(const char *verb, const char *format, va_list ap)
{
    struct buf text = BUF_INIT, out = BUF_INIT;
    buf_vaddf(&text, format, ap);
    buf_addf(&out, "waitscope: %s%s", verb, verb[0] ? ": " : "");
    text_clean(&out, buf_str(&text), text.len);
    buf_addc(&out, '\n');
    put_stderr(&out);
    buf_release(&text);
    buf_release(&out);
}

void print_note(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    print_line("", format, ap);
    va_end(ap);
}

int usage_error(const char *verb, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    print_line(verb, format, ap);
    va_end(ap);
    if (verb[0])
        fprintf(stderr, "  \"waitscope %s --help\" says how it is used\n", verb);
    else
        fputs("  \"waitscope help\" lists what there is\n", stderr);
    return EXIT_USAGE;
}

int usage_option(const char *verb, int c, char *const *argv, const struct option *options)
{
    const char *word = argv[optind - 1];
    const char *name = NULL;
    for (; options->name; options++)
        if (options->val == optopt && optopt)
            name = options->name;
    if (c == ':' && !strncmp(word, "--", 2))
        return usage_error(verb, "option --%s needs a value", name ? name : word + 2);
    if (c == ':')
        return usage_error(verb, "option -%c needs a value", optopt);
    if (!optopt) /* a long one that does not exist, or whose beginning several have */
        return usage_error(verb, "unknown option: %s", word);
    if (name && !strncmp(word, "--", 2))
        return usage_error(verb, "option --%s takes no value", name);
    unsigned char letter = (unsigned char)optopt; /* which getopt takes from a signed char */
    if (isprint(letter))
        return usage_error(verb, "unknown option: -%c", letter);
    return usage_error(verb, "unknown option: -\\x%02x", letter);
}

int print_out(const char *bytes, size_t len)
{
    while (len) {
        ssize_t done = write(STDOUT_FILENO, bytes, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            struct err e = {0};
            err_errno(&e, -errno, "write to stdout");
            return print_err(&e);
        }
        bytes += done;
        len -= (size_t)done;
    }
    return EXIT_DONE;
}

unsigned terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    char *end;
    unsigned long n = columns ? strtoul(columns, &end, 10) : 0;
    if (columns && end != columns && !*end && n >= 40 && n <= 1000)
        return (unsigned)n;
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    return 0;
}

bool terminal_color(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && no[0]) && !(term && !strcmp(term, "dumb"));
}

int print_help(const char *text)
{
    return print_out(text, strlen(text));
}
