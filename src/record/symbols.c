#include "record/symbols.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__aarch64__)
#define MACHINE EM_AARCH64
#define PLT_RELOCATION R_AARCH64_JUMP_SLOT
#define PLT_HEAD 32
#else
#define MACHINE EM_X86_64
#define PLT_RELOCATION R_X86_64_JUMP_SLOT
#define PLT_HEAD 16
#endif
#define PLT_ENTRY 16

#define SEGMENTS_MAX 64
#define SECTIONS_MAX 4096
#define STRINGS_MAX (256u << 20)
#define DYNAMIC_MAX (64u << 20)

struct segment {
    uint64_t offset, address, file_size;
    bool code;
};

struct symbols {
    Elf *elf;
    int fd;
    uint64_t file_bytes;
    struct segment segments[SEGMENTS_MAX];
    size_t segment_count;
};

static int read_segments(struct symbols *s)
{
    size_t count;

    if (elf_getphdrnum(s->elf, &count) < 0)
        return -ENOEXEC;
    for (size_t i = 0; i < count && s->segment_count < SEGMENTS_MAX; i++) {
        GElf_Phdr p;

        if (!gelf_getphdr(s->elf, (int)i, &p))
            return -ENOEXEC;
        if (p.p_type != PT_LOAD || p.p_offset > s->file_bytes ||
            p.p_filesz > s->file_bytes - p.p_offset)
            continue;
        s->segments[s->segment_count++] =
            (struct segment){p.p_offset, p.p_vaddr, p.p_filesz, (p.p_flags & PF_X) != 0};
    }
    return 0;
}

int symbols_new(struct symbols **out, int fd)
{
    struct symbols *s = calloc(1, sizeof(*s));
    struct stat st;
    GElf_Ehdr head;
    int ret = -ENOEXEC;

    if (!s)
        return -ENOMEM;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        goto fail;
    s->fd = fd;
    s->file_bytes = (uint64_t)st.st_size;
    elf_version(EV_CURRENT);
    s->elf = elf_begin(fd, ELF_C_READ, NULL);
    if (!s->elf || elf_kind(s->elf) != ELF_K_ELF || gelf_getclass(s->elf) != ELFCLASS64 ||
        !gelf_getehdr(s->elf, &head) || head.e_machine != MACHINE ||
        head.e_ident[EI_DATA] != ELFDATA2LSB)
        goto fail;
    ret = read_segments(s);
    if (ret)
        goto fail;
    *out = s;
    return 0;
fail:
    symbols_free(s);
    return ret;
}

/* A section that lies in the file as a whole; false for all else. */
static bool section_bytes(struct symbols *s, Elf_Scn *scn, uint64_t most, struct symbols_bytes *out)
{
    GElf_Shdr h;
    Elf_Data *d;

    if (!scn || !gelf_getshdr(scn, &h) || h.sh_type == SHT_NOBITS || h.sh_size > most ||
        h.sh_offset > s->file_bytes || h.sh_size > s->file_bytes - h.sh_offset)
        return false;
    d = elf_rawdata(scn, NULL);
    if (!d || !d->d_buf || d->d_size < h.sh_size)
        return false;
    *out = (struct symbols_bytes){d->d_buf, h.sh_size, h.sh_addr};
    return true;
}

static Elf_Scn *section_by_type(struct symbols *s, uint32_t type)
{
    Elf_Scn *scn = NULL;
    GElf_Shdr h;

    for (int i = 0; i < SECTIONS_MAX && (scn = elf_nextscn(s->elf, scn)); i++)
        if (gelf_getshdr(scn, &h) && h.sh_type == type)
            return scn;
    return NULL;
}

static Elf_Scn *section_by_name(struct symbols *s, const char *name)
{
    Elf_Scn *scn = NULL;
    size_t names, len = strlen(name);
    struct symbols_bytes strings;
    GElf_Shdr h;

    if (elf_getshdrstrndx(s->elf, &names) < 0 ||
        !section_bytes(s, elf_getscn(s->elf, names), STRINGS_MAX, &strings))
        return NULL;
    for (int i = 0; i < SECTIONS_MAX && (scn = elf_nextscn(s->elf, scn)); i++)
        if (gelf_getshdr(scn, &h) && h.sh_name < strings.size && len < strings.size - h.sh_name &&
            !memcmp(strings.data + h.sh_name, name, len + 1))
            return scn;
    return NULL;
}

bool symbols_have_section(struct symbols *s, const char *name)
{
    return section_by_name(s, name) != NULL;
}

bool symbols_section(struct symbols *s, const char *name, uint64_t most, struct symbols_bytes *out)
{
    return section_bytes(s, section_by_name(s, name), most, out);
}

static uint64_t place_in(const struct symbols *s, uint64_t address, bool code)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = &s->segments[i];

        if (g->code >= code && address >= g->address && address - g->address < g->file_size)
            return address - g->address + g->offset;
    }
    return 0;
}

uint64_t symbols_offset(const struct symbols *s, uint64_t address)
{
    return place_in(s, address, true);
}

