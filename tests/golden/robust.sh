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
    # The same ones each time: a failure can be played again.
    node -e '
        const fs = require("fs"), [dir, seed] = process.argv.slice(1);
        const whole = fs.readFileSync(dir + "/whole.wsc");
        let x = [...seed].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 16777619) >>> 0, 2166136261);
        const next = (n) => (x = Math.imul(x ^ (x >>> 15), 2246822519) + 0x9e3779b9 >>> 0) % n;
        for (let i = 0; i < 40; i++)
            fs.writeFileSync(`${dir}/cut${i}`, whole.subarray(0, next(whole.length)));
        for (let i = 0; i < 160; i++) {
            const bytes = Buffer.from(whole);
            for (let n = 1 + next(4); n; n--) bytes[456 + next(bytes.length - 456)] = next(256);
            fs.writeFileSync(`${dir}/flip${i}`, bytes);
        }' "$work/$name" "$name" || exit 1
    replay "$name, damaged" "$work/$name"/*
done
echo "robust: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
