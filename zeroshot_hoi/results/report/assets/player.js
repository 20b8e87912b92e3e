// The 3D picture: WebGL 2, one shadow-casting key light under an open sky, a floor with a grid.
const LIT_VERTEX = `#version 300 es
layout(location=0) in vec3 position; layout(location=1) in vec3 normal; layout(location=2) in vec3 color; layout(location=3) in vec2 uv; layout(location=4) in float likely;
uniform mat4 model, camera, sun;
out vec3 at, facing, albedo; out vec2 place; out vec4 shade; out float part;
void main() {
  vec4 world = model * vec4(position, 1.0);
  at = world.xyz; facing = mat3(model) * normal; albedo = color; place = uv; part = likely;
  shade = sun * vec4(world.xyz + 0.012 * normalize(facing), 1.0);
  gl_Position = camera * world;
}`;
const LIT_FRAGMENT = `#version 300 es
precision highp float; precision highp sampler2DShadow;
in vec3 at, facing, albedo; in vec2 place; in vec4 shade; in float part;
uniform sampler2DShadow shadows; uniform sampler2D picture;
uniform vec3 eye, toSun; uniform float textured, shine, showParts, alpha, texel; uniform int around;
out vec4 result;
float open() {
  vec3 p = shade.xyz / shade.w * 0.5 + 0.5; float total = 0.0, width = float(2 * around + 1);
  for (int i = -around; i <= around; i++) for (int j = -around; j <= around; j++) total += texture(shadows, vec3(p.xy + vec2(i, j) * texel, p.z - 0.0008 - texel));
  return total / (width * width);
}
void main() {
  vec3 n = normalize(facing), view = normalize(eye - at);
  if (dot(n, view) < 0.0) n = -n;
  vec3 base = pow(albedo, vec3(2.2)); if (textured > 0.5) base *= pow(texture(picture, place).rgb, vec3(2.2));
  base = mix(base, mix(vec3(0.55), vec3(0.02, 0.42, 0.30), part), showParts * (0.35 + 0.6 * part));
  float key = max(dot(n, toSun), 0.0) * open();
  vec3 light = vec3(0.72, 0.685, 0.63) * key + vec3(0.42, 0.44, 0.48) * (0.5 + 0.5 * n.z) + vec3(0.11) * (0.5 - 0.5 * n.z);
  vec3 c = base * light + shine * key * pow(max(dot(n, normalize(toSun + view)), 0.0), 24.0);
  result = vec4(pow(c, vec3(1.0 / 2.2)), 1.0) * alpha;
}`;
const DEPTH_VERTEX = `#version 300 es
layout(location=0) in vec3 position; uniform mat4 model, sun;
void main() { gl_Position = sun * model * vec4(position, 1.0); }`;
const DEPTH_FRAGMENT = `#version 300 es
precision highp float; void main() {}`;
const FLOOR_FRAGMENT = `#version 300 es
precision highp float; precision highp sampler2DShadow;
in vec3 at; in vec4 shade; uniform sampler2DShadow shadows; uniform vec3 middle; uniform float extent, texel; uniform int around; out vec4 result;
void main() {
  vec3 p = shade.xyz / shade.w * 0.5 + 0.5; float open = 0.0, width = float(2 * around + 1);
  for (int i = -around; i <= around; i++) for (int j = -around; j <= around; j++) open += texture(shadows, vec3(p.xy + vec2(i, j) * 1.3 * texel, p.z - 0.0005)) / (width * width);
  if (any(lessThan(p.xy, vec2(0.01))) || any(greaterThan(p.xy, vec2(0.99)))) open = 1.0;
  vec2 cell = abs(fract(at.xy / 0.5 - 0.5) - 0.5) / max(fwidth(at.xy / 0.5), vec2(1e-5));
  float line = 1.0 - min(min(cell.x, cell.y), 1.0);
  vec3 c = mix(vec3(0.80), vec3(0.72), 0.6 * line) * mix(0.66, 1.0, open);
  float far = smoothstep(extent + 0.5, 2.2 * extent + 3.0, length(at.xy - middle.xy));
  result = vec4(mix(c, vec3(0.875, 0.89, 0.905), far), 1.0);
}`;
const UNIT = new Float32Array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
// What a picture costs: pixels of the canvas, of the shadow map, and how far shadows are blurred on things and on the floor.
const FULL = { scale: 1, shadow: 2048, blur: [1, 2] }, LIGHT = { scale: 0.6, shadow: 512, blur: [0, 0] };

// Whether WebGL is computed by the processor: every pixel then costs as much as a graphics card's hundred.
function drawnByProcessor() {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) return false;
  const named = gl.getExtension("WEBGL_debug_renderer_info"), name = gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(String(name));
}

