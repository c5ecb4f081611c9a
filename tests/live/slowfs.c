/*
 * slowfs: a folder seen through a disk that takes a known time.
 *
 *     slowfs [--fsync MS] FOLDER MOUNT
 *
 * MOUNT shows what is in FOLDER. To read DIR/MS/NAME takes MS milliseconds, each time; with
 * --fsync so does fsync and fdatasync of NAME.incr.aof, redis's log. All else takes what it takes.
 * slowfiles.c does the same for servers that read whatever they can open; nginx wants regular
 * files, and a pipe cannot be synced.
 *
 * It stays in the foreground and says "slowfs: mounted"; SIGTERM ends it, and its mount with it
 * however it ends.
 */
#define _FILE_OFFSET_BITS 64 /* libfuse insists */
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MS_MAX 1000

static int folder; /* descriptor */
static unsigned long fsync_ms;

/* "/a" → "a", "/" → ".": below `folder` */
static const char *below(const char *path)
{
    return path[1] ? path + 1 : ".";
}

static void wait_ms(unsigned long ms)
{
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* "/cold/14/7" → 14 */
static unsigned long read_ms(const char *path)
{
    const char *last = strrchr(path, '/');
    const char *ms = last;
    unsigned long found;

    while (ms > path && ms[-1] != '/')
        ms--;
    found = strtoul(ms, NULL, 10);
    return found < MS_MAX ? found : 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
    (void)fi;
    return fstatat(folder, below(path), st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int fs_readdir(const char *path, void *into, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
    int fd = openat(folder, below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    (void)offset, (void)fi, (void)flags;
    if (!entries)
        return -errno;
    while ((entry = readdir(entries)))
        fill(into, entry->d_name, NULL, 0, 0);
    closedir(entries);
    return 0;
}

static int fs_mkdir(const char *path, mode_t mode)
{
    return mkdirat(folder, below(path), mode) < 0 ? -errno : 0;
}

static int fs_unlink(const char *path)
{
    return unlinkat(folder, below(path), 0) < 0 ? -errno : 0;
}

static int fs_rename(const char *from, const char *to, unsigned int flags)
{
    return renameat2(folder, below(from), folder, below(to), flags) < 0 ? -errno : 0;
}

static int fs_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
    int fd = openat(folder, below(path), O_WRONLY | O_CLOEXEC);
    int err = fd < 0 || ftruncate(fd, size) < 0 ? -errno : 0;

    (void)fi;
    if (fd >= 0)
        close(fd);
    return err;
}

static int fs_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    /* The kernel appends; pwrite on a descriptor that appends too would ignore where. */
    int fd = openat(folder, below(path), (fi->flags & ~(O_APPEND | O_NONBLOCK)) | O_CLOEXEC, mode);

    if (fd < 0)
        return -errno;
    fi->fh = (uint64_t)fd;
    fi->direct_io = 1; /* nothing stays in memory: every read is slow */
    return 0;
}

static int fs_open(const char *path, struct fuse_file_info *fi)
{
    return fs_create(path, 0, fi);
}

static int fs_read(const char *path, char *into, size_t size, off_t offset,
                   struct fuse_file_info *fi)
{
    ssize_t got;

    if (offset == 0) /* the end of the file is no second reading */
        wait_ms(read_ms(path));
    got = pread((int)fi->fh, into, size, offset);
    return got < 0 ? -errno : (int)got;
}

static int fs_write(const char *path, const char *from, size_t size, off_t offset,
                    struct fuse_file_info *fi)
{
    ssize_t put = pwrite((int)fi->fh, from, size, offset);

    (void)path;
    return put < 0 ? -errno : (int)put;
}

static int fs_fsync(const char *path, int data_only, struct fuse_file_info *fi)
{
    (void)data_only, (void)fi;
    if (ends_with(path, ".incr.aof"))
        wait_ms(fsync_ms);
    return 0;
}

static int fs_release(const char *path, struct fuse_file_info *fi)
{
    (void)path;
    close((int)fi->fh);
    return 0;
}

static void *fs_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->use_ino = 1;
    printf("slowfs: mounted\n");
    fflush(stdout);
    return NULL;
}

static const struct fuse_operations operations = {
    .getattr = fs_getattr,
    .readdir = fs_readdir,
    .mkdir = fs_mkdir,
    .unlink = fs_unlink,
    .rename = fs_rename,
    .truncate = fs_truncate,
    .create = fs_create,
    .open = fs_open,
    .read = fs_read,
    .write = fs_write,
    .fsync = fs_fsync,
    .release = fs_release,
    .init = fs_init,
};

int main(int argc, char **argv)
{
    char foreground[] = "-f", with[] = "-o";
    char options[] = "auto_unmount,allow_other,default_permissions,max_threads=64,"
                     "max_idle_threads=64";
    char *words[] = {argv[0], foreground, with, options, NULL, NULL};

    if (argc > 2 && strcmp(argv[1], "--fsync") == 0) {
        fsync_ms = strtoul(argv[2], NULL, 10);
        argc -= 2;
        argv += 2;
    }
    if (argc != 3) {
        fprintf(stderr, "usage: slowfs [--fsync MS] FOLDER MOUNT\n");
        return 2;
    }
    folder = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        fprintf(stderr, "slowfs: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    umask(0);
    words[4] = argv[2];
    return fuse_main(5, words, &operations, NULL);
}
