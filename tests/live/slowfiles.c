/*
 * slowfiles: files whose reading takes a known time, whatever the disk does.
 *
 * Each file is a named pipe DIR/MS-ID, made by whoever starts this. It has a writer from the begin,
 * so that to open it takes no time; MS milliseconds after it was opened its content comes and its
 * end, and until then a reader waits in read(2), blocked on a path that no other request has.
 *
 * With --lanes N it is a disk that serves N readings at a time, in the order in which the files
 * were opened: a pool of N threads that reads 64 opened files finds each of them slow, and not
 * just the first N. 0, the default: all at a time.
 *
 * It says "slowfiles: N files" when it is ready; into the file -o it writes for each file that
 * was read a line "NAME OPENED BEGUN WRITTEN", nanoseconds of CLOCK_MONOTONIC.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000u
#define FILES_MAX 4096
#define NAME_LEN 64

enum stage { SHUT, OPENED, BEGUN, WRITTEN };

struct slow {
    char name[NAME_LEN];
    int fd;
    enum stage stage;
    uint64_t wait_ns, opened_ns, begun_ns;
};

static struct slow files[FILES_MAX];
static size_t count;
static size_t queue[FILES_MAX], queue_head, queue_tail; /* opened, by time; each file once */
static uint64_t lanes, busy;
static FILE *told;

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct slow *)a)->name, ((const struct slow *)b)->name);
}

static struct slow *file_of(const char *name)
{
    struct slow key = {.fd = -1};

    snprintf(key.name, sizeof(key.name), "%s", name);
    return bsearch(&key, files, count, sizeof(files[0]), by_name);
}

static int files_open(const char *dir)
{
    DIR *entries = opendir(dir);
    struct dirent *entry;

    if (!entries)
        return -errno;
    while ((entry = readdir(entries)) && count < FILES_MAX) {
        struct slow *file = &files[count];
        char *end;
        unsigned long wait_ms = strtoul(entry->d_name, &end, 10);

        if (*end != '-' || strlen(entry->d_name) >= sizeof(file->name))
            continue;
        memcpy(file->name, entry->d_name, strlen(entry->d_name) + 1);
        file->wait_ns = wait_ms * NS_PER_MS;
        file->fd = openat(dirfd(entries), entry->d_name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (file->fd < 0) {
            int err = -errno;

            closedir(entries);
            return err;
        }
        count++;
    }
    closedir(entries);
    qsort(files, count, sizeof(files[0]), by_name);
    return 0;
}

static void opened(const char *name)
{
    struct slow *file = file_of(name);

    if (!file || file->stage != SHUT)
        return;
    file->stage = OPENED;
    file->opened_ns = now_ns();
    queue[queue_tail++] = (size_t)(file - files);
}

static void begin_some(uint64_t now)
{
    while (queue_head < queue_tail && (lanes == 0 || busy < lanes)) {
        struct slow *file = &files[queue[queue_head++]];

        file->stage = BEGUN;
        file->begun_ns = now;
        busy++;
    }
}

static void finish(struct slow *file)
{
    char text[NAME_LEN + 8];
    int len = snprintf(text, sizeof(text), "slow %s\n", file->name);
    ssize_t put = write(file->fd, text, (size_t)len);

    if (told)
        fprintf(told, "%s %lu %lu %lu\n", file->name, file->opened_ns, file->begun_ns, now_ns());
    if (put != len)
        fprintf(stderr, "slowfiles: %s: short write\n", file->name);
    close(file->fd);
    file->stage = WRITTEN;
    busy--;
}

/* Writes what is due; returns how long the next takes, UINT64_MAX for none. */
static uint64_t finish_some(uint64_t now)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < queue_head; i++) {
        struct slow *file = &files[queue[i]];

        if (file->stage != BEGUN)
            continue;
        if (file->begun_ns + file->wait_ns <= now)
            finish(file);
        else if (file->begun_ns + file->wait_ns - now < next)
            next = file->begun_ns + file->wait_ns - now;
    }
    return next;
}

static void on_signal(int number)
{
    (void)number;
    _exit(0);
}

static int events_read(int watch)
{
    char room[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got = read(watch, room, sizeof(room));

    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    for (char *at = room; at < room + got;) {
        struct inotify_event *event = (struct inotify_event *)at;

        if (event->len && !(event->mask & IN_ISDIR))
            opened(event->name);
        at += sizeof(*event) + event->len;
    }
    return 0;
}

static int serve(int watch)
{
    for (;;) {
        struct pollfd waits = {.fd = watch, .events = POLLIN};
        uint64_t left;
        struct timespec timeout;
        int err;

        /* A lane that got free serves the next one at once. */
        do {
            uint64_t now = now_ns();

            begin_some(now);
            left = finish_some(now);
        } while (queue_head < queue_tail && (lanes == 0 || busy < lanes));
        if (told)
            fflush(told);
        timeout = (struct timespec){.tv_sec = (time_t)(left / 1000000000u),
                                    .tv_nsec = (long)(left % 1000000000u)};
        if (ppoll(&waits, 1, left == UINT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR)
            return -errno;
        err = events_read(watch);
        if (err)
            return err;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"lanes", required_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    const struct sigaction stop = {.sa_handler = on_signal};
    int option, watch, err;

    while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        if (option == 'l')
            lanes = strtoul(optarg, NULL, 10);
        else if (option == 'o' && !told)
            told = fopen(optarg, "we");
        if (option == '?' || (option == 'o' && !told))
            return 2;
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "usage: slowfiles [--lanes N] [-o FILE] DIR\n");
        return 2;
    }
    sigaction(SIGTERM, &stop, NULL);
    err = files_open(argv[optind]);
    watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (!err && (watch < 0 || inotify_add_watch(watch, argv[optind], IN_OPEN) < 0))
        err = -errno;
    if (!err) {
        printf("slowfiles: %zu files\n", count);
        fflush(stdout);
        err = serve(watch);
    }
    fprintf(stderr, "slowfiles: %s: %s\n", argv[optind], strerror(-err));
    return 1;
}
