// Small aids for reading. Every page is whole without them.
"use strict";

/** Load a script of the site when it is needed; pages opened from files may load scripts, but not fetch. */
const loadScript = ((folder) => (name) => new Promise((loaded, failed) => {
  const script = document.createElement("script");
  script.addEventListener("load", loaded);
  script.addEventListener("error", () => failed(new Error(`${name}: not loaded`)));
  script.src = new URL(name, folder);
  document.head.append(script);
}))(document.currentScript.src);

// What scrolls sideways can be scrolled by keyboard, and its arrow keys do not turn the page.
function makeScrollable() {
  const boxes = document.querySelectorAll(
    ".bd-article pre, .bd-article div.math, .pst-scrollable-table-container, .bd-article .output"
  );
  for (const box of boxes) {
    const scrolls = box.scrollWidth > box.clientWidth;
    if (!scrolls && !box.dataset.scrolls) continue;
    box.dataset.scrolls = "yes"; // once seen, it stays reachable
    box.tabIndex = 0;
    box.onkeydown = (event) => event.stopPropagation();
    if (box.matches("div.math, .pst-scrollable-table-container")) {
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", box.matches("div.math") ? "equation" : "table");
    }
  }
}

// A formula as lstm_math.py shortens it: each letter is {code font}.
const whole = (formula) => formula.replace(/<(\/?)-/g, "<$1m-").replace(/\{(\w+)(?: (\w+))?\}/g,
  (_, code, font) => `<m-c class="c${code}${font ? ` TEX-${font}` : ""}"></m-c>`);

// Previews: a link to an equation or to a term of the glossary shows it where one is. They are in
// previews.js, which is loaded when the first of them is looked for.
function addPreviews() {
  let loading = null;
  const box = document.createElement("div");
  box.className = "preview";
  box.id = "preview";
  box.setAttribute("role", "tooltip");
  let wanted = null, shown = null;
  let timer = 0;

  async function show(link) {
    hide();
    wanted = link;
    await (loading ??= loadScript("previews.js").catch(() => (loading = null)));
    const preview = window.LSTM_PREVIEWS?.[decodeURIComponent(link.hash.slice(1))];
    if (!preview || wanted !== link) return;
    shown = link;
    box.textContent = "";
    box.className = preview.gates ? "preview gates" : "preview";
    document.body.append(box); // mathematics is set in the size of the letters around it
    if (preview.html) {
      box.innerHTML = whole(preview.html); // set when the book was built
    } else {
      box.textContent = preview.text;
    }
    link.setAttribute("aria-describedby", "preview");
    const at = link.getBoundingClientRect();
    const left = Math.min(at.left, document.documentElement.clientWidth - box.offsetWidth - 12);
    const above = at.bottom + box.offsetHeight + 12 > innerHeight && at.top > box.offsetHeight + 12;
    box.style.left = `${Math.max(8, left) + scrollX}px`;
    box.style.top = `${(above ? at.top - box.offsetHeight - 6 : at.bottom + 6) + scrollY}px`;
  }
  function hide() {
    clearTimeout(timer);
    if (shown) shown.removeAttribute("aria-describedby");
    wanted = shown = null;
    box.remove();
  }
  for (const link of document.querySelectorAll(".bd-article a[href*='#']")) {
    if (link.matches(".headerlink")) continue;
    link.addEventListener("pointerenter", (event) => {
      clearTimeout(timer);
      if (event.pointerType === "mouse") timer = setTimeout(show, 250, link);
    });
    link.addEventListener("focus", () => link.matches(":focus-visible") && show(link));
    link.addEventListener("pointerleave", () => {
      clearTimeout(timer);
      timer = setTimeout(() => box.matches(":hover") || hide(), 150);
    });
    link.addEventListener("blur", hide);
  }
  box.addEventListener("pointerleave", hide);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
}

// Results of a search show lines of the pages they lead to, which a page may not read from files.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// The contents beside the page: the last heading above the reader's eyes is marked, and in sight.
function followContents() {
  const nav = document.getElementById("pst-page-toc-nav");
  if (!nav) return;
  const links = [...nav.querySelectorAll("a.nav-link")];
  const places = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
  let current = null, waiting = false;
  function mark() {
    waiting = false;
    const bottom = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    let last = -1;
    places.forEach((place, k) => {
      if (place && (bottom || place.getBoundingClientRect().top < 120)) last = k;
    });
    if (current === links[last]) return;
    current?.removeAttribute("aria-current");
    current?.classList.remove("active");
    current = links[last] ?? null;
    if (!current) return;
    current.setAttribute("aria-current", "true");
    current.classList.add("active");
    const box = nav.closest(".bd-sidebar-secondary");
    if (box && box.scrollHeight > box.clientHeight) {
      const at = current.getBoundingClientRect(), frame = box.getBoundingClientRect();
      if (at.top < frame.top || at.bottom > frame.bottom) box.scrollTop += at.top - frame.top - frame.height / 3;
    }
  }
  addEventListener("scroll", () => {
    if (!waiting) requestAnimationFrame(mark);
    waiting = true;
  }, { passive: true });
  mark();
  // On a telephone they lie over the page: a tap on a heading closes them.
  nav.addEventListener("click", (event) => {
    const dialog = document.getElementById("pst-secondary-sidebar-modal");
    if (event.target.closest("a") && dialog?.open) dialog.close();
  });
}

// The name of the search button is what one sees on it.
for (const keys of document.querySelectorAll(".search-button__kbd-shortcut")) {
  keys.setAttribute("aria-hidden", "true");
}
addPreviews();
followContents();
makeScrollable();
addEventListener("resize", makeScrollable);
// Letters of another width may make something scroll.
addEventListener("load", makeScrollable);
document.fonts.addEventListener("loadingdone", makeScrollable);
document.fonts.ready.then(makeScrollable);
