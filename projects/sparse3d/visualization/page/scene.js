// A scene of points and boxes to turn. Meters, LiDAR frame: x forward, y left, z up.
'use strict';
(function () {
const scene = JSON.parse(document.getElementById('scene').textContent);
const get = id => document.getElementById(id);
const view = get('view'), overlay = get('labels'), pen = overlay.getContext('2d');
const css = c => `rgb(${c.map(v => Math.round(255 * v)).join(',')})`;
const theme = scene.theme;
for (const [name, value] of [['ground', css(theme.background)], ['text', css(theme.text)],
    ['line', css(theme.ring)]]) document.documentElement.style.setProperty('--' + name, value);
document.documentElement.style.setProperty('--panel',
  css(theme.background).replace('rgb', 'rgba').replace(')', ',.92)'));

const state = {frame: 0, score: scene.score, size: 2, layers: {}, playing: false,
  azimuth: Math.PI, elevation: 0.55, distance: 38, target: [14, 0, 0], picked: null};
const LAYERS = [['points', 'points'], ['truth', 'ground truth (dashed)'], ['found', 'predictions'],
  ['mistakes', 'mistakes'], ['tracks', 'tracks'], ['importance', 'importance'],
  ['names', 'names and scores'], ['velocities', 'velocities'], ['rings', 'distances']];
const OFF = ['mistakes', 'importance'];

function bytes(text) {
  const raw = atob(text), made = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) made[i] = raw.charCodeAt(i);
  return made;
}
function present(layer) {
  if (layer === 'mistakes') return scene.frames.some(f => f.boxes.some(b => b.kind));
  if (layer === 'tracks') return scene.frames.some(f => f.trails.length || f.boxes.some(b => b.track !== undefined));
  if (layer === 'importance') return scene.frames.some(f => f.importance);
  if (layer === 'truth') return scene.frames.some(f => f.boxes.some(b => b.score === undefined));
  if (layer === 'found') return scene.frames.some(f => f.boxes.some(b => b.score !== undefined));
  if (layer === 'velocities') return scene.frames.some(f => f.boxes.some(b => b.box.length > 8));
  return true;
}

// --- drawing with WebGL
const gl = view.getContext('webgl', {antialias: true, preserveDrawingBuffer: true});
if (!gl) { get('info').textContent = 'This browser has no WebGL: the scene cannot be drawn.';
  get('info').style.display = 'block'; window.sparse3d = {state, ready: false}; return; }
function program(vertex, fragment) {
  const made = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, 'precision highp float;' + text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw Error(gl.getShaderInfoLog(shader));
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  return made;
}
const dots = program(`attribute vec3 place; attribute vec3 color; uniform mat4 m; uniform float size;
  uniform vec3 low, step; varying vec3 c;
  void main() { gl_Position = m * vec4(low + step * place, 1.0); gl_PointSize = size; c = color; }`,
  'varying vec3 c; void main() { gl_FragColor = vec4(c, 1.0); }');
// A segment is two triangles in the plane of the screen; along: meters from its start, for dashes.
const lines = program(`attribute vec3 a, b; attribute vec2 corner; attribute vec3 color;
  attribute vec2 look; uniform mat4 m; uniform vec2 screen; varying vec3 c; varying float along, dash;
  void main() {
    vec4 p = m * vec4(a, 1.0), q = m * vec4(b, 1.0); float near = 0.05;
    float whole = length(b - a); float from = 0.0, to = whole;
    if (p.w < near && q.w < near) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); return; }
    if (p.w < near) { float t = (near - p.w) / (q.w - p.w); p = mix(p, q, t); from = t * whole; }
    if (q.w < near) { float t = (near - q.w) / (p.w - q.w); q = mix(q, p, t); to = (1.0 - t) * whole; }
    vec2 u = p.xy / p.w * screen, v = q.xy / q.w * screen, d = v - u;
    vec2 n = length(d) > 1e-4 ? normalize(vec2(-d.y, d.x)) : vec2(0.0, 1.0);
    vec4 here = corner.x < 0.5 ? p : q;
    gl_Position = vec4(here.xy + n * corner.y * look.x / screen * here.w, here.z, here.w);
    c = color; along = corner.x < 0.5 ? from : to; dash = look.y;
  }`, `varying vec3 c; varying float along, dash;
  void main() { if (dash > 0.0 && fract(along / dash) > 0.6) discard; gl_FragColor = vec4(c, 1.0); }`);
function upload(data) {
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
  return buffer;
}
function bind(made, name, buffer, size, type, normalized, stride, offset) {
  const at = gl.getAttribLocation(made, name);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.enableVertexAttribArray(at);
  gl.vertexAttribPointer(at, size, type || gl.FLOAT, !!normalized, stride || 0, offset || 0);
}
const clouds = new Map();
function cloud(index) {            // the last few frames stay on the graphics card
  if (!clouds.has(index)) {
    const frame = scene.frames[index], raw = bytes(frame.positions);
    const places = new Uint16Array(raw.buffer), rows = bytes(frame.rows), n = rows.length;
    const colors = new Uint8Array(3 * n), hot = new Uint8Array(3 * n);
    const heat = frame.importance ? bytes(frame.importance) : null;
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < 3; k++) colors[3 * i + k] = frame.palette[rows[i]][k];
      if (heat) { const h = heat[i] / 255;
        hot[3 * i] = 60 + 195 * h; hot[3 * i + 1] = 60 + 110 * h * h; hot[3 * i + 2] = 70 * (1 - h); }
    }
    clouds.set(index, {n, places: upload(places), colors: upload(colors),
      hot: heat ? upload(hot) : null});
    if (clouds.size > 4) { const [old, made] = clouds.entries().next().value;
      for (const b of [made.places, made.colors, made.hot]) if (b) gl.deleteBuffer(b);
      clouds.delete(old); }
  }
  return clouds.get(index);
}

