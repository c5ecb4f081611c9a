/* The JSON timeline read back, line by line as a reader does, and its sums compared. */
#include "output_scene.h"

#include "base/text.h"
#include "output/json.h"
#include "output/lines.h"
#include "output/output.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include <cmocka.h>

struct line {
    struct json_object *o;
};

struct lines {
    VEC(struct line) all;
};

/* Splits at line feeds, strips the bracket or comma in front, parses each. */
static void parse_lines(const struct buf *text, struct lines *lines)
{
    const char *p = buf_str(text), *end = p + text->len;
    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        assert_non_null(stop);
        if (*p == ']') {
            assert_ptr_equal(stop + 1, end);
            break;
        }
        assert_true(*p == (lines->all.len ? ',' : '['));
        struct json_tokener *tokener = json_tokener_new();
        struct json_object *o = json_tokener_parse_ex(tokener, p + 1, (int)(stop - p - 1));
        assert_int_equal(json_tokener_get_error(tokener), json_tokener_success);
        assert_non_null(o);
        json_tokener_free(tokener);
        struct line line = {o};
        scene_must(vec_push(&lines->all, line));
        p = stop + 1;
    }
}

static void free_lines(struct lines *lines)
{
    for (size_t i = 0; i < lines->all.len; i++)
        json_object_put(lines->all.data[i].o);
    vec_release(&lines->all);
}

static struct json_object *line_at(const struct lines *lines, size_t at)
{
    if (!lines->all.data || at >= lines->all.len) {
        fail_msg("there is no line %zu", at);
        return NULL;
    }
    return lines->all.data[at].o;
}

static struct json_object *get(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(o, key, &value))
        fail_msg("no key %s", key);
    return value;
}

static uint64_t number(struct json_object *o, const char *key)
{
    return json_object_get_uint64(get(o, key));
}

static bool is_type(struct json_object *o, const char *type)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(o, "type", &value) &&
           !strcmp(json_object_get_string(value), type);
}

/* Elements of a column over all blocks of a type; their sum in `*sum`. */
static size_t column(const struct lines *lines, const char *type, const char *key, uint64_t *sum)
{
    size_t count = 0;
    *sum = 0;
    for (size_t i = 1; i < lines->all.len; i++) {
        if (!is_type(lines->all.data[i].o, type))
            continue;
        struct json_object *array = get(lines->all.data[i].o, key);
        size_t len = json_object_array_length(array);
        for (size_t k = 0; k < len; k++)
            *sum += json_object_get_uint64(json_object_array_get_idx(array, k));
        count += len;
    }
    return count;
}

static size_t blocks(const struct lines *lines, const char *type)
{
    size_t count = 0;
    for (size_t i = 1; i < lines->all.len; i++)
        count += is_type(lines->all.data[i].o, type);
    return count;
}

static void test_whole_file_is_json(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    scene_init(&tl);
    assert_int_equal(output_json(&tl, &out), 0);
    struct json_object *array = json_tokener_parse(buf_str(&out));
    assert_true(json_object_is_type(array, json_type_array));
    json_object_put(array);
    buf_release(&out);
    timeline_release(&tl);
}

/* More than a line takes of each: every element is there once, in order. */
static void make_large(struct timeline *tl, uint32_t intervals, uint32_t requests)
{
    timeline_init(tl);
    uint32_t process = scene_process(tl, 1, "large");
    uint32_t conn = scene_object(tl, OBJ_ACCEPTED, "c", "l", "r");
    struct thread *t = scene_thread(tl, process, 1, "large", THREAD_ROLE_WORKER);
    static const uint8_t states[] = {STATE_RUNNING, STATE_BLOCKED, STATE_RUNNABLE, STATE_LOCK};
    uint64_t now = 0;
    for (uint32_t i = 0; i < intervals; i++)
        scene_interval(tl, t, now += 1 + i % 7, states[i % 4], i % 2 ? "read" : NULL,
                       i % 4 == 1 ? conn : 0, i % 8 == 1 ? INTERVAL_IDLE : 0);
    tl->duration_ns = t->end_ns;
    for (uint32_t i = 0; i < requests; i++) {
        char name[32];
        snprintf(name, sizeof(name), "GET /%u", i);
        struct request *r = scene_request(tl, process, conn, name, "GET /:n", i);
        scene_segment(tl, r, i + 3, LEDGER_QUEUED, 1, 0);
        if (i % 2)
            scene_segment(tl, r, i + 4, LEDGER_RUNNING, 1, 1);
    }
}

