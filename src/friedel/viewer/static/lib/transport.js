// Which frame: slider, steps, play.

import { el, icon } from "./dom.js";
import { numberInput } from "./fields.js";
import * as keys from "./keys.js";
import { number } from "./numbers.js";
import * as state from "./state.js";

const SPEEDS = [2, 5, 10, 20, 30];

/**
 * @typedef {{update: () => void, step: (by: number) => void, toggle: () => void, stop: () => void,
 *   playing: () => boolean}} Transport
 */

/**
 * @param {HTMLElement} host
 * @param {{ready: () => boolean}} options  ready: the last frame is on screen, so that the next may come
 * @returns {Transport}
 */
export function transport(host, { ready }) {
  let timer = 0;
  const slider = el("input", { type: "range", min: "0", step: "1", "aria-label": "Frame" });
  const typed = numberInput("Frame", (v) => go(v));
  const last = el("span.last");
  const omega = el("span.omega", { title: "The angle of the rotation at the start of this frame" });
  const play = el("button.quiet", { type: "button", onclick: toggle });
  const speed = el(
    "select.speed",
    { "aria-label": "Frames per second", title: "Frames per second", onchange: () => timer && start() },
    ...SPEEDS.map((fps) => el("option", { value: String(fps), selected: fps === 10 }, `${fps} / s`)),
  );
  const button = (
    /** @type {import("./dom.js").IconName} */ name,
    /** @type {string} */ title,
    /** @type {number} */ by,
  ) => el("button.quiet", { type: "button", title, "aria-label": title, onclick: () => step(by) }, icon(name));
  host.append(
    button("previous", "Previous frame (←)", -1),
    play,
    button("next", "Next frame (→)", 1),
    speed,
    slider,
    el("div.which", {}, typed.element, last),
    omega,
  );
  slider.addEventListener("input", () => state.set({ frame: Number(slider.value) }));

  const frames = () => state.scanShape().frames;
  /** @param {number} v */
  function go(v) {
    state.set({ frame: Math.min(frames() - 1, Math.max(0, Math.round(v) || 0)) });
  }
  /** @param {number} by */
  function step(by) {
    stop();
    go(state.get().frame + by);
  }
  function start() {
    clearInterval(timer);
    timer = window.setInterval(
      () => ready() && state.set({ frame: (state.get().frame + 1) % frames() }),
      1000 / Number(speed.value),
    );
    show();
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    show();
  }
  function toggle() {
    if (timer) stop();
    else start();
  }
  function show() {
    play.replaceChildren(icon(timer ? "pause" : "play"));
    play.title = timer ? "Pause (space)" : "Play (space)";
    play.setAttribute("aria-label", play.title);
    play.setAttribute("aria-pressed", String(Boolean(timer)));
  }
  show();
  return {
    update() {
      const { frame, session } = state.get();
      const most = Math.max(0, frames() - 1);
      slider.max = String(most);
      slider.value = String(frame);
      slider.style.setProperty("--part", `${most ? (100 * frame) / most : 0}%`);
      typed.set(frame);
      last.textContent = `of ${number(frames(), 7)}`;
      const scan = session?.scan;
      omega.textContent = scan ? `omega ${(scan.omega_start_deg + frame * scan.omega_step_deg).toFixed(2)}°` : "";
      slider.setAttribute("aria-valuetext", `frame ${frame}, ${omega.textContent}`);
    },
    step,
    toggle,
    stop,
    playing: () => timer !== 0,
  };
}

/** Keys that go from frame to frame. @param {string} page @param {Transport} film */
export function bindTransport(page, film) {
  keys.bind(page, "ArrowRight", "next or previous frame", () => film.step(1), "→ or ←");
  keys.bind(page, "ArrowLeft", "", () => film.step(-1));
  keys.bind(page, "PageDown", "ten frames on or back", () => film.step(10), "PageDown or PageUp");
  keys.bind(page, "PageUp", "", () => film.step(-10));
  keys.bind(page, "Home", "first or last frame", () => film.step(-1e9), "Home or End");
  keys.bind(page, "End", "", () => film.step(1e9));
  keys.bind(page, " ", "play or pause", () => film.toggle());
}
