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
for verb in record report convert doctor; do
    check "help names $verb" grep -q "waitscope $verb" out
done
for verb in record report convert doctor; do
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
printf '\002\000\001' | dd of=major.wsc bs=1 seek=8 conv=notrunc status=none
expect "other version" 5 "its format is version 2.1" "$waitscope" report major.wsc

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
