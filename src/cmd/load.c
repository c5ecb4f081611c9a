#include "cmd/load.h"

#include "base/text.h"

int parse_loop_hold(const char *verb, const char *text, struct analysis_options *options)
{
    if (text_parse_duration(text, &options->loop_hold_ns) < 0)
        return usage_error(verb, "no duration: %s (5ms, 500us)", text);
    return -1;
}

int load_timeline(const char *path, const struct analysis_options *options, struct timeline *tl,
                  struct capture_info *info, struct err *e)
{
    timeline_init(tl);
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
    ret = analysis_finish(a, info, tl);
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
