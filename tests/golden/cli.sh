#!/bin/bash
# What the command line answers, to bad input above all: the words, the exit code, stdout and
# stderr kept apart, no file left behind. Needs no root. Usage: cli.sh BUILD
set -u
cd "$(dirname "$0")" || exit 1
build=$1
waitscope=$build/waitscope
mkcapture=$build/tests/golden/mkcapture
here=$PWD
work=$(mktemp -d) || exit 1
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

# Somebody who may not do everything, for what root is never refused; wherever the build lies, this
# copy can be reached.
nobody=()
[ "$(id -u)" != 0 ] || nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
chmod 755 .
cp "$build/waitscope" reachable || exit 1

wrong() {
    echo "FAILED $1: $2"
    sed 's/^/    out: /' out | head -n 5
    sed 's/^/    err: /' err | head -n 5
    failed=$((failed + 1))
}

# expect NAME CODE WORDS COMMAND…: the command ends with CODE; one of its lines on stderr begins with
# "waitscope: " and the words (a regular expression) stand in it. WORDS "": stderr is empty.
# A leading "+": something is on stdout too, else it must be empty.
expect() {
    local name=$1 code=$2 words=$3 out=
    shift 3
    case $words in +*) out=1 words=${words#+} ;; esac
    timeout 20 "$@" >out 2>err </dev/null
    local status=$?
    if [ $status -ne "$code" ]; then
        wrong "$name" "exit code $status, not $code"
    elif [ -n "$words" ] && ! grep -Eq "^waitscope: .*$words" err; then
        wrong "$name" "no \"waitscope: … $words\" on stderr"
    elif [ -z "$words" ] && [ -s err ]; then
        wrong "$name" "something on stderr"
    elif [ -z "$out" ] && [ -s out ]; then
        wrong "$name" "something on stdout"
    elif [ -n "$out" ] && [ ! -s out ]; then
        wrong "$name" "nothing on stdout"
    elif LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' out err; then
        wrong "$name" "control characters"
    else
        passed=$((passed + 1))
    fi
}

# check NAME COMMAND…: the command succeeds; it may look at `out` and `err` of the last expect.
check() {
    local name=$1
    shift
    if "$@" >check.log 2>&1; then
        passed=$((passed + 1))
    else
        wrong "$name" "$*"
        sed 's/^/    /' check.log | head -n 5
    fi
}

absent() {
    local left
    for left in "$@"; do
        [ ! -e "$left" ] || return 1
    done
}

# No file of ours but the ones named is in the folder.
only_files() {
    local dir=$1
    shift
    [ "$(find "$dir" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' ')" = "${*:+$* }" ]
}

"$mkcapture" "$here/blocking.scenario" good.wsc || exit 1
size=$(stat -c %s good.wsc)

# ---- verbs and help
expect "no verb" 2 "no verb" "$waitscope"
expect "unknown verb" 2 "unknown verb: recrod" "$waitscope" recrod
expect "capture as verb" 2 "unknown verb: good.wsc" "$waitscope" good.wsc
check "and the way out" grep -q "waitscope report good.wsc" err
expect "unknown option" 2 "unknown option: --frob" "$waitscope" --frob
for word in help --help -h; do
    expect "$word" 0 + "$waitscope" $word
done
for verb in record report convert check diff doctor; do
    check "help names $verb" grep -q "waitscope $verb" out
done
for verb in record report convert check diff doctor; do
    expect "$verb --help" 0 + "$waitscope" $verb --help
    cp out help
    check "$verb --help says how" grep -q "^usage: waitscope $verb" help
    expect "help $verb" 0 + "$waitscope" help $verb
    check "help $verb is $verb --help" cmp out help
    expect "$verb: unknown option" 2 "$verb: unknown option: --frob" "$waitscope" $verb --frob
    expect "$verb: unknown letter" 2 "$verb: unknown option: -z" "$waitscope" $verb -z
