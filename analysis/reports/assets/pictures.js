"use strict";
// Writes every figure as a PNG, by its name, into the page.
(async () => {
  const figures = JSON.parse(document.getElementById("ucurve-figures").textContent);
  const pictures = {};
  for (const { name, height, drawing } of figures) {
    const layout = { ...drawing.layout, paper_bgcolor: "#ffffff" };
    const address = await Plotly.toImage({ data: drawing.data, layout }, { format: "png", width: 900, height, scale: 2 });
    pictures[name] = address.slice(address.indexOf(",") + 1);
  }
  document.getElementById("ucurve-pictures").textContent = JSON.stringify(pictures);
})();
