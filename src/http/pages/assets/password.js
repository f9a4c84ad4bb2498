"use strict";
// Adds to password fields what needs script: a button that shows what was typed, and where one is chosen, whether it is
// long enough, said in words. Without script the field works as it is.
for (const field of document.querySelectorAll("[data-password]")) {
  const input = field.querySelector("input");
  const { show, hide, min, short, long } = field.dataset;

  const button = document.createElement("button");
  button.type = "button";
  button.className = "reveal";
  button.setAttribute("aria-controls", input.id);
  const label = () => {
    button.textContent = input.type === "password" ? show : hide;
  };
  button.addEventListener("click", () => {
    input.type = input.type === "password" ? "text" : "password";
    label();
    input.focus();
  });
  // A browser must never take the text for one it may remember as typed.
  input.form.addEventListener("submit", () => { input.type = "password"; });
  label();
  input.after(button);

  if (min) {
    const said = document.createElement("span");
    said.className = "hint";
    said.setAttribute("role", "status");
    const count = () => {
      const length = Array.from(input.value).length;
      said.textContent = length === 0 ? "" : length < Number(min) ? short.replace("{count}", length) : long;
    };
    input.addEventListener("input", count);
    field.append(said);
  }
}