// --- geometry of boxes
function corners(b) {
  const [x, y, z, l, w, h, yaw] = b, c = Math.cos(yaw), s = Math.sin(yaw), made = [];
  for (const up of [0, h]) for (const [i, j] of [[.5, -.5], [.5, .5], [-.5, .5], [-.5, -.5]])
    made.push([x + c * i * l - s * j * w, y + s * i * l + c * j * w, z + up]);
  return made;
}
const EDGES = [[0,1],[1,2],[2,3],[3,0],[4,5],[5,6],[6,7],[7,4],[0,4],[1,5],[2,6],[3,7]];
function kind(b) {                // with the threshold where it stands
  return b.by !== undefined && b.by < state.score ? 'missed' : b.kind;
}
function shown(b) {
  if (b.score === undefined) return state.layers.truth || (state.layers.mistakes && ['missed', 'wrong class', 'misplaced'].includes(kind(b)));
  return b.score >= state.score && (state.layers.found || (state.layers.mistakes && !!b.kind));
}
function color(b) {
  if (state.layers.mistakes && b.kind) return scene.kinds[kind(b)] || theme.text;
  return scene.colors[b.label] || theme.text;
}
function segments() {
  const frame = scene.frames[state.frame], made = [];
  const add = (a, b, c, width, dash) => made.push([a, b, c, width, dash]);
  if (state.layers.rings) for (const r of scene.rings) for (let i = 0; i < 96; i++) {
    const p = 2 * Math.PI * i / 96, q = 2 * Math.PI * (i + 1) / 96;
    add([r * Math.cos(p), r * Math.sin(p), frame.ground], [r * Math.cos(q), r * Math.sin(q), frame.ground], theme.ring, 1, 0);
  }
  for (const b of frame.boxes) if (shown(b)) {
    const k = corners(b.box), c = color(b), truth = b.score === undefined;
    const width = b === state.picked ? 4 : truth ? 2 : 1.6, dash = truth ? 0.5 : 0;
    for (const [i, j] of EDGES) add(k[i], k[j], c, width, dash);
    const [x, y, z, l] = b.box, yaw = b.box[6], far = l / 2 + Math.max(l / 4, .5);
    add([x, y, z], [x + far * Math.cos(yaw), y + far * Math.sin(yaw), z], c, width, 0);
    if (state.layers.velocities && b.box.length > 8 && Math.hypot(b.box[7], b.box[8]) > .2)
      add([x, y, z], [x + b.box[7], y + b.box[8], z], theme.text, 1.5, 0.3);
  }
  if (state.layers.tracks) for (const t of frame.trails)
    for (let i = 1; i < t.positions.length; i++) add(t.positions[i - 1], t.positions[i], scene.colors[t.label] || theme.text, 2, 0);
  return made;
}

