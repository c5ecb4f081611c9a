/* waitscope record: traces a server that runs, or starts one. */
#include "record/record.h"

#include "base/text.h"
#include "base/vec.h"
#include "cmd/cmd.h"
#include "cmd/load.h"
#include "cmd/recorded.h"
#include "cmd/series.h"
#include "output/output.h"
#include "record/signals.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: waitscope record -p PID[,PID…] [-d TIME] [-o FILE]…\n"
    "       waitscope record -p PID[,PID…] --last TIME [--slow TIME] [-o FILE]…\n"
    "       waitscope record [-d TIME] [-o FILE]… -- CMD ARG…\n"
    "\n"
    "Traces a running server with its threads and children, or starts CMD traced from its first\n"
    "instruction and ends with its exit status. Ctrl-C or SIGTERM ends the recording in order.\n"
    "\n"
    "  -p, --pid PID[,PID…]  the processes; their children come with them\n"
    "  -d, --duration TIME   end after so long: 10s, 500ms, 2m; a CMD still there gets SIGTERM,\n"
    "                        and SIGKILL when it is still there 5 s later, as after Ctrl-C\n"
    "  -o, --output FILE     where to, several times if wanted; the suffix says what:\n"
    "                          .html      a report: one page that any browser opens\n"
    "                          .wsc       the capture: all that was recorded, for report, convert\n"
    "                          .json(.gz) the timeline\n"
    "                        without it: waitscope-COMM-PID.wsc and .html in this folder\n"
    "      --last TIME       a flight recorder: run for as long as you like, keep only the last\n"
    "                        30s, 5m in memory, and write the files at SIGUSR1 (and go on; the\n"
    "                        next ones are FILE-2, FILE-3 …) and at the end\n"
    "      --slow TIME       end soon after the first request that takes longer: 500ms, also one\n"
    "                        that nobody answers\n"
    "      --max-size SIZE   end when the capture has this size: 512M, 1G (default 1G); with "
    "--last\n"
    "                        the memory to use at most (default 256M): what does not fit is given\n"
    "                        up before its time\n"
    "      --loop-hold TIME  " LOOP_HOLD_HELP_1 "\n"
    "                        " LOOP_HOLD_HELP_2 "; not for the capture,\n"
    "                        which knows no threshold\n"
    "      --precise         also listen to where a step of a Python event loop ends, and what it\n"
    "                        waits for then: 2 to 6 % more CPU in a server that answers small\n"
    "                        requests and nothing else\n"
    "      --precise=agent   and load an agent into each JVM, which tells which of Kotlin's\n"
    "                        coroutines each thread turns to: 10 to 18 % more CPU in such a "
    "server.\n"
    "                        When the recording ends it stays loaded, and does nothing any more\n"
    "  -h, --help            this text\n"
    "\n"
    "Needs root, or the capabilities CAP_BPF and CAP_PERFMON; \"waitscope doctor\" checks.\n"
    "Calls that do not block cost nothing; a wait costs 0.1 to 0.3 microseconds.\n"
    "Stored are names of threads and files, addresses, times, and of each request its first line\n"
    "without the query: no headers, no bodies. An existing file is never overwritten.\n";

#define DEFAULT_MAX_BYTES (1ull << 30)
#define DEFAULT_MEMORY (256ull << 20)
/* Less holds too few blocks of records to keep a window by. */
#define LEAST_MEMORY (8ull << 20)

struct choice {
    VEC(uint32_t) pids;
    VEC(const char *) outputs; /* all but the capture */
    const char *capture;
    char **command;
    uint64_t duration_ns, max_bytes, last_ns, slow_ns;
    struct series series; /* the names of the files */
    const struct record_options *options;
    struct analysis_options analysis;
    struct buf names[2]; /* made up, when no output was given, or only a .html */
    bool precise, agents;
    bool capture_is_spare; /* nobody asked for it: removed when the rest is written */
};

static int parse_pids(struct choice *c, const char *list)
{
    const char *at = list;

    for (;;) {
        char *end;
        unsigned long pid = isdigit((unsigned char)*at) ? strtoul(at, &end, 10) : 0;

        if (!pid || pid > INT32_MAX || (*end && *end != ','))
            return usage_error("record", "no process number, or list of them: %s", list);
        if (vec_push(&c->pids, (uint32_t)pid) < 0)
            return EXIT_FAILED;
        if (!*end)
            return -1;
        at = end + 1;
    }
}

