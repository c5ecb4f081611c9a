#include "analysis_made.h"

static void strcpy_field(char *field, size_t size, const char *text)
{
    assert_true(strlen(text) < size);
    memcpy(field, text, strlen(text) + 1);
}

static void test_one_wait_is_three_intervals(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    attach_running(&m, 0, 7, 7);
    waits(&m, 7, 10, 30, 34, CALL_read, FILE_OBJ(1));
    end_running(&m, 100, 7, 7);
    made_finish(&m);
    expect_states(&m, 0, "running 0-10, blocked 10-30, runnable 30-34, running 34-100");
    const struct thread *t = &m.tl.threads.data[0];
    assert_int_equal(t->state_ns[STATE_RUNNING], US(76));
    const struct wait *wait = interval_wait(&m.tl, &t->intervals.data[1]);
    assert_string_equal(text_of(&m, wait->call_plus1 - 1), "read");
    assert_int_equal(wait->fd, 7);
    assert_int_equal(t->intervals.data[1].waker, 99);
    assert_int_equal(m.tl.processes.len, 1);
    assert_string_equal(text_of(&m, m.tl.processes.data[0].comm), "server");
    made_release(&m);
}

static void test_preempted_is_runnable(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 50);
    attach_running(&m, 0, 7, 7);
    preempted(&m, 7, 10, 20);
    preempted(&m, 7, 20, 30); /* on the CPU for no time at all */
    end_running(&m, 50, 7, 7);
    made_finish(&m);
    expect_states(&m, 0, "running 0-10, runnable 10-30, running 30-50");
    made_release(&m);
}

/* What a thread does just inside of a wait was before it, or behind it; by another clock. What it
 * does in the midst of one cannot be: then nobody knows. */
static void test_acts_by_another_clock(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 2000);
    accepted(&m, 5, SOCKET(1));
    attach_running(&m, 0, 7, 7);
    waits(&m, 7, 100, 300, 310, CALL_openat, PATH_OBJ(1));
    waits(&m, 7, 400, 600, 600, CALL_pread64, FILE_OBJ(1));
    waits(&m, 7, 700, 900, 910, CALL_pread64, FILE_OBJ(1));
    waits(&m, 7, 1000, 1400, 1400, CALL_pread64, FILE_OBJ(1));
    receives(&m, 120, 7, SOCKET(1), 90, GET("/a"));
    says(&m, 130, 7, 64, WORK_SUBMIT, WORK_LIBUV);
    says(&m, 580, 7, 64, WORK_RESUME, WORK_LIBUV);
    says(&m, 905, 7, 64, WORK_RESUME, WORK_LIBUV);
    says(&m, 1200, 7, 64, WORK_RESUME, WORK_LIBUV);
    end_running(&m, 2000, 7, 7);
    made_finish(&m);
    expect_states(&m, 0,
                  "running 0-130, blocked 130-300, runnable 300-310, running 310-400, "
                  "blocked 400-580, running 580-700, blocked 700-900, runnable 900-905, "
                  "running 905-1000, blocked 1000-1400, running 1400-2000");
    made_release(&m);
}

/* The first record of a thread that waited at the attach says only how the wait ended. */
static void test_attach_in_mid_wait(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    attach_waiting(&m, 5, 7, 7, CALL_epoll_wait, ANON(1));
    struct event_wait w = {.off_ns = 0, .wake_ns = AT(40), .why = WHY_SLEEP, .fd = WAIT_NO_FD};
    made_add(&m, &w, EVENT_WAIT, sizeof(w), 7, AT(42));
    end_waiting(&m, 100, 7, 7, 60, CALL_futex, 0x7f0000001000);
    made_finish(&m);
    expect_states(&m, 0,
                  "yielded 5-40 idle open, runnable 40-42, running 42-60, lock 60-100 idle open");
    assert_int_equal(m.tl.threads.data[0].start_ns, US(5));
    made_release(&m);
}

