"use strict";
// Reads out the PE under the pointer, or the one that arrow keys have reached.
for (const box of document.querySelectorAll(".heat")) {
  const data = JSON.parse(box.dataset.heat);
  const readout = box.querySelector(".readout");
  const unpack = (text) => {
    const values = [];
    for (const word of text.split(" ")) {
      const [value, times] = word.split("*").map(Number);
      for (let i = 0; i < times; i++) values.push(value);
    }
    return values;
  };
  for (const map of data.maps)
    for (const key of ["busy", "sram", "words"])
      for (const stripe of map[key]) stripe.list = unpack(stripe.values);
  const at = (stripes, x, y) => {
    let sum = 0;
    for (const s of stripes) {
      const [along, across] = s.along === "rows" ? [y, x] : [x, y];
      if (across >= s.first && across < s.first + s.count) sum += s.list[along] || 0;
    }
    return sum;
  };
  const figure = (value) => value.toLocaleString("en");
  const share = (value, whole) => (100 * value / whole).toFixed(1) + " %";
  const read = (wafer, x, y) => {
    const region = data.wafers[wafer].find(
      (r) => x >= r.x && x < r.x + r.columns && y >= r.y && y < r.y + r.rows);
    const map = region && data.maps.find((m) => m.part === region.part);
    if (!map) return `PE (${x}, ${y}): nothing stands here`;
    const [px, py] = [x - region.x, y - region.y];
    const [busy, sram, words] = ["busy", "sram", "words"].map((key) => at(map[key], px, py));
    return `PE (${x}, ${y}), ${region.holds}: busy ${figure(busy)} of ${figure(map.cycles)} cycles (` +
      `${share(busy, map.cycles)}); SRAM ${figure(sram)} of ${figure(map.capacity)} bytes (` +
      `${share(sram, map.capacity)}); ${figure(words)} wavelets over its links (` +
      `${share(words, 4 * map.cycles)})`;
  };
  for (const svg of box.querySelectorAll("svg.heatmap")) {
    const [, , columns, rows] = svg.getAttribute("viewBox").split(" ").map(Number);
    const wafer = Number(svg.dataset.wafer);
    let place = [columns >> 1, rows >> 1];
    const show = () => { readout.textContent = read(wafer, place[0], place[1]); };
    svg.addEventListener("pointermove", (event) => {
      const rect = svg.getBoundingClientRect();
      const inside = (value, size) => Math.max(0, Math.min(size - 1, Math.floor(value * size)));
      place = [inside((event.clientX - rect.left) / rect.width, columns),
               inside((event.clientY - rect.top) / rect.height, rows)];
      show();
    });
    svg.addEventListener("focus", show);
    svg.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      const by = event.shiftKey ? 20 : 1;
      place = [Math.max(0, Math.min(columns - 1, place[0] + by * step[0])),
               Math.max(0, Math.min(rows - 1, place[1] + by * step[1]))];
      show();
    });
  }
}
