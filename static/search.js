// Suggests what a text may mean, below the field of the search in which it is typed.
// "/" goes to that field, the arrow keys to a suggestion, Enter to what it leads to.
// Without this script the field is a form.
const pause = 120; // ms without a key before anything is asked for
const most = 10;
const each = 3; // of a kind

const list = document.createElement("ul");
list.id = "suggested";
list.className = "suggested";
list.setAttribute("role", "listbox");
list.setAttribute("aria-label", "Suggestions");

let field; // to which the list belongs
let at = -1; // the chosen suggestion
let timer;
let asking;

const fieldOf = (e) => (e.target.matches?.(".find input") ? e.target : null);

function close() {
  clearTimeout(timer);
  asking?.abort();
  at = -1;
  list.remove();
  field?.setAttribute("aria-expanded", "false");
  field?.removeAttribute("aria-activedescendant");
}

// own makes a field the one that has the list.
function own(input) {
  if (input === field) return;
  close();
  field = input;
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id,
  })) field.setAttribute(name, value);
}

async function ask() {
  asking?.abort();
  asking = new AbortController();
  const text = field.value.trim();
  if (!text) return close();
  try {
    const response = await fetch(`${field.form.getAttribute("action")}.json?q=${encodeURIComponent(text)}`, { signal: asking.signal });
    if (!response.ok) return close();
    show(await response.json());
  } catch {
    // Another key was pressed, or the connection is lost: Enter still searches.
  }
}

function show({ groups }) {
  close();
  const hits = groups.flatMap((g) => g.hits.slice(0, groups.length > 1 ? each : most).map((hit) => [hit, g.title])).slice(0, most);
  // What is exactly the text comes first, whatever it is.
  hits.sort(([a], [b]) => (b.match === "exact") - (a.match === "exact"));
  list.replaceChildren(...hits.map(([hit, title], i) => {
    const option = document.createElement("li");
    const link = document.createElement("a");
    const note = document.createElement("small");
    const name = document.createElement("bdi");
    option.id = `suggested-${i}`;
    option.setAttribute("role", "option");
    link.href = hit.address;
    link.tabIndex = -1;
    name.textContent = hit.name;
    note.textContent = `${title} · ${hit.note}`;
    link.append(name, " ", note);
    option.append(link);
    return option;
  }));
  if (!hits.length || document.activeElement !== field) return;
  field.form.append(list);
  field.setAttribute("aria-expanded", "true");
}

function choose(to) {
  list.children[at]?.removeAttribute("aria-selected");
  const stops = list.children.length + 1; // one is the field itself
  at = ((to + stops + 1) % stops) - 1;
  const option = list.children[at];
  if (!option) return field.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", option.id);
}

// go goes to the field that can be seen: in a narrow window it is in the menu.
function go() {
  const shown = () => [...document.querySelectorAll("main .find input, .find input")].find((i) => i.checkVisibility());
  if (!shown()) document.querySelector("details.menu").open = true;
  shown()?.focus();
  shown()?.select();
}

function key(event) {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !event.target.closest?.("input, textarea, select, [contenteditable]")) {
    event.preventDefault();
    return go();
  }
  if (!fieldOf(event)) return;
  const open = list.isConnected;
  if (event.key === "Escape" && open) {
    event.preventDefault(); // the text stays
    event.stopPropagation();
    close();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (open) choose(at + (event.key === "ArrowDown" ? 1 : -1));
    else if (field) ask();
  } else if (event.key === "Enter" && open && at >= 0) {
    event.preventDefault();
    list.children[at].firstChild.click();
  }
}

document.addEventListener("keydown", key, true);
document.addEventListener("focusin", (e) => fieldOf(e) && own(fieldOf(e)));
document.addEventListener("input", (e) => {
  if (!fieldOf(e)) return;
  own(fieldOf(e));
  clearTimeout(timer);
  timer = setTimeout(ask, pause);
});
// A press on a suggestion does not take the focus from the field, so that the list
// is still there when it is let go.
list.addEventListener("mousedown", (e) => e.preventDefault());
document.addEventListener("focusout", (e) => e.target === field && close());
