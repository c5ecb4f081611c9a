/* waitscope diff: what moved from one capture to another. */
#include "output/diff.h"
#include "base/buf.h"
#include "cmd/cmd.h"
#include "cmd/load.h"
#include "output/output.h"

#include <signal.h>
#include <string.h>

static const char help[] =
    "usage: waitscope diff A B [--by group|name] [--json] [-o OUT.html]\n"
    "\n"
    "Compares two captures (.wsc) of the same service, say before and after a change: the two\n"
    "verdicts side by side, then requests of one kind: how many, their latency, where the time\n"
    "of each went on average, and what moved. What only one of the two has is named.\n"
    "\n"
    "      --by group        requests of one template together, as in GET /db/:n (default)\n"
    "      --by name         only requests of exactly the same name\n"
    "      --json            for machines, with every kind (viewer/diff.schema.json)\n"
    "  -o, --output OUT      one page with both timelines, above one another on one scale of "
    "time,\n"
    "                        and what moved; in place of the text. OUT ends in .html, and an\n"
    "                        existing file is never overwritten\n"
    "      --loop-hold TIME  " LOOP_HOLD_HELP_1 "\n"
    "                        " LOOP_HOLD_HELP_2 "\n"
    "  -h, --help            this text\n"
    "\n"
    "A difference is shown as one when it is more than chance among so many requests: 10 or\n"
    "more on both sides, three standard errors, and 2 % of the latency; else there is a ~.\n"
    "Two runs may differ by more than that for no reason but the machine: record each twice.\n"
    "\n"
    "Exit code 0, different or not; 5 when a capture is damaged, which is compared as far as it\n"
    "can be read.\n";

struct choice {
    struct analysis_options analysis;
    enum groups_by by;
    bool json;
    const char *output; /* NULL: text or JSON alone */
};

/* What can be known before the work. */
static int parse_output(struct choice *c, const char *path)
{
    const char *suffix = strrchr(path, '.');
    if (c->output)
        return usage_error("diff", "one page is written, and not also %s", path);
    if (!suffix || strcmp(suffix, ".html") != 0 || !output_suffix_known(path))
        return usage_error("diff", "cannot write %s: two captures make a page, OUT.html", path);
    c->output = path;
    return -1;
}

/* -1 to go on, or the exit code. */
static int parse_option(struct choice *c, int option)
{
    switch (option) {
    case 'h':
        return print_help(help);
    case 'j':
        c->json = true;
        return -1;
    case 'l':
        return parse_loop_hold("diff", optarg, &c->analysis);
    case 'o':
        return parse_output(c, optarg);
    default: /* 'b' */
        if (!strcmp(optarg, "name"))
            c->by = GROUPS_BY_NAME;
        else if (!strcmp(optarg, "group"))
            c->by = GROUPS_BY_GROUP;
        else
            return usage_error("diff", "requests are compared by group or by name, not by %s",
                               optarg);
        return -1;
    }
}

static int parse(int argc, char **argv, struct choice *c)
{
    static const struct option options[] = {
        {"by", required_argument, NULL, 'b'},
        {"json", no_argument, NULL, 'j'},
        {"loop-hold", required_argument, NULL, 'l'},
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    opterr = 0;
    for (int o; (o = getopt_long(argc, argv, ":o:h", options, NULL)) != -1;) {
        if (o == '?' || o == ':')
            return usage_option("diff", o, argv, options);
        int code = parse_option(c, o);
        if (code >= 0)
            return code;
    }
    if (argc - optind < 2)
        return usage_error("diff", "two captures are compared, and %s given",
                           argc == optind ? "none is" : "only one is");
    if (argc - optind > 2)
        return usage_error("diff", "two captures are compared, and not also \"%s\"",
                           argv[optind + 2]);
    return -1;
}

static int print_diff(const struct choice *c, const struct timeline *a, const char *file_a,
                      const struct timeline *b, const char *file_b)
{
    const struct text_options options = {.width = terminal_width(), .color = terminal_color()};
    struct buf out = BUF_INIT;
    struct diff diff;
    struct err e = {0};
    int code, ret = diff_init(&diff, a, file_a, b, file_b, c->by);
    if (ret == 0 && c->json)
        ret = output_diff_json(&diff, &out);
    else if (ret == 0 && !c->output)
        ret = output_diff_text(&diff, &options, &out);
    if (ret < 0) {
        err_errno(&e, ret, "compare %s and %s", file_a, file_b);
        code = print_err(&e);
    } else if (c->output && output_write_diff(&diff, c->output, &e) < 0) {
        code = print_err(&e);
    } else {
        code = print_out(buf_str(&out), out.len);
    }
    diff_release(&diff);
    buf_release(&out);
    return code;
}

static int diff_files(const struct choice *c, const char *file_a, const char *file_b)
{
    struct err e = {0};
    struct timeline a, b;
    struct capture_info info_a, info_b;
    if (c->output && check_new_file(c->output, &e) < 0)
        return print_err(&e);
    if (load_timeline(file_a, &c->analysis, &a, &info_a, &e) < 0)
        return print_err(&e);
    if (load_timeline(file_b, &c->analysis, &b, &info_b, &e) < 0) {
        timeline_release(&a);
        return print_err(&e);
    }
    int code = print_diff(c, &a, file_a, &b, file_b);
    int damage_a = print_damage(file_a, &info_a), damage_b = print_damage(file_b, &info_b);
    timeline_release(&a);
    timeline_release(&b);
    return code ? code : damage_a ? damage_a : damage_b;
}

int cmd_diff(int argc, char **argv)
{
    struct choice c = {0};
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error in words, not the end */
    int code = parse(argc, argv, &c);
    return code < 0 ? diff_files(&c, argv[optind], argv[optind + 1]) : code;
}
