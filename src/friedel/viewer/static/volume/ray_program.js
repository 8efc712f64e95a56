// The first program of the 3D view follows one ray a pixel and notes what it meets: grain, depth, normal, status.

export const VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

// Places are in voxels: voxel (i, j, k) covers [i, i+1) x [j, j+1) x [k, k+1). `solid` holds how full of grains a
// place
// is (smoothed: the surface is at one half), `empty` how many blocks of 4 voxels around it are empty. Boundaries
// are
// where two grains have the same weight of a cubic B-spline over the voxels (Sigg & Hadwiger, GPU Gems 2, ch. 20).
export const MEET = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler3D;
precision highp usampler3D;
uniform sampler3D solid;
uniform usampler3D label;
uniform usampler3D status;
uniform usampler3D empty;
uniform vec3 size;
uniform vec3 extent;
uniform float pad;
uniform vec3 start, across, upwards, forward;
uniform vec3 low, high;
uniform vec3 cutLow, cutHigh;
uniform float reachOfRay;
uniform float spread;
uniform float soften;
layout(location = 0) out uvec4 met;

const float HALF = 0.5;

float fill(vec3 p) {
  return texture(solid, (p + pad) / extent).r;
}

float stride(vec3 p) {
  float blocks = float(texelFetch(empty, ivec3(p + pad) >> 2, 0).r);
  return max(4.0 * (blocks - 1.0), 0.45);
}

// Over two lengths: the steps of voxels do not catch the light, edges of the sample are not rounded much.
vec3 slope(vec3 p, float reach) {
  vec2 e = vec2(reach, 0.0);
  return vec3(
    fill(p + e.xyy) - fill(p - e.xyy),
    fill(p + e.yxy) - fill(p - e.yxy),
    fill(p + e.yyx) - fill(p - e.yyx));
}

// Where a ray enters (x) and leaves (y) a box, and through which axis it enters (z) and leaves (w).
vec4 through(vec3 from, vec3 a, vec3 b) {
  vec3 way = mix(forward, vec3(1e-7), lessThan(abs(forward), vec3(1e-7)));
  vec3 t0 = (a - from) / way, t1 = (b - from) / way;
  vec3 near = min(t0, t1), far = max(t0, t1);
  float enter = max(max(near.x, near.y), near.z), leave = min(min(far.x, far.y), far.z);
  float i = enter == near.x ? 0.0 : enter == near.y ? 1.0 : 2.0;
  float o = leave == far.x ? 0.0 : leave == far.y ? 1.0 : 2.0;
  return vec4(enter, leave, i, o);
}

vec3 facing(float axis) {
  vec3 n = vec3(axis == 0.0, axis == 1.0, axis == 2.0);
  return -n * sign(dot(n, forward));
}

float weight(float t) {
  t = abs(t) / spread;
  return t < 1.0 ? 4.0 - 6.0 * t * t + 3.0 * t * t * t : t < 2.0 ? (2.0 - t) * (2.0 - t) * (2.0 - t) : 0.0;
}

uint labelAt(ivec3 v) {
  return all(greaterThanEqual(v, ivec3(0))) && all(lessThan(v, ivec3(size))) ? texelFetch(label, v, 0).r : 0u;
}

// The grain all around a place, or 0: most places are deep inside of one, and need no vote.
uint agreed(vec3 p) {
  uint id = labelAt(ivec3(floor(p)));
  if (id == 0u) return 0u;
  float reach = 1.35 * spread;
  for (int k = 0; k < 14; k++) {
    vec3 way = k < 8 ? 0.75 * (vec3(k & 1, (k >> 1) & 1, k >> 2) * 2.0 - 1.0) : vec3(0.0);
    if (k >= 8) way[(k - 8) >> 1] = (k & 1) == 0 ? 1.0 : -1.0;
    uint other = labelAt(ivec3(floor(p + reach * way)));
    if (other != id && other != 0u) return 0u;
  }
  return id;
}

