"use strict";
// A figure that shows one thing on the left of a line and another on its right; a slider, or a
// pointer that is pressed, moves the line.
function divide(figure, slider) {
  const move = () => figure.style.setProperty("--at", slider.value + "%");
  const follow = event => {
    const box = figure.getBoundingClientRect();
    slider.value = 100 * (event.clientX - box.left) / box.width;
    move();
  };
  slider.addEventListener("input", move);
  figure.addEventListener("pointermove", event => { if (event.buttons) follow(event); });
  figure.addEventListener("pointerdown", event => { event.preventDefault(); follow(event); });
}