static bool is_capture(const char *path)
{
    size_t len = strlen(path);

    return len > 4 && !strcmp(path + len - 4, ".wsc");
}

static int add_output(struct choice *c, const char *path)
{
    if (is_capture(path)) {
        if (c->capture)
            return usage_error("record", "one capture at a time: %s and %s", c->capture, path);
        c->capture = path;
        return -1;
    }
    if (!output_suffix_known(path))
        return usage_error("record",
                           "cannot tell the form of %s: its suffix must be .wsc, .html, .json "
                           "or .json.gz",
                           path);
    for (size_t i = 0; i < c->outputs.len; i++)
        if (!strcmp(c->outputs.data[i], path))
            return usage_error("record", "%s is given twice", path);
    return vec_push(&c->outputs, path) < 0 ? EXIT_FAILED : -1;
}

static int parse_time(const char *text, uint64_t *ns)
{
    int ret = text_parse_duration(text, ns);

    if (ret == -ERANGE)
        return usage_error("record", "too long: %s (500 years at most)", text);
    if (ret < 0)
        return usage_error("record", "no duration: %s (10s, 500ms, 2m)", text);
    return -1;
}

static int parse_option(struct choice *c, int option)
{
    switch (option) {
    case 'h':
        return print_help(help);
    case 'p':
        return parse_pids(c, optarg);
    case 'o':
        return add_output(c, optarg);
    case 'd':
        return parse_time(optarg, &c->duration_ns);
    case 'L':
        return parse_time(optarg, &c->last_ns);
    case 's':
        return parse_time(optarg, &c->slow_ns);
    case 'l':
        return parse_loop_hold("record", optarg, &c->analysis);
    case 'P':
        if (optarg && strcmp(optarg, "agent") != 0)
            return usage_error("record", "no --precise=%s: it is --precise or --precise=agent",
                               optarg);
        c->precise = true;
        c->agents |= optarg != NULL;
        return -1;
    default: /* 'm' */
        if (text_parse_size(optarg, &c->max_bytes) < 0 || !c->max_bytes)
            return usage_error("record", "no size: %s (512M, 1G)", optarg);
        return -1;
    }
}

/* What goes together, and what was not said; -1 to go on, or the exit code. */
static int check_choice(struct choice *c)
{
    if (c->last_ns && c->slow_ns >= c->last_ns)
        return usage_error("record", "what takes longer than --slow must fit into --last");
    if (c->last_ns && c->max_bytes && c->max_bytes < LEAST_MEMORY)
        return usage_error("record", "--last needs a --max-size of 8M at least");
    if (!c->max_bytes)
        c->max_bytes = c->last_ns ? DEFAULT_MEMORY : DEFAULT_MAX_BYTES;
    return -1;
}

/* -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct choice *c)
{
    static const struct option options[] = {
        {"pid", required_argument, NULL, 'p'},
        {"duration", required_argument, NULL, 'd'},
        {"output", required_argument, NULL, 'o'},
        {"max-size", required_argument, NULL, 'm'},
        {"last", required_argument, NULL, 'L'},
        {"slow", required_argument, NULL, 's'},
        {"loop-hold", required_argument, NULL, 'l'},
        {"precise", optional_argument, NULL, 'P'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };

    opterr = 0;
    /* '+': the command's own options are not ours */
    for (int o; (o = getopt_long(argc, argv, "+:p:d:o:h", options, NULL)) != -1;) {
        if (o == '?' || o == ':')
            return usage_option("record", o, argv, options);
        int code = parse_option(c, o);
        if (code >= 0)
            return code;
    }
    bool dashes = optind > 1 && !strcmp(argv[optind - 1], "--");

    if (optind < argc && !dashes)
        return usage_error("record", "unexpected word: %s (a command stands behind --)",
                           argv[optind]);
    c->command = optind < argc ? argv + optind : NULL;
    if (c->command && c->pids.len)
        return usage_error("record", "either -p or a command, not both");
    if (!c->command && !c->pids.len)
        return usage_error("record", dashes ? "no command behind --"
                                            : "nothing to record: give -p PID or -- CMD");
    return check_choice(c);
}

