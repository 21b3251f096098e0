// Small aids for reading. Every page is whole without them.
"use strict";

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

// Previews: a link to an equation or to a term of the glossary shows it where one is.
// They come from previews.js, a script of the site: no request is made.
function addPreviews() {
  const previews = window.LSTM_PREVIEWS || {};
  const box = document.createElement("div");
  box.className = "preview";
  box.id = "preview";
  box.setAttribute("role", "tooltip");
  let shown = null;
  let timer = 0;

  function show(link, preview) {
    hide();
    shown = link;
    box.textContent = "";
    box.className = preview.gates ? "preview gates" : "preview";
    document.body.append(box); // mathematics is set in the size of the letters around it
    if (preview.html) {
      box.innerHTML = preview.html; // set when the book was built
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
    shown = null;
    box.remove();
  }
  for (const link of document.querySelectorAll(".bd-article a[href*='#']")) {
    const preview = previews[decodeURIComponent(link.hash.slice(1))];
    if (!preview || link.matches(".headerlink")) continue;
    link.addEventListener("pointerenter", (event) => {
      clearTimeout(timer);
      if (event.pointerType === "mouse") timer = setTimeout(show, 250, link, preview);
    });
    link.addEventListener("focus", () => link.matches(":focus-visible") && show(link, preview));
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

// A page that was found does not mark "dc" in every "gradcheck": the place is marked by itself.
try {
  localStorage.removeItem("sphinx_highlight_terms");
} catch {} // a reader may forbid storage

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
