// Measures how fast the page is for who reads it, for a sample of the views, and sends
// that once, when the page is hidden or left. It does not say who reads, or of which
// account or item the page is.
const { route, sample, to } = document.getElementById("monitor").dataset;
const found = {}; // by measure
const errors = [];
let sent = false;

if (Math.random() < Number(sample)) {
  addEventListener("error", (e) => fail(e.message, e.filename, e.lineno));
  addEventListener("unhandledrejection", ({ reason }) => {
    const at = /(https?:\/\/[^\s)]+):(\d+):\d+/.exec(reason?.stack || "");
    if (at) fail(String(reason.message), at[1], at[2]);
  });
  addEventListener("visibilitychange", () => document.hidden && send());
  addEventListener("pagehide", send);
  if (document.readyState === "complete") later();
  else addEventListener("load", later);
}

// later measures once the page is there: what came before is still known then.
function later() {
  (window.requestIdleCallback || setTimeout)(async () => {
    const { onLCP, onINP, onCLS, onTTFB } = await import("./vendor/web-vitals.js");
    for (const on of [onLCP, onINP, onCLS, onTTFB]) {
      on(({ name, value }) => (found[name.toLowerCase()] = value), { reportAllChanges: true });
    }
  });
}

// fail notes the failure of a script of this site. Those of extensions are none.
function fail(message, file, line) {
  const ours = `${location.origin}/static/`;
  if (errors.length < 5 && String(file).startsWith(ours)) {
    errors.push({ message: message.slice(0, 150), place: `${file.slice(ours.length)}:${line}`.slice(0, 80) });
  }
}

function send() {
  if (sent || (!Object.keys(found).length && !errors.length)) return;
  sent = true;
  const device = matchMedia("(max-width: 699px)").matches ? "phone" : "desktop";
  const connection = /2g|3g/.test(navigator.connection?.effectiveType) ? "slow" : "fast";
  const beacon = JSON.stringify({ route, device, connection, ...found, errors });
  navigator.sendBeacon(to, new Blob([beacon], { type: "application/json" }));
}
