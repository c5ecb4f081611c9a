#!/bin/bash
# Damaged captures through the whole program: what fuzzing found once, and every golden capture cut
# and flipped in many places. Usage: robust.sh BUILD
set -u
cd "$(dirname "$0")" || exit 1
build=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

replay() {
    local name=$1
    shift
    if "$build/tests/fuzz/fuzz_capture" "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        echo "FAILED $name"
        tail -n 12 "$work/log"
        failed=$((failed + 1))
    fi
}

shopt -s nullglob
found=(../fuzz/found/*)
[ ${#found[@]} = 0 ] || replay "what fuzzing found" "${found[@]}"
for scenario in *.scenario; do
    name=${scenario%.scenario}
    mkdir "$work/$name"
    if ! "$build/tests/golden/mkcapture" "$scenario" "$work/$name/whole.wsc"; then
        echo "FAILED $name: no capture"
        failed=$((failed + 1))
        continue
    fi
    node damage.mjs "$work/$name" "$name" || exit 1
    replay "$name, damaged" "$work/$name"/*
done
echo "robust: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
