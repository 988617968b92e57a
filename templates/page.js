
// Keeps the page up to date: the server renders it anew, and only what differs is changed, so that focus, selection,
// scroll and open details stay. Without it every link and the form work too.
(() => {
  "use strict";
  const INTERVAL = 5000, PATIENCE = 15000, TYPING = 200;
  const root = document.documentElement, live = document.getElementById("live"), pause = document.getElementById("pause");
  let timer = 0, typing = 0, running = null, paused = false, seen = new Date();

  const tell = (state, text) => {
    root.dataset.state = state;
    // The same words again would be read out again.
    if (live.textContent !== text) live.textContent = text;
  };

  const key = (node) => (node.nodeType === 1 ? node.dataset.key || node.id : "");

  function attributes(old, fresh) {
    const is_kept = (name) => name === "open" && old.nodeName === "DETAILS";
    for (const { name, value } of fresh.attributes)
      if (!is_kept(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes])
      if (!is_kept(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }

  function morph(old, fresh) {
    if (old.nodeType !== 1) {
      if (old.data !== fresh.data) old.data = fresh.data;
    } else if (!("own" in old.dataset) && !old.isEqualNode(fresh)) {
      attributes(old, fresh);
      children(old, fresh);
    }
  }

  // Nodes with a key are found wherever they are; others are taken in order.
  function children(old, fresh) {
    const keyed = new Map();
    for (const child of old.children) if (key(child)) keyed.set(key(child), child);
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      const known = key(next) ? keyed.get(key(next)) : at && !key(at) && at.nodeName === next.nodeName ? at : null;
      if (!known || known.nodeName !== next.nodeName) {
        old.insertBefore(next, at);
        continue;
      }
      if (known === at) at = at.nextSibling;
      else old.insertBefore(known, at);
      morph(known, next);
    }
    while (at) {
      const after = at.nextSibling;
      at.remove();
      at = after;
    }
  }

  function show(fresh) {
    const differs = (name) => fresh.querySelector(name)?.textContent !== document.querySelector(name).textContent;
    // Another version of the exporter: its style and script come with a load of the page.
    if (differs("style") || differs("script")) return location.reload();
    const focused = document.activeElement;
    document.title = fresh.title;
    morph(document.body, fresh.body);
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  }

  async function load(url) {
    clearTimeout(timer);
    running?.abort();
    const mine = (running = new AbortController());
    const limit = setTimeout(() => mine.abort(), PATIENCE);
    try {
      const answer = await fetch(url, { signal: mine.signal, cache: "no-store" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!fresh.getElementById("main")) throw new Error(answer.statusText);
      if (running !== mine) return;
      show(fresh);
      seen = new Date();
      tell(paused ? "paused" : "live", paused ? "Paused" : "Live");
    } catch {
      if (running !== mine) return;
      tell("lost", "Connection lost at " + seen.toLocaleTimeString());
    } finally {
      clearTimeout(limit);
      if (running === mine) {
        running = null;
        plan();
      }
    }
  }

  function plan() {
    clearTimeout(timer);
    if (!paused && !document.hidden) timer = setTimeout(() => load(location.href), INTERVAL);
  }

  function go(url) {
    history.replaceState(null, "", url);
    load(location.href);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-load]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(link.href);
  });

  const form = () => document.getElementById("form");
  const send = () => {
    clearTimeout(typing);
    go(form().action + "?" + new URLSearchParams([...new FormData(form())].filter(([, value]) => value)));
  };
  document.addEventListener("submit", (event) => {
    if (event.target !== form()) return;
    event.preventDefault();
    send();
  });
  document.addEventListener("input", (event) => {
    if (event.target.id !== "filter") return;
    clearTimeout(typing);
    typing = setTimeout(send, TYPING);
  });

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", paused);
    tell(paused ? "paused" : "live", paused ? "Paused" : "Live");
    if (paused) plan();
    else load(location.href);
  });
  document.addEventListener("visibilitychange", () => (document.hidden || paused ? plan() : load(location.href)));

  document.getElementById("update").hidden = false;
  tell("live", "Live");
  plan();
})();
