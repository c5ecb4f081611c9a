#include "cmd/load.h"

#include "base/bulk.h"
#include "base/text.h"
#include "cmd/memory.h"

#include <stdlib.h>

int parse_loop_hold(const char *verb, const char *text, struct analysis_options *options)
{
    if (text_parse_duration(text, &options->loop_hold_ns) < 0)
        return usage_error(verb, "no duration: %s (5ms, 500us)", text);
    return -1;
}

/*
 * An analysis takes some 140 bytes a record. It leaves half of the memory that is free to whom else
 * it belongs, the server in the same container above all, and goes on in a file. Where that could
 * be: it has to be a disk.
 */
static const char *memory_bound(void)
{
    const char *const dirs[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
    uint64_t bytes = memory_free("") / 2;

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        if (dirs[i] && bulk_limit(bytes, dirs[i]) == 0)
            return dirs[i];
    return NULL;
}

/* Why it takes so long, as soon as it is known. */
static void print_in_file(const char **dir)
{
    if (!*dir || !bulk_in_file_most())
        return;
    print_note("memory is short: a part of the analysis goes to a file in %s, which takes longer",
               *dir);
    *dir = NULL;
}

int load_timeline(const char *path, const struct analysis_options *options, struct timeline *tl,
                  struct capture_info *info, struct err *e)
{
    timeline_init(tl);
    const char *dir = memory_bound();
    struct analysis *a = NULL;
    int ret = analysis_new(&a, options);
    if (ret < 0) {
        err_errno(e, ret, "analyse %s", path);
        goto out;
    }
    struct capture_visitor visitor = analysis_visitor(a);
    ret = capture_read(path, &visitor, info, e);
    if (ret < 0)
        goto out;
    print_in_file(&dir);
    ret = analysis_finish(a, info, tl);
    print_in_file(&dir);
    if (ret < 0) {
        err_errno(e, ret, "analyse %s", path);
        goto out;
    }
    char why[200];
    ret = timeline_check(tl, why, sizeof(why));
    if (ret < 0) {
        err_hint(e, "this is a mistake in waitscope: please report it");
        err_set(e, ret, "analyse %s: the result contradicts itself: %s", path, why);
    }
out:
    analysis_free(a);
    if (ret < 0)
        timeline_release(tl);
    return ret;
}

int print_damage(const char *path, const struct capture_info *info)
{
    if (info->complete)
        return EXIT_DONE;
    print_note("%s is incomplete: %s", path, info->damage);
    return EXIT_DAMAGED;
}
