"use strict";
// Submits the answer as soon as the page is there; without script the button does.
document.getElementById("form-post").submit();