/* A thread that sits in one wait from before the attach to behind the end makes no record. */
static void test_wait_that_outlasts_the_capture(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    socket_is(&m, SOCKET(1), ROLE_LISTENER, 80, 0);
    attach_waiting(&m, 5, 7, 7, CALL_accept4, SOCKET(1));
    end_waiting(&m, 90, 7, 7, 5, CALL_accept4, SOCKET(1));
    attach_waiting(&m, 6, 8, 7, CALL_futex, 4096); /* nobody looked at this one at the end */
    made_finish(&m);
    expect_states(&m, 0, "blocked 5-90 idle open");
    expect_states(&m, 1, "lock 6-100 idle open");
    made_release(&m);
}

/* The snapshot saw it wait; a record that begins later knows better. */
static void test_attach_race(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 50);
    attach_waiting(&m, 5, 7, 7, CALL_read, FILE_OBJ(1));
    waits(&m, 7, 10, 20, 21, CALL_read, FILE_OBJ(1));
    end_running(&m, 50, 7, 7);
    made_finish(&m);
    expect_states(&m, 0, "running 5-10, blocked 10-20, runnable 20-21, running 21-50");
    made_release(&m);
}

static void test_attach_while_runnable(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 50);
    snapshot(&m, 5, 7, 7, THREAD_AT_ATTACH, false, NULL);
    struct event_wait w = {.why = WHY_RUNNABLE, .fd = WAIT_NO_FD};
    made_add(&m, &w, EVENT_WAIT, sizeof(w), 7, AT(9));
    end_running(&m, 50, 7, 7);
    made_finish(&m);
    expect_states(&m, 0, "runnable 5-9, running 9-50");
    made_release(&m);
}

static void test_lost_records_are_unknown(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    attach_running(&m, 0, 7, 7);
    waits(&m, 7, 10, 20, 20, CALL_read, FILE_OBJ(1));
    wait_made(&m, 7, 60, 70, 70, CALL_read, FILE_OBJ(1), WHY_DISK, WAIT_AFTER_LOSS);
    end_running(&m, 100, 7, 7);
    made_finish(&m);
    expect_states(&m, 0,
                  "running 0-10, blocked 10-20, unknown 20-60, blocked 60-70, running 70-100");
    made_release(&m);
}

/* The record that would tell of the last switch-in may be missing: nobody knows. */
static void test_cut_capture_ends_unknown(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    attach_running(&m, 0, 7, 7);
    waits(&m, 7, 10, 20, 20, CALL_read, FILE_OBJ(1));
    made_finish(&m);
    expect_states(&m, 0, "running 0-10, blocked 10-20, unknown 20-100");
    made_release(&m);
}

static void test_open_wait_at_the_end(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    attach_running(&m, 0, 7, 7);
    waits(&m, 7, 10, 20, 21, CALL_read, FILE_OBJ(1));
    struct event_wait woken = {.off_ns = AT(50),
                               .wake_ns = AT(80),
                               .why = WHY_DISK,
                               .call = CALL_fsync,
                               .obj = FILE_OBJ(1)};
    snapshot(&m, 100, 7, 7, THREAD_AT_END, false, &woken);
    attach_running(&m, 0, 8, 7);
    waits(&m, 8, 10, 20, 21, CALL_read, FILE_OBJ(1));
    woken.wake_ns = AT(20); /* that of the wait before */
    snapshot(&m, 100, 8, 7, THREAD_AT_END, false, &woken);
    made_finish(&m);
    expect_states(&m, 0,
                  "running 0-10, blocked 10-20, runnable 20-21, running 21-50, "
                  "blocked 50-80 open, runnable 80-100");
    expect_states(&m, 1,
                  "running 0-10, blocked 10-20, runnable 20-21, running 21-50, "
                  "blocked 50-100 open");
    made_release(&m);
}

