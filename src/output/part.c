#include "output/part.h"

#include "base/text.h"
#include "output/verdict_text.h"

#include <json-c/json_util.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NEW_KEY (JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY)

void part_add(struct buf *out, struct json_object *to, const char *key, struct json_object *value)
{
    if (value && to && json_object_object_add_ex(to, key, value, NEW_KEY) == 0)
        return;
    json_object_put(value);
    out->failed = true;
}

void part_append(struct buf *out, struct json_object *array, struct json_object *value)
{
    if (value && array && json_object_array_add(array, value) == 0)
        return;
    json_object_put(value);
    out->failed = true;
}

void part_uint(struct buf *out, struct json_object *to, const char *key, uint64_t n)
{
    part_add(out, to, key, json_object_new_uint64(n));
}

void part_int(struct buf *out, struct json_object *to, const char *key, int64_t n)
{
    part_add(out, to, key, json_object_new_int64(n));
}

void part_bool(struct buf *out, struct json_object *to, const char *key, bool yes)
{
    part_add(out, to, key, json_object_new_boolean(yes));
}

struct json_object *part_string(const char *s)
{
    struct buf clean = BUF_INIT;
    text_clean(&clean, s, strlen(s));
    struct json_object *value = NULL;
    if (!clean.failed && clean.len <= INT32_MAX)
        value = json_object_new_string_len(buf_str(&clean), (int)clean.len);
    buf_release(&clean);
    return value;
}

void part_text(struct buf *out, struct json_object *to, const char *key, const char *s)
{
    part_add(out, to, key, part_string(s));
}

void part_null(struct buf *out, struct json_object *to, const char *key)
{
    if (!to || json_object_object_add_ex(to, key, NULL, NEW_KEY) < 0)
        out->failed = true;
}

void part_double(struct buf *out, struct json_object *to, const char *key, double n)
{
    char text[32];
    if (!isfinite(n)) {
        part_null(out, to, key);
        return;
    }
    snprintf(text, sizeof(text), "%.6g", n);
    part_add(out, to, key, json_object_new_double_s(n, text));
}

struct json_object *part_names(struct buf *out, const char *(*name)(unsigned), unsigned count)
{
    struct json_object *array = json_object_new_array();
    for (unsigned i = 0; i < count; i++)
        part_append(out, array, part_string(name(i)));
    return array;
}

struct json_object *part_uints(struct buf *out, const uint64_t *values, size_t count)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < count; i++)
        part_append(out, array, json_object_new_uint64(values[i]));
    return array;
}

struct json_object *part_named_uints(struct buf *out, const char *(*name)(unsigned),
                                     const uint64_t *values, unsigned count)
{
    struct json_object *object = json_object_new_object();
    for (unsigned i = 0; i < count; i++)
        part_uint(out, object, name(i), values[i]);
    return object;
}

void part_window(struct buf *out, struct json_object *to, const struct timeline *tl)
{
    if (!tl->window.recorded_ns) {
        part_null(out, to, "window");
        return;
    }
    struct json_object *window = json_object_new_object();
    part_uint(out, window, "recorded_ns", tl->window.recorded_ns);
    part_uint(out, window, "asked_ns", tl->window.asked_ns);
    part_uint(out, window, "max_bytes", tl->window.max_bytes);
    part_bool(out, window, "full", tl->window.full);
    part_uint(out, window, "forgotten", tl->window.forgotten);
    part_add(out, to, "window", window);
}

struct json_object *part_losses(struct buf *out, const struct timeline *tl, const char *start,
                                const char *end)
{
    struct json_object *windows = json_object_new_array();
    for (size_t i = 0; i < tl->losses.len; i++) {
        const struct loss *loss = &tl->losses.data[i];
        struct json_object *window = json_object_new_object();
        part_uint(out, window, start, loss->start_ns);
        part_uint(out, window, end, loss->end_ns);
        part_uint(out, window, "count", loss->count);
        part_text(out, window, "kind", timeline_string(tl, loss->kind));
        part_append(out, windows, window);
    }
    struct json_object *lost = json_object_new_object();
    part_uint(out, lost, "records", tl->lost);
    part_add(out, lost, "windows", windows);
    return lost;
}

