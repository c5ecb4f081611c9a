/*
 * states: threads that wait, each in one known way, and say how long and for what.
 *
 *     states [now] MS KIND…      each KIND in a thread of that name, for about MS milliseconds
 *
 * Prints "ready PID" and lets the threads go at a line on its standard input. Then a line for each
 * kind: name, tid, begin and end of the call (CLOCK_MONOTONIC, ns), error number, and what was
 * waited for, separated by tabs; then "done". It ends when its standard input does. With "now" it
 * waits for no line and ends by itself.
 */
#include "tests/live/states.h"
#include "tests/live/states_io.h"
#include "tests/live/states_rest.h"

static const struct kind kinds[] = {
    {"read_pipe", read_pipe},
    {"readv_pipe", readv_pipe},
    {"write_pipe", write_pipe},
    {"splice_pipe", splice_pipe},
    {"read_eventfd", read_eventfd},
    {"read_timerfd", read_timerfd},
    {"read_tty", read_tty},
    {"recv_accepted", recv_accepted},
    {"recvmsg_tcp", recvmsg_tcp},
    {"send_tcp", send_tcp},
    {"recv_unix", recv_unix},
    {"accept", accept_tcp},
    {"connect_full", connect_full},
    {"read_cold", read_cold},
    {"pread_cold", pread_cold},
    {"read_brief", read_brief},
    {"read_unlinked", read_unlinked},
    {"sendfile_cold", sendfile_cold},
    {"fsync", fsync_file},
    {"page_fault", page_fault},
    {"flock", flock_file},
    {"fcntl_lock", fcntl_lock},
    {"openat_fifo", openat_fifo},
    {"poll_one", poll_one},
    {"ppoll_one", ppoll_one},
    {"poll_two", poll_two},
    {"poll_none", poll_none},
    {"select_one", select_one},
    {"select_old", select_old},
    {"select_two", select_two},
    {"select_none", select_none},
    {"epoll_old", epoll_old},
    {"epoll_signals", epoll_signals},
    {"epoll_new", epoll_new},
    {"uring_enter", uring_enter},
    {"futex", futex_wait},
    {"condition", condition},
    {"sleep_old", sleep_old},
    {"sleep_new", sleep_new},
    {"wait_pid", wait_pid},
    {"wait_id", wait_id},
    {"wait_vfork", wait_vfork},
    {"pause", wait_pause},
    {"suspend", suspend},
    {"semaphore", semaphore},
    {"compute", compute},
};

#define ROOMS 256

static const struct kind *kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    fprintf(stderr, "states: no such kind: %s\n", name);
    exit(2);
}

static void *run(void *argument)
{
    struct room *r = argument;

    prctl(PR_SET_NAME, r->kind->name);
    r->self = pthread_self();
    r->tid = (int)syscall(SYS_gettid);
    r->kind->run(r);
    return NULL;
}

static void rooms_run(struct room *rooms, int count)
{
    pthread_t threads[ROOMS];

    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, run, &rooms[i]) != 0) {
            perror("states: pthread_create");
            exit(1);
        }
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void rooms_print(const struct room *rooms, int count)
{
    for (int i = 0; i < count; i++)
        printf("%s\t%d\t%lu\t%lu\t%d\t%s\n", rooms[i].kind->name, rooms[i].tid,
               (unsigned long)rooms[i].begin_ns, (unsigned long)rooms[i].end_ns, rooms[i].error,
               rooms[i].object);
    printf("done\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int ask = argc < 2 || strcmp(argv[1], "now") != 0, first = ask ? 1 : 2;
    int count = argc - first - 1;
    static struct room rooms[ROOMS];
    char line[64];

    if (count < 1 || count > ROOMS) {
        fprintf(stderr, "usage: states [now] MS KIND...\n");
        return 2;
    }
    for (int i = 0; i < count; i++) {
        rooms[i].kind = kind_find(argv[first + 1 + i]);
        rooms[i].ms = (unsigned)strtoul(argv[first], NULL, 10);
    }
    if (ask) {
        printf("ready %d\n", (int)getpid());
        fflush(stdout);
        if (!fgets(line, sizeof(line), stdin))
            return 1;
    }
    rooms_run(rooms, count);
    rooms_print(rooms, count);
    while (ask && fgets(line, sizeof(line), stdin))
        ;
    return 0;
}
