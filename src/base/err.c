#include "base/err.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool set(struct err *e, const char *format, va_list ap)
{
    if (!e || e->text[0])
        return false;
    vsnprintf(e->text, sizeof(e->text), format, ap);
    if (e->exit_code == EXIT_DONE)
        e->exit_code = EXIT_FAILED;
    return true;
}

int err_set(struct err *e, int code, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    set(e, format, ap);
    va_end(ap);
    return code;
}

int err_errno(struct err *e, int code, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    if (set(e, format, ap)) {
        size_t len = strlen(e->text);
        snprintf(e->text + len, sizeof(e->text) - len, ": %s", strerror(code < 0 ? -code : code));
    }
    va_end(ap);
    return code;
}

void err_hint(struct err *e, const char *format, ...)
{
    if (!e || e->hint[0])
        return;
    va_list ap;
    va_start(ap, format);
    vsnprintf(e->hint, sizeof(e->hint), format, ap);
    va_end(ap);
}

void err_exit_code(struct err *e, int exit_code)
{
    if (e && (e->exit_code == EXIT_DONE || e->exit_code == EXIT_FAILED))
        e->exit_code = exit_code;
}