done
expect "help of nothing" 2 "unknown verb: frob" "$waitscope" help frob
expect "--version" 0 + "$waitscope" --version
check "--version is a version" grep -Eqx 'waitscope [0-9]+\.[0-9]+\.[0-9]+' out
expect "hostile verb" 2 'unknown verb: \\x1b\[31m' "$waitscope" $'\e[31m'

# ---- report: wrong usage
expect "report nothing" 2 "no capture given" "$waitscope" report
expect "report two" 2 "one capture at a time" "$waitscope" report good.wsc good.wsc
expect "report: value for a flag" 2 "option --json takes no value" "$waitscope" report --json=1 good.wsc

# ---- report: good
expect "report" 0 + "$waitscope" report good.wsc
expect "report --json" 0 + "$waitscope" report --json good.wsc
check "which is JSON" node -e 'JSON.parse(require("fs").readFileSync("out"))'
expect "options behind the file" 0 + "$waitscope" report good.wsc --json
cp good.wsc ./-dash.wsc
expect "name that begins with a dash" 0 + "$waitscope" report -- -dash.wsc
if [ -c /dev/full ]; then
    "$waitscope" report good.wsc >/dev/full 2>err
    status=$?
    : >out
    check "full disk ends with 1" test $status = 1
    check "and says so" grep -q "^waitscope: write to stdout: No space left" err
fi

# ---- what is no capture
expect "missing" 1 "missing.wsc: No such file" "$waitscope" report missing.wsc
mkdir folder
expect "folder" 1 "folder: it is a directory" "$waitscope" report folder
mkfifo fifo
expect "FIFO" 1 "fifo: it is not a regular file" "$waitscope" report fifo
expect "device" 1 "null: it is not a regular file" "$waitscope" report /dev/null
: >empty.wsc
expect "empty" 5 "empty.wsc: the file is empty" "$waitscope" report empty.wsc
echo "hello world" >text.wsc
expect "text" 5 "text.wsc: this is not a capture" "$waitscope" report text.wsc
echo '{"a":1}' >a.json
expect "JSON" 5 "a.json: this is JSON" "$waitscope" report a.json
"$waitscope" convert good.wsc -o t.json -o t.json.gz -o t.html || wrong "convert" "failed"
expect "timeline" 5 "t.json: this is a JSON timeline" "$waitscope" report t.json
expect "timeline, gzipped" 5 "t.json.gz: this is gzip data" "$waitscope" report t.json.gz
expect "page" 5 "t.html: this is HTML" "$waitscope" report t.html
expect "program" 5 "this is a program" "$waitscope" report "$waitscope"
expect "hostile name" 1 '\\x1b\]0;x\\x07.wsc: No such file' "$waitscope" report $'\e]0;x\a.wsc'
cp good.wsc secret.wsc
chmod 000 secret.wsc
expect "not ours" 3 "secret.wsc: Permission denied" "${nobody[@]}" ./reachable report secret.wsc

# ---- damaged captures
head -c $((size - 100)) good.wsc >cut.wsc
expect "cut" 5 "+cut.wsc is incomplete: cut after" "$waitscope" report cut.wsc
expect "cut, as JSON" 5 "+is incomplete: cut after" "$waitscope" report --json cut.wsc
check "which says so itself" node -e \
    'process.exit(JSON.parse(require("fs").readFileSync("out")).capture.complete === false ? 0 : 1)'