// --- camera
function matrix() {
  const eye = eyePlace(), f = norm(sub(state.target, eye));
  const up = Math.abs(f[2]) > .999 ? [Math.cos(state.azimuth + Math.PI), Math.sin(state.azimuth + Math.PI), 0] : [0, 0, 1];
  const r = norm(cross(f, up)), u = cross(r, f), near = .1, far = 3000;
  const t = 1 / Math.tan(Math.PI / 8), aspect = view.clientWidth / Math.max(view.clientHeight, 1);
  const sx = aspect > 1 ? t / aspect : t, sy = aspect > 1 ? t : t * aspect;
  const a = (near + far) / (near - far), b = 2 * near * far / (near - far);
  return [sx * r[0], sy * u[0], -a * f[0], f[0], sx * r[1], sy * u[1], -a * f[1], f[1],
    sx * r[2], sy * u[2], -a * f[2], f[2],
    -sx * dot(r, eye), -sy * dot(u, eye), a * dot(f, eye) + b, -dot(f, eye)];
}
const sub = (a, b) => a.map((v, i) => v - b[i]), dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const norm = a => { const l = Math.hypot(...a) || 1; return a.map(v => v / l); };
function eyePlace() {
  const e = state.elevation, d = state.distance;
  return [state.target[0] + d * Math.cos(e) * Math.cos(state.azimuth),
    state.target[1] + d * Math.cos(e) * Math.sin(state.azimuth), state.target[2] + d * Math.sin(e)];
}
function project(p, m) {
  m = m || matrix();
  const w = m[3] * p[0] + m[7] * p[1] + m[11] * p[2] + m[15];
  if (w <= .05) return null;
  const x = (m[0] * p[0] + m[4] * p[1] + m[8] * p[2] + m[12]) / w;
  const y = (m[1] * p[0] + m[5] * p[1] + m[9] * p[2] + m[13]) / w;
  return [(x + 1) / 2 * view.clientWidth, (1 - y) / 2 * view.clientHeight, w];
}

