"use strict";
// Unpacks plotly.js, draws every figure in the reader's colours, and again for paper.
(async () => {
  const text = (id) => document.getElementById(id).textContent;
  const plots = [...document.querySelectorAll(".plot")];
  const figures = JSON.parse(text("ucurve-figures"));
  const darkly = matchMedia("(prefers-color-scheme: dark)");
  const MOST_NAMED = 10;
  const PAPER = 680; // CSS pixels of an A4 page between its margins

  async function unpack() {
    const bytes = Uint8Array.from(atob(text("ucurve-plotly")), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }

  function inColours(figure, dark) {
    const drawn = structuredClone(figure.light);
    for (const [path, value] of dark ? figure.dark : []) {
      const last = path.at(-1);
      path.slice(0, -1).reduce((place, step) => place[step], drawn)[last] = structuredClone(value);
    }
    return drawn;
  }

  function draw(dark, width) {
    const narrow = (width || document.body.clientWidth) < 560;
    plots.forEach((plot) => {
      const { data, layout } = inColours(figures[Number(plot.dataset.figure)], dark);
      const size = { width: width || plot.clientWidth, height: plot.clientHeight, autosize: false };
      if (narrow) layout.font = { ...layout.font, size: 11 };
      if (narrow && data.length > MOST_NAMED) layout.showlegend = false; // names would leave no room for the plot
      layout.font = { ...layout.font, family: getComputedStyle(document.body).fontFamily };
      const config = {
        displaylogo: false, responsive: false, modeBarButtons: [["toImage", "resetScale2d"]],
        toImageButtonOptions: { format: "png", filename: "ucurve-" + plot.dataset.name, scale: 2 },
      };
      Plotly.react(plot, data, { ...layout, ...size }, config);
    });
  }

  try {
    await unpack();
    draw(darkly.matches);
    let drawnAt = document.body.clientWidth;
    const again = () => draw(darkly.matches);
    darkly.addEventListener("change", again);
    addEventListener("resize", () => {
      if (document.body.clientWidth !== drawnAt) { drawnAt = document.body.clientWidth; again(); }
    });
    addEventListener("beforeprint", () => draw(false, PAPER));
    addEventListener("afterprint", again);
    document.documentElement.dataset.charts = "drawn";
  } catch (problem) {
    document.documentElement.dataset.charts = "failed";
    plots.forEach((plot) => { plot.style.height = "auto"; plot.textContent = "This browser cannot draw the chart (" + problem + "); its numbers are in the table."; });
  }
})();
