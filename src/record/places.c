#include "record/places.h"

#include "record/code.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define CALL_SIZE 5
#define CODE_MAX 64 /* of a function's begin */
#define METHOD_MAX 256
#define TEXT_MAX (16u << 20)
#define DATA_MAX (32u << 20)
/* A type's methods, between the two that are known by name. */
#define METHODS_MAX 32

#if defined(__aarch64__)
#define RELATIVE R_AARCH64_RELATIVE
#else
#define RELATIVE R_X86_64_RELATIVE
#endif

/* PyMethodDef: name, function, flags, documentation. */
struct method {
    uint64_t name, function;
    uint32_t flags, pad;
    uint64_t text;
};

/* A section with pointers, as it stands in memory when the file is loaded at address 0. */
struct words {
    unsigned char *data;
    size_t size;
    uint64_t address;
};

static void find_call(struct symbols *s, struct symbol *w)
{
    struct symbols_bytes text;
    uint64_t plt = symbols_plt(s, w->name);

    if (!plt || !symbols_section(s, ".text", TEXT_MAX, &text))
        return;
    w->address = code_call(text.data, text.size, text.address, plt);
    w->offset = w->address ? symbols_offset(s, w->address) : 0;
}

static void find_behind(struct symbols *s, struct symbol *w)
{
    unsigned char code[CODE_MAX];
    int place;

    find_call(s, w);
    if (!w->address)
        return;
    w->address += CALL_SIZE;
    place = code_next_cheap(code, symbols_code(s, w->address, code, sizeof(code)));
    w->offset = place < 0 ? 0 : symbols_offset(s, w->address + (uint64_t)place);
    w->address = w->offset ? w->address + (uint64_t)place : 0;
}

static void find_member(struct symbols *s, struct symbol *w)
{
    struct symbols_bytes text;
    uint64_t plt = symbols_plt(s, w->name);
    size_t times = 0;

    if (!plt || !symbols_section(s, ".text", TEXT_MAX, &text))
        return;
    for (size_t at = 0; at + CALL_SIZE <= text.size; at++) {
        int64_t place;
        int reg;

        if (!code_call(text.data + at, CALL_SIZE, text.address + at, plt))
            continue;
        place = code_member(text.data, text.size, at + CALL_SIZE, &reg);
        if (place < 0)
            continue;
        w->address = text.address + (uint64_t)place;
        w->reg = reg;
        times++;
    }
    if (times != 1)
        w->address = 0;
    w->offset = w->address ? symbols_offset(s, w->address) : 0;
}

/*
 * Modules/_queue.c: simplequeue_pop_item() until Python 3.12, RingBuf_Get() since 3.13; the
 * compiler puts either into get() and get_nowait(), and in no other function of that file anything
 * is taken so. More than two such places are not those.
 */
static void find_taken(struct symbols *s, struct symbol *w)
{
    struct symbols_bytes text;
    unsigned times = 0;

    if (!symbols_section(s, ".text", TEXT_MAX, &text))
        return;
    for (size_t at = 0; at < text.size; at++) {
        int reg;
        int64_t place = code_taken(text.data, text.size, at, &reg);

        if (place < 0)
            continue;
        if (times++ == w->nth) {
            w->address = text.address + (uint64_t)place;
            w->reg = reg;
        }
    }
    if (times > 2)
        w->address = 0;
    w->offset = w->address ? symbols_offset(s, w->address) : 0;
}

static uint64_t tail_of(struct symbols *s, const char *name)
{
    struct symbol head = {.name = name};
    unsigned char code[CODE_MAX];
    uint64_t to;

    if (!symbols_find(s, &head, 1))
        return 0;
    to = (uint64_t)code_tail(code, symbols_code(s, head.address, code, sizeof(code)));
    return to ? head.address + to : 0;
}

/*
 * PyContext_Exit(context) calls the interpreter's own _PyContext_Exit(thread, context), which has
 * no name in a stripped file, by a jump; context_run() calls the same. Hooked there it costs
 * nothing where event loops leave contexts by the function with the name.
 */
static void find_inner(struct symbols *s, struct symbol *w, uint64_t method)
{
    unsigned char code[METHOD_MAX];
    uint64_t inner = method ? tail_of(s, w->name) : 0;

    if (!inner)
        return;
    w->address = code_call(code, symbols_code(s, method, code, sizeof(code)), method, inner);
    w->offset = w->address ? symbols_offset(s, w->address) : 0;
}

