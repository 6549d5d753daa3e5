// Keeps a station's screen current: paints what the agent sends and sounds with it, counts down, passes touches on, and
// says so when it has lost the agent. Every text comes from the agent.
"use strict";

const LOST_AFTER_MS = 5000;
const RETRY_MS = 1000;
const SETTLES_MS = 2000;
const TAP_PAUSE_MS = 400;
const KEYS_KEPT = 32;
const DAYS_FROM_H = 48;

const id = document.body.dataset.station;
const lamp = document.getElementById("parts");
const soundOff = document.getElementById("sound");
const notice = document.getElementById("notice");

// ---------- sound: two oscillators together; the count of beats and their direction tell what it is ----------

const ATTACK_S = 0.005;
const RELEASE_S = 0.02;
const PEAK = 0.2;

// Waveform, then beats: two frequencies in Hz, length and the pause after it in ms. `again`: until it is healed.
const TONES = {
  accepted: { wave: "sine", beats: [[1760, 2640, 80, 0]] },
  completed: { wave: "sine", beats: [[1175, 1762, 90, 30], [1760, 2640, 190, 0]] },
  opened: { wave: "triangle", beats: [[880, 1320, 110, 0]] },
  wrong: { wave: "square", beats: [[330, 350, 170, 90], [330, 350, 170, 0]] },
  over: { wave: "square", beats: [[392, 415, 110, 70], [392, 415, 110, 70], [392, 415, 110, 0]] },
  already: { wave: "triangle", beats: [[740, 746, 320, 0]] },
  unknown: { wave: "triangle", beats: [[440, 660, 120, 0], [988, 1482, 170, 0]] },
  refused: { wave: "sawtooth", beats: [[262, 278, 650, 0]] },
  notsaved: { wave: "square", beats: [[740, 784, 250, 0], [554, 587, 250, 500]], again: true },
};

const audio = new AudioContext({ latencyHint: "interactive" });
let playing = [];
let alarm;

function silence() {
  clearTimeout(alarm);
  playing.forEach((oscillator) => oscillator.stop());
  playing = [];
}

function sound(name) {
  silence();
  const tone = TONES[name];
  if (!tone || audio.state !== "running") return;
  let at = audio.currentTime;
  for (const [low, high, length, pause] of tone.beats) {
    const end = at + length / 1000;
    for (const frequency of [low, high]) {
      const oscillator = new OscillatorNode(audio, { type: tone.wave, frequency });
      const gain = new GainNode(audio, { gain: 0 });
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(PEAK, at + ATTACK_S);
      gain.gain.setValueAtTime(PEAK, Math.max(at + ATTACK_S, end - RELEASE_S));
      gain.gain.linearRampToValueAtTime(0, end);
      oscillator.connect(gain).connect(audio.destination);
      oscillator.start(at);
      oscillator.stop(end);
      oscillator.onended = () => { playing = playing.filter((other) => other !== oscillator); };
      playing.push(oscillator);
    }
    at = end + pause / 1000;
  }
  if (tone.again) alarm = setTimeout(() => sound(name), (at - audio.currentTime) * 1000);
}

// A browser lets no page sound before somebody has touched it, unless it was started for that.
function listenForSound() {
  soundOff.hidden = audio.state === "running";
  if (audio.state === "running" && lamp.dataset.state === "notsaved") sound("notsaved");
}
audio.addEventListener("statechange", listenForSound);
addEventListener("pointerdown", () => audio.resume());
addEventListener("keydown", () => audio.resume());
listenForSound();

// ---------- paint ----------

let keys = [lamp.dataset.key];
let state = lamp.dataset.state;
let settling;
let clockAhead = Date.now() - Number(lamp.dataset.now);

function part(name) {
  return document.getElementById(name);
}

function update(shown, fresh, anew) {
  if (!anew && shown.outerHTML === fresh.outerHTML) return;
  for (const name of [...shown.attributes].map((attribute) => attribute.name)) if (!fresh.hasAttribute(name)) shown.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  if (anew || shown.innerHTML !== fresh.innerHTML) shown.replaceChildren(...fresh.childNodes);
}

function paint(html, comesBack) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.querySelector("#parts");
  if (fresh.dataset.version !== document.body.dataset.version) {
    location.reload();
    return;
  }
  clearTimeout(settling);
  const isNew = !keys.includes(fresh.dataset.key);
  if (isNew) keys = [...keys, fresh.dataset.key].slice(-KEYS_KEPT);
  // What heals can come again, under the same key.
  keys = keys.filter((key) => key === fresh.dataset.key || !isNaN(key.split(":")[1]));
  const { tone } = fresh.dataset;
  if (isNew && tone && !comesBack) sound(tone);
  else if (tone !== "notsaved") clearTimeout(alarm);
  else if (state !== "notsaved" || comesBack) sound(tone);
  clockAhead = Date.now() - Number(fresh.dataset.now);
  for (const { name, value } of fresh.attributes) lamp.setAttribute(name, value);
  if (!fresh.dataset.settled) delete lamp.dataset.settled;
  if (!tone) delete lamp.dataset.tone;
  for (const child of [...fresh.children]) update(part(child.id), child, isNew && child.id === "stage");
  state = fresh.dataset.state;
  const { settled } = fresh.dataset;
  if (settled) settling = setTimeout(settle, SETTLES_MS, settled);
  countDown();
  if (isNew) {
    const detail = { number: Number(fresh.dataset.number), state, tone: tone ?? null };
    document.dispatchEvent(new CustomEvent("parceld:signal", { detail }));
  }
}

