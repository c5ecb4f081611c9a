/*
 * symbols: where functions and variables lie in an ELF file.
 *
 * The file is a traced process's and may hold anything: it is read by pread, not mapped, for a
 * mapped file that is cut meanwhile is a SIGBUS; every offset and size in it is checked; what is
 * too large to be read quickly is passed over.
 */
#ifndef RECORD_SYMBOLS_H
#define RECORD_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols;

enum symbol_where {
    SYMBOL_OWN, /* what the file defines */
    SYMBOL_PLT, /* the file's way to a function of another file: its entry in .plt */
};

struct symbol {
    const char *name; /* wanted */
    enum symbol_where where;
    /* Found: `address` as the file has it, 0 when it is not there; bytes; `offset` in the file,
     * 0 when the file holds no bytes of it. */
    uint64_t address, size, offset;
};

/* Borrows `fd` until symbols_free(). -ENOEXEC: no ELF file for this machine. */
int symbols_new(struct symbols **out, int fd);
/* Looks in the dynamic symbols, which are few; symbols that are found already are left alone. Gives
 * how many of `wanted` are found now. */
size_t symbols_find(struct symbols *s, struct symbol *wanted, size_t count);
/* The same in all symbols, local ones too, which a stripped file has not. `most_bytes`: of the
 * table of symbols, above which it is not read. */
size_t symbols_find_local(struct symbols *s, struct symbol *wanted, size_t count,
                          uint64_t most_bytes);
bool symbols_have_section(struct symbols *s, const char *name);
/* What is added to the file's addresses where the part of it from `offset` is mapped at `start`.
 * False when no such part is to be mapped. */
bool symbols_bias(struct symbols *s, uint64_t start, uint64_t offset, uint64_t *bias);
void symbols_free(struct symbols *s);

#endif
