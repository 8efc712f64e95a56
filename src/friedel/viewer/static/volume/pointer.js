// What the pointer does with the solid: a drag turns it, with shift it moves, the wheel zooms, a click picks.

/** @param {import("./solid_view.js").SolidView} view */
export function listenTo(view) {
  const { host } = view;
  /** @type {{x: number, y: number, moved: boolean, pan: boolean}|null} */
  let press = null;
  const place = (/** @type {MouseEvent} */ event) => {
    const box = host.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  host.addEventListener("pointerdown", (event) => {
    host.setPointerCapture(event.pointerId);
    press = { ...place(event), moved: false, pan: event.button !== 0 || event.shiftKey };
  });
  host.addEventListener("pointermove", (event) => {
    const at = place(event);
    if (!press) {
      view.hover(at);
      return;
    }
    const [dx, dy] = [at.x - press.x, at.y - press.y];
    if (!press.moved && Math.hypot(dx, dy) < 4) return;
    press = { ...at, moved: true, pan: press.pan };
    host.style.cursor = "grabbing";
    if (press.pan) view.pan(dx, dy);
    else view.turn(0.4 * dx, 0.4 * dy);
  });
  const release = (/** @type {PointerEvent} */ event) => {
    if (press && !press.moved && event.type === "pointerup" && event.button === 0) {
      const at = place(event);
      view.options.onPick?.(view.voxelAt(at.x, at.y));
    }
    press = null;
    host.style.cursor = "";
  };
  host.addEventListener("pointerup", release);
  host.addEventListener("pointercancel", release);
  host.addEventListener("pointerleave", () => view.hover(null));
  host.addEventListener("contextmenu", (event) => event.preventDefault());
  host.addEventListener("dblclick", () => view.reset());
  host.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const at = place(event);
      const scale = view.camera.scale(view.width, view.height);
      const unit = event.deltaMode === 1 ? 30 : 1;
      view.camera.zoom(
        Math.exp(-Math.max(-120, Math.min(120, event.deltaY * unit)) / 300),
        (at.x - view.width / 2) * scale,
        (view.height / 2 - at.y) * scale,
      );
      view.moved();
    },
    { passive: false },
  );
}
