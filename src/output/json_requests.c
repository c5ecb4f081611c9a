#include "output/json.h"

#include <stdlib.h>

/* A column is the same field of each request. */
#define REQUEST_COLUMN(name, expression)                   \
    static int64_t request_##name(const struct request *r) \
    {                                                      \
        return (int64_t)(expression);                      \
    }
REQUEST_COLUMN(id, r->id)
REQUEST_COLUMN(process, r->process)
REQUEST_COLUMN(conn, r->conn)
REQUEST_COLUMN(protocol, r->protocol)
REQUEST_COLUMN(name, r->name)
REQUEST_COLUMN(group, r->group)
REQUEST_COLUMN(status, r->status)
REQUEST_COLUMN(start, r->start_ns)
REQUEST_COLUMN(latency, r->end_ns - r->start_ns)
REQUEST_COLUMN(bytes_in, r->bytes_in)
REQUEST_COLUMN(bytes_out, r->bytes_out)
REQUEST_COLUMN(flags, r->flags)
REQUEST_COLUMN(parallel, r->parallel_ns)
REQUEST_COLUMN(segments, r->segment_count)
#undef REQUEST_COLUMN

static const struct {
    const char *key;
    int64_t (*get)(const struct request *r);
} request_columns[] = {
    {"id", request_id},
    {"process", request_process},
    {"conn", request_conn},
    {"protocol", request_protocol},
    {"name", request_name},
    {"group", request_group},
    {"status", request_status},
    {"start", request_start},
    {"latency", request_latency},
    {"bytes_in", request_bytes_in},
    {"bytes_out", request_bytes_out},
    {"flags", request_flags},
    {"parallel", request_parallel},
    {"segments", request_segments},
};

static void add_columns(struct json *j, size_t from, size_t to)
{
    for (size_t c = 0; c < sizeof(request_columns) / sizeof(*request_columns); c++) {
        json_open_array(j, request_columns[c].key);
        for (size_t i = from; i < to; i++)
            json_signed(j, request_columns[c].get(&j->tl->requests.data[i]));
        json_close_numbers(j, from < to);
    }
}

/* One array for each of `count` sums, in it one entry for each request. */
static void add_sums(struct json *j, const char *key, bool grades, unsigned count,
                     const struct request_sums *sums, size_t requests)
{
    json_open_array(j, key);
    for (unsigned sum = 0; sum < count; sum++) {
        buf_adds(j->text, sum ? ",[" : "[");
        for (size_t i = 0; i < requests; i++)
            json_number(j, grades ? sums[i].grade_ns[sum] : sums[i].ledger_ns[sum]);
        json_close_numbers(j, requests > 0);
    }
    buf_addc(j->text, ']');
}

static void add_ledgers(struct json *j, const struct json_line *line)
{
    size_t requests = line->to - line->from;
    struct request_sums *sums = malloc((requests + 1) * sizeof(*sums));

    j->text->failed |= !sums;
    for (size_t i = 0; sums && i < requests; i++)
        request_sums(j->tl, &j->tl->requests.data[line->from + i], &sums[i]);
    if (sums) {
        add_sums(j, "ledger", false, LEDGER_COUNT, sums, requests);
        add_sums(j, "grade", true, GRADE_COUNT, sums, requests);
    }
    free(sums);
}

#define SEGMENT_COLUMN(name, expression)                                                          \
    static uint64_t segment_##name(const struct timeline *tl, const struct request *r, size_t at) \
    {                                                                                             \
        const struct segment *s = &tl->segments.data[at];                                         \
        (void)r;                                                                                  \
        return expression;                                                                        \
    }
SEGMENT_COLUMN(dt, segment_end(tl, r, at) - s->start_ns)
SEGMENT_COLUMN(key, s->key)
SEGMENT_COLUMN(grade, s->grade)
SEGMENT_COLUMN(thread, s->thread_plus1)
#undef SEGMENT_COLUMN

static const struct {
    const char *key;
    uint64_t (*get)(const struct timeline *tl, const struct request *r, size_t at);
} segment_columns[] = {
    {"seg_dt", segment_dt},
    {"seg_key", segment_key},
    {"seg_grade", segment_grade},
    {"seg_thread", segment_thread},
};

/* The segments of all requests of the line, one behind the other. */
static void add_segments(struct json *j, const struct json_line *line)
{
    for (size_t c = 0; c < sizeof(segment_columns) / sizeof(*segment_columns); c++) {
        bool any = false;
        json_open_array(j, segment_columns[c].key);
        for (size_t i = line->from; i < line->to; i++) {
            const struct request *r = &j->tl->requests.data[i];
            any |= r->segment_count > 0;
            for (size_t k = 0; k < r->segment_count; k++)
                json_number(j, segment_columns[c].get(j->tl, r, r->first_segment + k));
        }
        json_close_numbers(j, any);
    }
}

void json_requests(struct json *j, const struct json_line *line)
{
    buf_addf(j->text, ",{\"type\":\"requests\",\"first\":%zu", line->from);
    add_columns(j, line->from, line->to);
    add_ledgers(j, line);
    add_segments(j, line);
    buf_addc(j->text, '}');
}
