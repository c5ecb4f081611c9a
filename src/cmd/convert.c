/* waitscope convert: a capture as files that other people open. */
#include "base/vec.h"
#include "cmd/cmd.h"
#include "cmd/load.h"
#include "output/output.h"

#include <signal.h>
#include <string.h>

static const char help[] =
    "usage: waitscope convert FILE -o OUT… [--loop-hold TIME]\n"
    "\n"
    "Writes a capture (.wsc) in other forms. The suffix of OUT says which:\n"
    "\n"
    "  .html       a report: one page that any browser opens, with nothing to fetch\n"
    "  .json       the timeline, for the viewer and for programs (viewer/timeline.schema.json)\n"
    "  .json.gz    the same, gzipped\n"
    "\n"
    "  -o, --output OUT      may be given several times; an existing file is never overwritten\n"
    "      --loop-hold TIME  " LOOP_HOLD_HELP_1 "\n"
    "                        " LOOP_HOLD_HELP_2 "\n"
    "  -h, --help            this text\n"
    "\n"
    "A damaged capture is converted as far as it can be read; stderr says what is missing, and\n"
    "the exit code is 5.\n";

struct outputs {
    VEC(const char *) all;
    struct analysis_options analysis;
};

/* What can be known before the work: 0, or the exit code, said. */
static int check_output(const struct outputs *outputs, const char *path)
{
    const char *suffix = strrchr(path, '.');
    if (suffix && !strcmp(suffix, ".wsc"))
        return usage_error("convert", "cannot write %s: a capture comes only from record", path);
    if (!output_suffix_known(path))
        return usage_error("convert",
                           "cannot tell the form of %s: its suffix must be .json, "
                           ".json.gz or .html",
                           path);
    for (size_t i = 0; i < outputs->all.len; i++)
        if (!strcmp(outputs->all.data[i], path))
            return usage_error("convert", "%s is given twice", path);
    return EXIT_DONE;
}

static int write_outputs(const struct timeline *tl, const struct outputs *outputs)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < outputs->all.len; i++) {
        struct err e = {0};
        if (output_write(tl, outputs->all.data[i], &e) == 0)
            continue;
        int failed = print_err(&e);
        code = code ? code : failed;
    }
    return code;
}

static int convert(const char *path, const struct outputs *outputs)
{
    struct err e = {0};
    for (size_t i = 0; i < outputs->all.len; i++)
        if (check_new_file(outputs->all.data[i], &e) < 0)
            return print_err(&e);
    struct timeline tl;
    struct capture_info info;
    if (load_timeline(path, &outputs->analysis, &tl, &info, &e) < 0)
        return print_err(&e);
    int code = write_outputs(&tl, outputs);
    int damage = print_damage(path, &info);
    timeline_release(&tl);
    return code ? code : damage;
}

/* Fills `outputs`; -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct outputs *outputs)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'},
        {"loop-hold", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":o:h", options, NULL)) != -1;) {
        if (c == 'h')
            return print_help(help);
        if (c == '?' || c == ':')
            return usage_option("convert", c, argv, options);
        if (c == 'l') {
            int code = parse_loop_hold("convert", optarg, &outputs->analysis);
            if (code >= 0)
                return code;
            continue;
        }
        int code = check_output(outputs, optarg);
        if (code)
            return code;
        if (vec_push(&outputs->all, optarg) < 0) {
            struct err e = {0};
            err_errno(&e, -ENOMEM, "convert");
            return print_err(&e);
        }
    }
    if (optind == argc)
        return usage_error("convert", "no capture given");
    if (argc - optind > 1)
        return usage_error("convert",
                           "one capture at a time, and not also \"%s\"; an output "
                           "stands behind -o",
                           argv[optind + 1]);
    if (!outputs->all.len)
        return usage_error("convert", "no output given: say where to, as in -o report.html");
    return -1;
}

int cmd_convert(int argc, char **argv)
{
    struct outputs outputs = {.all = VEC_INIT};
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error in words, not the end */
    int code = parse(argc, argv, &outputs);
    if (code < 0)
        code = convert(argv[optind], &outputs);
    vec_release(&outputs.all);
    return code;
}