struct json_object *part_probes(struct buf *out, const struct timeline *tl)
{
    struct json_object *probes = json_object_new_array();
    for (size_t i = 0; i < tl->probes.len; i++)
        part_append(out, probes, part_string(timeline_string(tl, tl->probes.data[i])));
    return probes;
}

static struct json_object *verdict_sentences(struct buf *out, const struct timeline *tl,
                                             uint32_t process, const struct process_sums *sums)
{
    struct json_object *sentences = json_object_new_array();
    struct buf text = BUF_INIT;
    verdict_text(tl, process, sums, &text);
    out->failed |= text.failed;
    char *rest = NULL;
    for (char *line = text.data ? strtok_r(text.data, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        part_append(out, sentences, part_string(line));
    buf_release(&text);
    return sentences;
}

static uint64_t rounded(double ns)
{
    return ns > 0 && ns < 1e18 ? (uint64_t)(ns + 0.5) : 0;
}

static struct json_object *part_load(struct buf *out, const struct load *l)
{
    struct json_object *o = json_object_new_object();
    part_uint(out, o, "threads", l->threads);
    part_uint(out, o, "requests", l->requests);
    part_uint(out, o, "held_ns", rounded(l->held_ns));
    part_double(out, o, "share", l->share);
    part_double(out, o, "busiest", l->busiest);
    part_double(out, o, "starved", l->starved);
    part_uint(out, o, "busiest_ns", l->busiest_ns);
    return o;
}

static const char *limit_name(const struct verdict *v)
{
    if (v->capacity > 0)
        return v->loop_limits ? "loops" : "threads";
    return v->comes_and_goes ? "none" : "";
}

struct json_object *part_verdict(struct buf *out, const struct timeline *tl, uint32_t process,
                                 const struct process_sums *sums)
{
    const struct verdict *v = &tl->processes.data[process].verdict;
    struct json_object *o = json_object_new_object();
    part_bool(out, o, "thread_waits", v->thread_waits);
    part_text(out, o, "waits_on", object_kind_name(v->waits_on));
    part_text(out, o, "waits_on_name", timeline_string(tl, v->waits_on_name));
    part_uint(out, o, "serving_threads", v->serving_threads);
    part_uint(out, o, "requests", v->requests);
    part_double(out, o, "efficiency", v->efficiency);
    part_uint(out, o, "held_ns", rounded(v->held_ns));
    part_uint(out, o, "cpu_ns", rounded(v->cpu_ns));
    part_double(out, o, "capacity", v->capacity);
    part_double(out, o, "offered", v->offered);
    part_text(out, o, "limit", limit_name(v));
    part_add(out, o, "loops", part_load(out, &v->loops));
    part_add(out, o, "workers", part_load(out, &v->workers));
    part_uint(out, o, "window_ns", v->window_ns);
    part_uint(out, o, "queued_ns", v->queued_ns);
    part_uint(out, o, "queued_requests", v->queued_requests);
    part_uint(out, o, "peak_in_flight", v->peak_in_flight);
    part_bool(out, o, "saturated", v->saturated);
    part_uint(out, o, "saturated_ns", v->saturated_ns);
    part_bool(out, o, "in_line", v->in_line);
    part_add(out, o, "text", verdict_sentences(out, tl, process, sums));
    return o;
}

void part_write(struct buf *out, struct json_object *o)
{
    size_t len = 0;
    const char *text = o ? json_object_to_json_string_length(
                               o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len)
                         : NULL;
    if (text)
        buf_add(out, text, len);
    else
        out->failed = true;
    json_object_put(o);
}
