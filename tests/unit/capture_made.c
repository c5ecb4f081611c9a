#include "capture_made.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MUST(condition)                                                            \
    do {                                                                           \
        if (!(condition)) {                                                        \
            fprintf(stderr, "%s:%d: %s failed\n", __FILE__, __LINE__, #condition); \
            abort();                                                               \
        }                                                                          \
    } while (0)

static char folder[256], path_made[512];

void made_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/waitscope-test-XXXXXX", tmp ? tmp : "/tmp");
    MUST(mkdtemp(folder));
}

const char *made_path(const char *name)
{
    snprintf(path_made, sizeof(path_made), "%s/%s", folder, name);
    return path_made;
}

void made_remove(void)
{
    char command[512];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    MUST(system(command) == 0);
}

struct capture_header made_header(void)
{
    struct capture_header h = {
        .arch = CAPTURE_X86_64,
        .cpus = 2,
        .start_ns = 1000000000123,
        .start_real_ns = 1700000000000000000,
        .target_pid = 4711,
        .host = "box",
        .kernel = "6.1.0",
        .comm = "server",
        .command = "./server --port 80",
    };
    return h;
}

const struct event *made_event(unsigned n)
{
    static uint64_t room[64];
    memset(room, 0, sizeof(room));
    struct event *ev = (struct event *)room;
    ev->kind = (uint16_t)(1 + n % EVENT_RUNTIME); /* readers get all of these as they are */
    ev->size = (uint16_t)event_min_size(ev->kind);
    ev->tid = 4711 + n;
    ev->time_ns = 1000000000200 + n;
    unsigned char *body = (unsigned char *)(ev + 1);
    for (size_t i = sizeof(*ev); i < ev->size; i++)
        *body++ = (unsigned char)(n * 7 + i);
    if (ev->kind == EVENT_RECV || ev->kind == EVENT_SEND) {
        struct event_io *io = (struct event_io *)ev;
        ev->size += 32;
        io->data_len = 30;
        snprintf((char *)io->data, 32, "GET /made/%u HTTP/1.1", n);
    } else if (ev->kind == EVENT_FILE) {
        struct event_file *file = (struct event_file *)ev;
        ev->size += 16;
        file->path_len = 8;
        memcpy(file->path, "log\0var", 8);
    }
    return ev;
}

void made_capture(const char *path, unsigned count, unsigned per_block, int end)
{
    static const char *const probes[] = {"sched_switch", "sched_waking", "sock_recv_length"};
    const struct capture_loss losses[] = {
        {.start_ns = 1000000000300, .end_ns = 1000000000400, .count = 17, .kind = EVENT_WAIT},
        {.start_ns = 1000000000500, .end_ns = 1000000000600, .count = 3, .kind = 0},
    };
    const struct capture_summary summary = {.lost = 20, .drain_cpu_ns = 5};
    struct capture_header header = made_header();
    struct writer *w;
    MUST(writer_new(&w, path, &header, NULL) == 0);
    MUST(writer_probes(w, probes, 3) == 0);
    for (unsigned n = 0; n < count; n++) {
        MUST(writer_append(w, made_event(n)) == 0);
        if (n % per_block == per_block - 1)
            MUST(writer_flush(w) == 0);
    }
    MUST(writer_loss(w, losses, 2) == 0);
    if (end)
        MUST(writer_end(w, 1000000001000, &summary, NULL) == 0);
    else
        MUST(writer_flush(w) == 0);
    writer_free(w);
}

struct bytes made_slurp(const char *path)
{
    struct bytes b = {VEC_INIT};
    FILE *f = fopen(path, "rb");
    MUST(f);
    MUST(fseek(f, 0, SEEK_END) == 0);
    long size = ftell(f);
    MUST(size >= 0 && vec_reserve(&b.all, (size_t)size) == 0);
    rewind(f);
    b.all.len = fread(b.all.data, 1, (size_t)size, f);
    MUST(b.all.len == (size_t)size);
    fclose(f);
    return b;
}

void made_spill(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    MUST(f);
    MUST(fwrite(bytes, 1, len, f) == len);
    MUST(fclose(f) == 0);
}

static void bytes_add(struct bytes *b, const void *bytes, size_t len)
{
    MUST(vec_reserve(&b->all, b->all.len + len) == 0);
    memcpy(b->all.data + b->all.len, bytes, len);
    b->all.len += len;
}

static int see_event(void *ctx, const struct event *ev)
{
    struct seen *seen = ctx;
    MUST((uintptr_t)ev % 8 == 0);
    MUST(vec_push(&seen->starts, seen->records.all.len) == 0);
    bytes_add(&seen->records, ev, ev->size);
    return 0;
}

static int see_loss(void *ctx, const struct capture_loss *loss)
{
    struct seen *seen = ctx;
    MUST(vec_push(&seen->losses, *loss) == 0);
    return 0;
}

static int see_probe(void *ctx, const char *name)
{
    struct seen *seen = ctx;
    bytes_add(&seen->probes, name, strlen(name) + 1);
    return 0;
}

struct capture_visitor seen_visitor(struct seen *seen)
{
    struct capture_visitor visitor = {see_event, see_loss, see_probe, seen};
    return visitor;
}

void seen_release(struct seen *seen)
{
    vec_release(&seen->records.all);
    vec_release(&seen->starts);
    vec_release(&seen->losses);
    vec_release(&seen->probes.all);
}
