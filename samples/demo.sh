#!/bin/sh
# The demo: the same small service, written four ways, served to the same hundred users, each under
# waitscope. It prints one table and writes a report for each server, a page that puts the four
# side by side, and one with the timelines of the blocking and the non-blocking one together.
#
#     samples/demo.sh BUILD        (make demo calls it; BUILD holds waitscope and samples/)
#
# Everything that it starts is ended by its process number, also on Ctrl-C and when a step fails.
# All it makes is in BUILD/demo, which it empties first.
set -u

users=100
workers=8
db_ms=20
seconds=5 # of load for each server

here=$(dirname -- "$0")
[ $# -eq 1 ] || { echo "usage: demo.sh BUILD" >&2; exit 2; }
build=$1
out=$build/demo
waitscope=$build/waitscope

backend_pid='' server_pid='' record_pid='' load_pid=''

die() {
    echo "demo: $*" >&2
    exit 1
}

# A child that ended is still there until it is waited for, as a zombie.
alive() {
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
    [ -n "$state" ] && [ "$state" != Z ]
}

# Ends a process in order; one that does not go within 5 s is killed.
end() {
    kill -TERM "$1" 2>/dev/null
    for _ in $(seq 50); do
        alive "$1" || return 0
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null
}

clean_up() {
    status=$?
    trap '' HUP INT TERM
    [ -z "$load_pid" ] || end "$load_pid"
    # The server first: its end is the recording's end.
    [ -z "$server_pid" ] || end "$server_pid"
    [ -z "$record_pid" ] || end "$record_pid"
    [ -z "$backend_pid" ] || end "$backend_pid"
    # Under sudo the files are for the one who called it, and so is what make built before.
    [ -z "${SUDO_UID:-}" ] || chown -Rh --from=0 "$SUDO_UID:${SUDO_GID:-}" "$build"
    exit $status
}

# wait_for_line LOG PID: the port and process number that a server says when it listens, in `port`
# and `said_pid`; fails when process PID ended or 10 s went by.
wait_for_line() {
    for _ in $(seq 100); do
        line=$(sed -n 's/^[a-z-]*: listening on 127\.0\.0\.1:\([0-9]*\), pid \([0-9]*\)$/\1 \2/p' "$1")
        port=${line% *} said_pid=${line#* }
        [ -z "$line" ] || return 0
        alive "$2" || return 1
        sleep 0.1
    done
    return 1
}

start_backend() {
    : >"$out/backend.log"
    "$build/samples/backend" >"$out/backend.log" 2>&1 &
    backend_pid=$!
    wait_for_line "$out/backend.log" $backend_pid || {
        cat "$out/backend.log" >&2
        die "the backend does not listen"
    }
    backend_port=$port
}

offer_load() {
    "$build/samples/load" --port "$port" --path "/db/$db_ms/%d" --connections $users \
        --no-keepalive --duration $seconds --deadline $((seconds + 10)) \
        -o "$out/$name.load.jsonl" 2>"$out/$name.load.log" &
    load_pid=$!
    wait $load_pid || {
        cat "$out/$name.load.log" >&2
        die "not every request to $name was answered"
    }
    load_pid=''
}

# serve NAME [OPTION…]: a server under trace, its load, its end, its report.
serve() {
    name=$1
    shift
    echo "$name: $users users for $seconds s"
    : >"$out/$name.log" # there before anyone looks into it
    "$waitscope" record -o "$out/$name.wsc" -o "$out/$name.html" -- \
        "$build/samples/$name" --backend "$backend_port" "$@" \
        >"$out/$name.log" 2>"$out/$name.record.log" &
    record_pid=$!
    wait_for_line "$out/$name.log" $record_pid || {
        cat "$out/$name.log" "$out/$name.record.log" >&2
        die "$name did not start under waitscope"
    }
    server_pid=$said_pid
    offer_load
    kill -TERM "$server_pid" # the recording ends with it
    wait $record_pid || {
        cat "$out/$name.record.log" >&2
        die "$name was not recorded"
    }
    server_pid='' record_pid=''
    "$waitscope" report --json "$out/$name.wsc" >"$out/$name.json" || die "no report of $name"
}

for program in waitscope samples/backend samples/load; do
    [ -x "$build/$program" ] || die "$build/$program is missing: run make"
done
checks=$("$waitscope" doctor) || {
    printf '%s\n' "$checks" >&2
    [ "$(id -u)" -eq 0 ] || die "tracing needs rights that you do not have here: run sudo make demo"
    die "this machine cannot be recorded on"
}

rm -rf -- "$out"
mkdir -p -- "$out" || die "cannot make $out"
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

start_backend
serve pool --workers $workers
serve eventloop
serve eventloop-blocked
serve eventloop-offload --workers $workers
# The blocking and the non-blocking one in one timeline.
"$waitscope" diff "$out/pool.wsc" "$out/eventloop.wsc" -o "$out/diff.html" || die "no page of two"
/usr/bin/python3 -B "$here/demo.py" "$out" --users $users --workers $workers --db-ms $db_ms \
    --seconds $seconds --backend-port "$backend_port"
