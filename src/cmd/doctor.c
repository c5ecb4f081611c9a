/* waitscope doctor: what works on this kernel for this user, and what to do about the rest. */
#include "base/text.h"
#include "cmd/cmd.h"
#include "record/checks.h"

#include <string.h>

static const char help[] = "usage: waitscope doctor\n"
                           "\n"
                           "Tries what a recording needs on this machine, for this user, and says "
                           "what to do about\nwhat does not work. Exit code 0 when recording "
                           "works, 3 when rights are missing, 4 when\nthe kernel lacks "
                           "something.\n"
                           "\n"
                           "  -h, --help  this text\n";

static void say(void *ctx, enum check_verdict verdict, const char *what, const char *found,
                const char *mend)
{
    static const char *const marks[] = {
        [CHECK_OK] = "ok  ", [CHECK_WARN] = "note", [CHECK_FAIL] = "FAIL"};
    struct buf *out = ctx;

    buf_addf(out, "%s  %-12s ", marks[verdict], what);
    text_clean(out, found, strlen(found));
    buf_addc(out, '\n');
    if (mend[0])
        buf_addf(out, "%19s→ %s\n", "", mend);
}

int cmd_doctor(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    struct buf out = BUF_INIT;
    int code, printed;

    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (c == 'h')
            return print_help(help);
        return usage_option("doctor", c, argv, options);
    }
    if (optind < argc)
        return usage_error("doctor", "takes no argument: %s", argv[optind]);
    code = checks_run(say, &out);
    buf_adds(&out, code ? "\nrecording does not work here yet\n" : "\nrecording works here\n");
    printed = print_out(buf_str(&out), out.len);
    buf_release(&out);
    return code ? code : printed;
}
