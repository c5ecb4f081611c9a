/*
 * fuzz_capture: any bytes as a capture, through reader, analysis and every output. Nothing may
 * crash, leak or read behind an end, and what comes out must keep the promises that
 * timeline_check() knows and be JSON.
 *
 * Each input is read twice: as it is, and with its checksums made to fit, for else no change
 * would ever get past the reader. With -DFUZZER it is a libFuzzer target (see run); without, a
 * program that replays the files it is given.
 */
#include "analysis/analysis.h"
#include "capture/check.h"
#include "output/budget.h"
#include "output/diff.h"
#include "output/output.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void __attribute__((noreturn)) broken(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    abort();
}

static void check_json(const char *what, const struct buf *out)
{
    struct json_tokener *tokener = json_tokener_new();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *parsed = json_tokener_parse_ex(tokener, buf_str(out), (int)out->len);
    if (json_tokener_get_error(tokener) != json_tokener_success)
        broken(what, json_tokener_error_desc(json_tokener_get_error(tokener)));
    json_object_put(parsed);
    json_tokener_free(tokener);
}

static void check_harmless(const struct buf *out)
{
    for (size_t i = 0; i < out->len; i++)
        if ((unsigned char)out->data[i] < 0x20 && out->data[i] != '\n')
            broken("text", "a control character");
}

/* Every rule there is, each so strict that all are listed, and none at all. */
static void check_budget(const struct timeline *tl, const struct text_options *options)
{
    for (unsigned strict = 0; strict < 2; strict++) {
        struct budget budget = {.no_loop_hold = true};
        struct judgement j;
        struct buf out = BUF_INIT;
        for (unsigned rule = 0; rule < BUDGET_RULES; rule++)
            if (budget_parse_limit(&budget.limits[rule], rule, strict ? "0" : "1ms") < 0)
                broken("limit", "failed");
        if (budget_judge(&budget, tl, &j) < 0 || output_check_json(tl, &budget, &j, &out) < 0)
            broken("check json", "failed");
        check_json("check json", &out);
        buf_clear(&out);
        if (output_check_text(tl, &budget, &j, options, &out) < 0)
            broken("check text", "failed");
        check_harmless(&out);
        judgement_release(&j);
        buf_release(&out);
    }
}

static void check_diff(const struct timeline *tl, const struct text_options *options)
{
    struct timeline none;
    struct diff diff;
    struct buf out = BUF_INIT;
    timeline_init(&none);
    for (unsigned other = 0; other < 2; other++) {
        buf_clear(&out);
        if (diff_init(&diff, tl, "a", other ? &none : tl, "b",
                      other ? GROUPS_BY_GROUP : GROUPS_BY_NAME) < 0 ||
            output_diff_json(&diff, &out) < 0)
            broken("diff json", "failed");
        check_json("diff json", &out);
        buf_clear(&out);
        if (output_diff_text(&diff, options, &out) < 0)
            broken("diff text", "failed");
        check_harmless(&out);
        diff_release(&diff);
    }
    buf_release(&out);
    timeline_release(&none);
}

static void check_outputs(const struct timeline *tl)
{
    struct buf out = BUF_INIT;
    if (output_json(tl, &out) < 0)
        broken("json", "failed");
    check_json("json", &out);
    buf_clear(&out);
    if (output_report_json(tl, &out) < 0)
        broken("report json", "failed");
    check_json("report json", &out);
    buf_clear(&out);
    const struct text_options options = {.width = 40 + (unsigned)(tl->records % 100)};
    if (output_text(tl, &options, &out) < 0)
        broken("text", "failed");
    check_harmless(&out);
    buf_release(&out);
    check_budget(tl, &options);
    check_diff(tl, &options);
}

/* The outputs take most of the time: a fuzzer has them for one input in four. */
static bool with_outputs(const uint8_t *data, size_t size)
{
#ifdef FUZZER
    return table_hash(data, size) % 4 == 0;
#else
    (void)data;
    (void)size;
    return true;
#endif
}

static void read_one(const uint8_t *data, size_t size)
{
    struct analysis *a;
    struct capture_info info;
    struct timeline tl;
    struct err e = {0};
    char why[200] = "";
    if (analysis_new(&a, NULL) < 0)
        broken("analysis_new", "failed");
    struct capture_visitor visitor = analysis_visitor(a);
    timeline_init(&tl);
    if (capture_read_bytes(data, size, "fuzz", &visitor, &info, &e) == 0) {
        if (info.complete != !info.damage[0])
            broken("reader", "damaged without a word");
        if (analysis_finish(a, &info, &tl) < 0)
            broken("analysis_finish", "failed");
        if (timeline_check(&tl, why, sizeof(why)) < 0)
            broken("timeline_check", why);
        if (with_outputs(data, size))
            check_outputs(&tl);
    } else if (!e.text[0]) {
        broken("reader", "failed without a word");
    }
    timeline_release(&tl);
    analysis_free(a);
}

/* Makes header and blocks fit their checksums, whatever their fields hold. */
static void mend(uint8_t *data, size_t size)
{
    struct capture_header header;
    if (size < sizeof(header))
        return;
    memcpy(&header, data, sizeof(header));
    memcpy(header.magic, CAPTURE_MAGIC, sizeof(header.magic));
    header.major = CAPTURE_MAJOR;
    header.header_size = sizeof(header);
    header.crc = check_header_crc(&header, NULL, 0);
    memcpy(data, &header, sizeof(header));
    struct capture_block block;
    for (size_t at = sizeof(header); size - at >= sizeof(block); at += block.length) {
        memcpy(&block, data + at, sizeof(block));
        size_t rest = size - at - sizeof(block);
        if (block.length > rest)
            block.length = (uint32_t)rest;
        if (block.length > CAPTURE_BLOCK_MAX)
            block.length = CAPTURE_BLOCK_MAX;
        block.mark = CAPTURE_BLOCK_MARK;
        block.crc = check_block_crc(header.crc, &block, data + at + sizeof(block));
        memcpy(data + at, &block, sizeof(block));
        at += sizeof(block);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_one(data, size);
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    mend(copy, size);
    read_one(copy, size);
    free(copy);
    return 0;
}

#ifndef FUZZER
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        struct buf bytes = BUF_INIT;
        char piece[4096];
        if (!f) {
            perror(argv[i]);
            return 1;
        }
        for (size_t n; (n = fread(piece, 1, sizeof(piece), f)) > 0;)
            buf_add(&bytes, piece, n);
        fclose(f);
        fprintf(stderr, "%s\n", argv[i]); /* so that a crash names its file */
        LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&bytes), bytes.len);
        buf_release(&bytes);
    }
    return 0;
}
#endif
