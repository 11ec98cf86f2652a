"use strict";
(() => {
  const PREFIX = "#gallery?";
  const form = document.getElementById("filters");
  const output = document.getElementById("count");
  const nothing = document.getElementById("nothing");
  const search = form.elements.namedItem("q");
  const choices = [...form.querySelectorAll("select")];
  const groups = [...document.querySelectorAll("[data-group]")];
  const cards = [...document.querySelectorAll("[data-facets]")].map((node) => (
    { node, facets: JSON.parse(node.dataset.facets), text: null }
  ));
  const text = (card) => (card.text ??= card.node.textContent.toLowerCase());

  const wanted = () => new Map(choices.filter((one) => one.value !== "").map((one) => [one.name, one.value]));

  function fits(card, filters, words) {
    for (const [name, value] of filters) {
      if (!(card.facets[name] ?? []).includes(value)) return false;
    }
    return words.every((word) => text(card).includes(word));
  }

  function show() {
    const filters = wanted();
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of cards) {
      const visible = fits(card, filters, words);
      card.node.classList.toggle("gone", !visible);
      shown += visible;
    }
    for (const group of groups) {
      group.classList.toggle("gone", !group.querySelector("[data-facets]:not(.gone)"));
    }
    output.value = `${shown} of ${cards.length} shown`;
    nothing.classList.toggle("gone", shown > 0);
  }

  function write() {
    const state = new URLSearchParams(wanted());
    if (search.value) state.set("q", search.value);
    history.replaceState(null, "", state.size ? PREFIX + state : "#gallery");
  }

  function read() {
    if (!location.hash.startsWith(PREFIX)) return false;
    const state = new URLSearchParams(location.hash.slice(PREFIX.length));
    for (const one of choices) {
      const value = state.get(one.name) ?? "";
      one.value = [...one.options].some((option) => option.value === value) ? value : "";
    }
    search.value = state.get("q") ?? "";
    return true;
  }

  function arrive() {
    if (!read()) return;
    show();
    document.getElementById("gallery").scrollIntoView();
  }

  function step(by) {
    const visible = cards.map((card) => card.node).filter((node) => !node.classList.contains("gone"));
    const here = visible.indexOf(document.activeElement?.closest?.("[data-facets]"));
    const next = visible[here < 0 ? (by > 0 ? 0 : visible.length - 1) : here + by];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  const TALK = 440;
  const words = (count, one) => `${count} more ${one}${count === 1 ? "" : "s"}`;

  function measure(clip) {
    const box = clip.firstElementChild;
    const button = clip.lastElementChild;
    if (!box.clientHeight) return;
    const figure = clip.previousElementSibling;
    if (figure && !clip.classList.contains("open")) {
      const beside = figure.getBoundingClientRect().right <= clip.getBoundingClientRect().left + 1;
      const room = beside ? figure.lastElementChild.getBoundingClientRect().bottom - figure.getBoundingClientRect().top : 0;
      box.style.maxHeight = `${Math.max(TALK, room - 28)}px`;
    }
    const open = clip.classList.contains("open");
    const end = box.getBoundingClientRect().bottom + 1;
    const hidden = open ? 0 : [...box.children].filter((one) => one.getBoundingClientRect().bottom > end).length;
    clip.classList.toggle("cut", hidden > 0);
    button.classList.toggle("gone", !open && !hidden);
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? "show less" : words(hidden, clip.dataset.one);
  }

  function unfold(clip, open) {
    clip.classList.toggle("open", open);
    measure(clip);
  }

  function hint(wide) {
    const end = wide.getBoundingClientRect().right + 1;
    const hidden = [...wide.querySelectorAll("thead th")].filter((one) => one.getBoundingClientRect().right > end).length;
    const cut = wide.scrollWidth > wide.clientWidth + 1;
    wide.classList.toggle("cut", cut);
    if (cut) wide.tabIndex = 0;
    wide.dataset.hint = hidden ? `${words(hidden, "column")}: scroll sideways \u2192` : "\u2190 scroll back";
  }

  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.matches(".wide")) hint(target);
      else measure(target.parentElement);
    }
  });
  for (const clip of document.querySelectorAll(".clip")) {
    resized.observe(clip.firstElementChild);
    clip.lastElementChild.addEventListener("click", () => unfold(clip, !clip.classList.contains("open")));
    clip.firstElementChild.addEventListener("focusin", () => unfold(clip, true));
    clip.firstElementChild.addEventListener("toggle", () => unfold(clip, true), true);
  }
  for (const wide of document.querySelectorAll(".wide")) {
    resized.observe(wide);
    wide.addEventListener("scroll", () => hint(wide), { passive: true });
  }

  document.documentElement.classList.add("live");
  for (const link of document.querySelectorAll("a[data-filter]")) link.href = PREFIX + link.dataset.filter;
  form.addEventListener("input", (event) => {
    if (event.target.id === "masks") return;
    show();
    write();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { show(); write(); }));
  addEventListener("hashchange", arrive);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const keys = {
      "/": () => search.focus(),
      j: () => step(1),
      k: () => step(-1),
      m: () => document.getElementById("masks").click(),
    };
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
  show();
  arrive();
})();
