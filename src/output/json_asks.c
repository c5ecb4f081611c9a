#include "output/json.h"

/* A column is the same field of each question. */
#define ASK_COLUMN(name, expression)               \
    static int64_t ask_##name(const struct ask *k) \
    {                                              \
        return (int64_t)(expression);              \
    }
ASK_COLUMN(request, k->request_plus1)
ASK_COLUMN(object, k->object)
ASK_COLUMN(thread, k->thread)
ASK_COLUMN(grade, k->grade)
ASK_COLUMN(start, k->start_ns)
ASK_COLUMN(made, k->made_ns - k->start_ns)
ASK_COLUMN(asked, k->asked_ns - k->start_ns)
ASK_COLUMN(reply, k->replied ? (int64_t)(k->reply_ns - k->start_ns) : -1)
ASK_COLUMN(dur, k->end_ns - k->start_ns)
#undef ASK_COLUMN

static const struct {
    const char *key;
    int64_t (*get)(const struct ask *k);
} ask_columns[] = {
    {"request", ask_request}, {"object", ask_object}, {"thread", ask_thread},
    {"grade", ask_grade},     {"start", ask_start},   {"made", ask_made},
    {"asked", ask_asked},     {"reply", ask_reply},   {"dur", ask_dur},
};

void json_asks(struct json *j, const struct json_line *line)
{
    buf_adds(j->text, ",{\"type\":\"asks\"");
    for (size_t c = 0; c < sizeof(ask_columns) / sizeof(*ask_columns); c++) {
        json_open_array(j, ask_columns[c].key);
        for (size_t i = line->from; i < line->to; i++)
            json_signed(j, ask_columns[c].get(&j->tl->asks.data[i]));
        json_close_numbers(j, line->from < line->to);
    }
    buf_addc(j->text, '}');
}