static void test_fork_and_exit(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    attach_running(&m, 0, 7, 7);
    forked(&m, 10, 8, 7, 7, 7);
    wait_made(&m, 8, 10, 10, 15, CALL_NONE, 0, WHY_NEW, 0);
    waits(&m, 8, 20, 30, 30, CALL_nanosleep, 0);
    exited(&m, 40, 8, 7);
    waits(&m, 8, 41, 42, 43, CALL_exit, 0); /* while it is taken apart */
    forked(&m, 50, 9, 9, 7, 7);
    wait_made(&m, 9, 50, 50, 52, CALL_NONE, 0, WHY_NEW, 0);
    end_running(&m, 100, 9, 9);
    end_running(&m, 100, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.threads.len, 3);
    expect_states(&m, 1, "runnable 10-15, running 15-20, sleep 20-30 idle, running 30-40");
    expect_states(&m, 2, "runnable 50-52, running 52-100");
    assert_int_equal(m.tl.processes.len, 2);
    assert_int_equal(m.tl.threads.data[1].process, 0);
    assert_int_equal(m.tl.threads.data[2].process, 1);
    assert_int_equal(m.tl.processes.data[1].parent, 7);
    made_release(&m);
}

static void test_tid_that_comes_again_is_another_thread(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    forked(&m, 10, 8, 8, 7, 7);
    wait_made(&m, 8, 10, 10, 12, CALL_NONE, 0, WHY_NEW, 0);
    exited(&m, 20, 8, 8);
    forked(&m, 60, 8, 8, 7, 7);
    wait_made(&m, 8, 60, 60, 63, CALL_NONE, 0, WHY_NEW, 0);
    exited(&m, 70, 8, 8);
    made_finish(&m);
    assert_int_equal(m.tl.threads.len, 2);
    expect_states(&m, 0, "runnable 10-12, running 12-20");
    expect_states(&m, 1, "runnable 60-63, running 63-70");
    assert_int_equal(m.tl.processes.len, 2); /* the PID came again as well */
    made_release(&m);
}

static void test_thread_that_nobody_announced(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    waits(&m, 77, 30, 40, 41, CALL_read, FILE_OBJ(1));
    made_finish(&m);
    expect_states(&m, 0, "blocked 30-40, runnable 40-41, unknown 41-100");
    made_release(&m);
}

static void test_kernels_own_sums(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    struct event_thread e = {.pid = 7, .on_cpu = 1, .exec_ns = 5000, .delay_ns = 700};
    made_add(&m, &e, EVENT_THREAD, sizeof(e), 7, AT(0));
    e.phase = THREAD_AT_END;
    e.exec_ns = 105000;
    e.delay_ns = 900;
    made_add(&m, &e, EVENT_THREAD, sizeof(e), 7, AT(100));
    forked(&m, 10, 8, 7, 7, 7); /* a new thread's sums begin at 0 */
    made_add(&m, &e, EVENT_THREAD, sizeof(e), 8, AT(100));
    attach_running(&m, 0, 9, 7);
    made_finish(&m);
    assert_true(m.tl.threads.data[0].audited);
    assert_int_equal(m.tl.threads.data[0].kernel_running_ns, 100000);
    assert_int_equal(m.tl.threads.data[0].kernel_runnable_ns, 200);
    const struct thread *child = &m.tl.threads.data[m.tl.threads.data[1].tid == 8 ? 1 : 2];
    assert_true(child->audited);
    assert_int_equal(child->kernel_running_ns, 105000);
    const struct thread *open = &m.tl.threads.data[m.tl.threads.data[1].tid == 9 ? 1 : 2];
    assert_false(open->audited);
    made_release(&m);
}

