// Whether what is drawn is of the parameters that are set, or still of earlier ones.

/** So long an answer may take before what it replaces counts as old: fast ones must not flicker. */
const LATE_MS = 300;

/**
 * @param {(late: boolean) => void} onLate
 * @returns {{changed: () => void, asked: () => void, answered: () => void}}  asked: for all that has changed
 */
export function lateness(onLate) {
  /** @type {number|null} first change that no answer was asked for yet */
  let unasked = null;
  /** @type {number|null} first change that the answer on its way, or a refused one, is about */
  let asked = null;
  let timer = 0;

  function plan() {
    clearTimeout(timer);
    const since = Math.min(asked ?? Infinity, unasked ?? Infinity);
    const left = since + LATE_MS - performance.now();
    onLate(left <= 0);
    if (left > 0 && Number.isFinite(left)) timer = window.setTimeout(() => onLate(true), left);
  }
  return {
    changed() {
      unasked ??= performance.now();
      plan();
    },
    asked() {
      asked ??= unasked;
      unasked = null;
    },
    answered() {
      asked = null;
      plan();
    },
  };
}
