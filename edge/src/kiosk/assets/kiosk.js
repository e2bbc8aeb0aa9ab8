// Draws the view that the agent sends. No state of its own but the language and what is chosen in the list.
"use strict";
const marks = { good: "✓", look: "◉", warn: "!", bad: "✕", idle: "" };
const looks = {
  "in": "good", "out": "good", "by-instructor": "good", "instructor-in": "good", "instructor-out": "good", "already": "good",
  "manual-in": "good", "manual-out": "good", "look": "look", "ask-instructor": "look", "ask-close": "look", "ask-manual": "look", "choose": "look",
  "look-again": "warn", "closer": "warn", "too-dark": "warn", "too-bright": "warn", "hold-still": "warn", "face-front": "warn", "not-same": "warn",
  "camera-down": "warn", "card-only": "warn", "weak": "warn", "too-late": "warn", "no-session": "warn", "unreadable": "warn", "not-a-card": "warn",
  "other-class": "warn", "stranger": "bad", "not-saved": "bad", "stale": "bad",
};
const waits = ["look", "ask-instructor", "ask-close", "ask-manual", "choose"];
const reasons = ["no-chip", "reader-down", "other"];
const shownMs = 6000;

// How long a result may still be shown: however often the view comes again, and to however fresh a page. Infinite for what waits.
function left(last, receivedAt, now) {
  if (!last) return 0;
  if (waits.includes(last.outcome)) return Infinity;
  return Math.max(0, shownMs - last.age_ms - (now - receivedAt));
}

// What the page says while nothing happens.
function standing(view) {
  if (view.stale) return "stale-" + view.stale;
  if (!view.enrolled) return "unenrolled";
  if (view.phase === "running") return "ready";
  if (view.clock_wrong) return "clock";
  return view.phase === "choosing" ? "choosing" : "idle";
}

if (typeof document !== "undefined") start();
if (typeof module !== "undefined") module.exports = { left, standing };

function start() {
  const $ = (id) => document.getElementById(id);
  let text = {}, lang = localStorage.getItem("lang") || "zh", view = null, received = 0, timer = 0;
  const t = (key) => (text[lang] || {})[key] || key;
  const time = (ms) => new Date(ms).toLocaleString(lang === "zh" ? "zh-CN" : "en-GB", { hour12: false, month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" });
  const hour = (ms) => new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const send = (path, body) => fetch(path, { method: "POST", headers: { "muster-kiosk": "1", "content-type": "application/json" }, body: body ? JSON.stringify(body) : undefined });

  function result() {
    const rest = left(view.last, received, performance.now()), last = rest > 0 ? view.last : null;
    clearTimeout(timer);
    if (last && rest !== Infinity) timer = setTimeout(result, rest + 20);
    const key = standing(view), still = key.startsWith("stale-") || key === "clock" ? "bad" : "idle";
    const look = last ? looks[last.outcome] : still;
    $("result").className = look;
    $("mark").textContent = marks[look];
    $("big").textContent = t("result." + (last ? last.outcome : key));
    const more = last ? [last.shown, t("hint." + last.outcome), last.also && t("also." + last.also)]
      : [t("hint." + key), key === "idle" && view.next ? t("page.next") + " " + time(view.next.at_ms) + " " + view.next.title : ""];
    $("small").textContent = more.filter(Boolean).join("　");
  }

  function draw() {
    if (!view) return;
    document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
    const running = view.phase === "running";
    $("title").textContent = view.title || t("page.name");
    const lesson = view.lessons.find(([, end]) => end > Date.now());
    $("sub").textContent = running ? [t("page.session") + " " + view.session, lesson && t("page.lesson") + " " + hour(lesson[0]) + "–" + hour(lesson[1]),
      t(view.taught ? "page.taught" : "page.untaught")].filter(Boolean).join(" · ") : "";
    $("lang").textContent = t("page.other");
    $("here-label").textContent = t("page.here");
    const here = view.seats.filter((s) => s.level !== null);
    $("count").textContent = view.seats.length ? here.length + " / " + view.seats.length : "";
    $("seats").replaceChildren(...view.seats.map((s) => {
      const li = document.createElement("li");
      li.textContent = s.shown;
      if (s.level !== null) li.className = s.level < view.needed && s.level > 0 && !s.declined ? "weak" : "here";
      return li;
    }));
    const parts = view.hardware.map((h) => {
      const li = document.createElement("li");
      li.textContent = t("part." + h.part) + " " + h.name + " " + (h.down ? t("down." + h.down) : t("part.works"));
      if (h.down) li.className = "down";
      return li;
    });
    const level = document.createElement("li");
    level.textContent = t("assurance." + view.assurance);
    $("hardware").replaceChildren(...parts, level);
    const trouble = [view.clock_wrong && t("result.clock"), view.refused || view.trouble, view.dropped && t("net.dropped") + " " + view.dropped].filter(Boolean);
    const net = $("net");
    net.className = trouble.length ? "trouble" : view.online === false ? "off" : "";
    net.textContent = trouble.length ? t("net.trouble") + " " + trouble.join("；")
      : (view.online === false ? t("net.off") : view.online ? t("net.on") : "") + (view.unsent ? " · " + t("net.unsent") + " " + view.unsent : " · " + t("net.sent"));
    for (const id of ["close", "manual"]) {
      $(id).hidden = !running || view.stale !== "";
      $(id).textContent = t("page." + id);
    }
    entry();
    result();
  }

  // The list of an instructor who enters somebody by hand. It is drawn once, so that a choice is not lost while views come.
  function entry() {
    const box = $("entry"), wanted = view.asking === "entry";
    if (wanted === !box.hidden) return;
    box.hidden = !wanted;
    if (!wanted) return;
    const who = document.createElement("select");
    who.append(...view.seats.map((s) => new Option(s.shown + (s.level !== null ? " · " + t("page.is_in") : ""), s.id)));
    const buttons = reasons.map((reason) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = t("reason." + reason);
      button.onclick = () => send("/entry", { trainee: who.value, reason });
      return button;
    });
    box.replaceChildren(who, ...buttons);
  }

  $("lang").onclick = () => { lang = lang === "zh" ? "en" : "zh"; localStorage.setItem("lang", lang); draw(); };
  $("close").onclick = () => { if (confirm(t("page.close_sure"))) send("/close"); };
  $("manual").onclick = () => send("/manual");
  setInterval(() => { $("clock").textContent = new Date().toLocaleTimeString(lang === "zh" ? "zh-CN" : "en-GB", { hour12: false }); }, 500);
  fetch("/text.json").then((r) => r.json()).then((all) => {
    text = all;
    const events = new EventSource("/events");
    events.onmessage = (e) => { view = JSON.parse(e.data); received = performance.now(); draw(); };
    events.onerror = () => { clearTimeout(timer); $("result").className = "bad"; $("mark").textContent = marks.bad; $("big").textContent = t("result.gone"); $("small").textContent = t("hint.gone"); };
  });
}