static void test_state_of_each_class(void **state)
{
    (void)state;
    static const struct {
        uint16_t call;
        uint8_t why, flags;
        enum state want;
    } rows[] = {
        {CALL_read, WHY_SLEEP, 0, STATE_BLOCKED},
        {CALL_sendfile, WHY_DISK, 0, STATE_BLOCKED},
        {CALL_splice, WHY_SLEEP, 0, STATE_BLOCKED},
        {CALL_open, WHY_DISK, 0, STATE_BLOCKED},
        {CALL_openat, WHY_DISK, 0, STATE_BLOCKED},
        {CALL_sync, WHY_DISK, 0, STATE_BLOCKED},
        {CALL_poll, WHY_SLEEP, 0, STATE_BLOCKED},
        {CALL_poll, WHY_SLEEP, WAIT_MULTIPLEXED, STATE_YIELDED},
        {CALL_ppoll, WHY_SLEEP, WAIT_TIMER_ONLY, STATE_SLEEP},
        {CALL_select, WHY_SLEEP, WAIT_MULTIPLEXED, STATE_YIELDED},
        {CALL_pselect6, WHY_SLEEP, 0, STATE_BLOCKED},
        {CALL_epoll_pwait2, WHY_SLEEP, 0, STATE_YIELDED},
        {CALL_io_uring_enter, WHY_SLEEP, 0, STATE_YIELDED},
        {CALL_io_getevents, WHY_SLEEP, 0, STATE_YIELDED},
        {CALL_futex, WHY_SLEEP, 0, STATE_LOCK},
        {CALL_futex_waitv, WHY_SLEEP, 0, STATE_LOCK},
        {CALL_clock_nanosleep, WHY_SLEEP, 0, STATE_SLEEP},
        {CALL_wait4, WHY_SLEEP, 0, STATE_OTHER},
        {CALL_mmap, WHY_DISK, 0, STATE_OTHER},
        {CALL_restart_syscall, WHY_SLEEP, 0, STATE_OTHER},
        {CALL_UNLISTED | 250, WHY_SLEEP, 0, STATE_OTHER},
        {CALL_COUNT + 5, WHY_SLEEP, 0, STATE_OTHER},
        {CALL_NONE, WHY_DISK, WAIT_USER, STATE_FAULT},
        {CALL_NONE, WHY_SLEEP, WAIT_USER, STATE_FAULT},
        {CALL_NONE, WHY_RUNNABLE, WAIT_USER, STATE_RUNNABLE},
        {CALL_read, WHY_STOPPED, 0, STATE_OTHER},
        {CALL_read, 77, 0, STATE_OTHER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made m;
        made_init(&m, 30);
        attach_running(&m, 0, 7, 7);
        wait_made(&m, 7, 10, 20, 20, rows[i].call, 0, rows[i].why, rows[i].flags);
        end_running(&m, 30, 7, 7);
        made_finish(&m);
        assert_int_equal(m.tl.threads.data[0].state_ns[rows[i].want], US(10));
        made_release(&m);
    }
}

/* Ends before begins, times before the capture and behind it, one record twice. */
static void test_absurd_times_keep_the_chain(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    attach_running(&m, 0, 7, 7);
    struct event_wait w = {.why = WHY_SLEEP, .call = CALL_read, .fd = WAIT_NO_FD};
    w.off_ns = AT(40);
    w.wake_ns = AT(30);
    made_add(&m, &w, EVENT_WAIT, sizeof(w), 7, AT(50));
    made_add(&m, &w, EVENT_WAIT, sizeof(w), 7, AT(50));
    w.off_ns = 1;
    w.wake_ns = UINT64_MAX;
    made_add(&m, &w, EVENT_WAIT, sizeof(w), 7, AT(60));
    w.off_ns = UINT64_MAX;
    w.wake_ns = 0;
    made_add(&m, &w, EVENT_WAIT, sizeof(w), 7, AT(70));
    made_add(&m, &w, EVENT_WAIT, sizeof(w), 7, UINT64_MAX);
    made_add(&m, &w, EVENT_WAIT, sizeof(w), 7, 0);
    end_running(&m, 100, 7, 7);
    made_finish(&m);
    expect_states(&m, 0, "running 0-40, runnable 40-50, blocked 50-60, running 60-100");
    made_release(&m);
}

static void test_header_losses_and_probes(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    struct capture_visitor v = analysis_visitor(m.a);
    const struct event_wait w = {.event = {EVENT_WAIT, sizeof(w), 7, AT(20)},
                                 .off_ns = AT(10),
                                 .wake_ns = AT(20),
                                 .why = WHY_SLEEP};
    const struct capture_loss loss = {AT(30), AT(20), 4, EVENT_SEND, 0}; /* ends before it begins */
    assert_int_equal(v.event(v.ctx, &w.event), 0);
    assert_int_equal(v.loss(v.ctx, &loss), 0);
    assert_int_equal(v.probe(v.ctx, "sched_switch"), 0);
    strcpy_field(m.info.header.host, sizeof(m.info.header.host), "a\x1bhost");
    strcpy_field(m.info.header.comm, sizeof(m.info.header.comm), "redis");
    m.info.header.start_real_ns = 77;
    m.info.complete = false;
    strcpy_field(m.info.damage, sizeof(m.info.damage), "cut");
    m.info.summary.lost = 9;
    made_finish(&m);
    assert_string_equal(text_of(&m, m.tl.host), "a\\x1bhost");
    assert_string_equal(text_of(&m, m.tl.command), "redis");
    assert_string_equal(text_of(&m, m.tl.damage), "cut");
    assert_string_equal(text_of(&m, m.tl.probes.data[0]), "sched_switch");
    assert_int_equal(m.tl.t0_real_ns, 77);
    assert_int_equal(m.tl.duration_ns, US(100));
    assert_false(m.tl.complete);
    assert_int_equal(m.tl.lost, 9);
    assert_int_equal(m.tl.losses.data[0].start_ns, US(30));
    assert_int_equal(m.tl.losses.data[0].end_ns, US(30));
    assert_int_equal(m.tl.threads.len, 1);
    made_release(&m);
    analysis_free(NULL);
}

static void test_empty_capture(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 0);
    m.info.header.start_ns = m.info.header.end_ns = 0;
    made_finish(&m);
    assert_int_equal(m.tl.threads.len + m.tl.requests.len, 0);
    assert_int_equal(m.tl.duration_ns, 0);
    made_release(&m);
}

