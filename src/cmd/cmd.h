/*
 * cmd: the verbs, and how they speak to people. The only place that prints.
 *
 * stdout has what was asked for and nothing else; messages go to stderr, as
 * "waitscope: what failed: why" and, where one exists, the way out on a line of its own.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "base/err.h"

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#define WAITSCOPE_VERSION "0.1.0"

/* One for each verb: argv[0] is the verb. Returns the exit code, one of enum err_exit. */
int cmd_record(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

/* Prints an error and its way out, made harmless for a terminal; returns the exit code it asks
 * for, at least EXIT_FAILED. */
int print_err(const struct err *e);
/* Prints one line to stderr behind "waitscope: ", made harmless likewise. */
void print_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Wrong usage of a verb ("" for none): "waitscope: report: …", where its help is, EXIT_USAGE. */
int usage_error(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What getopt_long() with `opterr` 0 and ':' first in its letters returned '?' or ':' for. */
int usage_option(const char *verb, int c, char *const *argv, const struct option *options);
/* Writes what was asked for to stdout; the exit code: EXIT_DONE or EXIT_FAILED, said. */
int print_out(const char *bytes, size_t len);
/* The same for the text of --help. */
int print_help(const char *text);

/* Can a new file be made there? Nothing is written over: -EEXIST where there is one. Who writes
 * makes sure of it again. */
int check_new_file(const char *path, struct err *e);
/* The same where the next number is taken if there is a file: that one must be possible, then. */
int check_numbered_file(const char *path, struct err *e);

/* Columns of the terminal that stdout is, or COLUMNS; 0: not known. */
unsigned terminal_width(void);
/* stdout is a terminal that shows colours, and NO_COLOR is not set. */
bool terminal_color(void);

#endif
