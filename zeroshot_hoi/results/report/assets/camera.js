// Column-major 4 x 4 matrices, z up, and a camera that circles a target.
function multiply(a, b) {
  const out = new Float32Array(16);
  for (let column = 0; column < 4; column++)
    for (let row = 0; row < 4; row++)
      for (let k = 0; k < 4; k++) out[column * 4 + row] += a[k * 4 + row] * b[column * 4 + k];
  return out;
}
const subtract = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = a => { const length = Math.hypot(...a) || 1; return a.map(x => x / length); };

function lookAt(eye, target) {
  const back = unit(subtract(eye, target));
  const right = unit(cross(Math.abs(back[2]) > 0.999 ? [0, 1, 0] : [0, 0, 1], back)), up = cross(back, right);
  return new Float32Array([right[0], up[0], back[0], 0, right[1], up[1], back[1], 0, right[2], up[2], back[2], 0,
    -dot(right, eye), -dot(up, eye), -dot(back, eye), 1]);
}
function perspective(fov, aspect, near, far) {
  const f = 1 / Math.tan(fov / 2);
  return new Float32Array([f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, 2 * far * near / (near - far), 0]);
}
function orthographic(half, near, far) {
  return new Float32Array([1 / half, 0, 0, 0, 0, 1 / half, 0, 0, 0, 0, -2 / (far - near), 0, 0, 0, -(far + near) / (far - near), 1]);
}

class OrbitCamera {
  constructor(low, high, facing) {
    this.low = low; this.high = high; this.facing = facing; this.fov = 32 * Math.PI / 180; this.aspect = 1;
    this.look("three quarter");
  }
  // Presets are named from the person's own sides.
  look(name, target) {
    const turns = { "three quarter": [0.7, 0.2], front: [0, 0.08], left: [Math.PI / 2, 0.08], right: [-Math.PI / 2, 0.08], back: [Math.PI, 0.15], top: [0, 1.5], contact: [0.9, 0.5] };
    const [turn, tilt] = turns[name];
    this.azimuth = this.facing + turn; this.tilt = tilt;
    this.target = target || this.low.map((x, k) => (x + this.high[k]) / 2);
    this.distance = target ? 0.9 : this.fit();
  }
  // The nearest distance at which all corners of the scene's box are in the picture, with a margin.
  fit() {
    const back = this.direction(), right = unit(cross([0, 0, 1], back)), up = cross(back, right);
    const slope = Math.tan(this.fov / 2) * 0.9;
    let distance = 0.5;
    for (let corner = 0; corner < 8; corner++) {
      const p = [0, 1, 2].map(k => (corner >> k & 1 ? this.high : this.low)[k] - this.target[k]);
      distance = Math.max(distance, dot(p, back) + Math.max(Math.abs(dot(p, up)) / slope, Math.abs(dot(p, right)) / (slope * this.aspect)));
    }
    return distance;
  }
  direction() {
    const flat = Math.cos(this.tilt);
    return [flat * Math.cos(this.azimuth), flat * Math.sin(this.azimuth), Math.sin(this.tilt)];
  }
  eye() { const back = this.direction(); return this.target.map((x, k) => x + back[k] * this.distance); }
  matrix() { return multiply(perspective(this.fov, this.aspect, 0.02, 200), lookAt(this.eye(), this.target)); }
  turn(dx, dy) { this.azimuth -= dx * 0.008; this.tilt = Math.min(1.55, Math.max(-0.3, this.tilt + dy * 0.006)); }
  zoom(amount) { this.distance = Math.min(60, Math.max(0.15, this.distance * Math.exp(amount))); }
  move(dx, dy, height) {
    const back = this.direction(), right = unit(cross([0, 0, 1], back)), up = cross(back, right);
    const scale = 2 * this.distance * Math.tan(this.fov / 2) / height;
    this.target = this.target.map((x, k) => x - right[k] * dx * scale + up[k] * dy * scale);
  }
}