let wanted = false;
function redraw() { if (!wanted) { wanted = true; requestAnimationFrame(draw); } }
function draw() {
  wanted = false;
  const scale = window.devicePixelRatio || 1;
  for (const canvas of [view, overlay]) {
    const w = Math.round(canvas.clientWidth * scale), h = Math.round(canvas.clientHeight * scale);
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  }
  const m = matrix(), frame = scene.frames[state.frame];
  gl.viewport(0, 0, view.width, view.height);
  gl.clearColor(...theme.background, 1);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  gl.enable(gl.DEPTH_TEST);
  if (frame && state.layers.points && frame.rows) {
    const made = cloud(state.frame);
    gl.useProgram(dots);
    bind(dots, 'place', made.places, 3, gl.UNSIGNED_SHORT, false, 6);
    bind(dots, 'color', state.layers.importance && made.hot ? made.hot : made.colors, 3, gl.UNSIGNED_BYTE, true, 3);
    gl.uniformMatrix4fv(gl.getUniformLocation(dots, 'm'), false, m);
    gl.uniform1f(gl.getUniformLocation(dots, 'size'), state.size * scale);
    gl.uniform3fv(gl.getUniformLocation(dots, 'low'), frame.low);
    gl.uniform3fv(gl.getUniformLocation(dots, 'step'), frame.step);
    gl.drawArrays(gl.POINTS, 0, made.n);
    for (const name of ['place', 'color']) gl.disableVertexAttribArray(gl.getAttribLocation(dots, name));
  }
  if (frame) drawLines(segments(), m, scale);
  drawLabels(m, scale);
}
function drawLines(made, m, scale) {
  const data = new Float32Array(made.length * 6 * 13);
  let k = 0;
  for (const [a, b, c, width, dash] of made)
    for (const corner of [[0, -1], [1, -1], [1, 1], [0, -1], [1, 1], [0, 1]]) {
      data.set([...a, ...b, ...corner, ...c, width * scale, dash], k);
      k += 13;
    }
  gl.useProgram(lines);
  const buffer = upload(data);
  for (const [name, size, offset] of [['a', 3, 0], ['b', 3, 12], ['corner', 2, 24], ['color', 3, 32], ['look', 2, 44]])
    bind(lines, name, buffer, size, gl.FLOAT, false, 52, offset);
  gl.uniformMatrix4fv(gl.getUniformLocation(lines, 'm'), false, m);
  gl.uniform2f(gl.getUniformLocation(lines, 'screen'), view.width, view.height);
  gl.drawArrays(gl.TRIANGLES, 0, made.length * 6);
  for (const name of ['a', 'b', 'corner', 'color', 'look']) gl.disableVertexAttribArray(gl.getAttribLocation(lines, name));
  gl.deleteBuffer(buffer);
}
function label(b) {
  const name = scene.names[b.label] || 'class ' + b.label;
  const now = kind(b), told = state.layers.mistakes && now && now !== 'found' && (b.score !== undefined || now === 'missed') ? now + ': ' : '';
  const track = state.layers.tracks && b.track !== undefined ? ' #' + b.track : '';
  return told + name + (b.score === undefined ? '' : ' ' + b.score.toFixed(2)) + track;
}
function drawLabels(m, scale) {
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, overlay.clientWidth, overlay.clientHeight);
  if (!state.layers.names || !scene.frames.length) return;
  pen.font = '12px system-ui, sans-serif'; pen.textAlign = 'center'; pen.lineJoin = 'round';
  pen.lineWidth = 3; pen.strokeStyle = css(theme.background);
  const used = [];
  function write(text, p, c) {
    const w = pen.measureText(text).width, box = [p[0] - w / 2, p[1] - 14, p[0] + w / 2, p[1]];
    if (box[0] < 0 || box[1] < 0 || box[2] > overlay.clientWidth || box[3] > overlay.clientHeight) return;
    if (used.some(o => box[0] < o[2] && o[0] < box[2] && box[1] < o[3] && o[1] < box[3])) return;
    used.push(box);
    pen.strokeText(text, p[0], p[1] - 3); pen.fillStyle = c; pen.fillText(text, p[0], p[1] - 3);
  }
  const boxes = scene.frames[state.frame].boxes.filter(shown).map(b => ({b, p: project([b.box[0], b.box[1], b.box[2] + b.box[5]], m)}))
    .filter(item => item.p).sort((s, t) => (t.b.score !== undefined) - (s.b.score !== undefined) || s.p[2] - t.p[2]);
  for (const {b, p} of boxes) write(label(b), p, css(color(b)));
  if (state.layers.rings) for (const r of scene.rings) {
    const p = project([r * Math.cos(.75), r * Math.sin(.75), scene.frames[state.frame].ground], m);
    if (p) write(r + ' m', p, css(theme.text.map((v, i) => .6 * v + .4 * theme.background[i])));
  }
}

