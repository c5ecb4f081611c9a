/*
 * checks: what works on this kernel for this user, tried and not guessed.
 */
#ifndef RECORD_CHECKS_H
#define RECORD_CHECKS_H

#include <stdbool.h>

enum check_verdict {
    CHECK_OK,
    CHECK_WARN, /* works, with less */
    CHECK_FAIL, /* recording cannot work */
};

/* One line of the result: what was looked at, what was found, what to do ("" when nothing). */
typedef void (*check_say)(void *ctx, enum check_verdict verdict, const char *what,
                          const char *found, const char *mend);

/* Runs all checks, the last of them by really attaching. 0, or the exit code (enum err_exit)
 * that a recording would end with. */
int checks_run(check_say say, void *ctx);

#endif
