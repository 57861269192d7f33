"use strict";
// The map of runs: colours them by choice, and says what the run under the pointer or the arrow keys does.
(() => {
  const plane = document.getElementById("map-plane");
  if (!plane) return;
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const drawing = plane.querySelector("svg");
  const marks = [...plane.querySelectorAll("use")];
  const places = marks.map((mark) => [mark.x.baseVal.value, mark.y.baseVal.value]);
  const choice = document.getElementById("map-choice");
  const legends = [...document.querySelectorAll("#map .legend")];
  const ring = document.getElementById("map-ring");
  const about = document.getElementById("map-run");
  let of = [];
  let run = -1;

  function colour() {
    const chosen = data.colourings[choice.value];
    of = [...chosen.of].map((letter) => (letter === "." ? -1 : letter.charCodeAt(0) - 65));
    marks.forEach((mark, number) => {
      const [shape, fill] = of[number] < 0 ? ["dot", "none"] : chosen.marks[of[number]];
      mark.setAttribute("href", `#mark-${shape}`);
      mark.setAttribute("class", fill);
    });
    legends.forEach((legend, number) => (legend.hidden = number !== Number(choice.value)));
  }

  function dim(entry) {
    marks.forEach((mark, number) => mark.classList.toggle("dim", entry >= 0 && of[number] !== entry));
  }

  function part(name, text, inside) {
    const element = document.createElement(name);
    element.textContent = text;
    inside.append(element);
    return element;
  }

  function cardOf(number) {
    const own = Number(choice.value);
    const tokens = data.runs[number].tokens;
    const category = own < data.categories.length && tokens[own] >= 0 ? own : tokens.findIndex((token) => token >= 0);
    return category < 0 ? "" : `#${data.categories[category][0]}${tokens[category]}`;
  }

  function tell(number) {
    if (number === run) return;
    run = number;
    const { system, name, sentence, tokens, film } = data.runs[number];
    about.replaceChildren();
    if (film) {
      const shown = part("div", "", about);
      shown.className = "film";
      shown.setAttribute("role", "img");
      shown.setAttribute("aria-label", `Animation of a run of ${system}, ${name}`);
      shown.style.backgroundImage = `url(${film})`;
    }
    const title = part("p", `${system} `, about);
    title.className = "name";
    part("span", name, title);
    const said = part("p", "", about);
    for (const clause of sentence.split(/(?<=\.) (?=[^.:]+: )/)) {
      const colon = clause.indexOf(": ");
      if (colon > 0) part("b", clause.slice(0, colon + 1), said);
      said.append(` ${clause.slice(colon > 0 ? colon + 2 : 0)} `);
    }
    const words = part("p", "", about);
    words.className = "tokens";
    tokens.forEach((token, category) => {
      if (token < 0) return;
      if (words.childNodes.length) words.append(" · ");
      part("a", `${data.categories[category][1]} ${token}`, words).href = `#${data.categories[category][0]}${token}`;
    });
    ring.setAttribute("cx", places[number][0]);
    ring.setAttribute("cy", places[number][1]);
    ring.removeAttribute("visibility");
  }

  function nearest(event, within) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
    const scale = drawing.getScreenCTM().a;
    let found = -1;
    let least = within / scale;
    places.forEach(([x, y], number) => {
      const distance = Math.hypot(x - point.x, y - point.y);
      if (distance < least) [least, found] = [distance, number];
    });
    return found;
  }

  // The nearest run in a direction, where being aside costs twice.
  function beside([dx, dy]) {
    const [x0, y0] = places[run];
    let found = run;
    let least = Infinity;
    places.forEach(([x, y], number) => {
      const along = (x - x0) * dx + (y - y0) * dy;
      const cost = along + 2 * Math.abs((x - x0) * dy - (y - y0) * dx);
      if (along > 0.05 && cost < least) [least, found] = [cost, number];
    });
    return found;
  }

  const directions = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
  plane.addEventListener("pointermove", (event) => {
    const number = nearest(event, 20);
    plane.classList.toggle("over", number >= 0);
    if (number >= 0) tell(number);
  });
  plane.addEventListener("click", (event) => {
    const number = nearest(event, 20);
    if (number < 0) return;
    tell(number);
    if (event.pointerType !== "touch") location.hash = cardOf(number);
  });
  plane.addEventListener("keydown", (event) => {
    if (directions[event.key]) tell(beside(directions[event.key]));
    else if (event.key === "Enter") location.hash = cardOf(run);
    else return;
    event.preventDefault();
  });
  for (const legend of legends) {
    [...legend.children].forEach((entry, number) => {
      if (entry.classList.contains("others")) return;
      entry.addEventListener("pointerenter", () => dim(number));
      entry.addEventListener("pointerleave", () => dim(-1));
      entry.addEventListener("focusin", () => dim(number));
      entry.addEventListener("focusout", () => dim(-1));
    });
  }
  choice.addEventListener("change", colour);
  document.getElementById("map-first").hidden = true;
  for (const element of document.querySelectorAll("#map [data-script]")) element.hidden = false;
  colour();
  tell(0);
})();
