#include "capture/header.h"

#include "capture/check.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* A header that claims to be longer than this is damaged. */
#define HEADER_MOST 65536u

/* What people hand over by mistake, by how it begins. */
static int name_stranger(const unsigned char *bytes, size_t len, const char *name, struct err *e)
{
    static const struct {
        const char *begin, *what, *hint;
    } strangers[] = {
        {"[{\"format\":\"waitscope-timeline\"", "a JSON timeline, made from a capture",
         "open it in viewer/index.html, or give the .wsc that it was made from"},
        {"\x1f\x8b", "gzip data, maybe a JSON timeline",
         "open it in viewer/index.html, or give the .wsc that it was made from"},
        {"<", "HTML or XML, maybe a report",
         "open it in a browser, or give the .wsc that it was made from"},
        {"{", "JSON", NULL},
        {"[", "JSON", NULL},
        {"\177ELF", "a program", "waitscope record -- CMD runs and traces one"},
    };
    err_exit_code(e, EXIT_DAMAGED);
    for (size_t i = 0; i < sizeof(strangers) / sizeof(*strangers); i++) {
        size_t begin = strlen(strangers[i].begin);
        if (len < begin || memcmp(bytes, strangers[i].begin, begin) != 0)
            continue;
        if (strangers[i].hint)
            err_hint(e, "%s", strangers[i].hint);
        return err_set(e, -EBADMSG, "read %s: this is %s, not a capture", name, strangers[i].what);
    }
    return err_set(e, -EBADMSG, "read %s: this is not a capture: it does not begin with \"%s\"",
                   name, CAPTURE_MAGIC);
}

static bool header_sound(const struct header_find *find, struct window *w, uint32_t *crc)
{
    const struct capture_header *h = &find->header;
    *crc = 0;
    if (h->header_size < sizeof(*h) || h->header_size > HEADER_MOST)
        return false;
    const unsigned char *bytes = window_at(w, 0, h->header_size);
    if (!bytes)
        return false;
    *crc = check_header_crc(h, bytes + sizeof(*h), h->header_size - sizeof(*h));
    return *crc == h->crc;
}

/* Damage among the few fields that every capture has alike is undone: if the CRC fits with
 * them, that was all. True when the header is sound now. */
static bool header_mend(struct header_find *find, struct window *w)
{
    for (int major = CAPTURE_MAJOR; major >= CAPTURE_MAJOR_LEAST; major--) {
        struct header_find mended = *find;
        uint32_t crc;
        memcpy(mended.header.magic, CAPTURE_MAGIC, sizeof(mended.header.magic));
        mended.header.major = (uint16_t)major;
        mended.header.header_size = sizeof(mended.header);
        if (header_sound(&mended, w, &crc)) {
            *find = mended;
            return true;
        }
    }
    return false;
}

static void end_strings(struct capture_header *h)
{
    h->host[sizeof(h->host) - 1] = '\0';
    h->kernel[sizeof(h->kernel) - 1] = '\0';
    h->comm[sizeof(h->comm) - 1] = '\0';
    h->command[sizeof(h->command) - 1] = '\0';
}

static int read_short(struct window *w, const char *name, struct err *e)
{
    const unsigned char *bytes = window_at(w, 0, (size_t)w->size);
    const size_t magic = strlen(CAPTURE_MAGIC);
    if (w->error)
        return err_errno(e, w->error, "read %s", name);
    if (!w->size || !bytes) {
        err_exit_code(e, EXIT_DAMAGED);
        return err_set(e, -EBADMSG, "read %s: the file is empty", name);
    }
    if (memcmp(bytes, CAPTURE_MAGIC, w->size < magic ? (size_t)w->size : magic) != 0)
        return name_stranger(bytes, (size_t)w->size, name, e);
    err_exit_code(e, EXIT_DAMAGED);
    return err_set(e, -EBADMSG,
                   "read %s: cut inside its header: %" PRIu64 " of %zu bytes are there", name,
                   w->size, sizeof(struct capture_header));
}

int header_read(struct window *w, const char *name, struct header_find *find, struct err *e)
{
    *find = (struct header_find){0};
    const void *bytes = window_at(w, 0, sizeof(find->header));
    if (!bytes)
        return read_short(w, name, e);
    memcpy(&find->header, bytes, sizeof(find->header));

    struct capture_header *h = &find->header;
    uint32_t computed;
    bool sound = header_sound(find, w, &computed);
    if (!sound && header_mend(find, w)) {
        find->damaged = true;
        computed = h->crc;
    } else if (memcmp(h->magic, CAPTURE_MAGIC, sizeof(h->magic)) != 0) {
        return name_stranger(window_at(w, 0, sizeof(*h)), sizeof(*h), name, e);
    } else if (h->major < CAPTURE_MAJOR_LEAST || h->major > CAPTURE_MAJOR) {
        err_exit_code(e, EXIT_DAMAGED);
        err_hint(e, "read it with the version of waitscope that wrote it");
        return err_set(e, -EPROTONOSUPPORT,
                       "read %s: its format is version %u.%u, and this program reads %d.x and %d.x",
                       name, h->major, h->minor, CAPTURE_MAJOR_LEAST, CAPTURE_MAJOR);
    } else {
        find->damaged = !sound;
    }
    find->seeds[0] = h->crc;
    find->seeds[1] = computed;
    find->blocks_at =
        h->header_size >= sizeof(*h) && h->header_size <= HEADER_MOST ? h->header_size : sizeof(*h);
    end_strings(h);
    return 0;
}
