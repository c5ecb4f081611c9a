/* waitscope record: traces a server that runs, or starts one. */
#include "record/record.h"

#include "base/text.h"
#include "base/vec.h"
#include "cmd/cmd.h"
#include "cmd/load.h"
#include "output/output.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: waitscope record -p PID[,PID…] [-d TIME] [-o FILE]…\n"
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
    "      --max-size SIZE   end when the capture has this size: 512M, 1G (default 1G)\n"
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
    "Calls that do not block cost nothing; a wait costs about half a microsecond.\n"
    "Stored are names of threads and files, addresses, times, and of each request its first line\n"
    "without the query: no headers, no bodies. An existing file is never overwritten.\n";

#define DEFAULT_MAX_BYTES (1ull << 30)

struct choice {
    VEC(uint32_t) pids;
    VEC(const char *) outputs; /* all but the capture */
    const char *capture;
    char **command;
    uint64_t duration_ns, max_bytes;
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
        if (text_parse_duration(optarg, &c->duration_ns) < 0)
            return usage_error("record", "no duration: %s (10s, 500ms, 2m)", optarg);
        return -1;
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

/* -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct choice *c)
{
    static const struct option options[] = {
        {"pid", required_argument, NULL, 'p'},
        {"duration", required_argument, NULL, 'd'},
        {"output", required_argument, NULL, 'o'},
        {"max-size", required_argument, NULL, 'm'},
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
    return -1;
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

/* What was asked for first: nobody named a spare capture, so nobody should be told of it. */
static int check_new_files(const struct choice *c, struct err *e)
{
    int ret = 0;

    for (size_t i = 0; !ret && i < c->outputs.len; i++)
        ret = check_new_file(c->outputs.data[i], e);
    return ret ? ret : check_new_file(c->capture, e);
}

/* Under sudo the files are for the one who called it. */
static void give_to_caller(const char *path)
{
    const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
    int fd;

    if (geteuid() != 0 || !uid || !gid)
        return;
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fchown(fd, (uid_t)strtoul(uid, NULL, 10), (gid_t)strtoul(gid, NULL, 10)) < 0)
        print_note("%s stays root's", path);
    close(fd);
}

static int write_outputs(const struct choice *c)
{
    struct capture_info info;
    struct timeline tl;
    struct err e = {0};
    int code = EXIT_DONE;

    if (!c->outputs.len)
        return EXIT_DONE;
    if (load_timeline(c->capture, &c->analysis, &tl, &info, &e) < 0)
        return print_err(&e);
    for (size_t i = 0; i < c->outputs.len; i++) {
        struct err failed = {0};

        if (output_write(&tl, c->outputs.data[i], &failed) < 0)
            code = print_err(&failed);
        else
            give_to_caller(c->outputs.data[i]);
    }
    timeline_release(&tl);
    return code;
}

static void print_agents(const struct record_result *r)
{
    static const struct {
        int error;
        const char *text;
    } known[] = {
        {-EAGAIN, "it does not listen to who attaches, or not yet"},
        {-ECONNREFUSED, "it has -XX:+DisableAttachMechanism"},
        {-ETIMEDOUT, "it did not answer in time"},
        {-EEXIST, "somebody else has put a file of its name there"},
        {-ELIBACC, "it could not load it from its /tmp"},
        {-EOPNOTSUPP, "it allows none (-XX:-EnableDynamicAgentLoading)"},
        {-EROFS, "its /tmp cannot be written to"},
        {-ENOSPC, "its /tmp is full"},
        {-EACCES, "its user and root alone may attach"},
        {-EPERM, "its user and root alone may attach"},
    };
    const char *why = NULL;

    if (!r->agent_refused && !r->agents)
        print_note("no agent was loaded: no JVM was found");
    if (!r->agent_refused)
        return;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && !why; i++)
        why = known[i].error == r->agent_refused ? known[i].text : NULL;
    print_note("without an agent in the JVM: %s", why ? why : strerror(-r->agent_refused));
}

static void print_result(const struct choice *c, const struct record_result *r)
{
    static const char *const why[] = {
        [RECORD_END_TARGET] = "the target ended",
        [RECORD_END_DURATION] = "the time was over",
        [RECORD_END_SIGNAL] = "ended by a signal",
        [RECORD_END_SIZE] = "the capture is as large as it may be (--max-size)",
    };
    struct buf line = BUF_INIT;

    text_duration(&line, r->duration_ns);
    buf_adds(&line, " recorded: ");
    text_count(&line, r->records);
    buf_adds(&line, " events, ");
    text_count(&line, r->lost);
    buf_adds(&line, " lost, ");
    text_size(&line, r->bytes);
    buf_addf(&line, " (%s)", why[r->end]);
    print_note("%s", buf_str(&line));
    buf_release(&line);
    if (r->uprobes_refused)
        print_note("without a runtime's own word on its work: %s%s", strerror(-r->uprobes_refused),
                   r->uprobes_refused == -EACCES ? " to its program (another user's: as root)"
                                                 : ", when a uprobe was put on");
    if (c->agents)
        print_agents(r);
    for (size_t i = 0; i < c->outputs.len; i++)
        print_note("wrote %s", c->outputs.data[i]);
    if (!c->capture_is_spare)
        print_note("wrote %s, which \"waitscope report\" reads", c->capture);
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
    buf_adds(&line, "; Ctrl-C ends it");
    print_note("%s", buf_str(&line));
    buf_release(&line);
}

static int record(struct choice *c, struct record_options *o)
{
    struct record_result result;
    struct err e = {0};
    int code, failed;

    o->capture_path = c->capture;
    o->duration_ns = c->duration_ns;
    o->max_bytes = c->max_bytes;
    o->precise = c->precise;
    o->agents = c->agents;
    o->progress = isatty(STDERR_FILENO);
    o->attached = print_attached;
    o->attached_ctx = o;
    failed = record_run(o, &result, &e);
    if (failed) {
        code = print_err(&e);
        if (access(c->capture, F_OK) == 0) {
            give_to_caller(c->capture);
            print_note("what was recorded until then is in %s", c->capture);
        }
        return code;
    }
    give_to_caller(c->capture);
    code = write_outputs(c);
    if (code) {
        print_note("the capture is in %s", c->capture);
        return code;
    }
    if (c->capture_is_spare)
        unlink(c->capture);
    print_result(c, &result);
    return result.exit_status;
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
    struct choice c = {.max_bytes = DEFAULT_MAX_BYTES,
                       .pids = VEC_INIT,
                       .outputs = VEC_INIT,
                       .names = {BUF_INIT, BUF_INIT}};
    int code = parse(argc, argv, &c);

    if (code < 0)
        code = c.command ? record_command(&c) : record_pids(&c);
    vec_release(&c.pids);
    vec_release(&c.outputs);
    buf_release(&c.names[0]);
    buf_release(&c.names[1]);
    return code;
}