/* "waitscope-COMM-PID" with the suffix; COMM may hold anything, also '/'. */
static void make_name(struct buf *name, const struct target *t, const char *suffix)
{
    buf_adds(name, "waitscope-");
    for (const char *s = t->comm; *s; s++)
        buf_addc(name, isalnum((unsigned char)*s) || strchr("._-+", *s) ? *s : '_');
    buf_addf(name, "-%u%s", t->pid, suffix);
}

static int choose_names(struct choice *c, const struct target *first)
{
    if (!c->capture && !c->outputs.len) {
        make_name(&c->names[0], first, ".wsc");
        make_name(&c->names[1], first, ".html");
        c->capture = buf_str(&c->names[0]);
        return vec_push(&c->outputs, buf_str(&c->names[1]));
    }
    if (!c->capture) {
        buf_addf(&c->names[0], "%s.wsc", c->outputs.data[0]);
        c->capture = buf_str(&c->names[0]);
        c->capture_is_spare = true;
    }
    return 0;
}

/* A flight recorder goes on behind the files that are there. */
static int check_name(const struct choice *c, const char *path, struct err *e)
{
    return c->last_ns ? check_numbered_file(path, e) : check_new_file(path, e);
}

/* What was asked for first: nobody named a spare capture, so nobody should be told of it. */
static int check_new_files(const struct choice *c, struct err *e)
{
    int ret = 0;

    for (size_t i = 0; !ret && i < c->outputs.len; i++)
        ret = check_name(c, c->outputs.data[i], e);
    return ret ? ret : check_name(c, c->capture, e);
}

static int write_outputs(const struct choice *c)
{
    struct capture_info info;
    struct timeline tl;
    struct err e = {0};
    int code = EXIT_DONE;

    if (!c->outputs.len)
        return EXIT_DONE;
    if (load_timeline(series_capture(&c->series), &c->analysis, &tl, &info, &e) < 0)
        return print_err(&e);
    for (size_t i = 0; i < c->outputs.len; i++) {
        const char *path = series_output(&c->series, i);
        struct err failed = {0};

        if (output_write(&tl, path, &failed) < 0)
            code = print_err(&failed);
        else
            give_to_caller(path);
    }
    timeline_release(&tl);
    return code;
}

static void print_result(const struct choice *c, const struct record_options *o,
                         const struct record_result *r)
{
    print_ended(o, r);
    for (size_t i = 0; i < c->outputs.len; i++)
        print_note("wrote %s", series_output(&c->series, i));
    if (!c->capture_is_spare)
        print_note("wrote %s, which \"waitscope report\" reads", series_capture(&c->series));
}

static void print_attached(void *ctx, uint32_t threads, uint64_t attach_ns)
{
    const struct record_options *o = ctx;
    const struct target *first = o->command ? &o->command->target : &o->targets[0];
    struct buf line = BUF_INIT;

    buf_addf(&line, "recording %s (%u)", first->comm, first->pid);
    if (o->target_count > 1)
        buf_addf(&line, " and %zu more", o->target_count - 1);
    if (!o->command)
        buf_addf(&line, ", %u thread%s", threads, threads == 1 ? "" : "s");
    buf_adds(&line, ", attached in ");
    text_duration(&line, attach_ns);
    if (o->last_ns)
        buf_addf(&line, "; kill -USR1 %d writes what is kept, Ctrl-C too and ends it",
                 (int)getpid());
    else
        buf_adds(&line, "; Ctrl-C ends it");
    print_note("%s", buf_str(&line));
    buf_release(&line);
}

/* ---- a flight recorder's files */

static int next_file(void *ctx, const char **path)
{
    struct choice *c = ctx;
    int ret = series_next(&c->series);

    *path = series_capture(&c->series);
    return ret;
}

static void wrote_file(void *ctx, const struct record_result *r, const struct err *failed)
{
    struct choice *c = ctx;

    series_clear_line();
    if (failed) {
        print_err(failed);
        print_note("the recording goes on; nothing that was kept is lost");
        return;
    }
    print_kept(c->options, r);
    series_convert(&c->series);
}

static void tick(void *ctx)
{
    struct choice *c = ctx;

    series_tick(&c->series);
}

/* What lies there under that name may be somebody else's. */
static int end_failed(const struct choice *c, const struct record_result *result,
                      const struct err *e)
{
    const char *capture = series_capture(&c->series);
    int code = print_err(e);

    if (!result->made)
        return code;
    give_to_caller(capture);
    print_note(c->last_ns ? "a part of the window is in %s"
                          : "what was recorded until then is in %s",
               capture);
    return code;
}

