#!/bin/sh
# 真学时 Muster：只用 openssl 3、coreutils、awk、sed、tar 核验审计包。
# Verifies audit bundles by openssl 3, coreutils, awk, sed and tar alone, with verify.awk beside it: the auditor's proof that our own
# program need not be trusted. The formats are those of seal/FORMAT.md. It checks everything but the class hours.
#
#     verify.sh --trust FILE BUNDLE...
#
# Exit status: 0 when every bundle holds, 1 when one does not, 2 when it could not be told.
set -u
LC_ALL=C
export LC_ALL
me=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 2
say() { printf '%s\n' "$*"; }
cannot() { say "✗ $*"; exit 2; }
fail() { say "✗ $bundle: $*"; exit 1; }                       # inside a bundle's subshell

[ "${1-}" = --trust ] && [ $# -ge 3 ] || cannot "usage: verify.sh --trust FILE BUNDLE..."
trust=$2
shift 2
[ -r "$me/verify.awk" ] || cannot "verify.awk is not beside verify.sh"
case $(openssl version 2>&1) in "OpenSSL 3"*) ;; *) cannot "openssl 3 is needed" ;; esac
[ "$(awk 'BEGIN { printf "%c%s", 0, "a" }' | od -An -tx1 | tr -d ' \n')" = 0061 ] || cannot "this awk writes no zero bytes"
T=$(mktemp -d) || exit 2
trap 'rm -rf "$T"' EXIT
trap 'exit 2' HUP INT TERM

## Hashes and signatures

work() { job=$1; shift; awk -f "$me/verify.awk" -v job="$job" "$@"; }  # what is not hashed or signed
unhex() { tr -d '\n' | tr a-f A-F | basenc --base16 -d; }
hash() { sha256sum | cut -c1-64; }
node() { printf '01%s' "$1" | unhex | hash; }                 # the node over two hashes, given as one text
leaf() { { printf '\000'; cat "$1"; } | hash; }

