"""demo_page.py: the demo's page, its servers side by side. No script, nothing fetched."""

import base64
import hashlib
import html

# Ledger keys: fill and hatch line in light, the same in dark (the viewer's colours), the hatch in a
# tile of 8 by 8, and what the word means.
LEDGER = {
    "queued": ("#2d3340 #59616f #e4e8ee #a9b1bc", "M-1-1l10 10",
               "nobody had picked it up: no thread was free"),
    "running": ("#0068a8 #3d92c8 #2f8fd6 #63b1ea", "M0 3.5h8",
                "a thread worked for it on a CPU"),
    "runnable": ("#f2c733 #c89b06 #e3bd3d #a5851d", "M1 1.5h1M5 1.5h1M3 5.5h1M7 5.5h1",
                 "its thread could run and had no CPU yet"),
    "blocked": ("#d95400 #a83c00 #f26b1d #b94a0a", "M-1 9L9-1",
                "its thread stood in an I/O call and could do nothing else"),
    "lock": ("#a2498f #7a2c69 #c274b2 #8f4a81", "M0 0l8 8M8 0l-8 8",
             "its thread waited for a lock that another thread had"),
    "sleep": ("#bdb8dc #9a93c4 #7a74ab #9a94c8", "M3.5 0v8",
              "its thread slept by the clock"),
    "fault": ("#7b4b13 #a67437 #a8763c #7d5324", "M0 1h2M4 1h2M2 5h2M6 5h2",
              "its thread waited in a page fault"),
    "other": ("#8d9299 #6f747b #858b93 #676c73", "M0 1.5h8M0 4.5h8M0 7.5h8",
              "its thread was off the CPU anywhere else"),
    "awaiting": ("#d5ece4 #a9d5c5 #24584a #367563", "M2 2.5h1",
                 "its own answer was outstanding, and no thread waited for it"),
    "loop_busy": ("#8a1f47 #b9567a #dd5f88 #a83c62", "M1 0v8M5 0v8",
                  "it could go on, and its event loop was busy with something else"),
    "unattributed": ("#dfe1e5 #b4b9c1 #3b424b #565f6a", "M8 0l-8 8",
                     "not known, and so not guessed"),
}

# Less than this share of the latency is drawn and not written.
SHOWN = 0.005

STYLE = """
:root {
    color-scheme: light dark;
    --page: #f4f5f6; --panel: #fff; --head: #eef0f2; --ink: #1a1f26; --muted: #555f6b;
    --line: #d9dde2; --accent: #0b5c93;
COLOURS_LIGHT
}
@media (prefers-color-scheme: dark) {
    :root {
        --page: #0e1115; --panel: #151a20; --head: #1c222a; --ink: #e6eaef; --muted: #a1acb8;
        --line: #2b333d; --accent: #6bb5ea;
COLOURS_DARK
    }
}
* { box-sizing: border-box; }
body {
    margin: 0 auto; max-width: 1080px; padding: 28px 20px 48px; background: var(--page);
    color: var(--ink); font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif;
    font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
h1 { margin: 0 0 6px; font-size: 24px; line-height: 1.25; }
h2 { margin: 36px 0 10px; font-size: 17px; }
h3 { margin: 0; font-size: 15px; }
p { margin: 0 0 8px; max-width: 80ch; }
.muted, small { color: var(--muted); }
small { font-size: 13px; }
a { color: var(--accent); }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; background: var(--panel); }
table { border-collapse: collapse; width: 100%; overflow-wrap: normal; }
th, td { padding: 7px 12px; text-align: right; white-space: nowrap; }
th { font-weight: 600; font-size: 13px; background: var(--head); }
tbody th { background: none; font-size: 15px; }
th:nth-child(-n+2):not(.group), td:nth-child(-n+2) { text-align: left; }
thead .group { text-align: center; font-weight: 400; color: var(--muted); }
.users { background: var(--page); }
thead .users { background: var(--head); }
tbody tr { border-top: 1px solid var(--line); }
.cards { display: grid; gap: 14px; }
.cards article { padding: 14px 16px; border: 1px solid var(--line); border-radius: 6px; background: var(--panel); }
.cards header { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; }
.cards header a { margin-left: auto; font-weight: 600; }
.bar { display: block; width: 100%; height: 30px; margin: 8px 0 6px; border-radius: 4px; }
.parts { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 0 0 8px; padding: 0; list-style: none; font-size: 13px; }
.swatch { width: 14px; height: 14px; margin-right: 6px; vertical-align: -2px; border-radius: 3px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 14px; margin: 0; }
dd { margin: 0; color: var(--muted); }
ul.notes { padding-left: 20px; margin: 0; color: var(--muted); }
.defs { position: absolute; width: 0; height: 0; }
"""


def duration(ns):
    """1830000000 → "1.83 s", 20600000 → "20.6 ms", 0 → "0"."""
    for unit, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if ns >= unit:
            return f"{three_digits(ns / unit)} {name}"
    return f"{ns:.0f} ns" if ns else "0"


def three_digits(number):
    """5292.3 → "5,292", 54.71 → "54.7", 1.234 → "1.23"."""
    if number >= 99.95:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"


