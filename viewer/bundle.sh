#!/bin/sh
# Makes one page of index.html: its style sheets as one, its scripts in their order as one, packed,
# with boot.js before them, and the SHA-256 of each in the content security policy, so that the
# page runs exactly these and nothing else.
#
#     viewer/bundle.sh OUT
#
# The build of the program depends on it: sh, awk, gzip and esbuild. An include stands on a
# line of its own, as <link rel="stylesheet" href="X"> or <script src="X"></script>.
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
command -v esbuild >/dev/null || die "esbuild is not installed: make deps installs it"

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

# lean KIND: the text without what only people need: its comments, white space and local names.
lean() {
    case $1 in
    style) esbuild --loader=css --minify --charset=utf8 --log-level=warning ;;
    script) esbuild --loader=js --minify --charset=utf8 --log-level=warning --target=es2022 ;;
    esac || die "esbuild failed"
}

# safe KIND FILE NAME: refuses all that would end the part early or change its bytes on the way
# through the HTML parser, and so break the hash.
safe() {
    case $1 in
    style) bad='</style' ;;
    *) bad='</script|<script|<!--' ;;
    esac
    if grep -Eiq -e "$bad" -- "$2"; then
        die "$3 holds one of $bad, which would end its place in the page"
    fi
    if [ "$(tr -d '\000\r' <"$2" | wc -c)" -ne "$(wc -c <"$2")" ]; then
        die "$3 holds a carriage return or a NUL"
    fi
}

# include KIND NAME: adds a file to the sources of its kind.
include() {
    file=$here/$2
    [ -r "$file" ] || die "index.html includes $2, which cannot be read"
    safe "$1" "$file" "$2"
    [ -z "$(tail -c 1 -- "$file")" ] || die "$2 does not end with a newline"
    cat -- "$file" >>"$tmp/$1.source"
}

# The names, in order; anything that loads in another way is refused.
awk '
    /^<link rel="stylesheet" href="[A-Za-z0-9_.-]+">$/ { split($0, p, "\""); print "style", p[4]; next }
    /^<script src="[A-Za-z0-9_.-]+"><\/script>$/ { split($0, p, "\""); print "script", p[2]; next }
    /<link|<script|<style| src=| href=/ { print "bad", NR }
' "$page" >"$tmp/names"

while read -r kind name; do
    [ "$kind" != bad ] || die "index.html line $name: an include that is not understood"
    include "$kind" "$name"
done <"$tmp/names"

for kind in style script; do
    [ -s "$tmp/$kind.source" ] || die "index.html includes no $kind"
    { echo; lean "$kind" <"$tmp/$kind.source"; } >"$tmp/$kind.body"
    safe "$kind" "$tmp/$kind.body" "what esbuild makes of the ${kind}s"
done

include boot boot.js
{ echo; lean script <"$tmp/boot.source"; } >"$tmp/boot.body"
safe script "$tmp/boot.body" "what esbuild makes of boot.js"
gzip -9 -n <"$tmp/script.body" | base64 -w 0 >"$tmp/packed.body"

awk -v dir="$tmp" -v style="$(hash_of "$tmp/style.body")" \
    -v script="$(hash_of "$tmp/boot.body")' 'sha256-$(hash_of "$tmp/script.body")" '
    function put(tag, name,    line) {
        if (done[name]++)
            return
        printf "<%s%s>", tag, name == "packed" ? " type=\"application/gzip\" id=\"waitscope-code\"" : ""
        while ((getline line < (dir "/" name ".body")) > 0)
            print line
        printf "</%s>\n", tag
    }
    function policy(tag) {
        return sub(tag "-src .self.", tag "-src '\''sha256-" (tag == "style" ? style : script) "'\''")
    }
    /^<link rel="stylesheet"/ { put("style", "style"); next }
    /^<script src=/ { put("script", "packed"); put("script", "boot"); next }
    /^<meta http-equiv="Content-Security-Policy"/ { policies += policy("style") * policy("script") }
    { print }
    END { exit policies == 1 ? 0 : 1 }
' "$page" >"$tmp/page" || die "index.html must hold one policy with script-src and style-src 'self'"

marks=$(awk '{ n += gsub(/<!--waitscope-data-->/, "") } END { print n + 0 }' "$tmp/page")
[ "$marks" -eq 1 ] || die "the place for the data must be there once, not $marks times"

# Beside the target first, so that a build that is interrupted leaves no half page.
cp -- "$tmp/page" "$out.tmp$$"
mv -- "$out.tmp$$" "$out"
