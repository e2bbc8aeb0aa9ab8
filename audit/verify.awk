# What verify.sh asks of awk: to take texts apart and to look at values. `job` says which. Exit status 1: it does not hold.

function wrong(what) { print what; bad = 1; exit 1 }

# Canonical base64 as hex, or "!".
function unbase64(text,    n, pad, i, v, out) {
    n = length(text)
    pad = text ~ /==$/ ? 2 : text ~ /=$/ ? 1 : 0
    text = substr(text, 1, n - pad)
    if (n == 0 || n % 4 || text !~ /^[A-Za-z0-9+\/]*$/) return "!"
    text = text substr("AA", 1, pad)
    for (i = 1; i <= n; i += 4) {
        v = digit[substr(text, i, 1)] * 262144 + digit[substr(text, i + 1, 1)] * 4096
        v += digit[substr(text, i + 2, 1)] * 64 + digit[substr(text, i + 3, 1)]
        out = out sprintf("%06x", v)
    }
    if (pad && substr(out, length(out) - 2 * pad + 1) !~ /^0*$/) return "!"
    return substr(out, 1, length(out) - 2 * pad)
}

function number(text) { return text ~ /^(0|[1-9][0-9]*)$/ && length(text) <= 16 && text + 0 <= 9007199254740991 }
function hex(text, n) { return length(text) == n && text ~ /^[0-9a-f]*$/ }
function id(text) { return text ~ /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/ && length(text) <= 64 }
# No Unicode white space, no plus sign, no control character.
function key_name(text) {
    if (text !~ /^[^\001-\040+]+$/ || text ~ /\302[\205\240]|\341\232\200|\343\200\200|\342\201\237/) return 0
    return text !~ /\342\200[\200-\212\250\251\257]/
}
# Is it UTF-8: shortest forms, no surrogates, nothing above U+10FFFF? What is good becomes `x`, so that nothing runs together.
function utf8(text) {
    gsub(/[\302-\337][\200-\277]/, "x", text)
    gsub(/\340[\240-\277][\200-\277]|[\341-\354\356\357][\200-\277][\200-\277]|\355[\200-\237][\200-\277]/, "x", text)
    gsub(/\360[\220-\277][\200-\277][\200-\277]|[\361-\363][\200-\277][\200-\277][\200-\277]|\364[\200-\217][\200-\277][\200-\277]/, "x", text)
    return text !~ /[\200-\377]/
}

# A verifier key of a type: "name id key", or "".
function verifier(text, type,    part, raw) {
    if (split(text, part, "+") < 3 || !key_name(part[1])) return ""
    raw = unbase64(substr(text, length(part[1]) + length(part[2]) + 3))
    if (substr(raw, 1, 2) != type || length(raw) != 66) return ""
    return part[1] " " part[2] " " substr(raw, 3)
}

# The same for the log's SM2 key, and an SM2 key as it stands in a leaf: the point in hex, "-" without one.
function sm2_verifier(text,    part, raw) {
    if (split(text, part, "+") < 3 || !key_name(part[1])) return ""
    raw = unbase64(substr(text, length(part[1]) + length(part[2]) + 3))
    if (raw !~ /^ff736d322d736d332f3104/ || length(raw) != 150) return ""
    return part[1] " " part[2] " " substr(raw, 21)
}
function sm2_point(field,    raw) {
    if (!(field in F)) return "-"
    raw = unbase64(inner(F[field]))
    if (raw !~ /^04/ || length(raw) != 130) wrong("no SM2 key")
    return raw
}
function hex_of(field) { return field in F ? unbase64(inner(F[field])) : "-" }

