// Shows the exact value behind what is drawn: under the pointer, and by the
// arrow keys in an element that is one stop of the tab key.
const box = document.getElementById("tip");
let shown;

function show(target) {
  if (target === shown) return;
  shown?.classList.remove("tipped");
  shown = target;
  if (!target) {
    box.hidden = true;
    return;
  }
  target.classList.add("tipped");
  box.textContent = target.dataset.tip;
  box.hidden = false;
  const at = target.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const wide = document.documentElement.clientWidth;
  const left = Math.min(Math.max(4, at.left + at.width / 2 - size.width / 2), wide - size.width - 4);
  const above = at.top - size.height - 6;
  box.style.left = `${left + scrollX}px`;
  box.style.top = `${(above < 4 ? at.bottom + 6 : above) + scrollY}px`;
}

function step(event) {
  const group = event.target.closest?.("[data-steps]");
  if (!group) return;
  const stops = [...group.querySelectorAll("[data-tip]")];
  const at = stops.indexOf(shown);
  const to = {
    ArrowRight: at + 1, ArrowDown: at + 1,
    ArrowLeft: at < 0 ? stops.length - 1 : at - 1, ArrowUp: at < 0 ? stops.length - 1 : at - 1,
    Home: 0, End: stops.length - 1,
  }[event.key];
  if (event.key === "Escape") show(null);
  if (to === undefined || !stops.length) return;
  event.preventDefault();
  show(stops[Math.min(stops.length - 1, Math.max(0, to))]);
}

if (box) {
  document.addEventListener("pointerover", (e) => show(e.target.closest?.("[data-tip]") ?? null));
  document.addEventListener("focusin", (e) => show(e.target.closest?.("[data-tip]") ?? null));
  document.addEventListener("focusout", () => show(null));
  document.addEventListener("keydown", step);
}