def percent(share):
    """0.0114 → "1.1 %", 0.918 → "92 %"."""
    return f"{share * 100:.0f} %" if share >= 0.0995 or share == 0 else f"{share * 100:.1f} %"


def escape(text):
    return html.escape(str(text), quote=True)


def style():
    def colours(first):
        return "\n".join(f"    --{key}: {looks.split()[first]}; --{key}-line: {looks.split()[first + 1]};"
                         for key, (looks, _, _) in LEDGER.items())

    rules = "\n".join(f".{key} rect {{ fill: var(--{key}); }} "
                      f".{key} path {{ stroke: var(--{key}-line); fill: none; stroke-width: 1.5; }}"
                      for key in LEDGER)
    text = STYLE.replace("COLOURS_LIGHT", colours(0)).replace("COLOURS_DARK", colours(2))
    return text + rules + "\n"


def patterns():
    tiles = "".join(
        f'<pattern id="p-{key}" class="{key}" width="8" height="8" patternUnits="userSpaceOnUse">'
        f'<rect width="8" height="8"/><path d="{path}"/></pattern>'
        for key, (_, path, _) in LEDGER.items())
    return f'<svg class="defs" aria-hidden="true"><defs>{tiles}</defs></svg>'


def swatch(key):
    return (f'<svg class="swatch" aria-hidden="true">'
            f'<rect width="100%" height="100%" fill="url(#p-{key})"/></svg>')


def table(groups, columns, rows):
    words = {"server": "in the server, by waitscope", "users": "by the users, from load"}
    heads = "".join(f'<th scope="colgroup" class="group {who}" colspan="{count}">{words[who]}</th>'
                    for who, count in groups)
    who_of = [who for who, count in groups for _ in range(count)]
    names = "".join(f'<th scope="col" class="{who}">{escape(name)}</th>'
                    for name, who in zip(columns, who_of))
    body = ""
    for row in rows:
        cells = "".join(f'<td class="{who}">{escape(cell)}</td>'
                        for cell, who in list(zip(row, who_of))[1:])
        body += f'<tr><th scope="row"><a href="{row[0]}.html">{escape(row[0])}</a></th>{cells}</tr>\n'
    return (f'<div class="wide"><table><thead><tr>{heads}</tr><tr>{names}</tr></thead>'
            f"<tbody>\n{body}</tbody></table></div>")


def card(name, told, what, said):
    """One server: its bar, where a request's time went on average, and what that means."""
    parts = [(key, told.ledger[key], told.share(key)) for key in LEDGER if told.ledger[key] > 0]
    at, rects = 0.0, ""
    for key, _, share in parts:
        rects += (f'<rect x="{at * 100:.3f}%" width="{share * 100:.3f}%" height="100%" '
                  f'fill="url(#p-{key})"/>')
        at += share
    shown = [p for p in parts if p[2] >= SHOWN]
    items = "".join(f"<li>{swatch(key)}{key} {duration(ns)} ({percent(share)})</li>"
                    for key, ns, share in shown)
    spoken = ", ".join(f"{key} {percent(share)}" for key, _, share in shown)
    return (f'<article><header><h3>{escape(name)}</h3><span class="muted">{escape(what)}</span>'
            f'<a href="{name}.html">open its report</a></header>'
            f'<svg class="bar" role="img" aria-label="{escape(spoken)}">{rects}</svg>'
            f'<ul class="parts"><li><b>{duration(told.mean)}</b> a request on average:</li>'
            f"{items}</ul><p>{escape(said[:1].upper() + said[1:])}</p></article>")


def build(setting, figures, results, words):
    """The page's text."""
    what, said, notes = words
    capture = next(iter(results.values()))[1].capture
    css = style()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    cards = "\n".join(card(name, told, what[name], said[name])
                      for name, (_, told) in results.items())
    used = [key for key in LEDGER if any(told.share(key) >= SHOWN for _, told in results.values())]
    legend = "".join(f"<dt>{swatch(key)}{key}</dt><dd>{LEDGER[key][2]}</dd>" for key in used)
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>waitscope: four servers, the same hundred users</title>
<style>{css}</style>
</head>
<body>
{patterns()}
<main>
<h1>Four servers, the same users</h1>
<p>One small service, written four ways. They differ in one thing only: what a thread does while it
waits. A blocking server is a waiter who takes an order and stands at the kitchen until the food is
ready; a non-blocking one hands the order over and serves other tables.</p>
<p class="muted">{escape(setting)}. All of it measured in this one run, on {escape(capture["kernel"])}.</p>
{table(*figures)}
<h2>Where a request’s time went</h2>
<p class="muted">Each bar is the whole of that server’s latency, from the moment when a request could
have been served to the last byte of its answer; its parts add up to it.</p>
<div class="cards">
{cards}
</div>
<h2>What the words mean</h2>
<dl>{legend}
<dt>efficiency</dt><dd>of the time that requests hold a thread, the share that the thread is on a CPU</dd>
<dt>capacity</dt><dd>threads ÷ the time that a request holds one: more than this cannot be served</dd></dl>
<h2>What to know about these figures</h2>
<ul class="notes">{listed}</ul>
</main>
</body>
</html>
"""