static void test_large_in_chunks(void **state)
{
    (void)state;
    enum { INTERVALS = 200001, REQUESTS = 10003 };
    struct timeline tl;
    struct buf out = BUF_INIT;
    struct lines lines = {VEC_INIT};
    uint64_t sum;
    make_large(&tl, INTERVALS, REQUESTS);
    assert_int_equal(output_json(&tl, &out), 0);
    parse_lines(&out, &lines);

    assert_int_equal(blocks(&lines, "thread"), 3);
    assert_int_equal(column(&lines, "thread", "dt", &sum), INTERVALS);
    assert_int_equal(sum, tl.duration_ns);
    assert_int_equal(column(&lines, "thread", "state", &sum), INTERVALS);
    /* One of four is blocked and one is a lock. */
    assert_int_equal(column(&lines, "thread", "fd", &sum), INTERVALS / 2);
    assert_int_equal(column(&lines, "thread", "object", &sum), INTERVALS / 2);
    assert_int_equal(sum, INTERVALS / 4);
    column(&lines, "thread", "flags", &sum);
    assert_int_equal(sum, INTERVALS / 8);

    assert_int_equal(blocks(&lines, "requests"), 3);
    assert_int_equal(column(&lines, "requests", "id", &sum), REQUESTS);
    assert_int_equal(sum, (uint64_t)REQUESTS * (REQUESTS + 1) / 2);
    assert_int_equal(column(&lines, "requests", "segments", &sum), REQUESTS);
    assert_int_equal(sum, tl.segments.len);
    assert_int_equal(column(&lines, "requests", "seg_dt", &sum), tl.segments.len);
    uint64_t latencies;
    column(&lines, "requests", "latency", &latencies);
    assert_int_equal(sum, latencies);
    assert_int_equal(column(&lines, "requests", "seg_thread", &sum), tl.segments.len);

    assert_int_equal(blocks(&lines, "strings"), 2);
    assert_int_equal(column(&lines, "strings", "values", &sum), tl.strings.len);

    /* Where a line says it begins, the last one ended. */
    uint64_t first = 0, start = 0;
    for (size_t i = 1; i < lines.all.len; i++) {
        struct json_object *o = lines.all.data[i].o;
        if (!is_type(o, "thread"))
            continue;
        assert_int_equal(number(o, "first"), first);
        assert_int_equal(number(o, "start"), start);
        first += json_object_array_length(get(o, "dt"));
        for (size_t k = 0; k < json_object_array_length(get(o, "dt")); k++)
            start += json_object_get_uint64(json_object_array_get_idx(get(o, "dt"), k));
    }
    struct json_object *end = line_at(&lines, lines.all.len - 1);
    assert_true(is_type(end, "end"));
    assert_int_equal(number(end, "intervals"), INTERVALS);
    assert_int_equal(number(end, "requests"), REQUESTS);
    free_lines(&lines);
    buf_release(&out);
    timeline_release(&tl);
}

/* What a server, its files or its clients may be called. */
static const char *const hostile[] = {
    "</script><script>alert(1)</script>",
    "\"quoted\", \\ and \x01\x1b[31m\n\r\t",
    "line\xe2\x80\xa8paragraph\xe2\x80\xa9",
    "right\xe2\x80\xae to left",
    "not UTF-8 \xff\xfe\xc0\xaf",
    "]]}\n,{\"type\":\"end\"}",
    "<!--waitscope-data-->",
    "",
};

static void clean(struct buf *out, const char *s)
{
    buf_clear(out);
    text_clean(out, s, strlen(s));
}

static void test_hostile_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
        struct timeline tl;
        struct buf out = BUF_INIT, name = BUF_INIT;
        struct lines lines = {VEC_INIT};
        scene_init(&tl);
        uint32_t s = timeline_intern_bytes(&tl, hostile[i], strlen(hostile[i]));
        tl.host = tl.kernel = tl.command = tl.damage = tl.probes.data[0] = s;
        tl.losses.data[0].kind = s;
        for (size_t k = 0; k < tl.processes.len; k++)
            tl.processes.data[k].comm = tl.processes.data[k].verdict.waits_on_name = s;
        for (size_t k = 0; k < tl.threads.len; k++)
            tl.threads.data[k].comm = s;
        for (size_t k = 0; k < tl.objects.len; k++)
            tl.objects.data[k].name = tl.objects.data[k].local = tl.objects.data[k].remote = s;
        for (size_t k = 0; k < tl.requests.len; k++)
            tl.requests.data[k].name = tl.requests.data[k].group = tl.requests.data[k].protocol = s;
        assert_int_equal(output_json(&tl, &out), 0);
        for (size_t k = 0; k < out.len; k++)
            assert_true((unsigned char)out.data[k] >= ' ' || out.data[k] == '\n');
        assert_null(strstr(buf_str(&out), "\xe2\x80\xae"));
        assert_null(strstr(buf_str(&out), "\xe2\x80\xa8"));
        parse_lines(&out, &lines);
        clean(&name, hostile[i]);
        struct json_object *header = line_at(&lines, 0);
        assert_string_equal(json_object_get_string(get(header, "host")), buf_str(&name));
        struct json_object *process = json_object_array_get_idx(get(header, "processes"), 0);
        assert_string_equal(json_object_get_string(get(process, "comm")), buf_str(&name));
        struct json_object *values = get(line_at(&lines, 1), "values");
        assert_string_equal(json_object_get_string(json_object_array_get_idx(values, s)),
                            buf_str(&name));

        buf_clear(&out);
        assert_int_equal(output_report_json(&tl, &out), 0);
        struct json_object *report = json_tokener_parse(buf_str(&out));
        assert_non_null(report);
        struct json_object *request = json_object_array_get_idx(get(report, "requests"), 0);
        assert_string_equal(json_object_get_string(get(request, "name")), buf_str(&name));
        json_object_put(report);

        buf_clear(&out);
        assert_int_equal(output_text(&tl, &(struct text_options){0}, &out), 0);
        for (size_t k = 0; k < out.len; k++)
            assert_true((unsigned char)out.data[k] >= ' ' || out.data[k] == '\n');
        free_lines(&lines);
        buf_release(&name);
        buf_release(&out);
        timeline_release(&tl);
    }
}

