#include "cmd/recorded.h"

#include "base/buf.h"
#include "base/text.h"
#include "cmd/cmd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static void print_agents(const struct record_result *r)
{
    static const struct {
        int error;
        const char *text;
    } known[] = {
        {-EAGAIN, "it does not listen to who attaches, or not yet"},
        {-ECONNREFUSED, "it has -XX:+DisableAttachMechanism"},
        {-ETIMEDOUT, "it did not answer in time"},
        {-EEXIST, "somebody else has put a file of its name there"},
        {-ELIBACC, "it could not load it from its /tmp"},
        {-EOPNOTSUPP, "it allows none (-XX:-EnableDynamicAgentLoading)"},
        {-EROFS, "its /tmp cannot be written to"},
        {-ENOSPC, "its /tmp is full"},
        {-EACCES, "its user and root alone may attach"},
        {-EPERM, "its user and root alone may attach"},
    };
    const char *why = NULL;

    if (!r->agent_refused && !r->agents)
        print_note("no agent was loaded: no JVM was found");
    if (!r->agent_refused)
        return;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && !why; i++)
        why = known[i].error == r->agent_refused ? known[i].text : NULL;
    print_note("without an agent in the JVM: %s", why ? why : strerror(-r->agent_refused));
}

/* "30.0 s recorded: 1,204 events, 0 lost, 112 KB", or "30.0 s of 2 h kept: …" */
static void add_recorded(struct buf *line, const struct record_options *o,
                         const struct record_result *r)
{
    text_duration(line, o->last_ns ? r->window_ns : r->duration_ns);
    if (o->last_ns) {
        buf_adds(line, " of ");
        text_duration(line, r->duration_ns);
    }
    buf_adds(line, o->last_ns ? " kept: " : " recorded: ");
    text_count(line, r->records);
    buf_adds(line, " events, ");
    text_count(line, r->lost);
    buf_adds(line, " lost, ");
    text_size(line, r->bytes);
}

/* What a flight recorder had no memory for. */
static void print_window(const struct record_options *o, const struct record_result *r)
{
    struct buf line = BUF_INIT;

    if (r->window_full) {
        buf_adds(&line, "the last ");
        text_duration(&line, r->window_ns);
        buf_adds(&line, " are whole, instead of ");
        text_duration(&line, o->last_ns);
        buf_adds(&line, ": more did not fit into ");
        text_size(&line, o->max_bytes);
        buf_adds(&line, " of memory (--max-size)");
        print_note("%s", buf_str(&line));
    }
    buf_clear(&line);
    if (r->forgotten) {
        text_count(&line, r->forgotten);
        print_note("%s files and connections have no name, and requests on such a connection may "
                   "be missing: no memory for what was told of them long ago (--max-size)",
                   buf_str(&line));
    }
    buf_release(&line);
}

static void add_end(struct buf *line, uint16_t family, const uint8_t *address, uint16_t port)
{
    char text[INET6_ADDRSTRLEN] = "?";

    inet_ntop(family, address, text, sizeof(text));
    buf_addf(line, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

/* What is known for certain is that the time was exceeded; without an answer no more than that. */
static void print_slow(const struct slow_hit *hit, uint64_t threshold_ns)
{
    struct buf line = BUF_INIT;

    buf_adds(&line, hit->answered ? "a request took " : "a request took more than ");
    text_duration(&line, hit->answered ? hit->ns : threshold_ns);
    if (hit->answered) {
        buf_adds(&line, ", more than ");
        text_duration(&line, threshold_ns);
    } else {
        buf_adds(&line, ": after ");
        text_duration(&line, hit->ns);
        buf_adds(&line, " it was not answered yet");
    }
    if (hit->addressed) {
        buf_adds(&line, "; on the connection ");
        add_end(&line, hit->family, hit->remote, hit->remote_port);
        buf_adds(&line, " → ");
        add_end(&line, hit->family, hit->local, hit->local_port);
    } else {
        buf_adds(&line, "; on a unix socket");
    }
    print_note("%s", buf_str(&line));
    buf_release(&line);
}

void print_kept(const struct record_options *o, const struct record_result *r)
{
    struct buf line = BUF_INIT;

    add_recorded(&line, o, r);
    print_note("%s", buf_str(&line));
    buf_release(&line);
    print_window(o, r);
}

void print_ended(const struct record_options *o, const struct record_result *r)
{
    static const char *const why[] = {
        [RECORD_END_TARGET] = "the target ended",
        [RECORD_END_DURATION] = "the time was over",
        [RECORD_END_SIGNAL] = "ended by a signal",
        [RECORD_END_SIZE] = "the capture is as large as it may be (--max-size)",
        [RECORD_END_SLOW] = "a request was slow",
    };
    struct buf line = BUF_INIT;

    add_recorded(&line, o, r);
    buf_addf(&line, " (%s)", why[r->end]);
    print_note("%s", buf_str(&line));
    buf_release(&line);
    if (r->end == RECORD_END_SLOW)
        print_slow(&r->slow, o->slow_ns);
    print_window(o, r);
    if (r->uprobes_refused)
        print_note("without a runtime's own word on its work: %s%s", strerror(-r->uprobes_refused),
                   r->uprobes_refused == -EACCES ? " to its program (another user's: as root)"
                                                 : ", when a uprobe was put on");
    if (o->agents)
        print_agents(r);
}
