#include "output/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *suffix;
    int (*output)(const struct timeline *tl, struct buf *out);
} forms[] = {
    {".json", output_json},
    {".json.gz", output_json_gz},
    {".html", output_html},
};

/* Index into forms, or -1. A name that is nothing but a suffix is a hidden file, not a form. */
static int form_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        size_t suffix = strlen(forms[i].suffix);
        if (len > suffix && !strcmp(name + len - suffix, forms[i].suffix))
            return (int)i;
    }
    return -1;
}

int output_suffix_known(const char *path)
{
    return form_of(path) >= 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Gives `temp` its final name unless that is taken. Not every file system knows the flag; there
 * a second link does the same. */
static int take_name(const char *temp, const char *path)
{
    if (renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    int ret = link(temp, path) < 0 ? -errno : 0;
    unlink(temp);
    return ret;
}

/* A short name of its own beside `path`: the final name may be as long as a name can be. */
static int temp_open(const char *path, struct buf *temp)
{
    const char *slash = strrchr(path, '/');
    for (unsigned n = 0; n < 1000; n++) {
        buf_clear(temp);
        buf_add(temp, path, slash ? (size_t)(slash + 1 - path) : 0);
        buf_addf(temp, ".waitscope-%ld-%u", (long)getpid(), n);
        if (temp->failed)
            return -ENOMEM;
        int fd = open(temp->data, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd >= 0 ? fd : -errno;
    }
    return -EEXIST;
}

struct file {
    struct buf_outlet outlet;
    int fd;
};

static int file_take(struct buf_outlet *outlet, const char *bytes, size_t len)
{
    return write_all(((const struct file *)(const void *)outlet)->fd, bytes, len);
}

/* What a file is to hold: a timeline in one form, or (`output` is NULL) the page of a comparison.
 */
struct content {
    const struct timeline *tl;
    int (*output)(const struct timeline *tl, struct buf *out);
    const struct diff *diff;
};

/* Into the file while it is made, so that memory never holds all of it. */
static int write_content(const struct content *c, int fd)
{
    struct file file = {{file_take, 0}, fd};
    struct buf out = BUF_INIT;

    out.outlet = &file.outlet;
    int ret = c->output ? c->output(c->tl, &out) : output_diff_html(c->diff, &out);
    int flushed = buf_flush(&out);
    buf_release(&out);
    if (file.outlet.error < 0)
        return file.outlet.error;
    return ret < 0 ? ret : flushed;
}

static int write_file(const char *path, const struct content *c)
{
    struct buf temp = BUF_INIT;
    int fd = temp_open(path, &temp);
    int ret = fd < 0 ? fd : write_content(c, fd);
    /* A full disk may show only here. */
    if (fd >= 0 && close(fd) < 0 && ret == 0)
        ret = -errno;
    if (ret == 0)
        ret = take_name(temp.data, path);
    if (ret < 0 && fd >= 0)
        unlink(temp.data);
    buf_release(&temp);
    return ret;
}

/* Said before the work rather than after it; take_name() decides. */
static int check_absent(const char *path, struct err *e)
{
    struct stat st;
    return lstat(path, &st) == 0 ? err_errno(e, -EEXIST, "write %s", path) : 0;
}

static int write_new(const char *path, const struct content *c, struct err *e)
{
    int ret = check_absent(path, e);
    if (ret < 0)
        return ret;
    ret = write_file(path, c);
    return ret < 0 ? err_errno(e, ret, "write %s", path) : 0;
}

int output_write(const struct timeline *tl, const char *path, struct err *e)
{
    int form = form_of(path);
    if (form < 0) {
        err_exit_code(e, EXIT_USAGE);
        err_hint(e, "use .json, .json.gz or .html");
        return err_set(e, -EINVAL, "write %s: the suffix names no form", path);
    }
    const struct content c = {.tl = tl, .output = forms[form].output};
    return write_new(path, &c, e);
}

int output_write_diff(const struct diff *diff, const char *path, struct err *e)
{
    const struct content c = {.diff = diff};
    return write_new(path, &c, e);
}
