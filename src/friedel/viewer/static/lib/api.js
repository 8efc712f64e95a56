// Talking to the server: relative addresses, newest wins, arrays without copies, slow lines noticed.

/**
 * A name that is kept where `storage` says; where a browser keeps nothing, one that holds until the page is closed.
 * @param {() => Storage} storage
 * @param {string} key
 */
function keptName(storage, key) {
  const fresh = crypto.getRandomValues(new Uint32Array(3)).join("-");
  try {
    const name = storage().getItem(key) ?? fresh;
    storage().setItem(key, name);
    return name;
  } catch {
    return fresh;
  }
}

/** This page's name while it is open: of its requests the newest win. */
export const client = keptName(() => sessionStorage, "friedel-client");

/** This browser's name: the server lets one browser change things, in whichever tab, also one opened anew. */
const browser = keptName(() => localStorage, "friedel-browser");

/** Who asks. */
export const names = { client, browser };

let last = 0;

/** A number that grows, over reloads of the page as well: the server drops what is overtaken. */
export function nextSeq() {
  last = Math.max(last + 1, Date.now());
  return last;
}

/** An answer that says no, with the server's one line. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} text
   * @param {string} [key]  "section.key" that is to blame
   */
  constructor(status, text, key) {
    super(text);
    this.status = status;
    this.key = key;
  }
}

/** What an error says. @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** Status and, where one is to blame, parameter of an answer that said no. @param {unknown} error */
export function refusalOf(error) {
  return error instanceof ApiError ? { status: error.status, key: error.key } : { status: null, key: undefined };
}

/** Whether an error only says that a newer request took this one's place. @param {unknown} error */
export function overtaken(error) {
  if (error instanceof Error && error.name === "AbortError") return true;
  return error instanceof ApiError && error.status === 409 && /overtaken/.test(error.message);
}

/** @type {Map<string, AbortController>} */
const channels = new Map();

/**
 * @typedef {{channel?: string, signal?: AbortSignal, params?: Object<string, any>}} Options
 * channel: one request at a time; a newer one aborts the older. params: become the query.
 */

/**
 * @param {string} path  relative, e.g. "api/session"
 * @param {Options & RequestInit} options
 * @returns {Promise<Response>}
 */
async function request(path, { channel, signal, params, ...init } = {}) {
  const control = new AbortController();
  signal?.addEventListener("abort", () => control.abort(), { once: true });
  if (signal?.aborted) control.abort();
  if (channel) {
    channels.get(channel)?.abort();
    channels.set(channel, control);
  }
  const told = params?.seq && channel ? { channel, ...params } : params;
  const query = told ? `?${new URLSearchParams(cleaned(told))}` : "";
  let response;
  try {
    response = await fetch(path + query, {
      ...init,
      signal: control.signal,
      cache: "no-store",
      credentials: "same-origin",
    });
  } catch (error) {
    if (overtaken(error)) throw error;
    throw new ApiError(0, "The server does not answer. Is friedel view still running?");
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/** @param {Object<string, any>} params */
function cleaned(params) {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined && value !== null));
}

/** @param {Response} response */
async function refusal(response) {
  if (response.status === 500) return new ApiError(500, "internal error: the terminal has the details");
  const body = await response.json().catch(() => ({}));
  return new ApiError(response.status, body.error ?? `${response.status} ${response.statusText}`, body.key);
}

/**
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function getJson(path, options) {
  return (await request(path, options)).json();
}

/**
 * @typedef {Uint8Array<ArrayBuffer>|Uint16Array<ArrayBuffer>|Int16Array<ArrayBuffer>|Int32Array<ArrayBuffer>|
 *   Float32Array<ArrayBuffer>} Numbers
 * @typedef {{data: Numbers, shape: number[], meta: Object<string, any>, scale: number, offset: number,
 *   bytes: number}} Arrived
 * value = data * scale + offset
 */

/** @type {Object<string, new (buffer: ArrayBuffer) => Numbers>} */
const KINDS = {
  "|u1": Uint8Array,
  u1: Uint8Array,
  "<u2": Uint16Array,
  "<i2": Int16Array,
  "<i4": Int32Array,
  "<f4": Float32Array,
};

/**
 * An array, as the server's `array_response` sends it.
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<Arrived>}
 */
export async function getArray(path, options = {}) {
  const params = line.slow ? { ...options.params, pack: 1 } : options.params;
  const response = await request(path, { ...options, params });
  const began = performance.now();
  const meta = JSON.parse(response.headers.get("X-Friedel-Array") ?? "{}");
  const buffer = await response.arrayBuffer();
  const packed = Number(response.headers.get("Content-Length")) || buffer.byteLength;
  line.note(response.headers.has("Content-Encoding") ? packed : buffer.byteLength, performance.now() - began);
  const Kind = KINDS[meta.dtype];
  if (!Kind) throw new ApiError(500, `The server sent an array of an unknown type (${meta.dtype}).`);
  const { shape, scale = 1, offset = 0 } = meta;
  return { data: new Kind(buffer), shape, meta, scale, offset, bytes: buffer.byteLength };
}

/**
 * Ask for a change. The names of page and browser go along.
 * @param {string} path
 * @param {Object} body
 * @param {Options & RequestInit} [options]
 * @returns {Promise<any>}
 */
export async function post(path, body, options = {}) {
  const init = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...names, ...body }),
  };
  return (await request(path, { ...options, ...init })).json();
}

/**
 * Speed of the line, from the bodies of large answers; below 10 MB/s pictures come packed and coarse first.
 */
export const line = {
  bytesPerMs: Infinity,
  get slow() {
    return this.bytesPerMs < 10_000;
  },
  /**
   * @param {number} bytes
   * @param {number} ms
   */
  note(bytes, ms) {
    if (bytes < 100_000) return;
    const speed = bytes / Math.max(ms, 0.5);
    this.bytesPerMs = this.bytesPerMs === Infinity ? speed : 0.6 * this.bytesPerMs + 0.4 * speed;
  },
};

/**
 * Runs `fn` for the newest argument only: one at a time, those in between are dropped. While something is dragged
 * this shows as many answers as the line carries, where aborting would show none.
 * @template A
 * @param {(argument: A) => Promise<void>} fn
 * @param {(error: unknown) => void} [failed]
 * @returns {(argument: A) => void}
 */
export function newest(fn, failed = () => {}) {
  let busy = false;
  /** @type {{argument: A}|null} */
  let waiting = null;
  const run = async (/** @type {A} */ argument) => {
    busy = true;
    try {
      await fn(argument);
    } catch (error) {
      if (!overtaken(error)) failed(error);
    }
    busy = false;
    const next = waiting;
    waiting = null;
    if (next) run(next.argument);
  };
  return (argument) => {
    if (busy) waiting = { argument };
    else run(argument);
  };
}
