// The 3D view on the graphics card: labels as a 3D texture, rays in a shader, then a picture of what they met.

import { PAD } from "./field.js";
import { MEET, VERTEX } from "./ray_program.js";
import { SHADE } from "./shade_program.js";

/**
 * @typedef {Object} Scene
 * @property {number[]} low @property {number[]} high  clipping box, in voxels (x, y, z)
 * @property {number[]} cutLow @property {number[]} cutHigh  a box that is cut out
 * @property {boolean} byStatus
 * @property {number} chosen @property {number} hovered  labels; 0: none
 * @property {number[]} cross  place of the crosshair, voxels
 * @property {number} crossed  0: the crosshair's lines are not drawn
 * @property {number[]} line @property {number[]} accent  colours, 0 to 1
 */

export class GlView {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", {
      alpha: true,
      antialias: false,
      premultipliedAlpha: true,
      preserveDrawingBuffer: true,
    });
    if (!gl) throw new Error("no WebGL2");
    this.gl = gl;
    this.canvas = canvas;
    this.meet = program(gl, MEET);
    this.shade = program(gl, SHADE);
    this.largest = gl.getParameter(gl.MAX_3D_TEXTURE_SIZE);
    const renderer = gl.getExtension("WEBGL_debug_renderer_info");
    this.name = String(renderer ? gl.getParameter(renderer.UNMASKED_RENDERER_WEBGL) : gl.getParameter(gl.RENDERER));
    this.software = /swiftshader|llvmpipe|software|basic render/i.test(this.name);
    this.seen = gl.createTexture();
    this.target = gl.createFramebuffer();
    this.seenSize = [0, 0];
    /** @type {Map<string, WebGLTexture>} */
    this.textures = new Map();
    /** Labels of 32 bits. */
    this.wide = false;
    /** @type {number[]|null} of the map, [z, y, x] */
    this.shape = null;
    this.padded = [0, 0, 0];
    this.statusColours = new Float32Array(12);
    gl.bindVertexArray(gl.createVertexArray());
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  }

  /** Whether the card can hold a map. @param {number[]} shape */
  holds(shape) {
    return Math.max(...shape) + 2 * PAD + 4 <= this.largest;
  }

  /** @param {import("./field.js").Field} field @param {Uint8Array} status @param {number[]} shape  [z, y, x] */
  setField({ shown, solid, padded, empty, blocks }, status, shape) {
    const { gl } = this;
    const wide = shown instanceof Int32Array;
    if (wide !== this.wide) this.seenSize = [0, 0];
    this.wide = wide;
    this.shape = shape;
    this.#volume(
      "label",
      shape,
      wide ? gl.R32UI : gl.R16UI,
      gl.RED_INTEGER,
      wide ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT,
      wide ? new Uint32Array(shown.buffer) : shown,
    );
    this.#volume("status", shape, gl.R8UI, gl.RED_INTEGER, gl.UNSIGNED_BYTE, status);
    this.#volume("empty", blocks, gl.R8UI, gl.RED_INTEGER, gl.UNSIGNED_BYTE, empty);
    this.#volume("solid", padded, gl.R8, gl.RED, gl.UNSIGNED_BYTE, solid, gl.LINEAR);
    this.padded = padded;
  }

  /** Colours by label, 4 bytes each, label 0 first. @param {Uint8Array} rgba */
  setPalette(rgba) {
    const { gl } = this;
    const rows = Math.ceil(rgba.length / 1024);
    const full = new Uint8Array(1024 * rows);
    full.set(rgba);
    gl.bindTexture(gl.TEXTURE_2D, this.#texture("palette"));
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, full);
    plainly(gl, gl.TEXTURE_2D, gl.NEAREST);
  }

  /** @param {number[][]} colours  by code, 0 to 1 */
  setStatusColours(colours) {
    this.statusColours = new Float32Array(colours.flat());
  }

  /**
   * @param {import("./camera.js").Camera} camera
   * @param {Scene} scene
   * @param {{fine: number, spread: number}} quality  rays a pixel along one side; how smooth boundaries are (0:
   *   voxels)
   * @param {number} bands  parts of the picture; each step draws one, so that slow cards do not hold the page up
   */
  *draw(camera, scene, { fine, spread }, bands) {
    const { gl, canvas, shape } = this;
    if (!shape) return;
    const size = [canvas.width * fine, canvas.height * fine];
    this.#resize(size);
    const rays = camera.rays(size[0], size[1]);
    gl.disable(gl.BLEND);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target);
    gl.viewport(0, 0, size[0], size[1]);
    gl.useProgram(this.meet.program);
    const put = this.meet.put;
    for (const [i, name] of ["label", "status", "empty", "solid"].entries()) {
      gl.activeTexture(gl.TEXTURE0 + i);
      gl.bindTexture(gl.TEXTURE_3D, this.#texture(name));
      put.int(name, i);
    }
    put.vec3("size", [shape[2], shape[1], shape[0]]);
    put.vec3("extent", [this.padded[2], this.padded[1], this.padded[0]]);
    put.float("pad", PAD);
    put.rays(rays);
    for (const name of /** @type {const} */ (["low", "high", "cutLow", "cutHigh"])) put.vec3(name, scene[name]);
    put.float("spread", spread);
    put.float("soften", Math.max(1, Math.min(3.4, Math.min(...shape) / 22)));
    yield* this.#bands(size, bands);

    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.useProgram(this.shade.program);
    const tell = this.shade.put;
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.seen);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.#texture("palette"));
    tell.int("seen", 0);
    tell.int("palette", 1);
    gl.uniform3fv(tell.place("statusColours"), this.statusColours);
    tell.int("byStatus", scene.byStatus ? 1 : 0);
    tell.int("fine", fine);
    gl.uniform2f(tell.place("fineSize"), size[0], size[1]);
    tell.rays(rays);
    tell.float("pixel", rays.pixel);
    gl.uniform1ui(tell.place("chosen"), scene.chosen);
    gl.uniform1ui(tell.place("hovered"), scene.hovered);
    tell.vec3("lineColour", scene.line);
    tell.vec3("accent", scene.accent);
    tell.vec3("cross_", scene.cross);
    tell.float("crossed", scene.crossed);
    yield* this.#bands([canvas.width, canvas.height], Math.ceil(bands / 3));
  }

  /** @param {number[]} size @param {number} bands */
  *#bands([width, height], bands) {
    const { gl } = this;
    // what a newer picture has overtaken ended between two bands: its scissors must not cut this one
    if (bands > 1) gl.enable(gl.SCISSOR_TEST);
    else gl.disable(gl.SCISSOR_TEST);
    for (let i = 0, at = 0; i < bands; i++) {
      const to = Math.round(((i + 1) * height) / bands);
      if (bands > 1) gl.scissor(0, at, width, to - at);
      at = to;
      gl.drawArrays(gl.TRIANGLES, 0, 3);
      if (bands > 1) {
        gl.flush();
        this.finish();
        yield;
      }
    }
    gl.disable(gl.SCISSOR_TEST);
  }

  /** Wait until the card is done: for timings. */
  finish() {
    const { gl } = this;
    if (gl.getParameter(gl.FRAMEBUFFER_BINDING))
      gl.readPixels(0, 0, 1, 1, gl.RGBA_INTEGER, gl.UNSIGNED_INT, new Uint32Array(4));
    else gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  /** @param {number[]} size */
  #resize(size) {
    const { gl } = this;
    if (this.seenSize[0] === size[0] && this.seenSize[1] === size[1]) return;
    this.seenSize = size;
    gl.bindTexture(gl.TEXTURE_2D, this.seen);
    const [inside, type] = this.wide ? [gl.RGBA32UI, gl.UNSIGNED_INT] : [gl.RGBA16UI, gl.UNSIGNED_SHORT];
    gl.texImage2D(gl.TEXTURE_2D, 0, inside, size[0], size[1], 0, gl.RGBA_INTEGER, type, null);
    plainly(gl, gl.TEXTURE_2D, gl.NEAREST);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.seen, 0);
  }

  /** @param {string} name */
  #texture(name) {
    let texture = this.textures.get(name);
    if (!texture) {
      texture = /** @type {WebGLTexture} */ (this.gl.createTexture());
      this.textures.set(name, texture);
    }
    return texture;
  }

  /**
   * @param {string} name
   * @param {number[]} shape
   * @param {number} inside
   * @param {number} format
   * @param {number} type
   * @param {ArrayBufferView} data
   * @param {number} [filter]
   */
  #volume(name, [depth, rows, cols], inside, format, type, data, filter = this.gl.NEAREST) {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_3D, this.#texture(name));
    gl.texImage3D(gl.TEXTURE_3D, 0, inside, cols, rows, depth, 0, format, type, data);
    plainly(gl, gl.TEXTURE_3D, filter);
  }
}

