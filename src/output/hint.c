#include "output/hint.h"

#include <stdbool.h>
#include <string.h>

static bool has_dispatcher(const struct timeline *tl, uint32_t process)
{
    for (size_t i = 0; i < tl->threads.len; i++) {
        const struct thread *t = &tl->threads.data[i];
        if ((process == HINT_ANY || t->process == process) && thread_is_dispatcher(tl, t))
            return true;
    }
    return false;
}

const char *hint_record(const struct timeline *tl, uint32_t process)
{
    bool steps = false, ends = false, agent = false;

    for (size_t i = 0; i < tl->probes.len; i++) {
        const char *probe = timeline_string(tl, tl->probes.data[i]);
        steps |= strcmp(probe, "uprobe:PyIter_Send") == 0;
        ends |= strcmp(probe, "uprobe:Task step end") == 0;
        agent |= strstr(probe, "waitscope_coroutine") != NULL;
    }
    /* Of asyncio it tells more where its steps were heard, and not their ends already. */
    if (process == HINT_ANY && steps && !ends)
        return "record --precise tells more of event loops in Python";
    if (!agent && has_dispatcher(tl, process))
        return "record --precise=agent tells more of coroutines in Kotlin";
    return NULL;
}