// --- what the user does
function pick(x, y) {
  const m = matrix();
  let best = null, nearest = Infinity;
  for (const b of scene.frames[state.frame].boxes) if (shown(b)) {
    const p = corners(b.box).map(k => project(k, m));
    if (p.some(k => !k)) continue;
    const us = p.map(k => k[0]), vs = p.map(k => k[1]), depth = Math.min(...p.map(k => k[2]));
    const area = 1 + (b.score === undefined ? .01 : 0);      // of two alike the detection
    if (x > Math.min(...us) - 3 && x < Math.max(...us) + 3 && y > Math.min(...vs) - 3 && y < Math.max(...vs) + 3 && depth * area < nearest) {
      nearest = depth * area; best = b;
    }
  }
  state.picked = best;
  tell(best);
  redraw();
  return best;
}
function tell(b) {
  const info = get('info');
  info.style.display = b ? 'block' : 'none';
  if (!b) { info.textContent = ''; return; }
  const [x, y, z, l, w, h, yaw] = b.box, rows = [b.score === undefined ? 'ground truth' : 'detected'];
  rows[0] += ' ' + (scene.names[b.label] || 'class ' + b.label) + (b.score === undefined ? '' : ', score ' + b.score.toFixed(2));
  if (b.kind) rows.push(kind(b));
  if (b.track !== undefined) rows.push('track ' + b.track);
  rows.push(`x ${x.toFixed(2)}, y ${y.toFixed(2)}, z bottom ${z.toFixed(2)} m`, `${l.toFixed(2)} x ${w.toFixed(2)} x ${h.toFixed(2)} m`,
    `yaw ${(yaw * 180 / Math.PI).toFixed(1)} degrees`, `${Math.hypot(x, y).toFixed(1)} m away`);
  if (b.box.length > 8) rows.push(`${Math.hypot(b.box[7], b.box[8]).toFixed(1)} m/s`);
  info.textContent = rows.join('\n');
}
function go(index) {
  state.frame = Math.max(0, Math.min(scene.frames.length - 1, index));
  state.picked = null; tell(null);
  const frame = scene.frames[state.frame];
  get('frame').value = state.frame;
  get('where').textContent = frame ? `${frame.name} (${state.frame + 1} of ${scene.frames.length})` : 'no frames';
  get('title').textContent = frame ? frame.summary : 'no frames';
  document.title = frame ? frame.summary : 'Sparse3D scene';
  classes(); redraw();
}
function classes() {
  const box = get('classes'), frame = scene.frames[state.frame];
  box.textContent = '';
  if (!frame) return;
  const mistakes = state.layers.mistakes;
  const seen = new Map();
  for (const b of frame.boxes) if (shown(b)) {
    const key = mistakes ? kind(b) || '' : scene.names[b.label] || 'class ' + b.label;
    if (!seen.has(key)) seen.set(key, [color(b), 0, 0]);
    seen.get(key)[b.score === undefined ? 1 : 2]++;
  }
  for (const [name, [c, truth, found]] of [...seen].sort()) {
    const row = document.createElement('label'), mark = document.createElement('i'), text = document.createElement('span');
    mark.style.borderColor = css(c);
    text.textContent = `${name} (${truth} labeled, ${found} detected)`;
    row.append(mark, text); box.append(row);
  }
}
function look(name) {
  const all = scene.frames[state.frame] ? scene.frames[state.frame].extent : [-20, -20, 40, 20];
  const middle = [(all[0] + all[2]) / 2, (all[1] + all[3]) / 2, 0], wide = Math.max(all[2] - all[0], all[3] - all[1]);
  const places = {behind: [Math.PI, .42, 34, [16, 0, 0]], front: [0, .35, 36, [14, 0, 0]], follow: [Math.PI, .2, 24, [12, 0, 0]],
    top: [Math.PI, 1.5705, wide * 1.3, middle], fit: [Math.PI, .66, wide * 1.25, middle]};
  [state.azimuth, state.elevation, state.distance, state.target] = places[name];
  state.distance /= scene.zoom;
  redraw();
}
let last = null, moved = 0;
const fingers = new Map();
view.addEventListener('pointerdown', e => { fingers.set(e.pointerId, [e.clientX, e.clientY]);
  last = [e.clientX, e.clientY]; moved = 0; try { view.setPointerCapture(e.pointerId); } catch (error) { /* left the page */ } });
