/*
 * budget: what every request of a capture must hold, and who does not. For `check`.
 *
 *     budget_judge(&budget, tl, &judgement);
 *     if (judgement_passes(&judgement)) …
 *     judgement_release(&judgement);
 *
 * Each rule bounds one key of the ledger, or the latency, of each request on its own. A request
 * that was not begun or not answered in the recording is judged too: what was seen of it is a
 * lower bound. Unattributed time might be of any key, as far as threads of its process were in that
 * state meanwhile: a request that keeps a rule only if none of it is, is `undecided`. A rule that
 * is undecided for more than 1 % of the requests is broken, unless unattributed time has a limit of
 * its own, which says how much of it is accepted; one that no request decides has checked nothing
 * and is broken in any case.
 */
#ifndef OUTPUT_BUDGET_H
#define OUTPUT_BUDGET_H

#include "timeline/timeline.h"

#include <stdbool.h>

/* The rules: one for each enum ledger_key, and one more. */
enum { BUDGET_LATENCY = LEDGER_COUNT, BUDGET_RULES };
/* "blocked", "loop_busy", "latency" */
const char *budget_rule_name(unsigned rule);

struct budget_limit {
    const char *text; /* as the user wrote it; NULL: no such limit */
    bool is_share;    /* of the request's own latency */
    double share;     /* 0 to 1 */
    uint64_t ns;
};

/* `text` is borrowed. 0, or -EINVAL when it is no limit for that rule: "5ms", "0", "5%". */
int budget_parse_limit(struct budget_limit *limit, unsigned rule, const char *text);

struct budget {
    struct budget_limit limits[BUDGET_RULES];
    bool no_loop_hold;
    const char *loop_hold;    /* that threshold, in words: "5ms" */
    uint64_t max_lost;        /* records; what was lost cannot be judged */
    uint64_t min_requests;    /* answered ones; fewer, and nothing was tested */
    const char *const *names; /* only requests whose name or group matches one of these … */
    size_t name_count;        /* … as fnmatch() has it, or is it; 0: all */
};

struct offence {
    uint32_t request; /* index */
    uint64_t ns;      /* of what the rule bounds */
    double size;      /* nanoseconds, or the share of the latency: what is too much */
};

struct finding {              /* on one rule */
    uint64_t most_ns;         /* of the requests that keep it */
    uint64_t undecided;       /* requests */
    bool decides;             /* at least one request was not undecided */
    VEC(struct offence) over; /* the worst first */
};

struct judgement {
    uint64_t requests, complete; /* that match the names */
    uint64_t loss;               /* of which overlap lost records */
    uint64_t offenders;          /* of which break a limit, however many */
    struct finding findings[BUDGET_RULES];
    VEC(uint32_t) holds;  /* loop holds, those that made most requests wait first */
    uint64_t other_holds; /* while no request was in flight: judged by none */
    bool holds_broken, lost_broken, few;
};

/* 0 or -ENOMEM; to be released in either case. */
int budget_judge(const struct budget *budget, const struct timeline *tl, struct judgement *j);
void judgement_release(struct judgement *j);
/* The rule is set, and for too many requests it is not known whether they keep it. */
bool judgement_is_blind(const struct budget *budget, const struct judgement *j, unsigned rule);
/* The rule is set and broken, by an offence or by being blind. */
bool judgement_breaks(const struct budget *budget, const struct judgement *j, unsigned rule);
/* All rules hold. Whether the capture is whole is another question. */
bool judgement_passes(const struct budget *budget, const struct judgement *j);

#endif
