#include "output/sheet.h"

#include "output/cells.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *word, *meaning;
} words[] = {
    {"queued", "nobody had picked the request up: it stood in a queue until a thread was free"},
    {"running", "on a CPU"},
    {"runnable", "able to run, waiting for a CPU"},
    {"blocked", "the thread stood still in an I/O call on one file, socket or pipe"},
    {"yielded", "the thread waited for many things at once (epoll): free for other requests"},
    {"lock", "waiting for a lock (futex)"},
    {"sleep", "the thread slept for a time it chose itself"},
    {"fault", "waiting for memory to be read in (page fault)"},
    {"other", "off the CPU for another reason: a child process, a signal, stopped"},
    {"awaiting",
     "a reply, a timer or another request that its own handler waits for was outstanding, and no "
     "thread was held"},
    {"loop busy", "ready to go on, while its event loop was busy with something else"},
    {"unattributed", "not known; never guessed"},
    {"unknown", "not known: before the first record, or where records were lost"},
    {"idle", "the thread waited for work; in no ranking above"},
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* As a word: "lock" is not in "blocked". */
static bool is_used(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
        if ((p == text || !is_letter(p[-1])) && !is_letter(p[len]))
            return true;
    return false;
}

static void add_word(struct sheet *sheet, size_t i)
{
    char first[64];
    snprintf(first, sizeof(first), "  %-12s  ", words[i].word);
    cells_wrap(sheet->out, words[i].meaning, strlen(words[i].meaning), first, strlen(first),
               sheet->width);
}

/* The words that the page above uses, in the order of a request's life. */
void sheet_legend(struct sheet *sheet)
{
    bool used[sizeof(words) / sizeof(*words)];
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        used[i] = is_used(buf_str(sheet->out), words[i].word);
    for (size_t i = 0, shown = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!used[i])
            continue;
        if (!shown++)
            sheet_title(sheet, "Words", "");
        add_word(sheet, i);
    }
}