# The text between the quotes of a JSON text, and what it stands for.
function inner(v) { return substr(v, 2, length(v) - 2) }
function unescape(text,    out) {
    while (match(text, /\\(["\\]|u00[01][0-9a-f])/)) {
        out = out substr(text, 1, RSTART - 1)
        if (RLENGTH == 2) out = out substr(text, RSTART + 1, 1)
        else out = out sprintf("%c", 16 * substr(text, RSTART + 4, 1) + index("0123456789abcdef", substr(text, RSTART + 5, 1)) - 1)
        text = substr(text, RSTART + RLENGTH)
    }
    return out text
}

## JSON: `S` from `P` on, in the one way in which lines are written: keys ascend, no spaces, nothing escaped that need not be. A path
## has `/` between its keys, which no key has.

function eat(what) { if (substr(S, P, length(what)) != what) wrong("line " NR ": not canonical at byte " P - 1); P += length(what) }
function scan(pattern) {
    if (!match(substr(S, P), pattern)) wrong("line " NR ": not canonical at byte " P - 1)
    P += RLENGTH
    return substr(S, P - RLENGTH, RLENGTH)
}
function quoted() { return scan("^\"([^\"\\\\]|\\\\[\"\\\\]|\\\\u00[01][0-9a-f])*\"") }
function value(path, depth,    c, n, key, last) {
    c = substr(S, P, 1)
    if (depth > 4) wrong("line " NR ": nested too deep")
    if (c == "{") {
        P++
        for (n = 0; substr(S, P, 1) != "}"; n++) {
            if (n) eat(",")
            key = inner(quoted())
            if (key !~ /^[A-Za-z0-9_.-]+$/ || (n && (last "") >= (key ""))) wrong("line " NR ": keys are not in order")
            last = key
            eat(":")
            value(path == "" ? key : path "/" key, depth + 1)
        }
        P++
        if (!n) print NR "\t" path "\t{}"
    } else if (c == "[") {
        P++
        for (n = 0; substr(S, P, 1) != "]"; n++) {
            if (n) eat(",")
            value(path "[]", depth + 1)
        }
        P++
        if (!n) print NR "\t" path "\t[]"
    } else if (c == "\"") {
        print NR "\t" path "\t" quoted()
    } else if (c ~ /[-0-9]/) {
        c = scan("^(0|-?[1-9][0-9]*)")
        if (substr(S, P, 1) ~ /[.eE0-9]/ || length(c) > 17 || c + 0 >= 9007199254740992 || c + 0 <= -9007199254740992)
            wrong("line " NR ": no number of ours")
        print NR "\t" path "\t" c
    } else {
        print NR "\t" path "\t" scan("^(true|false)")
    }
}

## Records: which fields a kind has, and of what form. `?` may be missing, `*` is an object.

function kinds(    i, n, part, all) {
    all = "open:v=one device=id key=h64 counter=pos prev=e64 site=id class=id session=id assignment=e64 agent=text policy=text"
    all = all " models=*text readers=*text camera=text beacon=text"
    all = all "|card:reader=id trainee=id layout=id"
    all = all "|face:tap=int trainee=id outcome=(match,face,again,mismatch,poor,none,no-camera,declined) detector=text frames=int"
    all = all " quality=int frame=e64 score=?num other=text other_score=?num live=?num group=?int"
    all = all "|present:trainee=id way=(in,out,spot) level=(1,2,3,4) tap=int face=?int"
    all = all "|spot:call=pos phase=(call,met,missed) trainee=id|instructor:instructor=id way=(in,out) by=(card,pin)"
    all = all "|manual:trainee=id way=(in,out) by=id reason=id level=(0,1)|stranger:reader=id|clock:step_ms=num"
    all = all "|fault:part=(reader,camera,power,network) name=id state=(down,up) reason=id|restart:agent=text"
    all = all "|close:reason=(schedule,operator,recovered) kinds=*int readers=*int reasons=*int"
    # Leaves of the central log, under names of their own.
    all = all "|:seal:device=id counter=pos seal=text received=text|:contact:device=id counter=pos note=text received=text"
    all = all "|:enrol:device=id key=text site=id institution=id sm2=?text at=text|:revoke:device=id counter=int reason=id at=text"
    all = all "|:rotate:device=id counter=int key=text by_old=text by_new=text sm2=?text sm2_by_old=?text sm2_by_new=?text at=text"
    all = all "|:replace:device=id old=id counter=int reason=id at=text"
    n = split(all, part, "|")
    for (i = 1; i <= n; i++) {
        match(part[i], /^:?[a-z]+:/)
        form[substr(part[i], 1, RLENGTH - 1)] = substr(part[i], RLENGTH + 1)
    }
}
function fits(v, want,    quoted_, t) {
    quoted_ = v ~ /^"/
    t = quoted_ ? inner(v) : v
    if (want == "text") return quoted_
    if (want == "id") return quoted_ && id(t)
    if (want == "h64") return quoted_ && hex(t, 64)
    if (want == "e64") return quoted_ && (t == "" || hex(t, 64))
    if (want == "h32") return quoted_ && hex(t, 32)
    if (want == "wall") return quoted_ && substr(t, 20, 4) ~ /^\.[0-9][0-9][0-9]$/ && instant(substr(t, 1, 19) substr(t, 24)) != ""
    if (want == "int") return v ~ /^[0-9]+$/
    if (want == "pos") return v ~ /^[1-9][0-9]*$/
    if (want == "num") return v ~ /^-?[0-9]+$/
    if (want == "one") return v == "1"
    return t !~ /,/ && index("," substr(want, 2, length(want) - 2) ",", "," t ",") && t != "" && quoted_ != (want ~ /^.[0-9]/)
}
# Seconds since 1970 of `2026-03-02T08:00:00+08:00`, or "" where there is no such time: the year 0001 to 9998, the offset -12:00 to +14:00.
function instant(t,    y, m, d, h, min, s, east, days) {
    if (t !~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9][-+][0-9][0-9]:[0-9][0-9]$/) return ""
    y = substr(t, 1, 4) + 0
    m = substr(t, 6, 2) + 0
    d = substr(t, 9, 2) + 0
    h = substr(t, 12, 2) + 0
    min = substr(t, 15, 2) + 0
    s = substr(t, 18, 2) + 0
    east = substr(t, 21, 2) * 60 + substr(t, 24, 2)
    if (substr(t, 20, 1) == "-" ? east < 1 || east > 720 : east > 840) return ""
    days = m == 2 ? 28 + (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)) : m == 4 || m == 6 || m == 9 || m == 11 ? 30 : 31
    if (y < 1 || y > 9998 || m < 1 || m > 12 || d < 1 || d > days || h > 23 || min > 59 || s > 59 || substr(t, 24, 2) > 59) return ""
    if (substr(t, 20, 1) == "-") east = -east
    # Days from 1970, in years that begin with March.
    if (m > 2) m -= 3
    else { m += 9; y-- }
    d += y * 365 + int(y / 4) - int(y / 100) + int(y / 400) + int((m * 153 + 2) / 5) - 719469
    return ((d * 24 + h) * 60 + min - east) * 60 + s
}
# The fields in `F` are those of a kind, and no other; `common` come before.
function shaped(kind, common,    n, i, part, name, want, k, left, seen) {
    if (!(kind in form)) return "unknown kind " kind
    for (k in F) left[k] = 1
    delete left["kind"]
    n = split(common form[kind], part, " ")
    for (i = 1; i <= n; i++) {
        name = substr(part[i], 1, index(part[i], "=") - 1)
        want = substr(part[i], index(part[i], "=") + 1)
        if (want ~ /^\*/) {
            if (name in F && F[name] != "{}") return name " is no object"
            for (k in left) if (index(k, name "/") == 1) {
                if (substr(k, length(name) + 2) ~ /[\/[]/ || !fits(F[k], substr(want, 2))) return k " must be " substr(want, 2)
                delete left[k]
                seen = name
            }
            if (!(name in F) && seen != name) return name " is missing"
        } else if (want ~ /^\?/) {
            if (name in F && !fits(F[name], substr(want, 2))) return name " must be " substr(want, 2)
        } else if (!(name in F)) return name " is missing"
        else if (!fits(F[name], want)) return name " must be " want
        delete left[name]
    }
    for (k in left) return "a " kind " record has no field " k
    return ""
}
function record(    kind, said, line, k, who) {
    kind = inner(F["kind"])
    line = at + 1
    if ((said = shaped(kind, "seq=int wall=wall boot=h32 up_ms=int salt=h32 ")) != "") wrong("line " line ": " said)
    if (F["seq"] + 0 != at) wrong("line " line ": seq is " F["seq"] ", not " at)
    if (closed) wrong("line " line ": a record after close")
    if ((kind == "open") != (at == 0)) wrong("line " line ": open is the first record, and of no other place")
    if (F["boot"] == boot && F["up_ms"] + 0 < up_ms) wrong("line " line ": up_ms goes backwards within one boot")
    boot = F["boot"]
    up_ms = F["up_ms"] + 0
    who = F["trainee"]
    if (kind ~ /^(face|present)$/ && tap[F["tap"]] != who) wrong("line " line ": tap points at no earlier card of the trainee")
    if (kind == "present" && "face" in F && face[F["face"]] != F["tap"] who)
        wrong("line " line ": face points at no earlier face of the trainee")
    if (kind == "close") {
        closed = 1
        for (k in F) if (k ~ /^(kinds|readers|reasons)\//) {
            if (!(k in tally) || tally[k] != F[k] + 0) wrong("line " line ": close counts " k " wrongly")
            delete tally[k]
        }
        for (k in tally) wrong("line " line ": close counts " k " wrongly")
    }
    if (kind == "card") tap[at] = who
    if (kind == "face") face[at] = F["tap"] who
    tally["kinds/" kind]++
    if (kind ~ /^(card|stranger)$/) tally["readers/" inner(F["reader"])]++
    if (kind == "manual") tally["reasons/" inner(F["reason"])]++
    at++
}


## The trust file: TOML as far as this file needs it, and `tlog-policy` in it.

function policy_line(line,    n, word, i, key) {
    policy_no++
    if (line ~ /[\001-\010\013-\037\177]/) wrong("line " policy_no ": a control character")
    n = split(line, word, " ")
    if (n == 0 || word[1] ~ /^#/) return
    if (word[1] == "log" && (n == 2 || n == 3)) {
        key = verifier(word[2], "01")
        if (logs++ || key == "" || key != log_line || same[substr(key, length(key) - 63)]++) wrong("line " policy_no ": its log is not `log`")
    } else if (word[1] == "witness" && (n == 3 || n == 4)) {
        key = verifier(word[3], "04")
        if (key == "" || defined[word[2]]++ || word[2] == "none" || same[substr(key, length(key) - 63)]++) wrong("line " policy_no ": no witness")
        print word[2], key >(to "/witnesses." sets)
        print "witness", word[2] >(to "/quorum." sets)
    } else if (word[1] == "group" && n > 3) {
        for (i = 4; i <= n; i++) if (!defined[word[i]] || member[word[i]]++) wrong("line " policy_no ": " word[i] " is no member")
        if (word[3] == "all") word[3] = n - 3
        if (word[3] == "any") word[3] = 1
        if (!number(word[3]) || word[3] < 1 || word[3] > n - 3 || defined[word[2]]++ || word[2] == "none") wrong("line " policy_no ": no group")
        line = "group " word[2] " " word[3]
        for (i = 4; i <= n; i++) line = line " " word[i]
        print line >(to "/quorum." sets)
    } else if (word[1] == "quorum" && n == 2) {
        if (quorums++ || (word[2] != "none" && !defined[word[2]])) wrong("line " policy_no ": no quorum")
        print "quorum", word[2] >(to "/quorum." sets)
    } else {
        wrong("line " policy_no ": none of log, witness, group, quorum")
    }
}
function trust_line(line,    key, v) {
    if (block != "") {
        if (line != block) { policy_line(line); return }
        block = ""
        if (logs != 1 || quorums != 1) wrong("tlog_policy must have one log and one quorum")
        logs = quorums = policy_no = 0
        split("", defined)
        split("", same)
        split("", member)
    } else if (line ~ /^ *(#|$)/) {
        return
    } else if (line ~ /^ *\[\[policy\]\] *$/) {
        policies++
        section = "policy"
    } else if (line ~ /^ *\[\[witnesses\]\] *$/) {
        since_end()
        sets++
        section = "witnesses"
    } else if (match(line, /^ *[a-z0-9_]+ *= */)) {
        key = line
        sub(/ *=.*/, "", key)
        sub(/^ */, "", key)
        v = substr(line, RLENGTH + 1)
        if (has_key[section, section == "policy" ? policies : sets, key]++) wrong(key " stands there twice")
        if (v ~ /^("""|\047\047\047)$/ && key == "tlog_policy" && section != "policy") { block = substr(v, 1, 3); return }
        if (v ~ /^"[^"\\]*" *(#.*)?$/) sub(/" *(#.*)?$/, "\"", v)
        else sub(/ *(#.*)?$/, "", v)
        if (section == "witnesses") {
            if (key != "from_size" || !number(v) || v + 0 <= last_from + 0) wrong("from_size must ascend, from 1 on")
            last_from = v
            print v, sets >(to "/sizes")
            return
        }
        if (section == "policy") { print policies "\t" key "\t" v >(to "/policies"); return }
        if (key == "log" && (log_line = verifier(inner(v), "01")) == "") wrong("log is no log key")
        if (key !~ /^(log|domain|profile|log_sm2)$/) wrong("what is " key "?")
        if (key == "profile" && (profile = inner(v)) != "sm2-sm3") wrong("there is no profile " profile)
        if (key == "log_sm2") print log_sm2 = sm2_verifier(inner(v)) >(to "/log_sm2")
        if (key == "log") print log_line >(to "/log")
        if (key == "domain") print domain = inner(v) >(to "/domain")
    } else {
        wrong("what is " line "?")
    }
}
# Of `[[witnesses]]` both keys are there.
function since_end() { if (sets && !(("witnesses", sets, "from_size") in has_key && ("witnesses", sets, "tlog_policy") in has_key)) wrong("[[witnesses]] needs from_size and tlog_policy") }
function trust_end() {
    if (!(("", 0, "tlog_policy") in has_key)) print "quorum none" >(to "/quorum.0")
    if (block != "") wrong("tlog_policy has no end")
    since_end()
    if ((profile != "" || log_sm2 != "") && (profile == "" || index(log_sm2, domain "/log ") != 1)) wrong("profile and log_sm2 go together")
    if (!policies || log_line == "" || index(log_line, domain "/log ") != 1) wrong("the log is not that of the domain")
}

## The jobs

BEGIN {
    for (i = 0; i < 64; i++)
        digit[substr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", i + 1, 1)] = i
    FS = job ~ /^(quorum|bracket|lives|chain)$/ ? " " : job ~ /^(records|leaf|plan)$/ ? "\t" : "\001"
    kinds()
    sets = 0
    if (job == "header") { header(); exit }
}

job == "trust" { trust_line($0) }
job == "names" { name[NR] = $0 }
job == "utf8" && !utf8($0) { wrong(FILENAME " is not UTF-8") }
job == "assignment" { if (NR > 1) wrong("more than a line"); S = $0; P = 1; assignment() }
job == "fields" {
    S = $0
    P = 1
    if (length(S) > 16384) wrong("line " NR " is too long")
    value("", 0)
    if (P <= length(S)) wrong("line " NR ": bytes after the object")
}
job == "text" { printf "%s", unescape(inner($0)) }
job == "hashes" { h = unbase64($0); if (length(h) != 64 || NR > 63) wrong("no list of hashes"); print h }
job ~ /^(note|checkpoint|receipt|contact)$/ { L[NR] = $0 }
job == "leaf" { if ($1 != 1) wrong("two lines"); F[$2] = $3 }
job == "records" {
    if ($1 != now && NR > 1) { record(); for (k in F) delete F[k] }
    now = $1
    F[$2] = $3
}
job == "lives" { lives() }
job == "quorum" { if (FILENAME == ARGV[1]) Q[++q] = $0; else if (!($1 in when) || $2 < when[$1]) when[$1] = $2 }
job == "bracket" {
    i = FILENAME == ARGV[1] ? "beacon" : "covering"
    if (!((i, $1) in time) || $2 < time[i, $1]) time[i, $1] = $2
    if (i == "beacon" && (after == "" || $2 < after)) after = $2
    if (i == "covering" && ("beacon", $1) in time && $2 < time["beacon", $1]) wrong($1)
}
job == "plan" {
    if (FILENAME == ARGV[1]) { if ($2 == "trainee") roster[$3] = 1; else plan[$2] = $3 }
    else if (FILENAME == ARGV[2]) { asked[$1] = 1; says[$1, $2] = $3 }
    else if ($1 == 1 && $2 ~ /^(site|class|session)$/ && plan[$2] != $3) wrong("line 1: another " $2 " than the assignment")
    else if ($1 == 1 && $2 == "policy" && plan["policy.version"] != $3) wrong("line 1: another policy than the assignment")
    else if ($2 == "trainee" && !($3 in roster)) wrong("line " $1 ": a trainee who is not on the roster")
}
job == "chain" { chain() }

END {
    if (bad) exit 1
    if (job == "trust") trust_end()
    if (job == "names") names()
    if (job == "assignment" && NR != 1) wrong("no line")
    if (job == "note") take_note()
    if (job == "receipt") take_receipt()
    if (job == "checkpoint") {
        h = unbase64(L[3])
        if (NR != 3 || L[1] == "" || !number(L[2]) || length(h) != 64) wrong("no checkpoint")
        print L[1], L[2], h
    }
    if (job == "contact") {
        if (NR != 3 || L[1] != origin || L[2] !~ /^prev (-|[0-9a-f]+)$/ || (L[2] != "prev -" && length(L[2]) != 69)) wrong("no contact")
        if (split(L[3], part, " ") != 3 || part[1] != "beacon" || !number(part[2]) || length(unbase64(part[3])) != 64) wrong("no beacon")
        print substr(L[2], 6), part[2]
    }
    if (job == "leaf") leaf()
    if (job == "records") { record(); if (!closed) wrong("line " at ": the log does not end with close") }
    if (job == "lives") lives_end()
    if (job == "quorum") quorum()
    if (job == "bracket" && before != "-" && after != "" && before < after) wrong("the covering checkpoint is older than the beacon")
    if (job == "plan") {
        for (n in asked) if (same_policy(n)) found = 1
        if (!found) wrong("the policy is not in the trust file, or has other numbers there")
    }
    if (bad) exit 1
}

# Has the auditor's nth policy the same numbers as the plan's? What a document of before `power_gap_s` leaves out is 600.
function same_policy(n,    k, part) {
    if (!((n, "power_gap_s") in says)) says[n, "power_gap_s"] = "600"
    if (!("policy.power_gap_s" in plan)) plan["policy.power_gap_s"] = "600"
    for (k in plan) if (k ~ /^policy\./ && says[n, substr(k, 8)] "" != plan[k] "") return 0
    for (k in says) {
        split(k, part, SUBSEP)
        if (part[1] == n && says[k] != "" && plan["policy." part[2]] "" != says[k] "") return 0
    }
    return 1
}

## The assignment: one line, its keys in one order, nothing escaped.

function plain(  t) { t = scan("^\"[^\"\\\\]*\""); return t }
function ident(  t) { t = plain(); if (!id(inner(t))) wrong(t " is no id"); return t }
function small(  t) { t = scan("^(0|[1-9][0-9]*)"); if (length(t) > 10 || t + 0 > 4294967295) wrong(t " is too large"); return t }
function tell(path, v) { print "1\t" path "\t" v }
function list(what,    n, t, met) {
    for (n = 0; substr(S, P, 1) != "]"; n++) {
        if (n) eat(",")
        t = ident()
        if (what == "trainee") {
            if (t in met) wrong(t " stands on the roster twice")
            met[t] = 1
            tell("trainee", t)
        }
    }
    P++
}
function assignment(    n, t, met, from, to, last, v) {
    eat("{\"region\":"); plain()
    eat(",\"institution\":"); ident()
    eat(",\"site\":"); tell("site", ident())
    eat(",\"class\":"); tell("class", ident())
    eat(",\"session\":"); tell("session", ident())
    eat(",\"lessons\":[")
    for (n = 0; substr(S, P, 1) != "]"; n++) {
        eat(n ? ",{\"lesson\":" : "{\"lesson\":")
        t = ident()
        if (t in met) wrong("lesson " t " stands in the schedule twice")
        met[t] = 1
        eat(",\"start\":"); from = instant(inner(plain()))
        eat(",\"end\":"); to = instant(inner(plain()))
        if (from == "" || to == "" || (n && from < last) || to <= from) wrong("lesson " t " has no possible time")
        last = to
        eat("}")
    }
    eat("],\"trainees\":["); list("trainee")
    eat(",\"instructors\":["); list("")
    eat(",\"policy\":{\"version\":"); tell("policy.version", plain())
    eat(",\"class_hour_s\":"); tell("policy.class_hour_s", small())
    eat(",\"share_permille\":"); tell("policy.share_permille", v = small())
    if (v + 0 < 1 || v + 0 > 1000) wrong("a share outside 1 to 1000")
    eat(",\"daily_cap\":"); tell("policy.daily_cap", small())
    eat(",\"level\":"); tell("policy.level", v = small())
    if (v + 0 < 1 || v + 0 > 4) wrong("a level outside 1 to 4")
    eat(",\"manual\":"); tell("policy.manual", scan("^(true|false)"))
    eat(",\"pay_mode\":"); tell("policy.pay_mode", scan("^\"(per_hour|lump)\""))
    eat(",\"rate_permille\":"); tell("policy.rate_permille", small())
    if (substr(S, P, 1) == ",") {
        eat(",\"power_gap_s\":"); tell("policy.power_gap_s", v = small())
        if (v + 0 == 600) wrong("600 is left out")
    }
    eat("}}")
    if (P <= length(S)) wrong("bytes after the object")
}

function header(    i, text, sum, out, code, zeros) {
    for (i = 32; i < 127; i++) code[sprintf("%c", i)] = i
    zeros = sprintf("%0200d", 0)
    text = "0000644\n0000000\n0000000\n" sprintf("%011o\n00000000000\n", size)
    code["\n"] = 0
    # The checksum counts itself as eight spaces, then the type and "ustar00".
    for (i = 1; i <= length(file); i++) { sum += code[substr(file, i, 1)]; out = out sprintf("%02x", code[substr(file, i, 1)]) }
    out = out substr(zeros zeros, 1, 200 - length(out))
    for (i = 1; i <= length(text); i++) { sum += code[substr(text, i, 1)]; out = out sprintf("%02x", code[substr(text, i, 1)]) }
    sum += 8 * 32 + 48 + 117 + 115 + 116 + 97 + 114 + 48 + 48
    text = sprintf("%06o", sum)
    for (i = 1; i <= 6; i++) out = out sprintf("%02x", code[substr(text, i, 1)])
    out = out "002030" substr(zeros, 1, 200) "7573746172003030"
    while (length(out) < 1024) out = out "00"
    print out
}

function names(    i, n, part) {
    split("assignment.json beacon.consistency contacts.jsonl", part, " ")
    for (i = 1; i <= 3; i++) if (name[i] != part[i]) wrong(part[i])
    for (n = 0; n < 999 && name[i] == sprintf("device-%03d.json", n); n++) {
        if (name[i + 1] != sprintf("device-%03d.tlog-proof", n)) wrong(name[i + 1])
        i += 2
    }
    if (!n) wrong("no leaf about the device")
    split("entry.json entry.tlog-proof log.jsonl newest.consistency seal.note", part, " ")
    for (n = 1; n <= 5; n++) if (name[i++] != part[n]) wrong(part[n])
    if (NR != i - 1) wrong("too many parts")
}

function take_note(    i, at, part, raw) {
    for (i = 2; i <= NR; i++) if (L[i] == "") at = i
    if (!at || at == NR || NR - at > 128) wrong("no signatures")
    for (i = 1; i < at; i++) print L[i] >(to ".text")
    for (i = at + 1; i <= NR; i++) {
        if (L[i] !~ /^\342\200\224 [^ ]+ [^ ]+$/) wrong("no signature line")
        split(L[i], part, " ")
        if (!key_name(part[2])) wrong("no key name")
        raw = unbase64(part[3])
        if (length(raw) < 10) wrong("no signature")
        print part[2], substr(raw, 1, 8), substr(raw, 9) >(to ".lines")
    }
}

function take_receipt(    i, h) {
    if (L[1] != "c2sp.org/tlog-proof@v1" || L[2] !~ /^index / || !number(substr(L[2], 7))) wrong("no receipt")
    printf "" >(to ".hashes")
    for (i = 3; i <= NR && L[i] != ""; i++) {
        h = unbase64(L[i])
        if (length(h) != 64 || i > 65) wrong("no receipt")
        print h >(to ".hashes")
    }
    while (++i <= NR) print L[i] >(to ".note")
    print substr(L[2], 7)
}

# A leaf of the central log: what verify.sh needs of it.
function leaf(    kind, said, key) {
    kind = inner(F["kind"])
    if ((said = shaped(":" kind, "")) != "") wrong(said)
    if (want != "" && index("," want ",", "," kind ",") == 0) wrong("a leaf about something else")
    if (kind == "seal") print inner(F["device"]), F["counter"]
    else if (kind == "contact" && inner(F["device"]) == device) print F["counter"]
    else if (kind == "replace" && inner(F["old"]) == device) print place, "end", F["counter"]
    else if (inner(F["device"]) != device) wrong("of another device")
    else if (kind == "replace") print place, "heir"
    else if (kind == "revoke") print place, "end", F["counter"]
    else {
        key = unbase64(inner(F["key"]))
        if (length(key) != 64) wrong("no key")
        if (kind == "enrol") print place, "enrol", key, inner(F["site"]), sm2_point("sm2")
        else if (("sm2" in F) != ("sm2_by_new" in F) || ("sm2_by_old" in F && !("sm2" in F))) wrong("half an SM2 key")
        else print place, "rotate", F["counter"], key, inner(F["key"]), hex_of("by_old"), hex_of("by_new"), sm2_point("sm2"), "sm2" in F ? inner(F["sm2"]) : "-", hex_of("sm2_by_old"), hex_of("sm2_by_new")
    }
}

# Leaves of a life in the log's order: enrol, rotate*, then an end, which a later leaf may only bring forward.
function lives() {
    if (NR > 1 && $1 <= last_place) wrong("leaf #" $1 " is out of order")
    last_place = $1
    if ((NR == 1) != ($2 == "enrol")) wrong(NR == 1 ? "no leaf enrols the device" : "leaf #" $1 " enrols it a second time")
    if ($2 == "enrol") { enrolled = $1; site = $4; from = 1; key = $3; sm2 = $5; out = "tenure 1 " key " " sm2 "\n" }
    if ($2 == "heir" && heirs++) wrong("leaf #" $1 ": a second replacement")
    if ($2 == "end") {
        if (ended && $3 >= end) wrong("leaf #" $1 " comes after the end")
        if (!ended++) first_end = $1
        end = $3
    }
    if ($2 == "rotate") {
        if (ended) wrong("leaf #" $1 " comes after the end")
        if ($3 + 1 < from) wrong("leaf #" $1 ": the rotation goes back")
        # Once a device has an SM2 key it always has one, and the one before signs for the next.
        if ((sm2 != "-") != ($10 != "-") || (sm2 != "-" && $8 == "-")) wrong("leaf #" $1 ": the SM2 key does not follow the one before it")
        out = out "rotate " $3 " " key " " $4 " " $5 " " $6 " " $7 " " sm2 " " $8 " " $9 " " $10 " " $11 "\n"
        out = out "tenure " sprintf("%.0f", $3 + 1) " " $4 " " $8 "\n"
        sm2 = $8
        from = $3 + 1
        key = $4
    }
}
function lives_end() { print enrolled, site, ended ? end : "-", ended ? first_end : "-"; printf "%s", out }

# The least time by which the quorum stood, "-" where none is asked for.
function quorum(    t, least) {
    if (stood(-1)) { print "-"; return }
    for (t in when) if ((least == "" || when[t] + 0 < least) && stood(when[t] + 0)) least = when[t] + 0
    if (least == "") wrong("quorum not met")
    for (t in when) if (when[t] + 0 == least) { print when[t]; return }
}
function stood(until,    i, j, n, part, have, stands) {
    for (i = 1; i <= q; i++) {
        n = split(Q[i], part, " ")
        if (part[1] == "witness") stands[part[2]] = (part[2] in when) && when[part[2]] + 0 <= until
        if (part[1] == "group") {
            have = 0
            for (j = 4; j <= n; j++) have += stands[part[j]]
            stands[part[2]] = have >= part[3] + 0
        }
        if (part[1] == "quorum") needed = part[2]
    }
    return needed == "none" || stands[needed]
}

# Sessions by device and counter: device, counter, what it follows (counter, hash, beacon), its seal's hash and beacon, the two
# checkpoints (size, root), which bundle.
function chain(    said, i) {
    for (i = 8; i <= 10; i += 2) {
        if ($i in tree && tree[$i] "" != $(i + 1) "") { report($12, "another bundle holds another central log of " $i " entries"); return }
        tree[$i] = $(i + 1)
    }
    if ($1 "" != dev "") { if ($3 > 1) said = "the counter is " $3 ", not 1: a session is missing" }
    else if ($2 == used) said = "session " $2 " of " $1 " was given twice"
    else if ($3 != used + 1) said = "the counter is " $3 ", after " used ": a session is missing"
    else if ($4 "" != seal "") said = "session " $2 " does not name the seal of " used
    else if ($5 < names_size) said = "the beacon goes back from " names_size " to " $5
    if (said != "") report($12, said)
    dev = $1; used = $2; seal = $6; names_size = $7
}
function report(n, said,    i, line) {
    for (i = 1; i <= n; i++) getline line <given
    close(given)
    print "✗ " line ": " said
    failed = 1
}
END { if (failed) exit 1 }
