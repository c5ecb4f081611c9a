#include "cmd/memory.h"

#include "base/buf.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 8192 /* /proc/meminfo and memory.stat are shorter */

/* The begin of the file; "" where there is none. */
static void read_text(const char *root, const char *dir, const char *name, char text[TEXT_MAX])
{
    struct buf path = BUF_INIT;
    size_t len = 0;

    buf_adds(&path, root);
    buf_adds(&path, dir);
    buf_adds(&path, name);
    FILE *f = path.failed ? NULL : fopen(buf_str(&path), "re");
    if (f) {
        len = fread(text, 1, TEXT_MAX - 1, f);
        fclose(f);
    }
    text[len] = '\0';
    buf_release(&path);
}

/* The number behind `key` at the begin of a line. */
static bool value_of(const char *text, const char *key, uint64_t *value)
{
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            return sscanf(line + strlen(key), "%" SCNu64, value) == 1;
    return false;
}

/* Where a version of cgroups says what: Documentation/admin-guide/cgroup-v1/memory.rst and
 * cgroup-v2.rst of the kernel. What a file's pages take can be had at once: the older half of them
 * is counted. */
static const struct version {
    const char *line; /* in /proc/self/cgroup, before the path */
    const char *mount, *limit, *used, *cached;
} versions[] = {
    {":memory:", "/sys/fs/cgroup/memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes",
     "total_inactive_file "},
    {"0::", "/sys/fs/cgroup", "/memory.max", "/memory.current", "inactive_file "},
};

static uint64_t group_free(const char *root, const struct version *v, const char *group)
{
    char dir[TEXT_MAX], text[TEXT_MAX];
    uint64_t limit, used, cached = 0;

    if (snprintf(dir, sizeof(dir), "%s%s", v->mount, group) >= (int)sizeof(dir))
        return UINT64_MAX;
    read_text(root, dir, v->limit, text);
    if (!value_of(text, "", &limit)) /* there is no such file, or "max" */
        return UINT64_MAX;
    read_text(root, dir, v->used, text);
    if (!value_of(text, "", &used))
        return UINT64_MAX;
    read_text(root, dir, "/memory.stat", text);
    value_of(text, v->cached, &cached);
    used -= cached < used ? cached : used;
    return used < limit ? limit - used : 0;
}

/* Of the group and all that it is in. In a container the path may be the host's: then only the
 * last of these is there, which is the container's own. */
static uint64_t groups_free(const char *root, const struct version *v, const char *text)
{
    const char *path = strstr(text, v->line);
    uint64_t least = UINT64_MAX;
    char group[TEXT_MAX];

    if (!path)
        return least;
    path += strlen(v->line);
    snprintf(group, sizeof(group), "%.*s", (int)strcspn(path, "\n"), path);
    for (;;) {
        uint64_t bytes = group_free(root, v, group);
        least = bytes < least ? bytes : least;
        char *last = strrchr(group, '/');
        if (!last)
            return least;
        *last = '\0';
    }
}

uint64_t memory_free(const char *root)
{
    char text[TEXT_MAX];
    uint64_t kib, least = UINT64_MAX;

    read_text(root, "/proc", "/meminfo", text);
    if (value_of(text, "MemAvailable:", &kib))
        least = kib * 1024;
    read_text(root, "/proc", "/self/cgroup", text);
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        uint64_t bytes = groups_free(root, &versions[i], text);
        least = bytes < least ? bytes : least;
    }
    return least;
}
