// Makes one large drawing with a slider of a strip of drawings. Without this
// script the strip is all there.
let at; // the drawing that is shown; undefined: the strip

function build(strip) {
  const figures = [...strip.querySelectorAll("figure")];
  if (figures.length < 2 || strip.querySelector("input")) return;
  const bar = document.createElement("p");
  const label = document.createElement("label");
  const slider = document.createElement("input");
  const all = document.createElement("button");
  label.append("Replay ", slider);
  slider.type = "range";
  slider.max = figures.length - 1;
  all.type = "button";
  all.textContent = "all";
  bar.append(label, all);
  strip.prepend(bar);

  const show = (i) => {
    at = i;
    strip.classList.toggle("one", i !== undefined);
    figures.forEach((f, n) => f.classList.toggle("shown", n === i));
    slider.value = i ?? figures.length - 1;
    slider.setAttribute("aria-valuetext", figures[slider.value].querySelector("figcaption").textContent);
    all.hidden = i === undefined;
  };
  slider.addEventListener("input", () => show(Number(slider.value)));
  all.addEventListener("click", () => {
    show(undefined);
    slider.focus();
  });
  show(at === undefined ? undefined : Math.min(at, figures.length - 1));
}

const start = () => document.querySelectorAll("[data-replay]").forEach(build);
document.addEventListener("refreshed", start);
start();