class Player {
  constructor(canvas, overlay, data, read) {
    const slow = drawnByProcessor(), gl = canvas.getContext("webgl2", { antialias: !slow, alpha: false });
    if (!gl) throw new Error("This browser has no WebGL 2, which the 3D player needs; the rest of the page works.");
    Object.assign(this, { gl, canvas, overlay, data, slow, frame: 0, showParts: false, showContacts: true, showGhosts: false });
    this.camera = new OrbitCamera(data.low, data.high, data.facing);
    this.lit = this.program(LIT_VERTEX, LIT_FRAGMENT);
    this.depth = this.program(DEPTH_VERTEX, DEPTH_FRAGMENT);
    this.floor = this.program(LIT_VERTEX, FLOOR_FRAGMENT);
    this.people = data.people.map(person => this.loadPerson(person, read));
    this.objects = data.objects.map(thing => this.loadObject(thing, read));
    this.ground = this.loadGround();
    this.shadows = new Map();
    this.white = gl.createTexture(); gl.activeTexture(gl.TEXTURE1); gl.bindTexture(gl.TEXTURE_2D, this.white);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 1, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array([255, 255, 255, 255]));
  }
  program(vertex, fragment) {
    const gl = this.gl, program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source); gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    const places = {}, count = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS);
    for (let k = 0; k < count; k++) { const name = gl.getActiveUniform(program, k).name; places[name] = gl.getUniformLocation(program, name); }
    return { program, places };
  }
  // Attributes by location: arrays or null; numbers of a byte array are shares of 255.
  shape(arrays, faces) {
    const gl = this.gl, vao = gl.createVertexArray(), buffers = [];
    gl.bindVertexArray(vao);
    arrays.forEach((entry, location) => {
      if (!entry) return;
      const [array, width] = entry; buffers[location] = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[location]); gl.bufferData(gl.ARRAY_BUFFER, array, gl.DYNAMIC_DRAW);
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, width, array instanceof Uint8Array ? gl.UNSIGNED_BYTE : gl.FLOAT, array instanceof Uint8Array, 0, 0);
    });
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer()); gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, faces, gl.STATIC_DRAW);
    gl.bindVertexArray(null);
    return { vao, buffers, count: faces.length };
  }
  loadPerson(person, read) {
    const faces = read(person.faces), codes = decodeFrames(read(person.codes), this.data.frames);
    const positions = new Float32Array(3 * person.vertices), normals = new Float32Array(3 * person.vertices);
    const shape = this.shape([[positions, 3], [normals, 3], [read(person.colors), 3], null, [read(person.touching), 1]], faces);
    return { ...person, faces, codes, positions, normals, shape };
  }
  loadObject(thing, read) {
    const gl = this.gl, positions = read(thing.positions), count = positions.length / 3;
    const plain = thing.texture ? [255, 255, 255] : thing.color;
    const colors = thing.colors ? read(thing.colors) : Uint8Array.from({ length: 3 * count }, (_, k) => plain[k % 3]);
    const shape = this.shape([[positions, 3], [read(thing.normals), 3], [colors, 3], thing.uv ? [read(thing.uv), 2] : null, [read(thing.likely), 1]], read(thing.faces));
    const loaded = { ...thing, shape, rotation: read(thing.rotation), translation: read(thing.translation), picture: null };
    if (thing.texture) {
      const image = new Image();
      image.onload = () => {
        loaded.picture = gl.createTexture(); gl.activeTexture(gl.TEXTURE1); gl.bindTexture(gl.TEXTURE_2D, loaded.picture);
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, image); gl.generateMipmap(gl.TEXTURE_2D);
        this.draw();
      };
      image.src = thing.texture;
    }
    return loaded;
  }
  loadGround() {
    const half = 60, [x, y] = this.middle();
    const square = new Float32Array([x - half, y - half, 0, x + half, y - half, 0, x + half, y + half, 0, x - half, y + half, 0]);
    return this.shape([[square, 3], [new Float32Array([0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1]), 3]], new Uint32Array([0, 1, 2, 0, 2, 3]));
  }
  // The shadow map of that many pixels a side and what draws into it, made when it is first used.
  shadowOf(size) {
    if (this.shadows.has(size)) return this.shadows.get(size);
    const gl = this.gl, map = gl.createTexture(), target = gl.createFramebuffer();
    gl.activeTexture(gl.TEXTURE0); gl.bindTexture(gl.TEXTURE_2D, map);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.DEPTH_COMPONENT24, size, size);
    for (const [key, value] of [[gl.TEXTURE_COMPARE_MODE, gl.COMPARE_REF_TO_TEXTURE], [gl.TEXTURE_MIN_FILTER, gl.LINEAR], [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE]]) gl.texParameteri(gl.TEXTURE_2D, key, value);
    gl.bindFramebuffer(gl.FRAMEBUFFER, target);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.TEXTURE_2D, map, 0);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    this.shadows.set(size, { map, target });
    return this.shadows.get(size);
  }
  middle() { return this.data.low.map((x, k) => (x + this.data.high[k]) / 2); }
  radius() { return Math.hypot(...subtract(this.data.high, this.data.low)) / 2 + 0.1; }

  // Positions between two stored frames, and smooth normals, of one person.
  pose(person, frame) {
    const { codes, positions, normals, faces, low, step } = person, width = positions.length;
    const a = Math.floor(frame), b = Math.min(a + 1, this.data.frames - 1), t = frame - a;
    for (let k = 0, axis = 0; k < width; k++, axis = axis === 2 ? 0 : axis + 1) {
      const first = codes[a * width + k];
      positions[k] = low[axis] + step * (first + t * (codes[b * width + k] - first));
    }
    normals.fill(0);
    for (let f = 0; f < faces.length; f += 3) {
      const i = 3 * faces[f], j = 3 * faces[f + 1], k = 3 * faces[f + 2];
      const ux = positions[j] - positions[i], uy = positions[j + 1] - positions[i + 1], uz = positions[j + 2] - positions[i + 2];
      const vx = positions[k] - positions[i], vy = positions[k + 1] - positions[i + 1], vz = positions[k + 2] - positions[i + 2];
      const nx = uy * vz - uz * vy, ny = uz * vx - ux * vz, nz = ux * vy - uy * vx;
      for (const v of [i, j, k]) { normals[v] += nx; normals[v + 1] += ny; normals[v + 2] += nz; }
    }
    for (let v = 0; v < width; v += 3) {
      const length = Math.hypot(normals[v], normals[v + 1], normals[v + 2]) || 1;
      normals[v] /= length; normals[v + 1] /= length; normals[v + 2] /= length;
    }
    const gl = this.gl;
    for (const [location, array] of [[0, positions], [1, normals]]) {
      gl.bindBuffer(gl.ARRAY_BUFFER, person.shape.buffers[location]); gl.bufferSubData(gl.ARRAY_BUFFER, 0, array);
    }
  }
  // An object's matrix between two frames: rotations blended and made orthonormal again.
  placeOf(thing, frame) {
    const a = Math.floor(frame), b = Math.min(a + 1, this.data.frames - 1), t = frame - a;
    const mix = (array, width, k) => array[a * width + k] * (1 - t) + array[b * width + k] * t;
    const column = k => [mix(thing.rotation, 9, k), mix(thing.rotation, 9, 3 + k), mix(thing.rotation, 9, 6 + k)];
    const x = unit(column(0)), z = unit(cross(x, column(1))), y = cross(z, x);
    return new Float32Array([...x, 0, ...y, 0, ...z, 0, ...[0, 1, 2].map(k => mix(thing.translation, 3, k)), 1]);
  }
  sun() {
    const flat = Math.cos(0.9), turn = this.camera.azimuth - 0.66, direction = [flat * Math.cos(turn), flat * Math.sin(turn), Math.sin(0.9)];
    const middle = this.middle(), radius = this.radius(), eye = middle.map((x, k) => x + direction[k] * 3 * radius);
    return { direction, matrix: multiply(orthographic(1.25 * radius, radius, 6 * radius), lookAt(eye, middle)) };
  }
  submit(program, shape, model) {
    const gl = this.gl;
    gl.uniformMatrix4fv(program.places.model, false, model);
    gl.bindVertexArray(shape.vao); gl.drawElements(gl.TRIANGLES, shape.count, gl.UNSIGNED_INT, 0);
  }
  // Draws the frame; `moving` pictures are light ones where the processor draws.
  draw(moving = false) {
    const detail = this.slow && moving ? LIGHT : FULL, shadow = this.shadowOf(detail.shadow);
    const gl = this.gl, sharp = window.devicePixelRatio || 1, scale = detail.scale * (this.slow ? Math.min(sharp, 1) : sharp), box = this.canvas.getBoundingClientRect();
    const width = Math.max(1, Math.round(box.width * scale)), height = Math.max(1, Math.round(box.height * scale));
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = this.overlay.width = width; this.canvas.height = this.overlay.height = height;
    }
    this.camera.aspect = width / height;
    const sun = this.sun(), camera = this.camera.matrix();
    for (const person of this.people) this.pose(person, this.frame);
    const places = this.objects.map(thing => this.placeOf(thing, this.frame));
    gl.enable(gl.DEPTH_TEST); gl.disable(gl.BLEND);

    gl.bindFramebuffer(gl.FRAMEBUFFER, shadow.target); gl.viewport(0, 0, detail.shadow, detail.shadow); gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.useProgram(this.depth.program); gl.uniformMatrix4fv(this.depth.places.sun, false, sun.matrix);
    for (const person of this.people) this.submit(this.depth, person.shape, UNIT);
    this.objects.forEach((thing, k) => this.submit(this.depth, thing.shape, places[k]));

    gl.bindFramebuffer(gl.FRAMEBUFFER, null); gl.viewport(0, 0, width, height);
    gl.clearColor(0.875, 0.89, 0.905, 1); gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.activeTexture(gl.TEXTURE0); gl.bindTexture(gl.TEXTURE_2D, shadow.map);
    const floor = this.floor;
    gl.useProgram(floor.program);
    gl.uniformMatrix4fv(floor.places.camera, false, camera); gl.uniformMatrix4fv(floor.places.sun, false, sun.matrix); gl.uniform1i(floor.places.shadows, 0);
    gl.uniform1f(floor.places.texel, 1 / detail.shadow); gl.uniform1i(floor.places.around, detail.blur[1]);
    gl.uniform3fv(floor.places.middle, this.middle()); gl.uniform1f(floor.places.extent, this.radius());
    this.submit(floor, this.ground, UNIT);
    const lit = this.lit;
    gl.useProgram(lit.program);
    gl.uniformMatrix4fv(lit.places.camera, false, camera); gl.uniformMatrix4fv(lit.places.sun, false, sun.matrix);
    gl.uniform1i(lit.places.shadows, 0); gl.uniform1i(lit.places.picture, 1);
    gl.uniform1f(lit.places.texel, 1 / detail.shadow); gl.uniform1i(lit.places.around, detail.blur[0]);
    gl.uniform3fv(lit.places.eye, this.camera.eye()); gl.uniform3fv(lit.places.toSun, sun.direction);
    gl.uniform1f(lit.places.showParts, this.showParts ? 1 : 0);
    this.drawEverything(1, places);
    if (this.showGhosts) this.drawGhosts();
    this.drawContacts(camera, width, height, scale);
  }
  drawEverything(alpha, places) {
    const gl = this.gl, lit = this.lit;
    gl.uniform1f(lit.places.alpha, alpha);
    gl.activeTexture(gl.TEXTURE1); gl.bindTexture(gl.TEXTURE_2D, this.white);
    gl.uniform1f(lit.places.textured, 0); gl.uniform1f(lit.places.shine, 0.03);
    for (const person of this.people) this.submit(lit, person.shape, UNIT);
    this.objects.forEach((thing, k) => {
      gl.uniform1f(lit.places.textured, thing.picture ? 1 : 0); gl.bindTexture(gl.TEXTURE_2D, thing.picture || this.white);
      gl.uniform1f(lit.places.shine, 0.04 + 0.25 * (1 - thing.roughness) + 0.15 * thing.metallic);
      this.submit(lit, thing.shape, places[k]);
    });
  }
  drawGhosts() {
    const gl = this.gl, last = this.data.frames - 1;
    gl.enable(gl.BLEND); gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    for (const frame of [0, 1, 2, 3].map(k => Math.round(k * last / 3))) {
      if (Math.abs(frame - this.frame) < 1) continue;
      for (const person of this.people) this.pose(person, frame);
      this.drawEverything(0.22, this.objects.map(thing => this.placeOf(thing, frame)));
    }
    for (const person of this.people) this.pose(person, this.frame);
    gl.disable(gl.BLEND);
  }
  // Lines from part to part over the picture: green and filled where closed.
  drawContacts(camera, width, height, scale) {
    const pen = this.overlay.getContext("2d");
    pen.clearRect(0, 0, width, height);
    if (!this.showContacts) return;
    const frame = Math.min(Math.round(this.frame), this.data.frames - 1);
    const screen = p => {
      const [x, y, , w] = [0, 1, 2, 3].map(row => camera[row] * p[0] + camera[4 + row] * p[1] + camera[8 + row] * p[2] + camera[12 + row]);
      return w > 0 ? [(x / w * 0.5 + 0.5) * width, (0.5 - y / w * 0.5) * height] : null;
    };
    for (const edge of this.data.edges) {
      const from = screen(edge.start[frame]), to = screen(edge.end[frame]);
      if (!from || !to) continue;
      const closed = this.closed(edge, frame);
      pen.strokeStyle = pen.fillStyle = closed ? "#0fb088" : "#d66e18"; pen.lineWidth = (closed ? 3 : 1.6) * scale;
      pen.setLineDash(closed ? [] : [5 * scale, 5 * scale]);
      pen.beginPath(); pen.moveTo(...from); pen.lineTo(...to); pen.stroke();
      pen.setLineDash([]); pen.beginPath(); pen.arc(...to, (closed ? 5 : 3.5) * scale, 0, 7); closed ? pen.fill() : pen.stroke();
    }
  }
  closed(edge, frame) { const d = edge.distance[frame]; return d !== null && d <= edge.reach; }
}