static void test_records_too_short_are_refused(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 10);
    struct event_wait w = {.event = {.kind = EVENT_WAIT, .size = 16, .tid = 7}};
    assert_int_equal(analysis_event(m.a, &w.event), -EINVAL);
    w.event.kind = 999; /* a later version's */
    assert_int_equal(analysis_event(m.a, &w.event), 0);
    made_finish(&m);
    assert_int_equal(m.tl.threads.len, 0);
    made_release(&m);
}

/* ---- names ---- */

static void file_is(struct made *m, uint64_t obj, uint16_t mode, uint16_t flags, const char *path,
                    size_t len)
{
    struct {
        struct event_file f;
        char path[256];
    } r = {.f = {.obj = obj, .mode = mode, .flags = flags, .path_len = (uint32_t)len}};
    memcpy(r.path, path, len);
    made_add(m, &r, EVENT_FILE, sizeof(r.f) + ((len + 7) & ~(size_t)7), 7, AT(1));
}

static void expect_object(struct made *m, uint64_t id, enum object_kind kind, const char *name)
{
    for (size_t i = 0; i < m->tl.objects.len; i++)
        if (m->tl.objects.data[i].id == id) {
            assert_string_equal(text_of(m, m->tl.objects.data[i].name), name);
            assert_string_equal(object_kind_name(m->tl.objects.data[i].kind),
                                object_kind_name(kind));
            return;
        }
    fail_msg("no object %s", name);
}

static void waits_for(struct made *m, uint64_t *t, unsigned call, uint64_t obj)
{
    waits(m, 7, *t, *t + 1, *t + 1, call, obj);
    *t += 2;
}

