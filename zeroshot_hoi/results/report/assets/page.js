// Ties the player, the slider, the charts and the graph to one current frame.
const SETTLED = 250;  // milliseconds without a change after which a light picture is drawn in full
(async () => {
  const find = id => document.getElementById(id), data = JSON.parse(find("description").textContent), last = data.frames - 1;
  find("title").textContent = data.title; find("text").textContent = data.text; find("frame").max = last;
  drawMetrics(find("metrics"), find("verdict"), data.metrics);
  drawEnergies(find("energies"), data.energies);
  drawProvenance(find("provenance"), data.provenance);
  const state = { frame: 0, playing: false, player: null, settled: 0 }, redraw = () => {
    if (!state.player) return;
    state.player.draw(state.playing || state.player.slow);
    clearTimeout(state.settled);
    if (state.player.slow && !state.playing) state.settled = setTimeout(() => state.player.draw(), SETTLED);
  };

  const show = frame => {
    state.frame = Math.min(Math.max(frame, 0), last);
    const whole = Math.floor(state.frame);
    if (state.player) state.player.frame = state.frame;
    find("frame").value = whole;
    find("clock").textContent = `frame ${whole} of ${last} · ${(state.frame / data.fps).toFixed(2)} s`;
    moveCursors(state.frame);
    const closed = new Set(data.edges.filter(edge => { const d = edge.distance[Math.round(state.frame)]; return d !== null && d <= edge.reach; }).map(edge => edge.name));
    for (const path of document.querySelectorAll("#graph path.edge")) path.classList.toggle("closed", closed.has(path.dataset.edge));
    redraw();
  };
  const seek = frame => { play(false); show(frame); };
  const moveCursors = drawTimeline(find("timeline"), data, seek);

  let before = 0;
  const tick = now => {
    if (!state.playing) return;
    const next = state.frame + Math.min(now - before, 200) / 1000 * data.fps * Number(find("speed").value);
    before = now;
    show(next > last ? 0 : next);
    requestAnimationFrame(tick);
  };
  const play = on => {
    if (on === state.playing) return;
    state.playing = on && last > 0; before = performance.now();
    find("play").textContent = state.playing ? "❚❚" : "▶"; find("play").setAttribute("aria-label", state.playing ? "Pause" : "Play");
    if (state.playing) requestAnimationFrame(tick);
  };

  find("play").onclick = () => play(!state.playing);
  find("frame").oninput = event => seek(Number(event.target.value));
  for (const [id, key] of [["contacts", "showContacts"], ["parts", "showParts"], ["ghosts", "showGhosts"]])
    find(id).onchange = event => { if (state.player) { state.player[key] = event.target.checked; redraw(); } };
  document.addEventListener("keydown", event => {
    if (["INPUT", "SELECT", "BUTTON"].includes(event.target.tagName) && event.target.type !== "checkbox") return;
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key === " ") { event.preventDefault(); play(!state.playing); }
    if (event.key in steps) seek(Math.round(state.frame) + steps[event.key]);
  });
  for (const name of ["three quarter", "front", "left", "right", "back", "top", ...(data.edges.length ? ["contact"] : [])]) {
    const button = element("button", { type: "button" }, find("cameras"), name);
    button.onclick = () => {
      if (!state.player) return;
      const frame = Math.min(Math.round(state.frame), last);
      state.player.camera.look(name, name === "contact" ? data.edges[0].end[frame] : null); redraw();
    };
  }

  try {
    state.player = new Player(find("scene"), find("overlay"), data, await unpack(find("block").textContent));
  } catch (error) {
    find("message").hidden = false; find("message").textContent = error.message;
  }
  const surface = find("overlay"); let grip = null;
  surface.addEventListener("pointerdown", event => { surface.setPointerCapture(event.pointerId); grip = [event.clientX, event.clientY, event.button === 2 || event.shiftKey]; });
  surface.addEventListener("pointermove", event => {
    if (!grip || !state.player) return;
    const dx = event.clientX - grip[0], dy = event.clientY - grip[1];
    if (grip[2]) state.player.camera.move(dx, dy, surface.clientHeight); else state.player.camera.turn(dx, dy);
    grip[0] = event.clientX; grip[1] = event.clientY; redraw();
  });
  for (const name of ["pointerup", "pointercancel"]) surface.addEventListener(name, () => { grip = null; });
  surface.addEventListener("contextmenu", event => event.preventDefault());
  surface.addEventListener("wheel", event => { event.preventDefault(); if (state.player) { state.player.camera.zoom(Math.sign(event.deltaY) * 0.1); redraw(); } }, { passive: false });
  if (state.player) {
    const box = surface.getBoundingClientRect();
    state.player.camera.aspect = box.width / box.height; state.player.camera.look("three quarter");
    new ResizeObserver(redraw).observe(surface);
  }
  show(0);
  // For tests and for the curious.
  window.hoi = { state, show, seek, play, positions: k => Array.from(state.player.people[k].positions) };
})();
