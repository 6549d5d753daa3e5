// A scanner's bytes while they come: each message fills the template of its kind, as text.
"use strict";

const LINES_MAX = 400;
const list = document.querySelector("#heard");

if (list) {
  const state = document.querySelector("#heard-state");
  const pause = document.querySelector("#heard-pause");
  const clear = document.querySelector("#heard-clear");
  let source;

  const show = (message) => {
    const made = document.querySelector("#heard-" + message.what);
    if (!made) return;
    const line = made.content.cloneNode(true);
    const fill = { time: message.time, ".hex": message.hex, ".ascii": message.ascii, ".text": message.text, ".count": message.count };
    for (const [place, text] of Object.entries(fill)) {
      const found = line.querySelector(place);
      if (found) found.textContent = text ?? "";
    }
    list.prepend(line);
    while (LINES_MAX < list.children.length) list.lastElementChild.remove();
  };

  const stop = () => {
    source?.close();
    source = undefined;
    state.textContent = list.dataset.ended;
    pause.textContent = pause.dataset.listen;
  };

  const listen = () => {
    source = new EventSource(list.dataset.stream);
    source.onopen = () => { state.textContent = list.dataset.listening; };
    source.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.what === "ended") stop();
      else show(message);
    };
    source.onerror = () => { if (source?.readyState === EventSource.CLOSED) stop(); };
    pause.textContent = pause.dataset.pause;
  };

  pause.hidden = clear.hidden = false;
  pause.addEventListener("click", () => (source ? stop() : listen()));
  clear.addEventListener("click", () => list.replaceChildren());
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted && source) listen(); });
  listen();
}
