#!/bin/sh
# Makes one page of index.html: each style sheet and script that it names, in order, put in its
# place, and their SHA-256 in the content security policy, so that the page runs exactly these
# and nothing else.
#
#     viewer/bundle.sh OUT
#
# POSIX sh, awk and coreutils only: the build of the program depends on it. An include stands on
# a line of its own, as <link rel="stylesheet" href="X"> or <script src="X"></script>.
set -eu

die() {
    echo "bundle.sh: $*" >&2
    exit 1
}

[ $# -eq 1 ] || die "usage: bundle.sh OUT"
out=$1
here=$(dirname -- "$0")
page=$here/index.html
[ -r "$page" ] || die "cannot read $page"

tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# The SHA-256 of a file in base64, as the policy wants it.
hash_of() {
    hex=$(sha256sum -- "$1" | cut -c 1-64)
    octal=$(printf '%s\n' "$hex" | awk '{
        digits = "0123456789abcdef"
        for (i = 1; i < length($0); i += 2) {
            n = (index(digits, substr($0, i, 1)) - 1) * 16 + index(digits, substr($0, i + 1, 1)) - 1
            printf "\\%03o", n
        }
    }')
    # shellcheck disable=SC2059 # the octal escapes are the format
    printf "$octal" | base64
}

# The text without its indentation, empty lines and comments, which are a third of it. Sources
# therefore hold no string of several lines, and none with a comment's marks in it.
lean() {
    awk '
        { sub(/^[ \t]+/, "") }
        !inside { gsub(/ ?\/\*\*? [^*]*\*\/ ?/, "") }
        inside { if (/\*\/$/) inside = 0; next }
        /^\/\*/ && !/\*\// { inside = 1; next }
        /^$/ { next }
        style { sub(/ \{$/, "{"); sub(/: /, ":"); gsub(/, /, ",") }
        { print }
    ' "style=$([ "$2" = style ] && echo 1)" "$1"
}

# include KIND NAME: what stands between the tags, checked for all that would end it early or
# change its bytes on the way through the HTML parser, and so break the hash.
include() {
    [ -r "$here/$2" ] || die "index.html includes $2, which cannot be read"
    { echo; lean "$here/$2" "$1"; } >"$tmp/$2.body"
    case $1 in
    style) bad='</style' ;;
    script) bad='</script|<script|<!--' ;;
    esac
    if grep -Eiq -e "$bad" "$tmp/$2.body"; then
        die "$2 holds one of $bad, which would end its place in the page"
    fi
    if [ "$(tr -d '\000\r' <"$tmp/$2.body" | wc -c)" -ne "$(wc -c <"$tmp/$2.body")" ]; then
        die "$2 holds a carriage return or a NUL"
    fi
    [ -z "$(tail -c 1 -- "$here/$2")" ] || die "$2 does not end with a newline"
    printf " 'sha256-%s'" "$(hash_of "$tmp/$2.body")" >>"$tmp/$1.hashes"
}

# The names, in order; anything that loads in another way is refused.
awk '
    /^<link rel="stylesheet" href="[A-Za-z0-9_.-]+">$/ { split($0, p, "\""); print "style", p[4]; next }
    /^<script src="[A-Za-z0-9_.-]+"><\/script>$/ { split($0, p, "\""); print "script", p[2]; next }
    /<link|<script|<style| src=| href=/ { print "bad", NR }
' "$page" >"$tmp/names"

: >"$tmp/style.hashes"
: >"$tmp/script.hashes"
while read -r kind name; do
    [ "$kind" != bad ] || die "index.html line $name: an include that is not understood"
    include "$kind" "$name"
done <"$tmp/names"
for kind in style script; do
    [ -s "$tmp/$kind.hashes" ] || die "index.html includes no $kind"
done

awk -v dir="$tmp" -v style="$(cat "$tmp/style.hashes")" -v script="$(cat "$tmp/script.hashes")" '
    function put(tag, name,    line) {
        printf "<%s>", tag
        while ((getline line < (dir "/" name ".body")) > 0)
            print line
        printf "</%s>\n", tag
    }
    /^<link rel="stylesheet"/ { split($0, p, "\""); put("style", p[4]); next }
    /^<script src=/ { split($0, p, "\""); put("script", p[2]); next }
    /^<meta http-equiv="Content-Security-Policy"/ {
        policies += sub(/style-src .self./, "style-src" style) * sub(/script-src .self./, "script-src" script)
    }
    { print }
    END { exit policies == 1 ? 0 : 1 }
' "$page" >"$tmp/page" || die "index.html must hold one policy with script-src and style-src 'self'"

marks=$(awk '{ n += gsub(/<!--waitscope-data-->/, "") } END { print n + 0 }' "$tmp/page")
[ "$marks" -eq 1 ] || die "the place for the data must be there once, not $marks times"

# Beside the target first, so that a build that is interrupted leaves no half page.
cp -- "$tmp/page" "$out.tmp$$"
mv -- "$out.tmp$$" "$out"