// What counted has been seen: the next thing.
function settle(settled) {
  state = settled;
  if (lamp.dataset.state === "lost") return;
  lamp.dataset.state = settled;
  part("stage").hidden = true;
  part("settled").hidden = false;
}
if (lamp.dataset.settled) settling = setTimeout(settle, SETTLES_MS, lamp.dataset.settled);

// ---------- the clock ----------

function countDown() {
  const now = Date.now() - clockAhead;
  for (const left of document.querySelectorAll("[data-due]")) {
    const minutes = Math.max(0, Math.floor((Number(left.dataset.due) - now) / 60000));
    const text = `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
    if (minutes < DAYS_FROM_H * 60 && left.textContent !== text) left.textContent = text;
  }
}
setInterval(countDown, 1000);

// ---------- the agent ----------

let isLost = false;
let quiet;

function heard() {
  clearTimeout(quiet);
  quiet = setTimeout(lose, LOST_AFTER_MS);
}

function lose() {
  if (isLost) return;
  isLost = true;
  silence();
  clearTimeout(settling);
  lamp.dataset.state = "lost";
  const since = new Date(Date.now() - clockAhead).toLocaleTimeString("sv-SE", { timeZone: document.body.dataset.zone || undefined });
  const old = part("lost").querySelector("[data-old]");
  old.textContent = old.dataset.old.replace("{time}", since);
  part("lost").hidden = false;
  document.dispatchEvent(new CustomEvent("parceld:lost"));
}

function listen() {
  const live = new EventSource(`/station/${encodeURIComponent(id)}/live`);
  live.addEventListener("beat", (beat) => {
    heard();
    // What was missed meanwhile is not sent again: a new stream begins with the whole screen.
    if (isLost) {
      live.close();
      listen();
      return;
    }
    clockAhead = Date.now() - Number(beat.data);
  });
  live.addEventListener("screen", (message) => {
    heard();
    const comesBack = isLost;
    isLost = false;
    paint(message.data, comesBack);
    if (comesBack) document.dispatchEvent(new CustomEvent("parceld:back"));
  });
  live.onerror = () => {
    lose();
    live.close();
    setTimeout(listen, RETRY_MS);
  };
}
heard();
listen();

// ---------- touch ----------

let touchedAt = 0;

async function tap(button) {
  // A glove touches twice where it means once.
  if (Date.now() - touchedAt < TAP_PAUSE_MS) return;
  touchedAt = Date.now();
  button.classList.add("touched");
  try {
    const headers = { "content-type": "text/plain; charset=utf-8" };
    const reply = await fetch(`/station/${encodeURIComponent(id)}/tap`, { method: "POST", headers, body: button.dataset.tap });
    const isStranger = reply.status === 401 || reply.status === 403;
    notice.hidden = reply.ok;
    part("sign-in").hidden = !isStranger;
    part("not-taken").hidden = isStranger;
  } catch {
    lose();
  }
  button.classList.remove("touched");
}

function step(button) {
  const box = button.closest("[data-date]");
  const [year, month, day] = box.dataset.date.split("-").map(Number);
  const by = Number(button.dataset.by);
  const chosen = {
    year: [year + by, month, day],
    month: [year + Math.floor((month - 1 + by) / 12), ((month - 1 + by + 12) % 12) + 1, day],
    day: [year, month, day + by],
  }[button.dataset.step];
  const last = new Date(Date.UTC(chosen[0], chosen[1], 0)).getUTCDate();
  const date = new Date(Date.UTC(chosen[0], chosen[1] - 1, button.dataset.step === "day" ? chosen[2] : Math.min(chosen[2], last)));
  box.dataset.date = date.toISOString().slice(0, 10);
  const parts = box.dataset.date.split("-");
  ["year", "month", "day"].forEach((name, n) => { box.querySelector(`[data-part="${name}"]`).textContent = parts[n]; });
  box.querySelector("[data-tap]").dataset.tap = `expiry:${box.dataset.date}`;
}

document.addEventListener("click", (click) => {
  const button = click.target.closest("[data-tap], [data-step]");
  if (!button || isLost) return;
  if (button.dataset.tap) tap(button);
  else step(button);
});
