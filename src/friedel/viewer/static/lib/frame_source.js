// Frames from the server: kept for a while, the newest first, coarse first over a slow line.

import * as api from "./api.js";
import { counters, scanShape, timings } from "./state.js";

const KEPT_BYTES = 192e6;
const COARSE = 4;

/**
 * @typedef {import("./api.js").Arrived & {kind: string, index: number, step: number}} Frame
 */

/** What is to be known about a frame that is not all that it could be; else empty. @param {Frame} frame */
export function caveatOf({ step, meta }) {
  return [step > 1 ? "coarse" : "", meta.preview ? "preview: its background is not measured yet" : ""]
    .filter(Boolean)
    .join(" · ");
}

/**
 * @param {(frame: Frame) => void} onFrame  shown at once; a coarse one is followed by the full one
 * @param {(error: unknown) => void} onError
 * @returns {{show: (kind: string, index: number, moving?: boolean) => void, forget: () => void,
 *   busy: () => boolean}}
 * moving: while scrubbing over a slow line coarse frames are enough
 */
export function frameSource(onFrame, onError) {
  /** @type {Map<string, Frame>} */
  const kept = new Map();
  let generation = 0;
  let wanted = "";
  let loading = 0;
  let later = 0;
  let direction = 1;
  let lastIndex = -1;

  const keyOf = (/** @type {string} */ kind, /** @type {number} */ index) => `${kind} ${index}`;

  /** @param {string} kind @param {number} index @param {number} step @param {string} channel */
  async function fetched(kind, index, step, channel) {
    const born = generation;
    const arrived = await api.getArray("api/frame", {
      params: { kind, index, step, client: api.client, seq: api.nextSeq() },
      channel,
    });
    const frame = { ...arrived, kind, index, step: arrived.meta.step ?? step };
    if (frame.step === 1 && !frame.meta.preview && born === generation) keep(frame);
    return frame;
  }

  /** @param {Frame} frame */
  function keep(frame) {
    kept.delete(keyOf(frame.kind, frame.index));
    kept.set(keyOf(frame.kind, frame.index), frame);
    let bytes = 0;
    for (const each of kept.values()) bytes += each.bytes;
    for (const [key, each] of kept) {
      if (bytes <= KEPT_BYTES) break;
      kept.delete(key);
      bytes -= each.bytes;
    }
  }

  const load = api.newest(async (/** @type {{kind: string, index: number, moving: boolean}} */ want) => {
    const began = performance.now();
    loading++;
    try {
      const coarse = api.line.slow;
      const frame = await fetched(want.kind, want.index, coarse ? COARSE : 1, "frame");
      if (wanted.split(" ")[0] !== want.kind) return;
      onFrame(frame);
      timings.frame = performance.now() - began;
      counters.frame++;
      if (frame.step > 1) refine(want.moving ? 400 : 60);
      else if (!want.moving && wanted === keyOf(want.kind, want.index)) ahead(want.kind, want.index + direction);
    } finally {
      loading--;
    }
  }, onError);

  /** The full frame when nothing newer came. @param {number} wait ms */
  function refine(wait) {
    clearTimeout(later);
    later = window.setTimeout(async () => {
      const key = wanted;
      const [kind, index] = key.split(" ");
      try {
        const frame = await fetched(kind, Number(index), 1, "frame-full");
        if (wanted === key) onFrame(frame);
      } catch (error) {
        if (!api.overtaken(error)) onError(error);
      }
    }, wait);
  }

  /**
   * The next frame in the direction of travel, while there is nothing else to do.
   * @param {string} kind
   * @param {number} index
   */
  function ahead(kind, index) {
    clearTimeout(later);
    const frames = scanShape().frames;
    if (index < 0 || index >= frames || kept.has(keyOf(kind, index)) || api.line.slow) return;
    later = window.setTimeout(() => {
      if (!loading) fetched(kind, index, 1, "frame-ahead").catch(() => {});
    }, 120);
  }

  return {
    show(kind, index, moving = false) {
      wanted = keyOf(kind, index);
      if (lastIndex >= 0 && index !== lastIndex) direction = Math.sign(index - lastIndex);
      lastIndex = index;
      clearTimeout(later);
      const known = kept.get(wanted);
      if (!known) return load({ kind, index, moving });
      keep(known);
      onFrame(known);
      counters.frame++;
      if (!moving) ahead(kind, index + direction);
    },
    forget() {
      generation++;
      kept.clear();
    },
    busy: () => loading > 0,
  };
}
