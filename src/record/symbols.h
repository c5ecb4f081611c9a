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
    SYMBOL_OWN,    /* what the file defines */
    SYMBOL_CALL,   /* the one place where it calls this function of another file */
    SYMBOL_METHOD, /* the C function behind a Python method; `beside`: one of the same type's */
    SYMBOL_INNER,  /* the one place where the method found before calls what this function, a short
                    * one, jumps to at its end */
    SYMBOL_BEHIND, /* behind that place, where the call has come back */
    SYMBOL_MEMBER, /* in the one function that makes what this function of another file gives back a
                    * member of an object: where the next member is known */
    SYMBOL_TAKEN,  /* where it takes something out of a list: the first such place, or the second */
};

struct symbol {
    const char *name; /* wanted */
    enum symbol_where where;
    const char *beside;
    unsigned nth;       /* SYMBOL_TAKEN: which place, from 0 */
    unsigned arguments; /* the function's first so many are asked for */
    /* Found: `address` as the file has it, 0 when it is not there; bytes; `offset` in the file,
     * 0 when it is no code. */
    uint64_t address, size, offset;
    int reg; /* SYMBOL_MEMBER, _TAKEN: which register has it, by the processor's number */
};

/* A section's bytes as they stand in the file. */
struct symbols_bytes {
    const unsigned char *data;
    size_t size;
    uint64_t address; /* of the first one, as the file has it */
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
/* Where what the file holds for `address`, code or data, stands in it; 0: it holds nothing. */
uint64_t symbols_place(const struct symbols *s, uint64_t address);
bool symbols_have_section(struct symbols *s, const char *name);
/* Borrowed until symbols_free(); false when there is none, or it is larger than `most`. */
bool symbols_section(struct symbols *s, const char *name, uint64_t most, struct symbols_bytes *out);
/* Where the code at `address` stands in the file; 0 when it does not, or is no code. */
uint64_t symbols_offset(const struct symbols *s, uint64_t address);
/* Reads at most `len` bytes of the code at `address`; gives how many. */
size_t symbols_code(const struct symbols *s, uint64_t address, void *bytes, size_t len);
/* Where in .plt, which leads there, the file calls a function of another file; 0: nowhere. */
uint64_t symbols_plt(struct symbols *s, const char *name);
/* What is added to the file's addresses where the part of it from `offset` is mapped at `start`.
 * False when no such part is to be mapped. */
bool symbols_bias(struct symbols *s, uint64_t start, uint64_t offset, uint64_t *bias);
void symbols_free(struct symbols *s);

#endif
