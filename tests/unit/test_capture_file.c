/* What is written is read again; what is no capture is refused in words. */
#include "capture/check.h"
#include "capture_made.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <signal.h>

static int setup(void **state)
{
    (void)state;
    made_folder();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    made_remove();
    return 0;
}

static void assert_made_events(const struct seen *seen, unsigned count)
{
    assert_int_equal(seen->starts.len, count);
    for (unsigned n = 0; n < count; n++) {
        const struct event *ev = made_event(n);
        assert_memory_equal(seen->records.all.data + seen->starts.data[n], ev, ev->size);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    /* 40,000 records are several blocks of 256 KiB, and a file larger than the reader's window. */
    for (unsigned count = 0; count <= 40000; count = count ? count * 200 : 1) {
        const char *path = made_path("x.wsc");
        unlink(path);
        made_capture(path, count, 1u << 30, 1);
        struct seen seen = {0};
        struct capture_visitor visitor = seen_visitor(&seen);
        struct capture_info info;
        struct err e = {0};
        assert_int_equal(capture_read(path, &visitor, &info, &e), 0);
        assert_string_equal(e.text, "");
        assert_string_equal(info.damage, "");
        assert_true(info.complete);
        assert_int_equal(info.records, count);
        assert_int_equal(info.summary.records, count);
        assert_int_equal(info.summary.lost, 20);
        assert_int_equal(info.bad_blocks, 0);
        assert_int_equal(info.missing_bytes, 0);
        assert_int_equal(info.header.end_ns, 1000000001000);
        assert_int_equal(info.header.start_ns, 1000000000123);
        assert_string_equal(info.header.host, "box");
        assert_string_equal(info.header.command, "./server --port 80");
        assert_made_events(&seen, count);
        assert_int_equal(seen.losses.len, 2);
        assert_int_equal(seen.losses.data[0].count, 17);
        assert_int_equal(seen.losses.data[1].start_ns, 1000000000500);
        static const char probes[] = "sched_switch\0sched_waking\0sock_recv_length";
        assert_int_equal(seen.probes.all.len, sizeof(probes));
        assert_memory_equal(seen.probes.all.data, probes, sizeof(probes));
        seen_release(&seen);
    }
}

static void test_flushed_is_on_disk(void **state)
{
    (void)state;
    struct capture_header header = made_header();
    struct writer *w;
    assert_int_equal(writer_new(&w, made_path("x.wsc"), &header, NULL), 0);
    for (unsigned n = 0; n < 100; n++)
        assert_int_equal(writer_append(w, made_event(n)), 0);
    struct stat st;
    assert_int_equal(stat(made_path("x.wsc"), &st), 0);
    assert_int_equal(st.st_size, sizeof(header));
    assert_true(writer_bytes(w) > sizeof(header));
    assert_int_equal(writer_flush(w), 0);
    assert_int_equal(writer_records(w), 100);
    assert_int_equal(stat(made_path("x.wsc"), &st), 0);
    assert_int_equal(st.st_size, writer_bytes(w));

    /* And reads while the recording still runs. */
    struct seen seen = {0};
    struct capture_visitor visitor = seen_visitor(&seen);
    struct capture_info info;
    assert_int_equal(capture_read(made_path("x.wsc"), &visitor, &info, NULL), 0);
    assert_false(info.complete);
    assert_int_equal(info.header.end_ns, 0);
    assert_string_equal(info.damage, "the recording did not end in order: what it had not yet "
                                     "written is missing");
    assert_made_events(&seen, 100);
    seen_release(&seen);
    writer_free(w);
}

static void test_file_is_private(void **state)
{
    (void)state;
    mode_t before = umask(0);
    made_capture(made_path("x.wsc"), 1, 1, 1);
    umask(before);
    struct stat st;
    assert_int_equal(stat(made_path("x.wsc"), &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0600);
}

static void test_existing_file_is_not_touched(void **state)
{
    (void)state;
    struct capture_header header = made_header();
    struct writer *w;
    struct err e = {0};
    made_spill(made_path("x.wsc"), "precious", 8);
    assert_int_equal(writer_new(&w, made_path("x.wsc"), &header, &e), -EEXIST);
    assert_null(w);
    assert_non_null(strstr(e.text, "x.wsc: File exists"));
    struct bytes still = made_slurp(made_path("x.wsc"));
    assert_int_equal(still.all.len, 8);
    assert_memory_equal(still.all.data, "precious", 8);
    vec_release(&still.all);

    /* Nor is a link followed, dangling or not. */
    assert_int_equal(symlink("x.wsc", made_path("link.wsc")), 0);
    assert_int_equal(writer_new(&w, made_path("link.wsc"), &header, NULL), -EEXIST);
    assert_int_equal(symlink("nothing", made_path("dangling.wsc")), 0);
    assert_int_equal(writer_new(&w, made_path("dangling.wsc"), &header, NULL), -EEXIST);
    assert_int_equal(access(made_path("nothing"), F_OK), -1);
}

static void test_folder_missing(void **state)
{
    (void)state;
    struct capture_header header = made_header();
    struct writer *w;
    struct err e = {0};
    assert_int_equal(writer_new(&w, made_path("no/x.wsc"), &header, &e), -ENOENT);
    assert_non_null(strstr(e.text, "No such file or directory"));
}

static void test_writer_refuses_broken_records(void **state)
{
    (void)state;
    struct capture_header header = made_header();
    struct writer *w;
    assert_int_equal(writer_new(&w, made_path("x.wsc"), &header, NULL), 0);
    struct event_io io = {.event = {.kind = EVENT_RECV, .size = sizeof(io)}, .data_len = 1};
    assert_int_equal(writer_append(w, &io.event), -EINVAL); /* data_len outside */
    io.data_len = 0;
    io.event.size = 12;
    assert_int_equal(writer_append(w, &io.event), -EINVAL); /* shorter than a record's head */
    io.event.size = sizeof(io) - 8;
    assert_int_equal(writer_append(w, &io.event), -EINVAL); /* shorter than its kind */
    io.event.size = sizeof(io);
    assert_int_equal(writer_append(w, &io.event), 0);
    assert_int_equal(writer_records(w), 1);
    writer_free(w);
}

/* A disk that is full: the error stays, and what was written before reads. */
static void test_failed_write_sticks(void **state)
{
    (void)state;
    struct capture_header header = made_header();
    struct writer *w;
    struct rlimit before, small = {8192, 8192};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(writer_new(&w, made_path("x.wsc"), &header, NULL), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int ret = 0;
    unsigned n = 0;
    for (; !ret && n < 1000; n++) {
        ret = writer_append(w, made_event(n));
        if (!ret)
            ret = writer_flush(w);
    }
    const struct capture_summary summary = {0};
    struct err e = {0};
    assert_int_equal(ret, -EFBIG);
    assert_int_equal(writer_append(w, made_event(0)), -EFBIG);
    assert_int_equal(writer_flush(w), -EFBIG);
    assert_int_equal(writer_end(w, 1, &summary, &e), -EFBIG);
    assert_string_equal(e.text, "write the capture: File too large");
    writer_free(w);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

    struct seen seen = {0};
    struct capture_visitor visitor = seen_visitor(&seen);
    struct capture_info info;
    assert_int_equal(capture_read(made_path("x.wsc"), &visitor, &info, NULL), 0);
    assert_false(info.complete);
    assert_int_equal(info.bad_blocks, 0);
    assert_made_events(&seen, n - 1);
    seen_release(&seen);
}

static int read_made(const char *name, struct err *e)
{
    static const struct capture_visitor nobody; /* NULL functions are allowed */
    struct capture_info info;
    *e = (struct err){0};
    return capture_read(made_path(name), &nobody, &info, e);
}

static void test_what_is_no_capture(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *words;
    } cases[] = {
        {"", "the file is empty"},
        {"hello", "this is not a capture: it does not begin with"},
        {"waits", "cut inside its header: 5 of 456 bytes are there"},
        {"[{\"format\":\"waitscope-timeline\",\"version\"", "this is a JSON timeline"},
        {"{\"a\":1}", "this is JSON"},
        {"<!doctype html>", "this is HTML"},
        {"\x1f\x8b\x08", "this is gzip data"},
        {"\177ELF", "this is a program"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char bytes[600] = {0};
        size_t len = strlen(cases[i].bytes);
        memcpy(bytes, cases[i].bytes, len);
        for (int longer = 0; longer < 2; longer++) { /* than a header is */
            if (longer && (!len || bytes[0] == 'w'))
                continue;
            struct err e;
            made_spill(made_path("x"), bytes, longer ? sizeof(bytes) : len);
            assert_int_equal(read_made("x", &e), -EBADMSG);
            assert_non_null(strstr(e.text, cases[i].words));
            assert_int_equal(e.exit_code, EXIT_DAMAGED);
        }
    }
}

static void test_what_is_no_file(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(read_made("missing", &e), -ENOENT);
    assert_non_null(strstr(e.text, "missing: No such file or directory"));
    assert_int_equal(e.exit_code, EXIT_FAILED);

    assert_int_equal(mkdir(made_path("folder"), 0700), 0);
    assert_int_equal(read_made("folder", &e), -EISDIR);
    assert_non_null(strstr(e.text, "folder: it is a directory"));

    /* A FIFO without a writer must not hang. */
    assert_int_equal(mkfifo(made_path("fifo"), 0600), 0);
    assert_int_equal(read_made("fifo", &e), -EINVAL);
    assert_non_null(strstr(e.text, "fifo: it is not a regular file"));
}

static void put(struct bytes *b, const void *bytes, size_t len)
{
    if (!len)
        return;
    assert_int_equal(vec_reserve(&b->all, b->all.len + len), 0);
    memcpy(b->all.data + b->all.len, bytes, len);
    b->all.len += len;
}

static void put_block(struct bytes *b, uint32_t seed, uint32_t type, const void *payload,
                      uint32_t len)
{
    struct capture_block head = {.type = type, .length = len, .mark = CAPTURE_BLOCK_MARK};
    head.crc = check_block_crc(seed, &head, payload);
    put(b, &head, sizeof(head));
    put(b, payload, len);
}

static struct capture_header versioned(uint16_t major, uint16_t minor)
{
    struct capture_header h = made_header();
    memcpy(h.magic, CAPTURE_MAGIC, sizeof(h.magic));
    h.major = major;
    h.minor = minor;
    h.header_size = sizeof(h);
    return h;
}

static void test_other_major_is_refused(void **state)
{
    (void)state;
    struct capture_header h = versioned(CAPTURE_MAJOR + 1, 0);
    h.crc = check_header_crc(&h, NULL, 0);
    made_spill(made_path("y.wsc"), &h, sizeof(h));
    struct err e;
    assert_int_equal(read_made("y.wsc", &e), -EPROTONOSUPPORT);
    assert_non_null(
        strstr(e.text, "its format is version 3.0, and this program reads 1.x and 2.x"));
    assert_int_equal(e.exit_code, EXIT_DAMAGED);
    assert_true(e.hint[0]);
}

/* A later minor version may have a longer header, more block types and more kinds of records. */
static void test_later_minor_is_read(void **state)
{
    (void)state;
    static const char more[] = "longer!";
    struct capture_header h = versioned(CAPTURE_MAJOR, CAPTURE_MINOR + 1);
    h.header_size += sizeof(more);
    h.crc = check_header_crc(&h, more, sizeof(more));
    h.end_ns = 5;
    struct bytes b = {VEC_INIT}, events = {VEC_INIT};
    put(&b, &h, sizeof(h));
    put(&b, more, sizeof(more));
    put_block(&b, h.crc, 99, "new", 3); /* its odd length also brings the rest out of alignment */
    const struct event unknown = {.kind = EVENT_KINDS + 5, .size = sizeof(unknown)};
    put(&events, &unknown, sizeof(unknown));
    for (unsigned n = 0; n < 3; n++)
        put(&events, made_event(n), made_event(n)->size);
    put_block(&b, h.crc, BLOCK_EVENTS, events.all.data, (uint32_t)events.all.len);
    const struct capture_summary summary = {.records = 4, .end_ns = 5};
    put_block(&b, h.crc, BLOCK_SUMMARY, &summary, sizeof(summary));
    made_spill(made_path("y.wsc"), b.all.data, b.all.len);

    struct seen seen = {0};
    struct capture_visitor visitor = seen_visitor(&seen);
    struct capture_info info;
    assert_int_equal(capture_read(made_path("y.wsc"), &visitor, &info, NULL), 0);
    assert_string_equal(info.damage, "");
    assert_true(info.complete);
    assert_int_equal(info.records, 3);
    assert_made_events(&seen, 3);
    seen_release(&seen);
    vec_release(&events.all);
    vec_release(&b.all);
}

/* What a flight recorder and the self-audit add; a file without it has zeros there. */
static void test_flight_and_cost(void **state)
{
    (void)state;
    const struct capture_flight flight = {1, 2, 3, 1, 5};
    struct capture_cost cost = {.recorder_ns = 7, .sampled_ns = 8, .windows = 9, .count = 2};
    struct capture_header header = made_header();
    struct writer *w;
    memset(cost.programs[1].name, 'x', sizeof(cost.programs[1].name));
    cost.programs[1].runs = 10;
    assert_int_equal(writer_new(&w, made_path("f.wsc"), &header, NULL), 0);
    assert_int_equal(writer_flight(w, &flight), 0);
    assert_int_equal(writer_append(w, made_event(0)), 0); /* put out before what follows */
    assert_int_equal(writer_cost(w, &cost, offsetof(struct capture_cost, programs[2])), 0);
    struct bytes three = {VEC_INIT};
    for (unsigned n = 1; n < 4; n++)
        put(&three, made_event(n), made_event(n)->size);
    assert_int_equal(writer_events(w, three.all.data, three.all.len, 3), 0);
    assert_int_equal(writer_end(w, header.start_ns + 1, &(struct capture_summary){0}, NULL), 0);
    writer_free(w);

    struct seen seen = {0};
    struct capture_visitor visitor = seen_visitor(&seen);
    struct capture_info info;
    assert_int_equal(capture_read(made_path("f.wsc"), &visitor, &info, NULL), 0);
    assert_true(info.complete);
    assert_made_events(&seen, 4);
    assert_memory_equal(&info.flight, &flight, sizeof(flight));
    assert_int_equal(info.cost.recorder_ns, 7);
    assert_int_equal(info.cost.count, 2);
    assert_int_equal(info.cost.programs[1].runs, 10);
    assert_int_equal(strlen(info.cost.programs[1].name), sizeof(info.cost.programs[1].name) - 1);
    seen_release(&seen);
    vec_release(&three.all);
}

/* One that promises more programs than it has. */
static void test_cost_cut(void **state)
{
    (void)state;
    struct capture_cost cost = {.recorder_ns = 7, .count = 60};
    struct capture_header h = versioned(CAPTURE_MAJOR, CAPTURE_MINOR);
    struct bytes b = {VEC_INIT};
    struct capture_visitor visitor = {0};
    struct capture_info info;
    h.crc = check_header_crc(&h, NULL, 0);
    put(&b, &h, sizeof(h));
    put_block(&b, h.crc, BLOCK_COST, &cost, offsetof(struct capture_cost, programs[1]));
    assert_int_equal(capture_read_bytes(b.all.data, b.all.len, "cut", &visitor, &info, NULL), 0);
    assert_int_equal(info.cost.recorder_ns, 7);
    assert_int_equal(info.cost.count, 1);
    assert_int_equal(info.bad_blocks, 0);
    put_block(&b, h.crc, BLOCK_COST, &cost, 8);
    put_block(&b, h.crc, BLOCK_FLIGHT, &cost, 8);
    assert_int_equal(capture_read_bytes(b.all.data, b.all.len, "cut", &visitor, &info, NULL), 0);
    assert_int_equal(info.bad_blocks, 2);
    vec_release(&b.all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flushed_is_on_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_is_private, setup, teardown),
        cmocka_unit_test_setup_teardown(test_existing_file_is_not_touched, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writer_refuses_broken_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_write_sticks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_capture, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_major_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_later_minor_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flight_and_cost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cost_cut, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