static void test_names_of_files(void **state)
{
    (void)state;
    struct made m;
    uint64_t t = 10;
    made_init(&m, 100);
    attach_running(&m, 0, 7, 7);
    file_is(&m, FILE_OBJ(1), S_IFREG, 0, "x.log\0log\0var\0", 14);
    file_is(&m, FILE_OBJ(2), S_IFREG, FILE_DELETED, "tmp\0", 4);
    file_is(&m, FILE_OBJ(3), S_IFREG, FILE_CUT, "deep\0er\0", 8);
    file_is(&m, FILE_OBJ(4), S_IFDIR, 0, "", 0);
    file_is(&m, FILE_OBJ(5), S_IFCHR, 0, "3\0pts\0dev\0", 10);
    file_is(&m, FILE_OBJ(6), S_IFIFO, 0, "q\0tmp\0", 6);
    file_is(&m, FILE_OBJ(7), S_IFREG, 0, "a\x1b[2Jb\0", 8);
    file_is(&m, PATH_OBJ(8), 0, FILE_ARGUMENT, "./conf", 6);
    file_is(&m, FILE_OBJ(9), S_IFREG, 0, "no-nul", 6);
    for (uint64_t i = 1; i <= 7; i++)
        waits_for(&m, &t, CALL_read, FILE_OBJ(i));
    waits_for(&m, &t, CALL_open, PATH_OBJ(8));
    waits_for(&m, &t, CALL_read, FILE_OBJ(9));
    waits_for(&m, &t, CALL_read, FILE_OBJ(10));
    made_finish(&m);
    expect_object(&m, FILE_OBJ(1), OBJ_FILE, "/var/log/x.log");
    expect_object(&m, FILE_OBJ(2), OBJ_FILE, "/tmp");
    expect_object(&m, FILE_OBJ(3), OBJ_FILE, "…/er/deep");
    expect_object(&m, FILE_OBJ(4), OBJ_DIRECTORY, "/");
    expect_object(&m, FILE_OBJ(5), OBJ_TTY, "/dev/pts/3");
    expect_object(&m, FILE_OBJ(6), OBJ_PIPE, "/tmp/q");
    expect_object(&m, FILE_OBJ(7), OBJ_FILE, "/a\\x1b[2Jb");
    expect_object(&m, PATH_OBJ(8), OBJ_PATH, "./conf");
    expect_object(&m, FILE_OBJ(9), OBJ_FILE, "/no-nul");
    expect_object(&m, FILE_OBJ(10), OBJ_FILE, "file");
    assert_true(m.tl.objects.data[1].deleted);
    assert_false(m.tl.objects.data[0].deleted);
    made_release(&m);
}

static void test_names_of_sockets(void **state)
{
    (void)state;
    struct made m;
    uint64_t t = 10;
    made_init(&m, 100);
    attach_running(&m, 0, 7, 7);
    socket_is(&m, SOCKET(1), ROLE_LISTENER, 8080, 0);
    socket_is(&m, SOCKET(2), ROLE_ACCEPTED, 8080, 3312);
    socket_is(&m, SOCKET(3), ROLE_CONNECTED, 4000, 5432);
    struct event_socket s = {.obj = SOCKET(4),
                             .family = AF_INET6,
                             .type = SOCK_STREAM,
                             .role = ROLE_CONNECTED,
                             .remote_port = 443,
                             .remote = {[15] = 1}};
    made_add(&m, &s, EVENT_SOCKET, sizeof(s), 7, AT(1));
    s = (struct event_socket){.obj = SOCKET(5), .family = AF_UNIX, .type = SOCK_STREAM};
    made_add(&m, &s, EVENT_SOCKET, sizeof(s), 7, AT(1));
    s = (struct event_socket){.obj = SOCKET(6),
                              .family = AF_INET6,
                              .type = SOCK_STREAM,
                              .role = ROLE_CONNECTED,
                              .remote_port = 80,
                              .remote = {[10] = 0xff, 0xff, 10, 0, 0, 9}};
    made_add(&m, &s, EVENT_SOCKET, sizeof(s), 7, AT(1));
    for (uint64_t i = 1; i <= 7; i++)
        waits_for(&m, &t, CALL_read, SOCKET(i));
    made_finish(&m);
    expect_object(&m, SOCKET(1), OBJ_LISTENER, "127.0.0.1:8080");
    expect_object(&m, SOCKET(2), OBJ_ACCEPTED, "client 127.0.0.1:3312");
    expect_object(&m, SOCKET(3), OBJ_CONNECTED, "127.0.0.1:5432");
    expect_object(&m, SOCKET(4), OBJ_CONNECTED, "[::1]:443");
    expect_object(&m, SOCKET(5), OBJ_SOCKET, "unix socket");
    expect_object(&m, SOCKET(6), OBJ_CONNECTED, "10.0.0.9:80");
    expect_object(&m, SOCKET(7), OBJ_SOCKET, "socket");
    made_release(&m);
}

