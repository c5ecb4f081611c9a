#include "cmd/load.h"

#include "analysis/analysis.h"

int load_timeline(const char *path, struct timeline *tl, struct capture_info *info, struct err *e)
{
    timeline_init(tl);
    struct analysis *a = NULL;
    int ret = analysis_new(&a, NULL);
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
