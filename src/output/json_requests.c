#include "output/json.h"

#define REQUESTS_A_LINE 5000

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
        for (size_t i = from; i < to; i++) {
            json_comma(j, i == from);
            buf_addi(j->text, request_columns[c].get(&j->tl->requests.data[i]));
        }
        buf_addc(j->text, ']');
    }
}

static const uint64_t *ledger_of(const struct request *r)
{
    return r->ledger_ns;
}

static const uint64_t *grades_of(const struct request *r)
{
    return r->grade_ns;
}

/* One array for each of `count` sums, in it one entry for each request. */
static void add_sums(struct json *j, const char *key, size_t from, size_t to, unsigned count,
                     const uint64_t *(*sums_of)(const struct request *r))
{
    json_open_array(j, key);
    for (unsigned sum = 0; sum < count; sum++) {
        buf_adds(j->text, sum ? ",[" : "[");
        for (size_t i = from; i < to; i++) {
            json_comma(j, i == from);
            buf_addu(j->text, sums_of(&j->tl->requests.data[i])[sum]);
        }
        buf_addc(j->text, ']');
    }
    buf_addc(j->text, ']');
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
static void add_segments(struct json *j, size_t from, size_t to)
{
    for (size_t c = 0; c < sizeof(segment_columns) / sizeof(*segment_columns); c++) {
        bool first = true;
        json_open_array(j, segment_columns[c].key);
        for (size_t i = from; i < to; i++) {
            const struct request *r = &j->tl->requests.data[i];
            for (size_t k = 0; k < r->segment_count; k++) {
                json_comma(j, first);
                first = false;
                buf_addu(j->text, segment_columns[c].get(j->tl, r, r->first_segment + k));
            }
        }
        buf_addc(j->text, ']');
    }
}

int json_requests(struct json *j)
{
    for (size_t from = 0, to; from < j->tl->requests.len; from = to) {
        to = json_chunk(from, j->tl->requests.len, REQUESTS_A_LINE);
        buf_addf(j->text, ",{\"type\":\"requests\",\"first\":%zu", from);
        add_columns(j, from, to);
        add_sums(j, "ledger", from, to, LEDGER_COUNT, ledger_of);
        add_sums(j, "grade", from, to, GRADE_COUNT, grades_of);
        add_segments(j, from, to);
        buf_addc(j->text, '}');
        int ret = json_end_line(j);
        if (ret < 0)
            return ret;
    }
    return 0;
}
