// The part of a picture that its view shows.

/**
 * What of which reduced copy is seen, and where it lies on the canvas; null where nothing is.
 * @param {import("./raster.js").Raster} raster
 * @param {import("./image.js").ImageView} on
 */
export function seen(raster, { origin, view, base }) {
  const ratio = devicePixelRatio;
  const { row, col, step } = origin;
  const sx = view.sx * ratio * step;
  const sy = view.sy * ratio * step;
  const fx = factor(sx);
  const fy = factor(sy);
  const offX = (col - view.x0) * view.sx * ratio;
  const offY = (row - view.y0) * view.sy * ratio;
  const left = Math.max(0, Math.floor(-offX / (sx * fx)));
  const top = Math.max(0, Math.floor(-offY / (sy * fy)));
  const right = Math.min(Math.ceil(raster.cols / fx), Math.ceil((base.width - offX) / (sx * fx)));
  const bottom = Math.min(Math.ceil(raster.rows / fy), Math.ceil((base.height - offY) / (sy * fy)));
  const [width, height] = [right - left, bottom - top];
  if (width <= 0 || height <= 0) return null;
  const place = {
    x: offX + left * sx * fx,
    y: offY + top * sy * fy,
    width: width * sx * fx,
    height: height * sy * fy,
  };
  return { fx, fy, left, top, width, height, place };
}

/**
 * The largest power of two by which a scale below one can be reduced without losing a device pixel.
 * @param {number} scale
 */
function factor(scale) {
  let f = 1;
  while (scale * f * 2 <= 1.42) f *= 2;
  return f;
}