static void unzip(const struct buf *packed, struct buf *out)
{
    z_stream z = {0};
    unsigned char bytes[65536];
    int ret;
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = (Bytef *)packed->data;
    z.avail_in = (uInt)packed->len;
    do {
        z.next_out = bytes;
        z.avail_out = sizeof(bytes);
        ret = inflate(&z, Z_NO_FLUSH);
        assert_true(ret == Z_OK || ret == Z_STREAM_END);
        buf_add(out, bytes, sizeof(bytes) - z.avail_out);
    } while (ret != Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    inflateEnd(&z);
}

static void test_gzip_holds_the_same(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf plain = BUF_INIT, packed = BUF_INIT, again = BUF_INIT;
    make_large(&tl, 150000, 6000);
    assert_int_equal(output_json(&tl, &plain), 0);
    assert_int_equal(output_json_gz(&tl, &packed), 0);
    unzip(&packed, &again);
    assert_int_equal(plain.len, again.len);
    assert_memory_equal(plain.data, again.data, plain.len);
    assert_true(packed.len < plain.len / 4);
    buf_release(&plain);
    buf_release(&packed);
    buf_release(&again);
    timeline_release(&tl);
}

static int stop_at_second(void *ctx, struct buf *text)
{
    int *calls = ctx;
    buf_clear(text);
    return ++*calls == 2 ? -EIO : 0;
}

static void test_drain_ends_the_writing(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf text = BUF_INIT;
    int calls = 0;
    scene_init(&tl);
    assert_int_equal(json_write(&tl, &text, stop_at_second, &calls), -EIO);
    assert_int_equal(calls, 2);
    buf_release(&text);
    timeline_release(&tl);
}

/* What was not told the caller once is told in the end. */
static void test_failed_buf_shows(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    scene_init(&tl);
    out.failed = true;
    assert_int_equal(output_json(&tl, &out), -ENOMEM);
    assert_int_equal(output_json_gz(&tl, &out), -ENOMEM);
    assert_int_equal(output_html(&tl, &out), -ENOMEM);
    assert_int_equal(output_report_json(&tl, &out), -ENOMEM);
    assert_int_equal(output_text(&tl, &(struct text_options){0}, &out), -ENOMEM);
    timeline_release(&tl);
}

static void test_numbers_that_are_none(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    scene_init(&tl);
    struct verdict *v = &tl.processes.data[0].verdict;
    v->efficiency = v->held_ns = v->capacity = v->offered = 0.0 / 0.0;
    v = &tl.processes.data[1].verdict;
    v->efficiency = v->held_ns = v->capacity = v->offered = 1.0 / 0.0;
    assert_int_equal(output_report_json(&tl, &out), 0);
    struct json_object *report = json_tokener_parse(buf_str(&out));
    assert_non_null(report);
    json_object_put(report);
    assert_non_null(strstr(buf_str(&out), "\"capacity\":null,\"offered\":null"));
    buf_clear(&out);
    assert_int_equal(output_text(&tl, &(struct text_options){0}, &out), 0);
    assert_null(strstr(buf_str(&out), "nan"));
    assert_null(strstr(buf_str(&out), "inf"));
    buf_release(&out);
    timeline_release(&tl);
}

static double seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void test_speed(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf plain = BUF_INIT, packed = BUF_INIT;
    make_large(&tl, 1000000, 10000);
    double begin = seconds();
    assert_int_equal(output_json(&tl, &plain), 0);
    double middle = seconds();
    assert_int_equal(output_json_gz(&tl, &packed), 0);
    double end = seconds();
    print_message("# 1 M intervals: plain %.2f s, gzipped %.2f s of CPU\n", middle - begin,
                  end - middle);
    /* The goal is 0.5 s; a sanitizer or a busy machine may take longer, but not 40 times. */
    assert_true(end - middle < 20);
    buf_release(&plain);
    buf_release(&packed);
    timeline_release(&tl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_file_is_json),     cmocka_unit_test(test_large_in_chunks),
        cmocka_unit_test(test_hostile_names),          cmocka_unit_test(test_gzip_holds_the_same),
        cmocka_unit_test(test_drain_ends_the_writing), cmocka_unit_test(test_failed_buf_shows),
        cmocka_unit_test(test_numbers_that_are_none),  cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
