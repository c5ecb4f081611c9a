/* waitscope report: a capture as a page of text, or as JSON. */
#include "base/buf.h"
#include "cmd/cmd.h"
#include "cmd/load.h"
#include "output/output.h"

#include <stdbool.h>

static const char help[] =
    "usage: waitscope report FILE [--json] [--loop-hold TIME]\n"
    "\n"
    "Reads a capture (.wsc) and prints what it shows: does a thread wait for each request, and\n"
    "on what; how many requests a second the process can serve; the slowest requests and where\n"
    "the time of each went; the objects that were waited for most.\n"
    "\n"
    "      --json            the same for machines, with every request "
    "(viewer/report.schema.json)\n"
    "      --loop-hold TIME  " LOOP_HOLD_HELP_1 "\n"
    "                        " LOOP_HOLD_HELP_2 "\n"
    "  -h, --help            this text\n"
    "\n"
    "On a terminal the text has its width and colours, unless NO_COLOR is set; where that is too\n"
    "narrow for the names, the columns that say least go. Into a file or a pipe all columns are\n"
    "written and no name is cut, unless COLUMNS says how wide it is.\n"
    "\n"
    "A damaged capture is shown as far as it can be read; stderr says what is missing, and the\n"
    "exit code is 5.\n";

static int report(const char *path, const struct analysis_options *analysis, bool json)
{
    struct err e = {0};
    struct timeline tl;
    struct capture_info info;
    if (load_timeline(path, analysis, &tl, &info, &e) < 0)
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
        {"loop-hold", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct analysis_options analysis = {0};
    bool json = false;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (c == 'h')
            return print_help(help);
        if (c == '?' || c == ':')
            return usage_option("report", c, argv, options);
        if (c == 'j') {
            json = true;
            continue;
        }
        int code = parse_loop_hold("report", optarg, &analysis);
        if (code >= 0)
            return code;
    }
    if (optind == argc)
        return usage_error("report", "no capture given");
    if (argc - optind > 1)
        return usage_error("report", "one capture at a time, and not also \"%s\"",
                           argv[optind + 1]);
    return report(argv[optind], &analysis, json);
}
