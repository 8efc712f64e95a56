// The second program of the 3D view: light, shade in corners, lines between grains, from what rays have met.

export const SHADE = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
uniform usampler2D seen;
uniform sampler2D palette;
uniform vec3 statusColours[4];
uniform int byStatus;
uniform int fine;
uniform vec2 fineSize;
uniform vec3 right, up, forward;
uniform vec3 start, across, upwards;
uniform float reachOfRay, pixel;
uniform uint chosen, hovered;
uniform vec3 lineColour, accent;
uniform vec3 cross_;
uniform float crossed;
out vec4 colour;

const vec4 LIGHTS[2] = vec4[2](vec4(-0.35, -0.6, 0.72, 0.50), vec4(0.6, -0.75, 0.25, 0.38));
const float AMBIENT = 0.47;

uvec4 at(ivec2 p) {
  return texelFetch(seen, clamp(p, ivec2(0), ivec2(fineSize) - 1), 0);
}

float depth(uvec4 s, float none) {
  return s.g == 0u ? none : float(s.g - 1u) / 65533.0 * reachOfRay;
}

vec3 unpacked(uint b) {
  vec2 f = vec2(float(b & 255u), float(b >> 8)) / 255.0 * 2.0 - 1.0;
  vec3 n = vec3(f, 1.0 - abs(f.x) - abs(f.y));
  if (n.z < 0.0) n.xy = (1.0 - abs(n.yx)) * vec2(n.x >= 0.0 ? 1.0 : -1.0, n.y >= 0.0 ? 1.0 : -1.0);
  return normalize(n);
}

vec3 paint(uvec4 s) {
  if (byStatus == 1) return statusColours[min(s.a & 255u, 3u)];
  ivec2 where = ivec2(int(s.r) & 255, int(s.r) >> 8);
  return texelFetch(palette, where, 0).rgb;
}

// Darker where what surrounds a place lies nearer to the viewer: inner edges, and beside what stands out.
float corners(ivec2 p, float here) {
  float shade = 1.0;
  for (int ring = 0; ring < 2; ring++) {
    float radius = fineSize.y / (ring == 0 ? 95.0 : 28.0), sum = 0.0;
    for (int k = 0; k < 12; k++) {
      float turn = 2.39996 * float(k) + 0.7 * float(ring), away = radius * sqrt((float(k) + 0.5) / 12.0);
      sum += min(depth(at(p + ivec2(away * cos(turn), away * sin(turn))), here + 1e3), here + 0.6 * radius * pixel);
    }
    shade -= (ring == 0 ? 0.26 : 0.24) * clamp((here - sum / 12.0) / (0.5 * radius * pixel), 0.0, 1.0);
  }
  return shade;
}

float lit(vec3 n) {
  float sum = AMBIENT;
  for (int k = 0; k < 2; k++) {
    vec3 to = LIGHTS[k].x * right + LIGHTS[k].y * forward + LIGHTS[k].z * up;
    sum += LIGHTS[k].w * max(dot(n, normalize(to)), 0.0);
  }
  return sum;
}

void main() {
  ivec2 first = ivec2(gl_FragCoord.xy) * fine;
  vec4 sum = vec4(0.0);
  float shade = -1.0;
  for (int dy = 0; dy < fine; dy++) for (int dx = 0; dx < fine; dx++) {
    ivec2 p = first + ivec2(dx, dy);
    uvec4 s = at(p);
    uvec4 beside[4] = uvec4[4](at(p + ivec2(1, 0)), at(p - ivec2(1, 0)), at(p + ivec2(0, 1)), at(p - ivec2(0, 1)));
    if (s.r == 0u) continue;
    float here = depth(s, 0.0);
    if (shade < 0.0) shade = corners(p, here);
    vec3 n = unpacked(s.b);
    vec3 c = paint(s) * lit(n) * shade;
    float line = 0.0, rim = 0.0, crease = 0.0;
    for (int k = 0; k < 4; k++) {
      uvec4 b = beside[k];
      if (b.r == 0u) continue;
      float jump = depth(b, here) - here;
      if (abs(jump) > 3.0 + 4.0 * pixel) { rim = max(rim, jump < 0.0 ? 0.25 : 0.0); continue; }
      if (b.r != s.r) line = 1.0;
      else if (dot(unpacked(b.b), n) < 0.4) crease = 1.0;
    }
    c = mix(c, lineColour, 0.72 * line);
    c *= 1.0 - rim;
    c = mix(c, min(c * 1.22 + 0.06, vec3(1.0)), crease * (1.0 - line) * 0.6);
    if (crossed > 0.0) {
      vec3 place = start + (float(p.x) + 0.5) * across + (float(p.y) + 0.5) * upwards + here * forward;
      vec3 off = mix(abs(place - cross_) / sqrt(max(1.0 - n * n, 0.01)), vec3(1e9), greaterThan(n * n, vec3(0.9)));
      float on = 1.0 - smoothstep(0.55, 1.15, min(min(off.x, off.y), off.z) / (pixel * float(fine)));
      c = mix(c, vec3(1.0), 0.55 * on * crossed);
    }
    if (hovered != 0u && s.r == hovered) c = min(c * 1.12 + 0.05, vec3(1.0));
    if (chosen != 0u) {
      if (s.r != chosen) c = mix(c, vec3(dot(c, vec3(0.3, 0.59, 0.11))) * 0.9 + 0.05, 0.62);
      bool edge = false;
      int w = fine + 1;
      for (int k = 0; k < 8 && s.r == chosen; k++) {
        ivec2 o = ivec2(round(float(w) * vec2(cos(0.7854 * float(k)), sin(0.7854 * float(k)))));
        edge = edge || at(p + o).r != chosen;
      }
      if (edge) c = accent;
    }
    sum += vec4(clamp(c, 0.0, 1.0), 1.0);
  }
  colour = sum / float(fine * fine);
}`;
