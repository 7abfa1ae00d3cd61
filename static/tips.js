// Shows the exact value behind what is drawn: under the pointer, and by the
// arrow keys in an element that is one stop of the tab key. Escape closes it.
const box = document.getElementById("tip");
const gap = 6;
let shown;
let under; // what the pointer was last moved over

const tipped = (e) => e.target.closest?.("[data-tip]") ?? null;

function show(target) {
  if (target === shown) return;
  shown?.classList.remove("tipped");
  shown = target;
  box.hidden = !target;
  if (!target) return;
  target.classList.add("tipped");
  box.textContent = target.dataset.tip;
  place(target.getBoundingClientRect(), box.getBoundingClientRect(), target.closest(".hit"));
}

// place puts the tip beside a column, at its top, so that it covers neither the
// column nor what is above the plot; else over its target.
function place(at, size, column) {
  const wide = document.documentElement.clientWidth;
  let left = at.left + at.width / 2 - size.width / 2;
  let top = at.top - size.height - gap;
  if (column) {
    const right = at.right + gap + size.width <= wide - 4 || at.left < wide - at.right;
    left = right ? at.right + gap : at.left - gap - size.width;
    top = at.top;
  } else if (top < 4) {
    top = at.bottom + gap;
  }
  left = Math.min(Math.max(4, left), wide - size.width - 4);
  box.style.left = `${left + scrollX}px`;
  box.style.top = `${top + scrollY}px`;
}

// fold closes an open explanation or menu, and returns the focus to what opened it.
function fold(from) {
  const open = from.closest?.("details.how[open], details.menu[open]") || document.querySelector("details.how[open], details.menu[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
}

function key(event) {
  if (event.key === "Escape") {
    if (!shown) fold(event.target);
    return show(null);
  }
  const group = event.target.closest?.("[data-steps]");
  if (!group) return;
  const stops = [...group.querySelectorAll("[data-tip]")];
  const at = stops.indexOf(shown);
  const to = {
    ArrowRight: at + 1, ArrowDown: at + 1,
    ArrowLeft: at < 0 ? stops.length - 1 : at - 1, ArrowUp: at < 0 ? stops.length - 1 : at - 1,
    Home: 0, End: stops.length - 1,
  }[event.key];
  if (to === undefined || !stops.length) return;
  event.preventDefault();
  show(stops[Math.min(stops.length - 1, Math.max(0, to))]);
}

// point follows the pointer where it is moved. What scrolls or grows below it while
// it rests takes no tip away from the keyboard.
function point(event) {
  const target = tipped(event);
  if (target === under && event.type === "pointermove") return;
  under = target;
  show(target);
}

function leave(event) {
  if (event.pointerType !== "mouse") return;
  under = undefined;
  show(null);
}

if (box) {
  document.addEventListener("pointermove", point);
  document.addEventListener("pointerdown", point);
  document.documentElement.addEventListener("pointerleave", leave);
  // A tap shows a tip, and then focuses the chart around it: only the keyboard's
  // focus begins anew.
  document.addEventListener("focusin", (e) => (e.target.matches("[data-tip]") || e.target.matches(":focus-visible")) && show(tipped(e)));
  document.addEventListener("focusout", (e) => e.target.contains(shown) && show(null));
  document.addEventListener("keydown", key);
  // A refresh may have changed or removed what is shown.
  document.addEventListener("refreshed", () => {
    const target = shown?.isConnected ? shown : null;
    shown = undefined;
    show(target);
  });
}