static void test_names_of_the_rest(void **state)
{
    (void)state;
    static const char *const kernel[] = {"[eventfd]",  "[eventpoll]", "[timerfd]",
                                         "[io_uring]", "pipe",        "[fanotify]"};
    struct made m;
    uint64_t t = 10;
    made_init(&m, 200);
    attach_running(&m, 0, 7, 7);
    attach_running(&m, 0, 8, 8);
    for (uint64_t i = 0; i < 6; i++) {
        struct event_anon n = {.obj = ANON(i + 1)};
        memcpy(n.name, kernel[i], strlen(kernel[i]));
        made_add(&m, &n, EVENT_ANON, sizeof(n), 7, AT(1));
        waits_for(&m, &t, CALL_read, ANON(i + 1));
    }
    waits_for(&m, &t, CALL_futex, 4096);
    waits_for(&m, &t, CALL_futex, 4096);
    waits_for(&m, &t, CALL_futex, 8192);
    waits(&m, 8, 20, 21, 21, CALL_futex, 4096); /* the same address in another process */
    waits_for(&m, &t, CALL_read, 4096);         /* no futex, so no object */
    made_finish(&m);
    expect_object(&m, ANON(1), OBJ_EVENTFD, "eventfd");
    expect_object(&m, ANON(2), OBJ_EPOLL, "epoll");
    expect_object(&m, ANON(3), OBJ_TIMER, "timer");
    expect_object(&m, ANON(4), OBJ_URING, "io_uring");
    expect_object(&m, ANON(5), OBJ_PIPE, "pipe");
    expect_object(&m, ANON(6), OBJ_ANON, "[fanotify]");
    expect_object(&m, 4096, OBJ_FUTEX, "futex");
    assert_int_equal(m.tl.objects.len, 6 + 3);
    made_release(&m);
}

/* Addresses of locks without end do not become objects without end. */
static void test_futexes_are_capped(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100000);
    attach_running(&m, 0, 7, 7);
    for (uint64_t i = 0; i < 6000; i++)
        waits(&m, 7, 10 + i * 3, 11 + i * 3, 11 + i * 3, CALL_futex, 4096 + i * 8);
    made_finish(&m);
    assert_int_equal(m.tl.objects.len, 4097);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_wait_is_three_intervals),
        cmocka_unit_test(test_preempted_is_runnable),
        cmocka_unit_test(test_acts_by_another_clock),
        cmocka_unit_test(test_attach_in_mid_wait),
        cmocka_unit_test(test_wait_that_outlasts_the_capture),
        cmocka_unit_test(test_attach_race),
        cmocka_unit_test(test_attach_while_runnable),
        cmocka_unit_test(test_lost_records_are_unknown),
        cmocka_unit_test(test_cut_capture_ends_unknown),
        cmocka_unit_test(test_open_wait_at_the_end),
        cmocka_unit_test(test_fork_and_exit),
        cmocka_unit_test(test_tid_that_comes_again_is_another_thread),
        cmocka_unit_test(test_thread_that_nobody_announced),
        cmocka_unit_test(test_kernels_own_sums),
        cmocka_unit_test(test_state_of_each_class),
        cmocka_unit_test(test_absurd_times_keep_the_chain),
        cmocka_unit_test(test_header_losses_and_probes),
        cmocka_unit_test(test_empty_capture),
        cmocka_unit_test(test_records_too_short_are_refused),
        cmocka_unit_test(test_names_of_files),
        cmocka_unit_test(test_names_of_sockets),
        cmocka_unit_test(test_names_of_the_rest),
        cmocka_unit_test(test_futexes_are_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
