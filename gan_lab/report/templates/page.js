"use strict";
// One script for both pages. Whatever comes from a run is text here: it goes into textContent or, escaped, to Plotly.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (selector, root = document) => [...root.querySelectorAll(selector)];

  // --- light and dark
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    redraw();
  });
  dark.addEventListener("change", () => redraw());

  // --- the slider along the rounds
  const slider = document.getElementById("at");
  if (slider) {
    const show = () => {
      const frame = data.frames[Number(slider.value)];
      document.getElementById("sample").src = frame.source;
      document.getElementById("round").textContent = frame.round;
    };
    slider.addEventListener("input", show);
    show(); // a browser may have kept the slider's place
  }

  // --- tables, sorted by any column
  const value = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value === undefined) return cell.textContent.trim();
    return cell.dataset.value === "" ? NaN : Number(cell.dataset.value);
  };
  const pieces = (text) => text.split(/(\d+(?:\.\d+)?(?:e[+-]?\d+)?)/i); // every second one is a number
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    const [one, other] = [pieces(String(a)), pieces(String(b))];
    for (let i = 0; i < Math.min(one.length, other.length); i++) {
      const order = i % 2 ? one[i] - other[i] : one[i].localeCompare(other[i], "en");
      if (order) return order;
    }
    return one.length - other.length;
  };
  for (const table of find("table.sortable")) {
    const heads = find("thead th", table);
    heads.forEach((head, column) => head.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const absent = (row) => Number.isNaN(value(row, column));
      const rows = [...body.rows].sort((a, b) =>
        absent(a) - absent(b) || (down ? -1 : 1) * (compare(value(a, column), value(b, column)) || 0));
      body.append(...rows);
    }));
  }

  // --- charts
  const style = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const coarse = window.matchMedia("(pointer: coarse)").matches; // a finger scrolls the page; the buttons zoom
  const options = {
    responsive: true, displaylogo: false, displayModeBar: coarse ? true : "hover",
    modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d", ...(coarse ? ["zoom2d"] : [])],
  };
  const layout = (more) => {
    const ink = style("--ink");
    const axis = { gridcolor: style("--line"), linecolor: style("--line"), zerolinecolor: style("--line"), automargin: true };
    return {
      margin: { l: 48, r: 12, t: 8, b: 36 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, size: 12 }, hovermode: "x unified", dragmode: coarse ? false : "zoom",
      hoverlabel: { bgcolor: style("--card"), bordercolor: style("--line"), font: { color: ink } },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { color: ink } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: style("--faint"), activecolor: ink, orientation: "v" },
      ...more,
      xaxis: { ...axis, ...more.xaxis }, yaxis: { ...axis, ...more.yaxis },
    };
  };
  const colour = (n) => style(`--c${n % 8}`);
  const faded = (hex) => `${hex}33`;

  const drawChart = (place, chart) => {
    const traces = [];
    chart.curves.forEach((curve) => {
      const n = curve.colour;
      const line = { color: colour(n), width: 1.6 };
      const shared = { x: curve.x, type: "scatter", mode: "lines", legendgroup: String(n) };
      if (curve.low.length) {
        const edge = { ...shared, line: { width: 0 }, showlegend: false, hoverinfo: "skip" };
        traces.push({ ...edge, y: curve.low }, { ...edge, y: curve.high, fill: "tonexty", fillcolor: faded(colour(n)) });
      }
      const dots = curve.x.length < 3 ? { mode: "lines+markers" } : {};
      traces.push({ ...shared, ...dots, y: curve.y, name: plain(curve.name), line, hovertemplate: "%{y:.4g}" });
    });
    const shapes = Object.values(chart.levels).map((y) => ({
      type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: style("--faint"), width: 1, dash: "dash" },
    }));
    const annotations = Object.entries(chart.levels).map(([name, y]) => ({
      xref: "paper", x: 1, y, text: plain(name), showarrow: false, xanchor: "right", yanchor: "bottom", font: { size: 11, color: style("--faint") }, bgcolor: style("--card"), borderpad: 1,
    }));
    return Plotly.react(place, traces, layout({
      shapes, annotations, showlegend: chart.legend && chart.curves.length > 1,
      yaxis: { type: chart.logarithmic ? "log" : "linear", exponentformat: "power", nticks: 6 }, xaxis: { nticks: 6, title: { text: "round", standoff: 4, font: { size: 11 } } },
    }), options);
  };

  // Lines over axes that each have a scale of their own; what is drawn is the place on it, between 0 and 1.
  const drawParallel = (place, plot) => {
    const chosen = document.getElementById("colour");
    const last = plot.axes.length - 1;
    const by = plot.axes[chosen ? Number(chosen.value) : last];
    const ends = isDark() ? [[98, 205, 214], [245, 165, 90]] : [[31, 102, 173], [184, 92, 0]];
    const mixed = (t) => `rgb(${ends[0].map((c, i) => Math.round(c + t * (ends[1][i] - c))).join(",")})`;
    const names = plot.axes.map((axis, n) => n);
    const traces = plot.lines.map((name, n) => ({
      type: "scatter", mode: "lines+markers", x: names, y: plot.axes.map((axis) => axis.places[n]), connectgaps: true,
      line: { width: 1.4, color: by.places[n] === null ? style("--line") : mixed(by.places[n]) }, marker: { size: 4 },
      opacity: plot.lines.length > 60 ? 0.5 : 0.85, name: plain(name), text: plot.axes.map((axis) => plain(`${axis.name}: ${axis.texts[n]}`)),
      hovertemplate: "%{fullData.name}<br>%{text}<extra></extra>",
    }));
    const ticks = plot.axes.flatMap((axis, n) => axis.ticks.map(([at, text]) => ({
      x: n, y: at, text: plain(text), showarrow: false, xanchor: n === last ? "right" : "left", xshift: n === last ? -6 : 6,
      font: { size: 11, color: style("--ink") }, bgcolor: style("--card"), borderpad: 1,
    })));
    return Plotly.react(place, traces, layout({
      hovermode: "closest", showlegend: false, annotations: ticks, margin: { l: 24, r: 24, t: 8, b: 72 },
      shapes: names.map((n) => ({ type: "line", x0: n, x1: n, y0: 0, y1: 1, line: { color: style("--faint"), width: 1 }, layer: "below" })),
      xaxis: { tickvals: names, ticktext: plot.axes.map((axis) => plain(axis.name)), range: [-0.1, last + 0.1], showgrid: false, zeroline: false, fixedrange: true },
      yaxis: { visible: false, range: [-0.06, 1.06] },
    }), options);
  };

  const draw = (place) => {
    place.dataset.drawn = "yes";
    if (place.dataset.chart !== undefined) return drawChart(place, data.charts[Number(place.dataset.chart)]);
    return drawParallel(place, data.parallel);
  };
  const places = find(".plot");
  const redraw = () => { if (window.Plotly) places.filter((place) => place.dataset.drawn).forEach(draw); };
  const chosen = document.getElementById("colour");
  if (chosen) chosen.addEventListener("change", redraw);

  const start = async () => {
    if (!places.length) return;
    const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (c) => c.charCodeAt(0));
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const script = document.createElement("script");
    script.textContent = await new Response(unpacked).text();
    document.head.append(script);
    const watch = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      watch.unobserve(entry.target);
      draw(entry.target);
    }), { rootMargin: "300px" });
    places.forEach((place) => watch.observe(place));
  };
  start().catch((error) => {
    places.forEach((place) => { place.textContent = `The curves cannot be drawn here: ${error.message}`; });
  });
})();
