// Draws the view that the agent sends. No state of its own but the language.
"use strict";
const $ = (id) => document.getElementById(id);
const marks = { good: "✓", look: "◉", warn: "!", bad: "✕", idle: "" };
const looks = {
  "in": "good", "out": "good", "by-instructor": "good", "instructor-in": "good", "instructor-out": "good", "already": "good",
  "look": "look", "ask-instructor": "look", "look-again": "warn", "no-session": "warn", "unreadable": "warn", "stranger": "bad", "not-saved": "bad",
};
let text = {}, lang = localStorage.getItem("lang") || "zh", view = null, timer = 0, shown = 0;
const t = (key) => (text[lang] || {})[key] || key;

function result(last) {
  const box = $("result"), look = last ? looks[last.outcome] : "idle";
  box.className = look;
  $("mark").textContent = marks[look];
  if (last) {
    $("big").textContent = t("result." + last.outcome);
    $("small").textContent = [last.shown, t("hint." + last.outcome)].filter(Boolean).join("　");
  } else {
    const key = !view.enrolled ? "unenrolled" : view.phase === "running" ? "ready" : "idle";
    $("big").textContent = t("result." + key);
    $("small").textContent = t("hint." + key);
  }
}

function draw() {
  if (!view) return;
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  $("title").textContent = view.title || t("page.name");
  $("sub").textContent = view.phase === "running" ? t("page.session") + " " + view.session : "";
  $("lang").textContent = t("page.other");
  $("here-label").textContent = t("page.here");
  const here = view.seats.filter((s) => s.level !== null);
  $("count").textContent = view.seats.length ? here.length + " / " + view.seats.length : "";
  $("seats").replaceChildren(...view.seats.map((s) => {
    const li = document.createElement("li");
    li.textContent = s.shown;
    if (s.level !== null) li.className = s.level < view.needed && s.level > 0 ? "weak" : "here";
    return li;
  }));
  const parts = view.hardware.map((h) => {
    const li = document.createElement("li");
    li.textContent = t("part." + h.part) + " " + (h.down ? t("down." + h.down) : t("part.works"));
    if (h.down) li.className = "down";
    return li;
  });
  const level = document.createElement("li");
  level.textContent = t("assurance." + view.assurance);
  $("hardware").replaceChildren(...parts, level);
  const net = $("net");
  net.className = view.refused || view.trouble ? "trouble" : view.online === false ? "off" : "";
  net.textContent = view.refused || view.trouble ? t("net.trouble") + " " + view.trouble
    : (view.online === false ? t("net.off") : view.online ? t("net.on") : "") + (view.unsent ? " · " + t("net.unsent") + " " + view.unsent : " · " + t("net.sent"));
  $("close").hidden = view.phase !== "running";
  $("close").textContent = t("page.close");
  if (view.last && view.last.n !== shown) {
    shown = view.last.n;
    clearTimeout(timer);
    // A result stays long enough to be read; a request to look stays until it is answered.
    if (!["look", "ask-instructor"].includes(view.last.outcome)) timer = setTimeout(() => { view.last = null; result(null); }, 6000);
  }
  result(view.last);
}

$("lang").onclick = () => { lang = lang === "zh" ? "en" : "zh"; localStorage.setItem("lang", lang); draw(); };
$("close").onclick = () => { if (confirm(t("page.close_sure"))) fetch("/close", { method: "POST", headers: { "muster-kiosk": "1" } }); };
setInterval(() => { $("clock").textContent = new Date().toLocaleTimeString(lang === "zh" ? "zh-CN" : "en-GB", { hour12: false }); }, 500);
fetch("/text.json").then((r) => r.json()).then((all) => {
  text = all;
  const events = new EventSource("/events");
  events.onmessage = (e) => { view = JSON.parse(e.data); draw(); };
  events.onerror = () => { $("result").className = "bad"; $("mark").textContent = marks.bad; $("big").textContent = t("result.gone"); $("small").textContent = t("hint.gone"); };
});
