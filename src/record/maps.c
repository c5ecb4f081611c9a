#include "record/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DELETED " (deleted)"

bool map_parse(char *line, const char *program, struct map *m)
{
    char rights[5];
    int path = 0;
    const char *slash;
    size_t len;

    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*x:%*x %" SCNu64 " %n", &m->start,
               &m->end, rights, &m->offset, &m->inode, &path) != 5 ||
        !path || rights[2] != 'x' || line[path] != '/')
        return false;
    line[path + strcspn(line + path, "\n")] = '\0';
    m->path = line + path;
    m->is_program = !strcmp(m->path, program);
    len = strlen(m->path);
    if (len > strlen(DELETED) && !strcmp(m->path + len - strlen(DELETED), DELETED))
        line[path + len - strlen(DELETED)] = '\0';
    slash = strrchr(m->path, '/');
    m->name = slash + 1;
    return true;
}

static void read_program(uint32_t pid, char *out, size_t size)
{
    char path[32];
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%u/exe", pid);
    n = readlink(path, out, size - 1);
    out[n < 0 ? 0 : n] = '\0';
}

int maps_walk(uint32_t pid, int (*take)(void *ctx, const struct map *m), void *ctx)
{
    char path[32], program[PATH_MAX], *line = NULL;
    size_t size = 0;
    struct map m;
    int ret = 0;
    FILE *f;

    read_program(pid, program, sizeof(program));
    snprintf(path, sizeof(path), "/proc/%u/maps", pid);
    f = fopen(path, "re");
    if (!f)
        return errno == EACCES || errno == EPERM ? -EACCES : 0;
    while (!ret && getline(&line, &size, f) > 0) {
        if (!map_parse(line, program, &m))
            continue;
        /* With CAP_PERFMON alone a kernel may show the maps and not the link to the program,
         * which lies in front of its libraries. */
        if (!program[0]) {
            snprintf(program, sizeof(program), "%s", m.path);
            m.is_program = true;
        }
        ret = take(ctx, &m);
    }
    free(line);
    fclose(f);
    return ret;
}

/* A path may lead anywhere by now: only what is the mapped file is taken, and nothing that
 * opening does something to is opened. */
static int open_path(const char *path, uint64_t inode)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (!inode || st.st_ino == inode))
        return fd;
    close(fd);
    return -ESTALE;
}

int map_open(uint32_t pid, const struct map *m)
{
    char path[PATH_MAX + 64];
    int fd;

    /* These two are the file itself, also when it is unlinked. */
    snprintf(path, sizeof(path), "/proc/%u/map_files/%" PRIx64 "-%" PRIx64, pid, m->start, m->end);
    fd = open_path(path, 0);
    if (fd >= 0)
        return fd;
    if (m->is_program) {
        snprintf(path, sizeof(path), "/proc/%u/exe", pid);
        fd = open_path(path, 0);
        if (fd >= 0)
            return fd;
    }
    snprintf(path, sizeof(path), "/proc/%u/root%s", pid, m->path);
    fd = open_path(path, m->inode);
    /* A wrong file of that path and number would do no harm: the process has it not mapped. */
    return fd == -EACCES ? open_path(m->path, m->inode) : fd;
}
