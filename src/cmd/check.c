/* waitscope check: a budget for the requests of a capture, for CI. */
#include "base/buf.h"
#include "base/text.h"
#include "base/vec.h"
#include "cmd/cmd.h"
#include "cmd/load.h"
#include "output/budget.h"
#include "output/output.h"

#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: waitscope check FILE --max-KEY LIMIT… [--no-loop-hold] [--name GLOB]…\n"
    "\n"
    "Judges the requests of a capture (.wsc) by a budget, so that a test suite fails when\n"
    "somebody adds a blocking call. Every request has to hold it; those that do not are\n"
    "listed, the worst first: which, for how long, in what call on what, and when.\n"
    "\n"
    "The budget; at least one of\n"
    "      --max-blocked LIMIT       time a thread stands still in I/O for the request\n"
    "      --max-queued LIMIT        time until somebody picks it up\n"
    "      --max-latency LIMIT       all of its time\n"
    "      --max-unattributed LIMIT  time that is not known; it might be of any other kind\n"
    "      --max-KEY LIMIT           the same for running, runnable, lock, sleep, fault, other,\n"
    "                                awaiting and loop-busy\n"
    "      --no-loop-hold            no event loop stands still or computes for too long in one\n"
    "                                place while a request is in flight\n"
    "      --max-lost N              how many records may be lost (default 0: what was lost\n"
    "                                cannot be judged)\n"
    "LIMIT is 5ms, 200us, 1.5s, 0, or a share of the request's latency: 5%\n"
    "\n"
    "      --loop-hold TIME          " LOOP_HOLD_HELP_1 "\n"
    "                                " LOOP_HOLD_HELP_2 "\n"
    "      --name GLOB               only requests whose name or group this matches, as in\n"
    "                                'GET /db/*'; may be given several times\n"
    "      --min-requests N          so many must have been answered (default 1)\n"
    "      --json                    for machines (viewer/check.schema.json)\n"
    "  -h, --help                    this text\n"
    "\n"
    "Unattributed time may hide a breach, as far as a thread was in that state meanwhile. Where\n"
    "it may for more than 1 % of the requests, the limit is broken: record event loops in Python\n"
    "with --precise, or say with --max-unattributed how much may stay unknown (100%: any amount,\n"
    "as long as one request can be judged).\n"
    "\n"
    "Exit code 0: all requests hold it. 1: some do not, or of more than 1 % of them it is not\n"
    "known, or too few were seen, or more records were lost than allowed. 5: the capture is\n"
    "damaged; what could be read is judged and holds the budget, which is not to say that the\n"
    "rest would.\n";

enum { OPTION_LOST = 1, OPTION_HOLD, OPTION_NO_HOLD, OPTION_NAME, OPTION_MIN, OPTION_JSON };
#define OPTION_RULE 256 /* + enum ledger_key, or BUDGET_LATENCY */

static const struct option options[] = {
    {"max-blocked", required_argument, NULL, OPTION_RULE + LEDGER_BLOCKED},
    {"max-queued", required_argument, NULL, OPTION_RULE + LEDGER_QUEUED},
    {"max-latency", required_argument, NULL, OPTION_RULE + BUDGET_LATENCY},
    {"max-unattributed", required_argument, NULL, OPTION_RULE + LEDGER_UNATTRIBUTED},
    {"max-running", required_argument, NULL, OPTION_RULE + LEDGER_RUNNING},
    {"max-runnable", required_argument, NULL, OPTION_RULE + LEDGER_RUNNABLE},
    {"max-lock", required_argument, NULL, OPTION_RULE + LEDGER_LOCK},
    {"max-sleep", required_argument, NULL, OPTION_RULE + LEDGER_SLEEP},
    {"max-fault", required_argument, NULL, OPTION_RULE + LEDGER_FAULT},
    {"max-other", required_argument, NULL, OPTION_RULE + LEDGER_OTHER},
    {"max-awaiting", required_argument, NULL, OPTION_RULE + LEDGER_AWAITING},
    {"max-loop-busy", required_argument, NULL, OPTION_RULE + LEDGER_LOOP_BUSY},
    {"max-lost", required_argument, NULL, OPTION_LOST},
    {"no-loop-hold", no_argument, NULL, OPTION_NO_HOLD},
    {"loop-hold", required_argument, NULL, OPTION_HOLD},
    {"name", required_argument, NULL, OPTION_NAME},
    {"min-requests", required_argument, NULL, OPTION_MIN},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    {0},
};

