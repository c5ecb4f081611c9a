#include "base/bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

/* In front of each piece, on its first page. */
struct head {
    size_t mapped;   /* bytes, with this */
    uint64_t offset; /* in the file */
    bool in_file;
};
#define HEAD_SIZE 64 /* what follows is aligned to a cache line */
_Static_assert(sizeof(struct head) <= HEAD_SIZE, "head");

static struct {
    pthread_mutex_t lock;
    bool limited;
    uint64_t limit, in_ram;
    int fd; /* of the file, once there is one */
    uint64_t end, in_file, in_file_most;
} bulk = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static struct head *head_of(void *piece)
{
    return (struct head *)(void *)((char *)piece - HEAD_SIZE);
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* The bytes to map for so many; 0: there are not so many. */
static size_t mapped_size(size_t size)
{
    size_t page = page_size();
    return size > SIZE_MAX / 2 ? 0 : (size + HEAD_SIZE + page - 1) & ~(page - 1);
}

/* A file without a name; some file systems make none, and there it loses its name at once. */
static int file_make(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/waitscope-XXXXXX", dir) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unlink(path);
    return fd;
}

int bulk_limit(uint64_t bytes, const char *dir)
{
    struct statfs fs;
    int rc = 0;

    pthread_mutex_lock(&bulk.lock);
    bulk.limited = false;
    if (bulk.fd < 0) {
        rc = file_make(dir);
        bulk.fd = rc;
    }
    if (rc >= 0 && fstatfs(bulk.fd, &fs) < 0)
        rc = -errno;
    else if (rc >= 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC))
        rc = -EOPNOTSUPP;
    if (rc < 0 && bulk.fd >= 0 && !bulk.end) {
        close(bulk.fd);
        bulk.fd = -1;
    }
    bulk.limited = rc >= 0;
    bulk.limit = bytes > UINT64_MAX - bulk.in_ram ? UINT64_MAX : bulk.in_ram + bytes;
    pthread_mutex_unlock(&bulk.lock);
    return rc < 0 ? rc : 0;
}

uint64_t bulk_in_file(void)
{
    pthread_mutex_lock(&bulk.lock);
    uint64_t bytes = bulk.in_file;
    pthread_mutex_unlock(&bulk.lock);
    return bytes;
}

uint64_t bulk_in_file_most(void)
{
    pthread_mutex_lock(&bulk.lock);
    uint64_t bytes = bulk.in_file_most;
    pthread_mutex_unlock(&bulk.lock);
    return bytes;
}

/* Reserves room in the file, at its end: what is given back leaves holes. False: there is none, or
 * the file system cannot say. */
static bool file_reserve(size_t size, uint64_t *offset)
{
    pthread_mutex_lock(&bulk.lock);
    *offset = bulk.end;
    bool good = fallocate(bulk.fd, 0, (off_t)bulk.end, (off_t)size) == 0;
    if (good) {
        bulk.end += size;
        bulk.in_file += size;
        if (bulk.in_file > bulk.in_file_most)
            bulk.in_file_most = bulk.in_file;
    }
    pthread_mutex_unlock(&bulk.lock);
    return good;
}

static void file_give_back(uint64_t offset, size_t size)
{
    fallocate(bulk.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size);
    pthread_mutex_lock(&bulk.lock);
    bulk.in_file -= size;
    pthread_mutex_unlock(&bulk.lock);
}

/* Takes so many bytes of RAM, or none of them. */
static bool ram_take(size_t size)
{
    pthread_mutex_lock(&bulk.lock);
    bool may = !bulk.limited || (size <= bulk.limit && bulk.in_ram <= bulk.limit - size);
    if (may)
        bulk.in_ram += size;
    pthread_mutex_unlock(&bulk.lock);
    return may;
}

static void ram_count(size_t more, size_t less)
{
    pthread_mutex_lock(&bulk.lock);
    bulk.in_ram += more;
    bulk.in_ram -= less;
    pthread_mutex_unlock(&bulk.lock);
}

static void *in_file(size_t mapped)
{
    uint64_t offset;
    if (!file_reserve(mapped, &offset))
        return NULL;
    struct head *head =
        mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, bulk.fd, (off_t)offset);
    if (head == MAP_FAILED) {
        file_give_back(offset, mapped);
        return NULL;
    }
    *head = (struct head){.mapped = mapped, .offset = offset, .in_file = true};
    return (char *)head + HEAD_SIZE;
}

void *bulk_new(size_t size)
{
    size_t mapped = mapped_size(size);
    if (!mapped)
        return NULL;
    bool taken = ram_take(mapped);
    void *piece = taken ? NULL : in_file(mapped);
    if (piece)
        return piece;
    if (!taken)
        ram_count(mapped, 0);
    struct head *head =
        mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (head == MAP_FAILED) {
        ram_count(0, mapped);
        return NULL;
    }
    *head = (struct head){.mapped = mapped};
    return (char *)head + HEAD_SIZE;
}

/* Both in RAM; NULL: it has to move to the file, or there is no room. */
static void *resize_in_ram(struct head *head, size_t mapped)
{
    size_t had = head->mapped;
    if (mapped > had && !ram_take(mapped - had))
        return NULL;
    struct head *moved = mremap(head, had, mapped, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) {
        ram_count(0, mapped > had ? mapped - had : 0);
        return NULL;
    }
    ram_count(0, mapped < had ? had - mapped : 0);
    moved->mapped = mapped;
    return (char *)moved + HEAD_SIZE;
}

void *bulk_resize(void *old, size_t size)
{
    size_t mapped = mapped_size(size);
    if (!mapped)
        return NULL;
    if (!old)
        return bulk_new(size);
    struct head *head = head_of(old);
    void *piece = head->in_file ? NULL : resize_in_ram(head, mapped);
    if (piece)
        return piece;
    piece = bulk_new(size);
    if (!piece)
        return NULL;
    size_t both = (mapped < head->mapped ? mapped : head->mapped) - HEAD_SIZE;
    memcpy(piece, old, both);
    bulk_free(old);
    return piece;
}

void bulk_forget(void *piece, size_t from, size_t to)
{
    struct head *head = head_of(piece);
    size_t page = page_size();
    size_t first = (from + HEAD_SIZE) & ~(page - 1), end = (to + HEAD_SIZE) & ~(page - 1);

    if (!first) /* the head's own page stays */
        first = page;
    if (end > head->mapped)
        end = head->mapped;
    if (first >= end) /* where the kernel does not want to, they stay */
        return;
    madvise((char *)head + first, end - first, head->in_file ? MADV_REMOVE : MADV_DONTNEED);
}

void bulk_free(void *piece)
{
    if (!piece)
        return;
    struct head *head = head_of(piece);
    const struct head was = *head;
    munmap(head, was.mapped);
    if (was.in_file)
        file_give_back(was.offset, was.mapped);
    else
        ram_count(0, was.mapped);
}
