// Moments written by the server, shown in the exchange's own time.
import { moment } from "./dom.js";

for (const element of document.querySelectorAll("time[data-ms]")) element.textContent = moment(Number(element.dataset.ms));