head -c 300 good.wsc >cut-header.wsc
expect "cut in its header" 5 "cut inside its header: 300 of 456" "$waitscope" report cut-header.wsc
head -c 456 good.wsc >header.wsc
expect "header alone" 5 "+header.wsc is incomplete" "$waitscope" report header.wsc
cp good.wsc flipped.wsc
printf '\377\377\377' | dd of=flipped.wsc bs=1 seek=700 conv=notrunc status=none
expect "flipped bytes" 5 "+flipped.wsc is incomplete: 1 damaged block" "$waitscope" report flipped.wsc
grep -v '^end' "$here/blocking.scenario" >killed.scenario
"$mkcapture" killed.scenario killed.wsc
expect "killed recorder" 5 "+the recording did not end in order" "$waitscope" report killed.wsc
expect "convert a cut one" 5 "is incomplete: cut after" "$waitscope" convert cut.wsc -o cut.json
check "and there it is" node -e 'JSON.parse(require("fs").readFileSync("cut.json"))'
cp good.wsc major.wsc
printf '\003\000\377' | dd of=major.wsc bs=1 seek=8 conv=notrunc status=none
expect "other version" 5 "its format is version 3.255" "$waitscope" report major.wsc

# ---- check: wrong usage
"$mkcapture" "$here/loop-blocked.scenario" loop.wsc || exit 1
"$mkcapture" "$here/hostile.scenario" hostile.wsc || exit 1
"$mkcapture" "$here/loss.scenario" loss.wsc || exit 1
expect "check nothing" 2 "no capture given" "$waitscope" check --max-blocked 5ms
expect "check two" 2 "one capture at a time" "$waitscope" check good.wsc good.wsc --no-loop-hold
expect "check without a budget" 2 "no budget given" "$waitscope" check good.wsc
expect "--min-requests is no budget" 2 "no budget given" "$waitscope" check good.wsc --min-requests 5
expect "limit without a unit" 2 "5 of what. Say 5ms" "$waitscope" check good.wsc --max-blocked 5
expect "no limit" 2 "no limit: soon" "$waitscope" check good.wsc --max-queued soon
expect "share of the latency" 2 "no limit: 5%" "$waitscope" check good.wsc --max-latency 5%
expect "more than all" 2 "no limit: 101%" "$waitscope" check good.wsc --max-unattributed 101%
expect "two limits for one" 2 "two limits for blocked: 5ms and 6ms" \
    "$waitscope" check good.wsc --max-blocked 5ms --max-blocked 6ms
expect "no number" 2 "no number: -1" "$waitscope" check good.wsc --max-lost=-1
expect "no such key" 2 "unknown option: --max-fun" "$waitscope" check good.wsc --max-fun 5ms
expect "threshold for nothing" 2 "which is not given" \
    "$waitscope" check good.wsc --max-blocked 5ms --loop-hold 5ms
expect "no threshold" 2 "check: no duration: 5%" "$waitscope" check good.wsc --loop-hold 5%

