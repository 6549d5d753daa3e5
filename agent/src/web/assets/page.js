// Keeps the page current. Parts that are the same stay untouched, so that a selection or an opened card survives; what a
// script keeps itself, or a person has opened, stays too.
"use strict";

const RETRY_MS = 5000;
const QUIET_MS = 20000;
const lost = document.querySelector(".lost");
let quiet;
let isPaused = false;

function heard() {
  document.body.classList.remove("old");
  lost.hidden = true;
  clearTimeout(quiet);
  quiet = setTimeout(silent, QUIET_MS);
}

function silent() {
  document.body.classList.add("old");
  lost.hidden = false;
}

function show(html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  for (const opened of document.querySelectorAll("details[open][id]")) {
    fresh.content.getElementById(opened.id)?.setAttribute("open", "");
  }
  update(document.querySelector("#page"), fresh.content);
}

function update(shown, fresh) {
  const parts = [...fresh.children];
  const isSameList = parts.length === shown.children.length && parts.every((part, n) => part.id && part.id === shown.children[n].id);
  if (!isSameList) {
    shown.replaceChildren(...fresh.childNodes);
    return;
  }
  parts.forEach((part, n) => {
    const old = shown.children[n];
    if ("own" in old.dataset || old.outerHTML === part.outerHTML) return;
    // An SVG's className can't be set.
    if (part.hasAttribute("class")) old.setAttribute("class", part.getAttribute("class"));
    else old.removeAttribute("class");
    update(old, part);
  });
}

let live;

function listen() {
  live = new EventSource(document.body.dataset.live);
  live.onmessage = (message) => {
    heard();
    if (!isPaused) show(message.data);
  };
  live.onerror = () => {
    silent();
    if (live.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  };
}

// A browser keeps pages that were left, with their connections, and opens only six to one agent: without this, the
// seventh page would not come.
addEventListener("pagehide", () => live.close());
addEventListener("pageshow", (event) => { if (event.persisted) listen(); });

// Until it goes on, the button says what a press does; then the next message brings its own word back.
document.addEventListener("click", (event) => {
  const button = event.target.closest("#pause");
  if (!button) return;
  isPaused = !isPaused;
  [button.textContent, button.dataset.goOn] = [button.dataset.goOn, button.textContent];
});

document.body.classList.add("scripted");
listen();