view.addEventListener('pointermove', e => {
  if (!fingers.has(e.pointerId) || !last) return;
  const before = [...fingers.values()];
  fingers.set(e.pointerId, [e.clientX, e.clientY]);
  const after = [...fingers.values()];
  const middle = list => [0, 1].map(k => list.reduce((sum, p) => sum + p[k], 0) / list.length);
  const a = middle(before), b = middle(after), dx = b[0] - a[0], dy = b[1] - a[1];
  moved += Math.hypot(dx, dy);
  if (fingers.size > 1) {
    const gap = list => Math.hypot(list[0][0] - list[1][0], list[0][1] - list[1][1]) || 1;
    zoom(gap(before) / gap(after)); pan(dx, dy); moved += 9;
  } else if (e.shiftKey || e.buttons === 2) pan(dx, dy);
  else { state.azimuth -= dx * .006; state.elevation = Math.max(-.2, Math.min(1.5705, state.elevation + dy * .005)); }
  redraw();
});
for (const kind of ['pointerup', 'pointercancel']) view.addEventListener(kind, e => {
  fingers.delete(e.pointerId);
  if (kind === 'pointerup' && last && moved < 4) pick(e.clientX, e.clientY);
});
view.addEventListener('contextmenu', e => e.preventDefault());
view.addEventListener('wheel', e => { e.preventDefault(); zoom(Math.exp(e.deltaY * .001)); redraw(); }, {passive: false});
function zoom(by) { state.distance = Math.max(2, Math.min(800, state.distance * by)); }
function pan(dx, dy) {
  const scale = state.distance / view.clientHeight, c = Math.cos(state.azimuth), s = Math.sin(state.azimuth);
  state.target = [state.target[0] + scale * (s * dx - c * dy), state.target[1] - scale * (c * dx + s * dy), state.target[2]];
}
function play(on) { state.playing = on; get('play').textContent = on ? '❚❚' : '▶'; if (on) tick(); }
function tick() {
  if (!state.playing) return;
  setTimeout(() => { if (state.playing) { go((state.frame + 1) % scene.frames.length); tick(); } }, 1000 / scene.rate);
}
document.addEventListener('keydown', e => {
  if (e.target.tagName === 'INPUT' && e.target.type === 'range') return;
  if (e.key === 'ArrowRight') go(state.frame + 1); else if (e.key === 'ArrowLeft') go(state.frame - 1);
  else if (e.key === ' ') { e.preventDefault(); play(!state.playing); }
});
get('score').value = state.score; get('score_text').textContent = state.score.toFixed(2);
get('score').addEventListener('input', e => { state.score = +e.target.value; get('score_text').textContent = state.score.toFixed(2); classes(); redraw(); });
get('size').value = state.size = scene.size;
get('size').addEventListener('input', e => { state.size = +e.target.value; redraw(); });
get('frame').max = Math.max(scene.frames.length - 1, 0);
get('frame').addEventListener('input', e => go(+e.target.value));
get('play').addEventListener('click', () => play(!state.playing));
if (scene.frames.length < 2) { get('play').style.display = get('frame').style.display = 'none'; }
for (const [layer, text] of LAYERS) {
  state.layers[layer] = !OFF.includes(layer) && present(layer);
  if (!present(layer)) continue;
  const row = document.createElement('label'), box = document.createElement('input'), words = document.createElement('span');
  box.type = 'checkbox'; box.id = 'layer_' + layer; box.checked = state.layers[layer]; words.textContent = text;
  box.addEventListener('change', () => { state.layers[layer] = box.checked; classes(); redraw(); });
  row.append(box, words); get('layers').append(row);
}
for (const name of ['behind', 'front', 'follow', 'top', 'fit']) {
  const button = document.createElement('button');
  button.textContent = name; button.id = 'view_' + name;
  button.addEventListener('click', () => look(name));
  get('views').append(button);
}
if (window.innerWidth < 600) get('panel').open = false;
window.addEventListener('resize', redraw);
look(scene.view); go(0); draw();
window.sparse3d = {state, project, pick, go, look, draw, shown: () => scene.frames[state.frame].boxes.filter(shown).length, ready: true};
}());
