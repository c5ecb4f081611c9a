#include "base/text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Bytes of the valid UTF-8 character at `p`, with its code in `*code`; 0 when there is none. */
static size_t utf8_decode(const unsigned char *p, size_t len, uint32_t *code)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least; /* a longer form of a smaller code is invalid */
    } forms[] = {
        {0x80, 0x00, 0},
        {0xe0, 0xc0, 0x80},
        {0xf0, 0xe0, 0x800},
        {0xf8, 0xf0, 0x10000},
    };
    for (size_t form = 0; form < sizeof(forms) / sizeof(*forms); form++) {
        if ((p[0] & forms[form].mask) != forms[form].lead)
            continue;
        if (form >= len)
            return 0;
        uint32_t c = p[0] & (unsigned char)~forms[form].mask;
        for (size_t i = 1; i <= form; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return 0;
            c = c << 6 | (p[i] & 0x3f);
        }
        bool surrogate = c >= 0xd800 && c <= 0xdfff;
        if (c < forms[form].least || c > 0x10ffff || surrogate)
            return 0;
        *code = c;
        return form + 1;
    }
    return 0;
}

/* What a terminal or a page would obey instead of showing. */
static bool is_harmful(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c}, {0x200e, 0x200f},
        {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

void text_clean(struct buf *out, const void *bytes, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *p = bytes;
    size_t i = 0, kept = 0; /* p[kept..i) is harmless and not yet added */
    while (i < len) {
        uint32_t code = 0;
        size_t size = utf8_decode(p + i, len - i, &code);
        if (size && !is_harmful(code)) {
            i += size;
            continue;
        }
        buf_add(out, p + kept, i - kept);
        for (size_t end = i + (size ? size : 1); i < end; i++) {
            char escaped[] = {'\\', 'x', hex[p[i] >> 4], hex[p[i] & 15]};
            buf_add(out, escaped, sizeof(escaped));
        }
        kept = i;
    }
    if (len)
        buf_add(out, p + kept, i - kept);
}

void text_clean_field(struct buf *out, const char *field, size_t size)
{
    text_clean(out, field, strnlen(field, size));
}

void text_json(struct buf *out, const char *s)
{
    struct buf clean = BUF_INIT;
    text_clean(&clean, s, strlen(s));
    out->failed |= clean.failed;
    buf_addc(out, '"');
    for (const char *p = buf_str(&clean); *p;) {
        size_t plain = strcspn(p, "\"\\<>&");
        buf_add(out, p, plain);
        p += plain;
        if (*p == '"' || *p == '\\') {
            buf_addc(out, '\\');
            buf_addc(out, *p++);
        } else if (*p) {
            buf_addf(out, "\\u%04x", (unsigned)*p++);
        }
    }
    buf_addc(out, '"');
    buf_release(&clean);
}

void text_html(struct buf *out, const char *s)
{
    while (*s) {
        size_t plain = strcspn(s, "&<>\"'");
        buf_add(out, s, plain);
        s += plain;
        switch (*s) {
        case '&':
            buf_adds(out, "&amp;");
            break;
        case '<':
            buf_adds(out, "&lt;");
            break;
        case '>':
            buf_adds(out, "&gt;");
            break;
        case '"':
            buf_adds(out, "&quot;");
            break;
        case '\'':
            buf_adds(out, "&#39;");
            break;
        default:
            return;
        }
        s++;
    }
}

/* Digits at `*s`, which moves behind them; -EINVAL without any, -ERANGE when they do not fit. */
static int parse_digits(const char **s, uint64_t *n)
{
    if (**s < '0' || **s > '9')
        return -EINVAL;
    *n = 0;
    for (; **s >= '0' && **s <= '9'; ++*s) {
        uint64_t digit = (uint64_t)(**s - '0');
        if (*n > (UINT64_MAX - digit) / 10)
            return -ERANGE;
        *n = *n * 10 + digit;
    }
    return 0;
}

struct unit {
    uint64_t factor;
    const char *name;
};

/* A table of units ends with a NULL name. */
static int parse_unit(const struct unit *units, const char *name, uint64_t *factor)
{
    for (; units->name; units++) {
        if (!strcmp(units->name, name)) {
            *factor = units->factor;
            return 0;
        }
    }
    return -EINVAL;
}

/* A duration with one of `units`, maybe 0. */
static int parse_time(const char *s, const struct unit *units, uint64_t *ns)
{
    uint64_t whole, factor, sum;
    int ret = parse_digits(&s, &whole);
    if (ret < 0)
        return ret;
    const char *fraction = "";
    if (*s == '.') {
        fraction = ++s;
        s += strspn(s, "0123456789");
        if (s == fraction)
            return -EINVAL;
    }
    if (parse_unit(units, s, &factor) < 0)
        return -EINVAL;
    if (__builtin_mul_overflow(whole, factor, &sum))
        return -ERANGE;
    for (; *fraction >= '0' && *fraction <= '9'; fraction++) {
        factor /= 10;
        if (__builtin_add_overflow(sum, (uint64_t)(*fraction - '0') * factor, &sum))
            return -ERANGE;
    }
    *ns = sum;
    return 0;
}

/* The first one is for a number without a unit. */
static const struct unit times[] = {
    {1000000000, ""},  {1, "ns"},           {1000, "us"},          {1000000, "ms"},
    {1000000000, "s"}, {60000000000u, "m"}, {3600000000000u, "h"}, {0, NULL},
};

int text_parse_duration(const char *s, uint64_t *ns)
{
    uint64_t sum;
    int ret = parse_time(s, times, &sum);
    if (ret < 0)
        return ret;
    if (!sum)
        return -EINVAL;
    *ns = sum;
    return 0;
}

int text_parse_limit(const char *s, uint64_t *ns)
{
    uint64_t sum;
    if (parse_time(s, times + 1, &sum) < 0 && (parse_time(s, times, &sum) < 0 || sum))
        return -EINVAL;
    *ns = sum;
    return 0;
}

int text_parse_share(const char *s, double *share)
{
    /* Read as if a percent were a second: digits, one dot, digits, as everywhere here. */
    static const struct unit percents[] = {{1000000000, "%"}, {0, NULL}};
    uint64_t sum;
    if (parse_time(s, percents, &sum) < 0 || sum > 100 * percents[0].factor)
        return -EINVAL;
    *share = (double)sum / (100.0 * (double)percents[0].factor);
    return 0;
}

int text_parse_size(const char *s, uint64_t *bytes)
{
    static const struct unit units[] = {
        {1, ""},           {1u << 10, "K"},     {1u << 10, "k"},   {1u << 20, "M"},
        {1u << 30, "G"},   {1ull << 40, "T"},   {1u << 10, "KiB"}, {1u << 20, "MiB"},
        {1u << 30, "GiB"}, {1ull << 40, "TiB"}, {0, NULL},
    };
    uint64_t whole, factor, product;
    if (parse_digits(&s, &whole) < 0 || parse_unit(units, s, &factor) < 0 ||
        __builtin_mul_overflow(whole, factor, &product))
        return -EINVAL;
    *bytes = product;
    return 0;
}

/* Appends n / unit with at most `most` decimals and three figures. False, with nothing appended,
 * when that rounds to 1000 or more: the next unit says it better (999,600 ns is "1.00 ms"). */
static bool add_scaled(struct buf *out, uint64_t n, const struct unit *unit, unsigned most)
{
    static const unsigned powers[] = {1, 10, 100};
    uint64_t whole = n / unit->factor, rest = n % unit->factor;
    if (whole >= 1000)
        return false;
    for (unsigned decimals = unit->factor == 1 ? 0 : most;; decimals--) {
        unsigned power = powers[decimals];
        uint64_t rounded = whole * power + (rest * power + unit->factor / 2) / unit->factor;
        if (rounded < 1000 && decimals)
            buf_addf(out, "%u.%0*u %s", (unsigned)rounded / power, (int)decimals,
                     (unsigned)rounded % power, unit->name);
        else if (rounded < 1000)
            buf_addf(out, "%u %s", (unsigned)rounded, unit->name);
        if (rounded < 1000 || !decimals)
            return rounded < 1000;
    }
}

void text_duration(struct buf *out, uint64_t ns)
{
    static const struct unit units[] = {
        {1, "ns"},         {1000, "us"},          {1000000, "ms"},
        {1000000000, "s"}, {60000000000u, "min"}, {3600000000000u, "h"},
        {0, NULL},
    };
    if (!ns) {
        buf_addc(out, '0');
        return;
    }
    for (const struct unit *unit = units; unit->name; unit++)
        if (add_scaled(out, ns, unit, 2))
            return;
    text_count(out, ns / 3600000000000u);
    buf_adds(out, " h");
}

void text_size(struct buf *out, uint64_t bytes)
{
    static const struct unit units[] = {
        {1, "B"},
        {1000, "kB"},
        {1000000, "MB"},
        {1000000000, "GB"},
        {1000000000000u, "TB"},
        {1000000000000000u, "PB"},
        {1000000000000000000u, "EB"},
        {0, NULL},
    };
    for (const struct unit *unit = units; unit->name; unit++)
        if (add_scaled(out, bytes, unit, 1))
            return;
}

void text_count(struct buf *out, uint64_t n)
{
    struct buf digits = BUF_INIT;
    buf_addu(&digits, n);
    out->failed |= digits.failed;
    for (size_t i = 0; i < digits.len; i++) {
        if (i && (digits.len - i) % 3 == 0)
            buf_addc(out, ',');
        buf_addc(out, digits.data[i]);
    }
    buf_release(&digits);
}

void text_count_of(struct buf *out, uint64_t n, const char *noun)
{
    text_count(out, n);
    buf_addf(out, " %s%s", noun, n == 1 ? "" : "s");
}
