/* Where outputs go: known before the work rather than when it is done. */
#include "cmd/cmd.h"

#include "base/buf.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_folder(const char *path, struct err *e)
{
    struct buf folder = BUF_INIT;
    const char *slash = strrchr(path, '/');
    struct stat st;
    int ret = 0;

    if (slash)
        buf_add(&folder, path, slash == path ? 1 : (size_t)(slash - path));
    else
        buf_addc(&folder, '.');
    if (stat(buf_str(&folder), &st) < 0)
        ret = err_errno(e, -errno, "write %s", path);
    else if (!S_ISDIR(st.st_mode))
        ret = err_errno(e, -ENOTDIR, "write %s", path);
    else if (access(buf_str(&folder), W_OK) < 0)
        ret = err_errno(e, -errno, "write into the folder of %s", path);
    buf_release(&folder);
    return ret;
}

int check_new_file(const char *path, struct err *e)
{
    struct stat st;

    if (lstat(path, &st) == 0) {
        err_hint(e, "remove it, or give another name with -o");
        return err_set(e, -EEXIST, "write %s: it exists", path);
    }
    return check_folder(path, e);
}

/* Who gives a link wants the file where it leads to, and not another one beside the link. */
int check_numbered_file(const char *path, struct err *e)
{
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && stat(path, &st) < 0) {
        err_hint(e, "remove it, or give the name of the file itself with -o");
        return err_set(e, -EEXIST, "write %s: it is a link to a file that is not there", path);
    }
    return check_folder(path, e);
}