static int end_well(struct choice *c, const struct record_options *o,
                    const struct record_result *result)
{
    const char *capture = series_capture(&c->series);
    int code;

    give_to_caller(capture);
    code = write_outputs(c);
    if (code) {
        print_note("the capture is in %s", capture);
        return code;
    }
    if (c->capture_is_spare)
        unlink(capture);
    print_result(c, o, result);
    return result->exit_status;
}

static int record(struct choice *c, struct record_options *o)
{
    struct record_result result;
    struct err e = {0};
    int code, failed;

    c->series = (struct series){.capture = c->capture,
                                .capture_is_spare = c->capture_is_spare,
                                .outputs = c->outputs.data,
                                .output_count = c->outputs.len,
                                .analysis = &c->analysis};
    c->options = o;
    o->capture_path = c->capture;
    o->last_ns = c->last_ns;
    o->slow_ns = c->slow_ns;
    o->next_file = next_file;
    o->wrote_file = wrote_file;
    o->tick = c->last_ns ? tick : NULL;
    o->file_ctx = c;
    o->duration_ns = c->duration_ns;
    o->max_bytes = c->max_bytes;
    o->precise = c->precise;
    o->agents = c->agents;
    o->progress = isatty(STDERR_FILENO);
    o->attached = print_attached;
    o->attached_ctx = o;
    failed = record_run(o, &result, &e);
    code = failed ? end_failed(c, &result, &e) : end_well(c, o, &result);
    series_wait(&c->series);
    if (c->series.failed && code == EXIT_DONE)
        code = EXIT_FAILED;
    series_release(&c->series);
    return code;
}

static int record_pids(struct choice *c)
{
    VEC(struct target) targets = VEC_INIT;
    struct record_options o = {0};
    struct buf described = BUF_INIT;
    struct err e = {0};
    int code = 0;

    for (size_t i = 0; !code && i < c->pids.len; i++) {
        struct target t;

        if (target_open(&t, c->pids.data[i], &e) < 0)
            code = print_err(&e);
        else if (vec_push(&targets, t) < 0)
            code = EXIT_FAILED;
        buf_addf(&described, "%s%u", i ? "," : "-p ", c->pids.data[i]);
    }
    if (!code && (!targets.len || choose_names(c, targets.data) < 0))
        code = EXIT_FAILED;
    if (!code && check_new_files(c, &e) < 0)
        code = print_err(&e);
    if (!code) {
        o.targets = targets.data;
        o.target_count = targets.len;
        o.described = buf_str(&described);
        code = record(c, &o);
    }
    for (size_t i = 0; i < targets.len; i++)
        target_release(&targets.data[i]);
    vec_release(&targets);
    buf_release(&described);
    return code;
}

static int record_command(struct choice *c)
{
    struct target_command command;
    struct record_options o = {.command = &command, .command_name = c->command[0]};
    struct buf described = BUF_INIT;
    const char *base = strrchr(c->command[0], '/');
    struct err e = {0};
    int code;

    for (char **word = c->command; *word; word++)
        buf_addf(&described, "%s%s", word == c->command ? "" : " ", *word);
    if (target_spawn(&command, c->command, &e) < 0)
        return print_err(&e);
    /* It is still this program in there: the name it will have is the command's. */
    snprintf(command.target.comm, sizeof(command.target.comm), "%s",
             base ? base + 1 : c->command[0]);
    if (choose_names(c, &command.target) < 0)
        code = EXIT_FAILED;
    else if (check_new_files(c, &e) < 0)
        code = print_err(&e);
    else {
        o.described = buf_str(&described);
        code = record(c, &o);
    }
    target_abandon(&command);
    buf_release(&described);
    return code;
}

int cmd_record(int argc, char **argv)
{
    struct choice c = {.pids = VEC_INIT, .outputs = VEC_INIT, .names = {BUF_INIT, BUF_INIT}};
    int code;

    signals_block();
    code = parse(argc, argv, &c);
    if (code < 0)
        code = c.command ? record_command(&c) : record_pids(&c);
    vec_release(&c.pids);
    vec_release(&c.outputs);
    buf_release(&c.names[0]);
    buf_release(&c.names[1]);
    return code;
}
