// Sends how fast the page is, and failures of our scripts, to a receiver of Faro, for a
// sample of the views. Of what the SDK would send, this leaves out the address, which may
// name an account, the browser's name, sessions, and what was clicked.
const { route, sample, to, version } = document.getElementById("monitor").dataset;

if (Math.random() < Number(sample)) {
  if (document.readyState === "complete") later();
  else addEventListener("load", later);
}

function later() {
  (window.requestIdleCallback || setTimeout)(start);
}

async function start() {
  const { GrafanaFaroWebSdk: faro } = await import("./vendor/faro-web-sdk.js");
  const device = matchMedia("(max-width: 699px)").matches ? "phone" : "desktop";
  const connection = /2g|3g/.test(navigator.connection?.effectiveType) ? "slow" : "fast";
  faro.initializeFaro({
    url: to,
    app: { name: "exchequer", version },
    instrumentations: [new faro.ErrorsInstrumentation(), new faro.WebVitalsInstrumentation()],
    metas: [{ page: { url: location.origin + route, id: route, attributes: { device, connection } } }],
    sessionTracking: { enabled: false },
    isolate: true,
    preventGlobalExposure: true,
    beforeSend: reduce,
  });
}

// reduce leaves out what may say more than how fast a page is. It drops failures of
// scripts that are not ours.
function reduce(item) {
  const { payload } = item;
  if (item.type === "measurement") {
    payload.context = { rating: payload.context?.rating };
    return item;
  }
  if (item.type !== "exception") return null;
  const frames = payload.stacktrace?.frames?.filter((f) => f.filename.startsWith(`${location.origin}/static/`)) ?? [];
  if (!frames.length) return null;
  payload.value = payload.value.slice(0, 200);
  payload.stacktrace = { frames };
  payload.context = {};
  return item;
}