uint64_t symbols_place(const struct symbols *s, uint64_t address)
{
    return place_in(s, address, false);
}

size_t symbols_code(const struct symbols *s, uint64_t address, void *bytes, size_t len)
{
    uint64_t offset = symbols_offset(s, address);
    ssize_t n = offset ? pread(s->fd, bytes, len, (off_t)offset) : 0;

    return n > 0 ? (size_t)n : 0;
}

static bool is_named(const struct symbols_bytes *strings, uint64_t at, const char *name)
{
    size_t len;

    if (at >= strings->size || strings->data[at] != (unsigned char)name[0])
        return false;
    len = strlen(name);
    return len < strings->size - at && !memcmp(strings->data + at, name, len + 1);
}

static size_t count_found(const struct symbol *wanted, size_t count)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        found += wanted[i].address != 0;
    return found;
}

/* The symbols in `scn` and the strings that name them. */
static bool symbol_table(struct symbols *s, Elf_Scn *scn, uint64_t most,
                         struct symbols_bytes *table, struct symbols_bytes *strings)
{
    GElf_Shdr h;

    return scn && gelf_getshdr(scn, &h) && section_bytes(s, scn, most, table) &&
           section_bytes(s, elf_getscn(s->elf, h.sh_link), STRINGS_MAX, strings);
}

static size_t find_in(struct symbols *s, Elf_Scn *scn, uint64_t most, struct symbol *wanted,
                      size_t count)
{
    struct symbols_bytes table, strings;
    size_t left = count - count_found(wanted, count);

    if (!left || !symbol_table(s, scn, most, &table, &strings))
        return count - left;
    for (size_t at = 0; left && table.size - at >= sizeof(Elf64_Sym); at += sizeof(Elf64_Sym)) {
        Elf64_Sym sym;

        memcpy(&sym, table.data + at, sizeof(sym));
        if (sym.st_shndx == SHN_UNDEF || !sym.st_value)
            continue;
        for (size_t i = 0; i < count; i++) {
            struct symbol *w = &wanted[i];

            if (w->address || w->where != SYMBOL_OWN || !is_named(&strings, sym.st_name, w->name))
                continue;
            w->address = sym.st_value;
            w->size = sym.st_size;
            w->offset = symbols_offset(s, sym.st_value);
            left--;
        }
    }
    return count - left;
}

/*
 * The n-th relocation of .rela.plt belongs to the n-th entry of .plt behind its head; where the
 * processor checks the targets of indirect jumps (x86-64 IBT), calls go to .plt.sec instead, which
 * has no head.
 */
uint64_t symbols_plt(struct symbols *s, const char *name)
{
    struct symbols_bytes relocations, table, strings;
    Elf_Scn *plt = section_by_name(s, ".plt.sec");
    uint64_t head = plt ? 0 : PLT_HEAD;
    GElf_Shdr h;

    if (!plt)
        plt = section_by_name(s, ".plt");
    if (!plt || !gelf_getshdr(plt, &h) || h.sh_size < head + PLT_ENTRY ||
        !section_bytes(s, section_by_name(s, ".rela.plt"), DYNAMIC_MAX, &relocations) ||
        !symbol_table(s, section_by_type(s, SHT_DYNSYM), DYNAMIC_MAX, &table, &strings))
        return 0;
    for (size_t n = 0; n < relocations.size / sizeof(Elf64_Rela); n++) {
        uint64_t entry = head + n * PLT_ENTRY;
        Elf64_Rela r;
        Elf64_Sym sym;

        memcpy(&r, relocations.data + n * sizeof(r), sizeof(r));
        if (entry > h.sh_size - PLT_ENTRY)
            break;
        if (ELF64_R_TYPE(r.r_info) != PLT_RELOCATION ||
            ELF64_R_SYM(r.r_info) >= table.size / sizeof(sym))
            continue;
        memcpy(&sym, table.data + ELF64_R_SYM(r.r_info) * sizeof(sym), sizeof(sym));
        if (is_named(&strings, sym.st_name, name))
            return h.sh_addr + entry;
    }
    return 0;
}

size_t symbols_find(struct symbols *s, struct symbol *wanted, size_t count)
{
    return find_in(s, section_by_type(s, SHT_DYNSYM), DYNAMIC_MAX, wanted, count);
}

size_t symbols_find_local(struct symbols *s, struct symbol *wanted, size_t count,
                          uint64_t most_bytes)
{
    return find_in(s, section_by_type(s, SHT_SYMTAB), most_bytes, wanted, count);
}

bool symbols_bias(struct symbols *s, uint64_t start, uint64_t offset, uint64_t *bias)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE) - 1;

    for (size_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = &s->segments[i];

        if ((g->offset & ~page) == offset) {
            *bias = start - (g->address & ~page);
            return true;
        }
    }
    return false;
}

void symbols_free(struct symbols *s)
{
    if (!s)
        return;
    elf_end(s->elf);
    free(s);
}