# ---- check: budgets
expect "within the budget" 0 + "$waitscope" check good.wsc --max-blocked 2ms --max-latency 1s --no-loop-hold
check "says so" grep -q "^check passed: 1 request; blocked at most 1.95 ms (limit 2ms)" out
expect "over the budget" 1 + "$waitscope" check loop.wsc --max-blocked 5ms --no-loop-hold --max-lost 0
check "names the request" grep -Fq "30.0 ms  #2 GET /file/2 → 200, at 0.002 s" out
check "and call and file" grep -q "blocked in read on /srv/menu.txt, thread 400" out
check "and the loop hold" grep -q "^error: 1 loop hold: .* for more than 5ms" out
check "and its victims with their time" grep -Fq "made wait: #1 GET /db/4/1 → 200 (27.1 ms), #3" out
check "and the sum" grep -qx "check failed: 1 of 3 requests over the budget, 1 loop hold" out
expect "no hold as long as that" 0 + "$waitscope" check loop.wsc --no-loop-hold --loop-hold 31ms
expect "other requests" 0 + "$waitscope" check loop.wsc --max-blocked 5ms --name 'GET /db/*'
check "counts only those" grep -q "^check passed: 1 request;" out
expect "requests that were not" 1 + "$waitscope" check loop.wsc --max-blocked 5ms --name 'PUT *'
check "which is said" grep -q "^error: no request of that name was seen, so nothing was checked" out
expect "too few" 1 + "$waitscope" check loop.wsc --max-blocked 1s --min-requests 4
expect "lost records" 1 + "$waitscope" check loss.wsc --max-blocked 1s
check "are an error" grep -q "^error: 2 records lost while recording, 0 allowed" out
expect "allowed lost records" 0 + "$waitscope" check loss.wsc --max-blocked 1s --max-lost 2
check "are a note" grep -q "^note: 2 records lost while recording, 2 allowed" out
expect "names made harmless" 1 + "$waitscope" check hostile.wsc --max-blocked 0
check "and shown" grep -Fq '\x1b]0;owned' out
expect "killed recorder, within it" 5 "+the recording did not end in order" "$waitscope" check killed.wsc --max-latency 1h
check "is not passed" grep -q "^check not passed: what could be read holds the budget" out
check "and why" grep -q "^error: the capture is damaged: the recording did not end" out
expect "killed recorder, over the budget" 1 "+the recording did not end in order" "$waitscope" check killed.wsc --max-latency 0
expect "no capture" 5 "this is not a capture" "$waitscope" check text.wsc --max-blocked 5ms
expect "check --json" 1 + "$waitscope" check --json loop.wsc --max-blocked 5ms --no-loop-hold
check "which is JSON and says the same" node -e '
    const c = JSON.parse(require("fs").readFileSync("out"));
    const over = c.limits[0].over, hold = c.loop_holds[0];
    process.exit(c.summary.passes === false && over.length === 1 && over[0].id === 2 &&
        over[0].ns === 30000000 && over[0].waits[0].object === "/srv/menu.txt" &&
        hold.request.id === 2 && hold.victims.map((v) => v.id).join() === "1,3" ? 0 : 1)'

# ---- diff
expect "diff nothing" 2 "none is given" "$waitscope" diff
expect "diff one" 2 "only one is given" "$waitscope" diff good.wsc
expect "diff three" 2 "not also \"loss.wsc\"" "$waitscope" diff good.wsc loop.wsc loss.wsc
expect "diff by what" 2 "not by size" "$waitscope" diff good.wsc loop.wsc --by size
expect "diff of what is none" 5 "text.wsc: this is not a capture" "$waitscope" diff good.wsc text.wsc
expect "diff with what is not there" 1 "missing.wsc: No such file" "$waitscope" diff missing.wsc good.wsc
expect "diff" 0 + "$waitscope" diff good.wsc loop.wsc
check "verdicts side by side" grep -Eq "^  model +blocking +mixed" out
check "says what only one has" grep -q "^Only in B: GET /db/:n/:n (1 request), GET /compute/:n/:n (1 request)$" out
expect "diff of the same" 0 + "$waitscope" diff loop.wsc loop.wsc --by name
check "moves nothing" grep -q "^  Nothing moved clearly" out
check "and names all" test "$(grep -c '^  GET .* 1 *1 *requests$' out)" = 3
expect "diff with a damaged one" 5 "+killed.wsc is incomplete" "$waitscope" diff good.wsc killed.wsc
check "which it says too" grep -q "INCOMPLETE: the recording did not end" out
expect "diff, hostile names" 0 + "$waitscope" diff hostile.wsc loop.wsc
check "are harmless and shown" grep -Fq '\x1b]0;owned' out
expect "diff --json" 0 + "$waitscope" diff --json hostile.wsc loss.wsc
check "which is JSON" node -e '
    const d = JSON.parse(require("fs").readFileSync("out"));
    process.exit(d.a.processes[0].comm === "\\x1b[31mroot\\x0a" && d.b.lost === 2 ? 0 : 1)'
cp good.wsc $'\e[31m.wsc'
expect "diff of a file with a hostile name" 0 + "$waitscope" diff $'\e[31m.wsc' good.wsc