uint vote(vec3 p) {
  uint all_ = agreed(p);
  if (all_ > 0u) return all_;
  vec3 q = p - 0.5;
  ivec3 b = ivec3(floor(q));
  int n = int(ceil(2.0 * spread));
  uint ids[6];
  float sums[6];
  int count = 0;
  for (int dz = 1 - n; dz <= n; dz++) {
    float wz = weight(q.z - float(b.z + dz));
    for (int dy = 1 - n; dy <= n; dy++) {
      float wyz = wz * weight(q.y - float(b.y + dy));
      if (wyz < 1e-3) continue;
      for (int dx = 1 - n; dx <= n; dx++) {
        float w = wyz * weight(q.x - float(b.x + dx));
        uint id = w < 1e-3 ? 0u : labelAt(b + ivec3(dx, dy, dz));
        if (id == 0u) continue;
        int k = 0;
        while (k < count && ids[k] != id) k++;
        if (k == count) {
          if (count == 6) continue;
          ids[k] = id;
          sums[k] = 0.0;
          count++;
        }
        sums[k] += w;
      }
    }
  }
  uint best = 0u;
  float most = 0.0;
  for (int k = 0; k < count; k++) if (sums[k] > most) { most = sums[k]; best = ids[k]; }
  return best;
}

// The voxel of that grain nearest to the place: where it is filled on the surface, and its status.
ivec3 nearest(vec3 p, uint id) {
  ivec3 v = clamp(ivec3(floor(p)), ivec3(0), ivec3(size) - 1);
  if (labelAt(v) == id) return v;
  float least = 1e9;
  ivec3 best = v;
  for (int dz = -1; dz <= 1; dz++) for (int dy = -1; dy <= 1; dy++) for (int dx = -1; dx <= 1; dx++) {
    ivec3 w = v + ivec3(dx, dy, dz);
    vec3 away = vec3(w) + 0.5 - p;
    if (dot(away, away) < least && labelAt(w) == id) { least = dot(away, away); best = w; }
  }
  return best;
}

uint packed(vec3 n) {
  n /= abs(n.x) + abs(n.y) + abs(n.z);
  vec2 f = n.z >= 0.0 ? n.xy : (1.0 - abs(n.yx)) * vec2(n.x >= 0.0 ? 1.0 : -1.0, n.y >= 0.0 ? 1.0 : -1.0);
  uvec2 b = uvec2(round((f * 0.5 + 0.5) * 255.0));
  return b.x | (b.y << 8);
}

uint anyBeside(vec3 p) {
  ivec3 v = ivec3(floor(p));
  for (int r = 0; r <= 1; r++) for (int dz = -r; dz <= r; dz++) for (int dy = -r; dy <= r; dy++) for (int dx = -r; dx <= r; dx++) {
    uint id = labelAt(v + ivec3(dx, dy, dz));
    if (id > 0u) return id;
  }
  return 0u;
}

void main() {
  met = uvec4(0u);
  vec3 from = start + gl_FragCoord.x * across + gl_FragCoord.y * upwards;
  vec4 box = through(from, max(low, vec3(-pad)), min(high, size + pad));
  if (box.x >= box.y) return;
  vec4 cut = through(from, cutLow, cutHigh);
  bool cuts = cut.x < cut.y;
  float t = max(box.x, 0.0) + 1e-3, last = t;
  vec3 normal = facing(box.z);
  bool flat_ = true, hit = false;
  for (int i = 0; i < 4096; i++) {
    if (cuts && t >= cut.x && t < cut.y) {
      t = cut.y + 1e-3;
      normal = facing(cut.w);
      flat_ = true;
      last = t;
    }
    if (t >= box.y) return;
    vec3 here = from + t * forward;
    if (fill(here) > HALF) { hit = true; break; }
    flat_ = false;
    last = t;
    float further = stride(here);
    t += cuts && t < cut.x ? min(further, max(cut.x - t, 1e-3)) : further;
  }
  if (!hit) return;
  if (!flat_) {
    for (int i = 0; i < 6; i++) {
      float middle = 0.5 * (last + t);
      if (fill(from + middle * forward) > HALF) t = middle; else last = middle;
    }
    vec3 there = from + t * forward;
    normal = -normalize(slope(there, 1.0) + 2.0 * slope(there, soften) + 1e-6 * forward);
  }
  vec3 p = from + t * forward;
  uint id = spread > 0.0 ? vote(p) : labelAt(ivec3(floor(p)));
  if (id == 0u) id = anyBeside(p);
  if (id == 0u) return;
  uint state = texelFetch(status, nearest(p, id), 0).r;
  met = uvec4(id, 1u + uint(clamp(t / reachOfRay, 0.0, 1.0) * 65533.0), packed(normal), state | (flat_ ? 256u : 0u));
}`;