/** @param {WebGL2RenderingContext} gl @param {number} kind @param {number} filter */
function plainly(gl, kind, filter) {
  gl.texParameteri(kind, gl.TEXTURE_MIN_FILTER, filter);
  gl.texParameteri(kind, gl.TEXTURE_MAG_FILTER, filter);
  for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R])
    gl.texParameteri(kind, wrap, gl.CLAMP_TO_EDGE);
}

/** @param {WebGL2RenderingContext} gl @param {string} fragment */
function program(gl, fragment) {
  const made = /** @type {WebGLProgram} */ (gl.createProgram());
  for (const [type, source] of /** @type {[number, string][]} */ ([
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, fragment],
  ])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(type));
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) ?? "shader");
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made) ?? "program");
  /** @type {Map<string, WebGLUniformLocation|null>} */
  const places = new Map();
  const place = (/** @type {string} */ name) => {
    if (!places.has(name)) places.set(name, gl.getUniformLocation(made, name));
    return places.get(name) ?? null;
  };
  const put = {
    place,
    int: (/** @type {string} */ name, /** @type {number} */ v) => gl.uniform1i(place(name), v),
    float: (/** @type {string} */ name, /** @type {number} */ v) => gl.uniform1f(place(name), v),
    vec3: (/** @type {string} */ name, /** @type {number[]} */ v) => gl.uniform3f(place(name), v[0], v[1], v[2]),
    rays: (/** @type {import("./camera.js").Rays} */ rays) => {
      for (const name of /** @type {const} */ (["start", "across", "upwards", "forward", "right", "up"]))
        put.vec3(name, rays[name]);
      put.float("reachOfRay", rays.reach);
    },
  };
  return { program: made, put };
}