expect "diff -o" 0 "" "$waitscope" diff good.wsc loop.wsc -o both.html
# shellcheck disable=SC2016 # those are of the script in another language
check "makes one page of both" node -e '
    const page = require("fs").readFileSync("both.html", "utf8");
    const data = (id) => JSON.parse(require("zlib").gunzipSync(Buffer.from(
        new RegExp(`id="waitscope-data${id[0]}" data-name="${id[1]}">([^<]*)<`).exec(page)[1], "base64")))[0];
    const [a, b] = [["", "good.wsc"], ["-b", "loop.wsc"]].map(data);
    process.exit(a.processes[0].model === "blocking" && b.processes[0].model === "mixed" ? 0 : 1)'
check "for its owner alone" test "$(stat -c %a both.html)" = 600
cp both.html before.html
expect "diff -o what exists" 1 "both.html: it exists" "$waitscope" diff good.wsc good.wsc -o both.html
check "which is as it was" cmp both.html before.html
expect "diff -o --json" 0 + "$waitscope" diff good.wsc loop.wsc --json --output both2.html
check "prints it and writes the page" cmp both.html both2.html
expect "diff -o to what is no page" 2 "cannot write both.json: two captures make a page" "$waitscope" diff good.wsc loop.wsc -o both.json
expect "diff -o twice" 2 "one page is written, and not also y.html" "$waitscope" diff good.wsc loop.wsc -o x.html -o y.html
expect "diff -o without a name" 2 "option -o needs a value" "$waitscope" diff good.wsc loop.wsc -o
expect "diff -o, folder missing" 1 "no/x.html: No such file" "$waitscope" diff good.wsc loop.wsc -o no/x.html
expect "diff -o with a damaged one" 5 "killed.wsc is incomplete" "$waitscope" diff good.wsc killed.wsc -o damaged.html
check "is written" test -s damaged.html
check "and nothing else was" absent both.json x.html y.html no

# ---- --loop-hold elsewhere
expect "report --loop-hold" 0 + "$waitscope" report loop.wsc --loop-hold 31ms
check "finds none" sh -c '! grep -q "Event loops held up" out'
expect "report: no threshold" 2 "report: no duration: x" "$waitscope" report loop.wsc --loop-hold x
expect "convert --loop-hold" 0 "" "$waitscope" convert loop.wsc -o loop31.json --loop-hold 31ms
check "finds none either" sh -c '! grep -q "\"victims\":\[\[" loop31.json'
expect "record: no threshold" 2 "record: no duration: x" "$waitscope" record --loop-hold x -- true

# ---- convert
expect "convert nothing" 2 "no capture given" "$waitscope" convert
expect "convert to nowhere" 2 "no output given" "$waitscope" convert good.wsc
expect "convert two" 2 "one capture at a time" "$waitscope" convert good.wsc a.html -o b.html
expect "-o without a name" 2 "option -o needs a value" "$waitscope" convert good.wsc -o
expect "--output without a name" 2 "option --output needs a value" "$waitscope" convert good.wsc --output
expect "unknown suffix" 2 "cannot tell the form of x.pdf" "$waitscope" convert good.wsc -o x.pdf
expect "no suffix" 2 "cannot tell the form of x" "$waitscope" convert good.wsc -o x
expect "to a capture" 2 "comes only from record" "$waitscope" convert good.wsc -o x.wsc
expect "same output twice" 2 "x.json is given twice" "$waitscope" convert good.wsc -o x.json -o x.json
check "nothing was written" absent x.pdf x x.wsc x.json
echo precious >x.json
expect "output exists" 1 "x.json: it exists" "$waitscope" convert good.wsc -o y.html -o x.json
check "and is as it was" grep -qx precious x.json
check "and the other was not begun" absent y.html
ln -s nowhere link.json
expect "output is a link" 1 "link.json: it exists" "$waitscope" convert good.wsc -o link.json
check "that was not followed" absent nowhere
expect "folder missing" 1 "no/x.html: No such file" "$waitscope" convert good.wsc -o no/x.html
mkdir closed
chmod 555 closed
chmod 644 good.wsc
expect "folder closed" 1 "closed/x.html: Permission denied" \
    "${nobody[@]}" ./reachable convert good.wsc -o closed/x.html
