// Refreshes the page in step with the server's windows. The page says when the
// next numbers are due; then the same address is asked for and <main> is merged
// in place. A hidden tab asks for nothing.
import { Idiomorph } from "./vendor/idiomorph.js";

const live = document.getElementById("live");
const ring = document.getElementById("live-ring");
const text = document.getElementById("live-text");
const pause = document.getElementById("live-pause");
const news = document.createElement("span"); // what a screen reader is told
const retry = document.createElement("button");
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const second = 1000;
const jitter = Math.random() * 400; // ms; readers do not all come at once

let main = document.getElementById("main");
let offset = 0; // the server's clock minus ours
let due = 0; // when to ask, by the server's clock
let timer;
let busy = false;
let paused = false;
let again = 0; // times that the numbers were not newer yet
let failures = 0;
let etag = "";

const now = () => Date.now() + offset;

const said = (name) => Number(main.dataset[name] || 0);

// shownAsOf is the time of the numbers on the page. The main part of one that
// came panel by panel does not have it, but its panels do.
function shownAsOf() {
  return said("asOf") || Math.max(0, ...[...main.querySelectorAll(".panel[data-as-of]")].map((p) => Number(p.dataset.asOf)));
}

// correct takes over the server's time: exact from Server-Timing, to the
// second from Date. Half of the round trip is over when the answer is read.
function correct(response, started) {
  const middle = (started + Date.now()) / 2;
  const exact = /clock;dur=(\d+)/.exec(response.headers.get("Server-Timing") || "");
  const date = Date.parse(response.headers.get("Date")) + Number(response.headers.get("Age") || 0) * second + second / 2;
  const server = exact ? Number(exact[1]) : date;
  if (server) offset = server - middle;
}

// synchronise finds the server's time at the first load, without a request
// where the page itself carried it and was not taken from the browser's cache.
async function synchronise() {
  const load = performance.getEntriesByType("navigation")[0];
  const entry = load?.serverTiming?.find((t) => t.name === "clock");
  if (entry && load.type !== "back_forward" && load.transferSize > 0) {
    offset = entry.duration - (Date.now() - performance.now() + load.responseStart);
    return;
  }
  const started = Date.now();
  try {
    correct(await fetch("/healthz", { method: "HEAD", cache: "no-store" }), started);
  } catch {
    // The next answer will tell.
  }
}

// plan decides when to ask next: after the boundary that the page names, or,
// where that has passed without newer numbers, once more a little later, then
// after the following boundary.
function plan() {
  const lag = said("lag") || second;
  const size = said("window") || 30 * second;
  // A page that came panel by panel does not know its own window yet.
  due = said("asOf") ? said("next") + lag + jitter : 0;
  if (due <= now()) {
    again++;
    due = again === 1 ? now() + Math.max(lag, second) : (Math.floor(now() / size) + 1) * size + lag + jitter;
  } else {
    again = 0;
  }
  wait();
}

function wait() {
  clearTimeout(timer);
  if (!paused && !document.hidden && !busy) timer = setTimeout(refresh, Math.max(0, due - now()));
  show();
}

async function refresh() {
  if (busy || paused || document.hidden) return;
  busy = true;
  const started = Date.now();
  try {
    const response = await fetch(location.href, {
      cache: "no-cache", headers: { Accept: "text/html" }, signal: AbortSignal.timeout(20 * second),
    });
    correct(response, started);
    if (!response.ok) throw new Error(`status ${response.status}`);
    const tag = response.headers.get("ETag") || "";
    // The whole answer: a cold page ends with its last panel.
    const html = await response.text();
    if (!tag || tag !== etag) merge(html);
    etag = tag;
    failures = 0;
    busy = false;
    plan();
  } catch {
    failures++;
    busy = false;
    due = now() + Math.min(60 * second, second * 2 ** failures) * (0.5 + Math.random() / 2);
    wait();
  }
}

