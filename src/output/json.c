#include "output/json.h"

#include "base/text.h"
#include "output/output.h"

#include <inttypes.h>

/* Most elements of a line, so that a reader's strings and pauses stay small. */
#define STRINGS_A_LINE 10000
#define REQUESTS_A_LINE 5000
#define ASKS_A_LINE 20000
#define INTERVALS_A_LINE 100000

void json_open_array(struct json *j, const char *key)
{
    buf_addf(j->text, ",\"%s\":[", key);
}

void json_comma(struct json *j, bool first)
{
    if (!first)
        buf_addc(j->text, ',');
}

void json_close_numbers(struct json *j, bool any)
{
    if (any && !j->text->failed)
        j->text->data[j->text->len - 1] = ']';
    else
        buf_addc(j->text, ']');
}

static void write_header(struct json *j, const struct json_line *line)
{
    (void)line;
    buf_addc(j->text, '[');
    json_header(j->tl, j->text);
}

static void write_strings(struct json *j, const struct json_line *line)
{
    buf_adds(j->text, ",{\"type\":\"strings\"");
    json_open_array(j, "values");
    for (size_t i = line->from; i < line->to; i++) {
        json_comma(j, i == line->from);
        text_json(j->text, j->tl->strings.data[i]);
    }
    buf_adds(j->text, "]}");
}

#define OBJECT_COLUMN(field)                               \
    static uint64_t object_##field(const struct object *o) \
    {                                                      \
        return o->field;                                   \
    }
OBJECT_COLUMN(kind)
OBJECT_COLUMN(name)
OBJECT_COLUMN(local)
OBJECT_COLUMN(remote)
OBJECT_COLUMN(deleted)
#undef OBJECT_COLUMN

static const struct {
    const char *key;
    uint64_t (*get)(const struct object *o);
} object_columns[] = {
    {"kind", object_kind},     {"name", object_name},       {"local", object_local},
    {"remote", object_remote}, {"deleted", object_deleted},
};

static void write_objects(struct json *j, const struct json_line *line)
{
    (void)line;
    const struct object *objects = j->tl->objects.data;
    buf_adds(j->text, ",{\"type\":\"objects\"");
    json_open_array(j, "id");
    for (size_t i = 0; i < j->tl->objects.len; i++) {
        json_comma(j, i == 0);
        buf_addf(j->text, "\"%016" PRIx64 "\"", objects[i].id);
    }
    buf_addc(j->text, ']');
    for (size_t c = 0; c < sizeof(object_columns) / sizeof(*object_columns); c++) {
        json_open_array(j, object_columns[c].key);
        for (size_t i = 0; i < j->tl->objects.len; i++) {
            json_comma(j, i == 0);
            buf_addu(j->text, object_columns[c].get(&objects[i]));
        }
        buf_addc(j->text, ']');
    }
    buf_addc(j->text, '}');
}

#define HOLD_COLUMN(name, expression)                 \
    static uint64_t hold_##name(const struct hold *h) \
    {                                                 \
        return expression;                            \
    }
HOLD_COLUMN(thread, h->thread)
HOLD_COLUMN(request, h->request_plus1)
HOLD_COLUMN(state, h->state)
HOLD_COLUMN(call, h->call_plus1 ? h->call_plus1 - 1 : 0)
HOLD_COLUMN(object, h->object_plus1)
HOLD_COLUMN(start, h->start_ns)
HOLD_COLUMN(dur, h->end_ns - h->start_ns)
HOLD_COLUMN(more_victims, h->more_victims)
#undef HOLD_COLUMN

static const struct {
    const char *key;
    uint64_t (*get)(const struct hold *h);
} hold_columns[] = {
    {"thread", hold_thread}, {"request", hold_request},
    {"state", hold_state},   {"call", hold_call},
    {"object", hold_object}, {"start", hold_start},
    {"dur", hold_dur},       {"more_victims", hold_more_victims},
};

static uint64_t victim_request(const struct victim *v)
{
    return v->request;
}

static uint64_t victim_lost(const struct victim *v)
{
    return v->ns;
}

