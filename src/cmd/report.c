/* waitscope report: a capture as a page of text, or as JSON. */
#include "base/buf.h"
#include "cmd/cmd.h"
#include "cmd/load.h"
#include "output/output.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char help[] =
    "usage: waitscope report FILE [--json]\n"
    "\n"
    "Reads a capture (.wsc) and prints what it shows: does a thread wait for each request, and\n"
    "on what; how many requests a second the process can serve; the slowest requests and where\n"
    "the time of each went; the objects that were waited for most.\n"
    "\n"
    "  --json      the same for machines, with every request (viewer/report.schema.json)\n"
    "  -h, --help  this text\n"
    "\n"
    "On a terminal the text has its width and colours, unless NO_COLOR is set.\n"
    "\n"
    "A damaged capture is shown as far as it can be read; stderr says what is missing, and the\n"
    "exit code is 5.\n";

static unsigned terminal_width(void)
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

static bool terminal_color(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && no[0]) && !(term && !strcmp(term, "dumb"));
}

static int report(const char *path, bool json)
{
    struct err e = {0};
    struct timeline tl;
    struct capture_info info;
    if (load_timeline(path, &tl, &info, &e) < 0)
        return print_err(&e);

    struct buf out = BUF_INIT;
    const struct text_options options = {.width = terminal_width(), .color = terminal_color()};
    int ret = json ? output_report_json(&tl, &out) : output_text(&tl, &options, &out);
    int code;
    if (ret < 0) {
        err_errno(&e, ret, "report %s", path);
        code = print_err(&e);
    } else {
        code = print_out(buf_str(&out), out.len);
    }
    int damage = print_damage(path, &info);
    buf_release(&out);
    timeline_release(&tl);
    return code ? code : damage;
}

int cmd_report(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    bool json = false;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (c == 'h')
            return print_help(help);
        if (c != 'j')
            return usage_option("report", c, argv, options);
        json = true;
    }
    if (optind == argc)
        return usage_error("report", "no capture given");
    if (argc - optind > 1)
        return usage_error("report", "one capture at a time, and not also \"%s\"",
                           argv[optind + 1]);
    return report(argv[optind], json);
}