# signed KEY FILE SIGNATURE: does the Ed25519 signature hold? Key and signature in hex.
signed() {
    [ ${#1} = 64 ] && [ ${#3} = 128 ] || return 1
    [ -e "$T/$1.der" ] || printf '302a300506032b6570032100%s' "$1" | unhex >"$T/$1.der"
    printf %s "$3" | unhex >"$D/signature"
    openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$T/$1.der" -in "$2" -sigfile "$D/signature" >/dev/null 2>&1
}

# signed_sm2 KEY FILE SIGNATURE: does the SM2 signature hold? The point and the DER in hex.
sm2=ff736d322d736d332f31
signed_sm2() {
    [ ${#1} = 130 ] || return 1
    [ -e "$T/$1.der" ] || printf '3059301306072a8648ce3d020106082a811ccf5501822d034200%s' "$1" | unhex >"$T/$1.der"
    printf %s "$3" | unhex >"$D/signature" 2>/dev/null || return 1
    openssl pkeyutl -verify -rawin -digest sm3 -pkeyopt distid:1234567812345678 -pubin -keyform DER -inkey "$T/$1.der" \
        -in "$2" -sigfile "$D/signature" >/dev/null 2>&1
}

# Can this openssl do SM2? Asked by the example of seal/FORMAT.md, and by a bent one.
has_sm2() {
    key=04df07dc0b31591dfb63ec895516e5bb4ad05a09c2feba6d496ce523f7303fffcd4add27de09262dc59baf690c0286f05e29948517cc1e069b988e139c00f449c8
    good=3046022100b51f15365ae56afb52fa1fe6f1e4ac1b9029d51d4dc230093d8de23b80fb0445022100ab24700c080fe78f9629322dfe98fece6a1653d39a26d6faaa71c5b903e04a35
    printf 'muster.example/log\n3\nOF2jDzkXKCyJOd/4UZV+UZqxhGsTUaFMCts7EWMnQqo=\n' >"$T/example"
    printf 'muster.example/log\n4\nOF2jDzkXKCyJOd/4UZV+UZqxhGsTUaFMCts7EWMnQqo=\n' >"$T/bent"
    signed_sm2 "$key" "$T/example" "$good" && ! signed_sm2 "$key" "$T/bent" "$good"
}

# key_id NAME TYPE KEY: the eight hex digits in front of a signature.
key_id() { { printf '%s\n' "$1"; printf '%s%s' "$2" "$3" | unhex; } | sha256sum | cut -c1-8; }

# included LEAF INDEX SIZE ROOT FILE: the inclusion proof of RFC 9162, section 2.1.3.2; FILE has a hash a line.
included() {
    [ "$2" -lt "$3" ] || return 1
    fn=$2 sn=$(($3 - 1)) r=$1
    while read -r p; do
        [ "$sn" != 0 ] || return 1
        if [ $((fn & 1)) = 1 ] || [ "$fn" = "$sn" ]; then
            r=$(node "$p$r")
            while [ $((fn & 1)) = 0 ] && [ "$fn" != 0 ]; do fn=$((fn >> 1)) sn=$((sn >> 1)); done
        else
            r=$(node "$r$p")
        fi
        fn=$((fn >> 1)) sn=$((sn >> 1))
    done <"$5"
    [ "$sn" = 0 ] && [ "$r" = "$4" ]
}

# extends OLD ROOT NEW ROOT FILE: the consistency proof of RFC 9162, section 2.1.4.2.
extends() {
    [ "$1" -le "$3" ] || return 1
    if [ "$1" = 0 ] || [ "$1" = "$3" ]; then
        [ ! -s "$5" ] || return 1
        [ "$1" = "$3" ] && [ "$2" != "$4" ] && return 1
        [ "$1" != 0 ] || [ "$2" = "$(hash </dev/null)" ]
        return
    fi
    fn=$(($1 - 1)) sn=$(($3 - 1)) fr=
    [ $(($1 & fn)) != 0 ] || fr=$2
    sr=$fr
    while [ $((fn & 1)) = 1 ]; do fn=$((fn >> 1)) sn=$((sn >> 1)); done
    while read -r p; do
        if [ -z "$fr" ]; then fr=$p sr=$p; continue; fi
        [ "$sn" != 0 ] || return 1
        if [ $((fn & 1)) = 1 ] || [ "$fn" = "$sn" ]; then
            fr=$(node "$p$fr") sr=$(node "$p$sr")
            while [ $((fn & 1)) = 0 ] && [ "$fn" != 0 ]; do fn=$((fn >> 1)) sn=$((sn >> 1)); done
        else
            sr=$(node "$sr$p")
        fi
        fn=$((fn >> 1)) sn=$((sn >> 1))
    done <"$5"
    [ "$sn" = 0 ] && [ "$fr" = "$2" ] && [ "$sr" = "$4" ]
}

# root FILE: the root over the lines of FILE as leaves, a level at a time, each level by one sha256sum.
root() {
    rm -rf "$D/n" && mkdir "$D/n"
    awk -v to="$D/n/" '{ f = to sprintf("%06d", NR); printf "%c%s", 0, $0 >f; close(f) }' "$1"
    (cd "$D/n" && find . -type f | sort | xargs sha256sum) | cut -c1-64 >"$D/level"
    while n=$(wc -l <"$D/level"); [ "$n" -gt 1 ]; do
        rm -rf "$D/n" && mkdir "$D/n"
        awk 'NR % 2 { left = $0; next } { print "01" left $0 }' "$D/level" | unhex | split -b 65 -a 5 - "$D/n/"
        (cd "$D/n" && find . -type f | sort | xargs sha256sum) | cut -c1-64 >"$D/next"
        [ $((n % 2)) = 0 ] || tail -n 1 "$D/level" >>"$D/next"
        mv "$D/next" "$D/level"
    done
    cat "$D/level"
}

# clean FILE: no control characters but newlines.
clean() { [ "$(tr -d '\000-\011\013-\037' <"$1" | wc -c)" = "$(wc -c <"$1")" ]; }
ended() { [ -z "$(tail -c 1 "$1")" ]; }                       # the last byte of a clean file is a newline, or it is empty

## Notes and checkpoints

# note FILE: takes a note apart into FILE.text and FILE.lines (name, id, signature in hex).
note() { clean "$1" && ended "$1" && [ "$(wc -c <"$1")" -le 131072 ] && work note -v to="$1" <"$1"; }

# signer FILE NAME KEY: a line by this key is there, and all of them hold.
signer() {
    id=$(key_id "$2" 01 "$3") found=1
    while read -r name line_id signature; do
        [ "$name $line_id" = "$2 $id" ] || continue
        signed "$3" "$1.text" "$signature" || return 1
        found=0
    done <"$1.lines"
    return $found
}

# second FILE NAME KEY SM2KEY PART: where the trust file has the profile, a line by the SM2 key is there and all of them hold.
second() {
    [ -n "$log_sm2" ] || return 0
    [ "$4" != - ] || fail "$5: no leaf of the central log gives the device an SM2 key"
    own=$(key_id "$2" 01 "$3") id=$(key_id "$2" "$sm2" "$4") found="no SM2 line by $2"
    while read -r name line_id signature; do
        [ "$name" = "$2" ] && [ "$line_id" != "$own" ] || continue
        if [ "$line_id" = "$id" ]; then
            signed_sm2 "$4" "$1.text" "$signature" || fail "$5: the SM2 line by $2 is wrong"
            found=
        elif [ -n "$found" ]; then
            found="the second line by $2 is by another key than its SM2 key"
        fi
    done <"$1.lines"
    [ -z "$found" ] || fail "$5: $found"
}

# stands NAME ID: may a line that is neither the log's Ed25519 line nor a witness's stand under a checkpoint? The SM2 line where the
# trust file has the profile; otherwise one of the log's own, which this auditor does not ask for.
stands() {
    [ "$1" = "$log_name" ] || return 1
    if [ -n "$log_sm2" ]; then [ "$2" = "$log_sm2_id" ]; return; fi
    [ -z "$more" ] && more=1
}

# checkpoint FILE PART LINES: a checkpoint of the central log that its quorum stands for, into size, root and quorum_at, and who
# cosigned when into FILE.times. LINES is `known` where a line by nobody in the trust file is refused.
checkpoint() {
    note "$1" || fail "$2: no signed note"
    work checkpoint <"$1.text" >"$1.head" || fail "$2: no checkpoint of three lines"
    read -r origin size root <"$1.head"
    [ "$origin" = "$log_name" ] || fail "$2: the origin is $origin, not $log_name"
    signer "$1" "$log_name" "$log_key" || fail "$2: not signed by $log_name, or wrongly"
    : >"$1.times"
    set=0
    while read -r from n; do [ "$from" -gt "$size" ] || set=$n; done <"$T/sizes"
    more=
    while read -r name line_id signature; do
        [ "$name $line_id" = "$log_name $log_id" ] && continue
        who=$(awk -v n="$name" -v i="$line_id" '$2 "" == n "" && $3 "" == i "" { print $1, $4 }' "$T/witnesses.$set")
        if [ -z "$who" ]; then
            [ "$3" != known ] || stands "$name" "$line_id" || fail "$2: a signature by $name is by no key in the trust file"
            continue
        fi
        rest=${signature#????????????????} time=${signature%"${signature#????????????????}"}
        case $time in [0-7]???????????????) ;; *) fail "$2: the signature by $name is wrong" ;; esac
        time=$((0x$time))
        [ "$time" -ge 1 ] && [ "$time" -le 253370764799 ] || fail "$2: the signature by $name bears no time"
        { printf 'cosignature/v1\ntime %s\n' "$time"; cat "$1.text"; } >"$1.cosigned"
        signed "${who#* }" "$1.cosigned" "$rest" || fail "$2: the signature by $name is wrong"
        say "${who% *} $time" >>"$1.times"
    done <"$1.lines"
    quorum_at=$(work quorum "$T/quorum.$set" "$1.times") || fail "$2: quorum not met"
    [ "$3" != known ] || second "$1" "$log_name" "$log_key" "$log_sm2" "$2"
}

# receipt FILE: takes a receipt apart into FILE.hashes and FILE.note, and gives the index.
receipt() { ended "$1" && work receipt -v to="$1" <"$1"; }

# hashes FILE: a list of hashes, in hex.
hashes() { [ ! -s "$1" ] || { ended "$1" && work hashes <"$1"; }; }

## The trust file

read_trust() {
    D=$T
    : >"$T/sizes"
    : >"$T/log_sm2"
    work trust -v to="$T" <"$trust" >"$T/wrong" || cannot "$trust is no trust file: $(cat "$T/wrong")"
    read -r log_name log_id log_key <"$T/log"
    [ "$(key_id "$log_name" 01 "$log_key")" = "$log_id" ] || cannot "$trust: the id of the log's key is another"
    last_from=0
    while read -r from n; do last_from=$from; done <"$T/sizes"
    for n in 0 $(cut -d ' ' -f 2 "$T/sizes"); do
        while read -r name key_name id key; do
            [ "$(key_id "$key_name" 04 "$key")" = "$id" ] || cannot "$trust: the id of the key of $name is another"
        done <"$T/witnesses.$n"
    done
    domain=$(cat "$T/domain")
    log_sm2= log_sm2_id=
    [ -s "$T/log_sm2" ] || return 0
    read -r name log_sm2_id log_sm2 <"$T/log_sm2"
    [ "$(key_id "$log_name" "$sm2" "$log_sm2")" = "$log_sm2_id" ] || cannot "$trust: the id of the log's SM2 key is another"
    has_sm2 || cannot "$trust asks for the profile sm2-sm3, and this openssl has no SM2: take one that has, or muster-audit"
}

## A bundle

header() { work header -v file="$1" -v size="$2" | unhex; }

# The file is a tar written in the one way: taken apart and written again it has the same bytes.
unpack() {
    tar -tf "$bundle" >"$T/names" 2>/dev/null || fail "no tar"
    work names <"$T/names" >"$D/wrong" || fail "the parts are not those of a bundle, in their order"
    [ -z "$(tar -tvf "$bundle" 2>/dev/null | grep -v '^-')" ] || fail "a part is no plain file"
    tar -xf "$bundle" -C "$P" 2>/dev/null || fail "the tar cannot be read"
    cd "$P" || exit 2
    while read -r part; do
        size=$(wc -c <"$part")
        header "$part" "$size"
        cat "$part"
        head -c $(((512 - size % 512) % 512)) /dev/zero
    done <"$T/names" >"$D/again"
    head -c 1024 /dev/zero >>"$D/again"
    cmp -s "$D/again" "$file" || fail "the file is not written as bundles are written"
    while read -r part; do
        clean "$part" || fail "$part holds a control character"
    done <"$T/names"
    work utf8 $(cat "$T/names") >"$D/wrong" || fail "$(cat "$D/wrong")"
}

# fields FILE: the canonical lines of FILE as `line TAB path TAB value`. entry FILE: the same of a leaf, which has no newline.
fields() { work fields <"$1"; }
entry() { ! ended "$1" && fields "$1"; }
get() { sed -n "s/^1	$2	//p" "$1"; }                         # a value of the first line
text() { sed -n "s/^1	$2	//p" "$1" | work text; }             # the same as the text that it stands for

# The device's life: its keys in `tenures` (first counter, key), its end in `end`, its enrolment in `enrolled` and `site`.
life() {
    : >"$D/leaves"
    n=0
    for part in device-*.json; do
        index=$(receipt "${part%.json}.tlog-proof") || fail "${part%.json}.tlog-proof: no receipt"
        if [ $n = 0 ]; then
            checkpoint device-000.tlog-proof.note device-000.tlog-proof known
            newest_size=$size newest_root=$root
            [ "$size" -ge "$last_from" ] || fail "the newest checkpoint is older than the witnesses from $last_from on: ask for a newer bundle"
        else
            cmp -s device-000.tlog-proof.note "${part%.json}.tlog-proof.note" || fail "$part is under another checkpoint"
        fi
        included "$(leaf "$part")" "$index" "$newest_size" "$newest_root" "${part%.json}.tlog-proof.hashes" ||
            fail "${part%.json}.tlog-proof: the proof does not hold"
        entry "$part" >"$D/fields" || fail "$part: no canonical line"
        work leaf -v place="$index" -v device="$device" -v want=enrol,rotate,revoke,replace <"$D/fields" >>"$D/leaves" || fail "$part: no leaf about $device"
        n=$((n + 1))
    done
    work lives <"$D/leaves" >"$D/life" || fail "$(cat "$D/life")"
    read -r enrolled site end first_end <"$D/life"
    sed -n 's/^tenure //p' "$D/life" >"$D/tenures"
    sed -n 's/^rotate //p' "$D/life" >"$D/rotations"
    while read -r at old new key by_old by_new sm2_old sm2_new sm2_key sm2_by_old sm2_by_new; do
        if [ "$sm2_new" = - ]; then
            printf 'muster-rotate/v1\n%s\n%s\n%s\n' "$device" "$at" "$key" >"$D/rotation"
        else
            printf 'muster-rotate/v2\n%s\n%s\n%s\n%s\n' "$device" "$at" "$key" "$sm2_key" >"$D/rotation"
        fi
        signed "$old" "$D/rotation" "$by_old" || fail "the rotation after $at is not signed by the old key"
        signed "$new" "$D/rotation" "$by_new" || fail "the rotation after $at is not signed by the new key"
        [ -n "$log_sm2" ] && [ "$sm2_new" != - ] || continue
        [ "$sm2_old" = - ] || signed_sm2 "$sm2_old" "$D/rotation" "$sm2_by_old" ||
            fail "the rotation after $at is not signed by the old SM2 key"
        signed_sm2 "$sm2_new" "$D/rotation" "$sm2_by_new" || fail "the rotation after $at is not signed by the new SM2 key"
    done <"$D/rotations"
}

# key_at COUNTER: the key that signs it.
key_at() {
    [ "$end" = - ] || [ "$1" -le "$end" ] || fail "the device was revoked or replaced after $end: $1 does not count"
    awk -v n="$1" '$1 <= n { key = $2 } { last = $2 } END { print (key == "" ? last : key) }' "$D/tenures"
}

# sm2_at COUNTER: the SM2 key that signs it beside, or `-`.
sm2_at() { awk -v n="$1" '$1 <= n { key = $3 } { last = $3 } END { print (key == "" ? last : key) }' "$D/tenures"; }

# The contacts since the session before, each linked to the one before it, into `follows` and `link` (counter, seal, beacon).
contacts() {
    follows= link=
    [ -s contacts.jsonl ] || return 0
    [ -z "$(tail -c 1 contacts.jsonl)" ] || fail "contacts.jsonl is cut short"
    while IFS= read -r line; do
        printf '%s\n' "$line" >"$D/contact"
        fields "$D/contact" >"$D/fields" || fail "contacts.jsonl: no canonical line"
        at=$(work leaf -v device="$device" -v want=contact <"$D/fields") || fail "contacts.jsonl: no contact of $device"
        text "$D/fields" note >"$D/contact.note"
        note "$D/contact.note" || fail "contacts.jsonl: no signed note"
        origin="$domain/d/$device/c/$at"
        said=$(work contact -v origin="$origin" <"$D/contact.note.text") || fail "contacts.jsonl: no contact $at of $device"
        key=$(key_at "$at") || { say "$key"; exit 1; }
        signer "$D/contact.note" "$origin" "$key" || fail "contacts.jsonl: contact $at is not signed by the device, or wrongly"
        second "$D/contact.note" "$origin" "$key" "$(sm2_at "$at")" contacts.jsonl
        if [ -z "$follows" ]; then
            follows="$at $said"
        else
            next "$at" $said
        fi
        link="$at $(hash <"$D/contact.note") ${said#* }"
    done <contacts.jsonl
}

# next COUNTER PREV BEACON: does it follow `link`?
next() {
    set -- "$@" $link
    [ "$1" = $(($4 + 1)) ] || fail "the counter is $1, after $4: a session or contact is missing"
    [ "$2" = "$5" ] || fail "$1 does not name what came before it"
    [ "$3" -ge "$6" ] || fail "the beacon goes back from $6 to $3"
}

check() {
    D=$(mktemp -d "$T/b.XXXXXX") P=$D/parts
    mkdir "$P"
    unpack
    # The leaf about the seal, and its receipt.
    entry entry.json >"$D/entry" || fail "entry.json: no canonical line"
    work leaf -v want=seal <"$D/entry" >"$D/of" || fail "entry.json is not about a seal"
    read -r device counter <"$D/of"
    text "$D/entry" seal | cmp -s - seal.note || fail "entry.json holds another seal than seal.note"
    index=$(receipt entry.tlog-proof) || fail "entry.tlog-proof: no receipt"
    sealed=$index
    checkpoint entry.tlog-proof.note entry.tlog-proof known
    covering_size=$size covering_root=$root
    included "$(leaf entry.json)" "$sealed" "$size" "$root" entry.tlog-proof.hashes || fail "entry.tlog-proof: the proof does not hold"
    covering_at=$quorum_at
    # The device, up to the newest checkpoint.
    life
    [ "$enrolled" -lt "$sealed" ] || fail "the device was enrolled after the seal"
    hashes newest.consistency >"$D/newest" || fail "newest.consistency: no list of hashes"
    extends "$covering_size" "$covering_root" "$newest_size" "$newest_root" "$D/newest" || fail "newest.consistency does not hold"
    key=$(key_at "$counter") || { say "$key"; exit 1; }
    # The log and its seal.
    [ -s log.jsonl ] && [ -z "$(tail -c 1 log.jsonl)" ] || fail "log.jsonl is empty or cut short"
    fields log.jsonl >"$D/log" || fail "log.jsonl: $(tail -n 1 "$D/log")"
    work records <"$D/log" >"$D/wrong" || fail "log.jsonl: $(cat "$D/wrong")"
    origin="$domain/d/$device/s/$counter"
    note seal.note && work checkpoint <seal.note.text >"$D/seal" || fail "seal.note: no checkpoint"
    read -r name size root <"$D/seal"
    [ "$name" = "$origin" ] || fail "the seal is of $name, not of $origin"
    signer seal.note "$origin" "$key" || fail "the seal is not signed by the device, or wrongly"
    strangers=$(awk -v o="$origin" -v i="$(key_id "$origin" 01 "$key")" '$1 "" != o "" || $2 "" != i ""' seal.note.lines | wc -l)
    [ "$strangers" -le 1 ] || fail "seal.note: $strangers signature lines by other keys than the device's: a seal may have one"
    second seal.note "$origin" "$key" "$(sm2_at "$counter")" seal.note
    [ "$size" = "$(wc -l <log.jsonl | tr -d ' ')" ] || fail "the seal covers $size records"
    [ "$root" = "$(root log.jsonl)" ] || fail "the records do not hash to the sealed root"
    [ "$(text "$D/log" device) $(get "$D/log" counter)" = "$device $counter" ] || fail "line 1 is of another device or counter"
    [ "$(text "$D/log" key)" = "$(printf %s "$key" | unhex | hash)" ] || fail "line 1 names another key"
    [ "$(text "$D/log" site)" = "$site" ] || fail "line 1 names another site than $site"
    # The beacon, and the order of the times.
    text "$D/log" beacon >"$D/beacon"
    hashes beacon.consistency >"$D/proof" || fail "beacon.consistency: no list of hashes"
    beacon_size=0
    if [ -s "$D/beacon" ]; then
        checkpoint "$D/beacon" "the beacon" any
        beacon_size=$size
        [ "$beacon_size" -le "$sealed" ] || fail "the beacon is newer than the seal"
        extends "$beacon_size" "$root" "$covering_size" "$covering_root" "$D/proof" || fail "beacon.consistency does not hold"
        work bracket -v before="$covering_at" "$D/beacon.times" entry.tlog-proof.note.times >"$D/wrong" ||
            fail "a cosignature on the covering checkpoint is older than the beacon"
    else
        [ ! -s "$D/proof" ] || fail "beacon.consistency: a proof without a beacon"
    fi
    # What came before.
    contacts
    prev=$(text "$D/log" prev)
    if [ -n "$link" ]; then
        next "$counter" "${prev:--}" "$beacon_size"
    else
        follows="$counter ${prev:--} $beacon_size"
    fi
    # The plan and its policy.
    [ "$(hash <assignment.json)" = "$(text "$D/log" assignment)" ] || fail "assignment.json is not the one that line 1 names"
    ! ended assignment.json && work assignment <assignment.json >"$D/plan" || fail "assignment.json: $(tail -n 1 "$D/plan")"
    work plan "$D/plan" "$T/policies" "$D/log" >"$D/wrong" || fail "$(cat "$D/wrong")"
    say "$device $counter $follows $(hash <seal.note) $beacon_size $covering_size $covering_root $newest_size $newest_root $given" \
        >>"$T/places"
    say "✓ $bundle"
    [ "$first_end" = - ] || [ "$first_end" -gt "$sealed" ] ||
        say "⚠ $bundle: the seal (#$sealed) came to the central log after the device was revoked or replaced (#$first_end)"
    rm -rf "$D"
}

read_trust
: >"$T/places"
: >"$T/given"
status=0
given=0
for bundle; do
    given=$((given + 1))
    printf '%s\n' "$bundle" >>"$T/given"
    case $bundle in /*) file=$bundle ;; *) file=$PWD/$bundle ;; esac
    if [ ! -r "$file" ]; then
        say "? $bundle cannot be read"
        [ $status = 1 ] || status=2
        continue
    fi
    (check) || status=1
done
sort -k1,1 -k2,2n -k12,12n "$T/places" | work chain -v given="$T/given" || status=1
exit $status