struct choice {
    struct budget budget;
    struct analysis_options analysis;
    VEC(const char *) names;
    bool any, json; /* any: a budget was given */
};

/* A whole number; -1 to go on, or the exit code. */
static int parse_count(const char *text, uint64_t *n)
{
    char *end;
    errno = 0;
    *n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno)
        return usage_error("check", "no number: %s", text);
    return -1;
}

static int parse_rule(struct choice *c, unsigned rule, const char *text)
{
    uint64_t ns;
    if (c->budget.limits[rule].text)
        return usage_error("check", "two limits for %s: %s and %s", budget_rule_name(rule),
                           c->budget.limits[rule].text, text);
    if (budget_parse_limit(&c->budget.limits[rule], rule, text) == 0) {
        c->any = true;
        return -1;
    }
    if (text_parse_duration(text, &ns) == 0)
        return usage_error("check", "%s of what? Say %sms, %ss or the like", text, text, text);
    return usage_error("check", "no limit: %s (5ms, 200us, 1.5s, 0%s)", text,
                       rule == BUDGET_LATENCY ? "" : ", 5%");
}

static int parse_option(struct choice *c, int option)
{
    int code;
    switch (option) {
    case 'h':
        return print_help(help);
    case OPTION_LOST:
        c->any = true;
        return parse_count(optarg, &c->budget.max_lost);
    case OPTION_MIN:
        return parse_count(optarg, &c->budget.min_requests);
    case OPTION_NO_HOLD:
        c->any = c->budget.no_loop_hold = true;
        return -1;
    case OPTION_HOLD:
        code = parse_loop_hold("check", optarg, &c->analysis);
        c->budget.loop_hold = optarg;
        return code;
    case OPTION_NAME:
        return vec_push(&c->names, optarg) < 0 ? EXIT_FAILED : -1;
    case OPTION_JSON:
        c->json = true;
        return -1;
    default:
        return parse_rule(c, (unsigned)(option - OPTION_RULE), optarg);
    }
}

/* -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct choice *c)
{
    opterr = 0;
    for (int o; (o = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (o == '?' || o == ':')
            return usage_option("check", o, argv, options);
        int code = parse_option(c, o);
        if (code >= 0)
            return code;
    }
    if (optind == argc)
        return usage_error("check", "no capture given");
    if (argc - optind > 1)
        return usage_error("check", "one capture at a time, and not also \"%s\"", argv[optind + 1]);
    if (!c->any)
        return usage_error("check", "no budget given: say what must hold, as in "
                                    "--max-blocked 5ms or --no-loop-hold");
    if (c->budget.loop_hold && !c->budget.no_loop_hold)
        return usage_error("check", "--loop-hold is the threshold for --no-loop-hold, which is "
                                    "not given");
    c->budget.names = c->names.data;
    c->budget.name_count = c->names.len;
    return -1;
}

static int check(const char *path, const struct choice *c)
{
    struct err e = {0};
    struct timeline tl;
    struct capture_info info;
    if (load_timeline(path, &c->analysis, &tl, &info, &e) < 0)
        return print_err(&e);

    struct buf out = BUF_INIT;
    struct judgement j;
    const struct text_options options_text = {.color = terminal_color()};
    int ret = budget_judge(&c->budget, &tl, &j);
    if (ret == 0)
        ret = c->json ? output_check_json(&tl, &c->budget, &j, &out)
                      : output_check_text(&tl, &c->budget, &j, &options_text, &out);
    int code = EXIT_FAILED;
    if (ret < 0) {
        err_errno(&e, ret, "check %s", path);
        code = print_err(&e);
    } else {
        code = print_out(buf_str(&out), out.len);
        if (code == EXIT_DONE && !judgement_passes(&c->budget, &j))
            code = EXIT_FAILED;
    }
    int damage = print_damage(path, &info);
    judgement_release(&j);
    buf_release(&out);
    timeline_release(&tl);
    return code ? code : damage;
}

int cmd_check(int argc, char **argv)
{
    struct choice c = {.budget = {.min_requests = 1}, .names = VEC_INIT};
    int code = parse(argc, argv, &c);
    if (code < 0)
        code = check(argv[optind], &c);
    vec_release(&c.names);
    return code;
}
