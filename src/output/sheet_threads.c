#include "output/sheet.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Threads of one role in processes of one name. */
struct crew {
    uint32_t comm; /* string; of the process */
    uint8_t role;
    bool kernel;
    uint64_t threads, life_ns, idle_ns;
    uint64_t state_ns[STATE_COUNT]; /* without idle time */
};

struct crews {
    VEC(struct crew) all;
};

static struct crew *find_crew(struct crews *crews, const struct timeline *tl,
                              const struct thread *t)
{
    struct crew fresh = {.comm = tl->processes.data[t->process].comm, .role = t->role};
    fresh.kernel = t->kernel;
    for (size_t i = 0; i < crews->all.len; i++) {
        struct crew *c = &crews->all.data[i];
        if (c->comm == fresh.comm && c->role == fresh.role && c->kernel == fresh.kernel)
            return c;
    }
    return vec_push(&crews->all, fresh) < 0 ? NULL : vec_last(&crews->all);
}

static void add_thread(struct crew *c, const struct thread *t)
{
    c->threads++;
    c->life_ns += t->end_ns - t->start_ns;
    for (unsigned state = 0; state < STATE_COUNT; state++)
        c->state_ns[state] += t->state_ns[state];
    for (size_t i = 0; i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        if (!(iv->flags & INTERVAL_IDLE))
            continue;
        uint64_t ns = interval_end(t, i) - iv->start_ns;
        c->idle_ns += ns;
        c->state_ns[iv->state] -= ns;
    }
}

static int by_size(const void *a, const void *b)
{
    const struct crew *x = a, *y = b;
    if (x->threads != y->threads)
        return x->threads > y->threads ? -1 : 1;
    return x->role - y->role;
}

static void add_crew(struct grid *g, const struct timeline *tl, const struct crew *c,
                     const bool *shown)
{
    buf_addf(grid_text(g), "%s", timeline_string(tl, c->comm));
    grid_next(g);
    /* Not "other", which is a state too. */
    buf_addf(grid_text(g), "%s%s", c->role == THREAD_ROLE_OTHER ? "-" : role_name(c->role),
             c->kernel ? " (kernel)" : "");
    grid_next(g);
    text_count(grid_text(g), c->threads);
    grid_next(g);
    for (unsigned state = 0; state < STATE_COUNT; state++) {
        if (!shown[state])
            continue;
        sheet_share(grid_text(g), c->state_ns[state], c->life_ns);
        grid_next(g);
    }
    sheet_share(grid_text(g), c->idle_ns, c->life_ns);
    grid_next(g);
}

static void print_crews(struct sheet *sheet, const struct crews *crews)
{
    struct grid_column columns[4 + STATE_COUNT] = {{"process", false, GRID_MIDDLE},
                                                   {"role", false, GRID_MIDDLE},
                                                   {"threads", true, GRID_WHOLE}};
    unsigned count = 3;
    bool shown[STATE_COUNT] = {false};
    struct grid g;
    for (unsigned state = 0; state < STATE_COUNT; state++) {
        for (size_t i = 0; i < crews->all.len; i++)
            shown[state] |= crews->all.data[i].state_ns[state] > 0;
        if (shown[state])
            columns[count++] = (struct grid_column){state_name(state), true, GRID_WHOLE};
    }
    columns[count++] = (struct grid_column){"idle", true, GRID_WHOLE};
    grid_init(&g, columns, count);
    for (size_t i = 0; i < crews->all.len && i < sheet->rows; i++)
        add_crew(&g, sheet->tl, &crews->all.data[i], shown);
    sheet_title(sheet, "Threads", "share of their time in each state; idle: waiting for work");
    sheet_grid(sheet, &g);
    sheet_more(sheet, grid_rows(&g), crews->all.len, "kinds of threads");
    grid_release(&g);
}

void sheet_threads(struct sheet *sheet)
{
    struct crews crews = {VEC_INIT};
    for (size_t i = 0; i < sheet->tl->threads.len; i++) {
        const struct thread *t = &sheet->tl->threads.data[i];
        struct crew *c = find_crew(&crews, sheet->tl, t);
        if (c)
            add_thread(c, t);
        else
            sheet->out->failed = true;
    }
    if (crews.all.len) {
        qsort(crews.all.data, crews.all.len, sizeof(*crews.all.data), by_size);
        print_crews(sheet, &crews);
    }
    vec_release(&crews.all);
}