static bool words_read(struct symbols *s, const char *name, struct words *out)
{
    struct symbols_bytes section, relocations;

    memset(out, 0, sizeof(*out));
    if (!symbols_section(s, name, DATA_MAX, &section) || !section.size)
        return false;
    out->data = malloc(section.size);
    if (!out->data)
        return false;
    memcpy(out->data, section.data, section.size);
    out->size = section.size;
    out->address = section.address;
    if (!symbols_section(s, ".rela.dyn", DATA_MAX, &relocations))
        return true;
    for (size_t at = 0; relocations.size - at >= sizeof(Elf64_Rela); at += sizeof(Elf64_Rela)) {
        Elf64_Rela r;

        memcpy(&r, relocations.data + at, sizeof(r));
        if (ELF64_R_TYPE(r.r_info) == RELATIVE && r.r_offset >= out->address &&
            r.r_offset - out->address <= out->size &&
            out->size - (r.r_offset - out->address) >= sizeof(r.r_addend))
            memcpy(out->data + (r.r_offset - out->address), &r.r_addend, sizeof(r.r_addend));
    }
    return true;
}

static bool is_text(const struct symbols_bytes *strings, uint64_t address, const char *text)
{
    size_t len = strlen(text);

    return address >= strings->address && address - strings->address < strings->size &&
           len < strings->size - (address - strings->address) &&
           !memcmp(strings->data + (address - strings->address), text, len + 1);
}

static bool method_at(const struct words *w, size_t at, struct method *m)
{
    if (at > w->size || w->size - at < sizeof(*m))
        return false;
    memcpy(m, w->data + at, sizeof(*m));
    return m->name != 0;
}

/* From the method at `at` on, forwards and backwards, while there are methods. */
static uint64_t method_beside(const struct words *w, const struct symbols_bytes *strings, size_t at,
                              const char *name)
{
    struct method m;

    for (size_t i = at, n = 0; n < METHODS_MAX && method_at(w, i, &m); i += sizeof(m), n++)
        if (is_text(strings, m.name, name))
            return m.function;
    for (size_t i = at, n = 0; n < METHODS_MAX && method_at(w, i, &m); i -= sizeof(m), n++) {
        if (is_text(strings, m.name, name))
            return m.function;
        if (i < sizeof(m))
            break;
    }
    return 0;
}

static void find_methods(struct symbols *s, const char *section, struct symbol *wanted,
                         size_t count)
{
    struct symbols_bytes strings;
    struct words w;

    if (!symbols_section(s, ".rodata", DATA_MAX, &strings) || !words_read(s, section, &w))
        return;
    for (size_t at = 0; w.size - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t pointer;

        memcpy(&pointer, w.data + at, sizeof(pointer));
        if (pointer < strings.address || pointer - strings.address >= strings.size)
            continue;
        for (size_t i = 0; i < count; i++) {
            struct symbol *x = &wanted[i];
            uint64_t function;

            if (x->where != SYMBOL_METHOD || x->address || !is_text(&strings, pointer, x->beside))
                continue;
            function = method_beside(&w, &strings, at, x->name);
            x->offset = symbols_offset(s, function);
            x->address = x->offset ? function : 0;
        }
    }
    free(w.data);
}

void places_find(struct symbols *s, struct symbol *wanted, size_t count)
{
    bool methods = false;
    uint64_t last = 0;

    for (size_t i = 0; i < count; i++) {
        if (wanted[i].where == SYMBOL_CALL)
            find_call(s, &wanted[i]);
        else if (wanted[i].where == SYMBOL_MEMBER)
            find_member(s, &wanted[i]);
        else if (wanted[i].where == SYMBOL_BEHIND)
            find_behind(s, &wanted[i]);
        else if (wanted[i].where == SYMBOL_TAKEN)
            find_taken(s, &wanted[i]);
        methods |= wanted[i].where == SYMBOL_METHOD;
    }
    if (!methods)
        return;
    find_methods(s, ".data", wanted, count);
    find_methods(s, ".data.rel.ro", wanted, count);
    for (size_t i = 0; i < count; i++) {
        if (wanted[i].where == SYMBOL_METHOD)
            last = wanted[i].address;
        else if (wanted[i].where == SYMBOL_INNER)
            find_inner(s, &wanted[i], last);
    }
}

/* Such a place is a cheap one, and no function's begin. */
static bool is_inside(enum symbol_where where)
{
    return where == SYMBOL_CALL || where == SYMBOL_BEHIND || where == SYMBOL_INNER ||
           where == SYMBOL_MEMBER || where == SYMBOL_TAKEN;
}

void places_cheap(struct symbols *s, struct symbol *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char code[CODE_MAX];
        int place;

        if (!wanted[i].offset || is_inside(wanted[i].where))
            continue;
        place = code_cheap_place(code, symbols_code(s, wanted[i].address, code, sizeof(code)),
                                 wanted[i].arguments);
        if (place > 0)
            wanted[i].offset += (uint64_t)place;
    }
}
