/*
 * err: why something failed, in words, carried up to the verb that prints it.
 *
 * Functions return 0 or -errno and fill an err with "what failed: why"; only src/cmd/ prints.
 * The innermost text wins: err_set() on an err that is set already changes nothing, so a caller
 * may add a general message without hiding the exact one; likewise the first hint and the first
 * exit code other than EXIT_FAILED stay. A NULL err is allowed everywhere; `struct err e = {0}`.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

enum err_exit { /* the program's exit codes, a contract */
                EXIT_DONE = 0,
                EXIT_FAILED = 1,
                EXIT_USAGE = 2,
                EXIT_PERMISSION = 3,
                EXIT_KERNEL = 4,
                EXIT_DAMAGED = 5,
};

struct err {
    char text[512]; /* "what failed: why", lower case, no full stop; "" while unset */
    char hint[256]; /* the way out, or "" */
    int exit_code;  /* one of enum err_exit; EXIT_FAILED unless said */
};

/* Sets the text unless one is set; returns `code`, so that `return err_set(…)` reads well. */
int err_set(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with strerror(-code) behind it: "open x.wsc: Permission denied". */
int err_errno(struct err *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void err_hint(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
void err_exit_code(struct err *e, int exit_code);

#endif
