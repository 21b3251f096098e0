// Starts the slides of a chapter, and sets what does not fit a slide in smaller letters.
"use strict";

function fit(slide) {
  const room = Reveal.getConfig().height - 40;
  slide.style.fontSize = "";
  for (let size = 100; size > 40 && slide.scrollHeight > room; size -= 4) {
    slide.style.fontSize = `${size}%`;
  }
}

const leaves = () => document.querySelectorAll(".slides section:not(:has(section))");
Reveal.on("slidechanged", (event) => fit(event.currentSlide));
Reveal.on("pdf-ready", () => leaves().forEach(fit));
Reveal.initialize({
  width: 1280, height: 720, margin: 0.04, center: false, hash: true, slideNumber: "c/t",
  transition: "none", backgroundTransition: "none", pdfSeparateFragments: false,
  plugins: [RevealNotes],
}).then(() => {
  fit(Reveal.getCurrentSlide());
  document.fonts.ready.then(() => fit(Reveal.getCurrentSlide()));
});
