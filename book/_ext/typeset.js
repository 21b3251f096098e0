// Sets mathematics while the book is built: book/_ext/lstm_math.py talks to it, a line of JSON each way.
// {"tex": [[text, display], ...]} is answered by {"html": [...], "errors": [...]}, and {"css": true} by
// {"css": ...}, the style sheet of everything set so far. The argument is the folder of MathJax.
"use strict";

const readline = require("readline");
const mathjax = require(`${process.argv[2]}/node-main.js`);

const settings = {
  loader: { load: ["input/tex-full", "output/chtml", "adaptors/liteDOM", "a11y/assistive-mml"] },
  chtml: { fontURL: "mathjax", adaptiveCSS: true, displayAlign: "center" },
  startup: { typeset: false },
};

console.log = () => {}; // MathJax talks while it starts; only answers go out
const answer = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

mathjax.init(settings).then((MathJax) => {
  const { adaptor } = MathJax.startup;
  async function set([tex, display]) {
    const node = await MathJax.tex2chtmlPromise(tex, { display, em: 16, ex: 7.2, containerWidth: 700 });
    return adaptor.outerHTML(node);
  }
  const lines = readline.createInterface({ input: process.stdin });
  let last = Promise.resolve(); // one after the other, in the order of the questions
  lines.on("line", (line) => (last = last.then(async () => {
    const question = JSON.parse(line);
    if (question.css) return answer({ css: adaptor.textContent(MathJax.chtmlStylesheet()) });
    const html = [];
    for (const part of question.tex) html.push(await set(part));
    const errors = html.flatMap((text, k) => {
      const found = /data-mjx-error="([^"]*)"/.exec(text);
      return found ? [`${found[1]}: ${question.tex[k][0]}`] : [];
    });
    return answer({ html, errors });
  })));
});