function merge(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("main");
  if (!fresh) throw new Error("not a page");
  const before = numbers();
  const options = {
    morphStyle: "outerHTML",
    callbacks: {
      beforeNodeMorphed: (old) => old !== live, // that line is ours
      beforeAttributeUpdated: (name, node) => !(name === "open" && node.localName === "details"),
    },
  };
  if (fresh.querySelector("template[shadowrootmode]")) {
    // A parser of text makes no shadow roots: take the panels one by one, but
    // none that has lost its numbers.
    for (const panel of fresh.querySelectorAll("[slot][id]")) {
      const old = document.getElementById(panel.id);
      if (old && !panel.querySelector(".missing")) Idiomorph.morph(old, panel, options);
    }
    for (const name of ["asOf", "next", "window", "lag", "zone"]) {
      if (fresh.dataset[name]) main.dataset[name] = fresh.dataset[name];
    }
  } else {
    Idiomorph.morph(main, fresh, options);
    main = document.getElementById("main");
  }
  document.dispatchEvent(new Event("refreshed"));
  if (!calm.matches) mark(before);
}

function numbers() {
  return new Map([...main.querySelectorAll("[data-n]")].map((e) => [e.dataset.n, e.textContent]));
}

function mark(before) {
  const changed = [...main.querySelectorAll("[data-n]")].filter(
    (e) => before.has(e.dataset.n) && before.get(e.dataset.n) !== e.textContent,
  );
  for (const e of changed) e.classList.add("changed");
  setTimeout(() => changed.forEach((e) => e.classList.remove("changed")), 2 * second);
}

// settle turns a page that came panel by panel into what a whole one is, with
// its panels in order.
function settle() {
  for (const host of main.querySelectorAll("*")) {
    if (!host.shadowRoot) continue;
    const plain = host.cloneNode(false);
    for (const slot of host.shadowRoot.querySelectorAll("slot")) plain.append(...slot.assignedElements());
    host.replaceWith(plain);
  }
}

// clock writes times as "2026-11-20 12:00:30".
function clock(timeZone) {
  return new Intl.DateTimeFormat("sv-SE", {
    timeZone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
}

// moment writes a time in the community's time zone, with its date if that is not
// today.
function moment(ms) {
  let { timezone = "UTC", zone = "UTC" } = main.dataset;
  let there;
  try {
    there = clock(timezone);
  } catch {
    there = clock("UTC"); // the browser does not know that time zone
    zone = "UTC";
  }
  const [date, time] = there.format(ms).split(" ");
  const [today] = there.format(now()).split(" ");
  return `${date === today ? "" : date + " "}${time} ${zone}`;
}

// show writes the line at the top. Digits keep their width, so nothing jumps.
function show() {
  if (!text) return;
  const asOf = shownAsOf();
  const left = Math.max(0, Math.ceil((due - now()) / second));
  const size = said("window") || 30 * second;
  const lost = failures > 0;
  let line = asOf ? `As of ${moment(asOf)}` : "Being computed";
  if (lost) line = asOf ? `Connection lost, showing ${moment(asOf)}` : "Connection lost";
  else if (paused) line += " · paused";
  const rest = lost || paused ? "" : ` · next in ${String(left).padStart(2, "\u2007")} s`;
  write(text, line);
  write(text.nextElementSibling, rest);
  retry.hidden = !lost;
  live.classList.toggle("lost", lost);
  live.dataset.print = (asOf ? new Date(asOf).toUTCString().slice(5, 16) + ", " : "") + location.href;
  announce(lost ? "Connection lost" : paused ? "Paused" : "");
  const part = Math.min(1, Math.max(0, 1 - (due - now()) / size));
  ring.querySelector(".fill").style.strokeDashoffset = paused ? 100 : Math.round(100 * (1 - part));
}

function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

// announce tells a screen reader of a change of state, and of its end.
function announce(state) {
  if (state === (news.dataset.state ?? "")) return;
  news.textContent = state || (news.dataset.state === "Paused" ? "Running" : "Connected again");
  news.dataset.state = state;
}

// equip adds what only a script can do to the line at the top.
function equip() {
  news.className = "vh";
  news.ariaLive = "polite";
  retry.type = "button";
  retry.textContent = "try now";
  retry.addEventListener("click", refresh);
  const rest = document.createElement("span");
  rest.className = "next";
  text.after(rest);
  live.append(retry, news);
  ring.removeAttribute("hidden");
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    wait();
  });
}

if (main && live && main.dataset.window) {
  settle();
  equip();
  await synchronise();
  document.addEventListener("visibilitychange", wait);
  addEventListener("online", () => failures && refresh());
  setInterval(() => document.hidden || show(), second);
  plan();
}
