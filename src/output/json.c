#include "output/json.h"

#include "base/text.h"
#include "output/output.h"

#include <inttypes.h>

/* Most elements of a line, so that a reader's strings and pauses stay small. */
#define STRINGS_A_LINE 10000

int json_end_line(struct json *j)
{
    buf_addc(j->text, '\n');
    if (j->text->failed)
        return -ENOMEM;
    return j->drain ? j->drain(j->ctx, j->text) : 0;
}

void json_open_array(struct json *j, const char *key)
{
    buf_addf(j->text, ",\"%s\":[", key);
}

void json_comma(struct json *j, bool first)
{
    if (!first)
        buf_addc(j->text, ',');
}

size_t json_chunk(size_t from, size_t len, size_t most)
{
    return len - from < most ? len : from + most;
}

static int write_header(struct json *j)
{
    buf_addc(j->text, '[');
    json_header(j->tl, j->text);
    return json_end_line(j);
}

static int write_strings(struct json *j)
{
    for (size_t from = 0, to; from < j->tl->strings.len; from = to) {
        to = json_chunk(from, j->tl->strings.len, STRINGS_A_LINE);
        buf_adds(j->text, ",{\"type\":\"strings\"");
        json_open_array(j, "values");
        for (size_t i = from; i < to; i++) {
            json_comma(j, i == from);
            text_json(j->text, j->tl->strings.data[i]);
        }
        buf_adds(j->text, "]}");
        int ret = json_end_line(j);
        if (ret < 0)
            return ret;
    }
    return 0;
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

static int write_objects(struct json *j)
{
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
    return json_end_line(j);
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

static int write_holds(struct json *j)
{
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
    return json_end_line(j);
}

static int write_end(struct json *j)
{
    uint64_t intervals = 0;
    for (size_t i = 0; i < j->tl->threads.len; i++)
        intervals += j->tl->threads.data[i].intervals.len;
    buf_addf(j->text,
             ",{\"type\":\"end\",\"threads\":%zu,\"requests\":%zu,\"intervals\":%" PRIu64 "}\n]",
             j->tl->threads.len, j->tl->requests.len, intervals);
    return json_end_line(j);
}

int json_write(const struct timeline *tl, struct buf *text, json_drain drain, void *ctx)
{
    static int (*const parts[])(struct json * j) = {
        write_header, write_strings, write_objects, json_requests,
        json_asks,    write_holds,   json_threads,  write_end,
    };
    struct json j = {tl, text, drain, ctx};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        int ret = parts[i](&j);
        if (ret < 0)
            return ret;
    }
    return 0;
}

int output_json(const struct timeline *tl, struct buf *out)
{
    return json_write(tl, out, NULL, NULL);
}
