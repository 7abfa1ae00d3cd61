// Refreshes the page in step with the server's windows. The page says when the
// next numbers are due; then the same address is asked for and <main> is merged
// in place. A hidden tab asks for nothing.
import { Idiomorph } from "./vendor/idiomorph.js";

let main = document.getElementById("main");
settle();
const live = document.getElementById("live");
const ring = document.getElementById("live-ring");
const next = document.getElementById("live-next");
const pause = document.getElementById("live-pause");
const retry = document.getElementById("live-retry");
const news = document.getElementById("live-news"); // what a screen reader is told
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const phone = matchMedia("(max-width: 699px)");

const second = 1000;
const jitter = Math.random() * 400; // ms; readers do not all come at once

let offset = 0; // the server's clock minus ours
let due = 0; // when to ask, by the server's clock
let timer;
let busy = false;
let paused = false;
let again = 0; // times that the numbers were not newer yet
let failures = 0;
let etag = "";

const now = () => Date.now() + offset;
const folio = () => document.getElementById("folio");
const said = (name) => Number(folio().dataset[name] || 0);
const ended = () => "ended" in folio().dataset;

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
  // A page without a value does not know when the next one is due.
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
      cache: "no-cache", headers: { Accept: "text/html", "X-Refresh": "1" }, signal: AbortSignal.timeout(20 * second),
    });
    correct(response, started);
    if (!response.ok) throw new Error(`status ${response.status}`);
    const tag = response.headers.get("ETag") || "";
    // The whole answer: a cold page ends with its last panel.
    const html = await response.text();
    if (!paused) { // meanwhile
      if (!tag || tag !== etag) merge(html);
      etag = tag;
    }
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
      beforeNodeMorphed: (old) => ![ring, next, pause, retry, news].includes(old), // these are ours
      beforeAttributeUpdated: (name, node) =>
        !(name === "open" && node.localName === "details") &&
        !(name === "class" && node === main) && // the places of a cold page stay
        !(name === "value" && node.matches("input, textarea") && node.value !== node.defaultValue), // what is being typed stays
    },
  };
  if (fresh.querySelector("template[shadowrootmode]")) {
    // A parser of text makes no shadow roots: take the parts one by one, but
    // none that has lost its numbers.
    for (const part of fresh.querySelectorAll("[slot][id]")) {
      const old = document.getElementById(part.id);
      if (old && part.dataset.asOf !== "" && !part.querySelector(".missing")) Idiomorph.morph(old, part, options);
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

// settle turns a page that came part by part into what a whole one is, with its
// parts in order. What is moved would lose the focus.
function settle() {
  const root = main?.shadowRoot;
  if (!root) return;
  const focused = document.activeElement;
  root.querySelector("link").remove();
  for (const slot of root.querySelectorAll("slot")) {
    const parts = slot.assignedElements();
    slot.replaceWith(...(parts.length ? parts : slot.children));
  }
  const plain = main.cloneNode(false);
  plain.append(...root.children);
  main.replaceWith(plain);
  main = plain;
  if (main.contains(focused)) focused.focus({ preventScroll: true });
}

// show writes when the next numbers are due. Digits keep their width, so nothing
// jumps.
function show() {
  const left = Math.max(0, Math.ceil((due - now()) / second));
  const size = said("window") || 30 * second;
  let line = `· ${phone.matches ? "" : "next in "}${String(left).padStart(2, "\u2007")} s`;
  if (paused) line = "· paused";
  else if (failures > 0) line = "· connection lost";
  else if (ended()) line = "";
  if (next.textContent !== line) next.textContent = line;
  retry.hidden = failures === 0 || paused;
  live.classList.toggle("lost", failures > 0);
  live.dataset.print = location.href; // on paper
  announce(failures > 0 ? "Connection lost" : paused ? "Paused" : "");
  const part = Math.min(1, Math.max(0, 1 - (due - now()) / size));
  ring.querySelector(".fill").style.strokeDashoffset = paused ? 100 : Math.round(100 * (1 - part));
  ring.toggleAttribute("hidden", ended());
  pause.hidden = ended();
}

// announce tells a screen reader of a change of state, and of its end.
function announce(state) {
  if (state === (news.dataset.state ?? "")) return;
  news.textContent = state || (news.dataset.state === "Paused" ? "Running" : "Connected again");
  news.dataset.state = state;
}

if (live && said("window")) {
  await synchronise();
  retry.addEventListener("click", refresh);
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    wait();
  });
  document.addEventListener("visibilitychange", wait);
  addEventListener("online", () => failures && refresh());
  setInterval(() => document.hidden || show(), second);
  plan();
}
