"use strict";
const results = JSON.parse(document.getElementById("results").textContent);
const byId = id => document.getElementById(id);
const metric = byId("metric"), picture = byId("picture");

function option(select, value, text) {
  select.add(new Option(text, value));
}
for (const [value, text] of Object.entries(results.metrics)) option(metric, value, text);
option(picture, "", "mean of all pictures");
for (const name of results.pictures) option(picture, name, name);

// ---- curves

function mean(values) {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function points(codec) {
  const own = results.points.filter(p => p.codec === codec && !p.error
    && (picture.value ? p.picture === picture.value : results.pictures.includes(p.picture)));
  return [...new Set(own.map(p => p.quality))].map(quality => {
    const same = own.filter(p => p.quality === quality);
    return {quality, bpp: mean(same.map(p => p.bpp)), value: mean(same.map(p => p[metric.value]))};
  });
}

function dark() {
  return getComputedStyle(document.documentElement).colorScheme === "dark"
    || (document.documentElement.dataset.theme === undefined
        && matchMedia("(prefers-color-scheme: dark)").matches);
}

function draw() {
  const traces = results.codecs.map(name => {
    const own = points(name);
    return {
      name, mode: "lines+markers", x: own.map(p => p.bpp), y: own.map(p => p.value),
      line: {width: name === "codec" ? 3 : 1.5},
      text: own.map(p => `${name}<br>${picture.value || "mean of all pictures"}`
        + `<br>quality ${p.quality}<br>${p.bpp.toFixed(3)} bpp, ${p.value.toFixed(3)}`),
      hoverinfo: "text",
    };
  });
  if (metric.value === "psnr" && !picture.value) {
    for (const [name, curve] of Object.entries(results.published)) {
      traces.push({name: name + " (published)", mode: "lines", line: {dash: "dash", width: 1.5},
                   x: curve.map(p => p[0]), y: curve.map(p => p[1]),
                   hovertemplate: "%{x:.3f} bpp, %{y:.2f}"});
    }
  }
  const seen = traces.flatMap(({x, y}) => y.filter((_, i) => x[i] <= 2 && isFinite(y[i])));
  const [low, high] = [Math.min(...seen), Math.max(...seen)], room = (high - low) / 20;
  const ink = dark() ? "#ddd" : "#222", grid = dark() ? "#333" : "#ddd";
  Plotly.react("curves", traces, {
    paper_bgcolor: "transparent", plot_bgcolor: "transparent", font: {color: ink},
    xaxis: {title: {text: "bits per pixel"}, range: [0, 2], gridcolor: grid, zerolinecolor: grid},
    yaxis: {title: {text: metric.selectedOptions[0].text}, range: [low - room, high + room],
            gridcolor: grid, zerolinecolor: grid},
    margin: {t: 40, r: 10}, hovermode: "closest", uirevision: metric.value + picture.value,
  }, {responsive: true, displaylogo: false});
}

metric.addEventListener("change", draw);
picture.addEventListener("change", draw);
byId("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  draw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();

// ---- the table sorts by the header that is pressed

for (const button of document.querySelectorAll("#summary th button")) {
  button.addEventListener("click", () => {
    const header = button.closest("th"), at = header.cellIndex, body = byId("summary").tBodies[0];
    const up = header.getAttribute("aria-sort") !== "ascending";
    for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = row => row.cells[at].dataset.value;
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");        // no number: last
      const order = isNaN(x) ? x.localeCompare(y) : x - y;
      return up ? order : -order;
    });
    body.append(...rows);
  });
}

// ---- two codecs of one file size, a divider between them

for (const {picture, images} of results.views) {
  const view = byId("view").content.cloneNode(true);
  const figure = view.querySelector("figure"), slider = view.querySelector("input");
  view.querySelector("h3").textContent = picture;
  ["left", "right"].forEach((side, start) => {
    const select = view.querySelector("select." + side), image = figure.querySelector("." + side);
    images.forEach(({label}, i) => option(select, i, label));
    const show = () => {
      image.src = images[select.value].source;
      image.alt = images[select.value].label;
    };
    select.selectedIndex = Math.min(start, images.length - 1);
    select.addEventListener("change", show);
    show();
  });
  divide(figure, slider);
  byId("views").append(view);
}
