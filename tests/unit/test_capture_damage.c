/*
 * A damaged capture: never a crash, never a record that was not written, every whole block read,
 * and said in words. Run under SAN=1 too, where reading behind an end shows.
 */
#include "capture/check.h"
#include "capture_made.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT 60u
#define PER_BLOCK 10u

static struct bytes whole;

static int setup(void **state)
{
    (void)state;
    made_folder();
    made_capture(made_path("x.wsc"), COUNT, PER_BLOCK, 1);
    whole = made_slurp(made_path("x.wsc"));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vec_release(&whole.all);
    made_remove();
    return 0;
}

static int read_bytes(const void *bytes, size_t len, struct seen *seen, struct capture_info *info,
                      struct err *e)
{
    struct capture_visitor visitor = seen_visitor(seen);
    *e = (struct err){0};
    return capture_read_bytes(bytes, len, "x.wsc", &visitor, info, e);
}

/* Number of events in the block at `offset` of the whole file, and where the next one begins. */
static unsigned block_events(size_t offset, size_t *next)
{
    struct capture_block head;
    memcpy(&head, whole.all.data + offset, sizeof(head));
    *next = offset + sizeof(head) + head.length;
    return head.type == BLOCK_EVENTS ? PER_BLOCK : 0;
}

/* The records seen are made_event()s in order, without those from `gap` to `gap_end`. */
static void assert_seen(const struct seen *seen, unsigned count, unsigned gap, unsigned gap_end)
{
    unsigned at = 0;
    for (unsigned n = 0; n < count; n++) {
        if (n >= gap && n < gap_end)
            continue;
        const struct event *ev = made_event(n);
        assert_true(at < seen->starts.len);
        assert_memory_equal(seen->records.all.data + seen->starts.data[at++], ev, ev->size);
    }
    assert_int_equal(seen->starts.len, at);
}

static void assert_cut_read(size_t len, const struct seen *seen, const struct capture_info *info)
{
    size_t offset = sizeof(struct capture_header), next = offset;
    unsigned events = 0, blocks = 0;
    while (offset < len) {
        unsigned here = block_events(offset, &next);
        if (next > len)
            break;
        events += here;
        blocks++;
        offset = next;
    }
    assert_seen(seen, events, 0, 0);
    assert_false(info->complete);
    assert_int_equal(info->records, events);
    assert_int_equal(info->bad_blocks, 0);
    if (offset == len) {
        assert_string_equal(info->damage, "the summary at the end is missing");
        assert_int_equal(info->missing_bytes, 0);
        return;
    }
    char words[64];
    snprintf(words, sizeof(words), "cut after %u block%s: ", blocks, blocks == 1 ? "" : "s");
    assert_memory_equal(info->damage, words, strlen(words));
    if (len - offset >= sizeof(struct capture_block))
        assert_int_equal(info->missing_bytes, next - len);
    else
        assert_int_equal(info->missing_bytes, sizeof(struct capture_block) - (len - offset));
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t len = 0; len < whole.all.len; len++) {
        struct seen seen = {0};
        struct capture_info info;
        struct err e;
        /* A copy of exactly that size, so that the sanitizer sees a step beyond it. */
        unsigned char *cut = malloc(len ? len : 1);
        assert_non_null(cut);
        memcpy(cut, whole.all.data, len);
        int ret = read_bytes(cut, len, &seen, &info, &e);
        if (len < sizeof(struct capture_header)) {
            assert_int_equal(ret, -EBADMSG);
            assert_int_equal(e.exit_code, EXIT_DAMAGED);
            assert_int_equal(seen.starts.len, 0);
        } else {
            assert_int_equal(ret, 0);
            assert_cut_read(len, &seen, &info);
        }
        seen_release(&seen);
        free(cut);
    }
}

/* A flip at `offset` may cost the events of the block it lies in, and no others. */
static void lost_to_flip(size_t offset, unsigned *gap, unsigned *gap_end)
{
    size_t at = sizeof(struct capture_header), next;
    *gap = *gap_end = 0;
    if (offset < at)
        return;
    for (;; at = next) {
        unsigned here = block_events(at, &next);
        *gap = *gap_end;
        *gap_end += here;
        if (offset < next)
            return;
    }
}

static void test_every_bit_flipped(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < whole.all.len * 8; bit++) {
        size_t offset = bit / 8;
        struct seen seen = {0};
        struct capture_info info;
        struct err e;
        whole.all.data[offset] ^= (unsigned char)(1u << bit % 8);
        int ret = read_bytes(whole.all.data, whole.all.len, &seen, &info, &e);
        whole.all.data[offset] ^= (unsigned char)(1u << bit % 8);
        unsigned gap, gap_end;
        lost_to_flip(offset, &gap, &gap_end);
        assert_int_equal(ret, 0);
        assert_seen(&seen, COUNT, gap, gap_end);
        /* Flags that mean nothing yet are nobody's loss. */
        const size_t flags = offsetof(struct capture_header, flags);
        bool unused_flag = offset >= flags && offset < flags + 4 && bit != flags * 8;
        assert_int_equal(info.complete, unused_flag);
        assert_int_equal(!info.damage[0], unused_flag);
        bool in_block = offset >= sizeof(struct capture_header);
        /* A last block that promises more than there is looks like a cut. */
        bool like_cut = !memcmp(info.damage, "cut after", 9);
        if (like_cut)
            assert_true(gap == gap_end && offset > whole.all.len - 64);
        assert_int_equal(info.bad_blocks, in_block && !like_cut);
        assert_int_equal(info.missing_bytes > 0, in_block);
        if (offset < offsetof(struct capture_header, start_ns))
            assert_int_equal(info.header.end_ns, 1000000001000);
        seen_release(&seen);
    }
}

