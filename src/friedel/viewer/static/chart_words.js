// Words on a canvas, which breaks no lines of its own.

/** Words in lines of at most this width. @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} width */
export function wrapped(ctx, text, width) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && ctx.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