/* An array for each hold. */
static void write_victims(struct json *j, const char *key, uint64_t (*get)(const struct victim *v))
{
    const struct hold *holds = j->tl->holds.data;
    json_open_array(j, key);
    for (size_t i = 0; i < j->tl->holds.len; i++) {
        buf_adds(j->text, i ? ",[" : "[");
        for (size_t k = 0; k < holds[i].victim_count; k++) {
            json_comma(j, k == 0);
            buf_addu(j->text, get(&j->tl->victims.data[holds[i].first_victim + k]));
        }
        buf_addc(j->text, ']');
    }
    buf_addc(j->text, ']');
}

static void write_holds(struct json *j, const struct json_line *line)
{
    (void)line;
    const struct hold *holds = j->tl->holds.data;
    buf_adds(j->text, ",{\"type\":\"holds\"");
    for (size_t c = 0; c < sizeof(hold_columns) / sizeof(*hold_columns); c++) {
        json_open_array(j, hold_columns[c].key);
        for (size_t i = 0; i < j->tl->holds.len; i++) {
            json_comma(j, i == 0);
            buf_addu(j->text, hold_columns[c].get(&holds[i]));
        }
        buf_addc(j->text, ']');
    }
    write_victims(j, "victims", victim_request);
    write_victims(j, "lost", victim_lost);
    buf_addc(j->text, '}');
}

static void write_end(struct json *j, const struct json_line *line)
{
    uint64_t intervals = 0;
    (void)line;
    for (size_t i = 0; i < j->tl->threads.len; i++)
        intervals += j->tl->threads.data[i].intervals.len;
    buf_addf(j->text,
             ",{\"type\":\"end\",\"threads\":%zu,\"requests\":%zu,\"intervals\":%" PRIu64 "}\n]",
             j->tl->threads.len, j->tl->requests.len, intervals);
}

static size_t count_one(const struct timeline *tl, size_t item)
{
    (void)tl;
    return item == 0;
}

static size_t count_strings(const struct timeline *tl, size_t item)
{
    return item == 0 ? tl->strings.len : 0;
}

static size_t count_requests(const struct timeline *tl, size_t item)
{
    return item == 0 ? tl->requests.len : 0;
}

static size_t count_asks(const struct timeline *tl, size_t item)
{
    return item == 0 ? tl->asks.len : 0;
}

static size_t count_intervals(const struct timeline *tl, size_t item)
{
    return tl->threads.data[item].intervals.len;
}

/* A part has lines of at most so many elements each. */
static const struct {
    void (*write)(struct json *j, const struct json_line *line);
    size_t (*count)(const struct timeline *tl, size_t item);
    size_t most, weight;
    bool each_thread;
} parts[] = {
    {write_header, count_one, 1, 100000, false},
    {write_strings, count_strings, STRINGS_A_LINE, 4, false},
    {write_objects, count_one, 1, 1, false},
    {json_requests, count_requests, REQUESTS_A_LINE, 20, false},
    {json_asks, count_asks, ASKS_A_LINE, 5, false},
    {write_holds, count_one, 1, 1, false},
    {json_threads, count_intervals, INTERVALS_A_LINE, 1, true},
    {write_end, count_one, 1, 1, false},
};

bool json_next(const struct timeline *tl, struct json_line *line)
{
    while (line->part < sizeof(parts) / sizeof(*parts)) {
        size_t items = parts[line->part].each_thread ? tl->threads.len : 1;
        for (; line->item < items; line->item++, line->to = 0) {
            size_t count = parts[line->part].count(tl, line->item);
            if (line->to >= count)
                continue;
            line->from = line->to;
            line->to = count - line->from < parts[line->part].most
                           ? count
                           : line->from + parts[line->part].most;
            return true;
        }
        *line = (struct json_line){.part = line->part + 1};
    }
    return false;
}

size_t json_weight(const struct json_line *line)
{
    return (line->to - line->from) * parts[line->part].weight;
}

void json_add(const struct timeline *tl, const struct json_line *line, struct buf *text)
{
    parts[line->part].write(&(struct json){tl, text}, line);
    buf_addc(text, '\n');
}

int json_write(const struct timeline *tl, struct buf *text, json_drain drain, void *ctx)
{
    struct json_line line = {0};
    int ret = 0;

    while (ret == 0 && json_next(tl, &line)) {
        json_add(tl, &line, text);
        ret = text->failed ? -ENOMEM : drain ? drain(ctx, text) : 0;
    }
    return ret;
}
