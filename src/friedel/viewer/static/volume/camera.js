// The eye of the 3D view: it turns around the middle of the map, and sees it without perspective.

/** @typedef {{azimuth: number, elevation: number, zoom: number, pan: number[]}} Pose  angles in degrees */

/**
 * @typedef {{start: number[], across: number[], upwards: number[], forward: number[], right: number[], up:
 *   number[],
 *   pixel: number, reach: number}} Rays  places and vectors (x, y, z) in voxels; pixel: voxels a pixel; reach: how
 *   long
 */

/** @type {Pose} */
export const START = { azimuth: 38, elevation: 27, zoom: 1, pan: [0, 0] };

export class Camera {
  /** @param {number[]} size  of the map in voxels (x, y, z) */
  constructor(size) {
    this.size = size;
    /** @type {Pose} */
    this.pose = { ...START, pan: [0, 0] };
  }

  /** Unit vectors to the right, up and away from the viewer, who stands at +x, -y, +z of the sample at first. */
  get axes() {
    const [a, e] = [this.pose.azimuth, this.pose.elevation].map((deg) => (deg * Math.PI) / 180);
    const right = [Math.cos(a), Math.sin(a), 0];
    const forward = [-Math.sin(a) * Math.cos(e), Math.cos(a) * Math.cos(e), -Math.sin(e)];
    return { right, up: cross(right, forward), forward };
  }

  /** Voxels from one side of the map to the other, whatever the direction. */
  get reach() {
    return Math.hypot(...this.size) + 4;
  }

  /** Voxels a pixel of a view of this size stands for. @param {number} width @param {number} height */
  scale(width, height) {
    const { right, up } = this.axes;
    const wide = this.size.reduce((sum, n, k) => sum + n * Math.abs(right[k]), 0);
    const tall = this.size.reduce((sum, n, k) => sum + n * Math.abs(up[k]), 0);
    // a map of any shape keeps its size while it is turned
    const round = Math.max(
      wide / width,
      tall / height,
      Math.hypot(this.size[0], this.size[1]) / width,
      (0.84 * this.reach) / Math.max(width, height),
    );
    return (1.08 * round) / this.pose.zoom;
  }

  /**
   * Rays: that of pixel (col, row from below), at its lower left, begins at start + col * across + row * upwards.
   * @param {number} width
   * @param {number} height
   * @param {number} [scale]  voxels a pixel
   * @returns {Rays}
   */
  rays(width, height, scale = this.scale(width, height)) {
    const { right, up, forward } = this.axes;
    const { pan } = this.pose;
    const start = this.size.map(
      (n, k) =>
        n / 2 -
        (this.reach / 2) * forward[k] +
        right[k] * (pan[0] - (width / 2) * scale) +
        up[k] * (pan[1] - (height / 2) * scale),
    );
    return {
      start,
      across: right.map((v) => v * scale),
      upwards: up.map((v) => v * scale),
      forward,
      right,
      up,
      pixel: scale,
      reach: this.reach,
    };
  }

  /** @param {number} dx @param {number} dy  degrees */
  turn(dx, dy) {
    this.pose.azimuth = (((this.pose.azimuth - dx) % 360) + 360) % 360;
    this.pose.elevation = Math.max(-90, Math.min(90, this.pose.elevation + dy));
  }

  /**
   * Keep what is under a place where it is.
   * @param {number} factor
   * @param {number} x
   * @param {number} y  from the middle, in voxels
   */
  zoom(factor, x = 0, y = 0) {
    const before = this.pose.zoom;
    this.pose.zoom = Math.max(0.4, Math.min(20, before * factor));
    const moved = 1 - before / this.pose.zoom;
    this.pose.pan = [this.pose.pan[0] + x * moved, this.pose.pan[1] + y * moved];
  }

  /** @param {Partial<Pose>} [pose] */
  reset(pose = {}) {
    this.pose = { ...START, pan: [0, 0], ...pose };
  }
}

/** @param {number[]} a @param {number[]} b */
function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}
