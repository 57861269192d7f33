"use strict";
// The dictionary: filters and sorts its cards, and moves between them by keys. Without this script all cards stand in order.
(() => {
  const section = document.getElementById("dictionary");
  const tools = document.getElementById("tools");
  if (!tools) return;
  const filter = document.getElementById("filter");
  const order = document.getElementById("order");
  const matches = document.getElementById("matches");
  const sorted = document.getElementById("sorted");
  // What a card says of its word; the sentence of its most typical run speaks of other words too.
  const said = (card) => [...card.children].filter((part) => part.tagName !== "BLOCKQUOTE").map((part) => part.textContent);
  const cards = [...section.querySelectorAll(".card")].map((element) => ({
    element,
    home: element.parentElement,
    entry: section.querySelector(`.index a[href="#${CSS.escape(element.id)}"]`)?.parentElement,
    text: [element.parentElement.dataset.category, ...said(element)].join(" ").toLowerCase().replace(/\s+/g, " "),
  }));

  function show() {
    const terms = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const card of cards) {
      const fits = terms.every((term) => card.text.includes(term));
      card.element.hidden = !fits;
      if (card.entry) card.entry.hidden = !fits;
      count += fits;
    }
    for (const group of section.querySelectorAll(".group")) {
      group.hidden = !group.querySelector(".card:not([hidden])");
    }
    matches.textContent = terms.length ? `${count} of ${cards.length} words` : `${cards.length} words`;
  }

  function sort() {
    const by = order.value;
    const value = (card) => Number(card.element.dataset[by] || -1);
    const list = by ? [...cards].sort((one, other) => value(other) - value(one)) : cards;
    for (const card of list) (by ? sorted : card.home).append(card.element);
    sorted.hidden = !by;
    show();
  }

  function clear() {
    filter.value = "";
    show();
  }

  function step(by) {
    const shown = [...section.querySelectorAll(".card:not([hidden])")];
    const at = shown.indexOf(document.activeElement?.closest(".card"));
    const next = shown[at < 0 ? (by > 0 ? 0 : shown.length - 1) : Math.min(Math.max(at + by, 0), shown.length - 1)];
    if (!next) return;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  filter.addEventListener("input", show);
  order.addEventListener("change", sort);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target;
    if (event.key === "Escape" && (at === filter || at === document.body || at.closest?.(".card"))) {
      clear();
      at.blur?.();
    } else if (at === filter) {
      if (event.key !== "ArrowDown" && event.key !== "Enter") return;
      step(1);
    } else if (at.closest?.("input, select, textarea, [role=application]")) {
      return;
    } else if (event.key === "/") {
      filter.focus();
      section.scrollIntoView({ block: "nearest" });
      tools.scrollIntoView({ block: "nearest" });
    } else if (event.key === "j" || event.key === "k") {
      step(event.key === "j" ? 1 : -1);
    } else if (at.closest?.(".card") && ["ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft"].includes(event.key)) {
      step(event.key === "ArrowDown" || event.key === "ArrowRight" ? 1 : -1);
    } else return;
    event.preventDefault();
  });

  // A link to a card that the filter hides shows all again.
  function uncover() {
    const target = document.getElementById(location.hash.slice(1));
    if (!target?.hidden) return;
    clear();
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", uncover);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.('a[href^="#token-"]')) setTimeout(uncover);
  });

  tools.hidden = false;
  show();
})();