static void test_damage_in_words(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct capture_info info;
    struct err e;
    size_t first = sizeof(struct capture_header), second, third;
    block_events(first, &second);
    block_events(second, &third);
    memset(whole.all.data + second + 20, 0xff, third - second);
    assert_int_equal(read_bytes(whole.all.data, whole.all.len, &seen, &info, &e), 0);
    assert_int_equal(info.bad_blocks, 1); /* two neighbours: where one ends cannot be known */
    assert_int_equal(info.records, COUNT - 2 * PER_BLOCK);
    assert_non_null(strstr(info.damage, "1 damaged block ("));
    assert_non_null(strstr(info.damage, "passed over; 20 of 60 records are missing"));
    seen_release(&seen);
}

static void test_record_broken_inside_a_sound_block(void **state)
{
    (void)state;
    /* Such a file nobody wrote: the CRC is made to fit behind the damage. */
    size_t first = sizeof(struct capture_header), block;
    struct capture_header header;
    memcpy(&header, whole.all.data, sizeof(header));
    block_events(first, &block);
    struct capture_block head;
    memcpy(&head, whole.all.data + block, sizeof(head));
    unsigned char *payload = whole.all.data + block + sizeof(head);
    static const uint16_t sizes[] = {0, 8, 16, 57, 60, 65528};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct event *second = (struct event *)(payload + made_event(0)->size);
        second->size = sizes[i];
        head.crc = check_block_crc(header.crc, &head, payload);
        memcpy(whole.all.data + block, &head, sizeof(head));
        struct seen seen = {0};
        struct capture_info info;
        struct err e;
        assert_int_equal(read_bytes(whole.all.data, whole.all.len, &seen, &info, &e), 0);
        assert_seen(&seen, COUNT, 1, PER_BLOCK);
        assert_int_equal(info.bad_blocks, 1);
        assert_false(info.complete);
        seen_release(&seen);
    }
}

/* A client sends bytes that look like a block; damage to the real one must not raise them. */
static void test_smuggled_block(void **state)
{
    (void)state;
    struct {
        struct capture_block head;
        struct event_exit exit;
    } smuggled = {
        {.type = BLOCK_EVENTS, .length = sizeof(struct event_exit), .mark = CAPTURE_BLOCK_MARK},
        {.event = {.kind = EVENT_EXIT, .size = sizeof(struct event_exit), .tid = 666}},
    };
    smuggled.head.crc = check_block_crc(0, &smuggled.head, &smuggled.exit);
    struct {
        struct event_io io;
        unsigned char data[sizeof(smuggled)];
    } recv = {.io = {.event = {.kind = EVENT_RECV, .size = sizeof(recv), .tid = 1},
                     .data_len = sizeof(smuggled)}};
    memcpy(recv.data, &smuggled, sizeof(smuggled));

    struct capture_header header = made_header();
    struct writer *w;
    assert_int_equal(writer_new(&w, made_path("y.wsc"), &header, NULL), 0);
    assert_int_equal(writer_append(w, &recv.io.event), 0);
    assert_int_equal(writer_flush(w), 0);
    assert_int_equal(writer_append(w, made_event(0)), 0);
    assert_int_equal(writer_flush(w), 0);
    writer_free(w);
    struct bytes b = made_slurp(made_path("y.wsc"));
    b.all.data[sizeof(header) + 4] ^= 0x40; /* the length of the first block */
    struct seen seen = {0};
    struct capture_info info;
    struct err e;
    assert_int_equal(read_bytes(b.all.data, b.all.len, &seen, &info, &e), 0);
    assert_int_equal(seen.starts.len, 1);
    assert_memory_equal(seen.records.all.data, made_event(0), made_event(0)->size);
    seen_release(&seen);
    vec_release(&b.all);
}

/* Nothing but block heads, each of which promises 4 MiB: the search ends in time and says so. */
static void test_search_is_bounded(void **state)
{
    (void)state;
    const size_t size = 16u << 20;
    unsigned char *bytes = malloc(size);
    assert_non_null(bytes);
    struct capture_block head = {BLOCK_EVENTS, CAPTURE_BLOCK_MAX, 1, CAPTURE_BLOCK_MARK};
    memcpy(bytes, whole.all.data, sizeof(struct capture_header));
    for (size_t at = sizeof(struct capture_header); at + sizeof(head) <= size; at += sizeof(head))
        memcpy(bytes + at, &head, sizeof(head));
    made_spill(made_path("hostile.wsc"), bytes, size);
    free(bytes);
    struct seen seen = {0};
    struct capture_visitor visitor = seen_visitor(&seen);
    struct capture_info info;
    clock_t begin = clock();
    assert_int_equal(capture_read(made_path("hostile.wsc"), &visitor, &info, NULL), 0);
    assert_true(clock() - begin < 5 * CLOCKS_PER_SEC);
    assert_int_equal(info.records, 0);
    assert_non_null(strstr(info.damage, "given up"));
    seen_release(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cut_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_bit_flipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_in_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_record_broken_inside_a_sound_block, setup, teardown),
        cmocka_unit_test_setup_teardown(test_smuggled_block, setup, teardown),
        cmocka_unit_test_setup_teardown(test_search_is_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
