/* waitscope: the table of verbs. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

static const struct verb {
    const char *name, *arguments, *summary;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"record", "-p PID | -- CMD", "trace a server that runs, or start one", cmd_record},
    {"report", "FILE [--json]", "print what a capture shows", cmd_report},
    {"convert", "FILE -o OUT", "make a page or a timeline of a capture", cmd_convert},
    {"check", "FILE BUDGET", "a budget for CI: fail when a request breaks it", cmd_check},
    {"diff", "A B [--json]", "what moved from one capture to another", cmd_diff},
    {"doctor", "", "say what works on this machine, and what to do", cmd_doctor},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
        if (!strcmp(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

static int print_overview(void)
{
    char row[160];
    int code = print_help("waitscope shows, for every request of a server, where its time went: "
                          "blocked\nin I/O, yielded to an event loop, or waiting for a free "
                          "thread.\n\n");
    for (size_t i = 0; !code && i < sizeof(verbs) / sizeof(*verbs); i++) {
        snprintf(row, sizeof(row), "  waitscope %-8s%-17s%s\n", verbs[i].name, verbs[i].arguments,
                 verbs[i].summary);
        code = print_help(row);
    }
    if (code)
        return code;
    return print_help(
        "\nStart with\n\n"
        "  sudo waitscope record -p PID -d 10s\n\n"
        "and open the .html file that it writes. \"waitscope help VERB\" or\n"
        "\"waitscope VERB --help\" says more; \"waitscope --version\" the version.\n\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not permitted, 4 the kernel "
        "lacks\nsomething, 5 the input is damaged and what could be read is shown.\n");
}

static int unknown(const char *name)
{
    size_t len = strlen(name);
    if (name[0] == '-')
        return usage_error("", "unknown option: %s", name);
    if (len > 4 && !strcmp(name + len - 4, ".wsc")) {
        struct err e = {0};
        err_set(&e, -1, "unknown verb: %s", name);
        err_exit_code(&e, EXIT_USAGE);
        err_hint(&e, "to see a capture: waitscope report %s", name);
        return print_err(&e);
    }
    return usage_error("", "unknown verb: %s", name);
}

static int help(int argc, char **argv)
{
    if (argc < 2)
        return print_overview();
    if (argc > 2)
        return usage_error("", "help takes one verb, and not also \"%s\"", argv[2]);
    const struct verb *verb = find_verb(argv[1]);
    if (!verb)
        return unknown(argv[1]);
    char option[] = "--help", *words[] = {argv[1], option, NULL};
    return verb->run(2, words);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage_error("", "nothing to do: no verb given");
    const char *name = argv[1];
    if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h"))
        return help(argc - 1, argv + 1);
    if (!strcmp(name, "--version") || !strcmp(name, "-V") || !strcmp(name, "version"))
        return print_help("waitscope " WAITSCOPE_VERSION "\n");
    const struct verb *verb = find_verb(name);
    return verb ? verb->run(argc - 1, argv + 1) : unknown(name);
}