check "stays empty" only_files closed
mkdir small
expect "disk full" 1 "small/x.html: File too large" \
    bash -c "ulimit -f 1; exec '$waitscope' convert good.wsc -o small/x.html"
check "leaves nothing half-written" only_files small
mkdir several
expect "several forms" 0 "" "$waitscope" convert good.wsc -o several/a.html -o several/a.json -o several/a.json.gz
check "all of them" only_files several a.html a.json a.json.gz
check "the gzipped one is the plain one" sh -c 'gzip -dc several/a.json.gz | cmp - several/a.json'
check "private" test "$(stat -c %a several/a.html several/a.json several/a.json.gz | sort -u)" = 600
expect "convert what is none" 5 "this is not a capture" "$waitscope" convert text.wsc -o z.html
check "leaves nothing" absent z.html

# ---- record, as far as it gets without root
expect "record nothing" 2 "nothing to record" "$waitscope" record
expect "record: no command" 2 "no command behind --" "$waitscope" record --
expect "record: both" 2 "not both" "$waitscope" record -p 1 -- true
expect "record: a word" 2 "unexpected word: true" "$waitscope" record true
expect "record: no number" 2 "no process number" "$waitscope" record -p abc
expect "record: empty list" 2 "no process number" "$waitscope" record -p ''
expect "record: list with a hole" 2 "no process number" "$waitscope" record -p 1,,2
expect "record: zero" 2 "no process number" "$waitscope" record -p 0
expect "record: duration" 2 "no duration: soon" "$waitscope" record -d soon -p 1
expect "record: no time at all" 2 "no duration: 0" "$waitscope" record -d 0 -p 1
expect "record: size" 2 "no size: big" "$waitscope" record --max-size big -p 1
expect "record: suffix" 2 "cannot tell the form of x.pdf" "$waitscope" record -o x.pdf -p 1
expect "record: -p without a number" 2 "option -p needs a value" "$waitscope" record -p
expect "record: process that is none" 1 "there is no such process" "$waitscope" record -p 2147483646

# Three that exist: a process, one with threads, a kernel thread.
sleep 60 &
sleeper=$!
node -e 'setTimeout(() => {}, 60000)' &
threads=$!
trap 'kill $sleeper $threads; chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
thread=
for _ in $(seq 100); do
    thread=$(find /proc/$threads/task -mindepth 1 -maxdepth 1 -printf '%f\n' | grep -vx $threads | head -n 1)
    [ -z "$thread" ] || break
    sleep 0.1
done
expect "record: thread" 1 "it is a thread of process $threads" "$waitscope" record -p "$thread"
check "and the way out" grep -q -- "-p $threads" err
if [ "$(cat /proc/2/comm)" = kthreadd ]; then
    expect "record: kernel thread" 1 "it is a kernel thread" "$waitscope" record -p 2
else
    echo "note: no kernel thread can be seen here, so none was tried"
fi
expect "record: output exists" 1 "x.json: it exists" "$waitscope" record -p $sleeper -o x.json
check "and is as it was" grep -qx precious x.json
expect "record: folder missing" 1 "no/r.html.*: No such file" "$waitscope" record -p $sleeper -o no/r.html
expect "record: folder closed" 1 "closed/r.wsc: Permission denied" \
    "${nobody[@]}" ./reachable record -p $sleeper -o closed/r.wsc
mkdir open
chmod 777 open
expect "record: not root" 3 "." "${nobody[@]}" ./reachable record -p $sleeper -o open/r.wsc
check "leaves nothing" only_files open
none=1
[ "$(id -u)" = 0 ] || none=3 # may not trace, which comes first
expect "record: command that is none" $none "." "$waitscope" record -o frob.wsc -- ./frobnicate
check "leaves no capture" absent frob.wsc
check "the others live on" kill -0 $sleeper $threads

echo "cli: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
